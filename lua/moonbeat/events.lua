--- Which events there may be: those of the scheduler, whose names C has in one table, and those that
-- scripts emit, whose names do not begin as the scheduler's do.

local raw = ...
local fail = raw.module("fail")

local events = {}

--- A list of names and patterns ("job_error", "job_*", "*") from one, a list of them or nil for all.
-- Raises for what no event will ever be called.
function events.patterns(wanted)
  if wanted == nil then
    return { "*" }
  elseif type(wanted) ~= "table" then
    wanted = { wanted }
  elseif #wanted == 0 then
    fail("the list of events is empty")
  end
  local list = {}
  for i, pattern in ipairs(wanted) do
    if type(pattern) ~= "string" then
      fail("the name of an event must be a string, not a %s", type(pattern))
    end
    local message = raw.event_check(pattern, false)
    if message then
      fail("%s", message)
    end
    list[i] = pattern
  end
  return list
end

--- Raises when no such event will ever come: a name that is the scheduler's by its beginning, and is
-- none of its names. Anything else that is no name is refused elsewhere.
function events.check_awaited(name)
  local message = type(name) == "string" and name ~= "" and raw.event_check(name, true)
  if message then
    fail("%s", message)
  end
end

return events
