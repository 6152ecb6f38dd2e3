/* Runs that the end of the daemon cuts off: by a stop, which writes down how they ended, and by a
 * crash, after which nobody knows. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/scratch.h"
#include "support/world.h"

static const char script[] =
    "{\"jobs\":[{\"id\":\"again\",\"run\":true,\"trigger\":\"0 1 * * *\",\"max_interruptions\":2},"
    "{\"id\":\"once\",\"run\":true,\"trigger\":\"0 1 * * *\",\"delivery\":\"at_most_once\"}]}";

#define AGAIN    "{\"run\":\"again\"}"
#define ONCE     "{\"run\":\"once\"}"
#define ONCE_JOB "{\"job\":\"once\"}"

/* It is 01:00:00 and both have been given to a worker. */
static void begin(struct world *w)
{
  world_open(w, scratch_path("store.db"));
  world_save(w, "a", script);
  world_pass(w, HOUR);
  assert_int_equal(world_run_count(w), 2);
}

static struct message *make_stop(int64_t grace_us)
{
  struct message *m = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.stop.grace_us = grace_us;
  return m;
}

static void begin_stop(struct world *w, int64_t grace_us)
{
  world_tell(w, make_stop(grace_us));
}

/* The grace is over, and the runs end as they are told. Ten seconds later the daemon is there
 * again. */
static void stop(struct world *w, bool has_cut_off_all)
{
  int64_t started_us = w->now_us - 2 * SECOND;
  begin_stop(w, SECOND);
  world_pass(w, SECOND);
  for (int i = 0; w->runs.first && (i == 0 || has_cut_off_all); i++) {
    struct message *run = message_list_pop(&w->runs);
    struct message *m = message_create(MESSAGE_FINISHED, run->to, ADDRESS_SCHEDULER);
    m->as.finished.attempt = run->as.run.attempt;
    m->as.finished.state = RUN_INTERRUPTED;
    m->as.finished.started_us = started_us;
    m->as.finished.finished_us = w->now_us;
    m->as.finished.error = i ? NULL : memory_strdup("jobs/a.lua:7: was told to end");
    message_destroy(run);
    world_tell(w, m);
  }
  assert_int_equal(sched_stopped(w->sched), has_cut_off_all);
  assert_int_equal(world_run_count(w), has_cut_off_all ? 0 : 1); /* nothing begins any more */
}

static void restart(struct world *w)
{
  w->now_us += 10 * SECOND;
  world_crash(w);
  world_save(w, "a", script);
}

static void expect_story(struct world *w, const char *job, const char *part)
{
  char *params = memory_printf("{\"job\":\"%s@2026-01-01T01:00:00Z\"}", job);
  char *text = world_ask(w, "why", params);
  if (!strstr(text, part))
    fail_msg("%s lacks %s", text, part);
  free(text);
  free(params);
}

static void a_stop_writes_down_what_it_cuts_off(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  world_pass(&w, 2 * SECOND);
  stop(&w, true);
  world_expect(&w, "run", AGAIN, "state", "pending");
  world_expect(&w, "run", AGAIN, "attempt", "2");
  world_expect(&w, "run", ONCE, "state", "interrupted");
  restart(&w);
  assert_int_equal(world_run_count(&w), 1);
  assert_string_equal(w.runs.first->as.run.job_id, "again");
  assert_int_equal(w.runs.first->as.run.attempt.number, 2);
  expect_story(&w, "again",
               "attempt 1 was cut off by a stop of the daemon after 3.000s: jobs/a.lua:7: was told "
               "to end\",\"at\":\"2026-01-01T01:00:03.000000Z\"");
  expect_story(&w, "once", "attempt 1 was cut off by a stop of the daemon after 3.000s\"");
  world_expect(&w, "run", ONCE, "started_at", "2026-01-01T01:00:00.000000Z");
  world_expect(&w, "run", ONCE, "finished_at", "2026-01-01T01:00:03.000000Z");
  world_expect(&w, "run", ONCE, "error", "cut off by a stop of the daemon");
  world_finish_all(&w);
  world_expect(&w, "run", AGAIN, "state", "succeeded");
  world_live(&w, HOUR);
  assert_int_equal(world_run_count(&w), 0);
  world_close(&w);
}

