--- Every line of tests/cases/*.jsonl through `moonbeat next --batch`: the fires must be those that the line expects,
-- refusals must name the column that it expects.
--
-- The expectations were computed with one version of the tz database, which tests/cases/tz.jsonl names. On a machine
-- with another one, lines that differ are judged anew by tests/cases/reference.py, which reads this machine's database;
-- zones that it does not have are left out.

local daemon = require "support.daemon"
local dkjson = require "dkjson"

local BIN = os.getenv "MOONBEAT_BIN" or "build/moonbeat"
local FOLDER = "tests/cases/"
local SHOWN_MAX = tonumber(os.getenv "CONFORMANCE_SHOWN" or 10)

local function read_lines(path)
  local cases = {}
  for line in io.lines(path) do
    cases[#cases + 1] = assert(dkjson.decode(line), path .. ": " .. line)
  end
  return cases
end

--- What a program answers to lines on its stdin, by their order.
local function ask(command, lines)
  local path = os.tmpname()
  daemon.write_file(path, table.concat(lines, "\n") .. "\n")
  local out, status = daemon.shell(("%s < %s"):format(command, path))
  os.remove(path)
  assert.are.equal(0, status, command)
  local answers = {}
  for line in out:gmatch "[^\n]+" do
    answers[#answers + 1] = assert(dkjson.decode(line), line)
  end
  assert.are.equal(#lines, #answers, command .. " answers each line with one")
  return answers
end

local function raw_lines(path)
  local lines = {}
  for line in io.lines(path) do
    lines[#lines + 1] = line
  end
  return lines
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for i = 1, math.max(#a, #b) do
    if not same(a[i], b[i]) then
      return false
    end
  end
  return true
end

--- nil, or what is wrong with an answer.
local function complaint(case, answer)
  local got = dkjson.encode(answer)
  if answer.id ~= case.id then
    return ("%s: answered as %s"):format(case.id, got)
  end
  local what = ("%s: %s %s in %s from %s"):format(case.id, case.kind, dkjson.encode(case.params), case.tz,
    case.start_epoch)
  if not case.error then
    if not answer.fires or not same(answer.fires, case.fires) then
      return ("%s\n    expected %s\n    got      %s"):format(what, dkjson.encode(case.fires), got)
    end
    return nil
  end
  if not answer.error then
    return ("%s: must be refused, got %s"):format(what, got)
  end
  local column = type(case.error) == "table" and case.error.column or nil
  if column and column ~= answer.error.column then
    return ("%s: column %d expected, got %s"):format(what, column, got)
  end
  if case.says and not answer.error.message:find(case.says, 1, true) then
    return ("%s: must say %q, got %s"):format(what, case.says, got)
  end
  return nil
end

local function database_version()
  local text = daemon.read_file "/usr/share/zoneinfo/tzdata.zi" or ""
  return text:match "^# version (%S+)"
end

local function data_version()
  return read_lines(FOLDER .. "tz.jsonl")[1].source:match "tzdata (%w+)"
end

--- Of lines that differ, those that this machine's tz database does not excuse.
local function judge_anew(lines, cases, answers, wrong)
  local doubtful = {}
  for i, at in ipairs(wrong) do
    doubtful[i] = lines[at]
  end
  local second = ask("python3 -B tests/cases/reference.py", doubtful)
  local left = {}
  for i, at in ipairs(wrong) do
    cases[at].fires = second[i].fires
    if not second[i].unknown_zone and complaint(cases[at], answers[at]) then
      left[#left + 1] = at
    end
  end
  return left
end

local function check_file(name)
  local path = FOLDER .. name
  local cases, lines = read_lines(path), raw_lines(path)
  local answers = ask(daemon.quote(BIN) .. " next --batch", lines)
  local wrong = {}
  for i, case in ipairs(cases) do
    if complaint(case, answers[i]) then
      wrong[#wrong + 1] = i
    end
  end
  local version = database_version()
  if #wrong > 0 and not cases[wrong[1]].error and version ~= data_version() then
    print(("# %s: tzdata %s is not that of the data; %d lines are judged anew"):format(name, version or "?", #wrong))
    wrong = judge_anew(lines, cases, answers, wrong)
  end
  local shown = {}
  for i = 1, math.min(#wrong, SHOWN_MAX) do
    shown[i] = complaint(cases[wrong[i]], answers[wrong[i]])
  end
  print(("# %s: %d of %d cases"):format(name, #cases - #wrong, #cases))
  assert.are.equal(0, #wrong, ("%d of %d cases differ:\n%s"):format(#wrong, #cases, table.concat(shown, "\n")))
end

describe("conformance", function()
  local names = daemon.shell("ls " .. FOLDER)
  for name in names:gmatch "[%w_]+%.jsonl" do
    it(name, function()
      check_file(name)
    end)
  end
end)
