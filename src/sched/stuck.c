/* Workers that sit in a C function which nothing can cut, and their replacement.
 *
 * The app tells of such a worker as soon as its slice has lasted too long, again and again. When it
 * has lasted longer still, the app starts another worker; the scripts of the stuck one, except the
 * one whose call it is, are loaded there anew, and runs that lie unread in the stuck one's mailbox
 * come back here and are sent again. Those that it has taken stay with it: nobody else can know
 * whether they have begun. What is recorded as timed out meanwhile has another fence than what it
 * may still say. When it comes back it is retired: it gets no new work. */
#include "sched/stuck.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/event.h"
#include "sched/finish.h"
#include "sched/run.h"
#include "sched/script.h"

struct stuck {
  struct stuck *next;
  int worker, replacement; /* addresses; 0: none */
  uint64_t generation;     /* whose call it is */
  struct attempt attempt;  /* of the run that it is; key.job 0: of none */
  int64_t since_us;
  bool is_told, is_over;
};

static struct stuck *find(const struct sched *s, int worker)
{
  struct stuck *stuck = s->stuck;
  while (stuck && stuck->worker != worker)
    stuck = stuck->next;
  return stuck;
}

int worker_at(const struct sched *s, int slot)
{
  int worker = ADDRESS_WORKER + slot;
  for (const struct stuck *stuck; (stuck = find(s, worker)) && stuck->replacement;)
    worker = stuck->replacement;
  return worker;
}

void stuck_free_all(struct sched *s)
{
  for (struct stuck *stuck = s->stuck, *next; stuck; stuck = next) {
    next = stuck->next;
    free(stuck);
  }
}

void stuck_stop(struct sched *s)
{
  for (const struct stuck *stuck = s->stuck; stuck; stuck = stuck->next)
    if (stuck->replacement)
      message_list_append(s->out, message_create(MESSAGE_STOP, ADDRESS_SCHEDULER, stuck->worker));
}

static const struct script_entry *script_of(const struct sched *s, const struct stuck *stuck)
{
  for (const struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (stuck->generation &&
        (script->generation == stuck->generation || script->loading == stuck->generation))
      return script;
  return NULL;
}

static const char *script_name(const struct sched *s, const struct stuck *stuck)
{
  const struct script_entry *script = script_of(s, stuck);
  return script                                      ? script->script.name
         : stuck->generation & GENERATION_OF_CONSOLE ? "console"
         : stuck->generation == 0                    ? "command"
                                                     : "a former version of a script";
}

/* ---- while it lasts ---- */

static struct stuck *note(struct sched *s, const struct message *m)
{
  struct stuck *stuck = find(s, m->from);
  if (!stuck) {
    stuck = memory_alloc(sizeof *stuck);
    stuck->worker = m->from;
    stuck->next = s->stuck;
    s->stuck = stuck;
  }
  stuck->generation = m->as.stuck.generation;
  stuck->attempt = m->as.stuck.attempt;
  stuck->since_us = s->now_us - m->as.stuck.for_us;
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
  char *text = is_culprit
                   ? memory_strdup("took longer than its time-out, stuck in a C function")
                   : memory_printf("took longer than its time-out: its worker is stuck in a C "
                                   "function that script %s has called",
                                   script_name(s, stuck));
  finish_here(s, run, RUN_TIMED_OUT, text);
  free(text);
}

void stuck_told(struct sched *s, const struct message *message)
{
  struct open_run *run, *next;
  const struct stuck *stuck = note(s, message);
  HASH_ITER(hh, s->open_runs, run, next)
    if (run->worker == stuck->worker && !run->ended)
      end_overdue_run(s, run, stuck);
}

void stuck_returned(struct sched *s, const struct message *message)
{
  struct open_run *run = run_find_attempt(s, &message->as.run.attempt);
  if (run)
    run_take_back(s, run);
}

/* ---- when the turn is stored ---- */

static void put_members(struct sched *s, struct json_writer *writer, const struct stuck *stuck)
{
  const struct open_run *run = run_find_attempt(s, &stuck->attempt);
  json_put_integer(writer, "worker", stuck->worker - ADDRESS_WORKER + 1);
  json_put_text(writer, "script", script_name(s, stuck));
  json_put_text(writer, "job", run ? run->entry->job->id : NULL);
  json_put_number(writer, "seconds", (double)(s->now_us - stuck->since_us) / 1e6);
}

static void tell(struct sched *s, const char *name, const struct stuck *stuck)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  put_members(s, &writer, stuck);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

static void move_scripts(struct sched *s, const struct stuck *stuck, bool also_the_culprit)
{
  const struct script_entry *culprit = also_the_culprit ? NULL : script_of(s, stuck);
  for (struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script->worker == stuck->worker && script != culprit)
      script_move(s, script, stuck->replacement);
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
           stuck->worker - ADDRESS_WORKER + 1, script_name(s, stuck),
           (double)(s->now_us - stuck->since_us) / 1e6);
  tell(s, "scheduler_worker_recovered", stuck);
  if (stuck->replacement)
    move_scripts(s, stuck, true);
}

void stuck_settle(struct sched *s, const struct message *message)
{
  struct stuck *stuck = find(s, message->from);
  if (message->kind == MESSAGE_UNSTUCK) {
    settle_over(s, stuck);
    return;
  }
  if (!stuck->is_told) {
    stuck->is_told = true;
    const struct open_run *run = run_find_attempt(s, &stuck->attempt);
    log_warn("worker %d is stuck in a C function: script %s%s%s",
             stuck->worker - ADDRESS_WORKER + 1, script_name(s, stuck), run ? ", job " : "",
             run ? run->entry->job->id : "");
    tell(s, "scheduler_worker_stuck", stuck);
  }
  if (message->as.stuck.replacement && !stuck->replacement) {
    stuck->replacement = message->as.stuck.replacement;
    log_warn("worker %d takes the place of worker %d", stuck->replacement - ADDRESS_WORKER + 1,
             stuck->worker - ADDRESS_WORKER + 1);
    move_scripts(s, stuck, false);
  }
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
