/* Who hears of events: listeners come with the version of a script that declares them, take the
 * place of its former ones, and go with it; what a turn changes of them stays or is taken back with
 * it. listener_tell.c brings them what they hear. */
#include "sched/listener.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "sched/turn.h"
#include "sched/twin.h"
#include "sched/view.h"

/* ---- what a turn changes ---- */

void listener_touch(struct sched *s, struct listener *listener)
{
  if (listener->is_touched)
    return;
  listener->before = listener->state;
  listener->is_touched = s->listeners.touched = true;
}

static void free_listener(struct listener *listener)
{
  listener_spec_destroy(listener->spec);
  free(listener->script);
  free(listener->error);
  free(listener);
}

void listeners_free(struct listener *list)
{
  while (list) {
    struct listener *next = list->next;
    free_listener(list);
    list = next;
  }
}

static void append(struct sched *s, struct listener *listener)
{
  listener->next = NULL;
  if (s->listeners.last)
    s->listeners.last->next = listener;
  else
    s->listeners.first = listener;
  s->listeners.last = listener;
  listener->is_fresh = true;
  s->listeners.has_durable |= listener->number != 0;
  s->listeners.touched = true;
  listeners_forget_slots(s);
}

static void let_go(struct sched *s, struct listener *listener)
{
  listener->is_gone = s->listeners.touched = true;
  listeners_forget_slots(s);
}

static void settle(struct sched *s, bool is_good)
{
  struct listener *last = NULL;
  if (!s->listeners.touched)
    return;
  s->listeners.touched = s->listeners.has_durable = false;
  for (struct listener **at = &s->listeners.first; *at;) {
    struct listener *l = *at;
    if (is_good ? l->is_gone : l->is_fresh) {
      *at = l->next;
      listeners_forget_slots(s);
      free_listener(l);
      continue;
    }
    if (!is_good && l->is_touched)
      l->state = l->before;
    if (l->is_gone)
      listeners_forget_slots(s);
    l->is_fresh = l->is_gone = l->is_touched = false;
    s->listeners.has_durable |= l->number != 0;
    last = l;
    at = &l->next;
  }
  s->listeners.last = last;
}

void listeners_commit(struct sched *s)
{
  settle(s, true);
}

void listeners_undo(struct sched *s)
{
  settle(s, false);
}

void listeners_free_all(struct sched *s)
{
  listeners_forget_slots(s);
  listeners_free(s->listeners.first);
  s->listeners.first = s->listeners.last = NULL;
}

/* ---- who there is ---- */

static struct listener *make(const char *script, struct listener_spec *spec)
{
  struct listener *listener = memory_alloc(sizeof *listener);
  listener->script = memory_strdup(script);
  listener->spec = spec;
  return listener;
}

static bool has_name(const struct listener *list, const char *name)
{
  for (; list; list = list->next)
    if (strcmp(list->spec->name, name) == 0)
      return true;
  return false;
}

enum error_code listeners_read(const struct script_entry *script, const struct json *specs,
                               struct listener **list, struct error *error)
{
  struct listener *first = NULL, **end = &first;
  enum error_code code = ERROR_OK;
  json_each(value, specs) {
    struct listener_spec *spec;
    if ((code = listener_spec_from_json(value, &spec, error)))
      break;
    if (has_name(first, spec->name)) {
      code = error_set(error, ERROR_INVALID, "listener \"%s\" is declared twice", spec->name);
      listener_spec_destroy(spec);
      break;
    }
    *end = make(script->script.name, spec);
    end = &(*end)->next;
  }
  if (code)
    listeners_free(first);
  else
    *list = first;
  return code;
}

struct listener *listener_of_state(struct sched *s, uint64_t generation, int64_t id)
{
  listeners_each(l, s)
    if (l->generation == generation && l->spec->id == id && !l->is_gone)
      return l;
  return NULL;
}

static struct listener *find_declared(struct sched *s, const char *script, const char *name)
{
  listeners_each(l, s)
    if (!l->is_added && !l->is_gone && strcmp(l->script, script) == 0 &&
        strcmp(l->spec->name, name) == 0)
      return l;
  return NULL;
}

static char *spec_json(const struct listener_spec *spec)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_begin_object(&writer);
  listener_spec_put(spec, &writer);
  json_end_object(&writer);
  return buffer_take(&out);
}

