/* What runs tell and ask while they run, and how they are told to end. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/store.h"
#include "support/scratch.h"
#include "support/world.h"

static const char two[] =
    "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"0 * * * *\",\"retry\":{\"attempts\":3,"
    "\"delay\":\"1m\"}},"
    "{\"id\":\"hasty\",\"run\":true,\"cancel_grace\":0}],\"listeners\":[]}";

/* What the scheduler answers to the run that was sent last. A heap string, "error: ..." too. */
static char *ask_as(struct world *w, const struct attempt *attempt, const char *op,
                    const char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_WORKER, ADDRESS_SCHEDULER);
  m->as.request.op = memory_strdup(op);
  m->as.request.params = memory_strdup(params);
  m->as.request.script = memory_strdup("a");
  m->as.request.attempt = *attempt;
  message_list_deinit(&w->replies);
  world_tell(w, m);
  struct message *reply = message_list_pop(&w->replies);
  assert_non_null(reply);
  char *text =
      reply->as.reply.code
          ? memory_printf("error: %s: %s", error_name(reply->as.reply.code), reply->as.reply.text)
          : memory_strdup(reply->as.reply.text);
  message_destroy(reply);
  return text;
}

static void expect_answer(struct world *w, const struct attempt *attempt, const char *op,
                          const char *params, const char *expected)
{
  char *text = ask_as(w, attempt, op, params);
  assert_string_equal(text, expected);
  free(text);
}

static void checkpoints_outlive_attempts_and_the_daemon(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", two);
  world_pass(&w, HOUR);
  struct attempt attempt = w.runs.first->as.run.attempt, stale = attempt;
  assert_null(w.runs.first->as.run.checkpoint);
  expect_answer(&w, &attempt, "checkpoint", "{\"value\":{\"row\":1}}", "true");
  expect_answer(&w, &attempt, "checkpoint", "{\"value\":{\"row\":2}}", "true");
  stale.fence--;
  expect_answer(&w, &stale, "checkpoint", "{\"value\":3}",
                "error: conflict: only a run that has not ended can ask for this");
  world_expect(&w, "checkpoint", "{\"value\":3}", "error",
               "error: conflict: only a run that has not ended can ask for this");
  world_finish(&w, RUN_FAILED, NULL, "a");
  world_pass(&w, MINUTE);
  assert_string_equal(w.runs.first->as.run.checkpoint, "{\"row\":2}");

  world_crash(&w);
  world_save(&w, "a", two);
  assert_string_equal(w.runs.first->as.run.checkpoint, "{\"row\":2}");
  attempt = w.runs.first->as.run.attempt;
  assert_int_equal(attempt.number, 3);
  expect_answer(&w, &attempt, "checkpoint", "{}", "true"); /* takes it away */
  world_finish(&w, RUN_FAILED, NULL, "b");
  world_pass(&w, 2 * MINUTE);
  assert_null(w.runs.first->as.run.checkpoint);
  attempt = w.runs.first->as.run.attempt;
  expect_answer(&w, &attempt, "checkpoint", "{\"value\":4}", "true");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  struct run_key key = attempt.key;
  char *value;
  assert_int_equal(store_get_checkpoint(w.store, key, &value, NULL), ERROR_OK);
  assert_null(value); /* gone with its run */
  expect_answer(&w, &attempt, "checkpoint", "{\"value\":5}",
                "error: conflict: only a run that has not ended can ask for this");
  world_close(&w);
}

static void a_checkpoint_has_a_limit(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_pass(&w, HOUR);
  struct attempt attempt = w.runs.first->as.run.attempt;
  char *params = memory_printf("{\"value\":\"%070000d\"}", 1);
  expect_answer(&w, &attempt, "checkpoint", params,
                "error: limit: a checkpoint of 70002 bytes is over the limit of 65536");
  free(params);
  world_close(&w);
}

static void knows_the_last_success(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_pass(&w, HOUR);
  struct attempt attempt = w.runs.first->as.run.attempt;
  expect_answer(&w, &attempt, "previous_run", "{}", "null");
  world_finish(&w, RUN_SUCCEEDED, "{\"rows\":7}", NULL);
  world_pass(&w, HOUR);
  world_finish(&w, RUN_CANCELLED, NULL, NULL);
  world_pass(&w, HOUR);
  attempt = w.runs.first->as.run.attempt;
  char *text = ask_as(&w, &attempt, "previous_run", "{}");
  assert_non_null(strstr(text, "\"id\":\"t@2026-01-01T00:00:00Z\""));
  assert_non_null(strstr(text, "\"result\":{\"rows\":7}"));
  free(text);
  world_close(&w);
}

