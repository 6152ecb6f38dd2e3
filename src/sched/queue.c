/* The events that wait for a run of a job. They are rows of `pending_events`; memory knows of each
 * queue how many there are and when it is due: when the last of them has been debounced, or the
 * first has waited long enough, or a batch is full. Then, if a run may begin, the oldest of them
 * make one, in the transaction that takes them out of the queue.
 *
 * A queue waits, and loses nothing, while its job is paused or in error, has max_instances open, or
 * its entry waits for it at a gate: it is in no heap then, and queue_release() puts it back. */
#include "sched/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/fire.h"
#include "sched/near.h"
#include "sched/pace.h"
#include "sched/run.h"
#include "sched/turn.h"
#include "trigger/event.h"

enum {
  WAITING_MAX = 10000,         /* events of one job */
  EVENTS_MAX_SIZE = 100 << 10, /* of one run, unless the first one alone is larger */
};

static struct event_queue *find_queue(struct sched *s, int64_t job)
{
  struct event_queue *queue;
  HASH_FIND(hh, s->queues, &job, sizeof job, queue);
  return queue;
}

static void free_queue(struct sched *s, struct event_queue *queue)
{
  struct entry *entry = near_find(s, queue->job);
  if (entry)
    entry->is_throttled = false;
  heap_remove(&queue->due);
  HASH_DEL(s->queues, queue);
  free(queue);
}

