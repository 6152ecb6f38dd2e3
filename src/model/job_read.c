/* How a job is read from the JSON that a script declared, that `add_job` was given or that the
 * store kept: its options (job_option.c), then what runs, its id and its trigger. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/job_field.h"
#include "model/job_internal.h"
#include "model/run.h"
#include "model/script.h"
#include "time/zone.h"

enum {
  ID_SIZE_MAX = 255,
  NAME_SIZE_MAX = 255,
  TAG_SIZE_MAX = 100,
  TAGS_MAX = 100,
  MAX_INTERRUPTIONS = 5,
};

/* `func` is "script.function"; in a script's own declarations the script may be left out. */
static enum error_code split_func(struct job *job, const char *script, struct error *error)
{
  char *dot = strchr(job->func, '.');
  if (script) {
    size_t length = strlen(script);
    if (dot && (size_t)(dot - job->func) == length && strncmp(job->func, script, length) == 0)
      memmove(job->func, dot + 1, strlen(dot + 1) + 1);
    job->script = memory_strdup(script);
    return ERROR_OK;
  }
  if (!dot || dot == job->func || !dot[1])
    return error_set(error, ERROR_INVALID,
                     "func \"%s\" names no script: write it \"script.function\"", job->func);
  job->script = memory_copy(job->func, (size_t)(dot - job->func));
  memmove(job->func, dot + 1, strlen(dot + 1) + 1);
  return script_check_name(job->script, error);
}

static enum error_code check_what_runs(struct job *job, const struct json *spec, const char *script,
                                       struct error *error)
{
  const struct json *run = json_get(spec, "run");
  bool own_function = run && run->type == JSON_BOOL;
  if (run && job->func)
    return error_set(error, ERROR_INVALID, "has both run and func: give one of them");
  if (job->func)
    return split_func(job, script, error);
  if (own_function && !script)
    return error_set(error, ERROR_INVALID,
                     "run is a function, which only a script can keep: give func = "
                     "\"script.function\" or a command");
  if (!run)
    return error_set(error, ERROR_INVALID,
                     "has nothing to run: give it run = function(run) ... end, func = "
                     "\"script.function\" or run = command {...}");
  job->script = memory_strdup(script);
  return ERROR_OK;
}

static enum error_code check_id(struct job *job, struct error *error)
{
  if (!job->id && job->func)
    job->id = memory_printf("%s.%s", job->script, job->func);
  if (!job->id)
    return error_set(error, ERROR_INVALID, "has no id");
  size_t length = strlen(job->id);
  if (length == 0 || length > ID_SIZE_MAX)
    return error_set(error, ERROR_INVALID, "id of %zu bytes: it must have 1 to %d", length,
                     ID_SIZE_MAX);
  for (const char *c = job->id; *c; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7f)
      return error_set(error, ERROR_INVALID, "id holds a control character");
  return ERROR_OK;
}

/* Of the two that `JOB@TIME` could mean, nobody could ask for the run. */
static enum error_code refuse_run_id(const char *id, struct error *error)
{
  char *job_id;
  int64_t scheduled_us;
  struct error none;
  if (!strchr(id, '@') || run_parse_id(id, &job_id, &scheduled_us, &none))
    return ERROR_OK;
  error_set(error, ERROR_INVALID, "id \"%s\" reads as the run of job \"%s\" at a time", id, job_id);
  free(job_id);
  return ERROR_INVALID;
}

static enum error_code check_tag(const struct json *tag, struct error *error)
{
  if (tag->as.string.size >= 1 && tag->as.string.size <= TAG_SIZE_MAX)
    return ERROR_OK;
  return error_set(error, ERROR_INVALID, "tags: one of %u bytes: each must have 1 to %d",
                   (unsigned)tag->as.string.size, TAG_SIZE_MAX);
}

/* What is asked of new jobs alone: those in the store are read as they are. */
static enum error_code check_new(const struct job *job, const struct json *spec,
                                 struct error *error)
{
  const struct json *tags = json_get(spec, "tags");
  if (refuse_run_id(job->id, error))
    return ERROR_INVALID;
  if (job->command && job_check_command(json_get(spec, "run"), error))
    return ERROR_INVALID;
  if (job->name && strlen(job->name) > NAME_SIZE_MAX)
    return error_set(error, ERROR_INVALID, "name of %zu bytes: it may have %d", strlen(job->name),
                     NAME_SIZE_MAX);
  if (tags && tags->type == JSON_STRING)
    return check_tag(tags, error);
  if (tags && tags->count > TAGS_MAX)
    return error_set(error, ERROR_INVALID, "%u tags: there may be %d", tags->count, TAGS_MAX);
  json_each(tag, tags)
    if (check_tag(tag, error))
      return ERROR_INVALID;
  return ERROR_OK;
}

