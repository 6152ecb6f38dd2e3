/* Scripts with a state on each worker: what they declare counts once, runs go where there are
 * fewest, and versions, failures and workers that are stuck are matters of all of their states. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "support/scratch.h"
#include "support/world.h"

/* The world has two workers. */
enum { FIRST = ADDRESS_WORKER, SECOND_ONE, OTHER };

static const char parallel[] =
    "{\"parallel\":true,\"functions\":[\"f\"],\"jobs\":[{\"id\":\"c\",\"run\":true,\"max_"
    "instances\":100}],"
    "\"listeners\":[{\"id\":1,\"name\":\"ear\",\"events\":[\"ping\"],\"durable\":true},"
    "{\"id\":2,\"name\":\"other\",\"events\":[\"pong\"]}]}";

/* The same, as the order of `pairs` may have it in another state. */
static const char shuffled[] =
    "{\"parallel\":true,\"listeners\":[{\"id\":1,\"name\":\"other\",\"events\":[\"pong\"]},"
    "{\"id\":2,\"name\":\"ear\",\"events\":[\"ping\"],\"durable\":true}],"
    "\"jobs\":[{\"id\":\"c\",\"run\":true,\"max_instances\":100}]}";

static const char other_job[] = "{\"parallel\":true,\"jobs\":[{\"id\":\"d\",\"run\":true}],"
                                "\"listeners\":[{\"id\":1,\"name\":\"ear\",\"events\":[\"ping\"]},"
                                "{\"id\":2,\"name\":\"other\",\"events\":[\"pong\"]}]}";

static void ask(struct world *w, const char *operation, const char *params)
{
  char *text = world_ask(w, operation, params);
  if (strncmp(text, "error", 5) == 0)
    fail_msg("%s", text);
  free(text);
}

static void run(struct world *w)
{
  ask(w, "run_now", "{\"job\":\"c\"}");
}

static void expect_said(struct world *w, const char *operation, const char *params,
                        const char *expected)
{
  char *text = world_ask(w, operation, params);
  if (!strstr(text, expected))
    fail_msg("%s: %s", expected, text);
  free(text);
}

static const struct message *last_run(const struct world *w)
{
  assert_non_null(w->runs.last);
  return w->runs.last;
}

static void start(struct world *w, const struct message *of)
{
  struct message *m = message_create(MESSAGE_STARTED, of->to, ADDRESS_SCHEDULER);
  m->as.started.attempt = of->as.run.attempt;
  m->as.started.at_us = w->now_us;
  world_tell(w, m);
}

static int count_retired(struct world *w)
{
  int count = 0;
  for (struct message *m; (m = world_take(w, MESSAGE_RETIRE)); count++)
    message_destroy(m);
  return count;
}

/* To whom the event of that name goes, and to which of its listeners; exactly one hears it. */
static int hear(struct world *w, const char *name, int64_t *listener)
{
  char *params = memory_printf("{\"event\":\"%s\"}", name);
  int to = 0;
  ask(w, "emit", params);
  free(params);
  for (struct message *m; (m = world_take(w, MESSAGE_EVENT));) {
    if (strcmp(m->as.event.name, name) == 0 && m->to != ADDRESS_FRONT) {
      assert_int_equal(to, 0);
      to = m->to;
      *listener = m->as.event.listener;
    }
    message_destroy(m);
  }
  return to;
}

static void get_stuck(struct world *w, const struct message *culprit, int replacement)
{
  struct message *m = message_create(MESSAGE_STUCK, culprit->to, ADDRESS_SCHEDULER);
  m->as.stuck.generation = culprit->as.run.generation;
  m->as.stuck.attempt = culprit->as.run.attempt;
  m->as.stuck.for_us = 2 * SECOND;
  m->as.stuck.replacement = replacement;
  world_tell(w, m);
}

static struct message *request(const char *operation, char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.request.op = memory_strdup(operation);
  m->as.request.params = params;
  return m;
}

