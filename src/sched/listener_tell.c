/* An event's way to those who want to hear of it, and what is under way to each.
 *
 * Which listeners a name has is looked up in a table by name, and those that want the events of one
 * job in a table by job; both forget everything whenever a listener comes or goes. So an event that
 * nobody hears of costs one look. Filters are asked only when an event is there, which is parsed
 * once for all of them. */
#include "sched/listener.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/turn.h"

enum { SLOTS_MAX = 1024 };

#define LOG_AGAIN_US (10 * INT64_C(1000000))

/* ---- by name ---- */

static void free_slots(struct listener_slot **table)
{
  struct listener_slot *slot, *next;
  HASH_ITER(hh, *table, slot, next) {
    HASH_DEL(*table, slot);
    free_slots(&slot->jobs);
    free(slot->name);
    free(slot->heard_by);
    free(slot);
  }
}

void listeners_forget_slots(struct sched *s)
{
  free_slots(&s->listeners.slots);
}

static struct listener_slot *add_slot(struct listener_slot **table, const char *name)
{
  struct listener_slot *slot;
  HASH_FIND_STR(*table, name, slot);
  if (slot)
    return slot;
  slot = memory_alloc(sizeof *slot);
  slot->name = memory_strdup(name);
  HASH_ADD_KEYPTR(hh, *table, slot->name, strlen(slot->name), slot);
  return slot;
}

/* The one job whose events it wants; NULL: not only one's. */
static const char *only_job(const struct listener_spec *spec)
{
  const struct json *job = spec->wanted ? json_get(json_root(spec->wanted), "job") : NULL;
  const char *text = json_text(job, NULL);
  return text && !strpbrk(text, "*?") ? text : NULL;
}

static struct listener_slot *make_slot(struct listeners *listeners, const char *name)
{
  struct listener_slot *slot = add_slot(&listeners->slots, name);
  for (struct listener *l = listeners->first; l; l = l->next) {
    if (l->is_gone || !listener_spec_hears(l->spec, name))
      continue;
    const char *job = only_job(l->spec);
    struct listener_slot *at = job ? add_slot(&slot->jobs, job) : slot;
    at->heard_by = memory_resize(at->heard_by, (at->count + 1) * sizeof(struct listener *));
    at->heard_by[at->count++] = l;
    slot->has_filters |= l->spec->wanted != NULL;
  }
  return slot;
}

/* The table is a cache, so asking changes nothing that counts. */
static const struct listener_slot *find_slot(const struct sched *s, const char *name)
{
  struct sched *mutable = (struct sched *)(uintptr_t)s;
  struct listener_slot *slot;
  HASH_FIND_STR(s->listeners.slots, name, slot);
  if (slot)
    return slot;
  if (HASH_COUNT(s->listeners.slots) >= SLOTS_MAX)
    listeners_forget_slots(mutable);
  return make_slot(&mutable->listeners, name);
}

bool listeners_hear(const struct sched *s, const char *name)
{
  if (!s->listeners.first)
    return false;
  const struct listener_slot *slot = find_slot(s, name);
  return slot->count > 0 || slot->jobs;
}

/* ---- telling ---- */

void listener_send(struct sched *s, struct listener *l, int64_t number, uint64_t id,
                   int32_t delivery, const char *name, const char *json)
{
  struct message *m = message_create(MESSAGE_EVENT, ADDRESS_SCHEDULER, l->worker);
  m->as.event.generation = l->generation;
  m->as.event.listener = l->spec->id;
  m->as.event.number = number;
  m->as.event.id = id;
  m->as.event.delivery = delivery;
  m->as.event.round = l->state.round;
  m->as.event.is_durable = l->number != 0;
  m->as.event.timeout_us = l->spec->timeout_us;
  m->as.event.name = memory_strdup(name);
  m->as.event.json = memory_strdup(json);
  message_list_append(s->out, m);
  l->state.in_flight++;
}

static void tell_one(struct sched *s, struct listener *l, uint64_t id, const char *name,
                     const char *json)
{
  listener_touch(s, l);
  if (l->number) {
    outbox_add(s, l, id, name, json);
  } else if (l->state.in_flight < LISTENER_FLIGHT_MAX) {
    listener_send(s, l, (int64_t)id, id, 1, name, json);
  } else {
    l->state.dropped++;
    if (!l->state.was_full)
      log_warn("listener %s/%s is too slow: events are dropped", l->script, l->spec->name);
    l->state.was_full = true;
  }
}

