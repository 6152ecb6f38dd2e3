/* A rate counts when runs began, so many of them in a ring. A fire begins when it is claimed; a run
 * by hand, which is claimed to be acknowledged, when its rate has let it through. Scheduler thread.
 */
#include "sched/pace.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/run.h"
#include "sched/turn.h"

struct pace {
  int32_t size, count, next; /* of `starts`; where the oldest lies when it is full */
  int64_t starts[];
};

struct reading {
  struct sched *s;
  struct pace *pace;
};

/* One by hand is claimed at once, and may wait; when it is due tells when it was let through. */
static bool has_begun(struct sched *s, const struct run *run)
{
  const struct open_run *open = run_find(s, run->key);
  if (run->cause != RUN_BY_HAND || run->attempt > 1)
    return true;
  return open ? open->worker : run->state != RUN_CANCELLED || run->started_us;
}

static int64_t begin_us(const struct run *run)
{
  bool has_waited = run->attempt == 1 && run->due_us > run->claimed_us && run->due_us != JOB_NEVER;
  return has_waited ? run->due_us : run->claimed_us;
}

/* Newest first, so the ring is filled from its end. */
static bool take_run(void *context, const struct run *run, const char *job_id)
{
  struct reading *reading = context;
  struct pace *pace = reading->pace;
  (void)job_id;
  if (has_begun(reading->s, run))
    pace->starts[pace->size - 1 - pace->count++] = begin_us(run);
  return pace->count < pace->size;
}

static int by_time(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Runs are in the store, so a restart does not begin to count anew. */
static struct pace *read_pace(struct sched *s, struct entry *entry, int32_t size)
{
  struct pace *pace = memory_alloc(sizeof *pace + (size_t)size * sizeof pace->starts[0]);
  struct reading reading = {s, pace};
  struct error error;
  pace->size = size;
  if (entry->progress.last_us != INT64_MIN)
    sched_failed(s,
                 store_each_run_of(s->store, entry->job->number, entry->progress.last_us, take_run,
                                   &reading, &error),
                 &error);
  int32_t missing = size - pace->count;
  if (missing > 0 && pace->count > 0)
    memmove(pace->starts, pace->starts + missing, (size_t)pace->count * sizeof pace->starts[0]);
  qsort(pace->starts, (size_t)pace->count, sizeof pace->starts[0], by_time); /* some waited */
  pace->next = pace->count % size;
  return pace;
}

/* Runs that began in the future began before the clock was set back: as far as is known, now. */
static void bring_back(struct pace *pace, int64_t now_us)
{
  sometimes("a rate has counted in a future that is none any more");
  for (int32_t i = 0; i < pace->count; i++)
    if (pace->starts[i] > now_us)
      pace->starts[i] = now_us;
}

/* When the next run of the entry may begin; it may be past. Reads what the store knows into *pace,
 * which is NULL at first, and again when the rate is another. */
static int64_t read_until(struct sched *s, struct entry *entry, struct pace **pace,
                          const struct rate *rate)
{
  if (*pace && (*pace)->size != rate->count) {
    free(*pace);
    *pace = NULL;
  }
  if (!*pace)
    *pace = read_pace(s, entry, rate->count);
  if ((*pace)->count < (*pace)->size)
    return INT64_MIN;
  if ((*pace)->starts[(*pace)->next] > s->now_us)
    bring_back(*pace, s->now_us);
  int64_t oldest_us = (*pace)->starts[(*pace)->next], until_us;
  return __builtin_add_overflow(oldest_us, rate->period_us, &until_us) ? INT64_MAX : until_us;
}

/* A run begins now; nothing when `pace` is NULL: whoever reads it finds the run. */
static void note(struct pace *pace, int64_t now_us)
{
  if (!pace)
    return;
  pace->starts[pace->next] = now_us;
  pace->next = (pace->next + 1) % pace->size;
  if (pace->count < pace->size)
    pace->count++;
}

int64_t pace_throttle(struct sched *s, struct entry *entry, int64_t throttle_us)
{
  return read_until(s, entry, &entry->throttle_pace, &(struct rate){1, throttle_us});
}

struct wait pace_find_rate(struct sched *s, struct entry *entry)
{
  struct wait wait = {0};
  if (entry->job->rate.count) {
    wait.until_us = read_until(s, entry, &entry->pace, &entry->job->rate);
    wait.why = wait.until_us > s->now_us ? WAIT_RATE : WAIT_NONE;
  }
  return wait;
}

struct wait pace_find_wait(struct sched *s, struct entry *entry, bool is_backlog)
{
  const struct job *job = entry->job;
  struct wait wait = pace_find_rate(s, entry);
  if (wait.why == WAIT_NONE && is_backlog && job->replay_rate.count) {
    wait.until_us = read_until(s, entry, &entry->replay_pace, &job->replay_rate);
    wait.why = wait.until_us > s->now_us ? WAIT_REPLAY : WAIT_NONE;
  }
  return wait;
}

void pace_note_start(struct sched *s, struct entry *entry)
{
  note(entry->pace, s->now_us);
}

void pace_note_claim(struct sched *s, struct entry *entry, enum run_cause cause)
{
  if (cause != RUN_BY_HAND) /* that one begins when the rate lets it through */
    note(entry->pace, s->now_us);
  note(entry->replay_pace, s->now_us);
  note(entry->throttle_pace, s->now_us);
}

void pace_forget(struct entry *entry)
{
  free(entry->pace);
  free(entry->replay_pace);
  free(entry->throttle_pace);
  entry->pace = entry->replay_pace = entry->throttle_pace = NULL;
}

struct wait pace_look(struct sched *s, struct entry *entry)
{
  bool is_paced = entry->wait.why == WAIT_RATE || entry->wait.why == WAIT_REPLAY;
  return is_paced ? entry->wait : pace_find_wait(s, entry, false);
}
