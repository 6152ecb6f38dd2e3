/* Children on a bare loop: what they are given, what they give, and that nothing of them is left.
 */
#include "support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "exec/child.h"
#include "model/job.h"
#include "support/scratch.h"

extern char **environ;

struct fixture {
  uv_loop_t loop;
  struct child *child;
  uv_timer_t timer; /* for what a test does meanwhile */
  int64_t kill_grace_us;
};

static int set_up(void **state)
{
  struct fixture *fixture = memory_alloc(sizeof *fixture);
  uv_loop_init(&fixture->loop);
  *state = fixture;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *fixture = *state;
  if (fixture->child)
    child_release(fixture->child);
  uv_run(&fixture->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&fixture->loop), 0);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie, no child */
  free(fixture);
  return 0;
}

static void on_changed(struct child *child, void *context)
{
  struct fixture *fixture = context;
  (void)child;
  if (child_has_ended(child))
    uv_stop(&fixture->loop);
}

static struct child_options shell(struct fixture *fixture, const char *text, char *argv[4])
{
  argv[0] = (char *)"/bin/sh";
  argv[1] = (char *)"-c";
  argv[2] = (char *)text;
  argv[3] = NULL;
  return (struct child_options){.argv = argv,
                                .env = environ,
                                .grace_us = COMMAND_GRACE_US,
                                .changed = on_changed,
                                .context = fixture};
}

static void start(struct fixture *fixture, const struct child_options *options)
{
  struct error error;
  if (child_start(&fixture->loop, options, &fixture->child, &error))
    fail_msg("%s", error.text);
}

/* Until it has ended; returns how long that took. */
static int64_t run_to_end(struct fixture *fixture)
{
  int64_t began_us = clock_monotonic_us();
  while (!child_has_ended(fixture->child))
    uv_run(&fixture->loop, UV_RUN_ONCE);
  return clock_monotonic_us() - began_us;
}

static const char *output(struct fixture *fixture, int stream)
{
  const struct buffer *data = child_output(fixture->child, stream);
  return data->data ? data->data : "";
}

static void on_kill_timer(uv_timer_t *timer)
{
  struct fixture *fixture = timer->data;
  child_kill(fixture->child, fixture->kill_grace_us);
  uv_close((uv_handle_t *)timer, NULL);
}

static void kill_after(struct fixture *fixture, uint64_t delay_ms, int64_t grace_us)
{
  fixture->kill_grace_us = grace_us;
  uv_timer_init(&fixture->loop, &fixture->timer);
  fixture->timer.data = fixture;
  uv_update_time(&fixture->loop); /* to start a process takes time */
  uv_timer_start(&fixture->timer, on_kill_timer, delay_ms, 0);
}

static void shell_to_end(struct fixture *fixture, const char *text)
{
  char *argv[4];
  struct child_options options = shell(fixture, text, argv);
  start(fixture, &options);
  run_to_end(fixture);
}

static void test_output_and_status(void **state)
{
  struct fixture *fixture = *state;
  shell_to_end(fixture, "echo out; echo err >&2; exit 3");
  assert_string_equal(output(fixture, 1), "out\n");
  assert_string_equal(output(fixture, 2), "err\n");
  assert_int_equal(child_status(fixture->child), 3);
  assert_int_equal(child_signal(fixture->child), 0);
}

static void test_signal(void **state)
{
  struct fixture *fixture = *state;
  shell_to_end(fixture, "kill -9 $$");
  assert_int_equal(child_status(fixture->child), -1);
  assert_int_equal(child_signal(fixture->child), SIGKILL);
}

/* stdin is empty, nothing is inherited, the group is its own, signals are as they come. */
static void test_surroundings(void **state)
{
  struct fixture *fixture = *state;
  int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
  signal(SIGUSR1, SIG_IGN);
  shell_to_end(fixture,
               "wc -c; ls /proc/self/fd | wc -l; ps -o pgid= -p $$ | tr -d ' ' | grep -qx $$ && "
               "echo own; grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f2");
  signal(SIGUSR1, SIG_DFL);
  close(leak);
  assert_string_equal(output(fixture, 1), "0\n4\nown\n0000000000000000\n0000000000000000\n");
}

static void test_cwd_and_environment(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4], *env[] = {(char *)"A=1", (char *)"PATH=/bin:/usr/bin", NULL};
  struct child_options options = shell(fixture, "pwd; env | grep -v _= | sort", argv);
  options.cwd = "/usr";
  options.env = env;
  start(fixture, &options);
  run_to_end(fixture);
  assert_string_equal(output(fixture, 1), "/usr\nA=1\nPATH=/bin:/usr/bin\nPWD=/usr\n");
}

