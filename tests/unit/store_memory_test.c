/* SQLite without memory: its allocations fail, one at a time. A transaction has happened wholly or
 * not at all, and what is told is that memory was lacking, also when who met it has overlooked it:
 * SQLite has then rolled back by itself. */
#include "unit/store_fixture.h"

#include <sqlite3.h>

static sqlite3_mem_methods real_methods;
static int allocations_left = -1; /* -1: none fails */

static bool is_refused(void)
{
  if (allocations_left < 0)
    return false;
  if (allocations_left > 0) {
    allocations_left--;
    return false;
  }
  allocations_left = -1; /* once */
  return true;
}

static void *take(int size)
{
  return is_refused() ? NULL : real_methods.xMalloc(size);
}

static void *resize(void *block, int size)
{
  return is_refused() ? NULL : real_methods.xRealloc(block, size);
}

static void stand_before_the_allocator(void)
{
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_methods);
  sqlite3_mem_methods methods = real_methods;
  methods.xMalloc = take;
  methods.xRealloc = resize;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

static enum error_code add(int turn, int number)
{
  char id[32];
  snprintf(id, sizeof id, "job-%03d-%d", turn, number);
  struct job *job = make_job(id, NULL, "\"name\":\"so that it takes some room\"");
  struct job_progress progress = {.next_us = turn, .last_us = INT64_MIN};
  enum error_code code = store_add_job(store, job, &progress, &error);
  job_destroy(job);
  return code;
}

/* Reading it takes an allocation, as it does not fit a page. */
static void add_long_run(void)
{
  begin();
  struct run run = make_run(1, 1, INT64_MIN);
  OK(store_claim(store, &run, &error));
  run.error = memory_printf("%0*d", 20000, 1);
  run.state = RUN_FAILED;
  OK(store_finish(store, &run, &error));
  commit();
  free(run.error);
}

static enum error_code end_turn(enum error_code code)
{
  if (!code)
    code = store_commit(store, &error);
  if (code)
    store_rollback(store);
  return code;
}

static void expect_said(enum error_code code)
{
  if (code && !strstr(error.text, "out of memory"))
    fail_msg("%s", error.text);
}

static void a_write_that_fails(void **state)
{
  (void)state;
  int turns = 0, failures = 0;
  for (int limit = 0, passed = 0; passed < 5; limit += 1 + limit / 16) {
    open_again(); /* its statements have to be prepared again */
    allocations_left = limit;
    enum error_code code = store_begin(store, &error);
    if (!code)
      code = add(turns, 1);
    code = end_turn(code);
    passed += allocations_left >= 0;
    allocations_left = -1;
    expect_said(code);
    if (code)
      failures++;
    else
      turns++;
    assert_int_equal(count_jobs(), turns);
  }
  assert_true(failures > 20);
}

static void an_opening_that_fails(void **state)
{
  (void)state;
  int failures = 0;
  for (int limit = 0, passed = 0; passed < 5; limit += 1 + limit / 16) {
    store_close(store);
    allocations_left = limit;
    enum error_code code = store_open(path, &store, &error);
    passed += allocations_left >= 0;
    allocations_left = -1;
    expect_said(code);
    failures += code != ERROR_OK;
  }
  assert_true(failures > 20);
}

/* Each third allocation that making the tables needs: SQLite says different things of them, but
 * never of one alone. */
static void a_first_opening_that_fails(void **state)
{
  (void)state;
  int failures = 0;
  bool has_passed = false;
  for (int limit = 0; !has_passed; limit += 3) {
    store_close(store);
    allocations_left = limit;
    enum error_code code = store_open(NULL, &store, &error);
    has_passed = allocations_left >= 0;
    allocations_left = -1;
    expect_said(code);
    failures += code != ERROR_OK;
  }
  assert_true(failures > 500);
}

/* The answer to a client's question in the middle of a turn. */
static void a_read_that_fails_and_is_overlooked(void **state)
{
  (void)state;
  int turns = 0, failures = 0;
  add_long_run();
  for (int limit = 0, passed = 0; passed < 5; limit++) {
    int seen = 0;
    begin();
    OK(add(turns, 1));
    allocations_left = limit;
    store_each_run(store, INT64_MAX, INT64_MAX, count_run, &seen, NULL);
    passed += allocations_left >= 0;
    allocations_left = -1;
    enum error_code code = end_turn(add(turns, 2));
    expect_said(code);
    if (code)
      failures++;
    else
      turns++;
    assert_int_equal(count_jobs(), 2 * turns);
  }
  assert_true(failures > 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(a_first_opening_that_fails),
      TEST(an_opening_that_fails),
      TEST(a_write_that_fails),
      TEST(a_read_that_fails_and_is_overlooked),
  };
  stand_before_the_allocator();
  return run_suite(tests, sizeof tests / sizeof tests[0], false);
}
