/* Isolated runs that wait for a process: those of each script in order, and the scripts in turn.
 * There is room for a script as isolation_has_room() says (model/job.h): the more it has, the more
 * must be left for others. On the worker's thread. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "exec/isolate_internal.h"

/* ---- shares ---- */

static struct share *hold_share(struct isolate *isolate, const char *script)
{
  struct share *share;
  TAILQ_FOREACH(share, &isolate->shares, link)
    if (strcmp(share->script, script) == 0)
      break;
  if (!share) {
    share = memory_alloc(sizeof *share);
    share->script = memory_strdup(script);
    TAILQ_INIT(&share->waiting);
    TAILQ_INSERT_TAIL(&isolate->shares, share, link);
  }
  share->holders++;
  return share;
}

void isolate_let_go_of_share(struct isolate *isolate, struct share *share)
{
  if (!share || --share->holders > 0)
    return;
  TAILQ_REMOVE(&isolate->shares, share, link);
  free(share->script);
  free(share);
}

bool isolate_has_room(const struct isolate *isolate, const struct share *share)
{
  int own = 0, all = 0;
  const struct process *process;
  TAILQ_FOREACH(process, &isolate->processes, link)
    if (process->phase != SPARE && process->phase != IDLE) {
      all++;
      own += process->share == share;
    }
  return isolation_has_room(own, all);
}

/* ---- runs that wait ---- */

struct waiting *isolate_first_waiting(const struct isolate *isolate)
{
  const struct share *share;
  TAILQ_FOREACH(share, &isolate->shares, link)
    if (!TAILQ_EMPTY(&share->waiting))
      return TAILQ_FIRST(&share->waiting);
  return NULL;
}

/* Its run and its source have been taken over. */
static void free_waiting(struct isolate *isolate, struct waiting *waiting)
{
  TAILQ_REMOVE(&waiting->share->waiting, waiting, link);
  isolate_let_go_of_share(isolate, waiting->share);
  free(waiting);
}

void isolate_drop_waiting(struct isolate *isolate, struct waiting *waiting)
{
  message_destroy(waiting->run);
  source_release(waiting->source);
  free_waiting(isolate, waiting);
}

bool isolate_cancel_waiting(struct isolate *isolate, const struct message *cancel)
{
  struct share *share;
  struct waiting *waiting;
  TAILQ_FOREACH(share, &isolate->shares, link)
    TAILQ_FOREACH(waiting, &share->waiting, link)
      if (isolate_is_of(waiting->run, &cancel->as.cancel.attempt)) {
        isolate_post_end(isolate, waiting->run, 0, cancel->as.cancel.state, NULL);
        isolate_drop_waiting(isolate, waiting);
        return true;
      }
  return false;
}

/* One run of the script, which is the last in turn then. */
static bool start_one_of(struct isolate *isolate, struct share *share)
{
  struct waiting *waiting = TAILQ_FIRST(&share->waiting);
  if (!waiting || !isolate_start(isolate, waiting))
    return false;
  TAILQ_REMOVE(&isolate->shares, share, link);
  TAILQ_INSERT_TAIL(&isolate->shares, share, link);
  free_waiting(isolate, waiting);
  return true;
}

static bool start_next(struct isolate *isolate)
{
  struct share *share;
  TAILQ_FOREACH(share, &isolate->shares, link)
    if (start_one_of(isolate, share))
      return true;
  return false;
}

void isolate_start_waiting(struct isolate *isolate)
{
  while (start_next(isolate)) {
  }
}

void isolate_run(struct isolate *isolate, struct message *run)
{
  struct actor *actor = worker_find_actor(isolate->worker, run->as.run.generation);
  const char *problem = NULL;
  if (!actor || !actor->source)
    problem = "the version of the script that this run belongs to is gone";
  else if (!isolate->worker->options.isolate.program)
    problem = "this program has no moonbeat to run isolated jobs in";
  if (problem) {
    isolate_post_end(isolate, run, 0, RUN_FAILED, memory_strdup(problem));
    message_destroy(run);
    return;
  }
  struct waiting *waiting = memory_alloc(sizeof *waiting);
  waiting->run = run;
  waiting->source = source_hold(actor->source);
  waiting->share = hold_share(isolate, actor->source->load->as.load.script);
  TAILQ_INSERT_TAIL(&waiting->share->waiting, waiting, link);
  isolate_start_waiting(isolate);
}
