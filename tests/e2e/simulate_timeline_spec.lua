--- The timeline of `moonbeat simulate`: what stands where, in spans of minutes, days and years.

local daemon = require "support.daemon"
local simulated = require "support.simulated"

local function contains(text, part)
  assert.matches(part, text, 1, true)
end

describe("the timeline of simulate", function()
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

  --- Its lines: the title, the axis, the rows.
  local function lines_of(out)
    local lines = {}
    for line in out:match("\n(Timeline.-)\n\n"):gmatch "[^\n]+" do
      lines[#lines + 1] = line
    end
    return lines
  end

  it("has skips where they were due", function()
    d:write("a.lua", [[
      pool("one", 1)
      job "hog" { trigger = cron "0 0 * * *", pool = "one", priority = 5, run = function() end }
      job "daily" { trigger = cron "0 0 * * *", pool = "one", misfire_grace_time = "5m", run = function() end }
      job "often" { trigger = cron "*/30 * * * *", run = function() end }
    ]])
    local out = text("--from", "2027-03-01", "--for", "20d", "-d", "hog=1h", "-d", "often=100h")
    contains(out, "\nTimeline  a column is 6h;")
    contains(out, "\ndaily  " .. ("x..."):rep(20) .. "\n")
    contains(out, "\nhog    " .. ("1..."):rep(20) .. "\n")
    contains(out, "\noften  1" .. ("x"):rep(15))
  end)

  it("begins a span of years with its first day", function()
    d:write("a.lua", [[
      job "nightly" { trigger = cron "0 3 * * *", run = function() end }
      job "yearly" { trigger = cron "0 0 1 1 *", run = function() end }
    ]])
    local lines = lines_of(text("--from", "2027-01-01", "--until", "2037-01-01", "-z", "Europe/Berlin"))
    contains(lines[1], "a column is 42d;")
    assert.equal("         |2027-01-01 |2028-05-19 |2029-10-05 |2031-02-21 |2032-07-09 |2033-11-25 |2035-04-13",
      lines[2])
    assert.equal("nightly  " .. ("#"):rep(87), lines[3])
    assert.matches("^yearly   1%.+1%.+1", lines[4])
    contains(lines_of(text("--from", "2027-01-01", "--for", "1500d"))[2], "|2027-01-01 |2027-09-10 |2028-05-19")
    local lines_of_1970 = lines_of(text("--from", "1970-01-01T00:00:00Z", "--for", "900d", "-z", "America/New_York"))
    contains(lines_of_1970[2], "|1969-12-31 |1970-06-17 ")
    contains(text("--from", "2027-01-01", "--for", "400d"), "  2027-01-01 03:00 (1)  1s assumed\n")
    contains(text("--from", "2027-01-01", "--for", "30d"), "  01-01 03:00 (1)  1s assumed\n")
  end)

  it("has seconds where pieces are shorter than a minute", function()
    d:write("a.lua", [[job "often" { trigger = every "1m", run = function() end }]])
    local lines = lines_of(text("--from", "2027-03-01 10:00:07", "--for", "5m"))
    contains(lines[1], "a column is 5s;")
    assert.equal("       |03-01 10:00:05         |10:02:05   |10:03:05   |10:04:05", lines[2])
  end)
end)
