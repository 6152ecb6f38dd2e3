---@meta moonbeat
--- What job files and the console see, for editors with the Lua language server: add this folder and
--- its parent to `workspace.library`. Never run; json, time, kv, log, exec, http, sqlite and fs are
--- described where they are defined, triggers
--- in trigger.lua.

-- ---- jobs ----

---@class retry
---@field attempts? integer in all, the first included
---@field backoff? "fixed"|"linear"|"exponential"
---@field delay? duration
---@field factor? number of the exponential backoff
---@field max_delay? duration
---@field jitter? number|string a share of the delay (0.2) or a time ("5s") that is added at most
---@field retry_on? string|string[] Lua patterns, one of which the error must match
---@field give_up_on? string|string[] Lua patterns, none of which the error may match
--- The delay; false: give up; nil: as the rest says.
---@field decide? string|fun(run: run, error: string): duration|boolean|nil

---@class job.unique
---@field key? string "sync-{1}"; what runs and its arguments when not given
---@field period? duration only while the pending one is younger; always when not given
---@field on_conflict? "skip"|"replace"|"extend"

---@class job.limits of the process of an isolated run; going over one fails the run
---@field memory? integer|string bytes, "256M", beyond what moonbeat needs there; 256 MiB when not given
---@field cpu? duration of one run, in whole seconds, rounded up; any when not given
---@field files? integer open at once; 256 when not given

---@class job.options
---@field id? string
---@field name? string for people
---@field trigger? trigger|string|time.value without one it runs only when asked
---@field run? action|command
---@field func? string|action "script.function"; a declared job takes functions of its own script only
---@field args? any[] what the function is given after `run`, a command in MOONBEAT_ARGS
---@field timezone? string of a trigger that names none
---@field enabled? boolean false: starts paused
---@field max_instances? integer
---@field overlap? "skip"|"buffer_one"|"buffer_all"|"cancel_other"|"terminate_other"|"allow"
---@field buffer_limit? integer
---@field misfire_grace_time? duration
---@field coalesce? boolean|"latest"|"earliest"|"all"
---@field replay_limit? integer
---@field replay_rate? string "10/s"
---@field pool? string
---@field priority? integer
---@field concurrency_key? string "shop-{1}"
---@field concurrency_limit? integer
---@field rate? string "10/s"
---@field unique? boolean|job.unique of add_job
---@field soft_timeout? duration
---@field timeout? duration
---@field cancel_grace? duration
---@field heartbeat_timeout? duration
---@field retry? integer|retry|fun(run: run, error: string): duration|boolean|nil
---@field max_interruptions? integer
---@field expect? duration
---@field max_failures? integer
--- These hear of the job's events durably; only in a script's declaration.
---@field on_success? fun(event: event)
---@field on_failure? fun(event: event) no attempt follows
---@field on_recovered? fun(event: event) the first success behind failures
---@field on_late? fun(event: event) it has not succeeded for longer than its `expect`
---@field isolate? boolean runs in a process of its own, which can be killed whatever it does
---@field limits? job.limits of that process
---@field env? table<string, string> variables of that process
---@field tags? string[]
---@field delivery? "at_least_once"|"at_most_once"
---@field replace_existing? boolean

--- job "id" { ... } or job { id = "id", ... }.
---@param id string
---@return fun(options: job.options): string
---@overload fun(options: job.options): string
function job(id) end

--- parallel = true at the top level of a job file: the script has a state on each worker, and its runs go to the
--- one that has the fewest. The file runs once on each worker; globals are not shared between the states, and what
--- it declares counts once.
---@type boolean?
parallel = nil

--- pool("db", 4): a job with pool = "db" takes one of its four slots while it runs.
---@param name string
---@param slots integer 0 lets nothing begin
function pool(name, slots) end

---@class command
---@field argv? string[]
---@field shell? string
---@field cwd? string
---@field env? table<string, string|false>
---@field clean_env? boolean
---@field stdin? string
---@field timeout? duration
---@field grace? duration

