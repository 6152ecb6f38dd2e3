--- Commands. A child process runs in its own process group while other runs go on; when the run that
-- waits for it fails or takes too long, the whole group is ended: TERM, and KILL after a grace; when
-- it is killed, by KILL at once. So is what a command leaves of its group when it ends by itself, also
-- one of os.execute or io.popen: setsid(1) is the way to leave something behind. exec and io.popen, which
-- give the output to the script, wait before that for those of the group who hold it, as a shell's $(...)
-- does. A call and a run have ended when the groups have.
--
--   local result = assert(exec { "pg_dump", "-Fc", "shop", timeout = "10m" })
--   local result = assert(exec("ls -l | wc -l"))
--   if not result.ok then error(result.stderr) end

local raw = ...

local process = {}

local INFO, WARN = 1, 2
local ENVIRONMENT_MAX = 128000 -- the kernel takes 128 KiB for one variable
local SHOWN_MAX = 80 -- bytes of a command in a sentence
local LINE_MAX = 64 * 1024 -- longer lines of output come in pieces
local NUMERAL_MAX = 200

---@class exec.options
---@field cwd? string where to run, the jobs folder when not given
---@field env? table<string, string|false> variables to set; false removes one
---@field clean_env? boolean begin with no variables at all
---@field stdin? string what the command reads; nothing when not given
---@field timeout? number|string after which the command is ended; none when not given
---@field grace? number|string between TERM and KILL, "5s" when not given; 0 for KILL at once
---@field check? boolean raise when the command does not end with status 0
---@field capture? boolean false: output goes to the log, line by line, not into the result
---@field lines? fun(line: string, stream: "stdout"|"stderr") is given each line as it comes, in place of the result

---@class exec.result
---@field ok boolean it ended with status 0
---@field code integer? exit status; nil when a signal ended it
---@field signal string? "TERM", "KILL", ...
---@field stdout string at most 1 MiB of it
---@field stderr string at most 1 MiB of it
---@field truncated boolean there was more than that, or who has left the process group may write more
---@field timed_out boolean

