--- What runs can do and how they end, by the real daemon.

local daemon = require "support.daemon"

describe("a run", function()
  local d

  before_each(function()
    d = daemon.new()
  end)

  after_each(function()
    d:close()
  end)

  local function write(source)
    d:write("r.lua", source)
    d:start()
  end

  --- The run of a job in that state, with its attempts.
  local function ended(job, state)
    return daemon.wait_until(function()
      local run = d:runs(job)[1]
      return run and run.state == state and run
    end, 20, ("%s is %s"):format(job, state))
  end

  local function contains(text, part)
    assert(text:find(part, 1, true), ("%q is not in:\n%s"):format(part, text))
  end

  it("is tried again as its job says, and as it asks", function()
    write [[
      job "flaky" { retry = { attempts = 4, delay = "20ms", give_up_on = "hopeless" }, run = function(run)
        if run.attempt < 3 then error "busy" end
        return run.key
      end }
      job "hopeless" { retry = { attempts = 4, delay = "20ms", give_up_on = "hopeless" }, run = function()
        error "this is hopeless"
      end }
      job "asks" { run = function(run)
        if run.attempt == 1 then pcall(run.retry, run, "20ms", "shop is closed") end
        return run.attempt
      end }
      job "sleeps" { retry = 2, run = function(run)
        if run.attempt < 4 then run:snooze("20ms", "too early") end
        return run.attempt
      end }
      job "decides" {
        retry = function(run, problem) return problem:find "soon" and run.attempt < 3 and 0.02 end,
        run = function() error "soon" end,
      }
    ]]
    for _, job in ipairs { "flaky", "hopeless", "asks", "sleeps", "decides" } do
      d:must("run-now", job)
    end
    local flaky = ended("flaky", "succeeded")
    assert.equal(flaky.id .. "#3", flaky.result)
    assert.equal(1, ended("hopeless", "failed").attempt)
    assert.equal(2, ended("asks", "succeeded").result)
    assert.equal(4, ended("sleeps", "succeeded").result)
    assert.equal(3, ended("decides", "failed").attempt)
    contains(d:must("why", d:runs("sleeps")[1].id), "snoozed")
    contains(d:must("why", d:runs("asks")[1].id), "shop is closed")
  end)

  it("is told to end, and killed when it goes on", function()
    write [[
      job "tidy" { run = function(run)
        local guard <close> = setmetatable({}, { __close = function() sleep(0.01) log.info "put away" end })
        sleep "1h"
      end }
      job "saves" { run = function(run)
        while not run:cancelled() do pcall(sleep, 0.01) end
        return run:cancelled()
      end }
      job "deaf" { cancel_grace = "100ms", run = function() while true do pcall(sleep, 60) end end }
      job "spins" { run = function() while true do end end }
      job "soft" { soft_timeout = "50ms", timeout = "1h", run = function() sleep "1h" end }
      job "silent" { heartbeat_timeout = "100ms", run = function() sleep "1h" end }
      job "child" { run = command 'trap "echo put away; exit 0" TERM; echo up; while :; do sleep 0.01; done' }
    ]]
    for _, job in ipairs { "tidy", "saves", "deaf", "spins", "soft", "silent", "child" } do
      d:must("run-now", job)
    end
    daemon.wait_until(function() return d:must("logs", "child"):find "up" end, 10, "the command is up")
    for _, job in ipairs { "tidy", "saves", "deaf", "child" } do
      daemon.wait_until(function() return d:runs(job)[1].state == "running" end, 10, job .. " runs")
      d:must("cancel", job)
    end
    d:must("cancel", "--now", "spins")
    contains(ended("tidy", "cancelled").error, "the run was cancelled")
    contains(d:must("logs", "tidy"), "put away")
    assert.equal("cancelled", ended("saves", "succeeded").result)
    contains(ended("deaf", "cancelled").error, "was told to end (cancelled) and went on")
    ended("spins", "cancelled")
    contains(ended("soft", "timed_out").error, "soft_timeout")
    contains(ended("silent", "timed_out").error, "no heartbeat for 100ms")
    ended("child", "succeeded")
    contains(d:must("logs", "child"), "put away")
  end)

  it("that has a soft time-out saves its place and sleeps", function()
    write [[
      job "long" { soft_timeout = "100ms", run = function(run)
        if run.checkpointed then return run.checkpointed end
        pcall(sleep, "1h")
        run:checkpoint "here"
        run:snooze "20ms"
      end }
      job "asks" { soft_timeout = "100ms", retry = { attempts = 2 }, run = function(run)
        pcall(sleep, "1h")
        run:retry "20ms"
      end }
    ]]
    d:must("run-now", "long")
    d:must("run-now", "asks")
    local long, asks = ended("long", "succeeded"), ended("asks", "failed")
    assert.same({ "here", 2, 2 }, { long.result, long.attempt, asks.attempt })
    contains(asks.error, "asked to be tried again (run:retry)")
  end)

  it("is announced when it is told to end, also when it heeds that and succeeds", function()
    write [[
      local function heeds(run)
        while not run:cancelled() do pcall(sleep, "10ms") end
        return run:cancelled()
      end
      job "soft" { soft_timeout = "200ms", timeout = "1m", run = heeds }
      job "alone" { isolate = true, soft_timeout = "200ms", timeout = "1m", run = heeds }
      job "asked" { run = heeds }
      on("job_cancelling", function(event)
        fs.append("../heard", event.job .. " " .. event.reason .. " " .. event.attempt .. "\n")
      end, { durable = true })
    ]]
    local pid = tonumber((daemon.shell(("export MOONBEAT_STATE=%s; { %s; } >%s/followed 2>&1 </dev/null & echo $!")
      :format(daemon.quote(d.state), d:command { "events", "-f", "-e", "job_cancelling", "--json" },
        daemon.quote(d.root)))))
    daemon.sleep(0.3)
    for _, job in ipairs { "soft", "alone", "asked" } do d:must("run-now", job) end
    daemon.wait_until(function() return d:runs("asked")[1].state == "running" end, 10, "it runs")
    d:must("cancel", "asked")
    local reasons = { soft = "soft_timeout", alone = "soft_timeout", asked = "cancelled" }
    local ids = {}
    for job, reason in pairs(reasons) do
      local run = ended(job, "succeeded")
      assert.equal(reason, run.result)
      ids[run.id] = reason
    end
    local function lines(name)
      local _, count = (daemon.read_file(d.root .. "/" .. name) or ""):gsub("\n", "")
      return count
    end
    daemon.wait_until(function() return lines "followed" >= 3 and lines "heard" >= 3 end, 10, "all were told")
    os.execute("kill " .. pid)
    local told = {}
    for _, event in ipairs(daemon.decode_lines(daemon.read_file(d.root .. "/followed"))) do
      assert.equal(1, event.attempt)
      assert.truthy(event.scheduled_at)
      assert.is_nil(told[event.run], "told twice")
      told[event.run] = event.reason
    end
    assert.same(ids, told)
    for job, reason in pairs(reasons) do
      contains(daemon.read_file(d.root .. "/heard"), ("%s %s 1\n"):format(job, reason))
      contains(d:must("events", "-e", "job_cancelling"), "job_cancelling " .. job .. "@")
    end
    assert.matches("job_cancelling soft@%S+: soft_timeout\n", d:must("events", "-e", "job_cancelling"))
    contains(d:log(), "soft was told to end: soft_timeout")
  end)

  it("says in `why` that its soft time-out is over", function()
    write [[
      job "lingers" { soft_timeout = "50ms", cancel_grace = 0, run = function()
        while true do pcall(sleep, 60) end
      end }
    ]]
    d:must("run-now", "lingers")
    daemon.wait_until(function()
      return d:must("why", d:runs("lingers")[1].id):find("its soft_timeout is over", 1, true)
    end, 10, "it was told")
    contains(d:must("why", "lingers"), "was told to end")
    d:must("cancel", "lingers")
    ended("lingers", "cancelled")
  end)

  it("tells how far it is", function()
    write [[
      job "rows" { run = function(run) run:progress(370, 1000, "rows\27[31m") sleep "1h" end }
    ]]
    d:must("run-now", "rows")
    daemon.wait_until(function() return d:must("list"):find("37 %", 1, true) end, 10, "it is in the list")
    for _, command in ipairs { "list", "runs", "status" } do
      local shown = d:must(command)
      contains(shown, "37 % (370/1000), rows")
      assert(not shown:find("\27[31m", 1, true), "a control character is shown as it is")
    end
    local typed = d:cli_with("jobs()\nruns()\n", "repl").out
    contains(typed, "37 % (370/1000), rows")
    assert.is_nil(typed:find "\27")
    local progress = d:runs("rows")[1].progress
    assert.equal(370, progress.done)
    d:must("cancel", "rows")
    assert.is_nil(ended("rows", "cancelled").progress)
  end)

  it("can do the same in a process of its own", function()
    write [[
      job "steps" { isolate = true, retry = function(run, problem) return problem:find "busy" and 0.02 end,
        run = function(run)
          if run.attempt == 1 then assert(run:checkpoint(5)) run:snooze "20ms" end
          if run.attempt == 2 then error "busy" end
          return { run.checkpointed, run.key, run.previous == nil }
        end }
      job "naps" { isolate = true, run = function(run) run:progress(1, 2, "half") sleep "1h" end }
    ]]
    d:must("run-now", "steps")
    d:must("run-now", "naps")
    local steps = ended("steps", "succeeded")
    assert.same({ 5, steps.id .. "#3", true }, steps.result)
    daemon.wait_until(function() return d:must("runs", "naps"):find("50 % (1/2), half", 1, true) end, 20, "progress")
    d:must("cancel", "naps")
    contains(ended("naps", "cancelled").error, "the run was cancelled")
  end)

  it("is cancelled by a script", function()
    write [[
      job "spins" { run = function() while true do end end }
      job "stops" { run = function()
        local answer = assert(scheduler.get_job("spins"):cancel { now = true })
        return answer.state
      end }
    ]]
    d:must("run-now", "spins")
    daemon.wait_until(function() return d:runs("spins")[1].state == "running" end, 10, "it runs")
    assert.equal("cancelling", d:run_now("stops").result)
    ended("spins", "cancelled")
  end)

  it("finds its checkpoint after kill -9", function()
    write [[
      job "import" { run = function(run)
        local from = run.checkpointed and run.checkpointed.row or 0
        assert(run:checkpoint { row = from + 10 })
        log.info("at %d", from + 10)
        if from < 20 then sleep "1h" end
        return { from = from, attempt = run.attempt }
      end }
    ]]
    d:must("run-now", "import")
    for row = 10, 20, 10 do
      daemon.wait_until(function() return d:must("logs", "import"):find("at " .. row) end, 10, "row " .. row)
      d:kill()
      d:start()
    end
    local result = ended("import", "succeeded").result
    assert.same({ from = 20, attempt = 3 }, result)
  end)

  it("knows the success before it", function()
    write [[
      local fails = true
      job "sums" { run = function(run, bad)
        if bad then error "bad" end
        return (run.previous and run.previous.result or 0) + 1
      end }
    ]]
    assert.equal(1, d:run_now("sums").result)
    assert.equal(2, d:run_now("sums").result)
    d:must("run-now", "sums", "true")
    ended("sums", "failed")
    assert.equal(3, d:run_now("sums").result)
  end)

  it("is running when it asks for itself", function()
    write [[job "self" { run = function(run) return scheduler.get_run(run.id).state end }]]
    d:must("run-now", "self")
    assert.equal("running", ended("self", "succeeded").result)
  end)

  it("that is cut off again and again puts its job in quarantine", function()
    write [[
      job "murder" { max_interruptions = 2, run = function() log.info "here" sleep "1h" end }
    ]]
    d:must("run-now", "murder")
    for _ = 1, 2 do
      daemon.wait_until(function() return d:runs("murder")[1].state == "running" end, 10, "it runs")
      d:kill()
      d:start()
    end
    ended("murder", "interrupted")
    local job = d:job "murder"
    assert.equal("error", job.state)
    contains(job.error, "quarantined: its run murder@")
    contains(job.error, "moonbeat resume murder")
    contains(d:must("events"), "job_quarantined")
    d:must("resume", "murder")
    assert.equal("active", d:job("murder").state)
  end)

  it("that a stop cuts off has ended then, and is no reason for a quarantine", function()
    write [[
      job "long" { max_interruptions = 2, run = function(run) log.info "here" sleep "1h" end }
      job "once" { delivery = "at_most_once", run = function() sleep "1h" end }
    ]]
    local once = d:must("run-now", "once"):match "%S+"
    d:must("run-now", "long")
    for attempt = 1, 3 do
      daemon.wait_until(function()
        local run = d:runs("long")[1]
        return run.state == "running" and run.attempt == attempt
      end, 10, "attempt " .. attempt)
      d:must("stop", "--grace", "100ms")
      d:wait_for_end()
      d:start()
    end
    assert.equal("active", d:job("long").state)
    local story = d:must("why", d:runs("long")[1].id)
    for attempt = 1, 3 do
      contains(story, "attempt " .. attempt .. " was cut off by a stop of the daemon after ")
    end
    local run = d:runs("once")[1]
    assert.equal("interrupted", run.state)
    assert.is_string(run.started_at)
    assert.is_true(run.finished_at < d:runs("long")[1].started_at)
    contains(d:must("why", once), "attempt 1 was cut off by a stop of the daemon after ")
  end)

  it("that is at_most_once is known to have begun when the daemon is killed", function()
    write [[ job "once" { delivery = "at_most_once", run = function() sleep "1h" end } ]]
    local once = d:must("run-now", "once"):match "%S+"
    daemon.wait_until(function() return d:runs("once")[1].state == "running" end, 10, "it runs")
    local started = d:runs("once")[1].started_at
    d:kill()
    d:start()
    local run = ended("once", "interrupted")
    assert.equal(started, run.started_at)
    contains(d:must("why", once), "attempt 1 was cut off by the end of the daemon, as the next start found")
    assert.is_nil(d:must("why", once):find(" after ", 1, true))
    local row = d:must("runs", "once"):match "[^\n]*interrupted[^\n]*"
    assert.matches("interrupted +%S+ +%- +1 ", row) -- and no time that it took
  end)

  it("loses its log when the newer ones of its job are large enough", function()
    daemon.write_file(d.root .. "/moonbeat.lua", 'return { keep_logs = "4K" }')
    write [[job "chatty" { run = function(run) log.info(("x"):rep(3000)) end }]]
    for _ = 1, 3 do
      d:must("run-now", "chatty", "--wait")
    end
    local runs = d:runs "chatty"
    daemon.wait_until(function() return d:must("logs", runs[2].id) == "" end, 20, "the older log goes")
    contains(d:must("logs", runs[1].id), ("x"):rep(3000))
    local removed = d:cli("logs", runs[3].id)
    assert.equal("", removed.out)
    contains(removed.err, "moonbeat: the log of this run is removed: the logs of a job take 4 KiB at most")
    assert.equal(3, #d:runs "chatty")
  end)

  it("has a line of its log marked when it is too long to be kept whole", function()
    write [[job "long" { run = function() print("first " .. ("x"):rep(100000) .. " last") end }]]
    d:must("run-now", "long", "--wait")
    local line = d:must("logs", "long")
    assert.is_true(#line <= 65536 + 100)
    assert.matches("first x+ %.%.%. %(%d+ bytes left out%) %.%.%. x+ last\n$", line)
  end)

  it("tells who waits for it of each attempt", function()
    write [[
      job "flaky" { retry = { attempts = 4, backoff = "fixed", delay = "2s", jitter = 0, decide = function(run)
        return run.attempt > 1 and "1ms" or nil
      end }, run = function(run)
        log.info("try %d", run.attempt)
        if run.attempt < 4 then error("no\27 answer " .. run.attempt .. "\nat all", 0) end
        return "done"
      end }
    ]]
    local waited = d:cli("run-now", "flaky", "--wait")
    assert.equal(0, waited.status)
    contains(waited.out, "succeeded: done")
    local first, rest = waited.err:match "^([^\n]*)\n(.*)$"
    assert.matches("^attempt 1 failed: no\\x1b answer 1, next in 2", first)
    assert.matches("^attempt 2 failed: no\\x1b answer 2[^\n]*\nattempt 3 failed: no\\x1b answer 3[^\n]*\n$", rest)
    local run = d:runs("flaky")[1].id
    assert.equal("", d:cli("logs", run).err)
    assert.equal("", d:cli("run-now", "flaky", "--wait", "--json").err)
  end)

  it("is told before a stop cuts it off", function()
    write [[
      job "open" { run = function(run)
        local ok, problem = pcall(sleep, "1h")
        run:checkpoint(run:cancelled())
        error(problem, 0)
      end }
    ]]
    d:must("run-now", "open")
    daemon.wait_until(function() return d:runs("open")[1].state == "running" end, 10, "it runs")
    d:must("stop", "--grace", "2s")
    d:wait_for_end()
    d:write("r.lua", [[job "open" { run = function(run) return run.checkpointed end }]])
    d:start()
    assert.equal("stopping", ended("open", "succeeded").result)
  end)

  it("that is cancelled is so after kill -9, whatever it is", function()
    write [[
      local nap = function() while true do pcall(sleep, "1h") end end
      job "lua" { run = nap }
      job "once" { delivery = "at_most_once", run = nap }
      job "isolated" { isolate = true, run = nap }
      job "shell" { run = command { shell = "trap '' TERM; while :; do sleep 0.1; done" } }
    ]]
    for _, job in ipairs { "lua", "once", "isolated", "shell" } do
      d:must("run-now", job)
      daemon.wait_until(function() return d:runs(job)[1].state == "running" end, 10, job .. " runs")
      contains(d:must("cancel", job), "cancelling")
    end
    d:kill()
    d:start()
    for _, job in ipairs { "lua", "once", "isolated", "shell" } do
      local run = ended(job, "cancelled")
      assert.equal(1, run.attempt)
      contains(d:must("why", run.id), "cut off by the end of the daemon, as the next start found: cancelled by request")
    end
  end)

  it("comes to the end that it has itself while the daemon stops", function()
    d.arguments = { "--grace", "8s" }
    write [[
      job "late" { timeout = "7s", retry = { attempts = 2, delay = "1h" }, run = function()
        while true do pcall(sleep, "1h") end
      end }
      job "shell" { timeout = "7s", retry = { attempts = 2, delay = "1h" },
        run = command { shell = "trap '' TERM; while :; do sleep 0.1; done", grace = "1500ms" } }
      job "sleeps" { run = function(run)
        while run:cancelled() ~= "stopping" do pcall(sleep, "1h") end
        run:checkpoint(run.attempt)
        run:snooze("1h", "when there is a daemon")
      end }
      job "asked" { run = function() while true do pcall(sleep, "1h") end end }
    ]]
    local ids = {}
    for _, job in ipairs { "late", "shell", "sleeps", "asked" } do
      ids[job] = d:must("run-now", job):match "%S+"
    end
    d:signal "TERM" -- runs are told two seconds before the end of the grace
    daemon.wait_until(function()
      return d:must("why", ids.asked):find("as the daemon is stopping", 1, true)
    end, 10, "the stop is told")
    assert.equal("running", d:runs("asked")[1].state)
    contains(d:must("cancel", "asked"), "cancelling")
    assert.is_true(d:runs("asked")[1].cancelling)
    d:wait_for_end()
    d:start()
    for job, way in pairs { late = "timed out", shell = "timed out", sleeps = "begun anew later (snooze)" } do
      local run = d:runs(job)[1]
      assert.same({ job, "pending", 2 }, { job, run.state, run.attempt })
      contains(d:must("why", ids[job]), way)
    end
    local run = ended("asked", "cancelled")
    assert.equal(1, run.attempt)
    contains(run.error, "by request")
  end)
end)
