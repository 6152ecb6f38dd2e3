--- print and io.write: each call is one line of the log.

local raw = ...

local INFO = 1

local printing = {}

--- A line of the run's log, or of the console: its arguments as tostring gives them, with tabs between.
---@param ... any
function printing.print(...)
  local texts = table.pack(...)
  for i = 1, texts.n do
    texts[i] = tostring(texts[i])
  end
  raw.log(INFO, table.concat(texts, "\t"))
end

--- A line of the run's log, or of the console; a line end at the end of the text is no other line.
---@param ... string|number
function printing.write(...)
  local texts = table.pack(...)
  for i = 1, texts.n do
    if type(texts[i]) ~= "string" and not math.type(texts[i]) then
      raw.fail(("io.write: argument %d must be a string, got %s"):format(i, raw.type_name(texts[i])))
    end
  end
  local text = table.concat(texts):gsub("\n$", "")
  raw.log(INFO, text)
end

return printing
