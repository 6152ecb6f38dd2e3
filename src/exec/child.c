/* A child on a loop; see child.h for what it is.
 *
 * The end is seen through a pidfd: no SIGCHLD handler, which belongs to whole processes, and no
 * wait for pids that are not ours. Each pipe (child_pipe.c) is a bare fd under uv_poll, so that at
 * the end what lies in the pipes is simply read until there is no more.
 *
 * A life: RUNNING, perhaps TERMINATING (TERM was sent, KILL follows), then the process is reaped
 * and the child is LINGERING until its group is empty and its pipes end, or some time is over, then
 * ENDED. Who is left of a group whose process ends by itself gets TERM as well, and KILL when the
 * grace is over: a run that has ended has nothing at work. Before that there is a moment, in which
 * who was about to end, or to leave the group by setsid(2), can do so; where its output is awaited,
 * the moment lasts as long as the group holds the pipes. One timer serves all of it, since each
 * state waits for one thing at most. Between reaping and KILL the group's number could in theory
 * pass to a new group; pids go round too slowly for that to happen within a grace.
 */
#include "exec/child_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "exec/child_group.h"
#include "exec/child_spawn.h"
#include "exec/warden.h"

enum {
  PROBE_MS = 20, /* before the first look whether a group lives; between looks for an end */
  KILLED_PROBE_MS = 1,
};

/* Of this thread, those that have not ended. */
static _Thread_local LIST_HEAD(, child) children;

/* ---- handles ---- */

static void free_when_closed(struct child *child)
{
  if (child->open_handles > 0 || child->changed || child->state != CHILD_ENDED)
    return;
  for (int i = 0; i < 3; i++)
    buffer_deinit(&child->streams[i].data);
  free(child);
}

static void on_closed(uv_handle_t *handle)
{
  struct child *child = handle->data;
  child->open_handles--;
  free_when_closed(child);
}

void child_own_handle(struct child *child, void *handle)
{
  ((uv_handle_t *)handle)->data = child;
  child->open_handles++;
}

void child_close_handle(void *handle)
{
  if (!uv_is_closing(handle))
    uv_close(handle, on_closed);
}

void child_tell(struct child *child)
{
  if (child->changed)
    child->changed(child, child->context);
}

static uint64_t to_ms(int64_t us)
{
  return (uint64_t)us / 1000 + (us % 1000 != 0);
}

/* ---- the end ---- */

static void on_timer(uv_timer_t *timer);
static void kill_group(const struct child *child, int number)
{
  kill(-child->pid, number); /* nobody left is fine */
}

void child_finish(struct child *child)
{
  child->state = CHILD_ENDED;
  child->was_truncated |= child_has_output(child); /* who has left the group may write on */
  LIST_REMOVE(child, link);
  warden_report_over(child->pid);
  for (int i = 0; i < 3; i++)
    child_close_stream(&child->streams[i]);
  child_close_handle(&child->timer);
  child_tell(child);
  free_when_closed(child);
}

/* Those whose groups were waited for, and in which nobody lives any more. */
static void on_groups(const struct child_groups *groups)
{
  struct child *next;
  for (struct child *child = LIST_FIRST(&children); child; child = next) {
    next = LIST_NEXT(child, link);
    bool is_awaited = child->was_terminated || child->has_left;
    if (child->state != CHILD_LINGERING || !is_awaited ||
        child->lingers_since_us > child_groups_time_us(groups) ||
        child_groups_have(groups, child->pid))
      continue;
    child->is_group_dead = true;
    uv_timer_start(&child->timer, on_timer, 0, 0); /* its end may change this list */
  }
}

/* After a TERM: false when nobody is left of the group, or somebody whom the kernel does not let go
 * of. Else looks again: ever more rarely, during the grace and from the KILL on. */
