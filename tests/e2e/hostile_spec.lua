-- The scripts of tests/hostile, batch by batch in one daemon: it lives, a job beside them keeps
-- running, and each of them is told of by name. The first line of each says what it attacks and
-- what must be told:   -- ATTACK => WHERE: TEXT or OTHER TEXT
-- where WHERE is `run` (the error of its run), `script` (why it does not load) or `log`.

local daemon = require "support.daemon"

local FOLDER = daemon.project .. "/tests/hostile"
local BATCH = 20
local PATIENCE = 300
local PULSE = 0.2
local LEAST = daemon.is_sanitized and 48 or 16 -- one in so many of what is possible: the machine has other work
local ERROR_MAX = 16 * 1024 -- of a run, in bytes

local function read_all()
  local all = {}
  for path in daemon.shell("ls " .. daemon.quote(FOLDER)):gmatch "(%S+)%.lua" do
    local text = daemon.read_file(FOLDER .. "/" .. path .. ".lua")
    local attack, where, told = text:match "^%-%- (.-) => (%l+): ([^\n]*)"
    assert(attack, path .. ".lua does not say what it attacks and what must be told of it")
    local tellings = {}
    for telling in (told .. " or "):gmatch "(.-) or " do
      tellings[#tellings + 1] = telling
    end
    all[#all + 1] = { name = path, text = text, attack = attack, where = where, told = told, tellings = tellings }
  end
  return all
end

--- Of the day.
local function seconds(time)
  local hours, minutes, rest = time:match "T(%d+):(%d+):([%d.]+)"
  return hours * 3600 + minutes * 60 + rest
end

local function tells(script, text)
  for _, telling in ipairs(script.tellings) do
    if text:find(telling, 1, true) then
      return true
    end
  end
  return false
end

describe("a hostile script", function()
  local d
  local scripts = read_all()

  setup(function()
    d = daemon.new()
    d:write("pulse.lua", ('job "pulse" { trigger = every(%g), run = function() end }'):format(PULSE))
    d:start()
  end)

  teardown(function() d:close() end)

  local function pulses()
    local count = 0
    for _, run in ipairs(d:json("runs", "pulse", "-n", "1000")) do
      count = count + (run.state == "succeeded" and 1 or 0)
    end
    return count
  end

  --- The runs of a batch that have ended, by job.
  local function ended(names)
    local runs = {}
    for _, run in ipairs(d:json("runs", "-n", "1000")) do
      if names[run.job] and run.finished_at then
        runs[run.job] = run
      end
    end
    return runs
  end

  --- Those runs beside which the other job began so seldom that not only the machine's other work is to blame.
  local function smothering(runs)
    local found, pulse_runs = {}, d:json("runs", "pulse", "-n", "1000")
    for name, run in pairs(runs) do
      local began, finished, count = run.started_at or run.finished_at, run.finished_at, 0
      for _, pulse in ipairs(pulse_runs) do
        local at = pulse.started_at
        count = count + (at and at >= began and at <= finished and 1 or 0)
      end
      local length = (seconds(finished) - seconds(began)) % 86400
      if count < math.floor(length / PULSE / LEAST) then
        found[#found + 1] = ("%s ran for %.1f s, and the job beside it %d times"):format(name, length, count)
      end
    end
    return table.concat(found, "\n")
  end

  --- What is told of the script, when it is; else nil.
  local function heard(script, runs, log)
    if script.where == "run" then
      local run = runs[script.name]
      local is_long = run and #tostring(run.error) > ERROR_MAX
      return run and run.state .. ": " .. (is_long and "(an error without bounds)" or tostring(run.error))
    end
    for line in log:gmatch "[^\n]+" do
      if line:find(script.name, 1, true) and tells(script, line) then
        return line
      end
    end
  end

  local function run_batch(first, last)
    local names, began, before = {}, daemon.now(), pulses()
    for i = first, last do
      d:write(scripts[i].name .. ".lua", scripts[i].text)
      names[scripts[i].name] = true
    end
    d:cli "reload" -- which fails for those that do not load
    for i = first, last do
      if scripts[i].where ~= "script" and not scripts[i].name:find "^trigger" then
        d:must("run-now", scripts[i].name)
      end
    end
    local missing, wrong, runs = {}, {}, {}
    for name in pairs(names) do
      missing[#missing + 1] = name
    end
    local ok = pcall(daemon.wait_until, function()
      runs = ended(names)
      local log = d:log()
      missing, wrong = {}, {}
      for i = first, last do
        local text = heard(scripts[i], runs, log)
        if not text then
          missing[#missing + 1] = scripts[i].name
        elseif not tells(scripts[i], text) then
          local parts = { scripts[i].name, scripts[i].attack, text:sub(1, 500), scripts[i].told }
          wrong[#wrong + 1] = ("%s (%s): %s\n  does not tell: %s"):format(table.unpack(parts))
        end
      end
      return #missing == 0
    end, PATIENCE, "all of the batch are told of")
    for i = first, last do
      d:remove(scripts[i].name .. ".lua")
    end
    assert(d:is_alive(), ("the daemon has ended, before it told of %s:\n%s"):format(table.concat(missing, ", "),
      d:log():sub(-2000)))
    assert(#wrong == 0, table.concat(wrong, "\n"))
    assert(ok, "nothing is told of " .. table.concat(missing, ", "))
    assert.equal("", smothering(runs))
    local expected = (daemon.now() - began) / PULSE / LEAST
    assert(pulses() - before >= math.floor(expected), "the job beside them came to a halt")
    d:must "reload"
  end

  it("there are at least eighty", function()
    assert.is_true(#scripts >= 80)
  end)

  for first = 1, #scripts, BATCH do
    local last = math.min(first + BATCH - 1, #scripts)
    it(("from %s to %s is ended and named"):format(scripts[first].name, scripts[last].name), function()
      run_batch(first, last)
    end)
  end

  it("leaves a daemon that answers and runs jobs", function()
    local before = pulses()
    assert.equal(0, d:cli("status").status)
    daemon.wait_until(function() return pulses() > before end, 10, "the job beside them runs")
  end)
end)