static void test_cannot_start(void **state)
{
  struct fixture *fixture = *state;
  static const struct {
    const char *program, *cwd, *text;
    enum error_code code;
  } cases[] = {
      {"pg_dmp", NULL, "cannot run \"pg_dmp\": No such file or directory", ERROR_NOT_FOUND},
      {"/no/such", NULL, "cannot run \"/no/such\": No such file or directory", ERROR_NOT_FOUND},
      {"", NULL, "cannot run \"\": No such file or directory", ERROR_NOT_FOUND},
      {"/etc/passwd", NULL, "cannot run \"/etc/passwd\": Permission denied", ERROR_PERMISSION},
      {"/tmp", NULL, "cannot run \"/tmp\": Permission denied", ERROR_PERMISSION},
      {"true", "/no/such", "cannot run \"true\" in /no/such: No such file or directory",
       ERROR_NOT_FOUND},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *argv[] = {(char *)cases[i].program, NULL};
    struct child_options options = {.argv = argv, .env = environ, .cwd = cases[i].cwd};
    struct error error;
    assert_int_equal(child_start(&fixture->loop, &options, &fixture->child, &error), cases[i].code);
    assert_string_equal(error.text, cases[i].text);
  }
}

static void test_script_without_interpreter(void **state)
{
  struct fixture *fixture = *state;
  char *path = scratch_path("script");
  int fd = open(path, O_WRONLY | O_CREAT, 0700);
  assert_int_equal(write(fd, "echo \"$1\" $#\n", 13), 13);
  close(fd);
  char *argv[] = {path, (char *)"a b", NULL};
  struct child_options options = {
      .argv = argv, .env = environ, .changed = on_changed, .context = fixture};
  start(fixture, &options);
  run_to_end(fixture);
  assert_string_equal(output(fixture, 1), "a b 1\n");
}

static void test_large_output(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4];
  struct child_options options = shell(fixture, "head -c 10485760 /dev/zero", argv);
  start(fixture, &options);
  child_drop_output(fixture->child);
  run_to_end(fixture);
  assert_int_equal(child_output(fixture->child, 1)->size, CHILD_OUTPUT_MAX);
  assert_true(child_was_truncated(fixture->child));
  assert_int_equal(child_status(fixture->child), 0);
}

/* Nothing is lost when the taker is slow, and nothing is piled up. */
static void test_held_output(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4];
  struct child_options options = shell(fixture, "head -c 10485760 /dev/zero", argv);
  start(fixture, &options);
  size_t total = 0;
  struct buffer *data = child_output(fixture->child, 1);
  for (;;) {
    bool has_ended = child_has_ended(fixture->child);
    assert_true(data->size <= CHILD_HOLD_SIZE + 65536);
    if (data->size >= CHILD_HOLD_SIZE || has_ended) {
      total += data->size;
      buffer_clear(data);
      child_resume(fixture->child);
    }
    if (has_ended)
      break;
    uv_run(&fixture->loop, UV_RUN_ONCE);
  }
  assert_int_equal(total, 10485760);
}

static void test_input(void **state)
{
  struct fixture *fixture = *state;
  enum { SIZE = 5 << 20 };
  char *argv[4], *text = memory_alloc(SIZE);
  struct child_options options = shell(fixture, "wc -c", argv);
  options.keeps_input = true;
  start(fixture, &options);
  assert_true(child_write(fixture->child, text, SIZE));
  child_end_input(fixture->child);
  assert_false(child_write(fixture->child, text, 1));
  run_to_end(fixture);
  free(text);
  assert_int_equal(atoi(output(fixture, 1)), SIZE);
}

static void test_input_that_nobody_reads(void **state)
{
  struct fixture *fixture = *state;
  enum { SIZE = 1 << 20 };
  char *argv[4], *text = memory_alloc(SIZE);
  struct child_options options = shell(fixture, "exec 0<&-; exit 4", argv);
  options.keeps_input = true;
  start(fixture, &options);
  child_write(fixture->child, text, SIZE);
  child_end_input(fixture->child);
  run_to_end(fixture);
  free(text);
  assert_int_equal(child_status(fixture->child), 4);
  assert_true(child_is_drained(fixture->child));
}

static void test_time_out(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4];
  struct child_options options = shell(fixture, "echo begun; sleep 30", argv);
  options.timeout_us = 100000;
  start(fixture, &options);
  int64_t took_us = run_to_end(fixture);
  assert_true(child_timed_out(fixture->child));
  assert_int_equal(child_signal(fixture->child), SIGTERM);
  assert_string_equal(output(fixture, 1), "begun\n");
  assert_in_range(took_us, 0, 4000000); /* and not the 30 s of sleep */
}

