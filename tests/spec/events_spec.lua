local support = dofile "tests/spec/support.lua"
local raw = support.raw()
local events = raw.module("events")

raw.event_check = function(name)
  if name == "job_eror" then
    return 'unknown event "job_eror", did you mean "job_error"?'
  end
end

describe("the events that a listener wants", function()
  it("are named, matched by a pattern, or listed", function()
    assert.same({ "job_error" }, events.patterns "job_error")
    assert.same({ "script_*", "order" }, events.patterns { "script_*", "order" })
    assert.same({ "*" }, events.patterns(nil))
  end)

  it("can be waited for when they may come", function()
    events.check_awaited("job_error")
    events.check_awaited("order")
    events.check_awaited("jobs")
    events.check_awaited(5) -- the trigger's business
    assert.has_error(function() events.check_awaited("job_eror") end,
      'unknown event "job_eror", did you mean "job_error"?')
  end)

  it("are refused when unknown", function()
    assert.has_error(function() events.patterns("job_eror") end,
      'unknown event "job_eror", did you mean "job_error"?')
    assert.has_error(function() events.patterns { 5 } end,
      "the name of an event must be a string, not a number")
    assert.has_error(function() events.patterns {} end, "the list of events is empty")
  end)
end)

describe("the table of events", function()
  it("holds all that is told", function()
    local pipe <close> = assert(io.popen "cat src/sched/*.c src/ctl/*.c")
    local known, told = {}, 0
    for _, event in ipairs(support.event_table()) do
      known[event.name] = true
    end
    for name in pipe:read "a":gmatch '[%l_]*event_%l+%([^;"]*"([%l_]+)"' do
      if name:find "^job_" or name:find "^script_" or name:find "^scheduler_" then
        assert.is_true(known[name], name .. " is not in the table")
        told = told + 1
      end
    end
    assert.is_true(told > 10)
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
