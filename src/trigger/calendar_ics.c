/* iCalendar files (RFC 5545) as calendars: what the events of a file cover.
 *
 * Of each VEVENT count DTSTART with DTEND or DURATION, and for recurring ones RRULE, RDATE and
 * EXDATE, which the kind rrule understands; alarms, time zone definitions and the rest are passed
 * over. A date without a time is a day on the wall clock of who asks, a time with a TZID or Z an
 * instant, another one is floating. A changed instance (RECURRENCE-ID) stands for itself and is
 * taken out of its series; a cancelled one is only taken out. TRANSP is not regarded, since
 * holidays are mostly transparent. Lines end with CRLF or LF and go on where the next begins with
 * a space. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "time/civil.h"
#include "trigger/calendar_data.h"

enum { ICS_MAX_SIZE = 1 << 20, VALUES_MAX = 4000 };

/* A date or a time as it was written. */
struct stamp {
  int64_t local_s;
  const struct zone *zone; /* NULL: floating, or a date */
  bool is_set, is_date;
};

struct stamps {
  struct stamp *items;
  size_t count;
};

struct event {
  struct event *next;
  struct stamp start, end, replaces; /* replaces: RECURRENCE-ID */
  int64_t length_s;                  /* of DURATION; -1: none */
  char *uid, *rule;
  struct stamps excluded, added; /* EXDATE and RDATE */
  bool is_cancelled;
  int line;
};

struct reader {
  const char *at, *end;
  int line;           /* of what was read last */
  struct buffer text; /* the line without its folds */
  struct event *events, **last;
  struct event *event; /* whose lines are being read; NULL outside */
  int inner;           /* components within the event, such as alarms */
};

/* ---- lines ---- */

/* The next whole line into reader->text; false at the end. */
static bool read_line(struct reader *reader, int *next_line)
{
  buffer_clear(&reader->text);
  if (reader->at >= reader->end)
    return false;
  reader->line = *next_line;
  do {
    const char *end = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    const char *next = end ? end + 1 : reader->end;
    end = end ? end : reader->end;
    if (end > reader->at && end[-1] == '\r')
      end--;
    buffer_append(&reader->text, reader->at, (size_t)(end - reader->at));
    reader->at = next;
    ++*next_line;
  } while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t') && reader->at++);
  return true;
}

/* NAME;PARAMETER=VALUE:VALUE, cut at its parts. */
struct property {
  char *name, *parameters, *value; /* parameters: "" when there are none */
};

static bool split_line(char *line, struct property *property)
{
  bool is_quoted = false;
  char *colon = line;
  for (; *colon && (is_quoted || *colon != ':'); colon++)
    is_quoted ^= *colon == '"';
  if (!*colon)
    return false;
  *colon = '\0';
  *property = (struct property){.name = line, .parameters = colon, .value = colon + 1};
  char *semicolon = strchr(line, ';');
  if (semicolon) {
    *semicolon = '\0';
    property->parameters = semicolon + 1;
  }
  return true;
}

/* The value of a parameter as a string of the caller's; NULL when it is absent. */
static char *find_parameter(const struct property *property, const char *name)
{
  size_t size = strlen(name);
  for (const char *at = property->parameters; *at;) {
    size_t length = 0;
    bool is_quoted = false;
    for (; at[length] && (is_quoted || at[length] != ';'); length++)
      is_quoted ^= at[length] == '"';
    if (length > size && at[size] == '=' && !strncasecmp(at, name, size)) {
      const char *value = at + size + 1;
      size_t value_size = length - size - 1;
      if (value_size >= 2 && *value == '"')
        return memory_copy(value + 1, value_size - 2);
      return memory_copy(value, value_size);
    }
    at += length + (at[length] == ';');
  }
  return NULL;
}

/* ---- values ---- */

static int32_t digits(const char *text, int count)
{
  int32_t sum = 0;
  for (int i = 0; i < count; i++) {
    if (!isdigit((unsigned char)text[i]))
      return -1;
    sum = sum * 10 + (text[i] - '0');
  }
  return sum;
}

