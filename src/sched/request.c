/* What clients and scripts ask for. The operations stand in tables by topic; names and parameters
 * that are not known are answered with the nearest one that is. */
#include "sched/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "sched/near.h"

static const struct request_operation *const tables[] = {
    request_add_operations,      request_attempt_operations, request_job_operations,
    request_run_operations,      request_script_operations,  request_status_operations,
    request_calendar_operations, request_pool_operations,    request_event_operations,
    request_kv_operations,       request_lock_operations,    request_listener_operations};

enum { OPERATIONS_MAX = 128 };

static const struct request_operation *find(const char *name)
{
  for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
    for (const struct request_operation *o = tables[t]; o->name; o++)
      if (strcmp(o->name, name) == 0)
        return o;
  return NULL;
}

static enum error_code refuse_unknown(const char *name, struct error *error)
{
  const char *names[OPERATIONS_MAX] = {0};
  char hint[128];
  size_t count = 0;
  for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
    for (const struct request_operation *o = tables[t]; o->name; o++)
      if (count < OPERATIONS_MAX - 1)
        names[count++] = o->name;
  return error_set(error, ERROR_USAGE, "unknown operation \"%s\"%s", name,
                   text_did_you_mean(hint, name, names));
}

bool request_is_question(const char *op)
{
  const struct request_operation *operation = find(op);
  return operation && operation->effect == ASKS;
}

static enum error_code check_params(const struct request_operation *operation,
                                    const struct json *params, struct error *error)
{
  if (params->type != JSON_OBJECT)
    return error_set(error, ERROR_USAGE, "%s: params must be an object, not %s", operation->name,
                     json_type_name(params->type));
  if (!operation->params)
    return ERROR_OK; /* a job's own options, which job_from_json() checks */
  json_each(param, params) {
    bool known = false;
    for (const char *const *name = operation->params; *name && !known; name++)
      known = strcmp(*name, param->key) == 0;
    char hint[128];
    if (!known)
      return error_set(error, ERROR_USAGE, "%s: unknown parameter \"%s\"%s", operation->name,
                       param->key, text_did_you_mean(hint, param->key, operation->params));
  }
  return ERROR_OK;
}

static enum error_code perform(struct sched *s, struct message **message, struct buffer *out,
                               struct error *error)
{
  const char *name = (*message)->as.request.op, *text = (*message)->as.request.params;
  const struct request_operation *operation = find(name);
  struct json_document *document;
  if (!operation)
    return refuse_unknown(name, error);
  if (!text)
    text = "{}";
  enum error_code code = json_parse(text, strlen(text), &document, error);
  if (code)
    return code;
  struct json_writer writer = {.out = out};
  struct request request = {
      .s = s, .message = message, .params = json_root(document), .result = &writer, .error = error};
  code = check_params(operation, request.params, error);
  if (!code)
    code = operation->handle(&request);
  json_free(document);
  return code;
}

void request_answer(struct sched *s, struct message *message)
{
  struct error error = {0};
  struct buffer out = {0};
  enum error_code code = perform(s, &message, &out, &error);
  if (message && !s->failure)
    message_list_append(s->out, code ? message_reply_error(message, &error)
                                     : message_reply(message, buffer_take(&out)));
  buffer_deinit(&out);
  message_destroy(message);
}

const char *request_text(struct request *request, const char *name)
{
  const struct json *value = json_get(request->params, name);
  const char *problem = !value                       ? "is missing"
                        : value->type != JSON_STRING ? "must be a string"
                                                     : "holds a NUL byte";
  if (value && value->type == JSON_STRING && strlen(value->as.string.data) == value->as.string.size)
    return value->as.string.data;
  error_set(request->error, ERROR_USAGE, "%s %s", name, problem);
  return NULL;
}

enum error_code request_optional_text(struct request *request, const char *name, const char **text)
{
  const struct json *value = json_get(request->params, name);
  *text = NULL;
  if (!value || value->type == JSON_NULL)
    return ERROR_OK;
  *text = request_text(request, name);
  return *text ? ERROR_OK : request->error->code;
}

enum error_code request_switch(struct request *request, const char *name, bool *is_on)
{
  const struct json *value = json_get(request->params, name);
  *is_on = json_boolean(value, false);
  if (value && value->type != JSON_NULL && value->type != JSON_BOOL)
    return error_set(request->error, ERROR_USAGE, "%s must be true or false", name);
  return ERROR_OK;
}

enum error_code request_number(struct request *request, const char *name, int64_t *number)
{
  const struct json *value = json_get(request->params, name);
  *number = 0;
  if (value && value->type != JSON_NULL && (!json_whole(value, number) || *number < 0))
    return error_set(request->error, ERROR_USAGE, "%s must be a whole number from 0", name);
  return ERROR_OK;
}

enum error_code request_count(struct request *request, const char *name, int64_t otherwise,
                              int64_t most, int64_t *count)
{
  const struct json *value = json_get(request->params, name);
  *count = otherwise;
  if (value && value->type != JSON_NULL && (!json_whole(value, count) || *count < 1))
    return error_set(request->error, ERROR_USAGE, "%s must be a whole number from 1", name);
  if (*count > most)
    *count = most;
  return ERROR_OK;
}

struct nearest {
  const char *wrong;
  char *best;
};

static bool compare_id(void *context, struct stored_job *stored)
{
  struct nearest *nearest = context;
  const char *names[] = {stored->job->id, nearest->best, NULL};
  if (!nearest->best)
    names[1] = NULL;
  const char *better = text_nearest(nearest->wrong, names);
  if (better == stored->job->id) {
    free(nearest->best);
    nearest->best = memory_strdup(stored->job->id);
  }
  return true;
}

/* Where the job may be that is looked for: " (script orders does not load)", or "". */
static void name_broken_script(struct sched *s, char hint[256])
{
  hint[0] = '\0';
  for (const struct script_entry *script = s->scripts; script && !*hint; script = script->hh.next)
    if (script->script.error)
      snprintf(hint, 256, " (script %s does not load)", script->script.name);
}

/* Ids of all jobs are compared only while they are few. */
static void suggest_id(struct sched *s, const char *id, struct error *error)
{
  enum { FEW = 2000 };
  struct store_counts counts;
  struct nearest nearest = {.wrong = id};
  char broken[256];
  name_broken_script(s, broken);
  error_set(error, ERROR_NOT_FOUND, "there is no job \"%s\"%s", id, broken);
  if (store_count(s->store, &counts, NULL) ||
      counts.jobs[0] + counts.jobs[1] + counts.jobs[2] + counts.jobs[3] > FEW)
    return;
  store_each_job(s->store, NULL, compare_id, &nearest, NULL);
  if (nearest.best)
    error_set(error, ERROR_NOT_FOUND, "there is no job \"%s\"%s, did you mean \"%s\"?", id, broken,
              nearest.best);
  free(nearest.best);
}

struct entry *request_job(struct request *request)
{
  const char *id = request_text(request, "job");
  struct entry *entry = id ? near_get_by_id(request->s, id, request->error) : NULL;
  if (entry && !entry->removed)
    return entry;
  if (id)
    suggest_id(request->s, id, request->error);
  return NULL;
}
