/* Calendars: their forms, what they cover (against a plain look at the wall clock), .ics files, and
 * names. */
#include "support/trigger_cases.h"

#include <pthread.h>
#include <stdio.h>

#include "time/civil.h"
#include "trigger/calendar.h"

static enum error_code read_calendar(const char *json, struct calendar **calendar,
                                     struct error *error)
{
  struct json_document *document;
  char *copy = strdup(json);
  for (char *c = copy; *c; c++)
    *c = *c == '\'' ? '"' : *c;
  if (json_parse(copy, strlen(copy), &document, error))
    fail_msg("%s: %s", copy, error->text);
  enum error_code code = calendar_from_json(json_root(document), calendar, error);
  json_free(document);
  free(copy);
  return code;
}

static struct calendar *make(const char *json)
{
  struct calendar *calendar;
  struct error error = {0};
  if (read_calendar(json, &calendar, &error))
    fail_msg("%s: %s", json, error.text);
  return calendar;
}

static char *written(const struct calendar *calendar)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  calendar_to_json(calendar, &writer);
  for (size_t i = 0; i < out.size; i++)
    out.data[i] = out.data[i] == '"' ? '\'' : out.data[i];
  return buffer_take(&out);
}

static void check_written(const struct calendar *calendar, const char *json)
{
  char *text = written(calendar);
  assert_string_equal(text, json);
  struct calendar *again = make(text);
  char *text_again = written(again);
  assert_string_equal(text_again, text);
  calendar_destroy(again);
  free(text_again);
  free(text);
}

