/* The end in good order. Nothing is claimed any more; runs have the grace to end, those that listen
 * are told near its end, and the others are cut off when it is over. Listeners hear of it, as far
 * as a short while allows. Then the workers are told to stop: what has not ended is found by the
 * next start. */
#include "sched/stop.h"

#include <inttypes.h>

#include "base/log.h"
#include "sched/event.h"
#include "sched/listener.h"
#include "sched/run.h"
#include "sched/sched.h"
#include "sched/stuck.h"

enum {
  TELL_US = 5000000, /* before the end; a quarter of a shorter grace */
  LISTENERS_LAST_WORD_US = 2000000,
  KILLED_US = 5000000, /* one that does not even end then is left to the next start */
};

void stop_begin(struct sched *s, int64_t grace_us)
{
  if (!s->stopping) {
    struct open_counts counts = run_count_open(s);
    int64_t open = counts.pending + counts.running;
    log_info("stopping: %" PRId64 " %s open", open, open == 1 ? "run is" : "runs are");
    s->stopping_us = s->now_us;
    s->is_stop_fresh = s->is_writing;
    event_plain(s, "scheduler_shutdown");
  }
  /* Asked again: sooner perhaps, but never later. */
  if (!s->stopping || s->now_us + grace_us < s->stop_by_us)
    s->stop_by_us = s->now_us + grace_us;
  s->stopping = true;
  int64_t left_us = s->stop_by_us - s->now_us;
  s->stop_tell_us = s->stop_by_us - (left_us / 4 < TELL_US ? left_us / 4 : TELL_US);
}

void stop_commit(struct sched *s)
{
  s->is_stop_fresh = false;
}

void stop_undo(struct sched *s)
{
  s->stopping &= !s->is_stop_fresh;
  s->is_stop_fresh = false;
}

void stop_clock_set(struct sched *s, int64_t step_us)
{
  if (!s->stopping)
    return;
  s->stopping_us += step_us;
  s->stop_tell_us += step_us;
  s->stop_by_us += step_us;
  s->stop_killed_us += step_us;
}

/* Near the end of the grace: who listens can put things in order. */
static void tell_runs(struct sched *s)
{
  struct open_run *run, *next;
  HASH_ITER(hh, s->open_runs, run, next)
    if (run->worker && !run->told && run->entry->job->cancel_grace_us > 0)
      run_cancel_softly(s, run, TOLD_STOPPING);
}

static void cut_off_runs(struct sched *s)
{
  struct open_run *run, *next;
  if (!s->has_stop_killed)
    s->stop_killed_us = s->now_us; /* the machine may have slept behind the grace */
  s->has_stop_killed = true;
  HASH_ITER(hh, s->open_runs, run, next)
    if (run->worker && !run->killed)
      run_cancel(s, run, TOLD_STOPPING);
}

/* Runs that a worker has. One whose finish is here, but finds no room on the disk, is with us; a
 * finish with a fence that is over tells of none. */
static int64_t count_runs_sent(struct sched *s)
{
  struct open_run *run;
  int64_t count = 0;
  for (run = s->open_runs; run; run = run->hh.next)
    run->is_reported = false;
  for (const struct message *message = s->held.first; message; message = message->next)
    if (message->kind == MESSAGE_FINISHED &&
        (run = run_find_attempt(s, &message->as.finished.attempt)))
      run->is_reported = true;
  for (run = s->open_runs; run; run = run->hh.next)
    count += run->worker && !run->is_reported;
  return count;
}

void stop_go_on(struct sched *s)
{
  if (!s->stopping || s->stopped)
    return;
  if (s->now_us >= s->stop_by_us)
    cut_off_runs(s);
  else if (s->now_us >= s->stop_tell_us)
    tell_runs(s);
  bool has_waited = s->has_stop_killed && s->now_us >= s->stop_killed_us + KILLED_US;
  if (count_runs_sent(s) > 0 && !has_waited)
    return;
  if (listeners_busy(s) && s->now_us < s->stop_by_us &&
      s->now_us < s->stopping_us + LISTENERS_LAST_WORD_US)
    return;
  s->stopped = true;
  for (int i = 0; i < s->options.workers; i++)
    message_list_append(s->out, message_create(MESSAGE_STOP, ADDRESS_SCHEDULER, worker_at(s, i)));
  stuck_stop(s);
}

bool sched_stopped(const struct sched *s)
{
  return s->stopped;
}
