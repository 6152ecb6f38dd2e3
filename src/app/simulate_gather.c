#include "app/simulate_gather.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- jobs ---- */

/* Skips of one job, which the store gives newest first. */
struct skips {
  struct simulation *simulation;
  int32_t job;
};

static bool visit_skip(void *context, const struct skip *skip)
{
  struct skips *skips = context;
  *simulation_add_skip(skips->simulation) = (struct simulation_skip){
      skips->job, (int)skip->reason, skip->first_us, skip->last_us, skip->count};
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

/* What is due before the end, and has become nothing yet. */
static void find_waiting(struct simulation *simulation, int32_t place)
{
  const struct simulation_job *job = &simulation->jobs[place];
  int64_t until_us = simulation->reached_us - 1, last_us = job->next_us;
  if (job->state != JOB_ACTIVE || job->next_us > until_us)
    return;
  int64_t count = 1 + trigger_count(job->job->trigger, job->next_us, until_us, &last_us);
  *simulation_add_skip(simulation) =
      (struct simulation_skip){place, -1, job->next_us, last_us, count};
}

static enum error_code add_job(struct rehearsal *rehearsal, struct simulation *simulation,
                               const struct json *shown, struct error *error)
{
  struct stored_job stored = {0};
  const char *id = json_text(json_get(shown, "id"), ""),
             *next = json_text(json_get(shown, "next_run_at"), NULL);
  enum error_code code = store_find_job(rehearsal_store(rehearsal), id, &stored, error);
  if (code)
    return code;
  struct skips skips = {simulation, (int32_t)simulation->job_count};
  struct simulation_job *job = simulation_add_job(simulation);
  size_t first_skip = simulation->skip_count;
  job->job = stored.job;
  job->state = (enum job_state)job_state_from_name(json_text(json_get(shown, "state"), "active"));
  job->error = memory_strdup(json_text(json_get(shown, "error"), NULL));
  if (!next || instant_parse(next, NULL, &job->next_us, NULL))
    job->next_us = JOB_NEVER;
  stored.job = NULL;
  stored_job_deinit(&stored);
  code =
      store_each_skip_of(rehearsal_store(rehearsal), job->job->number, visit_skip, &skips, error);
  reverse(simulation->skips + first_skip, simulation->skip_count - first_skip);
  find_waiting(simulation, skips.job);
  return code;
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

static enum error_code add_pools(struct rehearsal *rehearsal, struct simulation *simulation,
                                 struct error *error)
{
  struct json_document *answer;
  enum error_code code = ask(rehearsal, "pools", NULL, &answer, error);
  if (code)
    return code;
  json_each(shown, json_get(json_root(answer), "pools")) {
    struct simulation_pool *pool = simulation_add_pool(simulation);
    pool->name = memory_strdup(json_text(json_get(shown, "name"), ""));
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
