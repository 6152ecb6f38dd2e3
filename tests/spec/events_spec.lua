local support = dofile "tests/spec/support.lua"
local raw = support.raw()
local events = raw.module("events")

local function expanded(wanted)
  local names = {}
  for name in pairs(events.expand(wanted)) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, " ")
end

describe("the events that a listener wants", function()
  it("are named, matched by a pattern, or listed", function()
    assert.equal("job_error", expanded("job_error"))
    assert.equal("script_failed script_loaded script_removed", expanded("script_*"))
    assert.equal("job_error script_failed script_loaded script_removed", expanded { "job_error", "script_*" })
    assert.equal("*", expanded(nil))
    assert.equal("*", expanded { "job_error", "*" })
    assert.equal(#events.names, select(2, expanded("*_*"):gsub("%S+", "")))
  end)

  it("may be anybody's, when they do not begin as the scheduler's do", function()
    assert.equal("order", expanded("order"))
    assert.equal("job_error shop/order.new", expanded { "shop/order.new", "job_error" })
    assert.equal("100 % done", expanded("100 % done"))
  end)

  it("can be waited for when they may come", function()
    events.check_awaited("job_error")
    events.check_awaited("order")
    events.check_awaited("jobs")
    events.check_awaited(5) -- the trigger's business
    assert.has_error(function() events.check_awaited("job_eror") end,
      'unknown event "job_eror", did you mean "job_added"?')
  end)

  it("are refused when unknown", function()
    assert.has_error(function() events.expand("job_eror") end,
      'unknown event "job_eror", did you mean "job_added"?')
    assert.has_error(function() events.expand("order*") end, 'unknown event "order*"')
    assert.has_error(function() events.expand { 5 } end,
      "the name of an event must be a string, not a number")
  end)
end)

describe("the documentation", function()
  it("of editors knows all events", function()
    local file <close> = assert(io.open("lua/moonbeat/meta/moonbeat.lua"))
    local alias = file:read("a"):match("%-%-%-@alias event%.name\n(.-)\n\n")
    local known = {}
    for name in alias:gmatch('"([%l_]+)"') do
      known[#known + 1] = name
    end
    local names = {}
    for i, event in ipairs(support.event_table()) do
      names[i] = event.name
    end
    table.sort(names)
    assert.same(names, known)
  end)

  it("names each function of the scheduler table", function()
    local documented = {}
    for _, name in ipairs(raw.module("doc").names()) do
      documented[name] = true
    end
    local file <close> = assert(io.open("lua/moonbeat/scheduler.lua"))
    for name in file:read("a"):gmatch("\nfunction scheduler%.([%w_]+)") do
      assert.is_true(documented["scheduler." .. name], name)
    end
  end)
end)
