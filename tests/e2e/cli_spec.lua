--- Each command of `moonbeat --help` once against a live daemon: tables and JSON, exit statuses, and that what they
-- say is so.

local daemon = require "support.daemon"
local dkjson = require "dkjson"

local JOBS = [[
function add(run, a, b)
  print("adding", a, b)
  return a + b
end

job "sum" { run = add, args = { 1, 2 }, tags = { "maths" } }
job "hourly" { trigger = every "1h", run = add, args = { 3, 4 } }
job "nightly" { trigger = cron("0 2 * * *"):from "2999-01-01", timezone = "Asia/Shanghai", run = add }
job "fails" { run = function() log.warn "s\0n" error "no luck" end }
job "throws" { run = function() error { message = "thrown" } end }
job "throws_nil" { run = function() error(nil) end }
job "naps" { run = function() print "napping" sleep "30s" end }
job "spins" { timeout = "300ms", run = function() while true do end end }
job "off" { trigger = every "100ms", enabled = false, run = function() end }
job "retries" {
  retry = { attempts = 3, delay = "100ms" },
  run = function(run) print("attempt", run.attempt) if run.attempt < 3 then error "not yet" end return "at last" end,
}
job "overlaps" { trigger = every "200ms", enabled = false, run = function() sleep "500ms" end }
job "together" { trigger = every "200ms", enabled = false, overlap = "allow", run = function() sleep "500ms" end }
job "waits" { trigger = on_event("order", { filter = { shop = "berlin" } }), run = function(run) return run.event end }
job "echo" { run = command { shell = "echo out; echo err >&2; exit 3" } }
]]

local COMMANDS = {
  "run", "repl", "status", "stop", "check", "reload", "list", "show", "next", "simulate", "why", "skips", "add job",
  "import crontab", "remove", "pause", "resume", "pools", "set pool", "remove pool", "run-now", "runs", "logs",
  "cancel", "events", "emit", "listeners", "show listener", "retry listener", "discard letters", "scripts",
  "add script", "show script", "rollback script", "remove script", "kv get", "kv set", "kv list", "kv delete", "locks",
  "version", "help",
}

local TIME = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%dZ$"

