--- Digests, base64 and hex, unique ids, randomness. Nothing here waits, and a text of any size is
-- worked on in parts, so that other runs go on meanwhile.
--
--   crypto.sha256("abc")                            -- "ba7816bf..."
--   crypto.hmac("sha256", key, body, "base64")

local raw = ...
local fail = raw.module("fail")

---@class crypto
local crypto = {}

---@alias crypto.algorithm "md5"|"sha1"|"sha224"|"sha256"|"sha384"|"sha512"|"sha3-256"|"sha3-512"
---@alias crypto.form "hex"|"base64"|"base64url"|"bytes"

local ALGORITHMS = { "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512" }

-- What a slice's hook lets run in one piece: far under a millisecond of work. A multiple of 3 and 4.
local PART = 192 * 1024

local function check_text(name, what, text)
  if type(text) ~= "string" then
    fail("%s: %s must be a string, got %s", name, what, raw.type_name(text))
  end
  return text
end

-- Joins what `convert` makes of each part of a text.
local function in_parts(text, part, convert)
  if #text <= part then
    return convert(text)
  end
  local parts = {}
  for first = 1, #text, part do
    parts[#parts + 1] = convert(text:sub(first, first + part - 1))
  end
  return table.concat(parts)
end

local function base64(bytes)
  return in_parts(bytes, PART, function(part) return raw.base64_encode(part, false) end)
end

local function base64url(bytes)
  return in_parts(bytes, PART, function(part) return raw.base64_encode(part, true) end)
end

local function hex(bytes)
  return in_parts(bytes, PART, raw.hex_encode)
end

local forms = { hex = hex, base64 = base64, base64url = base64url, bytes = function(bytes) return bytes end }

local function form_of(name, form)
  return forms[form == nil and "hex" or form] or
    fail('%s: the form must be "hex", "base64", "base64url" or "bytes", got %s', name,
      type(form) == "string" and ('"%s"'):format(form) or raw.type_name(form))
end

local function begin(name, algorithm, key)
  check_text(name, "the algorithm", algorithm)
  for _, known in ipairs(ALGORITHMS) do
    if known == algorithm then
      return raw.digest_begin(name, algorithm, key)
    end
  end
  fail('%s: unknown algorithm "%s"%s', name, algorithm, raw.did_you_mean(algorithm, ALGORITHMS))
end

local function digest_text(name, algorithm, key, data, form)
  local convert = form_of(name, form)
  check_text(name, "data", data)
  local digest = begin(name, algorithm, key)
  for first = 1, #data, PART do
    digest:update(data, first, math.min(first + PART - 1, #data))
  end
  return convert(digest:finish())
end

--- The digest of some bytes, in hex when no form is given.
---@param algorithm crypto.algorithm
---@param data string
---@param form? crypto.form
---@return string digest
function crypto.hash(algorithm, data, form)
  return digest_text("crypto.hash", algorithm, nil, data, form)
end

--- The SHA-256 of some bytes, in hex when no form is given.
---@param data string
---@param form? crypto.form
---@return string digest
function crypto.sha256(data, form)
  return digest_text("crypto.sha256", "sha256", nil, data, form)
end

--- The SHA-512 of some bytes, in hex when no form is given.
---@param data string
---@param form? crypto.form
---@return string digest
function crypto.sha512(data, form)
  return digest_text("crypto.sha512", "sha512", nil, data, form)
end

--- The SHA-1 of some bytes, for what others still sign with it; it is broken.
---@param data string
---@param form? crypto.form
---@return string digest
function crypto.sha1(data, form)
  return digest_text("crypto.sha1", "sha1", nil, data, form)
end

--- The MD5 of some bytes, for checksums that others made; it is broken.
---@param data string
---@param form? crypto.form
---@return string digest
function crypto.md5(data, form)
  return digest_text("crypto.md5", "md5", nil, data, form)
end

--- The digest of a file of any size; nil, a sentence and a code when it cannot be read. Waits.
---@param algorithm crypto.algorithm
---@param path string
---@param form? crypto.form
---@return string? digest
---@return string? message
---@return string? code
function crypto.hash_file(algorithm, path, form)
  local convert = form_of("crypto.hash_file", form)
  local digest, offset = begin("crypto.hash_file", algorithm), 0
  while true do
    local part, message, code = raw.fs_read("crypto.hash_file", path, offset, PART)
    if not part then
      return nil, message, code
    elseif part == "" then
      return convert(digest:finish())
    end
    digest:update(part, 1, #part)
    offset = offset + #part
  end
end

--- The keyed digest of some bytes (RFC 2104), by which who knows the key sees who sent them.
---@param algorithm crypto.algorithm
---@param key string
---@param data string
---@param form? crypto.form
---@return string digest
function crypto.hmac(algorithm, key, data, form)
  return digest_text("crypto.hmac", algorithm, check_text("crypto.hmac", "the key", key), data, form)
end

--- Whether two texts are the same, in a time that does not tell how much of them is: for signatures
--- and tokens.
---@param a string
---@param b string
---@return boolean
function crypto.equal(a, b)
  return raw.equal(a, b)
end

-- nil, a sentence and a code for a byte that cannot be there; without one the text ends too early.
local function refuse(what, byte, position)
  if not byte then
    return nil, what .. " ends too early", "invalid"
  end
  return nil, ('%s: byte %d, "%s", cannot be there'):format(what, position, raw.visible(byte)), "invalid"
end

-- Line breaks are left out, and not counted, as programs wrap what they write. Each part but the last
-- leaves its last group of four, which may hold the padding, to the next.
local function decode_base64(name, what, text, is_url)
  check_text(name, "the text", text)
  local parts, rest, done = {}, "", 0
  for first = 1, math.max(#text, 1), PART do
    local part = rest .. text:sub(first, first + PART - 1):gsub("[\r\n]", "")
    local is_last = first + PART > #text
    local whole = is_last and #part or math.max((#part - 1) // 4 * 4, 0)
    local group = part:sub(1, whole)
    local bytes, position = raw.base64_decode(group, is_url)
    if bytes and not is_last and group:sub(-1) == "=" then
      bytes, position = nil, group:find("=", 1, true)
    end
    if not bytes then
      return refuse(what, position > 0 and part:sub(position, position), done + position)
    end
    parts[#parts + 1] = bytes
    rest, done = part:sub(whole + 1), done + whole
  end
  return table.concat(parts)
end

--- Bytes as base64 text, with padding and without line breaks (RFC 4648).
---@param bytes string
---@return string text
function crypto.base64_encode(bytes)
  return base64(check_text("crypto.base64_encode", "the bytes", bytes))
end

--- The bytes of base64 text; nil and a sentence when it is none. Line breaks are skipped.
---@param text string
---@return string? bytes
---@return string? message
---@return string? code
function crypto.base64_decode(text)
  return decode_base64("crypto.base64_decode", "base64 text", text, false)
end

--- Bytes as text for URLs and file names: base64 with - and _, without padding.
---@param bytes string
---@return string text
function crypto.base64url_encode(bytes)
  return base64url(check_text("crypto.base64url_encode", "the bytes", bytes))
end

--- The bytes of base64url text, with padding or without; nil and a sentence when it is none.
---@param text string
---@return string? bytes
---@return string? message
---@return string? code
function crypto.base64url_decode(text)
  return decode_base64("crypto.base64url_decode", "base64url text", text, true)
end

--- Bytes as hexadecimal digits, two each.
---@param bytes string
---@return string text
function crypto.hex_encode(bytes)
  return hex(check_text("crypto.hex_encode", "the bytes", bytes))
end

--- The bytes of hexadecimal digits; nil and a sentence when there is anything else.
---@param text string
---@return string? bytes
---@return string? message
---@return string? code
function crypto.hex_decode(text)
  check_text("crypto.hex_decode", "the text", text)
  local parts = {}
  for first = 1, math.max(#text, 1), PART do
    local bytes, position = raw.hex_decode(text:sub(first, first + PART - 1))
    if not bytes then
      position = position > 0 and first - 1 + position
      return refuse("hex text", position and text:sub(position, position), position)
    end
    parts[#parts + 1] = bytes
  end
  return table.concat(parts)
end

--- A new unique id (RFC 9562): of version 4, all random, or of version 7, which begins with the time
--- and so sorts by it.
---@param version? 4|7 4 when not given
---@return string uuid
function crypto.uuid(version)
  version = version == nil and 4 or version
  if version ~= 4 and version ~= 7 then
    fail("crypto.uuid: the version must be 4 or 7, got %s",
      math.type(version) and tostring(version) or raw.type_name(version))
  end
  return raw.uuid(version)
end

local RANDOM_MAX, RANDOM_PART = 16 << 20, 64 << 10

--- Random bytes of the system, fit for keys and tokens.
---@param count integer at most 16 MiB
---@param form? crypto.form "bytes" when not given
---@return string bytes
function crypto.random_bytes(count, form)
  local convert = form_of("crypto.random_bytes", form == nil and "bytes" or form)
  if math.type(count) ~= "integer" or count < 0 or count > RANDOM_MAX then
    fail("crypto.random_bytes: count must be a whole number from 0 to %d, got %s", RANDOM_MAX, tostring(count))
  end
  local parts = {}
  for done = 0, count - 1, RANDOM_PART do
    parts[#parts + 1] = raw.random_bytes(math.min(RANDOM_PART, count - done))
  end
  return convert(table.concat(parts))
end

--- A random whole number from `least` to `most`, both included, none likelier than another.
---@param least integer
---@param most integer
---@return integer
function crypto.random_integer(least, most)
  if math.type(least) ~= "integer" or math.type(most) ~= "integer" then
    fail("crypto.random_integer: two whole numbers are needed, got %s and %s", tostring(least), tostring(most))
  elseif least > most then
    fail("crypto.random_integer: there is no number from %d to %d", least, most)
  end
  return raw.random_integer(least, most)
end

return crypto
