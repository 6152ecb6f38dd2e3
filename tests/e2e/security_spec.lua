--- What README's "Security" says, against the real daemon: who may talk to it, what its children are given, that no
-- name leaves its folder and no text reaches a terminal as anything but text.

local daemon = require "support.daemon"
local quote = daemon.quote

local PATIENCE = 20
local STRANGER_ID = 65534
local STRANGER = ("setpriv --reuid=%d --regid=%d --clear-groups "):format(STRANGER_ID, STRANGER_ID)

local d

before_each(function() d = daemon.new() end)
after_each(function() d:close() end)

local function is_root()
  return daemon.shell "id -u" == "0\n"
end

--- Tests that need another user skip where there can be none.
local function can_change_user()
  if not is_root() then
    pending "only root can become another user"
  elseif not daemon.has "setpriv" then
    pending "setpriv is not installed"
  else
    return true
  end
  return false
end

local function mode_of(path)
  return (d:sh("stat -c %a " .. quote(path)):gsub("\n", ""))
end

describe("the state folder", function()
  it("is closed to others, and so is what is in it", function()
    d:sh "umask 0; mkdir .moonbeat; chmod 755 .moonbeat"
    d:start()
    assert.equal("700", mode_of ".moonbeat")
    assert.equal("600", mode_of ".moonbeat/control.sock")
    assert.equal("600", mode_of ".moonbeat/moonbeat.db")
  end)

  --- The sentence with which the daemon does not start.
  local function refusal(state)
    local out, status = daemon.shell(("cd %s && timeout 20 %s run jobs --state %s 2>&1"):format(quote(d.root),
      quote(d.bin), quote(state)))
    assert.equal(77, status, out)
    assert.is_nil(daemon.read_file(state .. "/moonbeat.db"))
    return out
  end

  it("is not that of another user, who could put another socket there", function()
    if not can_change_user() then
      return
    end
    d:sh(("mkdir .moonbeat && chown %d .moonbeat && chmod 777 .moonbeat"):format(STRANGER_ID))
    assert.equal(("moonbeat: the state folder %s belongs to user 65534, and this is user 0: chown it, or give "
      .. "--state\n"):format(d.state), refusal(d.state))
    assert.equal("777", mode_of ".moonbeat")
  end)

  it("is not one that users share", function()
    d:sh "mkdir .moonbeat && chmod 1777 .moonbeat"
    assert.equal(("moonbeat: %s is a folder that users share: give --state a folder of its own\n"):format(d.state),
      refusal(d.state))
    assert.equal("1777", mode_of ".moonbeat")
  end)
end)

describe("a jobs folder", function()
  it("that others may write is warned of, at the start and by status", function()
    d:start()
    assert.is_nil(d:json("status")[1].warning)
    d:stop()
    d:sh "chmod 777 jobs"
    d:start()
    local warning = ("the jobs folder %s can be written by all users (mode 0777): what they put there runs as user %s; "
      .. "chmod o-w it"):format(d.jobs_folder, daemon.shell "id -u":gsub("\n", ""))
    assert.equal(warning, d:json("status")[1].warning)
    assert.is_truthy(d:must("status"):find(warning, 1, true))
    assert.is_truthy(d:log():find("warn  " .. warning, 1, true), d:log())
  end)
end)

