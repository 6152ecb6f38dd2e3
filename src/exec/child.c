/* A child on a loop; see child.h for what it is.
 *
 * Each pipe is a bare fd under uv_poll, so that at the child's end what lies in the pipes is simply
 * read until there is no more. The end itself is seen through a pidfd: no SIGCHLD handler, which
 * belongs to whole processes, and no wait for pids that are not ours.
 *
 * A life: RUNNING, perhaps TERMINATING (TERM was sent, KILL follows), then the process is reaped
 * and the child is LINGERING until its pipes end or some time is over (after a TERM: until its
 * group is empty or the grace is over), then ENDED. One timer serves all of it, since each state
 * waits for one thing at most. Between reaping and KILL the group's number could in theory pass to
 * a new group; pids go round too slowly for that to happen within a grace. */
#include "exec/child.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "exec/child_group.h"
#include "exec/child_roll.h"
#include "exec/child_spawn.h"
#include "exec/warden.h"

enum {
  READ_SIZE = 64 << 10,
  READS_PER_TURN = 16, /* so that a child that never stops writing leaves the loop to others */
  PROBE_MS = 20,       /* before the first look whether a group lives; between looks for an end */
};

enum state { RUNNING, TERMINATING, LINGERING, ENDED };

struct stream {
  struct child *child;
  uv_poll_t poll;
  int fd; /* -1: closed */
  bool is_held;
  struct buffer data;
};

struct child {
  void (*changed)(struct child *child, void *context); /* NULL: released */
  void *context;
  uv_loop_t *loop;
  pid_t pid;
  struct roll_entry roll;
  enum state state;
  bool was_terminated, timed_out, was_truncated, input_ends, is_drop;
  int wait_status;
  int64_t grace_us;
  uint64_t deadline_ms; /* of the group after TERM, by uv_now */
  uint64_t probe_ms;    /* until the next look whether the group lives */
  int pidfd;
  int open_handles;
  uv_poll_t exit_poll;
  uv_timer_t exit_timer; /* in place of exit_poll on systems without pidfd */
  uv_timer_t timer;
  struct stream streams[3];
};

/* ---- handles ---- */

static void free_when_closed(struct child *child)
{
  if (child->open_handles > 0 || child->changed || child->state != ENDED)
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

static void own_handle(struct child *child, void *handle)
{
  ((uv_handle_t *)handle)->data = child;
  child->open_handles++;
}

static void close_handle(void *handle)
{
  if (!uv_is_closing(handle))
    uv_close(handle, on_closed);
}

static void close_stream(struct stream *stream)
{
  if (stream->fd < 0)
    return;
  close_handle(&stream->poll);
  close(stream->fd);
  stream->fd = -1;
  stream->is_held = false;
}

static void tell(struct child *child)
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
static void on_readable(uv_poll_t *poll, int status, int events);
static bool read_stream(struct stream *stream);

static void kill_group(const struct child *child, int number)
{
  kill(-child->pid, number); /* nobody left is fine */
}

static void finish(struct child *child)
{
  child->state = ENDED;
  warden_report_over(child->pid);
  for (int i = 0; i < 3; i++)
    close_stream(&child->streams[i]);
  close_handle(&child->timer);
  tell(child);
  free_when_closed(child);
}

static bool has_output(const struct child *child)
{
  return child->streams[1].fd >= 0 || child->streams[2].fd >= 0;
}

/* LINGERING: ends, or looks again later. */
static void linger(struct child *child)
{
  if (child->was_terminated) {
    if (!child_group_lives(child->pid)) {
      child->was_terminated = false;
    } else if (uv_now(child->loop) < child->deadline_ms) {
      uint64_t left_ms = child->deadline_ms - uv_now(child->loop);
      child->probe_ms = child->probe_ms ? child->probe_ms * 2 : PROBE_MS;
      uv_timer_start(&child->timer, on_timer, child->probe_ms < left_ms ? child->probe_ms : left_ms,
                     0);
      return;
    } else {
      kill_group(child, SIGKILL);
      child->was_terminated = false;
    }
    if (has_output(child)) {
      uv_timer_start(&child->timer, on_timer, PROBE_MS, 0);
      return;
    }
  }
  if (child->streams[1].is_held || child->streams[2].is_held)
    uv_timer_start(&child->timer, on_timer, CHILD_DRAIN_MS, 0);
  else
    finish(child);
}

static void begin_linger(struct child *child)
{
  child->state = LINGERING;
  for (int i = 1; i < 3; i++)
    read_stream(&child->streams[i]);
  close_stream(&child->streams[0]);
  if (child->was_terminated || !has_output(child))
    linger(child);
  else
    uv_timer_start(&child->timer, on_timer, CHILD_DRAIN_MS, 0);
}

/* Reaps the process if it has ended. */
static bool reap(struct child *child)
{
  pid_t pid = child_roll_reap(&child->roll, &child->wait_status);
  if (pid == 0)
    return false;
  if (pid < 0)
    child->wait_status = 255 << 8; /* somebody else took it: the status is lost */
  close_handle(child->pidfd >= 0 ? (void *)&child->exit_poll : (void *)&child->exit_timer);
  if (child->pidfd >= 0)
    close(child->pidfd);
  begin_linger(child);
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
    own_handle(child, &child->exit_poll);
    uv_poll_start(&child->exit_poll, UV_READABLE, on_exit_poll);
    return;
  }
  if (child->pidfd >= 0)
    close(child->pidfd);
  child->pidfd = -1;
  uv_timer_init(child->loop, &child->exit_timer);
  own_handle(child, &child->exit_timer);
  uv_timer_start(&child->exit_timer, on_exit_timer, PROBE_MS, PROBE_MS);
}

