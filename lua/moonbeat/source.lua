--- Finds the text of a function again in the source that it was compiled from, given the lines on
-- which it begins and ends, so that a function typed at the console can be kept.
--
-- The source is cut into tokens, which is all of Lua's syntax that is needed: between `function` and
-- its `end` the words that open and close blocks are counted.

local source = {}

local opens = { ["function"] = true, ["if"] = true, ["do"] = true, ["repeat"] = true }
local closes = { ["end"] = true, ["until"] = true }

--- Where the token that begins at `at` ends; strings, comments and numbers are one token each.
local function token_end(text, at)
  local level = text:match("^%-%-%[(=*)%[", at) or text:match("^%[(=*)%[", at)
  if level then
    local _, last = text:find("]" .. level .. "]", at, true)
    return last or #text
  elseif text:find("^%-%-", at) then
    return (text:find("\n", at, true) or #text + 1) - 1
  end
  local quote = text:match("^[\"']", at)
  if quote then
    local i = at + 1
    while i <= #text and text:sub(i, i) ~= quote do
      i = i + (text:sub(i, i) == "\\" and 2 or 1)
    end
    return i
  end
  local _, last = text:find("^[%a_][%w_]*", at)
  if not last then
    _, last = text:find("^%.?%d[%w_.]*", at)
  end
  return last or at
end

--- An iterator over the tokens: first and last byte, the line.
local function tokens(text)
  local at, line, counted = 1, 1, 1
  return function()
    at = text:find("%S", at)
    if not at then
      return nil
    end
    for _ in text:sub(counted, at - 1):gmatch("\n") do
      line = line + 1
    end
    counted = at
    local first, last = at, token_end(text, at)
    at = last + 1
    return first, last, line
  end
end

--- `function name(x)` and `function t:m(x)` as an expression: `function(x)`, `function(self, x)`.
local function anonymous(text)
  local name, rest = text:match("^function%s*([%w_.:%s]*)(%(.*)$")
  if not name then
    return text
  elseif name:find(":", 1, true) then
    rest = rest:gsub("^%(%s*(.)", function(next) return next == ")" and "(self)" or "(self, " .. next end)
  end
  return "function" .. rest
end

--- All functions of the text that begin on line `first` and end on line `last`, as expressions.
function source.candidates(text, first, last)
  local found, open = {}, {}
  for from, to, line in tokens(text) do
    local word = text:sub(from, to)
    if opens[word] then
      open[#open + 1] = { from = from, line = line, is_function = word == "function" }
    elseif closes[word] and #open > 0 then
      local block = table.remove(open)
      if block.is_function and block.line == first and line == last then
        found[#found + 1] = anonymous(text:sub(block.from, to))
      end
    end
  end
  return found
end

--- The one among the candidates that is the function; `is_same(candidate)` compares what they
-- compile to and is asked only when they differ. nil and a sentence when it cannot be told.
function source.find(text, first, last, is_same)
  local found = source.candidates(text, first, last)
  local differ = false
  for _, candidate in ipairs(found) do
    differ = differ or candidate ~= found[1]
  end
  if found[1] and not differ then
    return found[1]
  end
  for _, candidate in ipairs(found) do
    if is_same(candidate) then
      return candidate
    end
  end
  return nil, "the source of the function cannot be told from its neighbours': put it on lines of its own"
end

return source