/* What was sent before does not count. */
static void begin_round(struct listener_state *state)
{
  state->in_flight = state->sent_number = state->retry_us = 0;
  state->round++;
}

/* The counts go on; what was sent to the former state, and not heard, is sent again. */
static void take_over(struct sched *s, struct listener *l, struct listener *former)
{
  struct error error;
  bool was_durable = former && former->number;
  if (former) {
    l->state = former->state;
    begin_round(&l->state);
    l->error = memory_strdup(former->error);
    l->error_us = former->error_us;
  }
  if (!l->spec->durable || !was_durable)
    l->state.waiting = l->state.dead = l->state.last_number = 0;
  char *json = spec_json(l->spec);
  if (l->spec->durable && was_durable) {
    l->number = former->number;
    sched_failed(s, store_put_listener(s->store, l->number, json, &error), &error);
  } else if (l->spec->durable) {
    sched_failed(s,
                 store_add_listener(s->store, l->script, l->spec->name, json, &l->number, &error),
                 &error);
  }
  free(json);
}

/* A listener that is declared no longer takes what waits for it along. */
static void drop(struct sched *s, struct listener *l)
{
  struct error error;
  let_go(s, l);
  if (!l->number || sched_failed(s, store_remove_listener(s->store, l->number, &error), &error))
    return;
  if (l->state.waiting + l->state.dead > 0)
    log_warn("listener %s/%s is gone, and with it %lld events that it has not heard of", l->script,
             l->spec->name, (long long)(l->state.waiting + l->state.dead));
}

void listeners_declare(struct sched *s, const struct script_entry *script, struct listener *list)
{
  struct listener *next;
  const char *name = script->script.name;
  for (struct listener *l = list; l; l = l->next) {
    struct listener *former = find_declared(s, name, l->spec->name);
    l->generation = script->loading;
    l->worker = script->worker;
    take_over(s, l, former);
    if (former && (l->number == former->number))
      let_go(s, former);
    else if (former)
      drop(s, former);
  }
  listeners_each(l, s)
    if (!l->is_gone && !l->is_added && strcmp(l->script, name) == 0)
      drop(s, l);
  for (; list; list = next) {
    next = list->next;
    append(s, list);
  }
}

void listeners_move(struct sched *s, const struct script_entry *script, uint64_t former)
{
  const struct json *own = json_get(json_root(script->facts), "listeners");
  json_each(value, own) {
    const char *name = json_text(json_get(value, "name"), "");
    struct listener *l = find_declared(s, script->script.name, name);
    if (!l || l->generation != former)
      continue;
    l->spec->id = json_integer(json_get(value, "id"), 0);
    l->generation = script->generation;
    l->worker = script->worker;
    begin_round(&l->state);
  }
}

enum error_code listeners_add(struct sched *s, const struct message *request,
                              const struct json *value, struct error *error)
{
  struct listener_spec *spec;
  enum error_code code = listener_spec_from_json(value, &spec, error);
  if (code)
    return code;
  if (spec->durable)
    code = error_set(error, ERROR_USAGE,
                     "a durable listener must be there when the script loads: declare it with on");
  if (code) {
    listener_spec_destroy(spec);
    return code;
  }
  struct listener *l = make(request->as.request.script ? request->as.request.script : "?", spec);
  l->generation = request->as.request.generation;
  l->worker = request->from;
  l->is_added = true;
  append(s, l);
  return ERROR_OK;
}

enum error_code listeners_remove(struct sched *s, uint64_t generation, int64_t id,
                                 struct error *error)
{
  struct listener *l = listener_of_state(s, generation, id);
  const char *script, *name = l ? NULL : twin_listener(s, generation, id, &script);
  if (name)
    l = find_declared(s, script, name);
  if (!l)
    return error_set(error, ERROR_NOT_FOUND, "the function is no listener here");
  if (l->number)
    return error_set(error, ERROR_CONFLICT,
                     "listener \"%s\" is durable: it goes when its script declares it no longer",
                     l->spec->name);
  let_go(s, l);
  return ERROR_OK;
}

void listeners_retire(struct sched *s, uint64_t generation)
{
  listeners_each(l, s)
    if (l->is_added && l->generation == generation && !l->is_gone)
      let_go(s, l);
}

