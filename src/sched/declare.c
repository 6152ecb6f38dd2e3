/* A script's jobs become what it declares: new ones are added, those no longer declared are
 * removed, changed ones are changed, and one whose trigger is as it was keeps its due time. All is
 * read and compared before anything is written, so a wrong declaration changes nothing.
 *
 * A job is compared by what was written (its spec), not by what it came to mean: `every "5s"` is
 * the same trigger today as yesterday, although it is anchored at the moment when it was first
 * seen. */
#include "sched/declare.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "model/event_name.h"
#include "sched/arrive.h"
#include "sched/ask.h"
#include "sched/event.h"
#include "sched/finish.h"
#include "sched/fire.h"
#include "sched/fold.h"
#include "sched/follow.h"
#include "sched/health.h"
#include "sched/near.h"
#include "sched/pause.h"
#include "sched/pool.h"
#include "sched/queue.h"
#include "sched/recover.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/topic.h"
#include "sched/turn.h"
#include "time/duration.h"

/* The spec without `where` (lines move when comments do), or only its trigger. */
static char *essence(const char *spec, bool only_trigger)
{
  struct json_document *document;
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  if (json_parse(spec, strlen(spec), &document, NULL))
    return memory_strdup("");
  json_begin_object(&writer);
  json_each(member, json_root(document)) {
    bool of_trigger = strcmp(member->key, "trigger") == 0 || strcmp(member->key, "timezone") == 0;
    if (only_trigger ? !of_trigger : strcmp(member->key, "where") == 0)
      continue;
    json_key(&writer, member->key);
    json_write_tree(&writer, member);
  }
  json_end_object(&writer);
  json_free(document);
  return buffer_take(&out);
}

static bool is_same(const struct job *a, const struct job *b, bool only_trigger)
{
  char *x = essence(a->spec, only_trigger), *y = essence(b->spec, only_trigger);
  bool same = strcmp(x, y) == 0;
  free(x);
  free(y);
  return same;
}

/* What counts the runs that began within `period_us` finds those only that are kept, in a rehearsal
 * those that a daemon would keep. */
static enum error_code check_period(const struct sched *s, int64_t period_us, const char *what,
                                    const char *amount, struct error *error)
{
  char kept[DURATION_TEXT_SIZE];
  int64_t age_us = s->options.counted_us ? s->options.counted_us : s->options.retention.age_us;
  if (age_us <= 0 || period_us <= age_us)
    return ERROR_OK;
  duration_format(kept, age_us);
  return error_set(error, ERROR_INVALID,
                   "%s %s counts over a longer time than ended runs are kept (keep = \"%s\")", what,
                   amount, kept);
}

static enum error_code check_rate(const struct sched *s, const struct job *job, struct error *error)
{
  char text[RATE_TEXT_SIZE];
  if (!job->rate.count)
    return ERROR_OK;
  rate_format(text, &job->rate);
  return check_period(s, job->rate.period_us, "rate", text, error);
}

struct check {
  const struct sched *s;
  const char *id;
  enum error_code code;
  struct error *error;
};

/* What can never set the job off: its own end, an event that does not exist. */
static void check_cause(struct check *check, const struct json *source)
{
  const char *job = json_text(json_get(source, "job"), "");
  const char *event = json_text(json_get(source, "event"), NULL);
  if (strcmp(job, check->id) == 0)
    check->code = error_set(check->error, ERROR_INVALID, "its trigger waits for the job itself");
  else if (event)
    check->code = event_name_check(event, check->error);
}

static void check_source(void *context, const struct trigger *source)
{
  struct check *check = context;
  struct buffer key = {0};
  struct json_document *document;
  char throttle[DURATION_TEXT_SIZE];
  if (check->code)
    return;
  trigger_put_key(source, &key);
  if (!json_parse(key.data, key.size, &document, NULL)) {
    check_cause(check, json_root(document));
    json_free(document);
  }
  buffer_deinit(&key);
  duration_format(throttle, event_throttle_us(source));
  if (!check->code)
    check->code =
        check_period(check->s, event_throttle_us(source), "throttle", throttle, check->error);
}

