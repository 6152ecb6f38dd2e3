/* APScheduler's named fields: a naive scan, fires that APScheduler itself gives, clock changes, the
 * two forms, and what is refused with which words. */
#include "trigger_scan.h"

#include "time/civil.h"
#include "trigger/cron_fields.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { JANUARY_2026_S = 1767225600, DAYS = 1200 };

static const struct scan_field years = {1970, 9999, NULL, 0};
static const struct scan_field months = {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1};
static const struct scan_field days = {1, 31, NULL, 0};
static const struct scan_field weeks = {1, 53, NULL, 0};
static const struct scan_field weekdays = {0, 6, "montuewedthufrisatsun", 0};

struct fields {
  const char *year, *month, *day, *week, *weekday;
};

static bool is_date(const char *list, const struct tm *day)
{
  static const char *const ordinals[] = {"1st", "2nd", "3rd", "4th", "5th"};
  for (const char *item = list; item; item = strchr(item, ',')) {
    item += *item == ',';
    bool is_last = !strncmp(item, "last", 4),
         is_in_last_week = day->tm_mday + 7 > scan_month_days(day);
    const char *weekday = item + strcspn(item, " ,");
    weekday = *weekday == ' ' ? weekday : NULL;
    if (is_last && !weekday && day->tm_mday == scan_month_days(day))
      return true;
    if (!weekday && !is_last && scan_item_has(&days, item, day->tm_mday))
      return true;
    if (weekday && scan_item_has(&weekdays, weekday + 1, (day->tm_wday + 6) % 7) &&
        (is_last ? is_in_last_week : !strncmp(item, ordinals[(day->tm_mday - 1) / 7], 3)))
      return true;
  }
  return false;
}

static bool is_day(const struct scan *scan, const struct tm *day)
{
  const struct fields *of = scan->of;
  char week[8];
  strftime(week, sizeof week, "%V", day);
  return scan_list_has(&years, of->year, day->tm_year + 1900) &&
         scan_list_has(&months, of->month, day->tm_mon + 1) && is_date(of->day, day) &&
         scan_list_has(&weeks, of->week, atoi(week)) &&
         scan_list_has(&weekdays, of->weekday, (day->tm_wday + 6) % 7);
}

static void agrees_with_a_scan(void **state)
{
  (void)state;
  static const char *const day_texts[] = {
      "*",       "1",        "31",   "last",         "*/10",        "2nd fri",
      "5th mon", "last sun", "10/7", "1st mon,last", "13,last fri", "20-31/5"};
  static const char *const year_texts[] = {"*", "2026", "2027-2040/2", "1972/4"};
  static const char *const month_texts[] = {"*", "feb", "1,nov-dec", "3/5"};
  static const char *const week_texts[] = {"*", "53", "1,20-40/3"};
  static const char *const weekday_texts[] = {"*", "mon-fri", "4", "tue,sat-sun", "0-4/2"};
  static const char *const times[][3] = {
      {"0", "0", "0"}, {"5", "*/25", "9,17"}, {"50-59/7", "59", "*/8"}, {"5,30", "10/30", "20-23"}};
  size_t time = 0;
  for (size_t d = 0; d < COUNT(day_texts); d++)
    for (size_t y = 0; y < COUNT(year_texts); y++)
      for (size_t m = 0; m < COUNT(month_texts); m++)
        for (size_t k = 0; k < COUNT(week_texts) * COUNT(weekday_texts); k++, time++) {
          if (time % 5 != 0)
            continue; /* enough of each */
          char text[256];
          const char *const *clock = times[time / 5 % COUNT(times)];
          struct fields of = {year_texts[y], month_texts[m], day_texts[d],
                              week_texts[k % COUNT(week_texts)],
                              weekday_texts[k / COUNT(week_texts)]};
          struct scan scan = {clock[0], clock[1], clock[2], &of, is_day};
          snprintf(text, sizeof text,
                   "fields year=%s month=%s day=%s week=%s day_of_week=%s hour=%s minute=%s "
                   "second=%s",
                   of.year, of.month, of.day, of.week, of.weekday, clock[2], clock[1], clock[0]);
          scan_check(text, &scan, JANUARY_2026_S, DAYS);
        }
}

