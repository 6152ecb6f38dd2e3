/* What keeps a run from beginning, and what lets it: overlap, pools, keys, rates, replay. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/state.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"

#define JOB(id, trigger, options)                                                                  \
  "{\"id\":\"" id "\",\"run\":true,\"trigger\":\"" trigger "\"," options "}"
#define SCRIPT(jobs)           "{\"jobs\":[" jobs "]}"
#define WITH_POOL(slots, jobs) "{\"pools\":{\"db\":" slots "},\"jobs\":[" jobs "]}"

static void expect_next_run(struct world *w, const char *id)
{
  const struct message *run = w->runs.first;
  assert_non_null(run);
  assert_string_equal(run->as.run.job_id, id);
}

static void expect_pool(struct world *w, const char *member, const char *value)
{
  char *text = world_ask(w, "pools", "{\"name\":\"db\"}"), *wanted;
  wanted = malloc(200);
  snprintf(wanted, 200, "\"%s\":%s", member, value);
  if (!strstr(text, wanted))
    fail_msg("no %s in %s", wanted, text);
  free(wanted);
  free(text);
}

static void expect_refused(struct world *w, const char *operation, const char *params,
                           const char *sentence)
{
  char *answer = world_ask(w, operation, params);
  if (strncmp(answer, "error", 5) != 0 || !strstr(answer, sentence))
    fail_msg("%s %s: %s", operation, params, answer);
  free(answer);
}

/* ---- overlap ---- */

static void buffer_one_keeps_one(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", SCRIPT(JOB("t", "every 1s", "\"overlap\":\"buffer_one\"")));
  world_live(&w, 5 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(world_skipped(&w, "t", "overlap"), 3); /* as they were replaced */
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 1); /* of second 5; 2, 3 and 4 passed */
  assert_int_equal(world_skipped(&w, "t", "overlap"), 3);
  world_expect(&w, "run", "{\"run\":\"t\"}", "scheduled_at", "2026-01-01T00:00:05.000000Z");
  world_close(&w);
}

static void buffer_one_may_keep_the_first(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  static const char script[] =
      SCRIPT(JOB("t", "every 1s", "\"overlap\":\"buffer_one\",\"coalesce\":\"earliest\""));
  world_save(&w, "a", script);
  world_live(&w, 5 * SECOND);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_settle(&w);
  world_expect(&w, "run", "{\"run\":\"t\"}", "scheduled_at", "2026-01-01T00:00:02.000000Z");
  assert_int_equal(world_skipped(&w, "t", "overlap"), 3);
  world_crash(&w);
  world_save(&w, "a", script);
  world_settle(&w);
  /* The cursor has passed what was skipped; the run was cut off and begins again. */
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(world_history(&w, "t", NULL), 2);
  world_close(&w);
}

/* A request that is refused takes back the turn in which another is due. */
static void buffer_one_keeps_one_in_a_turn_that_is_done_again(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "add_job", "{\"id\":\"u\",\"run\":{\"shell\":\"true\"}}"));
  free(world_ask(&w, "add_job",
                 "{\"id\":\"t\",\"run\":{\"shell\":\"true\"},\"trigger\":\"every 1s\","
                 "\"overlap\":\"buffer_one\",\"coalesce\":\"all\"}"));
  world_live(&w, 2 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  w.now_us += SECOND;
  expect_refused(&w, "add_jobs",
                 "{\"jobs\":[{\"id\":\"u\",\"replace_existing\":true,\"run\":{\"shell\":"
                 "\"false\"}},{\"id\":\"k\",\"func\":\"none.f\"}]}",
                 "job 2 of 2");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_settle(&w);
  world_expect(&w, "run", "{\"run\":\"t\"}", "scheduled_at", "2026-01-01T00:00:03.000000Z");
  assert_int_equal(world_skipped(&w, "t", "overlap"), 1);
  world_close(&w);
}

static void buffer_all_is_bounded(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             SCRIPT(JOB("t", "every 1s", "\"overlap\":\"buffer_all\",\"buffer_limit\":3")));
  world_live(&w, 10 * SECOND);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(world_run_count(&w), 1);
    world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
    world_settle(&w);
  }
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(world_skipped(&w, "t", "overlap"), 6);
  assert_int_equal(world_history(&w, "t", "succeeded"), 4); /* 1, then 8, 9 and 10 */
  world_close(&w);
}

/* Only what open runs kept away is theirs. */
static void buffer_all_says_what_filled_it(void **state)
{
  static const char script[] = WITH_POOL(
      "0",
      JOB("late", "every 1s", "\"overlap\":\"buffer_all\",\"buffer_limit\":3") "," JOB(
          "held", "every 1s", "\"overlap\":\"buffer_all\",\"buffer_limit\":3,\"pool\":\"db\""));
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", script);
  world_pass(&w, 10 * SECOND);
  assert_int_equal(world_skipped(&w, "late", "misfire"), 7);
  assert_int_equal(world_skipped(&w, "held", "misfire"), 7);
  char *why = world_ask(&w, "why", "{\"job\":\"late@2026-01-01T00:00:03Z\"}");
  assert_non_null(strstr(why, "more were late than the 3 that buffer_limit allows to run"));
  free(why);
  world_pass(&w, 10 * SECOND); /* one is open, and one still waits for its pool */
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":1}"));
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_settle(&w);
  assert_int_equal(world_skipped(&w, "late", "overlap"), 9);
  assert_int_equal(world_skipped(&w, "held", "limit"), 10);
  assert_int_equal(world_skipped(&w, "held", "overlap"), 0);
  world_close(&w);
}

