/* Listeners in a worker: one call after the other for each, none in the way of another, and what is
 * reported of it. */
#include "support/unit.h"

#include <string.h>

#include "base/memory.h"
#include "support/desk.h"

static void post_event(struct desk *desk, int64_t listener, int64_t number, bool durable,
                       uint64_t round)
{
  struct message *event = to_worker(MESSAGE_EVENT, ADDRESS_SCHEDULER);
  event->as.event.generation = 1;
  event->as.event.listener = listener;
  event->as.event.number = number;
  event->as.event.id = (uint64_t)7 << 32 | (uint64_t)number;
  event->as.event.delivery = 1;
  event->as.event.round = round;
  event->as.event.is_durable = durable;
  event->as.event.timeout_us = 200000;
  event->as.event.name = memory_strdup("order");
  event->as.event.json = memory_printf("{\"event\":\"order\",\"n\":%d}", (int)number);
  bus_post(desk->bus, event);
}

/* Reports of a listener until so many are heard and failed; the last one, to be destroyed. */
static struct message *await_heard(struct desk *desk, int64_t listener, int64_t heard,
                                   int64_t failed)
{
  for (;;) {
    struct message *m = await(desk, MESSAGE_HEARD);
    assert_int_equal(m->as.heard.listener, listener);
    heard -= m->as.heard.heard;
    failed -= m->as.heard.failed;
    assert_true(heard >= 0 && failed >= 0);
    if (heard == 0 && failed == 0)
      return m;
    message_destroy(m);
  }
}

static const char source[] =
    "heard = {}\n"
    "local function note(e) heard[#heard + 1] = e.n end\n"
    "on('order', note)\n"
    "on('order', function(e) sleep '1ms' note(e) end)\n"
    "on('order', function(e) if e.n == bad then error('no ' .. e.n) end note(e) end)\n"
    "on('order', function() sleep '1h' end)\n"
    "on('order', function(e) what = e.id .. ' ' .. e.delivery end)\n"
    "function list() return table.concat(heard, ' ') end\n"
    "function said() return what end\n"
    "function spoil() bad = 3 end\n"
    "function mend() bad = nil end\n";

static void calls_follow_each_other(void **state)
{
  struct desk *desk = *state;
  load(desk, 1, source);
  for (int i = 1; i <= 5; i++)
    post_event(desk, 2, i, false, 0);
  struct message *m = await_heard(desk, 2, 5, 0);
  assert_int_equal(m->as.heard.heard_number, 5);
  message_destroy(m);
  check_finished(desk, post_run(desk, 1, "list", NULL, 0), RUN_SUCCEEDED, "\"1 2 3 4 5\"", NULL);
  post_event(desk, 5, 9, false, 0);
  message_destroy(await_heard(desk, 5, 1, 0));
  check_finished(desk, post_run(desk, 1, "said", NULL, 0), RUN_SUCCEEDED, "\"7-9 1\"", NULL);
}

static void a_slow_one_is_alone(void **state)
{
  struct desk *desk = *state;
  load(desk, 1, source);
  post_event(desk, 4, 1, false, 0);
  post_event(desk, 1, 2, false, 0);
  message_destroy(await_heard(desk, 1, 1, 0));
  struct message *m = await_heard(desk, 4, 0, 1);
  assert_string_equal(m->as.heard.error, "took longer than its time-out of 0.2 s");
  message_destroy(m);
}

static void a_failure_is_passed_over(void **state)
{
  struct desk *desk = *state;
  load(desk, 1, source);
  check_finished(desk, post_run(desk, 1, "spoil", NULL, 0), RUN_SUCCEEDED, NULL, NULL);
  for (int i = 1; i <= 4; i++)
    post_event(desk, 3, i, false, 0);
  message_destroy(await_heard(desk, 3, 3, 1));
  check_finished(desk, post_run(desk, 1, "list", NULL, 0), RUN_SUCCEEDED, "\"1 2 4\"", NULL);
}

/* What comes behind the failure is not heard before it, nor what was on its way. */
static void a_durable_one_waits_for_the_next_round(void **state)
{
  struct desk *desk = *state;
  load(desk, 1, source);
  check_finished(desk, post_run(desk, 1, "spoil", NULL, 0), RUN_SUCCEEDED, NULL, NULL);
  for (int i = 1; i <= 4; i++)
    post_event(desk, 3, i, true, 1);
  struct message *m = await_heard(desk, 3, 2, 1);
  assert_int_equal(m->as.heard.failed_number, 3);
  assert_non_null(strstr(m->as.heard.error, "no 3"));
  message_destroy(m);
  post_event(desk, 3, 5, true, 1);
  check_finished(desk, post_run(desk, 1, "mend", NULL, 0), RUN_SUCCEEDED, NULL, NULL);
  for (int i = 3; i <= 5; i++)
    post_event(desk, 3, i, true, 2);
  m = await_heard(desk, 3, 3, 0);
  assert_int_equal(m->as.heard.heard_number, 5);
  message_destroy(m);
  check_finished(desk, post_run(desk, 1, "list", NULL, 0), RUN_SUCCEEDED, "\"1 2 3 4 5\"", NULL);
}

/* Stopping with calls under way and events that wait: nothing leaks, nothing hangs. */
static void ends_with_listeners_at_work(void **state)
{
  struct desk *desk = *state;
  load(desk, 1, source);
  for (int i = 1; i <= 10; i++) {
    post_event(desk, 4, i, true, 1);
    post_event(desk, 2, i, false, 0);
  }
  struct message *retire = to_worker(MESSAGE_RETIRE, ADDRESS_SCHEDULER);
  retire->as.retire.generation = 1;
  bus_post(desk->bus, retire);
  message_destroy(await_heard(desk, 2, 10, 0)); /* what was sent to the old version is heard */
  load(desk, 2, source);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(calls_follow_each_other),     TEST(a_slow_one_is_alone),
      TEST(a_failure_is_passed_over),    TEST(a_durable_one_waits_for_the_next_round),
      TEST(ends_with_listeners_at_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
