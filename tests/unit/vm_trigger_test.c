#include "support/unit.h"

#include "support/lua_half.h"

static int open_state(void **state)
{
  setenv("TZ", "UTC", 1);
  *state = lua_half_open("orders");
  lua_half_run(*state, "for name, f in pairs(raw.module 'trigger') do _G[name] = f end\n"
                       "time = raw.module 'time'\n"
                       "command = raw.module 'vocabulary'.command\n"
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
  lua_half_run(
      *state,
      "local v = raw.module 'vocabulary'\n"
      "every('5s', function() return 1 end)\n"
      "every('5s', { id = 'named' }, function() end)\n"
      "every('5s', command 'ls')\n"
      "cron('@daily', function() end)\n"
      "local ids = {}\n"
      "for i, job in ipairs(v.declarations().jobs) do ids[i] = job.id end\n"
      "local all = table.concat(ids, ', ')\n"
      "assert(all == 'orders.every 5s, named, orders.every 5s (2), orders.cron @daily', all)\n"
      "assert(v.find_function('orders.every 5s')() == 1)\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(makes_triggers, open_state, close_state),
      cmocka_unit_test_setup_teardown(refuses_with_the_callers_line, open_state, close_state),
      cmocka_unit_test_setup_teardown(makes_jobs_at_once, open_state, close_state),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