/* Saves it; what the other worker says of its load is `text`, or the error `text`. */
static void save_with_twin(struct world *w, const char *text, enum error_code code)
{
  struct message_list in = {0}, out = {0};
  struct message *m = message_create(MESSAGE_SOURCE, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.source.script = memory_strdup("a");
  m->as.source.path = memory_strdup("jobs/a.lua");
  m->as.source.text = memory_strdup(parallel);
  m->as.source.size = strlen(parallel);
  message_list_append(&in, m);
  for (int loads = 0; loads < 2;) {
    assert_int_equal(sched_turn(w->sched, w->now_us, &in, &out, NULL), ERROR_OK);
    assert_true(out.first != NULL);
    while ((m = message_list_pop(&out))) {
      if (m->kind == MESSAGE_LOAD) {
        struct message *answer = message_create(MESSAGE_LOADED, m->to, ADDRESS_SCHEDULER);
        answer->as.loaded.generation = m->as.load.generation;
        answer->as.loaded.code = loads ? code : ERROR_OK;
        answer->as.loaded.text = memory_strdup(loads ? text : parallel);
        message_list_append(&in, answer);
        loads++;
      }
      message_destroy(m);
    }
  }
  while ((m = message_list_pop(&in)))
    world_tell(w, m);
}

static void runs_go_where_there_are_fewest(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", parallel);
  assert_int_equal(w.loads, 2);
  run(&w);
  assert_int_equal(last_run(&w)->to, FIRST);
  uint64_t first = last_run(&w)->as.run.generation;
  run(&w);
  assert_int_equal(last_run(&w)->to, SECOND_ONE);
  assert_int_not_equal(last_run(&w)->as.run.generation, first);
  run(&w);
  assert_int_equal(last_run(&w)->to, FIRST);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL); /* one is left, on the first */
  run(&w);
  assert_int_equal(last_run(&w)->to, SECOND_ONE);
  world_finish_all(&w);
  run(&w);
  run(&w);
  assert_int_not_equal(w.runs.first->to, w.runs.last->to);
  expect_said(
      &w, "scripts", "{}",
      "\"states\":[{\"worker\":1,\"state\":\"loaded\"},{\"worker\":2,\"state\":\"loaded\"}]");
  world_close(&w);
}

static void a_script_that_is_not_parallel_has_one_state(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"c\",\"run\":true,\"max_instances\":100}]}");
  assert_int_equal(w.loads, 1);
  run(&w);
  run(&w);
  assert_int_equal(w.runs.first->to, w.runs.last->to);
  expect_said(&w, "scripts", "{}", "\"parallel\":false,\"jobs\"");
  world_close(&w);
}

static void what_it_declares_counts_once(void **state)
{
  struct world w;
  int64_t listener = 0;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", parallel);
  assert_int_equal(hear(&w, "ping", &listener), FIRST);
  assert_int_equal(listener, 1);
  expect_said(&w, "listener", "{\"listener\":\"a/ear\"}", "\"waiting\":1");
  world_close(&w);
}

static void any_state_takes_a_listener_back(void **state)
{
  struct world w;
  int64_t listener = 0;
  (void)state;
  world_open(&w, NULL);
  save_with_twin(&w, shuffled, ERROR_OK);
  run(&w);
  run(&w);
  assert_int_equal(last_run(&w)->to, SECOND_ONE);
  struct message *m = request("unlisten", memory_strdup("{\"id\":1}"));
  m->from = SECOND_ONE;
  m->as.request.generation = last_run(&w)->as.run.generation;
  m->as.request.script = memory_strdup("a");
  world_tell(&w, m);
  assert_int_equal(hear(&w, "pong", &listener), 0);
  assert_int_equal(hear(&w, "ping", &listener), FIRST);
  world_close(&w);
}

static void another_version_ends_all_states(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", parallel);
  run(&w);
  run(&w);
  uint64_t former = last_run(&w)->as.run.generation;
  world_save(&w, "a", shuffled);
  assert_int_equal(w.loads, 4);
  assert_int_equal(count_retired(&w), 2);
  world_finish_all(&w); /* they end where they began */
  assert_int_equal(world_history(&w, "c", "succeeded"), 2);
  run(&w);
  run(&w);
  assert_true(w.runs.first->as.run.generation > former);
  assert_true(last_run(&w)->as.run.generation > former);
  assert_int_not_equal(w.runs.first->to, last_run(&w)->to);
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"c\",\"run\":true}]}");
  assert_int_equal(count_retired(&w), 2);
  assert_int_equal(w.loads, 5);
  world_save(&w, "a", parallel);
  assert_int_equal(count_retired(&w), 1);
  world_save(&w, "a", NULL);
  assert_int_equal(count_retired(&w), 2);
  world_close(&w);
}

