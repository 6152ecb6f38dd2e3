#include "support/unit.h"

#include "support/lua_half.h"

static int open_state(void **state)
{
  setenv("TZ", "UTC", 1);
  *state = lua_half_open("orders");
  lua_half_run(*state, "time = raw.module 'time'\n"
                       "t = time.parse('2026-03-29T00:30:00.25Z')\n"
                       "b = time.parse('2026-03-29T00:30:00.25Z', 'Europe/Berlin')\n");
  return 0;
}

static int close_state(void **state)
{
  lua_close(*state);
  return 0;
}

static void shows_and_computes(void **state)
{
  static const struct {
    const char *lua, *text;
  } cases[] = {
      {"t", "2026-03-29T00:30:00.250000Z"},
      {"b", "2026-03-29T00:30:00.250000Z"},
      {"t == b", "true"},
      {"t + '1h'", "2026-03-29T01:30:00.250000Z"},
      {"'1h' + t", "2026-03-29T01:30:00.250000Z"},
      {"t + 0.75", "2026-03-29T00:30:01.000000Z"},
      {"t - '1d'", "2026-03-28T00:30:00.250000Z"},
      {"(t + '1h30m') - t", "5400.0"},
      {"t < t + 1", "true"},
      {"t <= t", "true"},
      {"t:date()", "2026-03-29"},
      {"t:date('-1d')", "2026-03-28"},
      {"t:date(nil, 'America/New_York')", "2026-03-28"},
      {"t:iso('Europe/Berlin')", "2026-03-29T01:30:00.25+01:00"},
      {"(b + '1h'):iso()", "2026-03-29T03:30:00.25+02:00"},
      {"t:in_zone('Asia/Kolkata').hour", "6"},
      {"b:format('%Y-%m-%d %H:%M:%S.%f %Z %z %a %j %s %%')",
       "2026-03-29 01:30:00.250000 CET +0100 Sun 088 1774744200 %"},
      {"t.us", "1774744200250000"},
      {"t.epoch", "1774744200.25"},
      {"b.zone", "Europe/Berlin"},
      {"t.weekday", "7"},
      {"t.nothing", "nil"},
      {"time.at { year = 2026, month = 3, day = 29, hour = 3, zone = 'Europe/Berlin' }",
       "2026-03-29T01:00:00.000000Z"},
      {"time.at(0)", "1970-01-01T00:00:00.000000Z"},
      {"time.duration '1h30m'", "5400.0"},
      {"time.text(5400)", "1h30m"},
      {"#time.zones() > 200", "true"},
      {"select(2, time.parse 'garbage')",
       "not a time: write 2026-03-29, 2026-03-29 02:30 or 2026-03-29T02:30:00Z"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "return (%s)", cases[i].lua);
    assert_string_equal(lua_half_text(*state, text), cases[i].text);
  }
}

static void refuses_misuse(void **state)
{
  static const struct {
    const char *lua, *error;
  } cases[] = {
      {"t + t", "jobs/test.lua:1: two times cannot be added; add a length, like \"1h\""},
      {"t + {}",
       "jobs/test.lua:1: a length of time is \"1h30m\" or a number of seconds, not a table"},
      {"t + 1e300", "is too long"},
      {"t + '9000000d'", "the time lies outside the years 1 to 9999"},
      {"t:format('%Q')", "unknown %Q in the format \"%Q\""},
      {"t:format('%')", "in the format"},
      {"time.parse('2026-01-01', 'Europe/Berln')",
       "jobs/test.lua:1: unknown time zone \"Europe/Berln\", did you mean \"Europe/Berlin\"?"},
      {"time.at { year = 2026, mont = 1 }", "time.at: unknown field \"mont\""},
      {"time.at { month = 1 }", "time.at wants a table with at least a year"},
      {"t < 5", "time expected"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "local x = %s return 'no error'", cases[i].lua);
    const char *error = lua_half_text(*state, text);
    if (!strstr(error, cases[i].error))
      fail_msg("%s: %s", cases[i].lua, error);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(shows_and_computes, open_state, close_state),
      cmocka_unit_test_setup_teardown(refuses_misuse, open_state, close_state),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
