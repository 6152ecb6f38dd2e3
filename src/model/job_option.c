/* The options of a job, each a row of a table. Those that stand for two things (`retry = 3`,
 * `coalesce = true`) have a reader of their own. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pattern.h"
#include "model/job_field.h"
#include "model/job_internal.h"

enum { ARGS_SIZE_MAX = 256 << 10, PRIORITY_MAX = 100, GRACE_MIN_US = 1000 };

const char *const job_overlap_names[] = {
    "skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow", NULL};
const char *const job_coalesce_names[] = {"latest", "earliest", "all", NULL};
const char *const job_backoff_names[] = {"fixed", "linear", "exponential", NULL};
const char *const job_delivery_names[] = {"at_least_once", "at_most_once", NULL};
const char *const job_conflict_names[] = {"skip", "replace", "extend", NULL};

char *job_json_to_text(const struct json *value)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_write_tree(&writer, value);
  return buffer_take(&out);
}

static enum error_code read_args(void *owner, const struct json *value, struct error *error)
{
  struct job *job = owner;
  if (value->type != JSON_ARRAY)
    return field_want(value, "args", "a list", error);
  if (value->count > 0)
    job->args = job_json_to_text(value);
  if (job->args && strlen(job->args) > ARGS_SIZE_MAX)
    return error_set(error, ERROR_LIMIT,
                     "args of %zu bytes are over the limit of %d: store what is "
                     "large and pass its key",
                     strlen(job->args), ARGS_SIZE_MAX);
  return ERROR_OK;
}

/* true and false are APScheduler's. */
static enum error_code read_coalesce(void *owner, const struct json *value, struct error *error)
{
  struct job *job = owner;
  int choice = COALESCE_LATEST;
  if (value->type == JSON_BOOL)
    choice = value->as.boolean ? COALESCE_LATEST : COALESCE_ALL;
  else if (field_choice(value, "coalesce", job_coalesce_names, &choice, error))
    return ERROR_INVALID;
  job->coalesce = (enum job_coalesce)choice;
  return ERROR_OK;
}

static enum error_code read_env(void *owner, const struct json *value, struct error *error)
{
  struct job *job = owner;
  if (value->type != JSON_OBJECT)
    return field_want(value, "env", "a table of strings", error);
  json_each(variable, value)
    if (variable->type != JSON_STRING || variable->key[0] == '\0' || strchr(variable->key, '=') ||
        strlen(variable->as.string.data) != variable->as.string.size)
      return error_set(error, ERROR_INVALID,
                       "env.%s is no variable of an environment: its value must "
                       "be a string without NUL bytes, its name without \"=\"",
                       variable->key);
  job->env = job_json_to_text(value);
  return ERROR_OK;
}

static enum error_code read_misfire(void *owner, const struct json *value, struct error *error)
{
  static const struct field field = {"misfire_grace_time", FIELD_DELAY,
                                     offsetof(struct job, misfire_grace_us), NULL, NULL};
  struct job *job = owner;
  if (value->type == JSON_NULL)
    return ERROR_OK;
  enum error_code code = field_read(owner, &field, field.name, value, error);
  if (!code && job->misfire_grace_us < GRACE_MIN_US)
    return error_set(error, ERROR_INVALID,
                     "misfire_grace_time is under a millisecond, and no run begins that soon: it "
                     "would never run. Write \"1s\", say, or leave it out for no bound");
  return code;
}

/* These are listeners, which the vocabulary makes of them: what is read here was not declared. */
static enum error_code refuse_listener(void *owner, const struct json *value, struct error *error)
{
  static const struct {
    const char *option, *event;
  } listeners[] = {{"on_failure", "job_error"},
                   {"on_late", "job_late"},
                   {"on_recovered", "job_recovered"},
                   {"on_success", "job_executed"}};
  const char *key = value->key, *event = "";
  (void)owner;
  for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++)
    if (strcmp(key, listeners[i].option) == 0)
      event = listeners[i].event;
  return error_set(
      error, ERROR_INVALID,
      "%s is for jobs that a script declares: of any job hears on(\"%s\", { job = "
      "\"ID\" }, f) in a script, or scheduler.add_listener(f, \"%s\", { job = \"ID\" })",
      key, event, event);
}

