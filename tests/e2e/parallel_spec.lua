--- Scripts that say `parallel = true`: a state on each worker, which the runs share; what they declare counts once;
-- a new version, a state that fails and a worker that is stuck leave runs where they can be.

local daemon = require "support.daemon"

local LIBRARY = os.getenv "MOONBEAT_STUCK"
local PATIENCE = 20

--- Its runs never wait until they are let go, save for a look each few milliseconds; which state each has begun in
-- stands in "began", how often the file itself has run in "loads", what its listener heard in "heard".
local SPINNER = [[
  parallel = true
  assert(fs.append("../loads", "x"))
  local count = 0
  job "spin" { max_instances = 4, run = function()
    count = count + 1
    assert(fs.append("../began", tostring(_G) .. "\n"))
    repeat
      for _ = 1, 1000000 do end
    until fs.stat "../go"
    return VERSION .. " " .. count
  end }
  on("ping", function() assert(fs.append("../heard", "x")) end)
]]

describe("a parallel script", function()
  local d

  local function begin(options, name, source)
    d = daemon.new(options)
    d:write(name .. ".lua", source)
    d:start()
  end

  after_each(function() d:close() end)

  local function script(name)
    for _, each in ipairs(d:json "scripts") do
      if each.name == name then
        return each
      end
    end
  end

  --- Waits until no state of the script is being loaded; the states.
  local function states(name)
    return daemon.wait_until(function()
      local found = script(name)
      for _, state in ipairs(found and found.states or {}) do
        if state.state == "loading" then
          return nil
        end
      end
      return found and not found.loading and found.states
    end, PATIENCE, "all states are there")
  end

  --- The lines of a file beside the jobs folder, and how many of them differ.
  local function lines(name)
    local list, different = {}, {}
    for line in (daemon.read_file(d.root .. "/" .. name) or ""):gmatch "[^\n]+" do
      list[#list + 1] = line
      different[line] = true
    end
    local count = 0
    for _ in pairs(different) do
      count = count + 1
    end
    return #list, count
  end

  local function results(job)
    local found = {}
    for _, run in ipairs(d:runs(job)) do
      found[#found + 1] = run.state == "succeeded" and run.result or nil
    end
    table.sort(found)
    return found
  end

  --- How many threads that run Lua have used the processor for a tenth of a second.
  local function count_busy()
    local count, pid = 0, d:json("status")[1].pid
    for stat in daemon.shell(("cat /proc/%d/task/*/stat"):format(pid)):gmatch "[^\n]+" do
      local ticks = stat:match "^%d+ %(worker[^)]*%) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+)"
      count = count + ((tonumber(ticks) or 0) >= 10 and 1 or 0)
    end
    return count
  end

  local function spin(count)
    local begun = lines "began"
    for _ = 1, count do
      d:must("run-now", "spin")
    end
    daemon.wait_until(function() return lines "began" == begun + count end, PATIENCE, "they have begun")
  end

  local function let_go()
    daemon.write_file(d.root .. "/go", "")
  end

  it("runs on several workers at once", function()
    begin({ arguments = { "--workers", "3" } }, "spinner", 'VERSION = "one"\n' .. SPINNER)
    assert.equal(3, #states "spinner")
    assert.matches("spinner +ok, 3 states ", d:must "scripts")
    spin(2)
    local _, different = lines "began"
    assert.equal(2, different)
    daemon.wait_until(function() return count_busy() >= 2 end, PATIENCE, "two threads compute")
    local workers = {}
    for _, run in ipairs(d:runs "spin") do
      assert.equal("running", run.state)
      workers[d:must("why", run.id):match "running on worker (%d)"] = true
    end
    assert.is_truthy(next(workers, next(workers)), "both are on one worker")
    let_go()
    daemon.wait_until(function() return #results "spin" == 2 end, PATIENCE, "both end")
    assert.same({ "one 1", "one 1" }, results "spin") -- each has counted for itself
  end)

  it("declares once", function()
    begin({ arguments = { "--workers", "3" } }, "spinner", 'VERSION = "one"\n' .. SPINNER)
    states "spinner"
    assert.equal("xxx", daemon.read_file(d.root .. "/loads"))
    local listeners = d:json "listeners"
    assert.equal(1, #listeners)
    for _ = 1, 5 do
      d:must("emit", "ping")
    end
    daemon.wait_until(function() return d:json("listeners")[1].delivered == 5 end, PATIENCE, "all are heard")
    assert.equal("xxxxx", daemon.read_file(d.root .. "/heard"))
    assert.same({ "spin" }, script("spinner").jobs)
  end)

  it("ends its runs in the version that they began with", function()
    begin({ arguments = { "--workers", "2" } }, "spinner", 'VERSION = "one"\n' .. SPINNER)
    states "spinner"
    spin(2)
    local former = script("spinner").version
    d:write("spinner.lua", 'VERSION = "two"\n' .. SPINNER)
    daemon.wait_until(function() return script("spinner").version ~= former end, PATIENCE, "it is loaded")
    states "spinner"
    spin(2)
    local _, different = lines "began"
    assert.equal(4, different)
    let_go()
    daemon.wait_until(function() return #results "spin" == 4 end, PATIENCE, "all end")
    assert.same({ "one 1", "one 1", "two 1", "two 1" }, results "spin")
    d:remove "spinner.lua"
    daemon.wait_until(function() return not script "spinner" end, PATIENCE, "it is gone")
  end)

  it("does without a state that fails", function()
    begin({ arguments = { "--workers", "2" } }, "once", [[
      parallel = true
      assert(not fs.stat "../loaded", "there is one already")
      assert(fs.write("../loaded", ""))
      job "work" { max_instances = 4, run = function() return tostring(_G) end }
    ]])
    assert.equal("error", states("once")[2].state)
    assert.matches("once +ok, 1 of 2 states ", d:must "scripts")
    assert.matches("once on worker %d: .*once.lua:2: there is one already", d:must "scripts")
    assert.matches("error script once on worker %d: .*there is one already; it gets no runs there", d:log())
    local state = d:run_now("work").result
    assert.equal(state, d:run_now("work").result)
  end)

  it("says no more and no less than true or false", function()
    begin({ arguments = { "--workers", "2" } }, "plain", [[
      parallel = false
      job "plain" { run = function() return 1 end }
    ]])
    assert.is_nil(script("plain").states)
    d:write("wrong.lua", 'parallel = "yes"')
    local problem = daemon.wait_until(function() return script "wrong" and script("wrong").error end, PATIENCE,
      "it is refused")
    assert.matches("wrong.lua: parallel must be true or false, not the string yes$", problem)
    assert.equal(1, d:run_now("plain").result)
  end)

  it("goes on in its other states when a worker is stuck", function()
    assert(LIBRARY, "MOONBEAT_STUCK names the library of tests/support/stuck.c; ctest sets it")
    local options = {
      arguments = { "--workers", "2" },
      env = {
        LD_PRELOAD = LIBRARY,
        ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":verify_asan_link_order=0",
        STUCK_WHILE = os.tmpname(),
      },
    }
    finally(function() os.remove(options.env.STUCK_WHILE) end)
    begin(options, "culprit", [[
      parallel = true
      job "block" { run = function() return os.date("!%Y", 32472144000) end }
      job "work" { max_instances = 4, run = function() return tostring(_G) end }
      on("ping", function() assert(fs.append("../heard", "x")) end)
    ]])
    local first = states("culprit")[1]
    d:must("run-now", "block")
    daemon.wait_until(function()
      local stuck = d:json("status")[1].stuck[1]
      return stuck and stuck.replaced_by
    end, PATIENCE, "it is replaced")
    local state = d:run_now("work").result
    assert.equal(state, d:run_now("work").result)
    d:must("emit", "ping")
    daemon.wait_until(function() return daemon.read_file(d.root .. "/heard") == "x" end, PATIENCE, "it listens")
    assert.matches("culprit +ok, 1 of 2 states ", d:must "scripts")
    assert.not_equal(first.worker, script("culprit").states[1].worker)
    assert(os.remove(options.env.STUCK_WHILE))
    daemon.wait_until(function() return d:must "scripts":find "ok, 2 states" end, PATIENCE, "the state is made anew")
    assert.equal("succeeded", d:runs("block")[1].state)
  end)

  it("is what the README shows", function()
    local source = daemon.read_file "README.md":match "\n```lua\n(%-%- digest%.lua\n.-)```\n"
    begin({ arguments = { "--workers", "2" } }, "digest", assert(source, "the README shows no digest.lua"))
    assert.equal(2, #states "digest")
    daemon.write_file(d.root .. "/abc", "abc")
    d:must("run-now", "digest", d.root .. "/abc")
    local run = daemon.wait_until(function()
      local run = d:runs("digest")[1]
      return run.finished_at and run
    end, PATIENCE, "it ends")
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", run.result, run.error)
  end)
end)
