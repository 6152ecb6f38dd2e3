/* Durations and instants as text: tables of what is read, what is written, and what is refused with
 * which words. */
#include "support/unit.h"

#include <string.h>

#include "time/civil.h"
#include "time/duration.h"
#include "time/instant.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define S            INT64_C(1000000)

static void civil_days_round_trip(void **state)
{
  (void)state;
  int32_t weekday = civil_weekday(civil_to_days(1, 1, 1)), month = 1, day = 1, year = 1;
  assert_int_equal(weekday, 1);
  assert_int_equal(civil_to_days(1970, 1, 1), 0);
  assert_int_equal(civil_to_days(1, 1, 1) * CIVIL_DAY_S, CIVIL_SECONDS_MIN);
  assert_int_equal(civil_to_days(9999, 12, 31) * CIVIL_DAY_S + 86399, CIVIL_SECONDS_MAX);
  for (int64_t days = civil_to_days(1, 1, 1); year <= 9999; days++) {
    struct civil_date date = civil_from_days(days);
    if (date.year != year || date.month != month || date.day != day ||
        civil_to_days(year, month, day) != days || civil_weekday(days) != weekday)
      fail_msg("day %ld is %d-%d-%d, not %d-%d-%d", (long)days, date.year, date.month, date.day,
               year, month, day);
    weekday = (weekday + 1) % 7;
    if (++day > civil_month_days(year, month)) {
      day = 1;
      if (++month > 12) {
        month = 1;
        year++;
      }
    }
  }
}

static void durations_are_read(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int64_t us;
    const char *shown;
  } cases[] = {
      {"1h30m", 5400 * S, "1h30m"},
      {"5s", 5 * S, "5s"},
      {"100ms", 100000, "100ms"},
      {"1.5h", 5400 * S, "1h30m"},
      {"2w", 1209600 * S, "2w"},
      {"1d12h", 129600 * S, "1d12h"},
      {"250us", 250, "250us"},
      {"90", 90 * S, "1m30s"},
      {"0.5", 500000, "500ms"},
      {".5s", 500000, "500ms"},
      {" 1 h  30 m ", 5400 * S, "1h30m"},
      {"30m1h", 5400 * S, "1h30m"},
      {"0", 0, "0s"},
      {"0s", 0, "0s"},
      {"1m1ms1us", 60001001, "1m1ms1us"},
      {"0.0000005s", 1, "1us"},
      {"0.1w", 60480 * S, "16h48m"},
      {"365250d", DURATION_MAX_US, "52178w4d"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t us = -1;
    struct error error = {0};
    char shown[DURATION_TEXT_SIZE];
    if (duration_parse(cases[i].text, &us, &error))
      fail_msg("%s: %s", cases[i].text, error.text);
    assert_int_equal(us, cases[i].us);
    duration_format(shown, us);
    assert_string_equal(shown, cases[i].shown);
    assert_int_equal(duration_parse(shown, &us, NULL), ERROR_OK);
    assert_int_equal(us, cases[i].us);
    duration_format(shown, -us);
    assert_int_equal(duration_parse_signed(shown, &us, NULL), ERROR_OK);
    assert_int_equal(us, -cases[i].us);
  }
}

static void durations_are_refused(void **state)
{
  (void)state;
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"", "the duration is empty"},
      {"  ", "the duration is empty"},
      {"5x", "unknown unit \"x\", use w, d, h, m, s, ms or us"},
      {"5min", "unknown unit \"min\", use w, d, h, m, s, ms or us"},
      {"5 M", "unknown unit \"M\", use w, d, h, m, s, ms or us"},
      {"1h30", "a number lacks its unit: w, d, h, m, s, ms or us"},
      {"1 2", "a number lacks its unit: w, d, h, m, s, ms or us"},
      {"1h2h", "the unit h stands twice"},
      {"-1d", "a duration cannot be negative"},
      {"h", "a number is missing at \"h\": write it like 90s or 1h30m"},
      {"1h-5m", "a number is missing at \"-5m\": write it like 90s or 1h30m"},
      {".", "a number is missing at \".\": write it like 90s or 1h30m"},
      {"99999999999999999999s", "the duration is over 1000 years"},
      {"9223372036854775807s", "the duration is over 1000 years"},
      {"9223372036854775807us", "the duration is over 1000 years"},
      {"15250284w4d", "the duration is over 1000 years"},
      {"365250d1us", "the duration is over 1000 years"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t us = 7;
    struct error error = {0};
    assert_int_equal(duration_parse(cases[i].text, &us, &error), ERROR_INVALID);
    assert_string_equal(error.text, cases[i].error);
    assert_int_equal(us, 7);
  }
}

