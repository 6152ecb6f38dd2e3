/* Which version of each script is in force.
 *
 * A source that comes (from the folder, or added at run time) is loaded by a worker in a new state,
 * named by its generation. Only when that has worked and its jobs are stored does the generation
 * take the place of the one before, which ends when its calls have ended. A source that fails
 * changes nothing but the script's error. The last good source is kept in the store, so that an old
 * version stays in force over a restart too. */
#include "sched/script.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/calendar.h"
#include "sched/declare.h"
#include "sched/event.h"
#include "sched/near.h"
#include "sched/pool.h"
#include "sched/run.h"
#include "sched/stuck.h"
#include "sched/turn.h"
#include "sched/twin.h"
#include "sched/view.h"

struct script_entry *script_find(struct sched *s, const char *name)
{
  struct script_entry *script = NULL;
  if (name)
    HASH_FIND_STR(s->scripts, name, script);
  return script;
}

struct script_entry *script_get(struct sched *s, const char *name, enum script_origin origin)
{
  struct script_entry *script = script_find(s, name);
  if (script)
    return script;
  script = memory_alloc(sizeof *script);
  script->script.name = memory_strdup(name);
  script->script.origin = origin;
  script->worker = worker_at(s, s->next_worker);
  s->next_worker = (s->next_worker + 1) % s->options.workers;
  HASH_ADD_KEYPTR(hh, s->scripts, script->script.name, strlen(script->script.name), script);
  return script;
}

static void free_script(struct script_entry *script)
{
  twins_free(script);
  script_deinit(&script->script);
  free(script->source);
  free(script->verdict);
  json_free(script->facts);
  free(script);
}

void script_forget(struct sched *s, struct script_entry *script)
{
  script_waits_forget(s, script);
  HASH_DEL(s->scripts, script);
  free_script(script);
}

bool script_was_never_good(const struct script_entry *script)
{
  return script->script.origin == SCRIPT_ADDED && !script->script.version[0] &&
         !script->generation && !script->loading;
}

static struct script_entry *pop_removed(struct sched *s)
{
  struct script_entry *script = s->removed_scripts;
  if (script)
    s->removed_scripts = script->next_removed;
  return script;
}

void script_forget_all(struct sched *s)
{
  struct script_entry *script, *next;
  script_waits_forget_all(s);
  HASH_ITER(hh, s->scripts, script, next) {
    script_forget(s, script);
  }
  while ((script = pop_removed(s)))
    free_script(script);
}

enum script_ready script_ready(struct sched *s, const char *name, struct script_entry **entry,
                               struct error *error)
{
  struct script_entry *script = script_find(s, name);
  struct script_state state;
  *entry = script;
  if (script && script->generation)
    return twin_choose(s, script, &state) ? SCRIPT_READY : SCRIPT_LATER;
  if ((script && (script->loading || script->awaits)) || !s->scanned)
    return SCRIPT_LATER;
  if (script)
    error_set(error, ERROR_SCRIPT, "its script %s does not load: %s", name,
              script->script.error ? script->script.error : "no source");
  else
    error_set(error, ERROR_NOT_FOUND, "there is no script \"%s\"", name);
  return SCRIPT_MISSING;
}

uint64_t script_send_load(struct sched *s, const struct script_entry *script, int worker,
                          const char *source, size_t size)
{
  uint64_t generation = s->next_generation++;
  struct message *m = message_create(MESSAGE_LOAD, ADDRESS_SCHEDULER, worker);
  m->as.load.generation = generation;
  m->as.load.script = memory_strdup(script->script.name);
  m->as.load.path = memory_strdup(script->script.path);
  m->as.load.text = memory_copy(source, size);
  m->as.load.size = size;
  message_list_append(s->out, m);
  return generation;
}

/* An older load that is still under way is overtaken: its answer will be stale. */
static void send_load(struct sched *s, struct script_entry *script, const char *source, size_t size)
{
  script->loading = script_send_load(s, script, script->worker, source, size);
  if (!script->fallback)
    script->tried = s->provided;
}

void script_load(struct sched *s, struct script_entry *script, const char *source, size_t size)
{
  char *copy = memory_copy(source, size);
  free(script->source);
  script->source = copy;
  script->source_size = size;
  script->fallback = script->moving = script->is_same_source = false;
  script->awaits = 0;
  script_hash(source, size, script->version);
  send_load(s, script, source, size);
}

