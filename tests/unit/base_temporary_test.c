/* New folders under names by chance. */
#include "support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/temporary.h"
#include "support/scratch.h"

static void it_is_new_and_its_owners(void **state)
{
  (void)state;
  char *folder = scratch_folder();
  char *first = memory_printf("%s/XXXXXX", folder), *second = memory_strdup(first);
  struct stat status;
  assert_true(temporary_folder(first));
  assert_true(temporary_folder(second));
  assert_string_not_equal(first, second);
  assert_int_equal(stat(first, &status), 0);
  assert_true(S_ISDIR(status.st_mode));
  assert_int_equal(status.st_mode & 07777, 0700);
  free(first);
  free(second);
}

/* So many draws give the same bytes. */
static void draw_again(void *context, void *bytes, size_t size)
{
  int *draws = context;
  memset(bytes, (*draws)++ / 2, size);
}

static void one_that_is_there_is_left_alone(void **state)
{
  (void)state;
  int draws = 0;
  struct random_source source = {draw_again, &draws};
  char *first = memory_printf("%s/XXXXXX", scratch_folder()), *second = memory_strdup(first);
  random_use(&source);
  bool made = temporary_folder(first) && temporary_folder(second);
  random_use(NULL);
  assert_true(made);
  assert_string_not_equal(first, second);
  assert_int_equal(draws, 3);
  free(first);
  free(second);
}

static void what_cannot_be_made(void **state)
{
  (void)state;
  char nowhere[] = "/nowhere/at/all/XXXXXX", no_hole[] = "/nowhere";
  assert_false(temporary_folder(nowhere));
  assert_int_equal(errno, ENOENT);
  assert_string_equal(nowhere, "/nowhere/at/all/XXXXXX");
  assert_false(temporary_folder(no_hole));
  assert_int_equal(errno, EINVAL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_new_and_its_owners),
      cmocka_unit_test(one_that_is_there_is_left_alone),
      cmocka_unit_test(what_cannot_be_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
