/* What happened, told to those who listen: the front (for clients that follow events) and listeners
 * in scripts. An event that nobody wants is not even written down, so a silent scheduler pays
 * nothing for them. The last EVENTS_KEPT of the rare kinds are kept in memory for `events`; a flood
 * within one turn keeps its first ones only. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/state.h"

/* What a state asked for while it ran takes the place of what it declared. */
static bool asked_at_run_time(const struct sched *s, uint64_t generation)
{
  for (const struct listener *l = s->listeners; l; l = l->next)
    if (l->generation == generation)
      return true;
  return false;
}

static bool script_listens(const struct sched *s, const struct script_entry *script,
                           const char *name)
{
  if (!script->generation || !script->facts || asked_at_run_time(s, script->generation))
    return false;
  json_each(listened, json_get(json_root(script->facts), "listeners")) {
    const char *text = json_text(listened, "");
    if (strcmp(text, name) == 0 || strcmp(text, "*") == 0)
      return true;
  }
  return false;
}

static bool anyone_listens(const struct sched *s, const char *name)
{
  if (arrive_count(s, name))
    return true;
  for (const struct listener *l = s->listeners; l; l = l->next)
    if (strcmp(l->name, name) == 0 || strcmp(l->name, "*") == 0)
      return true;
  for (const struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script_listens(s, script, name))
      return true;
  return false;
}

bool event_wanted(const struct sched *s, const char *name, enum event_use use)
{
  return (use == EVENT_RARE && s->events_this_turn < EVENTS_PER_TURN) || s->watchers ||
         anyone_listens(s, name);
}

struct json_writer *event_begin(struct sched *s, struct buffer *out, struct json_writer *writer,
                                const char *name)
{
  *writer = (struct json_writer){.out = out};
  json_begin_object(writer);
  json_put_text(writer, "event", name);
  view_put_instant(writer, "at", s->now_us, INT64_MIN);
  return writer;
}

static void send(struct sched *s, int to, uint64_t generation, const char *name, const char *json)
{
  struct message *m = message_create(MESSAGE_EVENT, ADDRESS_SCHEDULER, to);
  m->as.event.generation = generation;
  m->as.event.name = memory_strdup(name);
  m->as.event.json = memory_strdup(json);
  message_list_append(s->out, m);
}

void event_end(struct sched *s, struct buffer *out, struct json_writer *writer, const char *name,
               enum event_use use)
{
  json_end_object(writer);
  arrive_event(s, name, out->data, event_name_is_own(name));
  if (s->watchers)
    send(s, ADDRESS_FRONT, 0, name, out->data);
  for (const struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script_listens(s, script, name))
      send(s, script->worker, script->generation, name, out->data);
  uint64_t told = 0; /* a generation that listens twice is told once */
  for (const struct listener *l = s->listeners; l; l = l->next)
    if (l->generation != told && (strcmp(l->name, name) == 0 || strcmp(l->name, "*") == 0)) {
      send(s, l->worker, l->generation, name, out->data);
      told = l->generation;
    }
  if (use == EVENT_HOT || s->events_this_turn >= EVENTS_PER_TURN) {
    buffer_deinit(out);
    return;
  }
  s->events_this_turn++;
  free(s->events[s->next_event]);
  s->events[s->next_event] = buffer_take(out);
  s->next_event = (s->next_event + 1) % EVENTS_KEPT;
}

void event_job(struct sched *s, const char *name, const struct entry *entry)
{
  if (!event_wanted(s, name, EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  json_put_text(&writer, "job", entry->job->id);
  json_put_text(&writer, "script", entry->job->script);
  view_put_instant(&writer, "next_run_at",
                   entry->progress.state == JOB_ACTIVE ? entry->progress.next_us : JOB_NEVER,
                   JOB_NEVER);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

void event_script(struct sched *s, const char *name, const struct script_entry *script)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  json_put_text(&writer, "script", script->script.name);
  json_put_text(&writer, "version", script->script.version);
  json_put_text(&writer, "error", script->script.error);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

void event_plain(struct sched *s, const char *name)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

void event_listen(struct sched *s, uint64_t generation, int worker, const char *name)
{
  struct listener *listener = memory_alloc(sizeof *listener);
  listener->generation = generation;
  listener->worker = worker;
  listener->name = memory_strdup(name);
  listener->next = s->listeners;
  s->listeners = listener;
}

void event_unlisten(struct sched *s, uint64_t generation)
{
  for (struct listener **at = &s->listeners; *at;) {
    struct listener *listener = *at;
    if (generation && listener->generation != generation) {
      at = &listener->next;
      continue;
    }
    *at = listener->next;
    free(listener->name);
    free(listener);
  }
}