static int64_t add_saturated(int64_t a, int64_t b)
{
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* The queue has one event more, which is or will be a row. One that came in a time to come came
 * before the clock was set back: as far as is known, now. */
static struct event_queue *count_event(struct sched *s, const struct pending_event *event)
{
  struct event_queue *queue = find_queue(s, event->job);
  int64_t debounce_us = event->due_us - event->at_us, most_us;
  int64_t at_us = event->at_us < s->now_us ? event->at_us : s->now_us;
  int64_t due_us = add_saturated(at_us, debounce_us);
  if (__builtin_mul_overflow(debounce_us, (int64_t)EVENT_DEBOUNCE_MOST, &most_us))
    most_us = INT64_MAX;
  most_us = add_saturated(at_us, most_us);
  if (event->at_us > s->now_us)
    sometimes("an event came in a future that is none any more");
  if (!queue) {
    queue = memory_alloc(sizeof *queue);
    *queue = (struct event_queue){.job = event->job, .due_us = INT64_MIN, .most_us = INT64_MAX};
    queue->due.number = event->job;
    HASH_ADD(hh, s->queues, job, sizeof queue->job, queue);
  }
  queue->count++;
  queue->last_number = event->number;
  if (due_us > queue->due_us)
    queue->due_us = due_us;
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
  HASH_ITER(hh, s->queues, queue, next)
    free_queue(s, queue);
}

void queue_release(struct sched *s, int64_t job)
{
  struct event_queue *queue = s->queues ? find_queue(s, job) : NULL;
  if (queue)
    heap_put(&s->event_due, &queue->due);
}

/* Who is throttled has waited long enough for all else. */
void queue_job_changed(struct sched *s, const struct entry *entry)
{
  struct event_queue *queue = s->queues ? find_queue(s, entry->job->number) : NULL;
  if (queue && entry->is_throttled)
    queue->due.us = s->now_us;
  queue_release(s, entry->job->number);
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

/* ---- in ---- */

/* What the sources of a job say together. */
struct manner {
  int batch; /* so many events may make one run */
  int64_t throttle_us;
};

static void note_manner(void *context, const struct trigger *source)
{
  struct manner *manner = context;
  int batch = event_batch(source);
  int64_t throttle_us = event_throttle_us(source);
  if (batch > manner->batch)
    manner->batch = batch;
  if (throttle_us > manner->throttle_us)
    manner->throttle_us = throttle_us;
}

static struct manner manner_of(const struct job *job)
{
  struct manner manner = {.batch = 1};
  if (job->trigger)
    trigger_each_source(job->trigger, note_manner, &manner);
  return manner;
}

bool queue_add(struct sched *s, const struct job *job, int64_t debounce_us, const char *json)
{
  struct event_queue *queue = find_queue(s, job->number);
  struct error error;
  struct pending_event event = {.job = job->number,
                                .number = queue ? queue->last_number + 1 : 1,
                                .at_us = s->now_us,
                                .due_us = add_saturated(s->now_us, debounce_us),
                                .content = json};
  if (queue && queue->count >= WAITING_MAX)
    return false;
  if (sched_failed(s, store_add_event(s->store, &event, &error), &error))
    return true; /* the turn is taken back */
  queue = count_event(s, &event);
  if (queue->count >= manner_of(job).batch) {
    queue->most_us = queue->due.us = s->now_us;
    heap_put(&s->event_due, &queue->due);
  }
  return true;
}

/* ---- out ---- */

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

static void fire_queue(struct sched *s, struct event_queue *queue, struct entry *entry, int batch)
{
  struct taken taken = {.left = batch};
  struct error error;
  taken.writer.out = &taken.json;
  json_begin_array(&taken.writer);
  sched_failed(s, store_each_event(s->store, queue->job, take_event, &taken, &error), &error);
  json_end_array(&taken.writer);
  if (!s->failure && claim(s, entry, queue->due.us, taken.json.data) &&
      !sched_failed(s, store_remove_events(s->store, queue->job, taken.last_number, &error),
                    &error)) {
    near_moved(s, entry);
    go_on(s, queue, taken.count, batch);
  }
  buffer_deinit(&taken.json);
}

/* Until queue_release(), unless it fires, the queue is in no heap. */
static void try_queue(struct sched *s, struct event_queue *queue, struct entry *entry)
{
  heap_remove(&queue->due);
  if (entry->is_throttled) {
    entry->is_throttled = false;
    near_note(s, entry); /* so that it is let go at the end of the turn */
  }
  if (entry->progress.state == JOB_PAUSED || fire_is_held(s, entry))
    return;
  struct manner manner = manner_of(entry->job);
  int64_t throttled_us = manner.throttle_us ? pace_throttle(s, entry, manner.throttle_us) : 0;
  if (throttled_us > s->now_us) {
    entry->is_throttled = true;
    queue->due.us = throttled_us;
    heap_put(&s->event_due, &queue->due);
  } else if (fire_is_full(entry)) {
    fire_meet_overlap(s, entry, false);
  } else if (gate_admits_fire(s, entry, false)) {
    fire_queue(s, queue, entry, manner.batch);
  }
}

void queue_try(struct sched *s, struct entry *entry)
{
  struct event_queue *queue = find_queue(s, entry->job->number);
  if (queue && queue->due.us <= s->now_us)
    try_queue(s, queue, entry);
  else if (queue)
    heap_put(&s->event_due, &queue->due);
}

static bool waits_at_gate(const struct entry *entry)
{
  return entry->wait.why == WAIT_POOL || entry->wait.why == WAIT_KEY ||
         entry->wait.why == WAIT_RATE;
}

int queues_fire(struct sched *s, int budget)
{
  struct heap_node *node;
  int fired = 0;
  while (!s->failure && fired < budget && (node = heap_first(&s->event_due)) &&
         node->us <= s->now_us) {
    struct event_queue *queue = find_queue(s, node->number);
    struct error error;
    struct entry *entry = near_get(s, queue->job, &error);
    if ((entry && entry->removed) || (!entry && error.code == ERROR_NOT_FOUND)) {
      queue_remove(s, queue->job);
    } else if (!entry) {
      heap_remove(&queue->due);
      sched_failed(s, error.code, &error);
    } else if (waits_at_gate(entry) || gate_line_up_entry(s, entry, node->us)) {
      heap_remove(&queue->due); /* the entry is tried in its stead */
    } else {
      try_queue(s, queue, entry);
    }
    fired++;
  }
  return fired;
}
