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
  world_keep_house(w);
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

/* Whatever the trigger is by then: it has come, and nobody else knows of it. */
static void an_event_that_has_come_has_its_run(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "1", JOB("t", "on_event e debounce=1m", "\"tags\":[]"));
  ask(&w, "emit", "{\"event\":\"e\"}");
  save(&w, "1", JOB("t", "every 1h", "\"tags\":[]"));
  ask(&w, "emit", "{\"event\":\"e\"}");
  world_pass(&w, MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  assert_non_null(w.runs.first->as.run.events);
  world_finish_all(&w);
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 1);
  assert_null(w.runs.first->as.run.events);
  world_close(&w);
}

/* ---- who goes first ---- */

/* The jobs that have begun, one at a time, in their order. */
static void expect_order(struct world *w, const char *wanted)
{
  struct buffer out = {0};
  while (w->runs.first) {
    assert_int_equal(world_run_count(w), 1);
    buffer_printf(&out, "%s%s", out.size ? " " : "", w->runs.first->as.run.job_id);
    world_finish(w, RUN_SUCCEEDED, NULL, NULL);
    world_settle(w);
  }
  assert_string_equal(out.size ? out.data : "", wanted);
  buffer_deinit(&out);
}

#define THREE(trigger, gate)                                                                       \
  JOB("low", trigger, "\"priority\":-1," gate)                                                     \
  "," JOB("mid", trigger, gate) "," JOB("high", trigger, "\"priority\":9," gate)

static void what_is_due_at_once_goes_by_priority(void **state)
{
  static const char *const jobs[] = {
      THREE("0 1 * * *", "\"pool\":\"db\""),
      THREE("0 1 * * *", "\"concurrency_key\":\"k\""),
      THREE("0 1 * * *", "\"pool\":\"db\",\"concurrency_key\":\"{job}\""),
      THREE("on_event e", "\"pool\":\"db\""),
      THREE("on_event e debounce=1h", "\"concurrency_key\":\"k\""),
  };
  (void)state;
  for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
    for (int is_crashed = 0; is_crashed < 2; is_crashed++) {
      struct world w;
      world_open(&w, scratch_path("store.db"));
      save(&w, is_crashed ? "0" : "1", jobs[i]);
      ask(&w, "emit", "{\"event\":\"e\"}");
      world_pass(&w, HOUR);
      if (is_crashed) {
        world_crash(&w);
        save(&w, "1", jobs[i]);
        world_settle(&w);
      }
      expect_order(&w, "high mid low");
      world_close(&w);
    }
}

/* Those that are asked for are claimed, and are told apart from each other by nothing but their
 * rows after a crash. */
static void who_was_asked_for_goes_by_priority(void **state)
{
  static const char jobs[] =
      THREE("on_event e", "\"pool\":\"db\"") "," JOB("hog", "on_event e", "\"pool\":\"db\"");
  (void)state;
  for (int is_crashed = 0; is_crashed < 2; is_crashed++) {
    struct world w;
    world_open(&w, scratch_path("store.db"));
    save(&w, "1", jobs);
    ask(&w, "run_now", "{\"job\":\"hog\"}");
    ask(&w, "run_now", "{\"job\":\"low\"}");
    ask(&w, "run_now", "{\"job\":\"mid\"}");
    ask(&w, "run_now", "{\"job\":\"high\"}");
    if (is_crashed) {
      world_crash(&w);
      save(&w, "1", jobs);
      expect_order(&w, "high mid hog low"); /* it begins anew, and they have waited before it */
    } else {
      ask(&w, "modify_job", MODIFY("low", "\"tags\":[\"t\"]"));
      ask(&w, "modify_job", MODIFY("high", "\"tags\":[\"t\"]"));
      expect_order(&w, "hog high mid low");
    }
    world_close(&w);
  }
}

static struct message *request(const char *operation, const char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.request.op = memory_strdup(operation);
  m->as.request.params = memory_strdup(params);
  return m;
}

