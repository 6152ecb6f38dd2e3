/* What a run tells and asks while it runs: how far it is, what its next attempt shall find, which
 * of its job's runs succeeded before.
 *
 * Progress is kept in memory, for who looks. A checkpoint is answered after the commit that has
 * stored it, and counts only from the attempt that is in force. */
#include "sched/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/event.h"
#include "sched/request.h"
#include "sched/run.h"
#include "sched/turn.h"
#include "sched/view.h"

enum { CHECKPOINT_MAX = 64 << 10 };

/* ---- progress ---- */

static void put_progress(struct json_writer *writer, const struct run_progress *progress)
{
  json_put_number(writer, "done", progress->done);
  if (progress->total > 0)
    json_put_number(writer, "total", progress->total);
  json_put_text(writer, "note", progress->note);
}

void progress_put(struct json_writer *writer, const struct open_run *run)
{
  const struct run_progress *progress = run ? &run_extra(run)->progress : NULL;
  if (!progress || !progress->at_us)
    return;
  json_key(writer, "progress");
  json_begin_object(writer);
  put_progress(writer, progress);
  view_put_instant(writer, "at", progress->at_us, 0);
  json_end_object(writer);
}

const struct open_run *progress_of_job(struct sched *s, const struct entry *entry)
{
  struct run_key key = {entry->told_us, entry->job->number};
  return entry->told_us ? run_find(s, key) : NULL;
}

void progress_told(struct sched *s, const struct message *message)
{
  struct open_run *run = run_find_attempt(s, &message->as.progress.attempt);
  if (!run)
    return;
  struct run_progress *progress = &run_make_extra(run)->progress;
  free(progress->note);
  *progress = (struct run_progress){message->as.progress.done, message->as.progress.total,
                                    memory_strdup(message->as.progress.note), s->now_us};
  run->entry->told_us = run->key.scheduled_us;
  if (!event_wanted(s, "job_progress", EVENT_HOT))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "job_progress");
  json_put_text(&writer, "job", run->entry->job->id);
  view_put_run_id(&writer, "run", run->entry->job->id, run->key.scheduled_us);
  json_put_integer(&writer, "attempt", run->attempt);
  put_progress(&writer, progress);
  event_end(s, &out, &writer, "job_progress", EVENT_HOT);
}

/* ---- checkpoints ---- */

char *checkpoint_get(struct sched *s, struct open_run *run)
{
  struct error error;
  char *value = NULL;
  if (run->attempt > 1)
    sched_failed(s, store_get_checkpoint(s->store, run->key, &value, &error), &error);
  run->has_checkpoint = run->has_checkpoint || value;
  return value;
}

void checkpoint_drop(struct sched *s, const struct open_run *run)
{
  struct error error;
  if (run->has_checkpoint || run->attempt > 1)
    sched_failed(s, store_put_checkpoint(s->store, run->key, NULL, &error), &error);
}

/* The run whose attempt asks; NULL with the request's error. */
static struct open_run *asking_run(struct request *r)
{
  struct open_run *run = run_find_attempt(r->s, &(*r->message)->as.request.attempt);
  if (!run)
    error_set(r->error, ERROR_CONFLICT, "only a run that has not ended can ask for this");
  return run;
}

static enum error_code checkpoint(struct request *r)
{
  struct open_run *run = asking_run(r);
  const struct json *value = json_get(r->params, "value");
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  if (!run)
    return r->error->code;
  if (value && value->type != JSON_NULL)
    json_write_tree(&writer, value);
  if (text.size > CHECKPOINT_MAX) {
    error_set(r->error, ERROR_LIMIT, "a checkpoint of %zu bytes is over the limit of %d", text.size,
              CHECKPOINT_MAX);
    buffer_deinit(&text);
    return ERROR_LIMIT;
  }
  enum error_code code = store_put_checkpoint(r->s->store, run->key, text.data, r->error);
  sched_failed(r->s, code, r->error);
  run->has_checkpoint = true;
  json_write_boolean(r->result, true);
  buffer_deinit(&text);
  return code;
}

/* ---- the success before ---- */

static bool find_success(void *context, const struct run *run, const char *job_id)
{
  struct request *r = context;
  if (run->state != RUN_SUCCEEDED)
    return true;
  view_run(r->s, r->result, run, job_id);
  return false;
}

/* One that is no row any more. */
static enum error_code find_cut_success(struct request *r, const struct open_run *run)
{
  struct run success;
  enum error_code code = store_get_success(r->s->store, run->key.job, &success, r->error);
  if (!code && success.key.scheduled_us < run->key.scheduled_us)
    view_run(r->s, r->result, &success, run->entry->job->id);
  else if (!code || code == ERROR_NOT_FOUND)
    json_write_null(r->result);
  run_deinit(&success);
  return code == ERROR_NOT_FOUND ? ERROR_OK : code;
}

static enum error_code previous_run(struct request *r)
{
  struct open_run *run = asking_run(r);
  if (!run)
    return r->error->code;
  size_t before = r->result->out->size;
  enum error_code code =
      store_each_run_of(r->s->store, run->key.job, run->previous_us, find_success, r, r->error);
  return code || r->result->out->size > before ? code : find_cut_success(r, run);
}

static const char *const checkpoint_params[] = {"value", NULL};
static const char *const no_params[] = {NULL};

const struct request_operation request_attempt_operations[] = {
    {"checkpoint", checkpoint, checkpoint_params, CHANGES},
    {"previous_run", previous_run, no_params, CHANGES},
    {0},
};