static void a_version_that_fails_leaves_all_states(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", parallel);
  world_save(&w, "a", "jobs/a.lua:1: no");
  assert_int_equal(count_retired(&w), 0);
  run(&w);
  run(&w);
  assert_int_not_equal(w.runs.first->to, w.runs.last->to);
  world_close(&w);
}

/* ---- twins that cannot be used ---- */

static void expect_one_state(struct world *w, const char *why)
{
  run(w);
  run(w);
  assert_int_equal(w->runs.first->to, FIRST);
  assert_int_equal(w->runs.last->to, FIRST);
  expect_said(w, "scripts", "{}", "{\"worker\":2,\"state\":\"error\",\"error\":\"");
  expect_said(w, "scripts", "{}", why);
}

static void a_state_that_fails_gets_no_runs(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save_with_twin(&w, "jobs/a.lua:3: no such table", ERROR_SCRIPT);
  expect_one_state(&w, "jobs/a.lua:3: no such table");
  assert_int_equal(count_retired(&w), 0);
  world_save(&w, "a", shuffled); /* the next version begins anew on both */
  run(&w);
  assert_int_equal(last_run(&w)->to, SECOND_ONE);
  world_close(&w);
}

static void a_state_that_declares_otherwise_gets_no_runs(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save_with_twin(&w, other_job, ERROR_OK);
  expect_one_state(&w, "it declares job \\\"c\\\" otherwise than in its first state");
  assert_int_equal(count_retired(&w), 1);
  world_close(&w);
}

static void declarations_may_come_in_another_order(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save_with_twin(&w, shuffled, ERROR_OK);
  run(&w);
  run(&w);
  assert_int_not_equal(w.runs.first->to, w.runs.last->to);
  world_close(&w);
}

/* ---- workers that are stuck ---- */

static void a_stuck_worker_takes_one_state_along(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", parallel);
  run(&w);
  run(&w);
  const struct message *culprit = last_run(&w);
  assert_int_equal(culprit->to, SECOND_ONE);
  start(&w, culprit);
  get_stuck(&w, culprit, OTHER);
  assert_int_equal(count_retired(&w), 1);
  assert_int_equal(w.loads, 2); /* what keeps one would keep the next */
  expect_said(&w, "scripts", "{}", "{\"worker\":3,\"state\":\"stuck\"}");
  run(&w);
  assert_int_equal(last_run(&w)->to, FIRST);
  world_tell(&w, message_create(MESSAGE_UNSTUCK, SECOND_ONE, ADDRESS_SCHEDULER));
  assert_int_equal(w.loads, 3);
  run(&w);
  assert_int_equal(last_run(&w)->to, OTHER);
  world_close(&w);
}

static void a_twin_takes_the_place_of_the_first(void **state)
{
  struct world w;
  int64_t listener = 0;
  (void)state;
  world_open(&w, NULL);
  save_with_twin(&w, shuffled, ERROR_OK);
  assert_int_equal(hear(&w, "ping", &listener), FIRST);
  assert_int_equal(listener, 1);
  run(&w);
  const struct message *culprit = last_run(&w);
  assert_int_equal(culprit->to, FIRST);
  start(&w, culprit);
  get_stuck(&w, culprit, OTHER);
  run(&w);
  run(&w);
  assert_int_equal(last_run(&w)->to, SECOND_ONE);
  struct message *again = world_take(&w, MESSAGE_EVENT); /* was not heard, and is durable */
  assert_non_null(again);
  assert_int_equal(again->to, SECOND_ONE);
  assert_int_equal(again->as.event.listener, 2); /* by its name, not by its number */
  message_destroy(again);
  assert_int_equal(hear(&w, "pong", &listener), SECOND_ONE);
  assert_int_equal(listener, 1);
  world_close(&w);
}