static enum error_code check_trigger(struct sched *s, const struct job *job, struct error *error)
{
  struct check check = {.s = s, .id = job->id, .error = error};
  const char *unknown = trigger_undefined_calendar(job->trigger);
  if (unknown)
    return error_set(error, ERROR_INVALID, "no script that loads declares calendar \"%s\"",
                     unknown);
  trigger_each_source(job->trigger, check_source, &check);
  if (!check.code && fire_first(job, s->now_us) == JOB_NEVER && !trigger_is_open(job->trigger))
    return error_set(error, ERROR_INVALID, "its trigger has no fire after now");
  return check.code;
}

static enum error_code check_admission(struct sched *s, const struct job *job, struct error *error)
{
  if (job->pool && !pool_exists(s, job->pool))
    return pool_refuse_unknown(s, job->pool, error);
  enum error_code code = check_rate(s, job, error);
  if (code)
    return code;
  code = gate_check(job, NULL, error);
  if (code != ERROR_NOT_FOUND)
    return code;
  /* A job that runs only when it is asked may be given its arguments then. */
  bool has_args = job->args && strcmp(job->args, "[]") != 0;
  return job->trigger || has_args ? (error->code = ERROR_INVALID) : ERROR_OK;
}

static enum error_code check_all(struct sched *s, struct job *job, bool with_trigger,
                                 struct error *error)
{
  enum error_code code = check_admission(s, job, error);
  if (!code && with_trigger && job->trigger) {
    trigger_anchor(job->trigger, s->now_us, job->id);
    code = check_trigger(s, job, error);
  }
  if (code)
    error_prefix(error, "job \"%s\"", job->id);
  return code && job->where ? error_prefix(error, "%s", job->where) : code;
}

enum error_code declare_check(struct sched *s, struct job *job, struct error *error)
{
  return check_all(s, job, true, error);
}

enum error_code declare_check_change(struct sched *s, const struct job *old, struct job *job,
                                     struct error *error)
{
  return is_same(old, job, false) ? ERROR_OK : check_all(s, job, !is_same(old, job, true), error);
}

/* What it waits for is noted. A job that is declared by a script that was there when the daemon
 * began hears of the start too. */
static void begin_waiting(struct sched *s, struct entry *entry)
{
  const struct job *job = entry->job;
  topic_subscribe(s, job);
  follow_begins(s, job);
  if (!job->trigger || !trigger_is_open(job->trigger))
    return;
  const struct script_entry *script = script_find(s, job->script);
  if (job->origin == JOB_DECLARED && script && script->since_start && !script->generation)
    arrive_start_at(s, entry);
  ask_next(s, entry);
}

struct entry *declare_add(struct sched *s, struct job *job, struct error *error)
{
  struct job_progress progress = {.state = JOB_ACTIVE, .last_us = INT64_MIN};
  if (declare_check(s, job, error)) {
    job_destroy(job);
    return NULL;
  }
  progress.next_us = fire_first(job, s->now_us);
  if (!job->enabled) {
    progress.state = JOB_PAUSED;
    progress.paused_us = s->now_us;
  }
  enum error_code code = store_add_job(s->store, job, &progress, error);
  if (code) {
    if (code != ERROR_EXISTS)
      sched_failed(s, code, error);
    job_destroy(job);
    return NULL;
  }
  struct entry *entry = near_add(s, job, &progress);
  begin_waiting(s, entry);
  if (job->expect_us)
    health_begin(s, entry, false);
  return entry;
}

/* What changes with the option `enabled`, and only when it was changed: a pause by hand stays. */
static void follow_enabled(struct sched *s, struct entry *entry, bool was_enabled)
{
  if (entry->job->enabled == was_enabled)
    return;
  if (entry->job->enabled && entry->progress.state == JOB_PAUSED) {
    fire_resume(s, entry);
    event_job(s, "job_resumed", entry);
  } else if (!entry->job->enabled && entry->progress.state == JOB_ACTIVE) {
    pause_entry(s, entry, NULL);
  }
}

