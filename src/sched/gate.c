/* Gates: pools and concurrency keys; see gate.h for the idea. How something waits at one is in
 * gate_wait.c, rates are in pace.c.
 *
 * A gate knows how many runs it has let through (`used`) and who waits. It lives while it is used,
 * waited for, or a pool of the store. A run holds at most two gates, its key's and its pool's, and
 * waits for one at a time, holding none meanwhile: so nobody waits in a circle. */
#include "sched/gate.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/fire.h"
#include "sched/gate_internal.h"
#include "sched/near.h"
#include "sched/run.h"

/* ---- gates by name ---- */

const char *gate_name(const struct gate *gate)
{
  return strchr(gate->key, ' ') + 1;
}

static char *make_key(enum gate_kind kind, const char *name)
{
  return memory_printf("%s %s", kind == GATE_POOL ? "pool" : "key", name);
}

struct gate *gate_find(struct sched *s, enum gate_kind kind, const char *name)
{
  struct gate *gate;
  char *key = make_key(kind, name);
  HASH_FIND_STR(s->gates, key, gate);
  free(key);
  return gate;
}

static struct gate *get_gate(struct sched *s, enum gate_kind kind, const char *name)
{
  struct gate *gate = gate_find(s, kind, name);
  if (gate)
    return gate;
  gate = memory_alloc(sizeof *gate);
  gate->kind = kind;
  gate->key = make_key(kind, name);
  gate->slots = -1;
  gate->gone_us = gate->gone_again_us = INT64_MAX;
  s->gates_changed = true; /* it may go again */
  HASH_ADD_KEYPTR(hh, s->gates, gate->key, strlen(gate->key), gate);
  return gate;
}

static void free_gate(struct sched *s, struct gate *gate)
{
  HASH_DEL(s->gates, gate);
  heap_deinit(&gate->waiting.entries);
  heap_deinit(&gate->waiting.runs);
  free(gate->key);
  free(gate);
}

void gate_stir(struct sched *s, struct gate *gate)
{
  if (gate->stirred)
    return;
  gate->stirred = true;
  gate->next_stirred = s->stirred;
  s->stirred = gate;
}

struct gate *gate_of_key(struct sched *s, const struct job *job, const char *args)
{
  struct buffer name = {0};
  struct error error;
  struct gate *gate = NULL;
  if (!job->concurrency_key)
    return NULL;
  if (job_expand(job, job->concurrency_key, args, &name, &error))
    log_warn("%s: %s: it runs without", job->id, error.text);
  else
    gate = get_gate(s, GATE_KEY, name.data ? name.data : "");
  buffer_deinit(&name);
  return gate;
}

struct gate *gate_of_pool(struct sched *s, const struct job *job)
{
  return job->pool ? get_gate(s, GATE_POOL, job->pool) : NULL;
}

/* ---- who goes first ---- */

enum { DUE_BITS = 55 }; /* microseconds up to the year 3111 */

/* Heaps are ordered by time: higher priorities are put before all time. */
static int64_t order(const struct job *job, int64_t due_us)
{
  const int64_t most = (INT64_C(1) << DUE_BITS) - 1;
  int64_t within = due_us < 0 ? 0 : due_us > most ? most : due_us;
  return (int64_t)(100 - job->priority) * (most + 1) + within;
}

/* An event that waits has done so since it began to. */
int64_t gate_order_of_entry(const struct sched *s, const struct entry *entry)
{
  bool is_due = entry->progress.next_us <= s->now_us;
  int64_t event_us = entry->wait.since_us ? entry->wait.since_us : s->now_us;
  return order(entry->job, is_due ? entry->progress.next_us : event_us);
}

int64_t gate_order_of_run(const struct open_run *run)
{
  return order(run->entry->job, run->due_us == JOB_NEVER ? run->key.scheduled_us : run->due_us);
}

static struct heap_node *first_of(const struct lineup *lineup)
{
  struct heap_node *entry = heap_first(&lineup->entries), *run = heap_first(&lineup->runs);
  if (!entry || !run)
    return entry ? entry : run;
  return run->us <= entry->us ? run : entry;
}

static const struct job *job_of(const struct lineup *lineup, struct heap_node *node)
{
  return node->heap == &lineup->runs ? heap_owner(node, struct open_run, start)->entry->job
                                     : near_entry(node)->job;
}

/* A pool that was removed under its jobs holds them back: that is seen, and can be mended. */
static bool has_room(const struct gate *gate, const struct job *job)
{
  return gate->used < (gate->kind == GATE_POOL ? gate->slots : job->concurrency_limit);
}

static bool may_open(const struct gate *gate)
{
  struct heap_node *first = first_of(&gate->waiting);
  return first && has_room(gate, job_of(&gate->waiting, first));
}

/* Who waits and could pass goes before those who come later or have a lower priority. */
static bool lets_through(struct sched *s, struct gate *gate, const struct job *job, int64_t us)
{
  int64_t first_us = may_open(gate) ? first_of(&gate->waiting)->us : INT64_MAX;
  if (!has_room(gate, job))
    return false;
  if (us <= first_us && us <= gate->gone_us)
    return true;
  if (first_us <= gate->gone_us) {
    sometimes("somebody who comes later does not pass by who waits");
    gate_stir(s, gate);
  } else if (!s->is_reading_again) {
    gate_look_again(s);
  }
  return false;
}

