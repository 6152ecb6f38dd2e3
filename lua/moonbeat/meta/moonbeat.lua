---@meta moonbeat
--- What job files and the console see, for editors with the Lua language server: add this folder and
--- its parent to `workspace.library`. Never run; json, time, kv, log, exec, http, sqlite and fs are
--- described where they are defined.

---@alias duration string|number "1h30m", or seconds

-- ---- times ----

---@class time.value
---@field us integer microseconds since 1970, UTC
---@field epoch number seconds since 1970
---@field zone string whose wall clock the fields below show
---@field year integer
---@field month integer
---@field day integer
---@field hour integer
---@field minute integer
---@field second integer
---@field weekday integer 1 is Monday
---@field yday integer
---@operator add(duration): time.value
---@operator sub(duration): time.value
---@operator sub(time.value): number
local time_value = {}

--- "2026-11-21", of the time that lies `offset` ("-1d") from this one.
---@param offset? duration
---@param zone? string
---@return string
function time_value:date(offset, zone) end

--- As strftime, and %f for microseconds.
---@param format string
---@param zone? string
---@return string
function time_value:format(format, zone) end

--- "2026-11-21T01:08:28+01:00"
---@param zone? string
---@return string
function time_value:iso(zone) end

--- The same time, showing another zone's wall clock.
---@param zone string
---@return time.value
function time_value:in_zone(zone) end

-- ---- triggers ----

---@alias trigger.kind
---| "all_of" | "any_of" | "calendar_interval" | "cron" | "cron_fields" | "daily_interval" | "date"
---| "interval" | "oncalendar" | "quartz" | "rrule"

--- Immutable: each method returns another trigger. `a | b` is any_of(a, b), `a & b` all_of(a, b).
---@class trigger
---@field kind trigger.kind
---@field timezone? string
---@field options? trigger.options
---@operator bor(trigger|string): trigger
---@operator band(trigger|string): trigger
local trigger = {}

--- Of every kind, in the order in which they apply.
---@class trigger.options
---@field from? string|time.value no fire before
---@field until? string|time.value no fire behind
---@field except? calendar.reference no fire while a calendar covers it
---@field limit? integer so many fires, counted from when the job is added
---@field offset? duration|string each fire is moved: "-15m" is earlier
---@field jitter? duration each fire is delayed by up to that length, the same whenever it is asked for

--- The next fires, 5 when not told.
---@param count? integer
---@param after? time.value
---@return time.value[]
function trigger:next(count, after) end

--- "At 09:00, Monday to Friday, Asia/Shanghai".
---@return string
function trigger:explain() end

---@param count integer
---@return trigger
function trigger:limit(count) end
---@param time string|time.value
---@return trigger
function trigger:from(time) end
---@param time string|time.value
---@return trigger
function trigger:until_(time) end
---@param length duration
---@return trigger
function trigger:jitter(length) end
---@param length duration may be negative: "-15m"
---@return trigger
function trigger:offset(length) end
---@param calendar calendar.reference
---@return trigger
function trigger:except(calendar) end

---@class calendar
---@overload fun(definition: calendar.definition): calendar

---@class calendar.definition
---@field dates? string|string[] "2026-12-25", "2026-12-24..2027-01-02", "2026-12-31T18:00..2027-01-01T06:00"
---@field weekdays? string|string[] "sat,sun"
---@field times? string|string[] "22:00-06:00"
---@field yearly? string|string[] "12-25"
---@field cron? string "* * 1-7 * *": the minutes that match
---@field events? string|string[] "2h of cron 0 12 * * *": what begins with each fire of a trigger
---@field ics? string the name of an iCalendar file, or its text
---@field timezone? string else that of the trigger

---@alias calendar.reference string|calendar|calendar.definition|(string|calendar)[]

--- calendar { ... } is a value, calendar "name" the one of that name, calendar "name" { ... } declares
--- it for all scripts.
---@param name_or_definition string|calendar.definition
---@return calendar
function calendar(name_or_definition) end

---@class cron.options: trigger.options
---@field timezone? string
---@field gap? "first"|"skip"|"shift" a fixed time of day in the hour that does not exist
---@field overlap? "first"|"both"|"second" one in the hour that comes twice
---@field id? string of the job, when one is made at once

