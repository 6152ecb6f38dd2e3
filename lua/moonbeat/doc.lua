--- The documentation that help() shows: one list of groups of entries { name, signature, text } for
-- the words of job files; the library tells of itself, by the comments of its modules.

local raw = ...

--- The names of the library, each the module of that name unless it stands `elsewhere`: in another
-- module, by another name.
local libraries = { "crypto", "email", "env", "exec", "fs", "http", "inspect", "io.popen", "io.type", "io.write",
  "json", "kv", "lock", "log", "os.execute", "print", "run", "secret", "sleep", "sqlite", "template", "time",
  "webhook" }
local elsewhere = {
  inspect = { "inspect", "inspect.inspect" },
  exec = { "exec", "process.exec" },
  ["io.popen"] = { "exec", "process.popen" },
  ["io.type"] = { "exec", "process.file_type" },
  ["io.write"] = { "print", "printing.write" },
  lock = { "lock", "lock.lock" },
  ["os.execute"] = { "exec", "process.execute" },
  print = { "print", "printing.print" },
  secret = { "secret", "secret.secret" },
  sleep = { "time", "time.sleep" },
}

local groups = {
  { "When a job runs",
    { "cron", "cron(expression, options?) -> trigger",
      'Crontab text, "0 9 * * 1-5" or "@daily", with an optional leading seconds field; or a table of APScheduler\'s '
        .. 'fields, { hour = 9, day_of_week = "mon-fri" }. Options: timezone, gap, overlap.' },
    { "every", "every(length, options?) -> trigger",
      'Equal distances of elapsed time: every "1h30m". Options: start, end, timezone. With a function or a command '
        .. 'behind, it makes a job at once: every("5s", function() print("hi") end).' },
    { "interval", "interval(length, options?) -> trigger", "The same as every." },
    { "at", "at(time, options?) -> trigger",
      'Once: at "2026-03-29 02:30" or at(time.now() + "1h"). Option: timezone.' },
    { "date", "date(time, options?) -> trigger", "The same as at." },
    { "after", "after(length) -> trigger", 'Once, that long after the job is added: after "15m".' },
    { "quartz", "quartz(expression, options?) -> trigger", 'Quartz\'s fields: quartz "0 0 9 ? * MON-FRI".' },
    { "oncalendar", "oncalendar(expression, options?) -> trigger", 'systemd\'s: oncalendar "Mon..Fri 09:00".' },
    { "rrule", "rrule(rule, options?) -> trigger",
      'iCalendar\'s: rrule("FREQ=MONTHLY;BYDAY=-1FR", { dtstart = "2026-01-01 09:00" }).' },
    { "calendar_interval", "calendar_interval { options } -> trigger",
      'Every so many years, months, weeks, days at a time of day: calendar_interval { months = 1, at = "09:00" }.' },
    { "daily_interval", "daily_interval { options } -> trigger",
      'Within a part of the day: daily_interval { every = "72m", start_time = "09:00", end_time = "17:00" }.' },
    { "any_of", "any_of(trigger, ...) -> trigger", "When any of them fires: any_of(a, b) or a | b." },
    { "all_of", "all_of(trigger, ...) -> trigger",
      "When all of them fire at the same instant: all_of(a, b) or a & b." },
    { "except", "except(trigger, calendar) -> trigger", "trigger:except(calendar), also for the text of a trigger." },
    { "calendar", 'calendar "name" { definition } or calendar { definition }',
      'Times at which triggers do not fire: dates, weekdays, times, yearly, cron, events, ics, timezone. '
        .. 'cron("0 9 * * *"):except(calendar "holidays").' },
    { "trigger", 'trigger("name", function(previous, now) ... end) -> trigger',
      "Asks the function for each fire: it returns a time behind previous (nil at first) and now, or nil for no more. "
        .. "It may take 5 seconds; an error puts its jobs in error until the script is saved anew." },
    { "trigger:limit", "trigger:limit(count) -> trigger",
      "At most so many fires, counted from when the job is added. As all these methods it gives another trigger and "
        .. "leaves this one as it is." },
    { "trigger:from", "trigger:from(time) -> trigger", "No fire before that time." },
    { "trigger:until_", "trigger:until_(time) -> trigger", "No fire behind that time." },
    { "trigger:offset", "trigger:offset(length) -> trigger", 'Each fire is moved: by "-15m" to be earlier.' },
    { "trigger:jitter", "trigger:jitter(length) -> trigger",
      "Each fire is delayed by up to that length, always the same for a job and a fire." },
    { "trigger:except", "trigger:except(calendar) -> trigger",
      "No fire while the calendar covers it: a name, several of them, or a calendar." },
    { "trigger:explain", "trigger:explain() -> sentence", "What it means." },
    { "trigger:next", "trigger:next(count?, after?) -> list of times", "The next fires, 5 when not told." },
  },
  { "When something happens",
    { "on_start", "on_start() -> trigger",
      "Once each time the daemon starts; what is added while it runs, from the next start on." },
    { "after_job", 'after_job(job, outcome?) -> trigger',
      'When a run of another job has ended: after_job "backup". outcome: "succeeded" when not given, "failed", '
        .. '"finished" for either.' },
    { "on_event", "on_event(name, { filter = }?) -> trigger",
      'When scheduler.emit or moonbeat emit tells of it: on_event("order", { filter = { shop = "berlin" } }).' },
    { "on_file", "on_file(glob, { settle = }?) -> trigger",
      'When a file is created or changed, and has been left alone for settle, "1s" when not given: '
        .. 'on_file "/srv/in/**/*.csv". Also what came while the daemon was down.' },
    { "on_signal", "on_signal(name) -> trigger", 'When the daemon gets that signal: on_signal "SIGUSR1".' },
    { "on_change", "on_change(database, table) -> trigger",
      'When rows of a table of an SQLite database change: on_change("/srv/app.db", "orders"). Also what changed while '
        .. "the daemon was down." },
    { "run.events", "run.event run.events",
      "What set the run off: the newest one, and all of them, oldest first. All of these triggers but on_start have "
        .. "the options debounce, a run begins when nothing more has come for so long, throttle, runs begin at "
        .. "least so far apart, and batch, so many events at most in one run: one, or with the others 1000, when not "
        .. "given." },
  },
  { "Jobs",
    { "pool", 'pool("name", slots)',
      'A pool of slots for all scripts: a job with pool = "name" takes one while it runs, who finds none free waits.' },
    { "job", 'job "id" { options }',
      'Declares a job in a script; adds it at the console, where job "id" alone shows it. Options: trigger, run (a '
        .. "function or a command), func, args, name, tags, timezone, enabled; overlap, max_instances, buffer_limit, "
        .. "misfire_grace_time, coalesce, replay_limit, replay_rate; pool, priority, concurrency_key, "
        .. "concurrency_limit, rate, unique; timeout, soft_timeout, cancel_grace, heartbeat_timeout; retry, delivery, "
        .. "max_interruptions; expect, max_failures, on_success, on_failure, on_recovered, on_late; isolate, limits, "
        .. "env; replace_existing." },
    { "parallel", "parallel = true",
      "At the top level of a script: it has a state on each worker, and its runs go to the one that has the fewest. "
        .. "The file runs once on each worker; globals are not shared between the states, and what it declares "
        .. "counts once." },
    { "command", "command { program, argument..., options } or command(shell line)",
      "What a job runs in place of a function; what it leaves of its process group ends with it. Options: cwd, env, "
        .. "clean_env, stdin, timeout, grace. Which run it is, it finds in MOONBEAT_JOB, MOONBEAT_RUN (run.id), "
        .. "MOONBEAT_RUN_KEY (run.key), MOONBEAT_ATTEMPT and MOONBEAT_SCHEDULED_AT; the arguments and the events "
        .. "that set it off, as JSON lists where there are any, in MOONBEAT_ARGS and MOONBEAT_EVENTS." },
    { "on", 'on(events, filter?, function(event) ... end, options?)',
      'Hears of events: a name, a pattern like "job_*" or a list; also of those that are emitted. The filter is a '
        .. 'table of members, { job = "orders", state = { "failed", "timed_out" } }, with * and ? in texts; what it '
        .. "does not let pass costs nothing. Options: durable = true keeps each event in the store until the function "
        .. "has returned, and tries again when it fails, attempts times (8); name, by which a durable listener is "
        .. 'known again; timeout ("30s"). Also as one table: on { event = "job_error", durable = true, '
        .. "run = function }. event.id is the same each time an event comes and event.delivery counts, unless it was "
        .. "emitted with members of these names. moonbeat events --list names all." },
  },
  { "The scheduler",
    { "scheduler.add_job", "scheduler.add_job { id =, func = \"script.function\", args =, trigger =, ... } -> job",
      "Adds a job that stays until it is removed; at the console func may be a function typed here." },
    { "scheduler.add_jobs", "scheduler.add_jobs { {...}, ... } -> count",
      "Many at once; each 2,000, or 2 MiB of JSON, all or not at all." },
    { "scheduler.get_job", "scheduler.get_job(job) -> job",
      "A job with its fields as they are now. Its methods do what the functions of the scheduler do." },
    { "job:pause", "job:pause() -> job", "scheduler.pause_job of it." },
    { "job:resume", "job:resume() -> job", "scheduler.resume_job of it." },
    { "job:modify", "job:modify(changes) -> job", "scheduler.modify_job of it." },
    { "job:reschedule", "job:reschedule(trigger) -> job", "scheduler.reschedule_job of it." },
    { "job:refresh", "job:refresh() -> job", "Reads its fields anew." },
    { "job:remove", "job:remove() -> job", "scheduler.remove_job of it." },
    { "job:run_now", "job:run_now(args...) -> run id", "scheduler.run_now of it." },
    { "job:cancel", "job:cancel(options?)", "scheduler.cancel_run of its latest run." },
    { "job:next", "job:next(count?) -> list of times", "Its next fires." },
    { "job:why", "job:why() -> list", "What stands between it and its next run: see scheduler.why." },
    { "job:skips", "job:skips(limit?) -> list", "Its due times that did not become runs, and why." },
    { "job:runs", "job:runs() -> list", "Its latest runs." },
    { "job:logs", "job:logs() -> list", "The lines of its latest run's log." },
    { "scheduler.get_jobs", "scheduler.get_jobs { script =, state =, tag =, limit = } -> list", "All that match." },
    { "scheduler.print_jobs", "scheduler.print_jobs(filter?)", "Prints them as a table." },
    { "scheduler.modify_job", "scheduler.modify_job(job, changes) -> job",
      "Changes options of a job; of a declared one until its script is loaded again, as at each start." },
    { "scheduler.reschedule_job", "scheduler.reschedule_job(job, trigger) -> job",
      "Gives it another trigger, likewise." },
    { "scheduler.pause_job", "scheduler.pause_job(job) -> job",
      "Its due times are skipped until it is resumed; open runs go on, with their retries." },
    { "scheduler.resume_job", "scheduler.resume_job(job) -> job", "Runs again." },
    { "scheduler.remove_job", "scheduler.remove_job(job) -> job", "Removes an added job." },
    { "scheduler.run_now", "scheduler.run_now(job, args...) -> run id", "A run at once, beside its schedule." },
    { "scheduler.next", "scheduler.next(job, count?) -> list of times", "The next fires." },
    { "scheduler.why", "scheduler.why(job or run) -> list",
      "All that stands between a job and its next run, in order, and when each clears; or how a run came to its end: "
        .. "{ kind =, text =, since =, clears_at =, held_by = } each." },
    { "scheduler.skips", "scheduler.skips(job, limit?) -> list", "The due times that did not become runs, and why." },
    { "scheduler.runs", "scheduler.runs(job or { job =, state =, limit = }) -> list", "The latest runs." },
    { "scheduler.get_run", "scheduler.get_run(run) -> run", "One run with its attempts." },
    { "scheduler.logs", "scheduler.logs(run or job) -> list", "The lines of a run's log." },
    { "scheduler.cancel_run", "scheduler.cancel_run(run or job, options?)",
      "Tells a run to end, and kills it when it has not after cancel_grace; { now = true } kills it at once." },
    { "scheduler.add_script", "scheduler.add_script(name, source)", "Keeps a script in the store." },
    { "scheduler.remove_script", "scheduler.remove_script(name)", "Removes such a script and its jobs." },
    { "scheduler.show_script", "scheduler.show_script(name, revision?) -> table", "Its source and its revisions." },
    { "scheduler.rollback_script", "scheduler.rollback_script(name, revision?)", "Puts an older source in force." },
    { "scheduler.scripts", "scheduler.scripts() -> list", "All scripts, with the errors of those that do not load." },
    { "scheduler.reload", "scheduler.reload() -> list", "Reads the jobs folder again now." },
    { "scheduler.status", "scheduler.status() -> table", "How the daemon is." },
    { "scheduler.get_calendars", "scheduler.get_calendars() -> list of { name =, definition =, script = }",
      "The calendars that have names." },
    { "scheduler.remove_calendar", "scheduler.remove_calendar(name) -> true",
      "Removes one that no script declares and no job uses." },
    { "scheduler.get_pools", "scheduler.get_pools() -> list of { name =, slots =, used =, waiting =, runs = }",
      "The pools, and who has their slots." },
    { "scheduler.set_pool", "scheduler.set_pool(name, slots) -> true",
      "Makes a pool, or changes how many slots it has; what the script that declares it says next wins." },
    { "scheduler.remove_pool", "scheduler.remove_pool(name) -> true",
      "Removes one that no script declares and no job uses." },
    { "scheduler.add_listener", "scheduler.add_listener(function, events?, filter?, options?)",
      "Hears of events at run time, as on does, until the script is loaded again or the console ends." },
    { "scheduler.remove_listener", "scheduler.remove_listener(function)", "Hears no more." },
    { "scheduler.get_listeners", "scheduler.get_listeners() -> list",
      "All listeners: what was delivered, waits, failed, was dropped, and the last error." },
    { "scheduler.get_listener", "scheduler.get_listener(name) -> listener",
      'One of them, "script/name", with its dead letters: the events that it failed for good.' },
    { "scheduler.retry_listener", "scheduler.retry_listener(name) -> count",
      "Delivers the dead letters of a durable listener once more." },
    { "scheduler.discard_dead_letters", "scheduler.discard_dead_letters(name) -> count", "Forgets them." },
    { "scheduler.emit", "scheduler.emit(event, members?) -> count",
      'Tells listeners and the jobs that wait with on_event: scheduler.emit("order", { id = 42 }). How many jobs wait; '
        .. "it is kept for them when this returns." },
  },
  { "The library" },
  { "At the console",
    { "jobs", "jobs(filter?)", "All jobs, as a table." },
    { "runs", "runs(job or filter?)", "The latest runs, as a table." },
    { "help", "help(name or function?)", "This text, or that on one name. _ is the last result." },
  },
}