local d

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do
    list[#list + 1] = word
  end
  return table.unpack(list)
end

--- The only object that a command with --json writes.
local function object(...)
  local objects = d:json(...)
  assert.equal(1, #objects)
  return objects[1]
end

--- Of a table, the cells of the row that begins with `first`.
local function row(out, first)
  for line in out:gmatch "[^\n]+" do
    local cells = { words(line) }
    if cells[1] == first then
      return cells
    end
  end
end

local function contains(text, part)
  assert.matches(part, text, 1, true)
end

--- In the background, its output going to a file of root; returns that file's reader and the process.
local function start_command(name, ...)
  local command = ("export MOONBEAT_STATE=%s; { %s; } >%s/%s 2>&1 </dev/null & echo $!"):format(
    daemon.quote(d.state), d:command { ... }, daemon.quote(d.root), name)
  local pid = tonumber((daemon.shell(command)))
  return function()
    return daemon.read_file(d.root .. "/" .. name) or ""
  end, pid
end

local function has_ended(pid)
  return not os.execute(("kill -0 %d 2>/dev/null"):format(pid))
end

setup(function()
  d = daemon.new()
  d:write("work.lua", JOBS)
  d:start()
end)

teardown(function()
  d:close()
end)

describe("moonbeat", function()
  it("--help lists every command, and each has a page", function()
    local help = d:must "--help"
    for _, command in ipairs(COMMANDS) do
      contains(help, "\n  " .. command .. " ")
      local arguments = { words(command) }
      arguments[#arguments + 1] = "--help"
      local page = d:must(table.unpack(arguments))
      assert.equal(1, page:find("Usage: moonbeat " .. command, 1, true))
      assert.equal(page, d:must("help", words(command)))
    end
    local _, count = help:gsub("\n  %l", "")
    assert.equal(#COMMANDS, count, "a command is not tested here")
  end)

  it("without a command shows the help as an error", function()
    local result = d:cli()
    assert.equal(64, result.status)
    contains(result.err, "Usage: moonbeat COMMAND")
  end)

  it("version", function()
    assert.matches("^moonbeat %d+%.%d+%.%d+\n$", d:must "version")
    assert.equal(d:must "version", d:must "--version")
    assert.matches("^%d+%.%d+%.%d+$", object("version").version)
  end)

  it("colours a terminal only, and not with NO_COLOR or --no-color", function()
    if not daemon.has "script" then
      pending "script, which plays the terminal, is not installed"
      return
    end
    local function on_terminal(prefix, ...)
      local command = prefix .. " MOONBEAT_STATE=" .. d.state .. " TERM=xterm " .. d.bin .. " " ..
        table.concat({ ... }, " ")
      return (daemon.shell("script -qec " .. daemon.quote("env " .. command) .. " /dev/null </dev/null"))
    end
    assert.matches("\27%[", on_terminal("-u NO_COLOR", "list"))
    assert.not_matches("\27%[%d", on_terminal("NO_COLOR=1", "list"))
    assert.not_matches("\27%[%d", on_terminal("-u NO_COLOR", "list", "--no-color"))
    assert.not_matches("\27", d:must "list")
    assert.matches("\27%[", on_terminal("NO_COLOR=", "list"))
    d:sh "mkdir none"
    local function log(variable)
      local line = d.bin .. " run none --state none.state & sleep 1; kill $!; wait"
      local command = ("cd %s && %s script -qec %s /dev/null </dev/null"):format(d.root, variable, daemon.quote(line))
      return (daemon.shell(command))
    end
    assert.matches("\27%[32minfo", log "NO_COLOR=")
    assert.not_matches("\27%[%d", log "NO_COLOR=1")
  end)
end)

describe("about the daemon", function()
  it("status", function()
    local out = d:must "status"
    contains(out, ", process " .. d:json("status")[1].pid)
    contains(out, "turns ")
    contains(out, d.jobs_folder)
    local status = object "status"
    for _, name in ipairs { "pid", "uptime", "workers", "scripts" } do
      assert.equal("number", type(status[name]), name)
    end
    assert.matches(TIME, status.started_at)
    assert.equal(d.jobs_folder, status.jobs_folder)
    assert.equal(d.state .. "/moonbeat.db", status.store)
    assert.equal(d.state .. "/control.sock", status.socket)
    assert.equal(1, status.scripts)
    for _, name in ipairs { "active", "paused", "finished", "error" } do
      assert.equal("number", type(status.jobs[name]), name)
    end
    assert.equal("number", type(status.runs.pending + status.runs.running))
    assert.equal("hourly", status.next.job)
    assert.matches(TIME, status.next.next_run_at)
  end)

  it("check", function()
    assert.equal("ok     work  14 jobs\n", d:must("check", "jobs"))
    assert.equal(14, #object("check", "jobs").jobs)
    d:sh "mkdir many"
    daemon.write_file(d.root .. "/many/many.lua", [[
      for i = 1, 2500 do job("many-" .. i) { trigger = every "1h", run = function() end } end
    ]])
    assert.equal("ok     many  2500 jobs\n", d:must("check", "many"))
    d:sh "mkdir past"
    daemon.write_file(d.root .. "/past/past.lua", [[
      job "old" { trigger = at "2020-01-01T00:00:00Z", run = function() end }
      job "new" { trigger = every "1h", run = function() end }
      job "off" { trigger = at "2020-01-01T00:00:00Z", enabled = false, run = function() end }
    ]])
    local warning = "its time, 2020-01-01T00:00:00Z, has passed: it is due at once, unless it has run already"
    assert.equal(("ok     past  3 jobs\nwarn   %s/past/past.lua:1: job \"old\": %s\n"):format(d.root, warning),
      d:must("check", "past"))
    for _, job in ipairs(object("check", "past").jobs) do
      assert.equal(job.id == "old" and warning or nil, job.warning)
    end
  end)

  it("reload", function()
    d:write("second.lua", [[job "second" { trigger = every "1h", run = function() end }]])
    contains(d:must "reload", "second")
    assert.truthy(d:job "second")
    d:remove "second.lua"
    assert.equal("work", object("reload").name)
    assert.is_nil(d:job "second")
  end)

  it("reload tries again what failed for a reason outside its file", function()
    d:write("late.lua", [[assert(fs.read "../late.txt") job "late" { trigger = every "1h", run = function() end }]])
    assert.equal(65, d:cli("reload").status)
    daemon.write_file(d.root .. "/late.txt", "here")
    d:must "reload"
    assert.truthy(d:job "late")
    d:remove "late.lua"
    d:must "reload"
  end)
end)

describe("about jobs", function()
  it("list", function()
    local out = d:must "list"
    assert.equal("JOB", (words(out)))
    assert.equal("active", row(out, "hourly")[2])
    assert.equal("paused", row(out, "off")[2])
    contains(out, "every 1h")
    local job = d:job "hourly"
    assert.equal("active", job.state)
    assert.equal("work", job.script)
    assert.same({ 3, 4 }, job.args)
    assert.matches(TIME, job.next_run_at)
    assert.equal("interval", job.trigger.kind)
    assert.equal("Asia/Shanghai", d:job("nightly").timezone)
    assert.equal(66, d:cli("list", "--script", "other").status)
    assert.equal(#d:json "list", #d:json("list", "--script", "work"))
    assert.equal("sum", d:json("list", "--tag", "maths")[1].id)
    assert.equal(3, #d:json("list", "--state", "paused"))
    assert.equal(2, #d:json("list", "-n", "2"))
    assert.equal(2, #d:json("list", "--count=2"))
  end)

  it("show", function()
    contains(d:must("show", "hourly"), "every 1h")
    assert.same(d:job "hourly", object("show", "hourly"))
  end)

  it("next, of a job", function()
    local out = d:must("next", "hourly")
    assert.matches("^interval: Every [^\n]+\nLOCAL ", out)
    assert.equal(7, select(2, out:gsub("\n", "")))
    local answer = object("next", "hourly", "-n", "3")
    assert.equal(3, #answer.fires)
    assert.equal(d:job("hourly").next_run_at, answer.fires[1].scheduled_at)
    assert.equal("hourly", answer.job)
    answer = object("next", "hourly", "-n", "2500") -- more than the daemon tells at once
    assert.same({ 2500, true }, { #answer.fires, answer.has_more })
    assert.equal("Asia/Shanghai", object("next", "nightly").timezone)
    contains(d:must("next", "sum"), "run-now")
    d:must("add", "job", "shop/late *", "--command", "true", "--trigger", "every 2h") -- no word, and no trigger
    assert.equal("shop/late *", object("next", "shop/late *").job)
    assert.equal(65, d:cli("next", "shop/late *", "--from", "never").status)
    contains(d:cli("next", "shop/later *").err, 'unknown trigger "shop/later"')
    d:must("remove", "shop/late *")
  end)

  it("list --timers", function()
    local out = d:must("list", "--timers")
    assert.matches("^NEXT +LEFT +LAST +PASSED +JOB\n", out)
    assert.matches("\n%a%a%a %d+%-%d+%-%d+ %d%d:%d%d:%d%d %u+ +%d+m [%w ]+ %- +%- +hourly\n", out)
    contains(out, "off (paused)\n")
    local timers = d:json("list", "--timers")
    contains(out, ("\n\n%d timers listed.\n1 job waits for events and not for a time: moonbeat list\n"):format(#timers))
    assert.equal("hourly", timers[1].job)
    assert.matches(TIME, timers[1].next_run_at)
    assert.is_true(timers[1].left > 0 and timers[1].left <= 3600)
    for i, timer in ipairs(timers) do
      assert.not_equal("sum", timer.job)
      assert.is_true(i == 1 or (timers[i - 1].next_run_at or "9") <= (timer.next_run_at or "9"))
    end
    contains(d:must("list", "--timers", "-n", "1"), ("\n1 of %d timers listed.\n"):format(#timers))
    contains(d:must("list", "--timers", "--tag", "maths"), "0 timers listed.\n")
  end)

  it("why and skips", function()
    contains(d:must("why", "off"), "paused")
    assert.equal("off", object("why", "off").job)
    assert.equal("", (d:must("skips", "hourly"):gsub("^[^\n]*\n", "")))
    assert.same({}, d:json("skips", "hourly"))
  end)

  it("skips says that there are more", function()
    d:must("add", "job", "passed-by", "--command", "true", "--trigger", "every 10ms", "-o", "enabled=false")
    -- What was due under a trigger is skipped when that changes.
    d:must("repl", "-e", [[
      for i = 11, 13 do
        sleep(0.05)
        scheduler.get_job("passed-by"):reschedule(every(i .. "ms"))
      end
    ]])
    local shown = d:must("skips", "passed-by", "-n", "2")
    assert.matches("\nand more: %-n says how many are shown\n$", shown)
    assert.equal(4, select(2, shown:gsub("\n", "")))
    assert.is_nil(d:must("skips", "passed-by", "-n", "1000"):find "and more")
    assert.equal(2, #d:json("skips", "passed-by", "-n", "2"))
    d:must("remove", "passed-by")
  end)

  it("add job, pause, resume, remove", function()
    contains(d:must("add", "job", "later", "--func", "work.add", "--args", "[5, 6]", "--trigger", "in 1h", "--option",
      'tags=["x"]'), "added later, next ")
    local job = d:job "later"
    assert.equal("added", job.origin)
    assert.same({ 5, 6 }, job.args)
    assert.same({ "x" }, job.tags)
    assert.equal(73, d:cli("add", "job", "later", "--func", "work.add", "--trigger", "in 1h").status)
    local replaced = object("add", "job", "later", "--command", "echo hi", "--trigger", "in 2h", "--option",
      "replace_existing=true")
    assert.equal("later", replaced.id)
    assert.is_true(replaced.next_run_at > job.next_run_at)
    contains(d:must("pause", "later", "hourly"), "paused later\npaused hourly\n")
    assert.equal("paused", d:job("later").state)
    assert.equal("active", object("resume", "later").state)
    contains(d:must("resume", "hourly"), "resumed hourly, next ")
    local result = d:cli("remove", "later", "nothing")
    assert.equal(66, result.status)
    contains(result.out, "removed later")
    contains(result.err, 'there is no job "nothing"')
    assert.is_nil(d:job "later")
  end)

  it("that are declared are removed by their file", function()
    local result = d:cli("remove", "hourly")
    if result.status ~= 0 then
      assert.truthy(d:job "hourly")
      contains(result.err, "work.lua")
    end
  end)
end)

describe("about runs", function()
  it("run-now, runs and logs", function()
    local id = d:must("run-now", "sum"):gsub("\n", "")
    assert.matches("^sum@", id)
    daemon.wait_until(function() return d:runs("sum")[1].finished_at end, 5, "sum ends")
    local run = d:runs("sum")[1]
    assert.equal(id, run.id)
    assert.equal("sum", run.job)
    assert.equal("succeeded", run.state)
    assert.equal("manual", run.cause)
    assert.equal(1, run.attempt)
    assert.equal(3, run.result)
    for _, name in ipairs { "scheduled_at", "claimed_at", "started_at", "finished_at" } do
      assert.matches(TIME, run[name], 1, false)
    end
    local cells = row(d:must("runs", "sum"), id)
    assert.equal("succeeded", cells[2])
    assert.equal("3", cells[#cells])
    assert.matches("^%S+ info adding\t? *1\t? *2\n$", d:must("logs", id))
    assert.equal(d:must("logs", id), d:must("logs", "sum"))
    local line = object("logs", id)
    assert.equal(1, line.sequence)
    assert.equal(1, line.attempt)
    assert.equal("info", line.level)
    assert.matches(TIME, line.at)
    assert.equal("adding\t1\t2", line.text)
  end)

  it("run-now --wait, with arguments", function()
    local out = d:must("run-now", "sum", "40", "2", "--wait")
    contains(out, "adding")
    contains(out, "succeeded: 42\n")
    assert.equal(42, object("run-now", "sum", "40", "2", "--wait").result)
    local failed = d:cli("run-now", "fails", "-w")
    assert.equal(1, failed.status)
    contains(failed.out, "warn s\u{fffd}n\n")
    assert.matches("failed: [^\n]*/jobs/work%.lua:9: no luck\n", failed.out)
    local json = d:cli("run-now", "fails", "--wait", "--json")
    assert.equal(1, json.status)
    assert.matches("/jobs/work%.lua:9: no luck", dkjson.decode(json.out).error)
    -- What is raised need not be a string, and says something all the same.
    assert.matches("^failed: thrown\n", d:cli("run-now", "throws", "--wait").out)
    assert.matches("^failed: %(the error is a nil value%)\n", d:cli("run-now", "throws_nil", "--wait").out)
    assert.equal(124, d:cli("run-now", "spins", "--wait").status)
    local echoed = d:cli("run-now", "echo", "--wait")
    assert.equal(1, echoed.status)
    assert.matches("\nfailed: [^\n]*3[^\n]*\n$", echoed.out)
    assert.matches("out.*err", d:must("logs", "echo"))
    assert.equal(3, #d:json("runs", "-n", "3"))
    assert.equal("spins", d:json("runs", "--state", "timed_out")[1].job)
    assert.equal(66, d:cli("run-now", "nothing").status)
  end)

  it("what is told in little room: errors without the folder, values with a NUL to their end", function()
    d:cli("run-now", "fails", "-w")
    assert.matches(" work%.lua:9: no luck\n$", d:must("runs", "fails", "-n", "1"))
    d:write("echoes.lua", 'job "echoes" { run = function(_, value) return value end }')
    d:must("reload")
    d:must("run-now", "echoes", '"a\\u0000b"', "-w")
    assert.matches("  a\\x00b\n$", d:must("runs", "echoes", "-n", "1"))
    assert.equal("a\0b", d:json("runs", "echoes", "-n", "1")[1].result)
    d:remove("echoes.lua")
    d:must("reload")
  end)

  it("add job: a key of braces alone is no JSON, tags stand between commas", function()
    d:must("add", "job", "keyed", "--command", "true", "-o", "concurrency_key={job}", "-o", "tags=a,b")
    assert.equal("{job}", object("show", "keyed").concurrency_key)
    assert.same({ "a", "b" }, object("show", "keyed").tags)
    d:must("remove", "keyed")
  end)

  it("add job warns of a time that has passed", function()
    local arguments = { "add", "job", "past", "--command", "true", "--trigger", "at 2020-01-01T00:00:00Z" }
    local warning = "its time, 2020-01-01T00:00:00Z, has passed: it is due at once, unless it has run already"
    contains(d:must(table.unpack(arguments)), "added past, next 2020-01-01T00:00:00Z\nwarning: " .. warning .. "\n")
    d:must("remove", "past")
    assert.equal(warning, object(table.unpack(arguments)).warning)
    d:must("remove", "past")
    assert.is_nil(object("add", "job", "coming", "--command", "true", "--trigger", "in 1h").warning)
    d:must("remove", "coming")
  end)

  it("add job refuses what is given twice, and ids that are no text", function()
    for message, arguments in pairs {
      ["--option id: it is given twice, by the ID in front too"] = { "-o", "id=other" },
      ["--option args: it is given twice, by --args too"] = { "--args", "[1]", "-o", "args=[2]" },
      ["--option trigger: it is given twice, by --trigger too"] = { "--trigger", "@daily", "-o", "trigger=@hourly" },
      ["--option retry: it is given twice, by another --option too"] = { "-o", "retry=2", "-o", "retry=3" },
    } do
      local result = d:cli("add", "job", "twice", "--command", "true", table.unpack(arguments))
      assert.same({ "moonbeat: " .. message .. "\n", 64 }, { result.err, result.status })
    end
    assert.equal('moonbeat: add job: "\\xff" is not UTF-8\n', d:cli("add", "job", "\xff", "--command", "true").err)
  end)

  it("a job that is not there names the script that does not load", function()
    d:write("broken.lua", "job 'lost' { run = ")
    d:cli("reload")
    assert.matches('there is no job "lost" %(script broken does not load%)', d:cli("show", "lost").err)
    d:remove("broken.lua")
    d:cli("reload")
    assert.matches('there is no job "lost"\n', d:cli("show", "lost").err)
  end)

  it("logs -f, until the run is cancelled", function()
    local id = d:must("run-now", "naps"):gsub("\n", "")
    local log, pid = start_command("followed", "logs", "-f", id)
    daemon.wait_until(function() return log():find "napping" end, 5, "the line is shown")
    assert.is_false(has_ended(pid))
    assert.equal("running", d:runs("naps")[1].state)
    contains(d:must("cancel", id), id)
    daemon.wait_until(function() return has_ended(pid) end, 5, "logs -f ends")
    daemon.wait_until(function() return d:runs("naps")[1].state == "cancelled" end, 5, "it is cancelled")
    local waiting, wait_pid = start_command("waited", "run-now", "naps", "--wait")
    daemon.wait_until(function() return waiting():find "napping" end, 5, "the line is shown")
    assert.equal("naps", (object("cancel", "naps").run:match "^(.-)@"))
    daemon.wait_until(function() return has_ended(wait_pid) end, 5, "run-now --wait ends")
    contains(waiting(), "cancelled")
    local again = d:cli("cancel", "naps")
    assert.equal(73, again.status)
    contains(again.err, "cancelled")
  end)

  it("events and events -f", function()
    local events, pid = start_command("events", "events", "-f", "--job", "sum", "--json")
    local only, only_pid = start_command("only", "events", "-f", "-e", "job_error")
    daemon.sleep(0.3)
    d:must("run-now", "sum", "--wait")
    d:cli("run-now", "fails", "--wait")
    daemon.wait_until(function() return events():find "job_executed" and only():find "job_error" end, 5, "the events")
    os.execute(("kill %d %d"):format(pid, only_pid))
    local names = {}
    for _, event in ipairs(daemon.decode_lines(events())) do
      assert.equal("sum", event.job)
      assert.matches(TIME, event.at)
      names[event.event] = event
    end
    assert.equal(3, names.job_executed.result)
    assert.equal("succeeded", names.job_executed.state)
    assert.truthy(names.job_submitted and names.job_log)
    assert.matches("^%S+ job_error fails@%S+: [^\n]*no luck\n", only())
    assert.not_matches("job_executed", only())
    contains(d:must("events", "-n", "50"), "job_error fails@")
    local errors = d:json("events", "-e", "job_e*", "--since", "-1h")
    assert.is_true(#errors > 0)
    for _, event in ipairs(errors) do
      assert.equal("job_error", event.event)
    end
    assert.same({}, d:json("events", "--since", "+1h"))
    contains(d:must("events", "--list"), "scheduler_started ")
    assert.equal("the scripts are read and jobs begin to run", d:json("events", "--list")[1].when)
  end)
end)

describe("emit", function()
  local function result_of(...)
    local last = d:job("waits").last_run_at
    d:must("emit", "order", ...)
    daemon.wait_until(function() return d:job("waits").last_run_at ~= last end, 5, "the event is heard")
    local result = daemon.wait_until(function() return d:runs("waits")[1].result end, 5, "it runs")
    assert.equal("order", result.event)
    assert.matches(TIME, result.at)
    result.event, result.at = nil, nil
    return result
  end

  it("sets off jobs, with members as words or JSON", function()
    assert.same({ shop = "berlin", id = 42, paid = true, price = 1.5, code = "007", note = "a=b {}", none = "null" },
      result_of("shop=berlin", "id=42", "paid=true", "price=1.5", "code=007", "note=a=b {}", "none=null"))
    assert.same({ shop = "berlin", items = { "pen", { n = 2 } } },
      result_of [[{"shop":"berlin","items":["pen",{"n":2}]}]])
    assert.equal("emitted order, 1 job waits for it\n", d:must("emit", "order", "shop=rome"))
    assert.equal("emitted nobody's, no listener hears of it and no job waits for it\n", d:must("emit", "nobody's"))
    assert.same({ event = "order", jobs = 1, listeners = 0 }, object("emit", "order"))
  end)

  it("is told by events, and by why", function()
    d:must("emit", "told", "shop=berlin", "note=a b", "id=7")
    assert.matches("^%S+ told shop=berlin note=\"a b\" id=7\n$", d:must("events", "-n", "1"))
    local events, pid = start_command("told", "events", "-f", "-e", "told")
    daemon.sleep(0.3)
    d:must("emit", "other")
    d:must("emit", "told", "id=8")
    daemon.wait_until(function() return events():find "\n" end, 5, "the event")
    os.execute(("kill %d"):format(pid))
    assert.matches("^%S+ told id=8\n$", events())
    contains(d:must("why", "waits"), 'it waits: On event "order" with shop "berlin"')
  end)

  it("refuses what is no event", function()
    for message, arguments in pairs {
      ['event "job_x" is the scheduler\'s own: names must not begin with job_, script_ or scheduler_'] = { "job_x" },
      ['emit: "berlin" is not NAME=VALUE, and a JSON object stands alone'] = { "order", "berlin" },
      ['emit: "=1" is not NAME=VALUE, and a JSON object stands alone'] = { "order", "=1" },
      ['emit: "x=1" is no event\'s name: write moonbeat emit EVENT x=1'] = { "x=1" },
      ["emit: id is given twice"] = { "order", "id=1", "id=2" },
      ['data must not have a member "at", which every event has'] = { "order", "at=noon" },
      ['unknown option "--jsn" of emit, did you mean "--json"?'] = { "order", "--jsn" },
      ["emit needs an argument: moonbeat emit EVENT [NAME=VALUE...|JSON]"] = {},
    } do
      local result = d:cli("emit", table.unpack(arguments))
      assert.equal("moonbeat: " .. message .. "\n", result.err)
      assert.equal(64, result.status)
    end
    local result = d:cli("emit", "order", '{"shop":')
    assert.equal('moonbeat: emit: {"shop":: line 1, column 9: a value is missing\n', result.err)
    assert.equal(65, result.status)
    assert.equal(65, d:cli("emit", "order", '{"shop":"' .. ("x"):rep(70000) .. '"}').status)
  end)

  it("completes the events that jobs wait for", function()
    assert.equal("order\n", d:must("__complete", "2", "moonbeat", "emit", ""))
    assert.equal("", d:must("__complete", "3", "moonbeat", "emit", "order", ""))
    assert.equal("emit\n", d:must("__complete", "1", "moonbeat", "em"))
  end)
end)

describe("about scripts", function()
  local function source(n)
    local path = d.root .. "/extra.lua"
    daemon.write_file(path, ([[
      function which() return %d end
      job "extra" { trigger = every "1h", run = which }
      %s
    ]]):format(n, n == 13 and "error 'unlucky'" or ""))
    return path
  end

  local function which()
    return d:run_now("extra").result
  end

  it("add script, show, replace, roll back, remove, over restarts", function()
    contains(d:must("add", "script", "extra", source(1)), "added extra, revision 1, 1 job")
    assert.equal(1, which())
    local due = d:job("extra").next_run_at
    assert.equal(2, object("add", "script", "extra", source(2)).revision)
    assert.equal(2, which())
    assert.equal(due, d:job("extra").next_run_at)
    contains(d:must("show", "script", "extra"), "return 2 end")
    contains(d:must("show", "script", "extra", "--revision", "1"), "return 1 end")
    assert.equal(2, #object("show", "script", "extra").revisions)
    local out = d:must "scripts"
    assert.equal("added", row(out, "extra")[4])
    assert.equal("file", row(out, "work")[4])

    local bad = d:cli("add", "script", "extra", source(13))
    assert.equal(65, bad.status)
    assert.matches("extra:3: unlucky\n$", bad.err)
    assert.equal(2, which())

    d:restart()
    assert.equal(2, which())
    assert.equal(due, d:job("extra").next_run_at)
    contains(d:must("rollback", "script", "extra"), "rolled back extra")
    assert.equal(1, which())
    d:kill()
    d:start()
    assert.equal(1, which())
    d:must("rollback", "script", "extra", "2")
    assert.equal(2, which())
    assert.equal(66, d:cli("rollback", "script", "extra", "99").status)

    assert.equal(66, d:cli("add", "script", "other", d.root .. "/nowhere").status)
    assert.equal(73, d:cli("add", "script", "work", source(3)).status)
    assert.equal(65, d:cli("add", "script", "no/name", source(3)).status)
    d:must("remove", "script", "extra")
    assert.is_nil(d:job "extra")
    assert.equal(66, d:cli("show", "script", "extra").status)
    d:restart()
    assert.is_nil(d:job "extra")
  end)

  it("of a file are shown and not removed", function()
    assert.equal(JOBS, d:must("show", "script", "work"))
    local result = d:cli("remove", "script", "work")
    assert.equal(73, result.status)
    contains(result.err, "work.lua")
  end)
end)

describe("a job", function()
  it("is tried again as its options say", function()
    contains(d:must("run-now", "retries", "--wait"), "succeeded: at last")
    local run = d:runs("retries")[1]
    assert.equal(3, run.attempt)
    assert.equal("succeeded", run.state)
    local log = d:must("logs", "retries")
    assert.matches("attempt\t? *1.*attempt\t? *2.*attempt\t? *3", log)
    assert.equal(3, d:json("logs", "retries")[3].attempt)
  end)

  it("does not overlap itself unless it may", function()
    d:must("resume", "overlaps", "together")
    daemon.sleep(2)
    d:must("pause", "overlaps", "together")
    local function most_at_once(job)
      local runs, most = d:json("runs", job, "-n", "50"), 0
      for _, one in ipairs(runs) do
        local count = 0
        for _, other in ipairs(runs) do
          local begun = one.started_at and other.started_at and other.started_at <= one.started_at
          count = count + (begun and (other.finished_at or "9") > one.started_at and 1 or 0)
        end
        most = math.max(most, count)
      end
      return most
    end
    assert.equal(1, most_at_once "overlaps")
    assert.is_true(most_at_once "together" >= 2)
    local function skip_for_overlap(job)
      for _, one in ipairs(d:json("skips", job)) do -- a busy machine may also be late for some
        if one.reason == "overlap" then
          return one
        end
      end
    end
    local skip = skip_for_overlap "overlaps"
    assert.equal("overlaps", skip.job)
    assert.is_true(skip.count >= 1 and skip.first_at <= skip.last_at)
    assert.matches(TIME, skip.recorded_at)
    contains(d:must("skips", "overlaps"), "overlap")
    assert.is_nil(skip_for_overlap "together")
  end)

  it("that is not enabled waits until it is", function()
    assert.same({}, d:runs "off")
    d:must("resume", "off")
    daemon.wait_until(function() return #d:runs "off" > 0 end, 5, "it runs")
    d:must("pause", "off")
  end)

  it("is on time while others never end", function()
    -- More of them than there are workers, so that each worker has some.
    for i = 1, 4 do
      d:write(("spin%d.lua"):format(i), ([[
        job "spin%d" { timeout = "8s", run = function() while true do end end }
      ]]):format(i))
    end
    d:write("punctual.lua", [[job "punctual" { trigger = every "100ms", run = function() end }]])
    d:must "reload"
    for i = 1, 4 do
      d:must("run-now", "spin" .. i)
    end
    local from = d:runs("spin4")[1].scheduled_at
    daemon.sleep(2.5)
    for i = 1, 4 do
      assert.equal("running", d:runs("spin" .. i)[1].state)
    end
    local function seconds(at)
      local hour, minute, second = at:match "T(%d+):(%d+):([%d.]+)Z"
      return (hour * 60 + minute) * 60 + second
    end
    local late = {}
    for _, run in ipairs(d:json("runs", "punctual", "-n", "100")) do
      if run.scheduled_at > from and run.finished_at then
        late[#late + 1] = (seconds(run.finished_at) - seconds(run.scheduled_at)) % 86400
      end
    end
    table.sort(late)
    assert.is_true(#late >= 20, #late .. " runs")
    -- A machine that does other things besides may hold some up; a spinning script would all of them.
    local median = late[(#late + 1) // 2]
    assert.is_true(median < 1, ("late by %.0f ms"):format(median * 1000))
    daemon.wait_until(function() return d:runs("spin1")[1].state == "timed_out" end, 15, "they are killed")
    for i = 1, 4 do
      d:remove(("spin%d.lua"):format(i))
    end
    d:remove "punctual.lua"
    print(("# %d runs beside 4 endless loops, late by at most %.1f ms"):format(#late, late[#late] * 1000))
  end)
end)

describe("moonbeat.lua", function()
  it("says what the command line does not", function()
    local other = daemon.new()
    finally(function() other:close() end)
    other:sh "mkdir scripts && mv jobs scripts/inner"
    other.jobs_folder = other.root .. "/scripts/inner"
    daemon.write_file(other.root .. "/moonbeat.lua", [[
      local threads = 1 + 2
      return { jobs = "scripts/inner", state = "kept/here", workers = threads, timezone = "Asia/Shanghai", keep = "7d",
        keep_runs = 10, keep_logs = "8M", grace = "1s", log_level = "warn", script_memory = "2M" }
    ]])
    other:write("a.lua", [[job "a" { trigger = cron "@daily", run = function() end }]])
    other:write("large.lua", [[job "large" { run = function() return select(2, pcall(string.rep, "x", 3 << 20)) end }]])
    other:sh "mkdir kept"
    local run = daemon.shell(("cd %s; { %s run; } </dev/null >daemon.log 2>&1 & echo $!"):format(
      daemon.quote(other.root), daemon.quote(other.bin)))
    other.pid, other.state = tonumber(run), nil
    local function cli(...)
      return daemon.shell(("cd %s/scripts && %s %s"):format(daemon.quote(other.root), daemon.quote(other.bin),
        table.concat({ ... }, " ")))
    end
    local status = daemon.wait_until(function()
      local out, code = cli("status", "--json", "2>/dev/null")
      return code == 0 and dkjson.decode(out)
    end, 10, "the daemon answers, found by its moonbeat.lua in the folder above")
    assert.equal(other.root .. "/kept/here/moonbeat.db", status.store)
    assert.equal(other.root .. "/scripts/inner", status.jobs_folder)
    assert.equal(3, status.workers)
    daemon.wait_until(function() return cli("list"):find "active" end, 5, "the job is loaded")
    assert.equal("Asia/Shanghai", dkjson.decode((cli("show", "a", "--json"))).timezone)
    assert.truthy(cli("run-now", "large", "--wait", "2>&1"):find("larger than 2 MiB", 1, true))
    assert.equal("", other:log())
    cli "stop"
    other:wait_for_end()
  end)
end)

describe("repl", function()
  it("-e evaluates and leaves", function()
    assert.equal("3\n", d:must("repl", "-e", "1 + 2"))
    local failed = d:cli("repl", "-e", "error 'no'")
    assert.not_equal(0, failed.status)
    contains(failed.err, "no")
  end)

  it("says why its output cannot be written", function()
    local err = daemon.shell(("{ %s; } 2>&1 >/dev/full"):format(d:command { "repl", "--memory", "-e", "1" }))
    assert.equal("moonbeat: cannot write to standard output: No space left on device\n", err)
  end)
end)

describe("at the end", function()
  it("stop lets runs end, and cuts them off after their grace", function()
    d:must("run-now", "naps")
    daemon.wait_until(function() return d:runs("naps")[1].state == "running" end, 5, "it runs")
    contains(d:must("stop", "--grace", "200ms"), "stopped (process ")
    d:wait_for_end(1)
    assert.is_nil(io.open(d.state .. "/control.sock"))
    d:start()
    local run = daemon.wait_until(function()
      local latest = d:runs("naps")[1]
      return latest.attempt == 2 and latest
    end, 5, "it runs again")
    assert.equal("running", run.state)
    d:must("cancel", "naps")
    d:must "stop"
    d:wait_for_end()
    assert.equal(69, d:cli("stop").status)
  end)
end)
