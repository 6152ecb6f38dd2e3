/* Calendar events of systemd.time(7): what they fire, as systemd-analyze(1) of systemd 252 says;
 * what is refused, with the words; both written forms; clock changes, where the rule is cron's and
 * not systemd's; and random expressions against a scan day by day. */
#include "support/trigger_text.h"

#include <stdlib.h>
#include <string.h>

#include "time/civil.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define S            INT64_C(1000000)
#define Y2026        (INT64_C(1767225600) * S) /* 2026-01-01T00:00:00Z */

static enum error_code read_expression(const char *expression, const char *options,
                                       struct trigger **trigger, struct error *error)
{
  struct buffer text = {0};
  buffer_printf(&text, "oncalendar %s%s", expression, options);
  char *line = buffer_take(&text);
  enum error_code code = trigger_from_text(line, NULL, trigger, error);
  free(line);
  return code;
}

static struct trigger *parse(const char *expression, const char *options)
{
  struct trigger *trigger;
  struct error error = {0};
  if (read_expression(expression, options, &trigger, &error))
    fail_msg("%s%s: %s", expression, options, error.text);
  return trigger;
}

/* "2026-01-02 00:00:00, ..." in UTC: at most `limit` fires after `after_us`. */
static char *fires_of(const struct trigger *trigger, int64_t after_us, int limit)
{
  struct buffer out = {0};
  buffer_append_text(&out, "");
  for (int i = 0; i < limit && trigger_next(trigger, after_us, &after_us); i++) {
    struct civil_time time = civil_from_seconds(after_us / S);
    buffer_printf(&out, "%s%04d-%02d-%02d %02d:%02d:%02d", i ? ", " : "", time.date.year,
                  time.date.month, time.date.day, time.hour, time.minute, time.second);
  }
  return buffer_take(&out);
}

static void check_fires(const char *expression, const char *options, int64_t after_us, int limit,
                        const char *expected)
{
  struct trigger *trigger = parse(expression, options);
  char *fires = fires_of(trigger, after_us, limit);
  if (strcmp(fires, expected) != 0)
    fail_msg("%s%s: %s, expected %s", expression, options, fires, expected);
  free(fires);
  trigger_destroy(trigger);
}

