#include "app/simulate_gather.h"

#include <stdlib.h>
#include <string.h>

#include "app/simulate_wait.h"
#include "base/memory.h"
#include "time/instant.h"

static enum error_code ask(struct rehearsal *rehearsal, const char *operation, const char *params,
                           struct json_document **answer, struct error *error)
{
  *answer = NULL;
  char *text = rehearsal_ask(rehearsal, operation, params, error);
  if (!text)
    return error->code;
  enum error_code code = json_parse(text, strlen(text), answer, error);
  free(text);
  return code;
}

/* ---- skips ---- */

/* Skips of one job, which the store gives newest first. */
struct skips {
  struct simulation *simulation;
  int32_t job;
};

static bool visit_skip(void *context, const struct skip *skip)
{
  struct skips *skips = context;
  *simulation_add_skip(skips->simulation) = (struct simulation_skip){.job = skips->job,
                                                                     .reason = (int)skip->reason,
                                                                     .first_us = skip->first_us,
                                                                     .last_us = skip->last_us,
                                                                     .count = skip->count};
  return true;
}

static void reverse(struct simulation_skip *skips, size_t count)
{
  for (size_t i = 0; i < count / 2; i++) {
    struct simulation_skip skip = skips[i];
    skips[i] = skips[count - 1 - i];
    skips[count - 1 - i] = skip;
  }
}

/* ---- what has become nothing yet ---- */

/* Times before the end at which a run of a job was due, or an event for it had come. */
struct backlog {
  int64_t first_us, last_us, count;
  int64_t until_us;
};

static bool visit_event(void *context, const struct pending_event *event)
{
  struct backlog *backlog = context;
  if (event->due_us >= backlog->until_us)
    return true;
  if (backlog->count++ == 0)
    backlog->first_us = event->due_us;
  backlog->last_us = event->due_us;
  return true;
}

static void add_backlog(struct simulation *simulation, int32_t place, const struct backlog *backlog,
                        int reason, enum simulation_wait wait)
{
  if (backlog->count == 0)
    return;
  struct simulation_skip *skip = simulation_add_skip(simulation);
  *skip = (struct simulation_skip){.job = place,
                                   .reason = reason,
                                   .first_us = backlog->first_us,
                                   .last_us = backlog->last_us,
                                   .count = backlog->count,
                                   .wait = wait};
  if (wait == WAITED_FOR_KEY)
    skip->key = wait_expand_key(simulation->jobs[place].job, NULL);
}

static const struct json *find_reason(const struct json_document *why, const char *kind)
{
  json_each(reason, json_get(json_root(why), "reasons"))
    if (strcmp(json_text(json_get(reason, "kind"), ""), kind) == 0)
      return reason;
  return NULL;
}

/* Events that wait for nothing but the pause of their debounce, or the end of a throttle that will
 * let all of them through, are not late. */
static bool are_in_time(const struct json_document *why, const struct job *job, int64_t count)
{
  return json_get(find_reason(why, "queue"), "clears_at") && count <= wait_batch_of(job);
}

/* The first that stands in the way, as `moonbeat why` tells it. */
static enum simulation_wait wait_of(const struct json_document *why, const struct job *job)
{
  static const struct {
    const char *kind;
    enum simulation_wait wait;
  } waits[] = {{"overlap", WAITED_FOR_OVERLAP},
               {"pool", WAITED_FOR_POOL},
               {"key", WAITED_FOR_KEY},
               {"rate", WAITED_FOR_RATE},
               {"replay_rate", WAITED_FOR_RATE}};
  for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++)
    if (find_reason(why, waits[i].kind))
      return waits[i].wait;
  return wait_has_throttle(job) ? WAITED_FOR_THROTTLE : WAITED_NOT;
}

static enum error_code add_waiting(struct rehearsal *rehearsal, struct simulation *simulation,
                                   int32_t place, struct backlog *due, struct backlog *events,
                                   struct error *error)
{
  const struct job *job = simulation->jobs[place].job;
  struct buffer params = {0};
  struct json_writer writer = {.out = &params};
  struct json_document *why;
  json_begin_object(&writer);
  json_put_text(&writer, "job", job->id);
  json_end_object(&writer);
  enum error_code code = ask(rehearsal, "why", params.data, &why, error);
  buffer_deinit(&params);
  if (code)
    return code;
  if (are_in_time(why, job, events->count))
    events->count = 0;
  add_backlog(simulation, place, due, -1, wait_of(why, job));
  add_backlog(simulation, place, events, -1, wait_of(why, job));
  json_free(why);
  return ERROR_OK;
}

