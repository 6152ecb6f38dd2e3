#include "support/unit.h"

#include "support/lua_half.h"

static int open_state(void **state)
{
  setenv("TZ", "UTC", 1);
  *state = lua_half_open("orders");
  lua_half_run(*state, "for name, f in pairs(raw.module 'trigger') do _G[name] = f end\n"
                       "time = raw.module 'time'\n"
                       "command = raw.module 'vocabulary'.command\n"
                       "raw.jobs_folder = '/home/[ada]/jobs'\n"
                       "function shown(list)\n"
                       "  local texts = {}\n"
                       "  for i, t in ipairs(list) do texts[i] = t:iso() end\n"
                       "  return table.concat(texts, ' ')\n"
                       "end\n");
  return 0;
}

static int close_state(void **state)
{
  lua_close(*state);
  return 0;
}

static void makes_triggers(void **state)
{
  static const struct {
    const char *lua, *text;
  } cases[] = {
      {"cron '@daily'", "cron @daily"},
      {"cron('0 9 * * 1-5', { timezone = 'Europe/Berlin' })",
       "cron 0 9 * * 1-5 timezone=Europe/Berlin"},
      {"cron { expression = '0 9 * * *' }", "cron 0 9 * * *"},
      {"every '1h30m'", "every 1h30m"},
      {"every(5)", "every 5s"},
      {"every { hours = 1, minutes = 30 }", "every 1h30m"},
      {"after '15m'", "in 15m"},
      {"at '2026-03-29T02:30:00Z'", "at 2026-03-29T02:30:00.000000Z"},
      {"at(time.parse '2026-03-29T02:30:00Z')", "at 2026-03-29T02:30:00.000000Z"},
      {"every('1h', { start = time.parse '2026-01-01T00:00:00Z' })",
       "every 1h start=2026-01-01T00:00:00.000000Z"},
      {"raw.json_encode(cron '@daily')", "{\"expression\":\"@daily\",\"kind\":\"cron\"}"},
      {"shown(cron('0 9 * * *', { timezone = 'Europe/Berlin' }):next(2, time.parse "
       "'2026-03-28T00:00:00Z'))",
       "2026-03-28T09:00:00+01:00 2026-03-29T09:00:00+02:00"},
      {"cron('0 9 * * *'):next(1)[1].hour", "9"},
      {"#every('1s'):next()", "5"},
      {"#at('2020-01-01'):next()", "0"},
      {"#after('1h'):next(3)", "1"},
      {"cron { hour = 9, day_of_week = 'mon-fri' }.kind", "cron_fields"},
      {"quartz('0 0 9 ? * MON-FRI').kind", "quartz"},
      {"oncalendar 'Mon..Fri 09:00'", "oncalendar Mon..Fri 09:00"},
      {"rrule('FREQ=DAILY', { dtstart = '20260101T090000' }).kind", "rrule"},
      {"calendar_interval { months = 1, at = '09:00' }.kind", "calendar_interval"},
      {"daily_interval { every = '72m', start_time = '09:00' }.kind", "daily_interval"},
      {"any_of(cron '@daily', 'every 5h')", "any_of (cron @daily) (every 5h)"},
      {"any_of { cron '@daily', every '5h' }", "any_of (cron @daily) (every 5h)"},
      {"cron '@daily' | every '5h' | every '7h'", "any_of (cron @daily) (every 5h) (every 7h)"},
      {"cron '@daily' | 'every 5h'", "any_of (cron @daily) (every 5h)"},
      {"(cron '@daily' & cron '@hourly') | every '5h'",
       "any_of (all_of (cron @daily) (cron @hourly)) (every 5h)"},
      {"every '1h':limit(5):jitter '30s':offset '-15m'", "every 1h limit=5 offset=-15m jitter=30s"},
      {"every '1h':limit(5):limit(3)", "every 1h limit=3"},
      {"every('1h', { limit = 5 }):from '2026-01-01T00:00:00Z':until_(time.parse "
       "'2027-01-01T00:00:00Z')",
       "every 1h from=2026-01-01T00:00:00.000000Z until=2027-01-01T00:00:00.000000Z limit=5"},
      {"every '1h':except { weekdays = 'sat,sun' }", "every 1h except=(weekdays=sat,sun)"},
      {"except(every '1h', calendar { times = '22:00-06:00' })",
       "every 1h except=(times=22:00-06:00)"},
      {"every('1h', { except = calendar { yearly = { '12-25', '01-01' } } })",
       "every 1h except=(yearly=01-01,12-25)"},
      {"every '1h':except { weekdays = 'sat' }:except { weekdays = 'sun' }",
       "any_of (every 1h except=(weekdays=sat)) except=(weekdays=sun)"},
      {"(function() local a = every '1h'; local b = a:limit(2); return a end)()", "every 1h"},
      {"every('1h'):limit(2):explain()", "Every hour, at most 2 times"},
      {"#every('1h'):limit(2):next()", "2"},
      {"calendar { weekdays = 'sun,sat' }", "calendar {\"weekdays\":\"sat,sun\"}"},
      {"cron { '@daily', timezone = 'UTC' }", "cron @daily timezone=UTC"},
      {"on_start()", "on_start"},
      {"after_job 'backup'", "after_job backup outcome=succeeded"},
      {"after_job('backup', 'failed')", "after_job backup outcome=failed"},
      {"after_job('backup', { outcome = 'finished', batch = 3 })",
       "after_job backup outcome=finished batch=3"},
      {"on_event('order', { filter = { shop = 'berlin' }, debounce = '2s' })",
       "on_event order filter=(shop=berlin) debounce=2s"},
      {"on_event 'job_error'", "on_event job_error"},
      {"on_event { 'order', batch = 10 }", "on_event order batch=10"},
      {"on_file '/srv/in/*.csv'", "on_file /srv/in/*.csv settle=1s"},
      {"on_file { '/srv/in/*.csv', settle = '5s' }", "on_file /srv/in/*.csv settle=5s"},
      {"on_file '../in//./*.csv'", "on_file /home/[[]ada]/in/*.csv settle=1s"},
      {"on_signal 'USR1'", "on_signal SIGUSR1"},
      {"on_change('/srv/app.db', 'orders')", "on_change /srv/app.db table=orders"},
      {"on_change('../app.db', { table = 'orders', debounce = '1s' })",
       "on_change /home/[ada]/app.db table=orders debounce=1s"},
      {"on_event 'order' | cron '@daily'", "any_of (on_event order) (cron @daily)"},
      {"on_event('order', { filter = { shop = 'berlin' } }):explain()",
       "On event \"order\" with shop \"berlin\""},
      {"#on_start():next()", "0"},
      {"trigger('tides', function() end)", "lua tides script=orders"},
      {"raw.module('trigger').adopt { kind = 'interval', every = '1h', limit = '5', "
       "limit_from = '2026-01-01' }:limit(3)",
       "every 1h limit=3"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "return (%s)", cases[i].lua);
    assert_string_equal(lua_half_text(*state, text), cases[i].text);
  }
}

