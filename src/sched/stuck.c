/* Workers that sit in a C function which nothing can cut, and their replacement.
 *
 * The app tells of such a worker as soon as its slice has lasted too long, again and again. What
 * follows depends on how long that has been:
 *
 *   a quarter of a second   it is named, in `status` and by an event
 *   a second                another worker has taken its place, and it begins nothing more. By then
 *                           it is known of each run whether it has begun: those that have not are
 *                           sent again. Its scripts are loaded by the other, consoles begin there
 *                           anew. The script whose call it is waits, as it would only keep the next
 *                           one; a new version of its source does not wait. A parallel one goes
 *                           on in its other states, see twin.c
 *   the grace (a minute)    it is given up: runs that had begun there are interrupted, and follow
 *                           their policy under another fence; locks of what is no run are released.
 *                           The run that keeps it is left alone: it does run, and ends by its own
 *                           time-out, when somebody cancels it, or when it comes back
 *
 * When it comes back before that, it goes on with what had begun, and then ends. */
#include "sched/stuck.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/event.h"
#include "sched/finish.h"
#include "sched/lock.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/twin.h"
#include "time/duration.h"

/* Oldest first: of two with one address the first has ended, in this turn, and the other one has
 * its address now. */
struct stuck {
  struct stuck *next;
  int worker, replacement; /* addresses; 0: none */
  uint64_t generation;     /* whose call it is */
  char *script;            /* its name, or what it is */
  bool is_script;
  struct attempt attempt; /* of the run that it is; key.job 0: of none */
  int64_t since_us;
  bool is_told, is_over, is_moved, is_given_up;
  bool has_ended; /* in this turn */
};

/* ---- places ---- */

void stuck_init(struct sched *s)
{
  s->places = memory_alloc((size_t)s->options.workers * sizeof *s->places);
  for (int i = 0; i < s->options.workers; i++)
    s->places[i] = ADDRESS_WORKER + i;
}

static void free_stuck(struct stuck *stuck)
{
  free(stuck->script);
  free(stuck);
}

void stuck_deinit(struct sched *s)
{
  for (struct stuck *stuck = s->stuck, *next; stuck; stuck = next) {
    next = stuck->next;
    free_stuck(stuck);
  }
  free(s->places);
}

int worker_at(const struct sched *s, int slot)
{
  return s->places[slot];
}

/* What was begun there stays; scripts that are loaded later come to the new one. */
void stuck_join(struct sched *s, int worker)
{
  for (int i = 1; i < s->options.workers; i++)
    for (int j = 0; j < i; j++)
      if (s->places[i] == s->places[j]) {
        s->places[i] = worker;
        return;
      }
}

/* Also if it has ended. */
static struct stuck *find_first(const struct sched *s, int worker)
{
  struct stuck *stuck = s->stuck;
  while (stuck && stuck->worker != worker)
    stuck = stuck->next;
  return stuck;
}

static struct stuck *find(const struct sched *s, int worker)
{
  struct stuck *stuck = s->stuck;
  while (stuck && (stuck->worker != worker || stuck->has_ended))
    stuck = stuck->next;
  return stuck;
}

bool stuck_is_replaced(const struct sched *s, int worker)
{
  const struct stuck *stuck = find_first(s, worker);
  return stuck && stuck->replacement;
}

bool stuck_is_deaf(const struct sched *s, int worker)
{
  const struct stuck *stuck = find(s, worker);
  return stuck && stuck->replacement && !stuck->is_over;
}

void stuck_stop(struct sched *s)
{
  for (const struct stuck *stuck = s->stuck; stuck; stuck = stuck->next)
    if (stuck->replacement && !stuck->has_ended)
      message_list_append(s->out, message_create(MESSAGE_STOP, ADDRESS_SCHEDULER, stuck->worker));
}

/* ---- whose call it is ---- */

