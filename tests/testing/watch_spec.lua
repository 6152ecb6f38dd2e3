--- fs.watch in a simulation: files are real, and time is not.

local sim = require "moonbeat.testing"

describe("fs.watch", function()
  it("sees what changes while time goes on", function()
    sim.script("w", [[
      job "w" { trigger = cron "0 1 * * *", run = function()
        local seen = {}
        for change in fs.watch("in/*.csv", { timeout = "2h" }) do
          seen[#seen + 1] = ("%s %s"):format(change.change, fs.basename(change.path))
        end
        return seen
      end }
    ]])
    sim.write("in/old.csv", "1")
    sim.advance "90m"
    sim.write("in/a.csv", "1")
    sim.advance "1h"
    sim.write("in/b.csv", "1")
    sim.advance "1m"
    assert(os.remove(sim.folder() .. "/in/a.csv"))
    sim.advance "1h"
    assert.equal("running", sim.last_run("w").state)
    sim.advance "2h"
    assert.same({ "created a.csv", "created b.csv", "removed a.csv" }, sim.last_run("w").result)
  end)

  it("sees what the same run has changed", function()
    sim.script("w", [[
      job "w" { run = function()
        local changes = fs.watch("in/*.csv")
        fs.mkdir "in"
        fs.write("in/b.csv", "1")
        return fs.basename(changes().path)
      end }
    ]])
    local run = sim.run_now "w"
    assert.same({ "succeeded", "b.csv" }, { run.state, run.result })
    assert.is_true(run.took <= 10)
  end)

  it("is over when nothing changes for too long, and with its run", function()
    sim.script("w", [[
      job "late" { run = function() for _ in fs.watch("in/*.csv", { timeout = "5m" }) do end end }
      job "ended" { timeout = "1h", run = function() for _ in fs.watch "in/*.csv" do end end }
    ]])
    assert.equal(300, sim.run_now("late").took)
    assert.equal(3600, sim.run_now("ended").took)
    assert.fails("ended", "took longer than its time-out")
  end)
end)
