/* Jobs: kept whole, found by id, number, script and due time; an unreadable one is not lost. */
#include "support/unit.h"

#include "store/sqlite_store.h"

#include "unit/store_fixture.h"

static void round_trips(void **state)
{
  (void)state;
  struct job *job = make_job("nightly", "orders",
                             "\"trigger\":\"in 15m\",\"name\":\"Nightly\",\"retry\":3,"
                             "\"where\":\"jobs/orders.lua:12\",\"args\":[1,\"x\"]");
  trigger_anchor(job->trigger, 1000000, "job");
  struct job_progress progress = {.state = JOB_ERROR,
                                  .next_us = 901000000,
                                  .last_us = 5,
                                  .runs_kept = 6,
                                  .paused_us = 7,
                                  .error = "why"};
  begin();
  OK(store_add_job(store, job, &progress, &error));
  commit();
  assert_true(job->number > 0);
  for (int i = 0; i < 2; i++) {
    struct stored_job stored;
    if (i == 0)
      OK(store_find_job(store, "nightly", &stored, &error));
    else
      OK(store_load_job(store, job->number, &stored, &error));
    const struct job *read = stored.job;
    assert_int_equal(read->number, job->number);
    assert_int_equal(read->origin, JOB_DECLARED);
    assert_string_equal(read->id, "nightly");
    assert_string_equal(read->name, "Nightly");
    assert_string_equal(read->script, "orders");
    assert_string_equal(read->func, "tick");
    assert_string_equal(read->where, "jobs/orders.lua:12");
    assert_string_equal(read->args, "[1,\"x\"]");
    assert_string_equal(read->spec, job->spec);
    assert_int_equal(read->retry.attempts, 3);
    int64_t next_us; /* the anchor was kept: the spec alone would begin anew */
    trigger_anchor(read->trigger, 77000000, "job");
    assert_true(trigger_next(read->trigger, INT64_MIN, &next_us));
    assert_int_equal(next_us, 901000000);
    assert_int_equal(stored.progress.state, JOB_ERROR);
    assert_int_equal(stored.progress.next_us, 901000000);
    assert_int_equal(stored.progress.last_us, 5);
    assert_int_equal(stored.progress.runs_kept, 6);
    assert_int_equal(stored.progress.paused_us, 7);
    assert_string_equal(stored.progress.error, "why");
    stored_job_deinit(&stored);
  }
  job_destroy(job);
}

static void absent_times_stay_absent(void **state)
{
  (void)state;
  begin();
  add_job("a", NULL, JOB_NEVER);
  commit();
  struct stored_job stored;
  OK(store_find_job(store, "a", &stored, &error));
  assert_int_equal(stored.progress.next_us, JOB_NEVER);
  assert_int_equal(stored.progress.last_us, INT64_MIN);
  assert_int_equal(stored.progress.paused_us, 0);
  assert_null(stored.progress.error);
  assert_null(stored.job->trigger);
  assert_string_equal(stored.job->script, "orders");
  stored_job_deinit(&stored);
}

static void an_id_is_taken_once(void **state)
{
  (void)state;
  begin();
  add_job("a", NULL, 1);
  struct job *job = make_job("a", NULL, "");
  struct job_progress progress = {.next_us = 1, .last_us = INT64_MIN};
  FAILS(ERROR_EXISTS, store_add_job(store, job, &progress, &error));
  assert_string_equal(error.text, "job \"a\" exists");
  job_destroy(job);
  add_job("b", NULL, 1); /* the transaction goes on */
  commit();
  struct seen seen = {0};
  OK(store_each_job(store, NULL, note_job, &seen, &error));
  assert_string_equal(seen.text, "a b");
}

