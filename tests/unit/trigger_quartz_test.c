/* Quartz expressions: a naive scan, fires that Quartz itself gives, clock changes, the two forms,
 * and what is refused with which words. */
#include "trigger_scan.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { JANUARY_2027_S = 1798761600, DAYS = 800 };

static const struct scan_field days = {1, 31, NULL, 0};
static const struct scan_field months = {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1};
static const struct scan_field weekdays = {1, 7, "sunmontuewedthufrisat", 1};
static const struct scan_field years = {1970, 2199, NULL, 0};

struct days {
  const char *day, *month, *weekday, *year;
};

/* The day from Monday to Friday nearest to `day` in the month, by looking around. */
static int nearest_weekday(int day, const struct tm *in)
{
  static const int around[] = {0, -1, 1, -2, 2};
  int length = scan_month_days(in);
  for (size_t i = 0; i < COUNT(around); i++) {
    struct tm tm = {.tm_year = in->tm_year, .tm_mon = in->tm_mon, .tm_mday = day + around[i]};
    if (tm.tm_mday < 1 || tm.tm_mday > length)
      continue;
    timegm(&tm);
    if (tm.tm_wday != 0 && tm.tm_wday != 6)
      return tm.tm_mday;
  }
  return -1;
}

static bool is_date(const char *text, const struct tm *day)
{
  size_t size = strlen(text);
  bool is_nearest = toupper((unsigned char)text[size - 1]) == 'W';
  int wanted;
  if (toupper((unsigned char)*text) == 'L')
    wanted = scan_month_days(day) - (text[1] == '-' ? atoi(text + 2) : 0);
  else if (is_nearest)
    wanted = atoi(text);
  else
    return scan_list_has(&days, text, day->tm_mday);
  if (wanted < 1 || wanted > scan_month_days(day))
    return false;
  return day->tm_mday == (is_nearest ? nearest_weekday(wanted, day) : wanted);
}

static bool is_weekday(const char *text, const struct tm *day)
{
  const char *at = text;
  if (!strcasecmp(text, "L"))
    return day->tm_wday == 6;
  int wanted = scan_value(&weekdays, &at) - 1;
  if (toupper((unsigned char)*at) == 'L')
    return day->tm_wday == wanted && day->tm_mday + 7 > scan_month_days(day);
  if (*at == '#')
    return day->tm_wday == wanted && (day->tm_mday + 6) / 7 == atoi(at + 1);
  return scan_list_has(&weekdays, text, day->tm_wday + 1);
}

static bool is_day(const struct scan *scan, const struct tm *day)
{
  const struct days *of = scan->of;
  return scan_list_has(&months, of->month, day->tm_mon + 1) &&
         (!*of->year || scan_list_has(&years, of->year, day->tm_year + 1900)) &&
         (*of->day == '?' || is_date(of->day, day)) &&
         (*of->weekday == '?' || is_weekday(of->weekday, day));
}

static void agrees_with_a_scan(void **state)
{
  (void)state;
  static const char *const day_texts[][2] = {
      {"*", "?"},       {"?", "*"},       {"?", "MON-FRI"}, {"?", "fri-mon"}, {"?", "6-2/2"},
      {"L", "?"},       {"l-3", "?"},     {"LW", "?"},      {"L-2W", "?"},    {"1W", "?"},
      {"15w", "?"},     {"31W", "?"},     {"25-5", "?"},    {"28-3/3", "?"},  {"1,10-12,31", "?"},
      {"5/9", "?"},     {"/7", "?"},      {"*/10", "?"},    {"?", "L"},       {"?", "6L"},
      {"?", "FRIL"},    {"?", "sunl"},    {"?", "2#1"},     {"?", "MON#5"},   {"?", "7#3"},
      {"?", "2,4,SAT"}, {"?", "TUE-THU"}, {"?", "7-1"},     {"L-30", "?"},    {"L-29W", "?"},
  };
  static const char *const month_texts[] = {"*", "2", "NOV-feb", "1,jun,12", "3/4", "10-2/2"};
  static const char *const year_texts[] = {"", "*", "2028", "2020/4", "2027,2030-2033"};
  static const char *const times[][3] = {
      {"0", "0", "0"}, {"0", "0/15", "22-2"}, {"50-10/7", "59", "*/8"}, {"5,30", "/30", "9-17/4"}};
  size_t time = 0;
  for (size_t d = 0; d < COUNT(day_texts); d++)
    for (size_t m = 0; m < COUNT(month_texts); m++)
      for (size_t y = 0; y < COUNT(year_texts); y++, time++) {
        char text[128];
        const char *const *clock = times[time % COUNT(times)];
        struct days of = {day_texts[d][0], month_texts[m], day_texts[d][1], year_texts[y]};
        struct scan scan = {clock[0], clock[1], clock[2], &of, is_day};
        snprintf(text, sizeof text, "quartz %s %s %s %s %s %s %s", clock[0], clock[1], clock[2],
                 of.day, of.month, of.weekday, of.year);
        scan_check(text, &scan, JANUARY_2027_S, DAYS);
      }
}

