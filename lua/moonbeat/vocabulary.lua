--- The words of a job file: job, on, pool, command.
--
-- While a script loads, its declarations are gathered here and checked in C one by one, so that an
-- error names the line of the declaration. Afterwards C takes them all with declarations(). What runs
-- need of them is kept in declared.lua, and this module is let go. In a console nothing is gathered:
-- there the same words act at once.

local raw = ...
local fail = raw.module("fail")
local events = raw.module("events")
local declared = raw.module("declared")
local functions = raw.module("functions")

local script = raw.script_name()
local is_console = script == "console"

local specs = {}      -- in the order of the declarations
local places = {}     -- id -> "jobs/a.lua:7"
local unfinished = {} -- id -> where `job "id"` stands that no table has followed yet
local listeners = {}  -- what C is told of each, in the order of the declarations
local calendars = {}  -- name -> definition
local pools = {}      -- name -> slots

local vocabulary = {}

-- ---- commands ----

-- Whoever has a command has its module, so that it is one of the kind however late it is used.
local Command = { __name = "command", module = vocabulary }

function Command:__tostring()
  return "command " .. (self.shell or table.concat(self.argv, " "))
end

--- command { "pg_dump", "-Fc", "shop", timeout = "5m" } runs a program, command "df -h | mail me" a
-- shell line. Which run it is, is in its environment: MOONBEAT_RUN, MOONBEAT_ARGS and others.
function vocabulary.command(words)
  local spec = {}
  if type(words) == "string" then
    spec.shell = words
  elseif type(words) == "table" then
    spec.argv = {}
    local count = 0
    for key, value in pairs(words) do
      if math.type(key) == "integer" then
        if type(value) ~= "string" and type(value) ~= "number" then
          fail("command: argument %d must be a string, not a %s", key, raw.type_name(value))
        end
        spec.argv[key] = tostring(value)
        count = count + 1
      else
        spec[key] = value
      end
    end
    for index = 1, count do
      if not spec.argv[index] then
        fail("command: argument %d is nil, and another follows", index)
      end
    end
    spec.argv = spec.argv[1] and spec.argv or nil
    if not spec.argv and not spec.shell then
      fail("command: the name of a program is missing")
    end
  else
    fail('command wants a list like { "ls", "-l" } or a shell line, not a %s', type(words))
  end
  raw.check_options("command", spec, "argv", "shell", "cwd", "env", "clean_env", "stdin", "timeout", "grace")
  return setmetatable(spec, Command)
end

function vocabulary.is_command(value)
  return getmetatable(value) == Command
end

local examples = {
  cron = 'cron "0 9 * * 1-5"',
  every = 'every "1h30m"',
  at = 'at "2026-03-29 02:30"',
  after = 'after "15m"',
  quartz = 'quartz "0 0 9 ? * MON-FRI"',
  oncalendar = 'oncalendar "Mon..Fri 09:00"',
  rrule = 'rrule("FREQ=MONTHLY;BYDAY=-1FR", { dtstart = "2026-01-01 09:00" })',
  calendar_interval = 'calendar_interval { months = 1, at = "09:00" }',
  daily_interval = 'daily_interval { every = "72m", start_time = "09:00", end_time = "17:00" }',
  any_of = 'any_of(cron "0 9 * * *", every "5h")',
  all_of = 'all_of(cron "0 9 * * *", every "2d")',
  after_job = 'after_job("backup", { outcome = "failed" })',
  on_event = 'on_event("order", { filter = { shop = "berlin" } })',
  on_file = 'on_file "/srv/in/*.csv"',
  on_signal = 'on_signal "SIGUSR1"',
  on_change = 'on_change("/srv/app.db", { table = "orders" })',
  trigger = 'trigger("tides", function(previous, now) return now + 6 * 3600 end)',
}

function vocabulary.example(name)
  return "For example: " .. examples[name]
end

-- ---- jobs ----

