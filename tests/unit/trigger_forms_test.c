/* The two written forms of all kinds: what is read is written in one canonical way, which reads
 * back as itself in both forms; what is wrong is refused with the words of the table. Then what
 * dates and intervals fire. */
#include "support/trigger_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "time/instant.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define S            INT64_C(1000000)
#define NOW          INT64_C(1795219200000000) /* 2026-11-21T00:00:00Z */

static void check_forms(const struct trigger *trigger, const char *json, const char *text)
{
  char *got_json = json_of(trigger), *got_text = text_of(trigger);
  assert_string_equal(got_json, json);
  assert_string_equal(got_text, text);
  free(got_json);
  free(got_text);
}

/* Reads `input`, a text or JSON, and checks both canonical forms and that each reads as itself. */
static void check_round_trip(const char *input, const char *zone, bool is_anchored,
                             const char *json, const char *text)
{
  struct trigger *trigger, *again;
  struct error error = {0};
  enum error_code code = *input == '{' || *input == '"'
                             ? from_json(input, zone, &trigger, &error)
                             : trigger_from_text(input, zone, &trigger, &error);
  if (code)
    fail_msg("%s: %s", input, error.text);
  if (is_anchored) {
    trigger_anchor(trigger, NOW, "job");
    trigger_anchor(trigger, NOW + 5 * S, "job");
  }
  check_forms(trigger, json, text);
  /* Another default zone must not matter to what names everything. */
  assert_int_equal(from_json(json, "Asia/Tokyo", &again, NULL), ERROR_OK);
  check_forms(again, json, text);
  assert_string_equal(trigger_kind_name(again), trigger_kind_name(trigger));
  trigger_destroy(again);
  assert_int_equal(trigger_from_text(text, "Asia/Tokyo", &again, NULL), ERROR_OK);
  check_forms(again, json, text);
  trigger_destroy(again);
  trigger_destroy(trigger);
}

