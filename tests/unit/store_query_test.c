/* Statements are prepared once and kept, as many as there is place for. */
#include "store/sqlite_store.h"

#include "unit/store_fixture.h"

static void there_may_be_more_than_are_kept(void **state)
{
  static char sql[STATEMENT_SLOTS + 50][24];
  enum { COUNT = sizeof sql / sizeof sql[0] };
  (void)state;
  for (int i = 0; i < 2 * COUNT; i++) {
    snprintf(sql[i % COUNT], sizeof sql[0], "SELECT %d", i % COUNT);
    struct query query = query_open(store, sql[i % COUNT], &error);
    assert_true(query_row(&query));
    assert_int_equal(query_integer(&query, 0), i % COUNT);
    OK(query_close(&query));
  }
}

static void one_that_is_under_way_can_be_asked(void **state)
{
  static const char sql[] = "SELECT 1 UNION SELECT 2";
  (void)state;
  struct query outer = query_open(store, sql, &error);
  assert_true(query_row(&outer));
  struct query inner = query_open(store, sql, &error);
  assert_true(query_row(&inner) && query_row(&inner) && !query_row(&inner));
  OK(query_close(&inner));
  assert_true(query_row(&outer));
  assert_int_equal(query_integer(&outer, 0), 2);
  OK(query_close(&outer));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(there_may_be_more_than_are_kept),
      TEST(one_that_is_under_way_can_be_asked),
  };
  return run_suite(tests, sizeof tests / sizeof tests[0], true);
}
