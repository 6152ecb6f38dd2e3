--- A worker that sits in a C function from which nothing can call it back: it is named, its other
-- scripts go on elsewhere, no run is executed twice, and it is taken out of service when it comes back.
-- The function is os.date, which tests/support/stuck.c makes block.

local daemon = require "support.daemon"

local LIBRARY = os.getenv "MOONBEAT_STUCK"
local PATIENCE = 20

--- os.date("!%Y", YEAR_2999) takes as long as the file "stuck" is there.
local CULPRIT = [[
  local YEAR_2999 = 32472144000
  local function block()
    return os.date("!%Y", YEAR_2999)
  end
  job "culprit" { run = block }
  job "late" { timeout = "600ms", run = block }
  job "beside" { run = function() return "ran" end }
]]

local OTHER = [[
  local function note(run)
    local file = "../executions"
    assert(fs.append(file, run.id .. " " .. run.attempt .. "\n"))
  end
  job "pulse" { trigger = every "100ms", run = note }
  job "once" { max_instances = 1000, run = note }
]]

--- What has begun when the worker gets stuck: runs that sleep, a command, a listener with a lock.
local BEGUN = [[
  local function nap(run)
    assert(fs.append("../executions", run.id .. " " .. run.attempt .. "\n"))
    while fs.stat "../nap" do
      sleep "50ms"
    end
    assert(fs.append("../executions", run.id .. " " .. run.attempt .. " slept\n"))
  end
  job "sleeper" { run = nap }
  job "fragile" { delivery = "at_most_once", run = nap }
  job "program" { run = command { "sh", "-c", "echo $$ >> ../pids; exec sleep 300" } }
  on("grab", function()
    lock("printer", function() sleep "1h" end)
  end, { timeout = "2h" })
]]

