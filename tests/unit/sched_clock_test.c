/* The wall clock is set back: what only waits for some time to pass does not wait for it twice. */
#include "support/unit.h"

#include "support/scratch.h"
#include "support/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char jobs[] = "{\"jobs\":[{\"id\":\"a\",\"run\":true,\"trigger\":\"every 1s\"}]}";

static void begin(struct world *w)
{
  world_open(w, NULL);
  world_save(w, "s", jobs);
}

static void progress_is_folded_all_the_same(void **state)
{
  (void)state;
  struct world w;
  begin(&w);
  world_live(&w, SECOND);
  world_finish_all(&w);
  assert_true(sched_idle(w.sched, w.now_us) > 0); /* it waits for a while */
  int64_t back_us = w.now_us - 365 * DAY;
  int steps = 0;
  while (sched_idle(w.sched, back_us) >= 0)
    assert_true(++steps < 10);
  world_close(&w);
}

static void a_full_disk_is_tried_again(void **state)
{
  (void)state;
  struct world w;
  begin(&w);
  world_limit_pages(&w, 1);
  char *filler = memory_alloc(60001);
  memset(filler, 'x', 60000);
  char *params = memory_printf("{\"script\":\"s\",\"key\":\"k\",\"value\":\"%s\"}", filler);
  char *answer = world_ask(&w, "kv_set", params);
  assert_memory_equal(answer, "error: full", 11);
  free(answer);
  world_limit_pages(&w, 1 << 20);
  w.now_us -= 365 * DAY;
  answer = world_ask(&w, "kv_set", params);
  assert_string_not_equal(answer, "");
  assert_int_not_equal(strncmp(answer, "error", 5), 0);
  free(answer);
  free(params);
  free(filler);
  world_close(&w);
}