void declare_change(struct sched *s, struct entry *entry, struct job *job)
{
  struct error error;
  struct job *old = entry->job;
  struct job_progress *progress = &entry->progress;
  bool was_enabled = old->enabled, is_other_trigger = !is_same(old, job, true);
  bool is_moved = !old->trigger || is_other_trigger;
  bool is_expected_anew = is_other_trigger || old->expect_us != job->expect_us;
  job->number = old->number;
  job->origin = old->origin;
  if (job->trigger)
    trigger_anchor(job->trigger, s->now_us, job->id);
  if (is_moved) {
    fire_leave_trigger(s, entry);
    topic_unsubscribe(s, job->number);
    topic_subscribe(s, job);
    follow_begins(s, job);
    progress->next_us = fire_first(job, s->now_us);
  } else {
    struct trigger *fresh = job->trigger;
    job->trigger = old->trigger;
    old->trigger = fresh;
    topic_change_pool(s, job, old->pool);
  }
  entry->job = job;
  entry->hh.key = &job->number;
  job_destroy(old);
  if (is_moved)
    fire_conclude(s, entry);
  if (sched_failed(s, store_change_job(s->store, job, &error), &error))
    return;
  if (is_expected_anew)
    health_begin(s, entry, false);
  follow_enabled(s, entry, was_enabled);
  gate_job_changed(s, entry);
  queue_job_changed(s, entry);
  near_changed(s, entry);
  event_job(s, "job_modified", entry);
}

/* Runs in progress end in peace; one that only waits for its next attempt has nothing to finish. */
static void cancel_waiting_runs(struct sched *s, const struct entry *entry)
{
  if (entry->open_runs == 0)
    return;
  for (struct open_run *run = s->open_runs; run; run = run->hh.next)
    if (run->entry == entry && !run->worker && !run->ended)
      finish_here(s, run, RUN_CANCELLED, "its job was removed");
}

void declare_take_back(struct sched *s, struct entry *entry)
{
  struct error error;
  cancel_waiting_runs(s, entry);
  if (sched_failed(s, store_remove_job(s->store, entry->job->number, &error), &error))
    return;
  entry->removed = true;
  topic_unsubscribe(s, entry->job->number);
  queue_remove(s, entry->job->number);
  health_remove(s, entry->job->number);
  fold_done(s, entry); /* there is nothing left to write it to */
  near_changed(s, entry);
}

void declare_remove(struct sched *s, struct entry *entry)
{
  declare_take_back(s, entry);
  if (entry->removed)
    event_job(s, "job_removed", entry);
}

/* ---- all jobs of a script ---- */

struct numbers {
  int64_t *items;
  size_t count, capacity;
};

static bool collect(void *context, struct stored_job *stored)
{
  struct numbers *numbers = context;
  if (numbers->count == numbers->capacity) {
    numbers->capacity = numbers->capacity ? numbers->capacity * 2 : 16;
    numbers->items = memory_resize(numbers->items, numbers->capacity * sizeof *numbers->items);
  }
  numbers->items[numbers->count++] = stored->job->number;
  return true;
}

static struct numbers declared_by(struct sched *s, const char *script)
{
  struct numbers numbers = {0};
  struct error error;
  sched_failed(s, store_each_declared(s->store, script, collect, &numbers, &error), &error);
  return numbers;
}

/* The entries of those jobs that are still in the store. */
#define each_entry(s, entry, numbers)                                                              \
  for (size_t i_ = 0; i_ < (numbers).count && !(s)->failure; i_++)                                 \
    if ((entry = near_get((s), (numbers).items[i_], NULL)) && !entry->removed)

/* A job that a script's source declares, by its id; all of them in the order of the source. */
struct declared {
  struct job *job;
  UT_hash_handle hh;
};

static struct job *take_declared(struct declared **all, const char *id)
{
  struct declared *declared;
  struct job *job = NULL;
  HASH_FIND_STR(*all, id, declared);
  if (declared) {
    job = declared->job;
    HASH_DEL(*all, declared);
    free(declared);
  }
  return job;
}

/* Takes the job, unless there is one of that id: false. */
static bool add_declared(struct declared **all, struct job *job)
{
  struct declared *declared;
  HASH_FIND_STR(*all, job->id, declared);
  if (declared)
    return false;
  declared = memory_alloc(sizeof *declared);
  declared->job = job;
  HASH_ADD_KEYPTR(hh, *all, job->id, strlen(job->id), declared);
  return true;
}