/* "20261225" or "20261225T120000" with or without Z. */
static enum error_code parse_stamp(const char *text, size_t size, struct stamp *stamp,
                                   struct error *error)
{
  struct civil_time time = {{digits(text, 4), -1, -1}, 0, 0, 0};
  bool has_time = size == 15 || (size == 16 && toupper((unsigned char)text[15]) == 'Z');
  bool is_good = (size == 8 || has_time) && time.date.year >= CIVIL_YEAR_MIN;
  if (is_good) {
    time.date.month = digits(text + 4, 2);
    time.date.day = digits(text + 6, 2);
  }
  if (is_good && has_time) {
    time.hour = digits(text + 9, 2);
    time.minute = digits(text + 11, 2);
    time.second = digits(text + 13, 2);
    is_good = text[8] == 'T' && time.hour >= 0 && time.hour < 24 && time.minute >= 0 &&
              time.minute < 60 && time.second >= 0 && time.second <= 60;
  }
  if (!is_good || time.date.month < 1 || time.date.month > 12 || time.date.day < 1 ||
      time.date.day > civil_month_days(time.date.year, time.date.month))
    return error_set(error, ERROR_INVALID, "\"%.*s\" is not a date or a time",
                     size > 40 ? 40 : (int)size, text);
  *stamp = (struct stamp){.local_s = civil_to_seconds(&time),
                          .zone = size == 16 ? zone_utc() : NULL,
                          .is_set = true,
                          .is_date = !has_time};
  return ERROR_OK;
}

/* Programs put their own words before the zone's name: "/example.org/20260101/Europe/Berlin". */
static enum error_code find_zone(const char *name, const struct zone **zone, struct error *error)
{
  enum error_code code = zone_find(name, zone, error);
  const char *slash = strrchr(name, '/');
  if (!code || *name != '/' || slash == name)
    return code;
  while (slash > name && slash[-1] != '/')
    slash--;
  return zone_find(slash, zone, NULL) ? code : ERROR_OK;
}

static enum error_code read_stamp(const struct property *property, struct stamp *stamp,
                                  struct error *error)
{
  enum error_code code = parse_stamp(property->value, strlen(property->value), stamp, error);
  if (code || stamp->is_date || stamp->zone)
    return code;
  char *name = find_parameter(property, "TZID");
  if (name)
    code = find_zone(name, &stamp->zone, error);
  free(name);
  return code;
}

/* "P1DT2H30M", "P2W". */
static enum error_code read_duration(const char *text, int64_t *length_s, struct error *error)
{
  static const struct {
    char name;
    int32_t seconds;
  } units[] = {{'W', 604800}, {'D', 86400}, {'H', 3600}, {'M', 60}, {'S', 1}};
  const char *at = text + (*text == '+');
  int64_t sum_s = 0;
  bool is_good = *at++ == 'P' && *at;
  while (is_good && *at) {
    char *end;
    if (*at == 'T' && at++ && !*at)
      is_good = false;
    if (!is_good || !isdigit((unsigned char)*at))
      break;
    long number = strtol(at, &end, 10);
    size_t unit = 0;
    while (unit < 5 && units[unit].name != *end)
      unit++;
    is_good = unit < 5 && number <= 1000000;
    if (is_good)
      sum_s += (int64_t)number * units[unit].seconds;
    at = end + 1;
  }
  if (!is_good || (*text && *at))
    return error_set(error, ERROR_INVALID, "\"%.40s\" is not a duration", text);
  *length_s = sum_s;
  return ERROR_OK;
}

static int64_t instant_of(const struct stamp *stamp)
{
  struct local_times times;
  zone_resolve(stamp->zone, stamp->local_s, &times);
  return times.first_s;
}

/* The same moment as it is written in the series of `like`. */
static struct stamp in_terms_of(struct stamp stamp, const struct stamp *like)
{
  if (stamp.zone && like->zone && stamp.zone != like->zone) {
    int64_t utc_s = instant_of(&stamp);
    stamp.local_s = utc_s + zone_at(like->zone, utc_s).offset_s;
    stamp.zone = like->zone;
  }
  return stamp;
}

static void add_stamp(struct stamps *stamps, const struct stamp *stamp)
{
  stamps->items = memory_resize(stamps->items, (stamps->count + 1) * sizeof *stamps->items);
  stamps->items[stamps->count++] = *stamp;
}