static void fires_as_apscheduler_does(void **state)
{
  (void)state;
  static const struct {
    const char *fields, *after, *fires;
  } cases[] = {
      /* What is not given: `*` before the last one given, the least behind it. */
      {"hour=9 minute=30 day_of_week=mon-fri", "2026-01-01T12:00:00Z",
       "2026-01-02T09:30:00 2026-01-05T09:30:00 2026-01-06T09:30:00"},
      {"year=2027", "2026-01-01", "2027-01-01T00:00:00"},
      {"month=3", "2026-01-01", "2026-03-01T00:00:00 2027-03-01T00:00:00 2028-03-01T00:00:00"},
      {"day=5", "2026-01-01", "2026-01-05T00:00:00 2026-02-05T00:00:00 2026-03-05T00:00:00"},
      {"week=53", "2026-01-01", "2026-12-28T00:00:00 2026-12-29T00:00:00 2026-12-30T00:00:00"},
      {"week=53 month=1", "2027-01-01",
       "2027-01-02T00:00:00 2027-01-03T00:00:00 2033-01-01T00:00:00"},
      {"day_of_week=0", "2026-01-01",
       "2026-01-05T00:00:00 2026-01-12T00:00:00 2026-01-19T00:00:00"},
      {"day_of_week=sun", "2026-01-01",
       "2026-01-04T00:00:00 2026-01-11T00:00:00 2026-01-18T00:00:00"},
      {"minute=30", "2026-01-01", "2026-01-01T00:30:00 2026-01-01T01:30:00 2026-01-01T02:30:00"},
      {"second=7", "2026-01-01", "2026-01-01T00:00:07 2026-01-01T00:01:07 2026-01-01T00:02:07"},
      {"day=2nd fri", "2026-01-01", "2026-01-09T00:00:00 2026-02-13T00:00:00 2026-03-13T00:00:00"},
      {"day=LAST  Sun , 3RD mon", "2026-01-01",
       "2026-01-19T00:00:00 2026-01-25T00:00:00 2026-02-16T00:00:00"},
      {"day=last hour=23", "2026-01-31T23:00:00Z",
       "2026-02-28T23:00:00 2026-03-31T23:00:00 2026-04-30T23:00:00"},
      {"day=5th fri", "2026-02-01", "2026-05-29T00:00:00 2026-07-31T00:00:00 2026-10-30T00:00:00"},
      {"day=13 day_of_week=fri", "2026-01-01",
       "2026-02-13T00:00:00 2026-03-13T00:00:00 2026-11-13T00:00:00"},
      {"day_of_week=mon-fri/2 month=1", "2026-01-01",
       "2026-01-02T00:00:00 2026-01-05T00:00:00 2026-01-07T00:00:00"},
      {"month=2 day=29", "2026-01-01",
       "2028-02-29T00:00:00 2032-02-29T00:00:00 2036-02-29T00:00:00"},
      {"year=*/10 month=1", "2026-01-01",
       "2030-01-01T00:00:00 2040-01-01T00:00:00 2050-01-01T00:00:00"},
      {"year=1999", "2026-01-01", ""},
      /* Fixed times of day at clock changes; only text that begins with a star is wildcard. */
      {"hour=2 minute=30 timezone=Europe/Berlin", "2026-03-28T12:00:00Z",
       "2026-03-29T01:00:00 2026-03-30T00:30:00 2026-03-31T00:30:00"},
      {"hour=2 minute=0,30 timezone=Europe/Berlin", "2026-10-24T22:00:00Z",
       "2026-10-25T00:00:00 2026-10-25T00:30:00 2026-10-26T01:00:00"},
      {"day_of_week=sun hour=2 minute=30 second=* timezone=Europe/Berlin", "2026-03-28T12:00:00Z",
       "2026-04-05T00:30:00 2026-04-05T00:30:01 2026-04-05T00:30:02"},
      /* The hour is not given and so is `*`. */
      {"minute=30 timezone=Europe/Berlin", "2026-10-25T00:00:00Z",
       "2026-10-25T00:30:00 2026-10-25T01:30:00 2026-10-25T02:30:00"},
      {"hour=2 minute=*/30 timezone=Europe/Berlin", "2026-10-25T00:00:00Z",
       "2026-10-25T00:30:00 2026-10-25T01:00:00 2026-10-25T01:30:00"},
      {"hour=0 timezone=America/Sao_Paulo", "2018-11-03T12:00:00Z",
       "2018-11-04T03:00:00 2018-11-05T02:00:00 2018-11-06T02:00:00"},
      {"hour=9 start=2026-03-02T09:00:00Z end=2026-03-03T09:00:00Z", "2026-01-01",
       "2026-03-02T09:00:00 2026-03-03T09:00:00"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char text[160];
    snprintf(text, sizeof text, "fields %s", cases[i].fields);
    scan_check_fires(text, cases[i].after, cases[i].fires);
  }
}

/* Years are told apart by kind; that a year has a match is asked of each of its months here. */
static void years_have_matches_by_kind(void **state)
{
  (void)state;
  static const struct {
    struct cron_special special;
    uint32_t days;
    uint16_t months;
    uint8_t weekdays;
  } cases[] = {
      {{.weeks = UINT64_C(1) << 53}, CRON_ALL_DAYS, CRON_ALL_MONTHS, CRON_ALL_WEEKDAYS},
      {{.weeks = UINT64_C(1) << 53}, CRON_ALL_DAYS, 1 << 1, CRON_ALL_WEEKDAYS},
      {{.weeks = UINT64_C(1) << 52}, 1 << 1, 1 << 1, CRON_ALL_WEEKDAYS},
      {{.weeks = UINT64_C(1) << 52}, UINT32_C(1) << 31, 1 << 12, 1 << 0},
      {{.weeks = UINT64_C(1) << 1}, UINT32_C(1) << 29, 1 << 12, CRON_ALL_WEEKDAYS},
      {{.weeks = UINT64_C(1) << 9}, UINT32_C(1) << 29, 1 << 2, CRON_ALL_WEEKDAYS},
      {{.nth = {[5] = 1 << 3}}, 0, 1 << 2, CRON_ALL_WEEKDAYS},
      {{.nth = {[0] = 1 << 0}, .weeks = UINT64_C(1) << 22}, 0, 1 << 5, CRON_ALL_WEEKDAYS},
      {{.last_days = 1}, 0, 1 << 2, 1 << 4},
      {{.nearest = UINT32_C(1) << 29}, 0, 1 << 2, 1 << 5},
      {{.weeks = UINT64_C(1) << 20}, CRON_ALL_DAYS, 1 << 1, CRON_ALL_WEEKDAYS},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct cron_special special = cases[i].special;
    struct cron_fields fields = {
        .days = cases[i].days, .months = cases[i].months, .weekdays = cases[i].weekdays};
    cron_special_try_years(&fields, &special);
    for (int32_t year = 1; year <= 9999; year++) {
      bool has_match = false;
      for (int32_t month = 1; month <= 12; month++)
        has_match |=
            (fields.months >> month & 1) &&
            cron_fields_days(&fields, &special, year, month, civil_to_days(year, month, 1));
      if (has_match != (cron_special_year(&special, year, year) == year))
        fail_msg("case %zu: %d %s a match", i, year, has_match ? "has" : "has not");
    }
  }
}

static void forms_round_trip(void **state)
{
  (void)state;
  static const char *const cases[][3] = {
      {"fields hour=9 minute=30 day_of_week=MON-fri timezone=Europe/Berlin gap=skip",
       "{\"kind\":\"cron_fields\",\"day_of_week\":\"mon-fri\",\"hour\":\"9\",\"minute\":\"30\","
       "\"timezone\":\"Europe/Berlin\",\"gap\":\"skip\"}",
       "fields day_of_week=mon-fri hour=9 minute=30 timezone=Europe/Berlin gap=skip"},
      {"cron_fields day=2ND \t FRI ,  Last start=2026-01-01T00:00:00Z",
       "{\"kind\":\"cron_fields\",\"day\":\"2nd fri,last\",\"timezone\":\"UTC\",\"start\":"
       "\"2026-01-01T00:00:00.000000Z\"}",
       "fields day=2nd fri,last timezone=UTC start=2026-01-01T00:00:00.000000Z"},
      {"{\"kind\":\"cron_fields\",\"hour\":9,\"minute\":[0,\"30-40/5\"],\"week\":null}",
       "{\"kind\":\"cron_fields\",\"hour\":\"9\",\"minute\":\"0,30-40/5\",\"timezone\":\"UTC\"}",
       "fields hour=9 minute=0,30-40/5 timezone=UTC"},
      {"fields year=2026 month=1 day=1 week=* day_of_week=* hour=1 minute=2 second=3",
       "{\"kind\":\"cron_fields\",\"year\":\"2026\",\"month\":\"1\",\"day\":\"1\",\"week\":\"*\","
       "\"day_of_week\":\"*\",\"hour\":\"1\",\"minute\":\"2\",\"second\":\"3\",\"timezone\":"
       "\"UTC\"}",
       "fields year=2026 month=1 day=1 week=* day_of_week=* hour=1 minute=2 second=3 "
       "timezone=UTC"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    scan_check_forms(cases[i][0], cases[i][1], cases[i][2]);
}

static void refuses_with_words(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"fields day=2nd fri x", "day: \"x\" is not understood, column 9"},
      {"fields day=lastx", "day: \"lastx\" is not understood, column 1"},
      {"fields day=last x", "unknown weekday \"x\", column 6"},
      {"fields day=6th fri", "day: \"th\" is not understood, column 2"},
      {"fields day=2nd", "day: a weekday's name is missing behind \"2nd\", column 4"},
      {"fields day=2nd 4", "day: a weekday's name is missing behind \"2nd\", column 5"},
      {"fields day=1,last frx", "unknown weekday \"frx\", did you mean \"fri\"?, column 8"},
      {"fields day=1, 32", "day 32 is over 31, column 4"},
      {"fields day_of_week=last sun", "day_of_week: \"last\" belongs into day, column 1"},
      {"fields day_of_week=mon,2nd fri", "day_of_week: \"2nd\" belongs into day, column 5"},
      {"fields day_of_week=7", "day_of_week 7 is over 6, column 1"},
      {"fields day_of_week=sat-mon", "day_of_week range \"sat-mon\" runs backwards, column 1"},
      {"fields day_of_week=monday",
       "unknown day_of_week \"monday\", did you mean \"mon\"?, column 1"},
      {"fields day_of_week=mon-fri x", "day_of_week: \"x\" is not understood, column 9"},
      {"fields month=0", "month 0 is under 1, column 1"},
      {"fields month=jann", "unknown month \"jann\", did you mean \"jan\"?, column 1"},
      {"fields hour=24", "hour 24 is over 23, column 1"},
      {"fields hour=9;10", "hour: \";10\" is not understood, column 2"},
      {"fields hour=9|10", "hour: \"|10\" is not understood, column 2"},
      {"fields hour=9,,10", "hour: a value is missing, column 3"},
      {"fields hour=9,", "hour: a value is missing, column 3"},
      {"fields hour=,9", "hour: a value is missing, column 1"},
      {"fields hour=", "hour: a value is missing, column 1"},
      {"fields hour=1 2", "hour: \"2\" is not understood, column 3"},
      {"fields hour=*/24", "hour step 24 is over its span of 23, column 3"},
      {"fields hour=*/0", "hour step 0 is under 1, column 3"},
      {"fields hour=20/5", "hour step 5 is over its span of 3, column 4"},
      {"fields hour=20-10", "hour range \"20-10\" runs backwards, column 1"},
      {"fields minute=-1", "minute: \"-1\" is not understood, column 1"},
      {"fields second=60", "second 60 is over 59, column 1"},
      {"fields week=54", "week 54 is over 53, column 1"},
      {"fields year=1969", "year 1969 is under 1970, column 1"},
      {"fields year=10000", "year 10000 is over 9999, column 1"},
      {"fields month=2 day=30", "never fires: February has no day 30"},
      {"fields month=4,6 day=31", "never fires: none of its months has a day 31"},
      {"fields month=2 day=29 year=1971-9999/4",
       "never fires: none of its years has a 29 February"},
      {"fields month=2 day=5th mon year=2025-2027",
       "never fires: none of its years has such a day"},
      {"fields month=1 day=31 week=6", "never fires: no day of January has this date and ISO week"},
      {"fields month=1-3 week=20-40", "never fires: no day of its months has this ISO week"},
      {"fields day=4th sun week=1 day_of_week=mon",
       "never fires: no day of its months has this date, weekday and ISO week"},
      {"fields timezone=UTC", "no field is given: write one of year, month, day, week, "
                              "day_of_week, hour, minute, second"},
      {"{\"kind\":\"cron_fields\",\"hour\":9.5}",
       "\"hour\" must be a string or a whole number, not a decimal number"},
      {"{\"kind\":\"cron_fields\",\"hour\":[true]}",
       "\"hour\" must be a string or a whole number, not a boolean"},
      {"{\"kind\":\"cron_fields\",\"hour\":[]}", "hour: a value is missing, column 1"},
      {"{\"kind\":\"cron_fields\",\"hour\":-1}", "hour: \"-1\" is not understood, column 1"},
      {"{\"kind\":\"cron_fields\",\"hour\":\"9\\u0000\"}", "\"hour\" cannot hold a NUL byte"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char error[256];
    snprintf(error, sizeof error, "cron_fields: %s", cases[i][1]);
    scan_check_refused(cases[i][0], error);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_a_scan),         cmocka_unit_test(fires_as_apscheduler_does),
      cmocka_unit_test(years_have_matches_by_kind), cmocka_unit_test(forms_round_trip),
      cmocka_unit_test(refuses_with_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
