/* Loops, mailboxes and threads are made of descriptors and memory that the system has or has not,
 * most of them at the start or never. As with memory (see base/memory.h) no code above carries a
 * failure that nobody can act on: a sentence, and the end. The process ends as if it were killed,
 * which the store is made for: other threads may be in the middle of anything. */
#include "bus/need.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/memory.h"

static const char *remedy(int result)
{
  switch (result) {
  case UV_EMFILE:
  case UV_ENFILE:
    return "raise the limit on open files (ulimit -n, LimitNOFILE= of a service)";
  case UV_EAGAIN:
    return "raise the limit on threads (ulimit -u, TasksMax= of a service), or see that the system "
           "has memory to spare";
  default:
    return "see that the system has memory to spare";
  }
}

enum error_code need_ask(int result, const char *what, struct error *error)
{
  if (result >= 0)
    return ERROR_OK;
  return error_set(error, ERROR_IO, "cannot make %s: %s: %s", what, uv_strerror(result),
                   remedy(result));
}

void need_end(const struct error *error)
{
  fprintf(stderr, "moonbeat: %s\n", error->text);
  _exit(error_exit_status(error->code));
}

void need(int result, const char *what)
{
  struct error error;
  if (need_ask(result, what, &error))
    need_end(&error);
}

static void do_nothing(uv_work_t *work)
{
  (void)work;
}

static void forget_work(uv_work_t *work, int status)
{
  (void)status;
  free(work);
}

void need_pool(uv_loop_t *loop)
{
  uv_work_t *work = memory_alloc(sizeof *work);
  uv_queue_work(loop, work, do_nothing, forget_work);
}
