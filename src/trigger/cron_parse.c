/* Reading a cron expression: crontab(5) as Vixie's cron and its heirs have it.
 *
 *     [second] minute hour day-of-month month weekday
 *     item := * | value | value-value, each with /step;  list := item,item,...
 *
 * `a/n` is `a-max/n`. Names of months and weekdays count in any case, in ranges too. Sunday is 0 or
 * 7, also at the end of a range. When day of month and weekday are both restricted a day matches by
 * either, else by both; a field is unrestricted when its text begins with `*`, so a day field with
 * a step (every second day) and a weekday must both match. Every byte of the text is accounted for:
 * what is not understood is an error that says where. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "trigger/cron_parse.h"

enum { FIELDS_MAX = 6, FIELD_SIZE = 256, WEEKDAY = 5 };

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field {
  const char *name;
  int32_t low, high;
  int32_t star_high; /* of `*` and `a/n`: differs for weekdays, where 7 is 0 again */
  const char *const *names;
  int32_t first_name;
} kinds[FIELDS_MAX] = {
    {"second", 0, 59, 59, NULL, 0},       {"minute", 0, 59, 59, NULL, 0},
    {"hour", 0, 23, 23, NULL, 0},         {"day of month", 1, 31, 31, NULL, 0},
    {"month", 1, 12, 12, month_names, 1}, {"weekday", 0, 7, 6, weekday_names, 0},
};

static const struct {
  const char *name, *expression;
} macros[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};
enum { MACROS = sizeof macros / sizeof macros[0] };

/* A word of letters as a month or weekday. */
static enum error_code read_name(const struct field *field, const char **at, int32_t *value,
                                 struct error *error)
{
  char word[32] = {0}, lower[32] = {0}, hint[128];
  size_t size = 0;
  for (; isalpha((unsigned char)(*at)[size]); size++) {
    if (size < sizeof word - 1) {
      word[size] = (*at)[size];
      lower[size] = (char)tolower((unsigned char)(*at)[size]);
    }
  }
  if (!field->names)
    return error_set(error, ERROR_INVALID, "%s \"%s\" is not a number", field->name, word);
  *at += size;
  for (int32_t i = 0; field->names[i]; i++)
    if (!strcmp(field->names[i], lower)) {
      *value = i + field->first_name;
      return ERROR_OK;
    }
  return error_set(error, ERROR_INVALID, "unknown %s \"%s\"%s", field->name, word,
                   text_did_you_mean(hint, lower, field->names));
}

static enum error_code read_number(const char *what, int32_t low, int32_t high, const char **at,
                                   int32_t *value, struct error *error)
{
  const char *begin = *at;
  int32_t sum = 0;
  for (; isdigit((unsigned char)**at); (*at)++)
    sum = sum > 9999 ? sum : sum * 10 + (**at - '0');
  int size = (int)(*at - begin > 20 ? 20 : *at - begin);
  if (sum < low)
    return error_set(error, ERROR_INVALID, "%s %.*s is under %d", what, size, begin, low);
  if (sum > high)
    return error_set(error, ERROR_INVALID, "%s %.*s is over %d", what, size, begin, high);
  *value = sum;
  return ERROR_OK;
}

static enum error_code read_value(const struct field *field, const char *item, const char **at,
                                  int32_t *value, struct error *error)
{
  if (isdigit((unsigned char)**at))
    return read_number(field->name, field->low, field->high, at, value, error);
  if (isalpha((unsigned char)**at))
    return read_name(field, at, value, error);
  if (!**at)
    return error_set(error, ERROR_INVALID, "%s: a value is missing in \"%.40s\"", field->name,
                     item);
  return error_set(error, ERROR_INVALID, "%s \"%.40s\" is not understood at \"%.40s\"", field->name,
                   item, *at);
}

/* `*`, `a` or `a-b`; `*is_single` tells that no range was given. */
static enum error_code read_range(const struct field *field, const char *item, const char **at,
                                  int32_t *low, int32_t *high, bool *is_single, struct error *error)
{
  *is_single = false;
  if (**at == '*') {
    (*at)++;
    *low = field->low;
    *high = field->star_high;
    return ERROR_OK;
  }
  if (read_value(field, item, at, low, error))
    return ERROR_INVALID;
  *high = *low;
  *is_single = **at != '-';
  if (*is_single)
    return ERROR_OK;
  (*at)++;
  if (read_value(field, item, at, high, error))
    return ERROR_INVALID;
  if (field == &kinds[WEEKDAY] && *high == 0 && *low > 0)
    *high = 7; /* fri-sun */
  if (*high < *low)
    return error_set(error, ERROR_INVALID, "%s range \"%.40s\" runs backwards", field->name, item);
  return ERROR_OK;
}