static void durations_from_json(void **state)
{
  (void)state;
  static const struct {
    const char *json, *error;
    int64_t us;
  } cases[] = {
      {"90", NULL, 90 * S},
      {"0.25", NULL, 250000},
      {"\"1h\"", NULL, 3600 * S},
      {"-1", "a duration cannot be negative", 0},
      {"-0.5", "a duration cannot be negative", 0},
      {"31557600000", NULL, DURATION_MAX_US},
      {"31557600000.0", NULL, DURATION_MAX_US},
      {"31557600001", "the duration is over 1000 years", 0},
      {"31557600000.5", "the duration is over 1000 years", 0},
      {"1e300", "the duration is over 1000 years", 0},
      {"9223372036854775807", "the duration is over 1000 years", 0},
      {"true", "a duration is a number of seconds or a string like \"1h30m\", not a boolean", 0},
      {"\"1h\\u0000\"", "a duration cannot hold a NUL byte", 0},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct json_document *document;
    struct error error = {0};
    int64_t us = 0;
    assert_int_equal(json_parse(cases[i].json, strlen(cases[i].json), &document, NULL), ERROR_OK);
    enum error_code code = duration_from_json(json_root(document), &us, &error);
    assert_int_equal(code, cases[i].error ? ERROR_INVALID : ERROR_OK);
    assert_string_equal(error.text, cases[i].error ? cases[i].error : "");
    if (!code)
      assert_int_equal(us, cases[i].us);
    json_free(document);
  }
}

