/* From an event to a run. What happens in a turn is gathered, and before the commit it becomes rows
 * of `pending_events`, one for each job that wants it: so an event is lost only with the cause of
 * it. A job's waiting events are its queue, of which memory knows the number and the due time; when
 * that has come, and a run may begin, the oldest of them make one, in the transaction that takes
 * them out of the queue.
 *
 * A queue waits, and loses nothing, while its job is paused or in error or has max_instances open.
 * What comes for a paused job is a skip, as a due time would be. A job is never set off by what the
 * scheduler tells about the job itself. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/state.h"

enum {
  WAITING_MAX = 10000,         /* events of one job; what comes then is skipped */
  EVENTS_MAX_SIZE = 256 << 10, /* of one run, unless the first one alone is larger */
  DEBOUNCE_MOST = 10,          /* a stream without a pause is cut after so many debounces */
};

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

/* ---- queues ---- */

static struct event_queue *find_queue(struct sched *s, int64_t job)
{
  struct event_queue *queue;
  HASH_FIND(hh, s->queues, &job, sizeof job, queue);
  return queue;
}

static void free_queue(struct sched *s, struct event_queue *queue)
{
  heap_remove(&queue->due);
  HASH_DEL(s->queues, queue);
  free(queue);
}

static int64_t add_saturated(int64_t a, int64_t b)
{
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* The queue has one event more, which is or will be a row. */
static struct event_queue *count_event(struct sched *s, const struct pending_event *event)
{
  struct event_queue *queue = find_queue(s, event->job);
  int64_t debounce_us = event->due_us - event->at_us, most_us;
  if (__builtin_mul_overflow(debounce_us, (int64_t)DEBOUNCE_MOST, &most_us))
    most_us = INT64_MAX;
  most_us = add_saturated(event->at_us, most_us);
  if (!queue) {
    queue = memory_alloc(sizeof *queue);
    *queue = (struct event_queue){.job = event->job, .due_us = INT64_MIN, .most_us = INT64_MAX};
    queue->due.number = event->job;
    HASH_ADD(hh, s->queues, job, sizeof queue->job, queue);
  }
  queue->count++;
  queue->last_number = event->number;
  if (event->due_us > queue->due_us)
    queue->due_us = event->due_us;
  if (most_us < queue->most_us)
    queue->most_us = most_us;
  queue->due.us = queue->due_us < queue->most_us ? queue->due_us : queue->most_us;
  heap_put(&s->event_due, &queue->due);
  return queue;
}

static bool take_row(void *context, const struct pending_event *event)
{
  count_event(context, event);
  return true;
}

void queues_recover(struct sched *s)
{
  struct error error;
  queues_free_all(s);
  sched_failed(s, store_each_event(s->store, 0, take_row, s, &error), &error);
}

void queues_free_all(struct sched *s)
{
  struct event_queue *queue, *next;
  while (s->arrivals)
    free_arrival(pop_arrival(s));
  HASH_ITER(hh, s->queues, queue, next)
    free_queue(s, queue);
}

void queue_release(struct sched *s, int64_t job)
{
  struct event_queue *queue = s->queues ? find_queue(s, job) : NULL;
  if (queue)
    heap_put(&s->event_due, &queue->due);
}

void queues_release(struct sched *s)
{
  for (struct event_queue *queue = s->queues; queue; queue = queue->hh.next)
    heap_put(&s->event_due, &queue->due);
}

void queue_remove(struct sched *s, int64_t job)
{
  struct event_queue *queue = find_queue(s, job);
  struct error error;
  if (!queue)
    return;
  sched_failed(s, store_remove_events(s->store, job, INT64_MAX, &error), &error);
  free_queue(s, queue);
}

int64_t queue_count(struct sched *s, int64_t job)
{
  const struct event_queue *queue = find_queue(s, job);
  return queue ? queue->count : 0;
}

/* ---- into the queues ---- */

/* The sources of a trigger that want an event, and what they want. */
struct wish {
  const char *key;
  const struct json *event; /* NULL: of every event */
  bool is_wanted;
  int64_t debounce_us;
  int batch;
};

static void note_wish(void *context, const struct trigger *source)
{
  struct wish *wish = context;
  struct buffer key = {0};
  trigger_put_key(source, &key);
  bool is_mine = !wish->key || strcmp(key.data, wish->key) == 0;
  buffer_deinit(&key);
  if (!is_mine || (wish->event && !event_matches(source, wish->event)))
    return;
  if (!wish->is_wanted || event_debounce_us(source) < wish->debounce_us)
    wish->debounce_us = event_debounce_us(source);
  if (event_batch(source) > wish->batch)
    wish->batch = event_batch(source);
  wish->is_wanted = true;
}

/* So many events may make one run of the job. */
static int batch_of(const struct job *job)
{
  struct wish wish = {0};
  if (job->trigger)
    trigger_each_source(job->trigger, note_wish, &wish);
  return wish.batch ? wish.batch : 1;
}

static void add_to_queue(struct sched *s, const struct entry *entry, int64_t debounce_us,
                         const char *json)
{
  struct event_queue *queue = find_queue(s, entry->job->number);
  struct error error;
  struct pending_event event = {.job = entry->job->number,
                                .number = queue ? queue->last_number + 1 : 1,
                                .at_us = s->now_us,
                                .due_us = add_saturated(s->now_us, debounce_us),
                                .content = json};
  if (sched_failed(s, store_add_event(s->store, &event, &error), &error))
    return;
  queue = count_event(s, &event);
  if (queue->count >= batch_of(entry->job)) {
    queue->most_us = queue->due.us = s->now_us;
    heap_put(&s->event_due, &queue->due);
  }
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
  else if (queue_count(s, entry->job->number) >= WAITING_MAX)
    fire_skip_event(s, entry, SKIP_LIMIT);
  else
    add_to_queue(s, entry, wish.debounce_us, arrival->json);
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
      for (size_t i = 0; i < topic->count && !s->failure; i++)
        arrive_at(s, near_get(s, topic->jobs[i], NULL), arrival, json_root(document));
      json_free(document);
    }
    free_arrival(arrival);
  }
  s->is_arriving = false;
}

