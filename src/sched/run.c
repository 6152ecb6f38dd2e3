/* Runs that are open, from the claim to the worker; how they are told to end is in run_cancel.c,
 * how they end in finish.c.
 *
 * A claim is a row before it is a message: the run is appended to the store in the turn, and the
 * message that starts it leaves after the commit. What a turn does to runs in memory is noted
 * (`touched`), so that a turn whose commit fails can be taken back. */
#include "sched/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/checkpoint.h"
#include "sched/finish.h"
#include "sched/fire.h"
#include "sched/fold.h"
#include "sched/lock.h"
#include "sched/near.h"
#include "sched/queue.h"
#include "sched/recover.h"
#include "sched/retry.h"
#include "sched/script.h"
#include "sched/stuck.h"
#include "sched/turn.h"
#include "sched/twin.h"
#include "sched/view.h"

struct open_run *run_find(struct sched *s, struct run_key key)
{
  struct open_run *run;
  HASH_FIND(hh, s->open_runs, &key, sizeof key, run);
  return run && !run->ended ? run : NULL;
}

const struct run_extra *run_extra(const struct open_run *run)
{
  static const struct run_extra none;
  return run->extra ? run->extra : &none;
}

struct run_extra *run_make_extra(struct open_run *run)
{
  if (!run->extra)
    run->extra = memory_alloc(sizeof *run->extra);
  return run->extra;
}

static void free_run(struct sched *s, struct open_run *run)
{
  free(run->before);
  if (run->extra) {
    free(run->extra->progress.note);
    free(run->extra->args);
    free(run->extra->events);
    free(run->extra);
  }
  pool_give(&s->run_pool, run);
}

static void note_touched(struct sched *s, struct open_run *run)
{
  if (s->touched_count == s->touched_capacity) {
    s->touched_capacity = s->touched_capacity ? s->touched_capacity * 2 : 64;
    s->touched = memory_resize(s->touched, s->touched_capacity * sizeof *s->touched);
  }
  s->touched[s->touched_count++] = run;
}

void run_touch(struct sched *s, struct open_run *run)
{
  if (run->fresh || run->before)
    return;
  run->before = memory_alloc(sizeof *run->before);
  run->before->run = *run;
  run->before->extra = *run_extra(run);
  note_touched(s, run);
}

/* ---- whose they are ---- */

static int64_t *count_of(struct sched *s, int worker)
{
  int index = worker - ADDRESS_WORKER;
  if (index >= s->run_counts_size) {
    int size = index + 1;
    s->run_counts = memory_resize(s->run_counts, (size_t)size * sizeof *s->run_counts);
    while (s->run_counts_size < size)
      s->run_counts[s->run_counts_size++] = 0;
  }
  return &s->run_counts[index];
}

void run_give(struct sched *s, struct open_run *run, int worker)
{
  if (run->worker)
    --*count_of(s, run->worker);
  if (worker)
    ++*count_of(s, worker);
  run->worker = worker;
}

int64_t run_count_of(const struct sched *s, int worker)
{
  int index = worker - ADDRESS_WORKER;
  return index < s->run_counts_size ? s->run_counts[index] : 0;
}

struct open_counts run_count_open(const struct sched *s)
{
  struct open_counts counts = {0};
  for (const struct open_run *run = s->open_runs; run; run = run->hh.next)
    if (!run->ended)
      ++*(run->started_us ? &counts.running : &counts.pending);
  return counts;
}

/* ---- their end, and what a turn takes back ---- */

static void leave_entry(struct sched *s, struct open_run *run)
{
  struct entry *entry = run->entry;
  entry->open_runs--;
  gate_vacate(s, run);
  queue_release(s, entry->job->number);
  if (entry->wait.why == WAIT_OVERLAP)
    near_take_place(s, entry);
  near_note(s, entry);
}

void run_end(struct sched *s, struct open_run *run)
{
  lock_run_over(s, run);
  run_touch(s, run);
  heap_remove(&run->start);
  run_give(s, run, 0);
  run->ended = true;
  leave_entry(s, run);
}

