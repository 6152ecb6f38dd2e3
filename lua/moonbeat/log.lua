--- log.info("order %d: %s", id, state): lines of the run's stored log, of the console, or of the
-- daemon's log for all else. More arguments than one go through string.format; a table is shown.

local raw = ...
local fail = raw.module("fail")

local DEBUG, INFO, WARN, ERROR = 0, 1, 2, 3

local function shown(value)
  if type(value) == "table" then
    return raw.module("inspect").inspect(value)
  end
  return tostring(value)
end

local function write(level, name, first, ...)
  local text
  if select("#", ...) == 0 then
    text = shown(first)
  else
    local ok, result = pcall(string.format, first, ...)
    if not ok then
      -- string.format counts as the person does, but for its own name.
      fail("%s: %s", name, (result:gsub(" to '[^']*'", "", 1)))
    end
    text = result
  end
  raw.log(level, text)
end

---@class log
---@overload fun(format: any, ...: any)
local log = setmetatable({}, {
  __call = function(_, ...) write(INFO, "log", ...) end,
})

--- A line for those who look closely: not shown by itself.
---@param format any a text as string.format has it when more follows, or anything
---@param ... any
function log.debug(format, ...)
  write(DEBUG, "log.debug", format, ...)
end

--- A line of the run's log: log.info("order %d: %s", id, state). print and io.write write such, too.
---@param format any a text as string.format has it when more follows, or anything
---@param ... any
function log.info(format, ...)
  write(INFO, "log.info", format, ...)
end

--- A line that somebody should read.
---@param format any a text as string.format has it when more follows, or anything
---@param ... any
function log.warn(format, ...)
  write(WARN, "log.warn", format, ...)
end

--- A line of what went wrong; it raises nothing.
---@param format any a text as string.format has it when more follows, or anything
---@param ... any
function log.error(format, ...)
  write(ERROR, "log.error", format, ...)
end

return log