--- A copy of a spec in which times that stand for triggers are triggers.
function vocabulary.prepare(spec)
  local prepared = {}
  for key, value in pairs(spec) do
    if type(key) ~= "string" then
      fail('job%s: an option has no name; write trigger = every "1h", run = function(run) ... end',
        spec.id and (' "%s"'):format(tostring(spec.id)) or "")
    end
    prepared[key] = value
  end
  if raw.time_us(spec.trigger) then
    prepared.trigger = { kind = "date", at = spec.trigger }
  end
  return prepared
end

local function check_new(id)
  if places[id] then
    fail('job "%s" is declared twice, here and at %s', id, places[id])
  end
end

local function zone_of(spec)
  local trigger = spec.trigger
  return type(trigger) == "table" and trigger.timezone or spec.timezone
end

-- What a job may have a function for, the event that calls it, and which of these.
local hooks = {
  on_success = { event = "job_executed", filter = {} },
  on_failure = { event = { "job_error", "job_interrupted" }, filter = { will_retry = false } },
  on_recovered = { event = "job_recovered", filter = {} },
  on_late = { event = "job_late", filter = {} },
}

local new_listener -- is defined with the other listeners

--- The listeners that stand in a job's declaration, taken out of it.
local function take_hooks(spec)
  local taken = {}
  for name, hook in pairs(hooks) do
    if spec[name] ~= nil then
      local filter = { job = spec.id }
      for key, value in pairs(hook.filter) do
        filter[key] = value
      end
      taken[#taken + 1] = { event = hook.event, filter = filter, run = spec[name], durable = true,
        name = ("%s of %s"):format(name, tostring(spec.id)) }
      if type(spec[name]) ~= "function" then
        fail('job "%s": %s must be a function, not a %s', tostring(spec.id), name, raw.type_name(spec[name]))
      end
      spec[name] = nil
    end
  end
  return taken
end

-- A function in retry, or as retry.decide, stays here; true goes in its place. Returns the spec, a copy
-- where there is one, and the function.
local function take_decider(spec)
  local retry = spec.retry
  local decide = type(retry) == "table" and retry.decide or retry
  if type(decide) ~= "function" then
    return spec
  end
  local copy = { decide = true }
  for key, value in pairs(type(retry) == "table" and retry or {}) do
    copy[key] = key == "decide" or value
  end
  spec.retry = copy
  return spec, decide
end