/* What one due time has waited for is no reason for what is due later. */
static void a_wait_is_over_with_its_due_time(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", WITH_POOL("0", JOB("t", "every 1m", "\"pool\":\"db\"")));
  world_live(&w, MINUTE + SECOND);
  free(world_ask(&w, "run_now", "{\"job\":\"t\"}"));
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":1}"));
  world_settle(&w);
  assert_int_equal(world_skipped(&w, "t", "overlap"), 1);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(world_skipped(&w, "t", "limit"), 0);
  assert_int_equal(world_skipped(&w, "t", "misfire"), 59);
  world_close(&w);
}

/* What is due while a run is open is no backlog, whatever becomes of that. */
static void one_waits_though_all_late_ones_run(void **state)
{
  static const char *const policies[] = {"buffer_one", "cancel_other", "terminate_other", "skip"};
  (void)state;
  for (int i = 0; i < 4; i++) {
    struct world w;
    char script[200];
    snprintf(script, sizeof script,
             SCRIPT(JOB("t", "every 1s limit=9", "\"coalesce\":\"all\",\"overlap\":\"%s\"")),
             policies[i]);
    world_open(&w, NULL);
    world_save(&w, "a", script);
    world_pass(&w, 3 * SECOND); /* three were missed, and all run */
    for (int k = 0; k < 3; k++) {
      assert_int_equal(world_run_count(&w), 1);
      if (k == 2)
        world_live(&w, 6 * SECOND); /* six come due */
      world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
      world_settle(&w);
    }
    bool is_skip = i == 3;
    assert_int_equal(world_run_count(&w), is_skip ? 0 : 1);
    assert_int_equal(world_skipped(&w, "t", "overlap"), is_skip ? 6 : 5);
    if (!is_skip)
      world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
    world_settle(&w);
    assert_int_equal(world_history(&w, "t", "succeeded"), is_skip ? 3 : 4);
    world_close(&w);
  }
}

/* No run is ended for one that its rate keeps waiting. */
static void the_rate_is_asked_before_the_other_is_ended(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             SCRIPT(JOB("t", "every 1s", "\"overlap\":\"terminate_other\",\"rate\":\"1/6s\"")));
  world_live(&w, 6 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  assert_null(world_take(&w, MESSAGE_CANCEL));
  world_live(&w, 2 * SECOND);
  struct message *cancel = world_take(&w, MESSAGE_CANCEL);
  assert_non_null(cancel);
  message_destroy(cancel);
  world_finish(&w, RUN_CANCELLED, NULL, NULL);
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

static void the_other_is_ended(void **state)
{
  static const char *const policies[] = {"cancel_other", "terminate_other"};
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct world w;
    char script[200];
    snprintf(script, sizeof script, SCRIPT(JOB("t", "every 1s", "\"overlap\":\"%s\"")),
             policies[i]);
    world_open(&w, NULL);
    world_save(&w, "a", script);
    world_live(&w, 3 * SECOND);
    assert_int_equal(world_run_count(&w), 1);
    struct message *cancel = world_take(&w, MESSAGE_CANCEL);
    assert_non_null(cancel);
    message_destroy(cancel);
    assert_null(world_take(&w, MESSAGE_CANCEL)); /* once is enough */
    world_finish(&w, RUN_CANCELLED, NULL, NULL);
    world_settle(&w);
    assert_int_equal(world_run_count(&w), 1);
    world_expect(&w, "run", "{\"run\":\"t\"}", "scheduled_at", "2026-01-01T00:00:03.000000Z");
    world_close(&w);
  }
}

/* It has no worker, so nobody is waited for. */
static void the_other_that_waits_makes_room_at_once(void **state)
{
  static const char *const policies[] = {"cancel_other", "terminate_other"};
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct world w;
    char script[200];
    snprintf(script, sizeof script,
             SCRIPT(JOB("t", "every 1h",
                        "\"overlap\":\"%s\",\"pool\":\"p\",\"retry\":"
                        "{\"attempts\":2,\"delay\":\"3h\",\"max_delay\":\"3h\"}")),
             policies[i]);
    world_open(&w, NULL);
    free(world_ask(&w, "set_pool", "{\"name\":\"p\",\"slots\":1}"));
    world_save(&w, "a", script);
    world_live(&w, HOUR);
    assert_int_equal(world_run_count(&w), 1);
    world_finish(&w, RUN_FAILED, NULL, "no");
    world_live(&w, HOUR);
    assert_int_equal(world_run_count(&w), 1);
    world_expect(&w, "run", "{\"run\":\"t@2026-01-01T01:00:00Z\"}", "state", "cancelled");
    world_expect(&w, "run", "{\"run\":\"t\"}", "scheduled_at", "2026-01-01T02:00:00.000000Z");
    assert_int_equal(world_skipped(&w, "t", "overlap"), 0);
    world_close(&w);
  }
}

/* Also one that was asked to end before, by its grace at leisure. */
static void the_other_is_ended_at_once(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", SCRIPT(JOB("t", "every 1s", "\"overlap\":\"terminate_other\"")));
  world_live(&w, SECOND);
  world_expect(&w, "cancel_run", "{\"run\":\"t\"}", "state", "cancelling");
  struct message *cancel = world_take(&w, MESSAGE_CANCEL);
  assert_int_equal(cancel->as.cancel.grace_us, 10 * SECOND);
  message_destroy(cancel);
  world_live(&w, 2 * SECOND);
  cancel = world_take(&w, MESSAGE_CANCEL);
  assert_non_null(cancel);
  assert_int_equal(cancel->as.cancel.grace_us, 0);
  message_destroy(cancel);
  assert_null(world_take(&w, MESSAGE_CANCEL));
  world_finish(&w, RUN_CANCELLED, NULL, NULL);
  world_expect(&w, "run", "{\"run\":\"t@2026-01-01T00:00:01Z\"}", "error",
               "killed, as another run of the job was due");
  world_close(&w);
}

