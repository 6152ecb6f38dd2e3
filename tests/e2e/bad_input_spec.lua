--- What a person, a disk or another program may do wrong: each gives one sentence that says what is wrong, where, and
-- what to do, with an exit status of its own, and nothing is lost by it.

local daemon = require "support.daemon"

local PATH = "JOBS/%s.lua" -- JOBS stands for the jobs folder

--- Job files by script name: a source and the sentence behind "file:line: ". The line is 1 unless told.
local FILES = {
  {
    name = "cron_range",
    source = [[job "c" { trigger = cron "61 * * * *", run = function() end }]],
    says = 'cron "61 * * * *": minute 61 is over 59, column 1',
  },
  {
    name = "option",
    source = [[job "o" { triger = cron "@daily", run = function() end }]],
    says = 'job "o": unknown option "triger", did you mean "trigger"?',
  },
  {
    name = "inner_option",
    source = [[job "i" { trigger = cron "@daily", retry = { attemps = 3 }, run = function() end }]],
    says = 'job "i": unknown option "retry.attemps", did you mean "attempts"?',
  },
  {
    name = "choice",
    source = [[job "ch" { trigger = cron "@daily", overlap = "queue", run = function() end }]],
    says = 'job "ch": overlap "queue" is none of "skip", "buffer_one", "buffer_all", "cancel_other", '
      .. '"terminate_other", "allow"',
  },
  {
    name = "never",
    source = "\n" .. [[job "n" { trigger = cron "0 0 30 2 *", run = function() end }]],
    line = 2,
    says = 'cron "0 0 30 2 *": never fires: February has no day 30, column 5',
  },
  {
    name = "zone",
    source = [[job "z" { trigger = cron("@daily", { timezone = "Asia/Shangai" }), run = function() end }]],
    says = 'cron "@daily": unknown time zone "Asia/Shangai", did you mean "Asia/Shanghai"?',
  },
  {
    name = "zone_of_job",
    source = [[job "zj" { trigger = every "1h", timezone = "Mars", run = function() end }]],
    says = 'job "zj": unknown time zone "Mars"',
  },
  {
    name = "unit",
    source = [[job "u" { trigger = every "5 parsecs", run = function() end }]],
    says = 'interval: every "5 parsecs": unknown unit "parsecs", use w, d, h, m, s, ms or us',
  },
  {
    name = "no_number",
    source = [[job "nn" { trigger = every "5s", timeout = "soon", run = function() end }]],
    says = 'job "nn": timeout: a number is missing at "soon": write it like 90s or 1h30m',
  },
  {
    name = "args_function",
    source = [[job "af" { args = { { x = print } }, run = function() end }]],
    says = 'job "af": args[1].x: a function cannot be stored',
  },
  {
    name = "args_cycle",
    source = [[local list = {} list[1] = list job "ac" { args = list, run = function() end }]],
    says = 'job "ac": args[1]: a table that contains itself cannot be stored',
  },
  {
    name = "args_nan",
    source = [[job "an" { args = { 1, { 0 / 0 } }, run = function() end }]],
    says = 'job "an": args[2][1]: a number that is not a number (NaN) cannot be stored',
  },
  {
    name = "retry_pattern",
    source = [[job "rp" { retry = { retry_on = { "ok", "[a" } }, run = function() end }]],
    says = [[job "rp": retry.retry_on: pattern "[a": malformed pattern (missing ']')]],
  },
  {
    name = "retry_once",
    source = [[job "ro" { delivery = "at_most_once", retry = function() end, run = function() end }]],
    says = 'job "ro": retry on an at_most_once job: a retry would run it twice',
  },
  {
    name = "retry_of_command",
    source = [[job "rc" { retry = function() end, run = command "true" }]],
    says = 'job "rc": retry.decide is for jobs of a script: a command has no function to ask',
  },
  {
    name = "no_function",
    source = [[job "nf" { trigger = every "5s" }]],
    says = 'job "nf": has nothing to run: give it run = function(run) ... end, func = "script.function" or ' ..
      "run = command {...}",
  },
  {
    name = "wrong_function",
    source = [[job "wf" { trigger = every "5s", func = "wrong_function.nothing" }]],
    says = 'job "wf": script "wrong_function" has no function "nothing"',
  },
  {
    name = "twice_b", -- the other one is below
    source = "-- here\n" .. [[job "twice" { trigger = every "5h", run = function() end }]],
    line = 2,
    says = 'job "twice" is already declared at JOBS/twice_a.lua:1',
  },
  {
    name = "hook",
    source = [[job "hk" { on_failure = "tell me", run = function() end }]],
    says = 'job "hk": on_failure must be a function, not a string',
  },
  {
    name = "pool",
    source = [[pool("a\nb", 1)]],
    says = "the name of a pool holds a control character",
  },
  {
    name = "event",
    source = [[on("job_eror", function() end)]],
    says = 'unknown event "job_eror", did you mean "job_error"?',
  },
  {
    name = "syntax",
    source = 'job "s" {\n  trigger = every "5s"\n  run = function() end\n}',
    line = 3,
    says = "'}' expected (to close '{' at line 1) near 'run'",
  },
  { name = "utf8", source = '-- \nlocal x = "a\xff"', line = 2,
    says = "byte 0xff is not UTF-8, save the file in that encoding" },
  { name = "raises", source = "error 'boom'", says = "boom" },
  { name = "raises_placeless", source = "error('a.lua is missing', 0)", line = false, says = "a.lua is missing" },
  { name = "raises_number", source = "error(5)", line = false, says = "5" },
  { name = "deep", source = "x = " .. ("("):rep(300), line = false, says = "C stack overflow" },
}