static void changes_and_removes(void **state)
{
  (void)state;
  begin();
  int64_t first = add_job("a", NULL, 1), second = add_job("b", NULL, 2);
  struct job *job = make_job("a", NULL, "\"name\":\"New\",\"trigger\":\"every 5s\"");
  trigger_anchor(job->trigger, 0, "job");
  job->number = first;
  OK(store_change_job(store, job, &error));
  struct job_progress progress = {.state = JOB_PAUSED, .next_us = 9, .last_us = 3, .paused_us = 4};
  OK(store_put_progress(store, first, &progress, &error));
  commit();
  struct stored_job stored;
  OK(store_load_job(store, first, &stored, &error));
  assert_string_equal(stored.job->name, "New");
  assert_non_null(stored.job->trigger);
  assert_int_equal(stored.progress.state, JOB_PAUSED);
  assert_int_equal(stored.progress.next_us, 9);
  stored_job_deinit(&stored);

  begin();
  OK(store_remove_job(store, first, &error));
  OK(store_remove_job(store, second, &error));
  FAILS(ERROR_NOT_FOUND, store_remove_job(store, first, &error));
  FAILS(ERROR_NOT_FOUND, store_change_job(store, job, &error));
  FAILS(ERROR_NOT_FOUND, store_put_progress(store, first, &progress, &error));
  commit();
  FAILS(ERROR_NOT_FOUND, store_find_job(store, "a", &stored, &error));
  assert_string_equal(error.text, "no job \"a\"");
  FAILS(ERROR_NOT_FOUND, store_load_job(store, first, &stored, &error));
  begin();
  assert_true(add_job("a", NULL, 1) > second); /* a number is given once */
  commit();
  job_destroy(job);
}

static void a_rollback_undoes(void **state)
{
  (void)state;
  begin();
  int64_t number = add_job("a", NULL, 1);
  commit();
  begin();
  add_job("b", NULL, 1);
  OK(store_remove_job(store, number, &error));
  struct run run = make_run(number, 1, INT64_MIN);
  OK(store_claim(store, &run, &error));
  store_rollback(store);
  struct seen jobs = {0}, runs = {0};
  OK(store_each_job(store, NULL, note_job, &jobs, &error));
  assert_string_equal(jobs.text, "a");
  OK(store_each_open_run(store, INT64_MIN, note_run, &runs, &error));
  assert_string_equal(runs.text, "");
}

static void writes_need_a_transaction(void **state)
{
  (void)state;
  struct run run = make_run(1, 1, INT64_MIN);
  FAILS(ERROR_INTERNAL, store_claim(store, &run, &error));
  FAILS(ERROR_INTERNAL, store_commit(store, &error));
  store_rollback(store);
  begin();
  FAILS(ERROR_INTERNAL, store_begin(store, &error));
  commit();
  struct seen seen = {0};
  OK(store_each_open_run(store, INT64_MIN, note_run, &seen, &error));
  assert_string_equal(seen.text, "");
}

