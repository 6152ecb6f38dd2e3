--- Times and lengths of time. A time is an instant (microseconds, UTC) that shows the wall clock of
-- a zone; its methods and operators are in api_time.c. A length is "1h30m" or a number of seconds.

local raw = ...
local fail = raw.module("fail")

---@class time
local time = {}

local function checked(f, ...)
  local ok, value, message = pcall(f, ...)
  if not ok then
    fail("%s", value)
  end
  return value, message
end

--- The present.
---@return time.value
function time.now()
  return raw.time_now()
end

--- Reads RFC 3339, or a date or date and time on the wall clock of `zone` (the system's when not
-- given). nil and a sentence when it is none.
---@param text string
---@param zone? string
---@return time.value?
---@return string? message
function time.parse(text, zone)
  return checked(raw.time_parse, text, zone)
end

local defaults = { month = 1, day = 1, hour = 0, min = 0, sec = 0 }
local full_names = { minute = "min", second = "sec" }

---@class time.fields
---@field year integer
---@field month? integer
---@field day? integer
---@field hour? integer
---@field min? integer
---@field sec? integer
---@field zone? string

--- The time of a wall clock: time.at { year = 2026, month = 3, day = 29, hour = 2, zone = "Europe/Berlin" }
-- or of a number of seconds since 1970.
---@param fields number|time.fields
---@return time.value
function time.at(fields)
  if type(fields) == "number" then
    return checked(raw.time_from_us, math.floor(fields * 1000000 + 0.5))
  elseif type(fields) ~= "table" or not fields.year then
    fail("time.at wants a table with at least a year, or seconds since 1970")
  end
  local values = {}
  for name, value in pairs(fields) do
    name = full_names[name] or name
    if name ~= "zone" and name ~= "year" and not defaults[name] then
      fail('time.at: unknown field "%s"', name)
    end
    values[name] = value
  end
  local function number(name)
    local value = math.tointeger(values[name] or defaults[name])
    return value or fail("time.at: %s must be a whole number", name)
  end
  local text = ("%04d-%02d-%02d %02d:%02d:%02d"):format(
    number("year"), number("month"), number("day"), number("hour"), number("min"), number("sec"))
  local value, message = checked(raw.time_parse, text, values.zone)
  return value or fail("time.at: %s", message)
end

--- A length in seconds: time.duration "1h30m" is 5400.0.
---@param length string|number
---@return number
function time.duration(length)
  return (checked(raw.duration, length))
end

--- Seconds as a person writes them: time.text(5400) is "1h30m".
---@param length string|number
---@return string
function time.text(length)
  return (checked(raw.duration_text, length))
end

--- The names of the zones of the system's tz database.
---@return string[]
function time.zones()
  local names = raw.time_zones()
  table.sort(names)
  return names
end

--- Waits without blocking anybody else.
---@param length string|number "1.5s", or seconds
function time.sleep(length)
  raw.sleep(time.duration(length))
end

return time
