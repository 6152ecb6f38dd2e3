/* vfork and exec; see child_spawn.h.
 *
 * Between vfork and exec the child runs in the parent's memory while the calling thread stands
 * still. So all that needs memory (looking up the path, the argument list for a shell) is done
 * before, and the child makes system calls only. Signals are blocked around it: a handler of the
 * parent must not run in the child. A failure comes back as stage and errno through a pipe that
 * exec closes, so it works also where vfork is a fork (ThreadSanitizer).
 *
 * The child gets: a process group of its own, default signal actions, no signal blocked, fds 0 to 2
 * and no others, and SIGKILL when the thread that started it ends. */
#include "exec/child_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/memory.h"
#include "exec/warden.h"

enum stage { STAGE_SETUP, STAGE_CWD, STAGE_EXEC };

struct report {
  enum stage stage;
  int system_errno;
};

/* All that the child needs, ready made. */
struct plan {
  const struct child_program *program;
  char *path;        /* of the program */
  char **shell_argv; /* for a script without #!, as shells do it */
  pid_t parent;
  int report_fd;
  int warden; /* as warden_descriptor() says */
};

static _Noreturn void fail_child(const struct plan *plan, enum stage stage)
{
  struct report report = {stage, errno};
  ssize_t written = write(plan->report_fd, &report, sizeof report);
  _exit(written < 0 ? 126 : 127);
}

static void reset_signals(void)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; number++)
    sigaction(number, &action, NULL); /* fails for those that have no action to change */
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts the three fds in their places even where one stands in another's. */
static void place_fds(const struct plan *plan)
{
  int fds[3];
  for (int i = 0; i < 3; i++) {
    fds[i] = plan->program->fds[i];
    if (fds[i] <= 2 && (fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3)) < 0)
      fail_child(plan, STAGE_SETUP);
  }
  for (int i = 0; i < 3; i++)
    if (dup2(fds[i], i) < 0)
      fail_child(plan, STAGE_SETUP);
  /* Should any fd of the process lack O_CLOEXEC. Old kernels do not know the call. */
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
}

static _Noreturn __attribute__((noinline)) void run_child(const struct plan *plan)
{
  const struct child_program *program = plan->program;
  if (setpgid(0, 0) < 0)
    fail_child(plan, STAGE_SETUP);
  warden_report_begun(plan->warden, getpid());
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
    fail_child(plan, STAGE_SETUP);
  if (getppid() != plan->parent) /* ended before the death signal was set */
    _exit(127);
  place_fds(plan);
  if (program->cwd && chdir(program->cwd) < 0)
    fail_child(plan, STAGE_CWD);
  reset_signals();
  descriptors_restore();
  execve(plan->path, program->argv, program->env);
  if (errno == ENOEXEC)
    execve("/bin/sh", plan->shell_argv, program->env);
  fail_child(plan, STAGE_EXEC);
}

static const char *find_variable(char *const *env, const char *name)
{
  size_t size = strlen(name);
  for (; *env; env++)
    if (strncmp(*env, name, size) == 0 && (*env)[size] == '=')
      return *env + size + 1;
  return NULL;
}

static bool is_program(const char *path)
{
  struct stat stat_of;
  return stat(path, &stat_of) == 0 && S_ISREG(stat_of.st_mode) && access(path, X_OK) == 0;
}

/* Where the program is. A name that is nowhere is returned as it stands when it holds a "/", so
 * that exec says what is wrong with it; else NULL. */
static char *find_program(const char *name, char *const *env)
{
  if (strchr(name, '/'))
    return memory_strdup(name);
  const char *path = find_variable(env, "PATH");
  if (!path)
    path = "/usr/local/bin:/usr/bin:/bin";
  while (*name) {
    size_t size = strcspn(path, ":");
    char *candidate =
        size ? memory_printf("%.*s/%s", (int)size, path, name) : memory_printf("./%s", name);
    if (is_program(candidate))
      return candidate;
    free(candidate);
    if (!path[size])
      break;
    path += size + 1;
  }
  return NULL;
}

static char **make_shell_argv(char *const *argv, char *path)
{
  size_t count = 0;
  while (argv[count])
    count++;
  char **shell_argv = memory_alloc((count + 2) * sizeof *shell_argv);
  shell_argv[0] = (char *)"/bin/sh";
  shell_argv[1] = path;
  memcpy(shell_argv + 2, argv + 1, count * sizeof *argv); /* the NULL too */
  return shell_argv;
}

/* Apart from its caller, whose variables vfork would clobber. */
static __attribute__((noinline)) pid_t start_child(const struct plan *plan)
{
  pid_t pid = vfork();
  if (pid == 0)
    run_child(plan);
  return pid;
}

/* Whether the child reported a failure. */
static bool read_report(int fd, struct report *report)
{
  ssize_t size;
  do
    size = read(fd, report, sizeof *report);
  while (size < 0 && errno == EINTR);
  return size == (ssize_t)sizeof *report;
}

static enum error_code describe(const struct child_program *program, const struct report *report,
                                struct error *error)
{
  int number = report->system_errno;
  enum error_code code = number == EAGAIN ? ERROR_LIMIT : error_from_errno(number);
  if (report->stage == STAGE_CWD)
    return error_set_errno(error, code, number, "cannot run \"%s\" in %s", program->argv[0],
                           program->cwd);
  return error_set_errno(error, code, number, "cannot run \"%s\"", program->argv[0]);
}

static enum error_code spawn(struct plan *plan, pid_t *pid, struct error *error)
{
  int report_fds[2];
  struct report report = {STAGE_SETUP, 0};
  sigset_t all, before;
  if (pipe2(report_fds, O_CLOEXEC) < 0) {
    report.system_errno = errno;
    return describe(plan->program, &report, error);
  }
  /* Above 2, where the child's own fds go. */
  if (report_fds[1] <= 2) {
    int moved = fcntl(report_fds[1], F_DUPFD_CLOEXEC, 3);
    close(report_fds[1]);
    report_fds[1] = moved;
  }
  plan->report_fd = report_fds[1];
  plan->parent = getpid();
  plan->warden = warden_descriptor();
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  *pid = start_child(plan);
  report.system_errno = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(report_fds[1]);
  bool has_failed = *pid < 0 || read_report(report_fds[0], &report);
  close(report_fds[0]);
  if (!has_failed)
    return ERROR_OK;
  if (*pid > 0) {
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {
    }
    warden_report_over(*pid);
  }
  return describe(plan->program, &report, error);
}

enum error_code child_spawn(const struct child_program *program, pid_t *pid, struct error *error)
{
  struct plan plan = {.program = program};
  struct report missing = {STAGE_EXEC, ENOENT};
  plan.path =
      program->path ? memory_strdup(program->path) : find_program(program->argv[0], program->env);
  if (!plan.path)
    return describe(program, &missing, error);
  plan.shell_argv = make_shell_argv(program->argv, plan.path);
  enum error_code code = spawn(&plan, pid, error);
  free(plan.shell_argv);
  free(plan.path);
  return code;
}
