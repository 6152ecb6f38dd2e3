/* Operations on runs, their logs and skips. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/declare.h"
#include "sched/finish.h"
#include "sched/near.h"
#include "sched/recover.h"
#include "sched/request.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/view.h"

enum { RUNS_MAX = 1000, LOOK_MAX = 5000, LINES_MAX = 1000 };

/* ---- which run is meant ---- */

/* `JOB@TIME`, or a job's id for its latest run. */
static enum error_code find_run(struct request *r, struct run *run, char **job_id)
{
  const char *text = request_text(r, "run");
  int64_t scheduled_us;
  struct stored_job stored = {0};
  *job_id = NULL;
  if (!text)
    return r->error->code;
  enum error_code code = store_find_job(r->s->store, text, &stored, NULL);
  if (!code) {
    scheduled_us = stored.progress.last_us;
    const struct entry *entry = near_find(r->s, stored.job->number);
    if (entry)
      scheduled_us = entry->progress.last_us;
    if (scheduled_us == INT64_MIN)
      code = error_set(r->error, ERROR_NOT_FOUND, "job \"%s\" has not run yet", text);
  } else {
    code = run_parse_id(text, job_id, &scheduled_us, r->error);
    if (code && !strchr(text, '@'))
      code = error_set(r->error, ERROR_NOT_FOUND, "there is no job or run \"%s\"", text);
    if (!code && store_find_job(r->s->store, *job_id, &stored, NULL))
      code = error_set(r->error, ERROR_NOT_FOUND, "there is no job \"%s\"", *job_id);
  }
  if (!code) {
    free(*job_id);
    *job_id = memory_strdup(stored.job->id);
    if (store_get_run(r->s->store, (struct run_key){scheduled_us, stored.job->number}, run, NULL))
      code = error_set(r->error, ERROR_NOT_FOUND, "there is no run \"%s\"", text);
  }
  stored_job_deinit(&stored);
  return code;
}

/* ---- lists ---- */

struct listing {
  struct request *r;
  int state; /* -1: any */
  int64_t limit, count;
  int looked_at;  /* a page of runs ends also when much was looked at and little found */
  int64_t offset; /* so many are passed over */
  struct run_key last;
  char *seen_job; /* of `runs JOB` */
};

static bool is_page_full(const struct listing *l)
{
  return l->count == l->limit || l->looked_at == LOOK_MAX;
}

static bool list_one(void *context, const struct run *run, const char *job_id)
{
  struct listing *l = context;
  const struct open_run *open = run_find(l->r->s, run->key);
  enum run_state state = open && open->started_us ? RUN_RUNNING : run->state;
  if (is_page_full(l))
    return false;
  l->looked_at++;
  l->last = run->key;
  if (l->state >= 0 && state != (enum run_state)l->state)
    return true;
  view_run(l->r->s, l->r->result, run,
           open ? open->entry->job->id : job_id); /* also if it is gone */
  l->count++;
  return true;
}

/* Where a page ended, as text that only this file reads: "scheduled_us,job". */
static bool read_before(const char *text, struct run_key *key)
{
  *key = (struct run_key){INT64_MAX, INT64_MAX};
  return !text || sscanf(text, "%" SCNd64 ",%" SCNd64, &key->scheduled_us, &key->job) == 2;
}

static enum error_code list_of_job(struct request *r, struct listing *l, bool has_before,
                                   struct run_key before)
{
  struct entry *entry = request_job(r);
  if (!entry)
    return r->error->code;
  int64_t from_us = entry->progress.last_us;
  if (has_before) {
    struct run run = {0};
    from_us = INT64_MIN;
    if (store_get_run(r->s->store, before, &run, NULL) == ERROR_OK)
      from_us = run.previous_us;
    run_deinit(&run);
  }
  return store_each_run_of(r->s->store, entry->job->number, from_us, list_one, l, r->error);
}

