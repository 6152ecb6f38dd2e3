/* run:progress: at most some ten messages a second of each run, and always the last one. What comes
 * too soon waits for the worker's timer, or for the end of its run. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "exec/run_call.h"

enum { INTERVAL_MS = 100 };

static void send_telling(struct worker *worker, struct run_telling *telling)
{
  TAILQ_REMOVE(&worker->telling, telling, link);
  telling->waits = false;
  telling->sent_us = clock_monotonic_us();
  struct message *message = worker_message(worker, MESSAGE_PROGRESS);
  message->as.progress.attempt = telling->run->call.attempt;
  message->as.progress.done = telling->done;
  message->as.progress.total = telling->total;
  message->as.progress.note = telling->note;
  telling->note = NULL;
  worker_post(worker, message);
}

void run_end_progress(struct run_call *run)
{
  if (run->telling && run->telling->waits)
    send_telling(run_worker(run), run->telling);
  free(run->telling);
  run->telling = NULL;
}

void run_flush_progress(struct worker *worker)
{
  struct run_telling *telling;
  while ((telling = TAILQ_FIRST(&worker->telling)))
    send_telling(worker, telling);
}

static void on_timer(uv_timer_t *timer)
{
  run_flush_progress(timer->data);
}

void run_tell_progress(struct run_call *run, double done, double total, char *note)
{
  struct worker *worker = run_worker(run);
  if (!run->telling)
    run->telling = memory_alloc(sizeof *run->telling);
  struct run_telling *telling = run->telling;
  free(telling->note);
  telling->run = run;
  telling->done = done;
  telling->total = total;
  telling->note = note;
  if (!telling->waits)
    TAILQ_INSERT_TAIL(&worker->telling, telling, link);
  telling->waits = true;
  if (clock_monotonic_us() - telling->sent_us >= INTERVAL_MS * INT64_C(1000))
    send_telling(worker, telling);
  else if (!uv_is_active((uv_handle_t *)&worker->progress_timer))
    uv_timer_start(&worker->progress_timer, on_timer, INTERVAL_MS, 0);
}
