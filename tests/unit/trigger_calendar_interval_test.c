/* Calendar intervals against a walk over all days, and the cases that a person would ask about. */
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

static int64_t us_of(const char *text)
{
  int64_t us;
  assert_int_equal(instant_parse(text, NULL, &us, NULL), ERROR_OK);
  return us;
}

/* The first fires after `after` in UTC, on one line. */
static void check_fires(const char *text, const char *after, const char *fires)
{
  struct trigger *trigger = parse(text);
  struct buffer got = {0};
  int64_t at_us = us_of(after);
  trigger_anchor(trigger, at_us, "job");
  for (int i = 0; i < 4 && trigger_next(trigger, at_us, &at_us); i++) {
    char instant[INSTANT_TEXT_SIZE];
    instant_format(instant, at_us);
    buffer_printf(&got, "%s%.16s", i ? " " : "", instant);
  }
  if (strcmp(got.data ? got.data : "", fires) != 0)
    fail_msg("%s: fires %s, should %s", text, got.data, fires);
  buffer_deinit(&got);
  trigger_destroy(trigger);
}

static void fires_on_its_dates(void **state)
{
  (void)state;
  static const struct {
    const char *text, *after, *fires;
  } cases[] = {
      /* A month without the day is passed over, and the day does not creep. */
      {"calendar_interval months=1 start=2026-01-31", "2026-01-01",
       "2026-01-31T00:00 2026-03-31T00:00 2026-05-31T00:00 2026-07-31T00:00"},
      {"calendar_interval months=1 at=9:30 start=2026-01-30T00:00:00", "2026-01-30T09:30",
       "2026-03-30T09:30 2026-04-30T09:30 2026-05-30T09:30 2026-06-30T09:30"},
      {"calendar_interval years=1 start=2024-02-29", "2024-03-01",
       "2028-02-29T00:00 2032-02-29T00:00 2036-02-29T00:00 2040-02-29T00:00"},
      {"calendar_interval years=1 start=2024-02-29", "2093-01-01",
       "2096-02-29T00:00 2104-02-29T00:00 2108-02-29T00:00 2112-02-29T00:00"},
      {"calendar_interval years=1 months=6 start=2025-07-15", "2025-01-01",
       "2025-07-15T00:00 2027-01-15T00:00 2028-07-15T00:00 2030-01-15T00:00"},
      {"calendar_interval weeks=2 start=2026-01-05", "2026-01-05",
       "2026-01-19T00:00 2026-02-02T00:00 2026-02-16T00:00 2026-03-02T00:00"},
      {"calendar_interval weeks=1 days=3 hour=23 minute=59 second=59 start=1969-12-25",
       "1969-01-01", "1969-12-25T23:59 1970-01-04T23:59 1970-01-14T23:59 1970-01-24T23:59"},
      /* Both: k months and k times the days behind the start. */
      {"calendar_interval months=1 days=5 start=2026-01-20", "2026-01-20",
       "2026-02-25T00:00 2026-03-30T00:00 2026-05-05T00:00 2026-06-09T00:00"},
      {"calendar_interval days=1 start=2026-01-30 end=2026-02-01", "2026-01-01",
       "2026-01-30T00:00 2026-01-31T00:00 2026-02-01T00:00"},
      /* The start, without one, is the day of anchoring in the zone. */
      {"calendar_interval days=2 at=09:30", "2026-01-30T09:29",
       "2026-01-30T09:30 2026-02-01T09:30 2026-02-03T09:30 2026-02-05T09:30"},
      {"calendar_interval days=2 at=09:30", "2026-01-30T09:30",
       "2026-02-01T09:30 2026-02-03T09:30 2026-02-05T09:30 2026-02-07T09:30"},
      {"calendar_interval days=2 at=08:30 timezone=Asia/Tokyo", "2026-01-30T23:00",
       "2026-01-30T23:30 2026-02-01T23:30 2026-02-03T23:30 2026-02-05T23:30"},
      /* Gaps are passed over, overlaps fire at the first. */
      {"calendar_interval days=1 at=02:30 start=2026-03-28 timezone=Europe/Berlin", "2026-03-27",
       "2026-03-28T01:30 2026-03-30T00:30 2026-03-31T00:30 2026-04-01T00:30"},
      {"calendar_interval days=1 at=02:30 gap=first start=2026-03-28 timezone=Europe/Berlin",
       "2026-03-27", "2026-03-28T01:30 2026-03-29T01:00 2026-03-30T00:30 2026-03-31T00:30"},
      {"calendar_interval days=1 at=02:30 gap=shift start=2026-03-28 timezone=Europe/Berlin",
       "2026-03-27", "2026-03-28T01:30 2026-03-29T01:30 2026-03-30T00:30 2026-03-31T00:30"},
      {"calendar_interval days=1 at=02:30 start=2026-10-24 timezone=Europe/Berlin", "2026-10-24",
       "2026-10-24T00:30 2026-10-25T00:30 2026-10-26T01:30 2026-10-27T01:30"},
      {"calendar_interval days=1 at=02:30 overlap=both start=2026-10-24 timezone=Europe/Berlin",
       "2026-10-24", "2026-10-24T00:30 2026-10-25T00:30 2026-10-25T01:30 2026-10-26T01:30"},
      {"calendar_interval days=1 at=12:00 gap=first start=2011-12-29 timezone=Pacific/Apia",
       "2011-12-01", "2011-12-29T22:00 2011-12-30T22:00 2011-12-31T22:00 2012-01-01T22:00"},
      {"calendar_interval days=1 start=2018-11-03 timezone=America/Sao_Paulo", "2018-11-01",
       "2018-11-03T03:00 2018-11-05T02:00 2018-11-06T02:00 2018-11-07T02:00"},
      /* The ends of the calendar. */
      {"calendar_interval years=9000 start=0001-01-01", "0001-01-01", "9001-01-01T00:00"},
      {"calendar_interval days=1 start=9999-12-30", "9999-12-30", "9999-12-31T00:00"},
      {"calendar_interval years=9999 months=119988 weeks=529947 days=3659634 start=2026-01-01",
       "2025-01-01", "2026-01-01T00:00"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check_fires(cases[i].text, cases[i].after, cases[i].fires);
}

/* Whether a day is one of the dates, by the definition. */
static bool is_date(int64_t day, int64_t start, int months, int days)
{
  struct civil_date from = civil_from_days(start), date = civil_from_days(day);
  int months_since = (date.year - from.year) * 12 + date.month - from.month;
  if (day < start)
    return false;
  if (!days)
    return date.day == from.day && months_since % months == 0;
  if (!months)
    return (day - start) % days == 0;
  for (int k = 0; k * days <= day - start; k++) {
    int month = from.month - 1 + k * months, year = from.year + month / 12;
    if (from.day <= civil_month_days(year, month % 12 + 1) &&
        civil_to_days(year, month % 12 + 1, from.day) + (int64_t)k * days == day)
      return true;
  }
  return false;
}

static void agrees_with_a_walk_over_all_days(void **state)
{
  (void)state;
  for (int round = 0; round < 400; round++) {
    struct naive naive = {.gap = naive_gaps[naive_random(3)],
                          .overlap = naive_overlaps[naive_random(3)]};
    const char *zone = naive_zones[naive_random(NAIVE_ZONES)];
    assert_int_equal(zone_find(zone, &naive.zone, NULL), ERROR_OK);
    unsigned shape = naive_random(3);
    int months = shape == 0 ? 0 : (int)naive_random(naive_random(2) ? 4 : 40) + (shape == 1);
    int days = shape == 1 ? 0 : (int)naive_random(naive_random(2) ? 4 : 100) + (shape == 0);
    if (!months && !days)
      days = 1;
    int64_t start = civil_to_days(2005, 1, 1) + naive_random(naive_random(2) ? 5000 : 60);
    if (naive_random(4) == 0) /* the ends of months, leap days among them */
      start = civil_to_days(2008 + 4 * (int)naive_random(3), (int)naive_random(12) + 1,
                            29 + (int)naive_random(3));
    int64_t end = start + naive_random(6000);
    int at_s = naive_random(2) ? (int)naive_random(5 * 12) * 300 : (int)naive_random(86400);
    char text[256], start_text[INSTANT_TEXT_SIZE], end_text[INSTANT_TEXT_SIZE];
    instant_format(start_text, start * 86400 * 1000000);
    instant_format(end_text, end * 86400 * 1000000);
    snprintf(text, sizeof text,
             "calendar_interval months=%d days=%d at=%02d:%02d:%02d start=%.10s end=%.10s "
             "timezone=%s gap=%s overlap=%s",
             months, days, at_s / 3600, at_s / 60 % 60, at_s % 60, start_text, end_text, zone,
             naive.gap, naive.overlap);
    for (int64_t day = start; day <= end; day++)
      if (is_date(day, start, months, days))
        naive_add(&naive, day * 86400 + at_s);
    struct trigger *trigger;
    enum error_code code = trigger_from_text(text, NULL, &trigger, NULL);
    assert_true(code == ERROR_OK || naive.count == 0);
    if (!code)
      naive_check(&naive, trigger, text, (start - 5) * 86400, (end + 5) * 86400);
    trigger_destroy(trigger);
    naive_deinit(&naive);
  }
}

/* The whole calendar is counted as by stepping. */
static void counts_the_whole_calendar(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "calendar_interval months=1 start=0001-01-31", "calendar_interval years=1 start=0004-02-29",
      "calendar_interval months=7 days=1 start=0001-03-30",
      "calendar_interval years=25 start=0100-02-28 timezone=Europe/Berlin",
      "calendar_interval months=1 at=02:30 start=0001-01-31 timezone=America/New_York"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct trigger *trigger = parse(texts[i]);
    int64_t count = 0, at_us = INT64_MIN, last_us = 0, got_last_us = 0;
    while (trigger_next(trigger, at_us, &at_us)) {
      last_us = at_us;
      count++;
    }
    assert_true(count > 300);
    assert_int_equal(trigger_count(trigger, INT64_MIN, INT64_MAX, &got_last_us), count);
    assert_int_equal(got_last_us, last_us);
    trigger_destroy(trigger);
  }
}

static void refuses_with_words(void **state)
{
  (void)state;
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"calendar_interval", "one of years, months, weeks and days must be over 0"},
      {"calendar_interval days=0", "one of years, months, weeks and days must be over 0"},
      {"calendar_interval days=-1", "days -1 is under 0"},
      {"calendar_interval days=1.5", "days 1.5 is not a whole number"},
      {"calendar_interval days=1d", "days \"1d\" is not a number"},
      {"calendar_interval days=", "days \"\" is not a number"},
      {"calendar_interval years=10000", "years 10000 is over 9999"},
      {"calendar_interval days=99999999999999999999", "days 1e+20 is over 3659634"},
      {"calendar_interval day=1", "unknown option \"day\", did you mean \"days\"?"},
      {"calendar_interval days=1 at=24:00", "at \"24:00\": hour 24 is over 23"},
      {"calendar_interval days=1 at=9", "at \"9\": a time of day is written as 09:30 or 09:30:15"},
      {"calendar_interval days=1 at=9:3",
       "at \"9:3\": a time of day is written as 09:30 or 09:30:15"},
      {"calendar_interval days=1 at=09:30:15:00",
       "at \"09:30:15:00\": a time of day is written as 09:30 or 09:30:15"},
      {"calendar_interval days=1 at=09:30 hour=9", "\"at\" and \"hour\" exclude each other"},
      {"calendar_interval days=1 second=60", "second 60 is over 59"},
      {"calendar_interval days=1 start=2026-02-30",
       "start \"2026-02-30\": February 2026 has no day 30"},
      {"calendar_interval days=1 start=2026-02-01T00:01",
       "start \"2026-02-01T00:01\": a date is written as 2026-01-31"},
      {"calendar_interval days=1 start=2026-02-01 end=2026-01-31",
       "never fires: the end 2026-01-31 is before the start 2026-02-01"},
      {"calendar_interval days=1 start=2026-02-01 anchor=2026-01-31",
       "\"start\" and \"anchor\" exclude each other"},
      {"calendar_interval days=1 at=02:30 start=2026-03-29 end=2026-03-29 timezone=Europe/Berlin",
       "never fires: Europe/Berlin lacks the local times between the start and the end"},
      {"calendar_interval days=1 gap=maybe", "gap \"maybe\" is not one of first, skip, shift"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger;
    struct error error = {0};
    if (!trigger_from_text(cases[i].text, NULL, &trigger, &error))
      fail_msg("%s was read", cases[i].text);
    assert_memory_equal(error.text, "calendar_interval: ", 19);
    assert_string_equal(error.text + 19, cases[i].error);
  }
}

