/* What a due time becomes: a claimed run, or a recorded skip with its reason. Every due time up to
 * the job's cursor (progress.next_us) is one or part of the other, and the cursor moves in the same
 * transaction, so none is lost and none is told twice.
 *
 * A job that is behind (the laptop slept) has its missed fires counted, not stepped through. */
#include <stdlib.h>

#include "base/memory.h"
#include "sched/state.h"

bool fire_next(const struct job *job, int64_t us, int64_t *next_us)
{
  return job->trigger && trigger_next(job->trigger, us, next_us);
}

int64_t fire_first(const struct job *job, int64_t now_us)
{
  int64_t first_us;
  if (fire_next(job, now_us - 1, &first_us))
    return first_us;
  /* A date in the past is due once, late. */
  if (fire_next(job, INT64_MIN, &first_us) && !fire_next(job, first_us, &(int64_t){0}))
    return first_us;
  return JOB_NEVER;
}

void fire_conclude(struct sched *s, struct entry *entry)
{
  struct job_progress *progress = &entry->progress;
  const struct trigger *trigger = entry->job->trigger;
  bool may_fire = progress->next_us != JOB_NEVER || (trigger && trigger_is_open(trigger));
  if (progress->state == JOB_FINISHED && may_fire)
    progress->state = JOB_ACTIVE;
  if (may_fire)
    ask_next(s, entry);
  if (progress->state != JOB_ACTIVE || may_fire || !trigger)
    return;
  progress->state = JOB_FINISHED;
  if (s->health && entry->open_runs == 0)
    health_remove(s, entry->job->number);
  if (!trigger_gave_up(trigger, progress->last_us))
    return;
  progress->state = JOB_ERROR;
  free(progress->error);
  progress->error = memory_strdup("its trigger has no fire as far as it was searched");
}

static void move_cursor(struct sched *s, struct entry *entry, int64_t after_us,
                        const struct open_run *claimed)
{
  struct job_progress *progress = &entry->progress;
  if (!fire_next(entry->job, after_us, &progress->next_us))
    progress->next_us = JOB_NEVER;
  fire_conclude(s, entry);
  if (claimed)
    near_moved(s, entry); /* the claim's row tells how far the cursor is */
  else
    near_changed(s, entry);
}

