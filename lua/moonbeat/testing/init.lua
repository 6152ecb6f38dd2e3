--- Tests of job files: they are loaded as the daemon loads them, and played on a clock that the test
-- moves. Triggers, policies, retries, time-outs, locks, kv and the functions themselves are real; what
-- would reach the world outside (http, exec, command, email, webhook) is recorded, and answered as the
-- test says. An hour's sleep takes no time.
--
--   local sim = require "moonbeat.testing"
--
--   describe("orders", function()
--     it("are counted once in the night in which the clocks change", function()
--       sim.load "jobs/orders.lua"
--       sim.at("2026-03-29 01:59", "Europe/Berlin")
--       sim.advance "1d"
--       assert.fires("daily_count", { "2026-03-29 03:00" })
--     end)
--   end)
--
-- With busted each test begins anew; what was loaded and answered outside of tests holds in all of
-- them. Everywhere else, sim.reset() does.

if _VERSION ~= "Lua 5.4" then
  error(("moonbeat.testing needs Lua 5.4, and this is %s (busted --lua=lua5.4 runs it by another)"):format(_VERSION), 0)
end

local core = require "moonbeat.core"
local fail = require "moonbeat.testing.fail"
local Recorder = require "moonbeat.testing.recorder"

---@class moonbeat.sim
local sim = {}

-- When nobody says otherwise: the same each day, and hardly anything is due just then.
local BEGIN = "2026-01-01 00:00:01"
local PATIENCE_US = 10 * 1000000 -- of real time, for what scripts compute at one instant
local LOADING_US = 60 * 1000000  -- longer than a script may take to load
local LONGEST_RUN_US = 24 * 3600 * 1000000

local inside -- source of the scripts' side
do
  local path = assert(package.searchpath("moonbeat.testing.inside", package.path))
  local file = assert(io.open(path))
  inside = file:read "a"
  file:close()
end

-- ---- what a test has set up, and what comes of it ----

-- Of the test that runs, or of all of them while none does.
local settings = {
  sources = {},    -- as given to load: {script=, path=, text=}
  modules = nil,   -- the folder of the first, where `require` looks
  folder = nil,    -- where relative paths begin, if not in a folder of the test's own
  zone = "UTC",
  begin = nil,     -- microseconds; nil: BEGIN
  env = {},
  secrets = {},
  takes = {},      -- job -> seconds
  files = {},      -- that the test wrote, {path=, text=}
  scratch = nil,   -- a folder of the test's own, while there is one
}
local kept        -- of all, while a test runs

local world       -- the core's; nil: not begun
local is_touched  -- it
local failures    -- job -> list of messages
local heard       -- events, {name=, json=}
local stays       -- runs on the worker, {job=, first=, last=, ...}
local by_fence
local moments     -- how many runs have begun and ended
local calls       -- of sim.call

local function clock()
  local us = world and world:now() or 0
  return core.format_time(us, settings.zone), us
end

---@type moonbeat.recorder
sim.http = Recorder.new("http", clock)
---@type moonbeat.recorder
sim.exec = Recorder.new("exec", clock)
---@type moonbeat.recorder
sim.email = Recorder.new("email", clock)
---@type moonbeat.recorder
sim.webhook = Recorder.new("webhook", clock)

local recorders = { sim.http, sim.exec, sim.email, sim.webhook }

--- The environment's variables as scripts see them: sim.env.SHOP_URL = "https://shop.example"; false
-- hides one that is there.
---@type table<string, string|false|nil>
sim.env = setmetatable({}, {
  __index = function(_, name) return settings.env[name] end,
  __newindex = function(_, name, value) settings.env[name] = value end,
})

--- The values of secrets by name: sim.secrets.MAIL_PASSWORD = "x".
---@type table<string, string>
sim.secrets = setmetatable({}, {
  __index = function(_, name) return settings.secrets[name] end,
  __newindex = function(_, name, value)
    settings.secrets[name] = value
    if world then
      local done, message = world:secret(name, value)
      return done or fail("sim.secrets: %s", message)
    end
  end,
})

-- ---- what the core asks ----