local function declare(spec)
  if is_console then
    return raw.module("scheduler").add_job(spec)
  elseif not declared.is_loading then
    fail("jobs are declared while the script loads; inside a run use scheduler.add_job { ... }")
  end
  local action = type(spec.run) == "function" and spec.run or spec.func
  spec = vocabulary.prepare(spec)
  if type(action) == "function" then
    if type(spec.run) == "function" and spec.func ~= nil then
      fail('job "%s" has both run and func: give one of them', tostring(spec.id))
    end
    spec.run, spec.func = true, nil
    if spec.id == nil then
      fail('a job needs an id: job "name" { ... }')
    end
  elseif spec.id == nil and type(spec.func) == "string" then
    spec.id = spec.func:find(".", 1, true) and spec.func or script .. "." .. spec.func
  end
  local decide
  spec, decide = take_decider(spec)
  spec.where = raw.where()
  local taken = take_hooks(spec)
  local good, message = raw.job_check(spec, script)
  if not good then
    fail("%s", message)
  end
  check_new(spec.id)
  for _, hook in ipairs(taken) do
    new_listener("job", hook)
  end
  places[spec.id] = spec.where
  declared.zones[spec.id] = zone_of(spec)
  declared.functions[spec.id] = type(action) == "function" and action or nil
  declared.deciders[spec.id] = decide
  specs[#specs + 1] = spec
  return spec.id
end

local function with_id(id, spec)
  if type(spec) ~= "table" then
    fail('job "%s" wants a table of options, not a %s', id, type(spec))
  elseif spec.id ~= nil and spec.id ~= id then
    fail('job "%s" has another id in its table: "%s"', id, tostring(spec.id))
  end
  local copied = { id = id }
  for key, value in pairs(spec) do
    copied[key] = value
  end
  return copied
end

--- job "id" { ... } or job { id = ..., ... }.
function vocabulary.job(first, ...)
  if select("#", ...) > 0 then
    fail('job takes an id alone, or one table: write job "%s" { ... }', type(first) == "string" and first or "name")
  elseif type(first) == "table" then
    return declare(first)
  elseif type(first) ~= "string" then
    fail('job wants an id or a table, job "nightly" { ... }, not a %s', type(first))
  elseif is_console then
    return raw.module("console").job(first, function(spec) return declare(with_id(first, spec)) end)
  end
  unfinished[first] = raw.where()
  return function(spec)
    unfinished[first] = nil
    return declare(with_id(first, spec))
  end
end

--- The job that every("5s", f) and its kin make. Its id comes from the script and the trigger, so
-- that it is the same job after the script was saved again.
function vocabulary.job_of_trigger(trigger, word, action, id)
  if not is_console and declared.is_loading and not id then
    local when
    for _, member in ipairs { "expression", "every", "at", "in", "rrule", "job", "event", "glob", "signal", "table" } do
      when = when or trigger[member]
    end
    local base = ("%s.%s%s"):format(script, word, when and " " .. tostring(when) or "")
    id = base
    local number = 1
    while places[id] do
      number = number + 1
      id = ("%s (%d)"):format(base, number)
    end
  end
  if is_console or declared.is_loading then
    return declare { id = id, trigger = trigger, run = action }
  end
  return raw.module("scheduler").add_job { id = id, trigger = trigger, run = action }
end

-- ---- calendars ----

--- calendar "name" { ... }, checked already: known when the script has loaded, or at once.
function vocabulary.declare_calendar(name, definition)
  if is_console or not declared.is_loading then
    local _, message = raw.request("set_calendar", { name = name, definition = definition })
    if message then
      fail("%s", message)
    end
  elseif calendars[name] then
    fail('calendar "%s" is declared twice', name)
  else
    calendars[name] = definition
  end
end

-- ---- pools ----

--- pool("db", 4): a job with pool = "db" takes one of its four slots while it runs. Known when the
-- script has loaded, or at once.
---@param name string
---@param slots integer 0 lets nothing begin
function vocabulary.pool(name, slots)
  if type(name) ~= "string" or type(slots) ~= "number" then
    fail('pool: write pool("db", 4), a name and a whole number of slots')
  end
  local wrong = raw.pool_check(name, slots)
  if wrong then
    fail("%s", wrong)
  end
  if is_console or not declared.is_loading then
    local _, message = raw.request("set_pool", { name = name, slots = slots })
    if message then
      fail("%s", message)
    end
  elseif pools[name] then
    fail('pool "%s" is declared twice', name)
  else
    pools[name] = slots
  end
end

--- trigger("name", function(previous, now) ... end): known to this script by that name.
function vocabulary.declare_trigger(name, ask)
  if is_console then
    fail("a trigger in Lua belongs to a script: declare it in a file, the console is gone one day")
  elseif not declared.is_loading then
    fail("triggers are declared while the script loads")
  elseif declared.triggers[name] then
    fail('trigger "%s" is declared twice', name)
  end
  declared.triggers[name] = ask
  return { kind = "lua", name = name, script = script }
end

-- ---- listeners ----

local function shown(names)
  local text = table.concat(names, ", ")
  return #text <= 200 and text or text:sub(1, 199) .. "…"
end

--- Names that nobody gave tell what is listened to; the second of the same is "job_error (2)".
local function unused_name(base)
  local taken = {}
  for _, name in pairs(declared.listener_names) do
    taken[name] = true
  end
  local name, number = base, 1
  while taken[name] do
    number = number + 1
    name = ("%s (%d)"):format(base, number)
  end
  return name
end

--- The parts of on(events, filter?, function, options?) as one table.
local function gather(word, wanted, filter, listener, options)
  if type(filter) == "function" then
    filter, listener, options = nil, filter, listener
  end
  if type(listener) ~= "function" then
    fail("%s wants an event's name and a function, not a %s", word, type(listener))
  elseif filter ~= nil and type(filter) ~= "table" then
    fail("%s: the filter must be a table, like { job = \"orders\" }, not a %s", word, type(filter))
  elseif options ~= nil and type(options) ~= "table" then
    fail("%s: the options must be a table, like { durable = true }, not a %s", word, type(options))
  end
  local spec = { event = wanted, filter = filter, run = listener }
  for key, value in pairs(options or {}) do
    if spec[key] ~= nil then
      fail("%s: %s is given twice", word, key)
    end
    spec[key] = value
  end
  return spec
end

--- Checks a listener and keeps its function; what C gets of it.
function new_listener(word, given)
  raw.check_options(word, given, "event", "filter", "run", "name", "durable", "timeout", "attempts")
  if type(given.run) ~= "function" then
    fail("%s wants a function, run = function(event) ... end, not a %s", word, type(given.run))
  end
  local list = events.patterns(given.event)
  local spec = {
    id = declared.last_listener + 1,
    events = list,
    name = given.name == nil and unused_name(shown(list)) or given.name,
    filter = given.filter,
    durable = given.durable,
    timeout = given.timeout,
    attempts = given.attempts,
  }
  local message = raw.listener_check(spec)
  if message then
    fail("%s: %s", word, message)
  end
  declared.last_listener = spec.id
  declared.listener_functions[spec.id] = given.run
  declared.listener_names[spec.id] = spec.name
  listeners[#listeners + 1] = declared.is_loading and spec or nil
  return spec
end

--- on("job_error", function(event) ... end): a name, a pattern ("job_*") or a list of such, and
-- before the function a filter of the events' members; options behind it, or all as one table,
-- on { event = "job_error", durable = true, run = function(event) ... end }.
function vocabulary.on(wanted, filter, listener, options)
  local given
  if type(wanted) == "table" and filter == nil and listener == nil then
    given = wanted
  else
    given = gather("on", wanted, filter, listener, options)
  end
  if is_console then
    local good, message = raw.module("scheduler").add_listener(given)
    return good or fail("%s", message)
  elseif not declared.is_loading then
    fail("listeners are declared while the script loads; inside a run that is not isolated "
      .. "use scheduler.add_listener")
  end
  local spec = new_listener("on", given)
  for id, name in pairs(declared.listener_names) do
    if id ~= spec.id and name == spec.name then
      fail('on: listener "%s" is declared twice', spec.name)
    end
  end
end

--- One that is added while the state lives: what the scheduler is to know of it.
function vocabulary.add_listener(listener, wanted, filter, options)
  local given = listener
  if type(listener) == "function" then
    given = gather("scheduler.add_listener", wanted, filter, listener, options)
  end
  return new_listener("scheduler.add_listener", given)
end

-- ---- what C asks for ----

function vocabulary.declarations()
  declared.is_loading = false
  local id, where = next(unfinished)
  if id then
    error(('%s: job "%s" has no table of options behind it'):format(where, id), 0)
  end
  for _, spec in ipairs(specs) do
    local decide = type(spec.retry) == "table" and spec.retry.decide
    for _, path in pairs { func = spec.func, decide = type(decide) == "string" and decide or nil } do
      local action, message = functions.find_own(path)
      if not action then
        local other = path:match "^([%w_-]+)%."
        local hint = other and other ~= script and not rawget(_G, other) and (": what a script declares runs functions "
          .. 'of its own; one of another script is called with scheduler.add_job { func = "%s" }'):format(path) or ""
        error(('%s: job "%s": %s%s'):format(spec.where, spec.id, message, hint), 0)
      end
    end
  end
  for i = #listeners, 1, -1 do
    if not declared.listener_functions[listeners[i].id] then
      table.remove(listeners, i) -- forgotten since
    end
  end
  return {
    jobs = specs,
    calendars = next(calendars) and calendars or nil,
    pools = next(pools) and pools or nil,
    listeners = listeners,
    functions = functions.names(),
    parallel = rawget(_G, "parallel") or nil,
  }
end

return vocabulary
