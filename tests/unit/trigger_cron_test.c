/* Cron against a naive scan.
 *
 * The scan knows the rule at clock changes in its own words: for every minute (or second) of real
 * time it asks for the wall clock and compares numbers; for fixed schedules it walks the wall
 * clock's minutes instead and resolves each. Stepping, counting and the scan must agree, in zones
 * with all kinds of transitions. Tables hold the errors, and dates worked out by hand. */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "time/civil.h"
#include "time/instant.h"
#include "trigger/cron.h"
#include "trigger/cron_parse.h"
#include "trigger/trigger.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define S            INT64_C(1000000)

static struct trigger *parse(const char *text)
{
  struct trigger *trigger;
  struct error error = {0};
  if (trigger_from_text(text, NULL, &trigger, &error))
    fail_msg("%s: %s", text, error.text);
  return trigger;
}

static int64_t instant(const char *text)
{
  int64_t us;
  struct error error = {0};
  if (instant_parse(text, NULL, &us, &error))
    fail_msg("%s: %s", text, error.text);
  return us;
}

/* ---- the scan ---- */

enum { FIRES_MAX = 20000 };

struct fires {
  int64_t at_s[FIRES_MAX];
  size_t count;
};

static bool matches(const struct cron_fields *f, int64_t local_s)
{
  struct civil_time t = civil_from_seconds(local_s);
  bool by_date = f->days >> t.date.day & 1;
  bool by_weekday = f->weekdays >> civil_weekday(civil_day_of(local_s)) & 1;
  return (f->months >> t.date.month & 1) && (f->hours >> t.hour & 1) &&
         (f->minutes >> t.minute & 1) && (f->seconds >> t.second & 1) &&
         (f->is_either ? by_date || by_weekday : by_date && by_weekday);
}

static void add_fire(struct fires *fires, int64_t at_s, int64_t from_s, int64_t until_s)
{
  if (at_s < from_s || at_s >= until_s)
    return;
  size_t i = fires->count;
  while (i > 0 && fires->at_s[i - 1] > at_s)
    i--;
  if (i > 0 && fires->at_s[i - 1] == at_s)
    return;
  assert_true(fires->count < FIRES_MAX);
  memmove(&fires->at_s[i + 1], &fires->at_s[i], (fires->count++ - i) * sizeof fires->at_s[0]);
  fires->at_s[i] = at_s;
}

/* What a local time of a fixed schedule fires. */
static void add_fires_of(struct fires *fires, const struct zone *zone, int64_t local_s,
                         const char *gap, const char *overlap, int64_t from_s, int64_t until_s)
{
  struct local_times times;
  zone_resolve(zone, local_s, &times);
  if (times.kind == LOCAL_GAP && !strcmp(gap, "first") && times.length_s < 3 * 3600)
    add_fire(fires, times.transition_s, from_s, until_s);
  if (times.kind == LOCAL_GAP && !strcmp(gap, "shift"))
    add_fire(fires, times.first_s, from_s, until_s);
  if (times.kind == LOCAL_NORMAL || (times.kind == LOCAL_OVERLAP && strcmp(overlap, "second")))
    add_fire(fires, times.first_s, from_s, until_s);
  if (times.kind == LOCAL_OVERLAP && strcmp(overlap, "first"))
    add_fire(fires, times.second_s, from_s, until_s);
}

static void scan(const struct cron_fields *fields, const struct zone *zone, const char *gap,
                 const char *overlap, int64_t from_s, int64_t until_s, struct fires *fires)
{
  int64_t step_s = fields->seconds == 1 ? 60 : 1;
  fires->count = 0;
  if (fields->is_wildcard) {
    for (int64_t at_s = from_s; at_s < until_s; at_s += step_s)
      if (matches(fields, at_s + zone_at(zone, at_s).offset_s))
        add_fire(fires, at_s, from_s, until_s);
    return;
  }
  for (int64_t local_s = from_s - 2 * 86400; local_s < until_s + 2 * 86400; local_s += step_s)
    if (local_s % 3600 == 0 && !(fields->hours >> civil_from_seconds(local_s).hour & 1))
      local_s += 3600 - step_s; /* nothing in this hour */
    else if (matches(fields, local_s))
      add_fires_of(fires, zone, local_s, gap, overlap, from_s, until_s);
}

