--- What scripts do to the world outside is recorded, and answered as the spec says.

local sim = require "moonbeat.testing"

describe("http in a simulation", function()
  before_each(function()
    sim.script("web", [[
      function get(run, url, options)
        local response, message, code = http.get(url, options)
        if not response then return { message = message, code = code } end
        return { status = response.status, body = response.body, json = response:json(), elapsed = response.elapsed }
      end
      function post(run, url, value)
        return http.post(url, { json = value, headers = { ["X-Shop"] = "7" }, auth = { bearer = "token" } }).status
      end
    ]])
  end)

  it("succeeds with nothing when nobody answers", function()
    assert.same({ status = 200, body = "", elapsed = 0.0 }, sim.call("web.get", "https://a/").result)
  end)

  it("is recorded", function()
    sim.call("web.post", "https://shop.example/orders?page=2", { id = 42 })
    local call = sim.http.last()
    assert.equal("POST", call.method)
    assert.equal("https://shop.example/orders?page=2", call.url)
    assert.same({ id = 42 }, call.json)
    assert.equal("7", call.headers["x-shop"])
    assert.equal("token", call.auth.bearer)
    assert.equal("2026-01-01T00:00:01+00:00", call.at)
    assert.equal("sim.call 1", call.job)
  end)

  it("is answered by the newest pattern that fits", function()
    sim.http.answer { status = 500 }
    sim.http.answer("https://shop.example/*", { json = { 1, 2 } })
    sim.http.answer("POST *", { status = 201 })
    sim.http.answer("https://*/once", { status = 429, times = 1 })
    local function status(url)
      return sim.call("web.get", url).result.status
    end
    assert.same({ 1, 2 }, sim.call("web.get", "https://shop.example/x").result.json)
    assert.equal(500, status "https://other.example/")
    assert.equal(201, sim.call("web.post", "https://other.example/").result)
    assert.equal(429, status "https://b/once")
    assert.equal(500, status "https://b/once")
    assert.equal(2, #sim.http.find "https://b/once")
    assert.equal(1, #sim.http.find "POST *")
  end)

  it("is answered by a function", function()
    sim.http:answer(function(call)
      return call.url:find "secret" and { status = 403 } or nil
    end)
    assert.equal(403, sim.call("web.get", "https://a/secret").result.status)
    assert.equal(200, sim.call("web.get", "https://a/").result.status)
  end)

  it("fails, takes time, times out and is tried again on virtual time", function()
    sim.http.answer("https://gone/", { error = "could not resolve host" })
    assert.same({ message = "GET https://gone/: could not resolve host", code = "unavailable" },
      sim.call("web.get", "https://gone/").result)
    sim.http.answer("https://slow/", { takes = "20s" })
    local run = sim.call("web.get", "https://slow/")
    assert.same({ 20.0, 20.0 }, { run.took, run.result.elapsed })
    assert.equal("timeout", sim.call("web.get", "https://slow/", { timeout = "5s" }).result.code)
    sim.http.answer("https://busy/", { status = 503, times = 2 })
    run = sim.call("web.get", "https://busy/", { retries = { attempts = 3, delay = "10s" } })
    assert.equal(200, run.result.status)
    assert.equal(3, #sim.http.find "https://busy/")
    assert.is_true(run.took >= 10)
  end)

  it("fills files", function()
    sim.http.answer { body = "a,b\n" }
    sim.call("web.get", "https://a/", { save_to = "in.csv" })
    assert.equal("a,b\n", sim.read "in.csv")
  end)
end)

describe("commands in a simulation", function()
  before_each(function()
    sim.script("shell", [[
      function run_it(run, ...) return exec { ... } end
      function shell(run, line) return exec(line) end
      function execute() return { select(2, os.execute "make") } end
      function read() local f = io.popen "ls" local all = f:read "a" return { all, f:close() } end
      function write() local f = io.popen("mail ada", "w") f:write("hello ", "ada") return { f:close() } end
      function lines()
        local seen = {}
        exec { "tail", lines = function(line, stream) seen[#seen + 1] = stream .. " " .. line end }
        return seen
      end
      job "dump" { trigger = cron "@yearly", run = command { "pg_dump", "shop", timeout = "10m" } }
    ]])
  end)

  it("end well when nobody answers", function()
    local result = sim.call("shell.run_it", "true").result
    assert.same({ true, 0, "", "" }, { result.ok, result.code, result.stdout, result.stderr })
    assert.equal("succeeded", sim.run_now("dump").state)
    assert.same({ "pg_dump", "shop" }, sim.exec.last("pg_dump").argv)
  end)

  it("are answered by their program or their line", function()
    sim.exec.answer("git", { stdout = "main\n" })
    sim.exec.answer("git push *", { code = 128, stderr = "rejected\n" })
    sim.exec.answer("sort | uniq*", { stdout = "3 a\n" })
    assert.equal("main\n", sim.call("shell.run_it", "git", "branch").result.stdout)
    assert.equal(128, sim.call("shell.run_it", "git", "push", "origin").result.code)
    assert.equal("3 a\n", sim.call("shell.shell", "sort | uniq -c").result.stdout)
    assert.equal("git push origin", sim.exec.calls[2].line)
  end)

  it("fail, take time and time out as jobs", function()
    sim.exec.answer("pg_dump*", { code = 2, stderr = "no such database\n", takes = "3m" })
    local run = sim.run_now "dump"
    assert.fails("dump", "status 2")
    assert.equal(180.0, run.took)
    assert.same({ "no such database" }, run.log)
    sim.exec.answer("pg_dump*", { takes = "1h" })
    assert.equal(600.0, sim.run_now("dump").took)
    assert.fails("dump", "timed out")
    sim.exec.answer("pg_dump*", { error = 'cannot run "pg_dump": No such file or directory', code = "not_found" })
    sim.run_now "dump"
    assert.fails("dump", "No such file")
    sim.exec.answer("pg_dump*", { signal = "KILL" })
    sim.run_now "dump"
    assert.fails("dump", "signal KILL")
    sim.script("lua", [[ function run() return { select(2, os.execute "pg_dump") } end ]])
    for signal, number in pairs { SIGKILL = 9, SEGV = 11 } do
      sim.exec.answer("pg_dump*", { signal = signal })
      assert.same({ "signal", number }, sim.call("lua.run").result)
    end
  end)

  it("are those of Lua itself, too", function()
    sim.exec.answer("make", { code = 2 })
    sim.exec.answer("ls", { stdout = "a\nb\n" })
    sim.exec.answer("tail", { stdout = "x\ny\n", stderr = "z\n" })
    local failed = sim.call("shell.execute").result
    assert.same({ "exit", 2 }, failed)
    assert.equal("a\nb\n", sim.call("shell.read").result[1])
    assert.is_true(sim.call("shell.write").result[1])
    assert.equal("hello ada", sim.exec.last("mail*").stdin)
    assert.same({ "stdout x", "stdout y", "stderr z" }, sim.call("shell.lines").result)
  end)
end)

describe("a secret in a simulation", function()
  it("is what the test says, and can be taken away", function()
    sim.secrets.MAIL = "very secret word"
    sim.script("look", [[ function look() return #secret("MAIL", "") end ]])
    assert.equal(16, sim.call("look.look").result)
    sim.secrets.MAIL = nil
    assert.equal(0, sim.call("look.look").result)
    sim.secrets.MAIL = "another"
    assert.equal(7, sim.call("look.look").result)
  end)
end)

describe("messages in a simulation", function()
  it("are recorded as they were sent", function()
    sim.secrets.MAIL = "very secret word"
    sim.script("post", [[
      function mail(run)
        local receipt, message, code = email.send {
          server = "smtps://mail.example", user = "shop", password = secret "MAIL",
          from = "The shop <shop@example.org>", to = { "ada@example.org", "bob@example.org" },
          subject = "Orders", text = "42", attachments = { { name = "a.csv", data = "1,2" } },
        }
        return receipt and receipt.recipients or { message, code }
      end
      function hook(run)
        local receipt, message, code = webhook.send("https://hook/", { id = 42 },
          { secret = "a secret of some length", retries = 2 })
        return receipt and receipt.attempts or { message, code }
      end
    ]])
    assert.same({ "ada@example.org", "bob@example.org" }, sim.call("post.mail").result)
    local mail = sim.email.last "ada@*"
    assert.same({ "Orders", "42", "1,2" }, { mail.subject, mail.text, mail.attachments[1].data })
    assert.truthy(mail.message:find("Subject: Orders", 1, true))
    sim.email.answer("bob@*", { error = "mailbox full", code = "refused" })
    assert.same({ "mailbox full", "refused" }, sim.call("post.mail").result)

    sim.webhook.answer { status = 503, times = 1 }
    assert.equal(2, sim.call("post.hook").result)
    assert.equal(2, #sim.webhook.calls)
    assert.equal(0, #sim.http.calls)
    assert.same({ id = 42 }, sim.webhook.last().json)
    assert.truthy(sim.webhook.last().headers["webhook-signature"])
    sim.webhook.answer { status = 410 }
    assert.equal("refused", sim.call("post.hook").result[2])
  end)
end)

describe("what scripts find in a simulation", function()
  it("is the environment that the spec has made", function()
    sim.env.SHOP_URL = "https://shop/"
    sim.env.HOME = false
    sim.script("env", [[
      local at_load = os.getenv "SHOP_URL"
      function read() return { at_load, env.SHOP_URL, env.get("HOME", "none"), env.require "PATH" ~= "" } end
    ]])
    assert.same({ "https://shop/", "https://shop/", "none", true }, sim.call("env.read").result)
  end)

  it("are files of its own", function()
    sim.write("data/in.txt", "one\n")
    sim.script("files", [[
      function work()
        assert(fs.write("../out.txt", assert(fs.read "data/in.txt") .. "two\n"))
        local db = sqlite.open "shop.db"
        db:exec "CREATE TABLE t (x)"
        db:exec("INSERT INTO t VALUES (?)", 7)
        return db:value "SELECT x FROM t"
      end
    ]])
    assert.equal(7, sim.call("files.work").result)
    assert.equal("one\ntwo\n", sim.read "../out.txt")
    assert.is_nil(sim.read "other.txt")
  end)

  it("is nothing of the test before", function()
    assert.is_nil(sim.read "data/in.txt")
    assert.is_nil(sim.env.SHOP_URL)
  end)
end)