static bool await_group(struct child *child)
{
  uint64_t now_ms = uv_now(child->loop);
  if (child->is_group_dead || child_group_is_empty(child->pid) ||
      now_ms >= child->deadline_ms + CHILD_DRAIN_MS)
    return false;
  uint64_t left_ms = CHILD_DRAIN_MS, first_ms = KILLED_PROBE_MS;
  if (now_ms < child->deadline_ms) {
    left_ms = child->deadline_ms - now_ms;
    first_ms = PROBE_MS;
  } else {
    kill_group(child, SIGKILL);
    if (!child->was_killed)
      child->probe_ms = 0;
    child->was_killed = true;
  }
  child->probe_ms = child->probe_ms ? child->probe_ms * 2 : first_ms;
  child_groups_look(child->loop, on_groups);
  uv_timer_start(&child->timer, on_timer, child->probe_ms < left_ms ? child->probe_ms : left_ms, 0);
  return true;
}

/* How long to leave alone whom the process has left behind, and then to look again; 0: no longer.
 */
static uint64_t patience_ms(struct child *child)
{
  uint64_t now_ms = uv_now(child->loop), left_ms = CHILD_DRAIN_MS;
  if (now_ms < child->deadline_ms)
    return PROBE_MS;
  if (!child->awaits_output || !child_has_output(child))
    return 0;
  if (child->timeout_ms > 0) {
    left_ms = child->timeout_ms > now_ms ? child->timeout_ms - now_ms : 0;
    child->timed_out = left_ms == 0;
  }
  return left_ms < CHILD_DRAIN_MS ? left_ms : CHILD_DRAIN_MS;
}

/* Its process ended by itself and has left somebody: whether they have that moment still, or write
 * what is waited for. */
static bool await_leaving(struct child *child)
{
  child->has_left = !child->is_group_dead && !child_group_is_empty(child->pid);
  if (!child->has_left && !child_has_output(child))
    return false;
  uint64_t delay_ms = child->has_left ? patience_ms(child) : CHILD_DRAIN_MS;
  if (delay_ms == 0) {
    child_kill(child, child->grace_us);
    return true;
  }
  if (child->has_left)
    child_groups_look(child->loop, on_groups);
  uv_timer_start(&child->timer, on_timer, delay_ms, 0);
  return true;
}

/* CHILD_LINGERING: ends, or looks again later. */
static void linger(struct child *child)
{
  if (child->has_left && await_leaving(child))
    return;
  if (child->was_terminated) {
    if (await_group(child))
      return;
    child->was_terminated = false;
    if (child_has_output(child)) {
      uv_timer_start(&child->timer, on_timer, PROBE_MS, 0);
      return;
    }
  }
  if (child->streams[1].is_held || child->streams[2].is_held)
    uv_timer_start(&child->timer, on_timer, CHILD_DRAIN_MS, 0);
  else
    child_finish(child);
}

static void begin_linger(struct child *child)
{
  child->state = CHILD_LINGERING;
  child->lingers_since_us = clock_monotonic_us();
  for (int i = 1; i < 3; i++)
    child_read_stream(&child->streams[i]);
  child_close_stream(&child->streams[0]);
  child->has_left = !child->was_terminated && !child_group_is_empty(child->pid);
  if (child->has_left) {
    child->deadline_ms = uv_now(child->loop) + CHILD_DRAIN_MS;
    uv_timer_start(&child->timer, on_timer, PROBE_MS, 0);
  } else if (child->was_terminated || !child_has_output(child)) {
    linger(child);
  } else {
    uv_timer_start(&child->timer, on_timer, CHILD_DRAIN_MS, 0);
  }
}

static int64_t to_us(const struct timeval *time)
{
  return (int64_t)time->tv_sec * 1000000 + time->tv_usec;
}

