/* Listeners as the scheduler sees them: who hears of what, what is kept, tried again and given up.
 */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/scratch.h"
#include "support/world.h"

static void save(struct world *w, const char *script, const char *listeners)
{
  char *json = memory_printf("{\"jobs\":[{\"id\":\"%s.job\",\"run\":true}],\"listeners\":[%s]}",
                             script, listeners);
  world_save(w, script, json);
  free(json);
}

static void emit(struct world *w, const char *name, int n)
{
  char *params = memory_printf("{\"event\":\"%s\",\"data\":{\"n\":%d}}", name, n);
  free(world_ask(w, "emit", params));
  free(params);
}

/* The next event for a worker; NULL: none. */
static struct message *next_event(struct world *w)
{
  return world_take(w, MESSAGE_EVENT);
}

static int number_of(const struct message *event)
{
  const char *n = strstr(event->as.event.json, "\"n\":");
  return n ? atoi(n + 4) : 0;
}

/* "1:order 5; ..." listener, event, n of all that was sent; taken out. */
static char *sent(struct world *w)
{
  struct buffer out = {0};
  struct message *m;
  buffer_append_text(&out, "");
  while ((m = next_event(w))) {
    buffer_printf(&out, "%s%d:%s", out.size ? " " : "", (int)m->as.event.listener,
                  m->as.event.name);
    if (number_of(m))
      buffer_printf(&out, "=%d", number_of(m));
    if (m->as.event.delivery != 1)
      buffer_printf(&out, "(%d)", (int)m->as.event.delivery);
    message_destroy(m);
  }
  return buffer_take(&out);
}

static void expect_sent(struct world *w, const char *expected)
{
  char *got = sent(w);
  assert_string_equal(got, expected);
  free(got);
}

/* The worker has heard `heard` events up to `event`, or failed at it. */
static void answer(struct world *w, const struct message *event, int heard, const char *error)
{
  struct message *m = message_create(MESSAGE_HEARD, event->to, ADDRESS_SCHEDULER);
  m->as.heard.generation = event->as.event.generation;
  m->as.heard.listener = event->as.event.listener;
  m->as.heard.round = event->as.event.round;
  m->as.heard.heard = heard;
  m->as.heard.heard_number = event->as.event.number;
  if (error) {
    m->as.heard.failed = 1;
    m->as.heard.failed_number = event->as.event.is_durable ? event->as.event.number : 0;
    m->as.heard.error = memory_strdup(error);
  }
  world_tell(w, m);
}

static void expect(struct world *w, const char *listener, const char *member, const char *value)
{
  char *params = memory_printf("{\"listener\":\"%s\"}", listener);
  world_expect(w, "listener", params, member, value);
  free(params);
}

/* ---- who hears ---- */

static void names_and_filters_decide(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "a",
       "{\"id\":1,\"name\":\"exact\",\"events\":[\"order\"]},"
       "{\"id\":2,\"name\":\"glob\",\"events\":[\"or*\",\"x\"]},"
       "{\"id\":3,\"name\":\"all\",\"events\":[\"*\"],\"filter\":{\"n\":[5,7]}},"
       "{\"id\":4,\"name\":\"job\",\"events\":[\"job_*\"],\"filter\":{\"job\":\"a.*\"}}");
  free(sent(&w));
  emit(&w, "order", 1);
  expect_sent(&w, "1:order=1 2:order=1");
  emit(&w, "orders", 5);
  expect_sent(&w, "2:orders=5 3:orders=5");
  emit(&w, "y", 6);
  expect_sent(&w, "");
  free(world_ask(&w, "pause_job", "{\"job\":\"a.job\"}"));
  expect_sent(&w, "4:job_paused");
  save(&w, "b", "");
  free(sent(&w));
  free(world_ask(&w, "pause_job", "{\"job\":\"b.job\"}"));
  expect_sent(&w, "");
  /* The next version hears, not the one before. */
  save(&w, "a", "{\"id\":9,\"name\":\"new\",\"events\":[\"order\"]}");
  free(sent(&w));
  emit(&w, "order", 2);
  expect_sent(&w, "9:order=2");
  world_close(&w);
}

static void a_version_hears_of_its_own_loading(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "a", "{\"id\":1,\"name\":\"x\",\"events\":[\"script_loaded\"]}");
  expect_sent(&w, "1:script_loaded");
  world_close(&w);
}

