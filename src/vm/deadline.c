/* When a call must end, and how it is told before.
 *
 * A call can have a hard time-out, at which it is killed; a soft one, at which it is told; a grace
 * after it was told by somebody else; and a longest silence between two signs of life. All four are
 * instants of the monotonic clock, and one timer serves the nearest. It is made only for calls that
 * outlive their first slice, so that short ones need no timer.
 *
 * To be told is: what the call waits for is ended, and an error is raised where it waits, or where
 * it would begin to wait next. That happens once, so that what closes and cleans up afterwards can
 * wait again; and not at all when the script has asked before, as then it knows. On the worker's
 * thread. */
#include "vm/deadline.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "time/duration.h"
#include "vm/api_args.h"
#include "vm/call.h"
#include "vm/host.h"
#include "vm/state.h"
#include "vm/traceback.h"
#include "vm/wait_internal.h"

struct call_timer {
  uv_timer_t timer;
  struct vm_call *call;
};

struct call_limits *call_limits(struct vm_call *call)
{
  if (!call->limits)
    call->limits = memory_alloc(sizeof *call->limits);
  return call->limits;
}

void vm_call_limit(struct vm_call *call, int64_t soft_timeout_us, int64_t silence_us)
{
  if (soft_timeout_us > 0)
    call_limits(call)->soft_timeout_us = soft_timeout_us;
  if (silence_us > 0)
    call_limits(call)->silence_us = silence_us;
}

void call_begin_clock(struct vm_call *call)
{
  struct call_limits *limits = call->limits;
  if (!limits)
    return;
  int64_t now_us = clock_monotonic_us();
  limits->alive_us = now_us;
  if (limits->timeout_us > 0)
    limits->deadline_us = now_us + limits->timeout_us;
  if (limits->soft_timeout_us > 0)
    limits->soft_us = now_us + limits->soft_timeout_us;
}

/* The instant at which the call has been silent for too long; 0: it may be. */
static int64_t silent_until(const struct call_limits *limits)
{
  return limits->silence_us > 0 ? limits->alive_us + limits->silence_us : 0;
}

static int64_t nearest(const struct call_limits *limits)
{
  if (!limits)
    return INT64_MAX;
  const int64_t instants[] = {limits->deadline_us, limits->soft_us, limits->grace_end_us,
                              silent_until(limits)};
  int64_t least = INT64_MAX;
  for (size_t i = 0; i < sizeof instants / sizeof instants[0]; i++)
    if (instants[i] && instants[i] < least)
      least = instants[i];
  return least;
}

enum vm_outcome call_overdue(const struct vm_call *call, char why[CALL_WHY_SIZE])
{
  const struct call_limits *limits = call->limits;
  if (nearest(limits) == INT64_MAX)
    return VM_RUNNING;
  int64_t now_us = clock_monotonic_us();
  char length[DURATION_TEXT_SIZE];
  if (limits->deadline_us && now_us >= limits->deadline_us) {
    duration_format(length, limits->timeout_us);
    snprintf(why, CALL_WHY_SIZE, "took longer than its time-out of %s", length);
    return VM_TIMED_OUT;
  }
  if (limits->grace_end_us && now_us >= limits->grace_end_us) {
    snprintf(why, CALL_WHY_SIZE, "was told to end (%s) and went on, so it was killed",
             run_told_name(call->told));
    return VM_KILLED;
  }
  if (silent_until(limits) && now_us >= silent_until(limits)) {
    duration_format(length, limits->silence_us);
    snprintf(why, CALL_WHY_SIZE, "no heartbeat for %s", length);
    return VM_TIMED_OUT;
  }
  return VM_RUNNING;
}

/* ---- the timer ---- */

static void free_timer(uv_handle_t *handle)
{
  free(handle);
}

