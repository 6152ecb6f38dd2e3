-- The program is built with what compiler and linker offer against exploited mistakes. Read from the
-- file itself by binutils' readelf, which comes with every C compiler.

local program = os.getenv "MOONBEAT_BIN" or "build/moonbeat"

local function read(option)
  local pipe = assert(io.popen("LC_ALL=C readelf -W " .. option .. " '" .. program .. "'"))
  local text = pipe:read "a"
  assert(pipe:close(), "readelf failed; is binutils installed?")
  return text
end

describe("the program file", function()
  local headers = read "--file-header --program-headers --dynamic"
  local symbols = read "--dyn-syms"
  local is_sanitized = symbols:find "__asan_init" or symbols:find "__tsan_init"

  it("is loaded at a random address", function()
    assert.truthy(headers:find "Type:%s+DYN" and headers:find "Flags:[%w ]* PIE")
  end)

  it("has its tables bound at the start and read-only from then on", function()
    assert.truthy(headers:find "GNU_RELRO")
    assert.truthy(headers:find "BIND_NOW")
  end)

  it("has no executable stack", function()
    assert.truthy(headers:find "GNU_STACK[%s%w]- RW ")
  end)

  it("looks after its stack frames and buffers", function()
    assert.truthy(symbols:find "__stack_chk_fail")
    if not is_sanitized then
      assert.truthy(symbols:find "__memcpy_chk" or symbols:find "__snprintf_chk")
    end
  end)
end)
