--- Each test begins anew, wherever in a spec moonbeat.testing is required first.

local BEGIN = "2026-01-01T00:00:01+00:00"

local function leave_traces(sim)
  sim.script("traces", [[ job "traces" { trigger = every "1h", run = function() end } ]])
  sim.env.TRACE = "left"
  sim.http.answer { status = 201 }
  sim.advance "2h"
  assert.fires("traces", 2)
end

local function has_none(sim)
  assert.same({ BEGIN, {} }, { sim.now(), sim.jobs() })
  assert.is_nil(sim.env.TRACE)
end

insulate("required in a block, each test of it and of the next", function()
  describe("one", function()
    local sim = require "moonbeat.testing"
    it("begins anew", function() leave_traces(sim) end)
    it("begins anew again", function() has_none(sim) end)
  end)

  describe("two", function()
    local sim = require "moonbeat.testing"
    it("begins anew", function()
      has_none(sim)
      leave_traces(sim)
    end)
    it("begins anew again", function() has_none(sim) end)
  end)
end)

insulate("required in a test, it", function()
  it("begins anew", function()
    leave_traces(require "moonbeat.testing")
  end)
  it("begins anew in the next", function()
    has_none(require "moonbeat.testing")
    leave_traces(require "moonbeat.testing")
  end)
  describe("in a block beside it", function()
    it("begins anew, too", function() has_none(require "moonbeat.testing") end)
  end)
end)

insulate("required in a before_each, each test", function()
  local has_begun = false
  before_each(function()
    local sim = require "moonbeat.testing"
    if not has_begun then
      leave_traces(sim)
    end
    has_begun = true
  end)
  it("has what that has set up", function()
    assert.same({ "traces" }, (require "moonbeat.testing").jobs())
  end)
  it("has it for itself", function() has_none(require "moonbeat.testing") end)
end)

insulate("required in a setup, each test", function()
  setup(function() (require "moonbeat.testing").env.ALL = "yes" end)
  for _ = 1, 2 do
    it("has what that has set up", function()
      local sim = require "moonbeat.testing"
      has_none(sim)
      assert.equal("yes", sim.env.ALL)
      leave_traces(sim)
    end)
  end
end)

insulate("what comes after a test", function()
  local sim = require "moonbeat.testing"
  local seen
  after_each(function() seen = sim.jobs() end)
  it("is told", function() leave_traces(sim) end)
  it("what has happened in it", function()
    assert.same({ "traces" }, seen)
    has_none(sim)
  end)
  describe("in a block", function()
    teardown(function() sim.reset() end)
    sim.script("outside", [[ job "outside" { run = function() end } ]])
    it("may forget", function() leave_traces(sim) end)
  end)
  it("what was loaded outside", function() has_none(sim) end)
end)

insulate("required in a coroutine, it", function()
  it("says that it cannot tell tests apart", function()
    local done, message = coroutine.resume(coroutine.create(function() return require "moonbeat.testing" end))
    assert.is_false(done)
    assert.matches("moonbeat.testing is required in a coroutine, where it cannot tell one test from the next", message,
      1, true)
  end)
end)