--- command { "pg_dump", "-Fc", "shop", timeout = "5m" } or command "df -h | mail me". Which run it is, it finds in
--- MOONBEAT_JOB, MOONBEAT_RUN, MOONBEAT_RUN_KEY, MOONBEAT_ATTEMPT, MOONBEAT_SCHEDULED_AT; its arguments and events, as
--- JSON, in MOONBEAT_ARGS and MOONBEAT_EVENTS.
---@param words string|(string|number)[]|command
---@return command
function command(words) end

---@alias event.name
---| "job_add_skipped" | "job_added" | "job_cancelled" | "job_cancelling" | "job_error" | "job_executed"
---| "job_interrupted" | "job_late" | "job_log" | "job_max_instances" | "job_missed" | "job_modified" | "job_paused"
---| "job_progress" | "job_quarantined" | "job_recovered" | "job_removed" | "job_resumed"
---| "job_retry" | "job_snoozed" | "job_started" | "job_submitted" | "job_waiting"
---| "scheduler_clock_stepped"
---| "scheduler_events_lost" | "scheduler_listener_failed" | "scheduler_listener_full"
---| "scheduler_pool_changed" | "scheduler_shutdown" | "scheduler_started" | "scheduler_store_full"
---| "scheduler_store_recovered" | "scheduler_worker_recovered" | "scheduler_worker_stuck"
---| "scheduler_workers_complete" | "scheduler_workers_short"
---| "script_failed" | "script_loaded" | "script_removed"

--- What happened. One that was emitted has its own members beside `event` and `at`.
---@class event
---@field event event.name|string "on_file", what was emitted, ...
---@field id? string for listeners: the same each time this event is delivered
---@field delivery? integer for listeners: 1, or more when it may have been delivered before
---@field at time.value
---@field job? string
---@field run? string
---@field scheduled_at? time.value
---@field attempt? integer
---@field state? string
---@field result? any
---@field error? string
---@field path? string of on_file
---@field change? "created"|"changed" of on_file
---@field size? integer of on_file
---@field modified_at? time.value of on_file
---@field signal? string of on_signal
---@field database? string of on_change
---@field table? string of on_change
---@field operation? "insert"|"update"|"delete" of on_change
---@field rowid? integer of on_change, where the table has such
---@field key? any[] of on_change, where it has not: the primary key
---@field [string] any

---@class pool.view
---@field name string
---@field slots integer
---@field used integer
---@field waiting integer
---@field runs string[] ids of those that have a slot
---@field script? string who declared it

---@return pool.view[]?, string? message, string? code
function scheduler.get_pools() end
---@param name string
---@param slots integer
---@return boolean?, string? message, string? code
function scheduler.set_pool(name, slots) end
---@param name string
---@return boolean?, string? message, string? code
function scheduler.remove_pool(name) end

---@alias event_names event.name|string|string[]

---@class listener_options
---@field name? string by which a durable listener is known again when the script has changed
---@field durable? boolean each event is kept in the store until the function has returned
---@field attempts? integer of a durable listener, 8 when not given: then the event is set aside
---@field timeout? duration of one call, 30 s when not given

---@class listener_table: listener_options
---@field event? event.name|string|string[]
---@field filter? table<string, any>
---@field run fun(event: event)

--- Hears of events: a name, a pattern like "job_*", or a list of such; also of those that scripts and
--- `moonbeat emit` make. The filter is a table of the event's members, each a value or a list of
--- values, with * and ? in texts: { job = "orders", state = { "failed", "timed_out" } }. A member that
--- none of the scheduler's own events wanted has is an error.
---@overload fun(listener: listener_table)
---@overload fun(events: event_names, filter: table, listener: fun(event: event), options?: listener_options)
---@param events event.name|string|string[]
---@param listener fun(event: event)
---@param options? listener_options
function on(events, listener, options) end

---@param length duration
function sleep(length) end

-- ---- the scheduler ----