/* What had ended stays so, the other one is treated as after any crash. */
static void a_stop_may_be_killed(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  stop(&w, false);
  restart(&w);
  assert_int_equal(world_run_count(&w), 1);
  assert_string_equal(w.runs.first->as.run.job_id, "again");
  expect_story(&w, "again", "attempt 1 was cut off by a stop");
  expect_story(&w, "once", "attempt 1 was cut off by the end");
  world_close(&w);
}

static void stops_are_no_reason_for_a_quarantine(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  for (int i = 0; i < 4; i++) {
    stop(&w, true);
    restart(&w);
    assert_int_equal(world_run_count(&w), 1);
    assert_int_equal(w.runs.first->as.run.attempt.number, i + 2);
  }
  restart(&w); /* by a crash, which max_interruptions lets pass once */
  assert_int_equal(world_run_count(&w), 1);
  restart(&w);
  assert_int_equal(world_run_count(&w), 0);
  world_expect(&w, "run", AGAIN, "state", "interrupted");
  world_expect(&w, "show", "{\"job\":\"again\"}", "state", "error");
  world_close(&w);
}

/* The next start finds them; when they ended is known to nobody. */
static void a_crash_leaves_what_was_known(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  world_tell_started(&w);
  world_pass(&w, 5 * SECOND);
  restart(&w);
  expect_story(&w, "once", "\"attempt 1 began\",\"at\":\"2026-01-01T01:00:00.000000Z\"");
  expect_story(&w, "once",
               "attempt 1 was cut off by the end of the daemon, as the next start found\"");
  world_expect(&w, "run", ONCE, "started_at", "2026-01-01T01:00:00.000000Z");
  expect_story(&w, "again",
               "attempt 1 was cut off by the end of the daemon, as the next start found; whether "
               "it had begun is not known\"");
  world_close(&w);
}

static void a_lasting_run_is_known_to_have_begun(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  world_tell_started(&w);
  for (int i = 0; i < 20; i++) { /* as the app does, on a day when nothing else happens */
    w.now_us += SECOND;
    world_keep_house(&w);
  }
  assert_true(sched_idle(w.sched, w.now_us) < 0);
  restart(&w);
  expect_story(&w, "again", "\"attempt 1 began\",\"at\":\"2026-01-01T01:00:00.000000Z\"");
  expect_story(&w, "again",
               "attempt 1 was cut off by the end of the daemon, as the next start found\"");
  world_close(&w);
}

/* The job's run is known as ended by the request, and no attempt of it begins. */
static void expect_cancelled(struct world *w, const char *params, const char *error)
{
  world_expect(w, "run", params, "state", "cancelled");
  world_expect(w, "run", params, "attempt", "1");
  world_expect(w, "run", params, "error", error);
}

static void a_cancelled_run_is_so_after_a_crash(void **state)
{
  static const char *const nows[] = {"false", "true"};
  (void)state;
  for (int i = 0; i < 4; i++) {
    struct world w;
    begin(&w);
    world_tell_started(&w);
    world_pass(&w, i < 2 ? SECOND : MINUTE);
    while (i > 1 && sched_idle(w.sched, w.now_us) >= 0) /* marked as lasting */
      w.now_us += SECOND;
    for (int j = 0; j < 2; j++) {
      char *params =
          memory_printf("{\"run\":\"%s\",\"now\":%s}", j ? "once" : "again", nows[i % 2]);
      world_expect(&w, "cancel_run", params, "state", "cancelling");
      free(params);
    }
    world_expect(&w, "run", AGAIN, "cancelling", "true");
    restart(&w);
    assert_int_equal(world_run_count(&w), 0);
    const char *error = i % 2 ? "cut off by the end of the daemon: killed by request"
                              : "cut off by the end of the daemon: cancelled by request";
    expect_cancelled(&w, AGAIN, error);
    expect_cancelled(&w, ONCE, error);
    expect_story(&w, "again",
                 i % 2 ? "attempt 1 was cancelled, and cut off by the end of the daemon, as the "
                         "next start found: killed by request\""
                       : "attempt 1 was cancelled, and cut off by the end of the daemon, as the "
                         "next start found: cancelled by request\"");
    world_live(&w, HOUR);
    assert_int_equal(world_run_count(&w), 0);
    world_close(&w);
  }
}

