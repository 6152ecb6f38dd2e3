/* Loops, mailboxes and threads are made at the start or never, of descriptors and memory that the
 * system has or has not. As with memory (see base/memory.h) no code above carries a failure that
 * nobody can act on: a sentence, and the end. The process ends as if it were killed, which the
 * store is made for: other threads may be in the middle of anything. */
#include "bus/need.h"

#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"

static const char *remedy(int result)
{
  switch (result) {
  case UV_EMFILE:
  case UV_ENFILE:
    return "raise the limit on open files (ulimit -n, LimitNOFILE= of a service)";
  case UV_EAGAIN:
    return "raise the limit on threads (ulimit -u, TasksMax= of a service)";
  default:
    return "see that the system has memory to spare";
  }
}

void need(int result, const char *what)
{
  if (result >= 0)
    return;
  fprintf(stderr, "moonbeat: cannot make %s: %s: %s\n", what, uv_strerror(result), remedy(result));
  _exit(error_exit_status(ERROR_IO));
}