static void refuses_with_the_callers_line(void **state)
{
  static const struct {
    const char *lua, *error;
  } cases[] = {
      {"cron '61 * * * *'", "jobs/test.lua:1: cron \"61 * * * *\": minute 61 is over 59, column 1"},
      {"cron('@daily', { timezon = 'UTC' })",
       "jobs/test.lua:1: cron: unknown option \"timezon\", did you mean \"timezone\"?"},
      {"cron('@daily', 5)", "jobs/test.lua:1: cron: the options must be a table, not a number"},
      {"cron()",
       "jobs/test.lua:1: cron: what does it begin with? For example: cron \"0 9 * * 1-5\""},
      {"every '5 parsecs'",
       "jobs/test.lua:1: interval: every \"5 parsecs\": unknown unit \"parsecs\""},
      {"at 'tomorrow'", "jobs/test.lua:1: date: at \"tomorrow\": not a time"},
      {"any_of()", "jobs/test.lua:1: any_of: which triggers? For example: any_of("},
      {"calendar_interval()", "jobs/test.lua:1: calendar_interval: what does it begin with? For "
                              "example: calendar_interval {"},
      {"every('1h'):next(1, '2027-01-01')",
       "jobs/test.lua:1: trigger:next: after must be a time, got string"},
      {"every '1h':limit(0)", "jobs/test.lua:1: interval: limit 0 is under 1"},
      {"every '1h':limit()", "jobs/test.lua:1: trigger:limit wants a value"},
      {"every '1h':except 'nowhere'",
       "jobs/test.lua:1: interval: except \"nowhere\": unknown calendar \"nowhere\""},
      {"cron '@daily' & cron '0 1 * * *'",
       "jobs/test.lua:1: all_of: never fires: its triggers do not meet"},
      {"calendar { weekdays = 'son' }", "jobs/test.lua:1: calendar: weekdays \"son\": unknown "
                                        "weekday \"son\", did you mean \"mon\"?"},
      {"calendar 'x' 'y'", "jobs/test.lua:1: calendar \"x\" wants a table such as"},
      {"calendar 'a b' { weekdays = 'sun' }",
       "jobs/test.lua:1: calendar: the name \"a b\" must be"},
      {"every('1h'):except { calendar { weekdays = 'sun' } }",
       "jobs/test.lua:1: except: several calendars must have names"},
      {"on_file('/srv/*', { setle = '2s' })",
       "jobs/test.lua:1: on_file: unknown option \"setle\", did you mean \"settle\"?"},
      {"on_file()", "jobs/test.lua:1: on_file: what does it begin with? For example: on_file"},
      {"on_file ''", "jobs/test.lua:1: on_file: \"glob\" is missing"},
      {"after_job('backup', 'faild')", "jobs/test.lua:1: after_job: outcome \"faild\" is none of "
                                       "succeeded, failed, finished, did you mean \"failed\"?"},
      {"on_event 'job_eror'",
       "jobs/test.lua:1: unknown event \"job_eror\", did you mean \"job_error\"?"},
      {"on_event('order', 5)",
       "jobs/test.lua:1: on_event: the options must be a table, not a number"},
      {"on_signal 'SIGTERM'", "jobs/test.lua:1: on_signal: signal SIGTERM cannot be waited for"},
      {"on_change '/srv/app.db'", "jobs/test.lua:1: on_change: \"table\" is missing"},
      {"on_start {}", "jobs/test.lua:1: on_start: what it runs must be a function or a command"},
      {"on_event 'order':limit(3)",
       "jobs/test.lua:1: on_event: \"limit\" is for what the time sets off"},
      {"on_event 'order' & cron '@daily'",
       "jobs/test.lua:1: all_of: on_event is set off by no time"},
      {"trigger 'tides'", "jobs/test.lua:1: trigger wants a name and a function. For example:"},
      {"trigger('t', print), trigger('t', print)",
       "jobs/test.lua:1: trigger \"t\" is declared twice"},
      {"every('5s', { start = print })",
       "jobs/test.lua:1: trigger.start: a function cannot be stored"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "local x = %s return 'no error'", cases[i].lua);
    const char *error = lua_half_text(*state, text);
    if (strncmp(error, cases[i].error, strlen(cases[i].error)) != 0)
      fail_msg("%s: %s", cases[i].lua, error);
  }
}

