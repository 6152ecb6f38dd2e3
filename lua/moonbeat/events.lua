--- The names of the scheduler's events, and what `on` accepts: a name, a pattern with *, a list.
-- Names that do not begin as the scheduler's do are those of events that scripts emit.

local raw = ...
local fail = raw.module("fail")

local names = {}
for i, event in ipairs(raw.event_list()) do
  names[i] = event.name
end

local events = { names = names }

local function matches(name, pattern)
  local lua_pattern = pattern:gsub("[^%w_*]", "%%%0"):gsub("%*", ".*")
  return name:find("^" .. lua_pattern .. "$") ~= nil
end

local function is_own(name)
  return name:find "^job_" or name:find "^script_" or name:find "^scheduler_"
end

local function is_of_user(name)
  return name:find("^[^*]+$") and not is_own(name)
end

--- The set of the names that `wanted` means; nil and "*" mean all, also those that scripts emit.
function events.expand(wanted)
  local set = {}
  if type(wanted) ~= "table" then
    wanted = { wanted or "*" }
  end
  for _, pattern in ipairs(wanted) do
    if type(pattern) ~= "string" then
      fail("the name of an event must be a string, not a %s", type(pattern))
    end
    if pattern == "*" then
      return { ["*"] = true }
    end
    local is_known = is_of_user(pattern)
    set[pattern] = is_known and true or nil
    for _, name in ipairs(names) do
      if matches(name, pattern) then
        set[name] = true
        is_known = true
      end
    end
    if not is_known then
      fail('unknown event "%s"%s', pattern, raw.did_you_mean(pattern, names))
    end
  end
  return set
end

--- Raises when no such event will ever come: a name that is the scheduler's by its beginning, and is
-- none of its names. Anything else that is no name is refused elsewhere.
function events.check_awaited(name)
  if type(name) ~= "string" or not is_own(name) then
    return
  end
  for _, known in ipairs(names) do
    if known == name then
      return
    end
  end
  fail('unknown event "%s"%s', name, raw.did_you_mean(name, names))
end

return events
