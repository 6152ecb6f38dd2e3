/* Whatever the policies and whatever happens, every due time up to a job's cursor is a run or part
 * of a recorded skip, exactly once, and no gate lets more through than it may.
 *
 * Jobs of all policies live through a thousand random events: time that passes or leaps, runs that
 * end in any way or are told to, crashes, pools that grow and shrink, pauses. The seed is printed
 * with a failure and may be given as MOONBEAT_SEED. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "support/scratch.h"
#include "support/world.h"
#include "time/instant.h"
#include "time/zone.h"

enum { STEPS = 600, SLOTS_MAX = 3 };

static const struct policy {
  int period_s;
  const char *options;
} policies[] = {
    {1, "\"overlap\":\"skip\""},
    {2, "\"overlap\":\"buffer_one\""},
    {2, "\"overlap\":\"buffer_one\",\"coalesce\":\"earliest\""},
    {3, "\"overlap\":\"buffer_all\",\"buffer_limit\":5"},
    {2, "\"overlap\":\"cancel_other\""},
    {2, "\"overlap\":\"terminate_other\",\"pool\":\"p\""},
    {3, "\"overlap\":\"allow\",\"max_instances\":3,\"pool\":\"p\",\"priority\":7"},
    {2, "\"coalesce\":\"all\",\"replay_limit\":9,\"replay_rate\":\"5/10s\""},
    {3, "\"coalesce\":\"earliest\",\"pool\":\"p\",\"misfire_grace_time\":\"7s\""},
    {1,
     "\"overlap\":\"allow\",\"rate\":\"4/10s\",\"concurrency_key\":\"k\",\"concurrency_limit\":2"},
    {2, "\"overlap\":\"buffer_all\",\"buffer_limit\":2,\"concurrency_key\":\"k\",\"pool\":\"p\""},
    {5, "\"retry\":{\"attempts\":3,\"delay\":\"2s\"},\"pool\":\"p\""},
    {4, "\"delivery\":\"at_most_once\",\"overlap\":\"cancel_other\",\"concurrency_key\":\"k\""},
};

enum { JOBS = sizeof policies / sizeof policies[0] };

static uint64_t seed, random_state;

static int64_t draw(int64_t below)
{
  random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int64_t)((random_state >> 33) % (uint64_t)below);
}

static char *script_text(void)
{
  struct buffer out = {0};
  buffer_append_text(&out, "{\"pools\":{\"p\":2},\"jobs\":[");
  for (int i = 0; i < JOBS; i++) {
    bool may_repeat = !strstr(policies[i].options, "at_most_once");
    buffer_printf(&out, "%s{\"id\":\"j%d\",\"run\":true,\"trigger\":\"every %ds\",%s%s}",
                  i ? "," : "", i, policies[i].period_s, policies[i].options,
                  may_repeat ? ",\"max_interruptions\":1000000" : "");
  }
  buffer_append_text(&out, "]}");
  return buffer_take(&out);
}

static void ask(struct world *w, const char *operation, const char *format, int number)
{
  char params[100];
  snprintf(params, sizeof params, format, number); /* NOLINT: all formats are in this file */
  free(world_ask(w, operation, params));
}

/* The workers obey: what was told to end has ended. */
static void obey(struct world *w)
{
  struct message *cancel;
  while ((cancel = world_take(w, MESSAGE_CANCEL))) {
    struct message_list rest = {0};
    struct message *run, *found = NULL;
    while ((run = message_list_pop(&w->runs)))
      if (!found && run->as.run.attempt.fence == cancel->as.cancel.attempt.fence)
        found = run;
      else
        message_list_append(&rest, run);
    w->runs = rest;
    if (found) {
      struct message *m = message_create(MESSAGE_FINISHED, found->to, ADDRESS_SCHEDULER);
      m->as.finished.attempt = found->as.run.attempt;
      m->as.finished.state = cancel->as.cancel.state;
      m->as.finished.started_us = m->as.finished.finished_us = w->now_us;
      message_destroy(found);
      world_tell(w, m);
    }
    message_destroy(cancel);
  }
}

