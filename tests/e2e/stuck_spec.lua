--- A worker that sits in a C function from which nothing can call it back: it is named, its other
-- scripts go on elsewhere, no run is executed twice, and it is taken out of service when it comes back.
-- The function is os.date, which tests/support/stuck.c makes block.

local daemon = require "support.daemon"

local LIBRARY = os.getenv "MOONBEAT_STUCK"
local PATIENCE = 20

--- os.date("!%Y", YEAR_2999) takes as long as the file "stuck" is there.
local CULPRIT = [[
  local YEAR_2999 = 32472144000
  local function block()
    return os.date("!%Y", YEAR_2999)
  end
  job "culprit" { run = block }
  job "late" { timeout = "600ms", run = block }
]]

local OTHER = [[
  local function note(run)
    local file = "../executions"
    assert(fs.append(file, run.id .. "\n"))
  end
  job "pulse" { trigger = every "100ms", run = note }
  job "once" { max_instances = 1000, run = note }
]]

describe("a worker that is stuck", function()
  local d

  before_each(function()
    assert(LIBRARY, "MOONBEAT_STUCK names the library of tests/support/stuck.c; ctest sets it")
    d = daemon.new {
      arguments = { "--workers", "1" },
      env = {
        LD_PRELOAD = LIBRARY,
        ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":verify_asan_link_order=0",
      },
    }
    d.env.STUCK_WHILE = d.root .. "/stuck"
    daemon.write_file(d.env.STUCK_WHILE, "")
    d:write("culprit.lua", CULPRIT)
    d:write("other.lua", OTHER)
    d:start()
  end)

  after_each(function() d:close() end)

  local function let_go()
    assert(os.remove(d.env.STUCK_WHILE))
  end

  local function stuck()
    return d:json("status")[1].stuck[1]
  end

  local function has_event(name)
    for _, event in ipairs(d:json("events", "-n", "1000")) do
      if event.event == name then
        return event
      end
    end
  end

  local function succeeded(job)
    local count = 0
    for _, run in ipairs(d:json("runs", job, "-n", "1000")) do
      count = count + (run.state == "succeeded" and 1 or 0)
    end
    return count
  end

  it("is named, and its other scripts go on without it", function()
    daemon.wait_until(function() return succeeded "pulse" > 0 end, PATIENCE, "the job beside runs")
    d:must("run-now", "culprit")
    local seen = daemon.wait_until(stuck, PATIENCE, "it is seen")
    assert.equal("culprit", seen.script)
    assert.equal("culprit", seen.job)
    assert.equal(1, seen.worker)
    for _ = 1, 20 do
      d:must("run-now", "once")
    end
    local event = daemon.wait_until(function() return has_event "scheduler_worker_stuck" end, PATIENCE, "it is told")
    assert.equal("culprit", event.script)
    assert.matches("stuck +worker 1 in a C function for .*: script culprit, job culprit", d:must "status")
    local before = succeeded "pulse"
    daemon.wait_until(function() return succeeded "pulse" >= before + 5 end, PATIENCE, "the job beside runs meanwhile")
    assert.is_truthy(stuck())
    let_go()
    event = daemon.wait_until(function() return has_event "scheduler_worker_recovered" end, PATIENCE, "it comes back")
    assert.equal("culprit", event.script)
    assert.is_nil(stuck())
    local runs = d:runs "culprit"
    assert.equal(1, #runs)
    local ended = daemon.wait_until(function()
      local run = d:runs("culprit")[1]
      return run.finished_at and run
    end, PATIENCE, "its run ends")
    assert.equal("succeeded", ended.state, ended.error)
    d:must("run-now", "culprit")
    daemon.wait_until(function() return succeeded "culprit" == 2 end, PATIENCE, "the culprit runs elsewhere")
    daemon.wait_until(function() return succeeded "once" == 20 end, PATIENCE, "all that waited ran")
    d:must("pause", "pulse")
    local seen_ids = {}
    for id in daemon.read_file(d.root .. "/executions"):gmatch "[^\n]+" do
      assert.is_nil(seen_ids[id], id .. " was executed twice")
      seen_ids[id] = true
    end
  end)

  it("does not keep the time-out of its run from being told", function()
    d:must("run-now", "late")
    daemon.wait_until(stuck, PATIENCE, "it is seen")
    local run = daemon.wait_until(function()
      local run = d:runs("late")[1]
      return run and run.finished_at and run
    end, PATIENCE, "its run has timed out")
    assert.equal("timed_out", run.state)
    assert.equal("took longer than its time-out, stuck in a C function", run.error)
    assert.is_truthy(stuck())
    let_go()
    daemon.wait_until(function() return not stuck() end, PATIENCE, "it comes back")
    assert.equal("timed_out", d:runs("late")[1].state)
    assert.equal(1, #d:runs "late")
  end)

  it("does not keep the daemon from stopping", function()
    d:must("run-now", "culprit")
    daemon.wait_until(stuck, PATIENCE, "it is seen")
    d:cli("stop", "--grace", "0")
    d:wait_for_end(PATIENCE)
  end)
end)
