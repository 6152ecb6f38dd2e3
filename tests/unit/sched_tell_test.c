/* What is told when, event by event, to those who hear all of it. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/world.h"

#define COMMAND "\"run\":{\"shell\":\"true\"}"

static struct world open_world(void)
{
  struct world w;
  world_open(&w, NULL);
  free(world_ask(&w, "watch_events", "{\"on\":true}"));
  return w;
}

static void ask(struct world *w, const char *operation, const char *params)
{
  char *answer = world_ask(w, operation, params);
  if (strncmp(answer, "error", 5) == 0)
    fail_msg("%s %s: %s", operation, params, answer);
  free(answer);
}

/* The next event of that name, those before it left out; each part is in it. */
static void expect_told(struct world *w, const char *name, const char *const parts[])
{
  struct message *m;
  while ((m = world_take(w, MESSAGE_EVENT)) && strcmp(m->as.event.name, name) != 0)
    message_destroy(m);
  if (!m)
    fail_msg("%s was not told", name);
  for (; *parts; parts++)
    if (!strstr(m->as.event.json, *parts))
      fail_msg("no %s in %s", *parts, m->as.event.json);
  message_destroy(m);
}

#define EXPECT(w, name, ...) expect_told(w, name, (const char *const[]){__VA_ARGS__, NULL})

static void expect_untold(struct world *w, const char *name)
{
  struct message *m;
  while ((m = world_take(w, MESSAGE_EVENT))) {
    if (strcmp(m->as.event.name, name) == 0)
      fail_msg("%s", m->as.event.json);
    message_destroy(m);
  }
}

static void what_becomes_of_a_job(void **state)
{
  struct world w = open_world();
  (void)state;
  ask(&w, "add_job", "{\"id\":\"x\"," COMMAND ",\"trigger\":\"every 1h\"}");
  EXPECT(&w, "job_added", "\"job\":\"x\"", "\"next_run_at\":\"2026-01-01T01:00:00.000000Z\"");
  ask(&w, "modify_job", "{\"job\":\"x\",\"changes\":{\"priority\":1}}");
  EXPECT(&w, "job_modified", "\"job\":\"x\"", "\"next_run_at\":\"2026-01-01T01:00:00.000000Z\"");
  ask(&w, "pause_job", "{\"job\":\"x\"}");
  EXPECT(&w, "job_paused", "\"job\":\"x\"");
  ask(&w, "resume_job", "{\"job\":\"x\"}");
  EXPECT(&w, "job_resumed", "\"job\":\"x\"", "\"next_run_at\":\"2026-01-01T01:00:00.000000Z\"");
  ask(&w, "remove_job", "{\"job\":\"x\"}");
  EXPECT(&w, "job_removed", "\"job\":\"x\"");
  world_close(&w);
}

static void what_becomes_of_a_script(void **state)
{
  struct world w = open_world();
  (void)state;
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"x\",\"run\":true}]}");
  EXPECT(&w, "job_added", "\"job\":\"x\"", "\"script\":\"a\"");
  EXPECT(&w, "script_loaded", "\"script\":\"a\"");
  world_save(&w, "a", NULL);
  EXPECT(&w, "job_removed", "\"job\":\"x\"");
  EXPECT(&w, "script_removed", "\"script\":\"a\"");
  world_close(&w);
}

/* What a worker tells of the first run that it has. */
static struct message *of_run(struct world *w, enum message_kind kind)
{
  const struct message *run = w->runs.first;
  assert_non_null(run);
  return message_create(kind, run->to, ADDRESS_SCHEDULER);
}

