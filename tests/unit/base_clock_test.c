/* A clock that is set is noticed, one that drifts or is read slowly is not; a thread may have a
 * clock of its own. */
#include "support/unit.h"

#include "base/clock.h"

static void steps_are_noticed(void **state)
{
  struct clock_watch watch = {0};
  const int64_t second = 1000000;
  (void)state;
  assert_int_equal(clock_watch_compare(&watch, 100 * second, 5 * second, 100 * second), 0);
  assert_int_equal(clock_watch_compare(&watch, 101 * second, 6 * second, 101 * second), 0);
  assert_int_equal(clock_watch_compare(&watch, 3702 * second, 7 * second, 3702 * second),
                   3600 * second);
  assert_int_equal(clock_watch_compare(&watch, 3703 * second, 8 * second, 3703 * second), 0);
  assert_int_equal(clock_watch_compare(&watch, 3 * second, 9 * second, 3 * second), -3701 * second);
  /* The machine has slept: both clocks have gone on. */
  assert_int_equal(clock_watch_compare(&watch, 7203 * second, 7209 * second, 7203 * second), 0);
  /* It is disciplined by and by. */
  for (int64_t i = 1; i <= 10; i++)
    assert_int_equal(clock_watch_compare(&watch, 7203 * second + i * second + i * 400000,
                                         7209 * second + i * second,
                                         7203 * second + i * second + i * 400000),
                     0);
}

static void a_slow_reading_says_nothing(void **state)
{
  struct clock_watch watch = {0};
  const int64_t second = 1000000;
  (void)state;
  assert_int_equal(clock_watch_compare(&watch, 100 * second, 5 * second, 100 * second), 0);
  assert_int_equal(clock_watch_compare(&watch, 101 * second, 16 * second, 111 * second), 0);
  assert_int_equal(clock_watch_compare(&watch, 112 * second, 17 * second, 112 * second), 0);
  assert_int_equal(clock_watch_compare(&watch, 123 * second, 18 * second, 123 * second),
                   10 * second);
}

static void nobody_sets_it_now(void **state)
{
  struct clock_watch watch = {0};
  (void)state;
  assert_int_equal(clock_watch_look(&watch), 0);
  assert_int_equal(clock_watch_look(&watch), 0);
}

static int64_t read_virtual(void *context)
{
  return *(int64_t *)context;
}

static void a_thread_lives_by_the_clock_that_it_is_given(void **state)
{
  int64_t now_us = 42;
  const struct clock_source source = {read_virtual, read_virtual, &now_us};
  (void)state;
  clock_use(&source);
  assert_int_equal(clock_wall_us(), 42);
  assert_int_equal(clock_monotonic_us(), 42);
  now_us = 43;
  assert_int_equal(clock_monotonic_us(), 43);
  assert_true(clock_thread_us() >= 0);
  clock_use(NULL);
  assert_true(clock_wall_us() > 1000000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_are_noticed),
      cmocka_unit_test(a_slow_reading_says_nothing),
      cmocka_unit_test(nobody_sets_it_now),
      cmocka_unit_test(a_thread_lives_by_the_clock_that_it_is_given),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
