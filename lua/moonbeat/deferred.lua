--- Libraries that are read when a script first uses them: most scripts use few of them, and each state
-- has its own copy. The table that a script sees is there from the beginning and is filled then.

local raw = ...

local deferred = {}

local names = setmetatable({}, { __mode = "k" }) -- of tables that are still empty

local function fill(library)
  local whole = raw.module(names[library])
  setmetatable(library, nil)
  names[library] = nil
  for key, value in pairs(whole) do
    library[key] = value
  end
  return setmetatable(library, getmetatable(whole))
end

local Empty = {
  __index = function(library, key) return fill(library)[key] end,
  __newindex = function(library, key, value) fill(library)[key] = value end,
  __call = function(library, ...) return fill(library)(...) end,
  __pairs = function(library) return pairs(fill(library)) end,
}

--- The table of module `name`.
function deferred.library(name)
  local library = {}
  names[library] = name
  return setmetatable(library, Empty)
end

--- Function `name` of module `module`, which is not kept for it.
function deferred.call(module, name)
  return function(...)
    return raw.module(module)[name](...)
  end
end

return deferred
