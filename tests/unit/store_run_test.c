/* Runs: claimed once, finished only by the holder of the fence, chained into a history. */
#include "unit/store_fixture.h"

static struct run get(int64_t job, int64_t scheduled_us)
{
  struct run run;
  OK(store_get_run(store, (struct run_key){scheduled_us, job}, &run, &error));
  return run;
}

static void a_fire_is_claimed_once(void **state)
{
  (void)state;
  struct run run = make_run(3, 100, 50);
  run.args = "[1]";
  run.cause = RUN_BY_HAND;
  begin();
  OK(store_claim(store, &run, &error));
  commit();
  begin();
  struct run again = make_run(3, 100, 60);
  FAILS(ERROR_CONFLICT, store_claim(store, &again, &error));
  assert_non_null(strstr(error.text, "claimed already"));
  struct run other = make_run(4, 100, INT64_MIN); /* the transaction goes on */
  OK(store_claim(store, &other, &error));
  commit();
  run = get(3, 100);
  assert_int_equal(run.state, RUN_PENDING);
  assert_int_equal(run.cause, RUN_BY_HAND);
  assert_int_equal(run.attempt, 1);
  assert_int_equal(run.fence, 7);
  assert_int_equal(run.previous_us, 50);
  assert_int_equal(run.due_us, 100);
  assert_int_equal(run.claimed_us, 101);
  assert_int_equal(run.started_us, 0);
  assert_int_equal(run.finished_us, 0);
  assert_string_equal(run.args, "[1]");
  assert_null(run.result);
  run_deinit(&run);
  run = get(4, 100);
  assert_int_equal(run.previous_us, INT64_MIN);
  run_deinit(&run);
  FAILS(ERROR_NOT_FOUND, store_get_run(store, (struct run_key){101, 3}, &run, &error));
}

