local raw = dofile("tests/spec/support.lua").raw()
local source = raw.module("source")

describe("the source of a function", function()
  local cases = {
    { "every('5s', function() print('hi') end)", 1, 1, "function() print('hi') end" },
    { "function hello(run, x) return x end", 1, 1, "function(run, x) return x end" },
    { "function t.a.b(x) end", 1, 1, "function(x) end" },
    { "function t:m() end", 1, 1, "function(self) end" },
    { "function t:m(x, ...) end", 1, 1, "function(self, x, ...) end" },
    { "local function f()\n  if a then b() elseif c then d() end\n  repeat until x\nend", 1, 4,
      "function()\n  if a then b() elseif c then d() end\n  repeat until x\nend" },
    { "f(function()\n for i = 1, 2 do while x do end end\nend)", 1, 3,
      "function()\n for i = 1, 2 do while x do end end\nend" },
    { "-- function end\nx = [[ end ]] f(function() return 'end', \"\\\"end\", [==[end]]]==] end)", 2, 2,
      "function() return 'end', \"\\\"end\", [==[end]]]==] end" },
    { "f(function() --[[ end\n end ]] return 1 end)", 1, 2, "function() --[[ end\n end ]] return 1 end" },
    { "endless, functional = 1, 2 f(function() return endless end)", 1, 1, "function() return endless end" },
  }
  for _, case in ipairs(cases) do
    it("is found in " .. case[1]:gsub("\n", "\\n"), function()
      assert.equal(case[4], source.find(case[1], case[2], case[3], function() error("not asked") end))
      assert.is_function(load("return " .. case[4]))
    end)
  end

  it("is told from its neighbours by asking", function()
    local text = "a, b = function() return 1 end, function() return 2 end"
    local found = source.find(text, 1, 1, function(candidate) return load("return " .. candidate)()() == 2 end)
    assert.equal("function() return 2 end", found)
    local none, message = source.find(text, 1, 1, function() return false end)
    assert.is_nil(none)
    assert.matches("lines of its own", message)
  end)

  it("does not ask when neighbours are the same", function()
    local text = "a, b = function() end, function() end"
    assert.equal("function() end", source.find(text, 1, 1, function() error("asked") end))
  end)
end)
