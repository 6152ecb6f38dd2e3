#include "support/unit.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "ctl/options.h"
#include "support/scratch.h"

static char root[PATH_MAX];

/* In a folder of its own: real/jobs, jobs -> real/jobs, way -> real. */
static int enter(void **state)
{
  (void)state;
  return chdir(scratch_folder()) || mkdir("real", 0700) || mkdir("real/jobs", 0700) ||
         symlink("real/jobs", "jobs") || symlink("real", "way") || !realpath(".", root);
}

static int leave(void **state)
{
  (void)state;
  return chdir("/");
}

static void makes_paths_absolute(void **state)
{
  (void)state;
  static const struct {
    const char *path, *below; /* the expected, below root */
  } cases[] = {
      {"jobs", "/jobs"},          /* a link stays one, */
      {"./jobs//", "/jobs"},      /* however it is written, */
      {"way/jobs", "/real/jobs"}, /* but not the way to it */
      {"way/../jobs", "/jobs"},
      {"real/jobs/.", "/real/jobs"},
      {"jobs/..", "/real"},
      {".", ""},
      {"jobs/a.lua", "/real/jobs/a.lua"},
      {"not/here/../there", "/not/there"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *expected = memory_printf("%s%s", root, cases[i].below);
    char *path = options_absolute_path(cases[i].path);
    assert_string_equal(path, expected);
    free(path);
    path = memory_printf("%s/%s", root, cases[i].path);
    char *again = options_absolute_path(path);
    assert_string_equal(again, expected);
    free(again);
    free(path);
    free(expected);
  }
  char *path = options_absolute_path("//");
  assert_string_equal(path, "/");
  free(path);
}

static void keeps_the_state_beside_the_jobs(void **state)
{
  (void)state;
  struct daemon_options options = DAEMON_OPTIONS_EMPTY;
  options.jobs_folder = options_absolute_path("jobs");
  options.timezone = memory_strdup("UTC");
  options_fill_folders(&options);
  char *expected = memory_printf("%s/%s", root, OPTIONS_STATE_NAME);
  assert_string_equal(options.state_folder, expected);
  assert_null(options.config_file);
  free(expected);
  daemon_options_deinit(&options);
  assert_null(options.timezone);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(makes_paths_absolute),
      cmocka_unit_test(keeps_the_state_beside_the_jobs),
  };
  return cmocka_run_group_tests(tests, enter, leave);
}