--- What cannot be a job file: a command that makes $F, and the sentence behind its path and a blank.
local THINGS = {
  { name = "large", make = "truncate -s 100M $F", says = "has 100.0 MiB, a script may have 4 MiB" },
  { name = "folder", make = "mkdir $F", says = "is a directory, a script must be a file" },
  { name = "dangling", make = "ln -s nowhere $F", says = "is a symbolic link to nowhere, which does not exist" },
  { name = "pipe", make = "mkfifo $F", says = "is a named pipe, a script must be a file" },
}

local GOOD = [[
function once() end
job "good" { trigger = every "1h", run = once }
]]

-- The file that declares it first; which one that is at a start is for the workers to decide, so the other comes last.
local TWICE = [[job "twice" { trigger = every "5h", run = function() end }]]

local d

local function path_of(name)
  return (PATH:format(name):gsub("JOBS", d.jobs_folder))
end

--- The whole sentence of a case.
local function sentence_of(case)
  local says = case.says:gsub("JOBS", d.jobs_folder)
  if case.line == false then
    return ("%s: %s"):format(path_of(case.name), says)
  end
  return case.source and ("%s:%d: %s"):format(path_of(case.name), case.line or 1, says)
    or ("%s %s"):format(path_of(case.name), says)
end

local function make_all()
  d:write("good.lua", GOOD)
  d:write("twice_a.lua", TWICE)
  for _, case in ipairs(FILES) do
    d:write(case.name .. ".lua", case.source)
  end
  for _, case in ipairs(THINGS) do
    d:sh(("F=%s; %s"):format(daemon.quote(path_of(case.name)), case.make))
  end
end

local function each_case(check)
  for _, cases in ipairs { FILES, THINGS } do
    for _, case in ipairs(cases) do
      check(case)
    end
  end
end

local function by_name(scripts)
  local found = {}
  for _, script in ipairs(scripts) do
    found[script.name] = script
  end
  return found
end

--- A command line that fails with that status and that sentence, and writes nothing else.
local function refuses(status, sentence, ...)
  local result = d:cli(...)
  assert.equal("moonbeat: " .. sentence .. "\n", result.err)
  assert.equal("", result.out)
  assert.equal(status, result.status)
end