/* ---- out of the queues ---- */

struct taken {
  struct buffer json;
  struct json_writer writer;
  int left;
  int64_t count, last_number;
};

static bool take_event(void *context, const struct pending_event *event)
{
  struct taken *taken = context;
  if (taken->count && taken->json.size + strlen(event->content) > EVENTS_MAX_SIZE)
    return false;
  json_write_raw(&taken->writer, event->content, strlen(event->content));
  taken->count++;
  taken->last_number = event->number;
  return --taken->left > 0;
}

/* A run is named by its time, so no two of a job have the same. */
static struct open_run *claim(struct sched *s, struct entry *entry, int64_t due_us,
                              const char *events)
{
  struct open_run *run = NULL;
  if (due_us <= entry->progress.last_us)
    due_us = entry->progress.last_us + 1;
  while (!run && !s->failure)
    run = run_claim(s, entry, due_us++, RUN_BY_EVENT, NULL, events);
  return run;
}

/* What is left waits for its own debounce. */
static void go_on(struct sched *s, struct event_queue *queue, int64_t taken, int batch)
{
  queue->count -= taken;
  if (queue->count <= 0) {
    free_queue(s, queue);
    return;
  }
  queue->most_us = INT64_MAX;
  queue->due.us = queue->count >= batch ? s->now_us : queue->due_us;
  heap_put(&s->event_due, &queue->due);
}

static void fire_queue(struct sched *s, struct event_queue *queue, struct entry *entry)
{
  struct taken taken = {.left = batch_of(entry->job)};
  struct error error;
  taken.writer.out = &taken.json;
  json_begin_array(&taken.writer);
  sched_failed(s, store_each_event(s->store, queue->job, take_event, &taken, &error), &error);
  json_end_array(&taken.writer);
  if (!s->failure && claim(s, entry, queue->due.us, taken.json.data) &&
      !sched_failed(s, store_remove_events(s->store, queue->job, taken.last_number, &error),
                    &error)) {
    near_moved(s, entry);
    go_on(s, queue, taken.count, batch_of(entry->job));
  }
  buffer_deinit(&taken.json);
}

int arrive_fire(struct sched *s, int budget)
{
  struct heap_node *node;
  int fired = 0;
  while (!s->failure && fired < budget && (node = heap_first(&s->event_due)) &&
         node->us <= s->now_us) {
    struct event_queue *queue = find_queue(s, node->number);
    struct error error;
    struct entry *entry = near_get(s, queue->job, &error);
    heap_remove(&queue->due); /* until queue_release(), unless it fires */
    if ((entry && entry->removed) || (!entry && error.code == ERROR_NOT_FOUND))
      queue_remove(s, queue->job);
    else if (!entry)
      sched_failed(s, error.code, &error);
    else if (entry->progress.state != JOB_PAUSED && !fire_is_held(s, entry) && !fire_is_full(entry))
      fire_queue(s, queue, entry);
    fired++;
  }
  return fired;
}
