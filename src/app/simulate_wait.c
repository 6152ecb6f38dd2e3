/* What held a run back is told by who gave it up at the very instant at which the run began. When
 * an attempt after the first is due stands in the store, but only until it is held back, so it is
 * read as soon as the scheduler has decided on it. */
#include "app/simulate_wait.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "time/instant.h"
#include "trigger/event.h"

/* ---- who gave up what ---- */

struct wait_release {
  int64_t at_us;
  int32_t place;
  UT_hash_handle hh;
  char key[];
};

static struct wait_release *find_release(const struct waits *waits, const char *key)
{
  struct wait_release *release;
  HASH_FIND_STR(waits->releases, key, release);
  return release;
}

void waits_note_release(struct waits *waits, const char *kind, const char *name, int64_t at_us,
                        int32_t place)
{
  if (!name)
    return;
  char *key = memory_printf("%s %s", kind, name);
  struct wait_release *release = find_release(waits, key);
  if (!release) {
    size_t size = strlen(key);
    release = memory_alloc(sizeof *release + size + 1);
    memcpy(release->key, key, size + 1);
    HASH_ADD_KEYPTR(hh, waits->releases, release->key, size, release);
  }
  free(key);
  release->at_us = at_us;
  release->place = place;
}

int32_t waits_find_release(const struct waits *waits, const char *kind, const char *name,
                           int64_t at_us)
{
  if (!name)
    return -1;
  char *key = memory_printf("%s %s", kind, name);
  const struct wait_release *release = find_release(waits, key);
  free(key);
  return release && release->at_us == at_us ? release->place : -1;
}

/* ---- attempts that follow ---- */

struct wait_retry {
  struct run_key key;
  size_t attempt; /* its place in simulation.attempts */
  int32_t number;
  int64_t due_us;
  UT_hash_handle hh;
};

void waits_note_failure(struct waits *waits, const struct attempt *known, size_t attempt)
{
  struct wait_retry *retry = memory_alloc(sizeof *retry);
  retry->key = known->key;
  retry->number = known->number;
  retry->attempt = attempt;
  HASH_ADD(hh, waits->ended, key, sizeof retry->key, retry);
}

enum error_code waits_find_retries(struct waits *waits, struct store *store, int64_t now_us,
                                   struct error *error)
{
  struct wait_retry *retry, *next;
  HASH_ITER(hh, waits->ended, retry, next) {
    struct run run = {0};
    enum error_code code = store_get_run(store, retry->key, &run, error);
    if (code)
      return code;
    run_deinit(&run);
    if (!run_has_ended(run.state) && run.attempt == retry->number)
      continue; /* its retry.decide thinks yet */
    HASH_DEL(waits->ended, retry);
    if (!run_has_ended(run.state)) {
      retry->due_us = run.due_us == JOB_NEVER ? now_us : run.due_us;
      HASH_ADD(hh, waits->retries, key, sizeof retry->key, retry);
    } else {
      free(retry);
    }
  }
  return ERROR_OK;
}

int64_t waits_end_retry(struct waits *waits, struct run_key key, int64_t now_us)
{
  struct wait_retry *retry;
  int64_t due_us = now_us;
  HASH_FIND(hh, waits->retries, &key, sizeof key, retry);
  if (retry) {
    due_us = retry->due_us;
    HASH_DEL(waits->retries, retry);
  } else {
    HASH_FIND(hh, waits->ended, &key, sizeof key, retry);
    if (retry)
      HASH_DEL(waits->ended, retry);
  }
  free(retry);
  return due_us;
}

enum error_code waits_tell_retries(const struct waits *waits, struct store *store,
                                   struct simulation *simulation, struct error *error)
{
  for (const struct wait_retry *retry = waits->retries; retry; retry = retry->hh.next) {
    struct run run = {0};
    enum error_code code = store_get_run(store, retry->key, &run, error);
    if (code)
      return code;
    if (run.state == RUN_PENDING)
      simulation->attempts[retry->attempt].next_us = retry->due_us;
    run_deinit(&run);
  }
  return ERROR_OK;
}

void waits_deinit(struct waits *waits)
{
  struct wait_release *release, *next_release;
  struct wait_retry *retry, *next_retry;
  HASH_ITER(hh, waits->releases, release, next_release) {
    HASH_DEL(waits->releases, release);
    free(release);
  }
  HASH_ITER(hh, waits->ended, retry, next_retry) {
    HASH_DEL(waits->ended, retry);
    free(retry);
  }
  HASH_ITER(hh, waits->retries, retry, next_retry) {
    HASH_DEL(waits->retries, retry);
    free(retry);
  }
}

/* ---- events ---- */

/* What the sources of a job say together. */
struct manner {
  int batch;
  int64_t debounce_us, throttle_us;
};

static int64_t larger(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static void note_manner(void *context, const struct trigger *source)
{
  struct manner *manner = context;
  if (event_batch(source) > manner->batch)
    manner->batch = event_batch(source);
  manner->debounce_us = larger(manner->debounce_us, event_debounce_us(source));
  manner->throttle_us = larger(manner->throttle_us, event_throttle_us(source));
}

static struct manner manner_of(const struct job *job)
{
  struct manner manner = {.batch = 1};
  if (job->trigger)
    trigger_each_source(job->trigger, note_manner, &manner);
  return manner;
}

bool wait_has_throttle(const struct job *job)
{
  return manner_of(job).throttle_us > 0;
}

int wait_batch_of(const struct job *job)
{
  return manner_of(job).batch;
}

static int64_t came_at(const struct json *event, int64_t else_us)
{
  const char *at = json_text(json_get(event, "at"), NULL);
  int64_t us;
  return at && !instant_parse(at, NULL, &us, NULL) ? us : else_us;
}

int64_t wait_due_of_events(const struct job *job, const char *events, int64_t scheduled_us,
                           int64_t began_us)
{
  struct manner manner = manner_of(job);
  struct json_document *document;
  int64_t first_us = scheduled_us, last_us = scheduled_us;
  int count = 0;
  if (json_parse(events, strlen(events), &document, NULL))
    return scheduled_us;
  json_each(event, json_root(document)) {
    last_us = came_at(event, scheduled_us);
    if (count++ == 0)
      first_us = last_us;
  }
  json_free(document);
  int64_t due_us = last_us;
  if (count < manner.batch) /* so many do not wait for the pause */
    due_us =
        smaller(last_us + manner.debounce_us, first_us + EVENT_DEBOUNCE_MOST * manner.debounce_us);
  if (manner.throttle_us && began_us != INT64_MIN)
    due_us = larger(due_us, smaller(began_us, first_us) + manner.throttle_us);
  return smaller(due_us, scheduled_us);
}

/* ---- keys ---- */

char *wait_expand_key(const struct job *job, const char *args)
{
  struct buffer key = {0};
  if (!job->concurrency_key)
    return NULL;
  if (job_expand(job, job->concurrency_key, args, &key, NULL))
    buffer_clear(&key);
  return buffer_take(&key);
}