static bool is_alive(const char *path_of_pid)
{
  FILE *file = fopen(path_of_pid, "r");
  int pid = 0;
  if (!file || fscanf(file, "%d", &pid) != 1)
    fail_msg("no pid in %s", path_of_pid);
  fclose(file);
  unlink(path_of_pid);
  char path[64], state = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  file = fopen(path, "r");
  if (!file)
    return false;
  if (fscanf(file, "%*d %*s %c", &state) != 1)
    state = 0;
  fclose(file);
  return state != 'Z' && state != 'X';
}

/* Where a grandchild writes its pid; children find it as $GRANDCHILD. */
static char *pid_file;

/* The leader ends at TERM, a grandchild that holds no pipe does not: KILL takes it. */
static void test_kill_grandchildren(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4];
  struct child_options options =
      shell(fixture,
            "(trap '' TERM; echo $$ >&2; exec >/dev/null 2>&1; sh -c 'echo $$ >$GRANDCHILD; exec"
            " sleep 30') & sleep 30",
            argv);
  start(fixture, &options);
  kill_after(fixture, 200, 300000);
  int64_t took_us = run_to_end(fixture);
  usleep(50000); /* KILL was sent, but not waited for */
  assert_false(is_alive(pid_file));
  assert_in_range(took_us, 450000, 4000000);
}

/* With a grandchild that listens to TERM the grace is not waited out. */
static void test_kill_is_quick_when_all_listen(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4];
  struct child_options options =
      shell(fixture, "sh -c 'echo $$ >$GRANDCHILD; exec sleep 30' & sleep 30", argv);
  start(fixture, &options);
  kill_after(fixture, 200, 5000000);
  int64_t took_us = run_to_end(fixture);
  assert_false(is_alive(pid_file));
  assert_in_range(took_us, 0, 4000000); /* and not the grace of 5 s */
}

enum { STUBBORN = 60 };

static void on_one_of_many(struct child *child, void *context)
{
  int *ended = context;
  *ended += child_has_ended(child);
}

/* Whether anybody is left is asked for all of them together, and not on this thread. */
static void test_kill_of_many(void **state)
{
  struct fixture *fixture = *state;
  struct child *children[STUBBORN];
  int ended = 0;
  char *argv[4];
  struct child_options options =
      shell(fixture, "(trap '' TERM; while :; do sleep 1; done) & exec sleep 30", argv);
  options.changed = on_one_of_many;
  options.context = &ended;
  for (int i = 0; i < STUBBORN; i++)
    assert_int_equal(child_start(&fixture->loop, &options, &children[i], NULL), ERROR_OK);
  usleep(300000); /* until the traps are set */
  int64_t began_us = clock_thread_us();
  for (int i = 0; i < STUBBORN; i++)
    child_kill(children[i], 600000);
  while (ended < STUBBORN)
    uv_run(&fixture->loop, UV_RUN_ONCE);
  assert_in_range(clock_thread_us() - began_us, 0, 150000);
  for (int i = 0; i < STUBBORN; i++)
    child_release(children[i]);
}

/* Also those whose own process has ended and whose group is in its grace. */
static void test_kill_all(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4];
  struct child_options options =
      shell(fixture, "(trap '' TERM; while :; do sleep 1; done) & exec sleep 30", argv);
  start(fixture, &options);
  usleep(200000);
  child_kill(fixture->child, INT64_C(3600000000));
  usleep(100000);
  uv_run(&fixture->loop, UV_RUN_NOWAIT);
  assert_false(child_has_ended(fixture->child));
  child_kill_all(&fixture->loop);
  assert_in_range(run_to_end(fixture), 0, 4000000);
}

static void test_kill_at_once(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4];
  struct child_options options = shell(fixture, "trap '' TERM; while :; do sleep 1; done", argv);
  start(fixture, &options);
  kill_after(fixture, 100, 0);
  int64_t took_us = run_to_end(fixture);
  assert_int_equal(child_signal(fixture->child), SIGKILL);
  assert_in_range(took_us, 0, 4000000); /* there is no grace */
}

/* What it leaves of its group ends with it, with the pipes or without; its own status stands. */
static void test_left_in_its_group(void **state)
{
  struct fixture *fixture = *state;
  static const char *const texts[] = {"sleep 30 & echo $! >$GRANDCHILD; exit 3",
                                      "sleep 30 >/dev/null 2>&1 & echo $! >$GRANDCHILD; exit 3"};
  for (int i = 0; i < 2; i++) {
    int64_t began_us = clock_monotonic_us();
    shell_to_end(fixture, texts[i]);
    assert_false(is_alive(pid_file));
    assert_int_equal(child_status(fixture->child), 3);
    assert_in_range(clock_monotonic_us() - began_us, 0, 4000000); /* and not the grace of 5 s */
    child_release(fixture->child);
    fixture->child = NULL;
  }
}