describe("the command line", function()
  local function run(command)
    local out, status = daemon.shell(("cd %s && unset MOONBEAT_STATE && { %s\n} 2>&1"):format(quote(d.root), command))
    return { out = out, status = status }
  end

  it("tells nothing to a daemon of another user", function()
    if not can_change_user() then
      return
    end
    d:sh(("cp %s moonbeat && mkdir theirs && chown %d theirs && chmod 755 ."):format(quote(d.bin), STRANGER_ID))
    d:sh(STRANGER .. "./moonbeat run jobs --state theirs </dev/null >daemon.log 2>&1 &")
    daemon.wait_until(function() return run(STRANGER .. "./moonbeat --state theirs status").status == 0 end, PATIENCE,
      "it answers its own user")
    local refused = run "./moonbeat --state theirs kv set PASSWORD hunter2"
    assert.same({ status = 77, out = ("moonbeat: the moonbeat on %s/theirs is run by user 65534, and you are user 0: "
      .. "ask it as that user (sudo -u '#65534' moonbeat ...)\n"):format(d.root) }, refused)
    assert.same({ status = 0, out = "" }, run(STRANGER .. "./moonbeat --state theirs kv list --json"))
  end)

  it("uses no folder and no configuration that another user has put above", function()
    if not can_change_user() then
      return
    end
    d:sh "mkdir -p deep/deeper"
    for _, made in ipairs { { "mkdir .moonbeat", ".moonbeat", "status" }, { "echo 'return {}' > moonbeat.lua",
      "moonbeat.lua", "run" } } do
      d:sh(("%s && chown %d %s"):format(made[1], STRANGER_ID, made[2]))
      local refused = run(("cd deep/deeper && timeout 20 %s %s"):format(quote(d.bin), made[3]))
      assert.same({ status = 77, out = ("moonbeat: %s/%s belongs to user 65534, and you are user 0: what others put "
        .. "there is not used; give --state, or the jobs folder to run\n"):format(d.root, made[2]) }, refused)
      d:sh("rm -r " .. made[2])
    end
  end)
end)

