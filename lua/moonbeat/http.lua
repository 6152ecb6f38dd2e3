--- HTTP and HTTPS. A request waits for its answer while other runs go on. An answer of any status is
-- a response; when there is none, the call returns nil, a sentence and a code ("unavailable",
-- "timeout", "limit", "invalid", "permission" for a certificate that is refused, "io"). Misuse raises.
--
--   local response = assert(http.get("https://example.org/orders", { query = { page = 2 } }))
--   if response.ok then local orders = response:json() ... end

local raw = ...
local backoff = raw.module("backoff")

---@class http
local http = {}

---@class http.options
---@field method? string "GET" when not given
---@field url? string
---@field headers? table<string, string>
---@field query? table<string, any> added to the URL, sorted by name; a list gives one name several values
---@field body? string
---@field json? any sent as JSON in place of body
---@field form? table<string, any> sent as a form in place of body
---@field timeout? number|string for the whole of an attempt, "30s" when not given; 0 for none
---@field connect_timeout? number|string "10s" when not given
---@field follow? integer|boolean how many redirects, 5; false: none; 301 to 303 with GET, 307 and 308 as it was sent
---@field retries? integer|http.retries more attempts when there is no answer, or one that says later; 0
---@field auth? http.auth
---@field max_size? integer|string of the response's body, "16MiB" when not given, "1GiB" with save_to
---@field save_to? string the file that the body of a successful answer goes to, once all of it is there
---@field verify? boolean false: do not check the server's certificate
---@field ca_file? string the certificates that are trusted, in place of the system's

---@class http.retries
---@field attempts integer in all, the first included
---@field delay? number|string before the second attempt, "1s" when not given; doubled for each next, or by Retry-After
---@field max_delay? number|string "1m" when not given
---@field any_method? boolean also POST and PATCH, else tried again only when nobody was reached

---@class http.auth
---@field user? string
---@field password? string
---@field bearer? string a token

---@class http.response
---@field status integer
---@field ok boolean status is 200 to 299
---@field headers table<string, string> names in lower case; repeated ones are joined by ", "
---@field body string "" when it went to a file
---@field saved_to? string that file
---@field size integer of the body
---@field url string where the answer came from, after redirects
---@field elapsed number seconds
local Response = {}

--- The body read as JSON; nil and a sentence when it is not JSON.
---@return any value
---@return string? message
function Response:json()
  return raw.json_decode(self.body)
end

local response_meta = {
  __index = function(response, key) -- response.json() will do as well
    local method = Response[key]
    return method and function() return method(response) end
  end,
  __name = "http.response",
}

-- Servers expect a length with these, if only 0.
local BODY_METHODS = { POST = true, PUT = true, PATCH = true }

local function fail(form, ...)
  raw.fail(form:format(...))
end