static enum error_code read_item(const struct field *field, const char *item, uint64_t *mask,
                                 struct error *error)
{
  const char *at = item;
  int32_t low, high, step = 1;
  bool is_single;
  if (read_range(field, item, &at, &low, &high, &is_single, error))
    return ERROR_INVALID;
  if (*at == '/') {
    char what[32];
    at++;
    snprintf(what, sizeof what, "%s step", field->name);
    if (!isdigit((unsigned char)*at))
      return error_set(error, ERROR_INVALID, "%s: a number is missing behind / in \"%.40s\"",
                       field->name, item);
    if (read_number(what, 1, field->high, &at, &step, error))
      return ERROR_INVALID;
    if (is_single && low < field->star_high)
      high = field->star_high;
  }
  if (*at)
    return error_set(error, ERROR_INVALID, "%s \"%.40s\" is not understood at \"%.40s\"",
                     field->name, item, at);
  for (int32_t value = low; value <= high; value += step)
    *mask |= UINT64_C(1) << value;
  return ERROR_OK;
}

static enum error_code read_field(const struct field *field, char *text, uint64_t *mask,
                                  struct error *error)
{
  *mask = 0;
  for (char *item = text, *comma; item; item = comma) {
    comma = strchr(item, ',');
    if (comma)
      *comma++ = '\0';
    if (!*item)
      return error_set(error, ERROR_INVALID, "%s: a value is missing beside a comma", field->name);
    if (read_item(field, item, mask, error))
      return ERROR_INVALID;
  }
  return ERROR_OK;
}

static enum error_code expand_macro(const char **expression, struct error *error)
{
  const char *names[MACROS + 1] = {0};
  char hint[128];
  if (!strcmp(*expression, "@reboot"))
    return error_set(error, ERROR_INVALID,
                     "@reboot is an event and not a time; let a listener start the job");
  for (size_t i = 0; i < MACROS; i++) {
    names[i] = macros[i].name;
    if (!strcmp(*expression, macros[i].name)) {
      *expression = macros[i].expression;
      return ERROR_OK;
    }
  }
  return error_set(error, ERROR_INVALID, "unknown macro \"%.60s\"%s", *expression,
                   text_did_you_mean(hint, *expression, names));
}

/* Splits at spaces into copies; more than FIELDS_MAX are only counted. */
static enum error_code split(const char *expression, char texts[FIELDS_MAX][FIELD_SIZE], int *count,
                             struct error *error)
{
  *count = 0;
  for (const char *at = expression; *at;) {
    size_t space = strspn(at, " \t\r\n"), size = strcspn(at + space, " \t\r\n");
    at += space + size;
    if (!size)
      break;
    if (size >= FIELD_SIZE)
      return error_set(error, ERROR_LIMIT, "a field is longer than %d bytes", FIELD_SIZE - 1);
    if (*count < FIELDS_MAX) {
      memcpy(texts[*count], at - size, size);
      texts[*count][size] = '\0';
    }
    ++*count;
  }
  if (*count == 5 || *count == 6)
    return ERROR_OK;
  return error_set(
      error, ERROR_INVALID,
      "%d field%s found, expected 5 (minute hour day month weekday), or 6 with seconds "
      "first",
      *count, *count == 1 ? "" : "s");
}

enum error_code cron_parse(const char *expression, struct cron_parsed *parsed, struct error *error)
{
  char texts[FIELDS_MAX][FIELD_SIZE];
  uint64_t masks[FIELDS_MAX] = {1};
  bool has_star[FIELDS_MAX] = {false};
  int count;
  if (*expression == '@' && expand_macro(&expression, error))
    return ERROR_INVALID;
  enum error_code code = split(expression, texts, &count, error);
  if (code)
    return code;
  for (int i = 0, kind = FIELDS_MAX - count; i < count; i++, kind++) {
    has_star[kind] = texts[i][0] == '*';
    if (read_field(&kinds[kind], texts[i], &masks[kind], error))
      return ERROR_INVALID;
  }
  parsed->fields = (struct cron_fields){
      .seconds = masks[0],
      .minutes = masks[1],
      .hours = (uint32_t)masks[2],
      .days = (uint32_t)masks[3],
      .months = (uint16_t)masks[4],
      .weekdays = (uint8_t)((masks[5] | masks[5] >> 7) & 0x7f),
      .is_either = !has_star[3] && !has_star[5],
      .is_wildcard = has_star[0] || has_star[1] || has_star[2],
  };
  return ERROR_OK;
}
