/* Events that clients and scripts make: told to all who listen, and to the jobs that wait for one
 * of that name. */
#include <string.h>

#include "base/memory.h"
#include "sched/arrive.h"
#include "sched/event.h"
#include "sched/request.h"

enum { NAME_MAX_SIZE = 255, DATA_MAX_SIZE = 64 << 10 };

static enum error_code check_name(const char *name, struct error *error)
{
  if (!*name || strlen(name) > NAME_MAX_SIZE)
    return error_set(error, ERROR_USAGE, "the name of an event must have 1 to %d bytes",
                     NAME_MAX_SIZE);
  if (event_name_is_own(name))
    return error_set(error, ERROR_USAGE,
                     "event \"%s\" is the scheduler's own: names must not begin with job_, script_ "
                     "or scheduler_",
                     name);
  return ERROR_OK;
}

static enum error_code put_data(struct json_writer *writer, const struct json *data,
                                struct error *error)
{
  if (data && data->type != JSON_OBJECT && data->type != JSON_NULL)
    return error_set(error, ERROR_USAGE, "data must be an object, not %s",
                     json_type_name(data->type));
  json_each(member, data) {
    if (strcmp(member->key, "event") == 0 || strcmp(member->key, "at") == 0)
      return error_set(error, ERROR_USAGE,
                       "data must not have a member \"%s\", which every event has", member->key);
    json_key(writer, member->key);
    json_write_tree(writer, member);
  }
  return ERROR_OK;
}

static enum error_code emit(struct request *r)
{
  const char *name = request_text(r, "event");
  struct buffer out = {0};
  struct json_writer writer;
  enum error_code code = name ? check_name(name, r->error) : r->error->code;
  if (code)
    return code;
  event_begin(r->s, &out, &writer, name);
  code = put_data(&writer, json_get(r->params, "data"), r->error);
  if (!code && out.size > DATA_MAX_SIZE)
    code = error_set(r->error, ERROR_LIMIT, "the event is larger than %d bytes", DATA_MAX_SIZE);
  if (code) {
    buffer_deinit(&out);
    return code;
  }
  size_t listeners = event_end(r->s, &out, &writer, name, EVENT_RARE);
  json_begin_object(r->result);
  json_put_text(r->result, "event", name);
  json_put_integer(r->result, "jobs", (int64_t)arrive_count(r->s, name));
  json_put_integer(r->result, "listeners", (int64_t)listeners);
  json_end_object(r->result);
  return ERROR_OK;
}

static const char *const emit_params[] = {"event", "data", NULL};

const struct request_operation request_event_operations[] = {
    {"emit", emit, emit_params, CHANGES},
    {0},
};
