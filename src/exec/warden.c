/* The warden's side and the others'; see warden.h for what it is.
 *
 * A report is one int32 on a pipe, which the kernel takes whole: a group that was begun, or its
 * negative when it is over. The warden keeps a bit for each number that a process can have; of the
 * 512 KiB only the pages that are used exist. It ignores all signals that can be ignored and has a
 * session of its own, so that what ends the daemon (^C, a service manager's TERM, a closed
 * terminal) leaves it to see the pipe's end.
 *
 * The pipe is never waited for: should somebody stop the warden, a command that begins goes
 * unreported, and the ends of others wait here until there is room. A group that is begun in the
 * very moment of the kill is reported before its program is, as the pipe ends only when the child
 * has closed its copy by exec or by its death. */
#include "exec/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

#define TITLE "moonbeat-warden"

enum { GROUP_MAX = 1 << 22, PIPE_FD = 3, REPORTS_PER_READ = 1024 };

static int pipe_fd = -1;
static bool is_wanted;
static char **wanted_argv;
static pthread_once_t started_late = PTHREAD_ONCE_INIT;

/* Ends that found the pipe full. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
  int32_t *reports;
  size_t count, capacity;
  bool is_deaf;
} unsent;

/* ---- in the warden ---- */

static unsigned char living[GROUP_MAX / 8];

static void note(int32_t report)
{
  int32_t group = report < 0 ? -report : report;
  if (group <= 1 || group >= GROUP_MAX)
    return;
  unsigned char bit = (unsigned char)(1u << (group % 8));
  if (report > 0)
    living[group / 8] |= bit;
  else
    living[group / 8] &= (unsigned char)~bit;
}

static void kill_living(void)
{
  for (pid_t group = 0; group < GROUP_MAX; group++)
    if (living[group / 8] & (1u << (group % 8)))
      kill(-group, SIGKILL);
}

/* Leaves the terminal, the signals, the folder and all descriptors but the pipe behind. */
static void withdraw(int fd)
{
  setsid();
  for (int number = 1; number < NSIG; number++)
    signal(number, SIG_IGN); /* fails where it must */
  if (chdir("/") != 0)
    return; /* cannot be; nothing depends on it */
  if (fd != PIPE_FD)
    dup2(fd, PIPE_FD);
  if (syscall(SYS_close_range, PIPE_FD + 1u, ~0u, 0u) != 0)
    for (long other = sysconf(_SC_OPEN_MAX); other > PIPE_FD; other--)
      close((int)other);
  for (int i = 0; i < PIPE_FD; i++)
    close(i);
  if (open("/dev/null", O_RDWR) == 0 && dup2(0, 1) == 1)
    dup2(0, 2);
}

static void set_title(char **argv)
{
  size_t count = 0;
  prctl(PR_SET_NAME, TITLE);
  while (argv && argv[count])
    count++;
  if (count == 0)
    return;
  size_t size = (size_t)(argv[count - 1] + strlen(argv[count - 1]) - argv[0]);
  memset(argv[0], 0, size);
  memcpy(argv[0], TITLE, size < sizeof TITLE ? size : sizeof TITLE);
}

/* System calls only: it may have been forked from among threads. */
static _Noreturn void keep_watch(int fd)
{
  int32_t reports[REPORTS_PER_READ];
  withdraw(fd);
  for (;;) {
    ssize_t size = read(PIPE_FD, reports, sizeof reports);
    if (size < 0 && errno == EINTR)
      continue;
    if (size <= 0)
      break;
    for (size_t i = 0; i < (size_t)size / sizeof reports[0]; i++)
      note(reports[i]);
  }
  kill_living();
  _exit(0);
}

/* ---- beginning ---- */

void warden_start(char **argv)
{
  int ends[2];
  if (pipe_fd >= 0 || pipe2(ends, O_CLOEXEC) != 0)
    return;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  pid_t pid = fork();
  if (pid == 0) {
    set_title(argv);
    keep_watch(ends[0]);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(ends[0]);
  if (pid < 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0)
    close(ends[1]);
  else
    pipe_fd = ends[1];
}

void warden_start_when_needed(char **argv)
{
  is_wanted = true;
  wanted_argv = argv;
}

static void start_late(void)
{
  warden_start(wanted_argv);
}

int warden_descriptor(void)
{
  if (is_wanted)
    pthread_once(&started_late, start_late);
  return pipe_fd;
}

/* ---- reports ---- */

void warden_report_begun(int descriptor, pid_t group)
{
  int32_t report = group;
  if (descriptor < 0 || write(descriptor, &report, sizeof report) >= 0 || errno != EPIPE)
    return;
  /* The signal of a pipe without a reader is pending now, and would end the program. */
  static const struct timespec at_once;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  sigtimedwait(&set, NULL, &at_once);
}

static void keep(int32_t report)
{
  if (unsent.count == unsent.capacity) {
    unsent.capacity = unsent.capacity ? unsent.capacity * 2 : 16;
    unsent.reports = memory_resize(unsent.reports, unsent.capacity * sizeof unsent.reports[0]);
  }
  unsent.reports[unsent.count++] = report;
}

/* SIGPIPE is ignored in processes that have children; see child.c. */
static void send_all(void)
{
  size_t done = 0;
  while (done < unsent.count) {
    if (write(pipe_fd, &unsent.reports[done], sizeof unsent.reports[0]) >= 0) {
      done++;
    } else if (errno == EPIPE) {
      log_warn("the warden was killed: grandchildren of commands would outlive moonbeat");
      unsent.is_deaf = true;
      done = unsent.count;
    } else if (errno != EINTR) {
      break;
    }
  }
  unsent.count -= done;
  memmove(unsent.reports, unsent.reports + done, unsent.count * sizeof unsent.reports[0]);
}

void warden_report_over(pid_t group)
{
  if (pipe_fd < 0)
    return;
  pthread_mutex_lock(&mutex);
  if (!unsent.is_deaf) {
    keep(-group);
    send_all();
  }
  pthread_mutex_unlock(&mutex);
}
