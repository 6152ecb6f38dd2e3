/* One reader per type of member; each checks the type first, so that a wrong one is never taken for
 * an absent one. */
#include "trigger/member.h"

#include <math.h>
#include <string.h>

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

enum error_code member_check_length(const char *name, int64_t us, struct error *error)
{
  if (us > LENGTH_MAX_US)
    return error_set(error, ERROR_INVALID, "%s: the duration is over 1000 years", name);
  return ERROR_OK;
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
  return code ? code : member_check_length(name, *us, error);
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
