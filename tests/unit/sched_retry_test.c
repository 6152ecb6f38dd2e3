/* What follows an attempt that has ended: another one, when, and what is kept. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/scratch.h"
#include "support/world.h"

/* A job "t" with this `retry` and more members, due at every full hour. */
static void declare(struct world *w, const char *options)
{
  char *json = memory_printf(
      "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"0 1 * * *\"%s}],\"listeners\":[]}",
      options);
  world_open(w, NULL);
  world_save(w, "a", json);
  free(json);
  world_pass(w, HOUR);
}

/* The first run ends so. */
static void end(struct world *w, enum run_state state, const char *error, struct run_answer answer)
{
  struct message *run = message_list_pop(&w->runs);
  assert_non_null(run);
  struct message *m = message_create(MESSAGE_FINISHED, run->to, ADDRESS_SCHEDULER);
  m->as.finished.attempt = run->as.run.attempt;
  m->as.finished.state = state;
  m->as.finished.started_us = m->as.finished.finished_us = w->now_us;
  m->as.finished.error = memory_strdup(error);
  m->as.finished.answer = answer;
  message_destroy(run);
  world_tell(w, m);
}

static const struct run_answer none;

static void fail_with(struct world *w, const char *error)
{
  end(w, RUN_FAILED, error, none);
}

/* No attempt begins before the time has passed, and one does then. */
static void expect_after(struct world *w, int64_t us)
{
  assert_int_equal(world_run_count(w), 0);
  world_pass(w, us - 1);
  assert_int_equal(world_run_count(w), 0);
  world_pass(w, 1);
  assert_int_equal(world_run_count(w), 1);
}

static void expect_end(struct world *w, const char *state)
{
  world_pass(w, 30 * MINUTE);
  assert_int_equal(world_run_count(w), 0);
  world_expect(w, "run", "{\"run\":\"t\"}", "state", state);
}

static char *attempts(struct world *w)
{
  char *text = world_ask(w, "run", "{\"run\":\"t\"}");
  char *list = memory_strdup(strstr(text, "\"attempts\":"));
  free(text);
  return list;
}

static void backs_off(void **state)
{
  struct world w;
  (void)state;
  declare(&w, ",\"retry\":{\"attempts\":4,\"delay\":\"1m\",\"factor\":3,\"max_delay\":\"5m\"}");
  fail_with(&w, "a");
  expect_after(&w, MINUTE);
  fail_with(&w, "b");
  expect_after(&w, 3 * MINUTE);
  end(&w, RUN_TIMED_OUT, "c", none);
  expect_after(&w, 5 * MINUTE);
  fail_with(&w, "d");
  expect_end(&w, "failed");
  world_expect(&w, "run", "{\"run\":\"t\"}", "attempt", "4");
  char *list = attempts(&w);
  assert_non_null(strstr(list, "\"attempt\":3,\"state\":\"timed_out\""));
  free(list);
  world_close(&w);
}

static void backs_off_by_the_same_each_time(void **state)
{
  struct world w;
  (void)state;
  declare(&w, ",\"retry\":{\"attempts\":5,\"backoff\":\"linear\",\"delay\":\"1m\","
              "\"max_delay\":\"150s\"}");
  fail_with(&w, "a");
  expect_after(&w, MINUTE);
  fail_with(&w, "b");
  expect_after(&w, 2 * MINUTE);
  fail_with(&w, "c");
  expect_after(&w, 150 * SECOND);
  fail_with(&w, "d");
  expect_after(&w, 150 * SECOND);
  fail_with(&w, "e");
  expect_end(&w, "failed");
  world_close(&w);
}