/* The slot comes free in the turn in which somebody else comes. */
static void who_comes_later_does_not_pass_by(void **state)
{
  static const struct {
    const char *comes, *order;
  } cases[] = {{"low", "mid low"}, {"mid", "mid mid"}, {"high", "high mid"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct world w;
    struct message_list in = {0}, out = {0};
    char *params = memory_printf("{\"job\":\"%s\",\"args\":[1]}", cases[i].comes);
    world_open(&w, NULL);
    save(&w, "0", THREE("on_event e", "\"pool\":\"db\",\"overlap\":\"allow\""));
    ask(&w, "run_now", "{\"job\":\"mid\"}");
    w.now_us += SECOND;
    message_list_append(&in, request("set_pool", "{\"name\":\"db\",\"slots\":1}"));
    message_list_append(&in, request("run_now", params));
    assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
    for (struct message *m; (m = message_list_pop(&out));)
      message_list_append(m->kind == MESSAGE_RUN ? &w.runs : &w.others, m);
    assert_int_equal(world_run_count(&w), 1);
    assert_true(i != 1 || !w.runs.first->as.run.args); /* the one that has waited */
    expect_order(&w, cases[i].order);
    world_close(&w);
    free(params);
  }
}

/* A key may have room for one job and none for another, which keeps nobody waiting then. */
static void who_cannot_pass_holds_nobody_back(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(
      &w, "1",
      JOB("wide", "on_event e",
          "\"concurrency_key\":\"k\",\"concurrency_limit\":3,\"overlap\":\"allow\"") "," JOB("narro"
                                                                                             "w",
                                                                                             "on_"
                                                                                             "event"
                                                                                             " e",
                                                                                             "\"con"
                                                                                             "curre"
                                                                                             "ncy_"
                                                                                             "key\""
                                                                                             ":\"k"
                                                                                             "\","
                                                                                             "\"pri"
                                                                                             "ority"
                                                                                             "\":"
                                                                                             "5"));
  ask(&w, "run_now", "{\"job\":\"wide\"}");
  ask(&w, "run_now", "{\"job\":\"narrow\"}");
  ask(&w, "run_now", "{\"job\":\"wide\"}");
  assert_int_equal(world_run_count(&w), 2);
  world_finish_all(&w);
  world_settle(&w);
  expect_order(&w, "narrow");
  world_close(&w);
}

/* A restart is not when it began to wait; of a later attempt that is not known then. */
static void since_when_is_known_after_a_crash(void **state)
{
  static const char jobs[] =
      JOB("t", "on_event e", "\"pool\":\"db\",\"retry\":{\"attempts\":2,\"delay\":\"1m\"}");
  static const char since[] = "\"since\":\"2026-01-01T00:00:00.000000Z\"";
  static const char waits[] = "it waits for a slot of pool";
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  save(&w, "0", jobs);
  ask(&w, "run_now", "{\"job\":\"t\"}");
  world_pass(&w, HOUR);
  world_crash(&w);
  save(&w, "0", jobs);
  assert_true(why_has(&w, "{\"job\":\"t@2026-01-01T00:00:00Z\"}", since));
  assert_true(why_has(&w, "{\"job\":\"t\"}", since));
  save(&w, "1", jobs);
  save(&w, "0", jobs);
  world_finish(&w, RUN_FAILED, NULL, "no");
  world_pass(&w, MINUTE);
  assert_true(why_has(&w, "{\"job\":\"t@2026-01-01T00:00:00Z\"}", "\"since\":\"2026-01-01T01:01"));
  world_crash(&w);
  save(&w, "0", jobs);
  assert_true(why_has(&w, "{\"job\":\"t@2026-01-01T00:00:00Z\"}", waits));
  assert_true(why_has(&w, "{\"job\":\"t@2026-01-01T00:00:00Z\"}", "\"since\":null"));
  world_close(&w);
}

/* What it waited for is why it never ran. */
static void a_trigger_is_changed_while_a_due_time_waits(void **state)
{
#define UNIQUE(trigger, conflict)                                                                  \
  "{\"id\":\"t\",\"run\":{\"shell\":\"true\"},\"trigger\":\"" trigger "\",\"pool\":\"db\","        \
  "\"unique\":{\"key\":\"k\",\"on_conflict\":\"" conflict "\"}}"
  static const struct {
    const char *operation, *params;
  } changes[] = {
      {"add_job", UNIQUE("in 2h", "replace")},
      {"add_job", UNIQUE("in 2h", "extend")},
      {"reschedule_job", "{\"job\":\"t\",\"trigger\":\"in 2h\"}"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    struct world w;
    world_open(&w, NULL);
    save(&w, "0", JOB("other", "on_event e", "\"pool\":\"db\""));
    ask(&w, "add_job", UNIQUE("in 1h", "skip"));
    world_pass(&w, HOUR + SECOND);
    ask(&w, changes[i].operation, changes[i].params);
    assert_int_equal(world_skipped(&w, "t", "limit"), 1);
    assert_int_equal(world_skipped(&w, "t", "misfire"), 0);
    assert_true(why_has(&w, "{\"job\":\"t@2026-01-01T01:00:00Z\"}", "or its trigger was changed"));
    world_close(&w);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_event_waits_at_a_gate_until_it_opens),
      cmocka_unit_test(an_event_that_has_come_has_its_run),
      cmocka_unit_test(what_is_due_at_once_goes_by_priority),
      cmocka_unit_test(who_was_asked_for_goes_by_priority),
      cmocka_unit_test(who_comes_later_does_not_pass_by),
      cmocka_unit_test(who_cannot_pass_holds_nobody_back),
      cmocka_unit_test(since_when_is_known_after_a_crash),
      cmocka_unit_test(a_trigger_is_changed_while_a_due_time_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