void call_drop_limits(struct vm_call *call)
{
  struct call_timer *timer = call->limits ? call->limits->timer : NULL;
  if (timer) {
    timer->call = NULL;
    uv_close((uv_handle_t *)&timer->timer, free_timer);
  }
  free(call->limits);
  call->limits = NULL;
}

/* Rounded up, as libuv rounds down and counts from a clock that it read earlier. */
static uint64_t timer_delay(struct vm_call *call)
{
  uv_update_time(call->vm->host->options.loop);
  int64_t left_us = nearest(call->limits) - clock_monotonic_us();
  return left_us > 0 ? (uint64_t)(left_us + 999) / 1000 : 0;
}

int64_t call_due_us(const struct vm_call *call)
{
  return nearest(call->limits);
}

void call_look_at_clock(struct vm_call *call)
{
  if (nearest(call->limits) == INT64_MAX)
    return;
  char why[CALL_WHY_SIZE];
  enum vm_outcome outcome = call_overdue(call, why);
  if (outcome != VM_RUNNING) {
    char *text = traceback_text(call->vm->L, call->thread, why); /* with the place where it was */
    call_end(call, outcome, text);
    free(text);
    return;
  }
  struct call_limits *limits = call->limits;
  if (limits->soft_us && clock_monotonic_us() >= limits->soft_us) {
    limits->soft_us = 0;
    vm_call_tell(call, TOLD_SOFT_TIMEOUT, 0);
    if (call->told == TOLD_SOFT_TIMEOUT && call->kind->told)
      call->kind->told(call);
  }
  call_watch_clock(call);
}

static void on_instant(uv_timer_t *timer)
{
  call_look_at_clock(((struct call_timer *)timer)->call);
}

void call_watch_clock(struct vm_call *call)
{
  struct call_limits *limits = call->limits;
  if (nearest(limits) == INT64_MAX)
    return;
  if (!limits->timer) {
    limits->timer = memory_alloc(sizeof *limits->timer);
    limits->timer->call = call;
    uv_timer_init(call->vm->host->options.loop, &limits->timer->timer);
  } else if (uv_is_active((uv_handle_t *)&limits->timer->timer)) {
    return;
  }
  uv_timer_start(&limits->timer->timer, on_instant, timer_delay(call), 0);
}

/* ---- being told ---- */

void vm_call_tell(struct vm_call *call, enum run_told reason, int64_t grace_us)
{
  bool is_weaker = call->told != TOLD_NOTHING && call->told < reason;
  if (call->state == CALL_ENDING || is_weaker)
    return;
  if (!call->thread) {
    vm_call_kill(call); /* it has not begun */
    return;
  }
  if (call->told != reason)
    call->is_heard = false;
  call->told = reason;
  if (grace_us > 0) {
    struct call_limits *limits = call_limits(call);
    int64_t end_us = clock_monotonic_us() + grace_us;
    if (!limits->grace_end_us || end_us < limits->grace_end_us)
      limits->grace_end_us = end_us;
    if (limits->timer)
      uv_timer_stop(&limits->timer->timer);
    call_watch_clock(call);
  }
  if (!call->is_heard)
    wait_tell(call);
}

void call_raise_told(lua_State *L)
{
  static const char *const sentences[] = {
      [TOLD_CANCELLED] = "the run was cancelled",
      [TOLD_OVERLAP] = "the run was cancelled, as the next one of its job is due",
      [TOLD_STOPPING] = "the daemon is stopping",
      [TOLD_SOFT_TIMEOUT] = "the run took longer than its soft_timeout",
  };
  struct vm_call *call = vm_get(L)->host->current;
  if (!call || call->told == TOLD_NOTHING || call->is_heard || call->is_patient)
    return;
  call->is_heard = true;
  args_fail(L, "%s", sentences[call->told]);
}

/* ---- signs of life ---- */

void call_alive(struct vm_call *call)
{
  if (call->limits && call->limits->silence_us > 0)
    call->limits->alive_us = clock_monotonic_us();
}
