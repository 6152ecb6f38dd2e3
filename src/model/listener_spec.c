/* A filter is not compiled: it is a small tree beside another small tree, and most of the events
 * that reach it differ in the first member. */
#include "model/listener_spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/event_name.h"
#include "model/job_field.h"

enum { NAME_MAX_SIZE = 255, ATTEMPTS = 8 };
#define TIMEOUT_US (30 * INT64_C(1000000))

/* ---- reading ---- */

static enum error_code copy_tree(const struct json *value, char **text,
                                 struct json_document **document, struct error *error)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_write_tree(&writer, value);
  size_t size = out.size;
  *text = buffer_take(&out);
  return json_parse(*text, size, document, error);
}

static enum error_code read_events(void *owner, const struct json *value, struct error *error)
{
  struct listener_spec *spec = owner;
  if (value->type != JSON_ARRAY || value->count == 0)
    return error_set(error, ERROR_INVALID, "events must be a list of names");
  if (value->count > LISTENER_PATTERNS_MAX)
    return error_set(error, ERROR_LIMIT, "events are more than %d names", LISTENER_PATTERNS_MAX);
  json_each(pattern, value) {
    const char *text = json_text(pattern, "");
    if (!*text || strlen(text) > NAME_MAX_SIZE)
      return error_set(error, ERROR_INVALID, "the name of an event must have 1 to %d bytes",
                       NAME_MAX_SIZE);
    if (event_pattern_check(text, error))
      return ERROR_INVALID;
  }
  return copy_tree(value, &spec->events, &spec->patterns, error);
}

static bool is_scalar(const struct json *value)
{
  return value->type == JSON_STRING || value->type == JSON_INTEGER || value->type == JSON_NUMBER ||
         value->type == JSON_BOOL;
}

static enum error_code check_wanted(const struct json *member, struct error *error)
{
  bool good = is_scalar(member) || (member->type == JSON_ARRAY && member->count > 0);
  json_each(value, member->type == JSON_ARRAY ? member : NULL)
    good = good && is_scalar(value);
  if (!good)
    return error_set(error, ERROR_INVALID,
                     "filter: \"%.60s\" must be a text, a number, a boolean or a list of such",
                     member->key);
  if (member->type == JSON_ARRAY && member->count > LISTENER_VALUES_MAX)
    return error_set(error, ERROR_LIMIT, "filter: \"%.60s\" has more than %d values", member->key,
                     LISTENER_VALUES_MAX);
  return ERROR_OK;
}

static enum error_code read_filter(void *owner, const struct json *value, struct error *error)
{
  struct listener_spec *spec = owner;
  if (value->type == JSON_NULL || (value->type == JSON_ARRAY && value->count == 0))
    return ERROR_OK; /* an empty table of Lua */
  if (value->type != JSON_OBJECT)
    return error_set(error, ERROR_INVALID, "filter must be a table of members, not %s",
                     json_type_name(value->type));
  if (value->count > LISTENER_FILTER_MAX)
    return error_set(error, ERROR_LIMIT, "filter has more than %d members", LISTENER_FILTER_MAX);
  json_each(member, value)
    if (check_wanted(member, error))
      return error->code;
  return value->count ? copy_tree(value, &spec->filter, &spec->wanted, error) : ERROR_OK;
}

static enum error_code read_id(void *owner, const struct json *value, struct error *error)
{
  (void)error;
  ((struct listener_spec *)owner)->id = json_integer(value, 0);
  return ERROR_OK;
}

static const struct field fields[] = {
    {.name = "id", .kind = FIELD_CUSTOM, .read = read_id},
    {.name = "name", .kind = FIELD_TEXT, .offset = offsetof(struct listener_spec, name)},
    {.name = "events", .kind = FIELD_CUSTOM, .read = read_events},
    {.name = "filter", .kind = FIELD_CUSTOM, .read = read_filter},
    {.name = "durable", .kind = FIELD_BOOLEAN, .offset = offsetof(struct listener_spec, durable)},
    {.name = "timeout",
     .kind = FIELD_DURATION,
     .offset = offsetof(struct listener_spec, timeout_us)},
    {.name = "attempts", .kind = FIELD_COUNT, .offset = offsetof(struct listener_spec, attempts)},
};