static const struct script_entry *script_of(const struct sched *s, uint64_t generation)
{
  for (const struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (generation && (script->generation == generation || script->loading == generation ||
                       twin_has(script, generation)))
      return script;
  return NULL;
}

/* By then it may have been loaded elsewhere: so its name is kept. */
static void note_script(const struct sched *s, struct stuck *stuck)
{
  const struct script_entry *script = script_of(s, stuck->generation);
  stuck->is_script = script != NULL;
  free(stuck->script);
  stuck->script = memory_strdup(script                                      ? script->script.name
                                : stuck->generation & GENERATION_OF_CONSOLE ? "console"
                                : stuck->generation == 0                    ? "command"
                                                         : "a former version of a script");
}

static char *describe(const struct stuck *stuck)
{
  return memory_printf("stuck in a C function that %s%s has called",
                       stuck->is_script                            ? "script "
                       : stuck->generation & GENERATION_OF_CONSOLE ? "a "
                                                                   : "",
                       stuck->script);
}

char *stuck_describe(const struct sched *s, int worker, int64_t *since_us)
{
  const struct stuck *stuck = find(s, worker);
  if (!stuck || stuck->is_over)
    return NULL;
  *since_us = stuck->since_us;
  return describe(stuck);
}

/* ---- what is written ---- */

static struct stuck *note(struct sched *s, const struct message *m)
{
  struct stuck *stuck = find(s, m->from);
  if (!stuck) {
    stuck = memory_alloc(sizeof *stuck);
    stuck->worker = m->from;
    LL_APPEND(s->stuck, stuck);
  }
  if (!stuck->script || stuck->is_over || stuck->generation != m->as.stuck.generation) {
    stuck->generation = m->as.stuck.generation;
    stuck->since_us = s->now_us - m->as.stuck.for_us;
    note_script(s, stuck);
  }
  stuck->attempt = m->as.stuck.attempt;
  stuck->is_over = false;
  return stuck;
}

/* A worker that is stuck cannot watch over the time-outs of its runs. */
static void end_overdue_run(struct sched *s, struct open_run *run, const struct stuck *stuck)
{
  bool is_culprit = run_find_attempt(s, &stuck->attempt) == run;
  int64_t timeout_us = run->entry->job->timeout_us;
  int64_t began_us = run->started_us ? run->started_us : is_culprit ? stuck->since_us : s->now_us;
  if (timeout_us <= 0 || s->now_us - began_us <= timeout_us)
    return;
  char *how = describe(stuck);
  char length[DURATION_TEXT_SIZE];
  duration_format(length, timeout_us);
  char *text = memory_printf("took longer than its time-out of %s%s%s", length,
                             is_culprit ? ", stuck in a C function" : ": its worker is ",
                             is_culprit ? "" : how);
  finish_here(s, run, RUN_TIMED_OUT, text);
  free(text);
  free(how);
}

static void replace(struct sched *s, struct stuck *stuck, int replacement)
{
  stuck->replacement = replacement;
  for (int i = 0; i < s->options.workers; i++)
    if (s->places[i] == stuck->worker)
      s->places[i] = replacement;
}

/* Its worker said of all that have begun, before it was replaced. */
static void send_elsewhere(struct sched *s, struct open_run *run)
{
  if (run->told)
    finish_here(s, run, run_becomes(run), "it had not begun: its worker is stuck in a C function");
  else
    run_take_back(s, run);
}

static void give_up_run(struct sched *s, struct open_run *run, const struct stuck *stuck)
{
  if (run_find_attempt(s, &stuck->attempt) == run)
    return;
  char *how = describe(stuck);
  char *text = memory_printf("cut off: its worker has been %s", how);
  finish_cut_off(s, run, text);
  free(text);
  free(how);
}

void stuck_told(struct sched *s, const struct message *message)
{
  struct open_run *run, *next;
  struct stuck *stuck = note(s, message);
  if (message->as.stuck.replacement)
    replace(s, stuck, message->as.stuck.replacement);
  HASH_ITER(hh, s->open_runs, run, next) {
    if (run->worker != stuck->worker || run->ended || s->failure)
      continue;
    if (stuck->replacement && !run->started_us)
      send_elsewhere(s, run);
    else if (message->as.stuck.is_given_up)
      give_up_run(s, run, stuck);
    else
      end_overdue_run(s, run, stuck);
  }
}

/* It has told of the end of all that it had begun. */
void stuck_stopped(struct sched *s, const struct message *message)
{
  struct open_run *run, *next;
  struct stuck *stuck = find(s, message->from);
  HASH_ITER(hh, s->open_runs, run, next)
    if (run->worker == message->from && !run->ended && !s->failure)
      finish_cut_off(s, run, "cut off: its worker has ended");
  if (stuck)
    stuck->has_ended = true;
}

void stuck_undo(struct sched *s)
{
  for (struct stuck *stuck = s->stuck; stuck; stuck = stuck->next)
    stuck->has_ended = false;
}

/* ---- when the turn is stored ---- */

static void put_members(struct sched *s, struct json_writer *writer, const struct stuck *stuck)
{
  const struct open_run *run = run_find_attempt(s, &stuck->attempt);
  json_put_integer(writer, "worker", stuck->worker - ADDRESS_WORKER + 1);
  json_put_text(writer, "script", stuck->script);
  json_put_text(writer, "job", run ? run->entry->job->id : NULL);
  json_put_number(writer, "seconds", (double)(s->now_us - stuck->since_us) / 1e6);
  if (stuck->replacement)
    json_put_integer(writer, "replaced_by", stuck->replacement - ADDRESS_WORKER + 1);
}

static void tell(struct sched *s, const char *name, const struct stuck *stuck)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  put_members(s, &writer, stuck);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

static void name_it(struct sched *s, struct stuck *stuck)
{
  const struct open_run *run = run_find_attempt(s, &stuck->attempt);
  stuck->is_told = true;
  log_warn("worker %d is stuck in a C function: script %s%s%s", stuck->worker - ADDRESS_WORKER + 1,
           stuck->script, run ? ", job " : "", run ? run->entry->job->id : "");
  tell(s, "scheduler_worker_stuck", stuck);
}

static void move_consoles(struct sched *s, const struct stuck *stuck)
{
  struct message *m = message_create(MESSAGE_MOVED, ADDRESS_SCHEDULER, ADDRESS_FRONT);
  char *how = describe(stuck);
  m->as.moved.worker = stuck->worker;
  m->as.moved.replacement = stuck->replacement;
  m->as.moved.text = memory_printf("the worker of this console is %s: the console begins anew on "
                                   "another, and what it held is gone",
                                   how);
  message_list_append(s->out, m);
  free(how);
}

/* In the next turn its load has failed, as if its worker had said so. */
static void fail_load(struct sched *s, const struct stuck *stuck, const struct script_entry *script)
{
  struct message *m = message_create(MESSAGE_LOADED, stuck->worker, ADDRESS_SCHEDULER);
  m->as.loaded.generation = stuck->generation;
  m->as.loaded.code = ERROR_TIMEOUT;
  m->as.loaded.text = memory_printf("%s: loading it is stuck in a C function that does not end",
                                    script->script.path ? script->script.path : stuck->script);
  message_list_append(&s->held, m);
}

static void move_script(struct sched *s, const struct stuck *stuck, struct script_entry *script)
{
  bool is_culprit = script->generation && script->generation == stuck->generation;
  if (is_culprit && !script->loading) {
    script_leave(s, script, stuck->replacement);
    script->awaits = stuck->worker;
  } else if (script->loading && script->loading == stuck->generation) {
    script_leave(s, script, stuck->replacement);
    fail_load(s, stuck, script);
  } else {
    script_leave(s, script, stuck->replacement);
    script_begin_anew(s, script);
  }
}

static void move(struct sched *s, struct stuck *stuck)
{
  stuck->is_moved = true;
  log_warn("worker %d takes the place of worker %d", stuck->replacement - ADDRESS_WORKER + 1,
           stuck->worker - ADDRESS_WORKER + 1);
  for (struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (!twins_move(s, script, stuck->worker, stuck->replacement, stuck->generation))
      move_script(s, stuck, script);
  move_consoles(s, stuck);
}

static void give_up(struct sched *s, struct stuck *stuck)
{
  if (stuck->is_given_up)
    return;
  stuck->is_given_up = true;
  log_warn("worker %d is given up: what it had begun is interrupted",
           stuck->worker - ADDRESS_WORKER + 1);
  lock_worker_over(s, stuck->worker);
}

static void settle_over(struct sched *s, struct stuck *stuck)
{
  if (!stuck || stuck->is_over)
    return;
  stuck->is_over = true;
  if (!stuck->is_told)
    return;
  stuck->is_told = false;
  log_warn("worker %d goes on: script %s had kept it for %.1f s",
           stuck->worker - ADDRESS_WORKER + 1, stuck->script,
           (double)(s->now_us - stuck->since_us) / 1e6);
  tell(s, "scheduler_worker_recovered", stuck);
  for (struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script->awaits == stuck->worker)
      script_begin_anew(s, script);
    else
      twins_return(s, script, stuck->worker);
}

static void settle_stopped(struct sched *s, int worker, struct stuck *stuck)
{
  lock_worker_over(s, worker);
  if (!stuck || !stuck->has_ended)
    return;
  log_info("worker %d has ended", worker - ADDRESS_WORKER + 1);
  LL_DELETE(s->stuck, stuck);
  free_stuck(stuck);
}

static void settle_stuck(struct sched *s, struct stuck *stuck, bool is_given_up)
{
  if (!stuck->is_told)
    name_it(s, stuck);
  if (stuck->replacement && !stuck->is_moved)
    move(s, stuck);
  if (is_given_up)
    give_up(s, stuck);
}

void stuck_settle(struct sched *s, const struct message *message)
{
  struct stuck *stuck = find_first(s, message->from);
  if (message->kind == MESSAGE_STOPPED)
    settle_stopped(s, message->from, stuck);
  else if (message->kind == MESSAGE_UNSTUCK)
    settle_over(s, stuck);
  else if (stuck)
    settle_stuck(s, stuck, message->as.stuck.is_given_up);
}

void stuck_clock_set(struct sched *s, int64_t step_us)
{
  for (struct stuck *stuck = s->stuck; stuck; stuck = stuck->next)
    stuck->since_us += step_us;
}

void stuck_put(struct sched *s, struct json_writer *writer)
{
  json_key(writer, "stuck");
  json_begin_array(writer);
  for (const struct stuck *stuck = s->stuck; stuck; stuck = stuck->next)
    if (!stuck->is_over) {
      json_begin_object(writer);
      put_members(s, writer, stuck);
      json_end_object(writer);
    }
  json_end_array(writer);
}