/* `overlap` is for due times; who asks is told. */
static void one_by_hand_is_refused_while_the_job_is_full(void **state)
{
  static const char *const policies[] = {"skip", "buffer_one", "cancel_other", "terminate_other"};
  (void)state;
  for (int i = 0; i < 4; i++) {
    struct world w;
    char script[200];
    snprintf(script, sizeof script, SCRIPT(JOB("t", "every 1s", "\"overlap\":\"%s\"")),
             policies[i]);
    world_open(&w, NULL);
    world_save(&w, "a", script);
    world_live(&w, SECOND);
    expect_refused(&w, "run_now", "{\"job\":\"t\"}",
                   "conflict: job \"t\" is running already (max_instances is 1): wait for it, or "
                   "cancel it");
    assert_null(world_take(&w, MESSAGE_CANCEL));
    world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
    world_expect(&w, "run_now", "{\"job\":\"t\"}", "run", "t@2026-01-01T00:00:01.000001Z");
    world_close(&w);
  }
}

static void allow_has_a_limit_too(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", SCRIPT(JOB("t", "every 1s", "\"overlap\":\"allow\",\"max_instances\":2")));
  world_live(&w, 5 * SECOND);
  assert_int_equal(world_run_count(&w), 2);
  assert_int_equal(world_skipped(&w, "t", "overlap"), 3);
  world_close(&w);
}

/* ---- late ones ---- */

static void earliest_runs_the_first(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", SCRIPT(JOB("t", "every 1m", "\"coalesce\":\"earliest\"")));
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(world_skipped(&w, "t", "misfire"), 59);
  world_expect(&w, "run", "{\"run\":\"t\"}", "scheduled_at", "2026-01-01T00:01:00.000000Z");
  world_close(&w);
}

static void all_late_ones_run_one_after_the_other(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", SCRIPT(JOB("t", "every 1m", "\"coalesce\":\"all\",\"replay_limit\":10")));
  world_pass(&w, 7 * DAY);
  assert_int_equal(world_skipped(&w, "t", "misfire"), 7 * 1440 - 10);
  for (int i = 0; i < 10; i++) {
    assert_int_equal(world_run_count(&w), 1);
    world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
    world_settle(&w);
  }
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(world_history(&w, "t", "succeeded"), 10);
  assert_int_equal(world_skipped(&w, "t", "overlap"), 0);
  world_close(&w);
}

static void late_ones_run_at_their_rate(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             SCRIPT(JOB("t", "every 1h",
                        "\"coalesce\":\"all\",\"overlap\":\"allow\",\"replay_rate\":\"2/1m\"")));
  world_pass(&w, 10 * HOUR);
  assert_int_equal(world_run_count(&w), 2);
  world_live(&w, MINUTE);
  assert_int_equal(world_run_count(&w), 4);
  world_live(&w, 4 * MINUTE);
  assert_int_equal(world_run_count(&w), 10);
  world_close(&w);
}

/* ---- pools ---- */

static void a_pool_lets_so_many_through(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(
      &w, "a",
      WITH_POOL("2", JOB("a", "0 1 * * *", "\"pool\":\"db\"") "," JOB(
                         "b", "0 1 * * *",
                         "\"pool\":\"db\"") "," JOB("c", "0 1 * * *",
                                                    "\"pool\":\"db\"") "," JOB("d", "0 1 * * *",
                                                                               "\"pool\":\"db\","
                                                                               "\"priority\":5")));
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 2);
  expect_next_run(&w, "d"); /* of higher priority */
  expect_pool(&w, "used", "2");
  expect_pool(&w, "waiting", "2");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 2);
  expect_next_run(&w, "b");
  world_finish_all(&w);
  world_settle(&w);
  expect_pool(&w, "used", "0");
  assert_int_equal(world_skipped(&w, "a", "limit"), 0);
  world_close(&w);
}

static void slots_change_at_run_time(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             WITH_POOL("1", JOB("a", "0 1 * * *", "\"pool\":\"db\"") "," JOB("b", "0 1 * * *",
                                                                             "\"pool\":\"db\"")));
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 1);
  world_expect(&w, "set_pool", "{\"name\":\"db\",\"slots\":2}", "name", "db");
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 2);
  /* The script says the same as before: what a person set stays. */
  world_save(&w, "a",
             WITH_POOL("1", JOB("a", "0 2 * * *", "\"pool\":\"db\"") "," JOB("b", "0 1 * * *",
                                                                             "\"pool\":\"db\"")));
  expect_pool(&w, "slots", "2");
  world_save(&w, "a",
             WITH_POOL("3", JOB("a", "0 2 * * *", "\"pool\":\"db\"") "," JOB("b", "0 1 * * *",
                                                                             "\"pool\":\"db\"")));
  expect_pool(&w, "slots", "3");
  world_close(&w);
}

