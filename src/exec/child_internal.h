/* What the files of a child share: child.c (its process, from the beginning to the end) and
 * child_pipe.c (its input and output). Private to those. */
#ifndef EXEC_CHILD_INTERNAL_H
#define EXEC_CHILD_INTERNAL_H

#include <sys/queue.h>
#include <sys/types.h>

#include "exec/child.h"
#include "exec/child_roll.h"

enum child_state { CHILD_RUNNING, CHILD_TERMINATING, CHILD_LINGERING, CHILD_ENDED };

struct child_stream {
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
  enum child_state state;
  bool was_terminated, timed_out;
  bool has_left; /* somebody of its group, who may go by himself for a moment */
  bool was_truncated, input_ends, is_drop; /* the pipes */
  bool awaits_output;
  int wait_status;
  struct child_usage usage;
  int64_t grace_us;
  uint64_t deadline_ms;           /* of the group after TERM, or before it if has_left; by uv_now */
  uint64_t timeout_ms;            /* when its time-out is, by uv_now; 0: it has none */
  uint64_t probe_ms;              /* until the next look whether the group lives */
  int64_t lingers_since_us;       /* monotonic */
  bool was_killed, is_group_dead; /* the group, while it lingers */
  int pidfd;
  int open_handles;
  uv_poll_t exit_poll;
  uv_timer_t exit_timer; /* in place of exit_poll on systems without pidfd */
  uv_timer_t timer;
  struct child_stream streams[3];
  LIST_ENTRY(child) link;
};

/* ---- child.c ---- */

void child_own_handle(struct child *child, void *handle);
void child_close_handle(void *handle);
void child_tell(struct child *child);
/* The end of its life, when its process is gone and no more output is waited for. */
void child_finish(struct child *child);

/* ---- child_pipe.c ---- */

/* Takes the descriptors over, those up to a failure, whose number it returns. */
int child_watch_streams(struct child *child, int fds[3]);
void child_close_stream(struct child_stream *stream);
/* Whether there was anything new, the end included. */
bool child_read_stream(struct child_stream *stream);
bool child_has_output(const struct child *child);

#endif
