--- kv: values that outlive restarts, each script its own; kv.shared are those of all scripts. A value
-- is anything that JSON can hold. Each call is one step of the scheduler: what it wrote is durable
-- when it returns, and no other run's writing comes in between.

local raw = ...
local fail = raw.module("fail")

local TRIES_MAX = 100 -- of kv.update
local TRIES_AT_ONCE = 10

---@class kv.options
---@field ttl? duration nobody sees the value any more after so long

---@class kv
local kv = {}

--- The same functions on the values that all scripts share.
---@class kv
kv.shared = {}

local function ask(name, op, params)
  raw.wait_check(name)
  local result, message, code = raw.request(op, params)
  if not result then
    fail("%s: %s (%s)", name, message, code)
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
  if value == nil then
    return raw.json_null
  end
  local text, message = raw.json_encode(value, "value")
  if not text then
    fail("kv: %s", message)
  end
  return raw.json_decode(text, true)
end

local function read(name, shared, key)
  check_key(key)
  local found = ask(name, "kv_get", { key = key, shared = shared })
  if found.value == raw.json_null then
    found.value = nil
  end
  return found.value, found.expires_at
end

local function ttl_of(name, options)
  return raw.check_options(name, options, "ttl").ttl
end

local function compare_and_set(name, params)
  raw.wait_check(name)
  local result, message, code = raw.request("kv_set", params)
  if not result and code ~= "conflict" then
    fail("%s: %s (%s)", name, message, code)
  end
  return result ~= nil
end

-- For kv and for kv.shared: `method` is told which as its first argument.
local function both(name, method)
  kv.shared[name] = function(...)
    return method(true, ...)
  end
  return function(...)
    return method(false, ...)
  end
end

--- The value of a key, or `default` when there is none.
---@type fun(key: string, default?: any): any
kv.get = both("get", function(shared, key, default)
  local value = read("kv.get", shared, key)
  if value == nil then
    return default
  end
  return value
end)

--- When the value of a key ends; nil when it stays, or when there is none.
---@type fun(key: string): time.value?
kv.expires_at = both("expires_at", function(shared, key)
  local _, ends = read("kv.expires_at", shared, key)
  return ends and raw.time_parse(ends)
end)

--- nil removes the key. With `ttl` nobody sees the value any more after so long; without, it stays,
--- also where the one before had an end.
---@type fun(key: string, value: any, options?: kv.options)
kv.set = both("set", function(shared, key, value, options)
  check_key(key)
  ask("kv.set", "kv_set", { key = key, value = stored_form(value), ttl = ttl_of("kv.set", options), shared = shared })
end)

--- Removes a key.
---@type fun(key: string)
kv.delete = both("delete", function(shared, key)
  check_key(key)
  ask("kv.delete", "kv_set", { key = key, value = raw.json_null, shared = shared })
end)

--- The keys that begin with `prefix`, sorted.
---@type fun(prefix?: string): string[]
kv.keys = both("keys", function(shared, prefix)
  if prefix ~= nil and type(prefix) ~= "string" then
    fail("kv.keys: the prefix must be a string, got %s", raw.type_name(prefix))
  end
  local list, after = {}, nil
  repeat
    local page = ask("kv.keys", "kv_keys", { prefix = prefix, after = after, shared = shared })
    table.move(page.keys, 1, #page.keys, #list + 1, list)
    after = page.next
  until not after
  return list
end)

--- Adds `by`, 1 when not given, to a number, 0 when there is none; returns the sum. A `ttl` counts
--- from the first addition: when it is over, the counter begins anew.
---@type fun(key: string, by?: number, options?: kv.options): number
kv.incr = both("incr", function(shared, key, by, options)
  check_key(key)
  if by ~= nil and (not math.type(by) or by ~= by or by == math.huge or by == -math.huge) then
    fail("kv.incr: by must be a finite number, got %s", math.type(by) and tostring(by) or raw.type_name(by))
  end
  local params = { key = key, by = by, ttl = ttl_of("kv.incr", options), shared = shared }
  return ask("kv.incr", "kv_incr", params).value
end)

--- Sets the key only if its value is `expected`; nil is: there is none. Whether it did.
---@type fun(key: string, expected: any, value: any, options?: kv.options): boolean
kv.cas = both("cas", function(shared, key, expected, value, options)
  check_key(key)
  return compare_and_set("kv.cas", {
    key = key,
    expected = stored_form(expected),
    value = stored_form(value),
    ttl = ttl_of("kv.cas", options),
    shared = shared,
  })
end)

--- Sets the key to what `change(value)` returns, and returns that. No other run's change gets lost:
--- when there was one in between, `change` is called again, at most 100 times, so it should be short.
--- The end that an earlier ttl has set stays as it is.
---@type fun(key: string, change: (fun(value: any): any), options?: kv.options): any
kv.update = both("update", function(shared, key, change, options)
  check_key(key)
  if type(change) ~= "function" then
    fail("kv.update wants a function, not a %s", type(change))
  end
  local ttl = ttl_of("kv.update", options)
  for try = 1, TRIES_MAX do
    local old = read("kv.update", shared, key)
    local expected = stored_form(old) -- a copy: `change` may alter the value in place
    local new = change(old)
    local params = { key = key, value = stored_form(new), expected = expected, shared = shared }
    params.ttl, params.keep_ttl = ttl, ttl == nil
    if compare_and_set("kv.update", params) then
      return new
    elseif try > TRIES_AT_ONCE then
      raw.sleep(raw.random_integer(0, 1000) / 1000 * try / 1000)
    end
  end
  return fail('kv.update: "%s" was changed by others %d times in a row while the function ran: make it shorter',
    key, TRIES_MAX)
end)

return kv