void listeners_remove_script(struct sched *s, const char *script)
{
  listeners_each(l, s)
    if (!l->is_added && !l->is_gone && strcmp(l->script, script) == 0)
      drop(s, l);
}

/* ---- the start ---- */

static bool take_row(void *context, const struct stored_listener *row)
{
  struct sched *s = context;
  struct listener_spec *spec;
  struct json_document *document;
  struct error error;
  if (sched_failed(s, json_parse(row->spec, strlen(row->spec), &document, &error), &error))
    return false;
  enum error_code code = listener_spec_from_json(json_root(document), &spec, &error);
  json_free(document);
  if (code) {
    log_error("listener %s/%s: %s", row->script, row->name, error.text);
    return true;
  }
  struct listener *l = make(row->script, spec);
  l->number = row->number;
  l->state = (struct listener_state){.delivered = row->delivered,
                                     .failed = row->failed,
                                     .dropped = row->dropped,
                                     .waiting = row->waiting,
                                     .dead = row->dead,
                                     .last_number = row->last_number};
  append(s, l);
  return true;
}

void listeners_recover(struct sched *s)
{
  struct error error;
  s->listeners.next_id = (uint64_t)store_epoch(s->store) << 32 | 1;
  sched_failed(s, store_each_listener(s->store, take_row, s, &error), &error);
}

void listeners_flush(struct sched *s)
{
  struct error error;
  if (!s->listeners.touched || !s->listeners.has_durable)
    return;
  listeners_each(l, s) {
    const struct listener_state *now = &l->state, *then = &l->before;
    if (!l->number || l->is_gone || !l->is_touched ||
        (now->delivered == then->delivered && now->failed == then->failed &&
         now->dropped == then->dropped))
      continue;
    struct stored_listener row = {.number = l->number,
                                  .delivered = now->delivered,
                                  .failed = now->failed,
                                  .dropped = now->dropped};
    if (sched_failed(s, store_count_listener(s->store, &row, &error), &error))
      return;
  }
}

/* ---- for people ---- */

struct listener *listener_find(struct sched *s, const char *name, struct error *error)
{
  struct listener *found = NULL;
  const char *slash = strchr(name, '/');
  size_t size = slash ? (size_t)(slash - name) : 0;
  const char *names[64] = {0};
  char *full[63];
  size_t count = 0, matches = 0;
  listeners_each(l, s) {
    if (l->is_gone)
      continue;
    bool is_full = slash && strlen(l->script) == size && strncmp(l->script, name, size) == 0 &&
                   strcmp(l->spec->name, slash + 1) == 0;
    if (is_full || strcmp(l->spec->name, name) == 0) {
      found = l;
      matches++;
    }
    if (count < 63) {
      full[count] = memory_printf("%s/%s", l->script, l->spec->name);
      names[count] = full[count];
      count++;
    }
  }
  char hint[128];
  if (matches == 0)
    error_set(error, ERROR_NOT_FOUND, "there is no listener \"%s\"%s", name,
              text_did_you_mean(hint, name, names));
  else if (matches > 1)
    error_set(error, ERROR_CONFLICT,
              "there are %zu listeners \"%s\": write its script in front, SCRIPT/NAME", matches,
              name);
  while (count > 0)
    free(full[--count]);
  return matches == 1 ? found : NULL;
}

void listener_view(const struct listener *l, struct json_writer *writer)
{
  const struct listener_state *state = &l->state;
  char *full = memory_printf("%s/%s", l->script, l->spec->name);
  json_put_text(writer, "listener", full);
  free(full);
  json_put_text(writer, "script", l->script);
  listener_spec_put(l->spec, writer);
  json_put_boolean(writer, "added", l->is_added);
  json_put_boolean(writer, "loaded", l->generation != 0);
  json_put_integer(writer, "delivered", state->delivered);
  json_put_integer(writer, "waiting", l->number ? state->waiting : state->in_flight);
  json_put_integer(writer, "failed", state->failed);
  json_put_integer(writer, "dropped", state->dropped);
  json_put_integer(writer, "dead", state->dead);
  json_put_text(writer, "error", l->error);
  view_put_instant(writer, "error_at", l->error ? l->error_us : INT64_MIN, INT64_MIN);
  view_put_instant(writer, "retry_at", state->retry_us ? state->retry_us : INT64_MIN, INT64_MIN);
}
