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
      {"time.parse('29.03.2026 03:30', 'Europe/Berlin', '%d.%m.%Y %H:%M')",
       "2026-03-29T01:30:00.000000Z"},
      {"time.parse('26 Oct 2025 02:30', 'Europe/Berlin', '%d %b %Y %H:%M')",
       "2025-10-26T00:30:00.000000Z"},
      {"time.parse('2026-01-02T03:04:05 -0330', 'Europe/Berlin', '%FT%T %z')",
       "2026-01-02T06:34:05.000000Z"},
      {"select(2, time.parse('30.02.2026', nil, '%d.%m.%Y'))",
       "\"30.02.2026\" is not a time of the form \"%d.%m.%Y\": there is no such day"},
      {"select(2, time.parse('1.2.2026 x', nil, '%d.%m.%Y'))",
       "\"1.2.2026 x\" is not a time of the form \"%d.%m.%Y\""},
      {"t:add { months = 1 }", "2026-04-29T00:30:00.250000Z"},
      {"t:add { years = -2, month = -1 }", "2024-02-29T00:30:00.250000Z"},
      {"t:add { months = -1, days = 2 }", "2026-03-02T00:30:00.250000Z"},
      {"t:add { weeks = 1, hours = 1.5 }", "2026-04-05T02:00:00.250000Z"},
      {"b:add { days = 1 }", "2026-03-29T23:30:00.250000Z"},
      {"b:add { hours = 24 }", "2026-03-30T00:30:00.250000Z"},
      {"time.parse('2026-03-28 02:30', 'Europe/Berlin'):add { days = 1 }:iso()",
       "2026-03-29T03:30:00+02:00"},
      {"time.parse('2025-10-26T01:30:00Z', 'Europe/Berlin'):add { days = 0 }:iso()",
       "2025-10-26T02:30:00+01:00"},
      {"time.parse('2025-10-25 02:30', 'Europe/Berlin'):add { days = 1 }:iso()",
       "2025-10-26T02:30:00+02:00"},
      {"b:start_of('day'):iso()", "2026-03-29T00:00:00+01:00"},
      {"b:start_of 'week':iso()", "2026-03-23T00:00:00+01:00"},
      {"b:start_of 'month':date() .. b:start_of 'quarter':date() .. b:start_of 'years':date()",
       "2026-03-012026-01-012026-01-01"},
      {"b:start_of 'hour':iso() .. t:start_of 'second':iso()",
       "2026-03-29T01:00:00+01:002026-03-29T00:30:00+00:00"},
      {"time.parse('2018-11-04 12:00', 'America/Sao_Paulo'):start_of 'day':iso()",
       "2018-11-04T01:00:00-02:00"},
      {"time.at { year = 1969, zone = 'UTC' }:add { seconds = 59.5 }:start_of 'minute':iso('UTC')",
       "1969-01-01T00:00:00+00:00"},
      {"(t + 60.5):diff(t)", "60.5"},
      {"(t + '25h'):diff(t, 'hours') .. (t - '25h'):diff(t, 'days') .. t:diff(t + 30, 'seconds')",
       "25-1-30"},
      {"t:add { months = 13 }:diff(t, 'months') .. t:add { months = 13 }:diff(t, 'years')", "131"},
      {"time.parse('2026-02-28'):diff(time.parse '2026-01-31', 'month')", "1"},
      {"time.parse('2026-02-27'):diff(time.parse '2026-01-31', 'month')", "0"},
      {"time.parse('2026-01-31'):diff(time.parse '2026-02-28', 'month')", "-1"},
      {"time.parse('2026-03-30', 'Europe/Berlin'):diff(time.parse('2026-03-29', 'Europe/Berlin'), "
       "'day')",
       "1"},
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
      {"t + 1e300", "jobs/test.lua:1: the duration is over 1000 years"},
      {"t - 0/0", "jobs/test.lua:1: a duration cannot be NaN"},
      {"t - '365251d'", "jobs/test.lua:1: the duration is over 1000 years"},
      {"t:add { years = 7900 } + '365250d'", "the time lies outside the years 1 to 9999"},
      {"t:format('%Q')", "unknown %Q in the format \"%Q\""},
      {"t:format('%')", "in the format"},
      {"time.parse('2026-01-01', 'Europe/Berln')",
       "jobs/test.lua:1: time.parse: unknown time zone \"Europe/Berln\", did you mean "
       "\"Europe/Berlin\"?"},
      {"time.at { year = 2026, mont = 1 }", "time.at: unknown field \"mont\""},
      {"time.at { month = 1 }", "time.at wants a table with at least a year"},
      {"t < 5", "time expected"},
      {"t:add { mnths = 1 }", "time:add: unknown unit \"mnths\", did you mean \"months\"?"},
      {"t:add { months = 1.5 }", "time:add: months must be a whole number, got 1.5"},
      {"t:add { 5 }", "time:add wants names of units, { months = 1, hours = -2 }, got a number"},
      {"t:add { years = 8000 }", "the time lies outside the years 1 to 9999"},
      {"t:add { days = 1 << 60 }", "time:add: days must be a whole number"},
      {"t:add { hours = 1e12 }", "the time lies outside the years 1 to 9999"},
      {"t:add { hours = 1e12, minutes = 1e12 }", "the time lies outside the years 1 to 9999"},
      {"t:add { hours = 0/0 }", "time:add: hours must be a number, got"},
      {"t:add { days = 3999999 }", "the time lies outside the years 1 to 9999"},
      {"t:start_of 'dasy'", "time:start_of: unknown unit \"dasy\", did you mean \"days\"?"},
      {"t:diff(5)", "time expected"},
      {"time.parse('1', nil, '%Q')",
       "jobs/test.lua:1: time.parse: unknown %Q in the format \"%Q\""},
      {"time.parse(nil)", "jobs/test.lua:1: time.parse: the text must be a string, got nil"},
      {"time.parse('1', 5)", "jobs/test.lua:1: time.parse: the zone must be a string, got number"},
      {"time.at(1e300)", "jobs/test.lua:1: time.at: 1e+300 seconds since 1970 are no time"},
      {"time.at(1 << 62)", "jobs/test.lua:1: time.at: "},
      {"time.at(1e12)", "jobs/test.lua:1: time.at: the time lies outside the years 1 to 9999"},
      {"time.at { year = 2026, zone = 'X/Y' }", "jobs/test.lua:1: time.at: unknown time zone"},
      {"time.duration 'x'", "jobs/test.lua:1: time.duration: a number is missing at \"x\""},
      {"time.text {}", "jobs/test.lua:1: time.text: a length of time is \"1h30m\""},
      {"time.parse('1', nil, '%H')", "time.parse: the format \"%H\" has no year"},
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