static enum error_code runs(struct request *r)
{
  struct listing l = {.r = r, .state = -1};
  struct run_key before;
  const struct json *job = json_get(r->params, "job");
  const char *state, *before_text;
  enum error_code code = request_count(r, "limit", 20, RUNS_MAX, &l.limit);
  if (code || (code = request_optional_text(r, "state", &state)) ||
      (code = request_optional_text(r, "before", &before_text)))
    return code;
  if (state && (l.state = run_state_from_name(state)) < 0)
    return error_set(r->error, ERROR_USAGE,
                     "state \"%s\" is none of pending, running, succeeded, failed, timed_out, "
                     "cancelled, interrupted",
                     state);
  if (!read_before(before_text, &before))
    return error_set(r->error, ERROR_USAGE, "before must be what `next` of the page before was");
  json_begin_object(r->result);
  json_key(r->result, "runs");
  json_begin_array(r->result);
  if (job && job->type != JSON_NULL)
    code = list_of_job(r, &l, before_text != NULL, before);
  else
    code = store_each_run(r->s->store, before.scheduled_us, before.job, list_one, &l, r->error);
  json_end_array(r->result);
  char next[64];
  snprintf(next, sizeof next, "%" PRId64 ",%" PRId64, l.last.scheduled_us, l.last.job);
  json_put_text(r->result, "next", is_page_full(&l) ? next : NULL);
  json_end_object(r->result);
  return code;
}

static bool list_attempt(void *context, const struct run *run, const char *job_id)
{
  struct request *r = context;
  (void)job_id;
  json_begin_object(r->result);
  json_put_integer(r->result, "attempt", run->attempt);
  json_put_text(r->result, "state",
                run->state == RUN_PENDING ? "snoozed" : run_state_name(run->state));
  view_put_instant(r->result, "started_at", run->started_us, 0);
  view_put_instant(r->result, "finished_at", run->finished_us, 0);
  json_put_text(r->result, "error", run->error);
  view_put_usage(r->result, &run->usage);
  json_end_object(r->result);
  return true;
}

static enum error_code run(struct request *r)
{
  enum { ATTEMPTS_LISTED = 1000 }; /* one that snoozes for weeks has more than an answer can hold */
  struct run row = {0};
  char *job_id;
  enum error_code code = find_run(r, &row, &job_id);
  if (!code) {
    json_begin_object(r->result);
    view_run_members(r->s, r->result, &row, job_id);
    json_key(r->result, "attempts");
    json_begin_array(r->result);
    int32_t first = row.attempt > ATTEMPTS_LISTED ? row.attempt - ATTEMPTS_LISTED : 1;
    code = store_each_attempt(r->s->store, row.key, first, list_attempt, r, r->error);
    json_end_array(r->result);
    json_end_object(r->result);
  }
  run_deinit(&row);
  free(job_id);
  return code;
}

static bool list_skip(void *context, const struct skip *skip)
{
  struct listing *l = context;
  struct json_writer *w = l->r->result;
  if (l->offset > 0 && l->offset-- > 0)
    return true;
  if (l->count++ == l->limit)
    return false;
  json_begin_object(w);
  json_put_text(w, "job", l->seen_job);
  view_put_instant(w, "first_at", skip->first_us, INT64_MIN);
  view_put_instant(w, "last_at", skip->last_us, INT64_MIN);
  json_put_integer(w, "count", skip->count);
  json_put_text(w, "reason", skip_reason_name(skip->reason));
  view_put_instant(w, "recorded_at", skip->recorded_us, 0);
  json_end_object(w);
  return true;
}

static enum error_code skips(struct request *r)
{
  struct listing l = {.r = r};
  struct entry *entry = request_job(r);
  enum error_code code = entry ? request_count(r, "limit", 20, RUNS_MAX, &l.limit) : r->error->code;
  if (code || (code = request_number(r, "offset", &l.offset)))
    return code;
  l.seen_job = entry->job->id;
  json_begin_object(r->result);
  json_key(r->result, "skips");
  json_begin_array(r->result);
  code = store_each_skip_of(r->s->store, entry->job->number, list_skip, &l, r->error);
  json_end_array(r->result);
  json_put_boolean(r->result, "more", l.count > l.limit);
  json_end_object(r->result);
  return code;
}

