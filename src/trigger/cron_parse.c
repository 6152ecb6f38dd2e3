/* Reading a cron expression: crontab(5) as Vixie's cron and its heirs have it, and Jenkins' `H`.
 *
 *     [CRON_TZ=Zone] [second] minute hour day-of-month month weekday
 *     item := * | value | value-value | H | H(value-value), each with /step;  list := item,item,...
 *
 * `a/n` is `a-max/n`. Names of months and weekdays count in any case, in ranges too. Sunday is 0 or
 * 7, also at the end of a range. When day of month and weekday are both restricted a day matches by
 * either, else by both; a field is unrestricted when its text begins with `*`, so a day field with
 * a step (every second day) and a weekday must both match. Every byte of the text is accounted for:
 * what is not understood is an error that says where.
 *
 * `H` is a value of the range that is the same for ever for one job, and spreads many jobs: the
 * 64-bit FNV-1a hash of the job's id, mixed with the number of the field by the finalizer of
 * splitmix64, modulo the size of the range; with a step the hash gives where the steps begin. A day
 * of month is 1 to 28, so that every month has it. */
#include "trigger/cron_parse.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum { FIELDS_MAX = 6, SECOND = 0, MINUTE, HOUR, DAY, MONTH, WEEKDAY };

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field {
  const char *name;
  int32_t low, high;
  int32_t star_high; /* of `*` and `a/n`: differs for weekdays, where 7 is 0 again */
  int32_t hash_high; /* of `H` */
  const char *const *names;
} kinds[FIELDS_MAX] = {
    {"second", 0, 59, 59, 59, NULL},       {"minute", 0, 59, 59, 59, NULL},
    {"hour", 0, 23, 23, 23, NULL},         {"day of month", 1, 31, 31, 28, NULL},
    {"month", 1, 12, 12, 12, month_names}, {"weekday", 0, 7, 6, 6, weekday_names},
};

static const struct {
  const char *name, *expression;
} macros[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};
enum { MACROS = sizeof macros / sizeof macros[0] };

struct reader {
  const char *text; /* the whole expression: columns count from here */
  const char *at;
  const char *item; /* the one that is being read */
  const struct field *field;
  uint64_t hash;    /* of the seed */
  int32_t hash_day; /* the last day of month that an H may mean; 0: none */
  bool is_hashed;
  struct error *error;
};

/* What is read of one item. */
struct range {
  int32_t low, high, step;
  bool is_single, is_hashed;
};

/* ---- errors ---- */

/* The message with the column of `where`, counted in characters. */
static enum error_code __attribute__((format(printf, 3, 4)))
fail(const struct reader *reader, const char *where, const char *format, ...)
{
  char message[512];
  int column = 1;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  for (const char *at = reader->text; at < where; at++)
    column += (*at & 0xc0) != 0x80;
  return error_set(reader->error, ERROR_INVALID, "%s, column %d", message, column);
}

