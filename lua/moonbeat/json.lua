--- JSON: text to values and back. Integers and floats stay apart; null is json.null, which is true in
-- a condition; {} decoded and encoded again is {}, while a new empty table is [].

local raw = ...
local fail = raw.module("fail")

---@class json
local json = {}

--- What null becomes in a list or as a field, where nil would be nothing: true in a condition, null again
-- when it is encoded.
---@type userdata
json.null = raw.json_null

local INDENT_MAX = 16

---@class json.options
---@field indent? integer blanks per level, at most 16; without, all stands in one line

--- The value as JSON text. What has no JSON (functions, NaN, lists with holes, ...) raises with its
-- place: `json.encode: [2].when: a function has no form in JSON`.
---@param value any
---@param options? json.options
---@return string
function json.encode(value, options)
  local indent = raw.check_options("json.encode", options, "indent").indent
  if indent ~= nil and (math.type(indent) ~= "integer" or indent < 0 or indent > INDENT_MAX) then
    fail("json.encode: indent must be a whole number from 0 to %d, got %s", INDENT_MAX, tostring(indent))
  end
  local text, message = raw.json_encode(value, nil, indent)
  -- The encoder speaks as to those whose value was to be stored.
  return text or fail("json.encode: %s", (message:gsub("cannot be stored", "has no form in JSON")))
end

--- The value that a text holds; nil, `line 1, column 7: ...` and "invalid" when it is not JSON.
---@param text string
---@return any value
---@return string? message
---@return string? code
function json.decode(text)
  raw.check_type("json.decode", "the text", text, "string")
  local value, message = raw.json_decode(text)
  if value == nil then
    return nil, message, "invalid"
  end
  return value
end

--- Marks a table as a list, so that named fields in it are refused. Returns it.
---@generic T: table
---@param list T
---@return T
function json.array(list)
  raw.check_type("json.array", "the list", list, "table")
  return raw.json_array(list)
end

return json