static void makes_jobs_at_once(void **state)
{
  lua_half_run(*state,
               "local v, kept = raw.module 'vocabulary', raw.module 'declared'\n"
               "every('5s', function() return 1 end)\n"
               "every('5s', { id = 'named' }, function() end)\n"
               "every('5s', command 'ls')\n"
               "cron('@daily', function() end)\n"
               "on_start(function() end)\n"
               "on_event('order', command 'ls')\n"
               "on_file('/srv/in/*', { debounce = '1s' }, function() end)\n"
               "local ids = {}\n"
               "for i, job in ipairs(v.declarations().jobs) do ids[i] = job.id end\n"
               "local all = table.concat(ids, ', ')\n"
               "assert(all == 'orders.every 5s, named, orders.every 5s (2), orders.cron @daily, '\n"
               "  .. 'orders.on_start, orders.on_event order, orders.on_file /srv/in/*', all)\n"
               "assert(kept.find_function('orders.every 5s')() == 1)\n");
}

static void asks_a_function(void **state)
{
  lua_half_run(
      *state,
      "local v, functions = raw.module 'vocabulary', raw.module 'functions'\n"
      "local seen\n"
      "trigger('later', function(previous, now) seen = previous; return now + '1h' end)\n"
      "trigger('seconds', function(previous, now) return now.epoch + 0.5 end)\n"
      "trigger('never', function() end)\n"
      "trigger('text', function() return 'tomorrow' end)\n"
      "trigger('infinite', function() return math.huge end)\n"
      "local now = 1795000000000000\n"
      "assert(functions.ask_trigger('later', nil, now) == now + 3600000000 and seen == nil)\n"
      "assert(functions.ask_trigger('later', now - 1, now) == now + 3600000000 and seen.us == now "
      "- 1)\n"
      "assert(functions.ask_trigger('seconds', nil, now) == now + 500000)\n"
      "assert(functions.ask_trigger('never', nil, now) == nil)\n"
      "local function refuses(name, what)\n"
      "  local ok, message = pcall(functions.ask_trigger, name, nil, now)\n"
      "  assert(not ok and message == what, message)\n"
      "end\n"
      "refuses('text', 'it returned a string, not a time')\n"
      "refuses('infinite', 'it returned inf, which is no time')\n"
      "refuses('latter', 'script \"orders\" declares no trigger \"latter\", "
      "did you mean \"later\"?')\n"
      "v.declarations()\n"
      "local ok, message = pcall(trigger, 'late', print)\n"
      "assert(not ok and message:find 'triggers are declared while the script loads', message)\n");
}

