/* Daily intervals against a walk over all seconds of their days, and the cases that a person would
 * ask about. */
#include "trigger_naive.h"

#include <stdio.h>

#include "time/civil.h"
#include "time/instant.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct trigger *parse(const char *text)
{
  struct trigger *trigger;
  struct error error = {0};
  if (trigger_from_text(text, NULL, &trigger, &error))
    fail_msg("%s: %s", text, error.text);
  return trigger;
}

/* The first fires after `after` in UTC, on one line. */
static void check_fires(const char *text, const char *after, const char *fires)
{
  struct trigger *trigger = parse(text);
  struct buffer got = {0};
  int64_t at_us;
  assert_int_equal(instant_parse(after, NULL, &at_us, NULL), ERROR_OK);
  for (int i = 0; i < 4 && trigger_next(trigger, at_us, &at_us); i++) {
    char instant[INSTANT_TEXT_SIZE];
    instant_format(instant, at_us);
    buffer_printf(&got, "%s%.14s", i ? " " : "", instant + strlen("2026-"));
  }
  if (strcmp(got.data ? got.data : "", fires) != 0)
    fail_msg("%s: fires %s, should %s", text, got.data, fires);
  buffer_deinit(&got);
  trigger_destroy(trigger);
}

static void fires_at_its_times(void **state)
{
  (void)state;
  static const struct {
    const char *text, *after, *fires;
  } cases[] = {
      {"daily_interval every=72m start_time=09:00 end_time=17:00 weekdays=mon-fri", "2026-01-02",
       "01-02T09:00:00 01-02T10:12:00 01-02T11:24:00 01-02T12:36:00"},
      /* 2026-01-02 is a Friday; 16:12 is the last of the day, and the day begins anew. */
      {"daily_interval every=72m start_time=09:00 end_time=17:00 weekdays=mon-fri",
       "2026-01-02T14:59", "01-02T15:00:00 01-02T16:12:00 01-05T09:00:00 01-05T10:12:00"},
      {"daily_interval every=4h start_time=09:00 end_time=17:00", "2026-01-02T13:00",
       "01-02T17:00:00 01-03T09:00:00 01-03T13:00:00 01-03T17:00:00"},
      {"daily_interval every=7h", "2026-01-02T20:00",
       "01-02T21:00:00 01-03T00:00:00 01-03T07:00:00 01-03T14:00:00"},
      {"daily_interval every=1h start_time=09:00 repeat=2", "2026-01-02T09:30",
       "01-02T10:00:00 01-03T09:00:00 01-03T10:00:00 01-04T09:00:00"},
      {"daily_interval every=1d start_time=23:59:59 weekdays=sun", "2026-01-02",
       "01-04T23:59:59 01-11T23:59:59 01-18T23:59:59 01-25T23:59:59"},
      {"daily_interval every=1h start=2026-01-02T01:00 end=2026-01-02T02:00", "2025-01-01",
       "01-02T01:00:00 01-02T02:00:00"},
      /* The hour that does not occur, and the one that occurs twice. */
      {"daily_interval every=30m timezone=Europe/Berlin", "2026-03-29T00:00",
       "03-29T00:30:00 03-29T01:00:00 03-29T01:30:00 03-29T02:00:00"},
      {"daily_interval every=2h start_time=00:30 timezone=Europe/Berlin", "2026-03-28T23:00",
       "03-28T23:30:00 03-29T02:30:00 03-29T04:30:00 03-29T06:30:00"},
      {"daily_interval every=2h start_time=00:30 timezone=Europe/Berlin gap=first",
       "2026-03-28T23:00", "03-28T23:30:00 03-29T01:00:00 03-29T02:30:00 03-29T04:30:00"},
      {"daily_interval every=30m timezone=Europe/Berlin", "2026-10-25T00:00",
       "10-25T00:30:00 10-25T01:00:00 10-25T01:30:00 10-25T02:00:00"},
      {"daily_interval every=30m timezone=Europe/Berlin overlap=first", "2026-10-25T00:00",
       "10-25T00:30:00 10-25T02:00:00 10-25T02:30:00 10-25T03:00:00"},
      {"daily_interval every=12h timezone=Pacific/Apia", "2011-12-30T00:00",
       "12-30T10:00:00 12-30T22:00:00 12-31T10:00:00 12-31T22:00:00"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check_fires(cases[i].text, cases[i].after, cases[i].fires);
}

static void agrees_with_a_walk_over_all_seconds(void **state)
{
  (void)state;
  static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  static const int64_t around[] = {1301752800, 1325242800, 1333000000, 1541300000,
                                   1554000000, 1774746000, 1792890000, 1445000000};
  for (int round = 0; round < 400; round++) {
    struct naive naive = {.gap = naive_gaps[naive_random(3)],
                          .overlap = naive_overlaps[naive_random(3)]};
    const char *zone = naive_zones[naive_random(NAIVE_ZONES)];
    assert_int_equal(zone_find(zone, &naive.zone, NULL), ERROR_OK);
    int every_s =
        naive_random(3) ? 60 * (int)(naive_random(600) + 1) : (int)naive_random(86400) + 1;
    int first_s = naive_random(2) ? 1800 * (int)naive_random(8) : (int)naive_random(86400);
    int until_s = first_s + (int)naive_random((uint32_t)(86400 - first_s));
    int repeat = naive_random(3) ? 0 : (int)naive_random(20) + 1;
    unsigned weekdays = naive_random(2) ? 0x7f : naive_random(0x7f) + 1;
    if (every_s < 30)
      every_s = 30;
    char text[512];
    int size = snprintf(text, sizeof text,
                        "daily_interval every=%ds start_time=%02d:%02d:%02d end_time=%02d:%02d:%02d"
                        " timezone=%s gap=%s overlap=%s",
                        every_s, first_s / 3600, first_s / 60 % 60, first_s % 60, until_s / 3600,
                        until_s / 60 % 60, until_s % 60, zone, naive.gap, naive.overlap);
    if (repeat)
      size += snprintf(text + size, sizeof text - (size_t)size, " repeat=%d", repeat);
    const char *comma = " weekdays=";
    for (int i = 0; i < 7; i++)
      if (weekdays & 1u << i) {
        size += snprintf(text + size, sizeof text - (size_t)size, "%s%s", comma, names[i]);
        comma = ", ";
      }
    int64_t from_s = around[naive_random(COUNT(around))] - naive_random(5 * 86400);
    int64_t end_s = from_s + 8 * 86400, day = civil_day_of(from_s) - 2;
    for (; day * 86400 < end_s + 2 * 86400; day++)
      for (int second = first_s, k = 0; second <= until_s && (!repeat || k < repeat);
           second += every_s, k++)
        if (weekdays & 1u << civil_weekday(day))
          naive_add(&naive, day * 86400 + second);
    struct trigger *trigger = parse(text);
    naive_check(&naive, trigger, text, from_s, end_s);
    trigger_destroy(trigger);
    naive_deinit(&naive);
  }
}

static void counts_before_1970(void **state)
{
  (void)state;
  struct trigger *trigger = parse("daily_interval every=5h weekdays=sun,wed,thu");
  for (int64_t from_us = -INT64_C(20) * 86400 * 1000000; from_us < 0; from_us += 7777777777) {
    int64_t count = 0, at_us = from_us, last_us = 0;
    int64_t until_us = INT64_C(9) * 86400 * 1000000;
    while (trigger_next(trigger, at_us, &at_us) && at_us <= until_us)
      count++;
    assert_int_equal(trigger_count(trigger, from_us, until_us, &last_us), count);
  }
  trigger_destroy(trigger);
}

static void refuses_with_words(void **state)
{
  (void)state;
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"daily_interval", "\"every\" is missing"},
      {"daily_interval every=0", "every 0s is not a number of whole seconds above 0"},
      {"daily_interval every=1500ms", "every 1s500ms is not a number of whole seconds above 0"},
      {"daily_interval every=25h", "every 1d1h is over a day"},
      {"daily_interval every=1h start_time=17:00 end_time=09:00",
       "end_time 09:00 is before start_time 17:00: a window cannot go over midnight"},
      {"daily_interval every=1h start_time=25:00", "start_time \"25:00\": hour 25 is over 23"},
      {"daily_interval every=1h repeat=0", "repeat 0 is under 1"},
      {"daily_interval every=1h weekdays=mon-fry",
       "weekdays \"mon-fry\": unknown weekday \"fry\", did you mean \"fri\"?"},
      {"daily_interval every=1h weekdays=mon-fri/2",
       "weekdays \"mon-fri/2\": \"/2\" stands behind the weekday"},
      {"daily_interval every=1h weekdays=1-5",
       "weekdays \"1-5\": a weekday is written by its name, as mon or mon-fri"},
      {"daily_interval every=1h weekdays=mon,,fri", "\"weekdays\" has an empty item"},
      {"daily_interval every=1h weekdays=", "\"weekdays\" is empty"},
      {"daily_interval every=1h start=2026-01-02 end=2026-01-01",
       "never fires: the end 2026-01-01T00:00:00+00:00 is before the start "
       "2026-01-02T00:00:00+00:00"},
      {"daily_interval every=1h start_time=09:00 start=2026-01-02T10:01 end=2026-01-02T10:30",
       "never fires between its start and its end"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger;
    struct error error = {0};
    if (!trigger_from_text(cases[i].text, NULL, &trigger, &error))
      fail_msg("%s was read", cases[i].text);
    assert_memory_equal(error.text, "daily_interval: ", 16);
    assert_string_equal(error.text + 16, cases[i].error);
  }
}

static void explains_itself(void **state)
{
  (void)state;
  static const struct {
    const char *text, *sentence;
  } cases[] = {
      {"daily_interval every=72m start_time=9:00 end_time=17:00 weekdays=mon-fri "
       "timezone=Asia/Shanghai",
       "Every 1 hour 12 minutes between 09:00 and 17:00, Monday to Friday, Asia/Shanghai"},
      {"daily_interval every=1h weekdays=sat,sun,tue",
       "Every hour from 00:00, Tuesday, Saturday and Sunday, UTC"},
      {"daily_interval every=30s start_time=09:00:30 repeat=1",
       "Every 30 seconds from 09:00:30, at most 1 time a day, every day, UTC"},
      {"daily_interval every=1d weekdays=thursday-tuesday start=2026-01-01 end=2026-02-01T00:00:01",
       "Every day from 00:00, Monday, Tuesday and Thursday to Sunday, from 2026-01-01 00:00, until "
       "2026-02-01 00:00:01, UTC"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = parse(cases[i].text);
    struct buffer out = {0};
    trigger_explain(trigger, &out);
    assert_string_equal(out.data, cases[i].sentence);
    buffer_deinit(&out);
    trigger_destroy(trigger);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fires_at_its_times), cmocka_unit_test(agrees_with_a_walk_over_all_seconds),
      cmocka_unit_test(counts_before_1970), cmocka_unit_test(refuses_with_words),
      cmocka_unit_test(explains_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
