/* A script that says `parallel = true` has a state on each worker.
 *
 * The first one is loaded, declares and is put in force as that of any script is (script.c): the
 * script's jobs and listeners are what it says, its triggers are asked there and its listeners are
 * called there. Only then the same source is loaded on the other workers, for runs alone. Such a
 * twin must have declared the same; one that has not, or does not load, gets no runs, and the
 * others do without it.
 *
 * All states go together when another version takes their place. When the first one's worker is
 * stuck a twin becomes the first: runs begin there and listeners hear there from then on. */
#include "sched/twin.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/ask.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/stuck.h"

static bool is_parallel(const struct script_entry *script)
{
  return script->facts && json_boolean(json_get(json_root(script->facts), "parallel"), false);
}

static struct twin *find(const struct script_entry *script, uint64_t generation)
{
  struct twin *twin = script->twins;
  while (twin && (!generation || twin->generation != generation))
    twin = twin->next;
  return twin;
}

static struct twin *find_on(const struct script_entry *script, int worker)
{
  struct twin *twin = script->twins;
  while (twin && twin->worker != worker)
    twin = twin->next;
  return twin;
}

static void add(struct script_entry *script, struct twin *twin)
{
  struct twin **end = &script->twins;
  while (*end)
    end = &(*end)->next;
  *end = twin;
}

static void free_twin(struct twin *twin)
{
  json_free(twin->facts);
  free(twin->error);
  free(twin);
}

static void drop(struct script_entry *script, struct twin *twin)
{
  struct twin **at = &script->twins;
  while (*at != twin)
    at = &(*at)->next;
  *at = twin->next;
  free_twin(twin);
}

bool twin_has(const struct script_entry *script, uint64_t generation)
{
  return find(script, generation) != NULL;
}

static struct script_entry *find_script(const struct sched *s, uint64_t generation)
{
  struct script_entry *script = s->scripts;
  while (script && !find(script, generation))
    script = script->hh.next;
  return script;
}

const char *twin_listener(const struct sched *s, uint64_t generation, int64_t id,
                          const char **script)
{
  const struct script_entry *owner = find_script(s, generation);
  const struct twin *twin = owner ? find(owner, generation) : NULL;
  if (!twin || !twin->facts)
    return NULL;
  *script = owner->script.name;
  json_each(listener, json_get(json_root(twin->facts), "listeners"))
    if (json_integer(json_get(listener, "id"), 0) == id)
      return json_text(json_get(listener, "name"), NULL);
  return NULL;
}

bool twin_choose(const struct sched *s, const struct script_entry *script,
                 struct script_state *state)
{
  bool is_found = !stuck_is_replaced(s, script->worker);
  *state = (struct script_state){script->worker, script->generation};
  for (const struct twin *twin = script->twins; twin; twin = twin->next)
    if (twin->is_loaded && !stuck_is_replaced(s, twin->worker) &&
        (!is_found || run_count_of(s, twin->worker) < run_count_of(s, state->worker))) {
      *state = (struct script_state){twin->worker, twin->generation};
      is_found = true;
    }
  return is_found;
}

/* ---- for people ---- */

static void put_one(struct json_writer *writer, int worker, const char *state, const char *error)
{
  json_begin_object(writer);
  json_put_integer(writer, "worker", worker - ADDRESS_WORKER + 1);
  json_put_text(writer, "state", state);
  if (error)
    json_put_text(writer, "error", error);
  json_end_object(writer);
}

void twins_put(const struct script_entry *script, struct json_writer *writer)
{
  json_put_boolean(writer, "parallel", is_parallel(script));
  if (!is_parallel(script) || !script->generation)
    return;
  json_key(writer, "states");
  json_begin_array(writer);
  put_one(writer, script->worker, "loaded", NULL);
  for (const struct twin *twin = script->twins; twin; twin = twin->next)
    put_one(writer, twin->worker,
            twin->is_loaded ? "loaded"
            : twin->error   ? "error"
            : twin->awaits  ? "stuck"
                            : "loading",
            twin->error);
  json_end_array(writer);
}

/* ---- coming and going ---- */

void twins_free(struct script_entry *script)
{
  while (script->twins)
    drop(script, script->twins);
}

/* One that is being loaded is told to go when it says that it is there. */
void twins_retire(struct sched *s, const struct script_entry *script)
{
  for (const struct twin *twin = script->twins; twin; twin = twin->next)
    if (twin->is_loaded)
      script_retire_state(s, twin->worker, twin->generation);
}

static void load(struct sched *s, struct script_entry *script, int worker,
                 const struct script_revision *revision)
{
  struct twin *twin = memory_alloc(sizeof *twin);
  twin->worker = worker;
  twin->generation = script_send_load(s, script, worker, revision->source, revision->size);
  add(script, twin);
}

void twins_spread(struct sched *s, struct script_entry *script)
{
  struct script_revision revision = {0};
  if (!script->generation || !is_parallel(script) || s->options.hold)
    return;
  for (int i = 0; i < s->options.workers; i++) {
    int worker = worker_at(s, i);
    if (script->worker == worker || find_on(script, worker))
      continue;
    if (!revision.source && store_get_source(s->store, script->script.name, 0, &revision, NULL))
      return;
    load(s, script, worker, &revision);
  }
  free(revision.source);
}

void twins_spread_all(struct sched *s)
{
  for (struct script_entry *script = s->scripts; script; script = script->hh.next)
    twins_spread(s, script);
}

/* ---- what a twin declares ---- */

