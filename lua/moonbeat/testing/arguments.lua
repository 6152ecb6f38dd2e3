--- What a test gives to functions and assertions: read, or refused in one sentence at the spec's line.

local core = require "moonbeat.core"
local fail = require "moonbeat.testing.fail"
local world = require "moonbeat.testing.world"

local END_S = 253402300800 -- the year 10000: the world does not go on there

local arguments = {}

--- A text; `what` says what for. With `or_nil` it may be missing.
function arguments.text(name, what, value, or_nil)
  if type(value) ~= "string" and not (or_nil and value == nil) then
    fail("%s: %s is a string, not a %s", name, what, type(value))
  end
  return value
end

--- The name of a job that is there.
function arguments.job(name, value)
  arguments.text(name, "a job's name", value)
  if not world.core then
    world.begin()
  end
  world.ask("show", { job = value })
  return value
end

--- How often something is; nil stays nil.
function arguments.count(name, value)
  local count = math.type(value) and math.tointeger(value)
  if value ~= nil and (not count or count < 0) then
    fail("%s: how often is a whole number from 0 on, not %s", name, type(value) == "number" and tostring(value) or
      "a " .. type(value))
  end
  return count
end

--- One of a list of names; nil stays nil.
function arguments.choice(name, what, value, choices)
  arguments.text(name, what, value, true)
  for _, choice in ipairs(choices) do
    if value == nil or value == choice then
      return value
    end
  end
  return fail('%s: %s is one of %s, not "%s"%s', name, what, table.concat(choices, ", "), value,
    core.did_you_mean(value, choices))
end

--- A length of time, in microseconds, not below 0.
function arguments.length_us(name, length)
  local us, message
  if type(length) == "number" then
    us = math.abs(length) < END_S and math.ceil(length * 1000000)
    message = ("%s seconds are no length of time"):format(length)
  elseif type(length) == "string" then
    us, message = core.parse_duration(length)
  else
    message = ("a length is a text like \"1h30m\" or a number of seconds, not a %s"):format(type(length))
  end
  if us and us < 0 then
    fail("%s: %s goes backwards, and time does not", name, tostring(length))
  end
  return us or fail("%s: %s", name, message)
end

--- A moment, in microseconds.
function arguments.time_us(name, time)
  local us, message
  if type(time) == "number" then
    us = time >= 0 and time < END_S and math.floor(time * 1000000)
  elseif type(time) == "string" then
    us, message = core.parse_time(time, world.settings.zone)
    message = message and ('"%s": %s'):format(time, message)
  else
    message = ("a time is a text like \"2026-03-29 01:59\" or seconds since the epoch, not a %s"):format(type(time))
  end
  if not message and not (us and us >= 0 and us < END_S * 1000000) then
    message = ("%s lies outside of the years 1970 to 9999"):format(time)
  end
  return not message and us or fail("%s: %s", name, message)
end

--- The moment that lies `us` microseconds from now.
function arguments.later_us(name, us)
  local now_us = world.core:now()
  if us >= END_S * 1000000 - now_us then
    fail("%s: it would go beyond the year 9999", name)
  end
  return now_us + us
end

--- The path of a file of the test's, in the folder where scripts begin or beside it.
function arguments.path(name, path)
  arguments.text(name, "a path", path)
  local depth = 1 -- above the folder lies what it is in, and no more
  local inner = path
  if path:sub(1, 1) == "/" then
    local folder = world.folder() .. "/"
    inner = path:sub(1, #folder) == folder and path:sub(#folder + 1) or ".."
    depth = inner == ".." and 0 or 1
  end
  for part in inner:gmatch "[^/]+" do
    depth = depth + (part == ".." and -1 or part == "." and 0 or 1)
    if depth < 0 then
      fail("%s: %s lies outside of the test's folder, which sim.folder() tells", name, path)
    end
  end
  return path
end

return arguments