void script_retire_state(struct sched *s, int worker, uint64_t generation)
{
  if (!generation)
    return;
  listeners_retire(s, generation);
  struct message *m = message_create(MESSAGE_RETIRE, ADDRESS_SCHEDULER, worker);
  m->as.retire.generation = generation;
  message_list_append(s->out, m);
}

void script_retire(struct sched *s, const struct script_entry *script)
{
  script_retire_state(s, script->worker, script->generation);
  twins_retire(s, script);
}

void script_leave(struct sched *s, struct script_entry *script, int worker)
{
  script_retire(s, script);
  twins_free(script);
  script->moving |= script->generation != 0;
  script->generation = script->decided.generation = 0;
  script->worker = worker;
}

void script_begin_anew(struct sched *s, struct script_entry *script)
{
  struct script_revision revision;
  script->awaits = 0;
  if (script->loading && !script->fallback) { /* the newest source is on its way */
    send_load(s, script, script->source, script->source_size);
  } else if ((script->moving || script->loading) &&
             !store_get_source(s->store, script->script.name, 0, &revision, NULL)) {
    script->fallback = true;
    send_load(s, script, revision.source, revision.size);
    free(revision.source);
  }
}

static void put(struct sched *s, const struct script_entry *script)
{
  struct error error;
  sched_failed(s, store_put_script(s->store, &script->script, &error), &error);
}

void script_set_error(struct script_entry *script, const char *text)
{
  char *copy = memory_strdup(text);
  free(script->script.error);
  script->script.error = copy;
}

void script_try_conflicts(struct sched *s)
{
  for (struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script->conflict && !script->loading && script->source) {
      script->conflict = false;
      send_load(s, script, script->source, script->source_size);
    }
}

/* What made them fail may have passed although their files are the same. When the turn is taken
 * back it happens again, so one that seems to be loading already is not left out. */
static void try_failed_again(struct sched *s)
{
  for (struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script->script.error && script->source) {
      script->fallback = false;
      script->is_same_source = true;
      send_load(s, script, script->source, script->source_size);
    }
}

void script_provide(struct sched *s)
{
  s->provided++;
  s->is_provided = true;
}

void script_try_provided(struct sched *s)
{
  if (!s->is_provided)
    return;
  s->is_provided = false;
  for (struct script_entry *script = s->scripts; script; script = script->hh.next) {
    if (script->tried == s->provided)
      continue;
    if (script->loading) { /* it may fail for want of what came behind its beginning */
      s->is_provided = true;
    } else if (script->script.error && script->source) {
      script->is_same_source = true;
      send_load(s, script, script->source, script->source_size);
    }
  }
}

void script_remove(struct sched *s, struct script_entry *script)
{
  struct error error;
  log_info("script %s removed", script->script.name);
  declare_remove_jobs(s, script->script.name);
  calendars_drop(s, script->script.name, NULL);
  pools_drop(s, script->script.name, NULL);
  enum error_code code = store_remove_script(s->store, script->script.name, &error);
  /* One whose first load is still under way is not in the store yet. */
  if (code != ERROR_NOT_FOUND && sched_failed(s, code, &error))
    return;
  script_retire(s, script);
  listeners_remove_script(s, script->script.name);
  event_script(s, "script_removed", script, script->script.version, script->script.error);
  HASH_DEL(s->scripts, script);
  script->next_removed = s->removed_scripts;
  s->removed_scripts = script;
}

void script_commit(struct sched *s)
{
  struct script_entry *script;
  s->is_scanning = false;
  script_waits_commit(s);
  if (!s->removed_scripts)
    return;
  while ((script = pop_removed(s))) {
    script_answer_waiting(s, script, "the script was removed before it was loaded");
    free_script(script);
  }
  script_try_conflicts(s);
  near_look_again(s); /* what waited for its load waits no longer */
  run_release(s);
}

/* A newer one of the name has come in the same turn, and comes again. */
static void forget_successor(struct sched *s, const struct script_entry *script)
{
  struct script_entry *successor = script_find(s, script->script.name);
  if (!successor)
    return;
  script_forget(s, successor);
}