static void explains_itself(void **state)
{
  (void)state;
  static const struct {
    const char *text, *sentence;
  } cases[] = {
      {"calendar_interval months=1 at=09:30 start=2026-01-15 timezone=Europe/Berlin",
       "Every month on day 15 at 09:30, from 2026-01-15, Europe/Berlin"},
      {"calendar_interval months=1 start=2026-01-31 end=2026-12-31",
       "Every month on day 31 at 00:00, from 2026-01-31 until 2026-12-31, passing over months "
       "without that day, UTC"},
      {"calendar_interval years=1 start=2024-02-29",
       "Every year on 29 February at 00:00, from 2024-02-29, passing over years without that day, "
       "UTC"},
      {"calendar_interval years=2 months=3 at=09:30:15 start=2024-02-20",
       "Every 2 years 3 months on day 20 at 09:30:15, from 2024-02-20, UTC"},
      {"calendar_interval weeks=2 at=09:30 start=2026-01-05",
       "Every 2 weeks on Monday at 09:30, from 2026-01-05, UTC"},
      {"calendar_interval days=10 at=09:30",
       "Every 1 week 3 days at 09:30, from the day on which it is added, UTC"},
      {"calendar_interval days=1 at=09:30 start=2026-01-05",
       "Every day at 09:30, from 2026-01-05, UTC"},
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
      cmocka_unit_test(fires_on_its_dates),
      cmocka_unit_test(agrees_with_a_walk_over_all_days),
      cmocka_unit_test(counts_the_whole_calendar),
      cmocka_unit_test(refuses_with_words),
      cmocka_unit_test(explains_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
