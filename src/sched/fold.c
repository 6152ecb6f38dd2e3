/* A job's progress follows its claims.
 *
 * A claim is an append; moving the job's due time in its indexed row at each fire would touch pages
 * all over the store. So the progress that a claim implies moves in memory only, and is folded back
 * later, many jobs at once and in key order. A watermark in the store says which claims are folded
 * for certain; what lies above it is read from the runs at the next start (fold_recover), which
 * comes to the same progress. Everything else that changes progress is written in its own turn. */
#include "sched/fold.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/memory.h"
#include "sched/fire.h"
#include "sched/near.h"
#include "sched/run.h"
#include "sched/turn.h"

/* A run that is open for so long is marked: it must not hold the watermark back. */
#define LASTING_US (10 * INT64_C(1000000))

void fold_lower_watermark(struct sched *s, int64_t scheduled_us)
{
  if (scheduled_us < s->watermark.from_us) {
    s->watermark.from_us = scheduled_us;
    s->watermark_changed = true;
  }
}

static void wait(struct sched *s, struct entry *entry, int64_t fence, int64_t scheduled_us)
{
  if (entry->fold.waits) {
    if (scheduled_us < entry->fold.from_us)
      entry->fold.from_us = scheduled_us;
    return;
  }
  entry->fold.waits = true;
  entry->fold.since_us = s->now_us;
  entry->fold.fence = fence;
  entry->fold.from_us = scheduled_us;
  entry->fold.stored_state = entry->progress.state;
  DL_APPEND2(s->unfolded, entry, fold.prev, fold.next);
  s->unfolded_count++;
}

void fold_later(struct sched *s, struct entry *entry, int64_t fence, int64_t scheduled_us)
{
  wait(s, entry, fence, scheduled_us);
  fold_lower_watermark(s, scheduled_us);
}

void fold_done(struct sched *s, struct entry *entry)
{
  if (!entry->fold.waits)
    return;
  entry->fold.waits = false;
  if (entry->due.heap == &s->beyond)
    heap_remove(&entry->due); /* the store's index has it where it is */
  DL_DELETE2(s->unfolded, entry, fold.prev, fold.next);
  s->unfolded_count--;
}

/* The list is in the order of its fences, so its first has the lowest. */
static void raise_watermark(struct sched *s)
{
  s->watermark.fence = s->unfolded ? s->unfolded->fold.fence - 1 : s->next_fence - 1;
  int64_t open_us = run_mark_lasting(s, s->now_us - LASTING_US);
  s->watermark.from_us = open_us < s->now_us ? open_us : s->now_us;
  for (const struct entry *entry = s->unfolded; entry; entry = entry->fold.next)
    if (entry->fold.from_us < s->watermark.from_us)
      s->watermark.from_us = entry->fold.from_us;
  s->watermark_changed = true;
}

void fold_step(struct sched *s, size_t most, int64_t until_us)
{
  size_t count = 0;
  struct entry *entry = s->unfolded;
  /* near_flush() writes what is dirty, in key order. */
  for (; entry && count < most && entry->fold.since_us <= until_us; count++) {
    struct entry *next = entry->fold.next;
    near_changed(s, entry);
    entry = next;
  }
  if (count == 0)
    return;
  near_flush(s);
  raise_watermark(s);
}

void fold_flush(struct sched *s)
{
  struct error error;
  if (s->watermark_changed)
    sched_failed(s, store_put_watermark(s->store, &s->watermark, &error), &error);
  s->watermark_changed = false;
}

/* ---- recovery ---- */

struct claims {
  struct run *runs;
  size_t count, capacity;
};

static bool collect(void *context, const struct run *run, const char *job_id)
{
  struct claims *claims = context;
  (void)job_id;
  if (claims->count == claims->capacity) {
    claims->capacity = claims->capacity ? claims->capacity * 2 : 64;
    claims->runs = memory_resize(claims->runs, claims->capacity * sizeof *claims->runs);
  }
  claims->runs[claims->count++] =
      (struct run){.key = run->key, .cause = run->cause, .previous_us = run->previous_us};
  return true;
}

static void apply(struct sched *s, const struct run *run)
{
  struct entry *entry = near_get(s, run->key.job, NULL);
  if (!entry || entry->removed)
    return;
  struct job_progress *progress = &entry->progress;
  bool next_in_chain =
      progress->last_us == run->previous_us && progress->last_us != run->key.scheduled_us;
  bool moves = run->cause == RUN_BY_SCHEDULE && progress->next_us != JOB_NEVER &&
               progress->next_us <= run->key.scheduled_us;
  if (!next_in_chain && !moves)
    return;
  wait(s, entry, s->watermark.fence + 1, run->key.scheduled_us);
  if (next_in_chain) {
    progress->last_us = run->key.scheduled_us;
    progress->runs_kept++;
  }
  if (moves && !fire_next(entry->job, run->key.scheduled_us, &progress->next_us))
    progress->next_us = JOB_NEVER;
  if (moves)
    fire_conclude(s, entry);
  near_moved(s, entry);
}

void fold_recover(struct sched *s)
{
  struct claims claims = {0};
  struct error error;
  s->watermark_changed = false;
  if (!sched_failed(s, store_get_watermark(s->store, &s->watermark, &error), &error))
    sched_failed(s, store_each_unfolded(s->store, &s->watermark, collect, &claims, &error), &error);
  for (size_t i = 0; i < claims.count; i++)
    apply(s, &claims.runs[i]);
  free(claims.runs);
}
