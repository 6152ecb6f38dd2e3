--- The scripts' side of moonbeat.testing: each state of a rehearsal begins with this, before the Lua half
-- itself. What would reach the world outside is replaced where C would do it, so that all above it is
-- what runs in the daemon: options are checked, webhooks signed, retries waited for, on virtual time.
-- raw.record hands a table to the spec and returns the answer, a table.

local raw = ...

local OK_MIN, OK_MAX = 200, 299
local TERM = 15

local function record(kind, request)
  return raw.record(kind, request)
end

-- ---- time ----

--- Lets what an answer says it takes pass, as far as `timeout` (0: none); false when that was over first.
local function pass(takes, timeout)
  if timeout > 0 and takes > timeout then
    raw.sleep(timeout)
    return false
  elseif takes > 0 then
    raw.sleep(takes)
  end
  return true
end

-- ---- http, webhook ----

-- What is replaced is opened first, so that it is not opened over this.
for _, name in ipairs { "http_request", "email_send", "environment" } do
  local _ = raw[name]
end

local function fields_of(lines)
  local headers = {}
  for _, line in ipairs(lines) do
    local name, value = line:match "^([^:;]+): (.*)$"
    name = name or line:match "^([^:;]+);$" -- has no value
    if name then
      headers[name:lower()] = value or ""
    end
  end
  return headers
end

local function shown(request)
  return request.method .. " " .. request.url:gsub("[?#].*$", ""):gsub("//[^/]*@", "//")
end

local function save(request, body)
  local done, message, code = raw.module("fs").write(request.save_to, body)
  if not done then
    return nil, message, code
  end
  return #body
end

function raw.http_request(name, request)
  raw.wait_check(name)
  local answer = record(name == "webhook.send" and "webhook" or "http", {
    method = request.method,
    url = request.url,
    body = request.body,
    headers = fields_of(request.headers),
    auth = request.auth,
    timeout = request.timeout,
  })
  if not pass(answer.takes, request.timeout) then
    return nil, shown(request) .. ": no answer within the time-out", "timeout"
  elseif answer.error then
    return nil, shown(request) .. ": " .. answer.error, answer.code
  elseif #answer.body > request.max_size then
    return nil, ("%s: the body is over max_size, %d bytes"):format(shown(request), request.max_size), "limit"
  end
  local is_ok = answer.status >= OK_MIN and answer.status <= OK_MAX
  if not request.save_to or not is_ok then
    return answer.status, answer.headers, answer.body, answer.url or request.url, answer.takes
  end
  local size, message, code = save(request, answer.body)
  if not size then
    return nil, message, code
  end
  return answer.status, answer.headers, "", answer.url or request.url, answer.takes, size
end

-- ---- email ----

local sending = setmetatable({}, { __mode = "k" }) -- coroutine -> the options of the message that it is sending

local function wrap_email(email)
  local send = email.send
  function email.send(options)
    local thread = coroutine.running()
    sending[thread] = options
    local receipt, message, code = send(options)
    sending[thread] = nil
    return receipt, message, code
  end
end

local function list_of(value)
  return type(value) == "table" and value or { value }
end

function raw.email_send(name, request)
  raw.wait_check(name)
  local options = sending[coroutine.running()] or {}
  local answer = record("email", {
    server = options.server,
    user = options.user,
    from = options.from,
    to = list_of(options.to),
    cc = list_of(options.cc),
    bcc = list_of(options.bcc),
    reply_to = list_of(options.reply_to),
    subject = options.subject,
    text = options.text,
    html = options.html,
    headers = options.headers,
    attachments = options.attachments or {},
    recipients = request.recipients,
    message = table.concat(request.parts),
  })
  if not pass(answer.takes, request.timeout) then
    return nil, "the mail server did not answer within the time-out", "timeout"
  elseif answer.error then
    return nil, answer.error, answer.code
  end
  return true
end

-- ---- exec, command, os.execute, io.popen ----

local Child = {}
Child.__index = Child
Child.__name = "moonbeat.child"

function Child.__close() end

-- Its time passes when somebody waits for it.
local function await(child)
  if child.has_ended then
    return
  end
  child.has_ended = true
  raw.record("input", { call = child.answer.call, text = child.input })
  if not pass(child.answer.takes, child.timeout) then
    child.timed_out, child.answer.status = true, nil
    child.answer.signal, child.answer.signal_number = "TERM", TERM
  end
end

function Child:next()
  await(self)
  local out, err = self.out, self.err
  self.out, self.err = nil, nil
  return out, err, true
end

function Child:wait()
  await(self)
  return self.out or "", self.err or "", false
end

function Child:write(text)
  self.input = self.input .. text
  return true
end

function Child.drained()
  return true
end

function Child:finish(stops_reading)
  if stops_reading then
    self.out = nil
  end
end

function Child:status()
  await(self)
  return self.answer.status, self.answer.signal, self.timed_out
end

function Child:exit_values()
  await(self)
  local status, signal = self.answer.status, self.answer.signal
  if signal then
    return nil, "signal", self.answer.signal_number
  end
  return status == 0 or nil, "exit", status
end

local function not_empty(text)
  return text ~= "" and text or nil
end

function raw.exec_spawn(name, spec)
  raw.wait_check(name)
  local input = type(spec.stdin) == "string" and spec.stdin or ""
  local answer = record("exec", {
    name = name,
    argv = spec.argv,
    cwd = spec.cwd,
    env = spec.env,
    timeout = spec.timeout,
  })
  if answer.error then
    return nil, answer.error, answer.code
  end
  local timeout = spec.timeout ~= nil and raw.seconds_option(name, "timeout", spec.timeout) or 0
  return setmetatable({
    answer = answer,
    timeout = timeout,
    input = input,
    out = not_empty(answer.stdout),
    err = not_empty(answer.stderr),
    has_ended = false,
    timed_out = false,
  }, Child)
end

-- A command is ended by a signal when its run shall end; here the sleep that stands for it is.
local patient = raw.run_patient

function raw.run_patient(run, what)
  if what ~= "command" then
    return patient(run, what)
  end
end

-- ---- the environment ----

local variable, variables = raw.environment_variable, raw.environment

function raw.environment_variable(name)
  return record("env", { [name] = variable(name) })[name]
end

function raw.environment()
  return record("env", variables())
end

os.getenv = raw.environment_variable

-- ---- how long runs take ----

-- A function that lets pass what the test says that runs of the job take, after what they do; nil: nothing.
local function linger(job_id, action)
  local takes = record("takes", { job = job_id }).seconds
  return takes and function(...)
    local results = table.pack(action(...))
    raw.sleep(takes)
    return table.unpack(results, 1, results.n)
  end
end

local function wrap_declared(declared)
  local find = declared.find_function
  declared.are_globals_first = false
  function declared.find_function(job_id, func)
    local action = find(job_id, func)
    return linger(job_id, action) or action
  end
end

local function wrap_exec(process)
  local run_command = process.run_command
  function process.run_command(spec, run)
    local action = run and linger(run.job, run_command) or run_command
    return action(spec, run)
  end
end

-- ---- modules that are changed when they are first used ----

local wraps = { email = wrap_email, declared = wrap_declared, exec = wrap_exec }
local module = raw.module

function raw.module(name)
  local result = module(name)
  local wrap = wraps[name]
  if wrap then
    wraps[name] = nil
    wrap(result)
  end
  return result
end
