--- Options of a job that is added or modified at run time, as the scheduler wants them: a function among them
-- is told by its name, which must hold after a restart too.

local raw = ...
local fail = raw.module("fail")
local declared = raw.module("declared")

local script = raw.script_name()
local is_console = script == "console"

--- A global function of the script is named; one typed at the console becomes a script of its own.
local function place_function(action, spec)
  if is_console then
    return raw.module("console").keep_function(action, spec)
  end
  local name = declared.name_of(action)
  if not name then
    fail("a function given at run time must be a global function of the script, to be found again "
      .. "after a restart; declare it with a name: function name(run) ... end")
  end
  return script .. "." .. name
end

--- A function that decides about retries is known by its name too.
local function with_decider_named(spec, name)
  local retry = spec.retry
  local decide = type(retry) == "table" and retry.decide or retry
  if type(decide) ~= "function" then
    return spec
  end
  local known = not is_console and declared.name_of(decide)
  if not known then
    fail("scheduler.%s: a function in retry must be a global function of the script, to be found again after a restart",
      name)
  end
  local copy, named = {}, { decide = script .. "." .. known }
  for key, value in pairs(type(retry) == "table" and retry or {}) do
    named[key] = key == "decide" and named.decide or value
  end
  for key, value in pairs(spec) do
    copy[key] = value
  end
  copy.retry = named
  return copy
end

--- The spec as C wants it, and the name of the script that was made for its function, if any. A spec
-- that needs nothing is passed as it is.
return function(spec, name)
  if type(spec) ~= "table" then
    fail("scheduler.%s wants a table of options, not a %s", name, type(spec))
  end
  spec = with_decider_named(spec, name)
  local func, run = spec.func, spec.run
  local is_short = type(func) == "string" and not is_console and not func:find(".", 1, true)
  if type(func) ~= "function" and type(run) ~= "function" and type(spec.trigger) ~= "userdata" and not is_short
    and not raw.module("vocabulary").is_command(func) then
    return spec
  end
  spec = raw.module("vocabulary").prepare(spec)
  if type(func) == "function" or type(run) == "function" then
    if func and run then
      fail("scheduler.%s: both run and func are given: give one of them", name)
    end
    spec.run = nil
    local kept
    spec.func, kept = place_function(func or run, spec)
    return spec, kept
  elseif is_short then
    spec.func = script .. "." .. func
  elseif raw.module("vocabulary").is_command(func) then
    spec.func, spec.run = nil, func
  end
  return spec
end
