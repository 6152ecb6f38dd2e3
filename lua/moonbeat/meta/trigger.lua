---@meta
--- Triggers, as job files and the console see them: what says when a job runs. Never run.

-- ---- of all kinds ----

---@alias trigger.kind
---| "after_job" | "all_of" | "any_of" | "calendar_interval" | "cron" | "cron_fields" | "daily_interval"
---| "date" | "interval" | "lua" | "on_change" | "on_event" | "on_file" | "on_signal" | "on_start"
---| "oncalendar" | "quartz" | "rrule"

--- Immutable: each method returns another trigger. `a | b` is any_of(a, b), `a & b` all_of(a, b).
---@class trigger
---@field kind trigger.kind
---@field timezone? string
---@field options? trigger.options
---@operator bor(trigger|string): trigger
---@operator band(trigger|string): trigger
local trigger_value = {}

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
function trigger_value:next(count, after) end

--- "At 09:00, Monday to Friday, Asia/Shanghai".
---@return string
function trigger_value:explain() end

---@param count integer
---@return trigger
function trigger_value:limit(count) end
---@param time string|time.value
---@return trigger
function trigger_value:from(time) end
---@param time string|time.value
---@return trigger
function trigger_value:until_(time) end
---@param length duration
---@return trigger
function trigger_value:jitter(length) end
---@param length duration may be negative: "-15m"
---@return trigger
function trigger_value:offset(length) end
---@param calendar calendar.reference
---@return trigger
function trigger_value:except(calendar) end

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

-- ---- by the time ----

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

-- ---- by a function ----

--- Asks the function for each fire. `previous` is the last one, whether it ran or was skipped, nil at
--- first; what it returns must lie behind it and not before `now`, which may be long after it, as when
--- the machine slept; nil: there is none any more. It is asked on the script's worker and may take 5
--- seconds. An error, or a time that is past, puts the jobs that have it in `error`, with the
--- reason, until the script is saved anew. Only while a script loads.
---@param name string of the script's own
---@param ask fun(previous?: time.value, now: time.value): (time.value|number)?
---@return trigger
function trigger(name, ask) end

-- ---- by what happens ----

---@class event.options
---@field debounce? duration a run begins when nothing more has come for so long, at the latest after ten times that
---@field throttle? duration runs begin at least so far apart: the first at once, the next with all that came meanwhile
---@field batch? integer so many events at most make one run: 1, with a debounce or throttle 1000, when not given
---@field id? string of the job, when one is made at once

--- Once each time the daemon starts; a job that is added while it runs hears of the next start.
---@param action? action|command makes a job at once
---@return trigger
function on_start(action) end

---@class after_job.options: event.options
---@field outcome? "succeeded"|"failed"|"finished" finished: either

--- When a run of another job has ended: after_job("backup", "failed"). A retry that follows is no end.
---@param id string of the other job
---@param outcome? "succeeded"|"failed"|"finished"|after_job.options|action|command
---@param action? action|command
---@return trigger
function after_job(id, outcome, action) end

---@class on_event.options: event.options
---@field filter? table<string, string|number|boolean> members that the event must have, compared as texts

--- When scheduler.emit or `moonbeat emit` tells of an event of that name.
---@param name event.name|string
---@param options? on_event.options|action|command
---@param action? action|command
---@return trigger
function on_event(name, options, action) end

---@class on_file.options: event.options
---@field settle? duration a file must be left alone for so long: "1s" when not given

--- When a file is created or changed: on_file "/srv/in/**/*.csv". What comes while the daemon is down is
--- found at the next start; what is there when the job is new is not told.
---@param glob string a relative one begins in the jobs folder
---@param options? on_file.options|action|command
---@param action? action|command
---@return trigger
function on_file(glob, options, action) end

--- When the daemon gets that signal: on_signal "SIGUSR1". One that comes while it is down is lost.
---@param signal string
---@param options? event.options|action|command
---@param action? action|command
---@return trigger
function on_signal(signal, options, action) end

---@class on_change.options: event.options
---@field table? string

--- When rows of a table of an SQLite database are inserted, updated or deleted, by whatever program; also
--- while the daemon is down.
---@param database string a relative path begins in the jobs folder
---@param table_or_options string|on_change.options
---@param action? action|command
---@return trigger
function on_change(database, table_or_options, action) end
