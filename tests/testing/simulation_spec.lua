--- moonbeat.testing itself: time, jobs, runs and what becomes of them.

local sim = require "moonbeat.testing"

describe("time in a simulation", function()
  it("begins at a fixed moment and goes on when it is told", function()
    assert.equal("2026-01-01T00:00:01+00:00", sim.now())
    sim.advance "1h30m"
    assert.equal("2026-01-01T01:30:01+00:00", sim.now())
    sim.advance(90)
    assert.equal("2026-01-01T01:31:31+00:00", sim.now())
    sim.advance_to "2026-01-02"
    assert.equal("2026-01-02T00:00:00+00:00", sim.now())
  end)

  it("is what scripts see", function()
    sim.script("clock", [[
      function read() return { time.now():iso(), os.time(), os.date "!%H:%M" } end
    ]])
    sim.at "2030-05-01 12:00"
    assert.same({ "2030-05-01T12:00:00+00:00", 1903867200, "12:00" }, sim.call("clock.read").result)
  end)

  it("leaves the functions of Lua that are given a time as they are", function()
    sim.script("given", [[
      function read()
        return { os.date("!%F %T", 0), os.date("!*t", 86399).hour, os.time { year = 2030, month = 5, day = 1 } }
      end
      function wrong() return os.time { year = 2030, month = 5 } end
      function wronger() return os.time "today" end
    ]])
    assert.same({ "1970-01-01 00:00:00", 23, os.time { year = 2030, month = 5, day = 1 } },
      sim.call("given.read").result)
    assert.matches("^given.lua:4: field 'day' missing in date table", sim.call("given.wrong").error)
    assert.matches("^given.lua:5: bad argument #1 to 'time' %(table expected, got string%)",
      sim.call("given.wronger").error)
  end)

  it("takes none of its own for a sleep", function()
    sim.script("tired", [[
      job "tired" { trigger = cron "0 3 * * *", run = function() sleep "5h" return "awake" end }
    ]])
    sim.advance "4h"
    assert.equal("running", sim.last_run("tired").state)
    sim.advance "5h"
    local run = sim.last_run "tired"
    assert.equal("awake", run.result)
    assert.equal(5 * 3600, run.took)
  end)

  it("has the zone's nights in which clocks change", function()
    sim.script("night", [[ job "night" { trigger = cron "30 2 * * *", run = function() end } ]])
    sim.at("2026-03-28 12:00", "Europe/Berlin")
    sim.advance "2d"
    assert.fires("night", { "2026-03-29 03:00", "2026-03-30 02:30" })
    sim.at("2026-10-24 12:00", "Europe/Berlin")
    sim.advance "1d"
    assert.fires("night", { "2026-10-25T02:30:00+02:00" })
  end)

  it("ends runs that take too long", function()
    sim.script("slow", [[
      job "slow" { trigger = cron "@daily", timeout = "10m", run = function() sleep "1h" end }
    ]])
    sim.advance "1d1h"
    assert.fails("slow", "took longer than its time-out")
    assert.equal("2026-01-02T00:10:00+00:00", sim.last_run("slow").finished_at)
  end)
end)

describe("a run that is busy with its own code", function()
  local SPINS = [[
    count = 0
    job "spins" {
      trigger = cron "30 0 * * *", timeout = "200ms",
      retry = { attempts = 2, delay = "1m", backoff = "fixed" },
      run = function()
        count = count + 1
        while count == 1 do end
      end,
    }
    job "beside" { trigger = cron "30 0 * * *", run = function() sleep "100ms" end }
  ]]

  it("is ended by its time-out, and tried again", function()
    sim.script("busy", SPINS)
    sim.advance_to "2026-01-01T00:30:30Z"
    local ended = sim.events("job_error")[1]
    assert.equal("timed_out", ended.state)
    assert.matches("took longer than its time%-out of 200ms\nstack traceback:\n%s+busy.lua:%d+:", ended.error)
    assert.equal("2026-01-01T00:30:00.2+00:00", ended.at)
    assert.equal("2026-01-01T00:30:00.1+00:00", sim.last_run("beside").finished_at)
    sim.advance "1m"
    assert.succeeds("spins", 1)
  end)

  it("waits for no longer time-out than the test has patience", function()
    local core = require "moonbeat.core"
    local open = core.open
    core.open = function(options)
      options.patience_us = 200000
      return open(options)
    end
    finally(function() core.open = open end)
    sim.script("busy", (SPINS:gsub("200ms", "1h")))
    sim.advance "3h"
    assert.equal("2026-01-01T01:31:00+00:00", sim.last_run("spins").finished_at)
    assert.succeeds("spins", 1)
  end)
end)