static void forms_round_trip(void **state)
{
  (void)state;
  static const struct {
    const char *input, *zone;
    bool is_anchored;
    const char *json, *text;
  } cases[] = {
      {"30 2 * * *", NULL, false,
       "{\"kind\":\"cron\",\"expression\":\"30 2 * * *\",\"timezone\":\"UTC\"}",
       "cron 30 2 * * * timezone=UTC"},
      {"  cron\t0  9 * *  1-5 ", "Asia/Shanghai", true,
       "{\"kind\":\"cron\",\"expression\":\"0 9 * * 1-5\",\"timezone\":\"Asia/Shanghai\"}",
       "cron 0 9 * * 1-5 timezone=Asia/Shanghai"},
      {"@daily timezone=Europe/Berlin gap=skip overlap=both start=2026-03-29 02:30 end=2027-01-01",
       NULL, false,
       "{\"kind\":\"cron\",\"expression\":\"@daily\",\"timezone\":\"Europe/Berlin\",\"gap\":"
       "\"skip\",\"overlap\":\"both\",\"start\":\"2026-03-29T01:30:00.000000Z\",\"end\":"
       "\"2026-12-31T23:00:00.000000Z\"}",
       "cron @daily timezone=Europe/Berlin gap=skip overlap=both "
       "start=2026-03-29T01:30:00.000000Z end=2026-12-31T23:00:00.000000Z"},
      {"{\"kind\":\"cron\",\"expression\":\"@hourly\",\"gap\":\"first\",\"start\":null}", NULL,
       false, "{\"kind\":\"cron\",\"expression\":\"@hourly\",\"timezone\":\"UTC\"}",
       "cron @hourly timezone=UTC"},
      {"\"every 90m\"", NULL, false, "{\"kind\":\"interval\",\"every\":\"1h30m\"}", "every 1h30m"},
      {"every 90m", NULL, true,
       "{\"kind\":\"interval\",\"every\":\"1h30m\",\"anchor\":\"2026-11-21T00:00:00.000000Z\"}",
       "every 1h30m anchor=2026-11-21T00:00:00.000000Z"},
      {"every 5 start=2026-01-01T00:00:00Z end=2026-02-01", NULL, true,
       "{\"kind\":\"interval\",\"every\":\"5s\",\"start\":\"2026-01-01T00:00:00.000000Z\",\"end\":"
       "\"2026-02-01T00:00:00.000000Z\"}",
       "every 5s start=2026-01-01T00:00:00.000000Z end=2026-02-01T00:00:00.000000Z"},
      {"{\"kind\":\"interval\",\"weeks\":1,\"days\":1,\"hours\":1.5,\"minutes\":2,\"seconds\":0."
       "25}",
       NULL, false, "{\"kind\":\"interval\",\"every\":\"1w1d1h32m250ms\"}", "every 1w1d1h32m250ms"},
      {"interval 1d start=2026-03-29 02:30 timezone=Europe/Berlin", NULL, false,
       "{\"kind\":\"interval\",\"every\":\"1d\",\"start\":\"2026-03-29T01:30:00.000000Z\","
       "\"timezone\":\"Europe/Berlin\"}",
       "every 1d start=2026-03-29T01:30:00.000000Z timezone=Europe/Berlin"},
      {"{\"kind\":\"interval\",\"hours\":\"1.5\",\"minutes\":\"2\"}", NULL, false,
       "{\"kind\":\"interval\",\"every\":\"1h32m\"}", "every 1h32m"},
      {"in 15m", NULL, false, "{\"kind\":\"date\",\"in\":\"15m\"}", "in 15m"},
      {"in 15m", NULL, true,
       "{\"kind\":\"date\",\"in\":\"15m\",\"anchor\":\"2026-11-21T00:00:00.000000Z\"}",
       "in 15m anchor=2026-11-21T00:00:00.000000Z"},
      {"at 2026-03-29 02:30 timezone=Europe/Berlin", NULL, false,
       "{\"kind\":\"date\",\"at\":\"2026-03-29T01:30:00.000000Z\",\"timezone\":\"Europe/Berlin\"}",
       "at 2026-03-29T01:30:00.000000Z timezone=Europe/Berlin"},
      {"{\"kind\":\"date\",\"at\":\"2026-11-21 08:00\"}", "Asia/Shanghai", true,
       "{\"kind\":\"date\",\"at\":\"2026-11-21T00:00:00.000000Z\"}",
       "at 2026-11-21T00:00:00.000000Z"},
      {"{\"kind\":\"date\",\"at\":1795219200.5}", NULL, false,
       "{\"kind\":\"date\",\"at\":\"2026-11-21T00:00:00.500000Z\"}",
       "at 2026-11-21T00:00:00.500000Z"},
      {"calendar_interval years=1 months=2 weeks=3 days=4 hour=9 second=5 start=2026-01-31 "
       "end=2027-12-31 timezone=Europe/Berlin gap=first overlap=second",
       NULL, true,
       "{\"kind\":\"calendar_interval\",\"years\":\"1\",\"months\":\"2\",\"weeks\":\"3\",\"days\":"
       "\"4\","
       "\"at\":\"09:00:05\",\"start\":\"2026-01-31\",\"end\":\"2027-12-31\",\"timezone\":\"Europe/"
       "Berlin\","
       "\"gap\":\"first\",\"overlap\":\"second\"}",
       "calendar_interval years=1 months=2 weeks=3 days=4 at=09:00:05 start=2026-01-31 "
       "end=2027-12-31 timezone=Europe/Berlin gap=first overlap=second"},
      {"calendar_interval months=1", "Asia/Shanghai", false,
       "{\"kind\":\"calendar_interval\",\"months\":\"1\",\"at\":\"00:00\",\"timezone\":\"Asia/"
       "Shanghai\"}",
       "calendar_interval months=1 at=00:00 timezone=Asia/Shanghai"},
      {"{\"kind\":\"calendar_interval\",\"months\":1,\"days\":2.0,\"at\":\"9:30\"}",
       "America/New_York", true,
       "{\"kind\":\"calendar_interval\",\"months\":\"1\",\"days\":\"2\",\"at\":\"09:30\","
       "\"anchor\":"
       "\"2026-11-20\",\"timezone\":\"America/New_York\"}",
       "calendar_interval months=1 days=2 at=09:30 anchor=2026-11-20 timezone=America/New_York"},
      {"daily_interval every=90m start_time=9:00 end_time=17:00:30 weekdays=mon-wed, FRIDAY,sat "
       "repeat=3 start=2026-01-01 end=2027-01-01 timezone=Europe/Berlin gap=shift overlap=first",
       NULL, true,
       "{\"kind\":\"daily_interval\",\"every\":\"1h30m\",\"start_time\":\"09:00\",\"end_time\":"
       "\"17:00:30\","
       "\"weekdays\":\"mon-wed,fri,sat\",\"repeat\":\"3\",\"start\":\"2025-12-31T23:00:00."
       "000000Z\","
       "\"end\":\"2026-12-31T23:00:00.000000Z\",\"timezone\":\"Europe/Berlin\",\"gap\":\"shift\","
       "\"overlap\":\"first\"}",
       "daily_interval every=1h30m start_time=09:00 end_time=17:00:30 weekdays=mon-wed,fri,sat "
       "repeat=3 start=2025-12-31T23:00:00.000000Z end=2026-12-31T23:00:00.000000Z "
       "timezone=Europe/Berlin gap=shift overlap=first"},
      {"{\"kind\":\"daily_interval\",\"every\":60,\"weekdays\":[\"sat-mon\",\"wed\"]}", NULL, false,
       "{\"kind\":\"daily_interval\",\"every\":\"1m\",\"weekdays\":\"mon,wed,sat,sun\","
       "\"timezone\":\"UTC\"}",
       "daily_interval every=1m weekdays=mon,wed,sat,sun timezone=UTC"},
      {"date 1970-01-01", NULL, false, "{\"kind\":\"date\",\"at\":\"1970-01-01T00:00:00.000000Z\"}",
       "at 1970-01-01T00:00:00.000000Z"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check_round_trip(cases[i].input, cases[i].zone, cases[i].is_anchored, cases[i].json,
                     cases[i].text);
}

static void refuses_with_words(void **state)
{
  (void)state;
  static const struct {
    const char *input, *error;
  } cases[] = {
      {"", "the trigger is empty"},
      {"evry 5s", "unknown trigger \"evry\", did you mean \"every\"?, column 1"},
      {"sometimes", "unknown trigger \"sometimes\": write cron, every, in or at, column 1"},
      {"{}", "a trigger needs a \"kind\", one of date interval ..."},
      {"{\"kind\":1}", "a trigger's \"kind\" must be a string, not an integer"},
      {"{\"kind\":\"corn\"}", "unknown kind of trigger \"corn\", did you mean \"cron\"?"},
      {"[]", "a trigger must be a string or an object, not an array"},
      {"null", "a trigger must be a string or an object, not null"},
      {"{\"kind\":\"cron\"}", "cron: \"expression\" is missing"},
      {"{\"kind\":\"cron\",\"expression\":5}", "cron: \"expression\" must be a string, not an "
                                               "integer"},
      {"{\"kind\":\"cron\",\"expression\":\"@daily\",\"timezone\":8}",
       "cron \"@daily\": \"timezone\" must be a string, not an integer"},
      {"{\"kind\":\"cron\",\"expression\":\"@daily\",\"at\":1,\"at\":2}",
       "cron: unknown option \"at\""},
      {"every 5x", "interval: every \"5x\": unknown unit \"x\", use w, d, h, m, s, ms or us"},
      {"every", "interval: every \"\": the duration is empty"},
      {"every 0", "interval: a period of 0s is under the minimum of 1ms"},
      {"every 999us", "interval: a period of 999us is under the minimum of 1ms"},
      {"every -5s", "interval: every \"-5s\": a duration cannot be negative"},
      {"every 99999w", "interval: every \"99999w\": the duration is over 1000 years"},
      {"every 5s statr=2026-01-01", "interval: unknown option \"statr\", did you mean \"start\"?"},
      {"every 5s hours=2", "interval: \"every\" and \"hours\" exclude each other"},
      {"every 5s start=2026-02-01 end=2026-01-01",
       "interval: never fires: the end 2026-01-01T00:00:00+00:00 is before the start "
       "2026-02-01T00:00:00+00:00"},
      {"every 5s start=2026-02-01 anchor=2026-01-01",
       "interval: \"start\" and \"anchor\" exclude each other"},
      {"{\"kind\":\"interval\"}", "interval: \"every\" is missing, or one of weeks to seconds"},
      {"{\"kind\":\"interval\",\"hours\":\"2h\"}", "interval: hours \"2h\" is not a number"},
      {"{\"kind\":\"interval\",\"hours\":\"inf\"}", "interval: hours \"inf\" is not a number"},
      {"{\"kind\":\"interval\",\"hours\":\"0x2\"}", "interval: hours \"0x2\" is not a number"},
      {"{\"kind\":\"interval\",\"hours\":true}", "interval: \"hours\" must be a number, not a "
                                                 "boolean"},
      {"{\"kind\":\"interval\",\"hours\":-1}", "interval: \"hours\" cannot be negative"},
      {"{\"kind\":\"interval\",\"weeks\":9e99}",
       "interval: weeks: the duration is over 1000 years"},
      {"at tomorrow", "date: at \"tomorrow\": not a time: write 2026-03-29, 2026-03-29 02:30 or "
                      "2026-03-29T02:30:00Z"},
      {"at 10000-01-01", "date: at \"10000-01-01\": not a time: write 2026-03-29, 2026-03-29 02:30 "
                         "or 2026-03-29T02:30:00Z"},
      {"at 2026-13-01", "date: at \"2026-13-01\": month 13 is over 12"},
      {"at 2026-01-01 timezone=Mars/Base", "date: unknown time zone \"Mars/Base\""},
      {"in 5x", "date: in \"5x\": unknown unit \"x\", use w, d, h, m, s, ms or us"},
      {"{\"kind\":\"date\"}", "date: \"at\" or \"in\" is missing"},
      {"{\"kind\":\"date\",\"at\":\"2026-01-01\",\"in\":5}",
       "date: \"at\" and \"in\" exclude each other"},
      {"{\"kind\":\"date\",\"at\":1e15}", "date: at: the time is outside the years 1 to 9999 of "
                                          "UTC"},
      {"{\"kind\":\"date\",\"at\":true}", "date: \"at\" must be a string, not a boolean"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger;
    struct error error = {0};
    const char *input = cases[i].input;
    enum error_code code = *input == '{' || *input == '[' || *input == 'n'
                               ? from_json(input, NULL, &trigger, &error)
                               : trigger_from_text(input, NULL, &trigger, &error);
    if (!code)
      fail_msg("%s was read", input);
    assert_null(trigger);
    const char *more = strstr(cases[i].error, " ..."); /* the list of kinds goes on */
    if (more)
      snprintf(error.text + (more - cases[i].error), sizeof " ...", " ...");
    assert_string_equal(error.text, cases[i].error);
  }
}

static struct trigger *parse(const char *text)
{
  struct trigger *trigger;
  struct error error = {0};
  if (trigger_from_text(text, NULL, &trigger, &error))
    fail_msg("%s: %s", text, error.text);
  return trigger;
}

static void intervals_keep_their_grid(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int64_t after_us, next_us; /* from NOW; INT64_MAX: none */
  } cases[] = {
      {"every 10s", INT64_MIN, 10 * S},
      {"every 10s", 0, 10 * S},
      {"every 10s", 10 * S - 1, 10 * S},
      {"every 10s", 10 * S, 20 * S},
      {"every 10s", 123456789 * S + 1, 123456790 * S},
      {"every 10s start=2026-11-21", INT64_MIN, 0},
      {"every 10s start=2026-11-21", -1, 0},
      {"every 10s start=2026-11-21", 0, 10 * S},
      {"every 10s start=2026-11-21 end=2026-11-21T00:00:20Z", 10 * S, 20 * S},
      {"every 10s start=2026-11-21 end=2026-11-21T00:00:20Z", 20 * S, INT64_MAX},
      {"every 10s end=2026-11-20", INT64_MIN, INT64_MAX},
      {"every 1ms", 1500, 2000},
      {"every 10s", INT64_MAX, INT64_MAX},
      {"in 15m", INT64_MIN, 900 * S},
      {"in 15m", 900 * S - 1, 900 * S},
      {"in 15m", 900 * S, INT64_MAX},
      {"in 0", -1, 0},
      {"at 2026-11-20", INT64_MIN, -86400 * S},
      {"at 2026-11-20", 0, INT64_MAX},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = parse(cases[i].text);
    int64_t after_us = cases[i].after_us, next_us;
    bool is_end = after_us == INT64_MIN || after_us == INT64_MAX;
    trigger_anchor(trigger, NOW, "job");
    bool has_next = trigger_next(trigger, is_end ? after_us : NOW + after_us, &next_us);
    if (has_next != (cases[i].next_us != INT64_MAX) ||
        (has_next && next_us != NOW + cases[i].next_us))
      fail_msg("%s, case %zu: %d %ld", cases[i].text, i, has_next, (long)(next_us - NOW));
    trigger_destroy(trigger);
  }
}

static void counts_as_it_steps(void **state)
{
  (void)state;
  static const char *const texts[] = {"every 7s", "every 7s start=2026-11-20T23:59:58Z",
                                      "every 1100ms end=2026-11-21T00:01:00Z", "in 30s",
                                      "at 2026-11-21"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct trigger *trigger = parse(texts[i]);
    trigger_anchor(trigger, NOW, "job");
    for (int64_t from_us = NOW - 20 * S; from_us < NOW + 40 * S; from_us += 1700000)
      for (int64_t until_us = from_us; until_us < NOW + 100 * S; until_us += 3100000) {
        int64_t count = 0, last_us = -1, counted_last_us = -1, at_us = from_us;
        while (trigger_next(trigger, at_us, &at_us) && at_us <= until_us) {
          last_us = at_us;
          count++;
        }
        assert_int_equal(trigger_count(trigger, from_us, until_us, &counted_last_us), count);
        assert_int_equal(counted_last_us, last_us);
      }
    trigger_destroy(trigger);
  }
}

static void relative_ones_wait_for_their_anchor(void **state)
{
  (void)state;
  static const char *const texts[] = {"every 7s", "in 5s"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct trigger *trigger = parse(texts[i]);
    int64_t us;
    assert_false(trigger_next(trigger, INT64_MIN, &us));
    assert_int_equal(trigger_count(trigger, INT64_MIN, INT64_MAX, &us), 0);
    trigger_destroy(trigger);
  }
  trigger_destroy(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forms_round_trip),
      cmocka_unit_test(refuses_with_words),
      cmocka_unit_test(intervals_keep_their_grid),
      cmocka_unit_test(counts_as_it_steps),
      cmocka_unit_test(relative_ones_wait_for_their_anchor),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
