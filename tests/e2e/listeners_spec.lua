--- Listeners in the real daemon: what they hear of, in which order, through kills, and that none harms another.

local daemon = require "support.daemon"

local EMITS = 150
local KILLS = 3
local PATIENCE = 30

local d

before_each(function()
  d = daemon.new()
end)

after_each(function()
  d:close()
end)

local function heard(name)
  local text = daemon.read_file(d.root .. "/" .. (name or "heard")) or ""
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  return lines
end

local function wait_for(count, name)
  return daemon.wait_until(function()
    local lines = heard(name)
    return #lines >= count and lines
  end, PATIENCE, ("%d events in %s"):format(count, name or "heard"))
end

local function listener(name)
  for _, object in ipairs(d:json "listeners") do
    if object.listener == name then
      return object
    end
  end
end

describe("a listener", function()
  it("hears of the events that its names and its filter let pass", function()
    d:write("ears.lua", [[
      local function note(file)
        return function(event) fs.append("../" .. file, (event.job or event.n) .. " " .. event.event .. "\n") end
      end
      job "shop.good" { run = function() end }
      job "shop.bad" { run = function() error "no" end }
      job "other.bad" { run = function() error "no" end }
      on("job_error", { job = "shop.*", state = { "failed", "timed_out" } }, note "errors")
      on("ord*", { n = { 2, 3 }, express = true }, note "orders")
      on { event = { "job_executed", "nothing" }, name = "done", run = note "done" }
      on("job_*", { job = "shop.good" }, note "good")
    ]])
    d:start()
    d:cli("run-now", "other.bad", "--wait")
    d:cli("run-now", "shop.bad", "--wait")
    d:must("run-now", "shop.good", "--wait")
    for n = 1, 4 do
      d:must("emit", "order", "n=" .. n, "express=" .. tostring(n ~= 3))
    end
    assert.same({ "shop.bad job_error" }, wait_for(1, "errors"))
    assert.same({ "2 order" }, wait_for(1, "orders"))
    assert.same({ "shop.good job_executed" }, wait_for(1, "done"))
    local good = table.concat(wait_for(2, "good"), " ")
    assert.matches("job_submitted.*job_executed", good)
    assert.equal(1, listener("ears/done").delivered)
    assert.same({ job = "shop.*", state = { "failed", "timed_out" } }, listener("ears/job_error").filter)
    assert.matches("ears/done +job_executed, nothing +%- +no +1 +0 +0 +0 +0", d:must "listeners")
  end)

  it("hears of a job's events in their order", function()
    d:write("order.lua", [[
      for i = 1, 5 do
        job("j" .. i) { run = function() end }
      end
      on({ "job_submitted", "job_executed" }, function(event)
        if event.job == "j1" then sleep "1ms" end
        fs.append("../heard", event.job .. " " .. event.run .. " " .. event.event .. "\n")
      end)
      function go()
        for _ = 1, 20 do
          for i = 1, 5 do
            scheduler.run_now("j" .. i)
          end
        end
      end
      job "go" { run = go }
    ]])
    d:start()
    d:must("run-now", "go", "--wait")
    local lines = wait_for(202)
    local open, last = {}, {}
    for _, line in ipairs(lines) do
      local job, run, event = line:match "^(%S+) (%S+) (%S+)$"
      if event == "job_submitted" then
        assert.is_true(not last[job] or last[job] < run, line)
        open[run], last[job] = true, run
      else
        assert.is_true(open[run], line)
      end
    end
  end)

  it("that is slow, spins or fails harms nobody, and what it loses is counted", function()
    d:write("bad.lua", [[
      on("tick", function() sleep "1h" end, { name = "asleep" })
      on("tick", function() while true do end end, { name = "spins", timeout = "300ms" })
      on("tick", function(event) error("no " .. event.n) end, { name = "fails" })
    ]])
    d:write("good.lua", [[
      on("tick", function(event) if event.n % 100 == 0 then fs.append("../heard", event.n .. "\n") end end)
      job "work" { run = function() return "done" end }
      job "flood" {
        run = function()
          for n = 1, 1200 do
            scheduler.emit("tick", { n = n })
          end
        end,
      }
    ]])
    d:start()
    d:must("run-now", "flood", "--wait")
    assert.matches("succeeded: \"?done", d:must("run-now", "work", "--wait"))
    daemon.wait_until(function()
      local fails, good = listener "bad/fails", listener "good/tick"
      return fails.failed + fails.dropped == 1200 and good.delivered + good.dropped == 1200
        and listener("bad/spins").failed > 0
    end, PATIENCE, "all was heard, but for those that cannot")
    assert.is_true(#heard() >= 10)
    assert.is_true(listener("good/tick").delivered >= 1000)
    assert.equal(200, listener("bad/asleep").dropped)
    assert.equal(1000, listener("bad/asleep").waiting)
    assert.matches("bad.lua:3: no %d+", listener("bad/fails").error)
    assert.matches("took longer than its time%-out of 0.3 s", listener("bad/spins").error)
    assert.matches("bad/fails: %S*jobs/bad.lua:3: no %d+", d:must "listeners")
  end)

  it("comes and goes at run time", function()
    d:write("late.lua", [[
      local function ear(event) fs.append("../heard", event.n .. "\n") end
      job "listen" { run = function() assert(scheduler.add_listener(ear, "tick", { n = { 1, 3 } })) end }
      job "deaf" { run = function() assert(scheduler.remove_listener(ear)) end }
      job "durable" {
        run = function() return scheduler.add_listener(ear, "tick", nil, { durable = true }) end,
      }
    ]])
    d:start()
    d:must("emit", "tick", "n=1")
    d:must("run-now", "listen", "--wait")
    for n = 1, 3 do
      d:must("emit", "tick", "n=" .. n)
    end
    assert.same({ "1", "3" }, wait_for(2))
    d:must("run-now", "deaf", "--wait")
    d:must("emit", "tick", "n=1")
    assert.is_nil(listener("late/tick"))
    local refused = d:cli("run-now", "durable", "--wait")
    assert.equal(1, refused.status)
    assert.matches("a durable listener must be there when the script loads", refused.out .. refused.err)
    assert.same({ "1", "3" }, heard())
  end)
end)

describe("a durable listener", function()
  it("hears of each event at least once and in order, through kill -9", function()
    d:write("ear.lua", [[
      on("tick", function(event)
        fs.append("../heard", event.n .. " " .. event.delivery .. " " .. event.id .. "\n")
        sleep "1ms"
      end, { durable = true })
    ]])
    d:start()
    local acknowledged = {}
    for n = 1, EMITS do
      if d:cli("emit", "tick", "n=" .. n).status == 0 then
        acknowledged[#acknowledged + 1] = n
      end
      if n % (EMITS // (KILLS + 1)) == 0 and n < EMITS then
        d:kill()
        d:start()
      end
    end
    daemon.wait_until(function()
      local object = listener("ear/tick")
      return object and object.waiting == 0
    end, PATIENCE, "all was heard")
    assert.is_true(#acknowledged > EMITS // 2)
    local times, ids, newest = {}, {}, 0
    for _, line in ipairs(heard()) do
      local n, delivery, id = line:match "^(%d+) (%d+) (%S+)$"
      n, delivery = tonumber(n), tonumber(delivery)
      assert.is_true(times[n] ~= nil or n > newest, "out of order: " .. line)
      assert.is_true(times[n] == nil or delivery > 1, "not told that it came before: " .. line)
      assert.is_true(ids[n] == nil or ids[n] == id, "another id: " .. line)
      times[n], ids[n] = (times[n] or 0) + 1, id
      newest = math.max(newest, n)
    end
    for _, n in ipairs(acknowledged) do
      assert.is_truthy(times[n], n .. " was lost")
    end
    print(("# %d kills: %d of %d emits acknowledged, %d calls"):format(KILLS, #acknowledged, EMITS, #heard()))
  end)

  it("hears of what happened while it was not there, also of scripts that load", function()
    d:write("ear.lua", [[
      on({ "script_*", "job_interrupted", "scheduler_*" }, function(event)
        fs.append("../heard", event.event .. " " .. (event.script or event.job or "") .. "\n")
      end, { durable = true, name = "all" })
    ]])
    d:write("long.lua", [[ job "long" { run = function() sleep "1h" end } ]])
    d:start()
    d:must("run-now", "long")
    d:kill()
    d:write("broken.lua", "this is no Lua")
    d:start()
    daemon.wait_until(function()
      local text = table.concat(heard(), "\n")
      return text:find "job_interrupted long" and text:find "script_failed broken" and text:find "script_loaded ear"
        and text:find "scheduler_started"
    end, 5, "all events in " .. table.concat(heard(), "\n"))
    d:stop()
    d:start()
    daemon.wait_until(function() return table.concat(heard(), "\n"):find "scheduler_shutdown" end, PATIENCE,
      "the event of the end")
  end)

  it("tries again what it fails, sets it aside, and hears of it when a person says so", function()
    local source = [[
      on("tick", function(event)
        if fs.exists "../broken" then error "no luck" end
        fs.append("../heard", event.n .. " " .. event.delivery .. "\n")
      end, { durable = true, attempts = 2, name = "mail" })
      on("scheduler_listener_failed", function(event)
        fs.append("../told", event.listener .. " " .. event.about .. "\n")
      end)
    ]]
    d:write("ear.lua", source)
    daemon.write_file(d.root .. "/broken", "")
    d:start()
    d:must("emit", "tick", "n=1")
    assert.same({ "mail tick" }, wait_for(1, "told"))
    local object = listener("ear/mail")
    assert.equal(1, object.dead)
    assert.equal(2, object.failed)
    assert.matches('moonbeat retry listener "ear/mail" delivers its dead letters again', d:must "listeners")
    assert.matches("no luck", d:must("show", "listener", "mail"))
    assert.equal(1, d:json("show", "listener", "mail")[1].dead_letters[1].content.n)
    assert.equal(0, (os.remove(d.root .. "/broken") and 0))
    d:must("emit", "tick", "n=2")
    wait_for(1)
    daemon.wait_until(function() return listener("ear/mail").delivered == 1 end, PATIENCE, "it is known as delivered")
    d:kill()
    d:start()
    assert.equal("dead letters that are delivered again: 1\n", d:must("retry", "listener", "ear/mail"))
    assert.same({ "2 1", "1 3" }, wait_for(2))
    local unknown = d:cli("retry", "listener", "ear/male")
    assert.equal(66, unknown.status)
    assert.matches('there is no listener "ear/male", did you mean "ear/mail"?', unknown.err, 1, true)
    d:write("ear.lua", "-- nobody listens here")
    d:must "reload"
    assert.is_nil(listener("ear/mail"))
  end)
end)

describe("a script that listens by scheduler.add_listener while it loads", function()
  it("hears of each event once", function()
    d:write("ear.lua", [[
      assert(scheduler.add_listener(function() assert(fs.append("../heard", "x")) end, "ping"))
      local function deaf() assert(fs.append("../heard", "deaf")) end
      assert(scheduler.add_listener(deaf, "ping"))
      assert(scheduler.remove_listener(deaf))
    ]])
    d:start()
    assert.equal(1, #d:json "listeners")
    d:must("emit", "ping")
    d:must("emit", "ping")
    daemon.wait_until(function() return d:json("listeners")[1].delivered == 2 end, PATIENCE, "both are heard")
    assert.equal("xx", daemon.read_file(d.root .. "/heard"))
  end)
end)