void child_kill(struct child *child, int64_t grace_us)
{
  if (child->state == ENDED)
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
  if (child->state == RUNNING)
    child->state = TERMINATING;
  uint64_t now_ms = uv_now(child->loop);
  uint64_t delay_ms = child->deadline_ms > now_ms ? child->deadline_ms - now_ms : 0;
  uv_timer_start(&child->timer, on_timer, child->state == LINGERING ? 0 : delay_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
  struct child *child = timer->data;
  switch (child->state) {
  case RUNNING:
    child->timed_out = true;
    child_kill(child, child->grace_us);
    break;
  case TERMINATING: /* the grace is over; the end comes through the pidfd */
    kill_group(child, SIGKILL);
    break;
  case LINGERING:
    linger(child);
    break;
  case ENDED:
    break;
  }
}

/* ---- output ---- */

static void keep(struct stream *stream, const char *bytes, size_t size)
{
  struct child *child = stream->child;
  if (!child->changed)
    return;
  if (child->is_drop && stream->data.size + size > CHILD_OUTPUT_MAX) {
    size = stream->data.size < CHILD_OUTPUT_MAX ? CHILD_OUTPUT_MAX - stream->data.size : 0;
    child->was_truncated = true;
  }
  buffer_append(&stream->data, bytes, size);
}

/* Whether there was anything new, the end included. */
static bool read_stream(struct stream *stream)
{
  char bytes[READ_SIZE];
  bool has_news = false;
  for (int i = 0; i < READS_PER_TURN && stream->fd >= 0; i++) {
    if (!stream->child->is_drop && stream->data.size >= CHILD_HOLD_SIZE) {
      uv_poll_stop(&stream->poll);
      stream->is_held = true;
      break;
    }
    ssize_t size = read(stream->fd, bytes, sizeof bytes);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0 && errno == EAGAIN)
      break;
    has_news = true;
    if (size <= 0)
      close_stream(stream);
    else
      keep(stream, bytes, (size_t)size);
    if (size < (ssize_t)sizeof bytes && stream->child->state == RUNNING)
      break; /* most likely empty now: saves a call */
  }
  return has_news;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
  (void)events;
  struct child *child = poll->data;
  struct stream *stream = &child->streams[poll == &child->streams[1].poll ? 1 : 2];
  if (status < 0)
    close_stream(stream);
  else if (!read_stream(stream))
    return;
  if (child->state == LINGERING && !child->was_terminated && !has_output(child))
    finish(child);
  else
    tell(child);
}

struct buffer *child_output(struct child *child, int stream)
{
  return &child->streams[stream].data;
}

bool child_was_truncated(const struct child *child)
{
  return child->was_truncated;
}

void child_set_overflow(struct child *child, enum child_overflow overflow)
{
  child->is_drop = overflow == CHILD_DROP;
  child_resume(child);
}