void run_commit(struct sched *s)
{
  for (size_t i = 0; i < s->touched_count; i++) {
    struct open_run *run = s->touched[i];
    free(run->before);
    run->before = NULL;
    run->fresh = false;
    if (run->ended) {
      HASH_DEL(s->open_runs, run);
      free_run(s, run);
    }
  }
  s->touched_count = 0;
}

/* What is not undone has been told to people, or is marked again. */
static void restore(struct sched *s, struct open_run *run)
{
  const struct open_run *before = &run->before->run;
  run->ended = false;
  run->fence = before->fence;
  run->attempt = before->attempt;
  run->uncounted = before->uncounted;
  run->log_lines = before->log_lines;
  run->log_bytes = before->log_bytes;
  run->due_us = before->due_us;
  run->started_us = before->started_us;
  run_give(s, run, before->worker);
  run->told = before->told;
  run->killed = before->killed;
  run->overtime = before->overtime;
  if (run->extra) {
    run->extra->wait = run->before->extra.wait;
    run->extra->is_in_rate = run->before->extra.is_in_rate;
    memcpy(run->extra->gates, run->before->extra.gates, sizeof run->extra->gates);
  }
  free(run->before);
  run->before = NULL;
}

void run_undo(struct sched *s)
{
  for (size_t i = 0; i < s->touched_count; i++) {
    struct open_run *run = s->touched[i];
    heap_remove(&run->start);
    if (run->fresh) {
      if (!run->ended)
        run->entry->open_runs--;
      run_give(s, run, 0);
      HASH_DEL(s->open_runs, run);
      free_run(s, run);
      continue;
    }
    if (run->ended)
      run->entry->open_runs++;
    restore(s, run);
  }
  s->touched_count = 0;
  for (struct open_run *run = s->open_runs; run; run = run->hh.next)
    run->lasting = false; /* the mark may be undone; marking again does no harm */
  fold_expect_mark(s);
  run_release(s);
}

void run_free_all(struct sched *s)
{
  struct open_run *run, *next;
  HASH_ITER(hh, s->open_runs, run, next) {
    run->entry->open_runs = 0;
    HASH_DEL(s->open_runs, run);
    free_run(s, run);
  }
  free(s->touched);
  free(s->run_counts);
  pool_deinit(&s->run_pool);
}

struct open_run *run_insert(struct sched *s, struct entry *entry, const struct run *from)
{
  struct open_run *run = pool_take(&s->run_pool);
  *run = (struct open_run){.key = from->key,
                           .fence = from->fence,
                           .attempt = from->attempt,
                           .cause = from->cause,
                           .previous_us = from->previous_us,
                           .claimed_us = from->claimed_us,
                           .due_us = from->due_us,
                           .entry = entry,
                           .fresh = true};
  run->start.number = from->key.job;
  run->start.us = from->due_us;
  if (from->args)
    run_make_extra(run)->args = memory_strdup(from->args);
  if (from->events)
    run_make_extra(run)->events = memory_strdup(from->events);
  note_touched(s, run);
  entry->open_runs++;
  HASH_ADD(hh, s->open_runs, key, sizeof run->key, run);
  fold_expect_mark(s);
  return run;
}

void run_put_attempt(struct json_writer *writer, const struct open_run *run)
{
  json_put_text(writer, "job", run->entry->job->id);
  view_put_run_id(writer, "run", run->entry->job->id, run->key.scheduled_us);
  view_put_instant(writer, "scheduled_at", run->key.scheduled_us, INT64_MIN);
  json_put_integer(writer, "attempt", run->attempt);
}

void run_tell(struct sched *s, const char *name, enum event_use use, const struct open_run *run,
              const struct run *ended, bool will_retry)
{
  if (!event_wanted(s, name, use))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  run_put_attempt(&writer, run);
  if (!ended && run->due_us > run->key.scheduled_us && run->attempt > 1)
    view_put_instant(&writer, "due_at", run->due_us, 0);
  if (ended) {
    json_put_text(&writer, "state", run_state_name(ended->state));
    json_put_boolean(&writer, "will_retry", will_retry);
    view_put_instant(&writer, "started_at", ended->started_us, 0);
    view_put_instant(&writer, "finished_at", ended->finished_us, 0);
    json_put_raw(&writer, "result", ended->result);
    json_put_text(&writer, "error", ended->error);
  }
  event_end(s, &out, &writer, name, use);
}

