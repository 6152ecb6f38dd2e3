/* The public view of a job: the same members for the CLI, the REPL and Lua. */
#include <string.h>

#include "model/job.h"
#include "time/duration.h"
#include "time/instant.h"

static void put_instant(struct json_writer *writer, const char *key, int64_t us, int64_t none)
{
  char text[INSTANT_TEXT_SIZE];
  if (us != none)
    instant_format(text, us);
  json_put_text(writer, key, us == none ? NULL : text);
}

static void put_duration(struct json_writer *writer, const char *key, int64_t us, int64_t none)
{
  char text[DURATION_TEXT_SIZE];
  if (us != none)
    duration_format(text, us);
  json_put_text(writer, key, us == none ? NULL : text);
}

static void put_retry(struct json_writer *writer, const struct job_retry *retry)
{
  static const char *const backoffs[] = {"fixed", "linear", "exponential"};
  json_key(writer, "retry");
  if (retry->attempts <= 1) {
    json_write_null(writer);
    return;
  }
  json_begin_object(writer);
  json_put_integer(writer, "attempts", retry->attempts);
  json_put_text(writer, "backoff", backoffs[retry->backoff]);
  put_duration(writer, "delay", retry->delay_us, -1);
  put_duration(writer, "max_delay", retry->max_delay_us, -1);
  json_end_object(writer);
}

/* The trigger in both forms, and the zone of the wall clock that it goes by, if it does. */
static void put_trigger(struct json_writer *writer, const struct trigger *trigger)
{
  struct buffer text = {0};
  json_key(writer, "trigger");
  if (trigger) {
    trigger_to_json(trigger, writer);
    trigger_to_text(trigger, &text);
  } else {
    json_write_null(writer);
  }
  json_put_text(writer, "trigger_text", text.data);
  json_put_text(writer, "timezone", trigger ? trigger_timezone(trigger) : NULL);
  buffer_deinit(&text);
}

void job_put_members(struct json_writer *writer, const struct job *job,
                     const struct job_progress *progress)
{
  json_put_text(writer, "id", job->id);
  json_put_text(writer, "name", job->name ? job->name : job->id);
  json_put_text(writer, "state", job_state_name(progress->state));
  put_instant(writer, "next_run_at", progress->state == JOB_ACTIVE ? progress->next_us : JOB_NEVER,
              JOB_NEVER);
  put_instant(writer, "last_run_at", progress->last_us, INT64_MIN);
  put_trigger(writer, job->trigger);
  json_put_text(writer, "origin", job->origin == JOB_DECLARED ? "declared" : "added");
  json_put_text(writer, "script", job->script);
  json_put_text(writer, "func", job->func);
  json_put_raw(writer, "command", job->command);
  json_put_raw(writer, "args", job->args ? job->args : "[]");
  json_put_raw(writer, "tags", job->tags ? job->tags : "[]");
  json_put_text(writer, "coalesce", job->coalesce == COALESCE_LATEST ? "latest" : "all");
  json_key(writer, "max_instances");
  if (job->max_instances == INT32_MAX)
    json_write_null(writer);
  else
    json_write_integer(writer, job->max_instances);
  put_duration(writer, "misfire_grace_time", job->misfire_grace_us, INT64_MAX);
  json_put_text(writer, "overlap", job->overlap == OVERLAP_SKIP ? "skip" : "allow");
  put_retry(writer, &job->retry);
  put_duration(writer, "timeout", job->timeout_us, 0);
  json_put_text(writer, "delivery",
                job->delivery == AT_LEAST_ONCE ? "at_least_once" : "at_most_once");
  json_put_boolean(writer, "enabled", progress->state != JOB_PAUSED);
  json_put_text(writer, "error", progress->error);
  json_put_text(writer, "where", job->where);
}
