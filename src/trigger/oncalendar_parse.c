/* Reading systemd's calendar events, as systemd.time(7) has them:
 *
 *     [WEEKDAYS] [DATE] [TIME] [ZONE]  |  SHORTHAND [ZONE]  |  [WEEKDAYS] @SECONDS
 *
 *     WEEKDAYS := day | day..day, in a list; names of three letters or whole, in any case
 *     DATE     := [year-]month-day | [year-]month~day, the latter from the month's end
 *     TIME     := hour:minute[:second]
 *
 * Words stand apart by spaces; what a word is shows in its first letter and its colon. Without a
 * date every day is meant, without a time midnight; a weekday and a date must both match. `@` is
 * one instant, as the date and time that it is in UTC. Beyond the manual, as systemd 252 reads it:
 * `Mon-Fri`, the range of older versions, and other spellings of two shorthands; a range of
 * weekdays may not go over Sunday. The parts of dates and times are oncalendar_part.c's. */
#include "trigger/oncalendar.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "time/civil.h"

enum { SHOWN_MAX = 40, NAME_SIZE = 64 };

#define SPACES       " \t\r\n\v\f"
#define ALL_HOURS    UINT32_C(0xffffff)
#define ALL_MINUTES  UINT64_C(0xfffffffffffffff)
#define ALL_DAYS     UINT32_C(0xfffffffe)
#define ALL_MONTHS   0x1ffe
#define ALL_WEEKDAYS 0x7f
#define EPOCH_MAX_S  INT64_C(7258118399) /* the last second of ONCALENDAR_YEAR_MAX */

static const struct shorthand {
  const char *name;
  uint8_t weekdays;
  uint16_t months;
  uint32_t days, hours;
  uint64_t minutes;
} shorthands[] = {
    {"minutely", ALL_WEEKDAYS, ALL_MONTHS, ALL_DAYS, ALL_HOURS, ALL_MINUTES},
    {"hourly", ALL_WEEKDAYS, ALL_MONTHS, ALL_DAYS, ALL_HOURS, 1},
    {"daily", ALL_WEEKDAYS, ALL_MONTHS, ALL_DAYS, 1, 1},
    {"weekly", 1 << 1, ALL_MONTHS, ALL_DAYS, 1, 1},
    {"monthly", ALL_WEEKDAYS, ALL_MONTHS, 1 << 1, 1, 1},
    {"yearly", ALL_WEEKDAYS, 1 << 1, 1 << 1, 1, 1},
    {"annually", ALL_WEEKDAYS, 1 << 1, 1 << 1, 1, 1},
    {"anually", ALL_WEEKDAYS, 1 << 1, 1 << 1, 1, 1},
    {"quarterly", ALL_WEEKDAYS, 1 << 1 | 1 << 4 | 1 << 7 | 1 << 10, 1 << 1, 1, 1},
    {"semiannually", ALL_WEEKDAYS, 1 << 1 | 1 << 7, 1 << 1, 1, 1},
    {"semi-annually", ALL_WEEKDAYS, 1 << 1 | 1 << 7, 1 << 1, 1, 1},
    {"biannually", ALL_WEEKDAYS, 1 << 1 | 1 << 7, 1 << 1, 1, 1},
    {"bi-annually", ALL_WEEKDAYS, 1 << 1 | 1 << 7, 1 << 1, 1, 1},
};
enum { SHORTHANDS = sizeof shorthands / sizeof shorthands[0] };

/* Each in two forms, Sunday first. */
static const char *const weekdays[] = {"sunday", "sun",       "monday",   "mon",      "tuesday",
                                       "tue",    "wednesday", "wed",      "thursday", "thu",
                                       "friday", "fri",       "saturday", "sat",      NULL};
enum { WEEKDAYS = sizeof weekdays / sizeof weekdays[0] - 1 };

static bool is_end(char c)
{
  return !c || strchr(SPACES, c);
}

static size_t word_size(const char *at)
{
  return strcspn(at, SPACES);
}

static bool has_word(struct cron_reader *reader)
{
  reader->at += strspn(reader->at, SPACES);
  return *reader->at;
}

