/* Who waits for what. A topic is a key of trigger/event.h with the jobs whose triggers have it, or
 * the name of a calendar or pool with the jobs that use it; all topics are in memory, as these jobs
 * are few beside those that time alone sets off. They are kept in the store, so that a start need
 * not read all jobs, and read again when a turn is taken back.
 *
 * Topics about the world outside are watched by the front's sensors, which are told after the
 * commit: `told` is what the front knows, `count` what the store says. */
#include "sched/topic.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/arrive.h"
#include "sched/turn.h"
#include "sched/view.h"

static bool is_kind(const char *key, const char *kind)
{
  static const char begin[] = "{\"kind\":\"";
  size_t size = strlen(kind);
  return strncmp(key, begin, sizeof begin - 1) == 0 &&
         strncmp(key + sizeof begin - 1, kind, size) == 0 && key[sizeof begin - 1 + size] == '"';
}

static bool is_sensed(const char *key)
{
  return is_kind(key, "on_file") || is_kind(key, "on_signal") || is_kind(key, "on_change");
}

struct topic *topic_find(const struct sched *s, const char *key)
{
  struct topic *topic;
  HASH_FIND_STR(s->topics, key, topic);
  return topic && topic->count ? topic : NULL;
}

static void add_job(struct sched *s, const char *key, int64_t job)
{
  struct topic *topic;
  HASH_FIND_STR(s->topics, key, topic);
  if (!topic) {
    topic = memory_alloc(sizeof *topic);
    topic->key = memory_strdup(key);
    HASH_ADD_KEYPTR(hh, s->topics, topic->key, strlen(topic->key), topic);
  }
  if ((topic->size & (topic->size + 1)) == 0) /* 0, 1, 3, 7, ... */
    topic->jobs = memory_resize(topic->jobs, (2 * topic->size + 1) * sizeof *topic->jobs);
  topic->jobs[topic->size++] = job;
  topic->count++;
  s->topics_changed |= !topic->told && is_sensed(key);
}

/* Jobs mostly go in the order in which they came, all of a script's, so the search begins behind
 * the one that went last. */
static bool take_out(struct topic *topic, int64_t job)
{
  for (size_t tried = 0; tried < topic->size; tried++) {
    size_t at = (topic->next_out + tried) % topic->size;
    if (topic->jobs[at] == job) {
      topic->jobs[at] = 0;
      topic->count--;
      topic->next_out = at + 1;
      return true;
    }
  }
  return false;
}

static void close_gaps(struct topic *topic)
{
  size_t kept = 0;
  for (size_t i = 0; i < topic->size; i++)
    if (topic->jobs[i])
      topic->jobs[kept++] = topic->jobs[i];
  topic->size = kept;
  topic->next_out = 0;
  /* add_job() counts on room up to the next step. */
  size_t room = 1;
  while (room <= kept)
    room *= 2;
  topic->jobs = memory_resize(topic->jobs, room * sizeof *topic->jobs);
}

static void remove_job(struct sched *s, struct topic *topic, int64_t job)
{
  if (!take_out(topic, job))
    return;
  if (topic->count < topic->size / 2)
    close_gaps(topic);
  if (topic->count == 0)
    s->topics_changed = true;
}

/* ---- the jobs' side ---- */

struct subscriber {
  struct sched *s;
  int64_t job;
};

static void subscribe(struct subscriber *subscriber, const char *key)
{
  struct sched *s = subscriber->s;
  struct error error;
  const struct topic *topic = topic_find(s, key);
  if (topic && topic->jobs[topic->size - 1] == subscriber->job)
    return; /* it has two sources of one kind */
  if (!sched_failed(s, store_subscribe(s->store, key, subscriber->job, &error), &error))
    add_job(s, key, subscriber->job);
}

static bool unsubscribe(void *context, const char *key, int64_t job)
{
  struct topic *topic = topic_find(context, key);
  if (topic)
    remove_job(context, topic, job);
  return true;
}

static void visit_source(void *context, const struct trigger *source)
{
  struct subscriber *subscriber = context;
  struct buffer key = {0};
  trigger_put_key(source, &key);
  subscribe(subscriber, key.data);
  buffer_deinit(&key);
}

static char *name_key(const char *kind, const char *name)
{
  struct buffer key = {0};
  struct json_writer writer = {.out = &key};
  json_begin_object(&writer);
  json_put_text(&writer, "kind", kind);
  json_put_text(&writer, "name", name);
  json_end_object(&writer);
  return buffer_take(&key);
}