static void fires_as_quartz_does(void **state)
{
  (void)state;
  static const struct {
    const char *expression, *after, *fires;
  } cases[] = {
      {"0 15 10 ? * 6#3", "2026-01-01",
       "2026-01-16T10:15:00 2026-02-20T10:15:00 2026-03-20T10:15:00"},
      {"0 15 10 L-2 * ?", "2026-02-01",
       "2026-02-26T10:15:00 2026-03-29T10:15:00 2026-04-28T10:15:00"},
      {"0 0 12 1W * ?", "2026-07-31",
       "2026-08-03T12:00:00 2026-09-01T12:00:00 2026-10-01T12:00:00"},
      {"0 0 12 LW * ?", "2026-05-01",
       "2026-05-29T12:00:00 2026-06-30T12:00:00 2026-07-31T12:00:00"},
      {"0 0 12 31W * ?", "2026-01-30T13:00:00Z",
       "2026-03-31T12:00:00 2026-05-29T12:00:00 2026-07-31T12:00:00"},
      {"0 0 0 ? * SUN#5", "2026-01-01",
       "2026-03-29T00:00:00 2026-05-31T00:00:00 2026-08-30T00:00:00"},
      {"0 0 0 ? 2 SUN#5", "2026-01-01",
       "2032-02-29T00:00:00 2060-02-29T00:00:00 2088-02-29T00:00:00"},
      {"0 0 0 29 2 ? 2026-2032", "2026-01-01", "2028-02-29T00:00:00 2032-02-29T00:00:00"},
      {"0 0 0 1 1 ? 2027", "2026-06-01", "2027-01-01T00:00:00"},
      {"0 0 0 1 1 ? 2027", "2027-01-01", ""},
      {"0 0 0 1 1 ? 1999", "2026-01-01", ""},
      {"0 0 0 1 1 ? 2198/1", "2026-01-01", "2198-01-01T00:00:00 2199-01-01T00:00:00"},
      {"0 0 0 1 1 ? *", "2200-06-01",
       "2201-01-01T00:00:00 2202-01-01T00:00:00 2203-01-01T00:00:00"},
      {"0 0 0 ? JAN MON-FRI/2", "2026-01-01",
       "2026-01-02T00:00:00 2026-01-05T00:00:00 2026-01-07T00:00:00"},
      {"0 0 0 ? JAN 2-WED", "2026-01-01",
       "2026-01-05T00:00:00 2026-01-06T00:00:00 2026-01-07T00:00:00"},
      {"0 0 22-2/3 1 1 ?", "2026-01-01",
       "2026-01-01T01:00:00 2026-01-01T22:00:00 2027-01-01T01:00:00"},
      /* Fixed times of day at clock changes; only text that begins with a star is wildcard. */
      {"0 30 2 * * ? timezone=Europe/Berlin", "2026-03-28T12:00:00Z",
       "2026-03-29T01:00:00 2026-03-30T00:30:00 2026-03-31T00:30:00"},
      {"0 0/30 2 * * ? timezone=Europe/Berlin", "2026-10-24T22:00:00Z",
       "2026-10-25T00:00:00 2026-10-25T00:30:00 2026-10-26T01:00:00"},
      {"0 */30 2 * * ? timezone=Europe/Berlin", "2026-10-24T22:00:00Z",
       "2026-10-25T00:00:00 2026-10-25T00:30:00 2026-10-25T01:00:00"},
      {"*/30 30 2 * * ? timezone=Europe/Berlin", "2026-03-28T12:00:00Z",
       "2026-03-30T00:30:00 2026-03-30T00:30:30 2026-03-31T00:30:00"},
      {"0 30 2 * * ? timezone=Europe/Berlin gap=skip", "2026-03-28T12:00:00Z",
       "2026-03-30T00:30:00 2026-03-31T00:30:00 2026-04-01T00:30:00"},
      {"0 0 9 ? * MON start=2026-03-09T09:00:00Z end=2026-03-16T09:00:00Z", "2026-01-01",
       "2026-03-09T09:00:00 2026-03-16T09:00:00"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char text[160];
    snprintf(text, sizeof text, "quartz %s", cases[i].expression);
    scan_check_fires(text, cases[i].after, cases[i].fires);
  }
}

static void forms_round_trip(void **state)
{
  (void)state;
  scan_check_forms(
      "  quartz 0  0\t9 ? * mon-FRI timezone=Europe/Berlin overlap=both end=2027-01-01T00:00:00Z",
      "{\"kind\":\"quartz\",\"expression\":\"0 0 9 ? * mon-FRI\",\"timezone\":\"Europe/Berlin\","
      "\"overlap\":\"both\",\"end\":\"2027-01-01T00:00:00.000000Z\"}",
      "quartz 0 0 9 ? * mon-FRI timezone=Europe/Berlin overlap=both "
      "end=2027-01-01T00:00:00.000000Z");
  scan_check_forms("{\"kind\":\"quartz\",\"expression\":\" 0 0 0 L-3W * ? 2026/2 \"}",
                   "{\"kind\":\"quartz\",\"expression\":\"0 0 0 L-3W * ? 2026/2\","
                   "\"timezone\":\"UTC\"}",
                   "quartz 0 0 0 L-3W * ? 2026/2 timezone=UTC");
}

static void refuses_with_words(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"60 0 0 * * ?", "second 60 is over 59, column 1"},
      {"0 61 0 * * ?", "minute 61 is over 59, column 3"},
      {"0 0 24 * * ?", "hour 24 is over 23, column 5"},
      {"0 0 0 32 * ?", "day of month 32 is over 31, column 7"},
      {"0 0 0 0 * ?", "day of month 0 is under 1, column 7"},
      {"0 0 0 ? 13 MON", "month 13 is over 12, column 9"},
      {"0 0 0 ? JANN MON", "unknown month \"JANN\", did you mean \"jan\"?, column 9"},
      {"0 0 0 ? * 8", "day of week 8 is over 7, column 11"},
      {"0 0 0 ? * 0", "day of week 0 is under 1, column 11"},
      {"0 0 0 ? * MONDAY", "unknown day of week \"MONDAY\", did you mean \"mon\"?, column 11"},
      {"0 0 0 ? * FRY", "unknown day of week \"FRY\", did you mean \"fri\"?, column 11"},
      {"0 0 0 ? * L#2", "day of week: \"#2\" is not understood, column 12"},
      {"0 0 0 * * *", "Quartz wants ? in day-of-month or day-of-week, column 11"},
      {"0 0  0 1 * MON", "Quartz wants ? in day-of-month or day-of-week, column 12"},
      {"0 0 0 ? * ?", "Quartz wants ? in only one of day-of-month and day-of-week, column 11"},
      {"0 9 * * 1-5", "5 fields found, expected 6 (second minute hour day-of-month month "
                      "day-of-week), or 7 with the year last, column 12"},
      {"0 0 0 * * ? 2026 x", "8 fields found, expected 6 (second minute hour day-of-month month "
                             "day-of-week), or 7 with the year last, column 18"},
      {"", "0 fields found, expected 6 (second minute hour day-of-month month day-of-week), or 7 "
           "with the year last, column 1"},
      {"0 0 0 * * ? 1969", "year 1969 is under 1970, column 13"},
      {"0 0 0 * * ? 2200", "year 2200 is over 2199, column 13"},
      {"0 0 0 * * ? 2030-2020", "year range \"2030-2020\" runs backwards, column 13"},
      {"0 0 0 * * ? 2001,2003,2005,2007,2009,2011,2013,2015,2017,2019,2021,2023,2025,2027,2029,"
       "2031,2033",
       "year: more than 16 ranges in a list, column 93"},
      {"0 0 0 1,L * ?", "day of month: L, W and # cannot stand in a list, column 9"},
      {"0 0 0 15W,20 * ?", "day of month: L, W and # cannot stand in a list, column 7"},
      {"0 0 0 15-20W * ?", "day of month: \"W\" is not understood, column 12"},
      {"0 0 0 L-31 * ?", "offset from the last day 31 is over 30, column 9"},
      {"0 0 0 L- * ?", "offset from the last day: a value is missing, column 9"},
      {"0 0 0 LX * ?", "day of month: \"X\" is not understood, column 8"},
      {"0 0 0 15Wx * ?", "day of month: \"x\" is not understood, column 10"},
      {"0 0 0 6L * ?", "day of month: \"L\" is not understood, column 8"},
      {"0 0 0 W * ?", "day of month: \"W\" is not understood, column 7"},
      {"0 0 0 ? * 6#6", "the number behind # 6 is over 5, column 13"},
      {"0 0 0 ? * 6#", "the number behind #: a value is missing, column 13"},
      {"0 0 0 ? * MON,FRI#2", "day of week: L, W and # cannot stand in a list, column 15"},
      {"0 0 0 ? * L-3", "day of week: \"-3\" is not understood, column 12"},
      {"0 0 0 ? * LW", "day of week: \"W\" is not understood, column 12"},
      {"0 */0 0 * * ?", "minute step 0 is under 1, column 5"},
      {"0 0/60 0 * * ?", "minute step 60 is over 59, column 5"},
      {"0 0 0/24 * * ?", "hour step 24 is over 23, column 7"},
      {"0 */ 0 * * ?", "minute step: a value is missing, column 5"},
      {"0 5- 0 * * ?", "minute: a value is missing, column 5"},
      {"0 ,5 0 * * ?", "minute: a value is missing, column 3"},
      {"0 5, 0 * * ?", "minute: a value is missing, column 5"},
      {"0 ? 0 * * ?", "minute: \"?\" is not understood, column 3"},
      {"0 1 0 *x * ?", "day of month: \"x\" is not understood, column 8"},
      {"0 1 0 ?x * MON", "day of month: \"x\" is not understood, column 8"},
      {"\u00e9 0 0 * * ?", "second: \"\u00e9\" is not understood, column 1"},
      {"0 0,\u00e9 0 * * ?", "minute: \"\u00e9\" is not understood, column 5"},
      {"0 0 0 30 2 ?", "never fires: February has no day 30, column 7"},
      {"0 0 0 30W 2 ?", "never fires: February has no day 30, column 7"},
      {"0 0 0 31W APR,SEP ?", "never fires: none of its months has a day 31, column 7"},
      {"0 0 0 L-29 2 ?", "never fires: no day of its months is 29 days before the last, column 7"},
      {"0 0 0 L-30W 4,6 ?",
       "never fires: no day of its months is 30 days before the last, column 7"},
      {"0 0 0 29 2 ? 2025-2027", "never fires: none of its years has a 29 February, column 7"},
      {"0 0 0 ? 2 FRI#5 2025-2027", "never fires: none of its years has such a day, column 11"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char text[256], error[512];
    snprintf(text, sizeof text, "quartz \"%s\"", cases[i][0]);
    snprintf(error, sizeof error, "quartz \"%s\": %s", cases[i][0], cases[i][1]);
    scan_check_refused(text, error);
  }
  scan_check_refused("{\"kind\":\"quartz\"}", "quartz: \"expression\" is missing");
  scan_check_refused("{\"kind\":\"quartz\",\"expression\":5}",
                     "quartz: \"expression\" must be a string, not an integer");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_a_scan),
      cmocka_unit_test(fires_as_quartz_does),
      cmocka_unit_test(forms_round_trip),
      cmocka_unit_test(refuses_with_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
