/* How jobs fare: the dead man's watch and the count of failures.
 *
 * A job with `expect` is late when it has not succeeded for so long, counted from its last success,
 * or from when it was added, resumed or given another trigger or `expect`. That is told once, also
 * by a daemon that was down meanwhile, when the scripts that may listen are loaded. Failures in a
 * row are counted of every job; `max_failures` of them pause it.
 *
 * Only jobs with `expect` and those in trouble have a row, here and in the store, so the success of
 * any other costs one comparison. The deadlines of those that are not late yet lie in a heap. A job
 * that is paused is never late: its deadline is dropped when it comes, and a resumed one begins
 * anew. Neither is one that has finished with a success; any other that has finished and was
 * expected to succeed will be late, and stays so. */
#include "sched/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/event.h"
#include "sched/near.h"
#include "sched/pause.h"
#include "sched/turn.h"
#include "sched/view.h"
#include "time/duration.h"

struct watched {
  struct heap_node due; /* in `health_due` until it is late */
  struct job_health health;
  UT_hash_handle hh; /* by health.job */
};

static struct watched *find_watched(const struct sched *s, int64_t job)
{
  struct watched *watched;
  HASH_FIND(hh, s->health, &job, sizeof job, watched);
  return watched;
}

const struct job_health *health_find(const struct sched *s, int64_t job)
{
  const struct watched *watched = s->health ? find_watched(s, job) : NULL;
  return watched ? &watched->health : NULL;
}

static struct watched *add_watched(struct sched *s, const struct job_health *health)
{
  struct watched *watched = memory_alloc(sizeof *watched);
  watched->health = *health;
  watched->due.number = health->job;
  HASH_ADD(hh, s->health, health.job, sizeof watched->health.job, watched);
  return watched;
}

static void free_watched(struct sched *s, struct watched *watched)
{
  heap_remove(&watched->due);
  HASH_DEL(s->health, watched);
  free(watched);
}

static void forget(struct sched *s, struct watched *watched)
{
  struct error error;
  sched_failed(s, store_remove_health(s->store, watched->health.job, &error), &error);
  free_watched(s, watched);
}

/* A job that is late already is told no more. */
static void set_due(struct sched *s, struct watched *watched)
{
  const struct job_health *health = &watched->health;
  heap_remove(&watched->due);
  if (!health->expect_us || health->late_us)
    return;
  if (__builtin_add_overflow(health->since_us, health->expect_us, &watched->due.us))
    watched->due.us = INT64_MAX;
  heap_put(&s->health_due, &watched->due);
}

/* Writes it, or lets go of what is of no interest any more. */
static void keep(struct sched *s, struct watched *watched)
{
  const struct job_health *health = &watched->health;
  struct error error;
  if (!health->expect_us && !health->trouble_us) {
    forget(s, watched);
    return;
  }
  set_due(s, watched);
  sched_failed(s, store_put_health(s->store, health, &error), &error);
}

/* ---- what is told ---- */

