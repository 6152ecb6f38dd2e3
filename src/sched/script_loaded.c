/* What a worker says of a load, and what that makes of the script. In the turn's transaction its
 * declarations are stored, or its error; after the commit the new state takes the place of the one
 * before, or goes. */
#include "sched/script.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "sched/ask.h"
#include "sched/calendar.h"
#include "sched/declare.h"
#include "sched/event.h"
#include "sched/near.h"
#include "sched/pool.h"
#include "sched/run.h"
#include "sched/turn.h"
#include "sched/twin.h"

static struct script_entry *find_loading(struct sched *s, uint64_t generation)
{
  for (struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script->loading == generation)
      return script;
  return NULL;
}

static void store_good(struct sched *s, struct script_entry *script)
{
  struct error error;
  int64_t number;
  if (script->fallback)
    return;
  struct script good = script->script;
  memcpy(good.version, script->version, sizeof good.version);
  good.error = NULL;
  good.loaded_us = s->now_us;
  if (!sched_failed(s, store_put_script(s->store, &good, &error), &error) &&
      !sched_failed(s,
                    store_add_source(s->store, good.name, script->source, script->source_size,
                                     s->now_us, &number, &error),
                    &error))
    script->revision = number;
}

static void store_bad(struct sched *s, const struct script_entry *script)
{
  struct error error;
  struct script bad = script->script;
  if (bad.origin == SCRIPT_ADDED && !bad.version[0])
    return; /* it was never there */
  bad.error = script->verdict;
  sched_failed(s, store_put_script(s->store, &bad, &error), &error);
}

bool script_declares(struct sched *s, const char *script, const char *kind, const char *name)
{
  const struct script_entry *owner = script ? script_find(s, script) : NULL;
  if (!owner || !owner->facts)
    return owner && owner->loading;
  return json_get(json_get(json_root(owner->facts), kind), name);
}

static enum error_code declare_all(struct sched *s, struct script_entry *script,
                                   const struct json *facts, struct error *error)
{
  struct calendars_change change = {0};
  const struct json *calendars = json_get(facts, "calendars");
  const struct json *pools = json_get(facts, "pools");
  enum error_code code = calendars_declare(s, script, calendars, &change, error);
  if (!code)
    code = pools_declare(s, script, pools, error);
  if (!code)
    code = declare_jobs(s, script, json_get(facts, "jobs"), &script->conflict, error);
  pools_settle(s, script, pools, !code);
  calendars_settle(s, script, calendars, &change, !code);
  return code;
}

/* The jobs of a version that was good before are in the store. */
static enum error_code declare(struct sched *s, struct script_entry *script,
                               const struct json *facts, struct error *error)
{
  struct listener *listeners;
  enum error_code code = listeners_read(script, json_get(facts, "listeners"), &listeners, error);
  if (code)
    return code;
  if (!script->fallback)
    code = declare_all(s, script, facts, error);
  if (code)
    listeners_free(listeners);
  else
    listeners_declare(s, script, listeners);
  return code;
}

/* What still fails in the same way when it is tried again is not told again. */
static bool is_known_failure(const struct script_entry *script)
{
  return (script->conflict || script->is_same_source) && script->script.error &&
         strcmp(script->script.error, script->verdict) == 0;
}

/* In the transaction, and not when it is put in force, so that it is kept for those who wait. */
static void tell_load(struct sched *s, const struct script_entry *script)
{
  if (script->fallback)
    return;
  if (!script->verdict)
    event_script(s, "script_loaded", script, script->version, NULL);
  else if (!is_known_failure(script))
    event_script(s, "script_failed", script, script->script.version, script->verdict);
}

void script_loaded(struct sched *s, const struct message *message)
{
  struct script_entry *script = find_loading(s, message->as.loaded.generation);
  struct json_document *facts = NULL;
  struct error error = {0};
  if (!script)
    return;
  free(script->verdict);
  script->verdict = NULL;
  script->conflict = false;
  script->decided.generation = script->loading;
  script->decided.fallback = script->fallback;
  script->decided.moving = script->moving;
  memcpy(script->decided.version, script->version, sizeof script->version);
  enum error_code code = message->as.loaded.code;
  if (code)
    error_set(&error, code, "%s", message->as.loaded.text);
  else
    code = json_parse(message->as.loaded.text, strlen(message->as.loaded.text), &facts, &error);
  if (!code)
    code = declare(s, script, json_root(facts), &error);
  json_free(facts);
  if (s->failure)
    return;
  if (code)
    script->verdict = memory_strdup(error.text);
  else
    store_good(s, script);
  if (code && !script->fallback)
    store_bad(s, script);
  if (code && !script->generation && !script_may_fall_back(s, script))
    declare_break_jobs(s, script->script.name, script->verdict);
  if (!code)
    declare_mend_jobs(s, script->script.name);
  tell_load(s, script);
}