---@class job_object
---@field id string
---@field name? string
---@field state "active"|"paused"|"finished"|"error"
---@field trigger? trigger
---@field trigger_text? string
---@field next_run_at? time.value
---@field last_run_at? time.value
---@field last_success_at? time.value of one with `expect`
---@field failures integer runs that failed in a row
---@field existing? boolean of add_job: a unique one that was pending already
---@field late boolean it has not succeeded for longer than its `expect`
---@field script? string
---@field func? string
---@field args? any[]
---@field tags? string[]
---@field error? string why it is in error, or was paused
local job_object = {}

---@return job_object?, string? message, string? code
function job_object:pause() end
---@return job_object?, string? message, string? code
function job_object:resume() end
---@param changes job.options
---@return job_object?, string? message, string? code
function job_object:modify(changes) end
---@param when trigger|string|time.value
---@return job_object?, string? message, string? code
function job_object:reschedule(when) end
---@return job_object?, string? message, string? code
function job_object:refresh() end
---@return job_object?, string? message, string? code
function job_object:remove() end
---@param options? {now: boolean} now: kill it at once
---@return table?, string? message, string? code
function job_object:cancel(options) end
---@return string? run, string? message, string? code
function job_object:run_now(...) end
---@param count? integer
---@return time.value[]?, string? message, string? code
function job_object:next(count) end
---@return reason[]?, string? message, string? code
function job_object:why() end
---@param limit? integer
---@return table[]?, string? message, string? code
function job_object:skips(limit) end
---@return run_object[]?, string? message, string? code
function job_object:runs() end
---@return table[]?, string? message, string? code
function job_object:logs() end

---@class run_object
---@field id string
---@field job string
---@field state "pending"|"running"|"succeeded"|"failed"|"timed_out"|"cancelled"|"interrupted"
---@field cause "schedule"|"manual"|"event"
---@field attempt integer
---@field scheduled_at time.value
---@field claimed_at? time.value
---@field started_at? time.value
---@field finished_at? time.value
---@field result? any
---@field error? string

---@class reason
---@field kind string "paused", "pool", "due", ...
---@field text string a sentence
---@field at? time.value
---@field since? time.value
---@field clears_at? time.value when it stands in the way no more, where that is known
---@field held_by? string[] runs

---@alias job.reference string|job_object

---@class scheduler
scheduler = {}

---@param spec job.options
---@return job_object?, string? message, string? code
function scheduler.add_job(spec) end
---@param specs job.options[]
---@return integer? added, integer|string existing unique ones that were pending already, string? code
function scheduler.add_jobs(specs) end
---@param job job.reference
---@return job_object?, string? message, string? code
function scheduler.get_job(job) end
---@param filter? {script?: string, state?: string, tag?: string, late?: boolean, failing?: boolean, limit?: integer}
---@return job_object[]?, string? message, string? code
function scheduler.get_jobs(filter) end
---@param filter? {script?: string, state?: string, tag?: string, late?: boolean, failing?: boolean, limit?: integer}
function scheduler.print_jobs(filter) end
--- Of a declared job it holds until its script is loaded again, as at each start.
---@param job job.reference
---@param changes job.options
---@return job_object?, string? message, string? code
function scheduler.modify_job(job, changes) end
--- Likewise.
---@param job job.reference
---@param when trigger|string|time.value
---@return job_object?, string? message, string? code
function scheduler.reschedule_job(job, when) end
---@param job job.reference
---@return job_object?, string? message, string? code
function scheduler.pause_job(job) end
---@param job job.reference
---@return job_object?, string? message, string? code
function scheduler.resume_job(job) end
---@param job job.reference
---@return job_object?, string? message, string? code
function scheduler.remove_job(job) end
---@param job job.reference
---@param ... any
---@return string? run, string? message, string? code
function scheduler.run_now(job, ...) end
---@param job job.reference
---@param count? integer
---@return time.value[]?, string? message, string? code
function scheduler.next(job, count) end
---@param job job.reference|run_object a job, or a run by its id
---@return reason[]?, string? message, string? code
function scheduler.why(job) end
---@param job job.reference
---@param limit? integer
---@return {first_at: time.value, last_at: time.value, count: integer, reason: string}[]?, string? message, string? code
function scheduler.skips(job, limit) end
---@param filter? job.reference|{job?: job.reference, state?: string, limit?: integer, before?: string}
---@return run_object[]?, string? message, string? code
function scheduler.runs(filter) end
---@param run string|run_object|job_object
---@return run_object?, string? message, string? code
function scheduler.get_run(run) end
---@param run string|run_object|job_object
---@return {at: time.value, level: string, text: string}[]?, string? message, string? code
function scheduler.logs(run) end
---@param run string|run_object|job_object
---@param options? {now: boolean} now: kill it at once
---@return table?, string? message, string? code
function scheduler.cancel_run(run, options) end
---@param name string
---@param source string
---@return table?, string? message, string? code
function scheduler.add_script(name, source) end
---@param name string
---@return table?, string? message, string? code
function scheduler.remove_script(name) end
---@param name string
---@param revision? integer
---@return table?, string? message, string? code
function scheduler.show_script(name, revision) end
---@param name string
---@param revision? integer
---@return table?, string? message, string? code
function scheduler.rollback_script(name, revision) end
---@return table[]?, string? message, string? code
function scheduler.scripts() end
---@return table[]?, string? message, string? code
function scheduler.reload() end
---@return table?, string? message, string? code
function scheduler.status() end
---@return {name: string, definition: calendar.definition, script?: string}[]?, string? message, string? code
function scheduler.get_calendars() end
---@param name string
---@return boolean?, string? message, string? code
function scheduler.remove_calendar(name) end
---@overload fun(listener: listener_table): boolean?, string?, string?
---@param listener fun(event: event)
---@param events? event.name|string|string[]
---@param filter? table<string, any>
---@param options? listener_options
---@return boolean?, string? message, string? code
function scheduler.add_listener(listener, events, filter, options) end
---@param listener fun(event: event)
---@return boolean?, string? message, string? code
function scheduler.remove_listener(listener) end