static void only_the_fence_finishes(void **state)
{
  (void)state;
  begin();
  struct run run = make_run(1, 100, INT64_MIN);
  OK(store_claim(store, &run, &error));
  run.state = RUN_RUNNING;
  run.started_us = 110;
  OK(store_finish(store, &run, &error));
  const struct {
    int64_t job, scheduled_us, fence;
    enum error_code code;
  } cases[] = {
      {1, 100, 6, ERROR_CONFLICT}, {1, 100, 8, ERROR_CONFLICT}, {1, 101, 7, ERROR_CONFLICT},
      {2, 100, 7, ERROR_CONFLICT}, {1, 100, 7, ERROR_OK},       {1, 100, 7, ERROR_CONFLICT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct run done = {.key = {cases[i].scheduled_us, cases[i].job},
                       .fence = cases[i].fence,
                       .state = RUN_FAILED,
                       .started_us = 110,
                       .finished_us = 120 + (int64_t)i,
                       .result = "null",
                       .error = "boom"};
    FAILS(cases[i].code, store_finish(store, &done, &error));
  }
  commit();
  run = get(1, 100);
  assert_int_equal(run.state, RUN_FAILED);
  assert_int_equal(run.started_us, 110);
  assert_int_equal(run.finished_us, 124);
  assert_string_equal(run.result, "null");
  assert_string_equal(run.error, "boom");
  run_deinit(&run);
}

static bool note_usage(void *context, const struct run *run, const char *job_id)
{
  (void)job_id;
  *(struct run_usage *)context = run->usage; /* in the end that of the last one */
  return true;
}

static void a_retry_keeps_the_attempt(void **state)
{
  (void)state;
  begin();
  struct run run = make_run(add_job("a", NULL, 1), 100, 50);
  run.args = "[9]";
  OK(store_claim(store, &run, &error));
  for (int i = 1; i <= 2; i++) {
    struct run ended = run, next = run;
    ended.state = i == 1 ? RUN_FAILED : RUN_TIMED_OUT;
    ended.started_us = 100 * i + 10;
    ended.finished_us = 100 * i + 20;
    ended.error = "boom";
    if (i == 2)
      ended.usage = (struct run_usage){3, 15000, 1 << 20, 7000000, 1 << 22};
    next.attempt = i + 1;
    next.fence = run.fence + 1;
    next.due_us = 100 * i + 100;
    next.claimed_us = 100 * i + 21;
    next.state = RUN_PENDING;
    OK(store_retry(store, &ended, &next, &error));
    FAILS(ERROR_CONFLICT, store_retry(store, &ended, &next, &error));
    FAILS(ERROR_CONFLICT, store_finish(store, &ended, &error)); /* its fence is stale now */
    run = next;
  }
  commit();
  struct run now = get(run.key.job, 100);
  assert_int_equal(now.state, RUN_PENDING);
  assert_int_equal(now.attempt, 3);
  assert_int_equal(now.fence, 9);
  assert_int_equal(now.due_us, 300);
  assert_int_equal(now.claimed_us, 221);
  assert_int_equal(now.started_us, 0);
  assert_int_equal(now.finished_us, 0);
  assert_int_equal(now.previous_us, 50);
  assert_string_equal(now.args, "[9]");
  assert_null(now.error);
  run_deinit(&now);
  assert_int_equal(now.usage.slices, 0); /* that of another attempt */
  struct seen seen = {0};
  OK(store_each_attempt(store, run.key, 1, note_run, &seen, &error));
  assert_string_equal(seen.text, "a@100:failed a@100:timed_out");
  seen = (struct seen){0};
  OK(store_each_attempt(store, run.key, 2, note_run, &seen, &error));
  assert_string_equal(seen.text, "a@100:timed_out");
  struct run_usage used = {0};
  OK(store_each_attempt(store, run.key, 1, note_usage, &used, &error));
  assert_int_equal(used.slices, 3);
  assert_int_equal(used.cpu_us, 15000);
  assert_int_equal(used.memory_bytes, 1 << 20);
  assert_int_equal(used.commands_cpu_us, 7000000);
  assert_int_equal(used.commands_memory_bytes, 1 << 22);
  seen = (struct seen){.left = 1};
  OK(store_each_attempt(store, run.key, 1, note_run, &seen, &error));
  assert_string_equal(seen.text, "a@100:failed");
}

static void open_ones_are_found(void **state)
{
  (void)state;
  begin();
  int64_t a = add_job("a", NULL, 1), b = add_job("b", NULL, 1);
  add_ended(a, 100, INT64_MIN);
  struct run late = make_run(b, 300, INT64_MIN), early = make_run(a, 200, 100);
  late.state = RUN_RUNNING;
  OK(store_claim(store, &late, &error));
  OK(store_claim(store, &early, &error));
  commit();
  struct seen seen = {0};
  OK(store_each_open_run(store, INT64_MIN, note_run, &seen, &error));
  assert_string_equal(seen.text, "b@300:running a@200:pending");
  begin();
  late.state = RUN_INTERRUPTED;
  OK(store_finish(store, &late, &error));
  commit();
  seen = (struct seen){0};
  OK(store_each_open_run(store, INT64_MIN, note_run, &seen, &error));
  assert_string_equal(seen.text, "a@200:pending");
}

static void lists_pages(void **state)
{
  (void)state;
  begin();
  int64_t a = add_job("a", NULL, 1), b = add_job("b", NULL, 1);
  add_ended(a, 100, INT64_MIN);
  add_ended(b, 100, INT64_MIN);
  add_ended(a, 200, 100);
  add_ended(99, 300, INT64_MIN); /* of a job that was removed */
  commit();
  const struct {
    int64_t before_us, before_job;
    int stop;
    const char *runs;
  } cases[] = {
      {INT64_MAX, INT64_MAX, 0,
       "(removed)@300:succeeded a@200:succeeded b@100:succeeded a@100:succeeded"},
      {200, a, 0, "b@100:succeeded a@100:succeeded"},
      {100, b, 0, "a@100:succeeded"},
      {100, a, 0, ""},
      {INT64_MAX, INT64_MAX, 1, "(removed)@300:succeeded"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct seen seen = {.left = cases[i].stop};
    OK(store_each_run(store, cases[i].before_us, cases[i].before_job, note_run, &seen, &error));
    assert_string_equal(seen.text, cases[i].runs);
  }
}

static void history_follows_the_chain(void **state)
{
  (void)state;
  begin();
  int64_t a = add_job("a", NULL, 1), b = add_job("b", NULL, 1);
  add_ended(a, 100, INT64_MIN);
  add_ended(b, 150, INT64_MIN);
  add_ended(a, 300, 100); /* claimed before 200: a run by hand */
  add_ended(a, 200, 300);
  add_ended(b, 400, 399); /* what it links to is pruned */
  add_ended(7, 500, 600); /* a circle */
  add_ended(7, 600, 700);
  add_ended(7, 700, 500);
  commit();
  const struct {
    int64_t job, from_us;
    int stop;
    const char *runs;
  } cases[] = {
      {a, 200, 0, "a@200:succeeded a@300:succeeded a@100:succeeded"},
      {a, 200, 2, "a@200:succeeded a@300:succeeded"},
      {a, INT64_MIN, 0, ""},
      {a, 999, 0, ""},
      {b, 400, 0, "b@400:succeeded"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct seen seen = {.left = cases[i].stop};
    OK(store_each_run_of(store, cases[i].job, cases[i].from_us, note_run, &seen, &error));
    assert_string_equal(seen.text, cases[i].runs);
  }
  struct seen seen = {0};
  OK(store_each_run_of(store, 7, 500, note_run, &seen, &error)); /* ends */
}

static bool count_attempt(void *context, const struct run *run, const char *job_id)
{
  int *counts = context;
  (void)job_id;
  counts[run->state == RUN_FAILED]++;
  return true;
}

/* A run that snoozes for ever keeps what failed, and of the rest the latest. */
static void snoozes_are_bounded(void **state)
{
  int counts[2] = {0};
  (void)state;
  begin();
  struct run run = make_run(add_job("a", NULL, 1), 100, INT64_MIN);
  OK(store_claim(store, &run, &error));
  for (int i = 1; i <= STORE_SNOOZES_KEPT + 50; i++) {
    struct run ended = run, next = run;
    ended.state = i == 7 ? RUN_FAILED : RUN_PENDING;
    ended.started_us = ended.finished_us = 100;
    next.attempt = run.attempt + 1;
    next.fence = run.fence + 1;
    OK(store_retry(store, &ended, &next, &error));
    run = next;
  }
  commit();
  OK(store_each_attempt(store, run.key, 1, count_attempt, counts, &error));
  assert_int_equal(counts[0], STORE_SNOOZES_KEPT);
  assert_int_equal(counts[1], 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_fire_is_claimed_once),    TEST(only_the_fence_finishes),
      TEST(a_retry_keeps_the_attempt), TEST(snoozes_are_bounded),
      TEST(open_ones_are_found),       TEST(lists_pages),
      TEST(history_follows_the_chain),
  };
  return run_suite(tests, sizeof tests / sizeof tests[0], true);
}
