--- What runs wait for in `moonbeat simulate`, and for how long: each attempt, and each event that has come.

local daemon = require "support.daemon"
local simulated = require "support.simulated"

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
    return simulated.text(d, "--from", "2027-03-27", ...)
  end

  local function object(...)
    return simulated.object(d, "--from", "2027-03-27", ...)
  end

  --- Of each fire of the job, "LOCAL waits": 00:20 3000.
  local function waits_of(answer, job)
    local list = {}
    for _, fire in ipairs(answer.fires) do
      if fire.job == job then
        local at = fire["local"]:match "T(%d+:%d+)"
        list[#list + 1] = ("%s %s"):format(at, fire.waits and math.floor(fire.waits + 0.5) or fire.state)
      end
    end
    return list
  end

  it("counts what later attempts wait, and draws no pause as a run", function()
    d:write("a.lua", [[
      pool("p", 1)
      local retry = { attempts = 2, delay = "10m", backoff = "fixed" }
      job "A" { trigger = cron "0 0 * * *", pool = "p", priority = 5, retry = retry, run = function() end }
      job "B" { trigger = cron "0 0 * * *", pool = "p", run = function() end }
    ]])
    local span = { "--for", "6h", "--fail", "A=1", "-d", "A=5m", "-d", "B=1h" }
    local answer = object(table.unpack(span))
    local fire = answer.fires[1]
    assert.same({ "A", 2, 3000, "pool", "B" },
      { fire.job, fire.attempts, fire.waits // 1, fire.waits_for, fire.behind })
    assert.same({ 1, 3000 }, { simulated.job(answer, "A").waited, simulated.job(answer, "A").longest_wait // 1 })
    assert.same({ 2, 3000 }, { answer.pools[1].waited, answer.pools[1].longest_wait // 1 })
    local out = text(table.unpack(span))
    contains(out, "  waits 50m for pool p, behind B, needs 2 attempts\n")
    contains(out, "\nA  1..wwwwwwwwww-...")
    contains(out, "\nB  w1-----------...")
    answer = object("--for", "1h", table.unpack(span, 3)) -- it has not begun by then
    fire = answer.fires[1]
    assert.same({ "pending", 1, "2027-03-27T00:15:00.000000Z", 0 },
      { fire.state, fire.attempts, fire.next_attempt_at, answer.total.unsuccessful })
    contains(text("--for", "1h", table.unpack(span, 3)),
      "  attempt 2 is due at Sat 2027-03-27 00:15:00 UTC and waits still at the end\n")
  end)

  it("counts since when events wait, debounced and throttled as their job says", function()
    d:write("a.lua", [[
      job "each" { trigger = on_event "order", run = function() end }
      job "calm" { trigger = on_event("order", { debounce = "2s" }), run = function() end }
      job "paced" { trigger = on_event("order", { throttle = "30m" }), run = function() end }
      job "slow" { trigger = on_event("order", { throttle = "30m", batch = 1 }), run = function() end }
    ]])
    local answer = object("--for", "3h", "--emit", "order=every 10m", "-d", "each=1h", "-d", "1s")
    assert.same({ "00:10 succeeded", "00:20 3000", "00:30 6000" }, { table.unpack(waits_of(answer, "each"), 1, 3) })
    assert.same({ 0, 0 }, { simulated.job(answer, "calm").waited, simulated.job(answer, "paced").waited })
    assert.same({ "00:10 succeeded", "00:40 succeeded", "01:00 600", "01:10 1800" },
      { table.unpack(waits_of(answer, "slow"), 1, 4) })
    contains(text("--for", "3h", "--emit", "order=every 10m", "-d", "1s", "--notable"), " waits 10m for its throttle\n")
  end)

  it("tells of no rate where there is none", function()
    d:write("a.lua", [[
      sleep "20s"
      job "late" { trigger = at "2027-03-27 00:00:10", run = function() end }
    ]])
    local answer = object("--for", "1m")
    assert.is_nil(answer.fires[1].waits)
    assert.equal(0, answer.total.waited)
    contains(text("--for", "1m"), "  is late, runs Sat 2027-03-27 00:00:20 UTC\n")
  end)

  it("tells of events that wait still at the end", function()
    d:write("a.lua", [[
      pool("p", 1)
      pool("shut", 0)
      job "q" { trigger = on_event "order", run = function() end }
      job "src" { trigger = cron "*/10 * * * *", run = function() end }
      job "chain" { trigger = after_job "src", pool = "p", run = function() end }
      job "shut_in" { trigger = after_job "src", pool = "shut", run = function() end }
      job "calm" { trigger = on_event("order", { debounce = "1h" }), run = function() end }
      job "paced" { trigger = on_event("order", { throttle = "4h" }), run = function() end }
    ]])
    local span = { "--for", "6h", "--emit", "order=every 10m", "-d", "q=1h", "-d", "chain=1h" }
    local answer = object(table.unpack(span))
    local function sums_of(id)
      local job = simulated.job(answer, id)
      return { job.due, job.runs, job.waited, job.still_waiting }
    end
    assert.same({ 36, 6, 5, 30 }, sums_of "chain")
    assert.same({ 35, 6, 5, 29 }, sums_of "q")
    assert.same({ 36, 0, 0, 36 }, sums_of "shut_in")
    assert.same({ 0, 0 }, { simulated.job(answer, "calm").still_waiting, simulated.job(answer, "paced").still_waiting })
    assert.same({ "shut", 0, 36 }, { answer.pools[2].name, answer.pools[2].waited, answer.pools[2].still_waiting })
    assert.same({ "chain: 30 due times wait still at the end of the span",
      "q: 29 due times wait still at the end of the span", "shut_in: 36 due times wait still at the end of the span" },
      simulated.warnings(answer, "still_waiting"))
    assert.same({ "chain takes 1h, and is set off every 10m: its runs wait for each other, up to 4h 10m",
      "q takes 1h, and is set off every 10m: its runs wait for each other, up to 4h 10m" },
      simulated.warnings(answer, "longer_than_interval"))
    local out = text("--notable", "-n", "50", table.unpack(span))
    contains(out, "  29 due times up to Sat 2027-03-27 05:50:00 wait still at the end for its run before\n")
    contains(out, "  36 due times up to Sat 2027-03-27 05:50:01 wait still at the end for pool shut\n")
    assert.matches("\nshut +%- +%- +%- +36 +%-\n", out)
  end)

  it("counts what is due while a job is paused", function()
    d:write("a.lua", [[
      job "fails" { trigger = cron "0 * * * *", max_failures = 2, run = function() end }
      job "off" { trigger = cron "30 * * * *", enabled = false, run = function() end }
      job "waits" { trigger = on_event "order", enabled = false, run = function() end }
    ]])
    local answer = object("--for", "6h", "--fail", "fails", "--emit", "order=every 2h")
    assert.same({ 6, 2, 4 }, { simulated.job(answer, "fails").due, simulated.job(answer, "fails").runs,
      simulated.job(answer, "fails").skips.paused })
    assert.same({ 6, 6, 0 }, { simulated.job(answer, "off").due, simulated.job(answer, "off").skips.paused,
      simulated.job(answer, "off").still_waiting })
    assert.same({ 2, 2 }, { simulated.job(answer, "waits").due, simulated.job(answer, "waits").skips.paused })
    local kinds = {}
    for _, warning in ipairs(answer.warnings) do
      kinds[#kinds + 1] = warning.kind .. " " .. table.concat(warning.jobs, " ")
    end
    assert.same({ "paused fails", "paused off", "paused waits" }, kinds)
  end)

  it("names the key or the pool for which a run waits", function()
    d:write("a.lua", [[
      pool("p", 1)
      function sell() end
      local function add(id, minute)
        local trigger = cron(minute .. " * * * *")
        scheduler.add_job { id = id, func = "a.sell", args = { 1 }, trigger = trigger, concurrency_key = "shop-{1}" }
      end
      add("first", 0)
      add("second", 1)
      job "third" { trigger = cron "0 * * * *", pool = "p", priority = 1, run = sell }
      job "fourth" { trigger = cron "0 * * * *", pool = "p", run = sell }
    ]])
    local answer = object("--for", "20m", "-d", "second=1h", "-d", "fourth=1h", "-d", "10m")
    local fires = {}
    for _, fire in ipairs(answer.fires) do
      fires[fire.job] = { fire.waits_for, fire.key, fire.pool }
    end
    assert.same({ second = { "key", "shop-1" }, fourth = { "pool", nil, "p" }, first = {}, third = {} }, fires)
    contains(text("--for", "20m", "-d", "10m"), "  waits 9m for key shop-1, behind first")
    answer = object("--for", "5m", "-d", "10m")
    local fire = answer.fires[4]
    assert.same({ "waiting", "key", "shop-1" }, { fire.state, fire.waits_for, fire.key })
    contains(text("--for", "5m", "-d", "10m"), "  waits still at the end for key shop-1\n")
    answer = object("--for", "20m", "-d", "10m", "-j", "first")
    assert.same({ 1, 1 }, { answer.pools[1].waited, answer.pools[1].peak }) -- of all jobs
  end)

  it("tells a terminal that cannot erase how far it has come", function()
    d:write("a.lua", [[job "second" { trigger = every "1s", run = function() end }]])
    local shown = d:sh(([[TERM=dumb python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' \
      %s simulate jobs --no-color --for 2h -n 0 </dev/null]]):format(daemon.quote(d.bin)))
    assert.is_nil(shown:find "\27")
    contains(shown, " runs and skips\r ")
  end)
end)
