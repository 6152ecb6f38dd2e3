/* How a C function that Lua calls waits without blocking: it starts something on the worker's loop,
 * yields the whole call down to the loop, and is resumed when the thing is done. This works at the
 * top level of a script, in jobs, listeners, consoles, and inside the script's own coroutines.
 *
 *   struct nap { struct wait wait; uv_timer_t timer; };          -- wait comes first
 *
 *   static int l_sleep(lua_State *L)                             -- stack: seconds -> nothing
 *   {
 *     wait_check(L, "sleep");                                    -- raises where nobody may wait
 *     struct nap *nap = memory_alloc(sizeof *nap);
 *     ... uv_timer_start(..., on_timer, ...);
 *     return wait_begin(L, &nap->wait, &nap_kind);
 *   }
 *   on_timer: wait_done(&nap->wait);
 *
 * All on the worker's thread. */
#ifndef VM_WAIT_H
#define VM_WAIT_H

#include <lua.h>
#include <stdbool.h>
#include <uv.h>

struct vm_call;

struct wait;

struct wait_kind {
  const char *name; /* for `status`: "sleep", "http" */
  /* The call is killed: end early. wait_done() must still be called, then or later; finish will not
   * be. NULL: it ends soon by itself. */
  void (*cancel)(struct wait *wait);
  /* Pushes the results and returns how many. May raise. The wait is released afterwards either way.
   */
  int (*finish)(lua_State *L, struct wait *wait);
  /* Frees all that the operation holds, itself included. */
  void (*release)(struct wait *wait);
  bool is_sleep;   /* the call holds nothing but its coroutine meanwhile: another one may live */
  bool is_outside; /* it ends by what goes on outside: files, databases, processes; else by time or
                      an answer */
};

struct wait {
  const struct wait_kind *kind;
  struct vm_call *call; /* NULL once the call is gone */
  /* The call is told to end by itself: makes the wait end soon. Set before wait_begin(); NULL: it
   * is cancelled, and does not finish. */
  void (*hurry)(struct wait *wait);
};

/* Raises `NAME cannot wait here: ...` when the caller may not yield (in a metamethod that a
 * library function calls, ...). Call before anything is started. */
void wait_check(lua_State *L, const char *name);

/* Whether the caller may wait, for what can do without. */
bool wait_is_possible(lua_State *L);

/* Yields. `return wait_begin(...)` is the last thing that the C function does. */
int wait_begin(lua_State *L, struct wait *wait, const struct wait_kind *kind);

/* The operation is over. Once per wait, on the loop's thread, not from within wait_begin's caller
 * before it has returned (defer by a uv_idle/timer when the result is there at once, or return the
 * result without waiting). */
void wait_done(struct wait *wait);

uv_loop_t *wait_loop(lua_State *L);

#endif
