--- What is recorded of calls to the world outside, and what they are answered: sim.http, sim.exec,
-- sim.email and sim.webhook. Calls that nothing answers succeed, with nothing in the answer.

local core = require "moonbeat.core"
local fail = require "moonbeat.testing.fail"

---@class moonbeat.recorder
---@field calls table[] all of them, in order
local Recorder = {}

local public = { "answer", "calls", "clear", "find", "last" }

function Recorder.__index(recorder, name)
  local method = Recorder[name]
  return method or fail('sim.%s has no "%s"%s', recorder.kind, tostring(name),
    core.did_you_mean(tostring(name), public))
end

---@class moonbeat.answer
---@field error? string there is no answer: the call returns nil, this sentence and `code`
---@field code? string|integer with error, "unavailable" when not given; of exec without: the exit status, 0 to 255
---@field takes? number|string how much virtual time passes meanwhile; longer than the call's time-out, it times out
---@field times? integer after so many calls, 1 or more, this answer no longer holds
---@field status? integer of http and webhook, 100 to 599; 200 when not given
---@field headers? table<string, string>
---@field body? string
---@field json? any the body, in place of `body`
---@field url? string where the answer came from, after redirects
---@field stdout? string of exec
---@field stderr? string
---@field signal? string by which the command was ended: "TERM", "SIGKILL"

--- A pattern is a text in which * stands for anything.
local function matches(pattern, text)
  local form = pattern:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*")
  return text:find("^" .. form .. "$") ~= nil
end

--- With a dot or a colon, as one likes.
local function bind(recorder, name)
  local method = Recorder[name]
  return function(first, ...)
    if rawequal(first, recorder) then
      return method(recorder, ...)
    end
    return method(recorder, first, ...)
  end
end

function Recorder.new(kind, clock)
  local recorder = setmetatable({ kind = kind, clock = clock, calls = {}, answers = {} }, Recorder)
  for _, name in ipairs { "answer", "find", "last", "clear" } do
    recorder[name] = bind(recorder, name)
  end
  return recorder
end

-- The fields of an answer, of all kinds and of each.
local common = { "error", "code", "takes", "times" }
local web = { "status", "headers", "body", "json", "url" }
local own = { http = web, webhook = web, exec = { "stdout", "stderr", "signal" }, email = {} }

local types = { error = "string", body = "string", stdout = "string", stderr = "string", signal = "string",
  url = "string", status = "number", times = "number", headers = "table" }