static void tell_skip(struct sched *s, const struct entry *entry, const struct skip *skip)
{
  const char *name = skip->reason == SKIP_OVERLAP ? "job_max_instances" : "job_missed";
  if (!event_wanted(s, name, EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  json_put_text(&writer, "job", entry->job->id);
  view_put_instant(&writer, "scheduled_at", skip->last_us, INT64_MIN);
  json_put_text(&writer, "reason", skip_reason_name(skip->reason));
  json_put_integer(&writer, "count", skip->count);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

/* One that goes on where the last one ended, for the same reason, becomes part of it: a run that
 * lasts an hour makes one row of the fires it kept away. */
static void record_skip(struct sched *s, struct entry *entry, int64_t first_us, int64_t last_us,
                        int64_t count, enum skip_reason reason)
{
  struct error error;
  enum error_code code = ERROR_NOT_FOUND;
  struct skip skip = {.job = entry->job->number,
                      .first_us = first_us,
                      .last_us = last_us,
                      .count = count,
                      .reason = reason,
                      .recorded_us = s->now_us};
  struct skip *last = &entry->last_skip.skip;
  if (entry->last_skip.number && last->reason == reason && entry->last_skip.then_us == first_us) {
    last->last_us = last_us;
    last->count += count;
    last->recorded_us = s->now_us;
    code = store_extend_skip(s->store, entry->last_skip.number, last, &error);
  }
  if (code == ERROR_NOT_FOUND) {
    *last = skip;
    code = store_add_skip(s->store, &skip, &entry->last_skip.number, &error);
  }
  if (!fire_next(entry->job, last_us, &entry->last_skip.then_us))
    entry->last_skip.then_us = JOB_NEVER;
  if (!sched_failed(s, code, &error))
    tell_skip(s, entry, &skip);
}

void fire_skip_event(struct sched *s, struct entry *entry, enum skip_reason reason)
{
  entry->last_skip.then_us = s->now_us; /* events follow each other at any time */
  record_skip(s, entry, s->now_us, s->now_us, 1, reason);
}

/* All due times in [next_us, until_us], at least one: how many, and the last. */
static int64_t count_due(const struct entry *entry, int64_t until_us, int64_t *last_us)
{
  int64_t first_us = entry->progress.next_us, later;
  *last_us = first_us;
  later = trigger_count(entry->job->trigger, first_us, until_us, last_us);
  if (later == 0)
    *last_us = first_us;
  return later + 1;
}

static int64_t grace_start(const struct sched *s, const struct job *job)
{
  if (job->misfire_grace_us >= s->now_us)
    return INT64_MIN;
  return s->now_us - job->misfire_grace_us;
}

bool fire_is_full(const struct entry *entry)
{
  return entry->open_runs >= entry->job->max_instances;
}

/* Everything that was missed becomes one run, of the latest due time. */
static int fire_latest(struct sched *s, struct entry *entry, bool only_one)
{
  int64_t first_us = entry->progress.next_us, last_us = first_us, count = 1;
  struct open_run *claimed = NULL;
  if (!only_one)
    count = count_due(entry, s->now_us, &last_us);
  if (fire_is_full(entry)) {
    record_skip(s, entry, first_us, last_us, count, SKIP_OVERLAP);
  } else if (last_us < grace_start(s, entry->job)) {
    record_skip(s, entry, first_us, last_us, count, SKIP_MISFIRE);
  } else {
    if (count > 1) {
      int64_t before_last_us = first_us;
      trigger_count(entry->job->trigger, first_us - 1, last_us - 1, &before_last_us);
      record_skip(s, entry, first_us, before_last_us, count - 1, SKIP_MISFIRE);
    }
    claimed = run_claim(s, entry, last_us, RUN_BY_SCHEDULE, NULL, NULL);
  }
  move_cursor(s, entry, last_us, claimed);
  return 1;
}

/* Each due time within the grace becomes a run; those before it are one skip. */
static int fire_all(struct sched *s, struct entry *entry, int budget)
{
  int64_t grace_us = grace_start(s, entry->job), last_us;
  int done = 0;
  if (entry->progress.next_us < grace_us) {
    int64_t first_us = entry->progress.next_us;
    int64_t count = count_due(entry, grace_us - 1, &last_us);
    record_skip(s, entry, first_us, last_us, count, SKIP_MISFIRE);
    move_cursor(s, entry, last_us, NULL);
    done++;
  }
  while (done < budget && !s->failure && entry->progress.state == JOB_ACTIVE &&
         entry->progress.next_us <= s->now_us) {
    int64_t due_us = entry->progress.next_us;
    struct open_run *claimed = NULL;
    if (fire_is_full(entry))
      record_skip(s, entry, due_us, due_us, 1, SKIP_OVERLAP);
    else
      claimed = run_claim(s, entry, due_us, RUN_BY_SCHEDULE, NULL, NULL);
    move_cursor(s, entry, due_us, claimed);
    done++;
  }
  return done;
}

/* A job whose script is not there goes to `error` and waits, with its due time kept: nothing is
 * skipped, and nothing runs before a person has mended it. */
bool fire_is_held(struct sched *s, struct entry *entry)
{
  struct script_entry *script;
  struct error error = {0};
  if (entry->progress.state == JOB_ERROR) { /* its row cannot be read: shown so, but not changed */
    heap_remove(&entry->due);
    return true;
  }
  if (entry->job->command) {
    return false;
  } else {
    switch (script_ready(s, entry->job->script, &script, &error)) {
    case SCRIPT_READY:
      return false;
    case SCRIPT_LATER: /* comes back by near_rewind() when the load is over */
      heap_remove(&entry->due);
      return true;
    case SCRIPT_MISSING:
      break;
    }
  }
  char *reason = memory_strdup(error.text);
  free(entry->progress.error);
  entry->progress.error = reason;
  entry->progress.state = JOB_ERROR;
  near_changed(s, entry);
  return true;
}

int fire_entry(struct sched *s, struct entry *entry, int budget)
{
  int64_t next_us = JOB_NEVER;
  if (fire_is_held(s, entry))
    return 1;
  bool more = fire_next(entry->job, entry->progress.next_us, &next_us) && next_us <= s->now_us;
  if (more && entry->job->coalesce == COALESCE_ALL)
    return fire_all(s, entry, budget);
  return fire_latest(s, entry, !more);
}

void fire_resume(struct sched *s, struct entry *entry)
{
  struct job_progress *progress = &entry->progress;
  progress->state = JOB_ACTIVE;
  progress->paused_us = 0;
  free(progress->error);
  progress->error = NULL;
  health_begin(s, entry, true);
  queue_release(s, entry->job->number);
  if (progress->next_us <= s->now_us && entry->job->trigger) {
    int64_t first_us = progress->next_us, last_us;
    int64_t count = count_due(entry, s->now_us, &last_us);
    record_skip(s, entry, first_us, last_us, count, SKIP_PAUSED);
    move_cursor(s, entry, last_us, NULL);
    return;
  }
  fire_conclude(s, entry);
  near_changed(s, entry);
}
