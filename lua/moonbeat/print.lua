--- print and io.write: each call is one line of the log.

local raw = ...

local INFO = 1

local function print(...)
  local texts = table.pack(...)
  for i = 1, texts.n do
    texts[i] = tostring(texts[i])
  end
  raw.log(INFO, table.concat(texts, "\t"))
end

local function write_text(...)
  local text = table.concat({ ... }):gsub("\n$", "")
  raw.log(INFO, text)
end

return { print = print, write = write_text }