/* A worker may have been heeding the stop when it hears of the cancel. */
static void a_cancel_goes_before_a_stop(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) {
    struct world w;
    begin(&w);
    begin_stop(&w, 8 * SECOND);
    world_live(&w, 7 * SECOND);
    for (int j = 0; j < 2; j++)
      message_destroy(world_take(&w, MESSAGE_CANCEL));
    char *shown = world_ask(&w, "run", AGAIN);
    assert_null(strstr(shown, "cancelling"));
    free(shown);
    expect_story(&w, "again", "told to end, as the daemon is stopping, and will be interrupted\"");
    if (i == 2) /* killed already */
      world_live(&w, 2 * SECOND);
    struct message *m;
    while ((m = world_take(&w, MESSAGE_CANCEL)))
      message_destroy(m);
    world_expect(&w, "cancel_run", AGAIN, "state", "cancelling");
    world_expect(&w, "run", AGAIN, "cancelling", "true");
    m = world_take(&w, MESSAGE_CANCEL);
    assert_non_null(m);
    assert_int_equal(m->as.cancel.state, RUN_CANCELLED);
    assert_int_equal(m->as.cancel.grace_us, i == 2 ? 0 : 10 * SECOND);
    message_destroy(m);
    if (i != 1)
      world_finish(&w, RUN_INTERRUPTED, NULL, NULL);
    restart(&w);
    const char *error = i == 0   ? "cancelled by request"
                        : i == 2 ? "killed by request"
                                 : "cut off by the end of the daemon: cancelled by request";
    expect_cancelled(&w, AGAIN, error);
    world_close(&w);
  }
}

/* The machine sleeps until long after the grace: they are killed then, and have time to end. */
static void a_stop_waits_for_those_that_it_kills(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  begin_stop(&w, SECOND);
  world_settle(&w);
  w.now_us += HOUR;
  world_settle(&w);
  for (int i = 0; i < 2; i++) {
    struct message *cancel = world_take(&w, MESSAGE_CANCEL);
    assert_non_null(cancel);
    assert_int_equal(cancel->as.cancel.grace_us, 0);
    message_destroy(cancel);
  }
  assert_false(sched_stopped(w.sched));
  world_finish(&w, RUN_INTERRUPTED, NULL, NULL);
  world_pass(&w, 4 * SECOND);
  assert_false(sched_stopped(w.sched));
  world_pass(&w, SECOND);
  assert_true(sched_stopped(w.sched));
  restart(&w);
  expect_story(&w, "again", "attempt 1 was cut off by a stop");
  expect_story(&w, "once", "attempt 1 was cut off by the end");
  world_close(&w);
}

/* As long as the disk is full a finish is held; one with a fence that is over is none. */
static void a_stop_counts_no_stale_finish(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  world_fill_disk(&w);
  begin_stop(&w, 10 * SECOND);
  for (int i = 0; i < 2; i++) {
    struct message *m = message_create(MESSAGE_FINISHED, ADDRESS_WORKER, ADDRESS_SCHEDULER);
    m->as.finished.attempt = w.runs.first->as.run.attempt;
    m->as.finished.attempt.fence--;
    m->as.finished.state = RUN_FAILED;
    world_tell(&w, m);
  }
  world_pass(&w, 2 * SECOND);
  assert_false(sched_stopped(w.sched));
  world_close(&w);
}

