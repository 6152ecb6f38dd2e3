/* What stands between a job and its next run, in the order in which it would be met: what keeps the
 * job itself, then its script and the daemon, its calendars, then what a run must pass, and at last
 * the time. Each says when it clears, where that is known. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "sched/fire.h"
#include "sched/health.h"
#include "sched/lock.h"
#include "sched/near.h"
#include "sched/pace.h"
#include "sched/pause.h"
#include "sched/queue.h"
#include "sched/recover.h"
#include "sched/request.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/topic.h"
#include "sched/view.h"
#include "sched/why.h"
#include "time/duration.h"
#include "time/instant.h"

enum { RUNS_MAX = 20 };

/* ---- the job itself ---- */

static void explain_state(struct request *r, const struct entry *entry)
{
  const struct job_progress *p = &entry->progress;
  const struct trigger *trigger = entry->job->trigger;
  struct trigger_obstacle obstacle;
  switch (p->state) {
  case JOB_PAUSED:
    if (text_begins_with(p->error, PAUSED_BY))
      why_begin(r, "paused", "it is %s, until it is resumed", p->error);
    else if (p->error)
      why_begin(r, "paused", "it is paused until it is resumed: %s", p->error);
    else
      why_begin(r, "paused", "it is paused %s, until it is resumed",
                entry->job->enabled ? "by hand" : "by enabled = false");
    view_put_instant(r->result, "since", p->paused_us, 0);
    why_end(r);
    break;
  case JOB_FINISHED:
    why_begin(r, "finished", "it is finished: its trigger has no fire any more%s",
              trigger && trigger_find_obstacle(trigger, r->s->now_us, &obstacle)
                  ? obstacle.kind == OBSTACLE_LIMIT   ? ", its limit is reached"
                    : obstacle.kind == OBSTACLE_UNTIL ? ", its `until` is over"
                                                      : ""
                  : "");
    why_end(r);
    break;
  case JOB_ERROR:
    why_begin(r, "error", "it cannot run: %s", p->error ? p->error : "unknown reason");
    why_end(r);
    break;
  case JOB_ACTIVE:
    break;
  }
}

static void explain_script(struct request *r, const struct entry *entry)
{
  struct script_entry *script;
  struct error error;
  const struct job *job = entry->job;
  if (job->command || entry->progress.state == JOB_ERROR)
    return;
  switch (script_ready(r->s, job->script, &script, &error)) {
  case SCRIPT_READY:
    break;
  case SCRIPT_LATER:
    why_script(r, "script", job->script);
    break;
  case SCRIPT_MISSING: /* of one that is paused, say: it is not in error before it is to run */
    why_begin(r, "error", "it cannot run: %s", error.text);
    why_end(r);
    break;
  }
}

static void explain_daemon(struct request *r)
{
  if (r->s->stopping) {
    why_begin(r, "daemon", "the daemon is stopping and claims nothing any more");
    view_put_instant(r->result, "clears_at", r->s->stop_by_us, 0); /* it has ended by then */
    why_end(r);
  }
  if (r->s->retry_us) {
    why_begin(r, "store", "nothing can be stored: %s", r->s->error.text);
    view_put_instant(r->result, "clears_at", r->s->retry_us, 0);
    why_end(r);
  }
}

/* ---- when ---- */

/* The job of an after_job that is not there, which may yet be added. */
static void explain_missing_job(struct request *r, const char *key)
{
  struct json_document *document;
  struct error error;
  if (json_parse(key, strlen(key), &document, NULL))
    return;
  const char *job = json_text(json_get(json_root(document), "job"), NULL);
  if (job && !near_get_by_id(r->s, job, &error) && error.code == ERROR_NOT_FOUND) {
    why_begin(r, "no_job", "which cannot be at present: there is no job \"%s\"", job);
    why_end(r);
  }
  json_free(document);
}

/* What it waits for that is no time, and what keeps it from being seen. */
static void explain_source(void *context, const struct trigger *source)
{
  struct request *r = context;
  struct buffer sentence = {0}, key = {0};
  trigger_explain(source, &sentence);
  trigger_put_key(source, &key);
  const struct topic *topic = topic_find(r->s, key.data);
  why_begin(r, "event", "it waits: %s", sentence.data);
  why_end(r);
  if (topic && topic->problem) {
    why_begin(r, "sensor", "which is not seen at present: %s", topic->problem);
    why_end(r);
  }
  explain_missing_job(r, key.data);
  buffer_deinit(&sentence);
  buffer_deinit(&key);
}

