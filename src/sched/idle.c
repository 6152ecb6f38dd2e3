/* Housekeeping between turns, a few rows at a time: old history and values whose time is over are
 * removed, and the write-ahead log is moved back into the database. Nothing here is urgent, so a
 * failure is only logged. */
#include <string.h>

#include "base/log.h"
#include "sched/fold.h"
#include "sched/near.h"
#include "sched/run.h"
#include "sched/turn.h"

enum { PRUNE_ROWS = 200 };

/* A turn that ended so lately is likely to be followed by another. */
#define BUSY_US         INT64_C(10000)
#define PRUNE_PERIOD_US (60 * INT64_C(1000000))

/* Cuts the history of the first job that has grown over its limit; true while there are such jobs.
 */
static bool cut_one(struct sched *s)
{
  struct error error;
  if (s->over_limit_count == 0)
    return false;
  struct entry *entry = near_get(s, s->over_limit[0], &error);
  int64_t kept = 0, limit = s->options.retention.runs_per_job;
  if (entry && !entry->removed) {
    kept = entry->progress.runs_kept;
    if (sched_failed(s,
                     store_prune_job(s->store, entry->job->number, entry->progress.last_us, limit,
                                     PRUNE_ROWS, &kept, &error),
                     &error))
      return false;
    entry->progress.runs_kept = kept;
    near_changed(s, entry);
  }
  if (kept <= limit) {
    s->over_limit_count--;
    memmove(s->over_limit, s->over_limit + 1, s->over_limit_count * sizeof *s->over_limit);
  }
  return s->over_limit_count > 0;
}

static bool prune(struct sched *s)
{
  int removed = 0, expired = 0;
  bool by_age = s->now_us >= s->prune_us;
  if (by_age)
    sched_failed(
        s, store_prune(s->store, &s->options.retention, s->now_us, PRUNE_ROWS, &removed, &s->error),
        &s->error);
  if (by_age && !s->failure)
    sched_failed(s, store_kv_expire(s->store, s->now_us, PRUNE_ROWS, &expired, &s->error),
                 &s->error);
  bool more = !s->failure && cut_one(s);
  removed += expired;
  if (by_age && removed == 0)
    s->prune_us = s->now_us + PRUNE_PERIOD_US;
  return more || removed > 0;
}

/* One transaction of housekeeping; true when there is more. */
static bool step(struct sched *s)
{
  s->failure = ERROR_OK;
  bool more = false;
  enum error_code code = store_begin(s->store, &s->error);
  if (!code) {
    fold_step(s, FOLD_STEP, s->now_us - FOLD_AGE_US);
    if (!s->failure)
      more = prune(s);
    near_flush(s);
    fold_flush(s);
    code = s->failure ? s->failure : store_commit(s->store, &s->error);
  }
  if (code) {
    store_rollback(s->store);
    run_undo(s);
    near_forget(s);
    log_warn("housekeeping waits: %s", s->error.text);
    s->prune_us = s->now_us + PRUNE_PERIOD_US;
    return false;
  }
  near_commit(s);
  return more;
}

int64_t sched_idle(struct sched *s, int64_t now_us)
{
  s->now_us = now_us;
  bool may_fold = s->unfolded && s->unfolded->fold.since_us <= now_us - FOLD_AGE_US;
  bool more = (may_fold || now_us >= s->prune_us || s->over_limit_count > 0) && step(s);
  store_checkpoint(s->store, now_us - s->turn_us < BUSY_US);
  if (more)
    return 0;
  if (!s->unfolded)
    return -1;
  int64_t wait_us = s->unfolded->fold.since_us + FOLD_AGE_US - now_us;
  return wait_us > 0 ? wait_us : 0;
}
