--- `moonbeat simulate`: a span of time played with the real scheduler and without running anything: what is due,
-- what becomes of it, and what a person is warned of.

local daemon = require "support.daemon"
local simulated = require "support.simulated"
local dkjson = require "dkjson"

local function contains(text, part)
  assert.matches(part, text, 1, true)
end

describe("simulate", function()
  local d

  before_each(function()
    d = daemon.new { env = { TZ = "UTC" } }
  end)

  after_each(function()
    d:close()
  end)

  local function text(...)
    return simulated.text(d, ...)
  end

  local function object(...)
    return simulated.object(d, ...)
  end

  --- Of each fire of the job, "LOCAL what".
  local function fires_of(answer, job)
    local list = {}
    for _, fire in ipairs(answer.fires) do
      if fire.job == job then
        local what = fire.reason or fire.state
        list[#list + 1] = ("%s %s"):format(fire["local"], what)
      end
    end
    return list
  end

  local function refuses(status, sentence, ...)
    local result = d:cli("simulate", d.jobs_folder, ...)
    assert.equal("moonbeat: " .. sentence .. "\n", result.err)
    assert.equal("", result.out)
    assert.equal(status, result.status)
  end

  it("tells what the clock does in spring", function()
    d:write("a.lua", [[job "nightly" { trigger = cron "30 2 * * *", run = function() end }]])
    local answer = object("--from", "2026-03-28", "--for", "3d", "-z", "Europe/Berlin")
    assert.same({ "2026-03-28T02:30:00+01:00 succeeded", "2026-03-29T03:00:00+02:00 succeeded",
      "2026-03-30T02:30:00+02:00 succeeded" }, fires_of(answer, "nightly"))
    assert.equal("2026-03-30T22:00:00.000000Z", answer["until"])
    assert.same({ { job = "nightly", kind = "gap", at = "2026-03-29T01:00:00.000000Z",
      message = "2026-03-29 02:30 does not exist in Europe/Berlin: fires at 03:00 CEST" } }, answer.clock_changes)
    contains(text("--from", "2026-03-28", "--for", "3d", "-z", "Europe/Berlin"),
      "\nclock: nightly: 2026-03-29 02:30 does not exist in Europe/Berlin: fires at 03:00 CEST\n")
  end)

  it("tells what the clock does in autumn", function()
    d:write("a.lua", [[
      job "nightly" { trigger = cron("30 2 * * *", { timezone = "Europe/Berlin" }), run = function() end }
      local both = { timezone = "Europe/Berlin", overlap = "both" }
      job "twice" { trigger = cron("30 2 * * *", both), run = function() end }
    ]])
    local answer = object("--from", "2026-10-25", "--for", "1d", "-z", "Europe/Berlin")
    assert.same({ "2026-10-25T02:30:00+02:00 succeeded" }, fires_of(answer, "nightly"))
    assert.same({ "2026-10-25T02:30:00+02:00 succeeded", "2026-10-25T02:30:00+01:00 succeeded" },
      fires_of(answer, "twice"))
    assert.equal(2, #answer.clock_changes)
    contains(answer.clock_changes[1].message, "occurs twice in Europe/Berlin: fires at the first (CEST)")
    contains(answer.clock_changes[2].message, "fires both times (CEST and CET)")
  end)

  it("skips, buffers and cancels as the policies say", function()
    d:write("a.lua", [[
      job "skips" { trigger = cron "*/10 * * * *", run = function() end }
      job "buffers" { trigger = cron "*/10 * * * *", overlap = "buffer_all", buffer_limit = 9, run = function() end }
      job "cancels" { trigger = cron "*/10 * * * *", overlap = "cancel_other", run = function() end }
      job "allows" { trigger = cron "*/10 * * * *", overlap = "allow", run = function() end }
    ]])
    local answer = object("--from", "2026-11-21", "--for", "1h", "--duration", "*=15m")
    assert.same({ overlap = 3 }, simulated.job(answer, "skips").skips)
    assert.equal(3, simulated.job(answer, "skips").runs)
    local buffers = simulated.job(answer, "buffers")
    assert.same({ 4, 2, 900 }, { buffers.runs, buffers.still_waiting, buffers.longest_wait // 1 })
    assert.equal("2026-11-21T00:10:00+00:00 succeeded", fires_of(answer, "buffers")[2])
    assert.equal("2026-11-21T00:00:00+00:00 cancelled", fires_of(answer, "cancels")[1])
    assert.equal(2, simulated.job(answer, "allows").peak)
    assert.same({
      "allows takes 15m, and is due every 10m: up to 2 of its runs are under way at once",
      "buffers takes 15m, and is due every 10m: its runs wait for each other, up to 15m",
      "cancels takes 15m, and is due every 10m: 5 of 6 runs are cancelled",
      "skips takes 15m, and is due every 10m: 3 of 6 due times are skipped",
    }, simulated.warnings(answer, "longer_than_interval"))
    local out = text("--from", "2026-11-21", "--for", "1h", "--duration", "*=15m", "--notable", "-n", "50")
    contains(out, "\nSat 2026-11-21 00:10:00 UTC  skips        -  skipped: overlap\n")
    contains(out, "waits 5m for its run before\n")
    contains(out, "\nSat 2026-11-21 00:00:00 UTC  cancels    10m  cancelled\n")
  end)

  it("tells who waits for whom in a pool", function()
    d:write("a.lua", [[
      pool("db", 1)
      job "etl" { trigger = cron "0 2 * * *", pool = "db", priority = 1, run = function() end }
      job "report" { trigger = cron "0 2 * * *", pool = "db", run = command { "/bin/false" } }
      job "other" { trigger = cron "0 2 * * *", run = function() end }
    ]])
    local answer = object("--from", "2026-11-21", "--for", "1d", "-d", "etl=20m", "-d", "1m", "--job", "r*")
    assert.same({ "2026-11-21T02:00:00+00:00 succeeded" }, fires_of(answer, "report"))
    local fire = answer.fires[1]
    assert.same({ 1, 1200, "pool", "etl", "2026-11-21T02:20:00.000000Z", "2026-11-21T02:21:00.000000Z" },
      { #answer.fires, fire.waits // 1, fire.waits_for, fire.behind, fire.begins_at, fire.ends_at })
    assert.same({ { name = "db", slots = 1, peak = 1, full = 1260, waited = 1, still_waiting = 0,
      longest_wait = 1200 } }, answer.pools)
    contains(text("--from", "2026-11-21", "--for", "1d", "-d", "etl=20m"), "  waits 20m for pool db, behind etl\n")
  end)

  it("takes the time that runs took", function()
    d:write("a.lua", [[job "naps" { trigger = cron "0 0 1 1 *", run = function() sleep "300ms" end }]])
    d:start()
    for _ = 1, 3 do
      assert.equal("succeeded", d:run_now("naps").state)
    end
    local function duration(...)
      local job = simulated.job(object("--from", "2026-01-01", "--for", "1d", ...), "naps")
      return job.duration, job.duration_from
    end
    local seconds, from = duration() -- beside the daemon
    assert.equal("history", from)
    assert.is_true(seconds >= 0.3 and seconds < 30, seconds)
    d:kill() -- and what it has left
    assert.same({ seconds, "history" }, { duration() })
    assert.same({ 7, "given" }, { duration("-d", "na*=7s") })
    assert.same({ 1, "assumed" }, { duration "--no-history" })
    d:sh "mkdir bare; touch bare/moonbeat.db" -- as a daemon leaves it that ends at once
    assert.same({ 1, "assumed" }, { duration("--state", d.root .. "/bare") })
  end)

  it("plays retries and time-outs", function()
    d:write("a.lua", [[
      job "retries" { trigger = cron "0 2 * * *", retry = { attempts = 3, delay = "1m" }, run = function() end }
      job "slow" { trigger = cron "0 3 * * *", timeout = "30s", run = function() end }
      job "after" { trigger = after_job "retries", run = function() end }
    ]])
    local span = { "--from", "2026-11-21", "--for", "1d", "-d", "slow=1h" }
    local answer = object("--fail", "retries=2", table.unpack(span))
    assert.same({ 3, "succeeded" }, { answer.fires[1].attempts, answer.fires[1].state })
    assert.equal(answer.fires[1].ends_at, answer.fires[2].scheduled_at)
    assert.same({ "2026-11-21T03:00:30.000000Z", "timed_out" }, { answer.fires[3].ends_at, answer.fires[3].state })
    answer = object("--fail", "retries", table.unpack(span))
    assert.same({ 3, "failed" }, { answer.fires[1].attempts, answer.fires[1].state })
    assert.equal(2, simulated.job(answer, "retries").retries)
  end)

  it("lets events come", function()
    d:write("a.lua", [[
      job "each" { trigger = on_event "order", run = function() end }
      job "batches" { trigger = on_event("order", { batch = 10, throttle = "30m" }), run = function() end }
    ]])
    local span = { "--from", "2026-11-21", "--for", "1h", "-d", "1s" }
    local answer = object("--emit", "order=every 10m", "--emit", "order=at 2026-11-21 00:05:30",
      table.unpack(span))
    assert.same({ "2026-11-21T00:05:30+00:00 succeeded", "2026-11-21T00:10:00+00:00 succeeded",
      "2026-11-21T00:20:00+00:00 succeeded" }, { table.unpack(fires_of(answer, "each"), 1, 3) })
    assert.same({ 6, 2 }, { simulated.job(answer, "each").runs, simulated.job(answer, "batches").runs })
    assert.equal(0, simulated.job(object(table.unpack(span)), "each").runs)
    refuses(64, '--emit "order": behind = stands the trigger that says when', "--emit", "order")
    refuses(66, '--emit: no job waits for the event "odrer", did you mean "order"?', "--emit", "order=every 10m",
      "--emit", "odrer=every 10m")
    refuses(65, '--emit "order=on_start": the trigger never fires', "--emit", "order=on_start")
    refuses(64, "--emit: event \"job_error\" is the scheduler's own: names must not begin with job_, script_ or " ..
      "scheduler_", "--emit", "job_error=@daily", table.unpack(span))
  end)

  it("asks retry.decide, at the time at which it thinks it is", function()
    d:write("a.lua", [[
      job "decides" {
        trigger = cron "0 2 * * *",
        retry = {
          attempts = 4,
          delay = "1m",
          decide = function(run, problem)
            local is_told = problem and time.now() == run.scheduled_at + (run.attempt == 1 and "1h" or "4h")
            return is_told and run.attempt == 1 and "2h" or false
          end,
        },
        run = function() end,
      }
      job "added" { trigger = cron "0 3 * * *", run = function() scheduler.add_job {} end }
      scheduler.add_job { id = "at_load", func = "a.nothing", trigger = cron "0 4 * * *" }
      function nothing() end
    ]])
    local answer = object("--from", "2026-11-21", "--for", "1d", "-d", "1h", "--fail", "decides")
    local fire = answer.fires[1]
    assert.same({ 2, "failed", "2026-11-21T06:00:00.000000Z" }, { fire.attempts, fire.state, fire.ends_at })
    assert.same({ 1, 1 }, { simulated.job(answer, "added").runs, simulated.job(answer, "at_load").runs })
  end)

  it("asks triggers in Lua, which see its time, and runs nothing", function()
    local mark = d.root .. "/mark"
    d:write("a.lua", ([[
      local third = trigger("third", function(previous, now)
        assert(time.now():date() == now:date())
        return (previous or time.now()) + "8h"
      end)
      job "asked" { trigger = third, run = function() os.execute("touch %s") end }
      job "told" { trigger = third, run = command { "touch", "%s" } }
      on("job_submitted", function() os.execute("touch %s") end)
    ]]):format(mark, mark, mark))
    local answer = object("--from", "2030-01-01", "--for", "1d")
    assert.same({ "2030-01-01T08:00:00+00:00 succeeded", "2030-01-01T16:00:00+00:00 succeeded" },
      fires_of(answer, "asked"))
    assert.equal(2, simulated.job(answer, "told").runs)
    assert.is_nil(daemon.read_file(mark))
    assert.is_nil(daemon.read_file(d.state .. "/moonbeat.db"))
  end)

  it("tells triggers in Lua of due times that were skipped", function()
    d:write("a.lua", [[
      local often = trigger("often", function(previous, now) return (previous or now) + "20m" end)
      job "long" { trigger = often, run = function() end }
    ]])
    local answer = object("--from", "2030-01-01", "--for", "100m", "-d", "50m")
    assert.same({ "2030-01-01T00:20:00+00:00 succeeded", "2030-01-01T00:40:00+00:00 overlap",
      "2030-01-01T01:00:00+00:00 overlap", "2030-01-01T01:20:00+00:00 succeeded" }, fires_of(answer, "long"))
  end)

  it("is the same each time, chance included, and has one time for all that tells it", function()
    d:write("a.lua", [[
      local by_chance = trigger("by_chance", function(previous, now)
        assert(os.time() == time.now().epoch // 1 and os.date "!%F %T" == time.now():format("%F %T", "UTC"))
        assert(os.time() == os.time(os.date "*t"))
        return (previous or now) + math.random(60, 7200)
      end)
      job "some_time" { trigger = by_chance, run = function() end }
    ]])
    local span = { "--from", "2030-01-01", "--for", "1d" }
    local answer = object(table.unpack(span))
    assert.is_true(#answer.fires > 5)
    assert.same({}, answer.warnings)
    assert.same(answer, object(table.unpack(span)))
  end)

  --- All there is below the folder, with what it holds.
  local function picture()
    return d:sh "find . -name '.cli.*' -prune -o -type d -print -o -type f -exec cksum {} + | LC_ALL=C sort"
  end

  it("changes nothing outside, whatever scripts do at their top level, in triggers and in retry.decide", function()
    d:sh [[sqlite3 jobs/wal.db "PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)"
      sqlite3 jobs/old.db "CREATE TABLE t (x); INSERT INTO t VALUES (2)"; echo kept > jobs/kept.txt]]
    d:write("a.lua", [[
      local function reach_out()
        local done = {}
        local function try(what, ...)
          local first, _, third = ...
          done[#done + 1] = ("%s: %s %s"):format(what, first, third)
        end
        try("execute", os.execute "touch executed")
        try("exec", exec { "touch", "exec" })
        try("popen", io.popen "touch popen")
        try("http", http.get("http://127.0.0.1:1/", { save_to = "got" }))
        try("webhook", webhook.send("http://127.0.0.1:1/", "x", { secret = "a secret of some length", retries = 0 }))
        try("email", email.send { server = "smtp://127.0.0.1:1", from = "a@b.c", to = "a@b.c", text = "x" })
        try("write", fs.write("kept.txt", "gone"))
        try("append", fs.append("new.txt", "x"))
        assert(fs.mkdir("folder", { parents = true }))
        try("remove", fs.remove "kept.txt")
        try("rename", fs.rename("kept.txt", "other.txt"))
        try("copy", fs.copy("kept.txt", "copy.txt"))
        try("tempdir", fs.tempdir())
        return table.concat(done, "\n")
      end
      function query(name)
        local db = sqlite.open(name)
        db:exec "CREATE TABLE IF NOT EXISTS t (x)"
        db:exec "INSERT INTO t VALUES (7)"
        for _, sql in ipairs { "ATTACH 'attached.db' AS other", "VACUUM INTO 'vacuumed.db'" } do
          assert(not pcall(db.exec, db, sql), sql)
        end
        db:exec "ATTACH ':memory:' AS another; VACUUM"
        local all = db:value "SELECT group_concat(x) FROM t"
        db:close()
        return all
      end
      local told = reach_out() .. ("\n%s %s %s"):format(query "wal.db", query "old.db", query "none.db")
      assert(not pcall(sqlite.open, "none.db", { create = false }))
      local memory = sqlite.open ":memory:"
      assert(not pcall(memory.exec, memory, "ATTACH 'attached.db' AS other"))
      assert(fs.read "kept.txt" == "kept\n")
      local asked = trigger("asked", function(previous, now)
        assert(told == reach_out() .. ("\n%s %s %s"):format(query "wal.db", query "old.db", query "none.db"))
        return (previous or now) + "8h"
      end)
      job "asked" {
        trigger = asked,
        retry = { attempts = 2, decide = function() return told:find(reach_out(), 1, true) and 1 end },
        run = function() end,
      }
    ]])
    local before = picture()
    local answer = object("--from", "2030-01-01", "--for", "1d", "--fail", "asked")
    assert.same({}, answer.warnings)
    assert.same({ 2, 2 }, { simulated.job(answer, "asked").runs, simulated.job(answer, "asked").retries })
    assert.equal(before, picture())
  end)

  it("tells whose file needs what it does not do", function()
    d:write("a.lua", 'assert(fs.write("out.txt", "x"))')
    d:write("b.lua", 'exec { "date", check = true }')
    local result = d:cli("simulate", d.jobs_folder, "--for", "1h")
    assert.equal(65, result.status)
    contains(result.out, "a.lua:1: moonbeat simulate changes no files")
    contains(result.out, "b.lua:1: exec: moonbeat simulate runs no commands")
    assert.is_nil(daemon.read_file(d.jobs_folder .. "/out.txt"))
  end)

  it("warns of what one would want to know", function()
    d:write("a.lua", [[
      pool("narrow", 1)
      calendar "summer" { dates = "2026-06-01..2026-08-31" }
      job "one" { trigger = cron "0 3 * * *", run = function() end }
      job "two" { trigger = cron("0 3 * * *"):except "summer", run = function() end }
      job "rare" { trigger = cron "0 0 1 1 *", run = function() end }
      job "waits" { trigger = on_file "/nowhere/*", run = function() end }
      job "busy" { trigger = every "10m", pool = "narrow", run = function() end }
      job "off" { trigger = every "10m", enabled = false, run = function() end }
      local wrong = trigger("wrong", function() error "no idea" end)
      job "lost" { trigger = wrong, run = function() end }
      job "spent" { trigger = trigger("spent", function() end), run = function() end }
    ]])
    d:write("b.lua", "job(")
    local result = d:cli("simulate", d.jobs_folder, "--json", "--from", "2026-11-21", "--for", "3d", "-d", "busy=10m")
    assert.equal(65, result.status)
    local answer = dkjson.decode(result.out)
    local kinds = {}
    for _, warning in ipairs(answer.warnings) do
      kinds[#kinds + 1] = warning.kind .. ": " .. table.concat(warning.jobs, " ")
    end
    assert.same({ "script: ", "job_error: lost", "paused: off", "never: rare", "never: spent",
      "same_minute: one two", "pool_full: " }, kinds)
    assert.same({ "rare does not fire in this span: it does next on 2027-01-01 00:00:00 UTC",
      "spent does not fire in this span: it never does" },
      simulated.warnings(answer, "never"))
    contains(answer.warnings[1].message, "b does not load, its jobs are missing here: ")
    contains(answer.warnings[1].message, "b.lua:1:")
    contains(answer.warnings[2].message, "no idea")
    assert.same({ "the pool narrow is full for 99 % of the time (1 slot)" }, simulated.warnings(answer, "pool_full"))
  end)

  it("fails when a job cannot run", function()
    d:write("a.lua", [[
      local wrong = trigger("wrong", function() error "no idea" end)
      job "lost" { trigger = wrong, run = function() end }
      job "found" { trigger = every "1h", run = function() end }
    ]])
    local result = d:cli("simulate", d.jobs_folder, "--for", "1d")
    contains(result.out, "\nwarning: lost cannot run: ")
    assert.same({ 65, "" }, { result.status, result.err })
  end)

  it("writes JSON as the manual page says", function()
    d:write("a.lua", [[
      job "x" { trigger = cron "*/30 * * * *", run = function() end }
    ]])
    local answer = object("--from", "2026-11-21 10:00", "--until", "2026-11-21 11:00", "-d", "45m")
    local page = daemon.read_file "src/ctl/moonbeat.1":match "\n%.It Cm simulate.-\n%.It Cm why"
    local function is_told(value)
      for key, member in pairs(value) do
        if type(key) == "string" and key ~= "overlap" then
          contains(page, key)
        end
        if type(member) == "table" then
          is_told(member)
        end
      end
    end
    is_told(answer)
    assert.same({ { job = "x", scheduled_at = "2026-11-21T10:00:00.000000Z", ["local"] = "2026-11-21T10:00:00+00:00",
      begins_at = "2026-11-21T10:00:00.000000Z", ends_at = "2026-11-21T10:45:00.000000Z", state = "succeeded",
      attempts = 1, at_once = 1 },
      { job = "x", scheduled_at = "2026-11-21T10:30:00.000000Z", ["local"] = "2026-11-21T10:30:00+00:00",
      state = "skipped", reason = "overlap", count = 1, last_scheduled_at = "2026-11-21T10:30:00.000000Z" } },
      answer.fires)
    assert.same({ 2, 1, 1 }, { answer.total.due, answer.total.runs, answer.total.skips.overlap })
    assert.equal(0, #object("--from", "2026-11-21", "-n", "0").fires)
  end)

  it("tells of a date that has passed that it is late", function()
    d:write("a.lua", [[
      job "missed" { trigger = at "2026-11-20 09:00", run = function() end }
      job "fine" { trigger = at "2026-11-21 09:00", run = function() end }
    ]])
    local out = text("--from", "2026-11-21", "--for", "1d", "--notable")
    contains(out, "Fri 2026-11-20 09:00:00 UTC  missed     1s  is late, runs Sat 2026-11-21 00:00:00 UTC\n\n")
  end)

  it("draws a timeline", function()
    d:write("a.lua", [[
      job "long" { trigger = cron "0 2 * * *", run = function() end }
      job "often" { trigger = cron "*/20 * * * *", run = function() end }
    ]])
    local out = text("--from", "2026-11-21", "--for", "12h", "-d", "long=3h", "-d", "1s")
    contains(out, "\nTimeline  a column is 10m; 1-9 # runs begin, - goes on, w waits, x skipped\n")
    contains(out, "\n       |11-21 00:00|02:00      |04:00      |06:00")
    contains(out, "\nlong   ............1-----------------......")
    contains(out, "\noften  1.1.1.1.")
    assert.is_nil(out:find "\27")
  end)

  it("stops where it is told to", function()
    d:write("a.lua", [[
      job "second" { trigger = every "1s", run = function() end }
      job "daily" { trigger = cron "0 3 * * *", run = function() end }
    ]])
    local answer = object("--from", "2026-11-21", "--for", "100d", "-d", "10ms", "--most", "50")
    assert.equal(50, answer.total.runs)
    assert.is_true(answer.reached < answer["until"])
    assert.same({}, simulated.warnings(answer, "never")) -- who knows
    contains(text("--from", "2026-11-21", "--for", "100d", "-d", "10ms", "--most", "50"), "\ncut short: ")
    answer = object("--from", "2026-11-21", "--for", "100d", "-d", "10d", "--most", "50") -- skips count, too
    assert.same({ 1, 49 }, { answer.total.runs, answer.total.skips.overlap })
  end)

  it("refuses what makes no sense", function()
    d:write("a.lua", [[job "backup" { trigger = every "1h", run = function() end }]])
    refuses(65, '--timezone: unknown time zone "Europe/Berln", did you mean "Europe/Berlin"?', "-z", "Europe/Berln")
    refuses(65, "--until must be after --from", "--from", "2026-01-02", "--until", "2026-01-01")
    refuses(65, "--until has passed: say --from", "--until", "2026-01-01")
    refuses(65, "--for must be longer than nothing", "--for", "0")
    refuses(64, "--for and --until exclude each other", "--for", "1d", "--until", "+1d")
    refuses(66, '--job: there is no job "bakcup", did you mean "backup"?', "--job", "bakcup")
    refuses(66, '--duration: there is no job "x"', "--duration", "x=5m")
    refuses(64, '--fail "backup=often": behind = stands how many attempts of each run fail', "--fail", "backup=often")
    assert.equal(64, d:cli("simulate", d.jobs_folder, "--most", "0").status)
    assert.equal(65, d:cli("simulate", d.jobs_folder, "--duration", "backup=soon").status)
    assert.equal(65, d:cli("simulate", d.jobs_folder, "--from", "tomorrow").status)
    assert.equal(66, d:cli("simulate", d.root .. "/nowhere").status)
    refuses(65, '--from "1969-12-31": nothing is due before 1970', "--from", "1969-12-31")
    refuses(65, "--for: the duration is over 1000 years", "--for", "4000000d")
    refuses(65, "--for 300000d: it would end after the year 9999", "--from", "9500-01-01", "--for", "300000d")
    d:write("a.lua", "job(")
    local result = d:cli("simulate", d.jobs_folder, "-j", "backup")
    assert.matches('^moonbeat: %-%-job: there is no job "backup"; a file does not load: .*a.lua:1:', result.err)
    assert.equal(66, result.status)
  end)

  it("plays a week of the example jobs", function()
    d:close()
    d = daemon.new { jobs = daemon.project .. "/jobs", env = { TZ = "UTC" } }
    local answer = object("--from", "2026-03-23", "--for", "7d", "-z", "Europe/Berlin", "-n", "0")
    local runs = {}
    for _, id in ipairs { "backup", "cleanup", "pageviews", "publish_first", "inbox", "inbox_sample", "shop_count" } do
      runs[id] = simulated.job(answer, id).runs
    end
    assert.same({ backup = 7, cleanup = 7, pageviews = 2004, publish_first = 1, inbox = 0, inbox_sample = 1,
      shop_count = 7 }, runs)
    assert.same({}, answer.warnings)
    assert.equal(answer["until"], answer.reached)
  end)
end)