static void check_against_scan(const char *expression, const char *zone_text, const char *gap,
                               const char *overlap, int64_t from_s, int64_t until_s)
{
  static struct fires fires;
  char text[256], last_text[INSTANT_TEXT_SIZE];
  struct cron_parsed parsed = {0};
  const struct zone *zone;
  assert_int_equal(zone_find(zone_text, &zone, NULL), ERROR_OK);
  assert_int_equal(cron_parse(expression, &parsed, NULL), ERROR_OK);
  snprintf(text, sizeof text, "cron %s timezone=%s gap=%s overlap=%s", expression, zone_text, gap,
           overlap);
  struct trigger *trigger = parse(text);
  scan(&parsed.fields, zone, gap, overlap, from_s, until_s, &fires);
  int64_t at_us = (from_s - 1) * S, last_us = 0;
  for (size_t i = 0; i < fires.count; i++) {
    bool has_next = trigger_next(trigger, at_us, &at_us);
    instant_format(last_text, at_us);
    if (!has_next || at_us != fires.at_s[i] * S)
      fail_msg("%s: fire %zu is %s, not %ld", text, i, last_text, (long)fires.at_s[i]);
  }
  int64_t end_us = until_s * S - 1;
  assert_true(!trigger_next(trigger, at_us, &at_us) || at_us > end_us);
  int64_t count = trigger_count(trigger, (from_s - 1) * S, end_us, &last_us);
  if (count != (int64_t)fires.count || (count && last_us != fires.at_s[fires.count - 1] * S))
    fail_msg("%s: counted %ld of %zu", text, (long)count, fires.count);
  /* Counts from and to the middle, also off the second. */
  for (size_t i = 1; i < fires.count; i += fires.count / 7 + 1) {
    size_t before = i;
    int64_t middle_us = fires.at_s[i] * S - 1;
    if (trigger_count(trigger, (from_s - 1) * S, middle_us, &last_us) != (int64_t)before ||
        last_us != fires.at_s[i - 1] * S ||
        trigger_count(trigger, middle_us, end_us, &last_us) != (int64_t)(fires.count - before))
      fail_msg("%s: a part is miscounted at %zu", text, i);
  }
  trigger_destroy(trigger);
}

static void check_all_policies(const char *expression, const char *zone, const char *from,
                               const char *until)
{
  static const char *const gaps[] = {"first", "skip", "shift"};
  static const char *const overlaps[] = {"first", "second", "both"};
  for (size_t g = 0; g < COUNT(gaps); g++)
    for (size_t o = 0; o < COUNT(overlaps); o++)
      check_against_scan(expression, zone, gaps[g], overlaps[o], instant(from) / S,
                         instant(until) / S);
}

static void agrees_with_a_scan(void **state)
{
  (void)state;
  static const char *const expressions[] = {
      "30 2 * * *",           "15,45 0-3 * * *", "0 0 * * *",    "59 23 * * 1-5", "0 2 13 * 5",
      "*/20 * * * *",         "7 * * * *",       "10 */2 * * *", "*/30 2 * * *",  "0 3 */2 * sun",
      "30 1,2,3 * 3,10,11 *", "5 0 1 1,4 *",
  };
  static const struct {
    const char *zone, *from, *until;
  } spans[] = {
      {"UTC", "2026-02-20", "2026-03-20"},
      {"America/New_York", "2026-03-01", "2026-03-15"},
      {"America/New_York", "2026-10-25", "2026-11-08"},
      {"Europe/Berlin", "2026-03-22", "2026-04-05"},
      {"Europe/Berlin", "2026-10-18", "2026-11-01"},
      {"Australia/Lord_Howe", "2026-04-01", "2026-04-10"},
      {"Australia/Lord_Howe", "2026-10-01", "2026-10-10"},
      {"Europe/Dublin", "2026-03-25", "2026-04-02"},
      {"Europe/Dublin", "2026-10-20", "2026-10-30"},
      {"Africa/Casablanca", "2026-02-10", "2026-03-30"},
      {"Pacific/Apia", "2011-12-25", "2012-01-05"},
      {"Pacific/Apia", "2011-09-20", "2011-09-28"},
      {"Antarctica/Troll", "2026-03-25", "2026-04-02"},
      {"Antarctica/Troll", "2026-10-20", "2026-10-30"},
      {"America/Sao_Paulo", "2018-11-01", "2018-11-08"},
      {"America/Sao_Paulo", "2018-02-14", "2018-02-21"},
      {"Asia/Kathmandu", "1985-12-28", "1986-01-04"},
      {"America/New_York", "2450-03-01", "2450-03-20"},
  };
  for (size_t e = 0; e < COUNT(expressions); e++)
    for (size_t s = 0; s < COUNT(spans); s++)
      check_all_policies(expressions[e], spans[s].zone, spans[s].from, spans[s].until);
}