/* "job \"a\\nb\"", which stays in its line. */
static void name_job(const char *id, struct error *error)
{
  struct buffer shown = {0};
  size_t size = id ? strlen(id) : 0;
  if (id)
    text_append_visible(&shown, id, size < ID_SIZE_MAX ? size : ID_SIZE_MAX);
  error_prefix(error, id ? "job \"%.300s\"" : "a job", shown.data ? shown.data : "");
  buffer_deinit(&shown);
}

static enum error_code read_trigger(struct job *job, const struct json *spec,
                                    const char *default_zone, struct error *error)
{
  const struct json *zone = json_get(spec, "timezone"), *trigger = json_get(spec, "trigger");
  const struct zone *found;
  if (zone && zone->type != JSON_STRING)
    return field_want(zone, "timezone", "a string", error);
  /* Also where the trigger makes no use of it. */
  if (zone && zone_find(zone->as.string.data, &found, error))
    return ERROR_INVALID;
  if (!trigger || trigger->type == JSON_NULL)
    return ERROR_OK;
  if (trigger->type != JSON_STRING && trigger->type != JSON_OBJECT)
    return field_want(trigger, "trigger", "a trigger such as cron(\"0 9 * * *\") or its text",
                      error);
  return trigger_from_json(trigger, json_text(zone, default_zone), &job->trigger, error);
}

/* Everything but the trigger. */
static enum error_code read_all(struct job *job, const struct json *spec, const char *script,
                                struct error *error)
{
  enum error_code code;
  if ((code = job_read_options(job, spec, error)) ||
      (code = check_what_runs(job, spec, script, error)) || (code = check_id(job, error)) ||
      (code = job_check_options(job, spec, error)))
    return code;
  job_settle_options(job);
  return ERROR_OK;
}

static struct job *create_job(const char *script)
{
  struct job *job = memory_alloc(sizeof *job);
  *job = (struct job){
      .origin = script ? JOB_DECLARED : JOB_ADDED,
      .enabled = true,
      .misfire_grace_us = INT64_MAX,
      .max_interruptions = MAX_INTERRUPTIONS,
      .cancel_grace_us = 10 * 1000000LL,
      .retry = {.backoff = BACKOFF_EXPONENTIAL,
                .factor = 2,
                .delay_us = 10 * 1000000LL,
                .max_delay_us = 3600 * 1000000LL},
  };
  return job;
}

enum error_code job_from_json(const struct json *spec, const char *script, const char *default_zone,
                              struct job **job, struct error *error)
{
  if (spec->type != JSON_OBJECT)
    return field_want(spec, "a job", "a table of options", error);
  struct job *read = create_job(script);
  enum error_code code = read_all(read, spec, script, error);
  if (!code)
    code = check_new(read, spec, error);
  if (!code)
    code = read_trigger(read, spec, default_zone, error);
  if (code) {
    const char *where = read->where;
    name_job(json_text(json_get(spec, "id"), NULL), error);
    if (where)
      error_prefix(error, "%s", where);
    job_destroy(read);
    return code;
  }
  read->spec = job_json_to_text(spec);
  *job = read;
  return ERROR_OK;
}

static enum error_code read_stored_trigger(struct job *job, const char *text, struct error *error)
{
  struct json_document *document;
  if (!text)
    return ERROR_OK;
  enum error_code code = json_parse(text, strlen(text), &document, error);
  if (code)
    return code;
  code = trigger_from_json(json_root(document), NULL, &job->trigger, error);
  json_free(document);
  return code;
}

enum error_code job_from_stored(const char *spec, const char *script, const char *trigger,
                                struct job **job, struct error *error)
{
  struct json_document *document;
  enum error_code code = json_parse(spec, strlen(spec), &document, error);
  if (code)
    return code;
  struct job *read = create_job(script);
  if (json_root(document)->type != JSON_OBJECT)
    code = field_want(json_root(document), "a job", "a table of options", error);
  if (!code)
    code = read_all(read, json_root(document), script, error);
  if (!code)
    code = read_stored_trigger(read, trigger, error);
  json_free(document);
  if (code) {
    job_destroy(read);
    return code;
  }
  read->spec = memory_strdup(spec);
  *job = read;
  return ERROR_OK;
}
