--- What only a console has: evaluating what is typed, showing results, completion, jobs(), runs(),
-- help(), and functions typed there that outlive it.

local raw = ...
local fail = raw.module("fail")
local scheduler = raw.module("scheduler")
local inspect = raw.module("inspect").inspect
local source = raw.module("source")

local console = {}

local chunks = {} -- the name of a chunk -> its text, in which functions are found again
local count = 0

-- ---- job "id" ----

--- What `job "id"` is at the console: the job of that id when a field or a method is asked for or it
-- is shown; with a table behind it, the declaration of a job.
local Mention = {}

function Mention:__index(field)
  local job, message = scheduler.get_job(rawget(self, "id"))
  if not job then
    fail("%s", message)
  end
  return job[field]
end

function Mention:__call(spec)
  return rawget(self, "declare")(spec)
end

function console.job(id, declare)
  return setmetatable({ id = id, declare = declare }, Mention)
end

-- ---- evaluating ----

--- The chunk, or nil, a message and whether more lines would make one of it: as an expression ("1 +")
-- or as a statement ("for ...").
local function compile(text)
  count = count + 1
  local name = "=input " .. count
  local is_incomplete = false
  local chunk, message
  for _, prefix in ipairs { "return ", "" } do
    chunk, message = load(prefix .. text, name, "t")
    if chunk then
      chunks[name] = prefix .. text
      return chunk
    end
    is_incomplete = is_incomplete or message:find("near <eof>$") ~= nil
  end
  return nil, message, is_incomplete
end

local function show_results(results)
  local texts = {}
  for i = 1, results.n do
    local value = results[i]
    if getmetatable(value) == Mention then
      local job, message = scheduler.get_job(value.id)
      value = job or fail("%s", message)
      results[i] = value
      texts[i] = console.show_job(value)
    else
      texts[i] = inspect(value)
    end
  end
  return table.concat(texts, ", ")
end

--- Runs what was typed, as an expression if it is one.
function console.evaluate(text)
  local chunk, message, is_incomplete = compile(text)
  if is_incomplete then
    return { results = "", incomplete = true }
  elseif not chunk then
    error(message, 0)
  end
  local results = table.pack(chunk())
  local shown = show_results(results)
  if results.n > 0 then
    _G._ = results[1]
  end
  return { results = shown, incomplete = false }
end

local function says_nothing(job, name, value)
  return name == "id" or name == "trigger_text" or (name == "name" and value == job.id)
    or (type(value) == "table" and getmetatable(value) == nil and next(value) == nil)
end