/* The same in each world, as a turn may be taken again; another for the next attempt. */
static void jitter_is_bounded_and_no_accident(void **state)
{
  int64_t first_us[2], second_us[2];
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct world w;
    declare(&w, ",\"retry\":{\"backoff\":\"fixed\",\"delay\":\"1m\",\"jitter\":\"10s\"}");
    fail_with(&w, "a");
    int64_t began_us = w.now_us;
    world_live(&w, 59 * SECOND);
    assert_int_equal(world_run_count(&w), 0);
    while (world_run_count(&w) == 0)
      world_pass(&w, SECOND / 10);
    first_us[i] = w.now_us - began_us;
    fail_with(&w, "b");
    began_us = w.now_us;
    while (world_run_count(&w) == 0)
      world_pass(&w, SECOND / 10);
    second_us[i] = w.now_us - began_us;
    assert_in_range(first_us[i], MINUTE, MINUTE + 10 * SECOND + SECOND / 10);
    world_close(&w);
  }
  assert_int_equal(first_us[0], first_us[1]);
  assert_int_equal(second_us[0], second_us[1]);
  assert_int_not_equal(first_us[0], second_us[0]);
}

static void patterns_say_which_errors(void **state)
{
  struct world w;
  (void)state;
  declare(&w,
          ",\"retry\":{\"delay\":\"1m\",\"attempts\":9,\"retry_on\":[\"timeout\",\"HTTP 5%d%d\"],"
          "\"give_up_on\":\"HTTP 501\"}");
  fail_with(&w, "jobs/a.lua:3: HTTP 503\nstack traceback:\n\tnothing");
  expect_after(&w, MINUTE);
  fail_with(&w, "timeout");
  expect_after(&w, 2 * MINUTE);
  fail_with(&w, "jobs/a.lua:3: HTTP 501");
  expect_end(&w, "failed");
  world_close(&w);

  declare(&w, ",\"retry\":{\"delay\":\"1m\",\"retry_on\":\"timeout\"}");
  fail_with(&w, "no luck\nstack traceback:\n\tin function timeout"); /* is not part of the error */
  expect_end(&w, "failed");
  world_close(&w);
}

static void what_the_script_says_goes_first(void **state)
{
  struct world w;
  (void)state;
  declare(&w, ",\"retry\":{\"delay\":\"1m\",\"attempts\":3,\"give_up_on\":\"bad\"}");
  end(&w, RUN_FAILED, "bad", (struct run_answer){VERDICT_RETRY, 7 * SECOND});
  expect_after(&w, 7 * SECOND);
  end(&w, RUN_FAILED, "bad", (struct run_answer){VERDICT_RETRY, -1});
  expect_after(&w, 2 * MINUTE);
  end(&w, RUN_FAILED, "bad", (struct run_answer){VERDICT_RETRY, SECOND}); /* the third */
  expect_end(&w, "failed");
  world_close(&w);

  declare(&w, ",\"retry\":{\"delay\":\"1m\"}");
  end(&w, RUN_FAILED, "fine", (struct run_answer){VERDICT_GIVE_UP, -1});
  expect_end(&w, "failed");
  world_close(&w);

  declare(&w, ""); /* nothing of retrying, but the run asks */
  for (int i = 0; i < 2; i++) {
    end(&w, RUN_FAILED, "busy", (struct run_answer){VERDICT_RETRY, SECOND});
    expect_after(&w, SECOND);
  }
  end(&w, RUN_FAILED, "busy", (struct run_answer){VERDICT_RETRY, SECOND});
  expect_end(&w, "failed");
  world_close(&w);

  declare(&w, ",\"retry\":1"); /* which is said, and holds for what the run asks too */
  end(&w, RUN_FAILED, "busy", (struct run_answer){VERDICT_RETRY, SECOND});
  expect_end(&w, "failed");
  world_close(&w);
}

/* Who decides is asked where another attempt may follow, and only there. */
static void the_last_attempt_asks_nobody(void **state)
{
  struct world w;
  (void)state;
  declare(&w, ",\"retry\":{\"delay\":\"1m\",\"attempts\":2,\"decide\":true}");
  assert_non_null(w.runs.first->as.run.decide);
  fail_with(&w, "busy");
  expect_after(&w, MINUTE);
  assert_null(w.runs.first->as.run.decide);
  world_close(&w);
}

