--- Texts with Lua in them: {{ expression }} for a value, {% code %} for loops and conditions,
-- {# remark #}. A template is made into a function once; its errors name its own lines.
--
--   local letter = template.compile [[
--   Dear {{ name }},
--   {% for i, order in ipairs(orders) do %}
--   {{ i }}. {{ order.title }}: {{ ("%.2f"):format(order.price) }}
--   {% end %}
--   ]]
--   letter { name = "Ada", orders = orders }
--
-- With escape = "html" values are escaped; {{{ expression }}} is not. A line with nothing but code or
-- a remark leaves no line behind. A value that is nil is an error: {{ note or "" }}.

local raw = ...
local fail = raw.module("fail")
local load = load

---@class template
local template = {}

---@class template.options
---@field name? string what errors call it, "template" when not given
---@field escape? "html"|fun(text: string): string what is done to the values of {{ }}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

local function escape_html(text)
  return (text:gsub("[&<>\"']", ENTITIES))
end

local CLOSING = { ["{{{"] = "}}}", ["{{"] = "}}", ["{%"] = "%}", ["{#"] = "#}" }

local function line_breaks(text)
  return (text:gsub("[^\n]", ""))
end

-- Where the next mark begins, and which it is.
local function find_mark(text, from)
  local at = text:find("{[{%%#]", from)
  if at then
    return at, text:sub(at, at + 2) == "{{{" and "{{{" or text:sub(at, at + 1)
  end
end

local ENDS_MAX = 20

-- The end of what a mark has opened. An expression may itself hold the closing mark, in a string or
-- as the end of a table, so it ends where it is an expression; one that would not stand alone could
-- also end the call that is put around it.
local function find_end(name, text, at, mark, line)
  local first, last = text:find(CLOSING[mark], at + #mark, true)
  if not first then
    fail("%s:%d: %s without %s", name, line, mark, CLOSING[mark])
  elseif mark == "{%" or mark == "{#" then
    return first, last
  end
  local problem
  for _ = 1, ENDS_MAX do
    local chunk, message = load("return " .. text:sub(at + #mark, first - 1), "=" .. name)
    if chunk then
      return first, last
    end
    problem = problem or message
    first, last = text:find(CLOSING[mark], first + 1, true)
    if not first then
      break
    end
  end
  fail("%s:%d: %s", name, line, (problem:gsub("^.-:%d+: ", "")))
end

-- Code and remarks that have a line to themselves take it with them: the blanks in front, whose
-- number is returned, and the end. What stands before the mark begins at `from`.
local function is_alone(text, from, at, last)
  local before = text:sub(from, at - 1)
  local line_start = before:match ".*\n()"
  if not line_start and from > 1 and text:sub(from - 1, from - 1) ~= "\n" then
    return nil
  end
  before = before:sub(line_start or 1)
  local _, line_end = text:find("^[ \t]*\r?\n", last + 1)
  if not line_end and text:find("^[ \t]*$", last + 1) then
    line_end = #text
  end
  if line_end and not before:find "[^ \t]" then
    return #before, line_end
  end
end

-- A remark at the end would take in what follows.
local function check_remark(name, line, body)
  local last = body:match("[^\n]*$"):gsub('"[^"]*"', ""):gsub("'[^']*'", "")
  if last:find("--", 1, true) then
    fail("%s:%d: a remark cannot end what is in braces; {# is for remarks #}", name, line)
  end
end

-- The Lua text of a template, line for line, and the texts between its marks. It is a function of
-- its environment, the texts, and what adds a value to the result.
local function translate(name, text)
  local code, texts, line = { "local _ENV, _texts, _add, _value, _plain = ... " }, {}, 1
  local function count_lines(part)
    line = line + select(2, part:gsub("\n", ""))
  end
  local function add_text(part)
    if part ~= "" then
      texts[#texts + 1] = part
      code[#code + 1] = ("_add(_texts[%d]); "):format(#texts) .. line_breaks(part)
    end
  end
  local from = 1
  while true do
    local at, mark = find_mark(text, from)
    if not at then
      add_text(text:sub(from))
      return table.concat(code), texts
    end
    count_lines(text:sub(from, at - 1))
    local first, last = find_end(name, text, at, mark, line)
    local body = text:sub(at + #mark, first - 1)
    local blanks, line_end
    if mark == "{%" or mark == "{#" then
      blanks, line_end = is_alone(text, from, at, last)
    end
    add_text(text:sub(from, at - 1 - (blanks or 0)))
    if mark ~= "{#" then
      check_remark(name, line + select(2, body:gsub("\n", "")), body)
    end
    if mark == "{%" then
      code[#code + 1] = body .. " "
    elseif mark == "{#" then
      code[#code + 1] = line_breaks(body)
    else
      texts[#texts + 1] = body:match "^%s*(.-)%s*$"
      code[#code + 1] = ("%s((%s), %d, %d); "):format(mark == "{{" and "_value" or "_plain", body, line, #texts)
    end
    code[#code + 1] = line_end and line_breaks(text:sub(last + 1, line_end)) or ""
    count_lines(text:sub(at, line_end or last))
    from = (line_end or last) + 1
  end
end

local function check_options(name, text, options)
  if type(text) ~= "string" then
    fail("%s: the template must be a string, got %s", name, raw.type_name(text))
  end
  options = raw.check_options(name, options, "name", "escape")
  local escape = options.escape
  if escape == "html" then
    escape = escape_html
  elseif escape ~= nil and type(escape) ~= "function" then
    fail('%s: escape must be "html" or a function, got %s', name,
      type(escape) == "string" and ('"%s"'):format(escape) or raw.type_name(escape))
  elseif options.name ~= nil and (type(options.name) ~= "string" or options.name:find "%c") then
    fail("%s: name must be a string of one line, got %s", name, raw.type_name(options.name))
  end
  return options.name or "template", escape
end

-- What gathers the result: adding a text, a value, and a value as it is.
local function new_output(name, texts, escape)
  local parts = {}
  local function add(text)
    parts[#parts + 1] = text
  end
  local function text_of(value, line, expression)
    if value == nil then
      error(("%s:%d: %s is nil"):format(name, line, texts[expression]), 0)
    end
    return tostring(value)
  end
  local function plain(value, line, expression)
    parts[#parts + 1] = text_of(value, line, expression)
  end
  local function escaped(value, line, expression)
    parts[#parts + 1] = tostring(escape(text_of(value, line, expression)))
  end
  return parts, add, escape and escaped or plain, plain
end

local function compile(function_name, text, options)
  local name, escape = check_options(function_name, text, options)
  local code, texts = translate(name, text)
  local chunk, message = load(code, "=" .. name, "t")
  if not chunk then
    fail("%s", message)
  end
  return function(values)
    if values ~= nil and type(values) ~= "table" then
      fail("%s: the values must be a table, got %s", name, raw.type_name(values))
    end
    local parts, add, value, plain = new_output(name, texts, escape)
    local environment = setmetatable({}, {
      __index = function(_, key)
        local found = values and values[key]
        if found == nil then
          return _G[key]
        end
        return found
      end,
    })
    chunk(environment, texts, add, value, plain)
    return table.concat(parts)
  end
end

--- Makes a function out of a template; given a table of values, which stand in front of the globals
--- inside the template, it returns the text.
---@param text string
---@param options? template.options
---@return fun(values?: table): string
function template.compile(text, options)
  return compile("template.compile", text, options)
end

--- The text of a template that is needed only once.
---@param text string
---@param values? table<string, any>
---@param options? template.options
---@return string
function template.render(text, values, options)
  return compile("template.render", text, options)(values)
end

--- Makes a function out of a file with a template; .html and .htm files have escape = "html" unless
--- told otherwise. nil, a sentence and a code when it cannot be read. Waits.
---@param path string
---@param options? template.options
---@return fun(values?: table)? render
---@return string? message
---@return string? code
function template.file(path, options)
  options = raw.check_options("template.file", options, "name", "escape")
  local text, message, code = raw.fs_read("template.file", path)
  if not text then
    return nil, message, code
  end
  local escape = options.escape
  if escape == nil and path:find "%.html?$" then
    escape = "html"
  end
  return compile("template.file", text, { name = options.name or path:match "[^/]*$", escape = escape })
end

return template
