/* Each job keeps so many runs, or as many as its rate counts, and of these so many bytes of their
 * logs. One whose history has grown over that by RUNS_SLACK, or by one LOGS_SLACKth of the bytes,
 * is noted when its progress is written, and cut in housekeeping, as many jobs in one transaction
 * as a bounded number of rows allows: so a job's history is cut in pieces, and a commit serves
 * several jobs. */
#include "sched/cut.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sched/near.h"
#include "sched/turn.h"

enum { LOGS_SLACK = 16 };

struct overlong {
  int64_t job;
  UT_hash_handle hh; /* which has them in the order in which they were noted */
};

static int64_t larger(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

/* A rate is told by the runs that it counts, which stay; and some more, as those do not count that
 * were cancelled before they began. */
static int64_t runs_for(const struct rate *rate)
{
  return rate->count ? rate->count + RUNS_SLACK : 0;
}

static struct store_retention limit_of(const struct sched *s, const struct job *job)
{
  struct store_retention limit = s->options.retention;
  int64_t counted = larger(runs_for(&job->rate), runs_for(&job->replay_rate));
  limit.runs_per_job = larger(limit.runs_per_job, counted);
  return limit;
}

/* What could not be cut the last time is no reason to try again. */
static bool is_overlong(const struct sched *s, const struct entry *entry)
{
  struct store_retention limit = limit_of(s, entry->job);
  int64_t runs = larger(limit.runs_per_job, entry->uncut.runs),
          bytes = larger(limit.log_bytes_per_job, entry->uncut.log_bytes);
  return entry->progress.runs_kept - RUNS_SLACK > runs ||
         (limit.log_bytes_per_job > 0 &&
          entry->progress.log_bytes - limit.log_bytes_per_job / LOGS_SLACK > bytes);
}

void cut_note(struct sched *s, const struct entry *entry)
{
  struct overlong *overlong;
  if (!is_overlong(s, entry))
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

/* Of the first one. It stays while there is more to cut. */
static void cut_first(struct sched *s, int *rows)
{
  struct overlong *overlong = s->overlong;
  struct error error;
  struct entry *entry = near_get(s, overlong->job, &error);
  if (!entry || entry->removed) {
    forget(s, overlong);
    return;
  }
  struct store_kept kept;
  struct store_retention limit = limit_of(s, entry->job);
  if (sched_failed(s,
                   store_prune_job(s->store, overlong->job, entry->progress.last_us, &limit, rows,
                                   &kept, &error),
                   &error))
    return;
  entry->progress.runs_kept = kept.runs;
  entry->progress.log_bytes = kept.log_bytes;
  near_counted(s, entry);
  if (kept.more)
    return;
  entry->uncut.runs = kept.runs;
  entry->uncut.log_bytes = kept.log_bytes;
  forget(s, overlong);
}

bool cut_step(struct sched *s, int rows)
{
  for (; s->overlong && rows > 0 && !s->failure; rows--)
    cut_first(s, &rows);
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
