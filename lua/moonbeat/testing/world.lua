--- The world of a test: what the test has set up, the core that plays it, what has happened in it, and how one
-- test follows another. init.lua is what tests see of it.
--
-- It begins when something is asked of it first, with all that was set up by then.

local core = require "moonbeat.core"
local fail = require "moonbeat.testing.fail"
local Recorder = require "moonbeat.testing.recorder"

-- When nobody says otherwise: the same each day, and hardly anything is due just then.
local BEGIN = "2026-01-01 00:00:01"
local PATIENCE_US = 10 * 1000000 -- of real time, for what scripts compute at one instant
local LOADING_US = 60 * 1000000  -- longer than a script may take to load

local inside -- source of the scripts' side
do
  local path = assert(package.searchpath("moonbeat.testing.inside", package.path))
  local file = assert(io.open(path))
  inside = file:read "a"
  file:close()
end

local function set_up_nothing()
  return {
    sources = {},    -- as given to load: {script=, path=, text=}
    modules = nil,   -- the folder of the first, where `require` looks
    folder = nil,    -- where relative paths begin, if not in a folder of the test's own
    zone = "UTC",
    begin = nil,     -- microseconds; nil: BEGIN
    env = {},
    secrets = {},
    takes = {},      -- job -> seconds
    failures = {},   -- job -> list of messages
    files = {},      -- that the test wrote, {path=, text=}
    scratch = nil,   -- a folder of the test's own, while there is one
    is_used = false, -- scripts have run in that
  }
end

local world = {
  settings = set_up_nothing(), -- of the test that runs, or of all of them while none does
  core = nil,                  -- nil: it has not begun
  is_touched = false,          -- something was asked or done since
  is_answering = false,        -- a function of the spec's is asked what a call is answered
  heard = nil,                 -- events, {name=, json=}
  stays = nil,                 -- runs on the worker, {job=, first=, last=, ...}
  calls = nil,                 -- of sim.call
  recorders = {},              -- kind -> what scripts would do to the world outside
}

local kept     -- of all tests, while one runs
local by_fence -- stays that have not ended
local moments  -- how many runs have begun and ended

--- The present moment, as text and in microseconds.
function world.clock()
  local us = world.core and world.core:now() or 0
  return core.format_time(us, world.settings.zone), us
end

for _, kind in ipairs { "http", "exec", "email", "webhook" } do
  world.recorders[kind] = Recorder.new(kind, world.clock)
end

-- ---- what the core asks ----

-- What a recorder's answers do, which are the spec's own functions: time cannot go on meanwhile.
local function answer(recorder, request, job)
  world.is_answering = true
  local done, result = pcall(recorder.take, recorder, request, job)
  world.is_answering = false
  return done and result or error(result, 0)
end

-- What a script sees of the process's variables: the test may have set others, and who is isolated sees few.
local function seen_variables(variables, stay)
  local isolated = stay and stay.isolated
  local seen = {}
  for _, set in ipairs { variables, world.settings.env } do
    for name, value in pairs(set) do
      seen[name] = (not isolated or core.isolated_keeps(name)) and value or nil
    end
  end
  for name, value in pairs(isolated or {}) do
    seen[name] = value
  end
  return seen
end

local function record(kind, request, fence)
  if kind == "env" then
    return seen_variables(request, by_fence[fence])
  elseif kind == "takes" then
    return { seconds = world.settings.takes[request.job] }
  elseif kind == "input" then
    world.recorders.exec:take_input(request.call, request.text)
    return {}
  end
  local stay = by_fence[fence]
  return answer(world.recorders[kind], request, stay and stay.job)
end

