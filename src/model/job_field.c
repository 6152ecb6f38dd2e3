#include "model/job_field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "base/text.h"
#include "model/rate.h"
#include "time/duration.h"

enum { COUNT_MAX = 1000000, NAME_SIZE = 64, FIELDS_MAX = 64 };

enum error_code field_want(const struct json *value, const char *name, const char *wanted,
                           struct error *error)
{
  return error_set(error, ERROR_INVALID, "%s must be %s, not %s", name, wanted,
                   json_type_name(value->type));
}

enum error_code field_choice(const struct json *value, const char *name, const char *const *names,
                             int *choice, struct error *error)
{
  if (value->type != JSON_STRING)
    return field_want(value, name, "a string", error);
  for (int i = 0; names[i]; i++)
    if (strcmp(names[i], value->as.string.data) == 0) {
      *choice = i;
      return ERROR_OK;
    }
  struct buffer all = {0};
  for (int i = 0; names[i]; i++)
    buffer_printf(&all, "%s\"%s\"", i ? ", " : "", names[i]);
  char hint[128];
  error_set(error, ERROR_INVALID, "%s \"%s\" is none of %s%s", name, value->as.string.data,
            all.data, text_did_you_mean(hint, value->as.string.data, names));
  buffer_deinit(&all);
  return ERROR_INVALID;
}

static enum error_code read_text(const struct json *value, const char *name, char **text,
                                 struct error *error)
{
  if (value->type != JSON_STRING)
    return field_want(value, name, "a string", error);
  if (strlen(value->as.string.data) != value->as.string.size)
    return error_set(error, ERROR_INVALID, "%s holds a NUL byte", name);
  free(*text);
  *text = memory_strdup(value->as.string.data);
  return ERROR_OK;
}

static enum error_code read_count(const struct json *value, const char *name, int32_t *count,
                                  struct error *error)
{
  int64_t whole;
  if (!json_whole(value, &whole))
    return field_want(value, name, "a whole number", error);
  if (whole < 1 || whole > COUNT_MAX)
    return error_set(error, ERROR_INVALID, "%s %lld is not between 1 and %d", name,
                     (long long)whole, COUNT_MAX);
  *count = (int32_t)whole;
  return ERROR_OK;
}

static enum error_code read_duration(const struct json *value, const char *name, int64_t least_us,
                                     int64_t *us, struct error *error)
{
  if (duration_from_json(value, us, error))
    return error_prefix(error, "%s", name);
  if (*us < least_us)
    return error_set(error, ERROR_INVALID, "%s is under a millisecond", name);
  return ERROR_OK;
}

static enum error_code read_strings(const struct json *value, const char *name, char **json,
                                    struct error *error)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  bool is_one = value->type == JSON_STRING;
  if (!is_one && value->type != JSON_ARRAY)
    return field_want(value, name, "a list of strings", error);
  if (!is_one)
    json_each(item, value)
      if (item->type != JSON_STRING)
        return error_set(error, ERROR_INVALID, "%s must hold strings only, not %s", name,
                         json_type_name(item->type));
  if (!is_one && value->count == 0)
    return ERROR_OK;
  if (is_one)
    json_begin_array(&writer);
  json_write_tree(&writer, value);
  if (is_one)
    json_end_array(&writer);
  free(*json);
  *json = buffer_take(&out);
  return ERROR_OK;
}

enum error_code field_read(void *owner, const struct field *field, const char *name,
                           const struct json *value, struct error *error)
{
  void *place = (char *)owner + field->offset;
  switch (field->kind) {
  case FIELD_TEXT:
    return read_text(value, name, place, error);
  case FIELD_BOOLEAN:
    if (value->type != JSON_BOOL)
      return field_want(value, name, "true or false", error);
    *(bool *)place = value->as.boolean;
    return ERROR_OK;
  case FIELD_COUNT:
    return read_count(value, name, place, error);
  case FIELD_DURATION:
    return read_duration(value, name, 1000, place, error);
  case FIELD_DELAY:
    return read_duration(value, name, 0, place, error);
  case FIELD_SIZE:
    return size_from_json(value, name, place, error);
  case FIELD_CHOICE:
    return field_choice(value, name, field->names, place, error);
  case FIELD_RATE: {
    enum error_code code = rate_from_json(value, place, error);
    return code ? error_prefix(error, "%s", name) : ERROR_OK;
  }
  case FIELD_STRINGS:
    return read_strings(value, name, place, error);
  case FIELD_CUSTOM:
    return field->read(owner, value, error);
  case FIELD_ELSEWHERE:
    break;
  }
  return ERROR_OK;
}

/* A look at the first letter spares most comparisons; jobs are read in bulk. */
static const struct field *find_field(const struct field *fields, size_t count, const char *name)
{
  for (size_t i = 0; i < count; i++)
    if (fields[i].name[0] == name[0] && strcmp(fields[i].name, name) == 0)
      return &fields[i];
  return NULL;
}

static enum error_code refuse_unknown(const struct field *fields, size_t count, const char *prefix,
                                      const char *name, struct error *error)
{
  const char *names[FIELDS_MAX + 1] = {0};
  char hint[128];
  for (size_t i = 0; i < count && i < FIELDS_MAX; i++)
    names[i] = fields[i].name;
  return error_set(error, ERROR_INVALID, "unknown option \"%s%s\"%s", prefix, name,
                   text_did_you_mean(hint, name, names));
}

enum error_code fields_read(void *owner, const struct field *fields, size_t count,
                            const char *prefix, const struct json *object, struct error *error)
{
  if (!object || object->type != JSON_OBJECT)
    return error_set(error, ERROR_INVALID, "%.*s must be an object, not %s",
                     *prefix ? (int)strlen(prefix) - 1 : 7, *prefix ? prefix : "options",
                     object ? json_type_name(object->type) : "nothing");
  bool is_read[FIELDS_MAX] = {false};
  json_each(value, object) {
    char name[NAME_SIZE];
    const struct field *field = find_field(fields, count, value->key);
    if (!field)
      return refuse_unknown(fields, count, prefix, value->key, error);
    if (is_read[field - fields])
      return error_set(error, ERROR_INVALID, "%s%s is given twice", prefix, field->name);
    is_read[field - fields] = true;
    if (*prefix)
      snprintf(name, sizeof name, "%s%s", prefix, field->name);
    enum error_code code = field_read(owner, field, *prefix ? name : field->name, value, error);
    if (code)
      return code;
  }
  return ERROR_OK;
}