local function record(kind, request, fence)
  if kind == "env" then
    return { value = settings.env[request.name], all = settings.env }
  elseif kind == "takes" then
    return { seconds = settings.takes[request.job] }
  elseif kind == "input" then
    sim.exec:take_input(request.call, request.text)
    return {}
  end
  local stay = by_fence[fence]
  return sim[kind]:take(request, stay and stay.job)
end

local function begins(fence, job)
  moments = moments + 1
  local stay = { job = job, first = moments, began = clock() }
  stays[#stays + 1] = stay
  by_fence[fence] = stay
  local waiting = failures[job]
  return waiting and table.remove(waiting, 1)
end

local function ends(fence)
  local stay = by_fence[fence]
  moments = moments + 1
  by_fence[fence] = nil
  stay.last, stay.ended = moments, clock()
end

local function hear(name, json)
  heard[#heard + 1] = { name = name, json = json }
end

-- ---- the world ----

--- What a call of the core's returned; raises what went wrong. An error of the spec's own functions
-- has its place already, and so has one of a script.
local function check(result, message, code)
  if result ~= nil then
    return result
  elseif code == "spec" or message:find "^[^\n:]+:%d+: " then
    error(message, 0)
  end
  fail("%s", message)
end

local function ask(operation, params)
  return check(world:ask(operation, params))
end

local function close()
  if world then
    world:close()
  end
  world = nil
end

local function script_called(name)
  for _, script in ipairs(ask("scripts").scripts) do
    if script.name == name then
      return script
    end
  end
end

--- Raises why it does not load.
local function give(source)
  check(world:source(source.script, source.path, source.text))
  local until_us = world:now() + LOADING_US
  local script = script_called(source.script)
  while script and script.loading and world:now() < until_us do
    check(world:step(until_us))
    script = script_called(source.script)
  end
  if script and script.error then
    error(script.error, 0)
  end
end

local function write_file(file)
  local is_absolute = file.path:sub(1, 1) == "/"
  local folder = settings.folder or settings.scratch .. "/jobs"
  local done, message = core.write_file(is_absolute and file.path or folder .. "/" .. file.path, file.text)
  return done or fail("sim.write: %s", message)
end

--- Scripts' relative paths begin in it. It goes with the test.
local function need_scratch()
  if not settings.scratch then
    settings.scratch = check(core.make_folder())
    for _, file in ipairs(settings.files) do
      write_file(file)
    end
  end
end

local function drop_scratch()
  if settings.scratch then
    core.remove_folder(settings.scratch)
  end
  settings.scratch = nil
end

local function begin()
  close()
  need_scratch()
  heard, stays, by_fence, moments, failures, calls = {}, {}, {}, 0, {}, 0
  is_touched = false
  world = check(core.open {
    now = settings.begin or core.parse_time(BEGIN, settings.zone),
    zone = settings.zone,
    modules = settings.modules or ".",
    scratch = settings.scratch,
    folder = settings.folder,
    patience_us = PATIENCE_US,
    inside = inside,
    record = record,
    begins = begins,
    ends = ends,
    hear = hear,
  })
  for name, value in pairs(settings.secrets) do
    check(world:secret(name, value))
  end
  ask("watch_events", { on = true })
  for _, source in ipairs(settings.sources) do
    give(source)
  end
  check(world:scanned())
end

--- What was asked or done since it began would be lost if it began anew.
local function need()
  if not world then
    begin()
  end
  is_touched = true
end

-- ---- times ----

--- What people write for a moment: "2026-03-29 01:59" in the zone of sim.at, "...T01:59:00Z", or seconds
-- since the epoch; as microseconds. For assertions.
---@param name string of the function that was given it
---@param time string|number
---@return integer microseconds
function sim.to_us(name, time)
  if type(time) == "number" then
    return math.floor(time * 1000000)
  elseif type(time) ~= "string" then
    fail("%s: a time is a text like \"2026-03-29 01:59\" or seconds since the epoch, not a %s", name, type(time))
  end
  local us, message = core.parse_time(time, settings.zone)
  return us or fail("%s: %s", name, message)
end

local function length_us(name, length)
  local us, message
  if type(length) == "number" then
    us = math.ceil(length * 1000000)
  elseif type(length) == "string" then
    us, message = core.parse_duration(length)
  else
    message = ("a length is a text like \"1h30m\" or a number of seconds, not a %s"):format(type(length))
  end
  return us or fail("%s: %s", name, message)
end

--- Begins the simulation at a moment: what was loaded is loaded anew there, and nothing has happened
-- yet, but that what is due at this very moment happens in it. The zone is that of the text and, as the
-- daemon's own, of all triggers that name none; "UTC" when not given.
---
---     sim.at("2026-03-29 01:59", "Europe/Berlin")
---@param time string|number
---@param zone? string
function sim.at(time, zone)
  local text, message = core.format_time(0, zone or "UTC")
  if not text then
    fail("sim.at: %s", message)
  end
  settings.zone = zone or "UTC"
  settings.begin = sim.to_us("sim.at", time)
  for _, recorder in ipairs(recorders) do
    recorder:clear()
  end
  begin()
end

--- The present moment: "2026-03-29T01:59:00+01:00".
---@return string
function sim.now()
  if not world then
    begin()
  end
  return (clock())
end

--- Lets time go on; what is due in it happens. Waits for nothing else.
---@param length string|number "1h30m", "1d" (24 hours), or seconds
function sim.advance(length)
  local us = length_us("sim.advance", length)
  if us < 0 then
    fail("sim.advance: %s goes backwards, and time does not (sim.at begins anew)", tostring(length))
  end
  need()
  check(world:advance(world:now() + us))
end

--- The same, to a moment.
---@param time string|number
function sim.advance_to(time)
  local us = sim.to_us("sim.advance_to", time)
  need()
  if us < world:now() then
    fail("sim.advance_to: %s lies before %s, and time does not go back (sim.at begins anew)", tostring(time),
      sim.now())
  end
  check(world:advance(us))
end

-- ---- job files ----

-- While nothing has happened, scripts are there from the beginning, as after a start of the daemon.
local function load_all(sources)
  if not world or not is_touched then
    begin()
    return
  end
  for _, source in ipairs(sources) do
    give(source)
  end
end

local function add_sources(sources)
  local before = settings.sources
  settings.sources = { table.unpack(before) }
  for _, source in ipairs(sources) do
    if not source.script:find "^[%a_][%w_-]*$" then
      fail('%s: a script\'s name is letters, digits, "_" and "-", and begins with a letter or "_"', source.path)
    end
    local place = #settings.sources + 1
    for i, known in ipairs(settings.sources) do
      place = known.script == source.script and i or place
    end
    settings.sources[place] = source
  end
  local loaded, message = pcall(load_all, sources)
  if not loaded then
    settings.sources = before
    if not is_touched then
      close()
    end
    error(message, 0)
  end
end

--- One folder is the daemon's; `require` looks there.
local function set_modules(folder)
  if settings.modules and settings.modules ~= folder then
    fail("sim.load: %s is not in %s, as what was loaded before: one daemon has one folder", folder, settings.modules)
  elseif not settings.modules then
    settings.modules = folder
    close()
  end
end

--- Loads a job file, as the daemon does when it finds it, or all those of a folder. Loaded again, it is a
-- new version. Raises what is wrong with it: `jobs/orders.lua:7: ...`.
---@param path string
function sim.load(path)
  if type(path) ~= "string" then
    fail("sim.load wants the path of a job file or of a folder, not a %s", type(path))
  elseif path:find "%.lua$" then
    local file, message = io.open(path, "rb")
    if not file then
      fail("sim.load: %s", message)
    end
    set_modules(path:match "^(.*)/[^/]*$" or ".")
    local text = file:read "a"
    file:close()
    add_sources { { script = path:match "([^/]*)%.lua$", path = path, text = text } }
    return
  end
  local sources, message = core.scan((path:gsub("(.)/+$", "%1")))
  if not sources then
    fail("sim.load: %s", message)
  end
  set_modules((path:gsub("(.)/+$", "%1")))
  for _, source in ipairs(sources) do
    if source.problem then
      error(source.problem, 0)
    end
  end
  add_sources(sources)
end

--- The same with the text of a job file: sim.script("tick", [[ every("5s", function() end) ]]).
---@param name string
---@param source string
function sim.script(name, source)
  if type(name) ~= "string" or type(source) ~= "string" then
    fail("sim.script wants a name and the script's text")
  end
  add_sources { { script = name, path = name .. ".lua", text = source } }
end

--- The file was removed: its jobs are gone.
---@param name string of the script
function sim.unload(name)
  need()
  for i, source in ipairs(settings.sources) do
    if source.script == name then
      table.remove(settings.sources, i)
      check(world:source(name, source.path, nil))
      return
    end
  end
  local names = {}
  for i, source in ipairs(settings.sources) do
    names[i] = source.script
  end
  fail('sim.unload: no script "%s" is loaded%s', tostring(name), core.did_you_mean(tostring(name), names))
end

--- Where relative paths of scripts begin, as they do in the jobs folder: an empty folder of the test's
-- own, which goes with it. A path given is that folder from now on, and is the caller's.
---@param path? string
---@return string path
function sim.folder(path)
  if path ~= nil then
    settings.folder = path
    if world then
      begin()
    end
  end
  need_scratch()
  return settings.folder or settings.scratch .. "/jobs"
end

--- Writes a file for scripts to find.
---@param path string from sim.folder() on; its folders are made
---@param text string
function sim.write(path, text)
  need_scratch()
  local file = { path = path, text = text }
  write_file(file)
  table.insert(settings.files, file)
end

--- What a script has written; nil when the file is not there.
---@param path string from sim.folder() on
---@return string? text
function sim.read(path)
  local file = io.open(path:sub(1, 1) == "/" and path or sim.folder() .. "/" .. path, "rb")
  if file then
    local text = file:read "a"
    file:close()
    return text
  end
  return nil
end

-- ---- what has happened ----

local make_run = require "moonbeat.testing.history"(sim, {
  need = need,
  ask = ask,
  zone = function() return settings.zone end,
  heard = function() return heard end,
  stays = function() return stays end,
})

-- ---- what a test does ----

local has_ended = { succeeded = true, failed = true, timed_out = true, cancelled = true, interrupted = true }

--- Lets time go on until the run is over, a day at most.
local function finish(id)
  local until_us = world:now() + LONGEST_RUN_US
  local row = ask("run", { run = id })
  while not has_ended[row.state] and world:now() < until_us do
    local told = #heard
    repeat -- to ask is a turn of the scheduler's, which has things to do a moment later
      check(world:step(until_us))
    until #heard > told or world:now() >= until_us
    row = ask("run", { run = id })
  end
  return make_run(row)
end

--- Runs a job now, as `moonbeat run-now` does, and lets time go on until that run is over, its retries
-- included; a day at most.
---@param job string
---@param ... any arguments in place of the job's own
---@return moonbeat.run
function sim.run_now(job, ...)
  need()
  local args = select("#", ...) > 0 and { ... } or nil
  local begun = ask("run_now", { job = job, args = args })
  return finish(begun.run)
end

--- Calls a function of a script as a job added at run time would: sim.call("shop.cancel_unpaid", 42).
---@param func string
---@param ... any its arguments, behind the run
---@return moonbeat.run
function sim.call(func, ...)
  need()
  calls = calls + 1
  local id = ("sim.call %d"):format(calls)
  ask("add_job", { id = id, func = func, args = { ... }, trigger = { kind = "date", at = core.format_time(
    world:now(), "UTC") } })
  check(world:advance(world:now()))
  local submitted = sim.events "job_submitted"
  for i = #submitted, 1, -1 do
    if submitted[i].job == id then
      return finish(submitted[i].run)
    end
  end
  fail("sim.call: %s has not begun", func)
end

--- Lets the next attempts of a job fail, without running anything.
---@param job string
---@param message? string the error
---@param times? integer how many of them, 1 when not given
function sim.fail(job, message, times)
  sim.job(job)
  failures[job] = failures[job] or {}
  for _ = 1, times or 1 do
    table.insert(failures[job], message or "failed by the test")
  end
end

--- From now on each run of a job takes so long, after what its function does: on virtual time most take
-- none. nil: as long as it does.
---@param job string
---@param length? string|number
function sim.takes(job, length)
  settings.takes[job] = length and length_us("sim.takes", length) / 1e6
end

--- Something happens of which listeners and on_event hear, as by `moonbeat emit`.
---@param event string
---@param data? table
function sim.emit(event, data)
  need()
  ask("emit", { event = event, data = data })
  check(world:advance(world:now()))
end

--- What a sensor would see, for triggers on_file, on_signal and on_change: a file's path, a signal's name,
-- a table's name, and more about it.
---
---     sim.sense("on_file", { path = sim.folder() .. "/in/orders.csv" })
---     sim.sense("on_signal", { signal = "SIGUSR1" })
---     sim.sense("on_change", { table = "orders", operation = "insert", rowid = 42 })
---@param kind "on_file"|"on_signal"|"on_change"
---@param event table
function sim.sense(kind, event)
  need()
  local count = 0
  for _, key in ipairs(world:keys()) do
    local source = core.json_decode(key)
    local is_meant = source.kind == kind and (not source.signal or source.signal == event.signal) and
      (not source.table or source.table == event.table)
    if is_meant then
      count = count + 1
      check(world:sense(key, core.json_encode { event }))
    end
  end
  if count == 0 then
    fail("sim.sense: no job waits for such %s", tostring(kind))
  end
end

--- The daemon is killed, as by kill -9 or a power cut, and starts again: what was stored is there, runs
-- are cut off, and what becomes of them is their job's policy.
function sim.crash()
  need()
  check(world:crash())
  by_fence = {}
  for _, stay in ipairs(stays) do
    stay.last, stay.ended = stay.last or moments, stay.ended or clock()
  end
  ask("watch_events", { on = true })
  for _, source in ipairs(settings.sources) do
    give(source)
  end
  check(world:scanned())
end

--- Asks the scheduler anything that clients can: sim.ask("pause_job", { job = "backup" }).
---@param operation string
---@param params? table
---@return any result
function sim.ask(operation, params)
  need()
  local result = ask(operation, params)
  check(world:advance(world:now()))
  return result
end

--- What scripts keep: sim.kv.get("orders", "last_id"), the script's name first.
sim.kv = {}

---@param script string
---@param key string
---@return any value
function sim.kv.get(script, key)
  need()
  return ask("kv_get", { script = script, key = key }).value
end

---@param script string
---@param key string
---@param value any nil takes it away
function sim.kv.set(script, key, value)
  need()
  ask("kv_set", { script = script, key = key, value = value })
end

-- ---- between tests ----

local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local copied = {}
  for key, member in pairs(value) do
    copied[key] = copy(member)
  end
  return copied
end

--- Forgets everything, what was loaded included.
function sim.reset()
  close()
  drop_scratch()
  settings = { sources = {}, zone = "UTC", env = {}, secrets = {}, takes = {}, files = {} }
  for _, recorder in ipairs(recorders) do
    recorder:clear()
    recorder:restore {}
  end
end

local function begin_test()
  close()
  kept = { settings = settings, answers = {} }
  settings = copy(settings)
  settings.scratch = nil
  for i, recorder in ipairs(recorders) do
    recorder:clear()
    kept.answers[i] = recorder:save()
  end
end

local function end_test()
  close()
  drop_scratch()
  if not kept then
    return
  end
  settings = kept.settings
  for i, recorder in ipairs(recorders) do
    recorder:restore(kept.answers[i])
  end
  kept = nil
end

-- What is left when Lua ends.
local last = setmetatable({}, { __gc = function()
  close()
  drop_scratch()
end })

local busted = package.loaded["busted"]
if busted and busted.before_each then
  busted.before_each(begin_test)
  busted.after_each(end_test)
end

require "moonbeat.testing.assertions"(sim)

local function names_of(known)
  local names = {}
  for name in pairs(known) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

return setmetatable(sim, {
  __name = "moonbeat.sim",
  __index = function(_, name)
    fail('moonbeat.testing has no "%s"%s', tostring(name), core.did_you_mean(tostring(name), names_of(sim)))
  end,
  last = last,
})
