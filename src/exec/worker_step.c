/* A worker without a thread of its own: whoever opened it lets it work until nothing is left to do
 * at an instant, and then moves the clock to when something is.
 *
 * What waits for time (sleeps, time-outs) is looked for here, as libuv's timers follow the system's
 * clock: where they fire early, they find that it is not yet time. What waits for something outside
 * is waited for, so that time never goes on before it. A question to the scheduler is neither: it
 * is answered between two of these steps. Who is busy with its own code is waited for as well, but
 * for one that time alone would end: when it has been busy for as long as it has, time goes on to
 * there. On the caller's thread. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bus/need.h"
#include "exec/run_call.h"
#include "vm/deadline.h"
#include "vm/traceback.h"
#include "vm/wait.h"

enum { LOOK_MS = 50 }; /* at what the patience has left, while something outside is waited for */

struct worker *worker_open(const struct worker_options *options)
{
  struct error error;
  struct worker *worker = worker_create(options);
  if (worker_open_loop(worker, &error))
    need_end(&error);
  return worker;
}

void worker_close(struct worker *worker)
{
  int address = worker->options.address;
  bus_post(worker->options.bus, message_create(MESSAGE_STOP, ADDRESS_SCHEDULER, address));
  worker_run_loop(worker);
  worker_destroy(worker);
}

void *worker_context(lua_State *L)
{
  struct worker *worker = vm_of(L)->owner;
  return worker->options.context;
}

/* ---- the calls of all states ---- */

typedef void (*call_visitor)(struct vm_call *call, void *context);

/* The visitor may end its call. */
static void visit_state(const struct vm *vm, call_visitor visit, void *context)
{
  struct vm_call *next;
  for (struct vm_call *call = TAILQ_FIRST(&vm->calls); call; call = next) {
    next = TAILQ_NEXT(call, in_vm);
    visit(call, context);
  }
}

static void visit_calls(const struct worker *worker, call_visitor visit, void *context)
{
  struct actor *actor, *next_actor;
  HASH_ITER(hh, worker->actors, actor, next_actor) /* one that is being loaded goes with its call */
    visit_state(actor->vm, visit, context);
  for (struct session *session = worker->sessions; session; session = session->hh.next)
    visit_state(session->vm, visit, context);
  for (struct closing *closing = worker->closing; closing; closing = closing->next)
    visit_state(closing->vm, visit, context);
  if (worker->command_vm)
    visit_state(worker->command_vm, visit, context);
}

static void find_due(struct vm_call *call, void *due_us)
{
  int64_t its_us = call_due_us(call), *least_us = due_us;
  if (its_us < *least_us)
    *least_us = its_us;
}

int64_t worker_due_us(const struct worker *worker)
{
  int64_t due_us = host_nap_us(worker->host);
  visit_calls(worker, find_due, &due_us);
  return due_us;
}

static void find_any(struct vm_call *call, void *found)
{
  (void)call;
  *(bool *)found = true;
}

bool worker_is_busy(const struct worker *worker)
{
  bool is_busy = false;
  visit_calls(worker, find_any, &is_busy);
  return is_busy;
}

static void look_at_clock(struct vm_call *call, void *unused)
{
  (void)unused;
  if (call->limits && call->state != CALL_CUT)
    call->limits->is_left_behind = false;
  call_look_at_clock(call);
}

/* ---- until nothing is left to do ---- */

static void find_outside(struct vm_call *call, void *found)
{
  struct vm_call **waiting = found;
  if (call->state == CALL_ENDING ||
      (call->state == CALL_WAITING && call->wait && call->wait->kind->is_outside))
    *waiting = call;
}

static struct vm_call *waits_outside(const struct worker *worker)
{
  struct vm_call *waiting = NULL;
  visit_calls(worker, find_outside, &waiting);
  return waiting;
}

/* It has been busy for so long, of real time. */
static bool is_left_behind(const struct vm_call *call, int64_t busy_us, int64_t patience_us)
{
  int64_t due_us = call_due_us(call);
  if (due_us == INT64_MAX)
    return false;
  int64_t left_us = due_us - clock_monotonic_us();
  if (busy_us > (left_us < patience_us ? left_us : patience_us))
    call->limits->is_left_behind = true;
  return call->limits->is_left_behind;
}

static bool is_anyone_busy(const struct worker *worker, int64_t busy_us, int64_t patience_us)
{
  const struct vm_call *call;
  TAILQ_FOREACH(call, &worker->host->cut, in_queue)
    if (!is_left_behind(call, busy_us, patience_us))
      return true;
  return false;
}

static bool has_news(const struct worker *worker)
{
  return !TAILQ_EMPTY(&worker->host->ready) ||
         bus_waiting(worker->options.bus, worker->options.address) > 0;
}

/* Nothing can be done before something comes from outside. */
static bool is_idle(const struct worker *worker)
{
  return !has_news(worker) && TAILQ_EMPTY(&worker->host->cut);
}

static struct vm_call *find_busy(const struct worker *worker)
{
  struct vm_call *call = TAILQ_FIRST(&worker->host->cut);
  while (call && call->limits && call->limits->is_left_behind)
    call = TAILQ_NEXT(call, in_queue);
  return call;
}

/* What keeps the worker busy for too long. */
static char *explain(const struct worker *worker, int64_t patience_us)
{
  struct vm_call *call = waits_outside(worker);
  if (!call)
    call = find_busy(worker);
  if (!call || !call->thread)
    return memory_printf("there was more to do than %.3g s allow", (double)patience_us / 1e6);
  const char *what = call->state == CALL_WAITING ? call->wait->kind->name : "its own code";
  char *message =
      memory_printf("a %s of %s has been busy with %s for more than %.3g s of real time",
                    call->kind->name, call->vm->script, what, (double)patience_us / 1e6);
  char *text = traceback_text(call->vm->L, call->thread, message);
  free(message);
  return text;
}

static void do_nothing(uv_timer_t *timer)
{
  (void)timer;
}

static void free_timer(uv_handle_t *handle)
{
  free(handle);
}

/* Has the loop come back while it waits. */
static uv_timer_t *start_looking(struct worker *worker)
{
  uv_timer_t *timer = memory_alloc(sizeof *timer);
  uv_timer_init(&worker->loop, timer);
  uv_timer_start(timer, do_nothing, LOOK_MS, LOOK_MS);
  return timer;
}

bool worker_settle(struct worker *worker, int64_t patience_us, char **why)
{
  int64_t began_us = clock_machine_us(), spent_us;
  uv_timer_t *timer = NULL;
  bool is_outside = false, has_work;
  host_end_naps(worker->host);
  visit_calls(worker, look_at_clock, NULL);
  do {
    if (is_outside && !timer)
      timer = start_looking(worker);
    uv_run(&worker->loop, is_outside && is_idle(worker) ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    is_outside = waits_outside(worker) != NULL;
    spent_us = clock_machine_us() - began_us;
    has_work = is_outside || has_news(worker) || is_anyone_busy(worker, spent_us, patience_us);
  } while (has_work && spent_us <= patience_us);
  if (timer)
    uv_close((uv_handle_t *)timer, free_timer);
  run_flush_progress(worker); /* which a timer would do */
  host_flush(worker->host);
  if (has_work)
    *why = explain(worker, patience_us);
  return !has_work;
}