--- `moonbeat run` that ends by itself.
local function run_refuses(status, sentence)
  local result = daemon.shell(("cd %s && timeout 20 %s run jobs --state .moonbeat 2>&1 >/dev/null; echo $?"):format(
    daemon.quote(d.root), daemon.quote(d.bin)))
  assert.equal(("moonbeat: %s\n%d\n"):format(sentence, status), result)
end

local function query(sql)
  return d:sh(("sqlite3 %s %s"):format(daemon.quote(d.state .. "/moonbeat.db"), daemon.quote(sql))):gsub("\n$", "")
end

before_each(function()
  d = daemon.new()
end)

after_each(function()
  d:close()
end)

describe("a bad job file", function()
  it("is told by check with file and line", function()
    make_all()
    d:sh "rm $J/twice_b.lua"
    local result = d:cli("check", d.jobs_folder)
    assert.equal(65, result.status)
    local errors = {}
    for name, sentence in result.out:gmatch "error  (%S+)  ([^\n]+)" do
      errors[name] = sentence
    end
    each_case(function(case)
      assert.equal(case.name ~= "twice_b" and sentence_of(case) or nil, errors[case.name])
    end)
    assert.matches("ok     good  1 job\n", result.out, 1, true)
    local json = d:cli("check", d.jobs_folder, "--json")
    assert.equal(65, json.status)
    local scripts = by_name(daemon.decode_lines(json.out))
    each_case(function(case)
      assert.equal(sentence_of(case), case.name == "twice_b" and sentence_of(case) or scripts[case.name].error)
    end)
    assert.is_nil(scripts.good.error)
    assert.is_nil(daemon.read_file(d.state .. "/moonbeat.db"), "check keeps nothing")
  end)

  it("is told by the daemon, which runs the others", function()
    d:write("twice_a.lua", TWICE)
    d:start()
    make_all()
    d:cli "reload"
    local scripts = by_name(d:json "scripts")
    local list = d:must "list"
    each_case(function(case)
      local sentence = sentence_of(case)
      assert.equal(sentence, scripts[case.name].error)
      assert.matches("script " .. case.name .. ": " .. sentence, list, 1, true)
      assert.matches("error " .. sentence, d:log(), 1, true)
      local _, times = d:log():gsub(("error " .. sentence .. "\n"):gsub("%p", "%%%0"), "")
      -- A job that another file has is tried again when some other file has changed.
      assert.is_true(times == 1 or case.name == "twice_b", "told more than once: " .. sentence)
    end)
    assert.equal("active", d:job("good").state)
    assert.equal("active", d:job("twice").state)
    assert.equal("succeeded", d:run_now("good").state)
  end)

  it("leaves the jobs of its version before in force", function()
    d:write("good.lua", GOOD)
    d:write("twice_a.lua", TWICE)
    d:start()
    local due = d:job("good").next_run_at
    each_case(function(case)
      if case.source and case.name ~= "wrong_function" then
        d:write("good.lua", case.source)
        local reload = d:cli "reload"
        assert.equal(65, reload.status)
        local sentence = sentence_of(case):gsub("/" .. case.name .. "%.lua", "/good.lua")
        assert.matches("error  good  " .. sentence, reload.out, 1, true)
        assert.equal(due, d:job("good").next_run_at, case.name)
      end
    end)
    assert.equal("succeeded", d:run_now("good").state)
    d:write("good.lua", GOOD)
    assert.equal(0, d:cli("reload").status)
    assert.equal(due, d:job("good").next_run_at)
  end)

  it("that declares another file's job is told by check with both places", function()
    d:write("a.lua", TWICE)
    d:write("b.lua", "-- here\n" .. TWICE)
    local result = d:cli("check", d.jobs_folder)
    assert.equal(65, result.status)
    local one, other = result.out:match 'error  [ab]  (%S+): job "twice" is already declared at (%S+)\n'
    local places = { [path_of "a" .. ":1"] = true, [path_of "b" .. ":2"] = true }
    assert.is_true(places[one] and places[other] and one ~= other, result.out)
  end)

  it("is told without what acts on a terminal", function()
    d:write("esc.lua", 'job "id\\27[31m" { run = function() end }')
    local result = d:cli("check", d.jobs_folder)
    assert.equal(65, result.status)
    assert(result.out:find('job "id\\x1b[31m": id holds a control character', 1, true), result.out)
  end)

  it("that names a function that is not there is told so", function()
    d:write("rn.lua", 'job "rn" { retry = { decide = "gone" }, run = function() end }')
    local result = d:cli("check", d.jobs_folder)
    assert(result.out:find('rn.lua:1: job "rn": script "rn" has no function "gone"', 1, true), result.out)
  end)

  it("that cannot be read is told so", function()
    local as_somebody = "" -- root reads everything
    if daemon.shell "id -u" == "0\n" then
      if not daemon.has "setpriv" then
        pending "this is root, and setpriv is not installed"
        return
      end
      as_somebody = "setpriv --reuid=65534 --regid=65534 --clear-groups "
    end
    d:write("good.lua", GOOD)
    d:sh(("cp %s moonbeat && chmod 755 . $J moonbeat && chmod 0 $J/good.lua"):format(daemon.quote(d.bin)))
    local out = daemon.shell(("cd %s && %s./moonbeat check jobs; echo $?"):format(daemon.quote(d.root), as_somebody))
    assert.equal(("error  good  %s cannot be read: Permission denied\n65\n"):format(path_of "good"), out)
  end)
end)

