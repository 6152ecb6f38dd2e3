/* Each job keeps so many runs. One whose history has grown over that by RUNS_SLACK is noted when
 * its progress is written, and cut in housekeeping, as many jobs in one transaction as a bounded
 * number of rows allows: so a job's history is cut in pieces, and a commit serves several jobs. */
#include "sched/cut.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sched/near.h"
#include "sched/turn.h"

struct overlong {
  int64_t job;
  UT_hash_handle hh; /* which has them in the order in which they were noted */
};

void cut_note(struct sched *s, const struct entry *entry)
{
  struct overlong *overlong;
  if (entry->progress.runs_kept - RUNS_SLACK <= s->options.retention.runs_per_job)
    return;
  HASH_FIND(hh, s->overlong, &entry->job->number, sizeof entry->job->number, overlong);
  if (overlong)
    return;
  overlong = memory_alloc(sizeof *overlong);
  overlong->job = entry->job->number;
  HASH_ADD(hh, s->overlong, job, sizeof overlong->job, overlong);
}

static void forget(struct sched *s, struct overlong *overlong)
{
  HASH_DEL(s->overlong, overlong);
  free(overlong);
}

/* Of the first one; how many rows that took. It stays while it is too long. */
static int cut_first(struct sched *s, int rows)
{
  struct overlong *overlong = s->overlong;
  struct error error;
  struct entry *entry = near_get(s, overlong->job, &error);
  if (!entry || entry->removed) {
    forget(s, overlong);
    return 1;
  }
  int64_t before = entry->progress.runs_kept, limit = s->options.retention.runs_per_job,
          kept = before;
  if (sched_failed(s,
                   store_prune_job(s->store, overlong->job, entry->progress.last_us, limit, rows,
                                   &kept, &error),
                   &error))
    return rows;
  entry->progress.runs_kept = kept;
  near_changed(s, entry);
  if (kept <= limit)
    forget(s, overlong);
  return kept < before ? (int)(before - kept) : 1;
}

bool cut_step(struct sched *s, int rows)
{
  while (s->overlong && rows > 0 && !s->failure)
    rows -= cut_first(s, rows);
  return s->overlong != NULL;
}

bool cut_is_wanted(const struct sched *s)
{
  return s->overlong != NULL;
}

void cut_forget(struct sched *s)
{
  struct overlong *overlong, *next;
  HASH_ITER(hh, s->overlong, overlong, next)
    forget(s, overlong);
}
