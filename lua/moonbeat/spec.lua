--- Options of a job that is added or modified at run time, as the scheduler wants them: a function among them
-- is told by its name, which must hold after a restart too.

local raw = ...
local fail = raw.module("fail")
local functions = raw.module("functions")

local script = raw.script_name()
local is_console = script == "console"

local hooks = { "on_success", "on_failure", "on_recovered", "on_late" }

--- A global function of the script is named; one typed at the console becomes a script of its own.
local function place_function(action, spec)
  if is_console then
    return raw.module("console").keep_function(action, spec)
  end
  local name = functions.name_of(action)
  if not name then
    fail("a function given at run time must be a global function of the script, to be found again "
      .. "after a restart; declare it with a name: function name(run) ... end")
  end
  return script .. "." .. name
end

local function with(original, member, value)
  local copy = {}
  for key, known in pairs(original) do
    copy[key] = known
  end
  copy[member] = value
  return copy
end

--- What the scheduler knows a function in retry by, beside `action`; the console keeps it with that.
local function place_decider(decide, action, name)
  if is_console and type(action) == "function" then
    return decide
  elseif is_console then
    fail('scheduler.%s: a function in retry is kept with one that is typed for run; else name one of the script, '
      .. 'retry = { decide = "script.function" }', name)
  end
  local known = functions.name_of(decide)
  if not known then
    fail("scheduler.%s: a function in retry must be a global function of the script, to be found again after a restart",
      name)
  end
  return script .. "." .. known
end

--- A function that decides about retries is known by its name too.
local function with_decider_placed(spec, name)
  local retry = spec.retry
  local decide = type(retry) == "table" and retry.decide or retry
  if type(decide) ~= "function" then
    return spec
  end
  local placed = place_decider(decide, spec.func or spec.run, name)
  return with(spec, "retry", with(type(retry) == "table" and retry or {}, "decide", placed))
end

--- Functions that hear of a job's events are refused with a sentence, whatever they are; true can be sent.
local function with_listeners_named(spec)
  for _, hook in ipairs(hooks) do
    if type(spec[hook]) == "function" then
      spec = with(spec, hook, true)
    end
  end
  return spec
end

--- The spec as C wants it, and the name of the script that was made for its function, if any. A spec
-- that needs nothing is passed as it is.
return function(spec, name)
  if type(spec) ~= "table" then
    fail("scheduler.%s wants a table of options, not a %s", name, type(spec))
  end
  spec = with_listeners_named(with_decider_placed(spec, name))
  local func, run = spec.func, spec.run
  local is_short = type(func) == "string" and not is_console and not func:find(".", 1, true)
  if type(func) ~= "function" and type(run) ~= "function" and type(spec.trigger) ~= "userdata" and not is_short
    and not raw.module("vocabulary").is_command(func) then
    return spec
  end
  spec = raw.module("vocabulary").prepare(spec)
  if type(func) == "function" or type(run) == "function" then
    if func and run then
      fail("scheduler.%s: both run and func are given: give one of them", name)
    end
    spec.run = nil
    local kept
    spec.func, kept = place_function(func or run, spec)
    return spec, kept
  elseif is_short then
    spec.func = script .. "." .. func
  elseif raw.module("vocabulary").is_command(func) then
    spec.func, spec.run = nil, func
  end
  return spec
end
