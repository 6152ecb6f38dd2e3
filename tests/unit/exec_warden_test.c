/* The warden, with a process in the daemon's place that starts commands and is then killed. */
#include "support/unit.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "exec/child_spawn.h"
#include "exec/warden.h"

extern char **environ;

enum { GROUPS = 3, WAIT_US = 10 * 1000000 };

/* What the daemon's stand-in tells the test. */
static struct shared {
  volatile pid_t groups[GROUPS];
  volatile pid_t left;
  volatile bool is_ready;
} * shared;

static pid_t spawn_shell(const char *text)
{
  struct error error;
  pid_t pid;
  char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)(uintptr_t)text, NULL};
  struct child_program program = {.argv = argv, .env = environ, .fds = {0, 1, 2}};
  if (child_spawn(&program, &pid, &error))
    _exit(3);
  return pid;
}

static _Noreturn void stand_in(void (*start)(void))
{
  start();
  for (int i = 0; i < GROUPS; i++) {
    shared->groups[i] = spawn_shell("trap '' TERM HUP; sleep 1000 & sleep 1000");
  }
  /* One that is over, but left somebody behind, who is not ours to kill. */
  pid_t pid = spawn_shell("sleep 1000 >/dev/null 2>&1 &");
  waitpid(pid, NULL, 0);
  shared->left = pid;
  warden_report_over(pid);
  shared->is_ready = true;
  for (;;)
    pause();
}

static void wait_for(bool (*check)(void), const char *what)
{
  for (int64_t began_us = clock_monotonic_us(); !check(); usleep(2000))
    if (clock_monotonic_us() - began_us > WAIT_US)
      fail_msg("waited in vain: %s", what);
}

static bool is_ready(void)
{
  return shared->is_ready;
}

/* Zombies do not count: who is to take them may be slow, or not there. */
static bool has_living(pid_t group)
{
  DIR *processes = opendir("/proc");
  bool found = false;
  for (const struct dirent *entry; !found && (entry = readdir(processes));) {
    char path[300], state;
    int of;
    snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
    FILE *file = isdigit((unsigned char)entry->d_name[0]) ? fopen(path, "r") : NULL;
    if (!file)
      continue;
    if (fscanf(file, "%*d (%*[^)]) %c %*d %d", &state, &of) == 2)
      found = of == group && state != 'Z' && state != 'X';
    fclose(file);
  }
  closedir(processes);
  return found;
}

static bool are_gone(void)
{
  bool lives = false;
  for (int i = 0; i < GROUPS; i++)
    lives |= has_living(shared->groups[i]);
  return !lives;
}

static void check_kill(void (*start)(void))
{
  memset(shared, 0, sizeof *shared);
  pid_t pid = fork();
  if (pid == 0)
    stand_in(start);
  wait_for(is_ready, "the commands run");
  for (int i = 0; i < GROUPS; i++)
    assert_true(has_living(shared->groups[i]));
  assert_int_equal(kill(pid, SIGKILL), 0);
  waitpid(pid, NULL, 0);
  wait_for(are_gone, "the groups are killed");
  assert_true(has_living(shared->left));
  kill(-shared->left, SIGKILL);
}

static void start_now(void)
{
  warden_start(NULL);
}

static void kills_what_lives(void **state)
{
  (void)state;
  check_kill(start_now);
}

static void start_later(void)
{
  warden_start_when_needed(NULL);
}

static void starts_when_needed(void **state)
{
  (void)state;
  check_kill(start_later);
}

/* Whoever kills the warden does not harm commands. */
static _Noreturn void run_without(void)
{
  warden_start(NULL);
  signal(SIGPIPE, SIG_IGN);
  char line[64];
  FILE *children = NULL;
  snprintf(line, sizeof line, "/proc/self/task/%d/children", (int)getpid());
  children = fopen(line, "r");
  int warden = 0;
  if (!children || fscanf(children, "%d", &warden) != 1)
    _exit(4);
  fclose(children);
  kill(warden, SIGTERM); /* ignored, if it got that far */
  kill(warden, SIGKILL);
  waitpid(warden, NULL, 0);
  for (int i = 0; i < 2; i++) {
    int status;
    pid_t pid = spawn_shell("exit 7");
    waitpid(pid, &status, 0);
    warden_report_over(pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
      _exit(5);
  }
  _exit(0);
}

static void can_be_missed(void **state)
{
  (void)state;
  int status;
  pid_t pid = fork();
  if (pid == 0)
    run_without();
  waitpid(pid, &status, 0);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kills_what_lives),
      cmocka_unit_test(starts_when_needed),
      cmocka_unit_test(can_be_missed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