static void a_pool_must_be_there(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", WITH_POOL("1", JOB("a", "0 1 * * *", "\"pool\":\"db\"")));
  char *answer = world_ask(&w, "add_job",
                           "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"pool\":\"dbb\","
                           "\"trigger\":\"@daily\"}");
  assert_non_null(strstr(answer, "there is no pool \"dbb\", did you mean \"db\"?"));
  free(answer);
  answer = world_ask(&w, "remove_pool", "{\"name\":\"db\"}");
  assert_non_null(strstr(answer, "is declared by script a"));
  free(answer);
  world_close(&w);
}

#define MODIFY(id, changes) "{\"job\":\"" id "\",\"changes\":{" changes "}}"

/* What could not be added cannot come by a change either, whatever else is changed. */
static void a_change_is_looked_at_like_a_new_job(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             WITH_POOL("1", JOB("d", "0 1 * * *",
                                "\"pool\":\"db\",\"args\":[7],\"concurrency_key\":\"k-{1}\"")));
  free(world_ask(&w, "add_job", "{\"id\":\"x\",\"run\":{\"shell\":\"true\"}}"));
  expect_refused(&w, "modify_job", MODIFY("x", "\"pool\":\"dbb\""),
                 "there is no pool \"dbb\", did you mean \"db\"?");
  expect_refused(&w, "modify_job", MODIFY("d", "\"concurrency_key\":\"k-{2}\""),
                 "there is no argument {2}");
  expect_refused(&w, "modify_job", MODIFY("d", "\"args\":[]"), "there is no argument {1}");
  expect_refused(&w, "modify_job", MODIFY("x", "\"concurrency_key\":\"{x}\""),
                 "key \"{x}\": {x} is no argument");
  world_expect(&w, "show", "{\"job\":\"x\"}", "pool", "null");
  world_expect(&w, "modify_job", MODIFY("x", "\"pool\":\"db\""), "id", "x");
  world_expect(&w, "modify_job", MODIFY("d", "\"args\":[8]"), "id", "d");
  /* A file that changes nothing but the pool. */
  world_save(&w, "a", WITH_POOL("1", JOB("d", "0 1 * * *", "\"pool\":\"dbb\"")));
  char *answer = world_ask(&w, "list", "{}");
  assert_non_null(strstr(answer, "job \\\"d\\\": there is no pool \\\"dbb\\\""));
  free(answer);
  world_close(&w);
}

/* Nothing is written for one that waits, and nothing is lost. */
static void who_waits_survives_a_crash(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  static const char script[] = WITH_POOL(
      "1", JOB("a", "0 1 * * *", "\"pool\":\"db\"") "," JOB("b", "0 1 * * *", "\"pool\":\"db\""));
  world_save(&w, "a", script);
  world_pass(&w, HOUR);
  assert_int_equal(world_history(&w, "b", NULL), 0);
  world_crash(&w);
  world_save(&w, "a", script);
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 1);
  world_finish_all(&w);
  world_settle(&w);
  world_finish_all(&w);
  world_settle(&w);
  assert_int_equal(world_history(&w, "a", "succeeded"), 1);
  assert_int_equal(world_history(&w, "b", "succeeded"), 1);
  world_close(&w);
}

/* One by hand is claimed at once, for it is acknowledged, and waits; a crash does not count as a
 * start that it never had. */
static void one_by_hand_waits_too(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  static const char script[] =
      WITH_POOL("1", JOB("a", "0 1 * * *", "\"pool\":\"db\"") "," JOB(
                         "b", "0 5 * * *", "\"pool\":\"db\",\"delivery\":\"at_most_once\""));
  world_save(&w, "a", script);
  world_pass(&w, HOUR);
  free(world_ask(&w, "run_now", "{\"job\":\"b\"}"));
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(world_history(&w, "b", "pending"), 1);
  world_crash(&w);
  world_save(&w, "a", script);
  world_settle(&w);
  world_finish_all(&w);
  world_settle(&w);
  world_finish_all(&w);
  world_settle(&w);
  assert_int_equal(world_history(&w, "b", "succeeded"), 1);
  world_close(&w);
}

static void a_retry_gives_its_slot_back(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(
      &w, "a",
      WITH_POOL(
          "1",
          JOB("a", "0 1 * * *",
              "\"pool\":\"db\",\"retry\":{\"attempts\":2,\"delay\":\"1m\"}") "," JOB("b",
                                                                                     "0 1 * * *",
                                                                                     "\"pool\":"
                                                                                     "\"db\"")));
  world_pass(&w, HOUR);
  expect_next_run(&w, "a");
  world_finish(&w, RUN_FAILED, NULL, "no");
  world_settle(&w);
  expect_next_run(&w, "b");
  world_pass(&w, 2 * MINUTE);
  assert_int_equal(world_run_count(&w), 1); /* the retry waits for the slot */
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_settle(&w);
  expect_next_run(&w, "a");
  world_finish_all(&w);
  assert_int_equal(world_history(&w, "a", "succeeded"), 1);
  world_close(&w);
}

/* ---- keys and rates ---- */

static void a_key_is_shared(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(
      &w, "a",
      SCRIPT(JOB("a", "0 1 * * *", "\"args\":[7],\"concurrency_key\":\"shop-{1}\"") "," JOB(
          "b", "0 1 * * *",
          "\"args\":[7],\"concurrency_key\":\"shop-{1}\"") "," JOB("c", "0 1 * * *",
                                                                   "\"args\":[8],\"concurrency_"
                                                                   "key\":\"shop-{1}\"")));
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 2);
  expect_next_run(&w, "a");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 2);
  world_finish_all(&w);
  assert_int_equal(world_history(&w, "b", "succeeded"), 1);
  world_close(&w);
}

