--- The `scheduler` table: what a script, a listener or the console asks the scheduler while it runs.
-- The names are APScheduler's where it has one.
--
-- Each function is one request, which waits without blocking others. Misuse raises at the caller's
-- line; what the world refuses (no such job, an id that is taken) comes back as nil, a sentence and
-- a code ("not_found", "exists", ...). Wherever a job is asked for, its id or a job object will do.

local raw = ...
local fail = raw.module("fail")
local declared = raw.module("declared")
local listeners = raw.module("listeners")
local to_spec = raw.module("spec")

---@class scheduler
local scheduler = {}

local function ask(op, params)
  local result, message, code = raw.request(op, params)
  if result == nil and (code == "invalid" or code == "usage") then
    fail("%s", message)
  end
  return result, message, code
end

-- ---- job objects ----

---@class job_object
local methods = {}
local Job = { __name = "job", __index = methods }

local function to_time(value)
  return type(value) == "string" and raw.time_parse(value) or value
end

local function fill_job(job, members)
  for key in pairs(job) do
    job[key] = nil
  end
  for key, value in pairs(members) do
    if value ~= raw.json_null then
      job[key] = value
    end
  end
  job.next_run_at = to_time(job.next_run_at)
  job.last_run_at = to_time(job.last_run_at)
  job.last_success_at = to_time(job.last_success_at)
  if type(job.trigger) == "table" then
    raw.module("trigger").adopt(job.trigger)
  end
  return setmetatable(job, Job)
end

local function to_job(members, message, code)
  if members == nil then
    return nil, message, code
  end
  return fill_job({}, members)
end

function Job:__tostring()
  local next_run = self.next_run_at and "next run " .. tostring(self.next_run_at) or self.state
  return ("job %s: %s, %s"):format(self.id, raw.module("tables").trigger_of(self), next_run)
end

Job.__eq = function(a, b)
  return a.id == b.id
end

local function job_id(job, name)
  if type(job) == "string" then
    return job
  elseif type(job) == "table" and type(job.id) == "string" then
    return job.id
  end
  fail("scheduler.%s wants a job or its id, not a %s", name, type(job))
end

--- The id of a run, of a run object, or of a job (which stands for its latest run).
local function run_id(run, name)
  if type(run) == "table" and type(run.id) == "string" then
    return run.id
  elseif type(run) == "string" then
    return run
  end
  fail('scheduler.%s wants a run, its id like "job@2026-11-21T09:00:00Z" or a job, not a %s', name, type(run))
end

-- ---- run objects ----

local Run = { __name = "run" }

function Run:__tostring()
  return ("run %s: %s%s"):format(self.id, self.state, self.error and ", " .. self.error:match("[^\n]*") or "")
end

local run_times = { "due_at", "scheduled_at", "claimed_at", "started_at", "finished_at" }

local function to_run(members)
  for key, value in pairs(members) do
    if value == raw.json_null then
      members[key] = nil
    end
  end
  for _, field in ipairs(run_times) do
    members[field] = to_time(members[field])
  end
  return setmetatable(members, Run)
end

-- ---- jobs ----

--- Adds a job: scheduler.add_job { id = "order-42", func = "orders.cancel_unpaid", args = { 42 },
-- trigger = after "15m" }. Durable when it returns. With `unique` it may be one that is pending
-- already, which has `existing = true` then.
function scheduler.add_job(spec)
  local prepared, kept = to_spec(spec, "add_job")
  local job, message, code = raw.request("add_job", prepared)
  if job and not (kept and job.existing) then
    return to_job(job)
  elseif kept then
    raw.request("remove_script", { name = kept })
  end
  if job then
    return to_job(job)
  elseif code == "invalid" then
    fail("%s", message)
  end
  return nil, message, code
end

local LOT_COUNT = 2000
local LOT_SIZE = raw.request_max - 100 -- what is around the jobs is less

