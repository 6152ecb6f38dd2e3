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

insulate("a simulation that begins again", function()
  local sim = require "moonbeat.testing"
  local SCRIPT = [[
    local db = sqlite.open "x.db"
    db:exec "CREATE TABLE t (a)"
    fs.append("starts.txt", "s")
    http.post "https://started/"
    job "a" { trigger = every "1h", run = function()
      db:exec "INSERT INTO t VALUES (1)"
      return db:value "SELECT count(*) FROM t"
    end }
  ]]

  it("has an empty folder, but for what the test has written", function()
    local folder = sim.folder()
    sim.write("in/given.txt", "given")
    sim.write("../data/given.txt", "given")
    sim.script("s", SCRIPT)
    sim.run_now "a"
    assert.equal(2, sim.run_now("a").result)
    sim.at "2026-03-29 01:59"
    assert.same({ folder, "s", "given", "given" },
      { sim.folder(), sim.read "starts.txt", sim.read "in/given.txt", sim.read "../data/given.txt" })
    assert.equal(1, sim.run_now("a").result)
  end)

  it("has run what scripts do first once, however many are loaded", function()
    sim.script("s", SCRIPT)
    sim.script("other", [[ job "other" { run = function() end } ]])
    assert.equal("s", sim.read "starts.txt")
    assert.equal(1, #sim.http.calls)
  end)

  it("keeps what the test has put into its folder before", function()
    assert(io.open(sim.folder() .. "/x.txt", "w")):write("given"):close()
    sim.script("s", [[ job "a" { run = function() return fs.read "x.txt" end } ]])
    assert.equal("given", sim.run_now("a").result)
  end)

  it("lets runs fail and last as was said before it", function()
    sim.script("s", SCRIPT)
    sim.fail("a", "boom")
    sim.takes("a", "5m")
    sim.at "2026-03-29 01:59"
    local failed, next_one = sim.run_now "a", sim.run_now "a"
    assert.same({ "failed", "boom" }, { failed.state, failed.error })
    assert.same({ "succeeded", 300 }, { next_one.state, next_one.took })
    sim.at "2026-03-30 01:59"
    assert.equal("succeeded", sim.run_now("a").state)
  end)
end)