static void lists_by_id_and_script(void **state)
{
  (void)state;
  begin();
  add_job("c", "orders", 1);
  add_job("a", NULL, 1);
  add_job("d", "other", 1);
  add_job("b", "orders", 1);
  commit();
  static const struct {
    const char *after;
    int stop;
    const char *ids;
  } cases[] = {
      {NULL, 0, "a b c d"}, {"b", 0, "c d"}, {NULL, 2, "a b"}, {"z", 0, ""}, {"aa", 1, "b"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct seen seen = {.left = cases[i].stop};
    OK(store_each_job(store, cases[i].after, note_job, &seen, &error));
    assert_string_equal(seen.text, cases[i].ids);
  }
  struct seen declared = {0};
  OK(store_each_declared(store, "orders", note_job, &declared, &error));
  assert_string_equal(declared.text, "b c");
}

static void put_state(int64_t number, enum job_state job_state, int64_t next_us)
{
  struct job_progress progress = {.state = job_state, .next_us = next_us, .last_us = INT64_MIN};
  OK(store_put_progress(store, number, &progress, &error));
}

static void lists_the_due(void **state)
{
  (void)state;
  begin();
  int64_t numbers[8];
  static const int64_t next_us[] = {30, 10, 20, 20, 20, 40, 5, JOB_NEVER};
  for (int i = 0; i < 8; i++) {
    char id[2] = {(char)('a' + i), 0};
    numbers[i] = add_job(id, NULL, next_us[i]);
  }
  put_state(numbers[6], JOB_PAUSED, 5);
  commit();
  const struct {
    int64_t after_us, after_number, until_us;
    int stop;
    const char *ids;
  } cases[] = {
      {INT64_MIN, 0, 35, 0, "b c d e a"}, {INT64_MIN, 0, INT64_MAX, 0, "b c d e a f"},
      {INT64_MIN, 0, 9, 0, ""},           {INT64_MIN, 0, 10, 0, "b"},
      {20, numbers[2], 30, 0, "d e a"},   {20, numbers[4], 30, 0, "a"},
      {20, INT64_MAX, 20, 0, ""},         {20, 0, 20, 2, "c d"},
      {20, numbers[2], 40, 1, "d"},       {50, 0, 40, 0, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct seen seen = {.left = cases[i].stop};
    OK(store_each_due(store, cases[i].after_us, cases[i].after_number, cases[i].until_us, note_job,
                      &seen, &error));
    assert_string_equal(seen.text, cases[i].ids);
  }
}

static bool take_over(void *context, struct stored_job *stored)
{
  struct stored_job *mine = context;
  *mine = *stored;
  stored->job = NULL;
  stored->progress.error = NULL;
  return false;
}

static void a_visitor_may_take_it(void **state)
{
  (void)state;
  begin();
  put_state(add_job("a", NULL, 1), JOB_ACTIVE, 1);
  commit();
  struct stored_job mine;
  OK(store_each_due(store, INT64_MIN, 0, 10, take_over, &mine, &error));
  assert_string_equal(mine.job->id, "a");
  stored_job_deinit(&mine);
}

static bool list_inside(void *context, struct stored_job *stored)
{
  note(context, stored->job->id);
  OK(store_each_job(store, stored->job->id, note_job, context, &error));
  return true;
}

static void a_visitor_may_ask_the_same(void **state)
{
  (void)state;
  begin();
  add_job("a", NULL, 1);
  add_job("b", NULL, 1);
  add_job("c", NULL, 1);
  commit();
  struct seen seen = {0};
  OK(store_each_job(store, NULL, list_inside, &seen, &error));
  assert_string_equal(seen.text, "a b c b c c");
}

static void an_unreadable_one_is_not_lost(void **state)
{
  (void)state;
  static const char *const damage[] = {
      "UPDATE jobs SET spec = '{\"id\":\"a\",\"func\":\"o.f\",\"retrys\":3}'",
      "UPDATE jobs SET spec = 'rubbish'",
      "UPDATE jobs SET spec = ''",
      "UPDATE jobs SET spec = '[]'",
      "UPDATE jobs SET trigger = '{\"kind\":\"moonphase\"}'",
      "UPDATE jobs SET trigger = '{'",
  };
  for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
    begin();
    int64_t number = add_job("a", NULL, 1);
    OK(store_execute(store, damage[i], &error));
    commit();
    struct stored_job stored;
    OK(store_find_job(store, "a", &stored, &error));
    assert_string_equal(stored.job->id, "a");
    assert_int_equal(stored.job->number, number);
    assert_int_equal(stored.job->origin, JOB_ADDED);
    assert_non_null(stored.job->spec);
    assert_int_equal(stored.progress.state, JOB_ERROR);
    assert_non_null(strstr(stored.progress.error, "a"));
    stored_job_deinit(&stored);
    struct seen seen = {0};
    OK(store_each_due(store, INT64_MIN, 0, 10, note_job, &seen, &error));
    assert_string_equal(seen.text, "a");
    begin();
    OK(store_remove_job(store, number, &error));
    commit();
  }
}

static void counts(void **state)
{
  (void)state;
  begin();
  static const enum job_state states[] = {JOB_ACTIVE,   JOB_ACTIVE, JOB_ACTIVE, JOB_PAUSED,
                                          JOB_FINISHED, JOB_ERROR,  JOB_ERROR};
  for (int i = 0; i < 7; i++) {
    char id[2] = {(char)('a' + i), 0};
    put_state(add_job(id, NULL, 1), states[i], 1);
  }
  commit();
  struct store_counts result;
  OK(store_count(store, &result, &error));
  assert_int_equal(result.jobs[JOB_ACTIVE], 3);
  assert_int_equal(result.jobs[JOB_PAUSED], 1);
  assert_int_equal(result.jobs[JOB_FINISHED], 1);
  assert_int_equal(result.jobs[JOB_ERROR], 2);
  assert_true(result.size_bytes > 4096);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(round_trips),
      TEST(absent_times_stay_absent),
      TEST(an_id_is_taken_once),
      TEST(changes_and_removes),
      TEST(a_rollback_undoes),
      TEST(writes_need_a_transaction),
      TEST(lists_by_id_and_script),
      TEST(lists_the_due),
      TEST(a_visitor_may_take_it),
      TEST(a_visitor_may_ask_the_same),
      TEST(an_unreadable_one_is_not_lost),
      TEST(counts),
  };
  return run_suite(tests, sizeof tests / sizeof tests[0], true);
}