---@class listener_object
---@field listener string "script/name"
---@field script string
---@field name string
---@field events string[]
---@field filter? table<string, any>
---@field durable boolean
---@field delivered integer
---@field waiting integer
---@field failed integer
---@field dropped integer
---@field dead integer
---@field error? string
---@field error_at? time.value
---@field retry_at? time.value
---@field dead_letters? dead_letter[]

---@class dead_letter
---@field event string
---@field content table
---@field deliveries integer
---@field died_at time.value
---@field error? string

---@return listener_object[]?, string? message, string? code
function scheduler.get_listeners() end
---@param name string|listener_object
---@return listener_object?, string? message, string? code
function scheduler.get_listener(name) end
---@param name string|listener_object
---@return integer? count, string? message, string? code
function scheduler.retry_listener(name) end
---@param name string|listener_object
---@return integer? count, string? message, string? code
function scheduler.discard_dead_letters(name) end

--- Tells all listeners of `name`, and sets off the jobs that wait with on_event(name) and whose filter
--- it passes. It is kept for them when this returns. How many jobs wait.
---@param name string must not begin with job_, script_ or scheduler_
---@param members? table<string, any> of the event, beside `event` and `at`
---@return integer? jobs, string? message, string? code
function scheduler.emit(name, members) end

---@type json
json = nil
---@type time
time = nil
---@type kv
kv = nil
---@alias lock.action fun(handle: lock.handle): ...
---@type fun(name: string, options?: lock.options|lock.action, action?: lock.action): any, string?, string?
lock = nil
---@type fun(name: string, default?: string): string
secret = nil
---@type log
log = nil
---@type http
http = nil
---@type sqlite
sqlite = nil
---@type fs
fs = nil
---@type crypto
crypto = nil
---@type email
email = nil
---@type env
env = nil
---@type template
template = nil
---@param ... any
function print(...) end
---@type fun(value: any): string
inspect = nil
---@type webhook
webhook = nil
---@type fun(source: string|exec.options, options?: exec.options): exec.result?, string?, string?
exec = nil

-- ---- only at the console ----

--- All jobs, as a table.
---@return job_object[]
function jobs(filter) end

--- The latest runs, as a table.
---@return run_object[]
function runs(filter) end

--- What there is, or what a name means.
---@param topic? any
function help(topic) end
