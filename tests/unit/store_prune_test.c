/* Pruning: bounded, by age and by number, open runs stay, chains stay whole. */
#include "store/sqlite_store.h"
#include "unit/store_fixture.h"

static bool part(void *context, int64_t job)
{
  (void)context, (void)job;
  return true;
}

static int prune(int64_t now_us, int budget)
{
  struct store_retention retention = {.age_us = 100};
  int removed;
  begin();
  OK(store_prune(store, &retention, now_us, budget, part, NULL, &removed, &error));
  commit();
  return removed;
}

static void expect_runs(const char *wanted)
{
  struct seen seen = {0};
  OK(store_each_run(store, INT64_MAX, INT64_MAX, note_run, &seen, &error));
  assert_string_equal(seen.text, wanted);
}

static void by_age_in_steps(void **state)
{
  (void)state;
  begin();
  int64_t a = add_job("a", "s", 1);
  for (int64_t i = 1; i <= 5; i++)
    add_ended(a, i, i == 1 ? INT64_MIN : i - 1);
  struct run open = make_run(a, 3, 2);
  open.key.job = a + 1;
  OK(store_claim(store, &open, &error));
  commit();
  assert_int_equal(prune(101, 10), 0); /* exactly as old as allowed */
  assert_int_equal(prune(106, 2), 2);
  expect_runs("a@5:succeeded a@4:succeeded (removed)@3:pending a@3:succeeded");
  assert_int_equal(prune(106, 2), 2);
  assert_int_equal(prune(106, 2), 1);
  assert_int_equal(prune(106, 2), 0);
  expect_runs("(removed)@3:pending"); /* what is open is not old */
  begin();
  open.state = RUN_SUCCEEDED;
  OK(store_finish(store, &open, &error));
  commit();
  assert_int_equal(prune(106, 2), 1); /* a new pass finds it */
  expect_runs("");
}

/* What was due long ago and has begun late is no older than that. */
static void a_late_run_is_kept_from_its_claim(void **state)
{
  (void)state;
  begin();
  struct run run = make_run(1, 3, INT64_MIN);
  run.claimed_us = 50;
  OK(store_claim(store, &run, &error));
  run.state = RUN_SUCCEEDED;
  OK(store_finish(store, &run, &error));
  add_ended(2, 4, INT64_MIN);
  commit();
  assert_int_equal(prune(149, 10), 1);
  expect_runs("(removed)@3:succeeded");
  assert_int_equal(prune(150, 10), 1);
  expect_runs("");
}

static bool note_sequence(void *context, const struct log_line *line)
{
  (void)line;
  return note(context, "line");
}

static void with_all_that_hangs_on_it(void **state)
{
  (void)state;
  begin();
  struct run run = make_run(1, 5, INT64_MIN), again = run;
  OK(store_claim(store, &run, &error));
  run.state = RUN_FAILED;
  run.usage.slices = 2;
  OK(store_put_checkpoint(store, run.key, "7", &error));
  again.fence = 8;
  again.attempt = 2;
  OK(store_retry(store, &run, &again, &error));
  struct log_line line = {.sequence = 1, .text = "x"};
  OK(store_add_log(store, run.key, &line, &error));
  again.state = RUN_SUCCEEDED;
  OK(store_finish(store, &again, &error));
  commit();
  char *value;
  OK(store_get_checkpoint(store, run.key, &value, &error));
  assert_string_equal(value, "7");
  free(value);
  assert_int_equal(prune(1000, 10), 1);
  struct seen seen = {0};
  int64_t usages = -1;
  OK(store_ask(store, "SELECT count(*) FROM usages", &usages, &error));
  assert_int_equal(usages, 0);
  OK(store_get_checkpoint(store, run.key, &value, &error));
  assert_null(value);
  OK(store_each_attempt(store, run.key, 1, note_run, &seen, &error));
  OK(store_each_log(store, run.key, 0, note_sequence, &seen, &error));
  assert_string_equal(seen.text, "");
}