struct open_run *run_claim(struct sched *s, struct entry *entry, int64_t scheduled_us,
                           enum run_cause cause, const char *args, const char *events)
{
  struct error error;
  struct run run = {.key = {scheduled_us, entry->job->number},
                    .state = RUN_PENDING,
                    .cause = cause,
                    .attempt = 1,
                    .fence = s->next_fence++,
                    .previous_us = entry->progress.last_us,
                    .due_us = scheduled_us < s->now_us ? scheduled_us : s->now_us,
                    .claimed_us = s->now_us,
                    .args = (char *)(uintptr_t)args,
                    .events = (char *)(uintptr_t)events};
  enum error_code code = store_claim(s->store, &run, &error);
  if (code == ERROR_CONFLICT)
    sometimes("a due time has a run already");
  if (code == ERROR_CONFLICT || sched_failed(s, code, &error))
    return NULL;
  entry->progress.last_us = scheduled_us;
  entry->progress.runs_kept++;
  fold_later(s, entry, run.fence, scheduled_us);
  near_note(s, entry);
  if (entry->progress.state == JOB_FINISHED)
    near_counted(s, entry); /* else housekeeping finds no history that it has */
  gate_note_claim(s, entry, cause);
  struct open_run *open = run_insert(s, entry, &run);
  run_tell(s, "job_submitted", EVENT_HOT, open, NULL, false);
  run_send(s, open);
  return open;
}

static int any_worker(struct sched *s)
{
  int worker = s->next_worker;
  s->next_worker = (s->next_worker + 1) % s->options.workers;
  return worker_at(s, worker);
}

void run_wait_until(struct sched *s, struct open_run *run, int64_t us)
{
  run->start.us =
      us == JOB_NEVER ? s->now_us : us; /* whether a gate lets it through is seen then */
  heap_put(&s->waiting, &run->start);
}

/* Until run_release(). Its row says that no worker has it: of a first attempt the claim alone says
 * that one does. */
static void wait_for_job(struct sched *s, struct open_run *run)
{
  if (run->attempt == 1)
    run_move_due(s, run, JOB_NEVER);
  gate_leave(s, run);
}

static struct message *make_run_message(struct sched *s, struct open_run *run, uint64_t generation)
{
  const struct run_extra *extra = run_extra(run);
  const struct job *job = run->entry->job;
  struct message *m = message_create(MESSAGE_RUN, ADDRESS_SCHEDULER, run->worker);
  m->as.run.attempt = (struct attempt){run->key, run->fence, run->attempt};
  m->as.run.generation = generation;
  m->as.run.job_id = memory_strdup(job->id);
  m->as.run.func = memory_strdup(job->func);
  m->as.run.command = memory_strdup(job->command);
  m->as.run.args = memory_strdup(extra->args ? extra->args : job->args);
  m->as.run.events = memory_strdup(extra->events);
  m->as.run.timeout_us = job->timeout_us;
  m->as.run.soft_timeout_us = job->soft_timeout_us;
  m->as.run.silence_us = job->heartbeat_timeout_us;
  m->as.run.isolate = job->isolate;
  m->as.run.limits = job->limits;
  m->as.run.env = memory_strdup(job->env);
  if (retry_may_follow(run))
    m->as.run.decide = memory_strdup(job->retry.decide);
  m->as.run.is_once = job->delivery == AT_MOST_ONCE;
  m->as.run.checkpoint = checkpoint_get(s, run);
  return m;
}

