--- What a test asks of a simulation: runs, skips, logs, events, jobs. Times are texts in the zone of
-- sim.at, and beside them, as NAME_us, microseconds.

local arguments = require "moonbeat.testing.arguments"
local core = require "moonbeat.core"
local fail = require "moonbeat.testing.fail"
local world = require "moonbeat.testing.world"

local PAGE = 1000

--- Adds the functions to `sim`. Returns what makes a run of what the scheduler tells.
return function(sim)
  local Run = { __name = "moonbeat.run" }

  --- The lines of a run's log, as the scheduler tells them.
  local function lines_of(run)
    local lines, after = {}, 0
    repeat
      local page = world.ask("logs", { run = run.id, after = after, limit = PAGE })
      table.move(page.lines, 1, #page.lines, #lines + 1, lines)
      after = page.next
    until #page.lines < PAGE
    return lines
  end

  -- Read when it is asked for.
  function Run:__index(name)
    if name == "log" then
      local lines = {}
      for i, line in ipairs(lines_of(self)) do
        lines[i] = line.text
      end
      rawset(self, "log", lines)
      return lines
    end
  end

  local function show_times(row, names)
    for _, name in ipairs(names) do
      if row[name] then
        row[name .. "_us"] = core.parse_time(row[name], "UTC")
        row[name] = core.format_time(row[name .. "_us"], world.settings.zone)
      end
    end
    return row
  end

  local function make_run(row)
    show_times(row, { "scheduled_at", "claimed_at", "started_at", "finished_at", "due_at" })
    row.scheduled_us = row.scheduled_at_us
    if row.started_at and row.finished_at then
      row.took = (row.finished_at_us - row.started_at_us) / 1e6
    end
    return setmetatable(row, Run)
  end

  ---@class moonbeat.run
  ---@field id string
  ---@field job string
  ---@field state "pending"|"running"|"succeeded"|"failed"|"timed_out"|"cancelled"|"interrupted"
  ---@field scheduled_at string "2026-03-29T03:00:00+02:00"; so are the others
  ---@field started_at string?
  ---@field finished_at string?
  ---@field took number? seconds of virtual time, of its last attempt
  ---@field attempt integer
  ---@field result any
  ---@field error string?
  ---@field log string[] the lines of its log

  --- The runs of a job, oldest first; without a name those of all jobs.
  ---@param job? string
  ---@return moonbeat.run[]
  function sim.runs(job)
    world.need()
    local rows, before = {}, nil
    repeat
      local page = world.ask("runs", { job = job, limit = PAGE, before = before })
      for _, row in ipairs(page.runs) do
        rows[#rows + 1] = row
      end
      before = page.next
    until not before
    local runs = {}
    for i = #rows, 1, -1 do
      runs[#runs + 1] = make_run(rows[i])
    end
    return runs
  end

  --- The last run of a job; nil: there is none.
  ---@param job string
  ---@return moonbeat.run?
  function sim.last_run(job)
    local runs = sim.runs(job)
    return runs[#runs]
  end

  --- What of a job was passed over: {first_at=, last_at=, count=, reason=}, oldest first.
  ---@param job string
  ---@return table[]
  function sim.skips(job)
    world.need()
    local skips = {}
    repeat
      local page = world.ask("skips", { job = job, limit = PAGE, offset = #skips })
      table.move(page.skips, 1, #page.skips, #skips + 1, skips)
    until not page.more
    table.sort(skips, function(a, b) return a.first_at < b.first_at end)
    for _, skip in ipairs(skips) do
      show_times(skip, { "first_at", "last_at", "recorded_at" })
    end
    return skips
  end

  --- The lines that a job's runs have logged: {at=, level=, text=}, oldest first.
  ---@param job string
  ---@return table[]
  function sim.log(job)
    local lines = {}
    for _, run in ipairs(sim.runs(job)) do
      for _, line in ipairs(lines_of(run)) do
        lines[#lines + 1] = show_times(line, { "at" })
      end
    end
    return lines
  end

  -- As listeners see it: what is absent is nil.
  local function make_event(json)
    local event = core.json_decode(json)
    for key, value in pairs(event) do
      if value == core.json_null then
        event[key] = nil
      end
    end
    return show_times(event, { "at", "scheduled_at" })
  end

  --- What has been told to listeners: {event=, at=, ...}, oldest first.
  ---@param name? string of the events; * stands for anything
  ---@return table[]
  function sim.events(name)
    arguments.text("sim.events", "an event's name", name, true)
    world.need()
    local form = name and "^" .. name:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*") .. "$"
    local events = {}
    for _, event in ipairs(world.heard) do
      if not form or event.name:find(form) then
        events[#events + 1] = make_event(event.json)
      end
    end
    return events
  end

  --- A job as the daemon shows it: state, trigger, next_run_at and so on.
  ---@param job string
  ---@return table
  function sim.job(job)
    world.need()
    if type(job) ~= "string" then
      fail("a job's name is a string, not a %s", type(job))
    end
    return show_times(world.ask("show", { job = job }), { "next_run_at", "last_run_at" })
  end

  --- The names of all jobs.
  ---@return string[]
  function sim.jobs()
    world.need()
    local names, after = {}, nil
    repeat
      local page = world.ask("list", { after = after, limit = PAGE })
      for _, job in ipairs(page.jobs) do
        names[#names + 1] = job.id
      end
      after = page.next
    until not after
    table.sort(names)
    return names
  end

  --- When a job is due next.
  ---@param job string
  ---@param count? integer how many times, 1 when not given
  ---@return string ...
  function sim.next(job, count)
    world.need()
    local times = {}
    for i, time in ipairs(world.ask("next", { job = job, count = count or 1 }).fires) do
      times[i] = core.format_time(core.parse_time(time, "UTC"), world.settings.zone)
    end
    return table.unpack(times)
  end

  --- The stays of runs on the worker, in the order of their beginnings. For assertions.
  ---@return table[]
  function sim.stays()
    world.need()
    return world.stays
  end

  return make_run
end
