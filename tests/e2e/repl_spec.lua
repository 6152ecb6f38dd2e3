--- The REPL: on a terminal with a real screen (repl_terminal.py), from a pipe, and with -e.

local program = os.getenv("MOONBEAT_BIN") or "build/moonbeat"
local python = "/usr/bin/python3"
local cases = "tests/e2e/repl_terminal.py"

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- What a shell line writes, both streams, and its exit status.
local function capture(line)
  local pipe = io.popen("{ " .. line .. "; } 2>&1; echo \"status $?\"")
  local text = pipe:read("a")
  pipe:close()
  local output, status = text:match("^(.*)status (%d+)\n$")
  return output, tonumber(status)
end

local function repl(arguments, input)
  local line = quote(program) .. " repl --memory " .. arguments
  return capture(input and "printf %s " .. quote(input) .. " | " .. line or line .. " </dev/null")
end

describe("the REPL on a terminal", function()
  local names, status = capture(python .. " " .. cases .. " --list")
  if status ~= 0 then
    pending("needs python3-pexpect and python3-pyte")
    return
  end
  for name in names:gmatch("[%w_]+") do
    it((name:gsub("_", " ")), function()
      local output, ended = capture("MOONBEAT_BIN=" .. quote(program) .. " " .. python .. " " .. cases .. " " .. name)
      assert.equal(0, ended, output)
    end)
  end
end)

describe("the REPL without a terminal", function()
  it("evaluates -e and prints what the code prints and returns", function()
    local output, status = repl("-e " .. quote('print("x")') .. " -e " .. quote("1 + 1"))
    assert.equal("x\n2\n", output)
    assert.equal(0, status)
  end)

  it("makes a script of a function typed there, which goes with its last job", function()
    local output, status = repl("", [[
first = every("1h", function() end)
second = scheduler.add_job { id = "second", func = first.id .. ".run", trigger = every "2h" }
function list() local names = {} for _, s in ipairs(scheduler.scripts()) do names[#names + 1] = s.name end
  return table.concat(names, " ") end
job("console_1"):runs() job("console_1"):skips() job("console_1"):remove() return list()
job("second"):remove() return list()
]])
    assert.equal(0, status, output)
    assert.equal('"console_1"\n""\n', output)
  end)

  it("keeps a function in retry with that in run", function()
    local output, status = repl("", [[
function give_up(run, message) return not message:find "twice" and "10ms" or false end
_ = job "tries" { retry = { decide = give_up, attempts = 5 }, run = function(run)
  error(run.attempt == 2 and "twice" or "once", 0)
end }
_ = job "again" { retry = function() return false end, run = function() error "no" end }
function last(id) local run scheduler.run_now(id) repeat sleep "20ms" run = scheduler.runs(id)[1]
  until run and run.state == "failed" and run.finished_at return run end
return last("tries").attempt, last("again").attempt, scheduler.show_script("console_1").source:match "decide = %w+"
]])
    assert.equal('2, 1, "decide = function"', output:match "([^\n]*)\n$", output)
    assert.equal(0, status)
  end)

  it("says which functions a job typed there cannot have", function()
    for message, code in pairs {
      ['on_success is for jobs that a script declares: of any job hears on("job_executed", { job = "ID" }, f) in a '
        .. 'script, or scheduler.add_listener(f, "job_executed", { job = "ID" })'] =
        'job "x" { run = function() end, on_success = function() end }',
      ['on_late is for jobs that a script declares: of any job hears on("job_late", {'] =
        'scheduler.add_job { id = "x", run = command "true", on_late = function() end }',
      ["a function in retry is kept with one that is typed for run"] =
        'job "x" { run = command "true", retry = function() end }',
    } do
      local output, status = repl("-e " .. quote(code))
      assert.matches(message, output, 1, true)
      assert.equal(65, status)
    end
  end)

  it("gives one JSON object a line with --json", function()
    local output = repl("--json -e " .. quote('print("x") return 2'))
    assert.equal('{"print":"x"}\n{"results":"2","incomplete":false}\n', output:gsub('"incomplete":false,"results":"2"',
      '"results":"2","incomplete":false'))
  end)

  it("stops at the first error with its traceback and status 65", function()
    local output, status = repl("-e " .. quote('error("boom")') .. " -e " .. quote('print("never")'))
    assert.matches("moonbeat: .*boom\nstack traceback:", output)
    assert.is_nil(output:find("never"))
    assert.equal(65, status)
  end)

  it("refuses bytes that are not UTF-8", function()
    local output, status = repl("", 'print(#"\xfe")')
    assert.equal('moonbeat: this Lua is not UTF-8 at byte 9: write "\\xfe"\n', output)
    assert.equal(65, status)
  end)

  it("refuses what stands behind a NUL", function()
    local output, status = capture([[printf 'print(1) \0 print(2)' | ]] .. quote(program) .. " repl --memory")
    assert.equal('moonbeat: this Lua holds a NUL at byte 10: write "\\0"\n', output)
    assert.equal(65, status)
  end)

  it("does not ask for each line whether a statement ends with it", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write("t = {\n", ('"a line {",\n'):rep(6000), "}\n#t\nprint(\n", "'last')\n")
    file:close()
    local began = os.time()
    local output, status = capture(quote(program) .. " repl --memory <" .. quote(path))
    os.remove(path)
    assert.equal("6000\nlast\n", output)
    assert.equal(0, status)
    assert.is_true(os.time() - began < 15)
  end)

  it("says what is wrong with a statement that never ends", function()
    local output, status = repl("", "t = { 1 2\n3,\n")
    assert.equal("moonbeat: input 1:1: '}' expected near '2'\n", output)
    assert.equal(65, status)
    output = repl("", "t = { 1,\n3,\n")
    assert.equal("moonbeat: the code ends in the middle of a statement\n", output)
  end)

  it("refuses code that ends too early", function()
    local output, status = repl("-e " .. quote("for i = 1, 2 do"))
    assert.equal("moonbeat: the code ends in the middle of a statement\n", output)
    assert.equal(65, status)
  end)

  it("reads lines from a pipe, and statements over several of them", function()
    local output, status = repl("", "function f(x)\n  return x * 2\nend\n\nf(21)\nprint 'tab\there'\n")
    assert.equal("42\ntab\there\n", output)
    assert.equal(0, status)
    assert.equal("3\n", (repl("", "1 +\n2\n")))
  end)

  it("says what to do where there is neither a daemon nor a jobs folder", function()
    local output, status = capture("cd / && MOONBEAT_STATE= " .. quote(program) .. " repl </dev/null")
    assert.matches("^moonbeat: no moonbeat is running on /%.moonbeat .*moonbeat repl %-%-memory\n$", output)
    assert.equal(69, status)
  end)
end)
