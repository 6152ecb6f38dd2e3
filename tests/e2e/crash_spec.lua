--- The promise, checked: a daemon is killed with SIGKILL many times under a load of adds, changes and runs; what it
-- acknowledged is there, every due time is one run or part of one skip, and nothing ran twice that must not.
--
-- The jobs themselves keep the book: each execution appends "run attempt time" to a file. MOONBEAT_CRASH_CYCLES is
-- the number of kills (50), MOONBEAT_CRASH_SEED what chance begins with (the clock), told when a check fails.

local daemon = require "support.daemon"

local CYCLES = tonumber(os.getenv "MOONBEAT_CRASH_CYCLES") or 50
local SEED = tonumber(os.getenv "MOONBEAT_CRASH_SEED") or os.time()
local CLIENT = os.getenv "PWD" .. "/tests/support/control.py"
local DRAIN_SECONDS = 30

local WORK = [[
local function note(run)
  assert(fs.append("../lines", ("%s %d %d\n"):format(run.id, run.attempt, time.now().us)))
end

function once(run)
  note(run)
end

function slow(run)
  note(run)
  sleep "50ms"
end

function flaky(run)
  note(run)
  if run.attempt < 3 then
    error "not yet"
  end
end

job "tick" { max_interruptions = 1000, trigger = every "100ms", run = once }
job "slow" { max_interruptions = 1000, trigger = every "400ms", run = function(run) note(run) sleep "300ms" end }
job "all" { max_interruptions = 1000, trigger = every "250ms", coalesce = "all", overlap = "allow", run = once }
job "careful" { trigger = every "200ms", delivery = "at_most_once", run = slow }
job "flaky" { max_interruptions = 1000, trigger = every "1s", retry = { attempts = 3, delay = "50ms" }, run = flaky }
job "shell" { max_interruptions = 1000, trigger = every "1s",
  run = command { shell = "echo shell - $(date +%s%6N) >> ../lines" } }
job "hand" { max_interruptions = 1000, overlap = "allow", run = once }
job "far" { max_interruptions = 1000, trigger = date "2099-01-01", run = once }
]]

local INTERVAL_US = { tick = 100000, slow = 400000, all = 250000, careful = 200000, flaky = 1000000, shell = 1000000 }
local INTERVAL_JOBS = { "tick", "slow", "all", "careful", "flaky", "shell" }

--- Microseconds since 1970 of an RFC 3339 time in UTC.
local function to_us(text)
  local year, month, day, hour, minute, second, fraction =
    text:match "^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.?(%d*)Z$"
  assert(year, text)
  local y, m = tonumber(year), tonumber(month)
  if m <= 2 then
    y, m = y - 1, m + 12
  end
  local days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * (m - 3) + 2) // 5 + tonumber(day) - 719469
  local seconds = days * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
  return seconds * 1000000 + tonumber((fraction .. "000000"):sub(1, 6))
end

--- What the jobs wrote: of each run the attempts that were executed, with their times. A command knows no run, so
-- its lines are told by its job.
local function read_lines(path)
  local lines = {}
  for line in io.lines(path) do
    local run, attempt, at_us = line:match "^(%S+) (%S+) (%d+)$"
    assert(run, "half a line: " .. line)
    lines[run] = lines[run] or {}
    table.insert(lines[run], { attempt = tonumber(attempt), at_us = tonumber(at_us) })
  end
  return lines
end

