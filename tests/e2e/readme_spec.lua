--- The examples of the README, run: its job files are loaded, its sessions typed in their order against one daemon
-- on these files, and what they show compared, numbers and dates aside.

local daemon = require "support.daemon"
local dkjson = require "dkjson"

local quote = daemon.quote

--- The fenced blocks: { language =, text =, line = }.
local function blocks_of(text)
  local blocks, open, number = {}, nil, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local language = line:match "^```(%w*)"
    if open and language then
      open.text = table.concat(open, "\n") .. "\n"
      blocks[#blocks + 1], open = open, nil
    elseif language then
      open = { language = language, line = number + 1 }
    elseif open then
      open[#open + 1] = line
    end
  end
  return blocks
end

local function split(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  return lines
end

--- A line without what changes from run to run: numbers, names of days and zones, lengths of time, padding.
local function plain(line)
  line = line:gsub("%f[%a]%u%l%l (%d%d%d%d%-)", "Day %1"):gsub("%f[%w]in %d[%w ]*$", "in 0")
  return (line:gsub("%u+%s+(%d%d%d%d%-%d%d%-%d%dT)", "ZONE %1"):gsub("%.%d+", ""):gsub("%d+", "0"):gsub("%s+", " "))
end

local function expect(shown, found, where)
  local wanted = {}
  for _, line in ipairs(shown) do
    if line ~= "" then
      wanted[#wanted + 1] = plain(line)
    end
  end
  local lines = split(found)
  for i, line in ipairs(lines) do
    lines[i] = plain(line)
  end
  assert.equal(table.concat(wanted, "\n"), table.concat(lines, "\n"), where)
end

--- What a session shows: a list of { input =, shown = lines, line = }. `prompt` is a pattern.
local function steps_of(block, prompt)
  local steps = {}
  for i, line in ipairs(block) do
    local input = line:match(prompt)
    if input then
      steps[#steps + 1] = { input = input, shown = {}, line = block.line + i - 1 }
    else
      table.insert(assert(steps[#steps], "a line before the first prompt").shown, line)
    end
  end
  return steps
end

describe("the README's", function()
  local d, blocks

  local function each(language, first)
    local found = {}
    for _, block in ipairs(blocks) do
      if block.language == language and (not first or block[1]:find(first)) then
        found[#found + 1] = block
      end
    end
    assert.is_true(#found > 0, "no such block: " .. language)
    return ipairs(found)
  end

  --- A shell line in the folder, `moonbeat` being the program.
  local function shell(line, input)
    local file = d.root .. "/input"
    daemon.write_file(file, input or "")
    return daemon.shell(("cd %s && export MOONBEAT_STATE=%s PATH=%s/bin:$PATH && { %s; } <%s 2>&1"):format(
      quote(d.root), quote(d.state), quote(d.root), line, quote(file)))
  end

  setup(function()
    blocks = blocks_of(daemon.read_file "README.md")
    d = daemon.new()
    d:sh("mkdir bin; ln -s " .. quote(d.bin) .. " bin/moonbeat")
    for _, block in each "lua" do
      local name = block[1]:match "^%-%- ([%w_/]+%.lua)$"
      assert.is_truthy(name, ("the Lua at line %d does not say which file it is"):format(block.line))
      d:sh("mkdir -p " .. quote(d.root .. "/" .. (name:match "^(.*)/" or "")))
      daemon.write_file(d.root .. "/" .. name, block.text)
    end
    d:start()
  end)

  teardown(function()
    d:close()
  end)

  it("job files that are in jobs/ are as they stand there", function()
    local count = 0
    for _, block in each("lua", "^%-%- jobs/") do
      local text = daemon.read_file(block[1]:match "%S+%.lua")
      if text then
        count = count + 1
        assert.equal("-- " .. block[1]:match "%S+%.lua" .. "\n" .. text, block.text)
      end
    end
    assert.is_true(count > 0, "no real job file is shown")
  end)

  it("job files and configuration pass moonbeat check", function()
    local out, status = shell "moonbeat check"
    assert.equal(0, status, out)
  end)

  it("configuration has all options, of which the daemon uses each", function()
    local options = assert(load(daemon.read_file(d.root .. "/moonbeat.lua")))()
    local known = {}
    for name in daemon.read_file "src/app/configuration.c":gmatch '{"([%l_]+)", read_' do
      known[name] = true
      assert.is_truthy(options[name], name .. " is not shown")
    end
    for name in pairs(options) do
      assert.is_true(known[name], name)
    end
    assert.equal(options.workers, d:json("status")[1].workers)
  end)

  it("table of a job's options has all of them", function()
    local readme = daemon.read_file "README.md"
    local source = daemon.read_file("src/model/job_option.c"):match "field options%[%] = (%b{})"
    for name in source:gmatch '{"([%l_]+)", ' do
      assert.is_truthy(name == "where" or readme:find("\n| `" .. name .. "` |", 1, true), name)
    end
  end)

  it("shell sessions go as shown", function()
    for _, block in each("console", "^%$ ") do
      for _, step in ipairs(steps_of(block, "^%$ (.*)$")) do
        local out, status = shell(step.input)
        local where = ("README.md:%d: %s"):format(step.line, step.input)
        assert.equal(0, status, where .. "\n" .. out)
        expect(step.shown, out, where)
      end
    end
  end)

  it("session at the prompt goes as shown", function()
    for _, block in each("text", "^moonbeat> ") do
      local input, shown = {}, {}
      for _, step in ipairs(steps_of(block, "^moonbeat> (.*)$")) do
        input[#input + 1] = step.input
        table.move(step.shown, 1, #step.shown, #shown + 1, shown)
      end
      local out, status = shell("moonbeat repl", table.concat(input, "\n") .. "\n")
      assert.equal(0, status, out)
      expect(shown, out, "README.md:" .. block.line)
    end
  end)

  it("triggers are triggers, as text and in Lua", function()
    local count = 0
    local section = daemon.read_file("README.md"):match "\n## Triggers\n(.-)\n## "
    for lua, text in section:gmatch "\n| `([^`]+)` | `([^`]+)` |" do
      count = count + 1
      local out, status = shell("moonbeat next " .. quote(text) .. " -n 1")
      assert.equal(0, status, text .. ": " .. out)
      out, status = shell("moonbeat repl --memory", "return " .. lua .. "\n")
      assert.equal(0, status, lua .. ": " .. out)
    end
    assert.is_true(count >= 7)
  end)

  it("frames are understood by the control socket", function()
    if not daemon.has "python3" then
      pending "python3 is not installed"
      return
    end
    for _, block in each("text", "^%-> ") do
      local requests, answers = {}, {}
      for _, line in ipairs(block) do
        local kind, text = line:match "^([<-][->]) (.*)$"
        local frame = assert(dkjson.decode(text), text)
        table.insert(kind == "->" and requests or answers, text)
        answers[frame.id or 0] = frame
      end
      local out = shell([[python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(".moonbeat/control.sock")
s.sendall(sys.stdin.buffer.read())
s.settimeout(5)
f = s.makefile()
while "job_executed" not in (line := f.readline()): print(line, end="")
print(line, end="")
']], table.concat(requests, "\n") .. "\n")
      local count = 0
      for _, frame in ipairs(daemon.decode_lines(out)) do
        local shown = answers[frame.id or 0]
        if frame.id ~= 4 then
          count = count + 1
          assert.is_truthy(shown, out)
          assert.equal(shown.error and shown.error.message, frame.error and frame.error.message)
          for name in pairs(shown.result or shown.event or {}) do
            assert.is_truthy((frame.result or frame.event or {})[name], name)
          end
        end
      end
      assert.equal(4, count, out)
    end
  end)

  it("C compiles", function()
    for _, block in each "c" do
      daemon.write_file(d.root .. "/host.c", block.text)
      local out, status = daemon.shell(("${CC:-cc} -std=c11 -Wall -Werror -fsyntax-only -Isrc %s/host.c 2>&1"):format(
        quote(d.root)))
      assert.equal(0, status, out)
    end
  end)
end)
