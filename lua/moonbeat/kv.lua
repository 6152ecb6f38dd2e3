--- kv: values that outlive restarts, each script its own. A value is anything that JSON can hold.

local raw = ...
local fail = raw.module("fail")

---@class kv
local kv = {}

local function ask(op, params)
  local result, message, code = raw.request(op, params)
  if not result then
    fail("kv: %s (%s)", message, code)
  end
  return result
end

local function check_key(key)
  if type(key) ~= "string" or key == "" then
    fail("kv: a key must be a string that is not empty")
  end
end

--- The value as it will be read again: fields that are json.null are not kept.
local function stored_form(value)
  local text, message = raw.json_encode(value, "value")
  if not text then
    fail("kv: %s", message)
  end
  return raw.json_decode(text, true)
end

local function read(key)
  local value = ask("kv_get", { key = key }).value
  if value == raw.json_null then
    return nil
  end
  return value
end

--- The value of a key, or `default` when there is none.
---@param key string
---@param default? any
---@return any
function kv.get(key, default)
  check_key(key)
  local value = read(key)
  if value == nil then
    return default
  end
  return value
end

local function or_null(value)
  return value == nil and raw.json_null or value
end

--- Durable when it returns. nil removes the key.
---@param key string
---@param value any
function kv.set(key, value)
  check_key(key)
  ask("kv_set", { key = key, value = or_null(stored_form(value)) })
end

--- Removes a key.
---@param key string
function kv.delete(key)
  kv.set(key, nil)
end

--- The keys that begin with `prefix`, sorted.
---@param prefix? string
---@return string[]
function kv.keys(prefix)
  return ask("kv_keys", { prefix = prefix }).keys
end

--- Sets the key to what `change(value)` returns and returns that; `value` is nil when there is none.
-- No other run's change gets lost: when there was one in between, `change` is called again.
---@param key string
---@param change fun(value: any): any
---@return any
function kv.update(key, change)
  check_key(key)
  if type(change) ~= "function" then
    fail("kv.update wants a function, not a %s", type(change))
  end
  while true do
    local old = read(key)
    local expected = or_null(stored_form(old)) -- a copy: `change` may alter the value in place
    local new = change(old)
    local params = { key = key, value = or_null(stored_form(new)), expected = expected }
    local result, message, code = raw.request("kv_set", params)
    if result then
      return new
    elseif code ~= "conflict" then
      fail("kv: %s (%s)", message, code)
    end
  end
end

--- Adds `step` (1 when not given) to a number, 0 when there is none; returns the sum.
---@param key string
---@param step? number
---@return number
function kv.incr(key, step)
  return kv.update(key, function(value)
    if value ~= nil and type(value) ~= "number" then
      fail('kv.incr: "%s" holds a %s', key, type(value))
    end
    return (value or 0) + (step or 1)
  end)
end

return kv
