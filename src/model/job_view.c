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

static void put_rate(struct json_writer *writer, const char *key, const struct rate *rate)
{
  char text[RATE_TEXT_SIZE];
  if (rate->count)
    rate_format(text, rate);
  json_put_text(writer, key, rate->count ? text : NULL);
}

static void put_count(struct json_writer *writer, const char *key, int64_t count, int64_t none)
{
  json_key(writer, key);
  if (count == none)
    json_write_null(writer);
  else
    json_write_integer(writer, count);
}

static void put_unique(struct json_writer *writer, const struct job_unique *unique)
{
  json_key(writer, "unique");
  if (!unique->key) {
    json_write_null(writer);
    return;
  }
  json_begin_object(writer);
  json_put_text(writer, "key", unique->key[0] ? unique->key : NULL);
  put_duration(writer, "period", unique->period_us, INT64_MAX);
  json_put_text(writer, "on_conflict", job_conflict_names[unique->on_conflict]);
  json_end_object(writer);
}

/* What keeps a run from beginning at once. */
static void put_admission(struct json_writer *writer, const struct job *job)
{
  json_put_text(writer, "overlap", job_overlap_names[job->overlap]);
  put_count(writer, "max_instances", job->max_instances, INT32_MAX);
  put_count(writer, "buffer_limit", job->buffer_limit, 0);
  put_duration(writer, "misfire_grace_time", job->misfire_grace_us, INT64_MAX);
  json_put_text(writer, "coalesce", job_coalesce_names[job->coalesce]);
  put_count(writer, "replay_limit", job->buffer_limit ? 0 : job->replay_limit, 0);
  put_rate(writer, "replay_rate", &job->replay_rate);
  json_put_text(writer, "pool", job->pool);
  json_put_integer(writer, "priority", job->priority);
  json_put_text(writer, "concurrency_key", job->concurrency_key);
  put_count(writer, "concurrency_limit", job->concurrency_key ? job->concurrency_limit : 0, 0);
  put_rate(writer, "rate", &job->rate);
  put_unique(writer, &job->unique);
}

static void put_isolation(struct json_writer *writer, const struct job *job)
{
  json_put_boolean(writer, "isolate", job->isolate);
  if (!job->isolate)
    return;
  json_key(writer, "limits");
  json_begin_object(writer);
  put_count(writer, "memory", job->limits.memory_bytes, 0);
  put_duration(writer, "cpu", job->limits.cpu_us, 0);
  put_count(writer, "files", job->limits.files, 0);
  json_end_object(writer);
}

static void put_retry(struct json_writer *writer, const struct job_retry *retry)
{
  json_key(writer, "retry");
  if (retry->attempts <= 1) {
    json_write_null(writer);
    return;
  }
  json_begin_object(writer);
  json_put_integer(writer, "attempts", retry->attempts);
  json_put_text(writer, "backoff", job_backoff_names[retry->backoff]);
  put_duration(writer, "delay", retry->delay_us, -1);
  put_duration(writer, "max_delay", retry->max_delay_us, -1);
  if (retry->backoff == BACKOFF_EXPONENTIAL)
    json_put_number(writer, "factor", retry->factor);
  if (retry->jitter_share > 0)
    json_put_number(writer, "jitter", retry->jitter_share);
  else if (retry->jitter_us > 0)
    put_duration(writer, "jitter", retry->jitter_us, 0);
  if (retry->decide)
    json_put_text(writer, "decide", retry->decide[0] ? retry->decide : "(its own function)");
  if (retry->retry_on)
    json_put_raw(writer, "retry_on", retry->retry_on);
  if (retry->give_up_on)
    json_put_raw(writer, "give_up_on", retry->give_up_on);
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
  put_admission(writer, job);
  put_retry(writer, &job->retry);
  put_duration(writer, "soft_timeout", job->soft_timeout_us, 0);
  put_duration(writer, "timeout", job->timeout_us, 0);
  put_duration(writer, "cancel_grace", job->cancel_grace_us, -1);
  put_duration(writer, "heartbeat_timeout", job->heartbeat_timeout_us, 0);
  json_put_text(writer, "delivery", job_delivery_names[job->delivery]);
  json_put_integer(writer, "max_interruptions", job->max_interruptions);
  put_duration(writer, "expect", job->expect_us, 0);
  put_count(writer, "max_failures", job->max_failures, 0);
  put_isolation(writer, job);
  json_put_boolean(writer, "enabled", progress->state != JOB_PAUSED);
  json_put_text(writer, "error", progress->error);
  json_put_text(writer, "where", job->where);
}
