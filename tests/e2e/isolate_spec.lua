--- Runs in processes of their own: what they can do, what they are given, and that nothing they do harms the daemon
-- or outlives it.

local daemon = require "support.daemon"

--- The processes for isolated runs that this daemon has started.
local function children_of(pid)
  local children = {}
  for child in daemon.shell(("ps -o pid=,args= --ppid %d | grep -- --child"):format(pid)):gmatch "(%d+) [^\n]+" do
    children[#children + 1] = tonumber(child)
  end
  return children
end

local function is_living(pid)
  local stat = daemon.read_file(("/proc/%d/stat"):format(pid))
  return stat and not stat:match "%) [ZX]"
end

local function wait_for_end_of(pids)
  for _, pid in ipairs(pids) do
    daemon.wait_until(function() return not is_living(pid) end, 10, "process " .. pid .. " ends")
  end
end

describe("an isolated run", function()
  local d

  before_each(function()
    d = daemon.new { env = { MOONBEAT_TEST = "kept", SECRET_TEST = "not kept" } }
  end)

  after_each(function()
    d:close()
  end)

  local function write(source)
    d:write("i.lua", source)
    d:start()
  end

  local function run(job)
    return d:run_now(job, 30)
  end

  it("has the standard library, and the scheduler", function()
    d:sh "umask 077; mkdir -p .moonbeat/secrets; printf 12345 >.moonbeat/secrets/TOKEN"
    d:write("part.lua", "return { twice = function(n) return 2 * n end }")
    write [[
      local part = require "part"
      job "other" { run = function() end }
      job "i" { isolate = true, run = function(run, n)
        log.warn("attempt %d", run.attempt)
        print "printed"
        kv.set("answer", part.twice(21))
        assert(fs.write("../written", "text"))
        local db = sqlite.open "../own.db"
        db:exec "CREATE TABLE t(x)"
        db:exec "INSERT INTO t VALUES (7)"
        local added = scheduler.add_job { id = "added", func = "i.later", trigger = after "1h" }
        sleep "10ms"
        return { kv.get "answer", fs.read "../written", db:value "SELECT x FROM t",
          exec { "echo", "out" }.stdout, scheduler.get_job("other").id, scheduler.get_job("added").id,
          coroutine.wrap(function() sleep "1ms" return "within" end)(), #secret "TOKEN" }
      end }
      function later() end
    ]]
    local ended = run "i"
    assert.equal("succeeded", ended.state, ended.error)
    assert.same({ 42, "text", 7, "out\n", "other", "added", "within", 5 }, ended.result)
    local log = d:must("logs", "i")
    assert.truthy(log:find("attempt 1", 1, true) and log:find("printed", 1, true), log)
    assert.truthy(d:job "added".next_run_at)
  end)

  it("gets an environment that is said, no open files, and its limits", function()
    write [[
      job "i" { isolate = true, env = { OWN = "yes" }, limits = { memory = "64M", files = 20 }, run = function()
        return { kept = os.getenv "MOONBEAT_TEST", own = os.getenv "OWN", home = os.getenv "HOME",
          secret = os.getenv "SECRET_TEST" or false, user = os.getenv "USER" or false,
          names = exec("env | cut -d= -f1 | sort | tr '\n' ' '").stdout,
          files = exec("ls -l /proc/$PPID/fd").stdout, limits = exec("cat /proc/$PPID/limits").stdout,
          group = exec("ps -o pgid= -p $PPID").stdout, pid = exec("echo $PPID").stdout }
      end }
    ]]
    local ended = run "i"
    assert.equal("succeeded", ended.state, ended.error)
    local got = ended.result
    assert.equal("kept", got.kept)
    assert.equal("yes", got.own)
    assert.equal(os.getenv "HOME", got.home)
    assert.is_false(got.secret)
    assert.is_false(got.user)
    local given = "PATH HOME LANG TZ TMPDIR OWN PWD _ SHLVL OLDPWD"
    for name in got.names:gmatch "%S+" do
      assert.truthy(name:find "^MOONBEAT_" or given:find(name, 1, true), name)
    end
    assert.is_nil(got.files:find(d.root, 1, true), got.files) -- store, log, lock
    assert.is_nil(got.files:find("socket:", 1, true), got.files)
    local files = tonumber(got.limits:match "Max open files%s+(%d+)")
    assert.truthy(files >= 20 and files < 64, got.limits)
    if not daemon.is_sanitized then -- a sanitizer's own memory would count
      assert.truthy(got.limits:match "Max data size%s+%d+", got.limits)
    end
    assert.truthy(got.limits:match "Max core file size%s+0 ", got.limits)
    assert.equal(tonumber(got.pid), tonumber(got.group))
  end)

  it("leaves no descriptor behind from run to run", function()
    write [[
      job "i" { isolate = true, run = function()
        fs.write("../file", "x")
        exec "true"
        return { exec("ls /proc/$PPID/fd | wc -l").stdout, exec("echo $PPID").stdout }
      end }
    ]]
    local first = run "i".result
    local last
    for _ = 1, 20 do
      last = run "i".result
    end
    assert.equal(first[2], last[2]) -- the same process
    assert.is_true(tonumber(last[1]) < tonumber(first[1]) + 10, last[1]) -- what ends just now may count or not
  end)

  it("may crash, eat memory or time: the run fails and says why", function()
    write [[
      job "segv" { isolate = true, run = function() exec "kill -SEGV $PPID" sleep "1m" end }
      job "kill" { isolate = true, run = function() exec "kill -KILL $PPID" sleep "1m" end }
      job "memory" { isolate = true, limits = { memory = "32M" }, run = function()
        local all = {}
        for i = 1, 1e9 do all[i] = ("x"):rep(1000) .. i end
      end }
      job "cpu" { isolate = true, limits = { cpu = "1s" }, run = function() while true do end end }
      job "files" { isolate = true, limits = { files = 10 }, run = function()
        local open = {}
        for i = 1, 100 do open[i] = assert(io.popen("sleep 20")) end
      end }
      job "late" { isolate = true, timeout = "300ms", run = function() while true do pcall(error) end end }
      job "stuck" { isolate = true, timeout = "500ms", run = function() exec "kill -STOP $PPID" sleep "1m" end }
      job "fine" { isolate = true, run = function() return 1 end }
    ]]
    local errors = {
      segv = "the isolated process ended by signal SEGV",
      kill = "the isolated process ended by signal KILL",
      memory = "32 MiB",
      cpu = "used more than its limit of 1s of CPU time",
      files = "Too many open files",
      late = "took longer than its time-out of 300ms",
      stuck = "took longer than its time-out of 500ms, and was killed with its process",
    }
    if daemon.is_sanitized then
      errors.segv = nil
    end
    for job, text in pairs(errors) do
      local ended = run(job)
      local late = job == "late" or job == "stuck"
      assert.equal(late and "timed_out" or "failed", ended.state)
      assert.truthy(ended.error:find(text, 1, true), job .. ": " .. ended.error)
      assert.truthy(ended.started_at < ended.finished_at, job .. " began before it ended")
    end
    assert.equal("succeeded", run "fine".state)
    assert.truthy(d:is_alive())
  end)

  it("can be cancelled whatever it does", function()
    write [[
      job "sleeps" { isolate = true, cancel_grace = "100ms", run = function() sleep "10m" end }
      job "stuck" { isolate = true, cancel_grace = "100ms", run = function()
        print "here" sleep "200ms" exec "kill -STOP $PPID" sleep "10m"
      end }
    ]]
    for _, job in ipairs { "sleeps", "stuck" } do
      d:must("run-now", job)
      local running = daemon.wait_until(function()
        local found = d:runs(job)[1]
        return found and found.state == "running" and found
      end, 10, job .. " runs")
      if job == "stuck" then
        daemon.wait_until(function()
          for _, pid in ipairs(children_of(d.pid)) do
            if (daemon.read_file(("/proc/%d/stat"):format(pid)) or ""):match "%) T" then
              return true
            end
          end
        end, 10, "it is stopped")
      end
      d:must("cancel", running.id)
      daemon.wait_until(function() return d:runs(job)[1].state == "cancelled" end, 20, job .. " is cancelled")
    end
  end)

  it("dies with the daemon, and so do its commands", function()
    write [[
      job "i" { isolate = true, run = function() exec "echo $$ > ../pid; sleep 1000 & sleep 1000" end }
    ]]
    d:must("run-now", "i")
    local pid = daemon.wait_until(function()
      return tonumber(daemon.read_file(d.root .. "/pid") or "")
    end, 10, "the command runs")
    local pids = children_of(d.pid)
    assert.is_true(#pids > 0)
    pids[#pids + 1] = pid
    for other in daemon.shell(("ps -o pid= -g %d"):format(pid)):gmatch "%d+" do
      pids[#pids + 1] = tonumber(other)
    end
    d:kill()
    wait_for_end_of(pids)
  end)

  it("is retried, in a new state after a failure", function()
    write [[
      tries = 0
      job "i" { isolate = true, retry = { attempts = 3, delay = "10ms" }, run = function(run)
        tries = tries + 1
        if run.attempt < 3 then error "not yet" end
        return { run.attempt, tries }
      end }
    ]]
    d:must("run-now", "i")
    daemon.wait_until(function()
      local found = d:runs("i")[1]
      return found and found.state == "succeeded"
    end, 20, "the third attempt")
    assert.same({ 3, 1 }, d:runs("i")[1].result)
  end)

  it("may write errors without end, and not as the daemon", function()
    write [[
      job "i" { isolate = true, run = function()
        exec { "sh", "-c", "echo '12:12:12.123 error the disk is gone' > /proc/$PPID/fd/2" }
        exec { "sh", "-c", "yes boo | head -n 300000 > /proc/$PPID/fd/2" }
      end } ]]
    assert.equal("succeeded", run("i").state)
    local log = daemon.read_file(d.log_file)
    local _, lines = log:gsub("\n[^\n]* i: boo", "")
    assert.is_true(lines > 9000 and lines <= 10000, lines .. " lines")
    assert.matches("i: wrote more than 10000 lines to its error output: no more are shown", log, 1, true)
    assert.matches("error i: the disk is gone", log, 1, true)
  end)

  it("leaves processes to other scripts, and says who has them", function()
    d = daemon.new { arguments = { "--workers", "1" } }
    d:write("greedy.lua", [[
      for i = 1, 60 do job("g" .. i) { isolate = true, run = function() sleep "1h" end } end]])
    d:write("other.lua", 'job "other" { isolate = true, timeout = "30s", run = function() return 1 end }')
    d:start()
    for i = 1, 60 do d:must("run-now", "g" .. i) end
    local function in_state(state) return d:json("runs", "--state", state, "--count", "100") end
    daemon.wait_until(function() return #in_state "running" == 48 end, 60, "its share runs")
    assert.equal("succeeded", run("other").state)
    assert.equal(12, #in_state "pending")
    local waits = in_state("pending")[1]
    local text = "it waits for a process: worker 1 has 48 of at most 64 for isolated runs, 48 of them for script greedy"
    assert.matches(text, d:must("why", waits.id), 1, true)
    assert.matches(text, d:must("why", waits.job), 1, true)
  end)

  it("can be told to end, leaves a checkpoint, shows its progress, holds locks", function()
    write [[
      job "steps" { isolate = true, retry = { attempts = 2, delay = "10ms" }, run = function(run)
        if run.attempt == 1 then
          run:checkpoint { at = 5 }
          error "later"
        end
        return run.checkpointed.at
      end }
      job "told" { isolate = true, soft_timeout = "300ms", timeout = "1m", run = function(run)
        run:progress(1, 2, "half")
        while not run:cancelled() do
          pcall(sleep, "20ms")
        end
        return "was told"
      end }
      job "holds" { isolate = true, run = function()
        assert(lock "door")
        exec "kill -KILL $PPID"
        sleep "1m"
      end }
      job "waits" { isolate = true, run = function()
        assert(lock("door", { wait = "20s" }))
        return "mine"
      end }
    ]]
    d:must("run-now", "steps")
    daemon.wait_until(function()
      local found = d:runs("steps")[1]
      return found and found.state == "succeeded"
    end, 20, "the second attempt")
    assert.equal(5, d:runs("steps")[1].result)
    local ended = run "told"
    assert.truthy(ended.result == "was told" or ended.state == "timed_out", ended.error)
    assert.equal("failed", run "holds".state)
    assert.equal("mine", run "waits".result)
  end)

  it("does not outlive its script's version by its process", function()
    write [[ job "i" { isolate = true, run = function() return 1 end } ]]
    assert.equal(1, run "i".result)
    d:write("i.lua", [[ job "i" { isolate = true, run = function() return 2 end } ]])
    d:must "reload"
    assert.equal(2, run "i".result)
  end)

  it("is refused with options that contradict it", function()
    d:start()
    for spec, text in pairs {
      ['job "a" { isolate = true, run = command "ls" }'] = "isolate is for functions",
      ['job "b" { limits = { cpu = "1s" }, run = function() end }'] = "limits are for jobs with isolate = true",
      ['job "c" { isolate = true, limits = { memory = "10K" }, run = function() end }'] =
        "limits.memory is under 1 MiB",
      ['job "d" { isolate = true, limits = { memroy = "1G" }, run = function() end }'] = 'did you mean "memory"',
      ['job "e" { isolate = true, limits = { cpu = "soon" }, run = function() end }'] = "limits.cpu",
    } do
      d:write("bad.lua", spec)
      local out = d:cli("check", d.jobs_folder)
      assert.truthy((out.out .. (out.err or "")):find(text, 1, true), spec .. ": " .. out.out .. (out.err or ""))
    end
  end)
end)
