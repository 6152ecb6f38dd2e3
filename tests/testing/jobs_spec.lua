--- The example jobs, tested as their owner would test them.

local sim = require "moonbeat.testing"

local NIGHT = "2026-03-28 12:00" -- before the night in which Berlin's clocks go forward

describe("jobs/hello.lua", function()
  it("beats every ten seconds and counts on", function()
    sim.load "jobs/hello.lua"
    sim.advance "1m"
    assert.fires("hello", 6)
    assert.equal(6, sim.last_run("hello").result)
    sim.crash()
    sim.advance "10s"
    assert.equal(7, sim.last_run("hello").result)
  end)
end)

describe("jobs/backup.lua", function()
  -- What sqlite3 would do.
  local function copy(call)
    local path = call.argv[3]:match "^.backup '(.*)'$"
    if path then
      sim.write(path, "a copy")
      return {}
    end
    return { stdout = "ok\n" }
  end

  before_each(function()
    sim.load "jobs/backup.lua"
    sim.exec.answer("sqlite3", copy)
  end)

  it("makes one copy a night, also when clocks change", function()
    sim.at(NIGHT, "Europe/Berlin")
    sim.advance "2d"
    assert.fires("backup", { "2026-03-29 03:30", "2026-03-30 03:30" })
    assert.succeeds "backup"
    assert.equal("a copy", sim.read "../data/backup/shop-2026-03-29T033000.db")
  end)

  it("keeps seven", function()
    sim.advance "10d"
    assert.logs("backup", "removed ../data/backup/shop-2026-01-03T033000.db")
    assert.is_nil(sim.read "../data/backup/shop-2026-01-03T033000.db")
    assert.equal("a copy", sim.read "../data/backup/shop-2026-01-04T033000.db")
  end)

  it("is tried again, and leaves no bad copy under its name", function()
    sim.exec.answer("*integrity_check", { stdout = "page 7 is corrupt\n", times = 2 })
    sim.advance "1d"
    local run = sim.last_run "backup"
    assert.same({ "succeeded", 3 }, { run.state, run.attempt })
    sim.exec.answer("*integrity_check", { stdout = "page 7 is corrupt\n" })
    sim.advance "1d"
    assert.fails("backup", "page 7 is corrupt")
    assert.is_nil(sim.read "../data/backup/shop-2026-01-02T033000.db")
  end)

  it("gives up after ten minutes", function()
    sim.exec.answer("sqlite3", { takes = "1h" })
    sim.run_now "backup"
    assert.fails("backup", "took longer than its time-out")
  end)
end)

describe("jobs/cleanup.lua", function()
  it("removes what is old, in a night of its own", function()
    sim.load "jobs/cleanup.lua"
    sim.at "2040-01-01" -- so that files of now are old
    sim.write("../data/tmp/old.txt", "12345")
    sim.advance "1d"
    assert.same({ files = 1, bytes = 5 }, sim.last_run("cleanup").result)
    assert.is_nil(sim.read "../data/tmp/old.txt")
  end)

  it("never runs beside the backup", function()
    sim.load "jobs/backup.lua"
    sim.load "jobs/cleanup.lua"
    sim.exec.answer("sqlite3", { stdout = "ok\n", takes = "2m" })
    sim.takes("cleanup", "10m")
    sim.advance "3d"
    assert.never_overlaps("backup", "cleanup")
  end)
end)

describe("jobs/health.lua", function()
  before_each(function()
    sim.env.MOONBEAT_HEALTH_URL = "https://shop.example/"
    sim.env.MOONBEAT_ALERT_URL = "https://alerts.example/"
    sim.load "jobs/health.lua"
  end)

  it("alerts once when it goes down and once when it is up again", function()
    sim.advance "5m"
    assert.same({}, sim.http.find "POST *")
    sim.http.answer("https://shop.example/", { status = 503 })
    sim.advance "5m"
    local alerts = sim.http.find "POST https://alerts.example/"
    assert.equal(1, #alerts)
    assert.equal("https://shop.example/ is down: status 503", alerts[1].json.text)
    sim.http.answer("https://shop.example/", {})
    sim.advance "5m"
    assert.equal("https://shop.example/ is up again after 5m", sim.http.last("POST *").json.text)
    assert.succeeds("health", 15)
  end)

  it("counts no answer as down", function()
    sim.http.answer("https://shop.example/", { takes = "30s" })
    sim.advance "2m"
    assert.logs("health", "is down")
  end)
end)

describe("jobs/inbox.lua", function()
  it("adds up what is put there, and moves it away", function()
    sim.load "jobs/inbox.lua"
    local path = sim.folder() .. "/../data/inbox/today.csv"
    sim.write("../data/inbox/today.csv", "ada,12.50\nbob,1.50\nnonsense\n")
    sim.sense("on_file", { path = path })
    sim.advance "10s"
    assert.same({ files = 1, orders = 2, total = 14.0 }, sim.last_run("inbox").result)
    assert.equal(14.0, sim.last_run("inbox_report").result)
    assert.is_nil(sim.read "../data/inbox/today.csv")
    assert.truthy(sim.read "../data/inbox/done/today.csv")
  end)

  it("gets a sample at its start", function()
    sim.load "jobs/inbox.lua"
    sim.advance "10s"
    assert.truthy(sim.read "../data/inbox/sample.csv")
  end)
end)

describe("jobs/pageviews.lua and jobs/visitors.lua", function()
  before_each(function()
    local sample = assert(io.open "jobs/data/access.log"):read "a"
    sim.write("data/access.log", sample)
    sim.load "jobs/pageviews.lua"
  end)

  it("count each line once", function()
    local line = '203.0.113.9 - - [21/Nov/2026:10:00:00 +0000] "GET /shoes HTTP/1.1" 200 5120 "-" "x"\n'
    sim.write("../data/access.log", line .. line)
    sim.advance "10m"
    assert.same({ today = 2, top = "/shoes" }, sim.last_run("pageviews").result)
    local log <close> = assert(io.open(sim.folder() .. "/../data/access.log", "a"))
    log:write(line):flush()
    sim.advance "5m"
    assert.equal(3, sim.last_run("pageviews").result.today)
  end)

  it("play together", function()
    sim.load "jobs/visitors.lua"
    sim.advance "1h"
    assert.fires("visitors", 720)
    assert.succeeds "pageviews"
    assert.is_true(sim.last_run("pageviews").result.today > 0)
  end)
end)

describe("jobs/pipeline.lua", function()
  it("goes from stage to stage, each verified, and ends", function()
    sim.load "jobs/pipeline.lua"
    sim.exec.answer("gzip *", { code = 1, times = 2 }) -- not yet
    sim.advance "1m"
    local started = sim.exec.find "setsid*"
    assert.equal(3, #started)
    assert.truthy(started[3].line:find("jobs.tar.gz", 1, true))
    assert.equal(3, #sim.exec.find "gzip *")
    assert.same({ "publish_first", "publish_nightly" }, sim.jobs())
  end)
end)

describe("jobs/shop.lua", function()
  before_each(function() sim.load "jobs/shop.lua" end)

  it("cancels an order that nobody has paid for, after a quarter of an hour", function()
    sim.advance "1m" -- the third customer does not pay
    sim.advance "14m"
    assert.no.fires "order-3"
    sim.advance "1m"
    assert.equal("cancelled", sim.last_run("order-3").result)
  end)

  it("keeps what the customers pay", function()
    sim.advance "10m"
    assert.fires("shop_customer", 30)
    sim.advance "20m"
    assert.equal("paid", sim.last_run("order-1").result)
    assert.equal("cancelled", sim.last_run("order-3").result)
  end)
end)