static void fires_as_systemd_does(void **state)
{
  (void)state;
  static const struct {
    const char *expression, *fires;
  } cases[] = {
      {"minutely", "2026-01-01 00:01:00, 2026-01-01 00:02:00, 2026-01-01 00:03:00"},
      {"hourly", "2026-01-01 01:00:00, 2026-01-01 02:00:00, 2026-01-01 03:00:00"},
      {"daily", "2026-01-02 00:00:00, 2026-01-03 00:00:00, 2026-01-04 00:00:00"},
      {"weekly", "2026-01-05 00:00:00, 2026-01-12 00:00:00, 2026-01-19 00:00:00"},
      {"monthly", "2026-02-01 00:00:00, 2026-03-01 00:00:00, 2026-04-01 00:00:00"},
      {"yearly", "2027-01-01 00:00:00, 2028-01-01 00:00:00, 2029-01-01 00:00:00"},
      {"annually", "2027-01-01 00:00:00, 2028-01-01 00:00:00, 2029-01-01 00:00:00"},
      {"anually", "2027-01-01 00:00:00, 2028-01-01 00:00:00, 2029-01-01 00:00:00"},
      {"quarterly", "2026-04-01 00:00:00, 2026-07-01 00:00:00, 2026-10-01 00:00:00"},
      {"semiannually", "2026-07-01 00:00:00, 2027-01-01 00:00:00, 2027-07-01 00:00:00"},
      {"semi-annually", "2026-07-01 00:00:00, 2027-01-01 00:00:00, 2027-07-01 00:00:00"},
      {"biannually", "2026-07-01 00:00:00, 2027-01-01 00:00:00, 2027-07-01 00:00:00"},
      {"bi-annually", "2026-07-01 00:00:00, 2027-01-01 00:00:00, 2027-07-01 00:00:00"},
      {"DAILY UTC", "2026-01-02 00:00:00, 2026-01-03 00:00:00, 2026-01-04 00:00:00"},
      {"weekly Pacific/Auckland", "2026-01-04 11:00:00, 2026-01-11 11:00:00, 2026-01-18 11:00:00"},
      {"Mon", "2026-01-05 00:00:00, 2026-01-12 00:00:00, 2026-01-19 00:00:00"},
      {"Mon..Fri", "2026-01-02 00:00:00, 2026-01-05 00:00:00, 2026-01-06 00:00:00"},
      {"Mon-Fri", "2026-01-02 00:00:00, 2026-01-05 00:00:00, 2026-01-06 00:00:00"},
      {"Mon,Wed,Fri", "2026-01-02 00:00:00, 2026-01-05 00:00:00, 2026-01-07 00:00:00"},
      {"Monday,friday..SUNDAY", "2026-01-02 00:00:00, 2026-01-03 00:00:00, 2026-01-04 00:00:00"},
      {"Mon-Tue,Thu..Fri,Thu 10:30",
       "2026-01-01 10:30:00, 2026-01-02 10:30:00, 2026-01-05 10:30:00"},
      {"Sun..Sun", "2026-01-04 00:00:00, 2026-01-11 00:00:00, 2026-01-18 00:00:00"},
      {"Wed, 17:48", "2026-01-07 17:48:00, 2026-01-14 17:48:00, 2026-01-21 17:48:00"},
      {"Sat,Thu,Mon..Wed,Sat..Sun",
       "2026-01-03 00:00:00, 2026-01-04 00:00:00, 2026-01-05 00:00:00"},
      {"Mon,Sun 26-*-* 2,1:23", "2026-01-04 01:23:00, 2026-01-04 02:23:00, 2026-01-05 01:23:00"},
      {"Wed *-1", "2026-04-01 00:00:00, 2026-07-01 00:00:00, 2027-09-01 00:00:00"},
      {"Wed..Wed,Wed *-1", "2026-04-01 00:00:00, 2026-07-01 00:00:00, 2027-09-01 00:00:00"},
      {"Wed..Sat,Tue 26-10-15 1:2:3", "2026-10-15 01:02:03"},
      {"*-*-7 0:0:0", "2026-01-07 00:00:00, 2026-02-07 00:00:00, 2026-03-07 00:00:00"},
      {"10-15", "2026-10-15 00:00:00, 2027-10-15 00:00:00, 2028-10-15 00:00:00"},
      {"monday *-12-* 17:00", "2026-12-07 17:00:00, 2026-12-14 17:00:00, 2026-12-21 17:00:00"},
      {"Mon,Fri *-*-3,1,2 *:30:45",
       "2026-01-02 00:30:45, 2026-01-02 01:30:45, 2026-01-02 02:30:45"},
      {"12,14,13,12:20,10,30", "2026-01-01 12:10:00, 2026-01-01 12:20:00, 2026-01-01 12:30:00"},
      {"12..14:10,20,30", "2026-01-01 12:10:00, 2026-01-01 12:20:00, 2026-01-01 12:30:00"},
      {"mon,fri *-1/2-1,3 *:30:45",
       "2026-05-01 00:30:45, 2026-05-01 01:30:45, 2026-05-01 02:30:45"},
      {"03-05 08:05:40", "2026-03-05 08:05:40, 2027-03-05 08:05:40, 2028-03-05 08:05:40"},
      {"08:05:40", "2026-01-01 08:05:40, 2026-01-02 08:05:40, 2026-01-03 08:05:40"},
      {"05:40", "2026-01-01 05:40:00, 2026-01-02 05:40:00, 2026-01-03 05:40:00"},
      {"Sat,Sun 12-05 08:05:40", "2026-12-05 08:05:40, 2027-12-05 08:05:40, 2032-12-05 08:05:40"},
      {"Sat,Sun 08:05:40", "2026-01-03 08:05:40, 2026-01-04 08:05:40, 2026-01-10 08:05:40"},
      {"2027-03-05 05:40", "2027-03-05 05:40:00"},
      {"2027-02..04-05", "2027-02-05 00:00:00, 2027-03-05 00:00:00, 2027-04-05 00:00:00"},
      {"2027-03-05 05:40 UTC", "2027-03-05 05:40:00"},
      {"*:2/3", "2026-01-01 00:02:00, 2026-01-01 00:05:00, 2026-01-01 00:08:00"},
      {"*:0/15", "2026-01-01 00:15:00, 2026-01-01 00:30:00, 2026-01-01 00:45:00"},
      {"*:0/59", "2026-01-01 00:59:00, 2026-01-01 01:00:00, 2026-01-01 01:59:00"},
      {"*:*", "2026-01-01 00:01:00, 2026-01-01 00:02:00, 2026-01-01 00:03:00"},
      {"*:*:*", "2026-01-01 00:00:01, 2026-01-01 00:00:02, 2026-01-01 00:00:03"},
      {"*:*:0/7", "2026-01-01 00:00:07, 2026-01-01 00:00:14, 2026-01-01 00:00:21"},
      {"0/5:7", "2026-01-01 00:07:00, 2026-01-01 05:07:00, 2026-01-01 10:07:00"},
      {"5/18:00", "2026-01-01 05:00:00, 2026-01-01 23:00:00, 2026-01-02 05:00:00"},
      {"10..23/6:15", "2026-01-01 10:15:00, 2026-01-01 16:15:00, 2026-01-01 22:15:00"},
      {"10..12/5:00", "2026-01-01 10:00:00, 2026-01-02 10:00:00, 2026-01-03 10:00:00"},
      {"10..10/5:00", "2026-01-01 10:00:00, 2026-01-02 10:00:00, 2026-01-03 10:00:00"},
      {"000012:0", "2026-01-01 12:00:00, 2026-01-02 12:00:00, 2026-01-03 12:00:00"},
      {"12:34:0/1.0", "2026-01-01 12:34:00, 2026-01-01 12:34:01, 2026-01-01 12:34:02"},
      {"12:0:0.0000001", "2026-01-01 12:00:00, 2026-01-02 12:00:00, 2026-01-03 12:00:00"},
      {"12:0:0.9999999", "2026-01-01 12:00:01, 2026-01-02 12:00:01, 2026-01-03 12:00:01"},
      {"12:0:58..59.0", "2026-01-01 12:00:58, 2026-01-01 12:00:59, 2026-01-02 12:00:58"},
      {"*-*", "2026-01-02 00:00:00, 2026-01-03 00:00:00, 2026-01-04 00:00:00"},
      {"*-*~1", "2026-01-31 00:00:00, 2026-02-28 00:00:00, 2026-03-31 00:00:00"},
      {"*-*~03", "2026-01-29 00:00:00, 2026-02-26 00:00:00, 2026-03-29 00:00:00"},
      {"*~3", "2026-01-29 00:00:00, 2026-02-26 00:00:00, 2026-03-29 00:00:00"},
      {"02~03", "2026-02-26 00:00:00, 2027-02-26 00:00:00, 2028-02-27 00:00:00"},
      {"*-02~01", "2026-02-28 00:00:00, 2027-02-28 00:00:00, 2028-02-29 00:00:00"},
      {"*-*~07/1", "2026-01-25 00:00:00, 2026-01-26 00:00:00, 2026-01-27 00:00:00"},
      {"Mon *-05~07/1", "2026-05-25 00:00:00, 2027-05-31 00:00:00, 2028-05-29 00:00:00"},
      {"Mon *-05~07/1 03:00 Europe/Berlin",
       "2026-05-25 01:00:00, 2027-05-31 01:00:00, 2028-05-29 01:00:00"},
      {"*-*~2..5", "2026-01-27 00:00:00, 2026-01-28 00:00:00, 2026-01-29 00:00:00"},
      {"*-*~2..7/2", "2026-01-26 00:00:00, 2026-01-28 00:00:00, 2026-01-30 00:00:00"},
      {"*-*~2..7/3", "2026-01-27 00:00:00, 2026-01-30 00:00:00, 2026-02-24 00:00:00"},
      {"*-*~2..7/30", "2026-01-30 00:00:00, 2026-02-27 00:00:00, 2026-03-30 00:00:00"},
      {"*-*~28/27", "2026-01-04 00:00:00, 2026-01-31 00:00:00, 2026-02-01 00:00:00"},
      {"*-*~6/2,1..3", "2026-01-26 00:00:00, 2026-01-28 00:00:00, 2026-01-29 00:00:00"},
      {"*-*~*", "2026-01-02 00:00:00, 2026-01-03 00:00:00, 2026-01-04 00:00:00"},
      {"2026-*-1..7", "2026-01-02 00:00:00, 2026-01-03 00:00:00, 2026-01-04 00:00:00"},
      {"2028-02~01", "2028-02-29 00:00:00"},
      {"2026..2028-1-1", "2027-01-01 00:00:00, 2028-01-01 00:00:00"},
      {"2000/5-1-1", "2030-01-01 00:00:00, 2035-01-01 00:00:00, 2040-01-01 00:00:00"},
      {"1970/130-1-1", "2100-01-01 00:00:00"},
      {"70/129-1-1", "2099-01-01 00:00:00"},
      {"69-1-1", "2069-01-01 00:00:00"},
      {"2199-12-31 23:59:59", "2199-12-31 23:59:59"},
      {"2030,2031,2040-06-15 12:00",
       "2030-06-15 12:00:00, 2031-06-15 12:00:00, 2040-06-15 12:00:00"},
      {"99..2027-12-31", "2026-12-31 00:00:00, 2027-12-31 00:00:00"},
      {"2026..2099/7-12-31", "2026-12-31 00:00:00, 2033-12-31 00:00:00, 2040-12-31 00:00:00"},
      {"Fri *-*-13 13:13", "2026-02-13 13:13:00, 2026-03-13 13:13:00, 2026-11-13 13:13:00"},
      {"*-02-29", "2028-02-29 00:00:00, 2032-02-29 00:00:00, 2036-02-29 00:00:00"},
      {"Mon *-02-29", "2044-02-29 00:00:00, 2072-02-29 00:00:00, 2112-02-29 00:00:00"},
      {"Mon..Fri *-1..3,10..12-1..7 8..18/2:0,30",
       "2026-01-01 08:00:00, 2026-01-01 08:30:00, 2026-01-01 10:00:00"},
      {"*-*-31 23:59:59", "2026-01-31 23:59:59, 2026-03-31 23:59:59, 2026-05-31 23:59:59"},
      {"Mon,Fri Asia/Kathmandu", "2026-01-01 18:15:00, 2026-01-04 18:15:00, 2026-01-08 18:15:00"},
      {"Tue 10:00 utc", "2026-01-06 10:00:00, 2026-01-13 10:00:00, 2026-01-20 10:00:00"},
      {"Sun *-3,10-25..31 2:30 Australia/Brisbane",
       "2026-03-28 16:30:00, 2026-10-24 16:30:00, 2027-03-27 16:30:00"},
      {"*-1..3/2,12-1..31/10 6..18/4:0/20:30",
       "2026-01-01 06:00:30, 2026-01-01 06:20:30, 2026-01-01 06:40:30"},
      {"@1795219200", "2026-11-21 00:00:00"},
      {"@1795219200 UTC", "2026-11-21 00:00:00"},
      {"Sat, @1795219200", "2026-11-21 00:00:00"},
      {"  Mon \t *-*-*   09:00  ", "2026-01-05 09:00:00, 2026-01-12 09:00:00, 2026-01-19 09:00:00"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check_fires(cases[i].expression, "", Y2026, 3, cases[i].fires);
}

static void years_may_be_over(void **state)
{
  (void)state;
  check_fires("26-1-1", "", Y2026, 3, "");
  check_fires("26-1-1", "", Y2026 - 1, 3, "2026-01-01 00:00:00");
  check_fires("00-1-1", "", INT64_MIN, 3, "2000-01-01 00:00:00");
  check_fires("@0", "", INT64_MIN, 3, "1970-01-01 00:00:00");
  check_fires("@7258118399", "", Y2026, 3, "2199-12-31 23:59:59");
  check_fires("2000..2100/2000-1-1", "", INT64_MIN, 3, "2000-01-01 00:00:00");
  check_fires("2100..2199/99-12-31 23:59:59", "", Y2026, 3,
              "2100-12-31 23:59:59, 2199-12-31 23:59:59");
  check_fires("2000,2001,2002,2003,2004,2006,2008,2010,2012,2014,2016,2018,2020,2022,2024,2026,"
              "2028-1-1",
              "", Y2026, 3, "2028-01-01 00:00:00");
}

static void clock_changes_go_by_the_rule_of_cron(void **state)
{
  (void)state;
  enum { SPRING = 1774738800, AUTUMN = 1792879200 }; /* midnight of 2026-03-29 and 2026-10-25 */
  static const struct {
    const char *expression, *options;
    int64_t after_s;
    const char *fires;
  } cases[] = {
      /* a time of day in the gap fires at its end, several of them together */
      {"02:30", "", SPRING, "2026-03-29 01:00:00, 2026-03-30 00:30:00"},
      {"2:0/20", "", SPRING, "2026-03-29 01:00:00, 2026-03-30 00:00:00"},
      {"0/1:30", "", SPRING + 3600, "2026-03-29 00:30:00, 2026-03-29 01:00:00"},
      {"02:30", " gap=skip", SPRING, "2026-03-30 00:30:00, 2026-03-31 00:30:00"},
      {"02:30", " gap=shift", SPRING, "2026-03-29 01:30:00, 2026-03-30 00:30:00"},
      {"Sun *-3~07/1 02:30", "", SPRING, "2026-03-29 01:00:00, 2027-03-28 01:00:00"},
      /* one that begins with * goes by elapsed time */
      {"*:30", "", SPRING + 3600, "2026-03-29 00:30:00, 2026-03-29 01:30:00"},
      {"hourly", "", SPRING + 3600, "2026-03-29 01:00:00, 2026-03-29 02:00:00"},
      {"2:*", "", SPRING, "2026-03-30 00:00:00, 2026-03-30 00:01:00"},
      {"2:30:*", "", SPRING, "2026-03-30 00:30:00, 2026-03-30 00:30:01"},
      /* what occurs twice fires at the first, or at both */
      {"02:30", "", AUTUMN, "2026-10-25 00:30:00, 2026-10-26 01:30:00"},
      {"02:30", " overlap=second", AUTUMN, "2026-10-25 01:30:00, 2026-10-26 01:30:00"},
      {"02:30", " overlap=both", AUTUMN, "2026-10-25 00:30:00, 2026-10-25 01:30:00"},
      {"*:30", "", AUTUMN + 7200, "2026-10-25 00:30:00, 2026-10-25 01:30:00"},
      {"0/1:30", "", AUTUMN + 7200, "2026-10-25 00:30:00, 2026-10-25 02:30:00"},
      /* an instant has none */
      {"@1792891800 utc", "", AUTUMN, "2026-10-25 01:30:00"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    bool is_instant = cases[i].expression[0] == '@';
    struct buffer zoned = {0};
    buffer_printf(&zoned, "%s%s", cases[i].expression, is_instant ? "" : " Europe/Berlin");
    char *expression = buffer_take(&zoned);
    check_fires(expression, cases[i].options, cases[i].after_s * S, 2, cases[i].fires);
    free(expression);
  }
}

/* Takes the trigger. */
static void check_forms(struct trigger *trigger, const char *json, const char *text)
{
  char *got_json = json_of(trigger), *got_text = text_of(trigger);
  assert_string_equal(got_json, json);
  assert_string_equal(got_text, text);
  free(got_json);
  free(got_text);
  trigger_destroy(trigger);
}

static void forms_round_trip(void **state)
{
  (void)state;
  static const struct {
    const char *input, *json, *text;
  } cases[] = {
      {"oncalendar   Mon..Fri\t*-*-*  9:00 ",
       "{\"kind\":\"oncalendar\",\"expression\":\"Mon..Fri *-*-* 9:00\",\"timezone\":\"UTC\"}",
       "oncalendar Mon..Fri *-*-* 9:00 timezone=UTC"},
      {"oncalendar MON *:0/15 timezone=Europe/Berlin gap=skip overlap=both",
       "{\"kind\":\"oncalendar\",\"expression\":\"MON *:0/15\",\"timezone\":\"Europe/Berlin\","
       "\"gap\":\"skip\",\"overlap\":\"both\"}",
       "oncalendar MON *:0/15 timezone=Europe/Berlin gap=skip overlap=both"},
      {"oncalendar Mon *-05~07/1 America/New_York overlap=second",
       "{\"kind\":\"oncalendar\",\"expression\":\"Mon *-05~07/1 America/New_York\",\"overlap\":"
       "\"second\"}",
       "oncalendar Mon *-05~07/1 America/New_York overlap=second"},
      {"oncalendar daily utc timezone=UTC",
       "{\"kind\":\"oncalendar\",\"expression\":\"daily utc\",\"timezone\":\"UTC\"}",
       "oncalendar daily utc timezone=UTC"},
      {"oncalendar @1795219200", "{\"kind\":\"oncalendar\",\"expression\":\"@1795219200\"}",
       "oncalendar @1795219200"},
      {"{\"kind\":\"oncalendar\",\"expression\":\" 12:00:00.0 \",\"timezone\":null}",
       "{\"kind\":\"oncalendar\",\"expression\":\"12:00:00.0\",\"timezone\":\"UTC\"}",
       "oncalendar 12:00:00.0 timezone=UTC"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger;
    const char *input = cases[i].input;
    enum error_code code = *input == '{' ? from_json(input, NULL, &trigger, NULL)
                                         : trigger_from_text(input, NULL, &trigger, NULL);
    assert_int_equal(code, ERROR_OK);
    assert_string_equal(trigger_kind_name(trigger), "oncalendar");
    check_forms(trigger, cases[i].json, cases[i].text);
    assert_int_equal(from_json(cases[i].json, "Asia/Tokyo", &trigger, NULL), ERROR_OK);
    check_forms(trigger, cases[i].json, cases[i].text);
    assert_int_equal(trigger_from_text(cases[i].text, "Asia/Tokyo", &trigger, NULL), ERROR_OK);
    check_forms(trigger, cases[i].json, cases[i].text);
  }
}

static void refuses_with_words(void **state)
{
  (void)state;
  static const struct {
    const char *expression, *error;
  } cases[] = {
      {"Mnoday", "unknown weekday or shorthand \"Mnoday\", did you mean \"monday\"?, column 1"},
      {"dayly", "unknown weekday or shorthand \"dayly\", did you mean \"daily\"?, column 1"},
      {"Fri..Mon 10:00",
       "weekday range \"Fri..Mon\" runs backwards, a week ends on Sunday, column 1"},
      {"mon *:0/70", "minute step 70 from 0 goes past 59, column 9"},
      {"*:50/20", "minute step 20 from 50 goes past 59, column 6"},
      {"25:00", "hour 25 is over 23, column 1"},
      {"*-02-30", "never fires: February has no day 30"},
      {"*-*~29", "day from the end 29 is over 28, column 5"},
      {"*-*~0", "day from the end 0 is under 1, column 5"},
      {"*-*~1/1", "day from the end step 1 from 1 goes past 1, column 7"},
      {"*-*~28/28", "day from the end step 28 from 28 goes past 1, column 8"},
      {"*-*-5..2", "day range 5..2 runs backwards, column 5"},
      {"*/2:00", "hour: * takes no step, write 0/ instead of */, column 1"},
      {"*-*-*/2", "day: * takes no step, write 1/ instead of */, column 5"},
      {"*-*-1,*", "day: * cannot stand in a list or a range, column 7"},
      {"*-*-*,1", "day: * cannot stand in a list or a range, column 5"},
      {"1969-1-1", "year 1969 is under 1970, column 1"},
      {"100-1-1", "year 100 is under 1970, column 1"},
      {"2200-1-1", "year 2200 is over 2199, column 1"},
      {"2026", "\"2026\" is neither a date, like *-*-1, nor a time, like 09:00, column 1"},
      {"12", "\"12\" is neither a date, like *-*-1, nor a time, like 09:00, column 1"},
      {"12:34:56.5", "second 56.5 is not whole, and fires are whole seconds, column 7"},
      {"12:0:0/0.5", "second 0.5 is not whole, and fires are whole seconds, column 8"},
      {"@1795219200.5",
       "\"@1795219200.5\" is not @ and a whole number of seconds since 1970, column 1"},
      {"@1795219200 Europe/Berlin",
       "seconds since 1970 are in UTC and not in Europe/Berlin, column 13"},
      {"@", "\"@\" is not @ and a whole number of seconds since 1970, column 1"},
      {"@-5", "\"@-5\" is not @ and a whole number of seconds since 1970, column 1"},
      {"daily 10:00",
       "\"10:00\" is out of place: first weekdays in one word, then date, time and zone, column 7"},
      {"Mon daily",
       "\"daily\" is out of place: first weekdays in one word, then date, time and zone, column 5"},
      {"10:00 CEST", "unknown time zone \"CEST\", did you mean \"CET\"?, column 7"},
      {"10:00 Europe/Nope",
       "unknown time zone \"Europe/Nope\", did you mean \"Europe/Rome\"?, column 7"},
      {"10:00 Mon",
       "\"Mon\" is out of place: first weekdays in one word, then date, time and zone, column 7"},
      {"10:00 local",
       "the zone \"local\" changes from machine to machine, write its name, column 7"},
      {"Mon,,Tue", "a weekday is missing, column 5"},
      {",Mon", "\",Mon\" is neither a date, like *-*-1, nor a time, like 09:00, column 1"},
      {"Mon..", "a weekday is missing, column 6"},
      {"Mon..Tue..Wed", "weekdays: \"..Wed\" is not understood, column 9"},
      {"Mon, Tue 10:00",
       "\"Tue\" is out of place: first weekdays in one word, then date, time and zone, column 6"},
      {"Mon .. Fri", "\"..\" is neither a date, like *-*-1, nor a time, like 09:00, column 5"},
      {"Mon- Fri", "a weekday is missing, column 5"},
      {"2026-01-01T10:00:00", "between date and time stands a space and not T, column 11"},
      {"*-*-*T10:00", "between date and time stands a space and not T, column 6"},
      {"*", "\"*\" is neither a date, like *-*-1, nor a time, like 09:00, column 1"},
      {"*-jan-1", "month: \"jan-1\" is not understood, column 3"},
      {"Jan-1", "unknown weekday \"Jan\", column 1"},
      {"10:00 10:00",
       "\"10:00\" is out of place: first weekdays in one word, then date, time and zone, column 7"},
      {"*-*-* *-*-*",
       "\"*-*-*\" is out of place: first weekdays in one word, then date, time and zone, column 7"},
      {"10:00 *-*-*",
       "\"*-*-*\" is out of place: first weekdays in one word, then date, time and zone, column 7"},
      {"*-*-* 10:00 UTC UTC",
       "\"UTC\" is out of place: first weekdays in one word, then date, time and zone, column 17"},
      {"10:00:00:00", "second: \":00\" is not understood, column 9"},
      {"*-*-*-*", "day: a range is written 1..5 and not 1-5, column 6"},
      {"*-*-1-5", "day: a range is written 1..5 and not 1-5, column 6"},
      {"8-17:00", "hour: a range is written 1..5 and not 1-5, column 2"},
      {"2026~02~01", "year: \"~02~01\" is not understood, column 5"},
      {"2026~02", "month 2026 is over 12, column 1"},
      {"1..5", "\"1..5\" is neither a date, like *-*-1, nor a time, like 09:00, column 1"},
      {"*:+5", "minute: \"+5\" is not understood, column 3"},
      {"*: 5", "minute: a value is missing, column 3"},
      {"10:", "minute: a value is missing, column 4"},
      {":10", "hour: \":10\" is not understood, column 1"},
      {"-1", "month: \"-1\" is not understood, column 1"},
      {"1-", "day: a value is missing, column 3"},
      {"~1", "month: \"~1\" is not understood, column 1"},
      {"*~", "day from the end: a value is missing, column 3"},
      {"10..:00", "hour: \":00\" is not understood, column 5"},
      {"10/:00", "hour: \":00\" is not understood, column 4"},
      {"10/0:00", "hour step 0 is under 1, column 4"},
      {"12:0:0.", "second: \".\" is not understood, column 7"},
      {"12:0:.5", "second: \".5\" is not understood, column 6"},
      {"Mon10:00", "unknown weekday or shorthand \"Mon10:00\", column 1"},
      {"2026-1-1é 10:00", "day: \"é\" is not understood, column 9"},
      {"Mön", "unknown weekday or shorthand \"Mön\", did you mean \"mon\"?, column 1"},
      {"*-*-1,,2", "day: a value is missing, column 7"},
      {"1,3,5-1-1,2026", "day 2026 is over 31, column 11"},
      {"1970/230-1-1", "year step 230 from 1970 goes past 2199, column 6"},
      {"2000,2002,2004,2006,2008,2010,2012,2014,2016,2018,2020,2022,2024,2026,2028,2030,2032-1-1",
       "year: a list has at most 16 items that do not follow each other, column 81"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = NULL;
    struct error error = {0};
    if (!read_expression(cases[i].expression, "", &trigger, &error))
      fail_msg("%s was read", cases[i].expression);
    assert_null(trigger);
    struct buffer prefix = {0};
    buffer_printf(&prefix, "oncalendar \"%s\": ", cases[i].expression);
    char *before = buffer_take(&prefix);
    assert_memory_equal(error.text, before, strlen(before));
    assert_string_equal(error.text + strlen(before), cases[i].error);
    free(before);
  }
}

static void refuses_wrong_members(void **state)
{
  (void)state;
  static const struct {
    const char *json, *error;
  } cases[] = {
      {"{\"kind\":\"oncalendar\"}", "oncalendar: \"expression\" is missing"},
      {"{\"kind\":\"oncalendar\",\"expression\":5}",
       "oncalendar: \"expression\" must be a string, not an integer"},
      {"{\"kind\":\"oncalendar\",\"expression\":\"  25:00\"}",
       "oncalendar \"  25:00\": hour 25 is over 23, column 3"},
      {"{\"kind\":\"oncalendar\",\"expression\":\"daily Europe/Berlin\",\"timezone\":\"UTC\"}",
       "oncalendar \"daily Europe/Berlin\": the expression is for Europe/Berlin and \"timezone\" "
       "says UTC"},
      {"{\"kind\":\"oncalendar\",\"expression\":\"@5\",\"timezone\":\"Europe/Berlin\"}",
       "oncalendar \"@5\": the expression is for UTC and \"timezone\" says Europe/Berlin"},
      {"{\"kind\":\"oncalendar\",\"expression\":\"daily\",\"timezone\":\"Mars\"}",
       "oncalendar \"daily\": unknown time zone \"Mars\""},
      {"{\"kind\":\"oncalendar\",\"expression\":\"daily\",\"gap\":\"jump\"}",
       "oncalendar \"daily\": gap \"jump\" is not one of first, skip, shift"},
      {"{\"kind\":\"oncalendar\",\"expression\":\"daily\",\"year\":1}",
       "oncalendar: unknown option \"year\""},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = NULL;
    struct error error = {0};
    assert_int_not_equal(from_json(cases[i].json, NULL, &trigger, &error), ERROR_OK);
    assert_null(trigger);
    assert_string_equal(error.text, cases[i].error);
  }
  char *wide = calloc(1, 1100);
  memset(wide, '1', 1099);
  struct trigger *trigger = NULL;
  struct error error = {0};
  assert_int_equal(read_expression(wide, "", &trigger, &error), ERROR_LIMIT);
  assert_string_equal(error.text, "oncalendar: the expression is longer than 1000 bytes");
  free(wide);
}

/* ---- against a scan ---- */

static uint32_t random_state = 1;

static int32_t random_of(int32_t low, int32_t high)
{
  random_state = random_state * 1664525 + 1013904223;
  return low + (int32_t)((random_state >> 8) % (uint32_t)(high - low + 1));
}

/* Writes `*` or a list for [low, high] and marks its values in `set`, `is_down` for days that count
 * from the month's end. */
static void write_part(struct buffer *text, int32_t low, int32_t high, bool is_down, bool *set)
{
  if (!random_of(0, 2)) {
    buffer_append_text(text, "*");
    for (int32_t value = low; value <= high; value++)
      set[value] = true;
    return;
  }
  for (int32_t items = random_of(1, 3); items; items--) {
    int32_t from = random_of(low, high), until = random_of(from, high), step = 1;
    int32_t room = is_down ? from - low : high - from, form = random_of(0, 3);
    buffer_printf(text, form % 2 ? "%d" : "%02d", from);
    if (form == 3 && room) {
      step = random_of(1, room);
      buffer_printf(text, "/%d", step);
      until = is_down ? low : high;
    } else if (form > 0) {
      step = random_of(1, 5);
      buffer_printf(text, step > 1 ? "..%d/%d" : "..%d", until, step);
    } else {
      until = from;
    }
    for (int32_t value = from; until < from ? value >= until : value <= until;
         value += until < from ? -step : step)
      set[value] = true;
    if (items > 1)
      buffer_append_text(text, ",");
  }
}

struct sets {
  bool weekdays[7], months[13], days[32], last_days[32], hours[24], minutes[60];
  bool is_from_end;
};

static char *write_expression(struct sets *sets)
{
  static const char *const names[] = {"Sun", "monday", "TUE", "Wed", "Thursday", "Fri", "sat"};
  struct buffer text = {0};
  *sets = (struct sets){.is_from_end = random_of(0, 1)};
  int32_t day = random_of(0, 6);
  bool has_weekdays = random_of(0, 1);
  for (int32_t i = 0; i < 7; i++) {
    sets->weekdays[i] = !has_weekdays || i == day || !random_of(0, 3);
    if (has_weekdays && sets->weekdays[i])
      buffer_printf(&text, "%s,", names[i]);
  }
  buffer_append_text(&text, has_weekdays ? " *-" : "*-");
  write_part(&text, 1, 12, false, sets->months);
  buffer_append_text(&text, sets->is_from_end ? "~" : "-");
  if (sets->is_from_end)
    write_part(&text, 1, 28, true, sets->last_days);
  else
    write_part(&text, 1, 31, false, sets->days);
  buffer_append_text(&text, " ");
  write_part(&text, 0, 23, false, sets->hours);
  buffer_append_text(&text, ":");
  write_part(&text, 0, 59, false, sets->minutes);
  return buffer_take(&text);
}

static bool has_day(const struct sets *sets, int64_t day)
{
  struct civil_date date = civil_from_days(day);
  int32_t from_end = civil_month_days(date.year, date.month) - date.day + 1;
  return sets->weekdays[civil_weekday(day)] && sets->months[date.month] &&
         (sets->is_from_end ? sets->last_days[from_end] : sets->days[date.day]);
}

static int64_t scan_next(const struct sets *sets, int64_t after_s)
{
  for (int64_t day = civil_day_of(after_s), last = day + 366 * 45; day < last; day++)
    for (int32_t minute = 0; minute < 1440 && has_day(sets, day); minute++) {
      int64_t at_s = day * CIVIL_DAY_S + minute * 60;
      if (at_s > after_s && sets->hours[minute / 60] && sets->minutes[minute % 60])
        return at_s;
    }
  return INT64_MAX;
}

static void agrees_with_a_scan(void **state)
{
  (void)state;
  for (int i = 0; i < 400; i++) {
    struct sets sets;
    char *expression = write_expression(&sets);
    if (strstr(expression, "~* ")) /* every day, also those before the 28th last */
      for (int32_t day = 29; day <= 31; day++)
        sets.last_days[day] = true;
    struct trigger *trigger;
    struct error error = {0};
    if (read_expression(expression, "", &trigger, &error)) {
      assert_non_null(strstr(error.text, "never fires"));
      assert_true(scan_next(&sets, Y2026 / S) == INT64_MAX);
      free(expression);
      continue;
    }
    int64_t at_s = Y2026 / S + random_of(0, 86400 * 700);
    int64_t begin_us = at_s * S, last_us = 0, steps;
    for (steps = 0; steps < 8; steps++) {
      int64_t next_us, expected_s = scan_next(&sets, at_s);
      assert_true(trigger_next(trigger, at_s * S, &next_us));
      if (next_us != expected_s * S)
        fail_msg("%s after %lld: %lld, expected %lld", expression, (long long)at_s,
                 (long long)(next_us / S), (long long)expected_s);
      at_s = expected_s;
    }
    assert_int_equal(trigger_count(trigger, begin_us, at_s * S, &last_us), steps);
    assert_int_equal(last_us, at_s * S);
    trigger_destroy(trigger);
    free(expression);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fires_as_systemd_does),
      cmocka_unit_test(years_may_be_over),
      cmocka_unit_test(clock_changes_go_by_the_rule_of_cron),
      cmocka_unit_test(forms_round_trip),
      cmocka_unit_test(refuses_with_words),
      cmocka_unit_test(refuses_wrong_members),
      cmocka_unit_test(agrees_with_a_scan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
