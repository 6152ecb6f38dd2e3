/* How runs end before they are through: told, killed, silent. The worker is on its thread, the test
 * in the place of the scheduler. */
#include "support/unit.h"

#include "support/desk.h"

enum { LONG_US = 60 * 1000000 };

static void one_that_is_told_can_clean_up(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function nap(run)\n"
       "  local guard <close> = setmetatable({}, { __close = function()\n"
       "    sleep(0.01) log.info('closed') end })\n"
       "  sleep(60)\n"
       "end\n"
       "function deaf() while true do pcall(sleep, 60) end end\n"
       "function done() pcall(sleep, 60) return 'saved' end\n");
  struct attempt nap = post_run(desk, 1, "nap", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  post_cancel(desk, nap, TOLD_CANCELLED, LONG_US);
  struct message *line = await(desk, MESSAGE_LOG);
  assert_string_equal(line->as.log.text, "closed");
  message_destroy(line);
  check_finished(desk, nap, RUN_CANCELLED, NULL, "jobs/s.lua:4: the run was cancelled");

  struct attempt done = post_run(desk, 1, "done", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  post_cancel(desk, done, TOLD_OVERLAP, LONG_US);
  check_finished(desk, done, RUN_SUCCEEDED, "\"saved\"", NULL);

  struct attempt deaf = post_run(desk, 1, "deaf", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  post_cancel(desk, deaf, TOLD_STOPPING, 20000);
  check_finished(desk, deaf, RUN_CANCELLED, NULL, "was told to end (stopping) and went on");
}

static void a_command_that_is_told_gets_term(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function child()\n"
       "  exec { 'sh', '-c', 'trap \"echo bye; exit 3\" TERM; echo up; while :; do sleep 0.01; "
       "done',"
       " capture = false }\n"
       "end\n");
  struct attempt child = post_run(desk, 1, "child", NULL, 0);
  struct message *line = await(desk, MESSAGE_LOG);
  assert_string_equal(line->as.log.text, "up");
  message_destroy(line);
  post_cancel(desk, child, TOLD_CANCELLED, LONG_US);
  check_finished(desk, child, RUN_CANCELLED, NULL, "jobs/s.lua:2: the run was cancelled");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(one_that_is_told_can_clean_up),
      TEST(a_command_that_is_told_gets_term),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