static void declares_calendars(void **state)
{
  lua_half_run(
      *state,
      "local v, kept = raw.module 'vocabulary', raw.module 'declared'\n"
      "raw.module('fs').read = function(path)\n"
      "  if path ~= 'holidays.ics' then return nil, path .. ': no such file' end\n"
      "  return "
      "'BEGIN:VCALENDAR\\nBEGIN:VEVENT\\nDTSTART:20261225\\nEND:VEVENT\\nEND:VCALENDAR\\n'\n"
      "end\n"
      "local holidays = calendar 'holidays' { ics = 'holidays.ics', timezone = 'Asia/Tokyo' }\n"
      "calendar 'nights' { times = '22:00-06:00' }\n"
      "assert(tostring(holidays) == 'calendar \"holidays\"')\n"
      "local t = cron('@daily', { except = holidays }):except 'nights'\n"
      "assert(tostring(t) == 'cron @daily except=holidays,nights', tostring(t))\n"
      "assert(tostring(every '1h':except { holidays, 'nights' }) == 'every 1h "
      "except=holidays,nights')\n"
      "local ok, message = pcall(function() calendar 'nights' { weekdays = 'sun' } end)\n"
      "assert(not ok and message:find 'is declared twice', message)\n"
      "ok, message = pcall(function() calendar { ics = 'x.ics' } end)\n"
      "assert(not ok and message:find 'calendar: x.ics: no such file', message)\n"
      "local declared = v.declarations().calendars\n"
      "assert(declared.holidays.dates == '2026-12-25' and declared.holidays.timezone == "
      "'Asia/Tokyo')\n"
      "assert(declared.holidays.ics == nil and declared.nights.times == '22:00-06:00')\n");
}

static void holds_its_module(void **state)
{
  lua_half_run(*state, "local kept = raw.module('trigger').every '1h'\n"
                       "raw.let_go 'trigger'\n"
                       "collectgarbage() collectgarbage()\n"
                       "local again = raw.module('trigger').every '2h'\n"
                       "assert(getmetatable(kept) == getmetatable(again))\n"
                       "assert(#(kept | again | kept).of == 3)\n");
  lua_half_run(*state, "local gone = setmetatable({ raw.module 'calendar' }, { __mode = 'v' })\n"
                       "cron, every, calendar = nil, nil, nil\n"
                       "for _, name in ipairs { 'trigger', 'calendar' } do raw.let_go(name) end\n"
                       "for name, value in pairs(_G) do\n"
                       "  if type(value) == 'function' and debug.getinfo(value, 'S').what == 'Lua' "
                       "then _G[name] = nil end\n"
                       "end\n"
                       "collectgarbage() collectgarbage()\n"
                       "assert(gone[1] == nil and raw.module('trigger').every '1h')\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(holds_its_module, open_state, close_state),
      cmocka_unit_test_setup_teardown(makes_triggers, open_state, close_state),
      cmocka_unit_test_setup_teardown(refuses_with_the_callers_line, open_state, close_state),
      cmocka_unit_test_setup_teardown(makes_jobs_at_once, open_state, close_state),
      cmocka_unit_test_setup_teardown(asks_a_function, open_state, close_state),
      cmocka_unit_test_setup_teardown(declares_calendars, open_state, close_state),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
