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

  it("dies at its time-out, grandchildren that ignore TERM included", function()
    write [[
      job "c" { timeout = "300ms",
        run = command { shell = "(trap '' TERM; sleep 1000; true) & sleep 1000", grace = "200ms", MARK } }
    ]]
    d:must("run-now", "c")
    daemon.wait_until(function()
      local run = d:runs("c")[1]
      return run and run.state == "timed_out"
    end, 10, "the run times out")
    wait_for_processes(0)
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
