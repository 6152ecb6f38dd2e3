--- moonbeat.testing as others meet it: the README's example runs as it stands, with the job files that the README
-- shows, and what `cmake --install` installs is all that stock Lua needs.

local function shell(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local out = pipe:read "a"
  local ok = pipe:close()
  return out, ok
end

local function folder()
  local path = shell("mktemp -d"):gsub("\n$", "")
  finally(function() shell("rm -rf '" .. path .. "'") end)
  return path
end

local function write(path, text)
  shell(("mkdir -p '%s'"):format(path:match "^(.*)/"))
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

local here = shell("pwd"):gsub("\n$", "")

describe("the README's test", function()
  it("passes", function()
    local root = folder()
    local readme <close> = assert(io.open "README.md")
    local count = 0
    for text in readme:read "a":gmatch "\n```lua\n(.-)```" do
      local name = text:match "^%-%- ([%w_/]+%.lua)\n"
      write(root .. "/" .. name, text)
      count = count + (name:find "_spec%.lua$" and 1 or 0)
    end
    assert.equal(1, count)
    local path = ("%s/lua/?.lua;%s/lua/?/init.lua;;"):format(here, here)
    local out, ok = shell(("cd '%s' && LUA_PATH='%s' busted --lua=lua5.4 --output=TAP spec"):format(root, path))
    assert.is_true(ok, out)
    assert.truthy(out:find "1%.%.4", out)
  end)
end)

describe("another Lua", function()
  it("is told which one it takes", function()
    if not select(2, shell "command -v lua5.1") then
      pending "there is none"
      return
    end
    local out = shell "lua5.1 -e 'require \"moonbeat.testing\"'"
    assert.truthy(out:find("moonbeat.testing needs Lua 5.4, and this is Lua 5.1", 1, true), out)
  end)
end)

describe("what is installed", function()
  it("has a unit for systemd that starts the program where it lies", function()
    local root = folder()
    local out, ok = shell(("DESTDIR='%s' cmake --install '%s' --prefix /usr"):format(root,
      assert(os.getenv "MOONBEAT_BUILD")))
    assert.is_true(ok, out)
    local function read(path)
      local file <close> = assert(io.open(root .. path))
      return (file:read "a")
    end
    local unit = read "/usr/lib/systemd/system/moonbeat.service"
    local program, arguments = unit:match "\nExecStart=(%S+) ([^\n]+)\n"
    assert.equal("/usr/bin/moonbeat", program)
    out, ok = shell(("'%s%s' %s --help"):format(root, program, arguments)) -- unknown ones would be refused
    assert.is_true(ok, out)
    for name, value in pairs { Type = "notify", KillMode = "mixed", StateDirectory = "moonbeat", User = "moonbeat" } do
      assert.equal(value, unit:match("\n" .. name .. "=([^\n]*)"), name)
    end
    assert.is_true(tonumber(unit:match "\nWatchdogSec=(%d+)\n") > 0)
    assert.matches("--state /var/lib/moonbeat ", arguments, 1, true)
    assert.is_nil(unit:find("@", 1, true))
    assert.matches("\nu moonbeat ", read "/usr/lib/sysusers.d/moonbeat.conf", 1, true)
  end)

  it("is found by stock Lua below its prefix", function()
    local root = folder()
    local build = assert(os.getenv "MOONBEAT_BUILD")
    local out, ok = shell(("cmake --install '%s' --prefix '%s/usr/local'"):format(build, root))
    assert.is_true(ok, out)
    write(root .. "/a.lua", [[
      local sim = require "moonbeat.testing"
      sim.script("a", 'job "a" { trigger = every "1h", run = function() sleep "5m" return 7 end }')
      sim.advance "1d"
      print(#sim.runs "a", sim.runs("a")[1].result)
    ]])
    -- As Lua's own paths, behind the folder that stands for the root.
    local path, cpath = package.config and shell "env -u LUA_PATH lua5.4 -e 'print(package.path)'",
      shell "env -u LUA_CPATH lua5.4 -e 'print(package.cpath)'"
    path, cpath = ("\n;" .. path):gsub("([\n;])/", "%1" .. root .. "/"), (";" .. cpath):gsub(";/", ";" .. root .. "/")
    out = shell(("cd / && LUA_PATH='%s' LUA_CPATH='%s' lua5.4 '%s/a.lua'"):format(
      path:gsub("^\n;", ""):gsub("\n", ""), cpath:gsub("^;", ""):gsub("\n", ""), root))
    assert.equal("24\t7\n", out)
  end)
end)
