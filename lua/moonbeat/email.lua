--- E-mail by a mail server (SMTP). A message waits for the server's word while other runs go on. What
-- the server refuses comes back as nil, its sentence and a code; misuse raises.
--
--   assert(email.send {
--     server = "smtps://mail.example.org", user = "shop", password = env.MAIL_PASSWORD,
--     from = "The shop <shop@example.org>", to = { "ada@example.org" },
--     subject = "Orders", text = report, attachments = { "orders.csv" },
--   })

local raw = ...
local fail = raw.module("fail")

---@class email
local email = {}

---@class email.options
---@field server string "smtps://host", "smtp://host:587"; the port is 465 or 25 when not given
---@field user? string
---@field password? string
---@field starttls? boolean|"offered" on smtp: true needs it, "offered" uses it; true with a password, else "offered"
---@field from string "shop@example.org" or "The shop <shop@example.org>"
---@field to? string|string[]
---@field cc? string|string[]
---@field bcc? string|string[] of whom the others do not learn
---@field reply_to? string|string[]
---@field subject? string
---@field text? string
---@field html? string beside text, for those who show it, or alone
---@field attachments? (string|email.attachment)[] paths, or tables
---@field headers? table<string, string> more of them
---@field timeout? number|string for the whole, "1m" when not given
---@field connect_timeout? number|string "10s" when not given
---@field verify? boolean false: do not check the server's certificate
---@field ca_file? string the certificates that are trusted, in place of the system's

---@class email.attachment
---@field path? string a file, or
---@field data? string its bytes
---@field name? string what it is called; the file's name when not given
---@field type? string "text/csv"; by the name's ending when not given

---@class email.receipt
---@field id string the Message-ID
---@field recipients string[] the addresses that the server has taken

local function check_server(server)
  if type(server) ~= "string" then
    fail("email.send: server must be a string, got %s", raw.type_name(server))
  end
  local scheme, rest = server:match "^(%a+)://(.*)$"
  if not scheme then
    scheme, rest = "smtp", server
  end
  if scheme ~= "smtp" and scheme ~= "smtps" then
    fail('email.send: server must begin with smtp:// or smtps://, got "%s"', raw.visible(server))
  elseif rest:find("@", 1, true) then
    fail("email.send: user and password are options, no part of server")
  elseif not rest:find "^[%w.-]+:?%d*/?$" and not rest:find "^%[[%x:]+%]:?%d*/?$" then
    fail('email.send: server must be like smtp://host:587, got "%s"', raw.visible(server))
  end
  return scheme, scheme .. "://" .. rest:gsub("/$", "")
end

local function check_login(options)
  for _, field in ipairs { "user", "password" } do
    if options[field] ~= nil and type(options[field]) ~= "string" then
      fail("email.send: %s must be a string, got %s", field, raw.type_name(options[field]))
    elseif options[field] and options[field]:find "%c" then
      fail("email.send: %s must not hold a line break or another control character", field)
    end
  end
  if (options.user == nil) ~= (options.password == nil) then
    fail("email.send: user and password go together")
  end
end

local function starttls_of(scheme, options)
  local starttls = options.starttls
  if starttls ~= nil and starttls ~= "offered" and type(starttls) ~= "boolean" then
    fail('email.send: starttls must be true, false or "offered", got %s', raw.visible(tostring(starttls)))
  elseif scheme == "smtps" then
    return "none" -- all of it is encrypted
  elseif starttls == nil then
    return options.password and "required" or "offered"
  end
  return starttls == true and "required" or starttls or "none"
end

--- Sends a message to all of its recipients. Waits.
---@param options email.options
---@return email.receipt? receipt nil when the server did not take it
---@return string? message
---@return string? code "refused" for good, "unavailable" for now, "permission" for a bad login or certificate
function email.send(options)
  if options == nil then
    fail("email.send: a table with server, from, to, subject and text is needed")
  end
  raw.check_options("email.send", options, "server", "user", "password", "starttls", "from", "to", "cc", "bcc",
    "reply_to", "subject", "text", "html", "attachments", "headers", "timeout", "connect_timeout", "verify",
    "ca_file")
  local scheme, server = check_server(options.server)
  check_login(options)
  local request = {
    server = server,
    user = options.user,
    password = options.password,
    starttls = starttls_of(scheme, options),
    timeout = raw.seconds_option("email.send", "timeout", options.timeout == nil and 60 or options.timeout),
    connect_timeout = raw.seconds_option("email.send", "connect_timeout",
      options.connect_timeout == nil and 10 or options.connect_timeout),
    verify = options.verify ~= false,
    ca_file = raw.path_option("email.send", "ca_file", options.ca_file),
  }
  local message, problem, code = raw.module("mime").message(options)
  if not message then
    return nil, problem, code
  end
  request.parts, request.sender, request.recipients = message.parts, message.sender, message.recipients
  local done, why, why_code = raw.email_send("email.send", request)
  if not done then
    return nil, why, why_code == "conflict" and "refused" or why_code
  end
  return { id = message.id, recipients = message.recipients }
end

return email
