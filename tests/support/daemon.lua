--- The real daemon for specs: started on a folder of its own under TMPDIR or /tmp, spoken to by the real
-- command line, killed and started again. Needs nothing but Lua, dkjson and a POSIX shell. Daemon and folder
-- do not outlive the spec, whatever ends that.
--
--   local daemon = require "support.daemon"
--   local d = daemon.new { env = { SHOP_PATIENCE = "2s" } }
--   d:write("a.lua", [[job "a" { trigger = every "1s", run = function() end }]])
--   d:start()
--   daemon.wait_until(function() return d:job("a").last_run_at end, 5, "a runs")
--   d:close()

local dkjson = require "dkjson"

local daemon = {}
local Daemon = {}
Daemon.__index = Daemon

local BIN = os.getenv "MOONBEAT_BIN" or "build/moonbeat"
local START_SECONDS = 15

-- ---- the shell ----

function daemon.quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

local quote = daemon.quote

--- Runs a shell command: what it wrote to stdout, and its exit status.
function daemon.shell(command)
  local pipe = assert(io.popen(command, "r"))
  local out = pipe:read "a"
  local _, how, status = pipe:close()
  return out, how == "exit" and status or 128 + status
end

function daemon.sleep(seconds)
  os.execute(("sleep %.3f"):format(seconds))
end

--- Seconds, with a fraction, of a clock for measuring.
function daemon.now()
  local file = assert(io.open "/proc/uptime")
  local seconds = tonumber(file:read "a":match "^(%S+)")
  file:close()
  return seconds
end

--- Whether the program is built with a sanitizer.
daemon.is_sanitized = os.execute("grep -q -e __asan_init -e __tsan_init " .. quote(BIN) .. " 2>/dev/null") == true

--- Calls `check` until it returns something true, which is returned; an error after `timeout` seconds, or
-- several times as many where a sanitizer makes the program so slow. `what` says in words what is waited for.
function daemon.wait_until(check, timeout, what)
  timeout = (timeout or 10) * (daemon.is_sanitized and 6 or 1)
  local stop = daemon.now() + timeout
  repeat
    local value = check()
    if value then
      return value
    end
    daemon.sleep(0.05)
  until daemon.now() > stop
  error(("waited %g seconds in vain: %s"):format(timeout, what or "?"), 2)
end

function daemon.has(program)
  return os.execute(("command -v %s >/dev/null 2>&1"):format(quote(program))) == true
end