static void put_in_force(struct sched *s, struct script_entry *script,
                         const struct message *message)
{
  script_retire(s, script);
  twins_free(script);
  script->generation = script->decided.generation;
  json_free(script->facts);
  script->facts = NULL;
  json_parse(message->as.loaded.text, strlen(message->as.loaded.text), &script->facts, NULL);
  if (script->decided.moving)
    return;
  if (script->decided.fallback) {
    log_warn("%s: the last version that loaded stays in force", script->script.path);
    return;
  }
  memcpy(script->script.version, script->decided.version, sizeof script->script.version);
  script->script.loaded_us = s->now_us;
  script_set_error(script, NULL);
  const struct json *jobs = json_get(json_root(script->facts), "jobs");
  unsigned count = jobs ? jobs->count : 0;
  log_info("%s loaded: %u %s", script->script.path, count, count == 1 ? "job" : "jobs");
}

static void note_failure(struct sched *s, struct script_entry *script, bool is_last)
{
  if (script->decided.fallback) {
    if (!script->script.error)
      script_set_error(script, script->verdict);
    return;
  }
  if (!is_known_failure(script))
    log_error("%s", script->verdict);
  script_set_error(script, script->verdict);
  if (is_last)
    script_fall_back(s, script);
}

/* Whose load was taken in by the turn. */
static struct script_entry *find_decided(struct sched *s, uint64_t generation)
{
  for (struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script->decided.generation == generation)
      return script;
  return NULL;
}

static void tell_modules(struct sched *s, const struct script_entry *script,
                         const struct message *message)
{
  if (!message->as.loaded.modules)
    return;
  struct message *m = message_create(MESSAGE_MODULES, ADDRESS_SCHEDULER, ADDRESS_FRONT);
  m->as.modules.script = memory_strdup(script->script.name);
  m->as.modules.text = memory_strdup(message->as.loaded.modules);
  message_list_append(s->out, m);
}

void script_settle(struct sched *s, const struct message *message)
{
  uint64_t generation = message->as.loaded.generation;
  struct script_entry *script = find_decided(s, generation);
  if (!script && twins_loaded(s, message))
    return;
  if (!script) {
    /* Overtaken by a newer source, removed meanwhile, or left behind with its worker. */
    if (message->as.loaded.code == ERROR_OK)
      script_retire_state(s, message->from, generation);
    return;
  }
  tell_modules(s, script, message);
  bool good = !script->verdict;
  /* Else a newer source that came in the same turn is being loaded. */
  bool is_last = script->loading == generation;
  if (is_last) {
    script->loading = 0;
    script->fallback = script->moving = false;
  }
  if (good) {
    put_in_force(s, script, message);
    twins_spread(s, script);
  } else {
    if (message->as.loaded.code == ERROR_OK)
      script_retire_state(s, script->worker, generation); /* it is there, its jobs were refused */
    note_failure(s, script, is_last);
  }
  script->decided.generation = 0;
  ask_again(s, script, good);
  if (is_last)
    script_answer_waiting(s, script, script->verdict);
  if (script_was_never_good(script))
    script_forget(s, script);
  else if (good)
    script_try_conflicts(s);
  near_look_again(s);
  run_release(s);
}

bool script_has_function(const struct script_entry *script, const char *func, struct error *error)
{
  const char *names[256] = {0};
  size_t count = 0;
  if (!script->facts)
    return true;
  json_each(name, json_get(json_root(script->facts), "functions")) {
    if (strcmp(json_text(name, ""), func) == 0)
      return true;
    if (count < 255)
      names[count++] = json_text(name, "");
  }
  char hint[128];
  error_set(error, ERROR_NOT_FOUND, "script %s has no function \"%s\"%s", script->script.name, func,
            text_did_you_mean(hint, func, names));
  return false;
}