--- All fields of a job that say something, one per line.
function console.show_job(job)
  local rows = {}
  for name, value in pairs(job) do
    if not says_nothing(job, name, value) then
      rows[#rows + 1] = { "  " .. name, type(value) == "string" and value or inspect(value) }
    end
  end
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  return raw.module("tables").align({ "job " .. job.id, "" }, rows)
end

-- ---- functions that are kept ----

local function is_same_function(action, first)
  local bytes = raw.function_dump(action)
  return function(candidate)
    local chunk = load(("\n"):rep(first - 1) .. "return " .. candidate, "=", "t")
    return chunk and raw.function_dump(chunk()) == bytes
  end
end

local function free_name()
  local scripts, message = scheduler.scripts()
  if not scripts then
    fail("%s", message)
  end
  local highest = 0
  for _, script in ipairs(scripts) do
    highest = math.max(highest, tonumber(script.name:match("^console_(%d+)$")) or 0)
  end
  return "console_" .. highest + 1
end

local function text_of(action)
  local chunk, first, last, captured = raw.function_info(action)
  if not chunk or not chunks[chunk] then
    fail("only a function that was typed here can be kept; for others give func = \"script.function\"")
  elseif captured[1] then
    fail('the function uses the local variable "%s": make it a global, or pass it in args', captured[1])
  end
  local text, message = source.find(chunks[chunk], first, last, is_same_function(action, first))
  return text or fail("%s", message)
end

--- Makes a script of a function typed here, for a job's spec, which gets the script's name for an id
-- when it has none; a function as retry.decide goes with it. Returns "console_1.run" and the script's
-- name.
function console.keep_function(action, spec)
  local text = "run = " .. text_of(action)
  local retry = type(spec.retry) == "table" and spec.retry or {}
  local name = free_name()
  spec.id = spec.id or name
  spec.func = name .. ".run"
  if type(retry.decide) == "function" then
    text = ("%s\ndecide = %s"):format(text, text_of(retry.decide))
    spec.retry = {}
    for key, value in pairs(retry) do
      spec.retry[key] = value
    end
    spec.retry.decide = name .. ".decide"
  end
  local good, message = raw.job_check(spec)
  if not good then
    fail("%s", message)
  end
  local added
  added, message = scheduler.add_script(name, "-- typed at the console\n" .. text .. "\n")
  if not added then
    fail("%s", message)
  end
  return spec.func, name
end

-- ---- completion ----

local function ids_with(prefix)
  local ids = {}
  local page = raw.request("list", { limit = 1000 })
  for _, job in ipairs(page and page.jobs or {}) do
    if job.id:sub(1, #prefix) == prefix then
      ids[#ids + 1] = job.id
    end
  end
  return ids
end

local time_names = {
  date = true, day = true, epoch = true, format = true, hour = true, in_zone = true, iso = true,
  minute = true, month = true, second = true, us = true, weekday = true, year = true, zone = true,
}

--- The names that may follow a value, without running any code of the script's.
local function names_in(value)
  local names = {}
  local function add(fields)
    for name, field in next, fields do
      if type(name) == "string" and name:find("^[%a_][%w_]*$") then
        names[name] = field
      end
    end
  end
  if raw.time_us(value) then
    return time_names
  elseif type(value) == "string" then
    add(string)
  elseif type(value) == "table" then
    local meta = getmetatable(value)
    if meta == Mention then
      add(raw.job_methods)
    elseif type(meta) == "table" and type(meta.__index) == "table" then
      add(meta.__index)
    end
    add(value)
  end
  return names
end

--- The text of a string that is still open at the end.
local function open_string(text)
  local quote, content
  for at, mark in text:gmatch("()([\"'])") do
    if not quote then
      quote, content = mark, text:sub(at + 1)
    elseif mark == quote then
      quote, content = nil, nil
    end
  end
  return content
end

--- Whole replacements of the last word of `text`, a word being letters, digits and _.: together:
-- "scheduler.ad" gives { "scheduler.add_job", ... }. Inside quotes the ids of jobs.
function console.complete(text)
  local quoted = open_string(text)
  if quoted then
    return ids_with(quoted)
  end
  local word = text:match("[%w_.:]*$")
  local path, last = word:match("^(.-)([%w_]*)$")
  local value = _G
  if path:find("^[.:]") then
    if not text:find("job%s*%(?%s*[\"'][^\"']*[\"']%s*%)?[.:][%w_]*$") then
      return {}
    end
    value = raw.job_methods
  end
  for name in path:gmatch("[%w_]+") do
    value = names_in(value)[name]
    if value == nil then
      return {}
    end
  end
  local found = {}
  for name, member in pairs(names_in(value)) do
    local is_wanted = name:sub(1, #last) == last and (path:sub(-1) ~= ":" or type(member) ~= "table")
    if is_wanted and (last ~= "" or name:sub(1, 1) ~= "_") then
      found[#found + 1] = path .. name
    end
  end
  table.sort(found)
  return found
end

-- ---- globals ----

function console.set_globals()
  function _G.jobs(filter)
    return scheduler.get_jobs(filter)
  end

  function _G.runs(filter)
    return scheduler.runs(filter)
  end

  function _G.help(topic)
    print(raw.module("doc").help(topic))
  end
end

return console