static bool is_name(const struct cron_reader *reader)
{
  return isalpha((unsigned char)*reader->at);
}

/* How many bytes of the word at `at` a message shows: whole characters. */
static int shown_size(const char *at)
{
  size_t size = word_size(at);
  if (size > SHOWN_MAX)
    for (size = SHOWN_MAX; size && ((unsigned char)at[size] & 0xc0) == 0x80;)
      size--;
  return (int)size;
}

static bool is_same(const char *name, const char *at, size_t size)
{
  return strlen(name) == size && !strncasecmp(name, at, size);
}

/* The one that `size` bytes name, else NULL. */
static const struct shorthand *find_shorthand(const char *at, size_t size)
{
  for (size_t i = 0; i < SHORTHANDS; i++)
    if (is_same(shorthands[i].name, at, size))
      return &shorthands[i];
  return NULL;
}

/* 0 is Sunday; -1: none. */
static int32_t find_weekday(const char *at, size_t size)
{
  for (int32_t i = 0; i < WEEKDAYS; i++)
    if (is_same(weekdays[i], at, size))
      return i / 2;
  return -1;
}

static enum error_code refuse_place(const struct cron_reader *reader, struct error *error)
{
  return cron_read_refuse(reader, reader->at, error,
                          "\"%.*s\" is out of place: first weekdays in one word, then date, time "
                          "and zone",
                          shown_size(reader->at), reader->at);
}

static enum error_code end_word(const struct cron_reader *reader, const char *name,
                                struct error *error)
{
  if (is_end(*reader->at))
    return ERROR_OK;
  if (*reader->at == '-')
    return cron_read_refuse(reader, reader->at, error, "%s: a range is written 1..5 and not 1-5",
                            name);
  return cron_read_refuse(reader, reader->at, error, "%s: \"%.*s\" is not understood", name,
                          shown_size(reader->at), reader->at);
}

/* ---- weekdays ---- */

/* `is_word`: it is all of the first word and could as well have become a shorthand. */
static enum error_code refuse_name(const struct cron_reader *reader, bool is_word, size_t size,
                                   struct error *error)
{
  const char *names[WEEKDAYS + SHORTHANDS + 1] = {0};
  char name[NAME_SIZE] = {0}, hint[128];
  size_t count = 0;
  for (size_t i = 0; i < size && i < sizeof name - 1; i++)
    name[i] = (char)tolower((unsigned char)reader->at[i]);
  for (; weekdays[count]; count++)
    names[count] = weekdays[count];
  for (size_t i = 0; is_word && i < SHORTHANDS; i++)
    names[count++] = shorthands[i].name;
  int shown = shown_size(reader->at);
  return cron_read_refuse(reader, reader->at, error, "unknown weekday%s \"%.*s\"%s",
                          is_word ? " or shorthand" : "", (int)size < shown ? (int)size : shown,
                          reader->at, text_did_you_mean(hint, name, names));
}

static enum error_code read_weekday(struct cron_reader *reader, bool is_first, int32_t *day,
                                    struct error *error)
{
  const char *at = reader->at;
  size_t size = strcspn(at, ",.-" SPACES);
  if (!size)
    return cron_read_refuse(reader, at, error, "a weekday is missing");
  *day = find_weekday(at, size);
  if (*day < 0)
    return refuse_name(reader, is_first && is_end(at[size]), size, error);
  reader->at += size;
  return ERROR_OK;
}

static enum error_code read_weekday_range(struct cron_reader *reader, bool is_first, uint8_t *mask,
                                          struct error *error)
{
  const char *begin = reader->at;
  int32_t from, until;
  if (read_weekday(reader, is_first, &from, error))
    return ERROR_INVALID;
  until = from;
  bool has_dots = !strncmp(reader->at, "..", 2);
  if (has_dots || *reader->at == '-') {
    reader->at += has_dots ? 2 : 1;
    if (read_weekday(reader, false, &until, error))
      return ERROR_INVALID;
    if ((until + 6) % 7 < (from + 6) % 7)
      return cron_read_refuse(reader, begin, error,
                              "weekday range \"%.*s\" runs backwards, a week ends on Sunday",
                              (int)(reader->at - begin), begin);
  }
  for (int32_t day = from; day != until; day = (day + 1) % 7)
    *mask |= (uint8_t)(1 << day);
  *mask |= (uint8_t)(1 << until);
  return ERROR_OK;
}