static void agrees_with_a_scan_by_second(void **state)
{
  (void)state;
  static const char *const expressions[] = {
      "5,35 30 2 * * *",  "*/7 */20 1-3 * * *", "10-50/20 59 23,0,1 * * *",
      "1 0/15 2 * * sun", "59 59 1,2 * * *",    "30 30 2,3 1-31/2 * *",
  };
  static const struct {
    const char *zone, *from, *until;
  } spans[] = {
      {"America/New_York", "2026-03-08T00:00Z", "2026-03-08T12:00Z"},
      {"Europe/Berlin", "2026-10-24T20:00Z", "2026-10-25T06:00Z"},
      {"Australia/Lord_Howe", "2026-10-03T12:00Z", "2026-10-04T00:00Z"},
      {"Antarctica/Troll", "2026-03-28T22:00Z", "2026-03-29T05:00Z"},
      {"Pacific/Apia", "2011-12-30T00:00Z", "2011-12-31T00:00Z"},
      {"America/Sao_Paulo", "2018-11-03T22:00Z", "2018-11-04T06:00Z"},
  };
  for (size_t e = 0; e < COUNT(expressions); e++)
    for (size_t s = 0; s < COUNT(spans); s++)
      check_all_policies(expressions[e], spans[s].zone, spans[s].from, spans[s].until);
}

static void counts_as_it_steps(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "* * * * * * timezone=Europe/Berlin",        "*/7 */13 2,3 * * * timezone=Europe/Berlin",
      "10-20 30 2 * * sun timezone=Europe/Berlin", "0 0 31 * *",
      "0 12 29 2 * timezone=Asia/Tokyo",           "0 0 1 * mon timezone=America/New_York",
  };
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct trigger *trigger = parse(texts[i]);
    int64_t from_us = instant("2026-10-24") + 5, until_us = from_us, last_us, count = 0;
    for (; count < 100000 && trigger_next(trigger, until_us, &until_us); count++)
      if (until_us > instant("2126-01-01"))
        break;
    int64_t end_us = until_us;
    assert_true(count > 2);
    if (end_us > instant("2126-01-01")) {
      end_us = instant("2126-01-01");
      trigger_count(trigger, from_us, end_us, &until_us);
    }
    assert_int_equal(trigger_count(trigger, from_us, end_us, &last_us), count);
    assert_int_equal(last_us, until_us);
    trigger_destroy(trigger);
  }
}