static void what_becomes_of_a_run(void **state)
{
  struct world w = open_world();
  (void)state;
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 1h\"}]}");
  world_live(&w, HOUR);
  EXPECT(&w, "job_submitted", "\"run\":\"x@2026-01-01T01:00:00Z\"", "\"attempt\":1");
  struct message *m = of_run(&w, MESSAGE_STARTED);
  m->as.started.attempt = w.runs.first->as.run.attempt;
  m->as.started.at_us = w.now_us;
  world_tell(&w, m);
  EXPECT(&w, "job_started", "\"run\":\"x@2026-01-01T01:00:00Z\"");
  m = of_run(&w, MESSAGE_FINISHED);
  m->as.finished.attempt = w.runs.first->as.run.attempt;
  m->as.finished.state = RUN_PENDING;
  m->as.finished.started_us = m->as.finished.finished_us = w.now_us;
  m->as.finished.answer = (struct run_answer){.verdict = VERDICT_SNOOZE, .delay_us = 90 * MINUTE};
  message_destroy(message_list_pop(&w.runs));
  world_tell(&w, m);
  EXPECT(&w, "job_snoozed", "\"attempt\":2", "\"due_at\":\"2026-01-01T02:30:00.000000Z\"");
  world_live(&w, HOUR);
  EXPECT(&w, "job_max_instances", "\"scheduled_at\":\"2026-01-01T02:00:00.000000Z\"",
         "\"reason\":\"overlap\"", "\"count\":1");
  world_close(&w);
}

/* The number of the events of that name among those that wait, all of which are taken. */
static int count_told(struct world *w, const char *name)
{
  struct message *m;
  int count = 0;
  while ((m = world_take(w, MESSAGE_EVENT))) {
    count += strcmp(m->as.event.name, name) == 0;
    message_destroy(m);
  }
  return count;
}

static void who_is_told_to_end(void **state)
{
  struct world w = open_world();
  (void)state;
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 1h\"},"
             "{\"id\":\"hasty\",\"run\":true,\"cancel_grace\":0}]}");
  world_live(&w, HOUR);
  struct attempt attempt = w.runs.first->as.run.attempt;
  for (int i = 0; i < 2; i++) { /* the second time as by a process that does not keep to it */
    struct message *m = of_run(&w, MESSAGE_TOLD);
    m->as.told.attempt = attempt;
    m->as.told.reason = TOLD_SOFT_TIMEOUT;
    world_tell(&w, m);
  }
  EXPECT(&w, "job_cancelling", "\"run\":\"x@2026-01-01T01:00:00Z\"", "\"attempt\":1",
         "\"scheduled_at\":\"2026-01-01T01:00:00.000000Z\"", "\"reason\":\"soft_timeout\"");
  assert_int_equal(count_told(&w, "job_cancelling"), 0);
  ask(&w, "cancel_run", "{\"run\":\"x\"}");
  EXPECT(&w, "job_cancelling", "\"run\":\"x@2026-01-01T01:00:00Z\"", "\"reason\":\"cancelled\"");
  ask(&w, "cancel_run", "{\"run\":\"x\"}");
  assert_int_equal(count_told(&w, "job_cancelling"), 0);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  ask(&w, "run_now", "{\"job\":\"hasty\"}");
  ask(&w, "cancel_run", "{\"run\":\"hasty\"}"); /* killed at once */
  assert_int_equal(count_told(&w, "job_cancelling"), 0);
  world_close(&w);
}

static void who_gives_way_to_the_next_run(void **state)
{
  struct world w = open_world();
  (void)state;
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 1h\","
             "\"overlap\":\"cancel_other\",\"cancel_grace\":\"3h\"}]}");
  world_live(&w, 2 * HOUR);
  EXPECT(&w, "job_cancelling", "\"run\":\"x@2026-01-01T01:00:00Z\"", "\"attempt\":1",
         "\"reason\":\"overlap\"");
  world_live(&w, HOUR); /* it takes its time, and is not told again */
  assert_int_equal(count_told(&w, "job_cancelling"), 0);
  world_close(&w);
}

static void a_stop_is_told_once_and_not_for_each_run(void **state)
{
  struct world w = open_world();
  (void)state;
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 1h\"}]}");
  world_live(&w, HOUR);
  struct message *stop = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  stop->as.stop.grace_us = SECOND;
  world_tell(&w, stop);
  world_live(&w, MINUTE);
  expect_untold(&w, "job_cancelling");
  world_close(&w);
}

#define WAITS(options) "{\"id\":\"x\"," COMMAND ",\"trigger\":\"every 1m\"," options "}"

