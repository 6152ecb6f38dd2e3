/* A worker that was stuck in a C function for so long that another has taken its place.
 *
 * It is dismissed by another thread, which holds it in its slice by its gauge: what it has begun
 * and what it has to say is told at that moment, so that the scheduler knows of each run whether it
 * has begun. When it comes back it begins nothing more, goes on with what it had begun, and ends
 * its thread when that is over. One that does not come back in time is given up: its children are
 * killed, and when it comes back after all, so is all else but the run that kept it, which the
 * scheduler has let be. */
#include "exec/child_roll.h"
#include "exec/isolate.h"
#include "exec/worker_internal.h"
#include "vm/gauge.h"

/* ---- on another thread, which holds the gauge ---- */

bool worker_dismiss(struct worker *worker)
{
  struct gauge *gauge = worker->options.gauge;
  if (!gauge_hold(gauge))
    return false;
  gauge->is_dismissed = true;
  isolate_announce(worker->isolate);
  worker_report_ears(worker);
  worker_announce_runs(worker);
  host_flush(worker->host);
  gauge_let_go(gauge);
  return true;
}

bool worker_give_up(struct worker *worker)
{
  struct gauge *gauge = worker->options.gauge;
  if (!gauge_hold(gauge))
    return false;
  gauge->is_given_up = true;
  child_roll_kill(&worker->loop);
  gauge_let_go(gauge);
  return true;
}

/* ---- when it comes back ---- */

/* The call whose slice it was ends as soon as that is taken in. */
static void kill_calls(struct worker *worker, struct vm *vm)
{
  struct vm_call *call, *next, *current = worker->host->current;
  for (call = TAILQ_FIRST(&vm->calls); call; call = next) {
    next = TAILQ_NEXT(call, in_vm);
    if (call != current)
      vm_call_kill(call);
    else if (!call->attempt.key.job && !call->kill)
      vm_call_end_current(call, "its worker was stuck, and has been given up");
  }
}

static void each_vm(struct worker *worker, void (*visit)(struct worker *worker, struct vm *vm))
{
  struct actor *actor, *next_actor;
  HASH_ITER(hh, worker->actors, actor, next_actor) /* one that is being loaded goes with its call */
    visit(worker, actor->vm);
  for (struct session *session = worker->sessions; session; session = session->hh.next)
    visit(worker, session->vm);
  for (struct closing *closing = worker->closing; closing; closing = closing->next)
    visit(worker, closing->vm);
  if (worker->command_vm)
    visit(worker, worker->command_vm);
}

void worker_dismissed(void *context)
{
  struct worker *worker = context;
  isolate_forget_others(worker->isolate);
  if (worker->options.gauge->is_given_up)
    each_vm(worker, kill_calls);
}

/* What it is still told concerns what it has begun. */
bool worker_refuses(const struct worker *worker, const struct message *message)
{
  switch (message->kind) {
  case MESSAGE_LOAD:
  case MESSAGE_RUN:
  case MESSAGE_ASK:
  case MESSAGE_EVENT:
  case MESSAGE_EVALUATE:
  case MESSAGE_COMPLETE:
    return worker->host->is_dismissed;
  default:
    return false;
  }
}

static bool is_busy(const struct vm *vm)
{
  return !TAILQ_EMPTY(&vm->calls);
}

bool worker_is_through(const struct worker *worker)
{
  if (!worker->host->is_dismissed || isolate_is_busy(worker->isolate))
    return false;
  for (const struct actor *actor = worker->actors; actor; actor = actor->hh.next)
    if (is_busy(actor->vm))
      return false;
  for (const struct session *session = worker->sessions; session; session = session->hh.next)
    if (is_busy(session->vm))
      return false;
  for (const struct closing *closing = worker->closing; closing; closing = closing->next)
    if (is_busy(closing->vm))
      return false;
  return !worker->command_vm || !is_busy(worker->command_vm);
}
