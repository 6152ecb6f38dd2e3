/* One file that is followed, look by look: what the system refuses is asked for again. */
#include "support/unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "script/source.h"
#include "support/scratch.h"

static char *path;

static int write_file(void **state)
{
  (void)state;
  path = scratch_path("a.lua");
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  return fd < 0 || write(fd, "return 1\n", 9) != 9 || close(fd) != 0;
}

/* As if the file had stood still for an hour. */
static struct moment much_later(void)
{
  return (struct moment){.monotonic_us = clock_monotonic_us(),
                         .wall_us = clock_wall_us() + INT64_C(3600) * 1000000};
}

static enum source_change look(struct source *source)
{
  struct moment moment = much_later();
  return source_look(source, &moment, NULL, NULL);
}

static rlim_t set_descriptors(rlim_t most)
{
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = most;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  return before;
}

static void descriptors_that_are_short_for_a_while(void **state)
{
  (void)state;
  struct source source;
  source_init(&source, path);
  rlim_t before = set_descriptors(0);
  enum source_change first = look(&source), second = look(&source);
  set_descriptors(before);
  assert_int_equal(first, LOOK_PROBLEM);
  assert_non_null(strstr(source.problem, "cannot be read: Too many open files"));
  assert_int_equal(second, LOOK_SAME);
  assert_true(source_is_settled(&source, second));
  assert_int_equal(look(&source), LOOK_CHANGED);
  assert_int_equal(look(&source), LOOK_SAME);
  source_deinit(&source);
}

/* A verdict about what a file holds stands until the file changes. */
static void a_file_that_is_no_script(void **state)
{
  (void)state;
  struct source source;
  int fd = open(path, O_WRONLY | O_TRUNC);
  assert_int_equal(write(fd, "\xff\n", 2), 2);
  close(fd);
  source_init(&source, path);
  assert_int_equal(look(&source), LOOK_PROBLEM);
  assert_non_null(strstr(source.problem, ":1: byte 0xff is not UTF-8"));
  rlim_t before = set_descriptors(0);
  enum source_change unread = look(&source);
  set_descriptors(before);
  assert_int_equal(unread, LOOK_SAME);
  source_deinit(&source);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(descriptors_that_are_short_for_a_while),
      cmocka_unit_test(a_file_that_is_no_script),
  };
  return cmocka_run_group_tests(tests, write_file, NULL);
}
