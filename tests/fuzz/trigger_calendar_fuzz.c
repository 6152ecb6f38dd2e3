/* Calendars, of which iCalendar files are one form: what is read is written in a form that reads
 * back the same, and what an instant is told holds for as long as it is said to. The head chooses
 * the moment and whether the text is an iCalendar file. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"
#include "driver.h"
#include "trigger/calendar.h"

#define EVENT(lines) "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" lines "END:VEVENT\r\nEND:VCALENDAR\r\n"

static const char *const seeds[] = {
    EVENT("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\n"),
    EVENT("DTSTART;TZID=Europe/Berlin:20261224T120000\r\nDURATION:PT36H\r\nRRULE:FREQ=YEARLY\r\n"),
    EVENT("UID:a\r\nDTSTART:20260105T220000Z\r\nDTEND:20260106T060000Z\r\nRRULE:FREQ=WEEKLY;BYDAY"
          "=MO,TU\r\nEXDATE:202601\r\n 12T220000Z\r\nRDATE:20260117T220000Z\r\n"),
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:20260101\nEND:VEVENT\n"
    "BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20270114T110000Z\nDTSTART;VALUE=DATE:20270115\nEND:VEVENT\n"
    "END:VCALENDAR\n",
    "{\"dates\":\"2026-12-25,2026-12-24..2027-01-02\",\"weekdays\":\"sat,sun\"}",
    "{\"times\":\"22:00-06:00\",\"yearly\":\"12-25,02-29\",\"timezone\":\"Asia/Tokyo\"}",
    "{\"cron\":\"* * 1-7 * *\",\"dates\":\"2026-12-31T18:00..2027-01-01T06:00\"}",
    "{\"events\":\"1d of rrule FREQ=YEARLY dtstart=2026-12-25 | 2h of cron 0 12 * * *\"}",
    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .head_size = FUZZ_HEAD_SIZE};

enum { SPANS = 20 };

static struct calendar *read_json(const char *text, struct error *error)
{
  struct json_document *document = NULL;
  struct calendar *calendar = NULL;
  if (!json_parse(text, strlen(text), &document, error))
    if (calendar_from_json(json_root(document), &calendar, error))
      calendar = NULL;
  json_free(document);
  return calendar;
}

static char *as_ics(const char *text)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_begin_object(&writer);
  json_put_text(&writer, "ics", text);
  json_end_object(&writer);
  return buffer_take(&out);
}

static char *write_json(const struct calendar *calendar)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  calendar_to_json(calendar, &writer);
  return buffer_take(&out);
}

static void check_spans(const struct calendar *calendar, int64_t at_s)
{
  for (int i = 0; i < SPANS; i++) {
    int64_t until_s = 0, later_s = 0;
    bool covers = calendar_covers(calendar, zone_utc(), at_s, &until_s);
    if (until_s <= at_s)
      fuzz_fail("what holds at %lld ends at %lld", (long long)at_s, (long long)until_s);
    if (until_s == INT64_MAX)
      return;
    if (calendar_covers(calendar, zone_utc(), at_s + (until_s - at_s) / 2, &later_s) != covers ||
        calendar_covers(calendar, zone_utc(), until_s - 1, &later_s) != covers)
      fuzz_fail("what holds at %lld does not hold until %lld", (long long)at_s, (long long)until_s);
    at_s = until_s;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct fuzz_input input = fuzz_read(data, size);
  struct error error = {0};
  char *json = input.text[0] == '{' ? memory_strdup(input.text) : as_ics(input.text);
  struct calendar *calendar = read_json(json, &error);
  if (!calendar && !error.text[0])
    fuzz_fail("%s is refused without a reason", json);
  if (calendar) {
    fuzz_accepted++;
    struct buffer said = {0};
    calendar_explain(calendar, &said);
    buffer_deinit(&said);
    char *written = write_json(calendar);
    struct calendar *again = read_json(written, &error);
    if (!again)
      fuzz_fail("%s is written as %s, which is refused: %s", json, written, error.text);
    char *twice = write_json(again);
    if (strcmp(written, twice) != 0)
      fuzz_fail("%s is written as %s, and that as %s", json, written, twice);
    check_spans(calendar, input.start_us / 1000000);
    calendar_destroy(again);
    free(written);
    free(twice);
  }
  calendar_destroy(calendar);
  free(json);
  free(input.text);
  return 0;
}