static void known_dates(void **state)
{
  (void)state;
  static const struct {
    const char *trigger, *after, *next;
  } cases[] = {
      {"0 9 * * 1-5 timezone=Asia/Shanghai", "2026-11-21", "2026-11-23T01:00:00.000000Z"},
      {"0 9 * * mon-fri timezone=Asia/Shanghai", "2026-11-21", "2026-11-23T01:00:00.000000Z"},
      {"0 0 * * 7", "2026-11-21", "2026-11-22T00:00:00.000000Z"},
      {"0 0 * * 5-7", "2026-11-21T12:00Z", "2026-11-22T00:00:00.000000Z"},
      {"0 0 * * fri-sun", "2026-11-21T12:00Z", "2026-11-22T00:00:00.000000Z"},
      {"0 0 * * 1/2", "2026-11-20T12:00Z", "2026-11-23T00:00:00.000000Z"},
      {"0 0 13 * 5", "2026-11-21", "2026-11-27T00:00:00.000000Z"},
      {"0 0 */2 * 1", "2026-11-21", "2026-11-23T00:00:00.000000Z"},
      {"0 0 */2 * 2", "2026-11-21", "2026-12-01T00:00:00.000000Z"},
      {"0 0 29 2 *", "2026-11-21", "2028-02-29T00:00:00.000000Z"},
      {"0 0 29 2 *", "2096-03-01", "2104-02-29T00:00:00.000000Z"},
      {"0 0 29 feb */7", "2026-11-21", "2032-02-29T00:00:00.000000Z"},
      {"@yearly", "2026-11-21", "2027-01-01T00:00:00.000000Z"},
      {"cron @hourly", "2026-11-21T00:00:00Z", "2026-11-21T01:00:00.000000Z"},
      {"@weekly", "2026-11-21", "2026-11-22T00:00:00.000000Z"},
      {"*/15 * * * * *", "2026-11-21T00:00:00.5Z", "2026-11-21T00:00:15.000000Z"},
      {"30 5/10 * * * *", "2026-11-21T00:05:30Z", "2026-11-21T00:15:30.000000Z"},
      {"30 2 * * * timezone=Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T01:00:00.000000Z"},
      {"30 2 * * * timezone=Europe/Berlin gap=skip", "2026-03-28T12:00Z",
       "2026-03-30T00:30:00.000000Z"},
      {"30 2 * * * timezone=Europe/Berlin", "2026-10-25T00:30Z", "2026-10-26T01:30:00.000000Z"},
      {"30 2 * * * timezone=Europe/Berlin overlap=both", "2026-10-25T00:30Z",
       "2026-10-25T01:30:00.000000Z"},
      {"30 2 * * * timezone=Europe/Berlin overlap=second", "2026-10-24T12:00Z",
       "2026-10-25T01:30:00.000000Z"},
      {"0 12 30 12 * timezone=Pacific/Apia", "2011-12-01", "2012-12-29T22:00:00.000000Z"},
      {"@daily start=2027-01-01", "2026-11-21", "2027-01-01T00:00:00.000000Z"},
      {"@daily start=2027-01-01 end=2027-01-02", "2027-01-01", "2027-01-02T00:00:00.000000Z"},
      {"@daily start=2027-01-01 end=2027-01-02", "2027-01-02", NULL},
      {"59 59 23 31 12 *", "9999-12-31T23:59:58Z", "9999-12-31T23:59:59.000000Z"},
      {"59 59 23 31 12 *", "9999-12-31T23:59:59Z", NULL},
      {"0 0 1 1 * timezone=Asia/Tokyo", "9999-12-31", NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = parse(cases[i].trigger);
    int64_t next_us;
    char text[INSTANT_TEXT_SIZE] = "none";
    if (trigger_next(trigger, instant(cases[i].after), &next_us))
      instant_format(text, next_us);
    if (strcmp(text, cases[i].next ? cases[i].next : "none") != 0)
      fail_msg("%s after %s: %s", cases[i].trigger, cases[i].after, text);
    trigger_destroy(trigger);
  }
  struct trigger *trigger = parse("@daily");
  int64_t first_us, last_us;
  assert_true(trigger_next(trigger, INT64_MIN, &first_us));
  assert_int_equal(first_us, INSTANT_MIN);
  assert_false(trigger_next(trigger, INT64_MAX, &first_us));
  assert_int_equal(trigger_count(trigger, INT64_MIN, INT64_MAX, &last_us), 3652059);
  assert_int_equal(last_us, instant("9999-12-31"));
  trigger_destroy(trigger);
}

static void refuses_with_words(void **state)
{
  (void)state;
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"61 * * * *", "cron \"61 * * * *\": minute 61 is over 59, column 1"},
      {"* 24 * * *", "cron \"* 24 * * *\": hour 24 is over 23, column 3"},
      {"* * 0 * *", "cron \"* * 0 * *\": day of month 0 is under 1, column 5"},
      {"* * * 13 *", "cron \"* * * 13 *\": month 13 is over 12, column 7"},
      {"* * * * 8", "cron \"* * * * 8\": weekday 8 is over 7, column 9"},
      {"99 * * * * *", "cron \"99 * * * * *\": second 99 is over 59, column 1"},
      {"0 9 1 1 * 2027", "cron \"0 9 1 1 * 2027\": weekday 2027 is over 7: six fields begin with "
                         "seconds, and none is a year, column 11"},
      {"0 9 1 1 * 2027-2030", "cron \"0 9 1 1 * 2027-2030\": weekday 2027 is over 7: six fields "
                              "begin with seconds, and none is a year, column 11"},
      {"0 0 9 1 1 8", "cron \"0 0 9 1 1 8\": weekday 8 is over 7, column 11"},
      {"* * * * mno",
       "cron \"* * * * mno\": unknown weekday \"mno\", did you mean \"mon\"?, column 9"},
      {"* * * Janu *",
       "cron \"* * * Janu *\": unknown month \"Janu\", did you mean \"jan\"?, column 7"},
      {"0 12pm * * *", "cron \"0 12pm * * *\": hour: \"pm\" is not understood, column 5"},
      {"0 noon * * *", "cron \"0 noon * * *\": hour: \"noon\" is not understood, column 3"},
      {"* * *", "cron \"* * *\": 3 fields found, expected 5 (minute hour day month weekday), or 6 "
                "with seconds first, column 6"},
      {"* * * * * * *", "cron \"* * * * * * *\": 7 fields found, expected 5 (minute hour day month "
                        "weekday), or 6 with seconds first, column 13"},
      {"*/0 * * * *", "cron \"*/0 * * * *\": minute step 0 is under 1, column 3"},
      {"*/90 * * * *", "cron \"*/90 * * * *\": minute step 90 is over 59, column 3"},
      {"*/ * * * *", "cron \"*/ * * * *\": minute step: a value is missing, column 3"},
      {"30-10 * * * *", "cron \"30-10 * * * *\": minute range \"30-10\" runs backwards, column 1"},
      {"0 0 * * fri-mon",
       "cron \"0 0 * * fri-mon\": weekday range \"fri-mon\" runs backwards, column 9"},
      {"1,,2 * * * *", "cron \"1,,2 * * * *\": minute: a value is missing, column 3"},
      {"1, * * * *", "cron \"1, * * * *\": minute: a value is missing, column 3"},
      {"1- * * * *", "cron \"1- * * * *\": minute: a value is missing, column 3"},
      {"5x * * * *", "cron \"5x * * * *\": minute: \"x\" is not understood, column 2"},
      {"*5 * * * *", "cron \"*5 * * * *\": minute: \"5\" is not understood, column 2"},
      {"1-2-3 * * * *", "cron \"1-2-3 * * * *\": minute: \"-3\" is not understood, column 4"},
      {"0 0 ? * *", "cron \"0 0 ? * *\": day of month: \"?\" is not understood, column 5"},
      {"0 0 30 2 *", "cron \"0 0 30 2 *\": never fires: February has no day 30, column 5"},
      {"0 0 31 4,6 *",
       "cron \"0 0 31 4,6 *\": never fires: none of its months has a day 31, column 5"},
      {"cron @reboot", "cron \"@reboot\": @reboot is an event and not a time: write \"on_start\", "
                       "column 1"},
      {"@dayly", "cron \"@dayly\": unknown macro \"@dayly\", did you mean \"@daily\"?, column 1"},
      {"@daily 5", "cron \"@daily 5\": \"5\" stands behind @daily, column 8"},
      {"99999999999999999999999 * * * *", "cron \"99999999999999999999999 * * * *\": minute "
                                          "99999999999999999999 is over 59, column 1"},
      {"@daily timezone=Europe/Berln",
       "cron \"@daily\": unknown time zone \"Europe/Berln\", did you mean \"Europe/Berlin\"?"},
      {"@daily gap=both", "cron \"@daily\": gap \"both\" is not one of first, skip, shift"},
      {"@daily overlap=skip",
       "cron \"@daily\": overlap \"skip\" is not one of first, second, both"},
      {"@daily timezon=UTC", "cron: unknown option \"timezon\", did you mean \"timezone\"?"},
      {"@daily gap=skip gap=first", "cron: the option \"gap\" stands twice"},
      {"@daily start=2026-13-01", "cron \"@daily\": start \"2026-13-01\": month 13 is over 12"},
      {"@daily start=2026-02-01 end=2026-01-01",
       "cron \"@daily\": never fires: the end 2026-01-01T00:00:00+00:00 is before the start "
       "2026-02-01T00:00:00+00:00"},
      {"@yearly start=2026-02-01 end=2026-03-01",
       "cron \"@yearly\": never fires between its start and its end"},
      {"@every 5m", "cron \"@every 5m\": @every is not crontab's: write \"every 5m\", column 1"},
      {"0 10-20/15 * * *",
       "cron \"0 10-20/15 * * *\": hour step 15 is over its span of 10, column 9"},
      {"  0   9  * *   frd",
       "cron \"0   9  * *   frd\": unknown weekday \"frd\", did you mean \"fri\"?, column 14"},
      {"0 0 lastx * *",
       "cron \"0 0 lastx * *\": day of month: \"lastx\" is not understood, column 5"},
      {"0 0 * * 5#2", "cron \"0 0 * * 5#2\": weekday: \"#2\" is not understood, column 10"},
      {"0 0 L * *", "cron \"0 0 L * *\": day of month: \"L\" is not understood, column 5"},
      {"H(0-5)/10 * * * *",
       "cron \"H(0-5)/10 * * * *\": minute step 10 is over the span of 6 values, column 8"},
      {"H(50-10) * * * *",
       "cron \"H(50-10) * * * *\": minute range \"50-10\" runs backwards, column 3"},
      {"H(3) * * * *", "cron \"H(3) * * * *\": minute: H takes a range, as in H(0-59), column 2"},
      {"H(3-4 * * * *", "cron \"H(3-4 * * * *\": minute: a \")\" is missing, column 6"},
      {"H(3-4)x * * * *", "cron \"H(3-4)x * * * *\": minute: \"x\" is not understood, column 7"},
      {"Hx * * * *", "unknown trigger \"Hx\": write cron, every, in or at, column 1"},
      {"H(0-99) * * * *", "cron \"H(0-99) * * * *\": minute 99 is over 59, column 5"},
      {"0 0 H(29-31) 2 *",
       "cron \"0 0 H(29-31) 2 *\": never fires: February has no day 31, column 5"},
      {"CRON_TZ=Europe/Berln 0 9 * * *",
       "cron \"CRON_TZ=Europe/Berln 0 9 * * *\": unknown time zone \"Europe/Berln\", did you mean "
       "\"Europe/Berlin\"?, column 9"},
      {"CRON_TZ=Europe/Berlin 0 69 * * *",
       "cron \"CRON_TZ=Europe/Berlin 0 69 * * *\": hour 69 is over 23, column 25"},
      {"CRON_TZ=Europe/Berlin",
       "cron \"CRON_TZ=Europe/Berlin\": 0 fields found, expected 5 (minute hour day month "
       "weekday), or 6 with seconds first, column 22"},
      {"CRON_TZ=UTC 0 9 * * * timezone=UTC", "cron \"CRON_TZ=UTC 0 9 * * *\": the time zone stands "
                                             "in the expression and as \"timezone\""},
      {"0 9 * * * seed=a", "cron \"0 9 * * *\": \"seed\" means nothing without an H"},
      {"0 9 * ä *", "cron \"0 9 * ä *\": month: \"ä\" is not understood, column 7"},
      {"ä 9 * x *", "cron \"ä 9 * x *\": minute: \"ä\" is not understood, column 1"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger;
    struct error error = {0};
    if (!trigger_from_text(cases[i].text, NULL, &trigger, &error))
      fail_msg("%s was read", cases[i].text);
    assert_null(trigger);
    assert_string_equal(error.text, cases[i].error);
  }
}