--- As many as a request may hold: its text, and the first that is not in it, nil at the end.
local function encode_lot(specs, first)
  local texts, size = {}, 0
  for i = first, math.min(first + LOT_COUNT - 1, #specs) do
    local where = ("jobs[%d]"):format(i)
    local text, message = raw.json_encode(to_spec(specs[i], "add_jobs"), where)
    if not text then
      fail("scheduler.add_jobs: %s", message)
    elseif #text >= LOT_SIZE then
      fail("scheduler.add_jobs: %s: more than %d MiB of JSON", where, raw.request_max >> 20)
    end
    size = size + #text + 1
    if size > LOT_SIZE then
      break
    end
    texts[#texts + 1] = text
  end
  local rest = first + #texts
  return '{"jobs":[' .. table.concat(texts, ",") .. "]}", rest <= #specs and rest or nil
end

--- Adds many jobs at once and returns how many, and how many unique ones were pending already. Each
-- 2,000, or 2 MiB of JSON, are added all or not at all; while the scheduler adds one lot, the next is
-- prepared.
function scheduler.add_jobs(specs)
  if type(specs) ~= "table" then
    fail("scheduler.add_jobs wants a list of tables, not a %s", type(specs))
  end
  local added, existing = 0, 0
  local text, rest
  if #specs > 0 then
    text, rest = encode_lot(specs, 1)
  end
  while text do
    local request = raw.request_start("add_jobs", text)
    text = nil
    if rest then
      text, rest = encode_lot(specs, rest)
    end
    local result, message, code = raw.request_end(request)
    if not result then
      return nil, ("%s (%d jobs were added before)"):format(message, added), code
    end
    added, existing = added + result.added, existing + result.existing
  end
  return added, existing
end

function scheduler.get_job(job)
  return to_job(raw.request("show", { job = job_id(job, "get_job") }))
end

--- All jobs, or those of a script, a state or a tag: scheduler.get_jobs { state = "paused" }; or those
-- in trouble: { late = true }, { failing = true }.
function scheduler.get_jobs(filter)
  filter = raw.check_options("scheduler.get_jobs", filter, "script", "state", "tag", "late", "failing", "limit")
  local params = {
    script = filter.script, state = filter.state, tag = filter.tag, limit = filter.limit,
    late = filter.late, failing = filter.failing,
  }
  local jobs = {}
  repeat
    local page, message, code = ask("list", params)
    if not page then
      return nil, message, code
    end
    for _, members in ipairs(page.jobs) do
      jobs[#jobs + 1] = fill_job({}, members)
    end
    params.after, params.limit = page.next, filter.limit and filter.limit - #jobs
  until type(page.next) ~= "string" or params.limit == 0
  return setmetatable(jobs, raw.module("tables").Jobs)
end

function scheduler.print_jobs(filter)
  local jobs, message, code = scheduler.get_jobs(filter)
  if not jobs then
    return nil, message, code
  end
  print(tostring(jobs))
end

function scheduler.modify_job(job, changes)
  changes = to_spec(changes, "modify_job")
  return to_job(ask("modify_job", { job = job_id(job, "modify_job"), changes = changes }))
end

function scheduler.reschedule_job(job, when)
  if when == nil then
    fail("scheduler.reschedule_job wants a trigger, like every \"1h\"")
  end
  local spec = raw.module("vocabulary").prepare { trigger = when }
  return to_job(ask("reschedule_job", { job = job_id(job, "reschedule_job"), trigger = spec.trigger }))
end

for _, name in ipairs { "pause_job", "resume_job" } do
  scheduler[name] = function(job)
    return to_job(ask(name, { job = job_id(job, name) }))
  end
end

--- Removes a job and returns it as it was. At the console the script that was made for a function
-- typed there goes with its last job.
function scheduler.remove_job(job)
  local removed, message, code = to_job(ask("remove_job", { job = job_id(job, "remove_job") }))
  if not removed then
    return nil, message, code
  end
  removed.state, removed.next_run_at = "removed", nil
  if raw.script_name() == "console" and removed.script and removed.script:find("^console_%d+$") then
    raw.request("remove_script", { name = removed.script }) -- is refused while another job uses it
  end
  return removed
end

--- Starts a run now, with these arguments in place of the job's if there are any; returns its id.
function scheduler.run_now(job, ...)
  local args = select("#", ...) > 0 and { ... } or nil
  local result, message, code = ask("run_now", { job = job_id(job, "run_now"), args = args })
  if not result then
    return nil, message, code
  end
  return result.run
end

--- The next fires of a job as times; 5 when not given.
function scheduler.next(job, count)
  local result, message, code = ask("next", { job = job_id(job, "next"), count = count or 5 })
  if not result then
    return nil, message, code
  end
  for i, fire in ipairs(result.fires) do
    result.fires[i] = raw.time_parse(fire, type(result.timezone) == "string" and result.timezone or nil)
  end
  return result.fires
end

local reason_times = { "since", "clears_at", "at", "first_at", "last_at" }

local function to_reasons(list, into)
  for _, reason in ipairs(list or {}) do
    for key, value in pairs(reason) do
      reason[key] = value ~= raw.json_null and value or nil
    end
    for _, field in ipairs(reason_times) do
      reason[field] = to_time(reason[field])
    end
    into[#into + 1] = reason
  end
  return into
end

--- All that stands between a job and its next run, in order: { kind =, text =, since =, clears_at =,
-- held_by = } each; in its `notes` what is worth knowing besides. Of a run, "job@2026-11-21T09:00:00Z" or
-- a run object, how it came to its end: { kind =, text =, at = } each; likewise of a due time that
-- became no run.
function scheduler.why(job)
  local result, message, code = ask("why", { job = job_id(job, "why") })
  if not result then
    return nil, message, code
  end
  local named = { job = result.job, run = result.run, state = result.state }
  local reasons = to_reasons(result.reasons or result.story, named)
  reasons.notes = result.notes and setmetatable(to_reasons(result.notes, {}), raw.module("tables").Reasons)
  return setmetatable(reasons, raw.module("tables").Reasons)
end

--- The due times that did not become runs: { first_at =, last_at =, count =, reason = } each.
function scheduler.skips(job, limit)
  local result, message, code = ask("skips", { job = job_id(job, "skips"), limit = limit })
  if not result then
    return nil, message, code
  end
  for _, skip in ipairs(result.skips) do
    skip.first_at, skip.last_at = to_time(skip.first_at), to_time(skip.last_at)
  end
  return setmetatable(result.skips, raw.module("tables").Skips)
end

-- ---- runs ----

--- The latest runs, newest first: of all jobs, of a job, or as in { job =, state =, limit = }.
function scheduler.runs(filter)
  if type(filter) == "string" or (type(filter) == "table" and rawget(filter, "id")) then
    filter = { job = filter }
  end
  filter = raw.check_options("scheduler.runs", filter, "job", "state", "limit", "before")
  local limit = filter.limit or 20
  local params = {
    job = filter.job and job_id(filter.job, "runs"), state = filter.state, limit = limit, before = filter.before,
  }
  local runs = {}
  repeat
    local page, message, code = ask("runs", params)
    if not page then
      return nil, message, code
    end
    for _, members in ipairs(page.runs) do
      runs[#runs + 1] = to_run(members)
    end
    params.before, params.limit = page.next, limit - #runs
  until type(page.next) ~= "string" or params.limit == 0
  return setmetatable(runs, raw.module("tables").Runs)
end

--- One run with its attempts.
function scheduler.get_run(run)
  local result, message, code = ask("run", { run = run_id(run, "get_run") })
  if not result then
    return nil, message, code
  end
  return to_run(result)
end

--- The lines of a run's log: { at =, level =, text = } each.
function scheduler.logs(run)
  local lines, id = {}, run_id(run, "logs")
  local after
  repeat
    local page, message, code = ask("logs", { run = id, after = after })
    if not page then
      return nil, message, code
    end
    for _, line in ipairs(page.lines) do
      line.at = to_time(line.at)
      lines[#lines + 1] = line
    end
    after, id = page.next, page.run -- a job's id may stand for another run by now
  until #page.lines == 0 or not after
  return setmetatable(lines, raw.module("tables").Log)
end

--- Tells the run to end, and has it killed when it has not after its job's cancel_grace; with
-- { now = true } at once.
function scheduler.cancel_run(run, options)
  options = raw.check_options("scheduler.cancel_run", options, "now")
  return ask("cancel_run", { run = run_id(run, "cancel_run"), now = options.now })
end

-- ---- scripts ----

local function named(name, op)
  if type(name) ~= "string" then
    fail("scheduler.%s wants the name of a script, not a %s", op, type(name))
  end
  return name
end

--- Keeps a script in the store, in force from now on; a script of that name that was added before
-- is replaced, with its former sources kept.
function scheduler.add_script(name, source)
  if type(source) ~= "string" then
    fail("scheduler.add_script wants a name and a source text, not a %s", type(source))
  end
  return ask("add_script", { name = named(name, "add_script"), source = source })
end

function scheduler.remove_script(name)
  return ask("remove_script", { name = named(name, "remove_script") })
end

function scheduler.show_script(name, revision)
  return ask("show_script", { name = named(name, "show_script"), revision = revision })
end

--- Back to the former revision, or to the one given.
function scheduler.rollback_script(name, revision)
  return ask("rollback_script", { name = named(name, "rollback_script"), revision = revision })
end

function scheduler.scripts()
  local result, message, code = ask("scripts")
  if not result then
    return nil, message, code
  end
  return setmetatable(result.scripts, raw.module("tables").Scripts)
end

--- Reads the jobs folder again now; returns the scripts with the errors of those that failed.
function scheduler.reload()
  local result, message, code = ask("reload")
  if not result then
    return nil, message, code
  end
  return setmetatable(result.scripts, raw.module("tables").Scripts)
end

function scheduler.status()
  return ask("status")
end

-- ---- listeners ----

--- Calls `listener(event)` for each event of these names (all when not given) that the filter lets
-- pass, for as long as this script's version or this console lives. Takes one table too, as on does.
-- True, or nil, message, code.
function scheduler.add_listener(listener, wanted, filter, options)
  if type(listener) ~= "function" and type(listener) ~= "table" then
    fail("scheduler.add_listener wants a function, not a %s", type(listener))
  end
  local spec = raw.module("vocabulary").add_listener(listener, wanted, filter, options)
  if declared.is_loading then
    return true -- it is one of those that the script declares
  end
  local result, message, code = ask("listen", { listener = spec })
  if not result then
    listeners.forget(spec.id)
    return nil, message, code
  end
  return true
end

--- The function hears of nothing any more. One that the script declares is declared again when the
-- script is loaded again; a durable one stays.
function scheduler.remove_listener(listener)
  local ids = listeners.ids_of(listener)
  if #ids == 0 then
    return nil, "the function is no listener here", "not_found"
  end
  for _, id in ipairs(ids) do
    if not declared.is_loading then
      local result, message, code = ask("unlisten", { id = id })
      if not result then
        return nil, message, code
      end
    end
    listeners.forget(id)
  end
  return true
end

local function fill_listener(members)
  for key, value in pairs(members) do
    if value == raw.json_null then
      members[key] = nil
    end
  end
  members.error_at, members.retry_at = to_time(members.error_at), to_time(members.retry_at)
  for _, letter in ipairs(members.dead_letters or {}) do
    letter.died_at = to_time(letter.died_at)
  end
  return members
end

--- All listeners, of all scripts and consoles, with what was delivered, waits, failed or was dropped.
function scheduler.get_listeners()
  local result, message, code = ask("listeners")
  if not result then
    return nil, message, code
  end
  for _, members in ipairs(result.listeners) do
    fill_listener(members)
  end
  return setmetatable(result.listeners, raw.module("tables").Listeners)
end

local function listener_name(name, op)
  if type(name) == "table" then
    name = name.listener
  end
  if type(name) ~= "string" then
    fail("scheduler.%s wants the name of a listener, \"script/name\", not a %s", op, type(name))
  end
  return name
end

--- One of them, with its dead letters: the events that it failed for good.
function scheduler.get_listener(name)
  local result, message, code = ask("listener", { listener = listener_name(name, "get_listener") })
  if not result then
    return nil, message, code
  end
  return fill_listener(result)
end

for _, op in ipairs { "retry_listener", "discard_dead_letters" } do
  --- The dead letters of a durable listener are delivered anew, or are forgotten; returns how many.
  scheduler[op] = function(name)
    local result, message, code = ask(op, { listener = listener_name(name, op) })
    if not result then
      return nil, message, code
    end
    return result.count
  end
end

-- ---- events ----

--- Tells all listeners of `name`, and sets off the jobs that wait with on_event(name). The members of
-- `data` stand in the event beside "event" and "at". Returns the number of jobs that wait.
function scheduler.emit(name, data)
  if type(name) ~= "string" then
    fail("scheduler.emit wants the name of an event, not a %s", type(name))
  elseif data ~= nil and (type(data) ~= "table" or data[1] ~= nil) then
    fail("scheduler.emit: what the event tells must be a table with names, { id = 42 }, not a %s",
      type(data) == "table" and "list" or type(data))
  end
  data = data and next(data) ~= nil and data or nil -- {} could as well be a list
  local result, message, code = ask("emit", { event = name, data = data })
  if not result then
    return nil, message, code
  end
  return result.jobs
end

-- True, or nil, message, code: for what has nothing else to say.
local function done(op, params)
  local result, message, code = ask(op, params)
  if not result then
    return nil, message, code
  end
  return true
end

-- ---- calendars ----

--- The calendars that have names: a list of { name =, definition =, script = }.
function scheduler.get_calendars()
  local result, message, code = ask("calendars")
  if not result then
    return nil, message, code
  end
  for _, calendar in ipairs(result.calendars) do
    if calendar.script == raw.json_null then
      calendar.script = nil
    end
  end
  return result.calendars
end

--- Removes one that was set at run time, or whose script declares it no longer.
function scheduler.remove_calendar(name)
  return done("remove_calendar", { name = name })
end

-- ---- pools ----

--- The pools: a list of { name =, slots =, used =, waiting =, runs = { ids }, script = }.
function scheduler.get_pools()
  local result, message, code = ask("pools")
  if not result then
    return nil, message, code
  end
  for _, pool in ipairs(result.pools) do
    pool.script = pool.script ~= raw.json_null and pool.script or nil
    pool.declared = pool.declared ~= raw.json_null and pool.declared or nil
  end
  return result.pools
end

--- Makes a pool, or changes how many slots it has.
function scheduler.set_pool(name, slots)
  return done("set_pool", { name = name, slots = slots })
end

--- Removes one that no script declares and no job uses.
function scheduler.remove_pool(name)
  return done("remove_pool", { name = name })
end

-- ---- methods of a job ----

for method, name in pairs {
  pause = "pause_job",
  resume = "resume_job",
  modify = "modify_job",
  reschedule = "reschedule_job",
  refresh = "get_job",
} do
  --- These return the job itself, with its fields as they are now.
  methods[method] = function(job, ...)
    local changed, message, code = scheduler[name](job, ...)
    if not changed then
      return nil, message, code
    end
    return fill_job(job, changed)
  end
end

for method, name in pairs {
  remove = "remove_job",
  cancel = "cancel_run",
  run_now = "run_now",
  next = "next",
  why = "why",
  skips = "skips",
  runs = "runs",
  logs = "logs",
} do
  methods[method] = function(job, ...)
    return scheduler[name](job, ...)
  end
end

--- Used by completion and help.
raw.job_methods = methods

return setmetatable(scheduler, {
  __name = "scheduler",
  __index = function(_, name)
    local names = {}
    for known in pairs(scheduler) do
      names[#names + 1] = known
    end
    table.sort(names)
    fail('no function "%s" in scheduler%s', tostring(name), raw.did_you_mean(tostring(name), names))
  end,
})