/* What is stored is tried again each second; a grace of less is over when it is over. */
static void a_full_disk_makes_no_grace_longer(void **state)
{
  struct world w;
  struct message *cancel;
  bool is_cut_off = false;
  (void)state;
  begin(&w);
  world_fill_disk_for_good(&w);
  int64_t over_us = w.now_us + SECOND / 5;
  begin_stop(&w, SECOND / 5);
  for (int64_t us; (us = sched_wake_us(w.sched, w.now_us)) <= over_us + SECOND / 10;) {
    w.now_us = us;
    world_settle(&w);
  }
  while ((cancel = world_take(&w, MESSAGE_CANCEL))) {
    is_cut_off |= cancel->as.cancel.grace_us == 0;
    message_destroy(cancel);
  }
  assert_true(is_cut_off);
  world_close(&w);
}

/* The clock is set in the turn in which the stop begins: the grace is what it was. */
static void a_stop_begins_by_the_new_clock(void **state)
{
  static const int64_t steps_us[] = {HOUR, -HOUR};
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct world w;
    struct error error;
    struct message_list in = {0}, out = {0};
    struct message *set = message_create(MESSAGE_CLOCK, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
    begin(&w);
    w.now_us += steps_us[i];
    set->as.clock.step_us = steps_us[i];
    message_list_append(&in, set);
    message_list_append(&in, make_stop(8 * SECOND));
    assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, &error), ERROR_OK);
    message_list_deinit(&out);
    world_live(&w, 7 * SECOND + SECOND / 2);
    struct message *cancel = world_take(&w, MESSAGE_CANCEL);
    assert_non_null(cancel);
    assert_true(cancel->as.cancel.grace_us > 0);
    message_destroy(cancel);
    message_destroy(world_take(&w, MESSAGE_CANCEL));
    world_live(&w, SECOND);
    cancel = world_take(&w, MESSAGE_CANCEL);
    assert_non_null(cancel);
    assert_int_equal(cancel->as.cancel.grace_us, 0);
    message_destroy(cancel);
    world_close(&w);
  }
}

/* It was asked for while its script was being loaded, and acknowledged: no end of the daemon, in
 * order or not, has cut it off. */
static void who_has_had_no_worker_is_not_cut_off(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct world w;
    world_open(&w, scratch_path("store.db"));
    world_save(&w, "a", script);
    world_crash(&w); /* the folder has not been read yet */
    free(world_ask(&w, "run_now", ONCE_JOB));
    assert_int_equal(world_run_count(&w), 0);
    if (i)
      begin_stop(&w, SECOND);
    assert_int_equal(sched_stopped(w.sched), i);
    restart(&w);
    assert_int_equal(world_run_count(&w), 1);
    assert_int_equal(w.runs.first->as.run.attempt.number, 1);
    world_finish_all(&w);
    world_expect(&w, "run", ONCE, "state", "succeeded");
    world_close(&w);
  }
}

/* Its file is gone: who looks for what goes on finds it under the name by which it is cancelled. */
static void a_run_outlives_its_job(void **state)
{
  struct world w;
  (void)state;
  begin(&w);
  world_tell_started(&w);
  world_save(&w, "a", NULL);
  char *runs = world_ask(&w, "runs", "{\"state\":\"running\"}");
  assert_non_null(strstr(runs, "\"once@2026-01-01T01:00:00Z\""));
  free(runs);
  world_expect(&w, "cancel_run", "{\"run\":\"once@2026-01-01T01:00:00Z\"}", "state", "cancelling");
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stop_writes_down_what_it_cuts_off),
      cmocka_unit_test(a_stop_may_be_killed),
      cmocka_unit_test(stops_are_no_reason_for_a_quarantine),
      cmocka_unit_test(a_crash_leaves_what_was_known),
      cmocka_unit_test(a_lasting_run_is_known_to_have_begun),
      cmocka_unit_test(a_cancelled_run_is_so_after_a_crash),
      cmocka_unit_test(a_cancel_goes_before_a_stop),
      cmocka_unit_test(a_stop_waits_for_those_that_it_kills),
      cmocka_unit_test(who_has_had_no_worker_is_not_cut_off),
      cmocka_unit_test(a_stop_counts_no_stale_finish),
      cmocka_unit_test(a_full_disk_makes_no_grace_longer),
      cmocka_unit_test(a_stop_begins_by_the_new_clock),
      cmocka_unit_test(a_run_outlives_its_job),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