static void snoozing_does_not_count(void **state)
{
  struct world w;
  (void)state;
  declare(&w, ",\"retry\":{\"delay\":\"1m\",\"attempts\":2}");
  for (int i = 0; i < 5; i++) {
    end(&w, RUN_PENDING, "not yet", (struct run_answer){VERDICT_SNOOZE, 2 * MINUTE});
    world_expect(&w, "run", "{\"run\":\"t\"}", "state", "pending");
    expect_after(&w, 2 * MINUTE);
  }
  fail_with(&w, "a"); /* the first failure */
  expect_after(&w, MINUTE);
  char *list = attempts(&w);
  assert_non_null(strstr(list, "\"attempt\":5,\"state\":\"snoozed\""));
  assert_non_null(strstr(list, "\"error\":\"not yet\""));
  free(list);
  fail_with(&w, "b");
  expect_end(&w, "failed");
  world_expect(&w, "run", "{\"run\":\"t\"}", "attempt", "7");
  world_close(&w);
}

/* Neither what waits nor what counts is lost with the daemon. */
static const char snoozer[] =
    "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"0 1 * * *\","
    "\"retry\":{\"attempts\":2,\"delay\":\"1m\"},\"max_interruptions\":3}]}";

static void crash(struct world *w)
{
  world_crash(w);
  world_save(w, "a", snoozer);
}

static void snoozing_outlives_the_daemon(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", snoozer);
  world_pass(&w, HOUR);
  end(&w, RUN_PENDING, NULL, (struct run_answer){VERDICT_SNOOZE, 10 * MINUTE});
  world_pass(&w, 20 * MINUTE); /* is sent, and cut off */
  assert_int_equal(world_run_count(&w), 1);
  crash(&w);
  world_expect(&w, "run", "{\"run\":\"t\"}", "attempt", "3");
  end(&w, RUN_PENDING, NULL, (struct run_answer){VERDICT_SNOOZE, MINUTE});
  w.now_us += 10 * MINUTE; /* is not sent: the daemon is down when its time comes */
  crash(&w);
  world_expect(&w, "run", "{\"run\":\"t\"}", "attempt", "4");
  fail_with(&w, "a");
  expect_after(&w, MINUTE);
  world_expect(&w, "run", "{\"run\":\"t\"}", "attempt", "5");
  fail_with(&w, "b");
  expect_end(&w, "failed");
  world_close(&w);
}

/* What is due later by that clock was begun all the same. */
static void a_clock_set_back_hides_no_run_that_was_cut_off(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1h\","
             "\"delivery\":\"at_most_once\"}]}");
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 1);
  w.now_us -= 30 * MINUTE;
  world_crash(&w);
  world_expect(&w, "run", "{\"run\":\"t\"}", "state", "interrupted");
  world_live(&w, 40 * MINUTE);
  assert_int_equal(world_run_count(&w), 0);
  world_close(&w);
}

/* Claims that are not folded are found by their links: their times go back with the clock. */
static void a_clock_set_back_misleads_no_recovery(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1h\"}]}");
  world_pass(&w, HOUR);
  world_finish_all(&w);
  w.now_us -= 50 * MINUTE;
  free(world_ask(&w, "run_now", "{\"job\":\"t\"}"));
  world_finish_all(&w);
  free(world_ask(&w, "reschedule_job", "{\"job\":\"t\",\"trigger\":\"every 10m\"}"));
  world_expect(&w, "show", "{\"job\":\"t\"}", "next_run_at", "2026-01-01T00:20:00.000000Z");
  world_crash(&w);
  world_expect(&w, "show", "{\"job\":\"t\"}", "next_run_at", "2026-01-01T00:20:00.000000Z");
  assert_int_equal(world_history(&w, "t", NULL), 2);
  world_close(&w);
}

static void the_cancelled_are_not_tried_again(void **state)
{
  struct world w;
  (void)state;
  declare(&w, ",\"retry\":{\"delay\":\"1m\"}");
  world_expect(&w, "cancel_run", "{\"run\":\"t\"}", "state", "cancelling");
  fail_with(&w, "by itself");
  expect_end(&w, "failed");
  world_close(&w);

  declare(&w, "");
  world_expect(&w, "cancel_run", "{\"run\":\"t\"}", "state", "cancelling");
  end(&w, RUN_PENDING, NULL, (struct run_answer){VERDICT_SNOOZE, SECOND});
  expect_end(&w, "cancelled");
  world_close(&w);
}