static void a_key_needs_its_argument(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  char *answer = world_ask(&w, "add_job",
                           "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"trigger\":\"@daily\","
                           "\"concurrency_key\":\"shop-{2.name}\",\"args\":[1]}");
  assert_non_null(
      strstr(answer, "concurrency_key: key \"shop-{2.name}\": there is no argument {2.name}"));
  free(answer);
  world_close(&w);
}

static void who_runs_only_when_asked_brings_the_arguments_then(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "add_job",
                 "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"overlap\":\"allow\","
                 "\"concurrency_key\":\"shop-{1}\"}"));
  char *answer = world_ask(&w, "run_now", "{\"job\":\"x\"}");
  assert_non_null(strstr(answer, "invalid"));
  assert_non_null(strstr(answer, "concurrency_key: key \"shop-{1}\": there is no argument {1}"));
  free(answer);
  /* A NUL ends no key: these are two. */
  free(world_ask(&w, "run_now", "{\"job\":\"x\",\"args\":[\"a\"]}"));
  free(world_ask(&w, "run_now", "{\"job\":\"x\",\"args\":[\"a\\u0000b\"]}"));
  assert_int_equal(world_run_count(&w), 2);
  free(world_ask(&w, "run_now", "{\"job\":\"x\",\"args\":[\"a\"]}"));
  assert_int_equal(world_run_count(&w), 2);
  answer = world_ask(&w, "cancel_run", "{\"run\":\"x\"}");
  assert_non_null(strstr(answer, "cancelled"));
  free(answer);
  answer = world_ask(&w, "why", "{\"job\":\"x\"}");
  assert_non_null(strstr(answer, "its last run was cancelled: cancelled before it began"));
  free(answer);
  world_close(&w);
}

static void an_empty_key_or_pool_is_refused(void **state)
{
  static const char *const options[] = {"concurrency_key", "pool"};
  struct world w;
  (void)state;
  world_open(&w, NULL);
  for (int i = 0; i < 2; i++) {
    char params[200], expected[100];
    snprintf(params, sizeof params, "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"%s\":\"\"}",
             options[i]);
    snprintf(expected, sizeof expected, "%s is empty: leave it out", options[i]);
    char *answer = world_ask(&w, "add_job", params);
    assert_non_null(strstr(answer, expected));
    free(answer);
  }
  world_close(&w);
}

static void a_rate_holds_back_and_loses_nothing(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", SCRIPT(JOB("t", "every 1s", "\"overlap\":\"allow\",\"rate\":\"3/1m\"")));
  world_live(&w, 30 * SECOND);
  assert_int_equal(world_run_count(&w), 3);
  world_live(&w, 31 * SECOND);
  assert_int_equal(world_run_count(&w), 4);
  assert_int_equal(world_skipped(&w, "t", "limit"), 61 - 4);
  world_close(&w);
}

/* No longer than the runs are kept that it counts, nor a throttle; a world keeps them for 30 days.
 */
static void a_rate_has_an_end(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
#define RATED(rate) "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"rate\":\"" rate "\"}"
  expect_refused(
      &w, "add_job", RATED("2/31d"),
      "job \"x\": rate 2/4w3d counts over a longer time than ended runs are kept (keep = "
      "\"4w2d\")");
  world_expect(&w, "add_job", RATED("2/30d"), "rate", "2/4w2d");
  expect_refused(&w, "modify_job", MODIFY("x", "\"rate\":\"1/800h\""), "longer time than");
  expect_refused(&w, "add_job",
                 "{\"id\":\"y\",\"run\":{\"shell\":\"true\"},\"trigger\":\"on_event e "
                 "throttle=31d\"}",
                 "job \"y\": throttle 4w3d counts over a longer time than");
  world_close(&w);
}

static void a_rate_outlives_a_crash(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  static const char script[] =
      SCRIPT(JOB("t", "every 1s", "\"overlap\":\"allow\",\"rate\":\"3/1m\""));
  world_save(&w, "a", script);
  world_live(&w, 10 * SECOND);
  world_finish_all(&w);
  world_crash(&w);
  world_save(&w, "a", script);
  world_live(&w, 40 * SECOND);
  assert_int_equal(world_run_count(&w), 0);
  world_live(&w, 15 * SECOND);
  assert_int_equal(world_run_count(&w), 3);
  world_close(&w);
}

static void expect_why(struct world *w, const char *params, const char *part)
{
  char *answer = world_ask(w, "why", params);
  if (!strstr(answer, part))
    fail_msg("no \"%s\" in %s", part, answer);
  free(answer);
}

#define ASKED "{\"id\":\"t\",\"run\":{\"shell\":\"true\"},\"overlap\":\"allow\",\"rate\":\"2/1h\"}"