static void odd_listeners_fail_the_script(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "a", "{\"id\":1,\"name\":\"x\",\"events\":[\"job_eror\"]}");
  world_expect(&w, "show", "{\"job\":\"a.job\"}", "error",
               "error: not_found: there is no job \"a.job\" (script a does not load)");
  save(&w, "a",
       "{\"id\":1,\"name\":\"x\",\"events\":[\"e\"]},{\"id\":2,\"name\":\"x\",\"events\":[\"e\"]}");
  world_expect(&w, "show", "{\"job\":\"a.job\"}", "error",
               "error: not_found: there is no job \"a.job\" (script a does not load)");
  world_close(&w);
}

static void a_slow_one_loses_events_that_are_counted(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "a",
       "{\"id\":1,\"name\":\"x\",\"events\":[\"e\"]},"
       "{\"id\":2,\"name\":\"y\",\"events\":[\"e\"]}");
  struct message *first = NULL;
  for (int i = 1; i <= 1010; i++) {
    emit(&w, "e", i);
    struct message *m;
    while ((m = next_event(&w))) {
      if (m->as.event.listener == 2)
        answer(&w, m, 1, NULL);
      if (m->as.event.listener == 1 && !first)
        first = m;
      else
        message_destroy(m);
    }
  }
  expect(&w, "a/x", "dropped", "10");
  expect(&w, "a/x", "waiting", "1000");
  expect(&w, "a/y", "dropped", "0");
  expect(&w, "a/y", "delivered", "1010");
  answer(&w, first, 1000, NULL);
  emit(&w, "e", 2000);
  expect(&w, "x", "dropped", "10");
  expect(&w, "x", "delivered", "1000");
  message_destroy(first);
  world_close(&w);
}

static void ask_as(struct world *w, const char *op, const char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_WORKER, ADDRESS_SCHEDULER);
  m->as.request.op = memory_strdup(op);
  m->as.request.params = memory_strdup(params);
  m->as.request.script = memory_strdup("console");
  m->as.request.generation = GENERATION_OF_CONSOLE | 5;
  world_tell(w, m);
}

static void states_listen_while_they_live(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  ask_as(&w, "listen", "{\"listener\":{\"id\":1,\"name\":\"x\",\"events\":[\"e\"]}}");
  ask_as(&w, "listen",
         "{\"listener\":{\"id\":2,\"name\":\"x\",\"events\":[\"e\"],\"filter\":{\"n\":2}}}");
  ask_as(&w, "listen",
         "{\"listener\":{\"id\":3,\"name\":\"d\",\"events\":[\"e\"],\"durable\":true}}");
  assert_int_equal(w.replies.last->as.reply.code, ERROR_USAGE);
  emit(&w, "e", 1);
  expect_sent(&w, "1:e=1");
  emit(&w, "e", 2);
  expect_sent(&w, "1:e=2 2:e=2");
  ask_as(&w, "unlisten", "{\"id\":1}");
  emit(&w, "e", 2);
  expect_sent(&w, "2:e=2");
  ask_as(&w, "unlisten", "{}");
  emit(&w, "e", 2);
  expect_sent(&w, "");
  ask_as(&w, "unlisten", "{\"id\":1}");
  assert_int_equal(w.replies.last->as.reply.code, ERROR_NOT_FOUND);
  world_close(&w);
}

/* ---- durable ones ---- */

#define DURABLE(id, name, events)                                                                  \
  "{\"id\":" #id ",\"name\":\"" name "\",\"events\":[\"" events                                    \
  "\"],\"durable\":true,\"attempts\":3}"

static char *store_path;

static int set_up(void **state)
{
  (void)state;
  store_path = scratch_path("state.db");
  return 0;
}

static void start_again(struct world *w, const char *listeners)
{
  world_crash(w);
  save(w, "a", listeners);
  world_tell(w, message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER));
}

static void what_is_not_heard_comes_again(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "a", DURABLE(1, "x", "e"));
  for (int i = 1; i <= 3; i++)
    emit(&w, "e", i);
  struct message *first = next_event(&w);
  assert_int_equal(number_of(first), 1);
  uint64_t id = first->as.event.id;
  answer(&w, first, 1, NULL);
  message_destroy(first);
  expect_sent(&w, "1:e=2 1:e=3");
  expect(&w, "x", "waiting", "2");
  start_again(&w, DURABLE(4, "x", "e"));
  struct message *second = next_event(&w);
  assert_int_equal(number_of(second), 2);
  assert_int_equal(second->as.event.delivery, 2);
  assert_true(second->as.event.id > id);
  expect_sent(&w, "4:e=3(2)");
  expect(&w, "x", "delivered", "1");
  /* A reload too; and what the version before says now counts no more. */
  save(&w, "a", DURABLE(7, "x", "e*"));
  answer(&w, second, 2, NULL);
  message_destroy(second);
  expect(&w, "x", "waiting", "2");
  second = next_event(&w);
  expect_sent(&w, "7:e=3(3)");
  second->as.event.number++; /* both are heard */
  answer(&w, second, 2, NULL);
  message_destroy(second);
  expect(&w, "x", "waiting", "0");
  expect(&w, "x", "delivered", "3");
  world_close(&w);
}

