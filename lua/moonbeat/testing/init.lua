--- Tests of job files: they are loaded as the daemon loads them, and played on a clock that the test
-- moves. Triggers, policies, retries, time-outs, locks, kv and the functions themselves are real; what
-- would reach the world outside (http, exec, command, email, webhook) is recorded, and answered as the
-- test says. An hour's sleep takes no time.
--
--   local sim = require "moonbeat.testing"
--
--   describe("orders", function()
--     it("are counted at midnight in Shanghai, also when clocks change in Berlin", function()
--       sim.load "jobs/orders.lua"
--       sim.at("2026-03-29 01:59", "Europe/Berlin")
--       sim.advance "1d"
--       assert.fires("daily_count", { "2026-03-29 18:00" })
--     end)
--   end)
--
-- With busted each test begins anew; what was loaded and answered outside of tests holds in all of
-- them. Everywhere else, sim.reset() does.

if _VERSION ~= "Lua 5.4" then
  error(("moonbeat.testing needs Lua 5.4, and this is %s (busted --lua=lua5.4 runs it by another)"):format(_VERSION), 0)
end

local arguments = require "moonbeat.testing.arguments"
local core = require "moonbeat.core"
local fail = require "moonbeat.testing.fail"
local world = require "moonbeat.testing.world"

---@class moonbeat.sim
local sim = {}

local check, ask, need = world.check, world.ask, world.need

local LONGEST_RUN_US = 24 * 3600 * 1000000

---@type moonbeat.recorder
sim.http = world.recorders.http
---@type moonbeat.recorder
sim.exec = world.recorders.exec
---@type moonbeat.recorder
sim.email = world.recorders.email
---@type moonbeat.recorder
sim.webhook = world.recorders.webhook

--- The environment's variables as scripts see them: sim.env.SHOP_URL = "https://shop.example"; false
-- hides one that is there.
---@type table<string, string|false|nil>
sim.env = setmetatable({}, {
  __index = function(_, name) return world.settings.env[name] end,
  __newindex = function(_, name, value)
    arguments.text("sim.env", "a name", name)
    if value then
      arguments.text("sim.env." .. name, "a variable", value)
    end
    world.settings.env[name] = value
  end,
})

--- The values of secrets by name: sim.secrets.MAIL_PASSWORD = "x"; nil takes one away.
---@type table<string, string?>
sim.secrets = setmetatable({}, {
  __index = function(_, name) return world.settings.secrets[name] end,
  __newindex = function(_, name, value)
    arguments.text("sim.secrets", "a name", name)
    arguments.text("sim.secrets." .. name, "a secret", value, true)
    world.settings.secrets[name] = value
    world.keep_secret(name, value)
  end,
})

-- ---- times ----

--- What people write for a moment: "2026-03-29 01:59" in the zone of sim.at, "...T01:59:00Z", or seconds
-- since the epoch; as microseconds. For assertions.
---@param name string of the function that was given it
---@param time string|number
---@return integer microseconds
function sim.to_us(name, time)
  return arguments.time_us(name, time)
end

--- Begins the simulation at a moment: what was loaded is loaded anew there, and nothing has happened
-- yet, but that what is due at this very moment happens in it. The folder is empty but for what sim.write
-- has written; what else the test has set up (answers, sim.fail, sim.takes and so on) stays. The zone is
-- that of the text and, as the daemon's own, of all triggers that name none; "UTC" when not given.
---
---     sim.at("2026-03-29 01:59", "Europe/Berlin")
---@param time string|number
---@param zone? string
function sim.at(time, zone)
  local text, message = core.format_time(0, arguments.text("sim.at", "a zone", zone, true) or "UTC")
  if not text then
    fail("sim.at: %s", message)
  end
  world.settings.zone = zone or "UTC"
  world.settings.begin = sim.to_us("sim.at", time)
  world.begin()
end

--- The present moment: "2026-03-29T01:59:00+01:00".
---@return string
function sim.now()
  if not world.core then
    world.begin()
  end
  return (world.clock())
end

--- Lets time go on; what is due in it happens. Waits for nothing else.
---@param length string|number "1h30m", "1d" (24 hours), or seconds
function sim.advance(length)
  local us = arguments.length_us("sim.advance", length)
  need()
  check(world.core:advance(arguments.later_us("sim.advance", us)))
end

--- The same, to a moment.
---@param time string|number
function sim.advance_to(time)
  local us = sim.to_us("sim.advance_to", time)
  need()
  if us < world.core:now() then
    fail("sim.advance_to: %s lies before %s, and time does not go back (sim.at begins anew)", tostring(time),
      sim.now())
  end
  check(world.core:advance(us))
end

-- ---- job files ----

-- While nothing has happened, scripts are there from the beginning, as after a start of the daemon.
local function load_all(sources)
  if not world.core or not world.is_touched then
    world.begin()
    return
  end
  world.give(sources)
end