describe("kill -9", function()
  local d, load_pid

  local function start_load()
    local command = ("python3 %s load %s %d %s </dev/null >>%s 2>&1 & echo $!"):format(daemon.quote(CLIENT),
      daemon.quote(d.state .. "/control.sock"), SEED, daemon.quote(d.root .. "/acknowledged"),
      daemon.quote(d.root .. "/load.log"))
    load_pid = tonumber((daemon.shell(command)))
  end

  local function stop_load()
    os.execute(("kill -TERM %d"):format(load_pid))
    daemon.wait_until(function()
      return not os.execute(("kill -0 %d 2>/dev/null"):format(load_pid))
    end, DRAIN_SECONDS, "the load ends")
    load_pid = nil
  end

  after_each(function()
    if load_pid then
      os.execute(("kill -KILL %d 2>/dev/null"):format(load_pid))
    end
    if os.getenv "MOONBEAT_KEEP" then
      print("kept: " .. d.root)
      d:kill()
    else
      d:close()
    end
  end)

  --- Saves a job file as editors do: one job that stays and some that come and go. How many.
  local function save_changing()
    local count = math.random(0, 4)
    daemon.write_file(d.root .. "/saved", ([[
      job "kept" { trigger = every "10h", run = function() end }
      for i = 1, %d do job("changing-" .. i) { trigger = every "10h", run = function() end } end
    ]]):format(count))
    assert(os.rename(d.root .. "/saved", d.jobs_folder .. "/changing.lua"))
    return count
  end

  --- Nothing is open and nothing is due: only these would go on, and they are paused.
  local function drain()
    d:must("pause", table.unpack(INTERVAL_JOBS))
    local far_at = daemon.shell "date -u -d '1 hour' +%FT%T"
    daemon.wait_until(function()
      -- The jobs first: what is claimed between the two questions is among the runs.
      local waiting = 0
      for _, job in ipairs(d:json("list", "--state", "active")) do
        waiting = waiting + ((job.next_run_at or far_at) < far_at and 1 or 0)
      end
      local runs = d:json("status")[1].runs
      return runs.pending + runs.running + waiting == 0
    end, DRAIN_SECONDS, "everything has run")
  end

  --- Jobs and runs by id, a job's runs in a list, a job's skips. The jobs are listed first: what is claimed
  -- meanwhile lies at their cursor or behind it.
  local function dump()
    local found = { job = {}, run = {}, runs_of = {}, skips_of = {} }
    local out, status = daemon.shell(("python3 %s dump %s %s"):format(daemon.quote(CLIENT),
      daemon.quote(d.state .. "/control.sock"), table.concat(INTERVAL_JOBS, " ")))
    assert(status == 0, out)
    for _, object in ipairs(daemon.decode_lines(out)) do
      if object.is == "job" then
        found.job[object.id] = object
      elseif object.is == "skip" then
        found.skips_of[object.job] = found.skips_of[object.job] or {}
        table.insert(found.skips_of[object.job], object)
      else
        assert(not found.run[object.id], "two rows of " .. object.id)
        found.run[object.id] = object
        found.runs_of[object.job] = found.runs_of[object.job] or {}
        table.insert(found.runs_of[object.job], object)
      end
    end
    return found
  end

  --- Each acknowledgement is kept.
  local function check_acknowledged(found, acknowledged)
    local last = { script = 0, far = 0, paused = 0 }
    local counts = {}
    for _, ack in ipairs(acknowledged) do
      counts[ack.kind] = (counts[ack.kind] or 0) + 1
      if ack.kind == "job" then
        local job, runs = found.job[ack.job], found.runs_of[ack.job] or {}
        assert(job, ack.job .. " was acknowledged and is not there")
        assert(job.state == "finished", ack.job .. " is " .. job.state)
        assert(#runs == 1, ("%s has %d runs"):format(ack.job, #runs))
        assert(not ack.due or runs[1].scheduled_at == ack.due, ack.job .. " ran for another time")
      elseif ack.kind == "run" then
        assert(found.run[ack.run], ack.run .. " was acknowledged and is not there")
      elseif ack.kind == "executed" then
        local run = found.run[ack.run]
        assert(run and run.state == "succeeded" and run.attempt == ack.attempt,
          ack.run .. " was told as executed and is not kept so")
      elseif ack.kind == "failure" then
        error("the load: " .. ack.text)
      else
        last[ack.kind] = math.max(last[ack.kind], ack.number)
      end
    end
    -- One more may have been carried out and not acknowledged, at each kill: the number only grows.
    local source = d:must("show", "script", "generation")
    assert(tonumber(source:match "return (%d+)") >= last.script, "a script's source went back: " .. source)
    local far_us = to_us(found.job.far.trigger.at) - to_us "2100-01-01T00:00:00Z"
    assert(far_us // 1000000 >= last.far, "a job's trigger went back")
    return counts
  end

  --- Every due time from the first to the cursor is a run or in a skip, once.
  local function check_grid(found, id)
    local interval_us, covered, first_us = INTERVAL_US[id], {}, math.huge
    local cursor_us = to_us(found.job[id].next_run_at)
    local function cover(us, what)
      assert(not covered[us], ("%s: %d is %s and %s"):format(id, us, covered[us], what))
      covered[us] = what
      first_us = math.min(first_us, us)
    end
    for _, run in ipairs(found.runs_of[id]) do
      if run.cause == "schedule" and to_us(run.scheduled_at) < cursor_us then
        cover(to_us(run.scheduled_at), run.id)
      end
    end
    for _, skip in ipairs(found.skips_of[id] or {}) do
      local first, last = to_us(skip.first_at), to_us(skip.last_at)
      assert((last - first) // interval_us + 1 == skip.count, id .. ": a skip's count is not its range")
      assert(id ~= "all" or skip.reason == "paused", "all: skipped, although it coalesces nothing")
      for us = first, math.min(last, cursor_us - 1), interval_us do -- it may have grown since the job was listed
        cover(us, "skipped for " .. skip.reason)
      end
    end
    local fires = 0
    for us = first_us, cursor_us - 1, interval_us do
      assert(covered[us], ("%s: %d is neither a run nor skipped"):format(id, us))
      fires = fires + 1
    end
    for us in pairs(covered) do
      assert(us < cursor_us and (us - first_us) % interval_us == 0, ("%s: %s is not due"):format(id, covered[us]))
    end
    assert(first_us - to_us(found.job[id].trigger.anchor) <= interval_us, id .. ": the first fire is missing")
    return fires
  end

  --- No attempt is executed twice; another attempt follows only on one that was cut off or failed. How many
  -- attempts were cut off.
  local function check_run(job, run, executed)
    local id, attempts, seen, cut_off = run.id, run.attempts or {}, {}, 0
    for _, line in ipairs(executed) do
      assert(not seen[line.attempt], ("%s: attempt %d was executed twice"):format(id, line.attempt))
      seen[line.attempt] = true
      assert(line.attempt <= run.attempt, id .. ": an attempt was executed that is not recorded")
      assert(line.at_us >= to_us(run.scheduled_at), id .. ": executed before its time")
    end
    assert(run.finished_at, id .. " is still " .. run.state)
    if run.started_at then
      assert(run.started_at >= run.scheduled_at and run.started_at >= run.claimed_at, id .. ": started too early")
    end
    if job.delivery == "at_most_once" then
      assert(#executed <= 1 and run.attempt == 1, id .. ": run more than once")
      assert(run.state == "succeeded" or run.state == "interrupted", id .. ": " .. run.state)
    elseif not job.retry then
      assert(run.state == "succeeded", ("%s: %s: %s"):format(id, run.state, run.error))
    end
    if run.state == "succeeded" and not job.command then
      assert(seen[run.attempt], id .. ": succeeded without having been executed")
    end
    assert(#attempts == run.attempt - 1, id .. ": an attempt is not recorded")
    attempts[#attempts + 1] = run.state == "interrupted" and run or nil
    for _, attempt in ipairs(attempts) do
      assert(attempt.state == "interrupted" or (attempt.state == "failed" and job.retry),
        ("%s: attempt %d was %s and yet repeated"):format(id, attempt.attempt, attempt.state))
      cut_off = cut_off + (attempt.state == "interrupted" and 1 or 0)
    end
    return cut_off
  end

  local function check_executions(found, lines, until_at)
    local cut_off = 0
    for id, run in pairs(found.run) do
      if run.claimed_at < until_at then
        cut_off = cut_off + check_run(found.job[run.job], run, lines[id] or {})
      end
    end
    for id in pairs(lines) do
      assert(found.run[id] or found.job[id] and found.job[id].command, id .. " was executed and is not recorded")
    end
    return cut_off
  end

  it(("%d times loses nothing and doubles nothing (seed %d)"):format(CYCLES, SEED), function()
    math.randomseed(SEED)
    d = daemon.new()
    d:write("work.lua", WORK)
    local changing = save_changing()
    d:start()
    local kept_due = d:job("kept").next_run_at
    start_load()
    for _ = 1, CYCLES do
      changing = save_changing()
      daemon.sleep(0.05 + math.random() * 0.35)
      d:kill()
      d:launch()
    end
    for _ = 1, CYCLES // 10 do -- and in good order, under the same load
      daemon.sleep(0.1 + math.random() * 0.3)
      d:signal "TERM"
      d:wait_for_end()
      d:launch()
    end
    daemon.wait_until(function() return d:cli("status").status == 0 end, 15, "the daemon answers")
    daemon.sleep(0.5)
    stop_load()
    drain()

    local lines, quiet_at = read_lines(d.root .. "/lines"), daemon.shell "date -u +%FT%T.%6NZ":gsub("\n", "")
    d:must("resume", table.unpack(INTERVAL_JOBS)) -- a paused job shows no due time
    local found = dump()
    local counts = check_acknowledged(found, daemon.decode_lines(daemon.read_file(d.root .. "/acknowledged")))
    local fires = 0
    for id in pairs(INTERVAL_US) do
      fires = fires + check_grid(found, id)
    end
    local cut_off = check_executions(found, lines, quiet_at)
    assert.equal(kept_due, found.job.kept.next_run_at, "an unchanged trigger keeps its due time")
    for i = 1, 4 do
      assert.equal(i <= changing, found.job["changing-" .. i] ~= nil, "a job is what its file says")
    end
    assert.equal("ok\n", d:sh("sqlite3 " .. daemon.quote(d.state .. "/moonbeat.db") .. " 'PRAGMA integrity_check'"))

    print(("# %d kills: %d adds, %d runs by hand, %d finishes, %d scripts acknowledged; %d fires; %d attempts cut off")
      :format(CYCLES, counts.job or 0, counts.run or 0, counts.executed or 0, counts.script or 0, fires, cut_off))
    assert.is_true(counts.job > 10 * CYCLES and counts.run > 0 and counts.executed > 0, "there was little load")
    assert.is_true(cut_off > CYCLES / 10, "few runs were cut off")
  end)
end)
