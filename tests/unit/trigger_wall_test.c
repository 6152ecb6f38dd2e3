/* From local times to instants, over all kinds that have them: counting agrees with stepping under
 * every rule for gaps and overlaps, and a match that is far away is met on its day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "time/instant.h"
#include "trigger/trigger.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define DAY          INT64_C(86400000000)

static struct trigger *parse(const char *text, const char *zone)
{
  struct trigger *trigger;
  struct error error = {0};
  if (trigger_from_text(text, zone, &trigger, &error))
    fail_msg("%s: %s", text, error.text);
  return trigger;
}

static int64_t us_of(const char *text)
{
  int64_t us;
  assert_int_equal(instant_parse(text, NULL, &us, NULL), ERROR_OK);
  return us;
}

static void check_count(const char *text, const char *zone, int64_t from_us, int64_t until_us)
{
  struct trigger *trigger = parse(text, zone);
  int64_t steps = 0, at_us = from_us, fire_us, stepped_us = 0, last_us = 0;
  while (trigger_next(trigger, at_us, &fire_us) && fire_us <= until_us) {
    at_us = stepped_us = fire_us;
    steps++;
  }
  int64_t count = trigger_count(trigger, from_us, until_us, &last_us);
  if (count != steps || (steps && last_us != stepped_us))
    fail_msg("%s in %s from %ld until %ld: %ld counted, %ld stepped", text, zone, (long)from_us,
             (long)until_us, (long)count, (long)steps);
  trigger_destroy(trigger);
}

/* Times that fall into gaps and overlaps, so that some coincide with what is shifted to them. */
static const char *const kinds[] = {
    "calendar_interval days=1 at=02:30 start=1970-01-01",
    "calendar_interval months=1 at=00:15 start=1970-01-31",
    "daily_interval every=30m start_time=00:00 end_time=04:00",
    "daily_interval every=11m",
    "daily_interval every=1h weekdays=sat,sun",
    "rrule FREQ=HOURLY;INTERVAL=3 dtstart=19700101T003000",
    "rrule FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=0,30 dtstart=19700101T003000",
    "rrule FREQ=WEEKLY;BYDAY=SU;BYSETPOS=2,-1;BYHOUR=1,2,3;BYMINUTE=0,15 dtstart=19700101T003000",
    "rrule FREQ=YEARLY;BYMONTH=3,10;BYDAY=SU;BYHOUR=1,2,3 dtstart=19700101T003000",
    "oncalendar *-*-* 02:0/10",
    "oncalendar Sun *-*-* *:0/20",
    "30 2 * * *",
    "15,45 1,2 * * sun",
    "*/7 * * * *",
};

static const char *const rules[] = {
    "gap=skip overlap=first",  "gap=skip overlap=both",  "gap=skip overlap=second",
    "gap=first overlap=first", "gap=first overlap=both", "gap=first overlap=second",
    "gap=shift overlap=first", "gap=shift overlap=both", "gap=shift overlap=second",
};

/* Of each zone a time shortly before its clock changes. */
static const struct {
  const char *zone, *at;
} changes[] = {
    {"Europe/Berlin", "2026-03-28"},       {"Europe/Berlin", "2026-10-24"},
    {"Australia/Lord_Howe", "2026-10-03"}, {"Antarctica/Troll", "2026-03-28"},
    {"Pacific/Apia", "2011-12-29"},        {"America/Sao_Paulo", "2018-11-03"},
    {"Africa/Casablanca", "2026-02-14"},
};

static void counts_as_it_steps(void **state)
{
  (void)state;
  char text[200];
  for (size_t i = 0; i < COUNT(kinds); i++)
    for (size_t k = 0; k < COUNT(rules); k++)
      for (size_t c = 0; c < COUNT(changes); c++) {
        int64_t at_us = us_of(changes[c].at);
        snprintf(text, sizeof text, "%s %s", kinds[i], rules[k]);
        check_count(text, changes[c].zone, at_us, at_us + 3 * DAY);
        /* from and until within the change */
        for (int64_t hour = 10; hour < 44; hour += 3)
          check_count(text, changes[c].zone, at_us + hour * DAY / 24 + 1,
                      at_us + (hour + 1) * DAY / 24 + DAY / 72);
      }
}

static void counts_years_as_it_steps(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(kinds); i++)
    for (size_t c = 0; c < COUNT(changes); c++)
      check_count(kinds[i], changes[c].zone, us_of("2009-07-01"), us_of("2011-12-31"));
}

/* Centuries of spans lie before the match, and it lies beside a change of the clock. */
static void far_matches_are_met(void **state)
{
  (void)state;
  static const struct {
    const char *text, *after, *next;
  } cases[] = {
      {"rrule FREQ=YEARLY;INTERVAL=3600 dtstart=19700401T023000", "1971-01-01",
       "5570-04-01T00:30:00.000000Z"},
      {"rrule FREQ=YEARLY;INTERVAL=56 dtstart=19700329T023000", "1971-01-01",
       "2026-03-29T01:30:00.000000Z"},
      {"rrule FREQ=YEARLY;INTERVAL=56 dtstart=19700329T023000 gap=first", "1971-01-01",
       "2026-03-29T01:00:00.000000Z"},
      {"rrule FREQ=YEARLY;INTERVAL=56 dtstart=19700329T023000 gap=skip", "1971-01-01",
       "2138-03-29T01:30:00.000000Z"},
      {"rrule FREQ=YEARLY;INTERVAL=56 dtstart=19701025T023000", "1971-01-01",
       "2026-10-25T00:30:00.000000Z"},
      {"rrule FREQ=YEARLY;INTERVAL=56 dtstart=19701025T023000 overlap=second", "1971-01-01",
       "2026-10-25T01:30:00.000000Z"},
      {"rrule FREQ=YEARLY;INTERVAL=56 dtstart=19701025T023000 overlap=both", "2026-10-25T00:30:00Z",
       "2026-10-25T01:30:00.000000Z"},
      /* asked of within the hour before an overlap, the next but one match being far away */
      {"rrule FREQ=YEARLY;INTERVAL=56 dtstart=19701025T023000 overlap=both", "2026-10-25T00:59:58Z",
       "2026-10-25T01:30:00.000000Z"},
      {"calendar_interval months=7459 start=2026-01-15", "2026-01-16",
       "2647-08-14T22:00:00.000000Z"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = parse(cases[i].text, "Europe/Berlin");
    char got[INSTANT_TEXT_SIZE];
    int64_t next_us;
    assert_true(trigger_next(trigger, us_of(cases[i].after), &next_us));
    instant_format(got, next_us);
    if (strcmp(got, cases[i].next) != 0)
      fail_msg("%s: %s", cases[i].text, got);
    trigger_destroy(trigger);
  }
}

/* The last fires of the calendar, where a zone's wall clock is already beyond it. */
static void ends_with_the_calendar(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT(kinds); i++) {
    check_count(kinds[i], "Pacific/Kiritimati", INSTANT_MAX - 3 * DAY, INT64_MAX);
    check_count(kinds[i], "Pacific/Pago_Pago", INSTANT_MAX - 3 * DAY, INT64_MAX);
    check_count(kinds[i], "Asia/Tokyo", INT64_MIN, us_of("0001-01-03"));
    check_count(kinds[i], "Pacific/Pago_Pago", INT64_MIN, us_of("0001-01-03"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_as_it_steps),
      cmocka_unit_test(counts_years_as_it_steps),
      cmocka_unit_test(far_matches_are_met),
      cmocka_unit_test(ends_with_the_calendar),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
