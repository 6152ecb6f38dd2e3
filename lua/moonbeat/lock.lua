--- Named locks, across runs and scripts: of all who ask for one, one at a time has it, in the order in
-- which they asked. What a run holds is free again when the run has ended, however that was.

local raw = ...
local fail = raw.module("fail")
local log = raw.module("log").log

local lock = {}

---@class lock.options
---@field wait? duration how long to wait for it; without end when not given, not at all with 0
---@field ttl? duration how long it may be kept: then it is free for others; without end when not given

---@class lock.handle
---@field name string
---@field fence integer greater than that of all who had the lock before
local Handle = {}
Handle.__index = Handle
Handle.__name = "lock"

-- The scheduler's sentences on a lock begin with it, those on the arguments do not.
local function fail_as(name, message)
  fail("%s", message:find '^lock "' and message or name .. ": " .. message)
end

local function ask(self, op, params)
  params.name, params.fence = self.name, self.fence
  local result, message, code = raw.request(op, params)
  if result then
    return true
  elseif code ~= "conflict" then
    fail_as("lock", message)
  end
  return nil, message, code
end

--- Gives the lock back. Not before the end of a run is it needed. nil and a sentence when it was lost
--- because its ttl was over.
---@return true?
---@return string? message
---@return string? code
function Handle:release()
  if self.is_released then
    return true
  end
  raw.wait_check "lock:release" -- who is told to end here has the lock yet, to give it back on the way out
  self.is_released = true
  return ask(self, "unlock", {})
end

--- The ttl begins anew, or is this one from now on.
---@param ttl duration
---@return true?
---@return string? message
---@return string? code
function Handle:renew(ttl)
  if ttl == nil or self.is_released then
    fail("lock:renew wants a ttl, and a lock that is held")
  end
  return ask(self, "renew_lock", { ttl = ttl })
end

--- Waits for nothing, so that it works wherever a block may be left.
function Handle:__close()
  if not self.is_released then
    self.is_released = true
    raw.tell("unlock", raw.json_encode({ name = self.name, fence = self.fence }))
  end
end

local function finish(handle, ...)
  local ok, message = handle:release()
  if not ok then
    log.warn("%s", message)
  end
  return ...
end

local function within(handle, action)
  local held <close> = handle
  return finish(held, action(handle))
end

--- Waits for the lock. With a function: calls it while the lock is held and returns what it returns.
--- Without one: a handle, which `local held <close> = lock "db"` gives back at the end of the block.
--- nil, a sentence and "timeout" when it was not to be had in the time of `wait`. To wait for what
--- would never end is an error: a lock that the run holds itself, or two that wait for each other.
---@param name string
---@param options? lock.options|fun(handle: lock.handle): ...
---@param action? fun(handle: lock.handle): ...
---@return lock.handle|any
---@return string? message
---@return string? code
function lock.lock(name, options, action)
  if type(options) == "function" and action == nil then
    options, action = nil, options
  end
  if type(name) ~= "string" then
    fail("lock wants a name, got %s", raw.type_name(name))
  elseif name:find("\0", 1, true) then
    fail("lock: the name holds a NUL byte")
  elseif action ~= nil and type(action) ~= "function" then
    fail("lock wants a function behind the options, got %s", raw.type_name(action))
  end
  options = raw.check_options("lock", options, "wait", "ttl")
  local granted, message, code = raw.request("lock", { name = name, wait = options.wait, ttl = options.ttl })
  if not granted and code == "timeout" then
    return nil, message, code
  elseif not granted then
    fail_as("lock", message)
  end
  local handle = setmetatable({ name = name, fence = granted.fence }, Handle)
  if action then
    return within(handle, action)
  end
  return handle
end

return lock
