--- The Lua half of a state begins here. C runs this file once in each new state with `raw`, the table
-- of all C functions, before the script itself. It sets the globals that scripts see and returns the
-- handlers by which C calls in. `raw` itself is never visible to a script.
--
-- Handlers run inside a call (a coroutine of the worker's), so whatever they call may wait.

local raw = ...

local deferred = raw.module("deferred")
local declared = raw.module("declared")

-- What declares; let go when the script has loaded.
local declaring = { "trigger", "vocabulary", "calendar", "events", "functions", "json" }

deferred.calls(_G, "trigger", {
  cron = "cron",
  every = "every",
  interval = "every",
  at = "at",
  date = "at",
  after = "after",
  quartz = "quartz",
  oncalendar = "oncalendar",
  rrule = "rrule",
  calendar_interval = "calendar_interval",
  daily_interval = "daily_interval",
  any_of = "any_of",
  all_of = "all_of",
  except = "except",
  calendar = "calendar",
  on_start = "on_start",
  after_job = "after_job",
  on_event = "on_event",
  on_file = "on_file",
  on_signal = "on_signal",
  on_change = "on_change",
  trigger = "trigger",
})
deferred.calls(_G, "vocabulary", { job = "job", pool = "pool", on = "on", command = "command" })
deferred.calls(_G, "exec", { exec = "exec" })
deferred.calls(os, "exec", { execute = "execute" })
deferred.calls(io, "exec", { popen = "popen", type = "file_type" })
deferred.calls(io, "print", { write = "write" })
deferred.calls(_G, "print", { print = "print" })
deferred.calls(_G, "inspect", { inspect = "inspect" })
deferred.calls(_G, "lock", { lock = "lock" })
deferred.calls(_G, "secret", { secret = "secret" })

deferred.libraries(_G, {
  "crypto", "email", "env", "fs", "http", "json", "kv", "log", "scheduler", "sqlite", "template", "time", "webhook",
})
_G.sleep = raw.sleep

if raw.script_name() == "console" then
  raw.module("console").set_globals()
end
declared.remember_globals()

local handlers = {}

--- After the script's chunk has run: what it declared, as JSON. From here on `job` and `on` refuse.
function handlers.declarations()
  local text, message = raw.json_encode(raw.module("vocabulary").declarations())
  for _, name in ipairs(declaring) do
    raw.let_go(name)
  end
  return text or raw.fail(message)
end

--- Of the object that C makes for each run and that its function is given.
handlers.Run = declared.Run

--- One attempt of one run. Returns what the function returns, of which C takes the first.
function handlers.run(run, func, command_json, args_json)
  if command_json then
    return raw.module("exec").run_command(raw.json_decode(command_json), run)
  end
  -- Looked up here first, as each frame that is ever entered stays with the coroutine of a run that
  -- sleeps. The function is called in the place of this one, for the same reason.
  local action = func and declared.are_globals_first and rawget(_G, func)
  if type(action) ~= "function" then
    action = declared.find_function(run.job, func)
  end
  if args_json then
    return action(run, table.unpack(raw.json_decode(args_json)))
  end
  return action(run)
end

--- What the job's retry.decide says of an attempt that failed with this message.
function handlers.decide(run, name, message)
  return raw.module("run").decide(run, name, message)
end

--- A trigger in Lua: when is the next fire, in microseconds? Nothing when there is none any more.
function handlers.ask(name, previous_us, now_us)
  return raw.module("functions").ask_trigger(name, previous_us, now_us)
end

--- Something happened of which this state wants to hear.
function handlers.event(id, event_json, event_id, delivery)
  raw.module("listeners").tell(id, event_json, event_id, delivery)
end

--- A chunk typed at the console. Returns JSON: {"text": results as shown} or {"incomplete": true};
-- raises what the chunk raises.
function handlers.evaluate(text)
  return raw.module("json").encode(raw.module("console").evaluate(text))
end

--- Names that could stand at the end of what is typed: a JSON array of whole replacements of its
-- last word.
function handlers.complete(text)
  return raw.module("json").encode(raw.json_array(raw.module("console").complete(text)))
end

return handlers
