--- Times and lengths of time. A time is an instant (microseconds, UTC) that shows the wall clock of
-- a zone. A length is "1h30m" or a number of seconds; a time plus or minus a length is a time, a time
-- minus another one the seconds between them, and times compare with < and ==.

-- The methods and operators are in api_time.c.

local raw = ...
local fail = raw.module("fail")

---@class time
local time = {}

---@alias duration string|number "1h30m", or seconds
---@alias time.unit "years"|"quarters"|"months"|"weeks"|"days"|"hours"|"minutes"|"seconds"

---@class time.value
---@field us integer microseconds since 1970, UTC
---@field epoch number seconds since 1970
---@field zone string whose wall clock the fields below show
---@field year integer
---@field month integer
---@field day integer
---@field hour integer
---@field minute integer
---@field second integer
---@field weekday integer 1 is Monday
---@field yday integer
---@operator add(duration): time.value
---@operator sub(duration): time.value
---@operator sub(time.value): number
local instant = raw.time_methods

--- "2026-11-21", of the time that lies `offset` ("-1d") from this one.
---@param offset? duration
---@param zone? string
---@return string
instant.date = instant.date

--- As strftime, and %f for microseconds.
---@param format string
---@param zone? string
---@return string
instant.format = instant.format

--- "2026-11-21T01:08:28+01:00"
---@param zone? string
---@return string
instant.iso = instant.iso

--- The same time, showing another zone's wall clock.
---@param zone string
---@return time.value
instant.in_zone = instant.in_zone

--- The time so many units later, or earlier: t:add { months = 1, days = -1 }. Days and what is longer
-- count on the wall clock, a month that is too short for the day has its last one; hours, minutes and
-- seconds are elapsed time and come after.
---@param amounts table<time.unit, number>
---@return time.value
instant.add = instant.add

--- The beginning of the year, quarter, month, week (Monday), day, hour, minute or second.
---@param unit time.unit
---@return time.value
instant.start_of = instant.start_of

--- How many whole units this time is behind the other, on the wall clock of its zone; seconds with
-- their fraction when no unit is given.
---@param other time.value
---@param unit? time.unit
---@return number
instant.diff = instant.diff

-- What f returns, and a code behind its message; what it raises, in the name of the person's function.
local function checked(name, f, ...)
  local ok, value, message = pcall(f, ...)
  if not ok then
    fail("%s: %s", name, value)
  end
  return value, message, message and "invalid"
end

local function check_zone(name, zone)
  if zone ~= nil then
    raw.check_type(name, "the zone", zone, "string")
  end
end

--- The present.
---@return time.value
function time.now()
  return raw.time_now()
end

--- Reads RFC 3339, or a date or date and time on the wall clock of `zone` (the system's when not
-- given); or, by a format, what strftime has written: time.parse("29.3.2026", nil, "%d.%m.%Y").
-- nil, a sentence and "invalid" when it is none.
---@param text string
---@param zone? string
---@param format? string
---@return time.value?
---@return string? message
---@return string? code
function time.parse(text, zone, format)
  raw.check_type("time.parse", "the text", text, "string")
  check_zone("time.parse", zone)
  if format ~= nil then
    raw.check_type("time.parse", "the format", format, "string")
    return checked("time.parse", raw.time_parse_by, text, format, zone)
  end
  return checked("time.parse", raw.time_parse, text, zone)
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

-- nil for what no integer can hold.
local function microseconds(seconds)
  local whole = math.tointeger(seconds)
  if whole and math.abs(whole) < 1e12 then
    return whole * 1000000
  end
  return math.tointeger(math.floor(seconds * 1e6 + 0.5))
end

--- The time of a wall clock: time.at { year = 2026, month = 3, day = 29, hour = 2, zone = "Europe/Berlin" }
-- or of a number of seconds since 1970.
---@param fields number|time.fields
---@return time.value
function time.at(fields)
  if type(fields) == "number" then
    local us = microseconds(fields) or fail("time.at: %s seconds since 1970 are no time", tostring(fields))
    return (checked("time.at", raw.time_from_us, us))
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
  check_zone("time.at", values.zone)
  local value, message = checked("time.at", raw.time_parse, text, values.zone)
  return value or fail("time.at: %s", message)
end

--- A length in seconds: time.duration "1h30m" is 5400.0.
---@param length string|number
---@return number
function time.duration(length)
  return (checked("time.duration", raw.duration, length))
end

--- Seconds as a person writes them: time.text(5400) is "1h30m".
---@param length string|number
---@return string
function time.text(length)
  return (checked("time.text", raw.duration_text, length))
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
  return raw.sleep(length)
end

return time
