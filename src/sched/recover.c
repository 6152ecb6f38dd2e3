/* The start after a crash or a stop: what the former daemon left open.
 *
 * A run that waited for its next attempt goes on waiting, also for the one that a stop has put off.
 * One that a worker may have begun was cut off: it becomes interrupted, and runs again unless its
 * job is at_most_once; one that was cancelled, and had not ended, is. One that was cut off too
 * often puts its job in quarantine: until a person resumes it, nothing of it begins, and its other
 * runs wait. */
#include "sched/recover.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "base/text.h"
#include "sched/arrive.h"
#include "sched/checkpoint.h"
#include "sched/event.h"
#include "sched/finish.h"
#include "sched/health.h"
#include "sched/near.h"
#include "sched/run.h"
#include "sched/turn.h"

struct recovery {
  struct sched *s;
  struct run *runs;
  size_t count, capacity;
  struct store_set_back set_back; /* as the former daemon has left it */
  int64_t latest_us;              /* of their claims */
};

static bool collect(void *context, const struct run *run, const char *job_id)
{
  struct recovery *r = context;
  (void)job_id;
  if (r->count == r->capacity) {
    r->capacity = r->capacity ? r->capacity * 2 : 64;
    r->runs = memory_resize(r->runs, r->capacity * sizeof *r->runs);
  }
  r->runs[r->count] = *run;
  r->runs[r->count].args = memory_strdup(run->args);
  r->runs[r->count].events = memory_strdup(run->events);
  r->runs[r->count].error = memory_strdup(run->error);
  r->runs[r->count].result = NULL;
  r->count++;
  return true;
}

static bool note_sequence(void *context, const struct log_line *line)
{
  struct open_run *run = context;
  run->log_lines = (int32_t)line->sequence;
  run->log_bytes += (int64_t)strlen(line->text);
  return true;
}

static const char quarantined[] = "quarantined: ";

bool recover_is_quarantined(const struct entry *entry)
{
  return entry->progress.state == JOB_ERROR && text_begins_with(entry->progress.error, quarantined);
}

struct past {
  int32_t failed, interrupted;
};

static bool count_attempt(void *context, const struct run *run, const char *job_id)
{
  struct past *past = context;
  (void)job_id;
  past->failed += run_attempt_counts(run->state);
  past->interrupted += run->state == RUN_INTERRUPTED && !run_was_cut_by_stop(run);
  return true;
}

/* Its run may be what brings the daemon down each time: a person must look first. */
static void quarantine(struct sched *s, struct open_run *run, int32_t times)
{
  struct buffer id = {0};
  struct entry *entry = run->entry;
  struct job_progress *progress = &entry->progress;
  run_format_id(&id, entry->job->id, run->key.scheduled_us);
  char *reason = memory_printf(
      "%sits run %s was cut off %d time%s by the end of the daemon, and may be what ends it: look "
      "into it, then let the job go on with: moonbeat resume %s",
      quarantined, id.data, times, times == 1 ? "" : "s", entry->job->id);
  log_error("%s: %s", entry->job->id, reason);
  free(progress->error);
  progress->error = reason;
  progress->state = JOB_ERROR;
  near_changed(s, entry);
  event_job(s, "job_quarantined", entry);
  buffer_deinit(&id);
}

/* No worker ever had it: it waits for its next attempt, or at a gate. When it is due tells nothing,
 * as the clock may have been set back since a worker has begun it. */
static bool was_waiting(const struct run *row)
{
  return row->due_us == JOB_NEVER || (row->attempt > 1 && row->started_us == 0);
}

static bool runs_again(const struct open_run *run, const struct past *past)
{
  const struct job *job = run->entry->job;
  if (job->delivery == AT_MOST_ONCE) {
    log_warn("%s was cut off and is not run again (at_most_once)", job->id);
    sometimes("an at_most_once run was cut off");
    return false;
  }
  if (past->interrupted + 1 >= job->max_interruptions)
    return false;
  log_info("%s was cut off and runs again%s", job->id,
           recover_is_quarantined(run->entry) ? " when the job is resumed" : "");
  return true;
}