local function check_fields(name, kind, answer)
  local known = table.move(own[kind], 1, #own[kind], #common + 1, { table.unpack(common) })
  for key in pairs(answer) do
    local is_known = false
    for _, one in ipairs(known) do
      is_known = is_known or key == one
    end
    if not is_known then
      fail('%s: an answer has no field "%s"%s', name, tostring(key), core.did_you_mean(tostring(key), known))
    end
  end
end

local function is_whole(value, least, most)
  return math.type(value) and math.tointeger(value) and value >= least and value <= most
end

-- With an error its code, as scripts get it; of a command without one the exit status.
local function check_code(name, kind, answer)
  local code = answer.code
  if answer.error == nil and kind ~= "exec" and code ~= nil then
    fail("%s: code goes with error%s", name, own[kind] == web and " (status = is that of the answer)" or "")
  elseif answer.error ~= nil and code ~= nil and type(code) ~= "string" then
    fail("%s: the code of an error must be a string, got a %s", name, type(code))
  elseif answer.error == nil and code ~= nil and not is_whole(code, 0, 255) then
    fail("%s: code is the exit status, a whole number from 0 to 255, not %s", name, tostring(code))
  end
end

-- What a test means as something else: no server answers with 200.5.
local function check_values(name, answer)
  if answer.status ~= nil and not is_whole(answer.status, 100, 599) then
    fail("%s: status is a whole number from 100 to 599, not %s", name, tostring(answer.status))
  elseif answer.times ~= nil and not is_whole(answer.times, 1, math.huge) then
    fail("%s: times is a whole number from 1 on, not %s", name, tostring(answer.times))
  end
  if answer.signal ~= nil then
    local known, message = core.signal(answer.signal)
    if not known then
      fail("%s: signal: %s", name, message)
    end
  end
end

local function seconds_of(name, takes)
  local seconds, message = takes or 0, nil
  if type(takes) == "string" then
    local us
    us, message = core.parse_duration(takes)
    seconds = us and us / 1e6
  end
  if not message and not (math.type(seconds) and seconds >= 0 and seconds < math.huge) then
    message = ('a length is a text like "5m" or a number of seconds, not %s'):format(tostring(takes))
  end
  return not message and seconds or fail("%s: takes: %s", name, message)
end

local function check_answer(name, kind, answer)
  check_fields(name, kind, answer)
  for key, wanted in pairs(types) do
    if answer[key] ~= nil and type(answer[key]) ~= wanted then
      fail("%s: %s must be a %s, got a %s%s", name, key, wanted, type(answer[key]),
        key == "body" and " (json = sends a table)" or "")
    end
  end
  check_code(name, kind, answer)
  check_values(name, answer)
  seconds_of(name, answer.takes)
  if answer.body ~= nil and answer.json ~= nil then
    fail("%s: give body or json, not both", name)
  end
end

--- What calls are answered from now on: all, or those that a pattern fits. The newest that fits counts.
-- A pattern is a text in which * stands for anything: of http and webhook the URL, or the method, a
-- blank and the URL; of exec the program's name, or the whole command line; of email a recipient.
---
---     sim.http.answer("https://shop.example/orders*", { json = { { id = 42 } } })
---     sim.http.answer { status = 503, times = 2 }
---     sim.exec.answer("pg_dump *", { code = 1, stderr = "no such database", takes = "5m" })
---     sim.http.answer("POST *", function(request) return { status = request.json and 201 or 400 } end)
---@param pattern string|moonbeat.answer|fun(call: table): moonbeat.answer? all calls when not given
---@param answer? moonbeat.answer|fun(call: table): moonbeat.answer? of a function: nil leaves it to the others
function Recorder:answer(pattern, answer)
  local name = "sim." .. self.kind .. ".answer"
  if type(pattern) ~= "string" then
    pattern, answer = "*", pattern
  end
  if type(answer) ~= "table" and type(answer) ~= "function" then
    fail("%s wants a table or a function, got %s", name, type(answer))
  elseif type(answer) == "table" then
    check_answer(name, self.kind, answer)
  end
  table.insert(self.answers, { pattern = pattern, answer = answer, left = type(answer) == "table" and answer.times })
end

-- The texts by which a call is known.
local names = {
  http = function(call) return { call.url, call.method .. " " .. call.url } end,
  exec = function(call) return { call.program, call.line } end,
  email = function(call) return call.recipients end,
}
names.webhook = names.http

local function is_meant(self, pattern, call)
  for _, text in ipairs(names[self.kind](call)) do
    if matches(pattern, text) then
      return true
    end
  end
  return false
end

--- The calls that a pattern fits, as in answer.
---@param pattern? string
---@return table[] calls
function Recorder:find(pattern)
  if pattern ~= nil and type(pattern) ~= "string" then
    fail("sim.%s: a pattern is a string, not a %s", self.kind, type(pattern))
  end
  local found = {}
  for _, call in ipairs(self.calls) do
    if not pattern or is_meant(self, pattern, call) then
      found[#found + 1] = call
    end
  end
  return found
end

--- The last call, or the last that a pattern fits.
---@param pattern? string
---@return table? call
function Recorder:last(pattern)
  local found = self:find(pattern)
  return found[#found]
end

--- Forgets the calls; the answers stay.
function Recorder:clear()
  self.calls = {}
end

-- As scripts are given it.
local function complete(self, call, answer)
  local signal, signal_number
  if answer.signal then
    signal, signal_number = core.signal(answer.signal)
  end
  local whole = {
    call = #self.calls,
    takes = seconds_of("sim." .. self.kind .. ".answer", answer.takes),
    error = answer.error,
    code = answer.error and (answer.code or "unavailable"),
    status = math.tointeger(answer.status or 200),
    headers = {},
    body = answer.body or "",
    url = answer.url or call.url,
    stdout = answer.stdout,
    stderr = answer.stderr,
    signal = signal,
    signal_number = signal_number,
  }
  for name, value in pairs(answer.headers or {}) do
    whole.headers[name:lower()] = tostring(value)
  end
  if answer.json ~= nil then
    local text, message = core.json_encode(answer.json, "json")
    whole.body = text or fail("sim.%s.answer: %s", self.kind, message)
    whole.headers["content-type"] = whole.headers["content-type"] or "application/json"
  end
  if self.kind == "exec" and not answer.error then
    whole.status = not answer.signal and math.tointeger(answer.code or 0) or nil
  end
  return whole
end

local function check_given(name, kind, answer)
  if type(answer) ~= "table" then
    fail("%s: what the function returns is a table or nil, not a %s", name, type(answer))
  end
  check_answer(name, kind, answer)
end

local function choose(self, call)
  for i = #self.answers, 1, -1 do
    local one = self.answers[i]
    if one.left ~= 0 and is_meant(self, one.pattern, call) then
      one.left = one.left and one.left - 1
      local answer = one.answer
      if type(answer) == "function" then
        answer = answer(call)
        if answer ~= nil then
          check_given("sim." .. self.kind .. ".answer", self.kind, answer)
        end
      end
      if answer ~= nil then
        return answer
      end
    end
  end
  return {}
end

-- What is plain from what was sent.
local function explain(kind, call)
  if kind == "exec" then
    local is_shell = call.argv[1] == "/bin/sh" and call.argv[2] == "-c" and #call.argv == 3
    call.line = is_shell and call.argv[3] or table.concat(call.argv, " ")
    call.program = call.line:match "^%s*(%S*)"
    call.stdin = ""
  elseif call.body and (call.headers["content-type"] or ""):find "json" then
    call.json = core.json_decode(call.body)
  end
end

--- Takes a call that a script makes, and answers it.
function Recorder:take(call, job)
  explain(self.kind, call)
  call.job = job
  call.at, call.at_us = self.clock()
  self.calls[#self.calls + 1] = call
  return complete(self, call, choose(self, call))
end

--- What a command was given to read, which is known at its end only.
function Recorder:take_input(number, text)
  if self.calls[number] then
    self.calls[number].stdin = text
  end
end

--- The answers as they are now, for restore.
function Recorder:save()
  local saved = {}
  for i, one in ipairs(self.answers) do
    saved[i] = { pattern = one.pattern, answer = one.answer, left = one.left }
  end
  return saved
end

function Recorder:restore(saved)
  self.answers = saved
end

return Recorder
