/* Calendars as JSON: objects of texts, lists with commas between their items. What is read is
 * brought into order (ranges sorted and joined), so that there is one way to write each calendar;
 * only cron and events keep the texts that they were given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "time/duration.h"
#include "time/instant.h"
#include "trigger/calendar_data.h"
#include "trigger/combine.h"
#include "trigger/cron.h"
#include "trigger/kind.h"
#include "trigger/member.h"

enum { EVENT_LENGTH_MAX_S = 366 * CIVIL_DAY_S, EVENT_SEPARATOR = '|' };

static const char *const members[] = {"dates",  "weekdays", "times",    "yearly", "cron",
                                      "events", "ics",      "timezone", NULL};

/* ---- ranges ---- */

void ranges_add(struct ranges *ranges, int64_t from_s, int64_t until_s)
{
  if (ranges->count == ranges->capacity) {
    ranges->capacity = ranges->capacity ? ranges->capacity * 2 : 8;
    ranges->items = memory_resize(ranges->items, ranges->capacity * sizeof *ranges->items);
  }
  ranges->items[ranges->count++] = (struct range){from_s, until_s};
}

static int compare_ranges(const void *a, const void *b)
{
  const struct range *x = a, *y = b;
  return (x->from_s > y->from_s) - (x->from_s < y->from_s);
}

void ranges_finish(struct ranges *ranges)
{
  size_t kept = 0;
  if (ranges->count == 0)
    return;
  qsort(ranges->items, ranges->count, sizeof *ranges->items, compare_ranges);
  for (size_t i = 1; i < ranges->count; i++) {
    struct range *last = &ranges->items[kept];
    if (ranges->items[i].from_s > last->until_s)
      ranges->items[++kept] = ranges->items[i];
    else if (ranges->items[i].until_s > last->until_s)
      last->until_s = ranges->items[i].until_s;
  }
  ranges->count = kept + 1;
}

/* ---- reading ---- */

/* The moment that a text means: a whole day, or a second, of the wall clock or of UTC. */
struct moment {
  int64_t from_s;
  bool is_day, is_instant;
};

static enum error_code read_moment(const char *text, struct moment *moment, struct error *error)
{
  int64_t us;
  enum error_code code = instant_parse(text, NULL, &us, error);
  if (code)
    return code;
  *moment = (struct moment){
      .from_s = instant_seconds(us),
      .is_day = strlen(text) == strlen("2026-12-25"),
      .is_instant = strpbrk(text, "Zz+") || (strlen(text) > 10 && strchr(text + 10, '-')),
  };
  return ERROR_OK;
}

static enum error_code add_dates(void *context, const char *item, struct error *error)
{
  struct calendar *calendar = context;
  struct moment first, last;
  const char *dots = strstr(item, "..");
  if (calendar->local.count + calendar->instants.count >= CALENDAR_RANGES_MAX)
    return error_set(error, ERROR_LIMIT, "more than %d ranges", CALENDAR_RANGES_MAX);
  char *begin = memory_copy(item, dots ? (size_t)(dots - item) : strlen(item));
  enum error_code code = read_moment(begin, &first, error);
  last = first;
  if (!code && dots)
    code = read_moment(dots + 2, &last, error);
  if (!code && !dots && !first.is_day)
    code = error_set(error, ERROR_INVALID, "a time needs an end: write FROM..UNTIL");
  if (!code && (first.is_day != last.is_day || first.is_instant != last.is_instant))
    code = error_set(error, ERROR_INVALID,
                     "both ends must be dates, or times, or times with an offset");
  if (!code && last.from_s + first.is_day <= first.from_s)
    code = error_set(error, ERROR_INVALID, "the range ends before it begins");
  free(begin);
  if (!code)
    ranges_add(first.is_instant ? &calendar->instants : &calendar->local, first.from_s,
               last.from_s + (last.is_day ? CIVIL_DAY_S : 0));
  return code;
}

static enum error_code add_times(void *context, const char *item, struct error *error)
{
  struct calendar *calendar = context;
  int32_t from_s, until_s = CIVIL_DAY_S;
  const char *dash = strchr(item, '-');
  if (!dash)
    return error_set(error, ERROR_INVALID, "a range of times is written as 22:00-06:00");
  char *begin = memory_copy(item, (size_t)(dash - item));
  enum error_code code = member_parse_clock(begin, &from_s, error);
  if (!code && strcmp(dash + 1, "24:00") != 0)
    code = member_parse_clock(dash + 1, &until_s, error);
  free(begin);
  if (!code && from_s == until_s)
    code = error_set(error, ERROR_INVALID, "the range is empty: a whole day is 00:00-24:00");
  if (code)
    return code;
  if (until_s < from_s) {
    if (until_s > 0)
      ranges_add(&calendar->times, 0, until_s);
    until_s = CIVIL_DAY_S;
  }
  ranges_add(&calendar->times, from_s, until_s);
  return ERROR_OK;
}

