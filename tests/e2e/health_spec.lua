--- Jobs that are late, that fail, and that are added once only, in the real daemon.

local daemon = require "support.daemon"

local PATIENCE = 20

local d

local function events(name)
  local found = {}
  for _, event in ipairs(d:json("events", "-n", "1000")) do
    if event.event == name then
      found[#found + 1] = event
    end
  end
  return found
end

local function wait_for(name)
  return daemon.wait_until(function() return events(name)[1] end, PATIENCE, name)
end

describe("health", function()
  before_each(function()
    d = daemon.new {}
  end)

  after_each(function()
    d:close()
  end)

  it("tells of lateness, also after a time without a daemon, and of the recovery", function()
    d:write("a.lua", [[
      good = false
      job "watched" { expect = "300ms", run = function() assert(good, "no luck") good = true end }
      on("job_late", function(event) kv.set("late", (kv.get "late" or 0) + 1) end)
      on("job_recovered", function(event) kv.set("recovered", event.job .. " " .. tostring(event.was_late)) end)
    ]])
    d:start()
    local late = wait_for "job_late"
    assert.equal("watched", late.job)
    assert.equal("300ms", late.expected)
    assert.matches("watched +active, late", d:must "list")
    assert.matches("watched", d:must("list", "--late"), 1, true)
    assert.equal("", (d:must("list", "--failing")))
    d:stop()
    d:write("a.lua", [[
      job "watched" { expect = "300ms", run = function() end }
      job "heard" { run = function() return kv.get "late" .. " " .. (kv.get "recovered" or "nothing") end }
      on("job_late", function(event) kv.set("late", (kv.get "late" or 0) + 1) end)
      on("job_recovered", function(event) kv.set("recovered", event.job .. " " .. tostring(event.was_late)) end)
    ]])
    d:start()
    d:must("run-now", "watched", "-w")
    wait_for "job_recovered"
    for _, event in ipairs(d:json("events", "-n", "1000")) do
      assert.not_equal("job_late", event.event) -- the daemon before has told it
      if event.event == "job_recovered" then
        break
      end
    end
    local function heard()
      d:must("run-now", "heard", "-w")
      return d:json("runs", "heard", "-n", "1")[1].result
    end
    daemon.wait_until(function() return heard():find "^%d+ watched true$" end, PATIENCE, "the listeners have heard")
  end)

  it("pauses a job that fails too often, with the reason, until it is resumed", function()
    d:write("a.lua", [[job "weak" { max_failures = 2, run = function() error("no luck", 0) end }]])
    d:start()
    d:cli("run-now", "weak", "-w")
    assert.matches("active, failed ", d:must("list", "--failing"))
    d:cli("run-now", "weak", "-w")
    local paused = wait_for "job_paused"
    assert.matches("^2 runs failed in a row, the last one: no luck", paused.reason)
    assert.matches("paused, failed 2 times", d:must "list")
    assert.matches("2 runs failed in a row", d:must("show", "weak"))
    d:must("resume", "weak")
    assert.equal("", (d:must("list", "--failing")))
  end)

  it("calls the functions of a job's own declaration", function()
    d:write("a.lua", [[
      local function note(word) return function(event) kv.update("heard", function(heard)
        return (heard or "") .. word .. " " .. (event.failures or "") .. "|"
      end) end end
      job "weak" { retry = { attempts = 2, delay = "1ms" },
        on_success = note "success", on_failure = note "failure", on_recovered = note "recovered",
        run = function(run, good) if not good then error("no luck", 0) end end }
      job "other" { run = function() error("not of weak", 0) end }
      job "heard" { run = function() return kv.get("heard", "") end }
    ]])
    d:start()
    d:cli("run-now", "other", "-w")
    d:cli("run-now", "weak", "-w")
    d:must("run-now", "weak", "true", "-w")
    local function heard()
      d:must("run-now", "heard", "-w")
      return d:json("runs", "heard", "-n", "1")[1].result
    end
    daemon.wait_until(function() return select(2, heard():gsub("|", "")) >= 3 end, PATIENCE, "three calls")
    local words = {}
    for word in heard():gmatch "[^|]+" do
      words[#words + 1] = word
    end
    table.sort(words)
    assert.same({ "failure ", "recovered 1", "success " }, words)
    local refused = d:cli("add", "job", "added", "--command", "true", "-o", "on_late=1")
    assert.matches("on_late is for jobs that a script declares", refused.err, 1, true)
  end)

  it("calls on_failure for a run that a crash has cut off for good", function()
    d:write("a.lua", [[
      local function note(event) kv.set(event.job, event.event .. " " .. event.state) end
      job "once" { delivery = "at_most_once", on_failure = note, run = function() sleep(60) end }
      job "tried" { max_interruptions = 1, on_failure = note, run = function() sleep(60) end }
      job "again" { on_failure = note, run = function() sleep(60) end }
      job "heard" { run = function(run, job) return kv.get(job, "") end }
    ]])
    d:start()
    for _, job in ipairs { "once", "tried", "again" } do
      d:must("run-now", job)
      daemon.wait_until(function() return d:json("runs", job)[1].state == "running" end, PATIENCE, job .. " runs")
    end
    d:kill()
    d:start()
    local function heard(job)
      d:must("run-now", "heard", ("%q"):format(job), "-w")
      return d:json("runs", "heard", "-n", "1")[1].result
    end
    for _, job in ipairs { "once", "tried" } do
      daemon.wait_until(function() return heard(job) == "job_interrupted interrupted" end, PATIENCE, job .. " is told")
    end
    assert.equal("", heard "again")
    local failing = d:must("list", "--failing")
    assert.matches("once", failing)
    assert.matches("tried", failing)
    assert.not_matches("again", failing)
  end)

  it("adds a unique job once, from the command line and from Lua", function()
    d:write("a.lua", [[
      function ship(run, order) end
      job "adds" { run = function()
        local answers = {}
        for i = 1, 3 do
          local added = scheduler.add_job {
            func = "ship", args = { { order = 7, fast = true } }, trigger = after "1h", unique = true,
          }
          answers[i] = tostring(added.existing)
        end
        local many, existing = scheduler.add_jobs {
          { func = "a.ship", args = { { fast = true, order = 7 } }, trigger = "in 1h", unique = true },
          { func = "a.ship", args = { 8 }, trigger = "in 1h", unique = true },
        }
        return table.concat(answers, " ") .. " " .. many .. " " .. existing
      end }
    ]])
    d:start()
    d:must("run-now", "adds", "-w")
    assert.equal("nil true true 1 1", d:json("runs", "adds", "-n", "1")[1].result)
    local option = "unique={\"key\":\"nightly\"}"
    assert.matches("^added one", d:must("add", "job", "one", "--command", "true", "--trigger", "in 1h", "-o", option))
    assert.matches("^pending already: one",
      d:must("add", "job", "two", "--command", "true", "--trigger", "in 1h", "-o", option))
    assert.matches("^added three", d:must("add", "job", "three", "--command", "true", "-o", "unique=true"))
    assert.matches("^pending already: three", d:must("add", "job", "four", "--command", "true", "-o", "unique=true"))
  end)
end)
