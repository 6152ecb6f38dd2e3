/* Cutting a worker's Lua into slices of some 5 ms without a permanent hook, which would make all
 * Lua code about twice as slow.
 *
 * A POSIX timer signals the worker's thread every PREEMPT_TICK_US while Lua runs. When the slice is
 * old enough, the handler arms a count hook on the innermost running coroutine (lua_sethook is
 * signal-safe); the hook yields that coroutine and takes itself away. Where it cannot yield (inside
 * a __lt that table.sort calls, say) it tries again when a function returns, and at a later tick.
 * The timer stops itself at the first tick that finds no Lua running, so an idle worker is woken
 * once and then sleeps.
 *
 * All on the worker's thread; the handler only interrupts it. */
#ifndef VM_PREEMPT_H
#define VM_PREEMPT_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

enum { PREEMPT_TICK_US = 2500, PREEMPT_SLICE_TICKS = 2 };

struct preempt {
  lua_Hook hook;
  void (*on_stuck)(struct preempt *preempt); /* called by the handler; or NULL */
  timer_t timer;
  lua_State *volatile running; /* innermost coroutine that runs; NULL between slices */
  volatile uint32_t ticks;
  uint32_t slice_began; /* in ticks */
  volatile bool ticking;
};

/* ERROR_IO when the system gives no timer; then there is nothing to close. */
enum error_code preempt_open(struct preempt *preempt, lua_Hook hook, struct error *error);
void preempt_close(struct preempt *preempt);

/* A slice of the coroutine begins; it ends. */
void preempt_begin(struct preempt *preempt, lua_State *L);
void preempt_end(struct preempt *preempt);

/* Arms the hook if the slice is over: that of a coroutine which has ended meanwhile is lost. */
void preempt_catch_up(struct preempt *preempt);

/* Ticks since the slice began. */
static inline uint32_t preempt_age(const struct preempt *preempt)
{
  return preempt->ticks - preempt->slice_began;
}

/* Has the hook called before the next instruction of the running coroutine. */
void preempt_now(struct preempt *preempt);

#endif
