/* Random bytes: the kernel's, or those of a source that a thread is given. */
#include "support/unit.h"

#include <string.h>

#include "base/process.h"
#include "base/random.h"

static void no_two_draws_are_the_same(void **state)
{
  unsigned char first[64] = {0}, second[64] = {0};
  (void)state;
  random_bytes(first, sizeof first);
  random_bytes(second, sizeof second);
  assert_memory_not_equal(first, second, sizeof first);
}

static void count(void *context, void *bytes, size_t size)
{
  unsigned char *next = context, *out = bytes;
  for (size_t i = 0; i < size; i++)
    out[i] = (*next)++;
}

static void a_thread_draws_from_the_source_that_it_is_given(void **state)
{
  unsigned char next = 1, drawn[3];
  const struct random_source source = {count, &next};
  (void)state;
  random_use(&source);
  random_bytes(drawn, sizeof drawn);
  assert_memory_equal(drawn, "\1\2\3", 3);
  random_bytes(drawn, sizeof drawn);
  assert_memory_equal(drawn, "\4\5\6", 3);
  random_use(NULL);
  random_bytes(drawn, 0);
  assert_int_equal(next, 7);
}

static void a_process_has_a_number_and_its_first_thread_the_same(void **state)
{
  (void)state;
  assert_true(process_id() > 0);
  assert_int_equal(process_id(), process_thread_id());
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_two_draws_are_the_same),
      cmocka_unit_test(a_thread_draws_from_the_source_that_it_is_given),
      cmocka_unit_test(a_process_has_a_number_and_its_first_thread_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