/* While no version is there to hear, and before one is loaded. */
static void events_wait_for_their_script(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "a", DURABLE(1, "x", "e"));
  world_crash(&w);
  emit(&w, "e", 1);
  expect_sent(&w, "");
  expect(&w, "x", "waiting", "1");
  expect(&w, "x", "loaded", "false");
  save(&w, "a", DURABLE(1, "x", "e"));
  expect_sent(&w, "1:e=1");
  /* A version that does not load leaves the one before at work. */
  world_save(&w, "a", "syntax error");
  emit(&w, "e", 2);
  expect_sent(&w, "1:e=2");
  /* One that declares it no longer takes its events along. */
  save(&w, "a", DURABLE(1, "y", "e"));
  expect(&w, "x", "error", "error: not_found: there is no listener \"x\"");
  expect(&w, "y", "waiting", "0");
  world_save(&w, "a", NULL);
  expect(&w, "y", "error", "error: not_found: there is no listener \"y\"");
  world_close(&w);
}

static void a_failure_is_tried_again_and_given_up(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "a", DURABLE(1, "x", "e"));
  save(&w, "b", DURABLE(1, "all", "*"));
  free(sent(&w));
  emit(&w, "e", 1);
  emit(&w, "e", 2);
  for (int attempt = 1; attempt <= 3; attempt++) {
    struct message *m = NULL;
    while ((m = next_event(&w)) && strcmp(m->as.event.name, "e") == 0 && m->to != ADDRESS_WORKER)
      message_destroy(m);
    assert_non_null(m);
    assert_int_equal(number_of(m), 1);
    assert_int_equal(m->as.event.delivery, attempt);
    free(sent(&w));
    answer(&w, m, 0, "no luck");
    message_destroy(m);
    expect(&w, "a/x", "failed", attempt == 1 ? "1" : attempt == 2 ? "2" : "3");
    expect(&w, "a/x", "error", "no luck");
    if (attempt == 3)
      break;
    expect_sent(&w, "");
    world_live(&w, 999000);
    if (attempt == 2)
      world_live(&w, SECOND);
    expect_sent(&w, "");
    world_live(&w, 1000);
  }
  /* The next one goes on, others are told, and the letter is kept. */
  struct message *next = next_event(&w), *told;
  if (next->to != ADDRESS_WORKER) {
    told = next;
    next = next_event(&w);
  } else {
    told = next_event(&w);
  }
  assert_string_equal(told->as.event.name, "scheduler_listener_failed");
  assert_non_null(strstr(told->as.event.json, "\"listener\":\"x\""));
  message_destroy(told);
  assert_int_equal(number_of(next), 2);
  answer(&w, next, 1, NULL);
  message_destroy(next);
  expect(&w, "a/x", "dead", "1");
  expect(&w, "a/x", "waiting", "0");
  start_again(&w, DURABLE(1, "x", "e"));
  free(sent(&w));
  expect(&w, "a/x", "dead", "1");
  world_expect(&w, "retry_listener", "{\"listener\":\"a/x\"}", "count", "1");
  struct message *again = next_event(&w);
  assert_int_equal(number_of(again), 1);
  assert_int_equal(again->as.event.delivery, 4);
  answer(&w, again, 1, NULL);
  message_destroy(again);
  expect(&w, "a/x", "dead", "0");
  expect(&w, "a/x", "waiting", "0");
  world_close(&w);
}

static void dead_letters_are_bounded(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "a",
       "{\"id\":1,\"name\":\"x\",\"events\":[\"e\"],\"durable\":true,\"attempts\":1},"
       "{\"id\":2,\"name\":\"full\",\"events\":[\"scheduler_listener_full\"]}");
  for (int i = 1; i <= 1005; i++) {
    emit(&w, "e", i);
    struct message *m;
    int full = 0;
    while ((m = next_event(&w))) {
      if (m->as.event.listener == 1)
        answer(&w, m, 0, "no");
      full += m->as.event.listener == 2;
      message_destroy(m);
    }
    assert_int_equal(full, i == 1001);
  }
  expect(&w, "x", "dead", "1000");
  expect(&w, "x", "dropped", "5");
  world_expect(&w, "discard_dead_letters", "{\"listener\":\"x\"}", "count", "1000");
  expect(&w, "x", "dead", "0");
  world_close(&w);
}