/* Who is about to end is not disturbed. */
static void test_left_for_a_moment(void **state)
{
  struct fixture *fixture = *state;
  shell_to_end(fixture, "(sleep 0.1; echo last) & echo first");
  assert_string_equal(output(fixture, 1), "first\nlast\n");
}

static void on_news(struct child *child, void *context)
{
  (void)child;
  ++*(int *)context;
}

/* What is seen at the end of its process is told, as nothing may follow for long: what somebody of
 * its group has written, and that its input goes no further. */
static void test_news_at_the_end_of_its_process(void **state)
{
  struct fixture *fixture = *state;
  enum { SIZE = 1 << 20 };
  int news = 0;
  char *argv[4], *text = memory_alloc(SIZE);
  struct child_options options = shell(
      fixture, "exec 3<&0; (sleep 0.3; echo out; echo $$ >$GRANDCHILD; exec sleep 30) & sleep 0.1",
      argv);
  options.changed = on_news;
  options.context = &news;
  options.keeps_input = true;
  start(fixture, &options);
  child_write(fixture->child, text, SIZE);
  uv_run(&fixture->loop, UV_RUN_NOWAIT); /* from now on the loop sees what comes, in that order */
  while (unlink(pid_file) != 0)
    usleep(10000);
  uv_run(&fixture->loop, UV_RUN_NOWAIT);
  assert_string_equal(output(fixture, 1), "out\n");
  assert_true(child_is_drained(fixture->child));
  assert_false(child_has_ended(fixture->child));
  assert_true(news > 0);
  free(text);
}

/* One of them that is deaf to TERM gets KILL after the grace. */
static void test_left_deaf_in_its_group(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4];
  struct child_options options =
      shell(fixture,
            "(trap '' TERM; exec >/dev/null 2>&1; sh -c 'echo $$ >$GRANDCHILD; exec sleep 30') & "
            "while ! test -s $GRANDCHILD; do sleep 0.01; done",
            argv);
  options.grace_us = 300000;
  start(fixture, &options);
  assert_in_range(run_to_end(fixture), 300000, 4500000);
  usleep(50000); /* KILL was sent, but not waited for */
  assert_false(is_alive(pid_file));
}

/* A process that left the group does not hold us up with the pipes, and lives on. */
static void test_left_behind(void **state)
{
  struct fixture *fixture = *state;
  int64_t began_us = clock_monotonic_us();
  shell_to_end(fixture, "setsid sh -c 'echo $$ >$GRANDCHILD; exec sleep 3' & "
                        "while ! test -s $GRANDCHILD; do sleep 0.01; done; echo done");
  int64_t took_us = clock_monotonic_us() - began_us;
  assert_string_equal(output(fixture, 1), "done\n");
  assert_in_range(took_us, CHILD_DRAIN_MS * 900, 4000000);
  assert_true(is_alive(pid_file));
}

static void test_release_while_it_runs(void **state)
{
  struct fixture *fixture = *state;
  char *argv[4];
  struct child_options options = shell(fixture, "yes & exec yes", argv);
  start(fixture, &options);
  while (child_output(fixture->child, 1)->size == 0)
    uv_run(&fixture->loop, UV_RUN_ONCE);
  child_release(fixture->child);
  fixture->child = NULL;
}

static void test_many_at_once(void **state)
{
  struct fixture *fixture = *state;
  struct child *children[50];
  for (int i = 0; i < 50; i++) {
    char *argv[4];
    struct child_options options = shell(fixture, "echo hello", argv);
    start(fixture, &options);
    children[i] = fixture->child;
  }
  for (int i = 0; i < 50; i++) {
    fixture->child = children[i];
    run_to_end(fixture);
    assert_string_equal(output(fixture, 1), "hello\n");
    child_release(fixture->child);
  }
  fixture->child = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  pid_file = scratch_path("grandchild");
  setenv("GRANDCHILD", pid_file, 1);
  const struct CMUnitTest tests[] = {
      TEST(test_output_and_status),
      TEST(test_signal),
      TEST(test_surroundings),
      TEST(test_cwd_and_environment),
      TEST(test_cannot_start),
      TEST(test_script_without_interpreter),
      TEST(test_large_output),
      TEST(test_held_output),
      TEST(test_input),
      TEST(test_input_that_nobody_reads),
      TEST(test_time_out),
      TEST(test_kill_grandchildren),
      TEST(test_kill_is_quick_when_all_listen),
      TEST(test_kill_of_many),
      TEST(test_kill_all),
      TEST(test_kill_at_once),
      TEST(test_left_in_its_group),
      TEST(test_left_for_a_moment),
      TEST(test_news_at_the_end_of_its_process),
      TEST(test_left_deaf_in_its_group),
      TEST(test_left_behind),
      TEST(test_release_while_it_runs),
      TEST(test_many_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