/* A comma may end the word, as in the manual's "Wed, 17:48". */
static enum error_code read_weekdays(struct cron_reader *reader, uint8_t *mask, struct error *error)
{
  *mask = 0;
  for (bool is_first = true;; is_first = false) {
    if (read_weekday_range(reader, is_first, mask, error))
      return ERROR_INVALID;
    if (*reader->at != ',')
      return end_word(reader, "weekdays", error);
    if (is_end(*++reader->at))
      return ERROR_OK;
  }
}

/* ---- date, time, instant, zone ---- */

static enum error_code read_date(struct cron_reader *reader, struct cron_parsed *parsed,
                                 struct error *error)
{
  struct cron_fields *fields = &parsed->fields;
  int separators = 0;
  uint64_t mask;
  for (const char *at = reader->at; !is_end(*at); at++)
    separators += *at == '-' || *at == '~';
  if (!separators)
    return cron_read_refuse(reader, reader->at, error,
                            "\"%.*s\" is neither a date, like *-*-1, nor a time, like 09:00",
                            shown_size(reader->at), reader->at);
  if (separators > 1) {
    if (oncalendar_read_part(reader, ONCALENDAR_YEAR, &mask, &parsed->special, error))
      return ERROR_INVALID;
    if (*reader->at != '-')
      return end_word(reader, "year", error);
    reader->at++;
  }
  if (oncalendar_read_part(reader, ONCALENDAR_MONTH, &mask, NULL, error))
    return ERROR_INVALID;
  fields->months = (uint16_t)mask;
  if (*reader->at != '-' && *reader->at != '~')
    return end_word(reader, "month", error);
  bool is_from_end = *reader->at == '~' && reader->at[1] != '*';
  reader->at++;
  if (oncalendar_read_part(reader, is_from_end ? ONCALENDAR_LAST_DAY : ONCALENDAR_DAY, &mask, NULL,
                           error))
    return ERROR_INVALID;
  fields->days = is_from_end ? 0 : (uint32_t)mask;
  parsed->special.last_days = is_from_end ? (uint32_t)(mask >> 1) : 0;
  return end_word(reader, "day", error);
}

static enum error_code read_time(struct cron_reader *reader, struct cron_fields *fields,
                                 struct error *error)
{
  uint64_t mask;
  const char *begin = reader->at, *letter = strpbrk(begin, "T:");
  if (*letter == 'T' && memchr(begin, '-', (size_t)(letter - begin)))
    return cron_read_refuse(reader, letter, error,
                            "between date and time stands a space and not T");
  fields->is_wildcard = *begin == '*';
  if (oncalendar_read_part(reader, ONCALENDAR_HOUR, &mask, NULL, error))
    return ERROR_INVALID;
  fields->hours = (uint32_t)mask;
  if (*reader->at != ':')
    return end_word(reader, "hour", error);
  fields->is_wildcard |= *++reader->at == '*';
  if (oncalendar_read_part(reader, ONCALENDAR_MINUTE, &fields->minutes, NULL, error))
    return ERROR_INVALID;
  if (*reader->at != ':')
    return end_word(reader, "minute", error);
  fields->is_wildcard |= *++reader->at == '*';
  if (oncalendar_read_part(reader, ONCALENDAR_SECOND, &fields->seconds, NULL, error))
    return ERROR_INVALID;
  return end_word(reader, "second", error);
}

