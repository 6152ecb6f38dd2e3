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

--- The tables of the modules of these names, put into `library`.
function deferred.libraries(library, modules)
  for _, name in ipairs(modules) do
    library[name] = setmetatable({}, Empty)
    names[library[name]] = name
  end
end

--- Functions of module `module`, which is not kept for them, put into `library`: by each name there the
-- one of this name in the module. They share what they can, as each state has them.
function deferred.calls(library, module, functions)
  for name, function_name in pairs(functions) do
    library[name] = function(...)
      return raw.module(module)[function_name](...)
    end
  end
end

return deferred
