/* The start after a crash or a stop: what the former daemon left open.
 *
 * A run that waited for its next attempt goes on waiting. One that a worker may have begun was cut
 * off: it becomes interrupted, and runs again unless its job is at_most_once. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/state.h"

struct recovery {
  struct sched *s;
  struct run *runs;
  size_t count, capacity;
};

static bool collect(void *context, const struct run *run, const char *job_id)
{
  struct recovery *r = context;
  (void)job_id;
  if (r->count == r->capacity) {
    r->capacity = r->capacity ? r->capacity * 2 : 64;
    r->runs = memory_resize(r->runs, r->capacity * sizeof *r->runs);
  }
  r->runs[r->count] = *run;
  r->runs[r->count].args = memory_strdup(run->args);
  r->runs[r->count].events = memory_strdup(run->events);
  r->runs[r->count].result = r->runs[r->count].error = NULL;
  r->count++;
  return true;
}

static bool note_sequence(void *context, const struct log_line *line)
{
  ((struct open_run *)context)->log_lines = line->sequence;
  return true;
}

static void recover_one(struct sched *s, struct run *row)
{
  struct error error;
  struct entry *entry = near_get(s, row->key.job, &error);
  bool was_waiting = row->due_us > s->now_us; /* for its next attempt: no worker ever had it */
  struct open_run *run = entry ? run_insert(s, entry, row) : NULL;
  if (run)
    store_each_log(s->store, row->key, 0, note_sequence, run, NULL);
  if (run && was_waiting) {
    run_wait_until(s, run, row->due_us);
    return;
  }
  row->state = RUN_INTERRUPTED;
  row->finished_us = s->now_us;
  row->error = memory_strdup("cut off by the end of the daemon");
  if (run && entry->job->delivery == AT_LEAST_ONCE) {
    log_info("%s was cut off and runs again", entry->job->id);
    run_retry(s, run, row, s->now_us);
    return;
  }
  if (run)
    log_warn("%s was cut off and is not run again (at_most_once)", entry->job->id);
  sched_failed(s, store_finish(s->store, row, &error), &error);
  if (run) {
    arrive_job_ended(s, entry, row);
    run_end(s, run);
  }
}

void run_recover(struct sched *s)
{
  struct recovery r = {.s = s};
  struct error error;
  sched_failed(s, store_each_open_run(s->store, s->watermark.from_us, collect, &r, &error), &error);
  for (size_t i = 0; i < r.count; i++) {
    if (!s->failure)
      recover_one(s, &r.runs[i]);
    run_deinit(&r.runs[i]);
  }
  free(r.runs);
}
