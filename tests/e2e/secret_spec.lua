--- Secrets, in the real daemon: who may have one, and that no text shows it: the store, the daemon's log and what the
-- command line is told are searched for its value.

local daemon = require "support.daemon"
local quote = daemon.quote

local PATIENCE = 20
local TOKEN = "tOk3n-0f-the-shop"
local PEM = 'BEGIN "x"\nline\\two\nEND 9'
local NUMBER = "8812345678"

local JOBS = [[
local at_top = secret "TOKEN"
function logs() log.info("the token is %s", secret "TOKEN") print(secret "PEM")
  for line in secret("PEM"):gmatch "[^\n]+" do print(line) end end
function results() return { token = secret "TOKEN", [secret "TOKEN"] = 1, pem = secret "PEM",
  number = tonumber(secret "NUMBER") } end
function long() return ("x"):rep(990) .. secret "TOKEN" .. ("y"):rep(70000) end
function short() return { secret "TOKEN", tonumber(secret "NUMBER"), secret "SHORT" } end
function raises() error("no luck with " .. secret "TOKEN") end
function raises_table() error({ message = secret "PEM" }) end
function closes_over() local t = secret "TOKEN" local function f() error(t, 0) end f() end
function names() _ENV[secret "TOKEN"].field = 1 end
function runs() local r = exec { "sh", "-c", 'echo $T; echo $T >&2; exit 3', env = { T = secret "TOKEN" } }
  log.info("%s", r.stdout) error(r.stderr) end
function fails_in_c() return select(2, http.get("http://127.0.0.1:1/" .. secret "TOKEN")) end
function emits() scheduler.emit("told", { token = secret "TOKEN" }) end
function snoozes(run) run:progress(1, 2, "at " .. secret "TOKEN") run:snooze("1h", secret "TOKEN") end
function checkpoints(run) run:checkpoint { secret "TOKEN" } end
function adds() scheduler.add_job { id = "x", func = "leaky.logs", args = { secret "TOKEN" } } end
function keeps() kv.set("mine", secret "KEPT") return #kv.get "mine" end
function missing() return secret("NOPE", "default"), secret "TOKN" end
function open_to_all() return secret "OPEN" end
function odd_name() return secret "../TOKEN" end
function cut_name() return secret "TOKEN\0/../x" end
function size() return #secret "PEM" end
function long_lines() local t = secret "TOKEN"
  exec { "printf", "%070000d%s%070000d\n%065530d%s", "1", t, "1", "1", t, capture = false } end
on("told", function(event) log.info("heard %s", event.token) error(event.token) end)
on("mine", function() log.info("mine %s", at_top) error(at_top) end)
for _, name in ipairs { "logs", "results", "long", "short", "raises", "raises_table", "closes_over", "names", "runs",
  "fails_in_c", "emits", "snoozes", "checkpoints", "adds", "keeps", "missing", "open_to_all", "odd_name", "cut_name",
  "size", "long_lines" } do
  job(name) { run = _G[name] }
end
]]

local d

local function put(name, text, mode)
  daemon.write_file(d.root .. "/vault/" .. name, text)
  d:sh(("chmod %s vault/%s"):format(mode or "600", name))
end

--- Everything that anybody might read, but for the secrets themselves.
local function search(value)
  local file = os.tmpname()
  daemon.write_file(file, value)
  local out = daemon.shell(("cd %s && grep -rlaF -f %s .moonbeat daemon.log"):format(quote(d.root), file))
  os.remove(file)
  return out
end

