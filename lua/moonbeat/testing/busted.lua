--- How busted's tests follow one another: in each the world begins anew before anything of the test's happens, and is
-- left after everything, wherever in a spec moonbeat.testing is required first. So the hooks are those of busted's
-- root, above all files and blocks.

local fail = require "moonbeat.testing.fail"
local world = require "moonbeat.testing.world"

local busted = package.loaded["busted"]

-- What busted executes at present: a file, a describe, an it and so on. It hands it down from function to function
-- and tells it to nobody. nil: a helper, which it loads before all.
local function find_element()
  local level = 2
  local at = debug.getinfo(level, "S")
  while at do
    local place = at.source:find "busted/core%.lua$" and 1
    while place do
      local name, value = debug.getlocal(level, place)
      if name == "element" and type(value) == "table" and value.descriptor then
        return value
      end
      place = name and place + 1
    end
    level = level + 1
    at = debug.getinfo(level, "S")
  end
end

local function without(list, hook)
  local others = {}
  for _, one in ipairs(list or {}) do
    if one.run ~= hook then
      others[#others + 1] = one
    end
  end
  return others
end

-- busted adds a hook to the block that it executes at present; from there it is moved. Lists are made anew, as one may
-- be gone through just now.
local function move_hook(block, root, descriptor, hook, is_first)
  busted[descriptor](hook)
  local own = table.remove(block[descriptor])
  local others = without(root[descriptor], hook)
  table.insert(others, is_first and 1 or #others + 1, own)
  root[descriptor] = others
end

local function set_hooks(block)
  local root = block
  while busted.parent(root) do
    root = busted.parent(root)
  end
  move_hook(block, root, "before_each", world.begin_test, true)
  move_hook(block, root, "after_each", world.end_test, false)
end

local in_test = { it = true, before_each = true, after_each = true }

if busted and busted.subscribe then
  local element = find_element()
  if element then
    set_hooks(element)
  elseif not select(2, coroutine.running()) then
    fail("moonbeat.testing is required in a coroutine, where it cannot tell one test from the next: do it at the " ..
      "top of the file")
  end
  if element and in_test[element.descriptor] then
    world.begin_test()
  end
  -- Each round of `--repeat` has a root of its own.
  busted.subscribe({ "suite", "start" }, function(root)
    set_hooks(root)
    return nil, true -- so that others are told, too
  end, { priority = 1 })
end
