/* A child process on a loop: its input is fed, its output gathered, its end awaited, and it can be
 * ended with all of its process group. On the loop's thread, which must live as long as the child.
 *
 * Output is kept until it is taken. A child whose output nobody takes is slowed down by its full
 * pipe, or its output beyond the limit is dropped (child_drop_output).
 *
 * A child has ended when its process has, with all of its group, and its output is at its end. Who
 * is there of the group CHILD_DRAIN_MS after its process gets TERM, and KILL after the grace. Who
 * has left the group and keeps the pipes open is waited for only CHILD_DRAIN_MS, and lives on. */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/error.h"

enum { CHILD_OUTPUT_MAX = 1 << 20, CHILD_HOLD_SIZE = 256 << 10, CHILD_DRAIN_MS = 250 };

struct child;

struct child_options {
  const char *path; /* of the program; NULL: argv[0] says it */
  char *const *argv;
  char *const *env;
  const char *cwd; /* NULL: the daemon's */
  /* The end of its output is waited for, as long as somebody of its group holds it and the time-out
   * allows. */
  bool awaits_output;
  bool keeps_input;   /* input is written by child_write; else /dev/null */
  int64_t timeout_us; /* 0: none */
  int64_t grace_us;   /* for the time-out, and for what it leaves of its group */
  /* Something happened that child_has_ended(), child_output() or child_is_drained() may show.
   * Never from within another function of this header. */
  void (*changed)(struct child *child, void *context);
  void *context;
};

/* Starts it, or says why not: `cannot run "pg_dmp": No such file or directory`. */
enum error_code child_start(uv_loop_t *loop, const struct child_options *options,
                            struct child **child, struct error *error);

/* Lets go of it: `changed` is not called any more. If it has not ended, its group is killed at
 * once. What is left frees itself, for which the loop must run on. */
void child_release(struct child *child);

/* Queues input. False once the child does not read any more. */
bool child_write(struct child *child, const char *data, size_t size);
void child_end_input(struct child *child); /* after what is queued */
bool child_is_drained(const struct child *child);

/* stream is 1 or 2. The buffer is the child's, the caller may take its contents out. child_resume
 * must follow when the child was held. */
struct buffer *child_output(struct child *child, int stream);
bool child_was_truncated(const struct child *child);
/* From now on, what is beyond CHILD_OUTPUT_MAX. */
void child_drop_output(struct child *child);
void child_resume(struct child *child);
void child_close_output(struct child *child, int stream); /* nobody will read it */

/* TERM to the group, and KILL after the grace; at once when it is 0. May be called again. */
void child_kill(struct child *child, int64_t grace_us);

/* KILL to the groups of all that are on the loop and have not ended. On its thread. */
void child_kill_all(const uv_loop_t *loop);

bool child_has_ended(const struct child *child);
/* After its end: its exit status, or the signal that ended it (then status is -1). */
int child_status(const struct child *child);
int child_signal(const struct child *child);
bool child_timed_out(const struct child *child);

/* After its end: what its process has used, and those that it has waited for. */
struct child_usage {
  int64_t cpu_us;
  int64_t memory_bytes; /* the most that one of them has held */
};
const struct child_usage *child_usage(const struct child *child);

#endif