---@class every.options: trigger.options
---@field weeks? number
---@field days? number
---@field hours? number
---@field minutes? number
---@field seconds? number
---@field start? string|time.value
---@field end? string|time.value
---@field timezone? string of start and end
---@field id? string

---@class at.options: trigger.options
---@field timezone? string
---@field id? string

---@alias action fun(run: run, ...): any

---@class cron.fields: cron.options
---@field year? string|integer
---@field month? string|integer
---@field day? string|integer "last", "2nd fri"
---@field week? string|integer
---@field day_of_week? string|integer 0 is Monday
---@field hour? string|integer
---@field minute? string|integer
---@field second? string|integer
---@field start? string|time.value
---@field end? string|time.value

--- Crontab text, cron "0 9 * * 1-5", or APScheduler's fields, cron { hour = 9, day_of_week = "mon-fri" }.
---@param expression string|cron.fields
---@param options? cron.options
---@param action? action|command makes a job at once
---@return trigger
function cron(expression, options, action) end

--- Equal distances of elapsed time: every "1h30m", every { hours = 1 }.
---@param length duration|every.options
---@param options? every.options|action|command
---@param action? action|command makes a job at once
---@return trigger
function every(length, options, action) end

interval = every

--- Once, at a time: at "2026-03-29 02:30".
---@param time string|time.value
---@param options? at.options|action|command
---@param action? action|command makes a job at once
---@return trigger
function at(time, options, action) end

date = at

--- Once, that long after the job is added: after "15m".
---@param length duration
---@param action? action|command makes a job at once
---@return trigger
function after(length, action) end

--- Quartz's six or seven fields: quartz "0 0 9 ? * MON-FRI".
---@param expression string
---@param options? cron.options|action|command
---@param action? action|command
---@return trigger
function quartz(expression, options, action) end

--- systemd's calendar events: oncalendar "Mon..Fri 09:00".
---@param expression string
---@param options? cron.options|action|command
---@param action? action|command
---@return trigger
function oncalendar(expression, options, action) end

---@class rrule.options: cron.options
---@field dtstart? string
---@field rdate? string|string[]
---@field exdate? string|string[]

--- A recurrence rule of iCalendar: rrule("FREQ=MONTHLY;BYDAY=-1FR", { dtstart = "2026-01-01 09:00" }).
---@param rule string
---@param options? rrule.options|action|command
---@param action? action|command
---@return trigger
function rrule(rule, options, action) end

---@class calendar_interval.options: cron.options
---@field years? integer
---@field months? integer
---@field weeks? integer
---@field days? integer
---@field at? string "09:30"
---@field hour? integer
---@field minute? integer
---@field second? integer
---@field start? string a date
---@field end? string a date

--- Every so many years, months, weeks and days at a time of day: calendar_interval { months = 1, at = "09:00" }.
---@param options calendar_interval.options
---@param action? action|command
---@return trigger
function calendar_interval(options, action) end

---@class daily_interval.options: cron.options
---@field every duration
---@field start_time? string "09:00"
---@field end_time? string
---@field weekdays? string|string[] "mon-fri"
---@field repeat? integer
---@field start? string|time.value
---@field end? string|time.value

--- Every so often within a part of the day: daily_interval { every = "72m", start_time = "09:00" }.
---@param options daily_interval.options
---@param action? action|command
---@return trigger
function daily_interval(options, action) end

--- When any of them fires; what several fire at the same instant is one: any_of(a, b) or a | b.
---@param ... trigger|string|(trigger|string)[]|action|command
---@return trigger
function any_of(...) end

--- When all of them fire at the same instant: all_of(a, b) or a & b.
---@param ... trigger|string|(trigger|string)[]|action|command
---@return trigger
function all_of(...) end

--- trigger:except(calendar).
---@param when trigger|string
---@param unless calendar.reference
---@return trigger
function except(when, unless) end

-- ---- jobs ----

---@class retry
---@field attempts? integer in all, the first included
---@field backoff? "fixed"|"linear"|"exponential"
---@field delay? duration
---@field max_delay? duration