-- What was started, as the C side reads it.
local function spec_of(name, source, options, awaits_output)
  local argv = {}
  if type(source) == "string" then
    argv = { "/bin/sh", "-c", source }
  else
    for index, word in ipairs(source) do
      if math.type(word) then
        word = tostring(word)
      elseif type(word) ~= "string" then
        raw.fail(("%s: argument %d must be a string, got %s"):format(name, index, raw.type_name(word)))
      end
      argv[index] = word
    end
    for key in pairs(source) do
      if math.type(key) == "integer" and not argv[key] then
        raw.fail(("%s: argument %d is nil, and another follows"):format(name, #argv + 1))
      end
    end
  end
  if #argv == 0 then
    raw.fail(name .. ": the command is empty")
  end
  return {
    argv = argv,
    cwd = options.cwd,
    env = options.env,
    clean_env = options.clean_env,
    stdin = options.stdin,
    timeout = options.timeout,
    grace = options.grace,
    awaits_output = awaits_output,
  }
end

local function as_it_is(line)
  return line
end

local function no_bytes()
  return 0
end

-- Cuts what arrives into lines and hands each to `take`; without arguments, what is left. A line that is
-- too long goes through `clean` first, and is cut when `reach()` bytes behind the cut are there: what
-- `clean` looks for, and the cut would hide from it, is no longer.
local function line_cutter(take, clean, reach)
  local rest = ""
  clean, reach = clean or as_it_is, reach or no_bytes
  local function take_whole(line)
    if #line > LINE_MAX then
      line = clean(line)
    end
    while #line > LINE_MAX do
      take(line:sub(1, LINE_MAX))
      line = line:sub(LINE_MAX + 1)
    end
    take(line)
  end
  return function(part)
    if part == nil then
      if rest ~= "" then
        local line = rest
        rest = ""
        take(line)
      end
      return
    end
    local begin = 1
    while true do
      local stop = part:find("\n", begin, true)
      if not stop then
        break
      end
      local line = part:sub(begin, stop - 1)
      local whole = (rest .. line):gsub("\r$", "")
      rest, begin = "", stop + 1
      take_whole(whole)
    end
    rest = rest .. part:sub(begin)
    if #rest > LINE_MAX + reach() then
      rest = clean(rest)
    end
    while #rest > LINE_MAX + reach() do -- a line without an end must not grow for ever
      local part_of_line = rest:sub(1, LINE_MAX)
      rest = rest:sub(LINE_MAX + 1)
      take(part_of_line)
    end
  end
end

local function log_cutter(level)
  return line_cutter(function(line) raw.log(level, line) end, raw.secret_hide, raw.secret_longest)
end

-- Hands the lines of a child's output on until it has ended.
local function take_lines(child, out, err)
  repeat
    local stdout, stderr, ended = child:next()
    if stdout then
      out(stdout)
    end
    if stderr then
      err(stderr)
    end
  until ended
  out()
  err()
end

local function log_output(child)
  take_lines(child, log_cutter(INFO), log_cutter(WARN))
end

local function describe_end(command, code, signal, timed_out)
  if timed_out then
    return command .. " timed out"
  elseif signal then
    return ("%s was ended by signal %s"):format(command, signal)
  end
  return ("%s exited with status %d"):format(command, code)
end

-- For a sentence: the program, or a short shell line. None is cut, as half a secret is not known as one.
local function shown_command(source)
  local text = type(source) == "table" and tostring(source[1]) or source
  return #text <= SHOWN_MAX and not text:find "%c" and ('"%s"'):format(text) or "the command"
end

-- With `awaits_output` it has ended when its output has, as far as its process group writes it.
local function start(name, source, options, awaits_output)
  return raw.exec_spawn(name, spec_of(name, source, options, awaits_output))
end

--- Runs a program with its arguments, `exec { "prog", "arg", cwd = "/tmp" }`, or a shell's text,
--- `exec("prog | prog2", { cwd = "/tmp" })`, and waits for its end: until its process has
--- ended and, while others of its process group hold the output, until they do not. What is left of the group then gets
--- TERM, and KILL after `grace`: setsid(1) is the way to leave something behind.
---@param source string|exec.options
---@param options? exec.options only with a shell's text
---@return exec.result? result nil when it cannot be started
---@return string? message
---@return string? code
function process.exec(source, options)
  if type(source) == "table" then
    if options ~= nil then
      raw.fail("exec: options stand in the table beside the arguments")
    end
    options = {}
    for key, value in pairs(source) do
      if math.type(key) ~= "integer" then
        options[key] = value
      end
    end
  elseif type(source) ~= "string" then
    raw.fail("exec: the command must be a table or a string, got " .. raw.type_name(source))
  end
  options = raw.check_options("exec", options, "cwd", "env", "clean_env", "stdin", "timeout", "grace",
    "check", "capture", "lines")
  local take = options.lines
  if take ~= nil and type(take) ~= "function" then
    raw.fail("exec: lines must be a function, got " .. raw.type_name(take))
  elseif take and options.capture ~= nil then
    raw.fail("exec: give capture or lines, not both")
  end
  local child <close>, message, error_code = start("exec", source, options, true)
  if not child then
    if options.check then
      raw.fail("exec: " .. message)
    end
    return nil, message, error_code
  end
  local stdout, stderr, truncated = "", "", false
  if take then
    take_lines(child, line_cutter(function(line) take(line, "stdout") end),
      line_cutter(function(line) take(line, "stderr") end))
  elseif options.capture == false then
    log_output(child)
  else
    stdout, stderr, truncated = child:wait()
  end
  local code, signal, timed_out = child:status()
  local ok = code == 0 and not timed_out
  if options.check and not ok then
    local last = stderr:match("([^\n]*)\n?$")
    raw.fail(("exec: %s%s"):format(describe_end(shown_command(source), code, signal, timed_out),
      last ~= "" and ": " .. last or ""))
  end
  return {
    ok = ok,
    code = code,
    signal = signal,
    stdout = stdout,
    stderr = stderr,
    truncated = truncated,
    timed_out = timed_out,
  }
end

-- What fits into a variable; false, which removes one that the daemon was started with.
local function fitting(text)
  return text and #text < ENVIRONMENT_MAX and text or false
end

-- What a function finds in `run`, as variables.
local function handed_over(run)
  local id, args = run.id, run.args_json
  return {
    MOONBEAT_JOB = run.job,
    MOONBEAT_RUN = id,
    MOONBEAT_RUN_KEY = run.key,
    MOONBEAT_ATTEMPT = tostring(run.attempt),
    MOONBEAT_SCHEDULED_AT = id:sub(#run.job + 2),
    MOONBEAT_ARGS = fitting(args ~= "[]" and args),
    MOONBEAT_EVENTS = fitting(run.events_json),
  }
end

--- What a job whose `run` is a command does: its output becomes the run's log, its failure the run's
-- error. `spec` is what command{...} made: argv or shell, and options. What it says of its environment
-- goes before what the run hands over.
function process.run_command(spec, run)
  if run then
    raw.run_patient(run, "command") -- told to end, it waits for the command, which gets TERM
    local env = handed_over(run)
    for name, value in pairs(spec.env or {}) do
      env[name] = value
    end
    spec.env = env
  end
  local options = raw.check_options("command", spec, "argv", "shell", "cwd", "env", "clean_env", "stdin",
    "timeout", "grace")
  local child, message = start("command", spec.argv or spec.shell, options)
  if not child then
    error(message, 0)
  end
  log_output(child)
  local code, signal, timed_out = child:status()
  if code ~= 0 or timed_out then
    error(describe_end("command", code, signal, timed_out), 0)
  end
  return { code = 0 }
end

--- os.execute as in Lua, but waiting as everything else does; output goes to the log.
---@param command? string
---@return true? ok
---@return "exit"|"signal"? how
---@return integer? code
function process.execute(command)
  if command == nil then
    return true
  elseif type(command) ~= "string" then
    raw.fail("os.execute: the command must be a string, got " .. raw.type_name(command))
  end
  local child, message = start("os.execute", command, {})
  if not child then
    return nil, message
  end
  log_output(child)
  return child:exit_values()
end

--- What io.popen gives.
---@class io.file
local file = {}
local file_meta = { __index = file, __name = "FILE*" }

function file_meta:__tostring()
  return self.child and "file (popen)" or "file (closed)"
end

local function check_open(self, name)
  if getmetatable(self) ~= file_meta then
    raw.fail(("%s: a file is needed, got %s"):format(name, raw.type_name(self)))
  elseif not self.child then
    raw.fail(name .. ": attempt to use a closed file")
  end
end

-- Takes in what the child wrote; stderr, and stdout of a file opened for writing, are logged.
local function receive(self, want_input)
  local stdout, stderr, ended = self.child:next(want_input)
  if stdout then
    if self.mode == "r" then
      self.parts[#self.parts + 1] = stdout
    else
      self.log_stdout(stdout)
    end
  end
  if stderr then
    self.log_stderr(stderr)
  end
  self.ended = ended
end

local function gather(self)
  if #self.parts > 0 then
    self.rest = self.rest:sub(self.position) .. table.concat(self.parts)
    self.parts, self.position = {}, 1
  end
end

local function read_line(self, keep_end)
  local from = self.position
  while true do
    local stop = self.rest:find("\n", from, true)
    if stop then
      local line = self.rest:sub(self.position, keep_end and stop or stop - 1)
      self.position = stop + 1
      return line
    end
    if self.ended then
      local line = self.rest:sub(self.position)
      self.rest, self.position = "", 1
      return line ~= "" and line or nil
    end
    local searched = #self.rest - self.position + 1
    receive(self)
    gather(self)
    from = self.position + searched
    if self.position == 1 then
      from = searched + 1
    end
  end
end

local function available(self)
  return #self.rest - self.position + 1
end

local function read_count(self, count)
  local have = available(self)
  while have < count and not self.ended do
    local before = #self.parts
    receive(self)
    if #self.parts > before then
      have = have + #self.parts[#self.parts]
    end
  end
  gather(self)
  local part = self.rest:sub(self.position, self.position + math.min(count, available(self)) - 1)
  self.position = self.position + #part
  if part == "" and (count > 0 or available(self) == 0) then
    return nil
  end
  return part
end

local function read_all(self)
  while not self.ended do
    receive(self)
  end
  gather(self)
  local all = self.rest:sub(self.position)
  self.rest, self.position = "", 1
  return all
end

-- As Lua's own: blanks are skipped, then the longest text that may begin a numeral is taken.
local function read_number(self)
  local text = ""
  local function take(set)
    local one = #text < NUMERAL_MAX and read_count(self, 1)
    if one and one:find(set) then
      text = text .. one
      return true
    elseif one then
      self.position = self.position - 1
    end
    return false
  end
  local function take_digits(set)
    local has_one = false
    while take(set) do
      has_one = true
    end
    return has_one
  end
  while take "%s" do
    text = ""
  end
  take "[+-]"
  local starts_with_0 = take "0"
  local is_hex = starts_with_0 and take "[xX]"
  local digit = is_hex and "%x" or "%d"
  local has_digits = take_digits(digit) or starts_with_0 and not is_hex
  has_digits = take "%." and take_digits(digit) or has_digits
  if has_digits and take(is_hex and "[pP]" or "[eE]") then
    take "[+-]"
    take_digits "%d"
  end
  return tonumber(text)
end

local function read_one(self, format)
  if math.type(format) == "integer" and format >= 0 then
    return read_count(self, format)
  end
  local letter = type(format) == "string" and format:gsub("^%*", ""):sub(1, 1)
  if letter == "l" then
    return read_line(self, false)
  elseif letter == "L" then
    return read_line(self, true)
  elseif letter == "a" then
    return read_all(self)
  elseif letter == "n" then
    return read_number(self)
  end
  raw.fail(("file:read: %s is no format, it takes \"l\", \"L\", \"a\", \"n\" or a number"):format(tostring(format)))
end

--- As Lua's own: "l", "L", "a", "n" or a number of bytes, several at once.
---@param ... string|integer formats, "l" when there are none
---@return string|number|nil ...
function file:read(...)
  check_open(self, "file:read")
  if self.mode ~= "r" then
    return nil, "file is open for writing", "invalid"
  end
  local count = select("#", ...)
  if count == 0 then
    return read_line(self, false)
  end
  local results = {}
  for index = 1, count do
    results[index] = read_one(self, (select(index, ...)))
    if results[index] == nil then
      return table.unpack(results, 1, index)
    end
  end
  return table.unpack(results, 1, count)
end

--- An iterator that reads by the given formats, lines when there are none.
---@param ... string|integer formats
---@return fun(): string|number|nil, ...
function file:lines(...)
  check_open(self, "file:lines")
  local formats = table.pack(...)
  return function()
    return self:read(table.unpack(formats, 1, formats.n))
  end
end

--- Hands text to the command's standard input; waits while the command does not take it.
---@param ... string|number
---@return io.file? file
---@return string? message
---@return string? code
function file:write(...)
  check_open(self, "file:write")
  if self.mode ~= "w" then
    return nil, "file is open for reading", "invalid"
  end
  for index = 1, select("#", ...) do
    local text = select(index, ...)
    if math.type(text) then
      text = tostring(text)
    elseif type(text) ~= "string" then
      raw.fail(("file:write: argument %d must be a string, got %s"):format(index, raw.type_name(text)))
    end
    local done, message, code = self.child:write(text)
    if not done then
      return nil, message, code
    end
    while not self.ended and not self.child:drained() do
      receive(self, true)
    end
  end
  return self
end

--- Does nothing: what was written is on its way.
---@return io.file file
function file:flush()
  check_open(self, "file:flush")
  return self
end

function file:setvbuf()
  check_open(self, "file:setvbuf")
  return true
end

function file:seek()
  check_open(self, "file:seek")
  return nil, "Illegal seek", "invalid"
end

--- Waits for the command's end: true, "exit", 0; or nil, "exit" or "signal", and the number.
---@return true? ok
---@return "exit"|"signal" how
---@return integer code
function file:close()
  check_open(self, "file:close")
  self.child:finish(self.mode == "r")
  while not self.ended do
    receive(self)
    self.parts = {}
  end
  self.log_stdout()
  self.log_stderr()
  local child = self.child
  self.child = nil
  return child:exit_values()
end

function file_meta:__close()
  if self.child then
    self:close()
  end
end

--- io.popen as in Lua, but waiting as everything else does. Its errors go to the log. It belongs to the
--- run that opened it: what that has not closed gets TERM when it has ended, and KILL after 5 s. A script
--- may have 1024 commands running.
---@param command string
---@param mode? "r"|"w"
---@return io.file? file
---@return string? message
---@return string? code
function process.popen(command, mode)
  if type(command) ~= "string" then
    raw.fail("io.popen: the command must be a string, got " .. raw.type_name(command))
  end
  mode = mode == nil and "r" or mode
  if mode ~= "r" and mode ~= "w" then
    raw.fail(("io.popen: mode must be \"r\" or \"w\", got %s"):format(tostring(mode)))
  end
  local child, message, code = start("io.popen", command, { stdin = mode == "w" }, mode == "r")
  if not child then
    return nil, message, code
  end
  return setmetatable({
    child = child,
    mode = mode,
    parts = {},
    rest = "",
    position = 1,
    ended = false,
    log_stdout = log_cutter(INFO),
    log_stderr = log_cutter(WARN),
  }, file_meta)
end

--- "file" or "closed file" for what io.popen returned, else nil.
---@param value any
---@return "file"|"closed file"|nil
function process.file_type(value)
  if getmetatable(value) == file_meta then
    return value.child and "file" or "closed file"
  end
  return nil
end

return process
