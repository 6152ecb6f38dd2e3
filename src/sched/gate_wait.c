/* Whether a fire or a run may pass its gates and its rates, and how it waits for them. A fire waits
 * as its entry, in a gate's heap, or in `paced` for a moment; a run that is claimed in a gate's
 * heap, or in `waiting`. See gate.h for the idea. Scheduler thread. */
#include "sched/gate.h"

#include "base/json.h"
#include "base/sometimes.h"
#include "sched/event.h"
#include "sched/gate_internal.h"
#include "sched/pace.h"
#include "sched/run.h"
#include "sched/view.h"

static const char *const wait_names[] = {
    [WAIT_OVERLAP] = "overlap", [WAIT_POOL] = "pool",          [WAIT_KEY] = "key",
    [WAIT_RATE] = "rate",       [WAIT_REPLAY] = "replay_rate",
};

/* `run` NULL: what is due, or was set off by an event, and is no run yet. */
static void tell_waiting(struct sched *s, const struct entry *entry, const struct open_run *run,
                         const struct wait *wait)
{
  if (!event_wanted(s, "job_waiting", EVENT_HOT))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  const char *id = entry->job->id;
  int64_t next_us = entry->progress.next_us;
  event_begin(s, &out, &writer, "job_waiting");
  json_put_text(&writer, "job", id);
  if (run)
    view_put_run_id(&writer, "run", id, run->key.scheduled_us);
  view_put_instant(&writer, "scheduled_at",
                   run                    ? run->key.scheduled_us
                   : next_us <= s->now_us ? next_us
                                          : JOB_NEVER,
                   JOB_NEVER);
  json_put_text(&writer, "reason", wait_names[wait->why]);
  json_put_text(&writer, "name", wait->gate ? gate_name(wait->gate) : NULL);
  view_put_instant(&writer, "clears_at", wait->until_us, 0);
  event_end(s, &out, &writer, "job_waiting", EVENT_HOT);
}

/* One that is tried and still waits has waited since it began to. */
static void set_wait(struct sched *s, struct entry *entry, struct open_run *run,
                     const struct wait *found)
{
  struct wait *wait = run ? &run_make_extra(run)->wait : &entry->wait;
  if (!wait->since_us)
    tell_waiting(s, entry, run, found);
  int64_t since_us = wait->since_us ? wait->since_us : s->now_us;
  if (found->why == WAIT_POOL)
    sometimes("somebody waits for a slot of a pool");
  else if (found->why == WAIT_KEY)
    sometimes("somebody waits for a key");
  else if (found->why == WAIT_RATE || found->why == WAIT_REPLAY)
    sometimes("somebody waits for a rate");
  else if (found->why == WAIT_OVERLAP)
    sometimes("somebody waits for the end of a run of the same job");
  *wait = *found;
  wait->since_us = since_us;
}

void gate_note_claim(struct sched *s, struct entry *entry, enum run_cause cause)
{
  if (entry->wait.why == WAIT_NONE) { /* else one by hand has passed by a due time that waits */
    entry->wait = (struct wait){0};
    entry->waited_for = WAIT_NONE;
  }
  pace_note_claim(s, entry, cause);
}

void wait_end(struct wait *wait)
{
  *wait = (struct wait){.since_us = wait->since_us};
}

int64_t gate_lapse_us(const struct sched *s, const struct entry *entry)
{
  int64_t us = entry->progress.next_us;
  if (us > s->now_us || __builtin_add_overflow(us, entry->job->misfire_grace_us, &us))
    return INT64_MAX;
  return us == INT64_MAX ? us : us + 1;
}

static void wait_until(struct sched *s, struct entry *entry, int64_t us)
{
  int64_t lapses_us = gate_lapse_us(s, entry);
  entry->due.us = us < lapses_us ? us : lapses_us;
  if (entry->due.us < INT64_MAX)
    heap_put(&s->paced, &entry->due);
  else
    heap_remove(&entry->due);
}

static void wait_at(struct sched *s, struct entry *entry, struct gate *gate)
{
  entry->due.us = gate_order_of_entry(s, entry);
  heap_put(&gate->waiting.entries, &entry->due);
  entry->lapse.us = gate_lapse_us(s, entry);
  if (entry->lapse.us < INT64_MAX)
    heap_put(&s->lapsing, &entry->lapse);
}

void gate_wait_for_overlap(struct sched *s, struct entry *entry, int64_t until_us)
{
  set_wait(s, entry, NULL, &(struct wait){.why = WAIT_OVERLAP});
  wait_until(s, entry, until_us); /* its open runs keep it in memory */
}

