--- The daemon as a service of systemd's: the cases are in service.py, which is its manager here.

local program = os.getenv("MOONBEAT_BIN") or "build/moonbeat"
local python = "/usr/bin/python3"
local cases = "tests/e2e/service.py"

local SKIPPED = 77

local daemon = require "support.daemon"

describe("the daemon as a service", function()
  local names, status = daemon.shell(python .. " " .. cases .. " --list 2>&1")
  if status ~= 0 then
    pending("needs python3")
    return
  end
  for name in names:gmatch("[%w_]+") do
    it((name:gsub("_", " ")), function()
      local output, ended = daemon.shell(("MOONBEAT_BIN=%s %s %s %s 2>&1"):format(daemon.quote(program), python, cases,
        name))
      if ended == SKIPPED then
        pending(output)
        return
      end
      assert.equal(0, ended, output)
    end)
  end
end)

describe("a daemon that crashes", function()
  it("says so before it is gone", function()
    if daemon.is_sanitized then
      return pending "a sanitizer has its own words"
    end
    local d = daemon.new {}
    finally(function() d:close() end)
    d:start()
    d:signal "SEGV"
    d:wait_for_end()
    assert.matches("moonbeat: crashed %(Segmentation fault%), which is a bug [^\n]*; what was acknowledged is kept\n",
      d:log())
    d:start()
  end)
end)