void run_send(struct sched *s, struct open_run *run)
{
  const struct job *job = run->entry->job;
  struct script_entry *script = NULL;
  struct error error;
  if (run->due_us > s->now_us && run->due_us != JOB_NEVER) {
    run_wait_until(s, run, run->due_us);
    return;
  }
  if (recover_is_quarantined(run->entry) || job->is_unreadable) {
    wait_for_job(s, run);
    return;
  }
  enum script_ready ready =
      job->command ? SCRIPT_READY : script_ready(s, job->script, &script, &error);
  if (ready == SCRIPT_LATER) {
    sometimes("a run waits for its script to be loaded");
    wait_for_job(s, run);
    return;
  }
  if (ready == SCRIPT_MISSING && run->entry->removed) {
    finish_here(s, run, RUN_FAILED, error.text);
    return;
  }
  if (ready == SCRIPT_MISSING) { /* as its job does */
    sometimes("a run waits for its script to come back");
    fire_hold(s, run->entry, error.text);
    wait_for_job(s, run);
    return;
  }
  run_touch(s, run);
  heap_remove(&run->start);
  if (!gate_admits_run(s, run))
    return;
  /* Only the first attempt is known by its claim alone to be with a worker. */
  if (run->attempt > 1 &&
      sched_failed(s, store_mark_sent(s->store, run->key, run->fence, s->now_us, &error), &error))
    return;
  struct script_state state = {0};
  if (script)
    twin_choose(s, script, &state); /* there is one, as it is ready */
  else
    state.worker = any_worker(s);
  run_give(s, run, state.worker);
  message_list_append(s->out, make_run_message(s, run, state.generation));
}

void run_release(struct sched *s)
{
  for (struct open_run *run = s->open_runs; run; run = run->hh.next)
    if (!run->worker && !run->ended && !run->start.heap)
      run_wait_until(s, run, run->due_us);
}

void run_send_waiting(struct sched *s)
{
  struct heap_node *node;
  while (!s->stopping && !s->failure && (node = heap_first(&s->waiting)) && node->us <= s->now_us) {
    struct open_run *run = heap_owner(node, struct open_run, start);
    if (!gate_line_up_run(s, run))
      run_send(s, run);
  }
}

void run_move_due(struct sched *s, struct open_run *run, int64_t due_us)
{
  struct error error;
  if (run->due_us == due_us)
    return;
  run_touch(s, run);
  run->due_us = due_us;
  sched_failed(s, store_put_due(s->store, run->key, run->fence, due_us, &error), &error);
}

void run_note_set_back(struct sched *s, int64_t from_us)
{
  struct store_set_back set_back;
  struct error error;
  if (sched_failed(s, store_get_set_back(s->store, &set_back, &error), &error))
    return;
  if (set_back.from_us < from_us)
    set_back.from_us = from_us;
  set_back.to_us = s->now_us;
  sched_failed(s, store_put_set_back(s->store, &set_back, &error), &error);
}

void run_clock_set_back(struct sched *s, int64_t from_us, int64_t step_us)
{
  run_note_set_back(s, from_us);
  for (struct open_run *run = s->open_runs; run; run = run->hh.next) {
    if (run->worker || run->ended)
      continue;
    if (run->due_us == JOB_NEVER && run->start.heap == &s->waiting)
      run_wait_until(s, run, JOB_NEVER); /* it was to be looked at when it was later */
    if (run->due_us <= s->now_us || run->due_us == JOB_NEVER)
      continue;
    sometimes("a run that waits keeps the time it has left");
    run_move_due(s, run, run->due_us + step_us);
    if (run->start.heap)
      run_wait_until(s, run, run->due_us);
  }
}

void run_take_back(struct sched *s, struct open_run *run)
{
  run_touch(s, run);
  gate_vacate(s, run);
  run_give(s, run, 0);
  run->started_us = 0;
  run->overtime = false;
  run_wait_until(s, run, run->due_us);
}

struct open_run *run_find_attempt(struct sched *s, const struct attempt *attempt)
{
  struct open_run *run = run_find(s, attempt->key);
  return run && run->fence == attempt->fence ? run : NULL;
}

void run_started(struct sched *s, const struct message *message)
{
  struct open_run *run = run_find_attempt(s, &message->as.started.attempt);
  struct error error;
  if (!run)
    return;
  run_touch(s, run);
  run->started_us = message->as.started.at_us;
  /* The others' start is written with their end, or when they are marked as lasting. */
  if (run->lasting || run->entry->job->delivery == AT_MOST_ONCE)
    sched_failed(s, store_put_started(s->store, run->key, run->fence, run->started_us, &error),
                 &error);
  run_tell(s, "job_started", EVENT_HOT, run, NULL, false);
}