describe("a worker that is stuck", function()
  local d

  before_each(function()
    assert(LIBRARY, "MOONBEAT_STUCK names the library of tests/support/stuck.c; ctest sets it")
    d = daemon.new {
      arguments = { "--workers", "1", "--stuck-grace", "3s" },
      env = {
        LD_PRELOAD = LIBRARY,
        ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":verify_asan_link_order=0",
      },
    }
    d.env.STUCK_WHILE = d.root .. "/stuck"
    d.env.STUCK_ALONE_WHILE = d.root .. "/alone"
    daemon.write_file(d.env.STUCK_WHILE, "")
    d:write("culprit.lua", CULPRIT)
    d:write("other.lua", OTHER)
    d:start()
  end)

  after_each(function() d:close() end)

  local function let_go()
    assert(os.remove(d.env.STUCK_WHILE))
  end

  local function stuck()
    return d:json("status")[1].stuck[1]
  end

  local function has_event(name)
    for _, event in ipairs(d:json("events", "-n", "1000")) do
      if event.event == name then
        return event
      end
    end
  end

  local function succeeded(job)
    local count = 0
    for _, run in ipairs(d:json("runs", job, "-n", "1000")) do
      count = count + (run.state == "succeeded" and 1 or 0)
    end
    return count
  end

  it("is named, and its other scripts go on without it", function()
    daemon.wait_until(function() return succeeded "pulse" > 0 end, PATIENCE, "the job beside runs")
    d:must("run-now", "culprit")
    local seen = daemon.wait_until(stuck, PATIENCE, "it is seen")
    assert.equal("culprit", seen.script)
    assert.equal("culprit", seen.job)
    assert.equal(1, seen.worker)
    for _ = 1, 20 do
      d:must("run-now", "once")
    end
    local event = daemon.wait_until(function() return has_event "scheduler_worker_stuck" end, PATIENCE, "it is told")
    assert.equal("culprit", event.script)
    assert.matches("stuck +worker 1 in a C function for .*: script culprit, job culprit", d:must "status")
    local before = succeeded "pulse"
    daemon.wait_until(function() return succeeded "pulse" >= before + 5 end, PATIENCE, "the job beside runs meanwhile")
    assert.is_truthy(stuck())
    let_go()
    event = daemon.wait_until(function() return has_event "scheduler_worker_recovered" end, PATIENCE, "it comes back")
    assert.equal("culprit", event.script)
    assert.is_nil(stuck())
    local runs = d:runs "culprit"
    assert.equal(1, #runs)
    local ended = daemon.wait_until(function()
      local run = d:runs("culprit")[1]
      return run.finished_at and run
    end, PATIENCE, "its run ends")
    assert.equal("succeeded", ended.state, ended.error)
    d:must("run-now", "culprit")
    daemon.wait_until(function() return succeeded "culprit" == 2 end, PATIENCE, "the culprit runs elsewhere")
    daemon.wait_until(function() return succeeded "once" == 20 end, PATIENCE, "all that waited ran")
    d:must("pause", "pulse")
    local seen_attempts = {}
    for attempt in daemon.read_file(d.root .. "/executions"):gmatch "[^\n]+" do
      assert.is_nil(seen_attempts[attempt], attempt .. " was executed twice")
      seen_attempts[attempt] = true
    end
  end)

  it("does not keep the time-out of its run from being told", function()
    d:must("run-now", "late")
    daemon.wait_until(stuck, PATIENCE, "it is seen")
    local run = daemon.wait_until(function()
      local run = d:runs("late")[1]
      return run and run.finished_at and run
    end, PATIENCE, "its run has timed out")
    assert.equal("timed_out", run.state)
    assert.equal("took longer than its time-out of 600ms, stuck in a C function", run.error)
    assert.is_truthy(stuck())
    let_go()
    daemon.wait_until(function() return not stuck() end, PATIENCE, "it comes back")
    assert.equal("timed_out", d:runs("late")[1].state)
    assert.equal(1, #d:runs "late")
  end)

  local function wait_for_replacement()
    return daemon.wait_until(function()
      local seen = stuck()
      return seen and seen.replaced_by and seen
    end, PATIENCE, "it is replaced")
  end

  local function get_stuck(job)
    daemon.write_file(d.env.STUCK_WHILE, "")
    d:must("run-now", job)
    return wait_for_replacement()
  end

  local function first_run(job)
    return d:runs(job)[1]
  end

  --- What `why` says, as one text.
  local function why(what)
    return (d:must("why", what):gsub("%s+", " "))
  end

  local function thread_names(pid)
    return daemon.shell(("cat /proc/%d/task/*/comm"):format(pid))
  end

  --- Threads of the daemon that run Lua.
  local function count_workers(pid)
    return select(2, thread_names(pid):gsub("worker", ""))
  end

  local function is_process_there(pid)
    local state = (daemon.read_file("/proc/" .. pid .. "/stat") or ""):match "%) (%a)"
    return state ~= nil and state ~= "Z"
  end

  it("is the answer to why its script's jobs do not run, until the script is mended", function()
    get_stuck "culprit"
    d:must("run-now", "beside")
    assert.matches("its script culprit keeps worker 1", why "beside")
    assert.matches("worker 1 is stuck in a C function that script culprit has called", why "beside")
    assert.matches("worker 1 is stuck in a C function that script culprit has called", why(first_run("culprit").id))
    assert.matches("its script culprit keeps worker 1", why(first_run("beside").id))
    d:write("culprit.lua", [[job "beside" { run = function() return "mended" end }]])
    local run = daemon.wait_until(function()
      local run = first_run "beside"
      return run.finished_at and run
    end, PATIENCE, "the new version does not wait")
    assert.equal("succeeded", run.state, run.error)
    assert.equal("mended", run.result)
    assert.is_truthy(stuck())
  end)

  it("is waited for no longer than the grace by what it had begun", function()
    daemon.write_file(d.root .. "/nap", "")
    d:write("begun.lua", BEGUN)
    d:must "reload"
    for _, job in ipairs { "sleeper", "fragile", "program" } do
      d:must("run-now", job)
      daemon.wait_until(function() return first_run(job).state == "running" end, PATIENCE, job .. " runs")
    end
    d:must("emit", "grab")
    daemon.wait_until(function() return d:must("status", "--json"):find '"locks":1' end, PATIENCE, "the lock is held")
    local program = daemon.wait_until(function() return daemon.read_file(d.root .. "/pids") end, PATIENCE,
      "the program runs"):match "%d+"
    get_stuck "culprit"
    assert.matches("attempt 1 is running on worker 1", why(first_run("sleeper").id))
    assert.matches("worker 1 is stuck in a C function that script culprit has called", why(first_run("sleeper").id))

    local fragile = daemon.wait_until(function()
      local run = first_run "fragile"
      return run.finished_at and run
    end, PATIENCE, "the one that must not be repeated ends")
    assert.equal("interrupted", fragile.state)
    assert.equal("cut off: its worker has been stuck in a C function that script culprit has called", fragile.error)
    assert.matches("attempt 1 was interrupted", why(fragile.id))
    daemon.wait_until(function() return first_run("sleeper").attempt == 2 end, PATIENCE, "the other begins again")
    daemon.wait_until(function() return not is_process_there(program) end, PATIENCE, "the program is killed")
    daemon.wait_until(function() return daemon.read_file(d.root .. "/pids"):match "%d+\n%d+" end, PATIENCE,
      "the program begins again")
    daemon.wait_until(function() return d:must("status", "--json"):find '"locks":0' end, PATIENCE,
      "the lock is released")
    assert.is_truthy(stuck())
    assert.equal("running", first_run("culprit").state)

    let_go()
    daemon.wait_until(function() return first_run("culprit").state == "succeeded" end, PATIENCE, "the culprit ends")
    assert(os.remove(d.root .. "/nap"))
    local run = daemon.wait_until(function()
      local run = first_run "sleeper"
      return run.finished_at and run
    end, PATIENCE, "the second attempt ends")
    assert.equal("succeeded", run.state, run.error)
    assert.equal(2, run.attempt)
    local text = daemon.read_file(d.root .. "/executions")
    assert.is_truthy(text:find(run.id .. " 2 slept", 1, true))
    assert.is_nil(text:find(run.id .. " 1 slept", 1, true), "the first attempt did not go on")
  end)

  it("does not keep a run that somebody cancels", function()
    get_stuck "culprit"
    d:must("cancel", first_run("culprit").id)
    local run = first_run "culprit"
    assert.equal("cancelled", run.state)
    let_go()
    daemon.wait_until(function() return not stuck() end, PATIENCE, "it comes back")
    d:must("run-now", "beside")
    daemon.wait_until(function() return succeeded "beside" == 1 end, PATIENCE, "its script runs on")
    assert.equal("cancelled", d:runs("culprit")[1].state)
  end)

  it("fails a script whose loading gets stuck, and no other", function()
    d:write("loader.lua", [[os.date("!%Y", 32472144000)
      job "never" { run = function() end }]])
    wait_for_replacement()
    local script = daemon.wait_until(function()
      for _, script in ipairs(d:json "scripts") do
        if script.name == "loader" and script.error then
          return script
        end
      end
    end, PATIENCE, "the script has failed")
    assert.matches("loader.lua: loading it is stuck in a C function that does not end", script.error)
    d:must("run-now", "beside")
    daemon.wait_until(function() return succeeded "beside" == 1 end, PATIENCE, "others run")
    let_go()
    daemon.wait_until(function() return not stuck() end, PATIENCE, "it comes back")
    assert.is_nil(d:job "never")
  end)

  it("gives its consoles a sentence, and another state", function()
    local result = d:cli("repl", "-e", "kept = 1", "-e", [[os.date("!%Y", 32472144000)]])
    assert.not_equal(0, result.status)
    assert.matches("the worker of this console is stuck in a C function that a console has called: "
      .. "the console begins anew on another, and what it held is gone", result.err)
    let_go()
    daemon.wait_until(function() return not stuck() end, PATIENCE, "it comes back")
    assert.equal("3\n", d:must("repl", "-e", "1 + 2"))
  end)

  it("ends its thread when it has come back, and its address is used again", function()
    local pid = d:json("status")[1].pid
    local before, names = count_workers(pid), thread_names(pid)
    assert.matches("worker 1\n", names, 1, true) -- as in `status`
    assert.is_nil(names:find("worker 0", 1, true))
    for cycle = 1, 4 do
      local seen = get_stuck "culprit"
      assert.is_true(seen.worker <= 2 and seen.replaced_by <= 2, "addresses are used again")
      let_go()
      daemon.wait_until(function() return succeeded "culprit" == cycle end, PATIENCE, "it comes back")
      daemon.wait_until(function() return count_workers(pid) == before end, PATIENCE, "its thread ends")
    end
    d:must("run-now", "beside")
    daemon.wait_until(function() return succeeded "beside" == 1 end, PATIENCE, "all is well")
  end)

  --- From here on the system gives no thread.
  local function refuse_threads()
    daemon.write_file(d.env.STUCK_ALONE_WHILE, "")
  end

  local function shortage()
    return d:json("status")[1].shortage
  end

  it("keeps its work while there is no thread for another worker, and no other", function()
    refuse_threads()
    d:must("run-now", "culprit")
    local seen = daemon.wait_until(shortage, PATIENCE, "the shortage is seen")
    assert.equal(1, seen.missing)
    assert.equal(1, seen.workers)
    assert.matches("cannot make a worker's thread: resource temporarily unavailable: raise the limit", seen.error)
    assert.matches("workers +1, of which 1 missing: cannot make a worker's thread: ", d:must "status")
    assert.equal(1, has_event("scheduler_workers_short").missing)
    assert.matches("1 of 1 workers missing: cannot make a worker's thread: [^\n]*; it is tried again", d:log())
    assert.is_nil(stuck().replaced_by)
    assert(os.remove(d.env.STUCK_ALONE_WHILE))
    wait_for_replacement()
    daemon.wait_until(function() return not shortage() end, PATIENCE, "the shortage is over")
    assert.equal(0, has_event("scheduler_workers_complete").missing)
    local before = succeeded "pulse"
    daemon.wait_until(function() return succeeded "pulse" > before end, PATIENCE, "its other script goes on")
    let_go()
    daemon.wait_until(function() return succeeded "culprit" == 1 end, PATIENCE, "it comes back")
  end)

  it("goes on as before when it comes back and nobody could take its place", function()
    refuse_threads()
    d:must("run-now", "culprit")
    daemon.wait_until(shortage, PATIENCE, "the shortage is seen")
    let_go()
    daemon.wait_until(function() return not shortage() end, PATIENCE, "the shortage is over")
    assert.equal(1, has_event("scheduler_worker_recovered").worker)
    d:must("run-now", "beside")
    daemon.wait_until(function() return succeeded "beside" == 1 end, PATIENCE, "its scripts run on")
    assert.is_true(d:is_alive())
  end)

  it("leaves its work to another until there is a thread for a new one", function()
    d:stop()
    d.arguments[2] = "2"
    d:write("third.lua", [[job "neighbour" { run = function() end }]])
    d:start()
    refuse_threads()
    d:must("run-now", "culprit")
    local seen = wait_for_replacement()
    assert.equal(1, seen.worker)
    assert.equal(2, seen.replaced_by, "the other one")
    assert.equal(1, daemon.wait_until(shortage, PATIENCE, "the shortage is seen").missing)
    for count = 1, 2 do
      d:must("run-now", "neighbour")
      daemon.wait_until(function() return succeeded "neighbour" == count end, PATIENCE, "its other script runs")
    end
    let_go()
    daemon.wait_until(function() return succeeded "culprit" == 1 end, PATIENCE, "it comes back, and ends")
    assert.equal(1, shortage().missing)
    assert(os.remove(d.env.STUCK_ALONE_WHILE))
    daemon.wait_until(function() return not shortage() end, PATIENCE, "another is made")
    assert.matches("worker %d was made at last", d:log())
    d:must("reload")
    d:write("fourth.lua", [[job "fourth" { run = function() end }]])
    d:write("fifth.lua", [[job "fifth" { run = function() end }]])
    d:must("reload")
    for _, job in ipairs { "culprit", "neighbour", "fourth", "fifth" } do
      d:must("run-now", job, "--wait")
    end
    d:stop()
    assert.is_nil(d:log():find("does not stop", 1, true))
  end)

  it("is no reason for scripts to miss the threads that serve files", function()
    d:stop()
    d:remove "other.lua"
    d:write("files.lua", [[job "reads" { run = function() return fs.stat(".").type end }]])
    d:start()
    refuse_threads()
    d:must("run-now", "reads", "--wait")
    assert.is_true(d:is_alive())
  end)

  it("does not keep the daemon from stopping", function()
    d:must("run-now", "culprit")
    daemon.wait_until(stuck, PATIENCE, "it is seen")
    d:cli("stop", "--grace", "0")
    d:wait_for_end(PATIENCE)
  end)
end)