static void explain_calendar(struct request *r, const struct entry *entry)
{
  struct trigger_obstacle obstacle;
  char at[INSTANT_TEXT_SIZE];
  if (!entry->job->trigger ||
      !trigger_find_obstacle(entry->job->trigger, r->s->now_us, &obstacle) ||
      (obstacle.kind != OBSTACLE_CALENDAR && obstacle.kind != OBSTACLE_FROM))
    return;
  instant_format(at, obstacle.fire_us);
  if (obstacle.kind == OBSTACLE_FROM)
    why_begin(r, "window", "its trigger begins later: it would be due at %s", at);
  else if (obstacle.calendar)
    why_begin(r, "calendar", "calendar \"%s\" excepts what would be due at %s", obstacle.calendar,
              at);
  else
    why_begin(r, "calendar", "its trigger's `except` covers what would be due at %s", at);
  view_put_instant(r->result, "clears_at", obstacle.clears_us, INT64_MAX);
  why_end(r);
}

static void begin_due(struct request *r, const struct entry *entry, int64_t next_us)
{
  int64_t lapse_us = gate_lapse_us(r->s, entry);
  char lapse[INSTANT_TEXT_SIZE];
  if (next_us > r->s->now_us) {
    why_begin(r, "due", "its next due time");
  } else if (lapse_us == INT64_MAX) {
    why_begin(r, "due", "it is due");
  } else {
    instant_format(lapse, lapse_us);
    why_begin(r, "due", "it is due, and skipped if it has not begun by %s (misfire_grace_time)",
              lapse);
  }
}

static void explain_due(struct request *r, const struct entry *entry)
{
  const struct trigger *trigger = entry->job->trigger;
  int64_t next_us = entry->progress.next_us, now_us = r->s->now_us;
  if (entry->job->is_unreadable)
    return;
  if (!trigger) {
    why_begin(r, "no_trigger", "it has no trigger: it runs only when asked (run-now)");
    why_end(r);
    return;
  }
  trigger_each_source(trigger, explain_source, r);
  if (entry->progress.state == JOB_PAUSED && next_us <= now_us)
    trigger_next(trigger, now_us, &next_us); /* what is due meanwhile will be skipped */
  if (next_us == JOB_NEVER)
    return;
  begin_due(r, entry, next_us);
  view_put_instant(r->result, next_us <= now_us ? "since" : "clears_at", next_us, JOB_NEVER);
  why_end(r);
}

/* ---- what a run must pass ---- */

static const char *fate_of_full(const struct entry *entry, bool has_events)
{
  const struct job *job = entry->job;
  if (has_events)
    return "what is due now waits";
  if (!job->trigger || entry->progress.state != JOB_ACTIVE)
    return "run-now is refused";
  switch (job->overlap) {
  case OVERLAP_BUFFER_ONE:
    return "one that is due now waits, others are skipped";
  case OVERLAP_BUFFER_ALL:
    return "what is due now waits";
  case OVERLAP_CANCEL_OTHER:
  case OVERLAP_TERMINATE_OTHER:
    return "what is due now ends it and waits for that";
  default:
    return "what is due now is skipped";
  }
}

/* The first of its open runs that waits for its next attempt, until then; NULL: none. */
static const struct open_run *find_next_attempt(const struct request *r, const struct entry *entry)
{
  const struct open_run *first = NULL;
  for (const struct open_run *run = r->s->open_runs; run; run = run->hh.next)
    if (run->entry == entry && !run->ended && !run->worker && run->attempt > 1 &&
        run->due_us > r->s->now_us && run->due_us != JOB_NEVER &&
        (!first || run->due_us < first->due_us))
      first = run;
  return first;
}

static void explain_overlap(struct request *r, const struct entry *entry)
{
  const struct job *job = entry->job;
  int64_t waiting = queue_count(r->s, job->number);
  if (fire_is_full(entry)) {
    const char *are = entry->open_runs == 1 ? "run is" : "runs are";
    const struct open_run *next = find_next_attempt(r, entry);
    if (entry->wait.why == WAIT_OVERLAP)
      why_begin(r, "overlap", "it is due and waits: %d of %d %s open", entry->open_runs,
                job->max_instances, are);
    else
      why_begin(r, "overlap", "%d of %d %s open: %s", entry->open_runs, job->max_instances, are,
                fate_of_full(entry, waiting > 0));
    why_put_own_runs(r, entry);
    why_end(r);
    if (next) {
      why_begin(r, "attempt", "attempt %d of an open run is yet to come", next->attempt);
      view_put_instant(r->result, "at", next->due_us, JOB_NEVER);
      why_end(r);
    }
  }
  if (waiting) {
    const struct event_queue *queue;
    HASH_FIND(hh, r->s->queues, &job->number, sizeof job->number, queue);
    why_begin(r, "queue", "%lld %s for a run", (long long)waiting,
              waiting == 1 ? "event waits" : "events wait");
    if (queue && queue->due.heap && queue->due.us > r->s->now_us)
      view_put_instant(r->result, "clears_at", queue->due.us, INT64_MAX); /* when debounced */
    why_end(r);
  }
}

