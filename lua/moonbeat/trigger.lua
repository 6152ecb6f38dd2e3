--- The constructors of triggers: cron, every (interval), at (date), after and their kin, any_of and
-- all_of, those of what happens (on_start, after_job, on_event, on_file, on_signal, on_change),
-- trigger for a function that says when, and the methods that give a trigger options. A trigger is a
-- plain table in the JSON form of src/trigger, which checks it and knows its fires; its members are as
-- they were written, so that what is left out is filled in where the job is kept. The options of all
-- kinds (from, until, except, limit, offset, jitter) stand apart in `options`, since methods have their
-- names. Values never change: a method returns another trigger.
--
-- A constructor that is also given a function or a command makes a job at once:
-- every("5s", function() print("hi") end).

local raw = ...
local fail = raw.module("fail")
local vocabulary = raw.module("vocabulary")
local calendars = raw.module("calendar")
local events = raw.module("events")

-- Whoever has a trigger has its module, so that it is one of the kind however late it is used.
local constructors = {}
local Trigger = { __name = "trigger", module = constructors }
local methods = {}
Trigger.__index = methods

local OPTIONS = { "from", "until", "except", "limit", "limit_from", "offset", "jitter", "seed" }

local function is_trigger(value)
  return getmetatable(value) == Trigger
end

local function copy(members)
  local result = {}
  for key, value in pairs(members) do
    result[key] = value
  end
  return result
end

--- Puts the options of all kinds where they belong and gives the table the methods, of which it is
-- in no need of a check.
local function adopt(members)
  for _, name in ipairs(OPTIONS) do
    local value = rawget(members, name)
    if value ~= nil and not (name == "seed" and members.kind == "cron" and not rawget(members, "jitter")) then
      members.options = members.options or {}
      members.options[name] = value
      members[name] = nil
    end
  end
  for _, member in ipairs(members.kind and members.of or {}) do
    if type(member) == "table" then
      adopt(member)
    end
  end
  return setmetatable(members, Trigger)
end

local function make(members)
  local except = members.except
  if except ~= nil then
    members.except = calendars.reference(except)
  end
  local good, message = raw.trigger_check(members)
  if not good then
    fail("%s", message)
  end
  return adopt(members)
end

function Trigger:__tostring()
  local text, message = raw.trigger_text(self)
  text = text or "trigger: " .. message
  return self.timezone and text or (text:gsub(" timezone=[^%s)]+", ""))
end

-- ---- constructors ----

local function options_of(options, name)
  if options == nil then
    return {}
  elseif type(options) ~= "table" then
    fail("%s: the options must be a table, not a %s", name, type(options))
  end
  return copy(options)
end

local function is_action(value)
  return type(value) == "function" or vocabulary.is_command(value)
end

local function finish(members, name, action)
  local id
  if action then
    id, members.id = members.id, nil
  end
  local trigger = make(members)
  if action == nil then
    return trigger
  elseif not is_action(action) then
    fail("%s: what it runs must be a function or a command, not a %s", name, type(action))
  end
  return vocabulary.job_of_trigger(trigger, name, action, id)
end

--- The options in one table, of which an element without a name is the member that a first argument
-- would be: on_file { "/srv/in/*.csv", settle = "5s" }.
local function named(first, member)
  local members = copy(first)
  if member and members[member] == nil then
    members[member], members[1] = members[1], nil
  end
  return members
end

--- The constructor of a kind whose first argument is the member `member`, or a table of options; the
-- kind may follow from the table. `mend` puts the members right before they are checked.
local function constructor(name, kind, member, mend)
  return function(first, options, action)
    if is_action(options) then
      options, action = action, options
    end
    local members
    if type(first) == "table" and getmetatable(first) == nil then
      members = named(first, member)
      if type(options) == "table" then
        fail("%s: give the options in one table", name)
      end
    elseif first == nil or member == nil then
      fail("%s: what does it begin with? %s", name, vocabulary.example(name))
    else
      members = options_of(options, name)
      members[member] = first
    end
    members.kind = type(kind) == "function" and kind(members) or kind
    if mend then
      mend(members)
    end
    return finish(members, name, action)
  end
end

--- The fields of APScheduler's CronTrigger make a trigger of their own kind.
local function cron_kind(members)
  return members.expression == nil and "cron_fields" or "cron"
end