static void note_end(struct sched *s, struct run *row)
{
  char *cause = row->error; /* why it was cancelled */
  if (cause)
    sometimes("a run was cut off that was cancelled");
  row->state = cause ? RUN_CANCELLED : RUN_INTERRUPTED;
  row->finished_us = s->now_us;
  row->error =
      cause ? memory_printf("%s: %s", RUN_CUT_BY_END, cause) : memory_strdup(RUN_CUT_BY_END);
  free(cause);
}

/* A delay is a length of time. When the clock was set back and nobody has seen that, the whole of
 * it begins anew, as nothing tells how much was over: from the claim on, or, when that lies before
 * a step that was seen, from that one on. */
static void follow_clock(const struct recovery *r, struct open_run *run, const struct run *row)
{
  int64_t now_us = r->s->now_us;
  bool was_seen = row->claimed_us <= r->set_back.from_us;
  int64_t base_us = was_seen ? r->set_back.to_us : row->claimed_us;
  if (row->due_us != JOB_NEVER && row->claimed_us > now_us && base_us > now_us)
    run_move_due(r->s, run, now_us + (row->due_us - base_us));
}

static void recover_one(struct recovery *r, struct run *row)
{
  struct sched *s = r->s;
  struct error error;
  struct past past = {0};
  struct entry *entry = near_get(s, row->key.job, &error);
  struct open_run *run = entry ? run_insert(s, entry, row) : NULL;
  if (entry && row->claimed_us > entry->missed_us)
    entry->missed_us = row->claimed_us; /* the others of its backlog, if it is one of them */
  if (run)
    store_each_log(s->store, row->key, 0, note_sequence, run, NULL);
  if (run && row->attempt > 1)
    sched_failed(s, store_each_attempt(s->store, row->key, 1, count_attempt, &past, &error),
                 &error);
  if (run)
    run->uncounted = row->attempt - 1 - past.failed; /* snoozed ones are not all kept */
  if (run && was_waiting(row)) {
    sometimes("a run waited when the daemon died");
    follow_clock(r, run, row);
    if (row->due_us == JOB_NEVER) /* a first attempt was held back at once */
      run_make_extra(run)->wait.since_us = row->attempt == 1 ? row->claimed_us : SINCE_UNKNOWN;
    run_wait_until(s, run, run->due_us);
    return;
  }
  sometimes("a run was cut off");
  note_end(s, row);
  bool is_cut_off = row->state == RUN_INTERRUPTED;
  bool again = run && is_cut_off && runs_again(run, &past);
  if (run)
    finish_tell(s, run, row, again);
  if (run && is_cut_off && !again && entry->job->delivery != AT_MOST_ONCE)
    quarantine(s, run, past.interrupted + 1);
  if (again) {
    finish_and_retry(s, run, row, s->now_us);
    return;
  }
  row->log_bytes = run ? run->log_bytes : 0;
  sched_failed(s, store_finish(s->store, row, &error), &error);
  if (run) {
    finish_count_log(s, run);
    checkpoint_drop(s, run);
    arrive_job_ended(s, entry, row);
    health_run_ended(s, entry, row);
    run_end(s, run);
  }
}

void run_recover(struct sched *s)
{
  struct recovery r = {.s = s};
  struct error error;
  sched_failed(s, store_get_set_back(s->store, &r.set_back, &error), &error);
  sched_failed(s, store_each_open_run(s->store, s->watermark.from_us, collect, &r, &error), &error);
  for (size_t i = 0; i < r.count; i++) {
    if (!s->failure)
      recover_one(&r, &r.runs[i]);
    if (r.runs[i].claimed_us > r.latest_us)
      r.latest_us = r.runs[i].claimed_us;
    run_deinit(&r.runs[i]);
  }
  if (r.latest_us > s->now_us && !s->failure)
    run_note_set_back(s, r.latest_us); /* all that waits from now on follows this clock */
  free(r.runs);
}
