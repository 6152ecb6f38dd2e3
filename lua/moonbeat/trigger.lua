--- The constructors of triggers: cron, every (interval), at (date), after. A trigger is a plain
-- table in the JSON form of src/trigger, which checks it and knows its fires; its options are as
-- they were written, so that what is left out is filled in where the job is kept.
--
-- A constructor that is also given a function or a command makes a job at once:
-- every("5s", function() print("hi") end).

local raw = ...
local fail = raw.module("fail")
local vocabulary = raw.module("vocabulary")

local Trigger = { __name = "trigger" }
local methods = {}
Trigger.__index = methods

function Trigger:__tostring()
  local text = raw.trigger_text(self) or "trigger"
  return self.timezone and text or (text:gsub(" timezone=%S+", ""))
end

--- The next `count` fires (5 when not given), strictly after `after` (now when not given).
function methods:next(count, after)
  local fires, message = raw.trigger_next(self, after and raw.time_us(after), count or 5)
  if not fires then
    fail("%s", message)
  end
  for i, us in ipairs(fires) do
    fires[i] = raw.time_from_us(us, self.timezone)
  end
  return fires
end

local function copy(options, name)
  if options == nil then
    return {}
  elseif type(options) ~= "table" then
    fail("%s: the options must be a table, not a %s", name, type(options))
  end
  local result = {}
  for key, value in pairs(options) do
    result[key] = value
  end
  return result
end

local function is_action(value)
  return type(value) == "function" or vocabulary.is_command(value)
end

--- The constructor of a kind whose first argument is the member `member`, or a table of options.
local function constructor(name, kind, member)
  return function(first, options, action)
    if is_action(options) then
      options, action = action, options
    end
    local id
    local trigger
    if type(first) == "table" and getmetatable(first) == nil then
      trigger = copy(first, name)
      if type(options) == "table" then
        fail("%s: give the options in one table", name)
      end
    else
      trigger = copy(options, name)
      if first == nil then
        fail("%s: what does it begin with? %s", name, vocabulary.example(name))
      end
      trigger[member] = first
    end
    trigger.kind = kind
    if action then
      id, trigger.id = trigger.id, nil
    end
    local good, message = raw.trigger_check(trigger)
    if not good then
      fail("%s", message)
    end
    setmetatable(trigger, Trigger)
    if action == nil then
      return trigger
    elseif not is_action(action) then
      fail("%s: what it runs must be a function or a command, not a %s", name, type(action))
    end
    return vocabulary.job_of_trigger(trigger, name, action, id)
  end
end

return {
  cron = constructor("cron", "cron", "expression"),
  every = constructor("every", "interval", "every"),
  at = constructor("at", "date", "at"),
  after = constructor("after", "date", "in"),

  --- Makes a trigger of a table in the JSON form, such as the scheduler gives back.
  adopt = function(members)
    return setmetatable(members, Trigger)
  end,
}