static void instants_are_read(void **state)
{
  (void)state;
  static const struct {
    const char *text, *zone, *utc;
  } cases[] = {
      {"2026-11-21T00:08:28Z", NULL, "2026-11-21T00:08:28.000000Z"},
      {"2026-11-21t00:08:28.5z", NULL, "2026-11-21T00:08:28.500000Z"},
      {"2026-11-21 00:08+01:00", NULL, "2026-11-20T23:08:00.000000Z"},
      {"2026-11-21T00:08:28-0930", NULL, "2026-11-21T09:38:28.000000Z"},
      {"2026-11-21T00:08:28.1234567Z", NULL, "2026-11-21T00:08:28.123456Z"},
      {"1969-12-31T23:59:59.999999Z", NULL, "1969-12-31T23:59:59.999999Z"},
      {"2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00.000000Z"},
      {"2026-03-29 02:30", "Europe/Berlin", "2026-03-29T01:30:00.000000Z"}, /* in the gap */
      {"2026-10-25 02:30", "Europe/Berlin", "2026-10-25T00:30:00.000000Z"}, /* the first */
      {"2026-10-25 02:30:00+01:00", "Europe/Berlin", "2026-10-25T01:30:00.000000Z"},
      {"0001-01-01", NULL, "0001-01-01T00:00:00.000000Z"},
      {"9999-12-31T23:59:59.999999Z", NULL, "9999-12-31T23:59:59.999999Z"},
      {"2028-02-29", NULL, "2028-02-29T00:00:00.000000Z"},
      {"1848-03-29 02:30", "Europe/Berlin", "1848-03-29T01:36:32.000000Z"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct zone *zone = NULL;
    struct error error = {0};
    char text[INSTANT_TEXT_SIZE];
    int64_t us, again;
    if (cases[i].zone)
      assert_int_equal(zone_find(cases[i].zone, &zone, NULL), ERROR_OK);
    if (instant_parse(cases[i].text, zone, &us, &error))
      fail_msg("%s: %s", cases[i].text, error.text);
    instant_format(text, us);
    assert_string_equal(text, cases[i].utc);
    instant_format_in(text, us, zone);
    assert_int_equal(instant_parse(text, NULL, &again, NULL), ERROR_OK);
    assert_int_equal(us, again);
  }
}

static void instants_are_shown_locally(void **state)
{
  (void)state;
  const struct zone *zone;
  char text[INSTANT_TEXT_SIZE];
  assert_int_equal(zone_find("America/New_York", &zone, NULL), ERROR_OK);
  instant_format_in(text, 0, zone);
  assert_string_equal(text, "1969-12-31T19:00:00-05:00");
  instant_format_in(text, 1500000, zone);
  assert_string_equal(text, "1969-12-31T19:00:01.5-05:00");
  instant_format_in(text, 0, NULL);
  assert_string_equal(text, "1970-01-01T00:00:00+00:00");
  assert_int_equal(zone_find("Asia/Tokyo", &zone, NULL), ERROR_OK);
  instant_format_in(text, INSTANT_MAX, zone); /* years have four digits */
  assert_string_equal(text, "9999-12-31T23:59:59.999999+00:00");
  assert_int_equal(zone_find("America/New_York", &zone, NULL), ERROR_OK);
  instant_format_in(text, INSTANT_MIN, zone);
  assert_string_equal(text, "0001-01-01T00:00:00+00:00");
  instant_format(text, INT64_MAX);
  assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
  instant_format(text, INT64_MIN);
  assert_string_equal(text, "0001-01-01T00:00:00.000000Z");
}

static void instants_are_refused(void **state)
{
  (void)state;
  static const char shape[] =
      "not a time: write 2026-03-29, 2026-03-29 02:30 or 2026-03-29T02:30:00Z";
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"2026-13-01", "month 13 is over 12"},
      {"2026-00-01", "month 0 is under 1"},
      {"2026-02-29", "February 2026 has no day 29"},
      {"2026-01-32", "day 32 is over 31"},
      {"0000-01-01", "year 0 is under 1"},
      {"2026-01-01T24:00:00Z", "hour 24 is over 23"},
      {"2026-01-01T23:60", "minute 60 is over 59"},
      {"2026-01-01T23:59:60Z", "second 60 is over 59"},
      {"2026-01-01T00:00:00+24:00", "offset hour 24 is over 23"},
      {"0001-01-01T00:00:00+01:00", "the time is outside the years 1 to 9999 of UTC"},
      {"9999-12-31T23:59:59-01:00", "the time is outside the years 1 to 9999 of UTC"},
      {"2026-01-01Z", "\"Z\" stands behind the time"},
      {"2026-01-01T00:00:00Zx", "\"x\" stands behind the time"},
      {"", shape},
      {"tomorrow", shape},
      {"26-01-01", shape},
      {"2026-1-1", shape},
      {"2026-01-01T", shape},
      {"2026-01-01T1:00", shape},
      {"2026-01-01T01:00:", shape},
      {"2026-01-01T01:00:00.", shape},
      {"2026-01-01T01:00:00+1", shape},
      {"10000-01-01", shape},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t us = 7;
    struct error error = {0};
    if (!instant_parse(cases[i].text, NULL, &us, &error))
      fail_msg("%s was read", cases[i].text);
    assert_string_equal(error.text, cases[i].error);
    assert_int_equal(us, 7);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(civil_days_round_trip), cmocka_unit_test(durations_are_read),
      cmocka_unit_test(durations_are_refused), cmocka_unit_test(durations_from_json),
      cmocka_unit_test(instants_are_read),     cmocka_unit_test(instants_are_shown_locally),
      cmocka_unit_test(instants_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