/* Reads one spec and sees that its id is free or this script's own. */
static enum error_code read_one(struct sched *s, const struct script_entry *script,
                                const struct json *spec, struct declared **declared, bool *conflict,
                                struct error *error)
{
  struct job *job;
  struct stored_job stored = {0};
  enum error_code code =
      job_from_json(spec, script->script.name, s->options.default_zone, &job, error);
  if (code)
    return json_get(spec, "where") ? code : error_prefix(error, "%s", script->script.path);
  if (!add_declared(declared, job)) {
    error_set(error, ERROR_EXISTS, "%s: job \"%s\" is declared twice",
              job->where ? job->where : script->script.path, job->id);
    job_destroy(job);
    return ERROR_EXISTS;
  }
  if (store_find_job(s->store, job->id, &stored, NULL) != ERROR_OK)
    return declare_check(s, job, error);
  const struct job *other = stored.job;
  if (other->origin == JOB_ADDED)
    code = error_set(error, ERROR_EXISTS,
                     "%s: job \"%s\" was added at run time: remove it or take another id",
                     job->where ? job->where : script->script.path, job->id);
  else if (strcmp(other->script, script->script.name) != 0)
    code = error_set(error, ERROR_EXISTS, "%s: job \"%s\" is already declared at %s",
                     job->where ? job->where : script->script.path, job->id,
                     other->where ? other->where : other->script);
  *conflict |= code != ERROR_OK;
  if (!code)
    code = declare_check_change(s, other, job, error);
  stored_job_deinit(&stored);
  return code;
}

static void compare(struct sched *s, struct entry *entry, struct declared **declared)
{
  declare_read_again(s, entry);
  struct job *job = take_declared(declared, entry->job->id);
  if (!job)
    declare_remove(s, entry);
  else if (!is_same(entry->job, job, false))
    declare_change(s, entry, job);
  else
    job_destroy(job);
}

enum error_code declare_jobs(struct sched *s, const struct script_entry *script,
                             const struct json *specs, bool *conflict, struct error *error)
{
  struct declared *declared = NULL, *next, *one;
  enum error_code code = ERROR_OK;
  struct entry *entry;
  json_each(spec, specs)
    if (!code)
      code = read_one(s, script, spec, &declared, conflict, error);
  if (!code) {
    struct numbers numbers = declared_by(s, script->script.name);
    each_entry(s, entry, numbers)
      compare(s, entry, &declared);
    free(numbers.items);
  }
  HASH_ITER(hh, declared, one, next) {
    struct job *job = take_declared(&declared, one->job->id);
    if (code || s->failure)
      job_destroy(job);
    else if ((entry = declare_add(s, job, error)))
      event_job(s, "job_added", entry);
    else
      code = s->failure ? s->failure : ERROR_INVALID;
  }
  return code;
}

void declare_remove_jobs(struct sched *s, const char *script)
{
  struct entry *entry;
  struct numbers numbers = declared_by(s, script);
  each_entry(s, entry, numbers)
    declare_remove(s, entry);
  free(numbers.items);
}

void declare_break_jobs(struct sched *s, const char *script, const char *reason)
{
  struct entry *entry;
  struct numbers numbers = declared_by(s, script);
  each_entry(s, entry, numbers) {
    if (entry->progress.state != JOB_ACTIVE && entry->progress.state != JOB_ERROR)
      continue;
    if (recover_is_quarantined(entry) || entry->job->is_unreadable)
      continue;
    entry->progress.state = JOB_ERROR;
    char *copy = memory_strdup(reason);
    free(entry->progress.error);
    entry->progress.error = copy;
    near_changed(s, entry);
  }
  free(numbers.items);
}

bool declare_read_again(struct sched *s, struct entry *entry)
{
  if (!entry->job->is_unreadable)
    return true;
  near_read_again(s, entry);
  if (entry->removed || entry->job->is_unreadable)
    return false;
  queue_release(s, entry->job->number);
  run_release(s);
  return true;
}

void declare_mend_jobs(struct sched *s, const char *script)
{
  struct entry *entry;
  struct error error;
  struct numbers numbers = {0};
  near_flush(s); /* who was paused in this turn is broken no more */
  if (s->failure)
    return;
  sched_failed(s, store_each_broken(s->store, script, collect, &numbers, &error), &error);
  each_entry(s, entry, numbers) {
    if (!declare_read_again(s, entry) || recover_is_quarantined(entry))
      continue;
    free(entry->progress.error);
    entry->progress.error = NULL;
    entry->progress.state = JOB_ACTIVE;
    queue_release(s, entry->job->number);
    fire_conclude(s, entry);
    near_changed(s, entry);
  }
  free(numbers.items);
}