/* EXDATE and RDATE: dates or times with commas between; of a period its begin. */
static enum error_code read_list(const struct property *property, struct stamps *list,
                                 struct error *error)
{
  for (char *item = property->value, *next; item; item = next) {
    struct property one = *property;
    struct stamp stamp;
    next = strchr(item, ',');
    if (next)
      *next++ = '\0';
    item[strcspn(item, "/")] = '\0';
    one.value = item;
    enum error_code code = read_stamp(&one, &stamp, error);
    if (code)
      return code;
    if (list->count == VALUES_MAX)
      return error_set(error, ERROR_LIMIT, "more than %d dates", VALUES_MAX);
    add_stamp(list, &stamp);
  }
  return ERROR_OK;
}

/* ---- events ---- */

static void take_text(char **out, const char *text)
{
  free(*out);
  *out = memory_strdup(text);
}

static enum error_code read_property(struct event *event, const struct property *property,
                                     struct error *error)
{
  const char *name = property->name;
  if (!strcasecmp(name, "DTSTART"))
    return read_stamp(property, &event->start, error);
  if (!strcasecmp(name, "DTEND"))
    return read_stamp(property, &event->end, error);
  if (!strcasecmp(name, "RECURRENCE-ID"))
    return read_stamp(property, &event->replaces, error);
  if (!strcasecmp(name, "DURATION"))
    return read_duration(property->value, &event->length_s, error);
  if (!strcasecmp(name, "EXDATE"))
    return read_list(property, &event->excluded, error);
  if (!strcasecmp(name, "RDATE"))
    return read_list(property, &event->added, error);
  if (!strcasecmp(name, "RRULE"))
    take_text(&event->rule, property->value);
  if (!strcasecmp(name, "UID"))
    take_text(&event->uid, property->value);
  if (!strcasecmp(name, "STATUS"))
    event->is_cancelled = !strcasecmp(property->value, "CANCELLED");
  return ERROR_OK;
}

static void begin_event(struct reader *reader)
{
  struct event *event = memory_alloc(sizeof *event);
  event->length_s = -1;
  event->line = reader->line;
  *reader->last = event;
  reader->last = &event->next;
  reader->event = event;
}

static enum error_code take_line(struct reader *reader, struct error *error)
{
  struct property property;
  if (reader->text.size == 0)
    return ERROR_OK;
  if (!split_line(reader->text.data, &property))
    return error_set(error, ERROR_INVALID, "\"%.40s\" has no colon", reader->text.data);
  bool is_begin = !strcasecmp(property.name, "BEGIN"), is_end = !strcasecmp(property.name, "END");
  bool is_event = !strcasecmp(property.value, "VEVENT");
  if (!reader->event) {
    if (is_begin && is_event)
      begin_event(reader);
    return ERROR_OK;
  }
  if (is_begin) {
    reader->inner++;
  } else if (is_end && reader->inner > 0) {
    reader->inner--;
  } else if (is_end) {
    if (!reader->event->start.is_set)
      return error_set(error, ERROR_INVALID, "the event has no DTSTART");
    reader->event = NULL;
  } else if (reader->inner == 0) {
    return read_property(reader->event, &property, error);
  }
  return ERROR_OK;
}

/* How long an event lasts; 0 for one that is a moment. */
static int64_t length_of(const struct event *event)
{
  if (event->length_s >= 0)
    return event->length_s;
  if (event->end.is_set) {
    struct stamp end = in_terms_of(event->end, &event->start);
    return event->start.zone && end.zone ? instant_of(&end) - instant_of(&event->start)
                                         : end.local_s - event->start.local_s;
  }
  return event->start.is_date ? CIVIL_DAY_S : 0;
}

static bool is_series(const struct event *event)
{
  return event->rule || event->added.count;
}

static bool is_changed_one_of(const struct event *changed, const struct event *series)
{
  return changed->replaces.is_set && !series->replaces.is_set && is_series(series) && series->uid &&
         changed->uid && !strcmp(series->uid, changed->uid);
}