static void the_grace_of_a_stop_is_a_length_of_time(void **state)
{
  (void)state;
  struct world w;
  begin(&w);
  world_live(&w, SECOND);
  assert_int_equal(world_run_count(&w), 1);
  struct message *stop = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  stop->as.stop.grace_us = 10 * SECOND;
  world_tell(&w, stop);
  struct message *set = message_create(MESSAGE_CLOCK, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
  set->as.clock.step_us = -DAY;
  w.now_us -= DAY;
  world_tell(&w, set);
  world_pass(&w, 7 * SECOND);
  assert_null(world_take(&w, MESSAGE_CANCEL));
  world_pass(&w, SECOND);
  struct message *cancel = world_take(&w, MESSAGE_CANCEL);
  assert_non_null(cancel);
  message_destroy(cancel);
  world_close(&w);
}

static void set_back(struct world *w, int64_t us)
{
  struct message *set = message_create(MESSAGE_CLOCK, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
  set->as.clock.step_us = -us;
  w->now_us -= us;
  world_tell(w, set);
  world_settle(w);
}

/* It has waited for a run that ended when it was not due any more. */
static void what_was_not_due_has_waited_for_nothing(void **state)
{
  (void)state;
  struct world w;
  world_open(&w, NULL);
  world_save(&w, "s",
             "{\"jobs\":[{\"id\":\"a\",\"run\":true,\"trigger\":\"every 1m\","
             "\"overlap\":\"buffer_one\"}]}");
  world_live(&w, 2 * MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  set_back(&w, 10 * MINUTE);
  world_finish_all(&w);
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(world_skipped(&w, "a", "overlap"), 0);
  assert_int_equal(world_skipped(&w, "a", "misfire"), 50);
  world_close(&w);
}

/* Its new trigger begins at a due time that the former one had before the clock was set back. */
static void the_earliest_is_one_that_has_not_run(void **state)
{
  static const char from_then_on[] =
      "{\"jobs\":[{\"id\":\"a\",\"run\":true,\"coalesce\":\"earliest\",\"trigger\":"
      "{\"kind\":\"interval\",\"seconds\":%d,\"start\":\"2026-01-01T00:01:00Z\"}}]}";
  (void)state;
  struct world w;
  world_open(&w, NULL);
  for (int seconds = 60; seconds <= 120; seconds += 60) {
    char *text = memory_printf(from_then_on, seconds);
    world_save(&w, "s", text);
    free(text);
    world_pass(&w, seconds == 60 ? MINUTE : HOUR);
    assert_int_equal(world_run_count(&w), 1);
    world_finish_all(&w);
    set_back(&w, 30 * MINUTE);
  }
  assert_int_equal(world_history(&w, "a", "succeeded"), 2);
  assert_int_equal(world_skipped(&w, "a", "misfire"), 14);
  world_close(&w);
}

static void emit(struct world *w)
{
  free(world_ask(w, "emit", "{\"event\":\"e\"}"));
}

static void a_debounce_is_a_length_of_time(void **state)
{
  (void)state;
  struct world w;
  world_open(&w, NULL);
  world_save(&w, "s",
             "{\"jobs\":[{\"id\":\"a\",\"run\":true,\"trigger\":\"on_event e debounce=10s\"}]}");
  emit(&w);
  set_back(&w, DAY);
  assert_int_equal(world_run_count(&w), 0);
  world_pass(&w, 11 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* The last run began in what is the future then, and its job is in memory no more. */
static void a_throttle_is_a_length_of_time(void **state)
{
  (void)state;
  struct world w;
  world_open(&w, NULL);
  world_save(&w, "s",
             "{\"jobs\":[{\"id\":\"a\",\"run\":true,\"trigger\":\"on_event e throttle=10s\"}]}");
  emit(&w);
  world_finish_all(&w);
  w.now_us += MINUTE;
  while (sched_idle(w.sched, w.now_us) >= 0)
    continue;
  set_back(&w, DAY);
  emit(&w);
  emit(&w);
  assert_int_equal(world_run_count(&w), 0);
  world_pass(&w, 5 * SECOND);
  emit(&w);
  world_pass(&w, 6 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

static void save_retrying(struct world *w)
{
  world_save(w, "s",
             "{\"jobs\":[{\"id\":\"a\",\"run\":true,\"trigger\":\"at 2026-01-01T00:01:00Z\","
             "\"retry\":{\"attempts\":2,\"backoff\":\"fixed\",\"delay\":\"10s\"}}]}");
}

static void fail_once(struct world *w)
{
  save_retrying(w);
  world_pass(w, MINUTE);
  world_finish(w, RUN_FAILED, NULL, "no");
}

static void a_delay_is_a_length_of_time(void **state)
{
  (void)state;
  struct world w;
  world_open(&w, NULL);
  fail_once(&w);
  world_pass(&w, 4 * SECOND);
  set_back(&w, DAY);
  world_pass(&w, 5 * SECOND);
  assert_int_equal(world_run_count(&w), 0);
  world_pass(&w, SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* The failure is heard before the clock is set, and both are stored behind that. */
static void also_when_neither_could_be_stored(void **state)
{
  (void)state;
  struct world w;
  world_open(&w, NULL);
  save_retrying(&w);
  world_pass(&w, MINUTE);
  world_fill_disk_for_good(&w);
  world_finish(&w, RUN_FAILED, NULL, "no");
  set_back(&w, DAY);
  world_limit_pages(&w, 1000000);
  world_pass(&w, SECOND);
  world_pass(&w, 9 * SECOND);
  assert_int_equal(world_run_count(&w), 0);
  world_pass(&w, SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* Nobody saw the clock being set: the whole delay is waited for. */
static void also_when_the_daemon_was_down(void **state)
{
  (void)state;
  struct world w;
  world_open(&w, scratch_path("moonbeat.db"));
  fail_once(&w);
  world_pass(&w, 4 * SECOND);
  w.now_us -= DAY;
  world_crash(&w);
  save_retrying(&w);
  world_pass(&w, 9 * SECOND);
  assert_int_equal(world_run_count(&w), 0);
  world_pass(&w, SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* What has followed the clock stays where it is, also what was promised since: the rest of the
 * delay, no more and no less. A step that nobody sees makes the whole of it begin anew. */
static void also_when_the_daemon_dies_behind_a_step(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) {
    struct world w;
    world_open(&w, scratch_path("moonbeat.db"));
    save_retrying(&w);
    world_pass(&w, MINUTE);
    if (i > 0) /* the delay begins behind the step */
      set_back(&w, DAY);
    world_finish(&w, RUN_FAILED, NULL, "no");
    world_pass(&w, 4 * SECOND);
    if (i == 0)
      set_back(&w, DAY);
    if (i == 2) /* once more, and unseen */
      w.now_us -= DAY;
    for (int j = 0; j < 2; j++) {
      world_crash(&w);
      save_retrying(&w);
    }
    world_pass(&w, i == 2 ? 9 * SECOND : 5 * SECOND);
    assert_int_equal(world_run_count(&w), 0);
    world_pass(&w, SECOND);
    assert_int_equal(world_run_count(&w), 1);
    world_close(&w);
  }
}

static void also_behind_two_steps_that_are_stored_at_once(void **state)
{
  (void)state;
  struct world w;
  world_open(&w, scratch_path("moonbeat.db"));
  fail_once(&w);
  world_pass(&w, 4 * SECOND);
  world_fill_disk_for_good(&w);
  set_back(&w, DAY);
  set_back(&w, HOUR);
  world_limit_pages(&w, 1000000);
  world_pass(&w, SECOND);
  world_crash(&w);
  save_retrying(&w);
  world_pass(&w, 4 * SECOND);
  assert_int_equal(world_run_count(&w), 0);
  world_pass(&w, SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* It is to be tried at once, whatever the time is then. */
static void who_has_waited_for_a_place_does_not_wait_for_the_clock(void **state)
{
  static const char in_pool[] =
      "{\"pools\":{\"p\":1},\"jobs\":[{\"id\":\"a\",\"run\":true,\"pool\":\"p\","
      "\"trigger\":\"at 2026-01-01T00:01:00Z\",\"retry\":{\"attempts\":2,\"delay\":\"2s\"}},"
      "{\"id\":\"b\",\"run\":true,\"pool\":\"p\",\"trigger\":\"at 2026-01-01T00:01:01Z\"}]}";
  (void)state;
  struct world w;
  world_open(&w, scratch_path("moonbeat.db"));
  world_save(&w, "s", in_pool);
  world_live(&w, MINUTE);
  world_finish(&w, RUN_FAILED, NULL, "no");
  world_live(&w, 5 * SECOND);
  assert_int_equal(world_run_count(&w), 1); /* b's, and a's waits for its place */
  world_crash(&w);
  set_back(&w, HOUR);
  world_save(&w, "s", in_pool);
  while (world_run_count(&w))
    world_finish_all(&w);
  assert_int_equal(world_history(&w, "a", "succeeded"), 1);
  assert_int_equal(world_history(&w, "b", "succeeded"), 1);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(progress_is_folded_all_the_same),
      cmocka_unit_test(a_full_disk_is_tried_again),
      cmocka_unit_test(the_grace_of_a_stop_is_a_length_of_time),
      cmocka_unit_test(what_was_not_due_has_waited_for_nothing),
      cmocka_unit_test(the_earliest_is_one_that_has_not_run),
      cmocka_unit_test(a_debounce_is_a_length_of_time),
      cmocka_unit_test(a_throttle_is_a_length_of_time),
      cmocka_unit_test(a_delay_is_a_length_of_time),
      cmocka_unit_test(also_when_neither_could_be_stored),
      cmocka_unit_test(also_when_the_daemon_was_down),
      cmocka_unit_test(also_when_the_daemon_dies_behind_a_step),
      cmocka_unit_test(also_behind_two_steps_that_are_stored_at_once),
      cmocka_unit_test(who_has_waited_for_a_place_does_not_wait_for_the_clock),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