static void save(struct world *w, const char *options)
{
  char *json = memory_printf("{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"0 1 * * *\"%s}]}",
                             options);
  world_save(w, "a", json);
  free(json);
}

/* It is 01:00:00, and a stop has told the run of the job "t" with these options. */
static void stop(struct world *w, const char *options)
{
  world_open(w, scratch_path("store.db"));
  save(w, options);
  world_pass(w, HOUR);
  struct message *m = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.stop.grace_us = 8 * SECOND;
  world_tell(w, m);
  world_live(w, 7 * SECOND);
  m = world_take(w, MESSAGE_CANCEL);
  assert_int_equal(m->as.cancel.reason, TOLD_STOPPING);
  message_destroy(m);
}

static void a_stop_costs_no_attempt(void **state)
{
  static const char options[] = ",\"retry\":{\"attempts\":3,\"delay\":\"1m\"}";
  static const struct {
    enum run_state state;
    struct run_answer answer;
    int64_t delay_us;
  } ends[] = {
      {RUN_TIMED_OUT, {VERDICT_NONE, 0}, MINUTE},
      {RUN_FAILED, {VERDICT_NONE, 0}, MINUTE},
      {RUN_FAILED, {VERDICT_RETRY, 90 * SECOND}, 90 * SECOND}, /* as retry.decide may say, too */
      {RUN_PENDING, {VERDICT_SNOOZE, 5 * MINUTE}, 5 * MINUTE},
      {RUN_INTERRUPTED, {VERDICT_NONE, 0}, 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    struct world w;
    stop(&w, options);
    end(&w, ends[i].state, "so", ends[i].answer);
    assert_true(sched_stopped(w.sched));
    world_expect(&w, "run", "{\"run\":\"t\"}", "state", "pending");
    world_expect(&w, "run", "{\"run\":\"t\"}", "attempt", "2");
    world_crash(&w);
    save(&w, options);
    if (ends[i].delay_us)
      expect_after(&w, ends[i].delay_us);
    assert_int_equal(world_run_count(&w), 1);
    assert_int_equal(w.runs.first->as.run.attempt.number, 2);
    world_close(&w);
  }
  struct world w;
  stop(&w, "");
  end(&w, RUN_TIMED_OUT, "so", none);
  world_crash(&w);
  save(&w, "");
  expect_end(&w, "timed_out");
  world_close(&w);
}

static void too_many_interruptions_are_a_quarantine(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", snoozer);
  world_pass(&w, HOUR);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(world_run_count(&w), 1);
    crash(&w);
  }
  assert_int_equal(world_run_count(&w), 0);
  world_expect(&w, "run", "{\"run\":\"t\"}", "state", "interrupted");
  world_expect(&w, "run", "{\"run\":\"t\"}", "attempt", "3");
  char *job = world_ask(&w, "show", "{\"job\":\"t\"}");
  assert_non_null(strstr(job, "\"state\":\"error\""));
  assert_non_null(strstr(job, "quarantined: its run t@2026-01-01T01:00:00Z was cut off 3 times"));
  assert_non_null(strstr(job, "moonbeat resume t"));
  free(job);
  world_pass(&w, 3 * DAY); /* nothing, not even when the script is saved again */
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"0 1 * * *\","
             "\"max_interruptions\":3,\"name\":\"new\"}]}");
  assert_int_equal(world_run_count(&w), 0);
  world_expect(&w, "resume_job", "{\"job\":\"t\"}", "state", "active");
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

static void expect_text(struct world *w, const char *operation, const char *params,
                        const char *text)
{
  char *answer = world_ask(w, operation, params);
  if (!strstr(answer, text))
    fail_msg("%s of %s is without \"%s\": %s", operation, params, text, answer);
  free(answer);
}

