local raw = dofile("tests/spec/support.lua").raw()
local inspect = raw.module("inspect").inspect
local tables = raw.module("tables")

describe("inspect", function()
  local cases = {
    { nil, "nil" },
    { 1.0, "1.0" },
    { "a\n\"b\\", [["a\n\"b\\"]] },
    { {}, "{}" },
    { { 1, 2, { 3 } }, "{ 1, 2, { 3 } }" },
    { { b = 1, a = 2, [10] = 3 }, "{ [10] = 3, a = 2, b = 1 }" },
    { { ["end"] = 1, ["a b"] = 2 }, '{ ["a b"] = 2, ["end"] = 1 }' },
    { { 1, nil, 3, n = 3 }, "{ 1, nil, 3, n = 3 }" },
    { { print }, "{ function }" },
    { setmetatable({}, { __tostring = function() return "shown" end }), "shown" },
    { setmetatable({}, { __tostring = function() error("x") end }), "<error in __tostring>" },
    { setmetatable({}, { __index = function() error("x") end }), "{}" },
  }
  for _, case in ipairs(cases) do
    it("shows " .. case[2], function()
      assert.equal(case[2], inspect(case[1]))
    end)
  end

  it("breaks long tables into lines", function()
    local text = inspect { name = ("x"):rep(50), other = { ("y"):rep(40) } }
    assert.equal('{\n  name = "' .. ("x"):rep(50) .. '",\n  other = { "' .. ("y"):rep(40) .. '" },\n}', text)
  end)

  it("marks cycles and shows shared tables twice", function()
    local shared = { 1 }
    local cycle = { shared, shared }
    cycle.me = cycle
    assert.equal("{ { 1 }, { 1 }, me = <cycle> }", inspect(cycle))
  end)

  it("has limits on depth, elements and length", function()
    local deep = {}
    for _ = 1, 50 do
      deep = { deep }
    end
    assert.matches("{...}", inspect(deep), 1, true)
    local long = {}
    for i = 1, 1000 do
      long[i] = i
    end
    assert.matches("... 800 more", inspect(long), 1, true)
    assert.matches("(5000 bytes)", inspect(("é"):rep(2500)), 1, true)
  end)
end)

describe("tables", function()
  it("aligns columns by characters, not bytes", function()
    local text = tables.align({ "JOB", "STATE" }, { { "é", "active" }, { "longer", "x" } })
    assert.equal("JOB     STATE\né       active\nlonger  x", text)
  end)

  it("shows how far a run is, and what went wrong instead when something did", function()
    local function last_cell(run)
      run.id, run.state, run.attempt = "r", "running", 1
      return tostring(setmetatable({ run }, tables.Runs)):match "\nr +running +%- +%- +1 *(.*)$"
    end
    assert.equal("37 % (370/1000), rows", last_cell { progress = { done = 370, total = 1000, note = "rows" } })
    assert.equal("33 % (1/3)", last_cell { progress = { done = 1, total = 3 } })
    assert.equal("2.5, of a note", last_cell { progress = { done = 2.5, note = "of a note" } })
    assert.equal("", last_cell {})
    assert.equal("no luck", last_cell { progress = { done = 1 }, error = "no luck\nsecond line" })
    local job = { id = "j", state = "active", trigger_text = "every 5s", progress = { done = 7, total = 10 } }
    assert.matches("every 5s  70 %% %(7/10%)$", tostring(setmetatable({ job }, tables.Jobs)))
  end)

  it("says when there is nothing", function()
    assert.equal("no jobs", tostring(setmetatable({}, tables.Jobs)))
  end)
end)