static enum error_code read_priority(void *owner, const struct json *value, struct error *error)
{
  struct job *job = owner;
  int64_t whole;
  if (!json_whole(value, &whole))
    return field_want(value, "priority", "a whole number", error);
  if (whole < -PRIORITY_MAX || whole > PRIORITY_MAX)
    return error_set(error, ERROR_INVALID, "priority %lld is not between -%d and %d",
                     (long long)whole, PRIORITY_MAX, PRIORITY_MAX);
  job->priority = (int32_t)whole;
  return ERROR_OK;
}

/* ---- retry ---- */

static enum error_code read_factor(void *owner, const struct json *value, struct error *error)
{
  struct job_retry *retry = owner;
  double factor = value->type == JSON_INTEGER ? (double)value->as.integer : value->as.number;
  if (value->type != JSON_INTEGER && value->type != JSON_NUMBER)
    return field_want(value, "retry.factor", "a number", error);
  if (!(factor >= 1 && factor <= 100))
    return error_set(error, ERROR_INVALID, "retry.factor %g is not between 1 and 100", factor);
  retry->factor = factor;
  return ERROR_OK;
}

/* 0.2 is a share of the delay, "5s" a length. */
static enum error_code read_jitter(void *owner, const struct json *value, struct error *error)
{
  struct job_retry *retry = owner;
  static const struct field length = {"jitter", FIELD_DELAY, offsetof(struct job_retry, jitter_us),
                                      NULL, NULL};
  if (value->type != JSON_INTEGER && value->type != JSON_NUMBER)
    return field_read(retry, &length, "retry.jitter", value, error);
  double share = value->type == JSON_INTEGER ? (double)value->as.integer : value->as.number;
  if (!(share >= 0 && share <= 1))
    return error_set(
        error, ERROR_INVALID,
        "retry.jitter %g is not between 0 and 1, the share of the delay that is added at "
        "most: a length is a text such as \"5s\"",
        share);
  retry->jitter_share = share;
  return ERROR_OK;
}

/* true stands for a function that stays in the script, under the job's id. */
static enum error_code read_decide(void *owner, const struct json *value, struct error *error)
{
  static const struct field name = {"decide", FIELD_TEXT, offsetof(struct job_retry, decide), NULL,
                                    NULL};
  struct job_retry *retry = owner;
  if (value->type == JSON_STRING)
    return field_read(owner, &name, "retry.decide", value, error);
  if (value->type != JSON_BOOL || !value->as.boolean)
    return field_want(value, "retry.decide", "a function or the name of one", error);
  retry->decide = memory_strdup("");
  return ERROR_OK;
}

/* So that what is wrong with one is said now, and not when a run fails. */
static enum error_code check_patterns(const struct json *patterns, const char *name,
                                      struct error *error)
{
  if (patterns && patterns->type == JSON_STRING)
    return pattern_check(patterns->as.string.data, error) ? error_prefix(error, "retry.%s", name)
                                                          : ERROR_OK;
  json_each(pattern, patterns)
    if (pattern_check(pattern->as.string.data, error))
      return error_prefix(error, "retry.%s", name);
  return ERROR_OK;
}