/* They are claimed, for they are acknowledged, and begin in their order when the rate allows. */
static void a_rate_holds_those_by_hand_too(void **state)
{
  struct world w;
  (void)state;
  for (int is_crashed = 0; is_crashed < 2; is_crashed++) {
    world_open(&w, scratch_path("store.db"));
    world_expect(&w, "add_job", ASKED, "id", "t");
    for (int i = 0; i < 5; i++) {
      char params[80];
      snprintf(params, sizeof params, "{\"job\":\"t\",\"args\":[%d]}", i);
      free(world_ask(&w, "run_now", params));
      world_pass(&w, SECOND);
    }
    assert_int_equal(world_run_count(&w), 2);
    world_finish_all(&w);
    assert_int_equal(world_history(&w, "t", "pending"), 3);
    world_expect(&w, "run", "{\"run\":\"t\"}", "due_at", "null");
    expect_why(&w, "{\"job\":\"t\"}", "waits for the rate of its job");
    expect_why(&w, "{\"job\":\"t@2026-01-01T00:00:04Z\"}", "it waits for the rate of its job");
    expect_why(&w, "{\"job\":\"t@2026-01-01T00:00:04Z\"}",
               "\"clears_at\":\"2026-01-01T01:00:00.000000Z\"");
    if (is_crashed)
      world_crash(&w);
    world_live(&w, HOUR);
    assert_int_equal(world_run_count(&w), 2);
    assert_string_equal(w.runs.first->as.run.args, "[2]");
    assert_string_equal(w.runs.first->next->as.run.args, "[3]");
    world_finish_all(&w);
    if (is_crashed)
      world_crash(&w); /* what has waited is counted from when it began */
    world_live(&w, HOUR - MINUTE);
    assert_int_equal(world_run_count(&w), 0);
    world_live(&w, 2 * MINUTE);
    assert_int_equal(world_run_count(&w), 1);
    assert_string_equal(w.runs.first->as.run.args, "[4]");
    world_close(&w);
  }
}

/* What holds them back is the job's, and goes with a change of it; no worker that has one is taken
 * for none. */
static void who_waits_is_tried_when_its_job_changes(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":0}"));
  world_expect(&w, "add_job", ASKED, "id", "t");
  world_expect(
      &w, "add_job",
      "{\"id\":\"p\",\"run\":{\"shell\":\"true\"},\"pool\":\"db\",\"delivery\":\"at_most_once\"}",
      "id", "p");
  for (int i = 0; i < 3; i++)
    free(world_ask(&w, "run_now", "{\"job\":\"t\"}"));
  free(world_ask(&w, "run_now", "{\"job\":\"p\"}"));
  assert_int_equal(world_run_count(&w), 2);
  world_expect(&w, "modify_job", MODIFY("t", "\"rate\":null"), "rate", "null");
  world_expect(&w, "modify_job", MODIFY("p", "\"pool\":null"), "pool", "null");
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 4);
  world_crash(&w);
  assert_int_equal(world_history(&w, "p", "interrupted"), 1);
  world_close(&w);
}

/* Whatever keeps a due time waiting, it is skipped when its grace is over, and not only when what
 * keeps it has moved. */
static void what_waits_is_skipped_when_its_grace_is_over(void **state)
{
  static const char *const options[] = {
      "\"pool\":\"db\"",
      "\"concurrency_key\":\"k\"",
      "\"rate\":\"1/1h\",\"overlap\":\"allow\"",
      "\"overlap\":\"buffer_one\"",
  };
  (void)state;
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    struct world w;
    char script[500];
    snprintf(
        script, sizeof script,
        WITH_POOL("0", JOB("t", "every 1m limit=4", "\"misfire_grace_time\":\"2s\",%s") "," JOB(
                           "k", "every 59s limit=1", "\"concurrency_key\":\"k\"")),
        options[i]);
    world_open(&w, NULL);
    world_save(&w, "a", script);
    world_live(&w, MINUTE);
    int begun = world_history(&w, "t", NULL);
    if (begun == 0) {
      expect_why(&w, "{\"job\":\"t\"}",
                 "it is due, and skipped if it has not begun by 2026-01-01T00:01:02.000001Z");
      world_live(&w, 2 * SECOND);
      assert_int_equal(world_skipped(&w, "t", "misfire"), 0);
      world_live(&w, 1);
      assert_int_equal(world_skipped(&w, "t", "misfire"), 1);
    }
    world_live(&w, HOUR / 2);
    assert_int_equal(world_skipped(&w, "t", "misfire"), 4 - begun);
    char *events = world_ask(&w, "events", "{}");
    assert_non_null(strstr(events, "\"event\":\"job_missed\""));
    free(events);
    world_expect(&w, "show", "{\"job\":\"t\"}", "state", "finished");
    world_close(&w);
  }
}