describe("chance in a simulation", function()
  it("is the same in each that begins", function()
    sim.script("chance", [[
      local first = math.random(1 << 30)
      function draw()
        return { first, math.random(1 << 30), crypto.uuid(), crypto.random_bytes(8, "hex") }
      end
    ]])
    local function draw()
      sim.at "2030-05-01 12:00"
      return { sim.call("chance.draw").result, sim.call("chance.draw").result }
    end
    local drawn = draw()
    assert.same(drawn, draw())
    assert.not_equal(drawn[1][2], drawn[2][2])
    assert.not_equal(drawn[1][3], drawn[2][3])
    sim.crash()
    assert.not_same(drawn[1], sim.call("chance.draw").result)
  end)
end)

describe("a job in a simulation", function()
  it("has one state, also when its script is parallel", function()
    sim.script("pair", [[
      parallel = true
      count = 0
      job "pair" { max_instances = 2, run = function()
        count = count + 1
        return count
      end }
    ]])
    assert.equal(1, sim.run_now("pair").result)
    assert.equal(2, sim.run_now("pair").result)
    assert.has_error(function() sim.script("wrong", "parallel = 2") end,
      "wrong.lua: parallel must be true or false, not the number 2")
  end)

  it("is tried again as it says", function()
    sim.script("flaky", [[
      local count = 0
      job "flaky" {
        trigger = cron "0 3 * * *",
        retry = { attempts = 3, delay = "1m", backoff = "fixed" },
        run = function()
          count = count + 1
          if count < 3 then error "not yet" end
          return count
        end,
      }
    ]])
    sim.advance "4h"
    local run = sim.last_run "flaky"
    assert.same({ 3, 3, "2026-01-01T03:02:00+00:00" }, { run.result, run.attempt, run.finished_at })
    assert.equal(2, #sim.events "job_retry")
    assert.is_nil(sim.events("job_executed")[1].error) -- as a listener sees it
    assert.succeeds("flaky", 1)
  end)

  it("fails when the test says so", function()
    sim.script("good", [[
      job "good" { trigger = cron "59 * * * *", run = function() log.info "ran" end }
      on("job_error", function(event) http.post("https://alert/", { json = { event.error } }) end)
    ]])
    sim.fail("good", "the disk is full")
    sim.advance "1h"
    assert.fails("good", "disk is full")
    assert.no.logs("good", "ran")
    assert.same({ "the disk is full" }, sim.http.last("https://alert/").json)
    sim.advance "1h"
    assert.succeeds("good", 1)
    assert.logs("good", "ran")
  end)

  it("asks its retry.decide about a failure that the test wants", function()
    sim.script("decides", [[
      job "once" {
        trigger = cron "59 * * * *",
        retry = { attempts = 2, decide = function(run, problem) return problem:find "full" and "20m" end },
        run = function() end,
      }
    ]])
    sim.fail("once", "the disk is full")
    sim.advance "1h"
    assert.no.succeeds "once"
    sim.advance "20m"
    assert.succeeds("once", 1)
    assert.equal(2, sim.last_run("once").attempt)
  end)

  it("can be called with arguments, and run at once", function()
    sim.script("sums", [[
      function add(run, a, b) log.info("%d", a + b) return a + b end
      job "sum" { trigger = cron "@yearly", func = "add", args = { 1, 2 } }
    ]])
    assert.equal(5, sim.call("sums.add", 2, 3).result)
    assert.equal(3, sim.run_now("sum").result)
    local run = sim.run_now("sum", 4, 5)
    assert.equal(9, run.result)
    assert.same({ "9" }, run.log)
  end)

  it("takes as long as the test says", function()
    sim.script("pair", [[
      job "a" { trigger = cron "0 3 * * *", overlap = "skip", run = function() return 1 end }
      job "b" { trigger = cron "30 3 * * *", run = function() end }
    ]])
    sim.advance "1d"
    assert.never_overlaps("a", "b")
    sim.takes("a", "45m")
    sim.advance "1d"
    assert.no.never_overlaps("a", "b")
    assert.never_overlaps "a"
    assert.same({ 1, 2700 }, { sim.last_run("a").result, sim.last_run("a").took })
  end)

  it("takes so long whatever it runs", function()
    sim.script("kinds", [[
      function named() return "named" end
      job "by_name" { func = "named" }
      job "command" { run = command { "true" } }
      job "adds" { run = function() scheduler.add_job { id = "added", func = "kinds.named" } end }
    ]])
    sim.run_now "adds"
    for _, job in ipairs { "by_name", "command", "added" } do
      sim.takes(job, "5m")
      assert.equal(300, sim.run_now(job).took, job)
    end
    assert.equal("named", sim.last_run("added").result)
  end)

  it("skips by its policies", function()
    sim.script("busy", [[
      job "busy" { trigger = every "1m", overlap = "skip", run = function() sleep "150s" end }
    ]])
    sim.advance "10m"
    assert.skips("busy", "overlap")
    assert.no.skips("busy", "misfire")
    assert.never_overlaps "busy"
    assert.equal("overlap", sim.skips("busy")[1].reason)
  end)

  it("waits for its pool", function()
    sim.script("pool", [[
      pool("one", 1)
      for _, name in ipairs { "a", "b" } do
        job(name) { trigger = cron "30 * * * *", pool = "one", run = function() end }
      end
      for _, name in ipairs { "c", "d" } do
        job(name) { trigger = cron "30 * * * *", run = function() end }
      end
    ]])
    sim.advance "3h"
    assert.fires("a", 3)
    assert.never_overlaps("a", "b")
    assert.no.never_overlaps("c", "d")
    assert.no.never_overlaps("a", "b", "c")
    assert.no.never_overlaps("a", "c", "b")
  end)

  it("of three keeps out of the way of both others", function()
    sim.script("three", [[
      for i, name in ipairs { "a", "b", "c" } do
        job(name) { trigger = cron(i * 10 .. " * * * *"), run = function() sleep(name == "b" and "15m" or "5m") end }
      end
    ]])
    sim.advance "1h"
    assert.never_overlaps("a", "b")
    assert.never_overlaps("a", "c")
    assert.has_error(function() assert.never_overlaps("a", "b", "c") end)
    assert.has_error(function() assert.never_overlaps("b", "a", "c") end)
  end)

  it("survives a crash as it promises", function()
    sim.script("crash", [[
      for name, delivery in pairs { safe = "at_least_once", once = "at_most_once" } do
        job(name) {
          trigger = cron "0 1 * * *", delivery = delivery,
          run = function() kv.incr(name) sleep "1h" end,
        }
      end
    ]])
    sim.advance "90m"
    sim.crash()
    sim.advance "3h"
    assert.equal("succeeded", sim.last_run("safe").state)
    assert.equal("interrupted", sim.last_run("once").state)
    assert.same({ 2, 1 }, { sim.kv.get("crash", "safe"), sim.kv.get("crash", "once") })
  end)

  it("hears of events, files and signals", function()
    sim.script("ears", [[
      local function tell(run) return run.events[1].name or run.events[1].path or run.events[1].signal end
      job "event" { trigger = on_event "order", run = tell }
      job "file" { trigger = on_file "in/*.csv", run = tell }
      job "signal" { trigger = on_signal "SIGUSR1", run = tell }
      job "after" { trigger = after_job "file", run = function() end }
    ]])
    sim.emit("order", { name = "ada" })
    sim.sense("on_file", { path = sim.folder() .. "/in/a.csv" })
    sim.sense("on_signal", { signal = "SIGUSR1" })
    sim.advance "1m"
    assert.equal("ada", sim.last_run("event").result)
    assert.equal(sim.folder() .. "/in/a.csv", sim.last_run("file").result)
    assert.equal("SIGUSR1", sim.last_run("signal").result)
    assert.fires("after", 1)
    assert.equal("ada", sim.events("order")[1].name)
  end)

  it("is told of a file, a row or a signal what its sensor tells", function()
    sim.script("sensors", [[
      local function tell(run)
        local event = run.event
        event.modified_at = event.modified_at and event.modified_at:iso()
        event.at, event.event = nil, nil
        return event
      end
      job "file" { trigger = on_file "in/*.csv", run = tell }
      job "row" { trigger = on_change("orders.db", "orders"), run = tell }
      job "signal" { trigger = on_signal "SIGUSR1", run = tell }
    ]])
    sim.write("in/a.csv", "pen,3")
    require "lfs".touch(sim.folder() .. "/in/a.csv", 1767323045)
    local path, orders = sim.folder() .. "/in/a.csv", sim.folder() .. "/orders.db"
    local function told(job, kind, event)
      sim.sense(kind, event)
      sim.advance "10s"
      return sim.last_run(job).result
    end
    assert.same({ path = path, change = "created", size = 5, modified_at = "2026-01-02T03:04:05+00:00" },
      told("file", "on_file", { path = "in/a.csv" }))
    assert.same({ path = path, change = "changed", size = 7, modified_at = "2030-01-01T00:00:00+00:00" },
      told("file", "on_file", { path = "in/a.csv", change = "changed", size = 7, modified_at = "2030-01-01" }))
    assert.same({ path = sim.folder() .. "/in/none.csv", change = "created" },
      told("file", "on_file", { path = "in/none.csv" }))
    assert.same({ database = orders, table = "orders", operation = "insert", rowid = 1 },
      told("row", "on_change", { table = "orders" }))
    assert.same({ database = orders, table = "orders", operation = "delete", key = { "a", 2 } },
      told("row", "on_change", { database = "orders.db", table = "orders", operation = "delete", key = { "a", 2 } }))
    assert.same({ signal = "SIGUSR1" }, told("signal", "on_signal", { signal = "SIGUSR1" }))
  end)

  it("asks its trigger in Lua", function()
    sim.script("tides", [[
      job "tide" {
        trigger = trigger("tides", function(previous, now) return now + 6 * 3600 + 745 end),
        run = function() end,
      }
    ]])
    sim.advance "1d"
    assert.fires("tide", 3)
    assert.fires("tide", "2026-01-01 06:12:26")
  end)

  it("is isolated beside the others", function()
    sim.script("cell", [[ job "cell" { trigger = cron "@hourly", isolate = true, run = function() return 7 end } ]])
    assert.equal(7, sim.run_now("cell").result)
  end)

  it("sees of the environment what its process would, when it is isolated", function()
    sim.script("cell", [[
      local function seen()
        return { path = env.PATH ~= nil, foo = env.FOO, a = os.getenv "A", b = env.B, home = env.get("HOME", "none"),
          all = { env.all().PATH ~= nil, env.all().FOO or "none", env.all().A or "none", env.all().HOME or "none" } }
      end
      job "in" { isolate = true, env = { A = "1", B = "2" }, run = seen }
      job "bare" { isolate = true, run = seen }
      job "out" { run = seen }
    ]])
    sim.env.FOO, sim.env.B, sim.env.HOME = "bar", "outside", false
    assert.same({ path = true, a = "1", b = "2", home = "none", all = { true, "none", "1", "none" } },
      sim.run_now("in").result)
    assert.same({ path = true, home = "none", all = { true, "none", "none", "none" } }, sim.run_now("bare").result)
    assert.same({ path = true, foo = "bar", b = "outside", home = "none", all = { true, "bar", "none", "none" } },
      sim.run_now("out").result)
  end)
end)

describe("a folder in a simulation", function()
  it("is loaded as a whole, in whatever order", function()
    sim.load "tests/testing/any_order"
    sim.advance "3d"
    assert.equal(2, #sim.runs "daily")
    assert.succeeds "pooled"
  end)

  it("is the same however its path is written", function()
    sim.load "tests/testing/any_order"
    for _, path in ipairs { "./tests/testing/any_order/", "tests//testing/../testing/any_order",
      require "lfs".currentdir() .. "/tests/testing/any_order", "./tests/testing/any_order/a.lua" } do
      sim.load(path)
    end
    assert.same({ "daily", "pooled" }, sim.jobs())
  end)
end)

describe("what a simulation tells", function()
  it("is jobs, their next times, and anything that clients can ask", function()
    sim.script("two", [[
      job "b" { trigger = cron "0 3 * * *", run = function() end }
      job "a" { trigger = cron "@hourly", run = function() end }
    ]])
    sim.at("2026-06-01", "Europe/Berlin")
    assert.same({ "a", "b" }, sim.jobs())
    assert.same({ "2026-06-01T03:00:00+02:00", "2026-06-02T03:00:00+02:00" }, { sim.next("b", 2) })
    assert.equal("2026-06-01T03:00:00+02:00", sim.job("b").next_run_at)
    sim.ask("pause_job", { job = "b" })
    sim.advance "1d"
    assert.no.fires "b"
    assert.equal("paused", sim.job("b").state)
    assert.fires("a", 5, "2026-06-01 10:00", "2026-06-01 14:00")
    assert.equal(25, #sim.runs()) -- both ends count
    sim.unload "two"
    assert.same({}, sim.jobs())
  end)

  it("is as long as it was", function()
    sim.script("often", [[ job "often" { trigger = every "1s", run = function() end } ]])
    sim.advance(2500)
    assert.fires("often", 2500)
  end)

  it("is all of it, however much that is", function()
    sim.script("much", [[
      job "long" { trigger = every "10m", run = function() sleep "15m" end }
      job "talks" { run = function() for i = 1, 1500 do log.info("line %d", i) end end }
    ]])
    sim.advance "20d"
    assert.skips("long", "overlap", #sim.runs "long")
    assert.is_true(#sim.skips "long" > 1000)
    assert.never_overlaps "long"
    assert.equal("line 1500", sim.run_now("talks").log[1500])
    assert.logs("talks", "line 1500")
  end)

  it("is the same each time", function()
    local function play()
      sim.at "2026-01-01"
      sim.advance "1d"
      local times = {}
      for i, run in ipairs(sim.runs()) do
        times[i] = run.id .. run.state
      end
      return times
    end
    sim.script("jitter", [[
      job "x" { trigger = every("17m", { jitter = "5m" }), run = function() sleep "20m" end }
      job "y" { trigger = cron "*/7 * * * *", run = function() end }
    ]])
    assert.same(play(), play())
  end)
end)

describe("tests", function()
  sim.script("shared", [[
    job "shared" { trigger = cron "30 * * * *", run = function() return http.get("u").status end }
  ]])
  sim.http.answer { status = 299 }

  it("begin anew with what was loaded and answered outside", function()
    sim.script("mine", [[ job "mine" { trigger = cron "@hourly", run = function() end } ]])
    sim.http.answer { status = 201 }
    sim.kv.set("shared", "key", 1)
    assert.equal(201, sim.run_now("shared").result)
    assert.equal(1, #sim.http.calls)
  end)

  it("forget what the one before has done", function()
    assert.same({ "shared" }, sim.jobs())
    assert.equal(0, #sim.http.calls)
    assert.is_nil(sim.kv.get("shared", "key"))
    assert.equal(299, sim.run_now("shared").result)
  end)

  it("leave nothing behind when they reset it", function()
    sim.reset()
    assert.same({}, sim.jobs())
  end)
end)
