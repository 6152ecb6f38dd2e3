/* One table of units drives reading and writing. The whole part of a number is exact integer
 * arithmetic with overflow checks; only a fraction goes through a double, whose 53 bits are finer
 * than a microsecond for every unit. */
#include "time/duration.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)
#define UNITS     "w, d, h, m, s, ms or us"

static const struct unit {
  const char *name;
  int64_t us;
} units[] = {
    {"w", 604800 * SECOND_US},
    {"d", 86400 * SECOND_US},
    {"h", 3600 * SECOND_US},
    {"m", 60 * SECOND_US},
    {"s", SECOND_US},
    {"ms", 1000},
    {"us", 1},
};
enum { UNIT_COUNT = sizeof units / sizeof units[0], UNIT_SECOND = 4 };

/* A number as digits with an optional fraction; the unit is not known yet while it is read. */
struct number {
  int64_t whole;
  double fraction;
};

static const char *skip_spaces(const char *at)
{
  while (isspace((unsigned char)*at))
    at++;
  return at;
}

static enum error_code too_long(struct error *error)
{
  return error_set(error, ERROR_INVALID, "the duration is over 1000 years");
}

static enum error_code read_number(const char **at, struct number *number, struct error *error)
{
  const char *begin = *at, *end = begin;
  *number = (struct number){0};
  for (; isdigit((unsigned char)*end); end++)
    if (__builtin_mul_overflow(number->whole, 10, &number->whole) ||
        __builtin_add_overflow(number->whole, *end - '0', &number->whole))
      return too_long(error);
  bool has_digits = end > begin;
  if (*end == '.') {
    double place = 1;
    for (end++; isdigit((unsigned char)*end); end++) {
      place /= 10;
      number->fraction += place * (*end - '0');
      has_digits = true;
    }
  }
  if (!has_digits)
    return error_set(error, ERROR_INVALID,
                     "a number is missing at \"%.20s\": write it like 90s or 1h30m", begin);
  *at = end;
  return ERROR_OK;
}

/* The unit's index, UNIT_SECOND for a bare number that is the whole text, -1 with an error. */
static int read_unit(const char **at, bool is_alone, struct error *error)
{
  const char *begin = skip_spaces(*at);
  int length = 0;
  while (begin[length] && !isspace((unsigned char)begin[length]) && begin[length] != '.' &&
         begin[length] != '-' && begin[length] != '+' && !isdigit((unsigned char)begin[length]))
    length++;
  *at = skip_spaces(begin + length);
  if (!length) {
    if (is_alone && !*begin)
      return UNIT_SECOND;
    error_set(error, ERROR_INVALID, "a number lacks its unit: " UNITS);
    return -1;
  }
  for (int i = 0; i < UNIT_COUNT; i++)
    if (strlen(units[i].name) == (size_t)length && !memcmp(units[i].name, begin, (size_t)length))
      return i;
  error_set(error, ERROR_INVALID, "unknown unit \"%.*s\", use " UNITS, length > 20 ? 20 : length,
            begin);
  return -1;
}

static enum error_code add(int64_t *sum, struct number number, int64_t unit_us, struct error *error)
{
  int64_t part;
  if (__builtin_mul_overflow(number.whole, unit_us, &part) ||
      __builtin_add_overflow(*sum, part, sum) ||
      __builtin_add_overflow(*sum, llround(number.fraction * (double)unit_us), sum) ||
      *sum > DURATION_MAX_US)
    return too_long(error);
  return ERROR_OK;
}

static enum error_code parse_unsigned(const char *text, int64_t *us, struct error *error)
{
  const char *at = skip_spaces(text);
  if (!*at)
    return error_set(error, ERROR_INVALID, "the duration is empty");
  int64_t sum = 0;
  unsigned seen = 0;
  for (bool is_alone = true; *at; is_alone = false) {
    struct number number;
    if (read_number(&at, &number, error))
      return ERROR_INVALID;
    int unit = read_unit(&at, is_alone, error);
    if (unit < 0)
      return ERROR_INVALID;
    if (seen & 1u << unit)
      return error_set(error, ERROR_INVALID, "the unit %s stands twice", units[unit].name);
    seen |= 1u << unit;
    if (add(&sum, number, units[unit].us, error))
      return ERROR_INVALID;
  }
  *us = sum;
  return ERROR_OK;
}

static enum error_code refuse_negative(struct error *error)
{
  return error_set(error, ERROR_INVALID, "a duration cannot be negative");
}

enum error_code duration_parse(const char *text, int64_t *us, struct error *error)
{
  if (*skip_spaces(text) == '-')
    return refuse_negative(error);
  return parse_unsigned(text, us, error);
}

enum error_code duration_parse_signed(const char *text, int64_t *us, struct error *error)
{
  const char *at = skip_spaces(text);
  bool is_negative = *at == '-';
  if (is_negative || *at == '+')
    at++;
  int64_t length;
  enum error_code code = parse_unsigned(at, &length, error);
  if (!code)
    *us = is_negative ? -length : length;
  return code;
}

enum error_code duration_check(int64_t us, struct error *error)
{
  return us > DURATION_MAX_US ? too_long(error) : ERROR_OK;
}

enum error_code duration_from_seconds(double seconds, int64_t *us, struct error *error)
{
  if (isnan(seconds))
    return error_set(error, ERROR_INVALID, "a duration cannot be NaN");
  if (seconds < 0)
    return refuse_negative(error);
  if (seconds > DURATION_MAX_US / 1e6)
    return too_long(error);
  *us = llround(seconds * 1e6);
  return ERROR_OK;
}

enum error_code duration_from_json(const struct json *value, int64_t *us, struct error *error)
{
  if (value->type == JSON_STRING) {
    if (strlen(value->as.string.data) != value->as.string.size)
      return error_set(error, ERROR_INVALID, "a duration cannot hold a NUL byte");
    return duration_parse(value->as.string.data, us, error);
  }
  if (value->type == JSON_INTEGER || value->type == JSON_NUMBER)
    return duration_from_seconds(json_number(value, 0), us, error);
  return error_set(error, ERROR_INVALID,
                   "a duration is a number of seconds or a string like \"1h30m\", not %s",
                   json_type_name(value->type));
}

void duration_format(char out[DURATION_TEXT_SIZE], int64_t us)
{
  uint64_t rest = us < 0 ? -(uint64_t)us : (uint64_t)us;
  if (!rest) {
    memcpy(out, "0s", 3);
    return;
  }
  size_t size = 0;
  out[0] = '-';
  size += us < 0;
  for (int i = 0; i < UNIT_COUNT; i++) {
    uint64_t count = rest / (uint64_t)units[i].us;
    rest %= (uint64_t)units[i].us;
    if (count)
      size += (size_t)snprintf(out + size, DURATION_TEXT_SIZE - size, "%" PRIu64 "%s", count,
                               units[i].name);
  }
}