/* Many open ones in front must neither stop a pass nor be removed. */
static void past_many_open_ones(void **state)
{
  (void)state;
  begin();
  for (int64_t i = 0; i < 1000; i++) {
    struct run open = make_run(i, 1, INT64_MIN);
    OK(store_claim(store, &open, &error));
  }
  for (int64_t i = 0; i < 700; i++)
    add_ended(i, 2, 1);
  commit();
  int all = 0, step;
  while ((step = prune(1000, 300)) > 0) {
    assert_true(step <= 300);
    all += step;
  }
  assert_int_equal(all, 700);
}

static void add_over(const char *id, const char *script, int64_t last_us)
{
  begin();
  int64_t number = add_job(id, script, JOB_NEVER);
  struct job_progress progress = {.state = JOB_FINISHED, .next_us = JOB_NEVER, .last_us = last_us};
  OK(store_put_progress(store, number, &progress, &error));
  if (last_us != INT64_MIN)
    add_ended(number, last_us, INT64_MIN);
  struct skip skip = {.job = number, .first_us = 3, .last_us = 3, .count = 1, .recorded_us = 20};
  if (strstr(id, "skip"))
    OK(store_add_skip(store, &skip, NULL, &error));
  commit();
}

static void finished_jobs_go_with_their_history(void **state)
{
  (void)state;
  add_over("added", NULL, 10);
  add_over("declared", "s", 10);
  add_over("later", NULL, 60);
  add_over("never", NULL, INT64_MIN);
  add_over("ran-skip", NULL, 10);
  add_over("skip", NULL, INT64_MIN);
  begin();
  add_job("active", NULL, JOB_NEVER);
  commit();
  static const struct {
    int64_t now_us;
    int removed;
    const char *jobs;
  } cases[] = {
      {100, 0, "active added declared later never ran-skip skip"},
      {115, 4, "active declared later never ran-skip skip"}, /* three runs, "added" */
      {125, 3, "active declared later never"}, /* two skips, "ran-skip"; "skip" with its last */
      {165, 2, "active declared never"},
      {9999, 0, "active declared never"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(prune(cases[i].now_us, 100), cases[i].removed);
    struct seen seen = {0};
    OK(store_each_job(store, NULL, note_job, &seen, &error));
    assert_string_equal(seen.text, cases[i].jobs);
  }
}

static void a_small_budget_ends_too(void **state)
{
  (void)state;
  for (int i = 0; i < 9; i++) {
    char id[32];
    snprintf(id, sizeof id, "%s-%d", i % 2 ? "skip" : "job", i);
    add_over(id, NULL, 10);
  }
  int calls = 0;
  for (int step; (step = prune(1000, 1)) > 0; calls++)
    assert_int_equal(step, 1);
  assert_int_equal(calls, 9 + 4 + 9);
  begin();
  int removed;
  struct store_retention forever = {.age_us = INT64_MAX};
  OK(store_prune(store, &forever, -5, 10, part, NULL, &removed, &error));
  assert_int_equal(removed, 0);
  commit();
}

/* A skip that goes on is young, however long ago it began. */
static void past_a_skip_that_goes_on(void **state)
{
  (void)state;
  struct skip skip = {.job = 1, .first_us = 3, .last_us = 3, .count = 1, .recorded_us = 3};
  int64_t first;
  begin();
  OK(store_add_skip(store, &skip, &first, &error));
  for (skip.job = 2; skip.job <= 300; skip.job++)
    OK(store_add_skip(store, &skip, NULL, &error));
  skip = (struct skip){.job = 1, .first_us = 3, .last_us = 90, .count = 88, .recorded_us = 90};
  OK(store_extend_skip(store, first, &skip, &error));
  for (skip.job = 301; skip.job <= 999; skip.job++)
    OK(store_add_skip(store, &skip, NULL, &error));
  commit();
  assert_int_equal(prune(150, 200), 200);
  assert_int_equal(prune(150, 200), 99);
  count_steps();
  assert_int_equal(prune(150, 200), 0);
  assert_true(count_steps() < 300); /* who stays is not looked at */
  assert_int_equal(prune(191, 9999), 700);
}

/* Runs 10, 20, ... in order of their claims; those in `open` (10 -> bit 1) have not ended. */
static void make_chain(int64_t job, int length, unsigned open)
{
  begin();
  for (int64_t i = 1; i <= length; i++) {
    struct run run = make_run(job, 10 * i, i == 1 ? INT64_MIN : 10 * (i - 1));
    OK(store_claim(store, &run, &error));
    run.state = RUN_SUCCEEDED;
    if (!(open & 1u << i))
      OK(store_finish(store, &run, &error));
  }
  commit();
}

static void cuts_a_history(void **state)
{
  (void)state;
  static const struct {
    int length;
    unsigned open;
    int64_t keep;
    int budget;
    int64_t kept;
    const char *left;
  } cases[] = {
      {5, 0, 2, 10, 2, "50 40"},
      {5, 0, 5, 10, 5, "50 40 30 20 10"},
      {5, 0, 9, 10, 5, "50 40 30 20 10"},
      {5, 0, 0, 10, 1, "50"},          /* the newest stays */
      {5, 1u << 2, 1, 10, 2, "50 20"}, /* the open one stays within reach */
      {5, 1u << 1 | 1u << 3, 1, 10, 3, "50 30 10"},
      {6, 0, 2, 1, 3, "60 50 30 20 10"}, /* what the budget left hangs on */
      {6, 1u << 3, 2, 2, 4, "60 50 30 10"},
      {6, 1u << 3, 2, 1, 4, "60 50 30 20 10"},
      {0, 0, 3, 10, 0, ""},
  };
  for (int64_t i = 0; i < (int64_t)(sizeof cases / sizeof cases[0]); i++) {
    int64_t job = 100 + i;
    make_chain(job, cases[i].length, cases[i].open);
    begin();
    struct store_retention retention = {.runs_per_job = cases[i].keep};
    struct store_kept kept;
    int budget = cases[i].budget;
    OK(store_prune_job(store, job, 10 * cases[i].length, &retention, &budget, &kept, &error));
    commit();
    struct seen seen = {0};
    OK(store_each_run_of(store, job, 10 * cases[i].length, note_run, &seen, &error));
    char left[64] = "";
    for (char *at = seen.text; (at = strchr(at, '@')); at++)
      snprintf(left + strlen(left), sizeof left - strlen(left), "%s%d", *left ? " " : "",
               atoi(at + 1));
    assert_string_equal(left, cases[i].left);
    if (cases[i].budget == 10)
      assert_int_equal(kept.runs, cases[i].kept);
    else
      assert_true(kept.runs > cases[i].keep);
    assert_int_equal(kept.more, cases[i].budget != 10);
  }
}

/* A run of some lines of 100 bytes, or of the size given. */
static void add_logging(int64_t job, int64_t scheduled_us, int64_t previous_us, int lines, int size)
{
  struct run run = make_run(job, scheduled_us, previous_us);
  struct log_line line = {.text = memory_printf("%0*d", size, 0)};
  OK(store_claim(store, &run, &error));
  while (line.sequence < lines) {
    line.sequence++;
    OK(store_add_log(store, run.key, &line, &error));
  }
  run.state = RUN_SUCCEEDED;
  run.log_bytes = (int64_t)lines * size;
  OK(store_finish(store, &run, &error));
  free((char *)(uintptr_t)line.text);
}

static int64_t count_lines(int64_t job, int64_t scheduled_us)
{
  int64_t count = -1;
  struct query query =
      query_open(store, "SELECT count(*) FROM run_logs WHERE job = ? AND scheduled_us = ?", &error);
  bind_integer(&query, job);
  bind_integer(&query, scheduled_us);
  if (query_row(&query))
    count = query_integer(&query, 0);
  query_close(&query);
  return count;
}

static int64_t log_bytes_of(int64_t job, int64_t scheduled_us)
{
  struct run run;
  OK(store_get_run(store, (struct run_key){scheduled_us, job}, &run, &error));
  run_deinit(&run);
  return run.log_bytes;
}

static struct store_kept cut_logs(int64_t job, int64_t limit, int budget)
{
  struct store_kept kept;
  struct store_retention retention = {.runs_per_job = 100, .log_bytes_per_job = limit};
  begin();
  OK(store_prune_job(store, job, 50, &retention, &budget, &kept, &error));
  commit();
  return kept;
}

static void cuts_logs(void **state)
{
  (void)state;
  static const struct {
    int lines[5]; /* of the runs at 10, 20, ... */
    int64_t limit, kept;
    const char *left; /* x: removed */
  } cases[] = {
      {{1, 1, 1, 1, 1}, 500, 500, "1 1 1 1 1"},
      {{1, 1, 1, 1, 1}, 499, 400, "x 1 1 1 1"},
      {{1, 1, 1, 1, 1}, 0, 500, "1 1 1 1 1"},
      {{1, 1, 1, 1, 9}, 100, 900, "x x x x 9"}, /* the newest stays */
      {{1, 0, 9, 1, 0}, 300, 100, "x 0 x 1 0"}, /* behind one that is too much all are */
  };
  for (int64_t i = 0; i < (int64_t)(sizeof cases / sizeof cases[0]); i++) {
    char left[64] = "";
    begin();
    for (int64_t at = 1; at <= 5; at++)
      add_logging(i, 10 * at, at == 1 ? INT64_MIN : 10 * (at - 1), cases[i].lines[at - 1], 100);
    commit();
    struct store_kept kept = cut_logs(i, cases[i].limit, 100);
    assert_false(kept.more);
    assert_int_equal(kept.runs, 5);
    assert_int_equal(kept.log_bytes, cases[i].kept);
    for (int64_t at = 1; at <= 5; at++) {
      int64_t lines = count_lines(i, 10 * at), bytes = log_bytes_of(i, 10 * at);
      assert_int_equal(bytes, bytes == RUN_LOG_REMOVED ? -1 : 100 * lines);
      snprintf(left + strlen(left), sizeof left - strlen(left), at > 1 ? " %s%.0d" : "%s%.0d",
               bytes < 0    ? "x"
               : lines == 0 ? "0"
                            : "",
               (int)lines);
    }
    assert_string_equal(left, cases[i].left);
  }
}

/* Within a budget, whatever it is that makes it long. */
static void a_long_log_goes_in_pieces(void **state)
{
  (void)state;
  static const struct {
    int lines, size;
  } cases[] = {{20000, 10}, {100, 60000}};
  for (int64_t i = 0; i < 2; i++) {
    begin();
    add_logging(i, 40, INT64_MIN, cases[i].lines, cases[i].size);
    add_logging(i, 50, 40, 1, 100);
    commit();
    int steps = 0;
    int64_t before = cases[i].lines;
    for (struct store_kept kept = {.more = true}; kept.more; steps++) {
      kept = cut_logs(i, 100, 200);
      int64_t lines = count_lines(i, 40);
      assert_true(lines < before);
      assert_true((before - lines) * cases[i].size <= 3 << 20);
      assert_true(before - lines <= 4096);
      before = lines;
      assert_int_equal(kept.runs, 2);
    }
    assert_true(steps > 2);
    assert_int_equal(log_bytes_of(i, 40), RUN_LOG_REMOVED);
  }
  /* And by age, the run with it. */
  begin();
  add_logging(7, 60, INT64_MIN, 20000, 10);
  commit();
  int steps = 0;
  while (prune(1000, 200) > 0)
    steps++;
  assert_true(steps > 2);
  assert_int_equal(count_lines(7, 60), 0);
  expect_runs("");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(by_age_in_steps),
      TEST(a_late_run_is_kept_from_its_claim),
      TEST(with_all_that_hangs_on_it),
      TEST(past_many_open_ones),
      TEST(finished_jobs_go_with_their_history),
      TEST(a_small_budget_ends_too),
      TEST(past_a_skip_that_goes_on),
      TEST(cuts_a_history),
      TEST(cuts_logs),
      TEST(a_long_log_goes_in_pieces),
  };
  return run_suite(tests, sizeof tests / sizeof tests[0], true);
}
