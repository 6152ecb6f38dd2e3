/* A wait belongs to its call from wait_begin until the call takes the result or ends. The order of
 * the three events "done", "finished" and "call ended" decides who releases it: finish_wait when
 * the call lives, wait_done when the call is gone. */
#include "vm/wait.h"

#include "vm/api_args.h"
#include "vm/call.h"
#include "vm/host.h"
#include "vm/state.h"
#include "vm/wait_internal.h"

bool wait_is_possible(lua_State *L)
{
  const struct resume_frame *frames = vm_get(L)->host->frames;
  return frames && frames->can_yield && lua_isyieldable(L);
}

void wait_check(lua_State *L, const char *name)
{
  call_raise_told(L);
  if (!vm_get(L)->host->frames)
    args_fail(L, "%s cannot wait here: the script is still being set up", name);
  if (!wait_is_possible(L))
    args_fail(
        L,
        "%s cannot wait here: a C function is in between (a metamethod that a library function "
        "calls, a __close run by coroutine.close)",
        name);
}

static int finish_wait(lua_State *L, int status, lua_KContext context)
{
  (void)status;
  struct wait *wait = (struct wait *)context;
  struct vm_call *call = vm_get(L)->host->current;
  if (call->wait != wait) { /* cancelled by wait_tell(), and perhaps gone */
    call_raise_told(L);
    return 0;
  }
  call->wait = NULL;
  struct host *host = call->vm->host;
  wait_release_stale(host);
  host->stale = wait;
  int results = wait->kind->finish(L, wait);
  if (host->stale == wait)
    wait_release_stale(host);
  if (call->was_hurried) {
    call->was_hurried = false;
    call_raise_told(L);
  }
  return results;
}

int wait_begin(lua_State *L, struct wait *wait, const struct wait_kind *kind)
{
  struct host *host = vm_get(L)->host;
  wait->kind = kind;
  wait->call = host->current;
  host->current->wait = wait;
  host->passing = PASSING_WAIT;
  return lua_yieldk(L, 0, (lua_KContext)wait, finish_wait);
}

void wait_done(struct wait *wait)
{
  if (wait->call)
    call_make_ready(wait->call);
  else
    wait->kind->release(wait);
}

void wait_release_stale(struct host *host)
{
  struct wait *stale = host->stale;
  host->stale = NULL;
  if (stale)
    stale->kind->release(stale);
}

void wait_abandon(struct vm_call *call)
{
  struct wait *wait = call->wait;
  call->wait = NULL;
  if (!wait)
    return;
  wait->call = NULL;
  if (call->state != CALL_WAITING)
    wait->kind->release(wait); /* done already */
  else if (wait->kind->cancel)
    wait->kind->cancel(wait);
}

void wait_tell(struct vm_call *call)
{
  struct wait *wait = call->wait;
  if (!wait || call->state != CALL_WAITING)
    return;
  if (wait->hurry) {
    call->was_hurried = true;
    wait->hurry(wait);
  } else if (wait->kind->cancel && !call->is_patient) {
    call->wait = NULL;
    wait->call = NULL;
    wait->kind->cancel(wait);
    call_make_ready(call);
  }
}

uv_loop_t *wait_loop(lua_State *L)
{
  return vm_get(L)->host->options.loop;
}