describe("another user", function()
  local function ask_as_stranger()
    return daemon.shell(([[cd %s && %s /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
try:
    s.connect(sys.argv[1])
except OSError as problem:
    sys.exit(type(problem).__name__)
try:
    s.sendall(b"{\"id\":1,\"op\":\"status\"}\n")
except OSError:
    pass # refused before it has asked
print(s.makefile().readline())' %s 2>&1]]):format(quote(d.root), STRANGER, quote(d.state .. "/control.sock")))
  end

  it("cannot reach the control socket", function()
    if not can_change_user() then
      return
    end
    d:sh "chmod 755 ."
    d:start()
    assert.equal("PermissionError\n", ask_as_stranger())
  end)

  it("is refused by name where somebody has opened the way", function()
    if not can_change_user() then
      return
    end
    d:start()
    d:sh "chmod 755 . .moonbeat && chmod 666 .moonbeat/control.sock"
    local answer = ask_as_stranger()
    assert(answer:find("this moonbeat belongs to user 0, and you are user 65534", 1, true), answer)
    assert.is_nil(answer:find("result", 1, true))
    assert.equal(0, d:cli("status").status)
  end)

  it("cannot read the memory of a daemon that has seen a secret, nor can its own user", function()
    if not can_change_user() then
      return
    end
    d:write("quiet.lua", [[function look() return #secret "TOKEN" end job "look" { run = look }]])
    d:sh(("cp %s moonbeat && mkdir vault .moonbeat && printf 12345 > vault/TOKEN && chmod 600 vault/TOKEN && "
      .. "chown -R 65534:65534 . && chmod 755 ."):format(quote(d.bin)))
    local out, status = daemon.shell(([[cd %s && %s sh -c '
      ./moonbeat run jobs --state .moonbeat --secrets vault > daemon.log 2>&1 &
      for i in $(seq 200); do ./moonbeat --state .moonbeat show look > /dev/null 2>&1 && break; sleep 0.1; done
      head -c 0 /proc/$!/mem && echo before
      ./moonbeat --state .moonbeat run-now --wait look > /dev/null
      head -c 0 /proc/$!/mem 2> /dev/null || echo closed
      ./moonbeat --state .moonbeat stop > /dev/null']]):format(quote(d.root), STRANGER))
    assert.equal("before\nclosed\n", out, status)
  end)
end)

describe("a child", function()
  --- Started with an environment that is known, and with a descriptor that somebody left open.
  local LOOK = "ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> \\(.*\\)/\\1 \\2/p'; env | sort"

  local JOBS = ([[
    local LOOK = %q
    job "exec" { run = function() return exec({ "sh", "-c", LOOK }).stdout end }
    job "given" { run = function() return exec({ "sh", "-c", LOOK }, { env = { OWN = "1" }, clean_env = true }).stdout
      end }
    job "popen" { run = function() local pipe = io.popen(LOOK) local text = pipe:read "a" pipe:close() return text end }
    job "execute" { run = function()
      os.execute("{ " .. LOOK .. "; } > ../executed")
      return fs.read "../executed"
    end }
    job "isolated" { isolate = true, run = function() return exec({ "sh", "-c", LOOK }).stdout end }
    job "command" { run = command { "sh", "-c", LOOK } }
  ]]):format(LOOK)

  --- Names of the environment's variables, and what is open besides 0, 1, 2 and the listing itself.
  local function read(text)
    local names, open = {}, {}
    for line in text:gmatch "[^\n]+" do
      local fd, target = line:match "^(%d+) (.*)"
      local name = line:match "^([%w_]+)="
      if name then
        names[name] = true
      elseif fd and tonumber(fd) > 2 and not target:find "^/proc/%d+/fd$" then
        open[#open + 1] = line
      end
    end
    return names, open
  end

  local function look(job)
    local ended = d:run_now(job, PATIENCE)
    assert.equal("succeeded", ended.state, ended.error)
    local text = ended.result
    if type(text) ~= "string" then
      text = d:must("logs", job):gsub("\n%S+%s+%S+%s+", "\n")
    end
    return read(text)
  end

  it("gets no descriptor of the daemon, and no variable but what the daemon was given", function()
    d:write("children.lua", JOBS)
    d.env.SECRET_OF_THE_SHELL = "x"
    local given = { SECRET_OF_THE_SHELL = true, PWD = true, OLDPWD = true, SHLVL = true, _ = true }
    for name in daemon.shell "env | sed -n 's/^\\([A-Za-z0-9_]*\\)=.*/\\1/p'":gmatch "%S+" do
      given[name] = true
    end
    d:start()
    for _, job in ipairs { "exec", "popen", "execute", "isolated" } do
      local names, open = look(job)
      assert.same({}, open, job)
      assert.is_true(next(names) ~= nil, job)
      for name in pairs(names) do
        assert.is_true(given[name] or name:find "^MOONBEAT_" ~= nil, job .. " was given " .. name)
      end
      assert.equal(job ~= "isolated", names.SECRET_OF_THE_SHELL or false, job)
    end
  end)

  it("gets no descriptor as a job that is a command", function()
    d:write("children.lua", JOBS)
    d:start()
    assert.equal("succeeded", d:run_now("command", PATIENCE).state)
    local log = d:must("logs", "command")
    assert.truthy(log:find("0 /dev/null", 1, true), log)
    for fd, target in log:gmatch "%f[%d](%d+) (/[^\n]*)" do
      assert.is_true(tonumber(fd) <= 2 or target:find "^/proc/%d+/fd" ~= nil, fd .. " " .. target)
    end
    assert.is_nil(log:find(d.root .. "/.moonbeat", 1, true), log)
    assert.is_nil(log:find("3 socket:", 1, true), log)
  end)
end)

describe("the name of a script", function()
  local OUTSIDE = 'job "outside" { run = function() end }'

  it("does not leave its folder", function()
    d:start()
    daemon.write_file(d.root .. "/outside.lua", OUTSIDE)
    for _, name in ipairs { "../outside", "..", ".", "/etc/passwd", "a/b", "a\\b", "", "a\nb", "\255",
      "\u{202e}evil", ("x"):rep(300), ".hidden" } do
      local result = d:cli("add", "script", name, d.root .. "/outside.lua")
      assert.not_equal(0, result.status, ("%q was taken"):format(name))
      result = d:cli("show", "script", name)
      assert.not_equal(0, result.status, ("%q was shown"):format(name))
    end
    assert.same({}, d:json "scripts")
    assert.is_false(d:cli("add", "job", "x", "--func", "../outside.run", "--trigger", "@daily").status == 0)
  end)

  it("does not lead a module out of it", function()
    daemon.write_file(d.root .. "/outside.lua", "return 1")
    for i, name in ipairs { "../outside", "..outside", "/etc/passwd", "a/../../outside", ".outside", "a..b",
      "a\\0b" } do
      d:write("r" .. i .. ".lua", ('require "%s"'):format(name))
    end
    local result = d:cli("check", d.jobs_folder)
    assert.not_equal(0, result.status)
    assert.equal(7, select(2, result.out:gsub("a module's name is letters", "")), result.out)
  end)
end)

describe("a text", function()
  --- What a terminal would obey: controls, C1 controls, bidi controls, and `raw`.
  local function make_poison(raw)
    local all = {}
    for byte = 1, 31 do
      all[#all + 1] = string.char(byte)
    end
    all[#all + 1] = "\127\27]0;title\7\27[31m" .. raw
    for _, point in ipairs { 0x80, 0x85, 0x9b, 0x9d, 0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066,
      0x2069, 0xfeff } do
      all[#all + 1] = utf8.char(point)
    end
    return table.concat(all, "x")
  end

  --- What would act; tabs and line ends are the tables' own.
  local function find_danger(text)
    if text:find "[\1-\8\11-\31\127]" then
      return text:match ".?.?.?.?.?.?.?[\1-\8\11-\31\127].*"
    end
    local length, bad = utf8.len(text)
    if not length then
      return "no UTF-8: " .. text:sub(bad)
    end
    for _, point in utf8.codes(text) do
      if point >= 0x80 and point <= 0x9f or point == 0x61c or point == 0x200e or point == 0x200f
        or point >= 0x2028 and point <= 0x202e or point >= 0x2066 and point <= 0x2069 or point == 0xfeff then
        return ("U+%04X in %s"):format(point, text)
      end
    end
  end

  --- As Lua writes it, for files that must be UTF-8.
  local function write_escaped(text)
    return '"' .. text:gsub(".", function(byte) return ("\\%03d"):format(byte:byte()) end) .. '"'
  end

  local POISON = make_poison "\155" -- a byte that is no UTF-8
  local WORD = make_poison "" -- as words on the command line must be

  local SCRIPT = [[
    local POISON = %s
    local function try(f, ...) local ok, problem = pcall(f, ...) if not ok then log.warn("%%s", problem) end end
    job "loud" {
      name = POISON:gsub("[^%%g ]", "?"),
      run = function(run)
        print(POISON)
        log.error(POISON)
        run:progress(1, 2, POISON)
        try(kv.set, POISON, POISON)
        try(function() lock(POISON, function() end) end)
        try(scheduler.emit, "shout", { text = POISON })
        error(POISON)
      end,
    }
    job "table" { run = function() return { [POISON] = POISON } end }
    job "retried" { retry = { attempts = 2, delay = "1h" }, run = function(run) run:retry("1h", POISON) end }
    on("shout", function() error(POISON) end)
  ]]

  it("does nothing to a terminal, whoever wrote it and whatever command shows it", function()
    d:write("loud.lua", SCRIPT:format(write_escaped(POISON)))
    d:write("broken.lua", ("error(%s)"):format(write_escaped(POISON)))
    daemon.write_file(d.jobs_folder .. "/odd\27[31m\u{202e}.lua", "job 'odd' { run = function() end }")
    d:start()
    local shown = {}
    local function look(...)
      local result = d:cli(...)
      local text = result.out .. result.err
      assert.is_nil(find_danger(text), table.concat({ ... }, " "):sub(1, 40))
      shown[#shown + 1] = text
    end
    look "reload"
    for _, job in ipairs { "loud", "table", "retried" } do
      look("run-now", job, WORD)
    end
    daemon.wait_until(function() return d:runs("retried")[1].attempt == 2 end, PATIENCE, "it is tried again")
    daemon.wait_until(function() return d:runs("loud")[1].finished_at and d:runs("table")[1].finished_at end, PATIENCE,
      "they have run")
    look("kv", "set", WORD, WORD)
    look("add", "job", WORD, "--func", "loud." .. WORD, "--trigger", WORD)
    look("add", "job", "x", "--func", "loud.x", "--trigger", "@daily", "--option", WORD .. "=1")
    look("set", "pool", WORD, "2")
    look("emit", WORD, "text=" .. WORD)
    look("repl", "-e", "error(" .. write_escaped(POISON) .. ")")
    for _, command in ipairs { "status", "list", "runs", "events", "listeners", "scripts", "kv list", "locks",
      "pools" } do
      local words = {}
      for word in command:gmatch "%S+" do
        words[#words + 1] = word
      end
      look(table.unpack(words))
      words[#words + 1] = "--json"
      look(table.unpack(words))
    end
    for _, command in ipairs { "show", "why", "logs", "runs", "next", "skips", "pause", "cancel", "kv get",
      "show script", "show listener", "remove" } do
      local words = {}
      for word in command:gmatch "%S+" do
        words[#words + 1] = word
      end
      local last = #words + 1
      for _, argument in ipairs { "loud", "table", "retried", WORD, POISON } do
        words[last] = argument
        look(table.unpack(words, 1, last))
        words[last + 1] = "--json"
        look(table.unpack(words, 1, last + 1))
      end
    end
    --- A pipe is given what was printed, a terminal sees it as text.
    local function look_at_terminal(...)
      local words = { "--state", d.state, ... }
      for i, word in ipairs(words) do
        words[i] = write_escaped(word)
      end
      daemon.write_file(d.root .. "/words", table.concat(words, "\n"))
      local text = daemon.shell(([[cd %s && NO_COLOR=1 TERM=dumb /usr/bin/python3 -c '
import os, pty, re, sys
words = [re.sub(rb"\\(\d\d\d)", lambda m: bytes([int(m[1])]), line.strip()[1:-1]) for line in open("words", "rb")]
pty.spawn([os.fsencode(sys.argv[1])] + words)' %s </dev/null 2>&1]]):format(quote(d.root), quote(d.bin)))
      assert.is_nil(find_danger((text:gsub("\r\n", "\n"):gsub("^%^D[\8]*", ""))), select(1, ...))
      return text
    end
    local printed = look_at_terminal("repl", "-e", ("print(%s) return %s"):format(write_escaped(POISON),
      write_escaped(POISON)))
    assert.is_truthy(printed:find("\\x1b[31m", 1, true), printed)
    for _, command in ipairs { "list", "events", "runs" } do
      look_at_terminal(command)
    end
    look_at_terminal("logs", "loud")
    look_at_terminal("why", "loud")
    for _, command in ipairs { { "check", d.jobs_folder }, { "simulate", d.jobs_folder, "--for", "3h" },
      { "list", "--timers" }, { "next", "loud" }, { "import", "crontab", d.root .. "/words" } } do
      look(table.unpack(command))
      command[#command + 1] = "--json"
      look(table.unpack(command))
    end
    look("run", d.root .. "/" .. POISON)
    look(POISON)
    look("list", "--" .. POISON)
    assert.is_truthy(table.concat(shown):find("\\x1b[31m", 1, true), "it is shown, as text")
    local log = daemon.read_file(d.log_file)
    assert.is_nil(find_danger(log), "the daemon's log")
    assert.is_truthy(log:find("\\x1b[31m", 1, true))
  end)
end)