void child_resume(struct child *child)
{
  for (int i = 1; i < 3; i++) {
    struct stream *stream = &child->streams[i];
    if (stream->is_held && (child->is_drop || stream->data.size < CHILD_HOLD_SIZE)) {
      stream->is_held = false;
      uv_poll_start(&stream->poll, UV_READABLE, on_readable);
    }
  }
}

void child_close_output(struct child *child, int stream)
{
  close_stream(&child->streams[stream]);
}

/* ---- input ---- */

static void on_writable(uv_poll_t *poll, int status, int events);

/* Writes what the pipe takes. */
static void feed(struct child *child)
{
  struct stream *input = &child->streams[0];
  size_t done = 0;
  while (input->fd >= 0 && done < input->data.size) {
    ssize_t size = write(input->fd, input->data.data + done, input->data.size - done);
    if (size > 0) {
      done += (size_t)size;
    } else if (errno == EAGAIN) {
      buffer_remove_front(&input->data, done);
      uv_poll_start(&input->poll, UV_WRITABLE, on_writable);
      return;
    } else if (errno != EINTR) {
      close_stream(input); /* nobody reads any more */
    }
  }
  buffer_clear(&input->data);
  if (child->input_ends)
    close_stream(input);
  else if (input->fd >= 0)
    uv_poll_stop(&input->poll);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
  (void)events;
  struct child *child = poll->data;
  if (status < 0) {
    close_stream(&child->streams[0]);
    buffer_clear(&child->streams[0].data);
  } else {
    feed(child);
  }
  if (child_is_drained(child))
    tell(child);
}

bool child_write(struct child *child, const char *data, size_t size)
{
  struct stream *input = &child->streams[0];
  if (input->fd < 0 || child->input_ends)
    return false;
  bool was_empty = input->data.size == 0;
  buffer_append(&input->data, data, size);
  if (was_empty)
    feed(child);
  return input->fd >= 0;
}

void child_end_input(struct child *child)
{
  child->input_ends = true;
  if (child->streams[0].data.size == 0)
    close_stream(&child->streams[0]);
}

bool child_is_drained(const struct child *child)
{
  return child->streams[0].fd < 0 || child->streams[0].data.size == 0;
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
  child->loop = loop;
  uv_timer_init(loop, &child->timer);
  own_handle(child, &child->timer);
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
  child->state = ENDED;
  for (int i = 0; i < 3; i++)
    close_stream(&child->streams[i]);
  close_handle(&child->timer);
}

/* Takes the descriptors over, those up to a failure, whose number it returns. */
static int watch_streams(struct child *child, int fds[3])
{
  for (int i = 0; i < 3; i++) {
    struct stream *stream = &child->streams[i];
    if (fds[i] < 0)
      continue;
    int result = uv_poll_init(child->loop, &stream->poll, fds[i]);
    if (result < 0)
      return -result;
    stream->fd = fds[i];
    fds[i] = -1;
    own_handle(child, &stream->poll);
    if (i > 0)
      uv_poll_start(&stream->poll, UV_READABLE, on_readable);
  }
  return 0;
}

static void begin(struct child *child, pid_t pid, int64_t timeout_us)
{
  child->pid = pid;
  child_roll_enter(&child->roll, child->loop, pid);
  watch_exit(child);
  if (timeout_us > 0) {
    uv_update_time(child->loop);
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
    failure = watch_streams(child, ours);
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
  if (child->state == RUNNING || child->state == TERMINATING || child->was_terminated)
    child_kill(child, 0);
  if (child->state == RUNNING || child->state == TERMINATING) {
    for (int i = 0; i < 3; i++)
      close_stream(&child->streams[i]);
  } else if (child->state == LINGERING) {
    finish(child);
    return;
  }
  free_when_closed(child);
}

bool child_has_ended(const struct child *child)
{
  return child->state == ENDED;
}

int child_status(const struct child *child)
{
  return WIFEXITED(child->wait_status) ? WEXITSTATUS(child->wait_status) : -1;
}

int child_signal(const struct child *child)
{
  return WIFSIGNALED(child->wait_status) ? WTERMSIG(child->wait_status) : 0;
}

bool child_timed_out(const struct child *child)
{
  return child->timed_out;
}
