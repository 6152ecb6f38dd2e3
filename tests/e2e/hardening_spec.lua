--- What is installed is built with what compiler and linker offer against exploited mistakes. Read from the files
-- themselves by binutils' readelf, which comes with every C compiler.

local daemon = require "support.daemon"
local quote, shell = daemon.quote, daemon.shell

local BUILD = (os.getenv "MOONBEAT_BIN" or "build/moonbeat"):match "^(.*)/" or "."
local IS_FORTIFIED = os.getenv "MOONBEAT_CONFIG" ~= "Debug" and not daemon.is_sanitized

local root

local function must(command)
  local out, status = shell(command .. " 2>&1")
  assert(status == 0, command .. ":\n" .. out)
  return out
end

setup(function()
  root = must("mktemp -d ${TMPDIR:-/tmp}/moonbeat-hardening-XXXXXX"):gsub("\n", "")
  must(("DESTDIR=%s cmake --install %s --prefix /usr"):format(quote(root), quote(BUILD)))
end)
teardown(function() shell("rm -rf " .. quote(root)) end)

local function read(path, option)
  return must(("LC_ALL=C readelf -W %s %s"):format(option, quote(root .. path)))
end

for _, path in ipairs { "/usr/bin/moonbeat", "/usr/lib/lua/5.4/moonbeat/core.so" } do
  describe(path, function()
    local headers, symbols
    setup(function()
      headers, symbols = read(path, "--file-header --program-headers --dynamic"), read(path, "--dyn-syms")
    end)

    it("is loaded at a random address", function()
      assert.truthy(headers:find "Type:%s+DYN")
      assert.equal(path:find "%.so$" == nil, headers:find "Flags:[%w ]* PIE" ~= nil)
    end)

    it("has its tables bound at the start and read-only from then on", function()
      assert.truthy(headers:find "GNU_RELRO")
      assert.truthy(headers:find "BIND_NOW")
    end)

    it("has no executable stack, and looks for libraries nowhere but where the system does", function()
      assert.truthy(headers:find "GNU_STACK[%s%w]- RW ")
      assert.is_nil(headers:find "RPATH" or headers:find "RUNPATH")
    end)

    it("looks after its stack frames and buffers", function()
      assert.truthy(symbols:find "__stack_chk_fail")
      if IS_FORTIFIED then
        assert.truthy(symbols:find "__memcpy_chk" or symbols:find "__snprintf_chk")
      end
    end)
  end)
end

describe("a build with flags of one's own", function()
  --- All that the compiler is told of it, for whatever file.
  local function fortifications(cflags)
    must(("rm -rf %s && CFLAGS=%s cmake -S . -B %s -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=None"):format(
      quote(root .. "/build"), quote(cflags), quote(root .. "/build")))
    local seen, list = {}, {}
    for command in daemon.read_file(root .. "/build/compile_commands.json"):gmatch '"command": "([^\n]*)"' do
      local told = {}
      for option in command:gmatch "%-[DU]_FORTIFY_SOURCE=?%d?" do
        told[#told + 1] = option
      end
      told = table.concat(told, " ")
      list[#list + 1] = not seen[told] and told or nil
      seen[told] = true
      assert.truthy(command:find("-fstack-protector-strong", 1, true))
    end
    return table.concat(list, ", ")
  end

  it("is fortified as they say, or as ours do", function()
    assert.equal("-D_FORTIFY_SOURCE=3", fortifications "-O1 -D_FORTIFY_SOURCE=3")
    assert.equal("-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2", fortifications "-O2")
  end)
end)
