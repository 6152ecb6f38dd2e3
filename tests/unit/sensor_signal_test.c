/* Signals that this process sends itself. */
#include "sensor_bench.h"

#include <signal.h>
#include <unistd.h>

static const char *source_of(const char *name)
{
  static char source[100];
  snprintf(source, sizeof source, "{\"kind\":\"on_signal\",\"signal\":\"%s\"}", name);
  return source;
}

static void watch_signal(struct bench *bench, const char *name)
{
  sensors_set(bench->sensors, "k", source_of(name), NULL);
}

static void test_signals(void **state)
{
  struct bench *bench = *state;
  watch_signal(bench, "usr1");
  bench_expect(bench, "begun\n");
  assert_string_equal(bench->position, "{\"count\":0}");
  kill(getpid(), SIGUSR1);
  bench_expect(bench, "SIGUSR1\n");
  assert_string_equal(bench->position, "{\"count\":1}");
  bench_restart(bench, source_of("SIGRTMIN+3"));
  bench_run(bench, 20);
  kill(getpid(), SIGRTMIN + 3);
  bench_expect(bench, "SIGRTMIN+3\n");
  assert_string_equal(bench->position, "{\"count\":2}");
}

static void test_before_the_acknowledgement(void **state)
{
  struct bench *bench = *state;
  bench->is_slow = true;
  watch_signal(bench, "SIGUSR1");
  kill(getpid(), SIGUSR1); /* heard from now on */
  bench_expect(bench, "begun\nSIGUSR1\n");
  for (int i = 0; i < 3; i++) {
    kill(getpid(), SIGUSR1);
    bench_run(bench, 20);
  }
  bench_expect_nothing(bench);
  bench_acknowledge(bench);
  bench_expect(bench, "SIGUSR1\nSIGUSR1\nSIGUSR1\n");
}

/* It would end the process. */
static void test_nobody_watches_any_more(void **state)
{
  struct bench *bench = *state;
  watch_signal(bench, "SIGUSR2");
  bench_expect(bench, "begun\n");
  sensors_set(bench->sensors, "k", NULL, NULL);
  kill(getpid(), SIGUSR2);
  bench_run(bench, 50);
  kill(getpid(), SIGUSR2);
  bench_expect_nothing(bench);
}

static void test_refused(void **state)
{
  struct bench *bench = *state;
  watch_signal(bench, "SIGUSR3");
  bench_expect_problem(bench, "unknown signal \"SIGUSR3\"");
  watch_signal(bench, "SIGTERM");
  bench_expect_problem(bench, "SIGTERM cannot be watched");
  watch_signal(bench, "SIGUSR1");
  bench_expect_problem(bench, NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, bench_setup, bench_teardown)
      TEST(signals),
      TEST(before_the_acknowledgement),
      TEST(nobody_watches_any_more),
      TEST(refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
