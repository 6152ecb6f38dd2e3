--- Calendars: times at which triggers do not fire. calendar { weekdays = "sat,sun" } is a value;
-- calendar "holidays" is the one of that name, and calendar "holidays" { dates = ... } declares it,
-- for all scripts. `ics` names a file of holidays, which is read here and now: afterwards a calendar
-- is plain data, the JSON form of src/trigger/calendar.h.

local raw = ...
local fail = raw.module("fail")
local vocabulary = raw.module("vocabulary")

-- Whoever has a calendar has its module, so that it is one of the kind however late it is used.
local calendars = {}
local Calendar = { __name = "calendar", module = calendars }

--- The definitions of anonymous ones and the names of others, by the calendar.
local definitions = setmetatable({}, { __mode = "k" })
local names = setmetatable({}, { __mode = "k" })

local function read_ics(text)
  if type(text) ~= "string" or text:find("^BEGIN:VCALENDAR") then
    return text
  end
  local data, message = raw.module("fs").read(text)
  return data or fail("calendar: %s", message)
end

--- The definition as it is kept; raises what is wrong with it.
local function define(members, label)
  if type(members) ~= "table" then
    fail("%s wants a table such as { weekdays = \"sat,sun\" }, not a %s", label, type(members))
  end
  local written = {}
  for key, value in pairs(members) do
    written[key] = value
  end
  written.ics = read_ics(written.ics)
  local definition, message = raw.calendar_check(written)
  return definition or fail("%s: %s", label, message)
end

function Calendar:__tostring()
  return names[self] and ('calendar "%s"'):format(names[self]) or "calendar " .. raw.json_encode(definitions[self])
end

--- calendar "holidays" { ... } declares what the name means.
function Calendar:__call(members)
  local name = names[self] or fail("a calendar without a name is declared at once: calendar { ... }")
  local definition = define(members, ('calendar "%s"'):format(name))
  local good, message = raw.calendar_reserve(name)
  if not good then
    fail("%s", message)
  end
  vocabulary.declare_calendar(name, definition)
  return self
end

function calendars.calendar(first)
  local self = setmetatable({}, Calendar)
  if type(first) == "string" then
    names[self] = first
  else
    definitions[self] = define(first, "calendar")
  end
  return self
end

--- What stands for it in a trigger: names with commas between, or a definition.
local function reference(value)
  if getmetatable(value) == Calendar then
    return names[value] or definitions[value]
  elseif type(value) == "table" and value[1] ~= nil then
    local list = {}
    for i, one in ipairs(value) do
      list[i] = reference(one)
      if type(list[i]) ~= "string" then
        fail("except: several calendars must have names: calendar \"name\" { ... }")
      end
    end
    return table.concat(list, ",")
  elseif type(value) == "table" then
    return define(value, "except")
  end
  return value
end

calendars.reference = reference

return calendars
