--- Values as a person reads them: Lua's own notation, keys sorted, short tables on one line, with
-- limits on depth, elements and the length of strings.

local raw = ...

local WIDTH, DEPTH_MAX, ITEMS_MAX, STRING_MAX = 80, 6, 200, 2000

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch("%a+") do
  keywords[word] = true
end

local function quote(text)
  local cut = ""
  text = raw.secret_hide(text) -- which is not known when it is cut, or in escapes
  if #text > STRING_MAX then
    cut = ("... (%d bytes)"):format(#text)
    text = text:sub(1, (utf8.offset(text, 0, STRING_MAX + 1) or STRING_MAX + 1) - 1)
  end
  return '"' .. raw.visible((text:gsub('[\\"]', "\\%0"))) .. '"' .. cut
end

local kinds = { number = 1, string = 2, boolean = 3 }

local function by_kind_and_value(a, b)
  local kind_a, kind_b = kinds[type(a)] or 4, kinds[type(b)] or 4
  if kind_a ~= kind_b then
    return kind_a < kind_b
  elseif kind_a <= 2 then
    return a < b
  end
  return tostring(a) < tostring(b)
end

local show

local function show_key(key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") and not keywords[key] then
    return key
  end
  return "[" .. (type(key) == "string" and quote(key) or tostring(key)) .. "]"
end

--- The shown items of a table: the list first, then the other keys in order.
local function items_of(value, indent, seen)
  local items, keys = {}, {}
  local length = rawlen(value)
  for i = 1, math.min(length, ITEMS_MAX) do
    items[i] = show(rawget(value, i), indent, seen)
  end
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys, by_kind_and_value)
  for i = 1, math.min(#keys, ITEMS_MAX - #items) do
    items[#items + 1] = show_key(keys[i]) .. " = " .. show(rawget(value, keys[i]), indent, seen)
  end
  local left = length + #keys - #items
  if left > 0 then
    items[#items + 1] = ("... %d more"):format(left)
  end
  return items
end

local function show_table(value, indent, seen)
  if seen[value] then
    return "<cycle>"
  elseif #indent / 2 >= DEPTH_MAX then
    return next(value) == nil and "{}" or "{...}"
  end
  seen[value] = true
  local inner = indent .. "  "
  local items = items_of(value, inner, seen)
  seen[value] = nil
  if #items == 0 then
    return "{}"
  end
  local line = "{ " .. table.concat(items, ", ") .. " }"
  if #line + #indent <= WIDTH and not line:find("\n", 1, true) then
    return line
  end
  return "{\n" .. inner .. table.concat(items, ",\n" .. inner) .. ",\n" .. indent .. "}"
end

function show(value, indent, seen)
  local kind = type(value)
  if kind == "string" then
    return quote(value)
  elseif kind == "function" and indent ~= "" then
    return kind
  elseif kind ~= "table" then
    return tostring(value)
  end
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__tostring then
    local ok, text = pcall(tostring, value)
    return ok and text or "<error in __tostring>"
  end
  return show_table(value, indent, seen)
end

local inspect = {}

--- The value as a person reads it, in Lua's notation; may be several lines. Deep tables, long lists
--- and long strings are cut.
---@param value any
---@return string text
function inspect.inspect(value)
  return show(value, "", {})
end

return inspect
