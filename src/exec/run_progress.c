/* run:progress: at most some ten messages a second of each run, and always the last one. What comes
 * too soon waits for the worker's timer, or for the end of its run. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "exec/run_call.h"

enum { INTERVAL_MS = 100 };

void run_flush_progress(struct run_call *run)
{
  if (!run->progress.waits)
    return;
  TAILQ_REMOVE(&run->worker->telling, run, telling);
  run->progress.waits = false;
  run->progress.sent_us = clock_monotonic_us();
  struct message *message = worker_message(run->worker, MESSAGE_PROGRESS);
  message->as.progress.attempt = run->call.attempt;
  message->as.progress.done = run->progress.done;
  message->as.progress.total = run->progress.total;
  message->as.progress.note = run->progress.note;
  run->progress.note = NULL;
  worker_post(run->worker, message);
}

static void on_timer(uv_timer_t *timer)
{
  struct worker *worker = timer->data;
  struct run_call *run;
  while ((run = TAILQ_FIRST(&worker->telling)))
    run_flush_progress(run);
}

void run_tell_progress(struct run_call *run, double done, double total, char *note)
{
  struct worker *worker = run->worker;
  free(run->progress.note);
  run->progress.done = done;
  run->progress.total = total;
  run->progress.note = note;
  if (!run->progress.waits)
    TAILQ_INSERT_TAIL(&worker->telling, run, telling);
  run->progress.waits = true;
  if (clock_monotonic_us() - run->progress.sent_us >= INTERVAL_MS * 1000)
    run_flush_progress(run);
  else if (!uv_is_active((uv_handle_t *)&worker->progress_timer))
    uv_timer_start(&worker->progress_timer, on_timer, INTERVAL_MS, 0);
}
