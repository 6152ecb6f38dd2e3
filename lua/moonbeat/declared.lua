--- What a script has declared, as far as a state needs it after the script has loaded: functions by
-- the job's id, listeners, triggers in Lua. vocabulary.lua puts it here, and is let go then.

local raw = ...

local script = raw.script_name()

local declared = {
  is_loading = script ~= "console", -- the script's chunk runs, and `job` and `on` gather
  zones = {},                       -- id -> the time zone of its trigger, where one was written
  functions = {},                   -- id -> the declared function
  deciders = {},                    -- id -> the declared retry.decide
  triggers = {},                    -- name -> function(previous, now)
  last_listener = 0,
  listener_names = {},              -- id -> name
  listener_functions = {},          -- id -> function
}

-- ---- jobs ----

--- Of the functions that the script has made.
function declared.global_names()
  local names = {}
  for name, value in pairs(_G) do
    if type(name) == "string" and type(value) == "function" and not declared.is_builtin(name) then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- The name of a global function of this script, by which it is found again after a restart.
function declared.name_of(action)
  for _, name in ipairs(declared.global_names()) do
    if rawequal(_G[name], action) then
      return name
    end
  end
end

-- ---- triggers in Lua ----

--- When "name" fires next, in microseconds; nothing when it never does again.
function declared.ask_trigger(name, previous_us, now_us)
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

-- ---- listeners ----

--- The scheduler did not take it.
function declared.forget_listener(id)
  declared.listener_functions[id] = nil
  declared.listener_names[id] = nil
end

--- The numbers under which a function listens.
function declared.listener_ids(listener)
  local ids = {}
  for id, known in pairs(declared.listener_functions) do
    if known == listener then
      ids[#ids + 1] = id
    end
  end
  table.sort(ids)
  return ids
end

--- An event as scripts see it: its instants are times, what is absent is nil.
function declared.make_event(event)
  for _, field in ipairs { "at", "scheduled_at", "modified_at" } do
    if type(event[field]) == "string" then
      event[field] = raw.time_parse(event[field]) or event[field]
    end
  end
  for key, value in pairs(event) do
    if value == raw.json_null then
      event[key] = nil
    end
  end
  return event
end

--- An event for one listener, with the id that it has each time it is delivered. Errors are the
-- scheduler's to count.
function declared.tell_listener(id, event_json, event_id, delivery)
  local listener = declared.listener_functions[id]
  if listener then
    local event = declared.make_event(raw.json_decode(event_json))
    -- What was emitted may have members of these names.
    event.id = event.id == nil and event_id or event.id
    event.delivery = event.delivery == nil and delivery or event.delivery
    listener(event)
  end
end

-- ---- what C asks for ----

local builtins = "" -- names, one a line: a table of them would be ten times as large

function declared.is_builtin(name)
  return builtins:find("\n" .. name .. "\n", 1, true) ~= nil
end

--- What is global now was there before the script.
function declared.remember_globals()
  local names = { "" }
  for name in pairs(_G) do
    names[#names + 1] = name
  end
  builtins = table.concat(names, "\n") .. "\n"
end

--- What a path like "a.b" of globals leads to.
function declared.find(path)
  local value = rawget(_G, path)
  if value == nil and path:find(".", 1, true) then
    value = _G
    for name in path:gmatch("[^.]+") do
      value = type(value) == "table" and value[name] or nil
    end
  end
  return value
end

function declared.missing(path)
  local names = declared.global_names()
  return ('script "%s" has no function "%s"%s'):format(script, path, raw.did_you_mean(path, names))
end

--- The path of a function of this script, whose name may stand in front.
function declared.without_script(path)
  return path:sub(1, #script + 1) == script .. "." and path:sub(#script + 2) or path
end

--- The function that a run calls; `func` nil is the declaration's own.
function declared.find_function(job_id, func)
  if func == nil then
    return declared.functions[job_id]
      or error(('script "%s" declares no function for job "%s"'):format(script, job_id), 0)
  end
  local action = declared.find(func)
  if type(action) ~= "function" then
    error(declared.missing(func), 0)
  end
  return action
end

--- The function that says whether another attempt follows; `name` nil is the declaration's own.
function declared.find_decider(job_id, name)
  if name == nil then
    return declared.deciders[job_id]
      or error(('script "%s" declares no retry.decide for job "%s"'):format(script, job_id), 0)
  end
  return declared.find_function(job_id, declared.without_script(name))
end

-- ---- the `run` that a function is given ----

-- C makes it: a table {scheduled_us=, job=, number=, events_json=, args_json=, checkpoint_json=} with the
-- metatable Run. The first two are always there; the number is, from the second attempt on.

local member -- of run.lua, which is read when a script first asks its run for something

local Run = { __name = "run" }

function Run:__index(name)
  member = member or raw.module("run").member
  return member(self, name)
end

function Run:__tostring()
  return "run " .. self.id
end

declared.Run = Run

--- The time zone of the job's trigger, where its declaration names one.
function declared.zone_of_job(job_id)
  return declared.zones[job_id]
end

return declared
