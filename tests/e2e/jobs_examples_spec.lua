--- The example jobs, run by a real daemon, and what they leave behind.

local daemon = require "support.daemon"

describe("the example", function()
  local d

  --- A daemon on some of the example jobs, each with data in a folder of its own.
  local function start(names, env)
    d = daemon.new { env = env }
    local jobs = daemon.quote(daemon.project .. "/jobs")
    for _, name in ipairs(names) do
      d:sh(("cp %s/%s $J/"):format(jobs, name))
    end
    d:sh(("mkdir -p $J/data; cp %s/data/* $J/data/"):format(jobs))
    d:start()
  end

  local function data(name)
    return daemon.read_file(d.root .. "/data/" .. name)
  end

  --- Runs a job to its end and returns what it returned.
  local function result_of(job)
    local run = d:run_now(job)
    assert.equal("succeeded", run.state, run.error)
    return run.result
  end

  local function query(sql)
    return d:sh(("sqlite3 data/shop.db %s"):format(daemon.quote(sql))):gsub("\n$", "")
  end

  after_each(function()
    d:close()
  end)

  it("jobs all load", function()
    d = daemon.new { jobs = "jobs" }
    d:start()
    for _, script in ipairs(d:json "scripts") do
      assert.is_nil(script.error)
    end
    for _, id in ipairs {
      "hello", "shop_customer", "shop_count", "pageviews", "visitors", "cleanup", "backup", "inbox",
    } do
      assert.truthy(d:job(id), id)
    end
  end)

  it("hello counts its beats over restarts", function()
    start { "hello.lua" }
    assert.equal(1, result_of "hello")
    d:kill()
    d:start()
    assert.is_true(result_of "hello" >= 2)
  end)

  it("shop cancels what nobody paid, and nothing else", function()
    start({ "shop.lua" }, { SHOP_PATIENCE = "4s" })
    assert.equal(1, result_of "shop_customer")
    assert.equal(2, result_of "shop_customer")
    d:must("run-now", "shop_customer")
    daemon.wait_until(function() return query "SELECT count(*) FROM orders" == "3" end, 10, "the third order")
    assert.truthy(d:job "order-3")
    d:kill() -- the jobs of the orders are in the store
    d:start()
    daemon.wait_until(function()
      return query "SELECT status FROM orders WHERE id = 3" == "cancelled"
    end, 10, "order 3 is cancelled")
    assert.equal("2", query "SELECT count(*) FROM orders WHERE id < 3 AND status = 'paid'")
    local count = result_of "shop_count"
    assert.equal("number", type(count.cancelled))
    assert.is_nil(d:job "order-3")
  end)

  it("pageviews counts each line once, through rotations", function()
    start { "pageviews.lua" }
    local line = '203.0.113.9 - - [21/Nov/2026:10:00:00 +0000] "GET %s HTTP/1.1" %d 99 "-" "-"\n'
    local function append(path, status, file)
      d:sh(("mkdir -p data; printf %%s %s >> data/%s"):format(daemon.quote(line:format(path, status)),
        file or "access.log"))
    end
    append("/shoes", 200)
    append("/shoes?page=2", 200)
    append("/", 200)
    append("/site.css", 200)
    append("/missing", 404)
    assert.same({ today = 3, top = "/shoes" }, result_of "pageviews")
    assert.same({ today = 3, top = "/shoes" }, result_of "pageviews")
    d:sh "printf '1 - - [] \"GET / HT' >> data/access.log" -- half a line
    assert.same({ today = 3, top = "/shoes" }, result_of "pageviews")
    d:sh "printf 'TP/1.1\" 200 1\n' >> data/access.log"
    assert.same({ today = 4, top = "/" }, result_of "pageviews")
    d:kill()
    d:start()
    append("/shoes", 200) -- the last of the old file
    d:sh "mv data/access.log data/access.log.1"
    append("/shoes", 200)
    assert.same({ today = 6, top = "/shoes" }, result_of "pageviews")
    d:sh ": > data/access.log" -- truncated in place
    append("/", 200)
    assert.same({ today = 7, top = "/shoes" }, result_of "pageviews")
  end)

  it("visitors writes a log that pageviews can read", function()
    start { "visitors.lua", "pageviews.lua" }
    for _ = 1, 5 do
      result_of "visitors"
    end
    assert.matches('^%S+ %- %- %[%d+/%a+/%d+:%d+:%d+:%d+ %+0000%] "', data "access.log")
    assert.equal("number", type(result_of("pageviews").today))
  end)

  it("cleanup removes what is old", function()
    start { "cleanup.lua" }
    d:sh [[mkdir -p data/tmp/folder; echo old > data/tmp/old; echo new > data/tmp/new
      touch -d '8 days ago' data/tmp/old data/tmp/folder]]
    assert.same({ files = 1, bytes = 4 }, result_of "cleanup")
    assert.is_nil(data "tmp/old")
    assert.equal("new\n", data "tmp/new")
    assert.same({ files = 0, bytes = 0 }, result_of "cleanup")
  end)

  it("health alerts once when it fails and once when it recovers", function()
    if not daemon.has "python3" then
      pending "python3, which plays the server, is not installed"
      return
    end
    local port = 20000 + math.random(20000)
    start({ "health.lua" }, { MOONBEAT_HEALTH_URL = ("http://127.0.0.1:%d/"):format(port) })
    local function alerts()
      local text = {}
      for _, run in ipairs(d:json("runs", "health")) do
        table.insert(text, 1, d:must("logs", run.id))
      end
      return table.concat(text)
    end
    assert.not_equal("up", result_of "health")
    assert.not_equal("up", result_of "health")
    local _, downs = alerts():gsub("is down", "")
    assert.equal(1, downs)
    local server = daemon.shell(("cd %s; python3 -m http.server --bind 127.0.0.1 %d >/dev/null 2>&1 & echo $!")
      :format(d.root, port)):gsub("\n", "")
    daemon.wait_until(function() return result_of "health" == "up" end, 10, "the server is up")
    assert.equal("up", result_of "health")
    os.execute("kill " .. server)
    local _, ups = alerts():gsub("is up again", "")
    assert.equal(1, ups)
  end)

  it("health says what it needs when it has nothing to check", function()
    start { "health.lua" }
    assert.is_nil(d:job "health")
    assert.is_nil(d:json("scripts")[1].error)
  end)

  it("pipeline goes on after a crash, and ends itself", function()
    start { "pipeline.lua" }
    daemon.wait_until(function() return d:job "publish" end, 20, "the pipeline begins")
    daemon.wait_until(function()
      return d:sh("ls data/publish"):find "new.tar.gz"
    end, 20, "the first stage works")
    d:kill()
    d:start()
    daemon.wait_until(function() return not d:job "publish" end, 60, "the pipeline ends")
    assert.matches("pipeline.lua", d:sh "tar -tzf data/publish/jobs.tar.gz")
    d:sh "cmp data/publish/new.tar.gz data/publish/jobs.tar.gz"
  end)

  it("inbox takes in what is put there, also while the daemon is down", function()
    start { "inbox.lua" }
    local function wait_for_done(names)
      daemon.wait_until(function() return d:sh "ls data/inbox/done" == names end, 20, names .. "is done")
      assert.equal("done\n", d:sh "ls data/inbox")
    end
    wait_for_done "sample.csv\n"
    daemon.wait_until(function() return d:runs("inbox_report")[1] end, 5, "the report")
    assert.equal(49.75, d:runs("inbox_report")[1].result)
    d:kill()
    d:sh "printf 'a,1.25\\nb,2\\nnonsense\\n' >data/inbox/down.csv"
    d:start()
    wait_for_done "down.csv\nsample.csv\n"
    daemon.wait_until(function()
      local total = 0
      for _, run in ipairs(d:runs "inbox") do
        total = total + (run.result and run.result.total or 0)
      end
      return total == 49.75 + 3.25 or total == 2 * 49.75 + 3.25 -- the sample comes again
    end, 5, "no order is lost or doubled")
  end)

  it("backup keeps the seven newest copies", function()
    start { "backup.lua", "shop.lua" }
    daemon.wait_until(function() return data "shop.db" end, 5, "there is a database")
    d:sh "mkdir -p data/backup; for i in 1 2 3 4 5 6 7 8; do touch data/backup/shop-2020-01-0${i}T033000.db; done"
    local result = result_of "backup"
    assert.equal("number", type(result.bytes))
    local names = d:sh "ls data/backup"
    local _, count = names:gsub("\n", "")
    assert.equal(7, count)
    assert.is_nil(names:find("2020-01-02", 1, true))
    assert.truthy(names:find("2020-01-03", 1, true))
    assert.equal("ok\n", d:sh("sqlite3 " .. (result.copy:gsub("^%.%./", "")) .. " 'PRAGMA integrity_check'"))
  end)
end)
