--- Messages to other people's servers, signed as the Standard Webhooks specification has it, and the
-- check of such messages. A message keeps its id over all attempts, by which a receiver knows a
-- message that it has seen.
--
--   assert(webhook.send("https://example.org/hook", { type = "order.paid", data = { id = 42 } },
--     { secret = "whsec_..." }))

local raw = ...
local fail = raw.module("fail")
local backoff = raw.module("backoff")
local crypto = raw.module("crypto")

---@class webhook
local webhook = {}

---@class webhook.options
---@field secret string|string[] "whsec_" and base64, or any other text as it is; with several, each signs
---@field id? string of the message; a new one when not given
---@field headers? table<string, string> more of them
---@field timeout? number|string for each attempt, "15s" when not given
---@field retries? integer|http.retries 5 attempts in all when not given, a second after the first
---@field verify? boolean false: do not check the server's certificate
---@field ca_file? string the certificates that are trusted, in place of the system's

---@class webhook.receipt
---@field id string of the message
---@field attempts integer
---@field status integer of the answer, 200 to 299
---@field response http.response

local TOLERANCE_S = 300
local KEY_SIZE_MIN = 16
local RETRY_STATUS = { [500] = true, [409] = true }

-- The keys of a secret, or of a list of them while one takes the place of another.
local function keys_of(name, secret)
  local keys = {}
  for i, text in ipairs(type(secret) == "table" and secret or { secret }) do
    if type(text) ~= "string" then
      fail("%s: a secret must be a string, got %s", name, raw.type_name(text))
    end
    local key = text
    if text:find "^whsec_" then
      key = crypto.base64_decode(text:sub(7)) or
        fail('%s: behind "whsec_" a secret must be base64', name)
    end
    if #key < KEY_SIZE_MIN then
      fail("%s: the secret is too short, %d bytes; it must have %d or more", name, #key, KEY_SIZE_MIN)
    end
    keys[i] = key
  end
  if #keys == 0 then
    fail("%s: a secret is needed", name)
  end
  return keys
end

local function sign(key, id, timestamp, body)
  return "v1," .. crypto.hmac("sha256", key, ("%s.%s.%s"):format(id, timestamp, body), "base64")
end

local function signatures(keys, id, timestamp, body)
  local list = {}
  for i, key in ipairs(keys) do
    list[i] = sign(key, id, timestamp, body)
  end
  return table.concat(list, " ")
end

local function body_of(payload)
  if type(payload) == "string" then
    return payload
  end
  local text, message = raw.json_encode(payload, "payload")
  return text or fail("webhook.send: %s", message)
end

-- Without what may be secret.
local function shown_url(url)
  return (url:gsub("[?#].*$", ""):gsub("//[^/]*@", "//"))
end

local function check_id(id)
  if id == nil then
    return "msg_" .. crypto.uuid(7)
  elseif type(id) ~= "string" or #id > 200 or not id:find "^[%w_-]+$" then
    fail("webhook.send: the id must be letters, digits, _ and -, got %s",
      type(id) == "string" and ('"%s"'):format(raw.visible(id)) or raw.type_name(id))
  end
  return id
end

local function headers_of(headers, signed)
  local all = { ["content-type"] = "application/json" }
  for key, value in pairs(headers or {}) do
    if type(key) == "string" and key:lower():find "^webhook%-" then
      fail("webhook.send: header %s is made by the signature", key)
    end
    all[type(key) == "string" and key:lower() or key] = value
  end
  for key, value in pairs(signed) do
    all[key] = value
  end
  return all
end

--- Sends a message, JSON or a text as it is, until the server takes it: a signed POST, again after a
--- while when there is no answer, or one that says later or 500. Waits.
---@param url string
---@param payload any
---@param options webhook.options
---@return webhook.receipt? receipt nil when it was not taken
---@return string? message
---@return string? code "refused" when the server answered and did not take it
function webhook.send(url, payload, options)
  options = raw.check_options("webhook.send", options, "secret", "id", "headers", "timeout", "retries", "verify",
    "ca_file")
  local keys = keys_of("webhook.send", options.secret)
  local body, id = body_of(payload), check_id(options.id)
  local plan = backoff.read("webhook.send", options.retries, 5)
  if options.headers ~= nil and type(options.headers) ~= "table" then
    fail("webhook.send: headers must be a table, got %s", raw.type_name(options.headers))
  end
  local perform = raw.module("http") and raw.http_perform
  for attempt = 1, plan.attempts do
    local timestamp = tostring(raw.time_us(raw.time_now()) // 1000000)
    local response, message, code = perform("webhook.send", "POST", url, {
      body = body,
      headers = headers_of(options.headers, {
        ["webhook-id"] = id,
        ["webhook-timestamp"] = timestamp,
        ["webhook-signature"] = signatures(keys, id, timestamp, body),
      }),
      timeout = options.timeout == nil and 15 or options.timeout,
      follow = false,
      max_size = 1 << 20,
      verify = options.verify,
      ca_file = options.ca_file,
    })
    if response and response.ok then
      return { id = id, attempts = attempt, status = response.status, response = response }
    end
    local is_temporary = backoff.is_temporary(response and response.status, code) or
      response and RETRY_STATUS[response.status]
    if attempt == plan.attempts or not is_temporary then
      if response then
        message = ("POST %s: the server answered %d%s"):format(shown_url(url), response.status,
          response.status == 410 and ", this hook is gone for good" or "")
        code = "refused"
      end
      return nil, attempt > 1 and ("%s (attempt %d)"):format(message, attempt) or message, code
    end
    raw.sleep(backoff.delay(plan, attempt, response and response.headers))
  end
end

-- The value of a header whatever the case of its name.
local function header(headers, name)
  if headers[name] then
    return headers[name]
  end
  for key, value in pairs(headers) do
    if type(key) == "string" and key:lower() == name then
      return value
    end
  end
end

---@class webhook.verify_options
---@field tolerance? number|string how old, or how far ahead, a message may be; "5m" when not given

--- Whether a message is from who knows the secret, and not an old one: its id, or nil, a sentence and
--- a code. The body must be the bytes as they came.
---@param headers table<string, string>
---@param body string
---@param secret string|string[]
---@param options? webhook.verify_options
---@return string? id
---@return string? message
---@return string? code
function webhook.verify(headers, body, secret, options)
  options = raw.check_options("webhook.verify", options, "tolerance")
  if type(headers) ~= "table" then
    fail("webhook.verify: headers must be a table, got %s", raw.type_name(headers))
  elseif type(body) ~= "string" then
    fail("webhook.verify: body must be a string, got %s", raw.type_name(body))
  end
  local keys = keys_of("webhook.verify", secret)
  local tolerance = raw.seconds_option("webhook.verify", "tolerance",
    options.tolerance == nil and TOLERANCE_S or options.tolerance)
  local values = {}
  for i, name in ipairs { "webhook-id", "webhook-timestamp", "webhook-signature" } do
    values[i] = header(headers, name)
    if type(values[i]) ~= "string" or values[i] == "" then
      return nil, "the message has no header " .. name, "invalid"
    end
  end
  local id, timestamp, given = table.unpack(values)
  if not timestamp:find "^%d+$" or #timestamp > 12 then
    return nil, "the header webhook-timestamp is no number of seconds", "invalid"
  end
  local age = raw.time_us(raw.time_now()) / 1e6 - tonumber(timestamp)
  if math.abs(age) > tolerance then
    return nil, ("the message is %s"):format(age > 0 and "too old" or "from the future"), "timeout"
  end
  local is_signed = false
  for _, key in ipairs(keys) do
    local expected = sign(key, id, timestamp, body)
    for signature in given:gmatch "%S+" do
      is_signed = crypto.equal(signature, expected) or is_signed
    end
  end
  if not is_signed then
    return nil, "no signature of the message is by this secret", "permission"
  end
  return id
end

return webhook
