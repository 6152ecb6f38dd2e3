/* Why a job does not run, or when it will, in sentences. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sched/state.h"
#include "time/instant.h"

static void say(struct request *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct request *r, const char *format, ...)
{
  struct buffer line = {0};
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  buffer_append_text(&line, text);
  json_write_text(r->result, line.data);
  buffer_deinit(&line);
}

/* The job of an after_job that is not there, which may yet be added. */
static void explain_missing_job(struct request *r, const char *key)
{
  struct json_document *document;
  struct error error;
  if (json_parse(key, strlen(key), &document, NULL))
    return;
  const char *job = json_text(json_get(json_root(document), "job"), NULL);
  if (job && !near_get_by_id(r->s, job, &error) && error.code == ERROR_NOT_FOUND)
    say(r, "which cannot be at present: there is no job \"%s\"", job);
  json_free(document);
}

/* What it waits for that is no time, and what keeps it from being seen. */
static void explain_source(void *context, const struct trigger *source)
{
  struct request *r = context;
  struct buffer sentence = {0}, key = {0};
  trigger_explain(source, &sentence);
  trigger_put_key(source, &key);
  const struct topic *topic = topic_find(r->s, key.data);
  say(r, "it waits: %s", sentence.data);
  if (topic && topic->problem)
    say(r, "which is not seen at present: %s", topic->problem);
  explain_missing_job(r, key.data);
  buffer_deinit(&sentence);
  buffer_deinit(&key);
}

static void explain_state(struct request *r, const struct entry *entry)
{
  char text[INSTANT_TEXT_SIZE];
  const struct job_progress *p = &entry->progress;
  switch (p->state) {
  case JOB_PAUSED:
    instant_format(text, p->paused_us);
    say(r, "it is paused since %s: resume it", text);
    break;
  case JOB_FINISHED:
    say(r, "it is finished: its trigger has no fire any more");
    break;
  case JOB_ERROR:
    say(r, "it cannot run: %s", p->error ? p->error : "unknown reason");
    break;
  case JOB_ACTIVE:
    if (!entry->job->trigger) {
      say(r, "it has no trigger: it runs only when asked (run-now)");
    } else if (p->next_us == JOB_NEVER) {
      trigger_each_source(entry->job->trigger, explain_source, r);
    } else {
      instant_format(text, p->next_us);
      say(r, p->next_us <= r->s->now_us ? "it is due since %s" : "it is due at %s", text);
    }
    break;
  }
}

static bool explain_last_skip(void *context, const struct skip *skip)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format(text, skip->last_us);
  say(context, "its last skipped fire: %s (%lld of them, reason: %s)", text, (long long)skip->count,
      skip_reason_name(skip->reason));
  return false;
}

static bool explain_last_run(void *context, const struct run *run, const char *job_id)
{
  char text[INSTANT_TEXT_SIZE];
  struct request *r = context;
  const struct open_run *open = run_find(r->s, run->key);
  (void)job_id;
  instant_format(text, run->key.scheduled_us);
  const char *state = open && open->started_us ? "running" : run_state_name(run->state);
  say(r, "its last run: %s, %s%s%.*s", text, state, run->error ? ": " : "",
      run->error ? (int)strcspn(run->error, "\n") : 0, run->error ? run->error : "");
  return false;
}

enum error_code request_why(struct request *r)
{
  struct entry *entry = request_job(r);
  struct script_entry *script;
  struct error error;
  if (!entry)
    return r->error->code;
  const struct job *job = entry->job;
  json_begin_object(r->result);
  json_put_text(r->result, "job", job->id);
  json_key(r->result, "lines");
  json_begin_array(r->result);
  explain_state(r, entry);
  if (r->s->stopping)
    say(r, "the daemon is stopping and claims nothing any more");
  if (!job->command && entry->progress.state != JOB_ERROR &&
      script_ready(r->s, job->script, &script, &error) == SCRIPT_LATER)
    say(r, "its script %s is being loaded", job->script);
  const struct script_entry *source = script_find(r->s, job->script);
  if (source && source->generation && source->script.error)
    say(r, "its script's newest source fails, an older version is in force: %s",
        source->script.error);
  int64_t waiting = queue_count(r->s, job->number);
  if (fire_is_full(entry))
    say(r, "%d of at most %d runs are open: a fire now would %s", entry->open_runs,
        job->max_instances, waiting ? "wait" : "be skipped");
  if (waiting)
    say(r, "%lld %s for a run", (long long)waiting, waiting == 1 ? "event waits" : "events wait");
  enum error_code code = store_each_run_of(r->s->store, job->number, entry->progress.last_us,
                                           explain_last_run, r, r->error);
  if (!code)
    code = store_each_skip_of(r->s->store, job->number, explain_last_skip, r, r->error);
  json_end_array(r->result);
  json_end_object(r->result);
  return code;
}
