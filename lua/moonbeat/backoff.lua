--- When to try again what the world refused for now: delays that double up to a limit, spread a little
-- so that many clients do not come back together, and at least what the server asks for.

local raw = ...
local fail = raw.module("fail")

local backoff = {}

local ATTEMPTS_MAX = 100

--- Reads a `retries` option: a number of further attempts, or a table.
---@param name string whose option it is
---@param retries? integer|http.retries
---@param attempts integer when nothing is told
function backoff.read(name, retries, attempts)
  if retries == nil then
    retries = { attempts = attempts }
  elseif math.type(retries) == "integer" and retries >= 0 and retries < ATTEMPTS_MAX then
    retries = { attempts = retries + 1 }
  elseif type(retries) ~= "table" then
    fail("%s: retries must be a number from 0 to %d or a table, got %s", name, ATTEMPTS_MAX - 1,
      type(retries) == "number" and tostring(retries) or raw.type_name(retries))
  end
  raw.check_options(name .. ": retries", retries, "attempts", "delay", "max_delay", "any_method")
  local count = retries.attempts == nil and 3 or retries.attempts
  if math.type(count) ~= "integer" or count < 1 or count > ATTEMPTS_MAX then
    fail("%s: retries.attempts must be 1 to %d, got %s", name, ATTEMPTS_MAX, tostring(count))
  end
  local function seconds(field, default)
    local length = retries[field]
    return raw.seconds_option(name, "retries." .. field, length == nil and default or length)
  end
  return {
    attempts = count,
    delay = seconds("delay", 1),
    max_delay = seconds("max_delay", 60),
    any_method = retries.any_method and true or false,
  }
end

-- Seconds, or a date of HTTP.
local function retry_after(headers)
  local text = headers and headers["retry-after"]
  if not text then
    return 0
  elseif text:find "^%d+$" then
    return tonumber(text)
  end
  local at = raw.module("time").parse(text, "UTC", "%a, %d %b %Y %H:%M:%S GMT")
  return at and at - raw.module("time").now() or 0
end

--- Seconds from the end of an attempt to the next; headers are those of the answer, if there was one.
function backoff.delay(plan, attempt, headers)
  local delay = math.min(plan.delay * 2 ^ (attempt - 1), plan.max_delay)
  delay = delay * raw.random_integer(800, 1000) / 1000
  return math.max(delay, math.min(retry_after(headers), plan.max_delay))
end

--- Whether an answer says "later". Without an answer status is nil, and the code says why.
function backoff.is_temporary(status, code)
  if status == nil then
    return code ~= "invalid" and code ~= "limit" and code ~= "not_found" and code ~= "permission" and code ~= "full"
  end
  return status == 408 or status == 425 or status == 429 or status == 502 or status == 503 or status == 504
end

return backoff
