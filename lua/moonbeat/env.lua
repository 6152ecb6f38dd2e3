--- The variables of the daemon's environment, to be read only: env.HOME, env.get("PORT", "80"),
-- env.require "SHOP_TOKEN". What a command shall see is given to exec as its `env`.

local raw = ...
local fail = raw.module("fail")

---@class env
---@field [string] string?
local env = {}

local function check_name(name, variable)
  if type(variable) ~= "string" then
    fail("%s: the name must be a string, got %s", name, raw.type_name(variable))
  elseif variable == "" or variable:find "[=%z]" then
    fail('%s: "%s" cannot be the name of a variable', name, raw.visible(variable))
  end
  return variable
end

--- The value of a variable, or `default` when it is not set.
---@param name string
---@param default? string
---@return string? value
function env.get(name, default)
  local value = raw.environment_variable(check_name("env.get", name))
  if value == nil then
    return default
  end
  return value
end

--- The value of a variable; raises when it is not set, or empty.
---@param name string
---@return string value
function env.require(name)
  local value = raw.environment_variable(check_name("env.require", name))
  if value == nil or value == "" then
    local names = {}
    for known in pairs(raw.environment()) do
      names[#names + 1] = known
    end
    fail('env.require: the variable "%s" is %s%s', raw.visible(name), value and "empty" or "not set",
      value and "" or raw.did_you_mean(name, names))
  end
  return value
end

--- All variables, as a table by name; changing it changes nothing else.
---@return table<string, string> variables
function env.all()
  return raw.environment()
end

return setmetatable(env, {
  __index = function(_, name)
    return raw.environment_variable(check_name("env", name))
  end,
  __newindex = function(_, name)
    fail('env.%s: the environment is to be read only; exec { ..., env = { %s = "..." } } sets it for a command',
      tostring(name), tostring(name))
  end,
})
