/* From an event to the queues of the jobs that want it. What happens in a turn is gathered, and
 * before the commit it goes into the queues (queue.c), which are in the store: so an event is lost
 * only with the cause of it.
 *
 * What comes for a paused job is a skip, as a due time would be. A job is never set off by what the
 * scheduler tells about the job itself. */
#include "sched/arrive.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/event.h"
#include "sched/fire.h"
#include "sched/near.h"
#include "sched/queue.h"
#include "sched/topic.h"
#include "sched/view.h"

/* ---- what happens ---- */

void arrive(struct sched *s, const char *key, char *json, bool is_own)
{
  struct arrival *arrival = memory_alloc(sizeof *arrival);
  arrival->key = memory_strdup(key);
  arrival->json = json;
  arrival->is_own = is_own;
  if (s->last_arrival)
    s->last_arrival->next = arrival;
  else
    s->arrivals = arrival;
  s->last_arrival = arrival;
}

static struct arrival *pop_arrival(struct sched *s)
{
  struct arrival *arrival = s->arrivals;
  s->arrivals = arrival->next;
  if (!s->arrivals)
    s->last_arrival = NULL;
  return arrival;
}

static void free_arrival(struct arrival *arrival)
{
  free(arrival->key);
  free(arrival->json);
  free(arrival);
}

void arrivals_forget(struct sched *s)
{
  while (s->arrivals)
    free_arrival(pop_arrival(s));
}

/* `{"kind":"on_event","event":name}`, and likewise for a job. */
static char *make_key(const char *kind, const char *member, const char *name)
{
  struct buffer key = {0};
  struct json_writer writer = {.out = &key};
  json_begin_object(&writer);
  json_put_text(&writer, "kind", kind);
  if (member)
    json_put_text(&writer, member, name);
  json_end_object(&writer);
  return buffer_take(&key);
}

size_t arrive_count(const struct sched *s, const char *event)
{
  if (!s->topics)
    return 0;
  char *key = make_key("on_event", "event", event);
  const struct topic *topic = topic_find(s, key);
  free(key);
  return topic ? topic->count : 0;
}

void arrive_event(struct sched *s, const char *name, const char *json, bool is_own)
{
  if (!s->topics || s->is_arriving)
    return; /* that an event was skipped is no event: two paused jobs would never end telling it */
  char *key = make_key("on_event", "event", name);
  if (topic_find(s, key))
    arrive(s, key, memory_strdup(json), is_own);
  free(key);
}

void arrive_job_ended(struct sched *s, const struct entry *entry, const struct run *run)
{
  if (!s->topics)
    return;
  char *key = make_key("after_job", "job", entry->job->id);
  if (topic_find(s, key)) {
    struct buffer out = {0};
    struct json_writer writer;
    event_begin(s, &out, &writer, "after_job");
    json_put_text(&writer, "job", entry->job->id);
    view_put_run_id(&writer, "run", entry->job->id, run->key.scheduled_us);
    json_put_text(&writer, "state", run_state_name(run->state));
    json_put_raw(&writer, "result", run->result);
    json_put_text(&writer, "error", run->error);
    json_end_object(&writer);
    arrive(s, key, buffer_take(&out), true);
  }
  free(key);
}

static char *start_event(struct sched *s)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "on_start");
  json_end_object(&writer);
  return buffer_take(&out);
}

void arrive_start(struct sched *s)
{
  char *key = make_key("on_start", NULL, NULL);
  if (topic_find(s, key))
    arrive(s, key, start_event(s), false);
  free(key);
}

/* ---- into the queues ---- */

/* Whether a trigger wants an event, and how soon. */
struct wish {
  const char *key;
  const struct json *event;
  bool is_wanted;
  int64_t debounce_us;
};

static void note_wish(void *context, const struct trigger *source)
{
  struct wish *wish = context;
  struct buffer key = {0};
  trigger_put_key(source, &key);
  bool is_mine = strcmp(key.data, wish->key) == 0;
  buffer_deinit(&key);
  if (!is_mine || !event_matches(source, wish->event))
    return;
  if (!wish->is_wanted || event_debounce_us(source) < wish->debounce_us)
    wish->debounce_us = event_debounce_us(source);
  wish->is_wanted = true;
}

static void arrive_at(struct sched *s, struct entry *entry, const struct arrival *arrival,
                      const struct json *event)
{
  struct wish wish = {.key = arrival->key, .event = event};
  if (!entry || entry->removed || !entry->job->trigger)
    return;
  const char *about = arrival->is_own ? json_text(json_get(event, "job"), NULL) : NULL;
  if (about && strcmp(about, entry->job->id) == 0)
    return;
  trigger_each_source(entry->job->trigger, note_wish, &wish);
  if (!wish.is_wanted)
    return;
  if (entry->progress.state == JOB_PAUSED)
    fire_skip_event(s, entry, SKIP_PAUSED);
  else if (!queue_add(s, entry->job, wish.debounce_us, arrival->json))
    fire_skip_event(s, entry, SKIP_LIMIT);
}

void arrive_start_at(struct sched *s, struct entry *entry)
{
  struct arrival arrival = {.key = make_key("on_start", NULL, NULL), .json = start_event(s)};
  struct json_document *document;
  if (!json_parse(arrival.json, strlen(arrival.json), &document, NULL)) {
    arrive_at(s, entry, &arrival, json_root(document));
    json_free(document);
  }
  free(arrival.key);
  free(arrival.json);
}

void arrive_all(struct sched *s)
{
  s->is_arriving = true;
  while (s->arrivals && !s->failure) {
    struct arrival *arrival = pop_arrival(s);
    struct topic *topic = topic_find(s, arrival->key);
    struct json_document *document;
    if (topic && !json_parse(arrival->json, strlen(arrival->json), &document, NULL)) {
      topic_each(job, topic)
        if (!s->failure)
          arrive_at(s, near_get(s, job, NULL), arrival, json_root(document));
      json_free(document);
    }
    free_arrival(arrival);
  }
  s->is_arriving = false;
}
