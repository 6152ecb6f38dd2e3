--- What a script has declared, as far as a state needs it after the script has loaded. vocabulary.lua
-- puts it here, and is let go then. Each state has this for good, so what few scripts ask is in modules
-- of its own: functions.lua finds functions by name, listeners.lua tells listeners.

local raw = ...

local script = raw.script_name()

local declared = {
  is_loading = script ~= "console", -- the script's chunk runs, and `job` and `on` gather
  builtins = "",                    -- names, one a line: a table of them would be ten times as large
  are_globals_first = true,         -- a run's function is looked up among them, then by find_function
  zones = {},                       -- job's id -> the time zone of its trigger, where one was written
  functions = {},                   -- job's id -> the declared function
  deciders = {},                    -- job's id -> the declared retry.decide
  triggers = {},                    -- name -> function(previous, now)
  last_listener = 0,
  listener_names = {},              -- id -> name
  listener_functions = {},          -- id -> function
}

--- What is global now was there before the script.
function declared.remember_globals()
  local names = { "" }
  for name in pairs(_G) do
    names[#names + 1] = name
  end
  declared.builtins = table.concat(names, "\n") .. "\n"
end

--- The function that a run calls; `func` nil is the declaration's own.
function declared.find_function(job_id, func)
  return func == nil and declared.functions[job_id] or raw.module("functions").of_job(job_id, func)
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

return declared
