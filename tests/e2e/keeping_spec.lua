--- What scripts keep (kv) and hold (lock), in the real daemon: over runs, scripts, kills and restarts.

local daemon = require "support.daemon"

local PATIENCE = 20

local d

local function wait_for_run(job, state)
  return daemon.wait_until(function()
    for _, run in ipairs(d:runs(job)) do
      if run.state == state then
        return run
      end
    end
  end, PATIENCE, ("a run of %s is %s"):format(job, state))
end

local function locks()
  return d:json "locks"
end

describe("kv", function()
  setup(function()
    d = daemon.new()
    d:write("counters.lua", [[
      job "count" { max_instances = 50, run = function()
        for _ = 1, 10 do
          kv.shared.incr("sum")
          kv.shared.update("updated", function(v) return (v or 0) + 1 end)
        end
      end }
      job "take" { run = function()
        assert(kv.cas("owner", nil, "first") and not kv.cas("owner", nil, "second"))
        kv.set("brief", { 1 }, { ttl = "300ms" })
        local ends = kv.expires_at "brief"
        assert(ends > time.now() - 1 and ends < time.now() + 1)
        assert(kv.get("brief")[1] == 1 and kv.expires_at "owner" == nil)
        sleep "310ms"
        assert(kv.get("brief") == nil and #kv.keys "b" == 0)
        return kv.get "owner"
      end }
      job "large" { run = function() kv.set("x", ("y"):rep(600000)) end }
    ]])
    d:start()
  end)
  teardown(function() d:close() end)

  it("loses no addition of runs side by side", function()
    for _ = 1, 8 do
      d:must("run-now", "count")
    end
    daemon.wait_until(function()
      local done = 0
      for _, run in ipairs(d:runs "count") do
        assert(run.state ~= "failed", run.error)
        done = done + (run.state == "succeeded" and 1 or 0)
      end
      return done == 8
    end, PATIENCE, "all have counted")
    assert.equal("80\n", d:must("kv", "get", "sum"))
    assert.equal("80\n", d:must("kv", "get", "updated"))
  end)

  it("compares, and forgets in time", function()
    local run = d:run_now "take"
    assert.equal("succeeded", run.state, run.error)
    assert.equal("first", run.result)
  end)

  it("refuses what is too large", function()
    local run = d:run_now "large"
    assert.equal("failed", run.state)
    assert.matches('kv.set: the value of "x" has 600002 bytes, the limit is 524288 (limit)', run.error, 1, true)
  end)

  it("and lock name themselves when they refuse", function()
    local out = d:must("repl", "-e", 'print(pcall(kv.incr, "n", 0/0))', "-e", 'print(pcall(kv.incr, "n", {}))',
      "-e", 'print(pcall(lock, "a\\0b"))')
    assert.matches("kv.incr: by must be a finite number, got %-?nan", out)
    assert.matches("kv.incr: by must be a finite number, got table", out, 1, true)
    assert.matches("lock: the name holds a NUL byte", out, 1, true)
  end)

  it("is read and written from outside", function()
    d:must("kv", "set", "limits", '{"orders":20}', "--script", "counters")
    d:must("kv", "set", "greeting", "hello")
    d:must("kv", "set", "soon", "gone", "--ttl", "1ms")
    assert.equal('{"orders":20}\n', d:must("kv", "get", "limits", "--script", "counters"))
    daemon.sleep(0.01)
    assert.equal(66, d:cli("kv", "get", "soon").status)
    local keys = {}
    for _, entry in ipairs(d:json("kv", "list")) do
      keys[#keys + 1] = tostring(entry.script) .. ":" .. entry.key
    end
    assert.equal("nil:greeting nil:sum nil:updated counters:limits counters:owner", table.concat(keys, " "))
    assert.equal(1, #d:json("kv", "list", "li", "--script", "counters"))
    d:must("kv", "delete", "greeting")
    local gone = d:cli("kv", "delete", "greeting")
    assert.equal(66, gone.status)
    assert.equal('moonbeat: there is no shared value "greeting"\n', gone.err)
  end)

  it("outlives a kill", function()
    d:kill()
    d:start()
    assert.equal("80\n", d:must("kv", "get", "sum"))
  end)
end)

describe("lock", function()
  setup(function()
    d = daemon.new()
    d:write("holders.lua", [[
      job "holds" { timeout = "1h", run = function()
        local held <close> = lock "db"
        log.info "got it"
        while not kv.shared.get "go" do sleep "20ms" end
      end }
      job "hangs" { timeout = "1h", cancel_grace = "50ms", run = function()
        lock("db", function() while true do end end)
      end }
      job "alone" { isolate = true, timeout = "1h", cancel_grace = "50ms", run = function()
        local held <close> = lock "db"
        while true do end
      end }
      job "spins_then_dies" { timeout = "400ms", run = function()
        lock "db"
        while true do pcall(function() while true do end end) end
      end }
    ]])
    d:write("others.lua", [[
      job "tries" { run = function()
        local handle, message, code = lock("db", { wait = 0 })
        return handle == nil and { message, code } or "got it"
      end }
      job "waits" { run = function()
        return lock("db", { wait = "20s" }, function(held) return held.name end)
      end }
      local function waits_until_told()
        local ok, message = pcall(lock, "db")
        return { ok, message }
      end
      job "told" { soft_timeout = "300ms", timeout = "20s", run = waits_until_told }
      job "told_alone" { isolate = true, soft_timeout = "300ms", timeout = "20s", run = waits_until_told }
      job "cancelled" { cancel_grace = "20s", run = function() lock "db" end }
      job "twice" { run = function()
        lock("mine", function() lock "mine" end)
      end }
      job "fails" { run = function()
        lock("mine", function() error "oops" end)
      end }
      job "lapses" { run = function()
        local held <close> = lock("short", { ttl = "50ms" })
        local other = coroutine.wrap(function() sleep "120ms" end)
        other()
        return { held:release() == nil, lock("short", { wait = 0 }) ~= nil }
      end }
      local function take_both(mine, theirs)
        lock(mine, function()
          kv.set(mine, "is held")
          while not kv.get(theirs) do sleep "10ms" end
          lock(theirs, { wait = "5s" }, function() end)
        end)
      end
      job "one" { run = function() take_both("a", "b") end }
      job "two" { run = function() take_both("b", "a") end }
      on("release_me", function() lock "db" sleep "10ms" error "a listener ends" end)
    ]])
    d:start()
  end)
  teardown(function() d:close() end)

  it("lets one in at a time, and says who has it", function()
    d:must("run-now", "holds")
    daemon.wait_until(function() return #locks() == 1 end, PATIENCE, "it is held")
    local run = d:run_now "tries"
    assert.equal("timeout", run.result[2])
    assert.matches('lock "db" is held by holds@', run.result[1], 1, true)
    d:must("run-now", "waits")
    local held = daemon.wait_until(function()
      local list = locks()
      return #list[1].waiting == 1 and list[1]
    end, PATIENCE, "another waits")
    assert.matches("holds@", held.holder, 1, true)
    assert.matches("waits@", held.waiting[1].who, 1, true)
    assert.matches("db.*holds@.*waits@", d:must "locks")
    assert.equal(1, d:json("status")[1].locks)
    assert.matches('it waits for lock "db", which holds@', d:must("why", held.waiting[1].who), 1, true)
    d:must("kv", "set", "go", "true")
    assert.equal("db", wait_for_run("waits", "succeeded").result)
    assert.same({}, locks())
  end)

  it("is free when its run is cancelled, times out or fails", function()
    d:must("run-now", "hangs")
    daemon.wait_until(function() return #locks() == 1 end, PATIENCE, "it is held")
    d:must("cancel", "hangs")
    daemon.wait_until(function() return #locks() == 0 end, PATIENCE, "it is free")
    d:must("run-now", "alone")
    daemon.wait_until(function() return #locks() == 1 end, PATIENCE, "a process of its own holds it")
    d:must("cancel", "alone")
    daemon.wait_until(function() return #locks() == 0 end, PATIENCE, "it is free")
    assert.equal("timed_out", d:run_now("spins_then_dies").state)
    assert.same({}, locks())
    local run = d:run_now "fails"
    assert.matches("jobs/others.lua:19: oops", run.error, 1, true)
    assert.equal("got it", d:run_now("tries").result)
    d:must("emit", "release_me")
    daemon.wait_until(function() return d:log():find "a listener ends" end, PATIENCE, "the listener has failed")
    daemon.wait_until(function() return #locks() == 0 end, PATIENCE, "it is free")
  end)

  it("is not waited for by who is told to end", function()
    d:must("run-now", "hangs")
    daemon.wait_until(function() return #locks() == 1 end, PATIENCE, "it is held")
    for _, job in ipairs { "told", "told_alone" } do
      local run = d:run_now(job)
      assert.same({ "succeeded", false }, { run.state, run.result[1] }, run.error)
      assert.matches("soft_timeout", run.result[2], 1, true)
    end
    d:must("run-now", "cancelled")
    daemon.wait_until(function() return #locks()[1].waiting == 1 end, PATIENCE, "it waits")
    d:must("cancel", "cancelled")
    local run = wait_for_run("cancelled", "cancelled")
    assert.not_matches("went on", run.error, 1, true)
    assert.same({}, locks()[1].waiting)
    d:must("cancel", "hangs")
    daemon.wait_until(function() return #locks() == 0 end, PATIENCE, "it is free")
  end)

  it("never waits for itself", function()
    local run = d:run_now "twice"
    assert.matches('jobs/others.lua:16: lock "mine": twice@%S+ holds it already', run.error)
    d:must("run-now", "one")
    d:must("run-now", "two")
    local failed = daemon.wait_until(function()
      local both = { d:runs("one")[1], d:runs("two")[1] }
      if both[1].finished_at and both[2].finished_at then
        return both[1].error or both[2].error
      end
    end, PATIENCE, "one of them gives up")
    assert.matches('lock "[ab]": waiting for it would never end: %a+@%S+ holds "[ab]" and waits for "[ab]", '
      .. "which %a+@%S+ holds itself", failed)
  end)

  it("is lost when its ttl is over", function()
    local run = d:run_now "lapses"
    assert.same({ true, true }, run.result, run.error)
    assert.matches('has kept lock "short" beyond its ttl', d:log(), 1, true)
  end)

  it("is nobody's after a kill of the daemon", function()
    d:must("run-now", "hangs")
    daemon.wait_until(function() return #locks() == 1 end, PATIENCE, "it is held")
    d:kill()
    d:write("holders.lua", "")
    d:start()
    assert.same({}, locks())
    assert.equal("got it", d:run_now("tries").result)
  end)
end)