static void explain_pool(struct request *r, const struct entry *entry)
{
  const struct job *job = entry->job;
  const struct gate *pool = job->pool ? gate_find(r->s, GATE_POOL, job->pool) : NULL;
  if (job->pool && (!pool || pool->slots < 0)) {
    why_begin(r, "pool", "its pool \"%s\" is not there any more: make it, or change the job",
              job->pool);
    why_end(r);
  } else if (pool && pool->slots == 0) {
    why_begin(r, "pool", "pool \"%s\" has no slots at present: nothing of it begins", job->pool);
    why_put_gate_holders(r, pool, job, entry->wait.gate == pool);
    why_end(r);
  } else if (pool && pool->used >= pool->slots) {
    why_begin(r, "pool", "pool \"%s\" is full: %lld of %lld slots taken", job->pool,
              (long long)pool->used, (long long)pool->slots);
    why_put_gate_holders(r, pool, job, entry->wait.gate == pool);
    why_end(r);
  }
}

static void explain_key(struct request *r, const struct entry *entry)
{
  const struct job *job = entry->job;
  struct buffer name = {0};
  if (!job->concurrency_key)
    return;
  const struct gate *key = job_expand(job, job->concurrency_key, NULL, &name, NULL)
                               ? NULL
                               : gate_find(r->s, GATE_KEY, name.data ? name.data : "");
  if (key && key->used >= job->concurrency_limit) {
    char *visible = why_visible(name.data ? name.data : "");
    why_begin(r, "key", "concurrency key \"%s\" is held: %lld of %d taken", visible,
              (long long)key->used, job->concurrency_limit);
    free(visible);
    why_put_gate_holders(r, key, job, entry->wait.gate == key);
    why_end(r);
  }
  buffer_deinit(&name);
}

static void explain_rate(struct request *r, struct entry *entry)
{
  char text[RATE_TEXT_SIZE];
  struct wait wait = pace_look(r->s, entry);
  if (wait.why != WAIT_RATE && wait.why != WAIT_REPLAY)
    return;
  rate_format(text, wait.why == WAIT_RATE ? &entry->job->rate : &entry->job->replay_rate);
  why_begin(r, wait.why == WAIT_RATE ? "rate" : "replay_rate",
            wait.why == WAIT_RATE ? "its rate of %s is used up"
                                  : "late runs follow each other at %s",
            text);
  view_put_instant(r->result, "clears_at", wait.until_us, INT64_MAX);
  why_end(r);
}

enum error_code why_not_running(struct request *r, struct entry *entry)
{
  explain_state(r, entry);
  explain_script(r, entry);
  explain_daemon(r);
  if (entry->progress.state == JOB_FINISHED)
    return ERROR_OK;
  explain_calendar(r, entry);
  explain_overlap(r, entry);
  explain_key(r, entry);
  explain_pool(r, entry);
  explain_rate(r, entry);
  explain_due(r, entry);
  return ERROR_OK;
}

/* ---- besides ---- */

static const char *place_without_worker(struct sched *s, const struct open_run *run)
{
  struct script_entry *script;
  struct error error;
  const struct job *job = run->entry->job;
  if (run->start.heap)
    return run->attempt > 1 ? "waits for its next attempt" : "waits";
  if (script_ready(s, job->script, &script, &error) == SCRIPT_MISSING)
    return "waits for its script, which is not there";
  return "waits for its script to load";
}

static const char *place_of(struct sched *s, const struct open_run *run)
{
  if (!run->worker && recover_is_quarantined(run->entry))
    return "waits until its job is resumed";
  if (!run->worker && run->entry->job->is_unreadable)
    return "waits until its job can be read";
  if (run_extra(run)->wait.why == WAIT_RATE)
    return "waits for the rate of its job";
  if (run->started_us)
    return run->told || run->overtime ? "was told to end" : "is running";
  return run->worker ? "was given to a worker" : place_without_worker(s, run);
}

/* By the arguments that it was given, with which its key may be another than its job's. */
static void note_run_at_gate(struct request *r, const struct open_run *run, const char *id)
{
  const struct wait *wait = &run_extra(run)->wait;
  char *name = why_visible(gate_name(wait->gate));
  why_begin(r, "run", "run %s waits for %s \"%s\"", id,
            wait->why == WAIT_POOL ? "a slot of pool" : "concurrency key", name);
  free(name);
  view_put_instant(r->result, "since", wait->since_us, SINCE_UNKNOWN);
  why_put_gate_holders(r, wait->gate, run->entry->job, true);
  why_end(r);
}

