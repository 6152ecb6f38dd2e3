--- A fake of `raw` for the parts of the Lua half that need little of C.

local support = {}

local function nearest(wrong, names)
  for _, name in ipairs(names) do
    if name:sub(1, 3) == wrong:sub(1, 3) then
      return (', did you mean "%s"?'):format(name)
    end
  end
  return ""
end

--- The names of the scheduler's events, as C has them.
function support.event_table()
  local file <close> = assert(io.open("src/model/event_name.h"))
  local list = {}
  for name in file:read("a"):gmatch("\n  X%(([%l_]+)") do
    list[#list + 1] = { name = name }
  end
  return list
end

function support.raw()
  local raw = {
    fail = function(message) error("jobs/test.lua:7: " .. message, 0) end,
    did_you_mean = nearest,
    secret_hide = function(text) return text end,
    visible = function(text)
      return (text:gsub("%c", function(c) return c == "\n" and "\\n" or ("\\x%02x"):format(c:byte()) end))
    end,
    time_us = function() return nil end,
  }
  function raw.module_source(name)
    local file = io.open("lua/moonbeat/" .. name .. ".lua", "rb")
    if file then
      local source = file:read "a"
      file:close()
      return source
    end
  end
  function raw.event_list()
    return support.event_table()
  end
  local modules = {}
  function raw.module(name)
    if modules[name] == nil then
      modules[name] = assert(loadfile("lua/moonbeat/" .. name .. ".lua"))(raw)
    end
    return modules[name]
  end
  return raw
end

return support