void script_undo(struct sched *s)
{
  struct script_entry *script, *next;
  s->scanned &= !s->is_scanning;
  s->is_scanning = false;
  script_waits_undo(s);
  while ((script = pop_removed(s))) {
    sometimes("a script is not removed after all");
    forget_successor(s, script);
    HASH_ADD_KEYPTR(hh, s->scripts, script->script.name, strlen(script->script.name), script);
  }
  HASH_ITER(hh, s->scripts, script, next) {
    script->decided.generation = 0;
    if (script_was_never_good(script))
      script_forget(s, script);
  }
}

/* ---- what the front found in the folder ---- */

bool script_may_fall_back(struct sched *s, const struct script_entry *script)
{
  struct script_revision revision;
  if (script->generation || script->fallback ||
      store_get_source(s->store, script->script.name, 0, &revision, NULL))
    return false;
  free(revision.source);
  return strcmp(revision.version, script->version) != 0;
}

bool script_fall_back(struct sched *s, struct script_entry *script)
{
  struct script_revision revision;
  if (!script_may_fall_back(s, script) ||
      store_get_source(s->store, script->script.name, 0, &revision, NULL))
    return false;
  script->fallback = true;
  send_load(s, script, revision.source, revision.size);
  free(revision.source);
  return true;
}

/* Also if it seems to have done so already, as a turn that was taken back has sent nothing. */
static bool fall_back_again(struct sched *s, struct script_entry *script)
{
  bool has_fallen_back = script->fallback;
  script->fallback = has_fallen_back && script->moving;
  if (script_fall_back(s, script))
    return true;
  script->fallback = has_fallen_back;
  return false;
}

static void cannot_be_read(struct sched *s, struct script_entry *script, const char *problem)
{
  script_set_error(script, problem);
  if (!script->loading || script->fallback) { /* else it is still to be stored */
    free(script->source);
    script->source = NULL;
  }
  log_error("%s", problem);
  put(s, script);
  event_script(s, "script_failed", script, script->script.version, problem);
  if (!script->generation && !fall_back_again(s, script))
    declare_break_jobs(s, script->script.name, problem);
}

void script_source(struct sched *s, const struct message *message)
{
  const char *name = message->as.source.script;
  struct script_entry *script = script_find(s, name);
  if (!message->as.source.text && !message->as.source.problem) {
    if (script && script->script.origin == SCRIPT_FILE)
      script_remove(s, script);
    return;
  }
  if (script && script->script.origin == SCRIPT_ADDED) {
    log_error("%s: a script of that name was added at run time: remove it or rename the file",
              message->as.source.path);
    return;
  }
  script = script_get(s, name, SCRIPT_FILE);
  script->seen = true;
  script->since_start |= !s->scanned;
  free(script->script.path);
  script->script.path = memory_strdup(message->as.source.path);
  if (message->as.source.problem)
    cannot_be_read(s, script, message->as.source.problem);
  else
    script_load(s, script, message->as.source.text, message->as.source.size);
}

void script_scanned(struct sched *s, const struct message *message)
{
  struct script_entry *script, *next;
  if (script_waits_scanned(s, message->tag))
    try_failed_again(s);
  if (s->scanned)
    return;
  s->scanned = s->is_scanning = true;
  HASH_ITER(hh, s->scripts, script, next)
    if (script->script.origin == SCRIPT_FILE && !script->seen)
      script_remove(s, script);
  event_plain(s, "scheduler_started");
  near_look_again(s);
  run_release(s);
}

/* ---- the start ---- */

static bool take_script(void *context, const struct script *stored)
{
  struct sched *s = context;
  struct script_entry *script = script_get(s, stored->name, stored->origin);
  script->script.path = memory_strdup(stored->path);
  script->script.error = memory_strdup(stored->error);
  script->script.loaded_us = stored->loaded_us;
  memcpy(script->script.version, stored->version, sizeof stored->version);
  return true;
}

void script_recover(struct sched *s)
{
  struct error error;
  struct script_revision revision;
  sched_failed(s, store_each_script(s->store, take_script, s, &error), &error);
  for (struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script->script.origin == SCRIPT_ADDED && !s->failure &&
        !sched_failed(s, store_get_source(s->store, script->script.name, 0, &revision, &error),
                      &error)) {
      script_load(s, script, revision.source, revision.size);
      free(revision.source);
    }
}
