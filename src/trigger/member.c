/* One reader per type of member; each checks the type first, so that a wrong one is never taken for
 * an absent one. Those of local dates, times of day and weekdays are member_clock.c's. */
#include "trigger/member.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/duration.h"
#include "time/instant.h"

const struct json *member_find(const struct json *value, const char *name)
{
  const struct json *member = json_get(value, name);
  return member && member->type != JSON_NULL ? member : NULL;
}

enum error_code member_text(const struct json *value, const char *name, const char **out,
                            struct error *error)
{
  const struct json *member = member_find(value, name);
  if (!member)
    return ERROR_OK;
  if (member->type != JSON_STRING)
    return error_set(error, ERROR_INVALID, "\"%s\" must be a string, not %s", name,
                     json_type_name(member->type));
  if (strlen(member->as.string.data) != member->as.string.size)
    return error_set(error, ERROR_INVALID, "\"%s\" cannot hold a NUL byte", name);
  *out = member->as.string.data;
  return ERROR_OK;
}

enum error_code member_read_all(const struct trigger_kind *kind, size_t size, member_reader read,
                                const struct json *value, const char *default_zone,
                                struct trigger **trigger, struct error *error)
{
  struct trigger *made = memory_alloc(size);
  made->kind = kind;
  enum error_code code = read(made, value, default_zone, error);
  if (code) {
    error_prefix(error, "%s", kind->name);
    trigger_destroy(made);
    return code;
  }
  *trigger = made;
  return ERROR_OK;
}

/* ---- numbers and lists ---- */

/* A JSON number or the text of one; `*is_whole` when `*whole` holds all of it. */
static enum error_code read_number(const struct json *member, const char *name, int64_t *whole,
                                   double *number, bool *is_whole, struct error *error)
{
  *is_whole = true;
  if (member->type == JSON_INTEGER) {
    *whole = member->as.integer;
    *number = (double)*whole;
    return ERROR_OK;
  }
  if (member->type == JSON_NUMBER) {
    *number = member->as.number;
  } else if (member->type == JSON_STRING) {
    /* The characters are checked first: strtod also reads "inf" and hexadecimal. */
    const char *text = member->as.string.data;
    char *end = NULL;
    bool has_digit = isdigit((unsigned char)text[strcspn(text, "0123456789")]);
    size_t size = strspn(text, "0123456789.eE+-");
    *number = has_digit && size == member->as.string.size ? strtod(text, &end) : 0;
    if (!end || *end || !isfinite(*number))
      return error_set(error, ERROR_INVALID, "%s \"%.40s\" is not a number", name, text);
    if (text[strspn(text, "+-0123456789")] == '\0' && fabs(*number) < 9.2e18) {
      *whole = strtoll(text, NULL, 10);
      return ERROR_OK;
    }
  } else {
    return error_set(error, ERROR_INVALID, "\"%s\" must be a number, not %s", name,
                     json_type_name(member->type));
  }
  *is_whole = fabs(*number) < 9.2e18 && *number == floor(*number);
  if (*is_whole)
    *whole = (int64_t)*number;
  return ERROR_OK;
}

enum error_code member_integer(const struct json *value, const char *name, int64_t low,
                               int64_t high, int64_t *out, struct error *error)
{
  const struct json *member = member_find(value, name);
  int64_t whole = 0;
  double number = 0;
  bool is_whole;
  if (!member)
    return ERROR_OK;
  if (read_number(member, name, &whole, &number, &is_whole, error))
    return ERROR_INVALID;
  /* What is too large for int64 counts as out of range, not as a fraction. */
  if (number < (double)low || (is_whole && whole < low))
    return error_set(error, ERROR_INVALID, "%s %.17g is under %" PRId64, name, number, low);
  if (number > (double)high || (is_whole && whole > high))
    return error_set(error, ERROR_INVALID, "%s %.17g is over %" PRId64, name, number, high);
  if (!is_whole)
    return error_set(error, ERROR_INVALID, "%s %.6g is not a whole number", name, number);
  *out = whole;
  return ERROR_OK;
}

enum error_code member_number(const struct json *value, const char *name, double *out,
                              struct error *error)
{
  const struct json *member = member_find(value, name);
  int64_t whole;
  bool is_whole;
  return member ? read_number(member, name, &whole, out, &is_whole, error) : ERROR_OK;
}

/* One item, `size` bytes of a text. */
static enum error_code add_item(const char *name, const char *at, size_t size, member_item add,
                                void *context, struct error *error)
{
  while (size && isspace((unsigned char)*at)) {
    at++;
    size--;
  }
  while (size && isspace((unsigned char)at[size - 1]))
    size--;
  if (!size)
    return error_set(error, ERROR_INVALID, "\"%s\" has an empty item", name);
  char *item = memory_copy(at, size);
  enum error_code code = add(context, item, error);
  if (code)
    error_prefix(error, "%s \"%.60s\"", name, item);
  free(item);
  return code;
}