describe("a database", function()
  before_each(function()
    d:write("good.lua", GOOD)
    d:start()
    d:must("add", "job", "kept", "--func", "good.once", "--trigger", "in 1h")
  end)

  it("of a newer version is refused and left alone", function()
    d:stop()
    query "PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)"
    local before = daemon.read_file(d.state .. "/moonbeat.db")
    local known = daemon.shell(("cd %s && timeout 20 %s run jobs 2>&1"):format(d.root, d.bin)):match "knows (%d+)"
    run_refuses(78, ("%s/moonbeat.db: written by a newer moonbeat (schema 99, this one knows %s): upgrade moonbeat")
      :format(d.state, known))
    assert.equal(before, daemon.read_file(d.state .. "/moonbeat.db"))
    query("PRAGMA user_version = " .. known)
    d:start()
    assert.truthy(d:job "kept")
  end)

  it("that is none is refused and left alone", function()
    d:stop()
    local db = d.state .. "/moonbeat.db"
    local good, junk = daemon.read_file(db), ("junk, and more of it\n"):rep(1000)
    daemon.write_file(db, junk)
    run_refuses(65, db .. ": not a moonbeat database, or damaged (file is not a database): move it away or restore " ..
      "a backup")
    assert.equal(junk, daemon.read_file(db))
    daemon.write_file(db, good)
    d:start()
    assert.truthy(d:job "kept")
  end)

  it("that is damaged is refused, and told so", function()
    d:stop()
    local db = d.state .. "/moonbeat.db"
    local good = daemon.read_file(db)
    daemon.write_file(db, good:sub(1, 4096) .. ("\xa5"):rep(#good - 4096))
    local result = daemon.shell(("cd %s && timeout 20 %s run jobs 2>&1; echo $?"):format(d.root, d.bin))
    assert.matches(db .. ": not a moonbeat database, or damaged (database disk image is malformed): " ..
      "move it away or restore a backup\n65\n", result, 1, true)
    assert.is_nil(result:match "\n.*\n.*\n", "one sentence")
    daemon.write_file(db, good)
    d:start()
    assert.truthy(d:job "kept")
  end)

  it("of another program is refused and left alone", function()
    d:stop()
    d:sh "rm .moonbeat/moonbeat.db*; sqlite3 .moonbeat/moonbeat.db 'CREATE TABLE orders(id)'"
    run_refuses(65, d.state .. "/moonbeat.db: a database of another program: move it away or use another --state")
    assert.equal("orders", query "SELECT name FROM sqlite_schema")
  end)

  it("that another daemon has open is refused by name and pid", function()
    run_refuses(75, ("another moonbeat (pid %d) has %s/moonbeat.db open: stop it first, or use another --state")
      :format(d:json("status")[1].pid, d.state))
    assert.truthy(d:job "kept")
    d:kill() -- and what it leaves behind keeps nobody out
    d:start()
    assert.truthy(d:job "kept")
  end)
end)

describe("a full disk", function()
  local is_mounted

  local TICK = [[
    function once() end
    job "tick" { trigger = every "100ms", coalesce = "all", overlap = "allow", run = function(run)
      fs.append("../lines", run.id .. "\n")
    end }
  ]]

  --- A daemon that has run something, on a small file system that is then filled; false where none can be mounted.
  local function start_and_fill()
    if not is_mounted then
      pending "a small file system cannot be mounted here"
      return false
    end
    d:write("tick.lua", TICK)
    d:start()
    d:must("add", "job", "before", "--func", "tick.once", "--trigger", "in 1h")
    daemon.wait_until(function() return daemon.read_file(d.root .. "/lines") end, 10, "runs begin")
    d:sh "dd if=/dev/zero of=.moonbeat/fill bs=4k 2>/dev/null || true"
    return true
  end

  --- What the log of the store has room for yet is still stored.
  local function wait_until_full()
    daemon.wait_until(function()
      return d:log():find("nothing can be stored: " .. d.state .. "/moonbeat.db: there is no room on the disk", 1, true)
    end, 20, "the disk is full")
  end

  before_each(function()
    is_mounted = os.execute(("mkdir %s && mount -t tmpfs -o size=2m,mode=700 tmpfs %s 2>/dev/null"):format(
      daemon.quote(d.state), daemon.quote(d.state)))
  end)

  after_each(function()
    if is_mounted then
      if d.pid then
        d:kill()
      end
      os.execute("umount " .. daemon.quote(d.state))
    end
  end)

  it("at the start is told", function()
    if is_mounted then
      d:sh "dd if=/dev/zero of=.moonbeat/fill bs=4k 2>/dev/null || true"
      run_refuses(75, d.state .. "/moonbeat.db: there is no room on the disk")
    end
  end)

  it("still shows what there is", function()
    if start_and_fill() then
      wait_until_full()
      assert.truthy(d:job "before")
      assert.equal("number", type(d:json("status")[1].jobs.active))
      assert.truthy(d:runs("tick")[1])
    end
  end)

  it("does not keep the daemon from its end", function()
    if start_and_fill() then
      wait_until_full()
      os.execute(("kill -TERM %d"):format(d.pid))
      d:wait_for_end(15)
      d:sh "rm .moonbeat/fill"
      d:start()
      assert.truthy(d:job "before")
    end
  end)

  it("is not filled by the log of the store, which gives back what it had taken", function()
    if not is_mounted then
      return
    end
    d:write("many.lua", [[
      for i = 1, 150 do
        job("many-" .. i) { func = print, args = { ("x"):rep(3000) } }
      end
    ]])
    local function bytes(ending)
      return tonumber(d:sh(("stat -c %%s %s/moonbeat.db%s"):format(daemon.quote(d.state), ending)))
    end
    d:start()
    assert.truthy(d:job "many-150")
    daemon.wait_until(function() return bytes "" > 450000 and bytes "-wal" < 300000 end, 10, "all is moved")
  end)

  it("refuses and claims nothing, and all goes on when there is room", function()
    if not start_and_fill() then
      return
    end
    local no_room = d.state .. "/moonbeat.db: there is no room on the disk"
    local last, acknowledged = nil, { "before" }
    daemon.wait_until(function()
      local id = "n" .. #acknowledged
      last = d:cli("add", "job", id, "--func", "tick.once", "--trigger", "in 1h", "--args", '["' .. ("x"):rep(3000) ..
        '"]')
      acknowledged[#acknowledged + 1] = last.status == 0 and id or nil
      return last.status ~= 0
    end, 20, "the disk is full")
    assert.equal("moonbeat: nothing was changed: " .. no_room .. "\n", last.err)
    assert.equal(75, last.status)
    wait_until_full()
    local executed
    daemon.wait_until(function() -- what the store gives back lets it claim a little longer
      executed = daemon.read_file(d.root .. "/lines")
      daemon.sleep(1)
      return executed == daemon.read_file(d.root .. "/lines")
    end, 20, "nothing runs any more")

    d:sh "rm .moonbeat/fill"
    daemon.wait_until(function()
      return d:cli("add", "job", "after", "--func", "tick.once", "--trigger", "in 1h").status == 0
    end, 10, "adds are accepted again")
    acknowledged[#acknowledged + 1] = "after"
    daemon.wait_until(function()
      local runs = d:json("runs", "tick", "-n", "1")
      return runs[1] and runs[1].state == "succeeded" and not executed:find(runs[1].id, 1, true)
    end, 10, "runs go on")
    for _, id in ipairs(acknowledged) do
      assert.truthy(d:job(id), id)
    end
    d:must("pause", "tick")
    local runs, seen, claimed = d:json("runs", "tick", "-n", "1000"), {}, {}
    for _, run in ipairs(runs) do
      claimed[run.id] = true
    end
    local lines = daemon.read_file(d.root .. "/lines")
    for line in lines:gmatch "[^\n]+" do
      assert.is_nil(seen[line], "run twice: " .. line)
      assert.is_true(claimed[line], "run and not claimed: " .. line)
      seen[line] = true
    end
    local function tenths(at)
      local hour, minute, second, fraction = at:match "T(%d+):(%d+):(%d+)%.(%d)"
      return ((hour * 60 + minute) * 60 + second) * 10 + tonumber(fraction)
    end
    for i = 2, #runs do -- newest first, and none is missing
      local step = (tenths(runs[i - 1].scheduled_at) - tenths(runs[i].scheduled_at)) % 864000
      assert.equal(1, step, runs[i].scheduled_at)
    end
  end)
end)

describe("a wrong command line", function()
  it("is told with the nearest name", function()
    refuses(64, 'unknown command "lsit", did you mean "list"?', "lsit")
    refuses(64, 'unknown option "--jsno" of list, did you mean "--json"?', "list", "--jsno")
    refuses(64, '"add" what? There is "add job" or "add script"', "add")
    refuses(64, "show needs an argument: moonbeat show JOB", "show")
    refuses(64, '"b" is one argument too many: moonbeat show JOB', "show", "a", "b")
    refuses(64, '--count: "many" is no whole number from 1 to 2147483647', "runs", "-n", "many")
  end)

  it("about folders is told", function()
    refuses(66, "there is no folder " .. d.root .. "/nowhere", "run", "nowhere")
    d:sh "echo > file"
    refuses(66, d.root .. "/file is a file: name the folder it is in", "run", "file")
    refuses(73, d.root .. "/file is not a folder: move it away, or give --state", "run", "jobs", "--state", "./file")
  end)

  it("is found by check and simulate as by the daemon, which goes by moonbeat.lua", function()
    d:write("rates.lua", [[
      local held = ("x"):rep(3 * 1024 * 1024)
      job "long" { trigger = every "1h", rate = "5/60d", run = function() return #held end }
    ]])
    local function statuses(text)
      daemon.write_file(d.root .. "/moonbeat.lua", text)
      return { d:cli("check", d.jobs_folder).status, d:cli("simulate", d.jobs_folder, "--for", "1h").status }
    end
    assert.same({ 0, 0 }, statuses 'return { keep = "90d" }')
    assert.same({ 65, 65 }, statuses "return {}")
    assert.same({ 65, 65 }, statuses 'return { keep = "90d", script_memory = "2M" }')
  end)

  it("has company in a wrong moonbeat.lua", function()
    local file = d.root .. "/moonbeat.lua"
    for _, case in ipairs {
      { "return { wrokers = 3 }", ': unknown option "wrokers", did you mean "workers"?' },
      { "return { workers = 'many' }", ": workers must be a whole number, not a string" },
      { "return { workers = 9 / 2 }", ": workers must be a whole number, not a decimal number" },
      { "return { workers = 130 / 2 }", ": workers must be between 1 and 64" },
      { "return { keep = '5 parsecs' }", ': keep: unknown unit "parsecs", use w, d, h, m, s, ms or us' },
      { "return { keep_logs = '5 feet' }", ': keep_logs "5 feet" is no size: write 4096, "512K", "256M", "2G"' },
      { "return { keep_logs = true }",
        ': keep_logs must be a number of bytes or a text such as "256M", not a boolean' },
      { "return { script_memory = '4K' }", ": script_memory must be between 1M and 1024G" },
      { "return { timezone = 'Asia/Shangai' }", ': unknown time zone "Asia/Shangai", did you mean "Asia/Shanghai"?' },
      { "return { log_level = 'loud' }", ': log_level must be "debug", "info", "warn", "error" or "off"' },
      { "return { jobs = function() end }", ": jobs: a function cannot be stored" },
      { "return { 'jobs' }", ": options have names, as in return { workers = 2 }" },
      { "workers = 2", ": must return a table of options" },
      { "return {", ":1: unexpected symbol near <eof>" },
      { "while true do end", ":1: a configuration file must not run for long" },
      { "return { jobs = 'a\\0b' }", ": jobs holds a NUL character" },
      { string.dump(function() return {} end), ": attempt to load a binary chunk (mode is 't')" },
    } do
      daemon.write_file(file, case[1])
      refuses(65, file .. case[2], "run")
    end
  end)

  it("has company in a moonbeat.lua that is no file", function()
    local file = d.root .. "/moonbeat.lua"
    for _, case in ipairs {
      { "mkdir", " is not a file" },
      { "mkfifo", " is not a file" },
      { "ln -s moonbeat.lua", " cannot be read: Too many levels of symbolic links" },
      { "ln -s nowhere", " cannot be read: No such file or directory" },
    } do
      d:sh(("rm -rf moonbeat.lua; %s moonbeat.lua"):format(case[1]))
      refuses(65, file .. case[2], "run")
      refuses(65, file .. case[2], "run", "jobs")
      refuses(65, file .. case[2], "check", "jobs")
    end
  end)

  it("about triggers is told without a daemon", function()
    refuses(65, 'cron "61 * * * *": minute 61 is over 59, column 1', "next", "61 * * * *")
    refuses(65, 'cron "0 0 30 2 *": never fires: February has no day 30, column 5', "next", "0 0 30 2 *")
    refuses(65, 'interval: every "5 parsecs": unknown unit "parsecs", use w, d, h, m, s, ms or us', "next",
      "every 5 parsecs")
    refuses(65, 'cron "@daily": unknown time zone "Asia/Shangai", did you mean "Asia/Shanghai"?', "next", "@daily",
      "-z", "Asia/Shangai")
  end)

  it("without a daemon says so and how to start it", function()
    local sentence = ("no moonbeat is running on %s (start one with: moonbeat run jobs)"):format(d.state)
    for _, words in ipairs { { "list" }, { "status" }, { "stop" }, { "reload" }, { "runs" }, { "scripts" },
      { "show", "a" }, { "next", "a" }, { "pause", "a" }, { "events", "-f" }, { "run-now", "a" } } do
      if words[1] == "next" then
        refuses(69, "a is no trigger, so it must be a job, but: " .. sentence, "next", "a")
      else
        refuses(69, sentence, table.unpack(words))
      end
    end
  end)

  it("about jobs and runs is told with the nearest name", function()
    d:write("good.lua", GOOD)
    d:start()
    refuses(66, 'there is no job "god", did you mean "good"?', "show", "god")
    refuses(66, 'there is no job "nothing"', "pause", "nothing")
    refuses(66, 'job "good" has not run yet', "logs", "good")
    refuses(66, 'there is no run "good@2020-01-01T00:00:00Z"', "cancel", "good@2020-01-01T00:00:00Z")
    refuses(66, 'job "x": script good has no function "nothing"', "add", "job", "x", "--func", "good.nothing",
      "--trigger", "@daily")
    refuses(66, 'job "x": there is no script "god"', "add", "job", "x", "--func", "god.once", "--trigger", "@daily")
    refuses(65, 'job "x": unknown trigger "evry", did you mean "every"?, column 1', "add", "job", "x",
      "--func", "good.once", "--trigger", "evry 5s")
    refuses(65, 'job "x": unknown option "timeot", did you mean "timeout"?', "add", "job", "x", "--func", "good.once",
      "--trigger", "@daily", "--option", "timeot=5")
    refuses(73, ('job "good" is declared at %s/good.lua:2: change it there'):format(d.jobs_folder), "add", "job",
      "good", "--func", "good.once", "--trigger", "@daily")
    assert.equal(1, #d:json "list")
  end)
end)

describe("a run that says too much", function()
  local function run(body)
    d:write("r.lua", ("job 'r' { run = function(run) %s end }"):format(body))
    d:start()
    return d:run_now("r", 20)
  end

  it("has its result kept truncated and marked", function()
    local run_of = run [[return ("x"):rep(100000)]]
    assert.equal("succeeded", run_of.state)
    assert.equal(100002, run_of.result.truncated)
    assert.equal(1000, #run_of.result.start)
  end)

  it("fails when its result cannot be stored, and says what in it", function()
    assert.equal("the result cannot be stored: result.rows[2]: a function cannot be stored",
      run("return { rows = { 1, print } }").error:match "[^\n]*")
  end)

  it("harms no terminal", function()
    run [[log.info "one\27[31m" error "two\27]0;title\7"]]
    for _, command in ipairs { "runs", "list", "logs", "why" } do
      local result = d:cli(command, command ~= "list" and "r" or nil)
      assert.is_nil((result.out .. result.err):find("[\27\7]"), command)
    end
  end)

  it("is refused a checkpoint and a progress that are too large", function()
    assert.equal("limit", run [[return select(3, run:checkpoint(("x"):rep(70000)))]].result)
    d:stop()
    local problem = run [[run:progress(1, 2, ("x"):rep(1000))]].error
    assert(problem:find("run:progress: a note of 1000 bytes is over the limit of 200", 1, true), problem)
  end)
end)

describe("the control socket", function()
  local function speak(python)
    local script = [[
import socket, json
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(".moonbeat/control.sock")
lines = s.makefile("rb")
def ask(text):
    s.sendall(text.encode() + b"\n")
    return json.loads(lines.readline())["error"]["message"]
]] .. python
    return d:sh("python3 -c " .. daemon.quote(script))
  end

  it("answers what is no request with a sentence", function()
    d:start()
    assert.equal(table.concat({
      'unknown operation "lsit", did you mean "list"?',
      'list: unknown parameter "limt", did you mean "limit"?',
      'unknown member "parms" of a frame, did you mean "params"?',
      'a frame must be an object with "id" and "op"',
      '"op" must be the name of an operation',
      "not a frame: line 1, column 1: not a number",
    }, "\n") .. "\n", speak [[
for text in ('{"id":1,"op":"lsit"}', '{"id":1,"op":"list","params":{"limt":4}}',
             '{"id":1,"op":"list","parms":{}}', '[]', '{"id":1}', 'hello'):
    print(ask(text))
]])
  end)

  it("refuses a frame over the limit and ends that connection alone", function()
    d:start()
    assert.equal("frame of more than 1048576 bytes: send less at once\nb''\n", speak [[
try:
    s.sendall(b'{"id":1,"op":"' + b"x" * (2 << 20))
except OSError:
    pass
print(json.loads(lines.readline())["error"]["message"])
try:
    print(lines.readline())
except ConnectionResetError: # of what it had sent and nobody read
    print(b"")
]])
    assert.equal(0, d:cli("status").status)
  end)
end)
