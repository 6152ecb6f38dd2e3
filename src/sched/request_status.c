/* Operations on the scheduler itself: status and events. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/checkpoint.h"
#include "sched/health.h"
#include "sched/lock.h"
#include "sched/near.h"
#include "sched/request.h"
#include "sched/run.h"
#include "sched/shortage.h"
#include "sched/stuck.h"
#include "sched/turns.h"
#include "sched/view.h"

struct next {
  char *job;
  int64_t us;
};

static void take_earlier(struct next *next, const struct job *job, int64_t us)
{
  if (next->job && next->us <= us)
    return;
  free(next->job);
  next->job = memory_strdup(job->id);
  next->us = us;
}

static bool take_first(void *context, struct stored_job *stored)
{
  take_earlier(context, stored->job, stored->progress.next_us);
  return false;
}

/* The earliest of what is near; if nothing is, of what the store and the heap `beyond` have. */
static enum error_code put_next(struct request *r)
{
  struct sched *s = r->s;
  struct next next = {0};
  enum error_code code = ERROR_OK;
  struct heap_node *node = heap_first(&s->near);
  if (!node) {
    code = store_each_due(s->store, s->edge_us, s->edge_number, INT64_MAX, take_first, &next,
                          r->error);
    node = heap_first(&s->beyond);
  }
  if (node)
    take_earlier(&next, near_entry(node)->job, node->us);
  json_key(r->result, "next");
  if (next.job) {
    json_begin_object(r->result);
    json_put_text(r->result, "job", next.job);
    view_put_instant(r->result, "next_run_at", next.us, JOB_NEVER);
    json_end_object(r->result);
  } else {
    json_write_null(r->result);
  }
  free(next.job);
  return code;
}

static void put_runs(struct request *r)
{
  struct open_counts counts = run_count_open(r->s);
  json_key(r->result, "runs");
  json_begin_object(r->result);
  json_put_integer(r->result, "pending", counts.pending);
  json_put_integer(r->result, "running", counts.running);
  json_end_object(r->result);
}

/* What the app knows: pid, socket, folders. */
static void put_surroundings(struct request *r)
{
  struct json_document *document;
  const char *text = r->s->options.status_json;
  if (!text || json_parse(text, strlen(text), &document, NULL))
    return;
  json_each(member, json_root(document)) {
    json_key(r->result, member->key);
    json_write_tree(r->result, member);
  }
  json_free(document);
}

static void put_store_trouble(struct request *r)
{
  if (!r->s->full_us)
    return;
  json_key(r->result, "store_full");
  json_begin_object(r->result);
  view_put_instant(r->result, "since", r->s->full_us, 0);
  json_put_text(r->result, "error", r->s->full_error);
  json_end_object(r->result);
}

/* Little enough to be asked for often, and without the store. */
static enum error_code pulse(struct request *r)
{
  struct open_counts counts = run_count_open(r->s);
  json_begin_object(r->result);
  json_put_boolean(r->result, "scanned", r->s->scanned);
  json_put_integer(r->result, "scripts", HASH_COUNT(r->s->scripts));
  json_put_integer(r->result, "running", counts.running);
  json_put_integer(r->result, "pending", counts.pending);
  json_end_object(r->result);
  return ERROR_OK;
}

/* The first few of the runs that tell how far they are. */
static void put_progress(struct request *r)
{
  enum { SHOWN = 10 };
  int shown = 0;
  json_key(r->result, "progress");
  json_begin_array(r->result);
  for (const struct open_run *run = r->s->open_runs; run && shown < SHOWN; run = run->hh.next) {
    if (run->ended || !run_extra(run)->progress.at_us)
      continue;
    json_begin_object(r->result);
    view_put_run_id(r->result, "run", run->entry->job->id, run->key.scheduled_us);
    progress_put(r->result, run);
    json_end_object(r->result);
    shown++;
  }
  json_end_array(r->result);
}

static enum error_code status(struct request *r)
{
  struct store_counts counts;
  enum error_code code = store_count(r->s->store, &counts, r->error);
  if (code)
    return code;
  near_fill(r->s); /* so that the next job is known, also in the first turn */
  for (const struct entry *e = r->s->unfolded; e; e = e->fold.next) {
    counts.jobs[e->fold.stored_state]--;
    counts.jobs[e->progress.state]++;
  }
  json_begin_object(r->result);
  json_put_text(r->result, "state",
                r->s->stopping  ? "stopping"
                : r->s->scanned ? "running"
                                : "starting");
  json_put_text(r->result, "version", MOONBEAT_VERSION);
  if (r->s->stopping)
    view_put_instant(r->result, "stop_by", r->s->stop_by_us, 0);
  put_surroundings(r);
  view_put_instant(r->result, "started_at", r->s->started_us, 0);
  json_put_integer(r->result, "uptime", (r->s->now_us - r->s->started_us) / 1000000);
  json_put_integer(r->result, "workers", r->s->options.workers);
  json_put_integer(r->result, "scripts", HASH_COUNT(r->s->scripts));
  json_put_integer(r->result, "store_bytes", counts.size_bytes);
  json_key(r->result, "jobs");
  json_begin_object(r->result);
  for (int state = JOB_ACTIVE; state <= JOB_ERROR; state++)
    json_put_integer(r->result, job_state_name((enum job_state)state), counts.jobs[state]);
  int64_t late, failing;
  health_count(r->s, &late, &failing);
  json_put_integer(r->result, "late", late);
  json_put_integer(r->result, "failing", failing);
  json_end_object(r->result);
  put_runs(r);
  turns_put(r->s, r->result);
  stuck_put(r->s, r->result);
  shortage_put(r->s, r->result);
  put_store_trouble(r);
  put_progress(r);
  json_put_integer(r->result, "locks", (int64_t)lock_count(r->s));
  code = put_next(r);
  json_end_object(r->result);
  return code;
}

static enum error_code events(struct request *r)
{
  int64_t limit, skip = 0, kept = 0;
  enum error_code code = request_count(r, "limit", 50, EVENTS_KEPT, &limit);
  if (code)
    return code;
  for (size_t i = 0; i < EVENTS_KEPT; i++)
    kept += r->s->events[i] != NULL;
  skip = kept > limit ? kept - limit : 0;
  json_begin_object(r->result);
  json_key(r->result, "events");
  json_begin_array(r->result);
  for (size_t i = 0; i < EVENTS_KEPT; i++) {
    const char *event = r->s->events[(r->s->next_event + i) % EVENTS_KEPT];
    if (event && skip-- <= 0)
      json_write_raw(r->result, event, strlen(event));
  }
  json_end_array(r->result);
  json_end_object(r->result);
  return ERROR_OK;
}

static enum error_code watch_events(struct request *r)
{
  const struct json *on = json_get(r->params, "on");
  if ((*r->message)->from != ADDRESS_FRONT || !on || on->type != JSON_BOOL)
    return error_set(r->error, ERROR_USAGE, "watch_events is the front's");
  r->s->watchers = on->as.boolean;
  json_begin_object(r->result);
  json_end_object(r->result);
  return ERROR_OK;
}

static const char *const none[] = {NULL};
static const char *const events_params[] = {"limit", NULL};
static const char *const watch_params[] = {"on", NULL};

const struct request_operation request_status_operations[] = {
    {"pulse", pulse, none, ASKS},
    {"status", status, none, ASKS},
    {"events", events, events_params, ASKS},
    {"watch_events", watch_events, watch_params, CHANGES},
    {0},
};
