/* What a store kept must be readable for ever: whatever moment a trigger is anchored at, also one
 * behind all its ends, its JSON and its text are read back as the same trigger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "time/instant.h"
#include "trigger/calendar.h"
#include "trigger/trigger.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The options that every kind has; past, future, and those that are written when it is anchored. */
static const char *const options[] = {
    "",
    " until=2027-01-01",
    " from=2027-01-01",
    " from=2026-01-01 until=2027-01-01",
    " until=1980-01-01",
    " from=9999-12-31",
    " limit=3",
    " limit=3 until=2027-01-01",
    " offset=-1d until=2027-01-01",
    " offset=1000w",
    " jitter=5m",
    " jitter=5m limit=2 from=2026-01-01 until=2026-12-31",
    " except=(weekdays=sat,sun) until=2027-01-01",
    " except=(weekdays=sun-sat)",
    " except=(dates=2026-12-25 yearly=01-01 cron=(30 2 * * *)) limit=2",
    " except=stored-test",
};

static const char *const kinds[] = {
    "at 2026-11-21",
    "in 15",
    "in 900w timezone=Asia/Tokyo",
    "every 15m",
    "every 900w end=2027-01-01",
    "every 15m start=2026-01-01 end=2027-01-01",
    "30 2 29 2 *",
    "H H(0-7) * * *",
    "*/5 * * * * * start=2026-01-01 end=2027-01-01",
    "quartz 0 0 0 LW * ? 2026",
    "fields hour=3 minute=2 year=2026-2028",
    "calendar_interval months=1 days=2 at=02:30 timezone=Europe/Berlin",
    "calendar_interval years=4 end=2027-01-01",
    "calendar_interval months=1 start=2026-01-31 end=2027-01-01",
    "daily_interval every=90m start_time=09:00 end_time=17:00 end=2027-01-01",
    "oncalendar Mon 2026-*-* 12:00",
    "oncalendar *-02-29",
    "rrule FREQ=DAILY;UNTIL=20270101T000000Z",
    "rrule FREQ=DAILY;UNTIL=20270101",
    "rrule FREQ=SECONDLY;INTERVAL=7;COUNT=3",
    "rrule FREQ=YEARLY;INTERVAL=3000;BYMONTH=2;BYMONTHDAY=29",
    "rrule FREQ=YEARLY;UNTIL=20270101 rdate=20260101 exdate=20260101",
    "rrule dtstart=20260101T093000 rdate=20270301",
    "rrule FREQ=DAILY dtstart=20260101T000000 timezone=America/New_York",
    "any_of (in 15m) (every 5h) (rrule FREQ=DAILY;UNTIL=20270101)",
    "any_of (in 15m until=2027-01-01) (every 5h limit=2 until=2027-01-01)",
    "all_of (in 15) (0 0 * * *)",
    "all_of (every 5h) (at 2026-11-21)",
    "all_of (every 7s) (every 1s until=2027-01-01) (H * * * *)",
    "all_of (every 7s) (any_of (every 1s) (in 3))",
    "on_start",
};

/* 1970, 2026, 2109, 9999, and the ends of the calendar and of the numbers. */
static const int64_t moments[] = {0,
                                  INT64_C(1795219200123456),
                                  INT64_C(4389638400000000),
                                  INT64_C(253370764800999999),
                                  INSTANT_MIN,
                                  INSTANT_MAX,
                                  INT64_MIN,
                                  INT64_MAX};

static char *json_of(const struct trigger *trigger)
{
  struct buffer json = {0};
  struct json_writer writer = {.out = &json};
  trigger_to_json(trigger, &writer);
  return buffer_take(&json);
}

static char *text_of(const struct trigger *trigger)
{
  struct buffer text = {0};
  trigger_to_text(trigger, &text);
  return buffer_take(&text);
}