enum error_code listener_spec_from_json(const struct json *value, struct listener_spec **out,
                                        struct error *error)
{
  struct error local = {0};
  struct listener_spec *spec = memory_alloc(sizeof *spec);
  spec->timeout_us = TIMEOUT_US;
  error = error ? error : &local;
  enum error_code code =
      fields_read(spec, fields, sizeof fields / sizeof *fields, "", value, error);
  if (!code && !spec->events)
    code = error_set(error, ERROR_INVALID, "events is missing");
  if (!code && (!spec->name || !*spec->name || strlen(spec->name) > NAME_MAX_SIZE))
    code = error_set(error, ERROR_INVALID, "name must have 1 to %d bytes", NAME_MAX_SIZE);
  if (!code && spec->attempts && !spec->durable)
    code = error_set(error, ERROR_INVALID,
                     "attempts are those of a durable listener: add durable = true");
  if (code) {
    listener_spec_destroy(spec);
    return code;
  }
  if (!spec->attempts)
    spec->attempts = ATTEMPTS;
  *out = spec;
  return ERROR_OK;
}

enum error_code listener_spec_check(const struct listener_spec *spec, struct error *error)
{
  const char *patterns[LISTENER_PATTERNS_MAX + 1] = {0};
  size_t count = 0;
  json_each(pattern, json_root(spec->patterns))
    patterns[count++] = json_text(pattern, "");
  json_each(member, spec->wanted ? json_root(spec->wanted) : NULL)
    if (event_member_check(patterns, member->key, error))
      return ERROR_INVALID;
  return ERROR_OK;
}

void listener_spec_destroy(struct listener_spec *spec)
{
  if (!spec)
    return;
  free(spec->name);
  free(spec->events);
  free(spec->filter);
  json_free(spec->patterns);
  json_free(spec->wanted);
  free(spec);
}

void listener_spec_put(const struct listener_spec *spec, struct json_writer *writer)
{
  json_put_text(writer, "name", spec->name);
  json_put_raw(writer, "events", spec->events);
  json_put_raw(writer, "filter", spec->filter);
  json_put_boolean(writer, "durable", spec->durable);
  json_put_number(writer, "timeout", (double)spec->timeout_us / 1e6);
  if (spec->durable)
    json_put_integer(writer, "attempts", spec->attempts);
}

/* ---- matching ---- */

bool listener_spec_hears(const struct listener_spec *spec, const char *event_name)
{
  json_each(pattern, json_root(spec->patterns))
    if (text_matches(json_text(pattern, ""), event_name))
      return true;
  return false;
}

static bool is_number(const struct json *value)
{
  return value->type == JSON_INTEGER || value->type == JSON_NUMBER;
}

static bool fits(const struct json *wanted, const struct json *value)
{
  if (wanted->type == JSON_STRING)
    return value->type == JSON_STRING &&
           text_matches(wanted->as.string.data, value->as.string.data);
  if (wanted->type == JSON_BOOL)
    return value->type == JSON_BOOL && wanted->as.boolean == value->as.boolean;
  if (wanted->type == JSON_INTEGER && value->type == JSON_INTEGER)
    return wanted->as.integer == value->as.integer;
  return is_number(wanted) && is_number(value) && json_number(wanted, 0) == json_number(value, 0);
}

static bool fits_member(const struct json *member, const struct json *value)
{
  if (!value)
    return false;
  if (member->type != JSON_ARRAY)
    return fits(member, value);
  json_each(wanted, member)
    if (fits(wanted, value))
      return true;
  return false;
}

bool listener_spec_wants(const struct listener_spec *spec, const struct json *event)
{
  json_each(member, spec->wanted ? json_root(spec->wanted) : NULL)
    if (!fits_member(member, json_get(event, member->key)))
      return false;
  return true;
}