static void except_changed_ones(struct event *events)
{
  for (struct event *changed = events; changed; changed = changed->next)
    for (struct event *series = events; series; series = series->next)
      if (is_changed_one_of(changed, series)) {
        add_stamp(&series->excluded, &changed->replaces);
        break;
      }
}

static void append_stamp(struct buffer *out, const struct stamp *stamp)
{
  struct civil_time time = civil_from_seconds(stamp->local_s);
  buffer_printf(out, "%04d%02d%02d", time.date.year, time.date.month, time.date.day);
  if (!stamp->is_date)
    buffer_printf(out, "T%02d%02d%02d", time.hour, time.minute, time.second);
}

/* " NAME=DATE,DATE", in the terms of the series, whose DTSTART may stand behind its dates. */
static void append_list(struct buffer *out, const char *name, const struct stamps *stamps,
                        const struct stamp *start)
{
  for (size_t i = 0; i < stamps->count; i++) {
    struct stamp stamp = in_terms_of(stamps->items[i], start);
    if (i == 0)
      buffer_printf(out, " %s=", name);
    else
      buffer_append_text(out, ",");
    append_stamp(out, &stamp);
  }
}

static enum error_code add_series(struct calendar *calendar, const struct event *event,
                                  int64_t length_s, struct error *error)
{
  struct buffer text = {0};
  buffer_printf(&text, "rrule %s dtstart=", event->rule ? event->rule : "FREQ=DAILY;COUNT=1");
  append_stamp(&text, &event->start);
  append_list(&text, "rdate", &event->added, &event->start);
  append_list(&text, "exdate", &event->excluded, &event->start);
  if (event->start.zone)
    buffer_printf(&text, " timezone=%s", zone_name(event->start.zone));
  enum error_code code = calendar_add_event(calendar, length_s, text.data, error);
  buffer_deinit(&text);
  return code;
}

static enum error_code add_event(struct calendar *calendar, const struct event *event,
                                 struct error *error)
{
  int64_t length_s = length_of(event);
  if (event->is_cancelled || length_s <= 0)
    return ERROR_OK;
  if (is_series(event))
    return add_series(calendar, event, length_s, error);
  if (calendar->local.count + calendar->instants.count >= CALENDAR_RANGES_MAX)
    return error_set(error, ERROR_LIMIT, "more than %d events", CALENDAR_RANGES_MAX);
  bool is_instant = event->start.zone;
  int64_t from_s = is_instant ? instant_of(&event->start) : event->start.local_s;
  int64_t until_s = from_s + length_s;
  ranges_add(is_instant ? &calendar->instants : &calendar->local, from_s,
             until_s < CIVIL_SECONDS_MAX + 1 ? until_s : CIVIL_SECONDS_MAX + 1);
  return ERROR_OK;
}

static enum error_code read_all(struct reader *reader, struct error *error)
{
  int next_line = 1;
  enum error_code code = ERROR_OK;
  while (!code && read_line(reader, &next_line))
    code = take_line(reader, error);
  if (!code && reader->event)
    code = error_set(error, ERROR_INVALID, "the event is not ended");
  return code;
}

static void free_events(struct event *events)
{
  for (struct event *next; events; events = next) {
    next = events->next;
    free(events->uid);
    free(events->rule);
    free(events->excluded.items);
    free(events->added.items);
    free(events);
  }
}

enum error_code calendar_read_ics(struct calendar *calendar, const char *text, size_t size,
                                  struct error *error)
{
  if (size > ICS_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "ics: the text is longer than %d bytes", ICS_MAX_SIZE);
  if (strncasecmp(text, "BEGIN:VCALENDAR", 15) != 0)
    return error_set(error, ERROR_INVALID,
                     "ics: the text of an iCalendar file begins with BEGIN:VCALENDAR");
  struct reader reader = {.at = text, .end = text + size};
  reader.last = &reader.events;
  enum error_code code = read_all(&reader, error);
  int line = reader.line;
  if (!code)
    except_changed_ones(reader.events);
  for (const struct event *event = reader.events; event && !code; event = event->next) {
    line = event->line;
    code = add_event(calendar, event, error);
  }
  if (code)
    error_prefix(error, "ics: line %d", line);
  free_events(reader.events);
  buffer_deinit(&reader.text);
  return code;
}
