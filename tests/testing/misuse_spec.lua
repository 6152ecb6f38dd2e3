--- What goes wrong is told in one sentence, at the place in the spec or in the job file.

local sim = require "moonbeat.testing"

local HERE = "misuse_spec%.lua:%d+: "

local function fails(expected, action)
  local ok, message = pcall(action)
  assert.is_false(ok)
  message = tostring(message)
  assert.truthy(message:find(expected), message)
end

describe("a simulation tells", function()
  before_each(function()
    sim.script("shop", [[ job "daily_count" { trigger = cron "0 3 * * *", run = function() end } ]])
  end)

  it("of a job that is not there, and the nearest", function()
    for _, ask in ipairs { sim.job, sim.runs, sim.run_now, sim.fail, sim.next, sim.skips, sim.log } do
      fails(HERE .. 'there is no job "daily_cont", did you mean "daily_count"', function() ask "daily_cont" end)
    end
    fails('no job "x"', function() assert.fires("x", 1) end)
    fails('no job "x"', function() assert.never_overlaps("daily_count", "x") end)
    fails('has no function "ad"', function() sim.call "shop.ad" end)
  end)

  it("of a job file that does not load, with its line, and keeps what was loaded", function()
    fails("^shop%.lua:2: ", function() sim.script("shop", "local x = 1\nx = = 2\n") end)
    fails('^shop%.lua:1: job "a": .*retri', function()
      sim.script("shop", [[ job "a" { trigger = cron "@daily", retri = 3, run = function() end } ]])
    end)
    fails("^broken%.lua:3: oh no", function() sim.script("broken", "\n\nerror 'oh no'") end)
    assert.same({ "daily_count" }, sim.jobs())
    fails(HERE .. "sim.load: .*nowhere.lua: No such file", function() sim.load "jobs/nowhere.lua" end)
    fails(HERE .. "sim.load: .*nowhere", function() sim.load "nowhere" end)
    fails(HERE .. "sim.load: .* one daemon has one folder", function()
      sim.load "jobs/hello.lua"
      sim.load "tests/support/daemon.lua"
    end)
  end)

  it("of a job file that sleeps for longer than loading may take", function()
    local rest = [[ job "a" { trigger = every "1h", run = function() end } ]]
    sim.script("patient", [[ sleep "29s" ]] .. rest)
    fails("^sleepy%.lua: loading took longer than 30 s$", function()
      sim.script("sleepy", [[ sleep "10m" ]] .. rest)
    end)
    assert.same({ "a", "daily_count" }, sim.jobs())
  end)

  it("that time does not go back", function()
    fails(HERE .. 'sim.advance: %-1d goes backwards', function() sim.advance "-1d" end)
    sim.advance "1d"
    fails(HERE .. "sim.advance_to: 2026%-01%-01 lies before 2026%-01%-02T00:00:01", function()
      sim.advance_to "2026-01-01"
    end)
  end)

  it("of times, lengths and zones that are none", function()
    fails(HERE .. "sim.at: .*Europe/Berln.*Europe/Berlin", function() sim.at("2026-01-01", "Europe/Berln") end)
    fails(HERE .. 'sim.at: "tomorrow": not a time', function() sim.at "tomorrow" end)
    fails(HERE .. "sim.at: a time is a text", function() sim.at {} end)
    fails(HERE .. "sim.advance: ", function() sim.advance "1 fortnight" end)
    fails(HERE .. "sim.advance: a length is a text", function() sim.advance() end)
    fails('assert.fires: "noon": not a time', function() assert.fires("daily_count", "noon") end)
    fails('assert.fires: "noon": not a time', function() assert.fires("daily_count", { "2026-01-01", "noon" }) end)
    fails("assert.fires: the span ends at 2026%-01%-01, before it begins at 2026%-01%-02", function()
      assert.no.fires("daily_count", nil, "2026-01-02", "2026-01-01")
    end)
    for _, length in ipairs { math.huge, -math.huge, 0 / 0, 1e300 } do
      fails(HERE .. "sim.advance: .*%S seconds are no length of time", function() sim.advance(length) end)
    end
    sim.at "9999-12-30 12:00"
    fails(HERE .. "sim.advance: it would go beyond the year 9999", function() sim.advance "2d" end)
    for _, time in ipairs { -1, 1e300, 0 / 0, "1969-12-31", "9999-12-31T23:59:60Z" } do
      fails(HERE .. "sim.at: ", function() sim.at(time) end)
    end
    fails(HERE .. "sim.at: 1e%+300 lies outside of the years 1970 to 9999", function() sim.at(1e300) end)
    fails(HERE .. "sim.at: a zone is a string, not a table", function() sim.at("2026-01-01", {}) end)
  end)

  it("of what is not given, or is something else", function()
    fails(HERE .. "sim.run_now: a job's name is a string, not a nil", function() sim.run_now() end)
    fails(HERE .. "sim.call: a function's name is a string, not a table", function() sim.call {} end)
    fails(HERE .. "sim.emit: an event's name is a string, not a nil", function() sim.emit() end)
    fails(HERE .. "emit.data.f: a function cannot be stored", function() sim.emit("order", { f = print }) end)
    fails(HERE .. "sim.ask: an operation is a string", function() sim.ask() end)
    fails(HERE .. 'sim.sense: a sensor is one of .* not "on_fil", did you mean "on_file"', function()
      sim.sense("on_fil", {})
    end)
    fails(HERE .. "sim.sense: an event is a table, not a nil", function() sim.sense "on_file" end)
    fails(HERE .. "sim.fail: an error is a string, not a boolean", function() sim.fail("daily_count", true) end)
    fails(HERE .. "sim.fail: how often is a whole number from 0 on, not 1.5", function()
      sim.fail("daily_count", "x", 1.5)
    end)
    fails(HERE .. "sim.takes: %-5m goes backwards", function() sim.takes("daily_count", "-5m") end)
    fails(HERE .. 'there is no job "daily_cont"', function() sim.takes("daily_cont", "5m") end)
    fails(HERE .. "sim.secrets.T: a secret is a string, not a number", function() sim.secrets.T = 7 end)
    fails(HERE .. "sim.env.PORT: a variable is a string, not a number", function() sim.env.PORT = 80 end)
    fails(HERE .. "sim.events: an event's name is a string, not a number", function() sim.events(7) end)
    fails(HERE .. "sim.http: a pattern is a string, not a number", function() sim.http.find(7) end)
    fails(HERE .. "sim.write: what a file holds is a string, not a nil", function() sim.write "a" end)
    fails(HERE .. "sim.read: a path is a string, not a nil", function() sim.read() end)
  end)

  it("that a test's files lie in its folder", function()
    for _, path in ipairs { "../../x", "/etc/x", "in/../../../x", "../..", sim.folder() .. "/../../x" } do
      fails(HERE .. "sim.write: .* lies outside of the test's folder", function() sim.write(path, "x") end)
    end
    for _, path in ipairs { "x", "in/../x", "../data/x", sim.folder() .. "/x", sim.folder() .. "/../data/y" } do
      sim.write(path, "y")
      assert.equal("y", sim.read(path))
    end
  end)

  it("of assertions that mean nothing", function()
    fails("assert.fires: how often is a whole number from 0 on, not 1.5", function()
      assert.fires("daily_count", 1.5)
    end)
    fails("assert.fires: a job's name is a string, not a nil", function() assert.no.fires() end)
    fails('assert.skips: a reason is one of .*, not "over%-lap", did you mean "overlap"', function()
      assert.no.skips("daily_count", "over-lap")
    end)
    fails("assert.succeeds: how often is a whole number from 0 on, not a string", function()
      assert.no.succeeds("daily_count", "1")
    end)
    fails("assert.fails: an error is a string, not a number", function() assert.no.fails("daily_count", 7) end)
    fails("assert.logs: what a line is to hold is a string, not a nil", function() assert.no.logs "daily_count" end)
    local nothing = "assert.never_overlaps: daily_count has never run, so this would always hold"
    fails(nothing, function() assert.never_overlaps "daily_count" end)
    fails(nothing, function() assert.no.never_overlaps "daily_count" end)
  end)

  it("of arguments that an assertion does not take", function()
    sim.advance "1d"
    local surplus = {
      { "fires", { "daily_count", 1, nil, nil, 5 }, "takes a job's name, what is expected, from and to: 5 arguments" },
      { "skips", { "daily_count", "overlap", 1, 2 }, "takes a job's name, a reason and a number: 4 arguments are" },
      { "succeeds", { "daily_count", 1, 2 }, "takes a job's name and a number: 3 arguments are too many" },
      { "fails", { "daily_count", "x", "y" }, "takes a job's name and an error: 3 arguments are too many" },
      { "logs", { "daily_count", "x", "y" }, "takes a job's name and a text: 3 arguments are too many" },
    }
    for _, case in ipairs(surplus) do
      local name, given, message = table.unpack(case)
      fails(HERE .. "assert." .. name .. " " .. message, function()
        assert[name](table.unpack(given, 1, name == "fires" and 5 or #given))
      end)
    end
    fails(HERE .. "assert.never_overlaps: a job's name is a string, not a nil", function()
      assert.never_overlaps("daily_count", nil)
    end)
  end)

  it("of answers that it does not know", function()
    fails(HERE .. 'moonbeat.testing has no "advnce", did you mean "advance"', function() sim.advnce "1d" end)
    fails(HERE .. 'sim.http has no "anser", did you mean "answer"', function() sim.http.anser {} end)
    fails(HERE .. 'sim.http.answer: an answer has no field "staus", did you mean "status"', function()
      sim.http.answer { staus = 200 }
    end)
    fails(HERE .. "sim.exec.answer wants a table or a function, got nil", function() sim.exec.answer "git" end)
    fails(HERE .. "sim.http.answer: body must be a string", function() sim.http.answer { body = {} } end)
    fails(HERE .. 'sim.exec.answer: an answer has no field "status"', function() sim.exec.answer { status = 1 } end)
    for _, code in ipairs { "x", 300, -1, 1.5 } do
      fails(HERE .. "sim.exec.answer: code is the exit status, a whole number from 0 to 255, not " ..
        tostring(code):gsub("-", "%%-"), function() sim.exec.answer { code = code } end)
    end
    for _, status in ipairs { 200.5, -1, 99, 600 } do
      fails(HERE .. "sim.http.answer: status is a whole number from 100 to 599, not " ..
        tostring(status):gsub("-", "%%-"), function() sim.http.answer { status = status } end)
    end
    for _, times in ipairs { 1.5, -1, 0 } do
      fails(HERE .. "sim.exec.answer: times is a whole number from 1 on, not " .. tostring(times):gsub("-", "%%-"),
        function() sim.exec.answer { times = times } end)
    end
    fails(HERE .. 'sim.exec.answer: signal: unknown signal "TREM", did you mean "SIGTERM"', function()
      sim.exec.answer { signal = "TREM" }
    end)
    fails(HERE .. "sim.http.answer: code goes with error %(status = is", function() sim.http.answer { code = 500 } end)
    fails(HERE .. "sim.http.answer: the code of an error must be a string", function()
      sim.http.answer { error = "down", code = 7 }
    end)
    fails(HERE .. 'sim.http.answer: takes: a number is missing at "soon"', function()
      sim.http.answer { takes = "soon" }
    end)
    for _, takes in ipairs { -1, "-5m", 0 / 0, true } do
      fails(HERE .. "sim.http.answer: takes: a length is a text", function() sim.http.answer { takes = takes } end)
    end
    fails(HERE .. "sim.unload: no script \"shp\" is loaded, did you mean \"shop\"", function() sim.unload "shp" end)
    sim.script("inbox", [[
      job "any" { trigger = on_file "in/**/*.csv", run = function() end }
      job "below" { trigger = on_file "out/**", run = function() end }
    ]])
    for _, path in ipairs { "x", "in/a.txt", "in/.b/a.csv", "in/.a.csv", "in/a.csv/b", "c/a.csv", "out/.x/y", "out" } do
      fails(HERE .. "sim.sense: no job waits for such on_file", function() sim.sense("on_file", { path = path }) end)
    end
    for _, path in ipairs { "in/a.csv", "in/b/c/a.csv", "out/y", sim.folder() .. "/out/../out/x/y" } do
      sim.sense("on_file", { path = path })
    end
    sim.advance "1h"
    assert.equal(2, #sim.runs "any")
    assert.equal(2, #sim.runs "below")
    fails(HERE .. "sim.sense: path is a string, not a nil", function() sim.sense("on_file", {}) end)
  end)

  it("of what no sensor would tell", function()
    sim.script("sensors", [[
      job "file" { trigger = on_file "in/*", run = function() end }
      job "row" { trigger = on_change("orders.db", "orders"), run = function() end }
      job "signal" { trigger = on_signal "SIGUSR1", run = function() end }
    ]])
    sim.write("in/folder/x", "")
    local wrong = {
      { "on_file", { path = "in/a", chnge = "changed" }, 'on_file tells no "chnge", did you mean "change"' },
      { "on_file", { path = "in/a", change = "removed" }, 'change is one of created, changed, not "removed"' },
      { "on_file", { path = "in/a", size = -1 }, "size is a whole number from 0 on, not %-1" },
      { "on_file", { path = "in/a", modified_at = "noon" }, 'modified_at: "noon": not a time' },
      { "on_file", { path = "in/folder" }, "in/folder is no file, and on_file sees only those" },
      { "on_change", {}, "table is a string, not a nil" },
      { "on_change", { table = "orders", operation = "explode" },
        'operation is one of insert, update, delete, not "explode"' },
      { "on_change", { table = "orders", rowid = "x" }, "rowid is a whole number, not x" },
      { "on_change", { table = "orders", rowid = 1, key = { 1 } }, "a row has a rowid or a key, not both" },
      { "on_change", { table = "orders", key = "x" }, "key is a list of values, not x" },
      { "on_change", { table = "orders", database = "other.db" }, "no job waits for such on_change" },
      { "on_change", { table = "others" }, "no job waits for such on_change" },
      { "on_signal", { sgnal = "SIGUSR1" }, 'on_signal tells no "sgnal", did you mean "signal"' },
      { "on_signal", {}, "signal is a string, not a nil" },
    }
    for _, case in ipairs(wrong) do
      fails(HERE .. "sim.sense: .*" .. case[3], function() sim.sense(case[1], case[2]) end)
    end
  end)

  it("of errors in its own answers", function()
    sim.script("web", [[ function get() return (http.get "https://a/") end ]])
    sim.http.answer(function() error "the spec is wrong" end)
    fails(HERE .. "the spec is wrong", function() sim.call "web.get" end)
    sim.script("asks", [[ job "asks" { trigger = every "1h", run = function() http.get "https://a/" end } ]])
    fails(HERE .. "the spec is wrong", function() sim.advance "1d" end)
    assert.equal("2026-01-01T01:00:01+00:00", sim.now()) -- it went no further
    sim.http.answer(function() return { body = 7 } end)
    fails("body must be a string", function() sim.call "web.get" end)
    sim.http.answer(function() return { status = "200" } end)
    fails("status must be a number, got a string", function() sim.call "web.get" end)
    sim.http.answer(function() return 200 end)
    fails(HERE .. "sim.http.answer: what the function returns is a table or nil", function() sim.call "web.get" end)
    sim.http.answer(function() sim.advance "1h" end)
    fails(HERE .. "a simulation cannot go on from within", function() sim.call "web.get" end)
    sim.http.answer(function() return { body = sim.now() } end)
    assert.equal("succeeded", sim.call("web.get").state)
  end)

  it("what has happened, when an assertion fails", function()
    sim.advance "2d"
    fails("Expected daily_count to fire 3 times, not 2 times. It fired:\n  2026%-01%-01T03:00:00", function()
      assert.fires("daily_count", 3)
    end)
    fails("Expected daily_count not to fire", function() assert.no.fires "daily_count" end)
    fails("Expected daily_count not to fire 2 times. It fired:\n", function() assert.no.fires("daily_count", 2) end)
    fails("not 1 time. It fired from 2026%-01%-01 to 2026%-01%-02:\n  2026%-01%-01T03", function()
      assert.fires("daily_count", 2, "2026-01-01", "2026-01-02")
    end)
    fails("each night\nExpected daily_count to fire 3 times", function()
      assert.message("each night").fires("daily_count", 3)
    end)
    fails("to fire at 2026%-01%-01 04:00", function() assert.fires("daily_count", "2026-01-01 04:00") end)
    fails("at these times and no others:\n  2026%-01%-01 03:00\nIt fired:\n", function()
      assert.fires("daily_count", { "2026-01-01 03:00" })
    end)
    fails("others:\n  2026%-01%-02 03:00\n  2026%-01%-01 03:00\nIt fired:\n  2026%-01%-01T03:00:00%+00:00\n" ..
      "  2026%-01%-02T03:00:00%+00:00\nFirst difference: time 1 is 2026%-01%-01T03:00:00%+00:00, " ..
      "not 2026%-01%-02 03:00\n$", function()
      assert.fires("daily_count", { "2026-01-02 03:00", "2026-01-01 03:00" })
    end)
    fails('to fail with "boom". Its runs:\n  2026.* succeeded', function() assert.fails("daily_count", "boom") end)
    fails("to skip 2 due times for overlap, not 0. It skipped:\n  never", function()
      assert.skips("daily_count", "overlap", 2)
    end)
    fails('a line with "x" in the log', function() assert.logs("daily_count", "x") end)
    fails("wants a number, a time or a list", function() assert.fires("daily_count", true) end)
  end)
end)

describe("a job that fires often, but not as expected", function()
  local expected = {}
  for i = 1, 60 do
    expected[i] = ("2026-01-01 00:%02d"):format(i % 60)
  end
  expected[60] = "2026-01-01 01:00"

  local function told(minutes)
    sim.script("often", [[ job "often" { trigger = cron "* * * * *", run = function() end } ]])
    sim.advance(minutes * 60)
    local ok, message = pcall(assert.fires, "often", expected)
    assert.is_false(ok)
    return tostring(message):match "and %d+ more\n(First .*)"
  end

  it("is told of with what it has missed", function()
    assert.equal("First difference: time 59 is none, not 2026-01-01 00:59\n" ..
      "Missing:\n  2026-01-01 00:59\n  2026-01-01 01:00\n", told(58))
  end)

  it("is told of with what it has fired beside that", function()
    expected[30] = "2026-01-01 00:30:30"
    assert.equal("First difference: time 30 is 2026-01-01T00:30:00+00:00, not 2026-01-01 00:30:30\n" ..
      "Missing:\n  2026-01-01 00:30:30\n" ..
      "Unexpected:\n  2026-01-01T00:30:00+00:00\n  2026-01-01T01:01:00+00:00\n", told(61))
  end)
end)

describe("a command that times out", function()
  it("is told of without a place in moonbeat", function()
    sim.script("late", [[ job "late" { timeout = "10s", run = command { "sleep", "60" } } ]])
    sim.exec.answer { takes = "60s" }
    sim.run_now "late"
    local ok, message = pcall(assert.succeeds, "late")
    assert.is_false(ok)
    assert.matches("timed_out: .*time%-out[^%(]*$", tostring(message))
  end)
end)

describe("a run that fails in a function of Lua's own", function()
  it("is told of with its place", function()
    sim.script("odd", [[ function odd() for _ in ipairs(nil) do end end ]])
    local id = sim.call("odd.odd").job
    fails("failed: .*%(odd.lua:1%)", function() assert.succeeds(id) end)
  end)
end)

describe("a runaway script", function()
  it("is told of with its place", function()
    local core = require "moonbeat.core"
    local open = core.open
    core.open = function(options)
      options.patience_us = 100000
      return open(options)
    end
    finally(function() core.open = open end)
    sim.script("loop", "function spin()\n  while true do end\nend")
    fails("a run of loop has been busy with its own code for more than 0.1 s.*loop.lua:%d", function()
      sim.call "loop.spin"
    end)
  end)
end)