static bool list_line(void *context, const struct log_line *line)
{
  struct listing *l = context;
  struct json_writer *w = l->r->result;
  if (l->count == l->limit)
    return false;
  json_begin_object(w);
  json_put_integer(w, "sequence", line->sequence);
  json_put_integer(w, "attempt", line->attempt);
  json_put_text(w, "level", log_level_name((enum log_level)line->level));
  view_put_instant(w, "at", line->at_us, 0);
  json_put_text(w, "text", line->text);
  json_end_object(w);
  l->last.job = line->sequence;
  l->count++;
  return true;
}

static enum error_code logs(struct request *r)
{
  struct listing l = {.r = r};
  struct run row = {0};
  char *job_id;
  int64_t after;
  enum error_code code = find_run(r, &row, &job_id);
  if (!code)
    code = request_count(r, "limit", LINES_MAX, LINES_MAX, &l.limit);
  if (!code)
    code = request_number(r, "after", &after);
  if (!code) {
    const struct open_run *open = run_find(r->s, row.key);
    l.last.job = after;
    json_begin_object(r->result);
    view_put_run_id(r->result, "run", job_id, row.key.scheduled_us);
    json_put_text(r->result, "state",
                  run_state_name(open && open->started_us ? RUN_RUNNING : row.state));
    json_put_boolean(r->result, "ended", run_has_ended(row.state));
    json_put_integer(r->result, "attempt", row.attempt);
    json_key(r->result, "lines");
    json_begin_array(r->result);
    code = store_each_log(r->s->store, row.key, after, list_line, &l, r->error);
    json_end_array(r->result);
    json_put_integer(r->result, "next", l.last.job);
    json_put_text(r->result, "error", open ? NULL : row.error);
    json_put_boolean(r->result, "removed", row.log_bytes == RUN_LOG_REMOVED);
    json_put_integer(r->result, "keep_logs", r->s->options.retention.log_bytes_per_job);
    json_end_object(r->result);
  }
  run_deinit(&row);
  free(job_id);
  return code;
}

/* ---- doing ---- */

static enum error_code check_may_run(struct request *r, struct entry *entry)
{
  struct script_entry *script;
  if (r->s->stopping)
    return error_set(r->error, ERROR_UNAVAILABLE, "the daemon is stopping");
  if (!declare_read_again(r->s, entry) || recover_is_quarantined(entry))
    return error_set(r->error, ERROR_CONFLICT, "job \"%s\" cannot run: %s", entry->job->id,
                     entry->progress.error);
  const struct job *job = entry->job;
  if (!job->command && script_ready(r->s, job->script, &script, r->error) == SCRIPT_MISSING)
    return error_prefix(r->error, "job \"%s\" cannot run", job->id);
  if (entry->open_runs >= job->max_instances)
    return error_set(
        r->error, ERROR_CONFLICT,
        "job \"%s\" is running already (max_instances is %d): wait for it, or cancel it", job->id,
        job->max_instances);
  return ERROR_OK;
}

/* Two of the same microsecond are two runs all the same: the second is named by the next one. */
static int64_t name_from_us(const struct sched *s, const struct entry *entry)
{
  int64_t last_us = entry->progress.last_us;
  bool is_of_now = last_us >= s->now_us && last_us < s->now_us + 1000000;
  return is_of_now ? last_us + 1 : s->now_us;
}

