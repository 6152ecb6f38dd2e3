/* The text of a recurrence rule: `NAME=value;NAME=value`, the names in any order, each at most
 * once, a leading "RRULE:" and small letters allowed. What RFC 5545 says a rule MUST NOT have is
 * refused with the reason; it would mean different things to different readers. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "trigger/rrule.h"

enum { NUMBER_MAX = 2147483647 };

static const char *const part_names[] = {
    [RRULE_BYSECOND] = "BYSECOND",
    [RRULE_BYMINUTE] = "BYMINUTE",
    [RRULE_BYHOUR] = "BYHOUR",
    [RRULE_BYMONTHDAY] = "BYMONTHDAY",
    [RRULE_BYYEARDAY] = "BYYEARDAY",
    [RRULE_BYWEEKNO] = "BYWEEKNO",
    [RRULE_BYMONTH] = "BYMONTH",
    [RRULE_BYSETPOS] = "BYSETPOS",
    [RRULE_BYDAY] = "BYDAY",
    [RRULE_FREQ] = "FREQ",
    [RRULE_INTERVAL] = "INTERVAL",
    [RRULE_COUNT] = "COUNT",
    [RRULE_UNTIL] = "UNTIL",
    [RRULE_WKST] = "WKST",
    [RRULE_PARTS] = NULL,
};

static const struct {
  int32_t low, high;
  bool is_signed; /* -high to -low too */
} ranges[RRULE_NUMBERS] = {
    [RRULE_BYSECOND] = {0, 60, false},  [RRULE_BYMINUTE] = {0, 59, false},
    [RRULE_BYHOUR] = {0, 23, false},    [RRULE_BYMONTHDAY] = {1, 31, true},
    [RRULE_BYYEARDAY] = {1, 366, true}, [RRULE_BYWEEKNO] = {1, 53, true},
    [RRULE_BYMONTH] = {1, 12, false},   [RRULE_BYSETPOS] = {1, 366, true},
};

static const char *const freq_names[] = {"YEARLY", "MONTHLY",  "WEEKLY",   "DAILY",
                                         "HOURLY", "MINUTELY", "SECONDLY", NULL};