static void set_clock(struct world *w, int64_t step_us)
{
  struct message *m = message_create(MESSAGE_CLOCK, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
  m->as.clock.step_us = step_us;
  w->now_us += step_us;
  world_tell(w, m);
}

/* What began in a future that is none any more holds nobody back for longer than the period. */
static void a_rate_follows_a_clock_set_back(void **state)
{
  static const char script[] =
      SCRIPT(JOB("t", "every 1s", "\"overlap\":\"allow\",\"rate\":\"3/1m\""));
  (void)state;
  for (int is_crashed = 0; is_crashed < 2; is_crashed++) {
    struct world w;
    world_open(&w, scratch_path("store.db"));
    world_save(&w, "a", script);
    world_live(&w, HOUR);
    world_finish_all(&w);
    set_clock(&w, -50 * MINUTE);
    if (is_crashed) {
      world_crash(&w);
      world_save(&w, "a", script);
    }
    free(world_ask(&w, "reschedule_job", "{\"job\":\"t\",\"trigger\":\"every 2s\"}"));
    world_live(&w, 2 * MINUTE);
    assert_in_range(world_run_count(&w), 3, 6);
    world_close(&w);
  }
}

/* ---- when many wait ---- */

static const struct sched_bounds few = {
    .fires_per_turn = 4096,
    .near_page = 64,
    .near_low = 32,
    .near_max = 4096,
    .at_gates_max = 2048,
    .fold_max = 100000,
    .fold_step = 2048,
    .desk_bytes = 256 << 10,
};
enum { MANY = 5 * 2048 / 4 };

/* Copies of the job "x", due one after the other within a minute; each third one has its priority.
 */
static void copy_many(struct world *w)
{
  struct error error;
  char sql[1000];
  snprintf(
      sql, sizeof sql,
      "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS"
      "  (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n;"
      "INSERT INTO jobs SELECT i + 10, printf('j%%d', i), origin, script, trigger,"
      "  CASE i %% 3 WHEN 0 THEN spec ELSE replace(spec, '\"priority\":9', '\"priority\":5') END"
      "  FROM jobs, temp.n WHERE id = 'x';"
      "INSERT INTO job_progress(number, state, next_us, runs_kept)"
      "  SELECT i + 10, 0, %lld + i, 0 FROM temp.n;"
      "INSERT INTO subscriptions SELECT key, i + 10 FROM subscriptions, temp.n"
      "  WHERE job = (SELECT number FROM jobs WHERE id = 'x');"
      "UPDATE meta SET value = 1000000 WHERE key = 'job_numbers';",
      MANY, (long long)WORLD_BEGINS);
  assert_int_equal(store_begin(w->store, &error), ERROR_OK);
  if (store_execute(w->store, sql, &error))
    fail_msg("%s", error.text);
  assert_int_equal(store_commit(w->store, &error), ERROR_OK);
}

static void begin_many(struct world *w, const char *option)
{
  char params[300];
  world_open(w, scratch_path("store.db"));
  free(world_ask(w, "set_pool", "{\"name\":\"db\",\"slots\":1}"));
  snprintf(params, sizeof params,
           "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"priority\":9,\"trigger\":"
           "{\"kind\":\"date\",\"at\":\"2026-01-02T00:00:00Z\"},%s}",
           option);
  world_expect(w, "add_job", params, "priority", "9");
  copy_many(w);
  w->now_us += MINUTE;
  w->bounds = &few;
  world_crash(w);
}

static void expect_bound(struct world *w)
{
  size_t most = few.at_gates_max + few.near_page + (size_t)world_run_count(w);
  assert_in_range(HASH_COUNT(w->sched->entries), 1, most);
}

/* Who goes first has the lower one. */
static int64_t place_of(const struct message *run)
{
  int64_t number = atoll(run->as.run.job_id + 1);
  return number % 3 ? MANY + number : number;
}

/* No run comes before one of an earlier wave; how many there are. */
static int finish_wave(struct world *w, int64_t *last)
{
  int64_t before = *last;
  int count = 0;
  for (const struct message *run = w->runs.first; run; run = run->next, count++) {
    int64_t place = place_of(run);
    assert_true(place > before);
    if (place > *last)
      *last = place;
  }
  world_finish_all(w);
  return count;
}

static void of_many_who_wait_some_are_in_memory(void **state)
{
  struct world w;
  int64_t last = 0;
  int count = 0, wave;
  (void)state;
  begin_many(&w, "\"pool\":\"db\"");
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 1);
  expect_bound(&w);
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":512}"));
  while ((wave = finish_wave(&w, &last)))
    count += wave;
  assert_int_equal(count, MANY);
  world_close(&w);
}

/* Each has run, and may not once more within the hour. */
static void of_many_who_wait_for_a_rate_some_are_in_memory(void **state)
{
  struct world w;
  struct error error;
  (void)state;
  begin_many(&w, "\"rate\":\"1/1h\"");
  const char *sql =
      "INSERT INTO runs(scheduled_us, job, state, cause, attempt, fence, claimed_us,"
      "  started_us, finished_us)"
      "  SELECT next_us - 1, number, 2, 0, 1, 1, next_us - 1, next_us - 1, next_us - 1"
      "  FROM job_progress WHERE number > 10;"
      "UPDATE job_progress SET last_us = next_us - 1 WHERE number > 10";
  assert_int_equal(store_begin(w.store, &error), ERROR_OK);
  if (store_execute(w.store, sql, &error))
    fail_msg("%s", error.text);
  assert_int_equal(store_commit(w.store, &error), ERROR_OK);
  world_settle(&w);
  assert_int_equal(world_run_count(&w), 0);
  expect_bound(&w);
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), MANY);
  world_close(&w);
}

/* What waits behind many is no less due, and who is not read again is skipped all the same. */
static void many_who_wait_keep_nobody_else_from_his_time(void **state)
{
  struct world w;
  (void)state;
  begin_many(&w, "\"pool\":\"db\",\"misfire_grace_time\":\"10m\"");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"other\",\"run\":{\"shell\":\"true\"},\"trigger\":"
                 "\"in 1s\"}"));
  world_live(&w, SECOND);
  assert_int_equal(world_history(&w, "other", NULL), 1);
  expect_bound(&w);
  world_pass(&w, 12 * MINUTE);
  int64_t skipped;
  assert_int_equal(
      store_ask(w.store, "SELECT sum(count) FROM skips WHERE reason = 0", &skipped, NULL),
      ERROR_OK);
  assert_int_equal(skipped, MANY - 1);
  world_close(&w);
}

static const struct sched_bounds fewest = {
    .fires_per_turn = 64,
    .near_page = 2,
    .near_low = 2,
    .near_max = 64,
    .at_gates_max = 2,
    .fold_max = 1000,
    .fold_step = 100,
    .desk_bytes = 256 << 10,
};

