--- What sensors would tell of a file, a row or a signal: src/sensor/sensor.h.

local arguments = require "moonbeat.testing.arguments"
local core = require "moonbeat.core"
local fail = require "moonbeat.testing.fail"
local world = require "moonbeat.testing.world"

local NAME = "sim.sense"

local members = {
  on_file = { "path", "change", "size", "modified_at" },
  on_change = { "database", "table", "operation", "rowid", "key", "at" },
  on_signal = { "signal" },
}

local function check_members(kind, event)
  for key in pairs(event) do
    local is_known = false
    for _, name in ipairs(members[kind]) do
      is_known = is_known or key == name
    end
    if not is_known then
      fail('%s: %s tells no "%s"%s', NAME, kind, tostring(key), core.did_you_mean(tostring(key), members[kind]))
    end
  end
end

-- From the root, without `..`.
local function whole_path(path)
  local parts = {}
  for part in (path:sub(1, 1) == "/" and path or world.folder() .. "/" .. path):gmatch "[^/]+" do
    if part == ".." then
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return "/" .. table.concat(parts, "/")
end

local function instant(what, time)
  return time ~= nil and core.format_time(arguments.time_us(NAME .. ": " .. what, time), "UTC") or nil
end

local function whole_number(what, value, least)
  local number = math.type(value) and math.tointeger(value)
  if value ~= nil and not (number and number >= least) then
    fail("%s: %s is a whole number%s, not %s", NAME, what, least == 0 and " from 0 on" or "", tostring(value))
  end
  return number
end

local function complete_file(event)
  local path = whole_path(arguments.text(NAME, "path", event.path))
  local size, modified_us = core.file_status(path)
  if size == false then
    fail("%s: %s is no file, and on_file sees only those", NAME, path)
  end
  return {
    path = path,
    change = arguments.choice(NAME, "change", event.change, { "created", "changed" }) or "created",
    size = whole_number("size", event.size, 0) or size,
    modified_at = instant("modified_at", event.modified_at or modified_us and modified_us / 1e6),
  }
end

local function complete_row(event)
  if event.rowid ~= nil and event.key ~= nil then
    fail("%s: a row has a rowid or a key, not both", NAME)
  elseif event.key ~= nil and (type(event.key) ~= "table" or #event.key == 0) then
    fail("%s: key is a list of values, not %s", NAME, tostring(event.key))
  end
  local database = arguments.text(NAME, "database", event.database, true)
  return {
    database = database and whole_path(database),
    table = arguments.text(NAME, "table", event.table),
    operation = arguments.choice(NAME, "operation", event.operation, { "insert", "update", "delete" }) or "insert",
    rowid = whole_number("rowid", event.rowid, math.mininteger) or not event.key and 1 or nil,
    key = event.key,
    at = instant("at", event.at),
  }
end

local complete = {
  on_file = complete_file,
  on_change = complete_row,
  on_signal = function(event) return { signal = arguments.text(NAME, "signal", event.signal) } end,
}

local is_meant = {
  on_file = function(source, event) return core.file_fits(source.glob, event.path) end,
  on_change = function(source, event)
    return source.table == event.table and (not event.database or source.database == event.database)
  end,
  on_signal = function(source, event) return source.signal == event.signal end,
}

-- What jobs wait for that the event is told to.
local function find_sources(kind, event)
  local sources = {}
  for _, key in ipairs(world.core:keys()) do
    local source = core.json_decode(key)
    if source.kind == kind and is_meant[kind](source, event) then
      sources[#sources + 1] = { key = key, database = source.database }
    end
  end
  return sources
end

--- Adds the function to `sim`.
return function(sim)
  --- What a sensor would see, for triggers on_file, on_signal and on_change. What is not said is as it would be told:
  -- of a file that is there its size and when it was changed, else that it was created; of a row that it was inserted
  -- as number 1.
  ---
  ---     sim.sense("on_file", { path = "in/orders.csv" }) -- change = "created"|"changed", size, modified_at
  ---     sim.sense("on_signal", { signal = "SIGUSR1" })
  ---     sim.sense("on_change", { table = "orders", operation = "update", rowid = 42 }) -- or key = {}; database, at
  ---@param kind "on_file"|"on_signal"|"on_change"
  ---@param event table
  function sim.sense(kind, event)
    arguments.text(NAME, "a sensor", kind)
    arguments.choice(NAME, "a sensor", kind, { "on_file", "on_signal", "on_change" })
    if type(event) ~= "table" then
      fail("%s: an event is a table, not a %s", NAME, type(event))
    end
    check_members(kind, event)
    world.need()
    event = complete[kind](event)
    local sources = find_sources(kind, event)
    if #sources == 0 then
      fail("%s: no job waits for such %s", NAME, kind)
    end
    for _, source in ipairs(sources) do
      event.database = source.database
      world.check(world.core:sense(source.key, core.json_encode { event }))
    end
  end
end
