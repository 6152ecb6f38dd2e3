--- `moonbeat next`: what it explains, what it warns of, ranges, calendars, JSON, and the batch interface.

local daemon = require "support.daemon"
local dkjson = require "dkjson"

local d

local function contains(text, part)
  assert.matches(part, text, 1, true)
end

local function lacks(text, part)
  assert.is_nil(text:find(part, 1, true), text)
end

--- The only object that `moonbeat next ... --json` writes.
local function object(...)
  local objects = d:json("next", ...)
  assert.equal(1, #objects)
  return objects[1]
end

local function refuses(status, sentence, ...)
  local result = d:cli("next", ...)
  assert.equal("moonbeat: " .. sentence .. "\n", result.err)
  assert.equal("", result.out)
  assert.equal(status, result.status)
end

setup(function()
  d = daemon.new { env = { TZ = "UTC" } }
end)

teardown(function()
  d:close()
end)

describe("next explains", function()
  it("a trigger by its kind, a sentence and its fires", function()
    local out = d:must("next", "0 9 * * 1-5", "--timezone", "Asia/Shanghai", "-n", "2")
    contains(out, "cron: At 09:00, Monday to Friday, Asia/Shanghai\nLOCAL ")
    local _, count = out:gsub("\n%a%a%a %d+%-%d+%-%d+ 09:00:00  CST   %d+%-%d+%-%d+T01:00:00Z  in ", "")
    assert.equal(2, count)
    lacks(out, "warning")
  end)

  it("in the trigger's own zone, if no other is asked for", function()
    contains(d:must("next", "@daily timezone=Asia/Tokyo"), "00:00:00  JST ")
    contains(d:must("next", "@daily timezone=Asia/Tokyo", "-z", "UTC"), "15:00:00  UTC ")
  end)

  it("why there is no fire", function()
    contains(d:must("next", "at 2020-01-01"), "warning: never fires after ")
    refuses(65, 'cron "0 0 30 2 *": never fires: February has no day 30, column 5', "0 0 30 2 *")
    contains(d:must("next", "in 1h"), "and then never again\n")
  end)

  it("what waits for something else than a time", function()
    assert.equal("on_file: When a file /x/* is created or changed and settled for 1 second\n" ..
      "has no time: it waits for something to happen\n", d:must("next", "on_file /x/*"))
    contains(d:must("next", "any_of (on_start) (in 1h)"), "\nand then only when something happens\n")
    lacks(d:must("next", "any_of (on_start) (@daily)"), "only when")
    local answer = object("after_job backup outcome=failed")
    assert.equal('After job "backup" has failed', answer.explanation)
    assert.same({ {}, false, true }, { answer.fires, answer.has_more, answer.waits })
    assert.is_false(object("in 1h").waits)
    refuses(65, 'on_file: glob "x/*" must begin with /', "on_file x/*")
    refuses(65, 'on_file: unknown option "setle", did you mean "settle"?', "on_file /x/* setle=2s")
    refuses(65, 'on_signal: unknown signal "SIGUR1", did you mean "SIGUSR1"?', "on_signal SIGUR1")
  end)

  it("in JSON", function()
    local answer = object("0 9 * * 1-5", "--timezone", "Asia/Shanghai", "-n", "7")
    assert.equal("cron", answer.kind)
    assert.equal("cron 0 9 * * 1-5 timezone=Asia/Shanghai", answer.trigger)
    assert.equal("At 09:00, Monday to Friday, Asia/Shanghai", answer.explanation)
    assert.equal("Asia/Shanghai", answer.timezone)
    assert.equal(7, #answer.fires)
    assert.matches("T01:00:00%.000000Z$", answer.fires[1].scheduled_at)
    assert.matches("T09:00:00%+08:00$", answer.fires[1]["local"])
    assert.is_true(answer.has_more)
    assert.same({}, answer.warnings)
    assert.is_false(object("after 1h").has_more)
    assert.equal("never", object("at 2020-01-01").warnings[1].kind)
  end)

  it("with the column of what is wrong, and the dialect that would do", function()
    refuses(65, 'cron "0 61 * * *": hour 61 is over 23, column 3', "0 61 * * *")
    refuses(64, "next needs an argument: moonbeat next JOB|TRIGGER, or --batch")
    assert.equal(65, d:cli("next", "nothing at all").status)
    assert.equal(64, d:cli("next", "@daily", "--dialect", "cobol").status)
    contains(d:must("next", "0 9 * * *", "--dialect", "cron"), "cron: At 09:00")
    contains(d:cli("next", "0 0 9 ? * MON#2").err, "(--dialect quartz understands it)\n")
    contains(d:must("next", "0 0 9 ? * MON#2", "--dialect", "quartz"), "quartz: At 09:00")
  end)
end)

describe("next warns of", function()
  local function warnings(trigger, ...)
    local list = {}
    for line in d:must("next", trigger, ...):gmatch "warning: ([^\n]+)" do
      list[#list + 1] = line
    end
    return list
  end

  local function in_berlin(trigger)
    return warnings(trigger .. " timezone=Europe/Berlin", "--from", "2027-01-01", "--until", "2027-12-31", "-n", "1")
  end

  it("times that do not exist or occur twice", function()
    assert.same({
      "2027-03-28 02:30 does not exist in Europe/Berlin: fires at 03:00 CEST",
      "2027-10-31 02:30 occurs twice in Europe/Berlin: fires at the first (CEST)",
    }, in_berlin "30 2 * * *")
    assert.same({
      "2027-03-28 02:30 does not exist in Europe/Berlin: does not fire for it, but next at 2027-03-29 02:30 CEST",
      "2027-10-31 02:30 occurs twice in Europe/Berlin: fires at the second (CET)",
    }, in_berlin "30 2 * * * gap=skip overlap=second")
    assert.same({
      "2027-03-28 02:30 does not exist in Europe/Berlin: fires at 03:30 CEST",
      "2027-10-31 02:30 occurs twice in Europe/Berlin: fires both times (CEST and CET)",
    }, in_berlin "30 2 * * * gap=shift overlap=both")
    assert.same({
      "2027-03-28 02:00 to 02:45 do not exist in Europe/Berlin: does not fire for them, but next at " ..
      "2027-03-29 02:00 CEST",
      "2027-10-31 02:00 to 02:45 occur twice in Europe/Berlin: fires both times (CEST and CET)",
    }, in_berlin "*/15 2 * * *")
    assert.same({
      "2027-03-28 02:30 does not exist in Europe/Berlin: fires at 03:00 CEST, and is moved from there",
      "2027-10-31 02:30 occurs twice in Europe/Berlin: fires at the first (CEST), and is moved from there",
    }, in_berlin "30 2 * * * jitter=10m offset=-5m")
    assert.same({}, in_berlin "30 3 * * *")
  end)

  it("a day that did not exist, and midnights", function()
    assert.same({ "2011-12-30 09:00 does not exist in Pacific/Apia: does not fire for it, but next at " ..
      "2011-12-31 09:00 +14" }, warnings("0 9 * * * timezone=Pacific/Apia", "--from", "2011-12-28", "--until",
      "2012-01-02"))
    assert.same({ "2018-11-04 00:00 does not exist in America/Sao_Paulo: fires at 01:00 -02" },
      warnings("@daily timezone=America/Sao_Paulo", "--from", "2018-11-01", "--until", "2018-11-09"))
  end)

  it("nothing while a schedule goes on round the clock", function()
    assert.same({}, in_berlin "*/15 * * * *")
    assert.same({}, in_berlin "* * * * * *")
    assert.same({}, warnings("every 90m", "--from", "2027-01-01", "--until", "2027-12-31", "-n", "1"))
    -- Half an hour is missing between two full ones.
    assert.equal(1, #warnings("0 * * * * timezone=Australia/Lord_Howe", "--from", "2027-06-01", "--until",
      "2027-12-31", "-n", "1"))
  end)

  it("two years", function()
    assert.equal(4, #warnings "30 2 * * * timezone=Europe/Berlin")
    local list = object("30 2 * * * timezone=Europe/Berlin", "--from", "2027-01-01").warnings
    assert.same({ "gap", "2027-03-28T01:00:00.000000Z", "2027-03-28T02:30:00", "2027-03-28T02:30:00" },
      { list[1].kind, list[1].transition_at, list[1].first_local, list[1].last_local })
    assert.equal("overlap", list[2].kind)
    assert.equal(0, #warnings("30 2 * * * timezone=Europe/Berlin end=2027-01-01", "--from", "2026-12-01"))
    assert.equal(2, #warnings("30 2 * * * timezone=Europe/Berlin start=2028-01-01", "--from", "2027-01-01"))
  end)
end)

describe("next of a range", function()
  it("has both ends in it", function()
    local answer = object("@daily", "--from", "2027-01-01", "--until", "2027-01-31")
    assert.equal(31, #answer.fires)
    assert.equal("2027-01-01T00:00:00.000000Z", answer.fires[1].scheduled_at)
    assert.equal("2027-01-31T00:00:00.000000Z", answer.fires[31].scheduled_at)
    assert.equal(2, #object("@daily", "--from", "2027-01-01", "--until", "2027-01-31", "-n", "2").fires)
    assert.equal(5, #object("@daily", "--from", "2027-01-01").fires)
    assert.equal("2026-12-31T23:00:00.000000Z",
      object("@daily timezone=Europe/Berlin", "--from", "2027-01-01").fires[1].scheduled_at)
  end)

  it("is told when it is cut or empty", function()
    contains(d:must("next", "every 1s", "--until", "+1d"), "and more: -n says how many are shown\n")
    contains(d:must("next", "0 0 1 1 *", "--from", "2027-01-02", "--until", "2027-06-01"), "no fire in this range\n")
    assert.equal(10000, #object("every 1s", "--until", "+1d").fires)
    assert.equal(20000, #object("every 1s", "--until", "+1d", "-n", "20000").fires)
  end)

  it("may count from now", function()
    local answer = object("every 1h", "--from", "now", "--until", "+3h30m")
    assert.equal(3, #answer.fires)
    refuses(65, "--until is before --from", "@daily", "--from", "2027-01-02", "--until", "2027-01-01")
    refuses(65, "--until has passed: say --from", "@daily", "--until", "-1d")
    assert.equal(65, d:cli("next", "@daily", "--from", "yesterday").status)
    contains(d:cli("next", "@daily", "--from", "yesterday").err, '--from "yesterday": ')
  end)
end)

describe("next as a calendar", function()
  it("is iCalendar with events in UTC", function()
    local out = d:must("next", "30 2 * * * timezone=Europe/Berlin", "--from", "2027-03-27", "--until", "2027-03-29",
      "--ics")
    assert.equal("", (out:gsub("[^\r\n]*\r\n", "")))
    assert.matches("^BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:[^\r\n]+\r\n", out)
    assert.matches("\r\nEND:VCALENDAR\r\n$", out)
    local starts, uids = {}, {}
    for event in out:gmatch "BEGIN:VEVENT\r\n(.-)END:VEVENT\r\n" do
      starts[#starts + 1] = event:match "DTSTART:(%S+)"
      uids[event:match "UID:(%S+)"] = true
      assert.matches("DTSTAMP:%d%d%d%d%d%d%d%dT%d%d%d%d%d%dZ\r\n", event)
      contains(event, "SUMMARY:At 02:30\\, every day\\, Europe/Berlin\r\n")
    end
    assert.same({ "20270327T013000Z", "20270328T010000Z" }, starts)
    assert.truthy(next(uids, (next(uids))))
  end)

  it("folds long lines between characters and keeps its UIDs", function()
    local trigger = "0 0 " .. ("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24"):rep(2, ",") .. " * *"
    local out = d:must("next", trigger, "--from", "2027-01-01", "--ics")
    for line in out:gmatch "[^\r\n]+" do
      assert.is_true(#line <= 75, line)
    end
    contains(out:gsub("\r\n ", ""):gsub("\\,", ","), trigger)
    assert.equal(out:match "UID:%S+", d:must("next", trigger, "--from", "2027-01-01", "--ics"):match "UID:%S+")
  end)

  it("needs an event", function()
    refuses(65, "there is no fire, and a calendar cannot be without events", "at 2020-01-01", "--ics")
    refuses(64, "--ics and --json exclude each other", "@daily", "--ics", "--json")
  end)
end)

describe("next --batch", function()
  local function ask(lines, ...)
    local result = d:cli_with(lines, "next", "--batch", ...)
    assert.equal("", result.err)
    assert.equal(0, result.status)
    return result.out
  end

  it("answers line by line, refused ones too", function()
    assert.equal([==[
{"id":"a1","fires":[1774746000,1774830600,1774917000]}
{"id":null,"error":{"message":"not JSON: not a JSON value","column":1}}
{"id":2,"error":{"message":"cron \"61 * * * *\": minute 61 is over 59","column":1}}
{"id":3,"fires":[[3600,false,"CET"]]}
]==], ask [==[
{"id":"a1","kind":"cron5","params":{"expr":"30 2 * * *"},"tz":"Europe/Berlin","start_epoch":1774695600,"k":3}
nonsense

{"id":2,"kind":"cron5","params":{"expr":"61 * * * *"},"start_epoch":0,"k":3}
{"id":3,"kind":"tz","params":{"zone":"Europe/Berlin","at":[0]}}]==])
    assert.equal("", ask "")
    assert.equal("", ask "\n\r\n")
  end)

  it("reads a file", function()
    daemon.write_file(d.root .. "/questions", '{"id":1,"kind":"cron5","params":{"expr":"@daily"},"start_epoch":0}\n')
    assert.equal('{"id":1,"fires":[86400,172800,259200,345600,432000]}\n', ask("", "questions"))
    assert.equal(66, d:cli("next", "--batch", "none").status)
    assert.equal(74, d:cli("next", "--batch", ".").status)
    assert.equal(64, d:cli("next", "--batch", "a", "b").status)
  end)

  it("keeps the order of many lines, over long and broken ones", function()
    local lines = {}
    for i = 1, 20000 do
      lines[i] = ('{"id":%d,"kind":"cron5","params":{"expr":"*/5 * * * *"},"start_epoch":%d,"k":1}'):format(i, i * 300)
    end
    lines[777] = '{"id":"' .. ("x"):rep(3 << 20) .. '"}'
    lines[778] = "\0\xff"
    local count = 0
    for line in ask(table.concat(lines, "\n")):gmatch "[^\n]+" do
      count = count + 1
      local answer = dkjson.decode(line)
      if count == 777 then
        assert.equal("the line is longer than 1 MiB", answer.error.message)
      elseif count == 778 then
        assert.is_nil(answer.id)
        assert.truthy(answer.error)
      else
        assert.same({ count, (count + 1) * 300 }, { answer.id, answer.fires[1] })
      end
    end
    assert.equal(20000, count)
  end)

  it("answers at once who waits for the answer", function()
    local out = d:sh(([[mkfifo in out; %s next --batch <in >out &
      exec 3>in 4<out
      for i in 1 2 3; do
        echo '{"id":'$i',"kind":"cron5","params":{"expr":"@daily"},"start_epoch":0,"k":1}' >&3
        read -r line <&4; echo "$line"
      done
      exec 3>&- ; wait]]):format(daemon.quote(d.bin)))
    assert.equal('{"id":1,"fires":[86400]}\n{"id":2,"fires":[86400]}\n{"id":3,"fires":[86400]}\n', out)
  end)
end)