local doc = {}

--- Breaks a text into lines of at most 78 characters with blanks in front.
local function wrap(text, indent)
  local lines, line = {}, indent
  for word in text:gmatch("%S+") do
    if #line + #word + 1 > 78 and line ~= indent then
      lines[#lines + 1] = line
      line = indent
    end
    line = line == indent and indent .. word or line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local function names_of(group)
  local names = {}
  for i = 2, #group do
    names[#names + 1] = group[i][1]
  end
  return names
end

local function overview()
  local lines = {}
  for _, group in ipairs(groups) do
    lines[#lines + 1] = group[1] .. ":"
    lines[#lines + 1] = wrap(table.concat(group[1] == "The library" and libraries or names_of(group), "  "), "  ")
  end
  lines[#lines + 1] = 'help "name" tells more about one of them.'
  return table.concat(lines, "\n")
end

-- ---- the library ----

local function append(list, more)
  return table.move(more, 1, #more, #list + 1, list)
end

-- Where a documented function stands in the modules: its module and its name there.
local function place_of(name)
  local place = elsewhere[name]
  if place then
    return place[1], place[2]
  end
  return name:match "^[%w_]+", name
end

local function is_library(module_name)
  for _, library in ipairs(libraries) do
    if place_of(library) == module_name then
      return true
    end
  end
  return false
end

local function columns(fields, indent)
  local lines = {}
  for i, field in ipairs(fields) do
    local head = indent .. field.name .. ": " .. field.type
    lines[i] = field.text == "" and head or wrap(head .. " -- " .. field.text, indent)
  end
  return lines
end

-- A function: how it is called, what it does, what it is given, and the fields of tables in that and
-- of the result.
local function describe(module, name, entry)
  local lines = { (entry.signature:gsub("^[%w_.:]*[%w_]", name, 1)), wrap(entry.text, "  ") }
  local shown = {}
  -- What a function is given or gives is not what this one is given.
  local function add_classes(types)
    for class in types:gsub("fun%b()", ""):gmatch "[%w_.]+" do
      if module.classes[class] and not shown[class] then
        shown[class] = true
        append(lines, columns(module.classes[class], "    "))
      end
    end
  end
  for _, param in ipairs(entry.params) do
    append(lines, columns({ param }, "  "))
    add_classes(param.type)
  end
  local results = entry.signature:match "%-> (.+)$"
  local count = #lines
  if results then
    add_classes(results)
  end
  if #lines > count then
    table.insert(lines, count + 1, "  the result:")
  end
  return table.concat(lines, "\n")
end

-- A whole module: the text at its top, and its functions.
local function describe_module(module, topic)
  local lines = { module.text, "" }
  if module.classes[topic] then
    append(lines, columns(module.classes[topic], "  "))
    lines[#lines + 1] = ""
  end
  for _, name in ipairs(module.names) do
    lines[#lines + 1] = wrap(module.entries[name].signature, "  ")
  end
  return table.concat(lines, "\n")
end

-- lock:release is lock.handle:release, time:add is time.value:add.
local function method_of(module, name)
  local method = name:match "^[%w_]+(:[%w_]+)$"
  for _, known in ipairs(method and module.names or {}) do
    if known:sub(-#method) == method then
      return known
    end
  end
end

-- A method of what the library gives, whatever a script calls that: db:rows is sqlite.database:rows.
local function find_method(topic)
  for _, library in ipairs(topic:find "^[%w_]+:[%w_]+$" and libraries or {}) do
    local module = raw.module("comments").of((place_of(library)))
    local name = module and method_of(module, topic)
    if name then
      return describe(module, name, module.entries[name])
    end
  end
end

-- The text on a name of the library, or nil.
local function find_in_library(topic)
  topic = topic:gsub("^kv%.shared%.", "kv.")
  local module_name, name = place_of(topic)
  local module = is_library(module_name) and raw.module("comments").of(module_name)
  if not module then
    return find_method(topic)
  end
  for _, library in ipairs(libraries) do
    if library == topic and not elsewhere[topic] then
      return describe_module(module, topic)
    end
  end
  name = method_of(module, name) or name
  local entry = module.entries[name]
  if entry then
    return describe(module, elsewhere[topic] and topic or name, entry)
  end
  local class, member = name:match "^(.+)[.:]([%w_]+)$"
  for _, field in ipairs(module.classes[class] or {}) do
    if field.name:gsub("%?$", "") == member then
      return columns({ { name = class .. "." .. field.name, type = field.type, text = field.text } }, "")[1]
    end
  end
  return module.classes[name] and name .. "\n" .. table.concat(columns(module.classes[name], "  "), "\n")
end

-- The names of all functions of the library.
local function library_names()
  local names = {}
  for name in pairs(elsewhere) do
    names[#names + 1] = name
  end
  for _, library in ipairs(libraries) do
    local module = not elsewhere[library] and raw.module("comments").of(library)
    if module then
      names[#names + 1] = library
      append(names, module.names)
    end
  end
  table.sort(names)
  return names
end

-- ---- names ----

--- The value that a documented name stands for, without running anything.
local function value_of(name)
  local first, rest = name:match "^([^.]+)(.*)$"
  local value = _G[first]
  for part in rest:gmatch("[^.]+") do
    value = type(value) == "table" and rawget(value, part) or nil
  end
  return value
end

-- The entry of a name; else nil and all names.
local function find(topic)
  local names = {}
  for _, group in ipairs(groups) do
    for i = 2, #group do
      local entry = group[i]
      names[#names + 1] = entry[1]
      if entry[1] == topic or entry[1] == "scheduler." .. tostring(topic) then
        return entry
      end
    end
  end
  return nil, append(names, library_names())
end

-- The name of what is given in its place: help(fs.read).
local function name_of(topic)
  local _, names = find(nil)
  for _, name in ipairs(names) do
    if rawequal(value_of(name), topic) then
      return name
    end
  end
end

--- The overview, or what there is to say about a name, a function or a table.
function doc.help(topic)
  if topic == nil then
    return overview()
  elseif topic == value_of("scheduler") then
    topic = "scheduler.add_job"
  elseif type(topic) ~= "string" then
    local kind = type(topic)
    topic = name_of(topic)
    if not topic then
      return ("no help on this %s; help() lists what there is"):format(kind)
    end
  end
  local entry, names = find(topic)
  if entry then
    return entry[2] .. "\n" .. wrap(entry[3], "  ")
  end
  return find_in_library(topic) or ('no help on "%s"%s'):format(topic, raw.did_you_mean(topic, names))
end

--- All documented names.
function doc.names()
  local _, names = find(nil)
  return names
end

return doc