static const char *const weekday_names[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA", NULL};

struct reader {
  const char *text; /* in capitals; the values of parts and items are cut out of it by NULs */
  const char *written;
  struct rrule *rule;
  struct error *error;
  size_t columns[RRULE_PARTS];
  const char *ordinal; /* the first day of BYDAY with one */
};

#define COLUMN(reader, at) ((size_t)((at) - (reader)->text) + 1)

/* What is cut out, as the person wrote it; shortened to what a message has room for. */
enum { SHOWN_SIZE = 21 };
static const char *shown(const struct reader *reader, const char *at, char out[SHOWN_SIZE])
{
  size_t size = strlen(at);
  const char *written = reader->written + (at - reader->text);
  if (size >= SHOWN_SIZE)
    size = SHOWN_SIZE - 1;
  while (size && ((unsigned char)written[size] & 0xc0) == 0x80)
    size--; /* not within a character */
  memcpy(out, written, size);
  out[size] = '\0';
  return out;
}

static int find_name(const char *const *names, const char *name)
{
  for (int i = 0; names[i]; i++)
    if (!strcmp(names[i], name))
      return i;
  return -1;
}

static enum error_code not_one_of(struct reader *reader, const char *part, const char *value,
                                  const char *const *names)
{
  char hint[128], text[SHOWN_SIZE];
  return error_set(reader->error, ERROR_INVALID, "%s \"%s\" is unknown%s, column %zu", part,
                   shown(reader, value, text), text_did_you_mean(hint, value, names),
                   COLUMN(reader, value));
}

/* Digits with an optional sign, up to `*end`. Numbers that are too large stay NUMBER_MAX + 1. */
static bool read_number(const char *at, bool has_sign, int64_t *number, const char **end)
{
  int64_t sum = 0;
  bool is_negative = *at == '-';
  if (is_negative || (has_sign && *at == '+'))
    at++;
  if (!isdigit((unsigned char)*at))
    return false;
  for (; isdigit((unsigned char)*at); at++)
    sum = sum > NUMBER_MAX ? sum : sum * 10 + (*at - '0');
  *number = is_negative ? -sum : sum;
  *end = at;
  return true;
}

static enum error_code read_ranged(struct reader *reader, const char *name, const char *value,
                                   int64_t low, int64_t high, bool is_signed, int64_t *number)
{
  const char *end;
  char text[SHOWN_SIZE];
  if (!read_number(value, is_signed, number, &end) || *end)
    return error_set(reader->error, ERROR_INVALID, "%s \"%s\" is not a whole number, column %zu",
                     name, shown(reader, value, text), COLUMN(reader, value));
  if (is_signed && !*number)
    return error_set(reader->error, ERROR_INVALID, "%s cannot be 0, column %zu", name,
                     COLUMN(reader, value));
  if (*number > high)
    return error_set(reader->error, ERROR_INVALID, "%s %s is over %lld, column %zu", name,
                     shown(reader, value, text), (long long)high, COLUMN(reader, value));
  if (*number < (is_signed ? -high : low))
    return error_set(reader->error, ERROR_INVALID, "%s %s is under %lld, column %zu", name,
                     shown(reader, value, text), (long long)(is_signed ? -high : low),
                     COLUMN(reader, value));
  return ERROR_OK;
}

static enum error_code read_listed(struct reader *reader, enum rrule_part part, const char *value)
{
  int64_t number;
  enum error_code code = read_ranged(reader, part_names[part], value, ranges[part].low,
                                     ranges[part].high, ranges[part].is_signed, &number);
  if (code)
    return code;
  /* A clock without leap seconds shows second 60 as 59 (RFC 5545, 3.3.12). */
  if (part == RRULE_BYSECOND && number == 60)
    number = 59;
  struct rrule_numbers *numbers = &reader->rule->numbers[part];
  uint64_t *bits = number < 0 ? numbers->minus : numbers->plus;
  size_t n = (size_t)(number < 0 ? -number : number);
  bits[n / 64] |= UINT64_C(1) << n % 64;
  return ERROR_OK;
}

static enum error_code read_weekday(struct reader *reader, const char *value)
{
  int64_t number = 0;
  char text[SHOWN_SIZE];
  const char *name = value;
  bool has_ordinal = read_number(value, true, &number, &name);
  int weekday = find_name(weekday_names, name);
  if (weekday < 0)
    return not_one_of(reader, "BYDAY", name, weekday_names);
  if (!has_ordinal) {
    reader->rule->weekdays |= (uint8_t)(1 << weekday);
    return ERROR_OK;
  }
  if (!number || number > 53 || number < -53)
    return error_set(reader->error, ERROR_INVALID,
                     "BYDAY \"%s\": its ordinal is not one of 1 to 53 or -1 to -53, column %zu",
                     shown(reader, value, text), COLUMN(reader, value));
  if (number > 0)
    reader->rule->nth[weekday] |= UINT64_C(1) << number;
  else
    reader->rule->nth_last[weekday] |= UINT64_C(1) << -number;
  if (!reader->ordinal)
    reader->ordinal = value;
  return ERROR_OK;
}

static enum error_code read_list(struct reader *reader, enum rrule_part part, char *value)
{
  enum error_code code = ERROR_OK;
  while (value && !code) {
    char *comma = strchr(value, ',');
    if (comma)
      *comma = '\0';
    if (!*value)
      return error_set(reader->error, ERROR_INVALID, "a value of %s is missing, column %zu",
                       part_names[part], COLUMN(reader, value));
    code = part == RRULE_BYDAY ? read_weekday(reader, value) : read_listed(reader, part, value);
    value = comma ? comma + 1 : NULL;
  }
  return code;
}

static enum error_code read_until(struct reader *reader, const char *value)
{
  enum error_code code = rrule_moment_parse(value, &reader->rule->until, reader->error);
  if (!code)
    return ERROR_OK;
  struct error inner = *reader->error;
  char text[SHOWN_SIZE];
  return error_set(reader->error, code, "UNTIL \"%s\": %.200s, column %zu",
                   shown(reader, value, text), inner.text, COLUMN(reader, value));
}

static enum error_code read_positive(struct reader *reader, enum rrule_part part, const char *value,
                                     int32_t *out)
{
  int64_t number;
  enum error_code code =
      read_ranged(reader, part_names[part], value, 1, NUMBER_MAX, false, &number);
  if (!code)
    *out = (int32_t)number;
  return code;
}

static enum error_code read_value(struct reader *reader, enum rrule_part part, char *value)
{
  int found;
  switch (part) {
  case RRULE_FREQ:
    found = find_name(freq_names, value);
    if (found < 0)
      return not_one_of(reader, "FREQ", value, freq_names);
    reader->rule->freq = (enum rrule_freq)found;
    return ERROR_OK;
  case RRULE_WKST:
    found = find_name(weekday_names, value);
    if (found < 0)
      return not_one_of(reader, "WKST", value, weekday_names);
    reader->rule->week_start = found;
    return ERROR_OK;
  case RRULE_INTERVAL:
    return read_positive(reader, part, value, &reader->rule->interval);
  case RRULE_COUNT:
    return read_positive(reader, part, value, &reader->rule->count);
  case RRULE_UNTIL:
    return read_until(reader, value);
  default:
    return read_list(reader, part, value);
  }
}

/* `NAME=value`, without the semicolon. */
static enum error_code read_part(struct reader *reader, char *text)
{
  char name[SHOWN_SIZE];
  char *sign = strchr(text, '=');
  size_t column = COLUMN(reader, text);
  if (!*text)
    return error_set(reader->error, ERROR_INVALID,
                     "a part such as FREQ=DAILY is missing, column %zu", column);
  if (!sign)
    return error_set(reader->error, ERROR_INVALID,
                     "\"%s\" has no value: write NAME=value, column %zu", shown(reader, text, name),
                     column);
  *sign = '\0';
  int part = find_name(part_names, text);
  if (part < 0) {
    char hint[128];
    return error_set(reader->error, ERROR_INVALID, "unknown part \"%s\"%s, column %zu",
                     shown(reader, text, name), text_did_you_mean(hint, text, part_names), column);
  }
  if (rrule_has(reader->rule, (enum rrule_part)part))
    return error_set(reader->error, ERROR_INVALID, "%s stands twice, column %zu", text, column);
  if (!sign[1])
    return error_set(reader->error, ERROR_INVALID, "%s has no value, column %zu", text,
                     COLUMN(reader, sign + 1));
  reader->rule->given |= UINT32_C(1) << part;
  reader->columns[part] = column;
  return read_value(reader, (enum rrule_part)part, sign + 1);
}

/* ---- what a rule must not have ---- */

static enum error_code refuse(struct reader *reader, enum rrule_part part, const char *reason)
{
  return error_set(reader->error, ERROR_INVALID, "%s %s, column %zu", part_names[part], reason,
                   reader->columns[part]);
}

static enum error_code check_ordinals(struct reader *reader)
{
  const struct rrule *rule = reader->rule;
  char text[SHOWN_SIZE];
  if (!reader->ordinal)
    return ERROR_OK;
  if (rule->freq > RRULE_MONTHLY)
    return error_set(reader->error, ERROR_INVALID,
                     "BYDAY %s: an ordinal goes only with FREQ=MONTHLY and YEARLY, column %zu",
                     shown(reader, reader->ordinal, text), COLUMN(reader, reader->ordinal));
  if (rrule_has(rule, RRULE_BYWEEKNO))
    return error_set(reader->error, ERROR_INVALID,
                     "BYDAY %s: an ordinal does not go with BYWEEKNO, column %zu",
                     shown(reader, reader->ordinal, text), COLUMN(reader, reader->ordinal));
  return ERROR_OK;
}

static enum error_code check_parts(struct reader *reader)
{
  const struct rrule *rule = reader->rule;
  const uint32_t chosen_from =
      ((UINT32_C(1) << RRULE_NUMBERS) - 1) & ~(UINT32_C(1) << RRULE_BYSETPOS);
  if (!rrule_has(rule, RRULE_FREQ))
    return error_set(reader->error, ERROR_INVALID, "FREQ is missing, column 1");
  if (rrule_has(rule, RRULE_COUNT) && rrule_has(rule, RRULE_UNTIL)) {
    bool is_last = reader->columns[RRULE_COUNT] > reader->columns[RRULE_UNTIL];
    return refuse(reader, is_last ? RRULE_COUNT : RRULE_UNTIL,
                  is_last ? "does not go with UNTIL" : "does not go with COUNT");
  }
  if (rrule_has(rule, RRULE_BYWEEKNO) && rule->freq != RRULE_YEARLY)
    return refuse(reader, RRULE_BYWEEKNO, "goes only with FREQ=YEARLY");
  if (rrule_has(rule, RRULE_BYYEARDAY) && rule->freq >= RRULE_MONTHLY && rule->freq <= RRULE_DAILY)
    return refuse(reader, RRULE_BYYEARDAY, "does not go with FREQ=MONTHLY, WEEKLY or DAILY");
  if (rrule_has(rule, RRULE_BYMONTHDAY) && rule->freq == RRULE_WEEKLY)
    return refuse(reader, RRULE_BYMONTHDAY, "does not go with FREQ=WEEKLY");
  if (rrule_has(rule, RRULE_BYSETPOS) && !(rule->given & chosen_from) &&
      !rrule_has(rule, RRULE_BYDAY))
    return refuse(reader, RRULE_BYSETPOS, "needs another BY part to choose from");
  return check_ordinals(reader);
}

static enum error_code read_parts(struct reader *reader, char *text)
{
  enum error_code code = ERROR_OK;
  while (text && !code) {
    char *end = strchr(text, ';');
    if (end)
      *end = '\0';
    code = read_part(reader, text);
    text = end ? end + 1 : NULL;
  }
  return code ? code : check_parts(reader);
}

enum error_code rrule_parse(const char *text, struct rrule *rule, struct error *error)
{
  struct error unread = {0};
  *rule = (struct rrule){.interval = 1, .week_start = 1};
  if (strlen(text) > RRULE_TEXT_MAX)
    return error_set(error, ERROR_LIMIT, "the rule is longer than %d bytes", RRULE_TEXT_MAX);
  char *copy = memory_strdup(text), *begin = copy;
  for (char *at = copy; *at; at++)
    *at = (char)toupper((unsigned char)*at);
  for (char *end = copy + strlen(copy); end > copy && isspace((unsigned char)end[-1]);)
    *--end = '\0';
  while (isspace((unsigned char)*begin))
    begin++;
  if (!strncmp(begin, "RRULE:", 6))
    begin += 6;
  struct reader reader = {
      .text = copy, .written = text, .rule = rule, .error = error ? error : &unread};
  enum error_code code = read_parts(&reader, begin);
  rrule_find_months(rule);
  free(copy);
  return code;
}
