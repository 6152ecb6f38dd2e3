--- Commands of the real daemon: nothing of them outlives it, nor a time-out, and what they write without an end is
-- bounded.

local daemon = require "support.daemon"

--- Processes that carry this mark in their environment, but for zombies.
local function marked(mark)
  local found = {}
  for path in daemon.shell("grep -lsz '^MARK=" .. mark .. "$' /proc/[0-9]*/environ"):gmatch "%S+" do
    local stat = daemon.read_file(path:gsub("environ$", "stat"))
    if stat and not stat:match "%) [ZX]" then
      found[#found + 1] = path:match "%d+"
    end
  end
  return found
end

describe("a command", function()
  local d, mark

  before_each(function()
    d = daemon.new()
    mark = d.root:match "[^/]+$"
  end)

  after_each(function()
    for _, pid in ipairs(marked(mark)) do
      os.execute("kill -KILL " .. pid)
    end
    d:close()
  end)

  local function write(source)
    d:write("c.lua", (source:gsub("MARK", ("env = { MARK = %q }"):format(mark))))
    d:start()
  end

  local function wait_for_processes(count)
    daemon.wait_until(function() return #marked(mark) == count end, 10, count .. " processes")
  end

  it("is given which run it is, whatever its own environment", function()
    d:write("c.lua", [[
      local show = "env | grep ^MOONBEAT_ | sort; false"
      job "c" { args = { "x", 7 }, retry = { attempts = 2, delay = 0 },
        run = command { "sh", "-c", show, clean_env = true, env = { MOONBEAT_JOB = "own" } } }
      job "bare" { run = command(show) }
    ]])
    d.env.MOONBEAT_ARGS, d.env.MOONBEAT_EVENTS = "none of", "its own"
    d:start()
    d:cli("run-now", "c", "--wait")
    local id = d:runs("c")[1].id
    local lines = {}
    for _, line in ipairs(d:json("logs", id)) do
      lines[#lines + 1] = line.attempt == 2 and line.text or nil
    end
    assert.same({ 'MOONBEAT_ARGS=["x",7]', "MOONBEAT_ATTEMPT=2", "MOONBEAT_JOB=own", "MOONBEAT_RUN=" .. id,
      "MOONBEAT_RUN_KEY=" .. id .. "#2", "MOONBEAT_SCHEDULED_AT=" .. id:sub(3) }, lines)
    d:cli("run-now", "bare", "--wait")
    local log = d:must("logs", "bare")
    assert.truthy(log:find("MOONBEAT_JOB=bare\n", 1, true), log)
    assert.is_nil(log:find("MOONBEAT_ARGS", 1, true) or log:find("MOONBEAT_EVENTS", 1, true), log)
  end)

  it("dies with the daemon, grandchildren included", function()
    write [[
      job "plain" { run = command { shell = "sleep 1000 & sleep 1000", MARK } }
      job "deaf" { run = command { shell = "trap '' TERM HUP INT; (sleep 1000; true) & sleep 1000", MARK } }
    ]]
    d:must("run-now", "plain")
    d:must("run-now", "deaf")
    wait_for_processes(7)
    d:kill()
    wait_for_processes(0)
  end)

  local OPEN = { pending = true, running = true }

  --- Waits until the job's newest run is over, and says how; nothing of its command may be left then.
  local function ended(job)
    local run
    daemon.wait_until(function()
      run = d:runs(job)[1]
      return run and not OPEN[run.state]
    end, 20, "the run ends")
    assert.same({}, marked(mark))
    return run.state
  end

  -- A shell and two children of it, one in the background; the lock is free when all are gone.
  local DEAF = "exec 9>gate; flock -n 9 || echo OVERLAP; trap '' TERM; sleep 1000 & sleep 1000"

  it("dies at its time-out, grandchildren that ignore TERM included, before the run is over", function()
    write(([[ job "c" { timeout = "300ms", run = command { shell = %q, MARK, grace = "700ms" } } ]]):format(DEAF))
    d:must("run-now", "c")
    wait_for_processes(3)
    assert.equal("timed_out", ended("c"))
  end)

  it("is killed with its run and at the end of cancel_grace, whatever its own grace", function()
    write(([[
      job "c" { cancel_grace = "300ms", run = command { shell = %q, MARK, grace = "1h" } }
      job "lua" { run = function() exec { "sh", "-c", %q, MARK, grace = "1h" } end }
    ]]):format(DEAF, DEAF))
    for _, way in ipairs { { "c" }, { "c", "--now" }, { "lua", "--now" } } do
      d:must("run-now", way[1])
      wait_for_processes(3)
      d:must("cancel", table.unpack(way))
      assert.equal("cancelled", ended(way[1]))
    end
  end)

  it("is gone before its run is tried again, and before another one takes its place", function()
    write(([[
      job "again" { timeout = "300ms", retry = { attempts = 2, delay = "1ms" },
        run = command { shell = %q, MARK, grace = "300ms" } }
      job "other" { enabled = false, trigger = every "1s", overlap = "terminate_other",
        run = command { shell = %q, MARK, grace = "1h" } }
    ]]):format(DEAF, (DEAF:gsub("gate", "other"))))
    d:run_now("again", 20)
    assert.equal(2, d:runs("again")[1].attempt)
    assert.falsy(d:must("logs", "again"):find "OVERLAP")
    d:must("resume", "other")
    daemon.wait_until(function() return #d:runs("other") >= 3 end, 20, "three runs")
    d:must("pause", "other")
    d:must("cancel", "other", "--now")
    assert.equal("cancelled", ended "other")
    for _, run in ipairs(d:runs "other") do
      assert.falsy(d:must("logs", run.id):find "OVERLAP")
    end
  end)

  it("leaves nothing of its group when it ends by itself, whoever began it", function()
    local source = [[
      local LEAVES = "sleep 1000 >/dev/null 2>&1 & exit 1"
      local ENDS = "export MA" .. "RK=%s; " .. LEAVES
      job "c" { retry = { attempts = 3, delay = "1ms" }, run = command { "sh", "-c", LEAVES, MARK } }
      job "execute" { run = function() return select(3, os.execute(ENDS)) end }
      job "popen" { run = function() return select(3, io.popen(ENDS):close()) end }
      job "leaves" { run = command { "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &", MARK } }
    ]]
    write(source:format(mark))
    d:run_now("c", 20)
    assert.equal(3, d:runs("c")[1].attempt)
    assert.equal("failed", ended "c")
    for _, job in ipairs { "execute", "popen" } do
      d:run_now(job, 20)
      assert.equal("succeeded", ended(job))
      assert.equal(1, d:runs(job)[1].result)
    end
    d:run_now("leaves", 20)
    wait_for_processes(1)
  end)

  it("is closed with the run that opened it, wherever it is kept", function()
    write(([[ job "c" { run = function() G = io.popen %q return "done" end } ]]):format(
      "export MA''RK=" .. mark .. "; exec sleep 1000"))
    d:run_now("c", 20)
    assert.equal("succeeded", ended "c")
    assert.equal("done", d:runs("c")[1].result)
  end)

  it("that never stops writing is bounded, and the log says so", function()
    write [[
      job "c" { timeout = "2s", run = command { shell = "exec yes", MARK } }
      job "line" { run = command { shell = "head -c 30000000 /dev/zero | tr '\\0' x", MARK } }
      job "r" { run = function() return exec { "head", "-c", "3000000", "/dev/zero" }.truncated end }
    ]]
    d:must("run-now", "c")
    d:must("run-now", "r")
    daemon.wait_until(function()
      local run = d:runs("c")[1]
      return run and run.state == "timed_out"
    end, 20, "the run times out")
    local log = d:must("logs", "c")
    assert.truthy(log:find("more than 10000 lines or 16 MiB: what follows is not kept", 1, true), log:sub(-300))
    daemon.wait_until(function()
      local run = d:runs("r")[1]
      return run and run.state == "succeeded"
    end, 10, "the other run ends")
    assert.is_true(d:runs("r")[1].result)
    d:run_now("line", 20)
    local long = d:must("logs", "line")
    assert.truthy(long:find("what follows is not kept", 1, true))
    assert.is_true(#long < 20000000, #long)
    wait_for_processes(0)
  end)
end)