/* Reaps the process if it has ended. */
static bool reap(struct child *child)
{
  struct rusage used = {0};
  pid_t pid = child_roll_reap(&child->roll, &child->wait_status, &used);
  if (pid == 0)
    return false;
  if (pid < 0)
    child->wait_status = 255 << 8; /* somebody else took it: the status is lost */
  child->usage.cpu_us = to_us(&used.ru_utime) + to_us(&used.ru_stime);
  child->usage.memory_bytes = (int64_t)used.ru_maxrss << 10;
  child_close_handle(child->pidfd >= 0 ? (void *)&child->exit_poll : (void *)&child->exit_timer);
  if (child->pidfd >= 0)
    close(child->pidfd);
  begin_linger(child);
  if (child->state == CHILD_LINGERING)
    child_tell(child); /* who may let go of it */
  return true;
}

static void on_exit_poll(uv_poll_t *poll, int status, int events)
{
  (void)status, (void)events;
  reap(poll->data);
}

static void on_exit_timer(uv_timer_t *timer)
{
  reap(timer->data);
}

static void watch_exit(struct child *child)
{
  child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0); /* close-on-exec by itself */
  if (child->pidfd >= 0 && uv_poll_init(child->loop, &child->exit_poll, child->pidfd) == 0) {
    child_own_handle(child, &child->exit_poll);
    uv_poll_start(&child->exit_poll, UV_READABLE, on_exit_poll);
    return;
  }
  if (child->pidfd >= 0)
    close(child->pidfd);
  child->pidfd = -1;
  uv_timer_init(child->loop, &child->exit_timer);
  child_own_handle(child, &child->exit_timer);
  uv_timer_start(&child->exit_timer, on_exit_timer, PROBE_MS, PROBE_MS);
}

void child_kill(struct child *child, int64_t grace_us)
{
  if (child->state == CHILD_ENDED)
    return;
  uv_update_time(child->loop);
  if (grace_us <= 0)
    kill_group(child, SIGKILL);
  else if (!child->was_terminated)
    kill_group(child, SIGTERM);
  uint64_t deadline_ms = uv_now(child->loop) + (grace_us <= 0 ? 0 : to_ms(grace_us));
  if (!child->was_terminated || deadline_ms < child->deadline_ms)
    child->deadline_ms = deadline_ms;
  child->was_terminated = true;
  child->has_left = false;
  if (child->state == CHILD_RUNNING)
    child->state = CHILD_TERMINATING;
  uint64_t now_ms = uv_now(child->loop);
  uint64_t delay_ms = child->deadline_ms > now_ms ? child->deadline_ms - now_ms : 0;
  uv_timer_start(&child->timer, on_timer, child->state == CHILD_LINGERING ? 0 : delay_ms, 0);
}

void child_kill_all(const uv_loop_t *loop)
{
  struct child *child;
  LIST_FOREACH(child, &children, link)
    if (child->loop == loop)
      child_kill(child, 0);
}

static void on_timer(uv_timer_t *timer)
{
  struct child *child = timer->data;
  switch (child->state) {
  case CHILD_RUNNING:
    child->timed_out = true;
    child_kill(child, child->grace_us);
    break;
  case CHILD_TERMINATING: /* the grace is over; the end comes through the pidfd */
    kill_group(child, SIGKILL);
    break;
  case CHILD_LINGERING:
    linger(child);
    break;
  case CHILD_ENDED:
    break;
  }
}

/* ---- the beginning ---- */

/* Writing to a child that reads no more must be an error and not a signal; and where children are
 * ignored (a shell's `trap '' CHLD` is inherited) their status would be lost. */