/* No gate has let through more than it may; those of a pool that shrank may stay. */
static void check_open(const struct world *w)
{
  int of_key = 0, of_job[JOBS] = {0};
  for (const struct message *run = w->runs.first; run; run = run->next) {
    int job = atoi(run->as.run.job_id + 1);
    of_job[job]++;
    of_key += strstr(policies[job].options, "concurrency_key") != NULL;
  }
  if (of_key > 2)
    fail_msg("seed %llu: %d runs with one key", (unsigned long long)seed, of_key);
  for (int i = 0; i < JOBS; i++) {
    int most = strstr(policies[i].options, "max_instances") ? 3
               : strstr(policies[i].options, "allow")       ? 1000
                                                            : 1;
    if (of_job[i] > most)
      fail_msg("seed %llu: %d runs of j%d are open", (unsigned long long)seed, of_job[i], i);
  }
}

static void take_step(struct world *w, const char *script)
{
  switch (draw(12)) {
  case 0:
  case 1:
  case 2:
    world_live(w, draw(3000000));
    break;
  case 3:
    world_pass(w, draw(40 * SECOND));
    break;
  case 4:
    ask(w, "set_pool", "{\"name\":\"p\",\"slots\":%d}", (int)draw(SLOTS_MAX + 1));
    break;
  case 5:
    ask(w, draw(2) ? "pause" : "resume", "{\"job\":\"j%d\"}", (int)draw(JOBS));
    break;
  case 6:
    if (draw(4) == 0) {
      world_crash(w);
      world_save(w, "a", script);
    }
    break;
  default:
    if (world_run_count(w) > 0) {
      static const enum run_state ends[] = {RUN_SUCCEEDED, RUN_SUCCEEDED, RUN_FAILED,
                                            RUN_TIMED_OUT};
      enum run_state state = ends[draw(4)];
      world_finish(w, state, NULL, state == RUN_SUCCEEDED ? NULL : "no");
    }
    break;
  }
  obey(w);
  check_open(w);
}

static int64_t next_us(struct world *w, int job)
{
  char params[40];
  const struct zone *utc;
  struct json_document *document;
  int64_t us = 0;
  snprintf(params, sizeof params, "{\"job\":\"j%d\"}", job);
  char *text = world_ask(w, "show", params);
  assert_int_equal(zone_find("UTC", &utc, NULL), ERROR_OK);
  assert_int_equal(json_parse(text, strlen(text), &document, NULL), ERROR_OK);
  const char *next = json_text(json_get(json_root(document), "next_run_at"), NULL);
  if (!next)
    fail_msg("seed %llu: %s", (unsigned long long)seed, text);
  assert_int_equal(instant_parse(next, utc, &us, NULL), ERROR_OK);
  json_free(document);
  free(text);
  return us;
}

static void check_account(struct world *w, int job)
{
  static const char *const reasons[] = {"misfire", "overlap", "paused", "limit"};
  char id[8];
  int64_t skipped = 0;
  snprintf(id, sizeof id, "j%d", job);
  /* All runs have ended again and again: nobody may still wait. */
  if (next_us(w, job) < w->now_us - 20 * SECOND)
    fail_msg("seed %llu: %s waits for ever", (unsigned long long)seed, id);
  int64_t period_us = policies[job].period_s * SECOND;
  int64_t due = (next_us(w, job) - WORLD_BEGINS) / period_us - 1;
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
    skipped += world_skipped(w, id, reasons[i]);
  int64_t runs = world_history(w, id, NULL);
  if (runs + skipped != due)
    fail_msg("seed %llu: of %s %lld times were due, %lld became runs and %lld skips",
             (unsigned long long)seed, id, (long long)due, (long long)runs, (long long)skipped);
}

static void live_a_life(void)
{
  struct world w;
  char *script = script_text();
  random_state = seed;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", script);
  for (int i = 0; i < STEPS; i++)
    take_step(&w, script);
  for (int i = 0; i < JOBS; i++)
    ask(&w, "resume", "{\"job\":\"j%d\"}", i);
  ask(&w, "set_pool", "{\"name\":\"p\",\"slots\":%d}", SLOTS_MAX);
  for (int i = 0; i < 50; i++) {
    world_finish_all(&w);
    obey(&w);
    world_live(&w, SECOND / 2);
  }
  for (int i = 0; i < JOBS; i++)
    check_account(&w, i);
  world_close(&w);
  free(script);
}

static void every_due_time_is_accounted_for(void **state)
{
  const char *given = getenv("MOONBEAT_SEED");
  (void)state;
  for (seed = given ? strtoull(given, NULL, 10) : 1; seed <= (given ? seed : 12); seed++) {
    live_a_life();
    if (given)
      break;
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_due_time_is_accounted_for)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