--- The path without "." and "..", which events of files would not have either.
local function tidy(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." then
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return "/" .. table.concat(parts, "/")
end

--- Relative paths begin in the jobs folder, as everywhere in scripts; the trigger itself means the
-- same wherever it stands. In a pattern the folder's own name is none.
local function make_absolute(member, is_pattern)
  return function(members)
    local path = members[member]
    if type(path) == "string" and path ~= "" and path:sub(1, 1) ~= "/" then
      local folder = raw.folder() or fail("%s \"%s\" must begin with /: there is no jobs folder", member, path)
      members[member] = tidy((is_pattern and folder:gsub("[%[*?\\]", "[%0]") or folder) .. "/" .. path)
    end
  end
end

local function check_event(members)
  events.check_awaited(members.event)
end

--- after_job("backup", "failed"), on_change("/srv/app.db", "orders"): the second argument may be a
-- text, the member that says most beside the first.
local function event_constructor(name, member, second, mend)
  local make_one = constructor(name, name, member, mend)
  return function(first, options, action)
    if type(options) == "string" and second then
      options = { [second] = options }
    end
    return make_one(first, options, action)
  end
end

--- on_start(), or on_start(function() ... end).
local function on_start(action)
  return finish({ kind = "on_start" }, "on_start", action)
end

--- trigger("name", function(previous, now) return time end): fires whenever the function says.
local function lua_trigger(name, ask)
  if type(name) ~= "string" or type(ask) ~= "function" then
    fail("trigger wants a name and a function. %s", vocabulary.example("trigger"))
  end
  return make(vocabulary.declare_trigger(name, ask))
end

--- any_of(a, b, ...) and any_of { a, b }: triggers or their texts, and perhaps what runs then.
local function combination(kind)
  return function(...)
    local of = { ... }
    local action = is_action(of[#of]) and table.remove(of) or nil
    if #of == 1 and type(of[1]) == "table" and getmetatable(of[1]) == nil and of[1].kind == nil then
      of = copy(of[1])
    end
    if #of == 0 then
      fail("%s: which triggers? %s", kind, vocabulary.example(kind))
    end
    return finish({ kind = kind, of = of }, kind, action)
  end
end

local any_of, all_of = combination("any_of"), combination("all_of")

--- a | b | c is one list.
local function combine(kind, make_one, a, b)
  local of = {}
  for _, side in ipairs { a, b } do
    if is_trigger(side) and side.kind == kind and not side.options then
      table.move(side.of, 1, #side.of, #of + 1, of)
    else
      of[#of + 1] = side
    end
  end
  return make_one(of)
end

function Trigger.__bor(a, b)
  return combine("any_of", any_of, a, b)
end

function Trigger.__band(a, b)
  return combine("all_of", all_of, a, b)
end

-- ---- methods ----

local function with(trigger, name, value)
  if value == nil then
    fail("trigger:%s wants a value", name)
  end
  local members = copy(trigger)
  for key, option in pairs(trigger.options or {}) do
    members[key] = option
  end
  members.options = nil
  members[name] = value
  if name == "limit" then
    members.limit_from = nil -- a new limit counts anew
  end
  return make(members)
end

--- At most so many fires from now on.
function methods:limit(count)
  return with(self, "limit", count)
end

--- No fire before that time.
function methods:from(time)
  return with(self, "from", time)
end

--- No fire behind that time.
function methods:until_(time)
  return with(self, "until", time)
end

--- Each fire is delayed by up to that length, always the same for a job and a fire.
function methods:jitter(length)
  return with(self, "jitter", length)
end

--- Each fire is moved: by "-15m" to be earlier.
function methods:offset(length)
  return with(self, "offset", length)
end

--- No fire while the calendar covers it: a name, several of them, or a calendar.
function methods:except(calendar)
  local new, old = calendars.reference(calendar), self.options and self.options.except
  if old == nil then
    return with(self, "except", new)
  elseif type(old) == "string" and type(new) == "string" then
    return with(self, "except", old .. "," .. new)
  end
  return with(any_of(self), "except", new)
end

--- What it means, in a sentence.
function methods:explain()
  local text, message = raw.trigger_explain(self)
  return text or fail("%s", message)
end

--- The next `count` fires (5 when not given), strictly after `after` (now when not given).
function methods:next(count, after)
  local after_us = raw.time_us(after)
  if after ~= nil and not after_us then
    fail("trigger:next: after must be a time, got %s", raw.type_name(after))
  end
  local fires, message = raw.trigger_next(self, after_us, count or 5)
  if not fires then
    fail("%s", message)
  end
  for i, us in ipairs(fires) do
    fires[i] = raw.time_from_us(us, self.timezone)
  end
  return fires
end

constructors.cron = constructor("cron", cron_kind, "expression")
constructors.every = constructor("every", "interval", "every")
constructors.at = constructor("at", "date", "at")
constructors.after = constructor("after", "date", "in")
constructors.quartz = constructor("quartz", "quartz", "expression")
constructors.oncalendar = constructor("oncalendar", "oncalendar", "expression")
constructors.rrule = constructor("rrule", "rrule", "rrule")
constructors.calendar_interval = constructor("calendar_interval", "calendar_interval")
constructors.daily_interval = constructor("daily_interval", "daily_interval")
constructors.any_of = any_of
constructors.all_of = all_of
constructors.calendar = calendars.calendar
constructors.on_start = on_start
constructors.after_job = event_constructor("after_job", "job", "outcome")
constructors.on_event = event_constructor("on_event", "event", nil, check_event)
constructors.on_file = event_constructor("on_file", "glob", nil, make_absolute("glob", true))
constructors.on_signal = event_constructor("on_signal", "signal")
constructors.on_change = event_constructor("on_change", "database", "table", make_absolute "database")
constructors.trigger = lua_trigger

--- except(trigger, calendar): trigger:except(calendar), also for the text of a trigger.
function constructors.except(trigger, calendar)
  return (is_trigger(trigger) and trigger or any_of(trigger)):except(calendar)
end

--- Makes a trigger of a table in the JSON form, such as the scheduler gives back.
constructors.adopt = adopt

return constructors
