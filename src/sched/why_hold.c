/* Who holds the place that a job waits for, and when it is free at the latest. That is known where
 * attempts have a time-out, and only a bound: most end before it. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/gate.h"
#include "sched/request.h"
#include "sched/retry.h"
#include "sched/run.h"
#include "sched/view.h"
#include "sched/why.h"
#include "time/duration.h"

enum { HOLDERS_MAX = 20 };

struct holders {
  struct request *r;
  size_t count;
  int64_t *ends_us; /* of each, at the latest; INT64_MAX: not known */
};

/* What a command has between TERM and KILL; negative: not known. */
static int64_t grace_of(const char *command)
{
  struct json_document *document;
  int64_t grace_us = COMMAND_GRACE_US;
  if (json_parse(command, strlen(command), &document, NULL))
    return -1;
  const struct json *given = json_get(json_root(document), "grace");
  if (given && duration_from_json(given, &grace_us, NULL))
    grace_us = -1;
  json_free(document);
  return grace_us;
}

/* When the attempt has ended at the latest. A process of its own may have to be killed first, and
 * whoever decides about another attempt has some time for it. */
static int64_t end_of_attempt(const struct open_run *run)
{
  const struct job *job = run->entry->job;
  int64_t grace_us = job->command ? grace_of(job->command) : 0;
  if (!job->timeout_us || !run->started_us || job->isolate || job->retry.decide || grace_us < 0)
    return INT64_MAX;
  return run->started_us + job->timeout_us + grace_us;
}

static void put_holder(struct holders *holders, const struct open_run *run, int64_t end_us)
{
  if (holders->count < HOLDERS_MAX)
    view_write_run_id(holders->r->result, run->entry->job->id, run->key.scheduled_us);
  size_t count = holders->count + 1;
  holders->ends_us = memory_resize(holders->ends_us, count * sizeof *holders->ends_us);
  holders->ends_us[holders->count++] = end_us;
}

static void put_gate_holder(void *context, const struct open_run *run)
{
  put_holder(context, run, end_of_attempt(run)); /* which gives the place back, whatever follows */
}

static struct holders begin_holders(struct request *r)
{
  json_key(r->result, "held_by");
  json_begin_array(r->result);
  return (struct holders){.r = r};
}

static int compare_times(const void *a, const void *b)
{
  int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
  return (one > other) - (one < other);
}

/* It clears when so many of them have ended; 0: that does not tell. */
static void end_holders(struct holders *holders, int64_t many)
{
  int64_t clears_us = INT64_MAX;
  json_end_array(holders->r->result);
  if (many > 0 && many <= (int64_t)holders->count) {
    qsort(holders->ends_us, holders->count, sizeof *holders->ends_us, compare_times);
    clears_us = holders->ends_us[many - 1];
  }
  view_put_instant(holders->r->result, "clears_at", clears_us, INT64_MAX);
  free(holders->ends_us);
}

void why_put_gate_holders(struct request *r, const struct gate *gate, const struct job *job,
                          bool is_waiting)
{
  int64_t limit = gate->kind == GATE_POOL ? gate->slots : job->concurrency_limit;
  size_t others = gate->waiting.entries.count + gate->waiting.runs.count - is_waiting;
  struct holders holders = begin_holders(r);
  gate_each_holder(r->s, gate, put_gate_holder, &holders);
  end_holders(&holders, others ? 0 : gate->used - limit + 1);
}

/* Only a command asks for nothing, and has ended for good when it is not tried again. */
static bool is_last_attempt(const struct open_run *run)
{
  return run_is_cancelled(run) || (run->entry->job->command && !retry_may_follow(run));
}

void why_put_own_runs(struct request *r, const struct entry *entry)
{
  struct holders holders = begin_holders(r);
  for (const struct open_run *run = r->s->open_runs; run; run = run->hh.next)
    if (run->entry == entry && !run->ended)
      put_holder(&holders, run, is_last_attempt(run) ? end_of_attempt(run) : INT64_MAX);
  end_holders(&holders, entry->open_runs - entry->job->max_instances + 1);
}