/* By its age, over a restart too, or as so many have failed since. */
static void knows_the_last_success_when_its_row_is_gone(void **state)
{
  (void)state;
  for (int by_number = 0; by_number < 2; by_number++) {
    struct world w;
    world_open(&w, by_number ? NULL : scratch_path("store.db"));
    world_save(&w, "a", two);
    world_live(&w, HOUR);
    world_finish(&w, RUN_SUCCEEDED, "{\"rows\":7}", NULL);
    int64_t step_us = by_number ? HOUR : DAY;
    for (int i = 0; i < (by_number ? 1200 : 40); i++) {
      world_pass(&w, step_us);
      world_finish(&w, RUN_CANCELLED, NULL, NULL);
      while (i % 10 == 0 && sched_idle(w.sched, w.now_us) == 0)
        ;
    }
    world_expect(&w, "run", "{\"run\":\"t@2026-01-01T00:00:00Z\"}", "error",
                 "error: not_found: there is no run \"t@2026-01-01T00:00:00Z\"");
    if (!by_number) {
      world_crash(&w);
      world_save(&w, "a", two);
    }
    world_pass(&w, HOUR);
    struct attempt attempt = w.runs.first->as.run.attempt;
    char *text = ask_as(&w, &attempt, "previous_run", "{}");
    assert_non_null(strstr(text, "\"id\":\"t@2026-01-01T00:00:00Z\""));
    assert_non_null(strstr(text, "\"finished_at\":\"2026-01-01T01:00:00.000000Z\""));
    assert_non_null(strstr(text, "\"result\":{\"rows\":7}"));
    free(text);
    world_close(&w);
  }
}

static void tell_progress(struct world *w, double done, const char *note)
{
  struct message *m = message_create(MESSAGE_PROGRESS, ADDRESS_WORKER, ADDRESS_SCHEDULER);
  m->as.progress.attempt = w->runs.first->as.run.attempt;
  m->as.progress.done = done;
  m->as.progress.total = 1000;
  m->as.progress.note = memory_strdup(note);
  world_tell(w, m);
}

static void progress_is_shown_while_it_runs(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_pass(&w, HOUR);
  tell_progress(&w, 1, NULL);
  tell_progress(&w, 370, "rows");
  const char *const shown[][2] = {{"run", "{\"run\":\"t\"}"},
                                  {"runs", "{}"},
                                  {"list", "{}"},
                                  {"show", "{\"job\":\"t\"}"},
                                  {"status", "{}"}};
  static const char progress[] = "\"progress\":{\"done\":370.0,\"total\":1000.0,\"note\":\"rows\"";
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
    char *text = world_ask(&w, shown[i][0], shown[i][1]);
    if (!strstr(text, progress))
      fail_msg("%s: %s", shown[i][0], text);
    free(text);
  }
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
    char *text = world_ask(&w, shown[i][0], shown[i][1]);
    assert_null(strstr(text, "\"done\""));
    free(text);
  }
  world_close(&w);
}

static struct message *expect_cancel(struct world *w, enum run_told reason)
{
  struct message *cancel = world_take(w, MESSAGE_CANCEL);
  assert_non_null(cancel);
  assert_int_equal(cancel->as.cancel.reason, reason);
  return cancel;
}

static void a_cancelled_run_has_its_grace(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_pass(&w, HOUR);
  world_expect(&w, "cancel_run", "{\"run\":\"t\"}", "state", "cancelling");
  struct message *cancel = expect_cancel(&w, TOLD_CANCELLED);
  assert_int_equal(cancel->as.cancel.grace_us, 10 * SECOND);
  assert_int_equal(cancel->as.cancel.state, RUN_CANCELLED);
  message_destroy(cancel);
  world_expect(&w, "run", "{\"run\":\"t\"}", "cancelling", "true");
  world_finish(&w, RUN_CANCELLED, NULL, "the run was cancelled");
  world_expect(&w, "run_now", "{\"job\":\"hasty\"}", "run", "hasty@2026-01-01T01:00:00Z");
  world_expect(&w, "cancel_run", "{\"run\":\"hasty\"}", "state", "cancelling");
  cancel = expect_cancel(&w, TOLD_CANCELLED);
  assert_int_equal(cancel->as.cancel.grace_us, 0);
  message_destroy(cancel);
  world_close(&w);
}

/* Of a grace of 20 s the last five are for those that listen. */
static void a_stop_is_told_before_it_cuts_off(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", two);
  world_pass(&w, HOUR);
  struct message *stop = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  stop->as.stop.grace_us = 20 * SECOND;
  world_tell(&w, stop);
  world_live(&w, 14 * SECOND);
  assert_null(world_take(&w, MESSAGE_CANCEL));
  world_live(&w, 2 * SECOND);
  struct message *cancel = expect_cancel(&w, TOLD_STOPPING);
  assert_int_equal(cancel->as.cancel.state, RUN_INTERRUPTED);
  message_destroy(cancel);
  world_live(&w, 3 * SECOND);
  assert_null(world_take(&w, MESSAGE_CANCEL));
  world_live(&w, 2 * SECOND);
  cancel = expect_cancel(&w, TOLD_NOTHING);
  assert_int_equal(cancel->as.cancel.grace_us, 0);
  message_destroy(cancel);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checkpoints_outlive_attempts_and_the_daemon),
      cmocka_unit_test(a_checkpoint_has_a_limit),
      cmocka_unit_test(knows_the_last_success),
      cmocka_unit_test(knows_the_last_success_when_its_row_is_gone),
      cmocka_unit_test(progress_is_shown_while_it_runs),
      cmocka_unit_test(a_cancelled_run_has_its_grace),
      cmocka_unit_test(a_stop_is_told_before_it_cuts_off),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