describe("a secret", function()
  setup(function()
    d = daemon.new()
    d.arguments = { "--secrets", d.root .. "/vault" }
    d:sh "mkdir -m 700 vault credentials"
    d.env.CREDENTIALS_DIRECTORY = d.root .. "/credentials"
    daemon.write_file(d.root .. "/credentials/NUMBER", NUMBER)
    d:sh "chmod 440 credentials/NUMBER"
    put("TOKEN", TOKEN .. "\n", "600")
    put("PEM", PEM)
    put("SHORT", "abc")
    put("KEPT", "kept-by-choice")
    put("OPEN", "open-to-all", "640")
    d:write("leaky.lua", JOBS)
    d:start()
    assert.is_nil(d:json("scripts")[1].error)
  end)
  teardown(function() d:close() end)

  it("is shown as *** in logs, results and errors", function()
    assert.equal("succeeded", d:run_now("logs").state)
    local log = d:must("logs", "logs")
    assert.matches("the token is %*%*%*", log)
    local run = d:run_now "short"
    assert.equal("***", run.result[1])
    assert.equal("***", run.result[2])
    assert.equal("abc", run.result[3])
    assert.same({ token = "***", ["***"] = 1, pem = "***", number = "***" }, d:run_now("results").result)
    assert.matches('^"x+%*%*%*y+$', d:run_now("long").result.start)
    assert.matches("jobs/leaky.lua:8: no luck with %*%*%*\nstack traceback", d:run_now("raises").error)
    assert.matches("^%*%*%*", d:run_now("raises_table").error)
    assert.matches("^%*%*%*", d:run_now("closes_over").error)
    assert.equal("failed", d:run_now("names").state)
    assert.matches("%*%*%*", d:run_now("runs").error)
    assert.matches("%*%*%*", d:must("logs", "runs"))
    assert.equal("string", type(d:run_now("fails_in_c").result))
    assert.equal("succeeded", d:run_now("long_lines").state)
    local lines = d:must("logs", "long_lines")
    assert.truthy(lines:find("00001***0000", 1, true))
    assert.truthy(lines:find("00001***\n", 1, true))
  end)

  it("is there for who checks or simulates the job files", function()
    d:sh "mkdir -m 700 apart apart/jobs apart/.moonbeat"
    daemon.write_file(d.root .. "/apart/jobs/a.lua", 'assert(secret "TOKEN")\n')
    for _, command in ipairs { "check", "simulate" } do
      assert.not_equal(0, d:cli(command, "apart/jobs").status)
      d:must(command, "apart/jobs", "--secrets", d.root .. "/vault")
    end
    d:sh "cp -rp vault apart/.moonbeat/secrets"
    for _, command in ipairs { "check", "simulate" } do
      d:must(command, "apart/jobs", "--state", "apart/.moonbeat")
    end
  end)

  it("is kept out of events, arguments and the prompt", function()
    assert.equal("succeeded", d:run_now("emits").state)
    d:must("emit", "mine")
    daemon.wait_until(function() return d:log():find("mine ***", 1, true) end, PATIENCE, "the listener")
    assert.matches("***", d:must("events"), 1, true)
    assert.matches('jobs/leaky.lua:18: add_job: what is given to it holds the secret "TOKEN"', d:run_now("adds").error,
      1, true)
    assert.equal('"***"\n', d:must("repl", "-e", 'secret "TOKEN"'))
    assert.equal("***\n", d:must("repl", "-e", 'print(secret "TOKEN")'))
    d:must("run-now", "snoozes")
    daemon.wait_until(function() return d:json("runs", "snoozes")[1].due_at end, PATIENCE, "it snoozes")
    assert.matches('checkpoint: what is given to it holds the secret "TOKEN"', d:run_now("checkpoints").error, 1, true)
    local failed = d:cli("repl", "-e", 'error(secret "PEM", 0)')
    assert.equal(65, failed.status)
    assert.matches("***", failed.err, 1, true)
    d:write("declares.lua", 'job "j" { args = { secret "TOKEN" }, run = command { "echo", secret "TOKEN" } }')
    d:cli "reload"
    local errors = {}
    for _, script in ipairs(d:json "scripts") do
      errors[script.name] = script.error
    end
    assert.matches('jobs/declares.lua: what it declares holds the secret "TOKEN"', errors.declares, 1, true)
  end)

  it("is nowhere afterwards", function()
    for _, value in ipairs { TOKEN, TOKEN:sub(1, 6), TOKEN:sub(-6), "line\\two", "line\\\\two", NUMBER } do
      assert.equal("", search(value), value)
    end
  end)

  it("is a script's to keep in kv", function()
    assert.equal(14, d:run_now("keeps").result)
    assert.equal("kept-by-choice\n", d:must("kv", "get", "mine", "--script", "leaky"))
  end)

  it("is refused with the reason", function()
    assert.matches('jobs/leaky.lua:20: there is no secret "TOKN" in ' .. d.root .. "/vault or " .. d.root
      .. '/credentials, did you mean "TOKEN"?', d:run_now("missing").error, 1, true)
    assert.matches("/vault/OPEN can be read or changed by others (mode 0640): chmod 600 it",
      d:run_now("open_to_all").error, 1, true)
    assert.matches("the name of a secret has letters, digits", d:run_now("odd_name").error, 1, true)
    assert.matches("secret: the name holds a NUL byte", d:run_now("cut_name").error, 1, true)
    assert.equal(#PEM, d:run_now("size").result)
  end)

  it("may be changed while the daemon runs", function()
    put("TOKEN", "another-token")
    assert.equal("***", d:run_now("short").result[1])
    assert.equal("", search "another-token")
  end)
end)
