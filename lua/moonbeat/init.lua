--- The Lua half of a state begins here. C runs this file once in each new state with `raw`, the table
-- of all C functions, before the script itself. It sets the globals that scripts see and returns the
-- handlers by which C calls in. `raw` itself is never visible to a script.
--
-- Handlers run inside a call (a coroutine of the worker's), so whatever they call may wait.

local raw = ...

local deferred = raw.module("deferred")
local json = raw.module("json")
local time = raw.module("time")
local vocabulary = raw.module("vocabulary")
local trigger = raw.module("trigger")
local log = raw.module("log")
local runs = raw.module("run")

for name, value in pairs {
  json = json,
  time = time,
  log = log.log,
  print = log.print,
  sleep = time.sleep,

  cron = trigger.cron,
  every = trigger.every,
  interval = trigger.every,
  at = trigger.at,
  date = trigger.at,
  after = trigger.after,
  quartz = trigger.quartz,
  oncalendar = trigger.oncalendar,
  rrule = trigger.rrule,
  calendar_interval = trigger.calendar_interval,
  daily_interval = trigger.daily_interval,
  any_of = trigger.any_of,
  all_of = trigger.all_of,
  except = trigger.except,
  calendar = trigger.calendar,
  on_start = trigger.on_start,
  after_job = trigger.after_job,
  on_event = trigger.on_event,
  on_file = trigger.on_file,
  on_signal = trigger.on_signal,
  on_change = trigger.on_change,
  trigger = trigger.trigger,

  job = vocabulary.job,
  pool = vocabulary.pool,
  on = vocabulary.on,
  command = vocabulary.command,
  scheduler = deferred.library("scheduler"),
  kv = deferred.library("kv"),
  lock = deferred.call("lock", "lock"),
  secret = deferred.call("secret", "secret"),

  exec = deferred.call("exec", "exec"),
  http = deferred.library("http"),
  sqlite = deferred.library("sqlite"),
  fs = deferred.library("fs"),
  crypto = deferred.library("crypto"),
  email = deferred.library("email"),
  env = raw.module("env"),
  inspect = deferred.call("inspect", "inspect"),
  template = deferred.library("template"),
  webhook = deferred.library("webhook"),
} do
  _G[name] = value
end

os.execute = deferred.call("exec", "execute")
io = { popen = deferred.call("exec", "popen"), type = deferred.call("exec", "file_type"), write = log.write }

if raw.script_name() == "console" then
  raw.module("console").set_globals()
end
vocabulary.remember_globals()

local handlers = {}

--- After the script's chunk has run: what it declared, as JSON. From here on `job` and `on` refuse.
function handlers.declarations()
  return json.encode(vocabulary.declarations())
end

--- One attempt of one run. `attempt` is a fresh table {scheduled_us=, number=, events_json=}, which
-- becomes the `run` that the function is given. Returns what the function returns first.
function handlers.run(attempt, job_id, func, command_json, args_json)
  local run = runs.new(attempt, job_id)
  if command_json then
    return raw.module("exec").run_command(json.decode(command_json), run)
  end
  local action = vocabulary.find_function(job_id, func)
  if args_json then
    return (action(run, table.unpack(json.decode(args_json))))
  end
  return (action(run))
end

--- What the job's retry.decide says of an attempt that failed with this message.
function handlers.decide(attempt, job_id, name, message)
  return runs.decide(attempt, job_id, name, message)
end

--- A trigger in Lua: when is the next fire, in microseconds? Nothing when there is none any more.
function handlers.ask(name, previous_us, now_us)
  return vocabulary.ask_trigger(name, previous_us, now_us)
end

--- Something happened of which this state wants to hear.
function handlers.event(id, event_json, event_id, delivery)
  vocabulary.tell_listener(id, event_json, event_id, delivery)
end

--- A chunk typed at the console. Returns JSON: {"text": results as shown} or {"incomplete": true};
-- raises what the chunk raises.
function handlers.evaluate(text)
  return json.encode(raw.module("console").evaluate(text))
end

--- Names that could stand at the end of what is typed: a JSON array of whole replacements of its
-- last word.
function handlers.complete(text)
  return json.encode(json.array(raw.module("console").complete(text)))
end

return handlers