static enum error_code read_retry(void *owner, const struct json *value, struct error *error)
{
  static const struct field fields[] = {
      {"attempts", FIELD_COUNT, offsetof(struct job_retry, attempts), NULL, NULL},
      {"backoff", FIELD_CHOICE, offsetof(struct job_retry, backoff), job_backoff_names, NULL},
      {"decide", FIELD_CUSTOM, 0, NULL, read_decide},
      {"delay", FIELD_DELAY, offsetof(struct job_retry, delay_us), NULL, NULL},
      {"factor", FIELD_CUSTOM, 0, NULL, read_factor},
      {"give_up_on", FIELD_STRINGS, offsetof(struct job_retry, give_up_on), NULL, NULL},
      {"jitter", FIELD_CUSTOM, 0, NULL, read_jitter},
      {"max_delay", FIELD_DELAY, offsetof(struct job_retry, max_delay_us), NULL, NULL},
      {"retry_on", FIELD_STRINGS, offsetof(struct job_retry, retry_on), NULL, NULL},
  };
  static const struct field attempts = {"retry", FIELD_COUNT, offsetof(struct job_retry, attempts),
                                        NULL, NULL};
  struct job *job = owner;
  struct job_retry *retry = &job->retry;
  if (value->type == JSON_INTEGER || value->type == JSON_NUMBER)
    return field_read(retry, &attempts, "retry", value, error);
  if (value->type != JSON_OBJECT)
    return field_want(value, "retry", "a number of attempts or a table", error);
  retry->attempts = 3;
  enum error_code code =
      fields_read(retry, fields, sizeof fields / sizeof fields[0], "retry.", value, error);
  if (code)
    return code;
  if (check_patterns(json_get(value, "retry_on"), "retry_on", error) ||
      check_patterns(json_get(value, "give_up_on"), "give_up_on", error))
    return ERROR_INVALID;
  if (json_get(value, "factor") && retry->backoff != BACKOFF_EXPONENTIAL)
    return error_set(error, ERROR_INVALID,
                     "retry.factor is for backoff \"exponential\", not \"%s\"",
                     job_backoff_names[retry->backoff]);
  if (retry->delay_us <= retry->max_delay_us)
    return ERROR_OK;
  if (json_get(value, "max_delay"))
    return error_set(error, ERROR_INVALID, "retry.delay is longer than retry.max_delay");
  retry->max_delay_us = retry->delay_us;
  return ERROR_OK;
}

/* ---- tables within options ---- */

static enum error_code read_limits(void *owner, const struct json *value, struct error *error)
{
  static const struct field fields[] = {
      {"cpu", FIELD_DURATION, offsetof(struct job_limits, cpu_us), NULL, NULL},
      {"files", FIELD_COUNT, offsetof(struct job_limits, files), NULL, NULL},
      {"memory", FIELD_SIZE, offsetof(struct job_limits, memory_bytes), NULL, NULL},
  };
  struct job *job = owner;
  if (value->type != JSON_OBJECT)
    return field_want(value, "limits", "a table", error);
  return fields_read(&job->limits, fields, sizeof fields / sizeof fields[0], "limits.", value,
                     error);
}

/* `unique = true`: of this function or command and these arguments there is one pending job. */
static enum error_code read_unique(void *owner, const struct json *value, struct error *error)
{
  static const struct field fields[] = {
      {"key", FIELD_TEXT, offsetof(struct job_unique, key), NULL, NULL},
      {"on_conflict", FIELD_CHOICE, offsetof(struct job_unique, on_conflict), job_conflict_names,
       NULL},
      {"period", FIELD_DURATION, offsetof(struct job_unique, period_us), NULL, NULL},
  };
  struct job *job = owner;
  if (value->type == JSON_BOOL && !value->as.boolean)
    return ERROR_OK;
  if (value->type != JSON_BOOL && value->type != JSON_OBJECT)
    return field_want(value, "unique", "true or a table", error);
  job->unique = (struct job_unique){.period_us = INT64_MAX};
  if (value->type == JSON_OBJECT &&
      fields_read(&job->unique, fields, sizeof fields / sizeof fields[0], "unique.", value, error))
    return ERROR_INVALID;
  if (!job->unique.key)
    job->unique.key = memory_strdup(""); /* made of what runs and its arguments */
  return ERROR_OK;
}

static enum error_code read_run(void *owner, const struct json *value, struct error *error)
{
  struct job *job = owner;
  if (value->type == JSON_BOOL && value->as.boolean)
    return ERROR_OK; /* the function stays in the script, under the job's id */
  const struct json *argv = json_get(value, "argv"), *shell = json_get(value, "shell");
  if (value->type != JSON_OBJECT || !(argv || shell))
    return error_set(error, ERROR_INVALID, "run must be a function or a command");
  if (argv && (argv->type != JSON_ARRAY || argv->count == 0))
    return error_set(error, ERROR_INVALID, "a command needs at least the name of a program");
  json_each(word, argv)
    if (word->type != JSON_STRING)
      return field_want(word, "a word of a command", "a string", error);
  if (shell && shell->type != JSON_STRING)
    return field_want(shell, "a command", "a string", error);
  job->command = job_json_to_text(value);
  return ERROR_OK;
}

