--- Functions of a script by their names, by which they are found again after a restart. What is asked
-- for is rarely asked for, so that this is read when it is; the functions themselves are in declared.lua.

local raw = ...
local declared = raw.module("declared")

local script = raw.script_name()

local functions = {}

local function is_builtin(name)
  return declared.builtins:find("\n" .. name .. "\n", 1, true) ~= nil
end

--- Of all global functions that the script has made.
function functions.names()
  local names = {}
  for name, value in pairs(_G) do
    if type(name) == "string" and type(value) == "function" and not is_builtin(name) then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- The name of a global function of this script.
function functions.name_of(action)
  for _, name in ipairs(functions.names()) do
    if rawequal(_G[name], action) then
      return name
    end
  end
end

--- The path of a function of this script, whose name may stand in front.
local function without_script(path)
  return path:sub(1, #script + 1) == script .. "." and path:sub(#script + 2) or path
end

--- What a path like "a.b" of globals leads to; nil, message when that is no function.
function functions.find(path)
  local value = rawget(_G, path)
  if value == nil and path:find(".", 1, true) then
    value = _G
    for name in path:gmatch("[^.]+") do
      value = type(value) == "table" and value[name] or nil
    end
  end
  if type(value) ~= "function" then
    return nil, ('script "%s" has no function "%s"%s'):format(script, path, raw.did_you_mean(path, functions.names()))
  end
  return value
end

--- As find; the script's own name may stand in front, as it must where no script is meant by the place.
function functions.find_own(path)
  return functions.find(without_script(path))
end

local function must(value, message)
  return value or error(message, 0)
end

--- The function that a run calls; `func` nil is the declaration's own.
function functions.of_job(job_id, func)
  if func == nil then
    return must(declared.functions[job_id], ('script "%s" declares no function for job "%s"'):format(script, job_id))
  end
  return must(functions.find(func))
end

--- The function that says whether another attempt follows; `name` nil is the declaration's own.
function functions.decider(job_id, name)
  if name == nil then
    return must(declared.deciders[job_id],
      ('script "%s" declares no retry.decide for job "%s"'):format(script, job_id))
  end
  return must(functions.find_own(name))
end

--- When the script's trigger "name" fires next, in microseconds; nothing when it never does again.
function functions.ask_trigger(name, previous_us, now_us)
  local ask = declared.triggers[name]
  if not ask then
    local names = {}
    for known in pairs(declared.triggers) do
      names[#names + 1] = known
    end
    error(('script "%s" declares no trigger "%s"%s'):format(script, name, raw.did_you_mean(name, names)), 0)
  end
  local answer = ask(previous_us and raw.time_from_us(previous_us), raw.time_from_us(now_us))
  if type(answer) == "number" then
    return math.tointeger(answer * 1000000 // 1) or error(("it returned %s, which is no time"):format(answer), 0)
  elseif answer ~= nil then
    return raw.time_us(answer) or error(("it returned a %s, not a time"):format(raw.type_name(answer)), 0)
  end
end

return functions