/* What waits and what else was cut off begins when a person says so, not before. */
static void nothing_of_a_quarantined_job_begins(void **state)
{
  static const char script[] =
      "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"max_instances\":3,\"trigger\":\"0 1 * * *\","
      "\"retry\":{\"attempts\":5,\"delay\":\"1m\"},\"max_interruptions\":2}]}";
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", script);
  free(world_ask(&w, "run_now", "{\"job\":\"t\"}"));
  fail_with(&w, "x"); /* and waits for its next attempt */
  w.now_us += HOUR / 2;
  free(world_ask(&w, "run_now", "{\"job\":\"t\"}"));
  world_crash(&w);
  world_save(&w, "a", script);
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 2);
  fail_with(&w, "x");
  world_crash(&w);
  world_save(&w, "a", script);
  expect_text(&w, "show", "{\"job\":\"t\"}", "quarantined: its run t@2026-01-01T00:30:00Z");
  world_pass(&w, HOUR);
  world_crash(&w);
  world_save(&w, "a", script);
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 0);
  expect_text(&w, "run_now", "{\"job\":\"t\"}", "moonbeat resume t");
  expect_text(&w, "pause_job", "{\"job\":\"t\"}", "moonbeat resume t");
  expect_text(&w, "why", "{\"job\":\"t\"}", "T00:00:00Z waits until its job is resumed");
  expect_text(&w, "why", "{\"job\":\"t@2026-01-01T00:00:00Z\"}", "waits until its job is resumed");
  world_expect(&w, "resume_job", "{\"job\":\"t\"}", "state", "active");
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 2); /* the one that waited, and what was due meanwhile */
  world_close(&w);
}

/* Who puts another job in the place of a quarantined one lets it go on, too. */
static void what_takes_the_place_goes_on(void **state)
{
  static const char job[] =
      "{\"id\":\"c\",\"run\":{\"shell\":\"true\"},\"max_instances\":2,\"replace_existing\":true,"
      "\"retry\":{\"attempts\":5,\"delay\":\"1m\"},\"max_interruptions\":1}";
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  free(world_ask(&w, "add_job", job));
  free(world_ask(&w, "run_now", "{\"job\":\"c\"}"));
  fail_with(&w, "x"); /* and waits for its next attempt */
  w.now_us += SECOND;
  free(world_ask(&w, "run_now", "{\"job\":\"c\"}"));
  world_crash(&w);
  world_pass(&w, HOUR);
  expect_text(&w, "show", "{\"job\":\"c\"}", "quarantined: its run c@2026-01-01T00:00:01Z");
  assert_int_equal(world_run_count(&w), 0);
  free(world_ask(&w, "add_job", job));
  world_expect(&w, "show", "{\"job\":\"c\"}", "state", "active");
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* One that waits for a script need not wait for it any more. */
static void a_change_sets_free_what_waits_for_a_script(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  free(world_ask(&w, "add_job", "{\"id\":\"c\",\"func\":\"a.f\"}"));
  free(world_ask(&w, "run_now", "{\"job\":\"c\"}"));
  world_crash(&w);
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 0);
  world_expect(&w, "modify_job",
               "{\"job\":\"c\",\"changes\":{\"func\":null,\"run\":{\"shell\":\"true\"}}}", "id",
               "c");
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(backs_off),
      cmocka_unit_test(backs_off_by_the_same_each_time),
      cmocka_unit_test(jitter_is_bounded_and_no_accident),
      cmocka_unit_test(patterns_say_which_errors),
      cmocka_unit_test(what_the_script_says_goes_first),
      cmocka_unit_test(the_last_attempt_asks_nobody),
      cmocka_unit_test(snoozing_does_not_count),
      cmocka_unit_test(snoozing_outlives_the_daemon),
      cmocka_unit_test(a_clock_set_back_hides_no_run_that_was_cut_off),
      cmocka_unit_test(a_clock_set_back_misleads_no_recovery),
      cmocka_unit_test(the_cancelled_are_not_tried_again),
      cmocka_unit_test(a_stop_costs_no_attempt),
      cmocka_unit_test(too_many_interruptions_are_a_quarantine),
      cmocka_unit_test(nothing_of_a_quarantined_job_begins),
      cmocka_unit_test(what_takes_the_place_goes_on),
      cmocka_unit_test(a_change_sets_free_what_waits_for_a_script),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