static enum error_code read_epoch(struct cron_reader *reader, struct cron_parsed *parsed,
                                  struct error *error)
{
  const char *begin = reader->at++;
  int64_t sum = 0;
  for (; isdigit((unsigned char)*reader->at); reader->at++)
    sum = sum > EPOCH_MAX_S ? sum : sum * 10 + (*reader->at - '0');
  if (reader->at == begin + 1 || !is_end(*reader->at))
    return cron_read_refuse(reader, begin, error,
                            "\"%.*s\" is not @ and a whole number of seconds since 1970",
                            shown_size(begin), begin);
  if (sum > EPOCH_MAX_S)
    return cron_read_refuse(reader, begin, error, "\"%.*s\" is behind the year %d",
                            shown_size(begin), begin, ONCALENDAR_YEAR_MAX);
  struct civil_time time = civil_from_seconds(sum);
  uint16_t year = (uint16_t)time.date.year;
  parsed->special.year_count = 1;
  parsed->special.years[0] = (struct cron_years){year, year, 1};
  parsed->fields.months = (uint16_t)(1U << time.date.month);
  parsed->fields.days = UINT32_C(1) << time.date.day;
  parsed->fields.hours = UINT32_C(1) << time.hour;
  parsed->fields.minutes = UINT64_C(1) << time.minute;
  parsed->fields.seconds = UINT64_C(1) << time.second;
  parsed->zone = zone_utc();
  return ERROR_OK;
}

static enum error_code read_zone(struct cron_reader *reader, struct cron_parsed *parsed,
                                 struct error *error)
{
  const char *at = reader->at;
  size_t size = word_size(at);
  struct error why = {0};
  char name[NAME_SIZE];
  bool is_instant = parsed->zone;
  if (find_weekday(at, size) >= 0 || find_shorthand(at, size))
    return refuse_place(reader, error);
  if (is_same("local", at, size))
    return cron_read_refuse(reader, at, error,
                            "the zone \"local\" changes from machine to machine, "
                            "write its name");
  reader->at += size;
  if (is_same("utc", at, size)) {
    parsed->zone = zone_utc();
    return ERROR_OK;
  }
  snprintf(name, sizeof name, "%.*s", shown_size(at), at);
  if (is_instant)
    return cron_read_refuse(reader, at, error, "seconds since 1970 are in UTC and not in %s", name);
  if (zone_find(name, &parsed->zone, &why))
    return cron_read_refuse(reader, at, error, "%s", why.text);
  return ERROR_OK;
}

/* ---- the whole ---- */

static void take_shorthand(const struct shorthand *shorthand, struct cron_fields *fields)
{
  fields->weekdays = shorthand->weekdays;
  fields->months = shorthand->months;
  fields->days = shorthand->days;
  fields->hours = shorthand->hours;
  fields->minutes = shorthand->minutes;
  fields->is_wildcard = shorthand->hours == ALL_HOURS;
}

/* Date and time, or the instant. */
static enum error_code read_moment(struct cron_reader *reader, struct cron_parsed *parsed,
                                   struct error *error)
{
  bool has_date = false;
  while (has_word(reader) && !is_name(reader)) {
    bool is_time = memchr(reader->at, ':', word_size(reader->at));
    if (is_time)
      return read_time(reader, &parsed->fields, error);
    if (has_date)
      return refuse_place(reader, error);
    if (*reader->at == '@')
      return read_epoch(reader, parsed, error);
    if (read_date(reader, parsed, error))
      return ERROR_INVALID;
    has_date = true;
  }
  return ERROR_OK;
}

enum error_code oncalendar_parse(const char *expression, struct cron_parsed *parsed,
                                 struct error *error)
{
  struct cron_reader reader = {expression, expression};
  *parsed = (struct cron_parsed){.fields = {.seconds = 1}};
  take_shorthand(find_shorthand("daily", 5), &parsed->fields);
  if (!has_word(&reader))
    return cron_read_refuse(&reader, reader.at, error, "the expression is empty");
  size_t size = word_size(reader.at);
  const struct shorthand *shorthand = find_shorthand(reader.at, size);
  if (shorthand) {
    take_shorthand(shorthand, &parsed->fields);
    reader.at += size;
  } else if ((is_name(&reader) && read_weekdays(&reader, &parsed->fields.weekdays, error)) ||
             read_moment(&reader, parsed, error)) {
    return ERROR_INVALID;
  }
  if (has_word(&reader) && is_name(&reader) && read_zone(&reader, parsed, error))
    return ERROR_INVALID;
  return has_word(&reader) ? refuse_place(&reader, error) : ERROR_OK;
}