static struct topic *find_named(const struct sched *s, const char *kind, const char *name)
{
  char *key = name_key(kind, name);
  struct topic *topic = topic_find(s, key);
  free(key);
  return topic;
}

struct topic *topic_of_calendar(const struct sched *s, const char *name)
{
  return find_named(s, "calendar", name);
}

struct topic *topic_of_pool(const struct sched *s, const char *name)
{
  return find_named(s, "pool", name);
}

static void subscribe_to_named(struct subscriber *subscriber, const char *kind, const char *name)
{
  char *key = name_key(kind, name);
  subscribe(subscriber, key);
  free(key);
}

static void visit_calendar(void *context, const char *name)
{
  subscribe_to_named(context, "calendar", name);
}

static bool trigger_has_topics(const struct job *job)
{
  return job->trigger &&
         (trigger_is_open(job->trigger) || trigger_uses_calendar(job->trigger, NULL));
}

void topic_subscribe(struct sched *s, const struct job *job)
{
  struct subscriber subscriber = {s, job->number};
  if (job->pool)
    subscribe_to_named(&subscriber, "pool", job->pool);
  if (!trigger_has_topics(job))
    return;
  trigger_each_source(job->trigger, visit_source, &subscriber);
  trigger_each_calendar(job->trigger, visit_calendar, &subscriber);
}

void topic_unsubscribe(struct sched *s, int64_t job)
{
  struct error error;
  sched_failed(s, store_unsubscribe(s->store, job, unsubscribe, s, &error), &error);
}

void topic_change_pool(struct sched *s, const struct job *job, const char *before)
{
  struct subscriber subscriber = {s, job->number};
  struct error error;
  if (before == job->pool || (before && job->pool && strcmp(before, job->pool) == 0))
    return;
  if (before) {
    char *key = name_key("pool", before);
    unsubscribe(s, key, job->number);
    sched_failed(s, store_unsubscribe_from(s->store, key, job->number, &error), &error);
    free(key);
  }
  if (job->pool)
    subscribe_to_named(&subscriber, "pool", job->pool);
}

void topic_note(struct sched *s, const char *key, int64_t job)
{
  subscribe(&(struct subscriber){s, job}, key);
}

void topic_clear(struct sched *s, const char *key)
{
  struct topic *topic = topic_find(s, key);
  struct error error;
  if (!topic)
    return;
  topic_each(job, topic)
    sched_failed(s, store_unsubscribe_from(s->store, key, job, &error), &error);
  topic->count = topic->size = topic->next_out = 0;
  s->topics_changed = true;
}

static bool take_subscription(void *context, const char *key, int64_t job)
{
  add_job(context, key, job);
  return true;
}

void topics_recover(struct sched *s)
{
  struct error error;
  for (struct topic *topic = s->topics; topic; topic = topic->hh.next)
    topic->count = topic->size = topic->next_out = 0;
  sched_failed(s, store_each_subscription(s->store, take_subscription, s, &error), &error);
  s->topics_changed = true;
}

static void free_topic(struct sched *s, struct topic *topic)
{
  HASH_DEL(s->topics, topic);
  free(topic->key);
  free(topic->jobs);
  free(topic->problem);
  free(topic);
}

void topics_free_all(struct sched *s)
{
  struct topic *topic, *next;
  HASH_ITER(hh, s->topics, topic, next)
    free_topic(s, topic);
}

/* ---- the sensors' side ---- */

static struct message *to_front(enum message_kind kind, const char *key, char *position)
{
  struct message *m = message_create(kind, ADDRESS_SCHEDULER, ADDRESS_FRONT);
  m->as.sensor.key = memory_strdup(key);
  m->as.sensor.position = position;
  return m;
}

static void tell(struct sched *s, struct topic *topic)
{
  char *position = NULL;
  if (topic->count && store_get_position(s->store, topic->key, &position, NULL))
    return; /* told in a later turn, when the store can be read again */
  struct message *m = to_front(MESSAGE_SENSE, topic->key, position);
  m->as.sensor.is_over = !topic->count;
  message_list_append(s->out, m);
  topic->told = topic->count > 0;
}

/* Whether they are about the same files, whatever `settle` is. A quote within a glob is written
 * with a backslash. */
static bool watch_same_files(const char *key, const char *other)
{
  const char *end = strstr(key, ",\"settle\":");
  return end && is_kind(key, "on_file") && strncmp(key, other, (size_t)(end - key) + 1) == 0;
}

