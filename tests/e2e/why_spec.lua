--- `moonbeat why` and scheduler.why in the real daemon.

local daemon = require "support.daemon"

local PATIENCE = 20

local d

local function kinds(list)
  local found = {}
  for i, reason in ipairs(list) do
    found[i] = reason.kind
  end
  return table.concat(found, " ")
end

local function why(what)
  return d:json("why", what)[1]
end

describe("why", function()
  before_each(function()
    d = daemon.new {}
  end)

  after_each(function()
    d:close()
  end)

  it("names what stands in the way, in order, and who holds it", function()
    d:write("a.lua", [[
      job "holds" { concurrency_key = "disk", timeout = "1h", run = function() sleep "1h" end }
      job "waits" { concurrency_key = "disk", trigger = every "100ms", enabled = false, run = function() end }
      job "asks" { run = function()
        local kinds = {}
        for i, reason in ipairs(scheduler.get_job("waits"):why()) do
          kinds[i] = reason.kind
        end
        return table.concat(kinds, " ") .. "|" .. tostring(scheduler.why "waits"):match "[^\n]+"
      end }
    ]])
    d:start()
    local run = d:must("run-now", "holds"):match "%S+"
    daemon.wait_until(function() return why("holds").notes[1].text:find "is running" end, PATIENCE, "holds runs")
    local answer = why "waits"
    assert.equal("paused", answer.state)
    assert.equal("paused key due", kinds(answer.reasons))
    assert.same({ run }, answer.reasons[2].held_by)
    assert.is_string(answer.reasons[2].clears_at) -- the time-out of the holder
    assert.matches("held by " .. run, d:must("why", "waits"), 1, true)
    d:must("run-now", "asks", "-w")
    local told = d:json("runs", "asks", "-n", "1")[1].result
    assert.matches("^paused key due|paused +it is paused by enabled = false, until it is resumed", told)
    d:must("resume", "waits")
    assert.equal("key due", kinds(why("waits").reasons))
    d:must("cancel", run)
    daemon.wait_until(function() return kinds(why("waits").reasons) == "due" end, PATIENCE, "the key is free")
  end)

  it("tells what a run has used, that it snoozed, and how far it is", function()
    d:write("a.lua", [[
      job "spins" { run = function() local began = os.clock() while os.clock() - began < 0.1 do end end }
      job "burns" { run = command { shell = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done" } }
      job "snoozes" { run = function(run) if run.attempt == 1 then run:snooze "10ms" end end }
      job "goes_on" { run = function(run) run:progress(3, 7, "pages") sleep "1h" end }
    ]])
    d:start()
    for _, job in ipairs { "spins", "burns", "snoozes" } do
      d:must("run-now", job, "-w")
    end
    local story = why(d:json("runs", "spins")[1].id).story
    local usage = story[#story - 1]
    assert.equal("usage", usage.kind)
    assert.is_true(usage.slices >= 2 and usage.cpu_us >= 50000 and usage.memory > 0)
    assert.matches("^its Lua used %S+ of CPU time in %d+ slices; its script had at most [%d.]+ MiB$", usage.text)
    story = why(d:json("runs", "burns")[1].id).story
    usage = story[#story - 1]
    assert.matches("; its commands used %S+, and at most [%d.]+ MiB each$", usage.text)
    assert.is_true(usage.commands_cpu_us > usage.cpu_us and usage.commands_memory > 0)
    local snoozed = why(d:json("runs", "snoozes")[1].id)
    assert.matches("cause claimed [a-z ]*snoozed due started [a-z ]*succeeded$", kinds(snoozed.story))
    local open = d:must("run-now", "goes_on"):match "%S+"
    local running = daemon.wait_until(function()
      local steps = why(open).story
      return steps[#steps].progress and steps[#steps]
    end, PATIENCE, "progress")
    assert.equal("running", running.kind)
    assert.equal("pages", running.progress.note)
  end)

  it("tells the story of a run, and of a due time that became none", function()
    d:write("a.lua", [[
      job "tries" { retry = { attempts = 2, delay = "10ms" }, run = function(run)
        if run.attempt == 1 then error("no luck", 0) end
        return scheduler.why(run.id)[3].kind
      end }
    ]])
    d:start()
    local id = d:must("run-now", "tries", "-w") and d:json("runs", "tries")[1].id
    local answer = why(id)
    assert.equal(id, answer.run)
    assert.equal("succeeded", answer.state)
    assert.matches("^cause claimed started [usage ]*failed due started [usage ]*succeeded$", kinds(answer.story))
    assert.equal("started", d:json("runs", "tries")[1].result)
    assert.matches("attempt 1 failed after [^\n]*: no luck\n", d:must("why", id))
    local refused = d:cli("why", "tries@2020-01-01T00:00:00Z")
    assert.not_equal(0, refused.status)
    assert.matches('there is no run "tries@2020-01-01T00:00:00Z"', refused.err, 1, true)
  end)
end)