/* Many wait: they come by the window, in order, and are gone when they are heard. */
static void a_backlog_comes_in_order(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "a", DURABLE(1, "x", "e"));
  for (int i = 1; i <= 500; i++)
    emit(&w, "e", i);
  int expected = 1, heard = 0;
  struct message *m, *last = NULL;
  while (expected <= 500) {
    while ((m = next_event(&w))) {
      assert_int_equal(number_of(m), expected++);
      assert_true(expected - 1 - heard <= 64);
      message_destroy(last);
      last = m;
    }
    assert_non_null(last);
    answer(&w, last, expected - 1 - heard, NULL);
    heard = expected - 1;
  }
  message_destroy(last);
  expect(&w, "x", "waiting", "0");
  expect(&w, "x", "delivered", "500");
  world_close(&w);
}

/* A turn that finds no room has told nobody, and loses nothing. */
static void a_full_disk_takes_nothing_back_twice(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "a", DURABLE(1, "x", "e") ",{\"id\":2,\"name\":\"y\",\"events\":[\"e\"]}");
  emit(&w, "e", 1);
  struct message *m = next_event(&w);
  free(sent(&w));
  world_limit_pages(&w, 1);
  char *big = memory_printf("{\"event\":\"e\",\"data\":{\"n\":2,\"text\":\"%060000d\"}}", 0);
  char *reply = world_ask(&w, "emit", big);
  assert_non_null(strstr(reply, "error: full"));
  free(reply);
  free(big);
  expect_sent(&w, "");
  answer(&w, m, 1, NULL);
  world_limit_pages(&w, 1 << 20);
  world_live(&w, 2 * SECOND);
  expect(&w, "x", "delivered", "1");
  expect(&w, "x", "waiting", "0");
  emit(&w, "e", 3);
  expect_sent(&w, "1:e=3 2:e=3");
  expect(&w, "y", "waiting", "2");
  message_destroy(m);
  world_close(&w);
}

/* Those in memory hear of it at once, durable ones and jobs when there is a place to keep it. */
static void a_full_disk_is_told_of(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(
      &w, "a",
      DURABLE(1, "x",
              "scheduler_store_*") ",{\"id\":2,\"name\":\"y\",\"events\":[\"scheduler_store_*\"]}");
  expect_sent(&w, "");
  for (int i = 0; i < 3; i++) {
    world_fill_disk(&w);
    expect_sent(&w, i == 0 ? "2:scheduler_store_full" : "");
  }
  world_expect(&w, "status", "{}", "store_full.since", "2026-01-01T00:00:00.000000Z");
  world_limit_pages(&w, 1 << 20);
  world_live(&w, 2 * SECOND);
  expect_sent(&w, "1:scheduler_store_full 1:scheduler_store_recovered 2:scheduler_store_recovered");
  world_live(&w, 2 * SECOND);
  expect_sent(&w, "");
  world_expect(&w, "status", "{}", "store_full", "null");
  world_close(&w);
}

/* Of the workers the scheduler tells when the turn is stored, in no transaction. */
static void trouble_with_workers_is_told_of(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "a",
       DURABLE(1, "x", "scheduler_worker*") ",{\"id\":2,\"name\":\"y\",\"events\":["
                                            "\"scheduler_worker*\"]}");
  struct message *m = message_create(MESSAGE_STUCK, ADDRESS_WORKER + 1, ADDRESS_SCHEDULER);
  m->as.stuck.for_us = SECOND;
  world_tell(&w, m);
  expect_sent(&w, "2:scheduler_worker_stuck 1:scheduler_worker_stuck");
  world_tell(&w, message_create(MESSAGE_UNSTUCK, ADDRESS_WORKER + 1, ADDRESS_SCHEDULER));
  expect_sent(&w, "2:scheduler_worker_recovered 1:scheduler_worker_recovered");
  for (int missing = 1; missing >= 0; missing--) {
    m = message_create(MESSAGE_SHORTAGE, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
    m->as.shortage.missing = missing;
    m->as.shortage.text = memory_strdup("no thread");
    world_tell(&w, m);
  }
  expect_sent(&w, "2:scheduler_workers_short 1:scheduler_workers_short "
                  "2:scheduler_workers_complete 1:scheduler_workers_complete");
  expect(&w, "x", "waiting", "4");
  world_close(&w);
}