static void prepare_signals(void)
{
  struct sigaction action;
  if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
    signal(SIGPIPE, SIG_IGN);
  if (sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
    signal(SIGCHLD, SIG_DFL);
}

/* ours[i] and theirs[i] are the two ends for the child's fd i; ours[0] is -1 without input. */
static int open_fds(bool keeps_input, int ours[3], int theirs[3])
{
  for (int i = 0; i < 3; i++) {
    int ends[2];
    if (i == 0 && !keeps_input) {
      if ((theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        return errno;
      continue;
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
      return errno;
    ours[i] = ends[i == 0 ? 1 : 0];
    theirs[i] = ends[i == 0 ? 0 : 1];
    if (fcntl(ours[i], F_SETFL, O_NONBLOCK) < 0)
      return errno;
  }
  return 0;
}

static void close_fds(const int fds[3])
{
  for (int i = 0; i < 3; i++)
    if (fds[i] >= 0)
      close(fds[i]);
}

static struct child *create(uv_loop_t *loop, const struct child_options *options)
{
  struct child *child = memory_alloc(sizeof *child);
  child->changed = options->changed;
  child->context = options->context;
  child->grace_us = options->grace_us;
  child->awaits_output = options->awaits_output;
  child->loop = loop;
  uv_timer_init(loop, &child->timer);
  child_own_handle(child, &child->timer);
  for (int i = 0; i < 3; i++) {
    child->streams[i].child = child;
    child->streams[i].fd = -1;
  }
  return child;
}

/* One that has no process. */
static void discard(struct child *child)
{
  child->changed = NULL;
  child->state = CHILD_ENDED;
  for (int i = 0; i < 3; i++)
    child_close_stream(&child->streams[i]);
  child_close_handle(&child->timer);
}

static void begin(struct child *child, pid_t pid, int64_t timeout_us)
{
  child->pid = pid;
  LIST_INSERT_HEAD(&children, child, link);
  child_roll_enter(&child->roll, child->loop, pid);
  watch_exit(child);
  if (timeout_us > 0) {
    uv_update_time(child->loop);
    child->timeout_ms = uv_now(child->loop) + to_ms(timeout_us);
    uv_timer_start(&child->timer, on_timer, to_ms(timeout_us), 0);
  }
}

/* With all its descriptors watched, so that no process begins whose end or output nobody hears. */
static enum error_code start(struct child *child, const struct child_options *options, int ours[3],
                             int theirs[3], struct error *error)
{
  pid_t pid;
  int failure = open_fds(options->keeps_input, ours, theirs);
  if (!failure)
    failure = child_watch_streams(child, ours);
  if (failure)
    return error_set_errno(error, ERROR_LIMIT, failure, "cannot run \"%s\"", options->argv[0]);
  struct child_program program = {.path = options->path,
                                  .argv = options->argv,
                                  .env = options->env,
                                  .cwd = options->cwd,
                                  .fds = {theirs[0], theirs[1], theirs[2]}};
  enum error_code code = child_spawn(&program, &pid, error);
  if (!code)
    begin(child, pid, options->timeout_us);
  return code;
}

enum error_code child_start(uv_loop_t *loop, const struct child_options *options,
                            struct child **child, struct error *error)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  int ours[3] = {-1, -1, -1}, theirs[3] = {-1, -1, -1};
  pthread_once(&once, prepare_signals);
  struct child *fresh = create(loop, options);
  enum error_code code = start(fresh, options, ours, theirs, error);
  close_fds(theirs);
  close_fds(ours);
  if (code)
    discard(fresh);
  else
    *child = fresh;
  return code;
}

void child_release(struct child *child)
{
  child->changed = NULL;
  if (child->state == CHILD_RUNNING || child->state == CHILD_TERMINATING || child->was_terminated ||
      child->has_left)
    child_kill(child, 0);
  if (child->state == CHILD_RUNNING || child->state == CHILD_TERMINATING) {
    for (int i = 0; i < 3; i++)
      child_close_stream(&child->streams[i]);
  } else if (child->state == CHILD_LINGERING) {
    child_finish(child);
    return;
  }
  free_when_closed(child);
}

bool child_has_ended(const struct child *child)
{
  return child->state == CHILD_ENDED;
}

int child_status(const struct child *child)
{
  return WIFEXITED(child->wait_status) ? WEXITSTATUS(child->wait_status) : -1;
}

int child_signal(const struct child *child)
{
  return WIFSIGNALED(child->wait_status) ? WTERMSIG(child->wait_status) : 0;
}

const struct child_usage *child_usage(const struct child *child)
{
  return &child->usage;
}

bool child_timed_out(const struct child *child)
{
  return child->timed_out;
}
