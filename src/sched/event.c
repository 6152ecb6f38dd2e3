/* What happened, told to those who listen: the front (for clients that follow events) and listeners
 * in scripts. An event that nobody wants is not even written down, so a silent scheduler pays
 * nothing for them. The last EVENTS_KEPT of the rare kinds are kept in memory for `events`; a flood
 * within one turn keeps its first ones only. */
#include "sched/event.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/arrive.h"
#include "sched/view.h"

bool event_wanted(const struct sched *s, const char *name, enum event_use use)
{
  return (use == EVENT_RARE && s->events_this_turn < EVENTS_PER_TURN) || s->watchers ||
         listeners_hear(s, name) || arrive_count(s, name);
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

static void send_to_front(struct sched *s, const char *name, const char *json)
{
  struct message *m = message_create(MESSAGE_EVENT, ADDRESS_SCHEDULER, ADDRESS_FRONT);
  m->as.event.name = memory_strdup(name);
  m->as.event.json = memory_strdup(json);
  message_list_append(s->out, m);
}

/* What was told outside a transaction reaches whoever needs one in the next turn. */
static void hold_for_others(struct sched *s, const char *name, const char *json)
{
  struct message *m = message_create(MESSAGE_EVENT, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
  m->as.event.name = memory_strdup(name);
  m->as.event.json = memory_strdup(json);
  message_list_append(&s->held, m);
}

void event_to_others(struct sched *s, const struct message *message)
{
  const char *name = message->as.event.name, *json = message->as.event.json;
  s->reach = REACH_KEPT;
  arrive_event(s, name, json, event_name_is_own(name));
  listeners_tell(s, name, json);
  s->reach = REACH_ALL;
}

static size_t tell(struct sched *s, struct buffer *out, const char *name, enum event_use use)
{
  if (s->reach != REACH_NOW)
    arrive_event(s, name, out->data, event_name_is_own(name));
  if (s->watchers && s->reach != REACH_KEPT)
    send_to_front(s, name, out->data);
  size_t listeners = listeners_tell(s, name, out->data);
  if (use == EVENT_HOT || s->reach == REACH_KEPT || s->events_this_turn >= EVENTS_PER_TURN) {
    buffer_deinit(out);
    return listeners;
  }
  s->events_this_turn++;
  free(s->events[s->next_event]);
  s->events[s->next_event] = buffer_take(out);
  s->next_event = (s->next_event + 1) % EVENTS_KEPT;
  return listeners;
}

size_t event_end(struct sched *s, struct buffer *out, struct json_writer *writer, const char *name,
                 enum event_use use)
{
  json_end_object(writer);
  if (s->is_writing || s->reach != REACH_ALL)
    return tell(s, out, name, use);
  hold_for_others(s, name, out->data);
  s->reach = REACH_NOW;
  size_t listeners = tell(s, out, name, use);
  s->reach = REACH_ALL;
  s->events_this_turn = 0; /* nothing takes it back */
  listeners_commit(s);
  return listeners;
}

void event_put_job(struct json_writer *writer, const struct entry *entry)
{
  json_put_text(writer, "job", entry->job->id);
  json_put_text(writer, "script", entry->job->script);
  view_put_instant(writer, "next_run_at",
                   entry->progress.state == JOB_ACTIVE ? entry->progress.next_us : JOB_NEVER,
                   JOB_NEVER);
}

void event_job(struct sched *s, const char *name, const struct entry *entry)
{
  if (!event_wanted(s, name, EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  event_put_job(&writer, entry);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

void event_script(struct sched *s, const char *name, const struct script_entry *script,
                  const char *version, const char *error)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  json_put_text(&writer, "script", script->script.name);
  json_put_text(&writer, "version", version);
  json_put_text(&writer, "error", error);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

void event_plain(struct sched *s, const char *name)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

void events_forget(struct sched *s)
{
  for (; s->events_this_turn > 0; s->events_this_turn--) {
    s->next_event = (s->next_event + EVENTS_KEPT - 1) % EVENTS_KEPT;
    free(s->events[s->next_event]);
    s->events[s->next_event] = NULL;
  }
}

void event_clock(struct sched *s, const struct message *message)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "scheduler_clock_stepped");
  json_put_number(&writer, "seconds", (double)message->as.clock.step_us / 1e6);
  event_end(s, &out, &writer, "scheduler_clock_stepped", EVENT_RARE);
}

static void tell_full(struct sched *s, const char *name)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  view_put_instant(&writer, "since", s->full_us, INT64_MIN);
  json_put_text(&writer, "error", s->full_error);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

void event_full(struct sched *s, const char *error)
{
  if (s->full_us)
    return;
  s->full_us = s->now_us;
  free(s->full_error);
  s->full_error = memory_strdup(error);
  s->reach = REACH_NOW;
  tell_full(s, "scheduler_store_full");
  s->reach = REACH_ALL;
  s->events_this_turn = 0; /* it is no part of what may be taken back */
  listeners_commit(s);
}

void event_recovered(struct sched *s)
{
  s->reach = REACH_KEPT;
  tell_full(s, "scheduler_store_full");
  s->reach = REACH_ALL;
  tell_full(s, "scheduler_store_recovered");
  s->watermark_changed = true; /* so that something is written, to see whether that works */
}