/* One turn, which hears that the runs of those before have ended; how many those are. */
static int finish_in_one_turn(struct world *w)
{
  struct message_list in = {0}, out = {0};
  struct message *m;
  int count = 0;
  for (; (m = message_list_pop(&w->runs)); count++) {
    struct message *finished = message_create(MESSAGE_FINISHED, m->to, ADDRESS_SCHEDULER);
    finished->as.finished.attempt = m->as.run.attempt;
    finished->as.finished.state = RUN_SUCCEEDED;
    message_list_append(&in, finished);
    message_destroy(m);
  }
  assert_int_equal(sched_turn(w->sched, w->now_us, &in, &out, NULL), ERROR_OK);
  while ((m = message_list_pop(&out)))
    message_list_append(m->kind == MESSAGE_RUN ? &w->runs : &w->others, m);
  return count;
}

/* All that is due is read again, as the last one's grace is over. Who was kept has run before all
 * is read, and the first of those behind was let go once more. */
static void a_slot_that_comes_free_while_all_is_read_again_is_used(void **state)
{
  enum { JOBS = 12, TURNS = 100 };
  (void)state;
  for (int begin = 1; begin < 12; begin++) {
    struct world w;
    int count = 0;
    world_open(&w, scratch_path("store.db"));
    w.bounds = &fewest;
    world_crash(&w);
    free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":1}"));
    for (int i = 0; i < JOBS; i++) {
      char params[200];
      snprintf(
          params, sizeof params,
          "{\"id\":\"j%d\",\"run\":{\"shell\":\"true\"},\"pool\":\"db\",\"trigger\":\"in %ds\","
          "\"misfire_grace_time\":\"%s\"}",
          i, i + 1, i < JOBS - 1 ? "1d" : "1m");
      free(world_ask(&w, "add_job", params));
    }
    world_live(&w, MINUTE);
    struct message_list first = w.runs;
    w.runs = (struct message_list){0};
    w.now_us += 2 * MINUTE;
    for (int turn = 0; turn < TURNS; turn++) {
      if (turn == begin)
        message_list_join(&w.runs, &first);
      count += finish_in_one_turn(&w);
    }
    assert_int_equal(count, JOBS - 1);
    world_close(&w);
  }
}

/* A run ends in the turn in which another job is due for the pool. */
static void while_some_are_kept_nobody_else_is_read(void **state)
{
  struct world w;
  (void)state;
  begin_many(&w, "\"pool\":\"db\"");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"other\",\"run\":{\"shell\":\"true\"},\"pool\":\"db\",\"trigger\":"
                 "\"every 1s\"}"));
  assert_int_equal(world_run_count(&w), 1);
  for (int i = 0; i < 10; i++) {
    w.now_us += SECOND;
    assert_int_equal(finish_in_one_turn(&w), 1);
    assert_int_equal(finish_in_one_turn(&w), 1);
    assert_false(w.sched->is_reading_again);
    assert_int_equal(world_run_count(&w), 1);
  }
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(buffer_one_keeps_one),
      cmocka_unit_test(buffer_one_may_keep_the_first),
      cmocka_unit_test(buffer_one_keeps_one_in_a_turn_that_is_done_again),
      cmocka_unit_test(buffer_all_is_bounded),
      cmocka_unit_test(buffer_all_says_what_filled_it),
      cmocka_unit_test(one_waits_though_all_late_ones_run),
      cmocka_unit_test(the_rate_is_asked_before_the_other_is_ended),
      cmocka_unit_test(a_wait_is_over_with_its_due_time),
      cmocka_unit_test(the_other_is_ended_at_once),
      cmocka_unit_test(the_other_that_waits_makes_room_at_once),
      cmocka_unit_test(the_other_is_ended),
      cmocka_unit_test(one_by_hand_is_refused_while_the_job_is_full),
      cmocka_unit_test(allow_has_a_limit_too),
      cmocka_unit_test(earliest_runs_the_first),
      cmocka_unit_test(all_late_ones_run_one_after_the_other),
      cmocka_unit_test(late_ones_run_at_their_rate),
      cmocka_unit_test(a_pool_lets_so_many_through),
      cmocka_unit_test(slots_change_at_run_time),
      cmocka_unit_test(a_pool_must_be_there),
      cmocka_unit_test(a_change_is_looked_at_like_a_new_job),
      cmocka_unit_test(who_waits_survives_a_crash),
      cmocka_unit_test(one_by_hand_waits_too),
      cmocka_unit_test(a_retry_gives_its_slot_back),
      cmocka_unit_test(a_key_is_shared),
      cmocka_unit_test(a_key_needs_its_argument),
      cmocka_unit_test(who_runs_only_when_asked_brings_the_arguments_then),
      cmocka_unit_test(an_empty_key_or_pool_is_refused),
      cmocka_unit_test(a_rate_holds_back_and_loses_nothing),
      cmocka_unit_test(a_rate_holds_those_by_hand_too),
      cmocka_unit_test(who_waits_is_tried_when_its_job_changes),
      cmocka_unit_test(what_waits_is_skipped_when_its_grace_is_over),
      cmocka_unit_test(a_rate_follows_a_clock_set_back),
      cmocka_unit_test(a_rate_outlives_a_crash),
      cmocka_unit_test(a_rate_has_an_end),
      cmocka_unit_test(of_many_who_wait_some_are_in_memory),
      cmocka_unit_test(of_many_who_wait_for_a_rate_some_are_in_memory),
      cmocka_unit_test(many_who_wait_keep_nobody_else_from_his_time),
      cmocka_unit_test(a_slot_that_comes_free_while_all_is_read_again_is_used),
      cmocka_unit_test(while_some_are_kept_nobody_else_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