static struct trigger *read_json(const char *json)
{
  struct json_document *document;
  struct trigger *trigger;
  struct error error = {0};
  assert_int_equal(json_parse(json, strlen(json), &document, NULL), ERROR_OK);
  if (trigger_from_json(json_root(document), NULL, &trigger, &error))
    fail_msg("%s: %s", json, error.text);
  json_free(document);
  return trigger;
}

static struct trigger *read_text(const char *text)
{
  struct trigger *trigger;
  struct error error = {0};
  if (trigger_from_text(text, NULL, &trigger, &error))
    fail_msg("%s: %s", text, error.text);
  return trigger;
}

/* Takes over `again`. */
static void check_same(const struct trigger *trigger, struct trigger *again)
{
  char *text = text_of(trigger), *json = json_of(trigger);
  char *other_text = text_of(again), *other_json = json_of(again);
  int64_t after_us[] = {INT64_MIN, 0, INT64_C(1795219200000000)}, fire_us = 0, other_us = 0;
  assert_string_equal(other_text, text);
  assert_string_equal(other_json, json);
  for (size_t i = 0; i < COUNT(after_us); i++) {
    bool fires = trigger_next(trigger, after_us[i], &fire_us);
    if (trigger_next(again, after_us[i], &other_us) != fires || (fires && fire_us != other_us))
      fail_msg("%s fires otherwise when it is read again", text);
  }
  free(text);
  free(json);
  free(other_text);
  free(other_json);
  trigger_destroy(again);
}

static void check_forms(const struct trigger *trigger)
{
  char *text = text_of(trigger), *json = json_of(trigger);
  check_same(trigger, read_text(text));
  check_same(trigger, read_json(json));
  free(text);
  free(json);
}

/* How many of the lines are refused: those whose parts contradict each other. */
static int check_line(const char *line)
{
  struct trigger *trigger;
  for (size_t i = 0; i < COUNT(moments); i++) {
    if (trigger_from_text(line, NULL, &trigger, NULL))
      return 1;
    check_forms(trigger);
    trigger_anchor(trigger, moments[i], "job");
    check_forms(trigger);
    trigger_destroy(trigger);
  }
  return 0;
}

static void stored_triggers_are_read_again(void **state)
{
  (void)state;
  int refused = 0;
  for (size_t i = 0; i < COUNT(kinds); i++)
    for (size_t k = 0; k < COUNT(options); k++) {
      char line[256];
      snprintf(line, sizeof line, "%s%s", kinds[i], options[k]);
      refused += check_line(line);
    }
  assert_in_range(refused, 1, COUNT(kinds) * COUNT(options) / 4);
}

static void what_a_person_contradicts_is_refused(void **state)
{
  (void)state;
  static const char *const lines[] = {
      "at 2026-11-21 until=2026-01-01",
      "every 5s start=2026-11-21 until=2026-01-01",
      "0 0 1 1 * end=2025-01-01 from=2026-01-01",
      "rrule FREQ=DAILY;UNTIL=20250101 dtstart=20260101T000000",
      "calendar_interval months=1 start=2026-01-31 end=2025-01-01",
      "at 2026-11-21 except=(dates=2026-11-21)",
      "every 5s from=2026-11-21 until=2026-01-01",
      "at 2026-11-21 anchor=2026-11-21",
  };
  struct trigger *trigger;
  for (size_t i = 0; i < COUNT(lines); i++)
    if (!trigger_from_text(lines[i], NULL, &trigger, NULL))
      fail_msg("%s was read", lines[i]);
}

static int define_calendar(void **state)
{
  (void)state;
  struct json_document *document;
  static const char text[] = "{\"weekdays\":\"mon-sun\"}";
  enum error_code code = json_parse(text, strlen(text), &document, NULL);
  if (!code)
    code = calendar_define("stored-test", json_root(document), NULL);
  json_free(document);
  return (int)code;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stored_triggers_are_read_again),
      cmocka_unit_test(what_a_person_contradicts_is_refused),
  };
  return cmocka_run_group_tests(tests, define_calendar, NULL);
}
