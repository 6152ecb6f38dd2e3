/* How a job is read from the JSON that a script declared, that `add_job` was given or that the
 * store kept. The options stand in one table, so that a name, its reader and the "did you mean" of
 * a wrong name cannot drift apart. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/job.h"
#include "model/script.h"
#include "time/duration.h"
#include "time/zone.h"

enum {
  ID_SIZE_MAX = 255,
  ARGS_SIZE_MAX = 256 << 10,
};

static char *json_to_text(const struct json *value)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_write_tree(&writer, value);
  return buffer_take(&out);
}

static enum error_code want(const struct json *value, const char *name, const char *wanted,
                            struct error *error)
{
  return error_set(error, ERROR_INVALID, "%s must be %s, not %s", name, wanted,
                   json_type_name(value->type));
}

static enum error_code read_text(const struct json *value, const char *name, char **text,
                                 struct error *error)
{
  if (value->type != JSON_STRING)
    return want(value, name, "a string", error);
  if (strlen(value->as.string.data) != value->as.string.size)
    return error_set(error, ERROR_INVALID, "%s holds a NUL byte", name);
  *text = memory_strdup(value->as.string.data);
  return ERROR_OK;
}

static enum error_code read_boolean(const struct json *value, const char *name, bool *boolean,
                                    struct error *error)
{
  if (value->type != JSON_BOOL)
    return want(value, name, "true or false", error);
  *boolean = value->as.boolean;
  return ERROR_OK;
}

static enum error_code read_count(const struct json *value, const char *name, int32_t *count,
                                  struct error *error)
{
  if (value->type != JSON_INTEGER)
    return want(value, name, "a whole number", error);
  if (value->as.integer < 1 || value->as.integer > 1000000)
    return error_set(error, ERROR_INVALID, "%s %lld is not between 1 and 1000000", name,
                     (long long)value->as.integer);
  *count = (int32_t)value->as.integer;
  return ERROR_OK;
}

static enum error_code read_duration(const struct json *value, const char *name, int64_t *us,
                                     struct error *error)
{
  enum error_code code = duration_from_json(value, us, error);
  return code ? error_prefix(error, "%s", name) : ERROR_OK;
}

/* One of `names`, whose index is the enum's value. */
static enum error_code read_choice(const struct json *value, const char *name,
                                   const char *const *names, int *choice, struct error *error)
{
  if (value->type != JSON_STRING)
    return want(value, name, "a string", error);
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

/* ---- the options, in the order of their names ---- */

static const char *const overlap_names[] = {"skip", "allow", NULL};
static const char *const coalesce_names[] = {"latest", "all", NULL};
static const char *const backoff_names[] = {"fixed", "linear", "exponential", NULL};
static const char *const delivery_names[] = {"at_least_once", "at_most_once", NULL};

static enum error_code read_args(struct job *job, const struct json *value, struct error *error)
{
  if (value->type != JSON_ARRAY)
    return want(value, "args", "a list", error);
  if (value->count > 0)
    job->args = json_to_text(value);
  if (job->args && strlen(job->args) > ARGS_SIZE_MAX)
    return error_set(error, ERROR_LIMIT,
                     "args of %zu bytes are over the limit of %d: store what is "
                     "large and pass its key",
                     strlen(job->args), ARGS_SIZE_MAX);
  return ERROR_OK;
}

static enum error_code read_coalesce(struct job *job, const struct json *value, struct error *error)
{
  int choice = COALESCE_LATEST;
  if (value->type == JSON_BOOL)
    choice = value->as.boolean ? COALESCE_LATEST : COALESCE_ALL;
  else if (read_choice(value, "coalesce", coalesce_names, &choice, error))
    return ERROR_INVALID;
  job->coalesce = (enum job_coalesce)choice;
  return ERROR_OK;
}

static enum error_code read_delivery(struct job *job, const struct json *value, struct error *error)
{
  int choice = AT_LEAST_ONCE;
  enum error_code code = read_choice(value, "delivery", delivery_names, &choice, error);
  job->delivery = (enum job_delivery)choice;
  return code;
}

static enum error_code read_enabled(struct job *job, const struct json *value, struct error *error)
{
  return read_boolean(value, "enabled", &job->enabled, error);
}

static enum error_code read_func(struct job *job, const struct json *value, struct error *error)
{
  return read_text(value, "func", &job->func, error);
}

static enum error_code read_id(struct job *job, const struct json *value, struct error *error)
{
  return read_text(value, "id", &job->id, error);
}

static enum error_code read_max_instances(struct job *job, const struct json *value,
                                          struct error *error)
{
  return read_count(value, "max_instances", &job->max_instances, error);
}

static enum error_code read_misfire(struct job *job, const struct json *value, struct error *error)
{
  if (value->type == JSON_NULL)
    return ERROR_OK;
  return read_duration(value, "misfire_grace_time", &job->misfire_grace_us, error);
}

static enum error_code read_name(struct job *job, const struct json *value, struct error *error)
{
  return read_text(value, "name", &job->name, error);
}

static enum error_code read_overlap(struct job *job, const struct json *value, struct error *error)
{
  int choice = OVERLAP_SKIP;
  enum error_code code = read_choice(value, "overlap", overlap_names, &choice, error);
  job->overlap = (enum job_overlap)choice;
  return code;
}

static enum error_code read_replace(struct job *job, const struct json *value, struct error *error)
{
  return read_boolean(value, "replace_existing", &job->replace_existing, error);
}

static enum error_code read_retry(struct job *job, const struct json *value, struct error *error)
{
  static const char *const names[] = {"attempts", "backoff", "delay", "max_delay", NULL};
  struct job_retry *retry = &job->retry;
  if (value->type == JSON_INTEGER)
    return read_count(value, "retry", &retry->attempts, error);
  if (value->type != JSON_OBJECT)
    return want(value, "retry", "a number of attempts or a table", error);
  retry->attempts = 3;
  json_each(child, value) {
    enum error_code code;
    int choice = BACKOFF_EXPONENTIAL;
    char hint[128];
    if (strcmp(child->key, "attempts") == 0)
      code = read_count(child, "retry.attempts", &retry->attempts, error);
    else if (strcmp(child->key, "delay") == 0)
      code = read_duration(child, "retry.delay", &retry->delay_us, error);
    else if (strcmp(child->key, "max_delay") == 0)
      code = read_duration(child, "retry.max_delay", &retry->max_delay_us, error);
    else if (strcmp(child->key, "backoff") == 0) {
      code = read_choice(child, "retry.backoff", backoff_names, &choice, error);
      retry->backoff = (enum job_backoff)choice;
    } else
      code = error_set(error, ERROR_INVALID, "unknown option \"retry.%s\"%s", child->key,
                       text_did_you_mean(hint, child->key, names));
    if (code)
      return code;
  }
  return ERROR_OK;
}

static enum error_code read_run(struct job *job, const struct json *value, struct error *error)
{
  if (value->type == JSON_BOOL && value->as.boolean)
    return ERROR_OK; /* the function stays in the script, under the job's id */
  const struct json *argv = json_get(value, "argv"), *shell = json_get(value, "shell");
  if (value->type != JSON_OBJECT || !(argv || shell))
    return error_set(error, ERROR_INVALID, "run must be a function or a command");
  if (argv && (argv->type != JSON_ARRAY || argv->count == 0))
    return error_set(error, ERROR_INVALID, "a command needs at least the name of a program");
  json_each(word, argv)
    if (word->type != JSON_STRING)
      return want(word, "a word of a command", "a string", error);
  if (shell && shell->type != JSON_STRING)
    return want(shell, "a command", "a string", error);
  job->command = json_to_text(value);
  return ERROR_OK;
}

static enum error_code read_tags(struct job *job, const struct json *value, struct error *error)
{
  if (value->type != JSON_ARRAY)
    return want(value, "tags", "a list of strings", error);
  json_each(tag, value)
    if (tag->type != JSON_STRING)
      return want(tag, "a tag", "a string", error);
  if (value->count > 0)
    job->tags = json_to_text(value);
  return ERROR_OK;
}

static enum error_code read_timeout(struct job *job, const struct json *value, struct error *error)
{
  enum error_code code = read_duration(value, "timeout", &job->timeout_us, error);
  if (!code && job->timeout_us < 1000)
    return error_set(error, ERROR_INVALID, "timeout is under a millisecond");
  return code;
}

/* The trigger and its timezone are read last, together. */
static enum error_code read_later(struct job *job, const struct json *value, struct error *error)
{
  (void)job;
  (void)value;
  (void)error;
  return ERROR_OK;
}

static enum error_code read_where(struct job *job, const struct json *value, struct error *error)
{
  return read_text(value, "where", &job->where, error);
}

static const struct {
  const char *name;
  enum error_code (*read)(struct job *job, const struct json *value, struct error *error);
} options[] = {
    {"args", read_args},
    {"coalesce", read_coalesce},
    {"delivery", read_delivery},
    {"enabled", read_enabled},
    {"func", read_func},
    {"id", read_id},
    {"max_instances", read_max_instances},
    {"misfire_grace_time", read_misfire},
    {"name", read_name},
    {"overlap", read_overlap},
    {"replace_existing", read_replace},
    {"retry", read_retry},
    {"run", read_run},
    {"tags", read_tags},
    {"timeout", read_timeout},
    {"timezone", read_later},
    {"trigger", read_later},
    {"where", read_where},
};

enum { OPTION_COUNT = sizeof options / sizeof options[0] };

static enum error_code read_option(struct job *job, const struct json *value, struct error *error)
{
  for (size_t i = 0; i < OPTION_COUNT; i++)
    if (strcmp(options[i].name, value->key) == 0)
      return options[i].read(job, value, error);
  const char *names[OPTION_COUNT + 1] = {0};
  char hint[128];
  for (size_t i = 0; i < OPTION_COUNT; i++)
    names[i] = options[i].name;
  return error_set(error, ERROR_INVALID, "unknown option \"%s\"%s", value->key,
                   text_did_you_mean(hint, value->key, names));
}

/* ---- what holds between options ---- */

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

static enum error_code read_trigger(struct job *job, const struct json *spec,
                                    const char *default_zone, struct error *error)
{
  const struct json *zone = json_get(spec, "timezone"), *trigger = json_get(spec, "trigger");
  const struct zone *found;
  if (zone && zone->type != JSON_STRING)
    return want(zone, "timezone", "a string", error);
  /* Also where the trigger makes no use of it. */
  if (zone && zone_find(zone->as.string.data, &found, error))
    return ERROR_INVALID;
  if (!trigger || trigger->type == JSON_NULL)
    return ERROR_OK;
  if (trigger->type != JSON_STRING && trigger->type != JSON_OBJECT)
    return want(trigger, "trigger", "a trigger such as cron(\"0 9 * * *\") or its text", error);
  return trigger_from_json(trigger, json_text(zone, default_zone), &job->trigger, error);
}

/* Everything but the trigger. */
static enum error_code read_all(struct job *job, const struct json *spec, const char *script,
                                struct error *error)
{
  enum error_code code = ERROR_OK;
  json_each(value, spec)
    if ((code = read_option(job, value, error)))
      return code;
  if ((code = check_what_runs(job, spec, script, error)) || (code = check_id(job, error)))
    return code;
  if (job->delivery == AT_MOST_ONCE && job->retry.attempts > 1)
    return error_set(error, ERROR_INVALID,
                     "retry on an at_most_once job: a retry would run it twice");
  if (job->max_instances == 0)
    job->max_instances = job->overlap == OVERLAP_ALLOW ? INT32_MAX : 1;
  return ERROR_OK;
}

static struct job *create_job(const char *script)
{
  struct job *job = memory_alloc(sizeof *job);
  *job = (struct job){
      .origin = script ? JOB_DECLARED : JOB_ADDED,
      .enabled = true,
      .misfire_grace_us = INT64_MAX,
      .retry = {.attempts = 1,
                .backoff = BACKOFF_EXPONENTIAL,
                .delay_us = 10 * 1000000LL,
                .max_delay_us = 3600 * 1000000LL},
  };
  return job;
}

enum error_code job_from_json(const struct json *spec, const char *script, const char *default_zone,
                              struct job **job, struct error *error)
{
  if (spec->type != JSON_OBJECT)
    return want(spec, "a job", "a table of options", error);
  struct job *read = create_job(script);
  enum error_code code = read_all(read, spec, script, error);
  if (!code)
    code = read_trigger(read, spec, default_zone, error);
  if (code) {
    const char *id = json_text(json_get(spec, "id"), NULL), *where = read->where;
    error_prefix(error, id ? "job \"%.255s\"" : "a job", id);
    if (where)
      error_prefix(error, "%s", where);
    job_destroy(read);
    return code;
  }
  read->spec = json_to_text(spec);
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
    code = want(json_root(document), "a job", "a table of options", error);
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
