--- Triggers as the command line shows them: what is written into them when they are anchored stays out of the list, and
-- the names of calendars mean what the daemon says.

local daemon = require "support.daemon"

local JOBS = [[
local function nothing() end

calendar "holidays" { dates = "2031-01-01", yearly = "12-25" }

job "once" { trigger = after "15m", run = nothing }
job "nested" { trigger = any_of(every "5h", every "7h"), run = nothing }
job "spread a bit" { trigger = every("1h"):jitter "5m":limit(3), run = nothing }
job "hashed" { trigger = cron "H H * * *", timezone = "UTC", run = nothing }
job "seed=1 anchor=2" { trigger = any_of(cron "H * * * *":jitter "5m", every "5h"), timezone = "UTC", run = nothing }
job "newyear" { trigger = cron "0 9 1 1 *":except(calendar "holidays"), timezone = "UTC", run = nothing }
]]

local d

describe("a time zone with new rules", function()
  local root

  --- What the system's update does.
  local function install(rules)
    assert(os.execute(("cp /usr/share/zoneinfo/%s %s/zones/new && mv %s/zones/new %s/zones/Town"):format(rules, root,
      root, root)))
  end

  it("is in force after a reload, and due times are computed anew", function()
    local own = daemon.new()
    finally(function() own:close() end)
    root = own.root
    own:sh "mkdir zones"
    install "Asia/Shanghai"
    own.env.TZDIR = root .. "/zones"
    own:write("a.lua", [[
      for number = 1, 450 do -- in several steps
        job("noon" .. number) { trigger = cron("0 12 * * *", { timezone = "Town" }), run = function() end }
      end
      job "steady" { trigger = every "1h", run = function() end }
    ]])
    own:start()
    local function next_run(job)
      return own:job(job).next_run_at
    end
    local steady = next_run "steady"
    assert.matches("T04:00:00%.", next_run "noon1")
    install "Asia/Tokyo"
    own:must "reload"
    for _, job in ipairs { "noon1", "noon250", "noon450" } do
      daemon.wait_until(function() return next_run(job):find "T03:00:00%." end, 20, job .. " follows")
    end
    assert.matches("1 time zone has new rules: next due times are computed anew", own:log())
    assert.equal(steady, next_run "steady")
    install "Asia/Shanghai"
    own:signal "HUP"
    daemon.wait_until(function() return next_run "noon450":find "T04:00:00%." end, 20, "SIGHUP does the same")
  end)
end)

describe("the trigger of a job", function()
  setup(function()
    d = daemon.new()
    d:write("shown.lua", JOBS)
    d:start()
  end)
  teardown(function()
    d:close()
  end)

  --- What `list` shows behind the other columns, by the job's id.
  local function shown(id)
    for line in d:must("list"):gmatch "[^\n]+" do
      if line:sub(1, #id + 2) == id .. "  " then
        return (line:match " active +%S+ +%S+ +(.*)$" or line):gsub(" +$", "")
      end
    end
    error("no job " .. id)
  end

  it("is listed as it was written", function()
    assert.equal("in 15m", shown "once")
    assert.equal("any_of (every 5h) (every 7h)", shown "nested")
    assert.equal("every 1h limit=3 jitter=5m", shown "spread a bit")
    assert.equal("cron H H * * * timezone=UTC", shown "hashed")
    assert.equal("any_of (cron H * * * * timezone=UTC jitter=5m) (every 5h)", shown "seed=1 anchor=2")
    assert.matches("any_of %(every 5h anchor=%S+%) %(every 7h anchor=%S+%)", d:must("show", "nested"))
  end)

  it("knows calendars, also without the job", function()
    local fires = { "2030-01-01T09:00:00Z", "2032-01-01T09:00:00Z" }
    for _, what in ipairs { "newyear", "0 9 1 1 * except=holidays timezone=UTC" } do
      local out = d:must("next", what, "--from", "2029-06-01", "-n", "3")
      assert.is_nil(out:find("2031-01-01", 1, true), out)
      for _, fire in ipairs(fires) do
        assert.truthy(out:find(fire, 1, true), out)
      end
    end
  end)

  it("with a calendar that nobody knows is refused", function()
    local result = d:cli("next", "0 9 * * * except=holydays")
    assert.equal(65, result.status)
    assert.truthy(result.err:find('unknown calendar "holydays", did you mean "holidays"?', 1, true), result.err)
    result = d:cli("repl", "-e", 'job("once"):reschedule("0 9 * * * except=holydays")')
    assert.truthy((result.out .. result.err):find('unknown calendar "holydays"', 1, true), result.err)
    result = d:cli("repl", "-e", 'job("once"):modify { trigger = "0 9 * * * except=holydays" }')
    assert.truthy((result.out .. result.err):find('unknown calendar "holydays"', 1, true), result.err)
  end)

  it("with a calendar tells that no daemon can be asked", function()
    d:stop()
    local result = d:cli("next", "0 9 * * * except=holidays")
    assert.equal(65, result.status)
    assert.truthy(result.err:find('unknown calendar "holidays": no moonbeat is running on ', 1, true), result.err)
    assert.equal(0, d:cli("next", "0 9 * * * except=(weekdays=sat)").status)
  end)
end)