static char *text_of(const struct json *value)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  if (value)
    json_write_tree(&writer, value);
  return buffer_take(&out);
}

static bool is_same(const struct json *a, const struct json *b)
{
  char *x = text_of(a), *y = text_of(b);
  bool same = strcmp(x ? x : "", y ? y : "") == 0;
  free(x);
  free(y);
  return same;
}

static const struct json *find_in(const struct json *list, const char *key, const char *value)
{
  json_each(item, list)
    if (strcmp(json_text(json_get(item, key), ""), value) == 0)
      return item;
  return NULL;
}

/* A script may declare in the order of `pairs`, which is another one in each state. */
static char *find_other_job(const struct json *first, const struct json *own)
{
  json_each(job, first) {
    const char *id = json_text(json_get(job, "id"), "");
    if (!is_same(job, find_in(own, "id", id)))
      return memory_printf("job \"%s\"", id);
  }
  return (own ? own->count : 0) > (first ? first->count : 0) ? memory_strdup("more jobs") : NULL;
}

static char *find_other_listener(const struct json *first, const struct json *own)
{
  json_each(listener, first) {
    const char *name = json_text(json_get(listener, "name"), "");
    if (!find_in(own, "name", name))
      return memory_printf("listener \"%s\"", name);
  }
  return (own ? own->count : 0) > (first ? first->count : 0) ? memory_strdup("more listeners")
                                                             : NULL;
}

/* What it has declared otherwise than the first state; NULL: nothing. */
static char *find_difference(const struct json *first, const struct json *own)
{
  char *other = find_other_job(json_get(first, "jobs"), json_get(own, "jobs"));
  if (!other)
    other = find_other_listener(json_get(first, "listeners"), json_get(own, "listeners"));
  for (const char *const *kind = (const char *const[]){"calendars", "pools", "parallel", NULL};
       *kind && !other; kind++)
    if (!is_same(json_get(first, *kind), json_get(own, *kind)))
      other = memory_printf("%s", *kind);
  return other;
}

static void note_error(struct twin *twin, const struct script_entry *script, const char *error)
{
  twin->generation = 0;
  twin->error = memory_strdup(error);
  log_error("script %s on worker %d: %s; it gets no runs there", script->script.name,
            twin->worker - ADDRESS_WORKER + 1, error);
}

static void take_facts(struct sched *s, struct script_entry *script, struct twin *twin,
                       const char *text)
{
  struct error error = {0};
  char *other = NULL;
  if (!json_parse(text, strlen(text), &twin->facts, &error))
    other = find_difference(json_root(script->facts), json_root(twin->facts));
  if (other)
    error_set(&error, ERROR_SCRIPT, "it declares %s otherwise than in its first state", other);
  free(other);
  twin->is_loaded = !error.code;
  if (twin->is_loaded)
    return;
  script_retire_state(s, twin->worker, twin->generation);
  note_error(twin, script, error.text);
}

bool twins_loaded(struct sched *s, const struct message *message)
{
  struct script_entry *script = find_script(s, message->as.loaded.generation);
  if (!script)
    return false;
  struct twin *twin = find(script, message->as.loaded.generation);
  if (message->as.loaded.code)
    note_error(twin, script, message->as.loaded.text);
  else
    take_facts(s, script, twin, message->as.loaded.text);
  return true;
}

/* ---- workers that are stuck ---- */

/* The first state and the twin change places. */
static void lead(struct sched *s, struct script_entry *script, struct twin *twin)
{
  struct twin first = {.worker = script->worker,
                       .generation = script->generation,
                       .is_loaded = true,
                       .facts = script->facts,
                       .next = twin->next};
  script->worker = twin->worker;
  script->generation = twin->generation;
  script->facts = twin->facts;
  *twin = first;
  listeners_move(s, script, first.generation);
  ask_again(s, script, true);
}

static struct twin *find_leader(const struct sched *s, const struct script_entry *script)
{
  struct twin *twin = script->twins;
  while (twin && (!twin->is_loaded || stuck_is_replaced(s, twin->worker)))
    twin = twin->next;
  return twin;
}

/* The replacement has its place. What keeps the worker would keep that too: so it waits. */
static void leave(struct sched *s, struct script_entry *script, struct twin *twin, int replacement,
                  bool is_culprit)
{
  if (twin->is_loaded)
    script_retire_state(s, twin->worker, twin->generation);
  else if (is_culprit)
    note_error(twin, script, "loading it is stuck in a C function that does not end");
  if (!is_culprit && !twin->error) {
    drop(script, twin);
    return;
  }
  twin->awaits = twin->error ? 0 : twin->worker;
  twin->worker = replacement;
  twin->generation = 0;
  twin->is_loaded = false;
  json_free(twin->facts);
  twin->facts = NULL;
}

bool twins_move(struct sched *s, struct script_entry *script, int worker, int replacement,
                uint64_t generation)
{
  struct twin *leader = find_leader(s, script), *next;
  if (script->worker == worker && (!leader || script->loading))
    return false;
  if (script->worker == worker)
    lead(s, script, leader);
  for (struct twin *twin = script->twins; twin; twin = next) {
    next = twin->next;
    if (twin->worker == worker)
      leave(s, script, twin, replacement, twin->generation && twin->generation == generation);
  }
  twins_spread(s, script);
  return true;
}

void twins_return(struct sched *s, struct script_entry *script, int worker)
{
  for (struct twin *twin = script->twins, *next; twin; twin = next) {
    next = twin->next;
    if (twin->awaits == worker)
      drop(script, twin);
  }
  twins_spread(s, script);
}
