/* A script has states on several workers, and of several versions. What all of them have under way
 * is one number under a mutex. A state that waits for others is woken by nobody: it always has a
 * work of its own under way, behind which it looks again. */
#include "vm/helper.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

struct share {
  char *script;
  int under_way, states;
  struct share *next;
};

struct helpers {
  uv_loop_t *loop;
  struct share *share;
  int holds, under_way;
  TAILQ_HEAD(, helper_work) queue;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct share *shares;

/* ---- shares ---- */

static struct share *enter_share(const char *script)
{
  pthread_mutex_lock(&mutex);
  struct share *share = shares;
  while (share && strcmp(share->script, script) != 0)
    share = share->next;
  if (!share) {
    share = memory_alloc(sizeof *share);
    *share = (struct share){.script = memory_strdup(script), .next = shares};
    shares = share;
  }
  share->states++;
  pthread_mutex_unlock(&mutex);
  return share;
}

static void leave_share(struct share *share)
{
  pthread_mutex_lock(&mutex);
  bool is_last = --share->states == 0;
  for (struct share **link = &shares; is_last && *link; link = &(*link)->next)
    if (*link == share) {
      *link = share->next;
      break;
    }
  pthread_mutex_unlock(&mutex);
  if (!is_last)
    return;
  free(share->script);
  free(share);
}

static bool take_place(struct helpers *helpers)
{
  pthread_mutex_lock(&mutex);
  bool is_free = helpers->under_way == 0 || helpers->share->under_way < HELPER_SHARE;
  helpers->share->under_way += is_free;
  pthread_mutex_unlock(&mutex);
  helpers->under_way += is_free;
  return is_free;
}

static void give_place(struct helpers *helpers)
{
  pthread_mutex_lock(&mutex);
  helpers->share->under_way--;
  pthread_mutex_unlock(&mutex);
  helpers->under_way--;
}

char *helpers_describe(void)
{
  struct buffer names = {0};
  pthread_mutex_lock(&mutex);
  for (const struct share *share = shares; share; share = share->next)
    if (share->under_way > 0)
      buffer_printf(&names, "%s%s", names.size > 0 ? ", " : "", share->script);
  pthread_mutex_unlock(&mutex);
  return names.size > 0 ? buffer_take(&names) : NULL;
}

/* ---- works ---- */

static void on_work(uv_work_t *request)
{
  struct helper_work *work = request->data;
  work->work(work);
}

static void begin_next(struct helpers *helpers);

static void on_done(uv_work_t *request, int status)
{
  struct helper_work *work = request->data;
  struct helpers *helpers = work->helpers;
  give_place(helpers);
  begin_next(helpers);
  work->done(work, status == 0);
  helpers_release(helpers);
}

static void begin_next(struct helpers *helpers)
{
  struct helper_work *work;
  while ((work = TAILQ_FIRST(&helpers->queue)) && take_place(helpers)) {
    TAILQ_REMOVE(&helpers->queue, work, entry);
    work->is_queued = false;
    uv_queue_work(helpers->loop, &work->request, on_work, on_done);
  }
}

void helper_start(struct helpers *helpers, struct helper_work *work)
{
  helpers_hold(helpers);
  work->helpers = helpers;
  work->request.data = work;
  work->is_queued = true;
  TAILQ_INSERT_TAIL(&helpers->queue, work, entry);
  begin_next(helpers);
}

void helper_cancel(struct helper_work *work)
{
  struct helpers *helpers = work->helpers;
  if (!work->is_queued) {
    uv_cancel((uv_req_t *)&work->request); /* which may lie in libuv's own queue */
    return;
  }
  TAILQ_REMOVE(&helpers->queue, work, entry);
  work->is_queued = false;
  work->done(work, false);
  helpers_release(helpers);
}

/* ---- the works of a state ---- */

struct helpers *helpers_create(uv_loop_t *loop, const char *script)
{
  struct helpers *helpers = memory_alloc(sizeof *helpers);
  helpers->loop = loop;
  helpers->holds = 1;
  helpers->share = enter_share(script);
  TAILQ_INIT(&helpers->queue);
  return helpers;
}

void helpers_hold(struct helpers *helpers)
{
  helpers->holds++;
}

void helpers_release(struct helpers *helpers)
{
  if (--helpers->holds > 0)
    return;
  leave_share(helpers->share);
  free(helpers);
}