static bool is_space(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_end_of_field(char c)
{
  return !c || is_space(c);
}

/* For "%.*s": up to `most` bytes of the item, without half a character at the end. */
static int shown(const char *at, int most)
{
  int size = 0;
  while (size < most && !is_end_of_field(at[size]) && at[size] != ',')
    size++;
  while (size == most && size > 0 && (at[size] & 0xc0) == 0x80)
    size--;
  return size;
}

static enum error_code fail_at(const struct reader *reader)
{
  return fail(reader, reader->at, "%s \"%.*s\" is not understood at \"%.*s\"", reader->field->name,
              shown(reader->item, 40), reader->item, shown(reader->at, 40), reader->at);
}

/* ---- values ---- */

/* A word of letters as a month or weekday. */
static enum error_code read_name(struct reader *reader, int32_t *value)
{
  const struct field *field = reader->field;
  const char *begin = reader->at;
  char lower[32] = {0}, hint[128];
  int size = 0;
  for (; isalpha((unsigned char)begin[size]); size++)
    if (size < (int)sizeof lower - 1)
      lower[size] = (char)tolower((unsigned char)begin[size]);
  if (size >= (int)sizeof lower)
    size = sizeof lower - 1;
  if (!field->names)
    return fail(reader, begin, "%s \"%.*s\" is not a number", field->name, size, begin);
  reader->at += size;
  for (int32_t i = 0; field->names[i]; i++)
    if (!strcmp(field->names[i], lower)) {
      *value = i + field->low;
      return ERROR_OK;
    }
  return fail(reader, begin, "unknown %s \"%.*s\"%s", field->name, size, begin,
              text_did_you_mean(hint, lower, field->names));
}

/* `what` stands behind the field's name in messages. */
static enum error_code read_number(struct reader *reader, const char *what, int32_t low,
                                   int32_t high, int32_t *value)
{
  const char *begin = reader->at;
  int32_t sum = 0;
  for (; is_digit(*reader->at); reader->at++)
    sum = sum > 9999 ? sum : sum * 10 + (*reader->at - '0');
  int size = (int)(reader->at - begin > 20 ? 20 : reader->at - begin);
  if (sum < low)
    return fail(reader, begin, "%s%s %.*s is under %d", reader->field->name, what, size, begin,
                low);
  if (sum > high)
    return fail(reader, begin, "%s%s %.*s is over %d", reader->field->name, what, size, begin,
                high);
  *value = sum;
  return ERROR_OK;
}

static enum error_code read_value(struct reader *reader, int32_t *value)
{
  if (is_digit(*reader->at))
    return read_number(reader, "", reader->field->low, reader->field->high, value);
  if (isalpha((unsigned char)*reader->at))
    return read_name(reader, value);
  if (is_end_of_field(*reader->at) || *reader->at == ',')
    return fail(reader, reader->at, "%s: a value is missing in \"%.*s\"", reader->field->name,
                shown(reader->item, 40), reader->item);
  return fail_at(reader);
}

/* What follows a `-` in the range that begins at `begin`. */
static enum error_code read_high(struct reader *reader, const char *begin, struct range *range)
{
  reader->at++;
  if (read_value(reader, &range->high))
    return ERROR_INVALID;
  if (reader->field == &kinds[WEEKDAY] && range->high == 0 && range->low > 0)
    range->high = 7; /* fri-sun */
  if (range->high < range->low)
    return fail(reader, begin, "%s range \"%.*s\" runs backwards", reader->field->name,
                shown(reader->item, 40), reader->item);
  return ERROR_OK;
}

/* ---- H ---- */

static uint64_t hash_text(const char *text)
{
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  return hash;
}

/* From 0 up to `size`, not included. */
static int32_t hashed(const struct reader *reader, int32_t size)
{
  uint64_t field = (uint64_t)(reader->field - kinds);
  uint64_t z = reader->hash + (field + 1) * UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return (int32_t)((z ^ z >> 31) % (uint64_t)size);
}

/* `H` or `H(a-b)`, up to the step. */
static enum error_code read_hash(struct reader *reader, struct range *range)
{
  reader->at++;
  range->low = reader->field->low;
  range->high = reader->field->hash_high;
  range->is_hashed = reader->is_hashed = true;
  if (*reader->at != '(')
    return ERROR_OK;
  const char *begin = ++reader->at;
  if (read_value(reader, &range->low))
    return ERROR_INVALID;
  if (*reader->at != '-')
    return fail_at(reader);
  if (read_high(reader, begin, range))
    return ERROR_INVALID;
  if (*reader->at != ')')
    return fail(reader, reader->at, "%s: a \")\" is missing in \"%.*s\"", reader->field->name,
                shown(reader->item, 40), reader->item);
  reader->at++;
  return ERROR_OK;
}

/* The one value, or where the steps begin. */
static void settle_hash(struct reader *reader, struct range *range, bool has_step)
{
  int32_t size = has_step ? range->step : range->high - range->low + 1;
  if (reader->field == &kinds[DAY] && range->high > reader->hash_day)
    reader->hash_day = has_step ? range->low + range->step - 1 : range->high;
  range->low += hashed(reader, size);
  if (!has_step)
    range->high = range->low;
}

/* ---- fields ---- */

/* `*`, `a`, `a-b` or an H. */
static enum error_code read_range(struct reader *reader, struct range *range)
{
  if (*reader->at == '*') {
    reader->at++;
    range->low = reader->field->low;
    range->high = reader->field->star_high;
    return ERROR_OK;
  }
  if (*reader->at == 'H' && !isalpha((unsigned char)reader->at[1]))
    return read_hash(reader, range);
  const char *begin = reader->at;
  if (read_value(reader, &range->low))
    return ERROR_INVALID;
  range->high = range->low;
  range->is_single = *reader->at != '-';
  return range->is_single ? ERROR_OK : read_high(reader, begin, range);
}

static enum error_code read_step(struct reader *reader, struct range *range)
{
  const struct field *field = reader->field;
  bool is_bounded = !range->is_single && *reader->item != '*';
  const char *begin = ++reader->at;
  if (!is_digit(*begin))
    return fail(reader, begin, "%s: a number is missing behind / in \"%.*s\"", field->name,
                shown(reader->item, 40), reader->item);
  if (read_number(reader, " step", 1, field->high, &range->step))
    return ERROR_INVALID;
  if (range->is_single && range->low < field->star_high)
    range->high = field->star_high;
  int32_t span = range->high - range->low + range->is_hashed;
  if (is_bounded && range->step > 1 && range->step > span)
    return fail(reader, begin, "%s step %d is over the span of \"%.*s\"", field->name, range->step,
                (int)(begin - 1 - reader->item), reader->item);
  return ERROR_OK;
}

static enum error_code read_item(struct reader *reader, uint64_t *mask)
{
  struct range range = {.step = 1};
  reader->item = reader->at;
  if (is_end_of_field(*reader->at) || *reader->at == ',')
    return fail(reader, reader->at, "%s: a value is missing beside a comma", reader->field->name);
  if (read_range(reader, &range))
    return ERROR_INVALID;
  bool has_step = *reader->at == '/';
  if (has_step && read_step(reader, &range))
    return ERROR_INVALID;
  if (!is_end_of_field(*reader->at) && *reader->at != ',')
    return fail_at(reader);
  if (range.is_hashed)
    settle_hash(reader, &range, has_step);
  if (range.step == 1)
    *mask |= (UINT64_C(2) << range.high) - (UINT64_C(1) << range.low);
  else
    for (int32_t value = range.low; value <= range.high; value += range.step)
      *mask |= UINT64_C(1) << value;
  return ERROR_OK;
}

static enum error_code read_field(struct reader *reader, uint64_t *mask)
{
  *mask = 0;
  for (;;) {
    if (read_item(reader, mask))
      return ERROR_INVALID;
    if (*reader->at != ',')
      return ERROR_OK;
    reader->at++;
  }
}

/* ---- the whole ---- */

static void skip_spaces(struct reader *reader)
{
  while (is_space(*reader->at))
    reader->at++;
}

/* `CRON_TZ=Zone` or `TZ=Zone` and the spaces behind it. */
static enum error_code read_zone(struct reader *reader, const struct zone **zone)
{
  size_t skip = strncmp(reader->at, "CRON_TZ=", 8) == 0 ? 8
                : strncmp(reader->at, "TZ=", 3) == 0    ? 3
                                                        : 0;
  if (!skip)
    return ERROR_OK;
  char name[128];
  const char *begin = reader->at += skip;
  while (!is_end_of_field(*reader->at))
    reader->at++;
  if (reader->at - begin >= (int)sizeof name)
    return fail(reader, begin, "unknown time zone \"%.40s...\"", begin);
  memcpy(name, begin, (size_t)(reader->at - begin));
  name[reader->at - begin] = '\0';
  struct error error = {0};
  if (zone_find(name, zone, &error))
    return fail(reader, begin, "%s", error.text);
  skip_spaces(reader);
  return ERROR_OK;
}

/* Replaces the rest of the text by what the macro stands for. */
static enum error_code expand_macro(struct reader *reader)
{
  const char *names[MACROS + 1] = {0}, *begin = reader->at;
  char word[64] = {0}, hint[128];
  while (!is_end_of_field(*reader->at))
    reader->at++;
  int size = (int)(reader->at - begin);
  memcpy(word, begin, size < (int)sizeof word ? (size_t)size : sizeof word - 1);
  skip_spaces(reader);
  if (*reader->at && !strcmp(word, "@every"))
    return fail(reader, begin, "@every is not crontab's: write \"every %.20s\"", reader->at);
  if (!strcmp(word, "@reboot"))
    return fail(reader, begin, "@reboot is an event and not a time: write \"on_start\"");
  for (size_t i = 0; i < MACROS; i++) {
    names[i] = macros[i].name;
    if (strcmp(word, macros[i].name) != 0)
      continue;
    if (*reader->at)
      return fail(reader, reader->at, "\"%.40s\" stands behind %s", reader->at, word);
    reader->text = reader->at = macros[i].expression;
    return ERROR_OK;
  }
  return fail(reader, begin, "unknown macro \"%s\"%s", word, text_did_you_mean(hint, word, names));
}

/* How many fields there are: 5 or 6. */
static enum error_code count_fields(const struct reader *reader, int *count)
{
  const char *where = reader->at;
  *count = 0;
  for (const char *at = reader->at; *at; ++*count) {
    if (*count <= FIELDS_MAX)
      where = at;
    while (!is_end_of_field(*at))
      at++;
    if (*count < 4)
      where = at;
    while (is_space(*at))
      at++;
  }
  if (*count == 5 || *count == 6)
    return ERROR_OK;
  return fail(reader, where,
              "%d field%s found, expected 5 (minute hour day month weekday), or 6 with seconds "
              "first",
              *count, *count == 1 ? "" : "s");
}

/* That an H which may mean the last days of long months does not depend on the job in whether it
 * ever fires. */
static enum error_code check_hash_day(const struct reader *reader, const struct cron_fields *fields)
{
  struct cron_fields latest = *fields;
  latest.days = UINT32_C(1) << reader->hash_day;
  return latest.is_either ? ERROR_OK : cron_fields_finish(&latest, NULL, reader->error);
}

enum error_code cron_parse(const char *expression, struct cron_parsed *parsed, struct error *error)
{
  struct reader reader = {.text = expression, .at = expression, .error = error};
  uint64_t masks[FIELDS_MAX] = {1};
  bool has_star[FIELDS_MAX] = {false};
  int count;
  reader.hash = hash_text(parsed->seed ? parsed->seed : "");
  skip_spaces(&reader);
  if (read_zone(&reader, &parsed->zone) || (*reader.at == '@' && expand_macro(&reader)) ||
      count_fields(&reader, &count))
    return ERROR_INVALID;
  for (int kind = FIELDS_MAX - count; kind < FIELDS_MAX; kind++) {
    reader.field = &kinds[kind];
    has_star[kind] = *reader.at == '*';
    if (read_field(&reader, &masks[kind]))
      return ERROR_INVALID;
    skip_spaces(&reader);
  }
  parsed->is_hashed = reader.is_hashed;
  parsed->fields = (struct cron_fields){
      .seconds = masks[SECOND],
      .minutes = masks[MINUTE],
      .hours = (uint32_t)masks[HOUR],
      .days = (uint32_t)masks[DAY],
      .months = (uint16_t)masks[MONTH],
      .weekdays = (uint8_t)((masks[WEEKDAY] | masks[WEEKDAY] >> 7) & 0x7f),
      .is_either = !has_star[DAY] && !has_star[WEEKDAY],
      .is_wildcard = has_star[SECOND] || has_star[MINUTE] || has_star[HOUR],
  };
  return reader.hash_day ? check_hash_day(&reader, &parsed->fields) : ERROR_OK;
}
