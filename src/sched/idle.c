/* Housekeeping between turns, a few rows at a time: old history is removed, and the write-ahead log
 * is moved back into the database. Nothing here is urgent, so a failure is only logged. */
#include <string.h>

#include "base/log.h"
#include "sched/state.h"

enum { PRUNE_ROWS = 200 };

#define PRUNE_PERIOD_US (60 * INT64_C(1000000))

/* Cuts the history of the first job that has grown over its limit; true while there are such jobs.
 */
static bool cut_one(struct sched *s, struct error *error)
{
  if (s->over_limit_count == 0)
    return false;
  struct entry *entry = near_get(s, s->over_limit[0], error);
  int64_t kept = 0, limit = s->options.retention.runs_per_job;
  if (entry && !entry->removed) {
    kept = entry->progress.runs_kept;
    if (sched_failed(s,
                     store_prune_job(s->store, entry->job->number, entry->progress.last_us, limit,
                                     PRUNE_ROWS, &kept, error),
                     error))
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
  struct error error;
  int removed = 0;
  bool by_age = s->now_us >= s->prune_us;
  if (!by_age && s->over_limit_count == 0)
    return false;
  s->failure = ERROR_OK;
  enum error_code code = store_begin(s->store, &s->error);
  if (!code && by_age)
    code = store_prune(s->store, &s->options.retention, s->now_us, PRUNE_ROWS, &removed, &s->error);
  bool more = !code && cut_one(s, &error);
  near_flush(s);
  if (!code)
    code = s->failure ? s->failure : store_commit(s->store, &s->error);
  if (code) {
    store_rollback(s->store);
    near_forget(s);
    log_warn("old history is not removed: %s", s->error.text);
    s->prune_us = s->now_us + PRUNE_PERIOD_US;
    return false;
  }
  near_commit(s);
  if (by_age && removed == 0)
    s->prune_us = s->now_us + PRUNE_PERIOD_US;
  return more || removed > 0;
}

bool sched_idle(struct sched *s, int64_t now_us)
{
  s->now_us = now_us;
  bool more = prune(s);
  store_checkpoint(s->store);
  return more;
}
