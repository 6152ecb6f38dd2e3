--- The README says what is so: its source tour names every folder in layer order, what it names exists, its Lua
-- compiles, and the commands that it shows are commands.

local ORDER = { "base", "time", "trigger", "model", "store", "sched", "sim", "bus", "sensor", "vm", "exec",
  "script", "rehearsal", "testing", "ctl", "app" }

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

--- The fenced blocks: { language =, text =, line = }.
local function blocks_of(text)
  local blocks, open, number = {}, nil, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local language = line:match "^%s*```%s*(%w*)"
    if language and open then
      open.text = table.concat(open.lines, "\n")
      blocks[#blocks + 1], open = open, nil
    elseif language then
      open = { language = language, lines = {}, line = number + 1 }
    elseif open then
      open.lines[#open.lines + 1] = line
    end
  end
  assert.is_nil(open, "a block is not closed")
  return blocks
end

--- The words of each command, out of the one table that the program has: "add script" -> true, and "add".
local function known_commands()
  local commands = {}
  for name in read "src/ctl/command.h":gmatch 'X%([%u_]+, [%l_]+, "([^"]+)"%)' do
    commands[name] = true
    commands[name:match "^%S+"] = true
  end
  assert.is_true(commands["run-now"] and commands.add)
  return commands
end

local function complain(problems)
  assert.equal("", table.concat(problems, "\n"))
end

describe("the README", function()
  local readme

  setup(function()
    readme = read "README.md"
  end)

  it("tours all folders of src, in the order of the layers", function()
    local last = 0
    for _, folder in ipairs(ORDER) do
      -- The last time that it is named: it may also stand in an example before the tour.
      local at = readme:find("src/" .. folder, last + 1, true)
      assert.is_truthy(at, "src/" .. folder .. " is not named, or not behind the one above it")
      last = at
    end
  end)

  it("names and links only what is there", function()
    local problems, prose = {}, readme
    for target in prose:gmatch "%]%(([^)#%s]+)[^)]*%)" do
      if not target:find "^%a+:" and not exists(target) then
        problems[#problems + 1] = "a link to " .. target
      end
    end
    for path in prose:gmatch "`([%w_./-]+)`" do
      local top = path:match "^([%w.]+)/"
      if (top == "src" or top == "tests" or top == "lua") and not exists(path) then
        problems[#problems + 1] = "`" .. path .. "`"
      end
    end
    complain(problems)
  end)

  it("shows Lua that compiles", function()
    local problems, count = {}, 0
    for _, block in ipairs(blocks_of(readme)) do
      if block.language == "lua" then
        count = count + 1
        local chunk, message = load(block.text, "=README.md", "t")
        if not chunk then
          problems[#problems + 1] = ("block at line %d: %s"):format(block.line, message)
        end
      end
    end
    complain(problems)
    assert.is_true(count > 0, "no Lua is shown")
  end)

  it("shows commands that exist", function()
    local problems, commands = {}, known_commands()
    for _, block in ipairs(blocks_of(readme)) do
      for line in block.text:gmatch "[^\n]+" do
        local first, second = line:match "^%s*%$?%s*%g*moonbeat%s+([%w-]+)%s*([%w-]*)"
        if block.language ~= "lua" and first and first:sub(1, 1) ~= "-" and not commands[first] and
          not commands[first .. " " .. second] then
          problems[#problems + 1] = line
        end
      end
      for target in block.text:gmatch "bootstrap%.sh%s+([%w-]+)" do
        if not (" run test build "):find(" " .. target .. " ", 1, true) then
          problems[#problems + 1] = "bootstrap.sh " .. target
        end
      end
    end
    complain(problems)
  end)
end)