static void forms_round_trip(void **state)
{
  (void)state;
  static const struct {
    const char *input, *json;
  } cases[] = {
      {"{'dates':['2027-01-01','2026-12-24..2026-12-26','2026-12-27']}",
       "{'dates':'2026-12-24..2026-12-27,2027-01-01'}"},
      {"{'dates':'2026-12-31T18:00..2027-01-01T06:00, 2026-03-01T12:00+01:00..2026-03-01T13:00Z'}",
       "{'dates':'2026-12-31T18:00:00..2027-01-01T06:00:00,2026-03-01T11:00:00Z.."
       "2026-03-01T13:00:00Z'}"},
      {"{'weekdays':'sun,Saturday','timezone':'Asia/Tokyo'}",
       "{'weekdays':'sat,sun','timezone':'Asia/Tokyo'}"},
      {"{'weekdays':['fri-mon']}", "{'weekdays':'mon,fri-sun'}"},
      {"{'times':'22:00-06:00'}", "{'times':'22:00-06:00'}"},
      {"{'times':['12:00-13:30','22:00-24:00','00:00-6:00']}",
       "{'times':'12:00-13:30,22:00-06:00'}"},
      {"{'times':'00:00-24:00'}", "{'times':'00:00-24:00'}"},
      {"{'yearly':'12-25, 01-01,02-29'}", "{'yearly':'01-01,02-29,12-25'}"},
      {"{'cron':'* * 1-7 * *'}", "{'cron':'* * 1-7 * *'}"},
      {"{'events':['2h of cron 0 12 * * *','1d of at 2026-12-25']}",
       "{'events':'2h of cron 0 12 * * * | 1d of at 2026-12-25'}"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct calendar *calendar = make(cases[i].input);
    check_written(calendar, cases[i].json);
    calendar_destroy(calendar);
  }
}

static void refuses_with_words(void **state)
{
  (void)state;
  static const struct {
    const char *input, *error;
  } cases[] = {
      {"[]", "a calendar must be an object, not an array"},
      {"{}", "it is empty: give it dates, weekdays, times, yearly, cron, events or ics"},
      {"{'date':'2026-01-01'}", "unknown option \"date\", did you mean \"dates\"?"},
      {"{'dates':'2026-01-01','dates':'2026-01-02'}", "the option \"dates\" stands twice"},
      {"{'dates':'2026-02-30'}", "dates \"2026-02-30\": February 2026 has no day 30"},
      {"{'dates':'2026-01-02..2026-01-01'}",
       "dates \"2026-01-02..2026-01-01\": the range ends before it begins"},
      {"{'dates':'2026-01-02T10:00'}",
       "dates \"2026-01-02T10:00\": a time needs an end: write FROM..UNTIL"},
      {"{'dates':'2026-01-01..2026-01-02T10:00'}", "dates \"2026-01-01..2026-01-02T10:00\": both "
                                                   "ends must be dates, or times, or times with an "
                                                   "offset"},
      {"{'times':'22:00'}", "times \"22:00\": a range of times is written as 22:00-06:00"},
      {"{'times':'22:00-22:00'}",
       "times \"22:00-22:00\": the range is empty: a whole day is 00:00-24:00"},
      {"{'times':'25:00-26:00'}", "times \"25:00-26:00\": hour 25 is over 23"},
      {"{'yearly':'13-01'}", "yearly \"13-01\": month 13 is over 12"},
      {"{'weekdays':'sat,son'}",
       "weekdays \"son\": unknown weekday \"son\", did you mean \"mon\"?"},
      {"{'cron':'61 * * * *'}", "cron \"61 * * * *\": minute 61 is over 59, column 1"},
      {"{'cron':'CRON_TZ=Asia/Tokyo * * * * *'}",
       "cron \"CRON_TZ=Asia/Tokyo * * * * *\": give the calendar the time zone"},
      {"{'cron':'CRON_TZ=UTC * * * * *'}",
       "cron \"CRON_TZ=UTC * * * * *\": give the calendar the time zone"},
      {"{'events':'cron 0 12 * * *'}",
       "\"cron 0 12 * * *\": an event is written as LENGTH of TRIGGER, 2h of cron 0 12 * * *"},
      {"{'events':'2h of every 5h'}", "\"every 5h\" never begins: it may need a start"},
      {"{'events':'400d of @daily'}", "an event lasts from 1s to 366d"},
      {"{'events':'1h of any_of (@daily)'}",
       "\"any_of (@daily)\" must be a plain trigger, without any_of, all_of, except, limit or "
       "jitter"},
      {"{'weekdays':'sat','timezone':'Mars/Base'}", "unknown time zone \"Mars/Base\""},
      {"{'ics':'hello'}", "ics: the text of an iCalendar file begins with BEGIN:VCALENDAR"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct calendar *calendar;
    struct error error = {0};
    if (!read_calendar(cases[i].input, &calendar, &error))
      fail_msg("%s was read", cases[i].input);
    assert_null(calendar);
    assert_string_equal(error.text, cases[i].error);
  }
}

/* ---- what is covered ---- */

static bool covers(const struct calendar *calendar, const struct zone *zone, int64_t utc_s)
{
  int64_t until_s;
  bool covers = calendar_covers(calendar, zone, utc_s, &until_s);
  assert_true(until_s > utc_s);
  return covers;
}

static int64_t local_of(const char *text)
{
  int64_t us;
  assert_int_equal(instant_parse(text, NULL, &us, NULL), ERROR_OK);
  return us / S;
}

static void covers_what_it_says(void **state)
{
  (void)state;
  static const struct {
    const char *json, *time; /* UTC */
    bool covers;
  } cases[] = {
      {"{'dates':'2026-12-24..2026-12-26'}", "2026-12-23T23:59:59", false},
      {"{'dates':'2026-12-24..2026-12-26'}", "2026-12-24T00:00:00", true},
      {"{'dates':'2026-12-24..2026-12-26'}", "2026-12-26T23:59:59", true},
      {"{'dates':'2026-12-24..2026-12-26'}", "2026-12-27T00:00:00", false},
      {"{'dates':'2026-12-24','timezone':'Asia/Tokyo'}", "2026-12-23T15:00:00", true},
      {"{'dates':'2026-12-24','timezone':'Asia/Tokyo'}", "2026-12-24T15:00:00", false},
      {"{'dates':'2026-12-24T10:00Z..2026-12-24T11:00Z','timezone':'Asia/Tokyo'}",
       "2026-12-24T10:00:00", true},
      {"{'dates':'2026-12-24T10:00..2026-12-24T11:00','timezone':'Asia/Tokyo'}",
       "2026-12-24T01:00:00", true},
      {"{'weekdays':'sat,sun'}", "2026-11-20T23:59:59", false},
      {"{'weekdays':'sat,sun'}", "2026-11-21T00:00:00", true},
      {"{'weekdays':'sat,sun'}", "2026-11-22T23:59:59", true},
      {"{'weekdays':'sat,sun'}", "2026-11-23T00:00:00", false},
      {"{'times':'22:00-06:00'}", "2026-11-20T21:59:59", false},
      {"{'times':'22:00-06:00'}", "2026-11-20T22:00:00", true},
      {"{'times':'22:00-06:00'}", "2026-11-20T05:59:59", true},
      {"{'times':'22:00-06:00'}", "2026-11-20T06:00:00", false},
      {"{'yearly':'02-29'}", "2028-02-29T12:00:00", true},
      {"{'yearly':'02-29'}", "2027-03-01T12:00:00", false},
      {"{'yearly':'12-31'}", "9999-12-31T23:59:59", true},
      {"{'cron':'* * 1-7 * *'}", "2026-11-07T23:59:59", true},
      {"{'cron':'* * 1-7 * *'}", "2026-11-08T00:00:00", false},
      {"{'cron':'30 12 * * *'}", "2026-11-08T12:30:59", true},
      {"{'cron':'30 12 * * *'}", "2026-11-08T12:31:00", false},
      {"{'cron':'5 30 12 * * *'}", "2026-11-08T12:30:05", true},
      {"{'cron':'5 30 12 * * *'}", "2026-11-08T12:30:06", false},
      {"{'cron':'5\\t30\\t12\\t*\\t* *'}", "2026-11-08T12:30:06", false},
      {"{'cron':'@hourly'}", "2026-11-08T12:00:59", true},
      {"{'events':'90m of cron 0 12 * * *','timezone':'Asia/Tokyo'}", "2026-11-08T04:29:59", true},
      {"{'events':'90m of cron 0 12 * * *','timezone':'Asia/Tokyo'}", "2026-11-08T04:30:00", false},
      {"{'events':'90m of cron 0 12 * * * timezone=UTC','timezone':'Asia/Tokyo'}",
       "2026-11-08T12:00:00", true},
      {"{'events':'3d of cron 0 12 * * *'}", "2026-11-08T11:00:00", true},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct calendar *calendar = make(cases[i].json);
    if (covers(calendar, zone_utc(), local_of(cases[i].time)) != cases[i].covers)
      fail_msg("%s at %s", cases[i].json, cases[i].time);
    calendar_destroy(calendar);
  }
}

/* What is said of a span is true of each moment in it, asked one by one. */
static void spans_hold(void **state)
{
  (void)state;
  static const char *const calendars[] = {
      "{'weekdays':'sat,sun','times':'22:00-06:00'}",
      "{'yearly':'02-29,12-25,12-26','dates':'2026-11-30..2026-12-03'}",
      "{'cron':'*/2 9-17 * * 1-5'}",
      "{'cron':'* 9-17 1-7 * *','weekdays':'mon'}",
      "{'cron':'*/20 * * * * *'}",
      "{'events':'90m of cron 0 */3 * * * | 5h of every 7h "
      "start=2026-01-01','times':'10:00-10:30'}",
      "{'times':'00:00-12:00,12:00-24:00','timezone':'America/New_York'}",
      "{'times':'01:30-02:30','timezone':'Europe/Berlin'}",
      "{'dates':'2026-10-25T02:00..2026-10-25T03:00','timezone':'Europe/Berlin'}",
  };
  static const char *const zones[] = {"UTC", "Europe/Berlin", "Australia/Lord_Howe"};
  for (size_t i = 0; i < COUNT(calendars); i++)
    for (size_t z = 0; z < COUNT(zones); z++) {
      const struct zone *zone;
      struct calendar *calendar = make(calendars[i]);
      assert_int_equal(zone_find(zones[z], &zone, NULL), ERROR_OK);
      for (int round = 0; round < 150; round++) {
        int64_t until_s, at_s = INT64_C(1774310400) + rand() % (366 * 86400), inside_s;
        if (round % 3 == 0) /* around the changes of Berlin's clock */
          at_s = (round % 2 ? INT64_C(1774746000) : INT64_C(1792890000)) + rand() % 20000 - 10000;
        bool covered = calendar_covers(calendar, zone, at_s, &until_s);
        int64_t span_s = until_s - at_s < 100000 ? until_s - at_s : 100000;
        for (int k = 0; k < 60; k++) {
          inside_s = at_s + rand() % span_s;
          if (covers(calendar, zone, inside_s) != covered)
            fail_msg("%s in %s: %ld is not as %ld, until %ld", calendars[i], zones[z],
                     (long)inside_s, (long)at_s, (long)until_s);
        }
      }
      calendar_destroy(calendar);
    }
}

/* A weekend of every second is one leap. */
static void leaps_are_long(void **state)
{
  (void)state;
  static const struct {
    const char *json, *from, *until;
  } cases[] = {
      {"{'weekdays':'sat,sun','dates':'2026-11-23','yearly':'11-24'}", "2026-11-21", "2026-11-25"},
      {"{'cron':'* * 1-7 * *'}", "2026-12-01", "2026-12-08"},
      {"{'times':'22:00-06:00','weekdays':'sat,sun'}", "2026-11-20 22:00", "2026-11-23 06:00"},
      {"{'yearly':'02-29'}", "2026-12-01", "2028-02-29"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t until_s;
    struct calendar *calendar = make(cases[i].json);
    calendar_covers(calendar, zone_utc(), local_of(cases[i].from), &until_s);
    assert_int_equal(until_s, local_of(cases[i].until));
    calendar_destroy(calendar);
  }
}

/* ---- iCalendar ---- */

#define ICS(lines)   "{'ics':'BEGIN:VCALENDAR\\r\\nVERSION:2.0\\r\\n" lines "END:VCALENDAR\\r\\n'}"
#define EVENT(lines) "BEGIN:VEVENT\\r\\n" lines "END:VEVENT\\r\\n"

static void reads_ics(void **state)
{
  (void)state;
  static const struct {
    const char *input, *json;
  } cases[] = {
      {ICS(EVENT("DTSTART;VALUE=DATE:20261225\\r\\n")), "{'dates':'2026-12-25'}"},
      {ICS(EVENT("DTSTART;VALUE=DATE:20261224\\r\\nDTEND;VALUE=DATE:20261227\\r\\n")),
       "{'dates':'2026-12-24..2026-12-26'}"},
      {ICS(EVENT("DTSTART:20261224T1\\r\\n 20000\\nDTEND:20261224T180000\\n")),
       "{'dates':'2026-12-24T12:00:00..2026-12-24T18:00:00'}"},
      {ICS(EVENT("DTSTART;TZID=Europe/Berlin:20261224T120000\\r\\nDURATION:PT1H30M\\r\\n")),
       "{'dates':'2026-12-24T11:00:00Z..2026-12-24T12:30:00Z'}"},
      {ICS(EVENT("DTSTART;TZID=\\\"/x.org/2026/Europe/Berlin\\\":20261224T120000\\r\\n"
                 "DTEND:20261224T113000Z\\r\\n")),
       "{'dates':'2026-12-24T11:00:00Z..2026-12-24T11:30:00Z'}"},
      {ICS(EVENT("SUMMARY;X=\\\"a:b;c\\\":Christmas\\\\, the day\\r\\nDTSTART:20261225\\r\\n"
                 "BEGIN:VALARM\\r\\nTRIGGER:-PT1H\\r\\nDURATION:PT5M\\r\\nEND:VALARM\\r\\n")
               EVENT("DTSTART:20261225T100000Z\\r\\n")
                   EVENT("STATUS:CANCELLED\\r\\nDTSTART:20261226\\r\\n")),
       "{'dates':'2026-12-25'}"},
      {ICS(EVENT("UID:a\\r\\nDTSTART:20261225\\r\\nRRULE:FREQ=YEARLY\\r\\n")
               EVENT("UID:a\\r\\nRECURRENCE-ID:20271225\\r\\nDTSTART:20271227\\r\\n")),
       "{'dates':'2027-12-27','events':'1d of rrule FREQ=YEARLY dtstart=20261225 "
       "exdate=20271225'}"},
      {ICS(EVENT("DTSTART;TZID=Europe/Berlin:20261224T120000\\r\\nDURATION:PT1H\\r\\n"
                 "RRULE:FREQ=WEEKLY;COUNT=3\\r\\nEXDATE:20261231T110000Z\\r\\n")),
       "{'events':'1h of rrule FREQ=WEEKLY;COUNT=3 dtstart=20261224T120000 "
       "exdate=20261231T120000 timezone=Europe/Berlin'}"},
      {ICS(EVENT(
           "EXDATE:20261231T110000Z\\r\\nRDATE:20270120T110000Z\\r\\nDURATION:PT1H\\r\\n"
           "RRULE:FREQ=WEEKLY;COUNT=3\\r\\nDTSTART;TZID=Europe/Berlin:20261224T120000\\r\\n")),
       "{'events':'1h of rrule FREQ=WEEKLY;COUNT=3 dtstart=20261224T120000 "
       "rdate=20270120T120000 exdate=20261231T120000 timezone=Europe/Berlin'}"},
      {ICS(EVENT("UID:a\\r\\nDTSTART:20261224\\r\\nRDATE:20261226,20261228\\r\\n")
               EVENT("UID:a\\r\\nRECURRENCE-ID:20261226\\r\\nDTSTART:20261227\\r\\n")),
       "{'dates':'2026-12-27','events':'1d of rrule FREQ=DAILY;COUNT=1 dtstart=20261224 "
       "rdate=20261226,20261228 exdate=20261226'}"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct calendar *calendar = make(cases[i].input);
    check_written(calendar, cases[i].json);
    calendar_destroy(calendar);
  }
}

static void refuses_ics_with_the_line(void **state)
{
  (void)state;
  static const struct {
    const char *input, *error;
  } cases[] = {
      {ICS("hello\\r\\n"), "ics: line 3: \"hello\" has no colon"},
      {ICS(EVENT("DTSTART:20261\\n 325\\r\\n")),
       "ics: line 4: \"20261325\" is not a date or a time"},
      {ICS(EVENT("SUMMARY:x\\r\\n")), "ics: line 5: the event has no DTSTART"},
      {ICS(EVENT("DTSTART;TZID=Mars:20261225T000000\\r\\n")),
       "ics: line 4: unknown time zone \"Mars\""},
      {ICS(EVENT("DTSTART:20261225T000000\\r\\nDURATION:1H\\r\\n")),
       "ics: line 5: \"1H\" is not a duration"},
      {"{'ics':'BEGIN:VCALENDAR\\nBEGIN:VEVENT\\nDTSTART:20261225'}",
       "ics: line 3: the event is not ended"},
      {ICS(""), "it is empty: give it dates, weekdays, times, yearly, cron, events or ics"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct calendar *calendar;
    struct error error = {0};
    if (!read_calendar(cases[i].input, &calendar, &error))
      fail_msg("%s was read", cases[i].input);
    if (strncmp(error.text, cases[i].error, strlen(cases[i].error)) != 0)
      assert_string_equal(error.text, cases[i].error);
  }
}

static void broken_ics_ends(void **state)
{
  (void)state;
  static const char text[] =
      "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=Europe/Berlin:20261224T120000\r\n"
      "DURATION:P1DT2H\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU;COUNT=30\r\nEXDATE:20261231T110000Z,202\r\n"
      " 70107T110000Z\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID:20270114T110000Z\r\n"
      "DTSTART;VALUE=DATE:20270115\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
  for (int round = 0; round < 5000; round++) {
    char copy[sizeof text];
    memcpy(copy, text, sizeof text);
    for (int edits = rand() % 4; edits >= 0; edits--) {
      size_t at = 15 + (size_t)rand() % (sizeof text - 16);
      static const char bytes[] = "\r\n :;=\"0129TZPVE,/";
      copy[at] = bytes[(size_t)rand() % (sizeof bytes - 1)];
    }
    if (round % 5 == 0)
      copy[15 + (size_t)rand() % (sizeof text - 16)] = '\0';
    struct json ics = {.type = JSON_STRING, .key = "ics"},
                object = {.type = JSON_OBJECT, .count = 1, .as.first = &ics};
    char *exact = strdup(copy); /* so that reading beyond it is seen */
    ics.as.string.data = exact;
    ics.as.string.size = strlen(exact);
    struct calendar *calendar;
    if (!calendar_from_json(&object, &calendar, NULL)) {
      covers(calendar, zone_utc(), rand());
      calendar_destroy(calendar);
    }
    free(exact);
  }
}

/* ---- names ---- */

static void define(const char *name, const char *json)
{
  struct json_document *document;
  struct error error = {0};
  assert_int_equal(json_parse(json, strlen(json), &document, &error), ERROR_OK);
  if (calendar_define(name, json_root(document), &error))
    fail_msg("%s", error.text);
  json_free(document);
}

static bool is_defined(const char *text)
{
  const struct calendar_name *name = NULL;
  while ((name = calendar_next_defined(name)))
    if (strcmp(calendar_name_text(name), text) == 0)
      return true;
  return false;
}

static void what_is_defined_can_be_listed(void **state)
{
  (void)state;
  define("one", "{\"weekdays\":\"sat\"}");
  assert_int_equal(calendar_reserve("two", NULL), ERROR_OK);
  define("three", "{\"weekdays\":\"sun\"}");
  assert_true(is_defined("one") && !is_defined("two") && is_defined("three"));
  calendar_undefine("three");
  assert_true(is_defined("one") && !is_defined("three"));
}

static const struct calendar *meaning_of(const char *text)
{
  const struct calendar_name *name;
  assert_int_equal(calendar_find(text, &name, NULL), ERROR_OK);
  return calendar_name_meaning(name);
}

/* A failed load defines all again that is stored, so the same must not be kept twice. */
static void what_is_defined_again_is_the_same(void **state)
{
  (void)state;
  define("again", "{\"weekdays\":\"sat,sun\"}");
  const struct calendar *first = meaning_of("again");
  define("again", "{\"weekdays\":\"fri\"}");
  assert_ptr_not_equal(meaning_of("again"), first);
  define("again", "{\"weekdays\":[\"sun\",\"sat\"]}");
  assert_ptr_equal(meaning_of("again"), first);
  calendar_undefine("again");
  assert_null(meaning_of("again"));
  define("again", "{\"weekdays\":\"sat,sun\"}");
  define("likewise", "{\"weekdays\":\"sat,sun\"}");
  assert_ptr_equal(meaning_of("again"), first);
  assert_ptr_equal(meaning_of("likewise"), first);
}

static void names_follow_their_definition(void **state)
{
  (void)state;
  int64_t us;
  define("weekends", "{\"weekdays\":\"sat,sun\"}");
  define("holidays", "{\"dates\":\"2026-11-23\"}");
  struct trigger *trigger = parse("0 9 * * * except=weekends,holidays");
  check_forms(trigger, "cron 0 9 * * * timezone=UTC except=weekends,holidays");
  assert_true(trigger_next(trigger, NOW, &us));
  assert_int_equal(us, NOW + (3 * 86400 + 9 * 3600) * S); /* Tuesday */
  define("holidays", "{\"dates\":\"2026-11-24\"}");
  assert_true(trigger_next(trigger, NOW, &us));
  assert_int_equal(us, NOW + (2 * 86400 + 9 * 3600) * S); /* Monday */
  define("weekends", "{\"weekdays\":\"mon-sun\"}");
  assert_false(trigger_next(trigger, NOW, &us));
  calendar_undefine("weekends");
  assert_true(trigger_next(trigger, NOW, &us));
  assert_int_equal(us, NOW + 9 * 3600 * S);
  trigger_destroy(trigger);
  check_refused(
      "@daily except=hollidays",
      "cron \"@daily\": except \"hollidays\": unknown calendar \"hollidays\", did you mean "
      "\"holidays\"?");
  assert_int_equal(calendar_reserve("later", NULL), ERROR_OK);
  trigger_destroy(parse("@daily except=later"));
  check_explained("every 1h except=holidays,later limit=2",
                  "Every hour, except holidays and later, at most 2 times");
  struct error error;
  assert_int_equal(calendar_reserve("a b", &error), ERROR_INVALID);
  assert_string_equal(error.text,
                      "calendar: the name \"a b\" must be of letters, digits, _, - and .");
}

static void *ask(void *argument)
{
  struct trigger *trigger = parse("* * * * * except=busy");
  int64_t us = NOW;
  for (int i = 0; i < 20000; i++)
    assert_true(trigger_next(trigger, us, &us));
  trigger_destroy(trigger);
  return argument;
}

static void names_change_under_readers(void **state)
{
  (void)state;
  pthread_t threads[2];
  define("busy", "{\"times\":\"12:00-13:00\"}");
  for (size_t i = 0; i < COUNT(threads); i++)
    pthread_create(&threads[i], NULL, ask, NULL);
  for (int i = 0; i < 500; i++)
    define("busy", i % 2 ? "{\"times\":\"12:00-13:00\"}" : "{\"weekdays\":\"sat\"}");
  for (size_t i = 0; i < COUNT(threads); i++)
    pthread_join(threads[i], NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forms_round_trip),
      cmocka_unit_test(refuses_with_words),
      cmocka_unit_test(covers_what_it_says),
      cmocka_unit_test(spans_hold),
      cmocka_unit_test(leaps_are_long),
      cmocka_unit_test(reads_ics),
      cmocka_unit_test(refuses_ics_with_the_line),
      cmocka_unit_test(broken_ics_ends),
      cmocka_unit_test(what_is_defined_can_be_listed),
      cmocka_unit_test(what_is_defined_again_is_the_same),
      cmocka_unit_test(names_follow_their_definition),
      cmocka_unit_test(names_change_under_readers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