static enum error_code add_yearly(void *context, const char *item, struct error *error)
{
  struct calendar *calendar = context;
  char date[sizeof "2000-12-25"];
  int64_t day;
  /* A leap year. */
  if (strlen(item) != strlen("12-25"))
    return error_set(error, ERROR_INVALID, "a day of every year is written as 12-25");
  snprintf(date, sizeof date, "2000-%s", item);
  enum error_code code = member_parse_date(date, &day, error);
  if (!code)
    calendar->yearly[civil_from_days(day).month] |= UINT32_C(1) << civil_from_days(day).day;
  return code;
}

/* Whether the cron matches each `step_s` of the `length_s` that begin with a match of it. */
static bool fills(const struct trigger *cron, int64_t from_s, int32_t step_s, int32_t length_s)
{
  int64_t begin_s = from_s - from_s % length_s, match_us;
  for (int64_t at_s = begin_s; at_s < begin_s + length_s; at_s += step_s)
    if (!trigger_next(cron, at_s * 1000000 - 1, &match_us) || match_us != at_s * 1000000)
      return false;
  return true;
}

static enum error_code read_cron(struct calendar *calendar, const struct json *value,
                                 struct error *error)
{
  const char *text = NULL;
  int64_t match_us;
  if (member_text(value, "cron", &text, error))
    return ERROR_INVALID;
  if (!text)
    return ERROR_OK;
  struct json expression = {.type = JSON_STRING, .key = "expression"},
              kind = {.type = JSON_STRING, .key = "kind", .next = &expression},
              object = {.type = JSON_OBJECT, .count = 2, .as.first = &kind};
  kind.as.string.data = "cron";
  kind.as.string.size = strlen("cron");
  expression.as.string.data = text;
  expression.as.string.size = strlen(text);
  enum error_code code = trigger_from_json(&object, "UTC", &calendar->cron, error);
  if (code)
    return code;
  if (cron_names_zone(calendar->cron))
    return error_set(error, ERROR_INVALID, "cron \"%.60s\": give the calendar the time zone", text);
  calendar->cron_text = memory_strdup(text);
  trigger_anchor(calendar->cron, 0, "");
  /* Minutes, hours and days match independently of each other, so one match tells for all how much
   * a match covers. */
  calendar->cron_unit_s = cron_has_seconds(calendar->cron) ? 1 : 60;
  if (!trigger_next(calendar->cron, 0, &match_us))
    return error_set(error, ERROR_INVALID, "cron \"%.60s\" never matches", text);
  static const int32_t units[] = {1, 60, 3600, CIVIL_DAY_S};
  for (size_t i = 1; i < sizeof units / sizeof units[0]; i++)
    if (calendar->cron_unit_s == units[i - 1] &&
        fills(calendar->cron, match_us / 1000000, units[i - 1], units[i]))
      calendar->cron_unit_s = units[i];
  return ERROR_OK;
}

/* Whether the text of a trigger names a zone for its wall clock. */
static bool names_zone(const char *text)
{
  struct json *tree;
  if (trigger_text_read(text, &tree, NULL))
    return false;
  bool names = json_get(tree, "timezone") != NULL;
  free(tree);
  return names;
}

enum error_code calendar_add_event(struct calendar *calendar, int64_t length_s, const char *text,
                                   struct error *error)
{
  struct trigger *trigger;
  int64_t first_us;
  if (calendar->event_count == CALENDAR_EVENTS_MAX)
    return error_set(error, ERROR_LIMIT, "more than %d events", CALENDAR_EVENTS_MAX);
  if (length_s < 1 || length_s > EVENT_LENGTH_MAX_S)
    return error_set(error, ERROR_INVALID, "an event lasts from 1s to 366d");
  enum error_code code = trigger_from_text(text, "UTC", &trigger, error);
  if (code)
    return code;
  if (trigger_is_compound(trigger))
    code = error_set(error, ERROR_INVALID, "\"%.60s\" must be a plain trigger, without %s", text,
                     "any_of, all_of, except, limit or jitter");
  else if (!trigger_next(trigger, INT64_MIN, &first_us))
    code = error_set(error, ERROR_INVALID, "\"%.60s\" never begins: it may need a start", text);
  if (code) {
    trigger_destroy(trigger);
    return code;
  }
  calendar->events =
      memory_resize(calendar->events, (calendar->event_count + 1) * sizeof *calendar->events);
  calendar->events[calendar->event_count++] = (struct calendar_event){
      .trigger = trigger,
      .text = memory_strdup(text),
      .length_s = length_s,
      .is_floating = trigger_timezone(trigger) && !names_zone(text),
  };
  return ERROR_OK;
}

/* "1d of rrule FREQ=YEARLY ..."; cuts the text. */
static enum error_code add_event_text(struct calendar *calendar, char *text, struct error *error)
{
  char *of = strstr(text, " of ");
  int64_t length_us;
  if (!of)
    return error_set(error, ERROR_INVALID,
                     "\"%.60s\": an event is written as LENGTH of TRIGGER, 2h of cron 0 12 * * *",
                     text);
  *of = '\0';
  enum error_code code = duration_parse(text, &length_us, error);
  return code ? code : calendar_add_event(calendar, length_us / 1000000, of + 4, error);
}