local function add_sources(sources)
  local before = world.settings.sources
  world.settings.sources = { table.unpack(before) }
  for _, source in ipairs(sources) do
    if not source.script:find "^[%a_][%w_-]*$" then
      fail('%s: a script\'s name is letters, digits, "_" and "-", and begins with a letter or "_"', source.path)
    end
    local place = #world.settings.sources + 1
    for i, known in ipairs(world.settings.sources) do
      place = known.script == source.script and i or place
    end
    world.settings.sources[place] = source
  end
  local loaded, message = pcall(load_all, sources)
  if not loaded then
    world.settings.sources = before
    if not world.is_touched then
      world.close()
    end
    error(message, 0)
  end
end

--- One folder is the daemon's; `require` looks there.
local function set_modules(folder)
  local known = world.settings.modules
  if known and not core.is_same_file(known, folder) then
    fail("sim.load: %s is not in %s, as what was loaded before: one daemon has one folder", folder, known)
  elseif not known then
    world.settings.modules = folder
    world.close()
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
  for i, source in ipairs(world.settings.sources) do
    if source.script == name then
      table.remove(world.settings.sources, i)
      check(world.core:source(name, source.path, nil))
      return
    end
  end
  local names = {}
  for i, source in ipairs(world.settings.sources) do
    names[i] = source.script
  end
  fail('sim.unload: no script "%s" is loaded%s', tostring(name), core.did_you_mean(tostring(name), names))
end

--- Where relative paths of scripts begin, as they do in the jobs folder: an empty folder of the test's
-- own, which goes with it, and is emptied when the simulation begins again. A path given is that folder
-- from now on, and is the caller's.
---@param path? string
---@return string path
function sim.folder(path)
  if arguments.text("sim.folder", "a path", path, true) then
    world.settings.folder = path
    if world.core then
      world.begin()
    end
  end
  world.need_scratch()
  return world.folder()
end

--- Writes a file for scripts to find.
---@param path string from sim.folder() on, or beside it, as "../data/orders.csv"; its folders are made
---@param text string
function sim.write(path, text)
  world.need_scratch()
  arguments.path("sim.write", path)
  arguments.text("sim.write", "what a file holds", text)
  local file = { path = path, text = text }
  world.write_file(file)
  table.insert(world.settings.files, file)
end

--- What a script has written; nil when the file is not there.
---@param path string from sim.folder() on
---@return string? text
function sim.read(path)
  arguments.text("sim.read", "a path", path)
  local file = io.open(path:sub(1, 1) == "/" and path or sim.folder() .. "/" .. path, "rb")
  if file then
    local text = file:read "a"
    file:close()
    return text
  end
  return nil
end

-- ---- what has happened ----

local make_run = require "moonbeat.testing.history"(sim)

-- ---- what a test does ----

local has_ended = { succeeded = true, failed = true, timed_out = true, cancelled = true, interrupted = true }

--- Lets time go on until the run is over, a day at most.
local function finish(id)
  local until_us = world.core:now() + LONGEST_RUN_US
  local row = ask("run", { run = id })
  while not has_ended[row.state] and world.core:now() < until_us do
    local told = #world.heard
    repeat -- to ask is a turn of the scheduler's, which has things to do a moment later
      check(world.core:step(until_us))
    until #world.heard > told or world.core:now() >= until_us
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
  arguments.text("sim.run_now", "a job's name", job)
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
  arguments.text("sim.call", "a function's name", func)
  need()
  world.calls = world.calls + 1
  local id = ("sim.call %d"):format(world.calls)
  ask("add_job", { id = id, func = func, args = { ... }, trigger = { kind = "date", at = core.format_time(
    world.core:now(), "UTC") } })
  check(world.core:advance(world.core:now()))
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
  arguments.job("sim.fail", job)
  arguments.text("sim.fail", "an error", message, true)
  local failures = world.settings.failures
  failures[job] = failures[job] or {}
  for _ = 1, arguments.count("sim.fail", times) or 1 do
    table.insert(failures[job], message or "failed by the test")
  end
end

--- From now on each run of a job takes so long, after what its function does: on virtual time most take
-- none. nil: as long as it does.
---@param job string
---@param length? string|number
function sim.takes(job, length)
  arguments.job("sim.takes", job)
  world.settings.takes[job] = length and arguments.length_us("sim.takes", length) / 1e6
end

--- Something happens of which listeners and on_event hear, as by `moonbeat emit`.
---@param event string
---@param data? table
function sim.emit(event, data)
  arguments.text("sim.emit", "an event's name", event)
  need()
  ask("emit", { event = event, data = data })
  check(world.core:advance(world.core:now()))
end

require "moonbeat.testing.sense"(sim)

--- The daemon is killed, as by kill -9 or a power cut, and starts again: what was stored is there, runs
-- are cut off, and what becomes of them is their job's policy.
function sim.crash()
  need()
  world.crash()
end

--- Asks the scheduler anything that clients can: sim.ask("pause_job", { job = "backup" }).
---@param operation string
---@param params? table
---@return any result
function sim.ask(operation, params)
  arguments.text("sim.ask", "an operation", operation)
  need()
  local result = ask(operation, params)
  check(world.core:advance(world.core:now()))
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

--- Forgets everything, what was loaded included.
function sim.reset()
  world.reset()
end

require "moonbeat.testing.busted"
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
})