static enum error_code find_backlog(struct rehearsal *rehearsal, struct simulation *simulation,
                                    int32_t place, struct error *error)
{
  const struct simulation_job *job = &simulation->jobs[place];
  int64_t until_us = simulation->reached_us, next_us = job->next_us;
  struct backlog due = {next_us, next_us, 0, until_us}, events = {.until_us = until_us};
  enum error_code code =
      store_each_event(rehearsal_store(rehearsal), job->job->number, visit_event, &events, error);
  if (next_us < until_us)
    due.count = 1 + trigger_count(job->job->trigger, next_us, until_us - 1, &due.last_us);
  if (job->state == JOB_PAUSED) { /* as will be recorded when it is resumed */
    add_backlog(simulation, place, &due, SKIP_PAUSED, WAITED_NOT);
    due.count = 0;
  }
  if (code || due.count + events.count == 0)
    return code;
  return add_waiting(rehearsal, simulation, place, &due, &events, error);
}

/* ---- jobs ---- */

/* When it is due next, also if it is paused. */
static int64_t next_of(const struct json *shown, const struct stored_job *stored)
{
  const char *next = json_text(json_get(shown, "next_run_at"), NULL);
  int64_t next_us;
  if (stored->progress.state == JOB_PAUSED)
    return stored->progress.next_us;
  return next && !instant_parse(next, NULL, &next_us, NULL) ? next_us : JOB_NEVER;
}

static enum error_code add_job(struct rehearsal *rehearsal, struct simulation *simulation,
                               const struct json *shown, struct error *error)
{
  struct stored_job stored = {0};
  const char *id = json_text(json_get(shown, "id"), "");
  enum error_code code = store_find_job(rehearsal_store(rehearsal), id, &stored, error);
  if (code)
    return code;
  struct skips skips = {simulation, (int32_t)simulation->job_count};
  struct simulation_job *job = simulation_add_job(simulation);
  size_t first_skip = simulation->skip_count;
  job->job = stored.job;
  job->state = (enum job_state)job_state_from_name(json_text(json_get(shown, "state"), "active"));
  job->error = memory_strdup(json_text(json_get(shown, "error"), NULL));
  job->next_us = next_of(shown, &stored);
  stored.job = NULL;
  stored_job_deinit(&stored);
  code =
      store_each_skip_of(rehearsal_store(rehearsal), job->job->number, visit_skip, &skips, error);
  reverse(simulation->skips + first_skip, simulation->skip_count - first_skip);
  return code ? code : find_backlog(rehearsal, simulation, skips.job, error);
}

static enum error_code add_jobs(struct rehearsal *rehearsal, struct simulation *simulation,
                                struct error *error)
{
  struct json_document *page = NULL;
  const char *after = NULL;
  enum error_code code;
  do {
    struct json_document *before = page;
    struct buffer params = {0};
    struct json_writer writer = {.out = &params};
    json_begin_object(&writer);
    json_put_integer(&writer, "limit", 1000);
    if (after)
      json_put_text(&writer, "after", after);
    json_end_object(&writer);
    code = ask(rehearsal, "list", params.data, &page, error);
    buffer_deinit(&params);
    json_free(before);
    json_each(shown, json_get(json_root(page), "jobs"))
      if (!code)
        code = add_job(rehearsal, simulation, shown, error);
    after = json_text(json_get(json_root(page), "next"), NULL);
  } while (!code && after);
  json_free(page);
  return code;
}

/* ---- pools and scripts ---- */

static bool is_used(const struct simulation *simulation, const char *pool)
{
  for (size_t i = 0; i < simulation->job_count; i++) {
    const char *name = simulation->jobs[i].job->pool;
    if (name && strcmp(name, pool) == 0)
      return true;
  }
  return false;
}

static enum error_code add_pools(struct rehearsal *rehearsal, struct simulation *simulation,
                                 struct error *error)
{
  struct json_document *answer;
  enum error_code code = ask(rehearsal, "pools", NULL, &answer, error);
  if (code)
    return code;
  json_each(shown, json_get(json_root(answer), "pools")) {
    const char *name = json_text(json_get(shown, "name"), "");
    if (!json_text(json_get(shown, "script"), NULL) && !is_used(simulation, name))
      continue;
    struct simulation_pool *pool = simulation_add_pool(simulation);
    pool->name = memory_strdup(name);
    pool->slots = json_integer(json_get(shown, "slots"), 0);
  }
  json_free(answer);
  return ERROR_OK;
}

static enum error_code add_problems(struct rehearsal *rehearsal, struct simulation *simulation,
                                    struct error *error)
{
  struct json_document *answer;
  enum error_code code = ask(rehearsal, "scripts", NULL, &answer, error);
  if (code)
    return code;
  json_each(shown, json_get(json_root(answer), "scripts")) {
    const char *text = json_text(json_get(shown, "error"), NULL);
    if (!text)
      continue;
    struct simulation_problem *problem = simulation_add_problem(simulation);
    problem->script = memory_strdup(json_text(json_get(shown, "name"), ""));
    problem->text = memory_strdup(text);
  }
  json_free(answer);
  return ERROR_OK;
}

enum error_code simulate_gather(struct rehearsal *rehearsal, struct simulation *simulation,
                                struct error *error)
{
  enum error_code code = add_jobs(rehearsal, simulation, error);
  if (!code)
    code = add_pools(rehearsal, simulation, error);
  return code ? code : add_problems(rehearsal, simulation, error);
}