static enum error_code add_event_texts(struct calendar *calendar, const char *texts,
                                       struct error *error)
{
  enum error_code code = ERROR_OK;
  char *copy = memory_strdup(texts), *next = copy;
  while (!code && next) {
    char *text = next + strspn(next, " \t\r\n"), *end = strchr(text, EVENT_SEPARATOR);
    next = end ? end + 1 : NULL;
    end = end ? end : text + strlen(text);
    while (end > text && strchr(" \t\r\n", end[-1]))
      end--;
    *end = '\0';
    code = add_event_text(calendar, text, error);
  }
  free(copy);
  return code;
}

static enum error_code read_events(struct calendar *calendar, const struct json *value,
                                   struct error *error)
{
  const struct json *member = member_find(value, "events");
  const char *texts = NULL;
  if (!member)
    return ERROR_OK;
  if (member->type != JSON_ARRAY) {
    enum error_code code = member_text(value, "events", &texts, error);
    return code ? code : add_event_texts(calendar, texts, error);
  }
  json_each(item, member) {
    if (item->type != JSON_STRING)
      return error_set(error, ERROR_INVALID, "an event must be a string, not %s",
                       json_type_name(item->type));
    if (add_event_texts(calendar, item->as.string.data, error))
      return ERROR_INVALID;
  }
  return ERROR_OK;
}

static enum error_code read_ics(struct calendar *calendar, const struct json *value,
                                struct error *error)
{
  const char *text = NULL;
  enum error_code code = member_text(value, "ics", &text, error);
  return code || !text ? code : calendar_read_ics(calendar, text, strlen(text), error);
}

static enum error_code check_members(const struct json *value, struct error *error)
{
  char hint[128];
  if (value->type != JSON_OBJECT)
    return error_set(error, ERROR_INVALID, "a calendar must be an object, not %s",
                     json_type_name(value->type));
  json_each(member, value) {
    size_t i = 0;
    while (members[i] && strcmp(members[i], member->key) != 0)
      i++;
    if (!members[i])
      return error_set(error, ERROR_INVALID, "unknown option \"%.60s\"%s", member->key,
                       text_did_you_mean(hint, member->key, members));
    if (json_get(value, member->key) != member)
      return error_set(error, ERROR_INVALID, "the option \"%s\" stands twice", member->key);
  }
  return ERROR_OK;
}

static uint32_t find_parts(const struct calendar *calendar)
{
  bool says[PARTS] = {
      [PART_WEEKDAYS] = calendar->weekdays,       [PART_TIMES] = calendar->times.count,
      [PART_DATES] = calendar->local.count,       [PART_CRON] = calendar->cron,
      [PART_INSTANTS] = calendar->instants.count,
  };
  uint32_t mask = 0;
  for (int month = 1; month <= 12; month++)
    says[PART_YEARLY] |= calendar->yearly[month] != 0;
  for (size_t i = 0; i < calendar->event_count; i++)
    says[calendar->events[i].is_floating ? PART_FLOATING : PART_FIXED] = true;
  for (int part = 0; part < PARTS; part++)
    mask |= (uint32_t)says[part] << part;
  return mask;
}

static enum error_code read_members(struct calendar *calendar, const struct json *value,
                                    struct error *error)
{
  enum error_code code = check_members(value, error);
  if (!code && member_find(value, "timezone"))
    code = member_zone(value, NULL, &calendar->zone, error);
  if (!code)
    code = member_list(value, "dates", add_dates, calendar, error);
  if (!code)
    code = member_weekdays(value, "weekdays", &calendar->weekdays, error);
  if (!code)
    code = member_list(value, "times", add_times, calendar, error);
  if (!code)
    code = member_list(value, "yearly", add_yearly, calendar, error);
  if (!code)
    code = read_cron(calendar, value, error);
  if (!code)
    code = read_events(calendar, value, error);
  if (!code)
    code = read_ics(calendar, value, error);
  if (code)
    return code;
  calendar->parts = find_parts(calendar);
  if (!calendar->parts)
    return error_set(error, ERROR_INVALID,
                     "it is empty: give it dates, weekdays, times, yearly, cron, events or ics");
  ranges_finish(&calendar->local);
  ranges_finish(&calendar->instants);
  ranges_finish(&calendar->times);
  return ERROR_OK;
}

enum error_code calendar_from_json(const struct json *value, struct calendar **calendar,
                                   struct error *error)
{
  *calendar = memory_alloc(sizeof **calendar);
  (*calendar)->cron_unit_s = 1;
  enum error_code code = read_members(*calendar, value, error);
  if (code) {
    calendar_destroy(*calendar);
    *calendar = NULL;
  }
  return code;
}

void calendar_destroy(struct calendar *calendar)
{
  if (!calendar)
    return;
  free(calendar->local.items);
  free(calendar->instants.items);
  free(calendar->times.items);
  trigger_destroy(calendar->cron);
  free(calendar->cron_text);
  for (size_t i = 0; i < calendar->event_count; i++) {
    trigger_destroy(calendar->events[i].trigger);
    free(calendar->events[i].text);
  }
  free(calendar->events);
  free(calendar);
}
