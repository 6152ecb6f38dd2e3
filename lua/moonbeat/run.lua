--- The `run` that a job's function is given: which run it is, and what it can do while it runs. What it
-- can do counts only then, and only for itself.

local raw = ...

-- C makes the table of an attempt, of which the rest is computed when it is asked for.

local fail = raw.module("fail")
local declared = raw.module("declared")

---@class run.previous
---@field id string
---@field scheduled_at time.value
---@field finished_at time.value
---@field result? any

---@class run
---@field id string "job@2026-11-21T09:00:00Z"
---@field key string "job@2026-11-21T09:00:00Z#1", of this attempt: what another service may know it by
---@field job string
---@field scheduled_at time.value
---@field attempt integer 1 for the first
---@field args any[] what the function is given after `run`
---@field events event[] what set it off, oldest first; empty when the time did, or a person
---@field event? event the newest of them
---@field previous? run.previous the last success of its job before, however old; asked of the scheduler when first read
---@field checkpointed? any what an earlier attempt left with run:checkpoint
local run = {}

local fields = {} -- name -> what computes it

-- ---- which run ----

-- The due time, on the wall clock of the job's time zone where its declaration names one.
function fields.scheduled_at(self)
  return raw.time_from_us(self.scheduled_us, declared.zones[self.job])
end

function fields.attempt(self)
  return rawget(self, "number") or 1
end

function fields.id(self)
  return self.job .. "@" .. tostring(raw.time_from_us(self.scheduled_us)):gsub("%.000000Z$", "Z")
end

function fields.key(self)
  return ("%s#%d"):format(self.id, self.attempt)
end

function fields.args(self)
  return self.args_json and raw.json_decode(self.args_json) or {}
end

function fields.events(self)
  local make_event = raw.module("listeners").make_event
  local list = self.events_json and raw.json_decode(self.events_json) or {}
  for _, event in ipairs(list) do
    make_event(event)
  end
  return list
end

function fields.event(self)
  return self.events[#self.events]
end

function fields.checkpointed(self)
  if self.checkpoint_json then
    return raw.json_decode(self.checkpoint_json)
  end
end

function fields.previous(self)
  raw.run_check(self, "run.previous")
  local before = raw.request("previous_run")
  if type(before) ~= "table" then
    return nil
  end
  local zone = declared.zones[self.job]
  local scheduled, finished = raw.time_parse(before.scheduled_at), raw.time_parse(before.finished_at)
  return {
    id = before.id,
    scheduled_at = scheduled and zone and scheduled:in_zone(zone) or scheduled,
    finished_at = finished and zone and finished:in_zone(zone) or finished,
    result = before.result,
  }
end

-- ---- what it can do ----

--- Why the run should end, when it was told to: "cancelled", "overlap" (the next run is due),
--- "stopping" (the daemon is) or "soft_timeout"; false when it was not. What it waits for then raises
--- an error, once, unless the run has asked here before. Of several reasons the first named here stays.
--- After a soft time-out and at a stop the run may still run:snooze() or run:retry().
---@return false|"cancelled"|"overlap"|"stopping"|"soft_timeout"
function run:cancelled()
  return raw.run_told(self, "run:cancelled") or false
end

--- A sign of life, for jobs with heartbeat_timeout; a line of the log, progress and a checkpoint are
--- signs too.
function run:heartbeat()
  raw.run_alive(self, "run:heartbeat")
end

--- How far it is, shown by `moonbeat list` and `runs` while it runs: run:progress(370, 1000, "rows").
--- May be called as often as you like; a total that turns out too small becomes what is done.
---@param done number
---@param total? number
---@param note? string
function run:progress(done, total, note)
  raw.run_progress(self, "run:progress", done, total, note)
end

--- Keeps a value for the next attempt, which finds it in run.checkpointed. It is on the disk when this
--- returns; each replaces the one before. Gone when the run ends.
---@param value any as json.encode takes it, at most 64 KiB
---@return true? ok, string? message, string? code
function run:checkpoint(value)
  raw.run_alive(self, "run:checkpoint")
  local text, problem = raw.json_encode(value, "value")
  if not text then
    fail("run:checkpoint: %s", problem)
  end
  return raw.request("checkpoint", { value = value })
end

-- The answer counts even if the script keeps this error.
local function leave(self, name, delay, reason)
  if reason ~= nil and type(reason) ~= "string" then
    fail("%s: the reason must be a string, got %s", name, raw.type_name(reason))
  end
  raw.run_answer(self, name, delay, reason)
  error(reason or name, 0)
end

--- Ends this attempt as failed, and has another one follow after the delay, or after that of the job's
--- `retry`. It counts towards retry.attempts, which are three where the job says nothing of retrying:
--- with `retry = 1` no other follows. Does not return.
---@param delay? duration
---@param reason? string kept as the attempt's error
function run:retry(delay, reason)
  if reason == nil then
    reason = "asked to be tried again (run:retry)"
  end
  leave(self, "run:retry", delay, reason)
end

--- Ends this attempt, which counts neither as failed nor towards retry.attempts, and has the run begin
--- anew after the delay. Does not return.
---@param delay duration
---@param reason? string kept with the attempt
function run:snooze(delay, reason)
  leave(self, "run:snooze", delay, reason)
end

local runs = {}

-- What stands in the table of an attempt, is computed for it, or is a method.
function runs.member(self, name)
  local field = fields[name]
  if field then
    local value = field(self)
    rawset(self, name, value)
    return value
  end
  return run[name]
end

-- What the job's retry.decide says of an error: a delay in microseconds, true, false or nil.
function runs.decide(self, name, message)
  local answer = raw.module("functions").decider(self.job, name)(self, message)
  if type(answer) == "number" or type(answer) == "string" then
    local seconds = raw.duration(answer)
    if seconds < 0 then
      error(("retry.decide of job \"%s\" returned %s: a delay is not below 0"):format(self.job, answer), 0)
    end
    return math.tointeger(seconds * 1000000 // 1)
  elseif answer ~= nil and type(answer) ~= "boolean" then
    error(("retry.decide of job \"%s\" returned a %s, not a duration, true, false or nil"):format(self.job,
      raw.type_name(answer)), 0)
  end
  return answer
end

return runs