/* An item that is a value of its own. */
static enum error_code add_value(const struct json *value, const char *name, member_item add,
                                 void *context, struct error *error)
{
  char number[24];
  if (value->type == JSON_INTEGER) {
    snprintf(number, sizeof number, "%" PRId64, value->as.integer);
    return add_item(name, number, strlen(number), add, context, error);
  }
  if (value->type != JSON_STRING)
    return error_set(error, ERROR_INVALID, "\"%s\" must hold texts or whole numbers, not %s", name,
                     json_type_name(value->type));
  if (strlen(value->as.string.data) != value->as.string.size)
    return error_set(error, ERROR_INVALID, "\"%s\" cannot hold a NUL byte", name);
  return add_item(name, value->as.string.data, value->as.string.size, add, context, error);
}

static enum error_code add_array(const struct json *array, const char *name, member_item add,
                                 void *context, struct error *error)
{
  json_each(child, array) {
    enum error_code code = add_value(child, name, add, context, error);
    if (code)
      return code;
  }
  return ERROR_OK;
}

static enum error_code add_split(const char *text, const char *name, member_item add, void *context,
                                 struct error *error)
{
  for (;; text++) {
    size_t size = strcspn(text, ",");
    enum error_code code = add_item(name, text, size, add, context, error);
    text += size;
    if (code || !*text)
      return code;
  }
}

enum error_code member_list(const struct json *value, const char *name, member_item add,
                            void *context, struct error *error)
{
  const struct json *member = member_find(value, name);
  if (!member)
    return ERROR_OK;
  bool is_text = member->type == JSON_STRING;
  if (is_text ? !member->as.string.size : member->type == JSON_ARRAY && !member->count)
    return error_set(error, ERROR_INVALID, "\"%s\" is empty", name);
  if (member->type == JSON_ARRAY)
    return add_array(member, name, add, context, error);
  if (!is_text)
    return add_value(member, name, add, context, error);
  const char *text = NULL;
  enum error_code code = member_text(value, name, &text, error);
  return code ? code : add_split(text, name, add, context, error);
}

/* ---- time ---- */

enum error_code member_zone(const struct json *value, const char *default_zone,
                            const struct zone **zone, struct error *error)
{
  const char *name = default_zone;
  if (member_text(value, "timezone", &name, error))
    return ERROR_INVALID;
  return zone_find(name ? name : "UTC", zone, error);
}

static enum error_code read_epoch(const struct json *member, int64_t *us, struct error *error)
{
  double seconds = json_number(member, 0);
  if (!(seconds >= (double)CIVIL_SECONDS_MIN && seconds <= (double)CIVIL_SECONDS_MAX))
    return error_set(error, ERROR_INVALID, "the time is outside the years 1 to 9999 of UTC");
  *us = member->type == JSON_INTEGER ? member->as.integer * 1000000 : llround(seconds * 1e6);
  return ERROR_OK;
}

enum error_code member_instant(const struct json *value, const char *name, const struct zone *zone,
                               int64_t *us, struct error *error)
{
  const struct json *member = member_find(value, name);
  if (!member)
    return ERROR_OK;
  if (member->type == JSON_INTEGER || member->type == JSON_NUMBER) {
    enum error_code code = read_epoch(member, us, error);
    if (code)
      error_prefix(error, "%s", name);
    return code;
  }
  const char *text = NULL;
  enum error_code code = member_text(value, name, &text, error);
  if (code)
    return code;
  code = instant_parse(text, zone, us, error);
  if (code)
    error_prefix(error, "%s \"%.60s\"", name, text);
  return code;
}

enum error_code member_length(const struct json *value, const char *name, int64_t *us,
                              struct error *error)
{
  const struct json *member = member_find(value, name);
  if (!member)
    return ERROR_OK;
  enum error_code code = duration_from_json(member, us, error);
  if (code && member->type == JSON_STRING)
    error_prefix(error, "%s \"%.60s\"", name, member->as.string.data);
  else if (code)
    error_prefix(error, "%s", name);
  return code;
}

enum error_code member_check_window(int64_t start_us, int64_t end_us, struct error *error)
{
  if (start_us <= end_us)
    return ERROR_OK;
  char start[INSTANT_TEXT_SIZE], end[INSTANT_TEXT_SIZE];
  instant_format_in(start, start_us, NULL);
  instant_format_in(end, end_us, NULL);
  return error_set(error, ERROR_INVALID, "never fires: the end %s is before the start %s", end,
                   start);
}

void member_put_instant(struct json_writer *writer, const char *name, int64_t us)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format(text, us);
  json_put_text(writer, name, text);
}

void member_put_length(struct json_writer *writer, const char *name, int64_t us)
{
  char text[DURATION_TEXT_SIZE];
  duration_format(text, us);
  json_put_text(writer, name, text);
}

void member_put_count(struct json_writer *writer, const char *name, int64_t count)
{
  char text[24];
  if (!count)
    return;
  snprintf(text, sizeof text, "%" PRId64, count);
  json_put_text(writer, name, text);
}
