--- Triggers that no time sets off, in the real daemon: each kind by itself, what is promised over restarts and kills,
-- and triggers in Lua.

local daemon = require "support.daemon"

local EMITS = 200
local PATIENCE = 20

local d

local function contains(text, part)
  assert.matches(part, text, 1, true)
end

--- The ended runs of a job, oldest first; fails when there are more than `count` of them.
local function runs_of(job, count)
  local ended = daemon.wait_until(function()
    local runs = {}
    for _, run in ipairs(d:json("runs", job, "-n", "1000")) do
      if run.finished_at then
        table.insert(runs, 1, run)
      end
    end
    return #runs >= count and runs
  end, PATIENCE, ("%s has run %d times"):format(job, count))
  assert.equal(count, #ended, job .. " has run too often")
  return ended
end

--- What the events of a job's runs tell by that name, in their order, runs parted by a bar: "1 2|3".
local function told(job, count, member)
  local texts = {}
  for i, run in ipairs(runs_of(job, count)) do
    assert.equal("succeeded", run.state, run.error)
    assert.equal("event", run.cause)
    local values = {}
    for k, event in ipairs(run.events) do
      values[k] = tostring(event[member])
    end
    texts[i] = table.concat(values, " ")
  end
  return table.concat(texts, "|")
end

--- Waits until no run is open.
local function settle()
  daemon.wait_until(function()
    local runs = d:json("status")[1].runs
    return runs.pending + runs.running == 0
  end, PATIENCE, "all runs have ended")
end

--- Waits until none of a job's events wait for a run, and no run is open.
local function drain(job)
  daemon.wait_until(function()
    return not d:must("why", job):find "events? waits? for a run"
  end, PATIENCE, "the queue of " .. job .. " is empty")
  settle()
end

local function emit(...)
  return d:must("emit", ...)
end

before_each(function()
  d = daemon.new()
end)

after_each(function()
  d:close()
end)

describe("on_start", function()
  local JOB = [[job "%s" { trigger = on_start(), run = function(run) return run.event.event end }]]

  it("runs once each time the daemon starts", function()
    d:write("a.lua", JOB:format "a")
    d:start()
    assert.equal("on_start", told("a", 1, "event"))
    d:restart()
    told("a", 2, "event")
    d:kill()
    d:start()
    told("a", 3, "event")
    d:write("late.lua", JOB:format "late")
    d:must "reload"
    d:must("add", "job", "added", "--command", "true", "--trigger", "@reboot")
    d:write("a.lua", "-- saved again\n" .. JOB:format "a")
    d:must "reload"
    settle()
    told("a", 3, "event")
    told("late", 0, "event")
    d:stop()
    d:write("new.lua", JOB:format "new")
    d:start()
    told("a", 4, "event")
    for _, job in ipairs { "late", "added", "new" } do
      told(job, 1, "event")
    end
  end)

  it("is what @reboot of a crontab becomes", function()
    daemon.write_file(d.root .. "/tab", "WORD=hello\n@reboot echo $WORD > " .. d.root .. "/said\n")
    d:must("import", "crontab", "tab", "-o", "jobs/tab.lua")
    contains(d:must("check", "jobs"), "ok     tab  1 job\n")
    d:start()
    told("echo", 1, "event")
    assert.equal("hello\n", daemon.read_file(d.root .. "/said"))
  end)
end)

describe("after_job", function()
  it("follows the outcome of another job's run, once for all its attempts", function()
    d:write("chain.lua", [[
      job "good" { run = function() return 42 end }
      job "bad" { retry = { attempts = 2, delay = "10ms" }, run = function() error "no luck" end }
      job "naps" { run = function() sleep "1m" end }
      for _, other in ipairs { "good", "bad", "naps" } do
        for _, outcome in ipairs { "succeeded", "failed", "finished" } do
          job(other .. "." .. outcome) { trigger = after_job(other, outcome), run = function(run) return run.event end }
        end
      end
      job "last" { trigger = after_job "good.succeeded", run = function(run) return run.event.result.result end }
    ]])
    d:start()
    d:must("run-now", "good", "--wait")
    d:cli("run-now", "bad", "--wait")
    d:must("run-now", "naps")
    d:must("cancel", "naps")
    assert.equal("good", told("good.succeeded", 1, "job"))
    assert.equal("42", told("good.finished", 1, "result"))
    assert.equal("failed", told("bad.failed", 1, "state"))
    contains(runs_of("bad.finished", 1)[1].result.error, "no luck")
    assert.equal("cancelled", told("naps.finished", 1, "state"))
    assert.equal(42, runs_of("last", 1)[1].result)
    assert.equal(runs_of("good", 1)[1].id, runs_of("good.succeeded", 1)[1].result.run)
    settle()
    for _, none in ipairs { "good.failed", "bad.succeeded", "naps.succeeded", "naps.failed" } do
      runs_of(none, 0)
    end
  end)
end)

describe("on_event", function()
  it("hears of scheduler.emit and moonbeat emit, by its filter; so do listeners", function()
    d:write("orders.lua", [[
      local function ids(run) return run.event.id end
      job "all" { trigger = on_event "order", run = ids }
      job "berlin" { trigger = on_event("order", { filter = { shop = "berlin", paid = true } }), run = ids }
      job "shop" {
        run = function(run, id) return scheduler.emit("order", { id = id, shop = "berlin", paid = true }) end,
      }
      job "own" { trigger = on_event "job_error", run = function(run) return run.event.job end }
      job "fails" { run = function() error "no" end }
      on("order", function(event) fs.append("../heard", event.id .. "\n") end)
    ]])
    d:start()
    assert.equal("emitted order, 1 listener hears of it, 2 jobs wait for it\n",
      emit("order", "id=1", "shop=berlin", "paid=true"))
    told("all", 1, "id")
    emit("order", "id=2", "shop=berlin", "paid=false")
    told("all", 2, "id")
    assert.equal("2\n", d:must("run-now", "shop", "3", "--wait"):match "succeeded: (.*)$")
    assert.equal("1|2|3", told("all", 3, "id"))
    assert.equal("1|3", told("berlin", 2, "id"))
    emit("other", "id=4")
    d:cli("run-now", "fails", "--wait")
    assert.equal("fails", runs_of("own", 1)[1].result)
    settle()
    told("all", 3, "id")
    daemon.wait_until(function() return daemon.read_file(d.root .. "/heard") == "1\n2\n3\n" end, 5, "the listener")
  end)

  it("sets off what runs beside the time, and commands", function()
    d:write("either.lua", [[
      job "either" { trigger = on_event "go" | cron "0 0 1 1 *", run = function(run) return #run.events end }
    ]])
    d:start()
    d:must("add", "job", "shell", "--trigger", "on_event go", "--command", 'echo "$MOONBEAT_EVENTS"')
    emit("go", "id=7")
    assert.equal("7", told("either", 1, "id"))
    assert.truthy(d:job("either").next_run_at)
    told("shell", 1, "id")
    contains(d:must("logs", "shell"), '"id":7}]')
  end)

  it("waits while runs are open, and is skipped while the job is paused", function()
    d:write("slow.lua", [[
      function slow(run)
        while not fs.exists "../open" do sleep "20ms" end
      end
      job "single" { trigger = on_event "x", run = slow }
      job "batch" { trigger = on_event("x", { batch = 3 }), run = slow }
      job "paused" { trigger = on_event "x", enabled = false, run = slow }
    ]])
    d:start()
    for i = 1, 5 do
      emit("x", "id=" .. i)
      daemon.wait_until(function() return d:runs("batch")[1] end, 5, "the first has begun")
    end
    contains(d:must("why", "single"), "4 events wait for a run")
    contains(d:must("why", "single"), "1 of 1 run is open: what is due now waits")
    d:kill() -- queues are kept
    d:start()
    contains(d:must("why", "single"), "4 events wait for a run")
    daemon.write_file(d.root .. "/open", "")
    assert.equal("1|2|3|4|5", told("single", 5, "id"))
    assert.equal("1|2 3 4|5", told("batch", 3, "id"))
    assert.equal(2, runs_of("batch", 3)[1].attempt)
    assert.equal("", d:must("skips", "single"))
    local skips = d:json("skips", "paused")
    local count = 0
    for _, skip in ipairs(skips) do
      assert.equal("paused", skip.reason)
      count = count + skip.count
    end
    assert.equal(5, count)
    d:must("resume", "paused")
    emit("x", "id=6")
    assert.equal("6", told("paused", 1, "id"))
  end)

  it("is gathered by debounce and batch", function()
    d:write("quiet.lua", [[
      local function count(run) return #run.events end
      job "quiet" { trigger = on_event("x", { debounce = "700ms" }), run = count }
      job "full" { trigger = on_event("x", { debounce = "1h", batch = 3 }), run = count }
    ]])
    d:start()
    d:sh(([[for i in 1 2 3 4; do %s --state %s emit x id=$i; done]]):format(daemon.quote(d.bin), daemon.quote(d.state)))
    assert.equal("1 2 3 4", told("quiet", 1, "id"))
    assert.equal("1 2 3", told("full", 1, "id"))
    contains(d:must("why", "full"), "1 event waits for a run")
  end)
end)

describe("kill -9", function()
  it(("amid %d emits: each that was acknowledged has one run"):format(EMITS), function()
    d:write("stream.lua", [[
      job "stream" { trigger = on_event "x", run = function(run) sleep "5ms" return run.event.id end }
      job "gather" { trigger = on_event("x", { batch = 50 }), run = function(run) sleep "20ms" end }
    ]])
    d:start()
    daemon.shell(([[cd %s; { for i in $(seq %d); do
      %s --state %s emit x id=$i >/dev/null 2>&1 && echo $i >>acknowledged || sleep 0.1
      done; echo end >>acknowledged
    } </dev/null >/dev/null 2>&1 &]]):format(daemon.quote(d.root), EMITS, daemon.quote(d.bin), daemon.quote(d.state)))
    local function acknowledged()
      local ids = {}
      for id in (daemon.read_file(d.root .. "/acknowledged") or ""):gmatch "%w+" do
        ids[#ids + 1] = id
      end
      return ids
    end
    for i = 1, 3 do
      daemon.wait_until(function() return #acknowledged() >= i * EMITS / 8 end, PATIENCE, "some are acknowledged")
      d:kill()
      d:start()
    end
    local ids = daemon.wait_until(function()
      local all = acknowledged()
      return all[#all] == "end" and all
    end, PATIENCE, "the stream ends")
    ids[#ids] = nil
    assert.is_true(#ids > EMITS / 2, "little was acknowledged")
    local queued = 0
    for _, job in ipairs { "stream", "gather" } do
      drain(job)
      local runs_with = {}
      for _, run in ipairs(d:json("runs", job, "-n", "1000")) do
        assert.equal("succeeded", run.state)
        for _, event in ipairs(run.events) do
          assert.is_nil(runs_with[event.id], ("event %d has two runs of %s"):format(event.id, job))
          runs_with[event.id] = run.id
        end
      end
      for _, id in ipairs(ids) do
        assert.truthy(runs_with[tonumber(id)], ("event %s was acknowledged, %s has no run"):format(id, job))
        queued = queued + 1
      end
    end
    print(("# 3 kills: %d of %d emits acknowledged, %d times run"):format(#ids, EMITS, queued))
  end)
end)

describe("on_file", function()
  --- How often each file was told of, over all runs: { path = { "created", "changed" } }.
  local function changes(job)
    settle()
    local found, runs = {}, d:json("runs", job, "-n", "1000")
    for i = #runs, 1, -1 do
      for _, event in ipairs(runs[i].events) do
        local name = event.path:match "[^/]+$"
        found[name] = (found[name] and found[name] .. " " or "") .. event.change
      end
    end
    return found
  end

  local function wait_for(job, expected)
    daemon.wait_until(function() return pcall(assert.same, expected, changes(job)) end, PATIENCE, "the files are told")
  end

  before_each(function()
    d:sh "mkdir in other; echo old >in/old.csv"
    d:write("files.lua", [[
      job "files" {
        trigger = on_file("../in/*.csv", { settle = "200ms" }),
        run = function(run) sleep "5ms" return fs.read(run.event.path) end,
      }
    ]])
    d:start()
    assert.equal("on_file " .. d.root .. "/in/*.csv settle=200ms", d:job("files").trigger_text)
  end)

  it("tells of files that are written, changed, moved into place", function()
    -- What lies there when the job is new is known as soon as a first change is seen.
    d:sh "echo 1 >in/a.csv; echo 1 >in/.hidden.csv; echo 1 >in/a.txt"
    wait_for("files", { ["a.csv"] = "created" })
    assert.equal("1\n", runs_of("files", 1)[1].result)
    d:sh "echo 2 >other/b; mv other/b in/b.csv; rm in/a.txt"
    wait_for("files", { ["a.csv"] = "created", ["b.csv"] = "created" })
    d:sh "echo 3 >>in/old.csv; touch in/b.csv; rm in/a.csv"
    wait_for("files", { ["a.csv"] = "created", ["b.csv"] = "created changed", ["old.csv"] = "changed" })
  end)

  it("tells of what came while the daemon was down, and of nothing twice", function()
    local expected = {}
    local function write(name, change)
      d:sh(("echo %s >>in/%s.csv"):format(name, name))
      expected[name .. ".csv"] = (expected[name .. ".csv"] and expected[name .. ".csv"] .. " " or "") .. change
    end
    write("a", "created")
    wait_for("files", expected)
    d:stop()
    write("b", "created")
    write("a", "changed")
    d:start()
    wait_for("files", expected)
    for i = 1, 3 do
      for k = 1, 10 do
        write(("kill-%d-%d"):format(i, k), "created")
      end
      daemon.sleep(i * 0.1)
      d:kill()
      write("down-" .. i, "created")
      d:start()
    end
    wait_for("files", expected)
    d:restart()
    write("z", "created")
    wait_for("files", expected)
  end)
end)

describe("on_signal", function()
  it("runs when the daemon gets the signal", function()
    d:write("a.lua", [[job "a" { trigger = on_signal "USR1", run = function(run) return run.event.signal end }]])
    d:start()
    daemon.wait_until(function() -- who does not listen to it yet is ended by it
      local caught = tonumber(daemon.read_file(("/proc/%d/status"):format(d.pid)):match "SigCgt:%s*(%x+)", 16)
      return caught & 1 << 9 ~= 0
    end, PATIENCE, "SIGUSR1 is listened to")
    d:signal "USR1"
    assert.equal("SIGUSR1", told("a", 1, "signal"))
    d:signal "USR1"
    assert.equal("on_signal|on_signal", told("a", 2, "event"))
    assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+", told("a", 2, "at"))
    contains(d:cli("next", "on_signal SIGTERM").err, "SIGTERM cannot be waited for")
  end)
end)

describe("on_change", function()
  local function sql(text)
    return d:sh(("sqlite3 -cmd '.timeout 5000' app.db %s"):format(daemon.quote(text)))
  end

  it("refuses the daemon's own store", function()
    d:write("own.lua", ([[
      job "own" { trigger = on_change("%s/moonbeat.db", "runs"), run = function() end }
    ]]):format(d.state))
    d:start()
    daemon.wait_until(function() return d:must("why", "own"):find("own store", 1, true) end, PATIENCE, "why tells it")
  end)

  it("tells of the rows of another program's table, also of what changed meanwhile", function()
    if not daemon.has "sqlite3" then
      pending "sqlite3 is not installed"
      return
    end
    sql "CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT); INSERT INTO orders VALUES (1, 'old')"
    d:write("rows.lua", [[
      job "rows" {
        trigger = on_change("../app.db", { table = "orders", debounce = "200ms" }),
        run = function(run)
          for i, event in ipairs(run.events) do
            fs.append("../seen", ("%s %d\n"):format(event.operation, event.rowid))
          end
        end,
      }
    ]])
    local function wait_for(text)
      local ok, message = pcall(daemon.wait_until, function()
        return daemon.read_file(d.root .. "/seen") == text
      end, PATIENCE, "the changes")
      assert(ok, ("%s: %s"):format(message, daemon.read_file(d.root .. "/seen")))
    end
    local before = daemon.read_file(d.root .. "/app.db")
    contains(d:must("check", "jobs"), "ok     rows  1 job\n")
    assert.equal(before, daemon.read_file(d.root .. "/app.db"), "a check has changed the database")
    d:start()
    daemon.wait_until(function() return sql "SELECT name FROM sqlite_master WHERE type = 'trigger'" ~= "" end, PATIENCE,
      "it is watched")
    sql "INSERT INTO orders VALUES (2, 'new')"
    wait_for "insert 2\n"
    sql "UPDATE orders SET state = 'paid' WHERE id = 2; DELETE FROM orders WHERE id = 1"
    wait_for "insert 2\nupdate 2\ndelete 1\n"
    d:stop()
    sql "INSERT INTO orders VALUES (3, 'new')"
    d:start()
    wait_for "insert 2\nupdate 2\ndelete 1\ninsert 3\n"
    settle() -- a run that is cut off after its append would append once more
    d:kill()
    sql "BEGIN; INSERT INTO orders VALUES (4, 'new'); ROLLBACK; INSERT INTO orders VALUES (5, 'new')"
    d:start()
    wait_for "insert 2\nupdate 2\ndelete 1\ninsert 3\ninsert 5\n"
    d:remove "rows.lua"
    d:must "reload"
    daemon.wait_until(function()
      return sql "SELECT count(*) FROM sqlite_master WHERE name LIKE 'moonbeat%'" == "0\n"
    end, PATIENCE, "nothing of moonbeat is left in the database")
  end)
end)

describe("a trigger in Lua", function()
  it("says when its job runs, and when it has run for the last time", function()
    d:write("three.lua", [[
      local three = trigger("three", function(previous, now)
        local count = kv.incr "asked"
        if count <= 3 then
          return (previous or now) + 0.1 * count
        end
      end)
      job "three" { trigger = three, run = function(run) return run.scheduled_at.us end }
    ]])
    d:start()
    local runs = runs_of("three", 3)
    assert.equal(200000, runs[2].result - runs[1].result)
    assert.equal(300000, runs[3].result - runs[2].result)
    daemon.wait_until(function() return d:job("three").state == "finished" end, 5, "it is finished")
  end)

  it("that fails puts its job in error, until the file is mended", function()
    local function source(body)
      return ([[
        local t = trigger("tides", function(previous, now) %s end)
        job "tide" { trigger = t, run = function() end }
        job "other" { run = function() end }
      ]]):format(body)
    end
    local function wait_for_error(text)
      daemon.wait_until(function() return d:job("tide").state == "error" end, PATIENCE, "it is in error")
      contains(d:must "list", "job tide: " .. text)
      contains(d:must("why", "tide"), "it cannot run: " .. text)
    end
    d:write("tides.lua", source 'error "no table"')
    d:start()
    wait_for_error(('its trigger "tides": %s/tides.lua:1: no table'):format(d.jobs_folder))
    d:restart()
    wait_for_error(('its trigger "tides": %s/tides.lua:1: no table'):format(d.jobs_folder))
    d:run_now "other"
    d:write("tides.lua", source "return now - 1")
    d:must "reload"
    wait_for_error 'its trigger "tides" answered with '
    d:write("tides.lua", source "return 'soon'")
    d:must "reload"
    wait_for_error 'its trigger "tides": it returned a string, not a time'
    d:write("tides.lua", source "return now + 0.1")
    d:must "reload"
    daemon.wait_until(function() return d:runs("tide")[1] end, PATIENCE, "it runs")
    assert.equal("active", d:job("tide").state)
  end)

  it("that never returns delays nobody, and is given up", function()
    d:write("spins.lua", [[
      job "spins" { trigger = trigger("spins", function() while true do end end), run = function() end }
      job "beside" { trigger = every "100ms", run = function() end }
    ]])
    d:write("other.lua", [[job "other" { trigger = every "100ms", run = function() end }]])
    d:start()
    for _, job in ipairs { "beside", "other" } do
      daemon.wait_until(function() return #d:runs(job) >= 5 end, PATIENCE, job .. " runs meanwhile")
    end
    assert.equal("active", d:job("spins").state)
    daemon.wait_until(function() return d:job("spins").state == "error" end, PATIENCE, "it is given up")
    contains(d:must("why", "spins"), 'it cannot run: its trigger "spins": ')
  end)
end)