static void counts_over_all_time(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int64_t count; /* -1: too many to be exact */
    const char *last;
  } cases[] = {
      {"@daily", 3652059, "9999-12-31"},
      {"0 0 29 2 * timezone=Europe/Berlin", 2424, "9996-02-28T23:00Z"},
      {"quartz 0 0 0 L * ?", 9999 * 12, "9999-12-31"},
      {"quartz 0 0 0 ? 2 MON#5", 375, "9988-02-29"},
      {"fields year=1970-9999/3 month=2 day=29", 649, "9992-02-29"},
      {"any_of (@yearly) (0 0 2 1 *)", -1, "9999-01-02"},
      {"@yearly offset=1d", -1, "9999-01-02"},
      {"every 10000h start=2000-01-01", -1, NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = parse(cases[i].text);
    int64_t last_us = 0, next_us;
    int64_t count = trigger_count(trigger, INT64_MIN, INT64_MAX, &last_us);
    if (cases[i].count >= 0 && count != cases[i].count)
      fail_msg("%s fires %ld times", cases[i].text, (long)count);
    if (cases[i].last && last_us != instant(cases[i].last))
      fail_msg("%s fires last at %ld", cases[i].text, (long)(last_us / S));
    assert_true(count > 0);
    assert_false(trigger_next(trigger, last_us, &next_us));
    trigger_destroy(trigger);
  }
}

static void is_small(void **state)
{
  (void)state;
  struct trigger *trigger = parse("0 9 * * 1-5 timezone=Europe/Berlin");
  assert_in_range(cron_size(trigger), 1, 64);
  trigger_destroy(trigger);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_a_scan), cmocka_unit_test(agrees_with_a_scan_by_second),
      cmocka_unit_test(counts_as_it_steps), cmocka_unit_test(known_dates),
      cmocka_unit_test(refuses_with_words), cmocka_unit_test(counts_over_all_time),
      cmocka_unit_test(is_small),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