/* Once, however often it is tried meanwhile; what does not wait is not told. */
static void what_begins_to_wait(void **state)
{
  struct world w = open_world();
  (void)state;
  ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":0}");
  ask(&w, "add_job", WAITS("\"pool\":\"db\""));
  world_live(&w, MINUTE);
  EXPECT(&w, "job_waiting", "\"job\":\"x\"", "\"scheduled_at\":\"2026-01-01T00:01:00.000000Z\"",
         "\"reason\":\"pool\"", "\"name\":\"db\"");
  ask(&w, "modify_job", "{\"job\":\"x\",\"changes\":{\"priority\":1}}");
  world_live(&w, 5 * MINUTE);
  expect_untold(&w, "job_waiting");
  ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":1}");
  world_finish_all(&w);
  world_live(&w, MINUTE);
  world_finish_all(&w);
  expect_untold(&w, "job_waiting");
  ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":0}");
  ask(&w, "run_now", "{\"job\":\"x\"}");
  EXPECT(&w, "job_waiting", "\"run\":\"x@2026-01-01T00:07:00.000001Z\"", "\"reason\":\"pool\"");
  world_close(&w);
}

static void why_it_waits(void **state)
{
  static const struct {
    const char *options, *reason, *more;
  } cases[] = {
      {"\"overlap\":\"buffer_one\"", "\"reason\":\"overlap\"", "\"name\":null"},
      {"\"overlap\":\"allow\",\"concurrency_key\":\"k\"", "\"reason\":\"key\"", "\"name\":\"k\""},
      {"\"overlap\":\"allow\",\"rate\":\"1/1h\"", "\"reason\":\"rate\"",
       "\"clears_at\":\"2026-01-01T01:01:00.000000Z\""},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct world w = open_world();
    char *job = memory_printf(WAITS("%s"), cases[i].options);
    ask(&w, "add_job", job);
    world_live(&w, 2 * MINUTE); /* the first of them runs */
    EXPECT(&w, "job_waiting", "\"scheduled_at\":\"2026-01-01T00:02:00.000000Z\"", cases[i].reason,
           cases[i].more);
    free(job);
    world_close(&w);
  }
}

static void what_is_there_once_is_not_added(void **state)
{
  static const char job[] = "{\"id\":\"x\"," COMMAND ",\"trigger\":\"in 1h\",\"unique\":true}";
  struct world w = open_world();
  (void)state;
  ask(&w, "add_job", job);
  expect_untold(&w, "job_add_skipped");
  ask(&w, "add_job", job);
  EXPECT(&w, "job_add_skipped", "\"job\":\"x\"", "\"next_run_at\":\"2026-01-01T01:00:00.000000Z\"");
  world_close(&w);
}

/* By hand, by a script that declares it, and only when it is another number. */
static void what_becomes_of_a_pool(void **state)
{
  struct world w = open_world();
  (void)state;
  ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":2}");
  EXPECT(&w, "scheduler_pool_changed", "\"pool\":\"db\"", "\"slots\":2");
  ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":2}");
  expect_untold(&w, "scheduler_pool_changed");
  ask(&w, "remove_pool", "{\"name\":\"db\"}");
  EXPECT(&w, "scheduler_pool_changed", "\"pool\":\"db\"", "\"slots\":null");
  world_save(&w, "a", "{\"pools\":{\"api\":3}}");
  EXPECT(&w, "scheduler_pool_changed", "\"pool\":\"api\"", "\"slots\":3");
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_becomes_of_a_job),
      cmocka_unit_test(what_becomes_of_a_script),
      cmocka_unit_test(what_becomes_of_a_run),
      cmocka_unit_test(what_begins_to_wait),
      cmocka_unit_test(why_it_waits),
      cmocka_unit_test(what_is_there_once_is_not_added),
      cmocka_unit_test(what_becomes_of_a_pool),
      cmocka_unit_test(who_is_told_to_end),
      cmocka_unit_test(who_gives_way_to_the_next_run),
      cmocka_unit_test(a_stop_is_told_once_and_not_for_each_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