static enum error_code begin_at(struct sched *s, const struct topic *topic, const char *position,
                                struct error *error)
{
  char *own = NULL;
  enum error_code code = store_get_position(s->store, topic->key, &own, error);
  if (!code && !own)
    code = store_put_position(s->store, topic->key, position, error);
  free(own);
  return code;
}

/* A position tells of files, not of how long they settle: who begins to wait for the same ones goes
 * on from where the sensor that ends has come to. */
static enum error_code leave_position(struct sched *s, const struct topic *topic,
                                      struct error *error)
{
  char *position = NULL;
  enum error_code code = store_get_position(s->store, topic->key, &position, error);
  for (struct topic *heir = s->topics; heir && position && !code; heir = heir->hh.next)
    if (heir->count && !heir->told && watch_same_files(topic->key, heir->key))
      code = begin_at(s, heir, position, error);
  free(position);
  return code ? code : store_put_position(s->store, topic->key, NULL, error);
}

/* Not before: where a job that comes waits for what one that goes has waited for, the sensor goes
 * on, and so does its position. */
void topics_flush(struct sched *s)
{
  struct error error;
  if (!s->topics_changed)
    return;
  for (struct topic *topic = s->topics; topic && !s->failure; topic = topic->hh.next)
    if (!topic->count && is_sensed(topic->key))
      sched_failed(s, leave_position(s, topic, &error), &error);
}

void topics_commit(struct sched *s)
{
  struct topic *topic, *next;
  if (!s->topics_changed || s->options.hold)
    return; /* what only looks at scripts leaves the world alone */
  s->topics_changed = false;
  HASH_ITER(hh, s->topics, topic, next) {
    if (is_sensed(topic->key) && (topic->count > 0) != topic->told)
      tell(s, topic);
    if (!topic->count)
      free_topic(s, topic);
  }
}

/* "on_file /srv/in/orders.csv settle=1s": a key as people write it. */
static char *key_text(const char *key)
{
  struct json_document *document;
  struct trigger *trigger;
  struct buffer text = {0};
  if (json_parse(key, strlen(key), &document, NULL))
    return memory_strdup(key);
  if (trigger_from_json(json_root(document), NULL, &trigger, NULL)) {
    buffer_append_text(&text, key);
  } else {
    trigger_to_text(trigger, &text);
    trigger_destroy(trigger);
  }
  json_free(document);
  return buffer_take(&text);
}

static void note_problem(struct topic *topic, const char *problem)
{
  char *text = key_text(topic->key);
  if (problem && (!topic->problem || strcmp(problem, topic->problem) != 0))
    log_warn("%s: %s", text, problem);
  else if (!problem && topic->problem)
    log_info("%s: is watched again", text);
  free(text);
  char *copy = memory_strdup(problem);
  free(topic->problem);
  topic->problem = copy;
}

/* An event as all others begin: what it is, and when, unless the sensor knows that better. */
static char *complete_event(struct sched *s, const char *kind, const struct json *event)
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  json_begin_object(&writer);
  json_put_text(&writer, "event", kind);
  if (!json_get(event, "at"))
    view_put_instant(&writer, "at", s->now_us, INT64_MIN);
  json_each(member, event) {
    json_key(&writer, member->key);
    json_write_tree(&writer, member);
  }
  json_end_object(&writer);
  return buffer_take(&text);
}

static void take_events(struct sched *s, const char *key, const char *events)
{
  struct json_document *document, *source;
  struct error error;
  if (sched_failed(s, json_parse(events, strlen(events), &document, &error), &error))
    return;
  if (!sched_failed(s, json_parse(key, strlen(key), &source, &error), &error)) {
    const char *kind = json_text(json_get(json_root(source), "kind"), "");
    json_each(event, json_root(document))
      arrive(s, key, complete_event(s, kind, event), false);
    json_free(source);
  }
  json_free(document);
}

void topic_sensed(struct sched *s, const struct message *message)
{
  const char *key = message->as.sensor.key, *position = message->as.sensor.position;
  const char *events = message->as.sensor.events;
  struct error error;
  struct topic *topic = topic_find(s, key);
  if (!topic)
    return; /* nobody waits for it any more */
  note_problem(topic, message->as.sensor.problem);
  if (events)
    take_events(s, key, events);
  if (!position || sched_failed(s, store_put_position(s->store, key, position, &error), &error))
    return;
  message_list_append(s->out, to_front(MESSAGE_ACKNOWLEDGE, key, memory_strdup(position)));
}
