--- JSON: text to values and back. Integers and floats stay apart; null is json.null, which is true in
-- a condition; {} decoded and encoded again is {}, while a new empty table is [].

local raw = ...
local fail = raw.module("fail")

---@class json
local json = {
  null = raw.json_null,
}

--- The value as JSON text. What has no JSON (functions, NaN, lists with holes, ...) raises with its
-- place: `[2].when: a function cannot be stored`.
---@param value any
---@param options? {indent: integer} blanks per level; without, all in one line
---@return string
function json.encode(value, options)
  local text, message = raw.json_encode(value, nil, options and options.indent)
  return text or fail("%s", message)
end

--- The value that a text holds; nil and `line 1, column 7: ...` when it is not JSON.
---@param text string
---@return any value
---@return string? message
function json.decode(text)
  return raw.json_decode(text)
end

--- Marks a table as a list, so that named fields in it are refused. Returns it.
---@generic T: table
---@param list T
---@return T
function json.array(list)
  return raw.json_array(list)
end

return json
