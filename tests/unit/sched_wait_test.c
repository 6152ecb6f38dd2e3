/* Who waits at a pool, a key or a rate: events, which wait in a queue meanwhile, and who goes
 * first. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/scratch.h"
#include "support/world.h"

#define JOB(id, trigger, options)                                                                  \
  "{\"id\":\"" id "\",\"run\":true,\"trigger\":\"" trigger "\"," options "}"
#define MODIFY(id, changes) "{\"job\":\"" id "\",\"changes\":{" changes "}}"

static void ask(struct world *w, const char *operation, const char *params)
{
  char *answer = world_ask(w, operation, params);
  if (strncmp(answer, "error", 5) == 0)
    fail_msg("%s %s: %s", operation, params, answer);
  free(answer);
}

static bool why_has(struct world *w, const char *params, const char *part)
{
  char *answer = world_ask(w, "why", params);
  bool has = strstr(answer, part) != NULL;
  free(answer);
  return has;
}

static void save(struct world *w, const char *slots, const char *jobs)
{
  char *json = memory_printf("{\"pools\":{\"db\":%s},\"jobs\":[%s]}", slots, jobs);
  world_save(w, "a", json);
  free(json);
}

static void keep_house(struct world *w)
{
  int steps = 0;
  while (sched_idle(w->sched, w->now_us) == 0)
    assert_true(steps++ < 1000);
  world_settle(w);
}

/* ---- events ---- */

/* What its progress is written for. */
static void fold(struct world *w)
{
  world_pass(w, 6 * SECOND);
  keep_house(w);
}

static void modify(struct world *w)
{
  ask(w, "modify_job", MODIFY("t", "\"misfire_grace_time\":\"1h\""));
}

/* So many runs that the oldest are cut. */
static void cut(struct world *w)
{
  ask(w, "modify_job", MODIFY("t", "\"pool\":null,\"concurrency_key\":null,\"rate\":null"));
  for (int i = 0; i < 1200; i++) {
    ask(w, "emit", "{\"event\":\"e\"}");
    world_finish_all(w);
  }
}

struct obstacle {
  const char *options, *why, *cleared_by;
};

static const struct obstacle obstacles[] = {
    {"\"pool\":\"db\"", "\"kind\":\"pool\"", "hog"},
    {"\"concurrency_key\":\"k\"", "\"kind\":\"key\"", "hog"},
    {"\"rate\":\"1/1h\"", "\"kind\":\"rate\"", NULL},
};

/* The event of a job that has begun its only run of the hour, and of a job whose pool and key
 * another has, waits until that is over, whatever is written of its job meanwhile. */
static void wait_and_pass(const struct obstacle *obstacle, void (*meanwhile)(struct world *w))
{
  struct world w;
  char *jobs = memory_printf(JOB("t", "on_event e", "\"max_instances\":9,%s") "," JOB(
                                 "hog", "on_event h", "\"pool\":\"db\",\"concurrency_key\":\"k\""),
                             obstacle->options);
  world_open(&w, NULL);
  save(&w, "1", jobs);
  ask(&w, "emit", "{\"event\":\"e\"}");
  assert_int_equal(world_run_count(&w), 1);
  world_finish_all(&w);
  if (meanwhile == cut) {
    cut(&w);
    char *changes = memory_printf("{\"job\":\"t\",\"changes\":{%s}}", obstacle->options);
    ask(&w, "modify_job", changes);
    free(changes);
  }
  ask(&w, "emit", "{\"event\":\"h\"}");
  assert_int_equal(world_run_count(&w), 1);
  ask(&w, "emit", "{\"event\":\"e\"}");
  assert_true(why_has(&w, "{\"job\":\"t\"}", obstacle->why));
  if (meanwhile == cut)
    keep_house(&w);
  else
    meanwhile(&w);
  assert_int_equal(world_run_count(&w), 1);
  assert_true(why_has(&w, "{\"job\":\"t\"}", obstacle->why));
  world_finish_all(&w);
  if (!obstacle->cleared_by)
    world_pass(&w, HOUR);
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 1);
  assert_string_equal(w.runs.first->as.run.job_id, "t");
  world_close(&w);
  free(jobs);
}

static void an_event_waits_at_a_gate_until_it_opens(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof obstacles / sizeof obstacles[0]; i++) {
    wait_and_pass(&obstacles[i], fold);
    wait_and_pass(&obstacles[i], modify);
    wait_and_pass(&obstacles[i], cut);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_event_waits_at_a_gate_until_it_opens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