static void note_run(struct request *r, const struct open_run *run, const char *id)
{
  int64_t since_us;
  const char *holder, *lock = lock_awaited(r->s, run, &holder, &since_us);
  if (lock)
    why_begin(r, "run", "run %s waits for lock \"%s\", which %s holds", id, lock, holder);
  else
    why_begin(r, "run", "run %s %s", id, place_of(r->s, run));
  view_put_instant(r->result, "since", run->started_us ? run->started_us : run->claimed_us, 0);
  if (!run->worker && run->due_us > r->s->now_us)
    view_put_instant(r->result, "clears_at", run->due_us, JOB_NEVER);
  why_end(r);
  if (run->worker)
    why_stuck(r, run->worker);
  why_isolated(r, run);
}

static void note_runs(struct request *r, const struct entry *entry)
{
  int left = entry->open_runs < RUNS_MAX ? entry->open_runs : RUNS_MAX;
  int more = entry->open_runs - left;
  for (const struct open_run *run = r->s->open_runs; run && left > 0; run = run->hh.next) {
    if (run->entry != entry || run->ended)
      continue;
    left--;
    struct buffer id = {0};
    const struct wait *wait = &run_extra(run)->wait;
    run_format_id(&id, entry->job->id, run->key.scheduled_us);
    if ((wait->why == WAIT_POOL || wait->why == WAIT_KEY) && wait->gate)
      note_run_at_gate(r, run, id.data);
    else
      note_run(r, run, id.data);
    buffer_deinit(&id);
  }
  if (more > 0) {
    why_begin(r, "runs", "%d more %s open", more, more == 1 ? "run is" : "runs are");
    why_end(r);
  }
}

struct failures {
  int64_t left, since_us;
};

static bool count_failure(void *context, const struct run *run, const char *job_id)
{
  struct failures *failures = context;
  (void)job_id;
  if (run->state == RUN_FAILED || run->state == RUN_TIMED_OUT) {
    failures->left--;
    failures->since_us = run->finished_us;
  }
  return failures->left > 0 && run->state != RUN_SUCCEEDED;
}

/* They are counted anew when the job is resumed, and the job may have been late before. */
static int64_t find_first_failure(struct request *r, const struct entry *entry, int64_t count)
{
  struct failures failures = {.left = count};
  enum error_code code = store_each_run_of(r->s->store, entry->job->number, entry->progress.last_us,
                                           count_failure, &failures, r->error);
  return code || failures.left ? 0 : failures.since_us;
}

static void note_health(struct request *r, const struct entry *entry)
{
  const struct job_health *health = health_find(r->s, entry->job->number);
  if (!health)
    return;
  if (health->late_us) {
    char expected[DURATION_TEXT_SIZE];
    duration_format(expected, health->expect_us);
    why_begin(r, "late", "it has not succeeded for longer than %s", expected);
    view_put_instant(r->result, "since", health->since_us, 0);
    why_end(r);
  }
  if (health->failures) {
    if (health->failures == 1)
      why_begin(r, "failing", "its last run failed");
    else
      why_begin(r, "failing", "its last %lld runs failed", (long long)health->failures);
    view_put_instant(r->result, "since", find_first_failure(r, entry, health->failures), 0);
    why_end(r);
  }
}

static bool note_last_skip(void *context, const struct skip *skip)
{
  struct request *r = context;
  if (skip->count == 1)
    why_begin(r, "skip", "a due time was skipped: %s", skip_reason_name(skip->reason));
  else
    why_begin(r, "skip", "%lld due times were skipped: %s", (long long)skip->count,
              skip_reason_name(skip->reason));
  view_put_instant(r->result, "at", skip->last_us, INT64_MIN);
  why_end(r);
  return false;
}

static bool note_last_run(void *context, const struct run *run, const char *job_id)
{
  struct request *r = context;
  (void)job_id;
  if (run_find(r->s, run->key))
    return true; /* an open one was told of */
  const char *verb = run->state == RUN_CANCELLED || run->state == RUN_INTERRUPTED ? "was " : "";
  why_begin(r, "last_run", "its last run %s%s%s%.*s", verb, run_state_name(run->state),
            run->error ? ": " : "", run->error ? (int)strcspn(run->error, "\n") : 0,
            run->error ? run->error : "");
  view_put_instant(r->result, "at", run->finished_us, 0);
  why_end(r);
  return false;
}

enum error_code why_notes(struct request *r, struct entry *entry)
{
  const struct script_entry *script = script_find(r->s, entry->job->script);
  if (script && script->generation && script->script.error) {
    why_begin(r, "old_script", "its script's newest source fails, an older version is in force: %s",
              script->script.error);
    why_end(r);
  }
  note_health(r, entry);
  note_runs(r, entry);
  enum error_code code = store_each_run_of(r->s->store, entry->job->number, entry->progress.last_us,
                                           note_last_run, r, r->error);
  return code ? code
              : store_each_skip_of(r->s->store, entry->job->number, note_last_skip, r, r->error);
}
