--- The documentation as it stands in the modules themselves: the LuaCATS comments that editors read,
-- read once more for help(). A module's own text is the comment at its top; each function or value of a
-- table that is marked `---@class` has the comment above it, and each class its fields.

local raw = ...

local comments = {}

---@class comments.entry
---@field signature string "crypto.hash(algorithm, data, form?) -> string digest", "sqlite.version: string"
---@field text string what it does
---@field params {name: string, type: string, text: string}[]

---@class comments.module
---@field text string
---@field names string[] of its functions and values, as they stand there
---@field entries table<string, comments.entry>
---@field classes table<string, {name: string, type: string, text: string}[]> their fields

-- A type ends at the first blank outside brackets: `table<string, string> text`, `fun(a: b): c`.
local function split_type(text)
  local depth, at = 0, 1
  while at <= #text do
    local byte = text:sub(at, at)
    if byte:find "[%(<{%[]" then
      depth = depth + 1
    elseif byte:find "[%)>}%]]" then
      depth = depth - 1
    elseif byte == '"' then
      at = text:find('"', at + 1, true) or #text
    elseif byte == " " and depth == 0 and not text:sub(1, at - 1):find "[:|,]$" and not text:find("^ *|", at) then
      break
    end
    at = at + 1
  end
  return text:sub(1, at - 1), (text:sub(at + 1):gsub("^%s+", ""))
end

local function named(text)
  local name, rest = text:match "^(%S+)%s+(.*)$"
  local kind, about = split_type(rest or "any")
  return { name = name or text, type = kind, text = about }
end

local function new_block()
  return { lines = {}, params = {}, returns = {}, fields = {} }
end

local readers = {
  param = function(block, text) table.insert(block.params, named(text)) end,
  field = function(block, text) table.insert(block.fields, named(text)) end,
  ["return"] = function(block, text)
    local kind, about = split_type(text)
    local name = about:match "^[%a_][%w_]*"
    table.insert(block.returns, name and kind .. " " .. name or kind)
  end,
  class = function(block, text) block.class = text:match "^[%w_.]+" end,
  type = function(block, text) block.type = text end,
}

local function add_line(block, line)
  local tag, rest = line:match "^%-%-%-@(%w+)%s*(.*)$"
  if readers[tag] then
    readers[tag](block, rest)
  elseif not tag and not line:find "^%-%-%-|" then
    table.insert(block.lines, (line:gsub("^%-%-%-? ?", "")))
  end
end

-- `fun(url: string, options?: http.options): http.response?, string?` as params and returns.
local function read_function_type(block)
  local arguments, results = (block.type or ""):match "^fun(%b())%s*:?%s*(.*)$"
  if not arguments then
    return
  end
  for name, kind in arguments:sub(2, -2):gmatch "([%w_.?]+)%s*:%s*([^,]+)" do
    table.insert(block.params, { name = name, type = kind, text = "" })
  end
  if results ~= "" then
    block.returns = { results }
  end
end

local function signature_of(name, block)
  local kind = block.type or block.class
  if kind and not kind:find "^fun%f[%A]" then
    return name .. ": " .. kind
  end
  local arguments = {}
  for i, param in ipairs(block.params) do
    arguments[i] = param.name
  end
  local results = table.concat(block.returns, ", ")
  return ("%s(%s)%s"):format(name, table.concat(arguments, ", "), results ~= "" and " -> " .. results or "")
end

-- What stands below a comment: the table that is the class, a function or a value.
local function attach(module, owners, block, line)
  if block.class and not line:find "^[%w_]+%.[%w_]+ =" then
    local variable = line:match "^local ([%w_]+)"
    if variable then
      owners[variable] = block.class
    end
    if #block.fields > 0 then
      module.classes[block.class] = block.fields
    end
    return
  end
  local variable, mark, name = line:match "^function ([%w_]+)([.:])([%w_]+)"
  if not variable then
    variable, mark, name = line:match "^([%w_]+)([.:])([%w_]+) ="
  end
  if not variable or name:find "^__" then
    return
  end
  read_function_type(block)
  local owner = owners[variable] or variable
  local full = owner .. (owner:find(".", 1, true) and ":" or mark) .. name
  module.names[#module.names + 1] = full
  module.entries[full] = {
    signature = signature_of(full, block),
    text = table.concat(block.lines, " "),
    params = block.params,
  }
end

--- What the source of a module tells; nil for a name that is no module's.
---@return comments.module?
function comments.of(name)
  local source = raw.module_source(name)
  if not source then
    return nil
  end
  local module = { names = {}, entries = {}, classes = {} }
  local owners, block = {}, nil
  for line in (source .. "\n"):gmatch "(.-)\n" do
    if line:find "^%-%-%-" and not block then
      block = new_block()
    end
    if block and line:find "^%-%-" then
      add_line(block, line)
    elseif block then
      if not module.text then
        module.text = table.concat(block.lines, "\n")
      end
      attach(module, owners, block, line)
      block = nil
    end
  end
  return module
end

return comments
