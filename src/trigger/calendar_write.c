/* Calendars as JSON texts and in words. */
#include "time/duration.h"
#include "time/instant.h"
#include "trigger/calendar_data.h"
#include "trigger/member.h"

enum { SAID_MAX = 3 };

/* ---- JSON ---- */

static void put_buffer(struct json_writer *writer, const char *name, struct buffer *text)
{
  if (text->size > 0)
    json_put_text(writer, name, text->data);
  buffer_deinit(text);
}

static bool is_days(const struct range *range)
{
  return range->from_s % CIVIL_DAY_S == 0 && range->until_s % CIVIL_DAY_S == 0;
}

static void append_moment(struct buffer *out, int64_t at_s, const char *suffix)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format(text, at_s * 1000000);
  buffer_printf(out, "%.19s%s", text, suffix);
}

/* `between` stands between the ends. */
static void append_range(struct buffer *out, const struct range *range, bool is_instant,
                         const char *between)
{
  char day[MEMBER_TEXT_SIZE];
  if (is_instant || !is_days(range)) {
    const char *suffix = is_instant ? "Z" : "";
    append_moment(out, range->from_s, suffix);
    buffer_append_text(out, between);
    append_moment(out, range->until_s, suffix);
    return;
  }
  int64_t first = range->from_s / CIVIL_DAY_S, last = range->until_s / CIVIL_DAY_S - 1;
  buffer_append_text(out, member_date_text(day, first));
  if (last > first)
    buffer_printf(out, "%s%s", between, member_date_text(day, last));
}

static void append_ranges(struct buffer *out, const struct ranges *ranges, bool is_instant)
{
  for (size_t i = 0; i < ranges->count; i++) {
    buffer_append_text(out, out->size ? "," : "");
    append_range(out, &ranges->items[i], is_instant, "..");
  }
}

static void append_time(struct buffer *out, int64_t second)
{
  char text[MEMBER_TEXT_SIZE];
  if (second == CIVIL_DAY_S)
    buffer_append_text(out, "24:00");
  else
    buffer_append_text(out, member_clock_text(text, (int32_t)second));
}

/* A range that begins at midnight goes on one that ends there. */
static void append_times(struct buffer *out, const struct ranges *times, const char *between,
                         const char *separator)
{
  size_t count = times->count;
  bool wraps =
      count > 1 && times->items[0].from_s == 0 && times->items[count - 1].until_s == CIVIL_DAY_S;
  for (size_t i = wraps; i < count; i++) {
    bool is_last = wraps && i == count - 1;
    buffer_append_text(out, i > wraps ? separator : "");
    append_time(out, times->items[i].from_s);
    buffer_append_text(out, between);
    append_time(out, is_last ? times->items[0].until_s : times->items[i].until_s);
  }
}

static void append_yearly(struct buffer *out, const uint32_t *yearly)
{
  for (int month = 1; month <= 12; month++)
    for (int day = 1; day <= 31; day++)
      if (yearly[month] >> day & 1)
        buffer_printf(out, "%s%02d-%02d", out->size ? "," : "", month, day);
}

static void append_events(struct buffer *out, const struct calendar *calendar)
{
  char length[DURATION_TEXT_SIZE];
  for (size_t i = 0; i < calendar->event_count; i++) {
    const struct calendar_event *event = &calendar->events[i];
    duration_format(length, event->length_s * 1000000);
    buffer_printf(out, "%s%s of %s", i ? " | " : "", length, event->text);
  }
}

void calendar_to_json(const struct calendar *calendar, struct json_writer *writer)
{
  struct buffer text = {0};
  json_begin_object(writer);
  append_ranges(&text, &calendar->local, false);
  append_ranges(&text, &calendar->instants, true);
  put_buffer(writer, "dates", &text);
  if (calendar->weekdays)
    member_put_weekdays(writer, "weekdays", calendar->weekdays);
  append_times(&text, &calendar->times, "-", ",");
  put_buffer(writer, "times", &text);
  append_yearly(&text, calendar->yearly);
  put_buffer(writer, "yearly", &text);
  if (calendar->cron)
    json_put_text(writer, "cron", calendar->cron_text);
  append_events(&text, calendar);
  put_buffer(writer, "events", &text);
  if (calendar->zone)
    json_put_text(writer, "timezone", zone_name(calendar->zone));
  json_end_object(writer);
}

/* ---- words ---- */

/* "on ..., and between ..., and while ..." */
static void begin_part(struct buffer *out, int *said)
{
  buffer_append_text(out, (*said)++ ? " and " : "");
}

static void say_dates(struct buffer *out, const struct ranges *ranges, bool is_instant, int *said)
{
  if (ranges->count == 0)
    return;
  begin_part(out, said);
  if (ranges->count > SAID_MAX) {
    buffer_printf(out, "on %zu dates or ranges from ", ranges->count);
    struct range whole = {ranges->items[0].from_s, ranges->items[ranges->count - 1].until_s};
    append_range(out, &whole, is_instant, " to ");
    return;
  }
  buffer_append_text(out, "on ");
  for (size_t i = 0; i < ranges->count; i++) {
    buffer_append_text(out, i ? ", " : "");
    append_range(out, &ranges->items[i], is_instant, " to ");
  }
}

static void say_yearly(struct buffer *out, const uint32_t *yearly, int *said)
{
  int count = 0, shown = 0;
  for (int month = 1; month <= 12; month++)
    count += __builtin_popcount(yearly[month]);
  if (count == 0)
    return;
  begin_part(out, said);
  if (count > SAID_MAX) {
    buffer_printf(out, "on %d days of every year", count);
    return;
  }
  buffer_append_text(out, "every ");
  for (int month = 1; month <= 12; month++)
    for (int day = 1; day <= 31; day++)
      if (yearly[month] >> day & 1)
        buffer_printf(out, "%s%d %s", shown++ ? ", " : "", day, civil_month_name(month));
}

static void say_events(struct buffer *out, const struct calendar *calendar, int *said)
{
  char length[DURATION_TEXT_SIZE];
  if (calendar->event_count == 0)
    return;
  begin_part(out, said);
  if (calendar->event_count > SAID_MAX) {
    buffer_printf(out, "during %zu recurring events", calendar->event_count);
    return;
  }
  for (size_t i = 0; i < calendar->event_count; i++) {
    duration_format(length, calendar->events[i].length_s * 1000000);
    buffer_printf(out, "%sduring the %s of %s", i ? " and " : "", length, calendar->events[i].text);
  }
}

void calendar_explain(const struct calendar *calendar, struct buffer *out)
{
  int said = 0;
  if (calendar->weekdays) {
    begin_part(out, &said);
    buffer_append_text(out, "on ");
    member_say_weekdays(out, calendar->weekdays);
  }
  say_yearly(out, calendar->yearly, &said);
  say_dates(out, &calendar->local, false, &said);
  say_dates(out, &calendar->instants, true, &said);
  if (calendar->times.count > 0) {
    begin_part(out, &said);
    buffer_append_text(out, "from ");
    append_times(out, &calendar->times, " to ", " and from ");
  }
  if (calendar->cron) {
    begin_part(out, &said);
    buffer_printf(out, "while cron %s matches", calendar->cron_text);
  }
  say_events(out, calendar, &said);
  if (calendar->zone)
    buffer_printf(out, " (%s)", zone_name(calendar->zone));
}