static bool is_reached(const struct sched *s, const struct listener *l)
{
  return s->reach == REACH_ALL || (s->reach == REACH_KEPT) == (l->number != 0);
}

/* Appends those of the slot that want the event, which is NULL when no filter is to be asked. */
static size_t gather(const struct sched *s, const struct listener_slot *slot,
                     const struct json *event, struct listener **wanting)
{
  size_t count = 0;
  for (size_t i = 0; i < slot->count; i++) {
    struct listener *l = slot->heard_by[i];
    if (is_reached(s, l) && (!l->spec->wanted || listener_spec_wants(l->spec, event)))
      wanting[count++] = l;
  }
  return count;
}

size_t listeners_tell(struct sched *s, const char *name, const char *json)
{
  struct json_document *document = NULL;
  const struct listener_slot *slot = s->listeners.first ? find_slot(s, name) : NULL;
  struct listener_slot *of_job = NULL;
  if (!slot || (!slot->count && !slot->jobs) ||
      (slot->has_filters && json_parse(json, strlen(json), &document, NULL)))
    return 0;
  const struct json *event = document ? json_root(document) : NULL;
  const char *job = slot->jobs ? json_text(json_get(event, "job"), NULL) : NULL;
  if (job)
    HASH_FIND_STR(slot->jobs, job, of_job);
  /* What is told meanwhile (an outbox is full) may drop the slots. */
  struct listener **wanting =
      memory_alloc((slot->count + (of_job ? of_job->count : 0) + 1) * sizeof(struct listener *));
  size_t count = gather(s, slot, event, wanting);
  if (of_job)
    count += gather(s, of_job, event, wanting + count);
  uint64_t id = s->listeners.next_id++;
  for (size_t i = 0; i < count; i++)
    tell_one(s, wanting[i], id, name, json);
  free(wanting);
  json_free(document);
  return count;
}

/* ---- what they make of it ---- */

static void note_error(struct sched *s, struct listener *l, const char *error)
{
  bool is_new = !l->error || strcmp(l->error, error) != 0;
  if (is_new || s->now_us - l->logged_us >= LOG_AGAIN_US) {
    log_error("%s: listener %s: %s", l->script, l->spec->name, error);
    l->logged_us = s->now_us;
  }
  char *copy = memory_strdup(error);
  free(l->error);
  l->error = copy;
  l->error_us = s->now_us;
}

void listeners_heard(struct sched *s, const struct message *message)
{
  struct listener *l =
      listener_of_state(s, message->as.heard.generation, message->as.heard.listener);
  if (!l || message->as.heard.round != l->state.round)
    return;
  listener_touch(s, l);
  l->state.in_flight -= message->as.heard.heard + message->as.heard.failed;
  l->state.delivered += message->as.heard.heard;
  l->state.failed += message->as.heard.failed;
  if (message->as.heard.error)
    note_error(s, l, message->as.heard.error);
  if (l->number)
    outbox_heard(s, l, message);
  else if (l->state.in_flight < LISTENER_FLIGHT_MAX / 2)
    l->state.was_full = false;
}

void listeners_pump(struct sched *s)
{
  if (!s->listeners.has_durable)
    return;
  listeners_each(l, s)
    if (l->number && !l->is_gone && !s->failure)
      outbox_pump(s, l);
}

int64_t listeners_wake_us(const struct sched *s, int64_t now_us)
{
  int64_t wake_us = INT64_MAX;
  if (!s->listeners.has_durable)
    return wake_us;
  for (const struct listener *l = s->listeners.first; l; l = l->next) {
    if (!l->number || !l->generation || l->state.sent_number >= l->state.last_number ||
        l->state.in_flight > LISTENER_WINDOW / 2)
      continue;
    int64_t us = l->state.retry_us ? l->state.retry_us : now_us;
    if (us < wake_us)
      wake_us = us;
  }
  return wake_us;
}

bool listeners_busy(const struct sched *s)
{
  for (const struct listener *l = s->listeners.first; l; l = l->next)
    if (l->state.in_flight > 0 && !l->is_gone && !(l->generation & GENERATION_OF_CONSOLE))
      return true;
  return false;
}
