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

describe("where standard input, output and error are closed", function()
  local d

  setup(function()
    d = daemon.new {}
    d:write("a.lua", [[job "a" { trigger = every "50ms", run = function() log.info "told" end }]])
    function d:launch()
      local command = self:command { "run", self.jobs_folder, "--state", self.state }
      self.pid = tonumber((daemon.shell(("{ %s; } <&- >&- 2>&- & echo $!"):format(command))))
      return self
    end
    d:start()
  end)

  teardown(function()
    d:close()
  end)

  local function status_of(redirections, ...)
    local command = ("export MOONBEAT_STATE=%s; %s"):format(daemon.quote(d.state), d:command { ... })
    return select(2, daemon.shell(("timeout 10 sh -c %s %s"):format(daemon.quote(command), redirections)))
  end

  it("the daemon does not write its log into a file of its own", function()
    daemon.wait_until(function() return #d:runs "a" > 2 end, 10, "a runs")
    assert.matches("^%d+\n$", daemon.read_file(d.state .. "/moonbeat.db-lock"))
  end)

  it("a command does not take its socket for one of them", function()
    assert.equal(0, status_of("<&-", "repl"))
    assert.equal(74, status_of(">&-", "list"))
    assert.equal(74, status_of(">&- 2>&-", "status", "--json"))
    assert.equal(66, status_of("2>&-", "show", "nobody"))
  end)
end)
