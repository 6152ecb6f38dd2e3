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
#include "base/sometimes.h"
#include "sched/fire.h"
#include "sched/near.h"
#include "sched/turn.h"

/* A run that is open for so long is marked: it must not hold the watermark back, and the next start
 * knows that it had begun. */
#define LASTING_US    (10 * INT64_C(1000000))
#define MARK_AGAIN_US (5 * INT64_C(1000000))

void fold_expect_mark(struct sched *s)
{
  if (!s->mark_us)
    s->mark_us = s->now_us + LASTING_US;
}

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

/* Marks the open runs that were claimed so long ago, of which *most are left to be marked; the
 * first due time among the others. */
static int64_t mark_lasting(struct sched *s, int64_t claimed_until_us, size_t *most)
{
  struct error error;
  int64_t from_us = INT64_MAX;
  for (struct open_run *run = s->open_runs; run && !s->failure; run = run->hh.next) {
    if (run->ended || run->lasting)
      continue;
    if (run->claimed_us <= claimed_until_us && *most > 0) {
      --*most;
      run->lasting = true;
      sched_failed(s, store_mark_lasting(s->store, run->key, run->fence, run->started_us, &error),
                   &error);
    } else if (run->key.scheduled_us < from_us) {
      from_us = run->key.scheduled_us;
    }
  }
  return from_us;
}

/* The list is in the order of its fences, so its first has the lowest. */
static void raise_watermark(struct sched *s, size_t most)
{
  s->watermark.fence = s->unfolded ? s->unfolded->fold.fence - 1 : s->next_fence - 1;
  int64_t open_us = mark_lasting(s, s->now_us - LASTING_US, &most);
  s->watermark.from_us = open_us < s->now_us ? open_us : s->now_us;
  s->mark_us = open_us == INT64_MAX ? 0 : most ? s->now_us + MARK_AGAIN_US : s->now_us;
  for (const struct entry *entry = s->unfolded; entry; entry = entry->fold.next)
    if (entry->fold.from_us < s->watermark.from_us)
      s->watermark.from_us = entry->fold.from_us;
  s->watermark_changed = true;
}

/* One that waits since a time to come does so since the clock was set back: for long enough. */
static bool waits_since(const struct sched *s, const struct entry *entry, int64_t until_us)
{
  return entry->fold.since_us <= until_us || entry->fold.since_us > s->now_us;
}

/* Farther off than it was ever put: the clock was set back. */
static int64_t mark_due_us(const struct sched *s)
{
  if (!s->mark_us || !s->open_runs)
    return INT64_MAX;
  return s->mark_us > s->now_us + LASTING_US ? s->now_us : s->mark_us;
}

int64_t fold_due_us(const struct sched *s)
{
  int64_t mark_us = mark_due_us(s);
  if (!s->unfolded)
    return mark_us;
  if (waits_since(s, s->unfolded, s->now_us - FOLD_AGE_US))
    return s->now_us;
  int64_t fold_us = s->unfolded->fold.since_us + FOLD_AGE_US;
  return fold_us < mark_us ? fold_us : mark_us;
}

void fold_step(struct sched *s, size_t most, int64_t until_us)
{
  size_t count = 0;
  struct entry *entry = s->unfolded;
  /* near_flush() writes what is dirty, in key order. */
  for (; entry && count < most && waits_since(s, entry, until_us); count++) {
    struct entry *next = entry->fold.next;
    near_counted(s, entry);
    entry = next;
  }
  if (count == 0 && mark_due_us(s) > s->now_us)
    return;
  near_flush(s);
  raise_watermark(s, most);
}

void fold_flush(struct sched *s)
{
  struct error error;
  if (s->watermark_changed)
    sched_failed(s, store_put_watermark(s->store, &s->watermark, &error), &error);
  s->watermark_changed = false;
}

/* ---- recovery ----
 *
 * Each claim links to the job's claim before it, so those that are not folded are found one after
 * the other from the last one that is. Neither their times nor their fences tell their order: the
 * clock may have been set back between two of them, and a run that is tried again has a new fence.
 * For the same reason rows are looked at that were folded long ago; no link leads to them. */

struct claim {
  struct run_key before; /* the job, and its claim before this one */
  int64_t scheduled_us;
  enum run_cause cause;
  UT_hash_handle hh; /* by before */
};

static bool collect(void *context, const struct run *run, const char *job_id)
{
  struct claim **claims = context, *claim = memory_alloc(sizeof *claim);
  (void)job_id;
  *claim = (struct claim){.before = {run->previous_us, run->key.job},
                          .scheduled_us = run->key.scheduled_us,
                          .cause = run->cause};
  HASH_ADD(hh, *claims, before, sizeof claim->before, claim);
  return true;
}

static void apply(struct sched *s, struct entry *entry, const struct claim *claim)
{
  struct job_progress *progress = &entry->progress;
  wait(s, entry, s->watermark.fence + 1, claim->scheduled_us);
  progress->last_us = claim->scheduled_us;
  progress->runs_kept++;
  /* What follows is not known of a job that cannot be read: this due time is found decided when it
   * can be. */
  if (claim->cause == RUN_BY_SCHEDULE && !entry->job->is_unreadable &&
      progress->next_us != JOB_NEVER && progress->next_us <= claim->scheduled_us) {
    if (!fire_next(entry->job, claim->scheduled_us, &progress->next_us))
      progress->next_us = JOB_NEVER;
    fire_conclude_claimed(s, entry);
  }
  near_moved(s, entry);
}

/* All of one job, in their order. */
static void follow(struct sched *s, struct claim **claims, int64_t job)
{
  struct entry *entry = near_get(s, job, NULL);
  struct claim *claim;
  while (entry && !entry->removed) {
    struct run_key last = {entry->progress.last_us, job};
    HASH_FIND(hh, *claims, &last, sizeof last, claim);
    if (!claim)
      return;
    sometimes("a claim is found that was not folded");
    HASH_DEL(*claims, claim);
    apply(s, entry, claim);
    free(claim);
  }
}

void fold_recover(struct sched *s)
{
  struct claim *claims = NULL, *claim;
  struct error error;
  s->watermark_changed = false;
  if (!sched_failed(s, store_get_watermark(s->store, &s->watermark, &error), &error))
    sched_failed(s, store_each_unfolded(s->store, &s->watermark, collect, &claims, &error), &error);
  while (claims) {
    struct run_key before = claims->before;
    follow(s, &claims, before.job);
    HASH_FIND(hh, claims, &before, sizeof before, claim);
    if (claim) {
      sometimes("a claim is found that was folded");
      HASH_DEL(claims, claim);
      free(claim);
    }
  }
}