/* ---- all of them ---- */

#define PLACE(member) offsetof(struct job, member)

static const struct field options[] = {
    {"args", FIELD_CUSTOM, 0, NULL, read_args},
    {"buffer_limit", FIELD_COUNT, PLACE(buffer_limit), NULL, NULL},
    {"cancel_grace", FIELD_DELAY, PLACE(cancel_grace_us), NULL, NULL},
    {"coalesce", FIELD_CUSTOM, 0, NULL, read_coalesce},
    {"concurrency_key", FIELD_TEXT, PLACE(concurrency_key), NULL, NULL},
    {"concurrency_limit", FIELD_COUNT, PLACE(concurrency_limit), NULL, NULL},
    {"delivery", FIELD_CHOICE, PLACE(delivery), job_delivery_names, NULL},
    {"enabled", FIELD_BOOLEAN, PLACE(enabled), NULL, NULL},
    {"env", FIELD_CUSTOM, 0, NULL, read_env},
    {"expect", FIELD_DURATION, PLACE(expect_us), NULL, NULL},
    {"func", FIELD_TEXT, PLACE(func), NULL, NULL},
    {"heartbeat_timeout", FIELD_DURATION, PLACE(heartbeat_timeout_us), NULL, NULL},
    {"id", FIELD_TEXT, PLACE(id), NULL, NULL},
    {"isolate", FIELD_BOOLEAN, PLACE(isolate), NULL, NULL},
    {"limits", FIELD_CUSTOM, 0, NULL, read_limits},
    {"max_failures", FIELD_COUNT, PLACE(max_failures), NULL, NULL},
    {"max_instances", FIELD_COUNT, PLACE(max_instances), NULL, NULL},
    {"max_interruptions", FIELD_COUNT, PLACE(max_interruptions), NULL, NULL},
    {"misfire_grace_time", FIELD_CUSTOM, 0, NULL, read_misfire},
    {"name", FIELD_TEXT, PLACE(name), NULL, NULL},
    {"on_failure", FIELD_CUSTOM, 0, NULL, refuse_listener},
    {"on_late", FIELD_CUSTOM, 0, NULL, refuse_listener},
    {"on_recovered", FIELD_CUSTOM, 0, NULL, refuse_listener},
    {"on_success", FIELD_CUSTOM, 0, NULL, refuse_listener},
    {"overlap", FIELD_CHOICE, PLACE(overlap), job_overlap_names, NULL},
    {"pool", FIELD_TEXT, PLACE(pool), NULL, NULL},
    {"priority", FIELD_CUSTOM, 0, NULL, read_priority},
    {"rate", FIELD_RATE, PLACE(rate), NULL, NULL},
    {"replace_existing", FIELD_BOOLEAN, PLACE(replace_existing), NULL, NULL},
    {"replay_limit", FIELD_COUNT, PLACE(replay_limit), NULL, NULL},
    {"replay_rate", FIELD_RATE, PLACE(replay_rate), NULL, NULL},
    {"retry", FIELD_CUSTOM, 0, NULL, read_retry},
    {"run", FIELD_CUSTOM, 0, NULL, read_run},
    {"soft_timeout", FIELD_DURATION, PLACE(soft_timeout_us), NULL, NULL},
    {"tags", FIELD_STRINGS, PLACE(tags), NULL, NULL},
    {"timeout", FIELD_DURATION, PLACE(timeout_us), NULL, NULL},
    {"timezone", FIELD_ELSEWHERE, 0, NULL, NULL}, /* with the trigger */
    {"trigger", FIELD_ELSEWHERE, 0, NULL, NULL},
    {"unique", FIELD_CUSTOM, 0, NULL, read_unique},
    {"where", FIELD_TEXT, PLACE(where), NULL, NULL},
};

enum error_code job_read_options(struct job *job, const struct json *spec, struct error *error)
{
  return fields_read(job, options, sizeof options / sizeof options[0], "", spec, error);
}

/* ---- what contradicts itself ---- */