/* A run is open, so that there is time to make room before it has ended. */
static void a_stop_is_told_of_when_there_is_room(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "a",
       DURABLE(1, "x", "scheduler_shutdown") ",{\"id\":2,\"name\":\"y\",\"events\":["
                                             "\"scheduler_shutdown\"]}");
  free(world_ask(&w, "run_now", "{\"job\":\"a.job\"}"));
  world_fill_disk(&w);
  struct message *stop = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  stop->as.stop.grace_us = MINUTE;
  world_tell(&w, stop);
  expect_sent(&w, "2:scheduler_shutdown");
  world_limit_pages(&w, 1 << 20);
  world_pass(&w, 2 * SECOND);
  expect(&w, "x", "waiting", "1");
  world_close(&w);
}

/* What was sent stays sent, whatever is taken back later: a stop waits for who hears of it. */
static void a_stop_waits_for_who_hears_of_it_on_a_full_disk(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "a", "{\"id\":1,\"name\":\"x\",\"events\":[\"scheduler_shutdown\"]}");
  world_fill_disk_for_good(&w);
  struct message *m = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.stop.grace_us = MINUTE;
  world_tell(&w, m);
  world_pass(&w, SECOND);
  expect(&w, "x", "waiting", "1");
  assert_false(sched_stopped(w.sched));
  m = next_event(&w);
  answer(&w, m, 1, NULL);
  message_destroy(m);
  world_close(&w);
}

/* The turn that it came in is done once more, without a request that only this takes back. */
static void a_stop_is_told_of_although_its_turn_is_taken_back(void **state)
{
  static const char old[] = "{\"id\":\"o\",\"run\":{\"shell\":\"true\"}}";
  struct world w;
  struct message_list in = {0};
  (void)state;
  world_open(&w, NULL);
  save(&w, "a", "{\"id\":1,\"name\":\"x\",\"events\":[\"scheduler_shutdown\"]}");
  free(world_ask(&w, "add_job", old));
  free(world_ask(&w, "run_now", "{\"job\":\"a.job\"}"));
  struct message *m = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.stop.grace_us = MINUTE;
  message_list_append(&in, m);
  m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = 1000;
  m->as.request.op = memory_strdup("add_jobs");
  m->as.request.params = memory_strdup("{\"jobs\":[{\"id\":\"o\",\"run\":{\"shell\":\"false\"},"
                                       "\"replace_existing\":true},{\"id\":\"wrong\"}]}");
  message_list_append(&in, m);
  world_tell_all(&w, &in);
  char *answer = world_answer(&w, 1000);
  assert_memory_equal(answer, "error: ", 7);
  free(answer);
  expect_sent(&w, "1:scheduler_shutdown");
  world_close(&w);
}

static void a_clock_that_is_set_is_told_of(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "a", "{\"id\":1,\"name\":\"x\",\"events\":[\"scheduler_clock_stepped\"]}");
  struct message *m = message_create(MESSAGE_CLOCK, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
  m->as.clock.step_us = -90500000;
  world_tell(&w, m);
  m = next_event(&w);
  assert_non_null(strstr(m->as.event.json, "\"seconds\":-90.5"));
  message_destroy(m);
  world_close(&w);
}

int main(void)
{
#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, set_up, NULL)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_and_filters_decide),
      cmocka_unit_test(a_version_hears_of_its_own_loading),
      cmocka_unit_test(odd_listeners_fail_the_script),
      cmocka_unit_test(a_slow_one_loses_events_that_are_counted),
      cmocka_unit_test(states_listen_while_they_live),
      ON_DISK(what_is_not_heard_comes_again),
      ON_DISK(events_wait_for_their_script),
      ON_DISK(a_failure_is_tried_again_and_given_up),
      cmocka_unit_test(dead_letters_are_bounded),
      cmocka_unit_test(a_backlog_comes_in_order),
      ON_DISK(a_full_disk_takes_nothing_back_twice),
      ON_DISK(a_full_disk_is_told_of),
      ON_DISK(trouble_with_workers_is_told_of),
      ON_DISK(a_stop_is_told_of_when_there_is_room),
      ON_DISK(a_stop_waits_for_who_hears_of_it_on_a_full_disk),
      cmocka_unit_test(a_stop_is_told_of_although_its_turn_is_taken_back),
      cmocka_unit_test(a_clock_that_is_set_is_told_of),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