struct wait gate_find_closed(struct sched *s, const struct job *job, const char *args, int64_t us)
{
  struct gate *key = gate_of_key(s, job, args), *pool = gate_of_pool(s, job);
  if (key && !lets_through(s, key, job, us))
    return (struct wait){.why = WAIT_KEY, .gate = key};
  if (pool && !lets_through(s, pool, job, us))
    return (struct wait){.why = WAIT_POOL, .gate = pool};
  return (struct wait){0};
}

enum error_code gate_check(const struct job *job, const char *args, struct error *error)
{
  struct buffer name = {0};
  enum error_code code = ERROR_OK;
  if (job->concurrency_key)
    code = job_expand(job, job->concurrency_key, args, &name, error);
  buffer_deinit(&name);
  return code ? error_prefix(error, "concurrency_key") : ERROR_OK;
}

/* ---- letting through ---- */

bool gate_line_up_entry(struct sched *s, struct entry *entry, int64_t due_us)
{
  if (!entry->job->pool && !entry->job->concurrency_key)
    return false;
  entry->due.us = order(entry->job, due_us);
  heap_put(&s->lineup.entries, &entry->due);
  return true;
}

bool gate_line_up_run(struct sched *s, struct open_run *run)
{
  if (!run->entry->job->pool && !run->entry->job->concurrency_key)
    return false;
  run->start.us = gate_order_of_run(run);
  heap_put(&s->lineup.runs, &run->start);
  return true;
}

static void try_node(struct sched *s, const struct lineup *lineup, struct heap_node *node)
{
  if (node->heap == &lineup->runs)
    run_send(s, heap_owner(node, struct open_run, start));
  else
    fire_again(s, near_entry(node));
}

void gates_fire_lineup(struct sched *s)
{
  struct heap_node *node;
  while (!s->failure && (node = first_of(&s->lineup)))
    try_node(s, &s->lineup, node);
}

/* Until the first who waits still is the first when it was tried. */
static int open_gate(struct sched *s, struct gate *gate, int budget)
{
  struct heap_node *last = NULL;
  int tried = 0;
  while (!s->failure && tried < budget && may_open(gate) && first_of(&gate->waiting) != last) {
    last = first_of(&gate->waiting);
    try_node(s, &gate->waiting, last);
    tried++;
  }
  if (!first_of(&gate->waiting) && gate->gone_us < INT64_MAX && !s->is_reading_again)
    gate_look_again(s);
  return tried;
}

int gates_fire_timed(struct sched *s, int budget)
{
  struct heap_node *node;
  int tried = 0;
  while (!s->failure && tried < budget && (node = heap_first(&s->lapsing)) &&
         node->us <= s->now_us) {
    sometimes("what waits at a gate is past its grace");
    fire_again(s, heap_owner(node, struct entry, lapse));
    tried++;
  }
  while (!s->failure && tried < budget && (node = heap_first(&s->paced)) && node->us <= s->now_us) {
    fire_again(s, near_entry(node));
    tried++;
  }
  return tried;
}

void gates_open(struct sched *s, int budget)
{
  struct gate *gate;
  while (!s->failure && budget > 0 && (gate = s->stirred)) {
    s->stirred = gate->next_stirred;
    gate->stirred = false;
    budget -= open_gate(s, gate, budget);
    if (budget <= 0)
      gate_stir(s, gate);
  }
}

int64_t gates_wake_us(const struct sched *s)
{
  const struct heap_node *paced = heap_first(&s->paced), *lapsing = heap_first(&s->lapsing);
  int64_t paced_us = paced ? paced->us : INT64_MAX, lapses_us = lapsing ? lapsing->us : INT64_MAX;
  int64_t wake_us = paced_us < lapses_us ? paced_us : lapses_us;
  return s->stirred ? INT64_MIN : s->look_us < wake_us ? s->look_us : wake_us;
}

/* ---- the turn's end ---- */

void gates_commit(struct sched *s)
{
  struct gate *gate, *next;
  if (!s->gates_changed)
    return;
  s->gates_changed = false;
  HASH_ITER(hh, s->gates, gate, next)
    if (gate->slots < 0 && gate->used == 0 && !first_of(&gate->waiting) && !gate->stirred &&
        gate->gone_us == INT64_MAX)
      free_gate(s, gate);
}

/* Who has which place is with the runs. */
void gates_undo(struct sched *s)
{
  struct heap_node *node;
  while ((node = heap_first(&s->lineup.runs)))
    run_wait_until(s, heap_owner(node, struct open_run, start), JOB_NEVER);
  for (struct gate *gate = s->gates; gate; gate = gate->hh.next) {
    gate->used = 0;
    gate_stir(s, gate);
  }
  for (const struct open_run *run = s->open_runs; run; run = run->hh.next)
    for (int i = 0; run->extra && i < 2; i++)
      if (run->extra->gates[i])
        run->extra->gates[i]->used++;
}

void gates_free_all(struct sched *s)
{
  struct gate *gate, *next;
  HASH_ITER(hh, s->gates, gate, next)
    free_gate(s, gate);
  heap_deinit(&s->lineup.entries);
  heap_deinit(&s->lineup.runs);
}

void gate_set_pool(struct sched *s, const char *name, int64_t slots)
{
  struct gate *gate = get_gate(s, GATE_POOL, name);
  gate->slots = slots;
  gate_stir(s, gate);
}

/* ---- for looking ---- */

void gate_each_holder(struct sched *s, const struct gate *gate, gate_visitor visit, void *context)
{
  for (const struct open_run *run = s->open_runs; run; run = run->hh.next)
    if (!run->ended && run->extra && (run->extra->gates[0] == gate || run->extra->gates[1] == gate))
      visit(context, run);
}