-- `variables` are those of an isolated run's own, as JSON.
local function begins(fence, job, variables)
  moments = moments + 1
  local stay = { job = job, first = moments, began = world.clock(), isolated = variables and
    core.json_decode(variables) }
  world.stays[#world.stays + 1] = stay
  by_fence[fence] = stay
  local waiting = world.settings.failures[job]
  return waiting and table.remove(waiting, 1)
end

local function ends(fence)
  local stay = by_fence[fence]
  moments = moments + 1
  by_fence[fence] = nil
  stay.last, stay.ended = moments, world.clock()
end

local function hear(name, json)
  world.heard[#world.heard + 1] = { name = name, json = json }
end

-- ---- asking ----

--- What a call of the core's returned; raises what went wrong. An error of the spec's own functions
-- has its place already, and so has one of a script.
function world.check(result, message, code)
  if result ~= nil then
    return result
  elseif code == "spec" or message:find "^[^\n:]+:%d+: " then
    error(message, 0)
  end
  fail("%s", message)
end

local check = world.check

function world.ask(operation, params)
  local understood, result, message, code = pcall(world.core.ask, world.core, operation, params)
  if not understood then -- what cannot be written as JSON
    fail("%s", result)
  end
  return check(result, message, code)
end

--- By their names; whether one is still being loaded.
local function look_at_scripts()
  local scripts, is_loading = {}, false
  for _, script in ipairs(world.ask("scripts").scripts) do
    scripts[script.name] = script
    is_loading = is_loading or script.loading
  end
  return scripts, is_loading
end

--- Together, as one may need what another declares. Raises why the first of those that do not load does not.
function world.give(sources)
  for _, source in ipairs(sources) do
    check(world.core:source(source.script, source.path, source.text))
  end
  local until_us = world.core:now() + LOADING_US
  local scripts, is_loading = look_at_scripts()
  while is_loading and world.core:now() < until_us do
    check(world.core:step(until_us))
    scripts, is_loading = look_at_scripts()
  end
  for _, source in ipairs(sources) do
    local script = scripts[source.script]
    if script and script.error then
      error(script.error, 0)
    end
  end
end

-- ---- files ----

function world.folder()
  return world.settings.folder or world.settings.scratch .. "/jobs"
end

function world.write_file(file)
  local is_absolute = file.path:sub(1, 1) == "/"
  local done, message = core.write_file(is_absolute and file.path or world.folder() .. "/" .. file.path, file.text)
  return done or fail("sim.write: %s", message)
end

local function write_files()
  for _, file in ipairs(world.settings.files) do
    world.write_file(file)
  end
end

--- Scripts' relative paths begin in it. It goes with the test.
function world.need_scratch()
  local settings = world.settings
  if not settings.scratch then
    settings.scratch, settings.is_used = check(core.make_folder()), false
    write_files()
  end
end

-- For a world that begins: what scripts have left is no part of it.
local function take_scratch()
  local settings = world.settings
  world.need_scratch()
  if settings.is_used then
    check(core.empty_folder(settings.scratch))
    write_files()
  end
  settings.is_used = true
end

local function drop_scratch()
  if world.settings.scratch then
    core.remove_folder(world.settings.scratch)
  end
  world.settings.scratch = nil
end

--- In the world that has begun; nil takes the secret away.
function world.keep_secret(name, value)
  if world.core and value then
    check(world.core:secret(name, value))
  elseif world.core then
    os.remove(world.settings.scratch .. "/secrets/" .. name)
  end
end

-- ---- its beginnings and its end ----

function world.close()
  if world.core then
    world.core:close()
  end
  world.core = nil
end

-- After a start of the daemon's.
local function give_all()
  world.ask("watch_events", { on = true })
  world.give(world.settings.sources)
  check(world.core:scanned())
end

local function must_not_answer()
  if world.is_answering then
    fail("a simulation cannot go on from within one of its own answers")
  end
end

function world.begin()
  local settings = world.settings
  must_not_answer()
  world.close()
  take_scratch()
  for _, recorder in pairs(world.recorders) do
    recorder:clear()
  end
  world.heard, world.stays, world.calls = {}, {}, 0
  by_fence, moments = {}, 0
  world.is_touched = false
  world.core = check(core.open {
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
    world.keep_secret(name, value)
  end
  give_all()
end

--- What was asked or done since it began would be lost if it began anew.
function world.need()
  must_not_answer()
  if not world.core then
    world.begin()
  end
  world.is_touched = true
end

--- As by kill -9, and a start.
function world.crash()
  check(world.core:crash())
  by_fence = {}
  for _, stay in ipairs(world.stays) do
    stay.last, stay.ended = stay.last or moments, stay.ended or world.clock()
  end
  give_all()
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

--- Forgets everything, what was set up included.
function world.reset()
  world.close()
  drop_scratch()
  world.settings = set_up_nothing()
  for _, recorder in pairs(world.recorders) do
    recorder:clear()
    recorder:restore {}
  end
end

--- What the test sets up from now on is its own.
function world.begin_test()
  world.close()
  kept = { settings = world.settings, answers = {} }
  world.settings = copy(world.settings)
  world.settings.scratch = nil
  for kind, recorder in pairs(world.recorders) do
    recorder:clear()
    kept.answers[kind] = recorder:save()
  end
end

function world.end_test()
  world.close()
  drop_scratch()
  if not kept then
    return
  end
  world.settings = kept.settings
  for kind, recorder in pairs(world.recorders) do
    recorder:restore(kept.answers[kind])
  end
  kept = nil
end

-- When Lua ends.
return setmetatable(world, { __gc = function()
  world.close()
  drop_scratch()
end })