static void tell_late(struct sched *s, const struct entry *entry, const struct job_health *health)
{
  char expected[DURATION_TEXT_SIZE];
  duration_format(expected, health->expect_us);
  log_warn("%s is late: it has not succeeded for %s", entry->job->id, expected);
  if (!event_wanted(s, "job_late", EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "job_late");
  json_put_text(&writer, "job", entry->job->id);
  json_put_text(&writer, "expected", expected);
  view_put_instant(&writer, "last_success_at", health->success_us, 0);
  view_put_instant(&writer, "since", health->since_us, INT64_MIN);
  json_put_integer(&writer, "failures", health->failures);
  event_end(s, &out, &writer, "job_late", EVENT_RARE);
}

static void tell_recovered(struct sched *s, const struct entry *entry, const struct run *run,
                           const struct job_health *health)
{
  log_info("%s has recovered", entry->job->id);
  if (!event_wanted(s, "job_recovered", EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "job_recovered");
  json_put_text(&writer, "job", entry->job->id);
  view_put_run_id(&writer, "run", entry->job->id, run->key.scheduled_us);
  view_put_instant(&writer, "scheduled_at", run->key.scheduled_us, INT64_MIN);
  view_put_instant(&writer, "since", health->trouble_us, 0);
  json_put_integer(&writer, "failures", health->failures);
  json_put_boolean(&writer, "was_late", health->late_us != 0);
  json_put_raw(&writer, "result", run->result);
  event_end(s, &out, &writer, "job_recovered", EVENT_RARE);
}

/* ---- a run has ended ---- */

static void succeed(struct sched *s, struct entry *entry, const struct run *run)
{
  struct watched *watched = find_watched(s, entry->job->number);
  if (!watched)
    return;
  struct job_health *health = &watched->health;
  if (health->trouble_us)
    tell_recovered(s, entry, run, health);
  health->since_us = health->success_us = s->now_us;
  health->late_us = health->trouble_us = health->failures = 0;
  keep(s, watched);
}

static const char failed_in_a_row[] = " failed in a row, the last one: ";

static void pause_failing(struct sched *s, struct entry *entry, const struct run *run,
                          int64_t failures)
{
  struct buffer reason = {0};
  const char *error = run->error ? run->error : run_state_name(run->state);
  buffer_printf(&reason, "%lld %s%s%.*s", (long long)failures, failures == 1 ? "run" : "runs",
                failed_in_a_row, (int)strcspn(error, "\n"), error);
  pause_entry(s, entry, reason.data);
  buffer_deinit(&reason);
}

/* By the reason's form, which nobody else writes: a person's begins otherwise. */
bool health_has_paused(const struct entry *entry)
{
  const char *reason = entry->progress.error;
  return reason && strstr(reason, failed_in_a_row);
}

static void fail(struct sched *s, struct entry *entry, const struct run *run)
{
  const struct job *job = entry->job;
  struct watched *watched = find_watched(s, job->number);
  /* One that will never run again is in no trouble, it has failed: its run says so. */
  if (entry->progress.state == JOB_FINISHED && !watched)
    return;
  if (!watched)
    watched = add_watched(s, &(struct job_health){.job = job->number, .since_us = s->now_us});
  struct job_health *health = &watched->health;
  int64_t failures = ++health->failures;
  if (!health->trouble_us)
    health->trouble_us = s->now_us;
  keep(s, watched);
  if (job->max_failures && failures >= job->max_failures && entry->progress.state == JOB_ACTIVE)
    pause_failing(s, entry, run, failures);
}

/* Nothing is due any more. */
static void conclude(struct sched *s, int64_t job, bool has_succeeded)
{
  struct watched *watched = s->health ? find_watched(s, job) : NULL;
  if (watched && (has_succeeded || !watched->health.expect_us))
    forget(s, watched);
}

void health_finish(struct sched *s, const struct entry *entry)
{
  const struct job_health *health = health_find(s, entry->job->number);
  const struct job_progress *progress = &entry->progress;
  if (!health)
    return;
  bool is_skipped = entry->last_skip.number && entry->last_skip.skip.last_us > progress->last_us;
  bool is_success = health->success_us && health->success_us == health->since_us;
  conclude(s, health->job, is_success && !health->failures && !is_skipped);
}

void health_run_ended(struct sched *s, struct entry *entry, const struct run *run)
{
  if (entry->removed)
    return;
  if (run->state == RUN_FAILED || run->state == RUN_TIMED_OUT || run->state == RUN_INTERRUPTED)
    fail(s, entry, run);
  else if (run->state == RUN_SUCCEEDED && s->health)
    succeed(s, entry, run);
  if (entry->progress.state == JOB_FINISHED && entry->open_runs <= 1)
    conclude(s, entry->job->number, run->state == RUN_SUCCEEDED);
}

/* ---- the job changes ---- */

void health_begin(struct sched *s, const struct entry *entry, bool is_resumed)
{
  const struct job *job = entry->job;
  struct watched *watched = s->health ? find_watched(s, job->number) : NULL;
  if (!watched && !job->expect_us)
    return;
  if (!watched)
    watched = add_watched(s, &(struct job_health){.job = job->number});
  watched->health.expect_us = job->expect_us;
  watched->health.since_us = s->now_us;
  watched->health.late_us = 0;
  if (is_resumed)
    watched->health.failures = 0;
  keep(s, watched);
}

void health_pause(struct sched *s, const struct entry *entry)
{
  struct watched *watched = s->health ? find_watched(s, entry->job->number) : NULL;
  if (!watched || !watched->health.expect_us)
    return;
  watched->health.late_us = 0;
  keep(s, watched);
  heap_remove(&watched->due);
}

void health_remove(struct sched *s, int64_t job)
{
  struct watched *watched = s->health ? find_watched(s, job) : NULL;
  if (watched)
    forget(s, watched);
}

/* ---- the watch ---- */

/* At the start what listens is not there before its script is loaded. */
static bool may_tell(const struct sched *s)
{
  if (s->stopping || s->options.hold || !s->scanned)
    return false;
  for (const struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script->loading)
      return false;
  return true;
}

static void look_at(struct sched *s, struct watched *watched)
{
  struct error error;
  struct entry *entry = near_get(s, watched->health.job, &error);
  heap_remove(&watched->due);
  if (!entry && error.code != ERROR_NOT_FOUND) {
    sched_failed(s, error.code, &error);
  } else if (!entry || entry->removed) {
    forget(s, watched);
  } else if (entry->progress.state != JOB_PAUSED) {
    watched->health.late_us = s->now_us;
    if (!watched->health.trouble_us)
      watched->health.trouble_us = s->now_us;
    keep(s, watched);
    tell_late(s, entry, &watched->health);
  }
}

void health_watch(struct sched *s)
{
  enum { LATE_PER_TURN = 1000 };
  struct heap_node *node = heap_first(&s->health_due);
  if (!node || node->us > s->now_us || !may_tell(s))
    return;
  for (int i = 0; i < LATE_PER_TURN && !s->failure; i++) {
    node = heap_first(&s->health_due);
    if (!node || node->us > s->now_us)
      break;
    look_at(s, find_watched(s, node->number));
  }
}

int64_t health_wake_us(const struct sched *s, int64_t now_us)
{
  const struct heap_node *node = heap_first(&s->health_due);
  if (!node || (node->us <= now_us && !may_tell(s)))
    return INT64_MAX; /* the turn that ends the last load looks again */
  return node->us;
}

void health_look_for_gone(struct sched *s)
{
  s->gone_from = s->health ? s->health->health.job : 0;
}

bool health_forget_gone(struct sched *s, int most)
{
  struct watched *watched = s->gone_from ? find_watched(s, s->gone_from) : NULL, *next;
  struct error error;
  for (; watched && most > 0; watched = next, most--) {
    next = watched->hh.next;
    if (watched->health.late_us && !near_get(s, watched->health.job, &error) &&
        error.code == ERROR_NOT_FOUND)
      free_watched(s, watched);
  }
  s->gone_from = watched ? watched->health.job : 0;
  return watched != NULL;
}

void health_count(const struct sched *s, int64_t *late, int64_t *failing)
{
  *late = *failing = 0;
  for (const struct watched *watched = s->health; watched; watched = watched->hh.next) {
    *late += watched->health.late_us != 0;
    *failing += watched->health.failures > 0;
  }
}

/* ---- from the store ---- */

static bool take_row(void *context, const struct job_health *health)
{
  struct sched *s = context;
  set_due(s, add_watched(s, health));
  return true;
}

void health_recover(struct sched *s)
{
  struct error error;
  health_free_all(s);
  sched_failed(s, store_each_health(s->store, take_row, s, &error), &error);
}

void health_free_all(struct sched *s)
{
  struct watched *watched, *next;
  HASH_ITER(hh, s->health, watched, next)
    free_watched(s, watched);
}