local function encode_component(text)
  return (text:gsub("[^%w%-._~]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end))
end

-- A value as it is sent; a table would be its address.
local function sent_text(name, what, value)
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    local meta = getmetatable(value)
    if type(meta) ~= "table" or not meta.__tostring then
      fail("%s: %s must be a string, got %s", name, what, raw.type_name(value))
    end
  end
  return tostring(value)
end

-- name=value&... of a table, sorted by name so that equal requests look equal.
local function encode_form(name, what, fields)
  if type(fields) ~= "table" then
    fail("%s: %s must be a table, got %s", name, what, raw.type_name(fields))
  end
  local keys = {}
  for key in pairs(fields) do
    if type(key) ~= "string" then
      fail("%s: names in %s must be strings, got %s", name, what, raw.type_name(key))
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  local pairs_of_it = {}
  for _, key in ipairs(keys) do
    local values = fields[key]
    if type(values) ~= "table" or getmetatable(values) ~= nil then
      values = { values }
    end
    for _, value in ipairs(values) do
      pairs_of_it[#pairs_of_it + 1] = encode_component(key) .. "="
        .. encode_component(sent_text(name, what .. "." .. key, value))
    end
  end
  return table.concat(pairs_of_it, "&")
end

local function url_with_query(name, url, query)
  if query == nil then
    return url
  end
  local text = encode_form(name, "query", query)
  if text == "" then
    return url
  end
  local before, fragment = url:match("^([^#]*)(.*)$")
  return before .. (before:find("?", 1, true) and "&" or "?") .. text .. fragment
end

local function header_lines(name, headers, defaults)
  local lines, seen = {}, {}
  if headers ~= nil and type(headers) ~= "table" then
    fail("%s: headers must be a table, got %s", name, raw.type_name(headers))
  end
  for key, value in pairs(headers or {}) do
    if type(key) ~= "string" or key:find("[^%w!#$%%&'*+%-.^_`|~]") or key == "" then
      fail("%s: header name %q is not valid", name, tostring(key))
    end
    value = sent_text(name, "header " .. key, value)
    if value:find("[\r\n\0]") then
      fail("%s: header %s must not hold a line break", name, key)
    end
    seen[key:lower()] = true
    lines[#lines + 1] = value == "" and key .. ";" or key .. ": " .. value
  end
  for key, value in pairs(defaults) do
    if not seen[key] then -- false keeps curl from adding its own
      lines[#lines + 1] = value and key .. ": " .. value or key .. ":"
    end
  end
  return lines
end

local function body_of(name, options)
  local given
  for _, key in ipairs { "body", "json", "form" } do
    if options[key] ~= nil then
      if given then
        fail("%s: give %s or %s, not both", name, given, key)
      end
      given = key
    end
  end
  if given == "json" then
    local text, message = raw.json_encode(options.json, "json")
    if not text then
      fail("%s: %s", name, message)
    end
    return text, "application/json"
  elseif given == "form" then
    return encode_form(name, "form", options.form), "application/x-www-form-urlencoded"
  elseif given and type(options.body) ~= "string" then
    fail("%s: body must be a string, got %s (json = sends a table)", name, raw.type_name(options.body))
  end
  return options.body, given and "application/octet-stream"
end

local function check_auth(name, auth)
  if auth == nil then
    return nil
  end
  raw.check_options(name .. ": auth", auth, "user", "password", "bearer")
  for key, value in pairs(auth) do
    if type(value) ~= "string" then
      fail("%s: auth.%s must be a string, got %s", name, key, raw.type_name(value))
    elseif value:find "%c" then
      fail("%s: auth.%s must not hold a line break or another control character", name, key)
    end
  end
  if (auth.bearer == nil) == (auth.user == nil) then
    fail("%s: auth needs user and password, or bearer", name)
  end
  return auth
end

-- Asked twice, these do what they do once.
local IDEMPOTENT = { GET = true, HEAD = true, OPTIONS = true, TRACE = true, PUT = true, DELETE = true }

-- Worth another attempt. Any other method may have had its effect unless nobody was reached.
local function is_to_repeat(plan, method, status, code)
  if IDEMPOTENT[method] or plan.any_method then
    return backoff.is_temporary(status, code)
  end
  return status == nil and code == "unavailable"
end

local function perform(name, method, url, options)
  if type(method) ~= "string" or not method:find("^%u+$") then
    fail("%s: method must be a word in capitals, got %s", name, tostring(method))
  end
  if type(url) ~= "string" then
    fail("%s: url must be a string, got %s", name, raw.type_name(url))
  end
  if url:find("[%c ]") then
    fail("%s: url must not hold blanks or control characters", name)
  end
  local body, content_type = body_of(name, options)
  if body == nil and BODY_METHODS[method] then
    body = ""
  end
  local max_size = options.max_size
  if max_size == nil then
    max_size = options.save_to ~= nil and 1 << 30 or 16 << 20
  end
  local request = {
    method = method,
    url = url_with_query(name, url, options.query),
    body = body,
    headers = header_lines(name, options.headers, { expect = false, ["content-type"] = content_type or false }),
    timeout = raw.seconds_option(name, "timeout", options.timeout == nil and 30 or options.timeout),
    connect_timeout = raw.seconds_option(name, "connect_timeout",
      options.connect_timeout == nil and 10 or options.connect_timeout),
    max_size = raw.size_option(name, "max_size", max_size),
    save_to = options.save_to,
    follow = options.follow == nil and 5 or options.follow == true and 5 or options.follow or 0,
    auth = check_auth(name, options.auth),
    verify = options.verify ~= false,
    ca_file = raw.path_option(name, "ca_file", options.ca_file),
  }
  if math.type(request.follow) ~= "integer" or request.follow < 0 then
    fail("%s: follow must be a number of redirects or false", name)
  end
  if request.save_to ~= nil and method == "HEAD" then
    fail("%s: save_to is for what has a body", name)
  end
  local plan = backoff.read(name, options.retries, 1)
  for attempt = 1, plan.attempts do
    local status, headers, text, final_url, elapsed, saved = raw.http_request(name, request)
    -- Without an answer the second and third results are the sentence and its code.
    if attempt == plan.attempts or not is_to_repeat(plan, method, status, text) then
      if status == nil then
        return nil, headers, text
      end
      return setmetatable({
        status = status,
        ok = status >= 200 and status < 300,
        headers = headers,
        body = text,
        size = saved or #text,
        saved_to = saved and request.save_to,
        url = final_url,
        elapsed = elapsed,
      }, response_meta)
    end
    raw.sleep(backoff.delay(plan, attempt, status and headers))
  end
end

-- For webhook, whose requests these are too.
raw.http_perform = perform

local function check_request(name, options)
  return raw.check_options(name, options, "method", "url", "headers", "query", "body", "json", "form",
    "timeout", "connect_timeout", "follow", "retries", "auth", "max_size", "save_to", "verify", "ca_file")
end

local function with_method(function_name, method)
  local name = "http." .. function_name
  return function(url, options)
    options = check_request(name, options)
    for _, key in ipairs { "method", "url" } do
      if options[key] ~= nil then
        fail("%s: %s is not an option here; http.request takes it", name, key)
      end
    end
    return perform(name, method, url, options)
  end
end

--- Fetches a URL.
---@type fun(url: string, options?: http.options): http.response?, string?, string?
http.get = with_method("get", "GET")

--- Asks for status and headers only.
---@type fun(url: string, options?: http.options): http.response?, string?, string?
http.head = with_method("head", "HEAD")

--- Sends a body (`body`, `json` or `form`).
---@type fun(url: string, options?: http.options): http.response?, string?, string?
http.post = with_method("post", "POST")

--- Puts a body (`body`, `json` or `form`) in the place of what is there.
---@type fun(url: string, options?: http.options): http.response?, string?, string?
http.put = with_method("put", "PUT")

--- Changes what is there, by a body (`body`, `json` or `form`).
---@type fun(url: string, options?: http.options): http.response?, string?, string?
http.patch = with_method("patch", "PATCH")

--- Has the server remove it.
---@type fun(url: string, options?: http.options): http.response?, string?, string?
http.delete = with_method("delete", "DELETE")

--- Any request: http.request { method = "OPTIONS", url = "https://example.org/" }.
---@param options http.options
---@return http.response? response
---@return string? message
---@return string? code
function http.request(options)
  options = check_request("http.request", options)
  return perform("http.request", options.method == nil and "GET" or options.method, options.url, options)
end

return http