bool gate_admits_pace(struct sched *s, struct entry *entry, bool is_backlog)
{
  struct wait found = pace_find_wait(s, entry, is_backlog);
  if (found.why == WAIT_NONE)
    return true;
  set_wait(s, entry, NULL, &found);
  wait_until(s, entry, found.until_us);
  return false;
}

bool gate_admits_fire(struct sched *s, struct entry *entry, bool is_backlog)
{
  const struct job *job = entry->job;
  if (!job->pool && !job->concurrency_key && !job->rate.count && !job->replay_rate.count)
    return true;
  struct wait found = pace_find_wait(s, entry, is_backlog);
  if (found.why == WAIT_NONE)
    found = gate_find_closed(s, job, NULL, gate_order_of_entry(s, entry));
  if (found.why == WAIT_NONE)
    return true;
  set_wait(s, entry, NULL, &found);
  if (found.gate)
    wait_at(s, entry, found.gate);
  else
    wait_until(s, entry, found.until_us);
  return false;
}

/* The rate has let others through before they were claimed, and what is tried again has begun. */
static bool must_keep_rate(const struct open_run *run)
{
  return run->entry->job->rate.count && run->cause == RUN_BY_HAND && run->attempt == 1 &&
         !run_extra(run)->is_in_rate;
}

static void hold_back(struct sched *s, struct open_run *run, const struct wait *found)
{
  run->start.us = gate_order_of_run(run);
  run_move_due(s, run, JOB_NEVER); /* its row says that no worker has it */
  set_wait(s, run->entry, run, found);
  if (found->gate) {
    heap_put(&found->gate->waiting.runs, &run->start);
  } else {
    run->start.us = found->until_us;
    run->start.number = run->fence; /* whoever was claimed first is tried first */
    heap_put(&s->waiting, &run->start);
  }
}

bool gate_admits_run(struct sched *s, struct open_run *run)
{
  const struct job *job = run->entry->job;
  bool is_paced = must_keep_rate(run);
  if (!job->pool && !job->concurrency_key && !is_paced && run->due_us != JOB_NEVER)
    return true;
  struct run_extra *extra = run_make_extra(run);
  struct wait found = is_paced ? pace_find_rate(s, run->entry) : (struct wait){0};
  if (found.why == WAIT_NONE)
    found = gate_find_closed(s, job, extra->args, gate_order_of_run(run));
  if (found.why != WAIT_NONE) {
    hold_back(s, run, &found);
    return false;
  }
  if (run->due_us == JOB_NEVER)
    run_move_due(s, run, s->now_us);
  extra->wait = (struct wait){0};
  extra->gates[0] = gate_of_key(s, job, extra->args);
  extra->gates[1] = gate_of_pool(s, job);
  for (int i = 0; i < 2; i++)
    if (extra->gates[i])
      extra->gates[i]->used++;
  if (is_paced) {
    extra->is_in_rate = true;
    pace_note_start(s, run->entry);
  }
  return true;
}

void gate_leave(struct sched *s, struct open_run *run)
{
  heap_remove(&run->start);
  if (!run->extra)
    return;
  run_touch(s, run);
  wait_end(&run->extra->wait);
  s->gates_changed = true;
}

/* What has changed is found out when they are tried. */
static void try_again(struct sched *s, struct open_run *run)
{
  gate_leave(s, run);
  run_wait_until(s, run, JOB_NEVER);
}

void gate_job_changed(struct sched *s, const struct entry *entry)
{
  if (entry->open_runs == 0)
    return;
  for (struct open_run *run = s->open_runs; run; run = run->hh.next) {
    bool waits_for_job = !run->worker && !run->start.heap;
    if (run->entry == entry && !run->ended &&
        (waits_for_job || run_extra(run)->wait.why != WAIT_NONE))
      try_again(s, run);
  }
}

void gate_vacate(struct sched *s, struct open_run *run)
{
  struct run_extra *extra = run->extra;
  for (int i = 0; extra && i < 2; i++) {
    if (!extra->gates[i])
      continue;
    extra->gates[i]->used--;
    s->gates_changed = true;
    gate_stir(s, extra->gates[i]);
    extra->gates[i] = NULL;
  }
}

void gates_clock_set_back(struct sched *s)
{
  struct heap paced = s->paced;
  s->paced = (struct heap){0};
  for (size_t i = 0; i < paced.count; i++) {
    struct heap_node *node = paced.places[i].node;
    node->heap = NULL;
    node->us = s->now_us; /* tried again, it finds out for how long it waits now */
    heap_put(&s->paced, node);
  }
  heap_deinit(&paced);
  gate_look_again(s);
  for (struct open_run *run = s->open_runs; run; run = run->hh.next)
    if (!run->ended && run_extra(run)->wait.why == WAIT_RATE)
      try_again(s, run);
}
