/* The last due time of a job that was decided: the later one of its last run that a trigger has set
 * off, and of the end of its last skip. Runs by hand are no due times, and what lies behind the due
 * time that stands was another trigger's.
 *
 * A run that was pruned has left its time in the job's progress, and counts as set off by the
 * trigger. */
#include "sched/decided.h"

#include "sched/turn.h"

enum { LOOKED_AT_MOST = 1000 }; /* runs, and skips: as many as are kept, as all may be by hand */

struct decided {
  int64_t next_us, last_us;
  int left;
};

static bool note(struct decided *decided, int64_t us)
{
  bool is_mine = us < decided->next_us;
  if (is_mine && us > decided->last_us)
    decided->last_us = us;
  return !is_mine && --decided->left > 0;
}

static bool note_run(void *context, const struct run *run, const char *job_id)
{
  struct decided *decided = context;
  (void)job_id;
  if (run->cause == RUN_BY_SCHEDULE)
    return note(decided, run->key.scheduled_us);
  return --decided->left > 0;
}

static bool note_skip(void *context, const struct skip *skip)
{
  return note(context, skip->last_us);
}

int64_t decided_last(struct sched *s, const struct entry *entry)
{
  const struct job_progress *progress = &entry->progress;
  struct decided decided = {progress->next_us, INT64_MIN, LOOKED_AT_MOST};
  struct error error;
  int64_t job = entry->job->number;
  sched_failed(s, store_each_run_of(s->store, job, progress->last_us, note_run, &decided, &error),
               &error);
  if (decided.left == LOOKED_AT_MOST && decided.last_us == INT64_MIN)
    note(&decided, progress->last_us);
  decided.left = LOOKED_AT_MOST;
  sched_failed(s, store_each_skip_of(s->store, job, note_skip, &decided, &error), &error);
  return decided.last_us;
}