function daemon.read_file(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local text = file:read "a"
  file:close()
  return text
end

function daemon.write_file(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

-- ---- one daemon ----

--- The folder in which the specs run: the root of the project.
daemon.project = daemon.shell("pwd"):gsub("\n$", "")

local function absolute(path)
  return path:sub(1, 1) == "/" and path or daemon.project .. "/" .. path
end

--- Once the spec is gone, or has closed the daemon, a shell that is nobody's child, so that nobody ends it with the
-- spec, kills whatever works in the folder and removes that. It hears of it by the end of its pipe, which the spec
-- alone holds: popen() closes it in its children, and what os.execute() runs is soon over.
local GUARD = [[
  exec 3<&0
  { trap "" HUP INT TERM
    read -r _
    for pid in $(find /proc -maxdepth 2 -path "/proc/[0-9]*/cwd" -lname ROOT"*" | cut -d/ -f3); do
      kill -KILL "$pid"
    done
    for try in 1 2 3 4 5; do chmod -R u+rwX ROOT; rm -rf ROOT && break; sleep 1; done
  } <&3 3<&- >/dev/null 2>&1 & ]]

local function guard(root)
  return assert(io.popen((GUARD:gsub("ROOT", (quote(root):gsub("%%", "%%%%")))), "w"))
end

--- A folder with an empty jobs folder in it; nothing is started. What is, by the spec too, and works there does not
-- outlive it. Options: `env` (variables for the daemon and the command line), `jobs` (a folder whose contents are
-- copied into the jobs folder), `arguments` (a list, more for `moonbeat run`).
function daemon.new(options)
  options = options or {}
  local root = daemon.shell 'cd "$(mktemp -d "${TMPDIR:-/tmp}/moonbeat-e2e-XXXXXX")" && pwd -P':gsub("\n$", "")
  assert(root:find("/moonbeat-e2e-", 1, true), "there is no place for a folder")
  local self = setmetatable({
    bin = absolute(BIN),
    root = root,
    jobs_folder = root .. "/jobs",
    state = root .. "/.moonbeat",
    log_file = root .. "/daemon.log",
    env = options.env or {},
    arguments = options.arguments or {},
    guard = guard(root),
  }, Daemon)
  assert(os.execute("mkdir " .. quote(self.jobs_folder)))
  if options.jobs then
    assert(os.execute(("cp -r %s/. %s"):format(quote(options.jobs), quote(self.jobs_folder))))
  end
  return self
end

--- A command line of the binary, run in root.
function Daemon:command(arguments)
  local words = { "cd", quote(self.root), "&&", "exec", "env" }
  for name, value in pairs(self.env) do
    words[#words + 1] = name .. "=" .. quote(value)
  end
  words[#words + 1] = quote(self.bin)
  for _, argument in ipairs(arguments) do
    words[#words + 1] = quote(argument)
  end
  return table.concat(words, " ")
end

--- In the root folder, with $J for the jobs folder; raises when it fails.
function Daemon:sh(command)
  local out, status = daemon.shell(("cd %s && J=%s && { %s\n} 2>&1"):format(quote(self.root),
    quote(self.jobs_folder), command))
  if status ~= 0 then
    error(("%s: status %d: %s"):format(command, status, out), 2)
  end
  return out
end

--- Writes a file of the jobs folder.
function Daemon:write(name, text)
  daemon.write_file(self.jobs_folder .. "/" .. name, text)
end

function Daemon:remove(name)
  assert(os.remove(self.jobs_folder .. "/" .. name))
end

--- Starts without waiting for the socket.
function Daemon:launch()
  local arguments = { "run", self.jobs_folder, "--state", self.state, table.unpack(self.arguments) }
  local command = ("{ %s; } </dev/null >>%s 2>&1 & echo $!"):format(self:command(arguments), quote(self.log_file))
  self.pid = tonumber((daemon.shell(command)))
  return self
end

--- Starts and waits until it answers and has loaded its scripts.
function Daemon:start()
  self:launch()
  daemon.wait_until(function()
    if not self:is_alive() then
      error("the daemon ended at once:\n" .. self:log(), 0)
    end
    return self:cli("status").status == 0
  end, START_SECONDS, "the daemon answers")
  self:cli "reload"
  return self
end

--- False for a process that has ended, also while nobody has collected its status; a killed process
-- whose first thread has ended and whose others have not still holds its locks.
function Daemon:is_alive()
  local stat = self.pid and daemon.read_file(("/proc/%d/stat"):format(self.pid))
  if not stat then
    return false
  end
  local fields = {}
  for field in stat:match "^.*%)%s+(.*)$":gmatch "%S+" do
    fields[#fields + 1] = field
  end
  local state, threads = fields[1], tonumber(fields[18])
  return (state ~= "Z" and state ~= "X") or threads > 1
end

function Daemon:signal(name)
  os.execute(("kill -%s %d 2>/dev/null"):format(name, self.pid))
end

function Daemon:wait_for_end(timeout)
  daemon.wait_until(function() return not self:is_alive() end, timeout or 15, "the daemon ends")
  self.pid = nil
end

--- kill -9.
function Daemon:kill()
  self:signal "KILL"
  self:wait_for_end()
end

--- In good order.
function Daemon:stop()
  self:cli("stop")
  self:wait_for_end()
end

function Daemon:restart()
  self:stop()
  return self:start()
end

--- Ends it if need be and removes all its files; raises what a sanitizer has found.
function Daemon:close()
  if self.pid and self:is_alive() then
    self:kill()
  end
  local log = self:log()
  local at = log:find("Sanitizer", 1, true) or log:find(": runtime error: ", 1, true)
  local report = at and log:sub(log:sub(1, at):match ".*\n()" or 1)
  os.execute(("chmod -R u+rwX %s 2>/dev/null; rm -rf %s"):format(quote(self.root), quote(self.root)))
  self.guard:close()
  assert(not report, report)
end

--- What the daemon wrote to its standard error and output so far.
function Daemon:log()
  return daemon.read_file(self.log_file) or ""
end

-- ---- the command line ----

--- Runs `moonbeat ...`: { status = exit status, out =, err = }.
function Daemon:cli(...)
  return self:cli_with("", ...)
end

--- The same with text on its standard input.
function Daemon:cli_with(input, ...)
  local err_file = self.root .. "/.cli.err"
  local in_file = self.root .. "/.cli.in"
  daemon.write_file(in_file, input)
  local command = ("export MOONBEAT_STATE=%s; %s <%s 2>%s"):format(quote(self.state), self:command { ... },
    quote(in_file), quote(err_file))
  local out, status = daemon.shell(command)
  local err = daemon.read_file(err_file)
  os.remove(err_file)
  os.remove(in_file)
  return { status = status, out = out, err = err }
end

--- The same, raising when the status is not 0; returns what it wrote to stdout.
function Daemon:must(...)
  local result = self:cli(...)
  if result.status ~= 0 then
    error(("moonbeat %s: status %d: %s%s"):format(table.concat({ ... }, " "), result.status, result.out, result.err), 2)
  end
  return result.out
end

--- Objects of `text`, one JSON text per line.
function daemon.decode_lines(text)
  local objects = {}
  for line in text:gmatch "[^\n]+" do
    local value, _, message = dkjson.decode(line)
    if message then
      error(("not JSON (%s): %s"):format(message, line), 2)
    end
    objects[#objects + 1] = value
  end
  return objects
end

--- `moonbeat ... --json` as a list of objects.
function Daemon:json(...)
  local arguments = { ... }
  arguments[#arguments + 1] = "--json"
  return daemon.decode_lines(self:must(table.unpack(arguments)))
end

--- The job of that id as `list` shows it, or nil.
function Daemon:job(id)
  for _, job in ipairs(self:json "list") do
    if job.id == id then
      return job
    end
  end
end

--- The runs of a job, newest first.
function Daemon:runs(job)
  return self:json("runs", job)
end

--- Runs a job now and waits for the end of that run, which is returned.
function Daemon:run_now(job, timeout)
  local before = {}
  for _, run in ipairs(self:runs(job)) do
    before[run.id] = true
  end
  self:must("run-now", job)
  return daemon.wait_until(function()
    for _, run in ipairs(self:runs(job)) do
      if not before[run.id] and run.finished_at then
        return run
      end
    end
  end, timeout or 15, job .. " runs")
end

return daemon