struct contradiction {
  bool is_so;
  const char *sentence;
};

static enum error_code refuse_first(const struct contradiction *list, size_t count,
                                    struct error *error)
{
  for (size_t i = 0; i < count; i++)
    if (list[i].is_so)
      return error_set(error, ERROR_INVALID, "%s", list[i].sentence);
  return ERROR_OK;
}

enum error_code job_check_options(const struct job *job, const struct json *spec,
                                  struct error *error)
{
  bool is_once = job->delivery == AT_MOST_ONCE;
  bool has_limits = job->limits.memory_bytes || job->limits.cpu_us || job->limits.files;
  const struct contradiction list[] = {
      {is_once && job->retry.attempts > 1,
       "retry on an at_most_once job: a retry would run it twice"},
      {is_once && json_get(spec, "max_interruptions"),
       "max_interruptions on an at_most_once job: one that was cut off is not run again anyway"},
      {job->overlap == OVERLAP_BUFFER_ALL && !job->buffer_limit,
       "overlap \"buffer_all\" needs a bound: give buffer_limit = 100, say"},
      {job->overlap != OVERLAP_BUFFER_ALL && job->buffer_limit,
       "buffer_limit is for overlap = \"buffer_all\""},
      {job->overlap == OVERLAP_BUFFER_ALL && json_get(spec, "coalesce") &&
           job->coalesce != COALESCE_ALL,
       "overlap \"buffer_all\" runs all due times that it keeps, so it contradicts coalesce"},
      {job->overlap == OVERLAP_BUFFER_ALL && job->replay_limit,
       "both buffer_limit and replay_limit: with \"buffer_all\", buffer_limit is the bound"},
      {job->overlap != OVERLAP_BUFFER_ALL && job->coalesce != COALESCE_ALL &&
           (job->replay_limit || job->replay_rate.count),
       "replay_limit and replay_rate are for coalesce = \"all\""},
      {job->pool && !*job->pool, "pool is empty: leave it out"},
      {job->concurrency_key && !*job->concurrency_key, "concurrency_key is empty: leave it out"},
      {job->concurrency_limit && !job->concurrency_key,
       "concurrency_limit needs a concurrency_key: without one, max_instances is the limit"},
      {job->timeout_us && job->soft_timeout_us >= job->timeout_us,
       "soft_timeout is not shorter than timeout, so it would never be told"},
      {job->timeout_us && job->heartbeat_timeout_us >= job->timeout_us,
       "heartbeat_timeout is not shorter than timeout, so it would never count"},
      {job->command && job->isolate, "isolate is for functions: a command is a process of its own"},
      {!job->isolate && has_limits, "limits are for jobs with isolate = true"},
      {job->limits.memory_bytes && job->limits.memory_bytes < 1 << 20,
       "limits.memory is under 1 MiB, which no script can do with"},
      {!job->isolate && job->env,
       "env is for jobs with isolate = true, and for command { ..., env = {...} }"},
      {job->command && job->retry.decide,
       "retry.decide is for jobs of a script: a command has no function to ask"},
      {job->origin == JOB_ADDED && job->retry.decide && !job->retry.decide[0],
       "retry.decide of a job that is added must be the name of a function of its script"},
      {job->origin == JOB_DECLARED && job->unique.key,
       "unique is for jobs that are added: a declared one is unique by its id"},
      {job->unique.key && job->unique.on_conflict == CONFLICT_EXTEND && !json_get(spec, "trigger"),
       "unique.on_conflict = \"extend\" needs a trigger, which the pending job takes over"},
      {job->unique.key && job->replace_existing,
       "both unique and replace_existing: unique.on_conflict = \"replace\" says what is meant"},
  };
  return refuse_first(list, sizeof list / sizeof list[0], error);
}

void job_settle_options(struct job *job)
{
  if (job->max_instances == 0)
    job->max_instances = job->overlap == OVERLAP_ALLOW ? INT32_MAX : 1;
  if (job->overlap == OVERLAP_BUFFER_ALL) {
    job->coalesce = COALESCE_ALL;
    job->replay_limit = job->buffer_limit;
  }
  if (job->concurrency_limit == 0)
    job->concurrency_limit = 1;
}