static enum error_code run_now(struct request *r)
{
  const struct json *args = json_get(r->params, "args");
  struct entry *entry = request_job(r);
  enum error_code code = entry ? check_may_run(r, entry) : r->error->code;
  struct buffer text = {0};
  if (code)
    return code;
  if (args && args->type != JSON_NULL && args->type != JSON_ARRAY)
    return error_set(r->error, ERROR_USAGE, "args must be a list");
  if (args && args->type == JSON_ARRAY) {
    struct json_writer writer = {.out = &text};
    json_write_tree(&writer, args);
  }
  if (gate_check(entry->job, text.data, r->error)) {
    buffer_deinit(&text);
    r->error->code = ERROR_INVALID;
    return error_prefix(r->error, "job \"%s\"", entry->job->id);
  }
  struct open_run *open = NULL;
  int64_t from_us = name_from_us(r->s, entry);
  for (int64_t us = from_us; !open && !r->s->failure && us < from_us + 1000; us++)
    open = run_claim(r->s, entry, us, RUN_BY_HAND, text.data, NULL);
  buffer_deinit(&text);
  if (!open)
    return error_set(r->error, ERROR_CONFLICT, "job \"%s\" could not be claimed", entry->job->id);
  json_begin_object(r->result);
  view_put_run_id(r->result, "run", entry->job->id, open->key.scheduled_us);
  json_end_object(r->result);
  return ERROR_OK;
}

/* A run that goes on although its job was removed is known by its id in memory only. */
static struct open_run *find_orphan(struct request *r, char **job_id)
{
  const char *text = json_text(json_get(r->params, "run"), "");
  struct open_run *found = NULL;
  for (struct open_run *run = r->s->open_runs; run && !found; run = run->hh.next) {
    struct buffer id = {0};
    run_format_id(&id, run->entry->job->id, run->key.scheduled_us);
    bool is_named = strcmp(id.data, text) == 0 || strcmp(run->entry->job->id, text) == 0;
    if (is_named && run->entry->removed && !run->ended)
      found = run;
    buffer_deinit(&id);
  }
  if (found) {
    free(*job_id);
    *job_id = memory_strdup(found->entry->job->id);
  }
  return found;
}

/* What a stop has killed is not told any more, but it is cancelled all the same. */
static void cancel_begun(struct sched *s, struct open_run *open, bool at_once)
{
  bool is_cancelled = run_is_cancelled(open);
  if (is_cancelled && (open->killed || !at_once))
    return;
  if (open->killed || at_once)
    run_cancel(s, open, TOLD_CANCELLED);
  else
    run_cancel_softly(s, open, TOLD_CANCELLED);
}

static enum error_code cancel_run(struct request *r)
{
  struct run row = {0};
  char *job_id;
  bool at_once;
  enum error_code code = request_switch(r, "now", &at_once);
  if (code)
    return code;
  code = find_run(r, &row, &job_id);
  struct open_run *open = code ? find_orphan(r, &job_id) : run_find(r->s, row.key);
  if (code && open) {
    code = ERROR_OK;
    row.key = open->key;
  }
  if (!code && !open)
    code = error_set(r->error, ERROR_CONFLICT, "the run has ended: %s", run_state_name(row.state));
  if (!code) {
    if (open->worker)
      cancel_begun(r->s, open, at_once);
    else
      finish_here(r->s, open, RUN_CANCELLED,
                  open->attempt > 1 ? "cancelled while it waited for its next attempt"
                                    : "cancelled before it began");
    json_begin_object(r->result);
    view_put_run_id(r->result, "run", job_id, row.key.scheduled_us);
    json_put_text(r->result, "state", open->ended ? "cancelled" : "cancelling");
    json_end_object(r->result);
  }
  run_deinit(&row);
  free(job_id);
  return code;
}

static const char *const runs_params[] = {"job", "limit", "before", "state", NULL};
static const char *const run_params[] = {"run", NULL};
static const char *const skips_params[] = {"job", "limit", "offset", NULL};
static const char *const logs_params[] = {"run", "after", "limit", NULL};
static const char *const cancel_run_params[] = {"run", "now", NULL};
static const char *const run_now_params[] = {"job", "args", NULL};

const struct request_operation request_run_operations[] = {
    {"runs", runs, runs_params, ASKS},
    {"run", run, run_params, ASKS},
    {"skips", skips, skips_params, ASKS},
    {"logs", logs, logs_params, ASKS},
    {"run_now", run_now, run_now_params, CHANGES},
    {"cancel_run", cancel_run, cancel_run_params, CHANGES},
    {0},
};