---@class job.options
---@field id? string
---@field name? string for people
---@field trigger? trigger|string|time.value without one it runs only when asked
---@field run? action|command
---@field func? string|action "script.function"
---@field args? any[] what the function is given after `run`
---@field timezone? string of a trigger that names none
---@field enabled? boolean false: starts paused
---@field max_instances? integer
---@field overlap? "skip"|"allow"
---@field coalesce? boolean|"latest"|"all"
---@field misfire_grace_time? duration
---@field timeout? duration
---@field retry? integer|retry
---@field tags? string[]
---@field delivery? "at_least_once"|"at_most_once"
---@field replace_existing? boolean

---@class run
---@field id string "job@2026-11-21T09:00:00Z"
---@field job string
---@field scheduled_at time.value
---@field attempt integer 1 for the first

--- job "id" { ... } or job { id = "id", ... }.
---@param id string
---@return fun(options: job.options): string
---@overload fun(options: job.options): string
function job(id) end

---@class command
---@field argv? string[]
---@field shell? string
---@field cwd? string
---@field env? table<string, string|false>
---@field clean_env? boolean
---@field stdin? string
---@field timeout? duration
---@field grace? duration

--- command { "pg_dump", "-Fc", "shop", timeout = "5m" } or command "df -h | mail me".
---@param words string|(string|number)[]|command
---@return command
function command(words) end

---@alias event.name
---| "job_added" | "job_cancelled" | "job_error" | "job_executed" | "job_interrupted" | "job_log"
---| "job_max_instances" | "job_missed" | "job_modified" | "job_paused" | "job_removed" | "job_resumed"
---| "job_retry" | "job_started" | "job_submitted" | "scheduler_shutdown" | "scheduler_started"
---| "script_failed" | "script_loaded" | "script_removed"

---@class event
---@field event event.name
---@field at time.value
---@field job? string
---@field run? string
---@field scheduled_at? time.value
---@field attempt? integer
---@field state? string
---@field result? any
---@field error? string

--- Hears of events, by name, by a pattern like "job_*", or by a list of names.
---@param names event.name|string|string[]
---@param listener fun(event: event)
function on(names, listener) end

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
---@field script? string
---@field func? string
---@field args? any[]
---@field tags? string[]
---@field error? string
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
---@return string? run, string? message, string? code
function job_object:run_now(...) end
---@param count? integer
---@return time.value[]?, string? message, string? code
function job_object:next(count) end
---@return string[]?, string? message, string? code
function job_object:why() end
---@return run_object[]?, string? message, string? code
function job_object:runs() end
---@return table[]?, string? message, string? code
function job_object:logs() end

---@class run_object
---@field id string
---@field job string
---@field state "pending"|"running"|"succeeded"|"failed"|"timed_out"|"cancelled"|"interrupted"
---@field cause "schedule"|"manual"
---@field attempt integer
---@field scheduled_at time.value
---@field claimed_at? time.value
---@field started_at? time.value
---@field finished_at? time.value
---@field result? any
---@field error? string

---@alias job.reference string|job_object

---@class scheduler
scheduler = {}

---@param spec job.options
---@return job_object?, string? message, string? code
function scheduler.add_job(spec) end
---@param specs job.options[]
---@return integer? added, string? message, string? code
function scheduler.add_jobs(specs) end
---@param job job.reference
---@return job_object?, string? message, string? code
function scheduler.get_job(job) end
---@param filter? {script?: string, state?: string, tag?: string, limit?: integer}
---@return job_object[]?, string? message, string? code
function scheduler.get_jobs(filter) end
---@param filter? {script?: string, state?: string, tag?: string, limit?: integer}
function scheduler.print_jobs(filter) end
---@param job job.reference
---@param changes job.options
---@return job_object?, string? message, string? code
function scheduler.modify_job(job, changes) end
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
---@param job job.reference
---@return string[]?, string? message, string? code
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
---@return table?, string? message, string? code
function scheduler.cancel_run(run) end
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
---@param listener fun(event: event)
---@param names? event.name|string|string[]
---@return table?, string? message, string? code
function scheduler.add_listener(listener, names) end
---@param listener fun(event: event)
---@return table?, string? message, string? code
function scheduler.remove_listener(listener) end

---@type json
json = nil
---@type time
time = nil
---@type kv
kv = nil
---@type log
log = nil
---@type http
http = nil
---@type sqlite
sqlite = nil
---@type fs
fs = nil
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
