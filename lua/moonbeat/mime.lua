--- The text of an e-mail (RFC 5322, 2045, 2047, 2231) as a list of parts for raw.email_send, so that
-- large attachments are never joined here. What could break out of a header is refused.

local raw = ...
local fail = raw.module("fail")

local mime = {}

local ATTACHMENTS_MAX = 16 << 20 -- a third more as base64; few servers take larger messages
local WORD_BYTES = 45 -- of text in an encoded word, which may have 75 characters in all
local LINE_BYTES = 57 -- of a body in a line of base64

local TYPES = {
  csv = "text/csv", gif = "image/gif", gz = "application/gzip", html = "text/html", ics = "text/calendar",
  jpeg = "image/jpeg", jpg = "image/jpeg", json = "application/json", log = "text/plain", md = "text/markdown",
  pdf = "application/pdf", png = "image/png", svg = "image/svg+xml", txt = "text/plain", xml = "application/xml",
  zip = "application/zip",
  xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

local function check_text(what, text)
  if type(text) ~= "string" then
    fail("email.send: %s must be a string, got %s", what, raw.type_name(text))
  elseif not utf8.len(text) then
    fail("email.send: %s is not valid UTF-8", what)
  end
  return text
end

local function check_line(what, text)
  if check_text(what, text):find "%c" then
    fail('%s: %s must not hold a line break or another control character: "%s"', "email.send", what, raw.visible(text))
  end
  return text
end

-- ---- headers ----

-- RFC 2047: text that is not ASCII, in words that end between characters.
local function encoded_words(text)
  local words, from = {}, 1
  while from <= #text do
    local stop = from + WORD_BYTES
    if stop <= #text then
      stop = utf8.offset(text, 0, stop)
    end
    words[#words + 1] = "=?UTF-8?B?" .. raw.base64_encode(text:sub(from, stop - 1), false) .. "?="
    from = stop
  end
  return table.concat(words, "\r\n ")
end

local function header_text(text)
  if text:find "[\x80-\xff]" or text:find("=?", 1, true) or #text > 900 then
    return encoded_words(text)
  end
  return text
end

local function phrase(name)
  if name:find "[\x80-\xff]" or #name > 900 then
    return encoded_words(name)
  elseif name:find "[^%w !#$%%&'*+/=?^_`{|}~-]" or name:find("=?", 1, true) then
    return '"' .. name:gsub('[\\"]', "\\%0") .. '"'
  end
  return name
end

-- "a@b" or "Name <a@b>": the address, and how it stands in a header.
local function read_address(what, text)
  if #check_line(what, text) > 1000 then
    fail("email.send: %s: an address of %d bytes is too long", what, #text)
  end
  local name, address = text:match "^%s*(.-)%s*<%s*([^<>]*)>%s*$"
  address = address or text:match "^%s*(.-)%s*$"
  if address:find "[\x80-\xff]" then
    fail('email.send: %s: "%s" has letters that are not ASCII, which few servers take', what, address)
  elseif #address > 254 or not address:find "^[%w.!#$%%&'*+/=?^_`{|}~-]+@[%w%[][%w.:%-%]]*$" then
    fail('email.send: %s: "%s" is no address; write ada@example.org or Ada <ada@example.org>', what, text)
  end
  name = name and name:gsub('^"(.*)"$', "%1")
  return address, name and name ~= "" and ("%s <%s>"):format(phrase(name), address) or address
end

--- The addresses of a list, or of one: bare, and as a header's value.
function mime.addresses(what, given)
  local bare, shown = {}, {}
  if given ~= nil then
    for i, text in ipairs(type(given) == "table" and given or { given }) do
      bare[i], shown[i] = read_address(what, text)
    end
    if #bare == 0 then
      fail("email.send: %s is empty", what)
    end
  end
  return bare, table.concat(shown, ",\r\n ")
end

-- ---- bodies ----

local function base64_lines(data, parts)
  local step = LINE_BYTES * 3000
  for first = 1, #data, step do
    local text = raw.base64_encode(data:sub(first, first + step - 1), false)
    text = text:gsub(("."):rep(76), "%0\r\n")
    parts[#parts + 1] = text:sub(-1) == "\n" and text or text .. "\r\n"
  end
end

-- As it is when it is ASCII in short lines, else as base64.
local function add_text(parts, kind, text)
  local is_plain = not text:find "[^\t\r\n -~]"
  for line in text:gmatch "[^\n]+" do
    is_plain = is_plain and #line <= 900
  end
  parts[#parts + 1] = ("Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n"):format(
    kind, is_plain and "7bit" or "base64")
  text = text:gsub("\r\n?", "\n"):gsub("\n", "\r\n")
  if is_plain then
    parts[#parts + 1] = text .. "\r\n"
  else
    base64_lines(text, parts)
  end
end

local function file_name_parameter(name)
  if not name:find '[\x80-\xff"\\]' and #name <= 60 then
    return ('filename="%s"'):format(name)
  end
  -- RFC 2231, continued over lines so that none is too long.
  local escaped, lines = name:gsub("[^%w._-]", function(byte) return ("%%%02X"):format(byte:byte()) end), {}
  local from = 1
  while from <= #escaped do
    local stop = math.min(from + 59, #escaped)
    local cut = stop < #escaped and escaped:sub(stop - 1, stop):find("%", 1, true)
    stop = cut and stop - (cut == 2 and 1 or 2) or stop
    lines[#lines + 1] = ("filename*%d*=%s%s"):format(#lines, from == 1 and "UTF-8''" or "", escaped:sub(from, stop))
    from = stop + 1
  end
  return table.concat(lines, ";\r\n ")
end

local function add_attachment(parts, attachment)
  parts[#parts + 1] = ("Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"):format(attachment.type)
    .. ("Content-Disposition: attachment;\r\n %s\r\n\r\n"):format(file_name_parameter(attachment.name))
  base64_lines(attachment.data, parts)
end

-- One multipart body: each of `adders` adds its own headers and content.
local function add_multipart(parts, kind, adders)
  local boundary = "moonbeat-" .. raw.uuid(4)
  parts[#parts + 1] = ('Content-Type: multipart/%s;\r\n boundary="%s"\r\n\r\n'):format(kind, boundary)
  for _, add in ipairs(adders) do
    parts[#parts + 1] = ("--%s\r\n"):format(boundary)
    add()
  end
  parts[#parts + 1] = ("--%s--\r\n"):format(boundary)
end

local function add_texts(parts, text, html)
  if text and html then
    add_multipart(parts, "alternative", {
      function() add_text(parts, "plain", text) end,
      function() add_text(parts, "html", html) end,
    })
  else
    add_text(parts, html and "html" or "plain", html or text)
  end
end

-- ---- what is given ----

local function read_attachment(index, given)
  local what = ("attachments[%d]"):format(index)
  if type(given) == "string" then
    given = { path = given }
  end
  raw.check_options("email.send: " .. what, given, "path", "data", "name", "type")
  if (given.path == nil) == (given.data == nil) then
    fail("email.send: %s needs path or data", what)
  end
  local name = given.name
  if name == nil and type(given.path) == "string" then
    name = given.path:match "[^/]*$"
  end
  check_line(what .. ".name", name)
  if name == "" or #name > 255 or name:find("/", 1, true) then
    fail('email.send: %s.name: "%s" is no file name', what, name)
  end
  local kind = given.type
  if kind == nil then
    kind = TYPES[(name:match "%.(%w+)$" or ""):lower()] or "application/octet-stream"
  elseif type(kind) ~= "string" or not kind:find "^[%w.+-]+/[%w.+-]+$" then
    fail("email.send: %s.type must be like text/csv, got %s", what, raw.visible(tostring(kind)))
  end
  local data = given.data
  if given.path ~= nil then
    local message, code
    data, message, code = raw.fs_read("email.send", given.path)
    if not data then
      return nil, message, code
    end
  elseif type(data) ~= "string" then
    fail("email.send: %s.data must be a string, got %s", what, raw.type_name(data))
  end
  return { name = name, type = kind, data = data }
end

-- The attachments; or nil, a sentence and a code when one cannot be read.
local function read_attachments(given)
  local attachments, size = {}, 0
  if given ~= nil and type(given) ~= "table" then
    fail("email.send: attachments must be a list, got %s", raw.type_name(given))
  end
  for i, one in ipairs(given or {}) do
    local attachment, message, code = read_attachment(i, one)
    if not attachment then
      return nil, message, code
    end
    size = size + #attachment.data
    if size > ATTACHMENTS_MAX then
      fail("email.send: the attachments are over the limit of %d MiB together", ATTACHMENTS_MAX >> 20)
    end
    attachments[i] = attachment
  end
  return attachments
end

local OURS = { from = true, to = true, cc = true, bcc = true, ["reply-to"] = true, subject = true, date = true,
  ["message-id"] = true, ["mime-version"] = true, sender = true }

local function add_more_headers(parts, headers)
  if headers ~= nil and type(headers) ~= "table" then
    fail("email.send: headers must be a table, got %s", raw.type_name(headers))
  end
  local names = {}
  for name in pairs(headers or {}) do
    if type(name) ~= "string" or not name:find "^[%w-]+$" then
      fail('email.send: header name "%s" is not valid', raw.visible(tostring(name)))
    elseif OURS[name:lower()] or name:lower():find "^content%-" then
      fail("email.send: header %s is made by email.send itself", name)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = headers[name]
    value = check_line("header " .. name, math.type(value) and tostring(value) or value)
    parts[#parts + 1] = ("%s: %s\r\n"):format(name, header_text(value))
  end
end

--- The parts of the whole message, its id, and the bare addresses of sender and recipients; nil, a
--- sentence and a code when an attachment cannot be read.
function mime.message(options)
  local froms, from = mime.addresses("from", options.from)
  if #froms ~= 1 then
    fail("email.send: from must be one address")
  end
  local recipients, parts = {}, {}
  local id = ("<%s@%s>"):format(raw.uuid(7), froms[1]:match "@(.*)$")
  parts[1] = ("Date: %s\r\nMessage-ID: %s\r\nFrom: %s\r\n"):format(
    raw.time_now():format "%a, %d %b %Y %H:%M:%S %z", id, from)
  for _, field in ipairs { "to", "cc", "bcc", "reply_to" } do
    local bare, shown = mime.addresses(field, options[field])
    if field ~= "reply_to" then
      table.move(bare, 1, #bare, #recipients + 1, recipients)
    end
    if field ~= "bcc" and #bare > 0 then
      parts[#parts + 1] = ("%s: %s\r\n"):format(field:gsub("^%l", string.upper):gsub("_t", "-T"), shown)
    end
  end
  if #recipients == 0 then
    fail("email.send: to whom? Give to, cc or bcc")
  end
  parts[#parts + 1] = ("Subject: %s\r\n"):format(header_text(check_line("subject",
    options.subject == nil and "" or options.subject)))
  add_more_headers(parts, options.headers)
  parts[#parts + 1] = "MIME-Version: 1.0\r\n"
  local text = options.text ~= nil and check_text("text", options.text) or nil
  local html = options.html ~= nil and check_text("html", options.html) or nil
  text = text or (not html and "") or nil
  local attachments, message, code = read_attachments(options.attachments)
  if not attachments then
    return nil, message, code
  elseif #attachments == 0 then
    add_texts(parts, text, html)
  else
    local adders = { function() add_texts(parts, text, html) end }
    for _, attachment in ipairs(attachments) do
      adders[#adders + 1] = function() add_attachment(parts, attachment) end
    end
    add_multipart(parts, "mixed", adders)
  end
  return { parts = parts, id = id, sender = froms[1], recipients = recipients }
end

return mime
