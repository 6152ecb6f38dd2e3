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

-- key -> { version =, updates = } while an update of it is under way. Requests are answered in
-- order, so a value that was read is still the newest if nobody here has set the key since.
local watched = {}

local function store(key, value)
  if watched[key] then
    watched[key].version = watched[key].version + 1
  end
  ask("kv_set", { key = key, value = value == nil and raw.json_null or value })
end

--- Durable when it returns. nil removes the key.
---@param key string
---@param value any
function kv.set(key, value)
  check_key(key)
  store(key, stored_form(value))
end

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

--- Stores what `change(value)` makes of the stored form, as one step for all runs of the script.
local function update(key, watch, change)
  while true do
    local version = watch.version
    local old = read(key)
    if watch.version == version then
      local new = change(old)
      if watch.version == version then
        store(key, stored_form(new))
        return new
      end
    end
  end
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
  local watch = watched[key] or { version = 0, updates = 0 }
  watched[key] = watch
  watch.updates = watch.updates + 1
  local ok, result = pcall(update, key, watch, change)
  watch.updates = watch.updates - 1
  if watch.updates == 0 then
    watched[key] = nil
  end
  if not ok then
    error(result, 0)
  end
  return result
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