static void another_script_costs_it_no_state(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "b", "{\"jobs\":[{\"id\":\"b\",\"run\":true}]}");
  world_save(&w, "a", parallel);
  run(&w);
  assert_int_equal(last_run(&w)->to, SECOND_ONE); /* its first state */
  ask(&w, "run_now", "{\"job\":\"b\"}");
  const struct message *culprit = last_run(&w);
  assert_int_equal(culprit->to, FIRST);
  start(&w, culprit);
  get_stuck(&w, culprit, OTHER);
  run(&w);
  assert_int_equal(last_run(&w)->to, OTHER);
  expect_said(
      &w, "scripts", "{}",
      "\"states\":[{\"worker\":2,\"state\":\"loaded\"},{\"worker\":3,\"state\":\"loaded\"}]");
  world_close(&w);
}

/* ---- what a turn takes back ---- */

static struct message *request_too_large(void)
{
  struct buffer specs = {0};
  buffer_append_text(&specs, "{\"jobs\":[");
  for (int i = 0; i < 2000; i++)
    buffer_printf(&specs, "%s{\"id\":\"j%d\",\"func\":\"a.f\",\"trigger\":\"every 1h\"}",
                  i ? "," : "", i);
  buffer_append_text(&specs, "]}");
  return request("add_jobs", buffer_take(&specs));
}

/* A turn of this message that is taken back, as another one does not fit. */
static void turn_without_room(struct world *w, struct message *message)
{
  struct message_list in = {0}, out = {0};
  bool is_full = false;
  world_limit_pages(w, 1);
  message_list_append(&in, message);
  message_list_append(&in, request_too_large());
  assert_int_equal(sched_turn(w->sched, w->now_us, &in, &out, NULL), ERROR_OK);
  for (struct message *m; (m = message_list_pop(&out));) {
    is_full |= m->kind == MESSAGE_REPLY && m->as.reply.code == ERROR_FULL;
    if (m->kind == MESSAGE_RUN)
      message_list_append(&w->runs, m);
    else
      message_destroy(m);
  }
  assert_true(is_full);
  world_limit_pages(w, 1000000);
  world_pass(w, 2 * SECOND);
}

static void a_turn_that_is_taken_back_keeps_nobody_busy(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", parallel);
  turn_without_room(&w, request("run_now", memory_strdup("{\"job\":\"c\"}")));
  assert_int_equal(world_run_count(&w), 1); /* for which there was room, alone */
  assert_int_equal(last_run(&w)->to, FIRST);
  run(&w);
  assert_int_equal(last_run(&w)->to, SECOND_ONE);
  run(&w);
  assert_int_equal(last_run(&w)->to, FIRST);
  struct message *first = message_list_pop(&w.runs);
  struct message *finish = message_create(MESSAGE_FINISHED, first->to, ADDRESS_SCHEDULER);
  finish->as.finished.attempt = first->as.run.attempt;
  finish->as.finished.state = RUN_SUCCEEDED;
  message_destroy(first);
  turn_without_room(&w, finish);
  assert_int_equal(world_history(&w, "c", "succeeded"), 1);
  world_finish_all(&w);
  run(&w);
  run(&w);
  assert_int_equal(last_run(&w)->to, SECOND_ONE);
  run(&w);
  assert_int_equal(last_run(&w)->to, FIRST);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_go_where_there_are_fewest),
      cmocka_unit_test(a_script_that_is_not_parallel_has_one_state),
      cmocka_unit_test(what_it_declares_counts_once),
      cmocka_unit_test(any_state_takes_a_listener_back),
      cmocka_unit_test(another_version_ends_all_states),
      cmocka_unit_test(a_version_that_fails_leaves_all_states),
      cmocka_unit_test(a_state_that_fails_gets_no_runs),
      cmocka_unit_test(a_state_that_declares_otherwise_gets_no_runs),
      cmocka_unit_test(declarations_may_come_in_another_order),
      cmocka_unit_test(a_stuck_worker_takes_one_state_along),
      cmocka_unit_test(a_twin_takes_the_place_of_the_first),
      cmocka_unit_test(another_script_costs_it_no_state),
      cmocka_unit_test(a_turn_that_is_taken_back_keeps_nobody_busy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
