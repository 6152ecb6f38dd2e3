/* raw.sleep: the call waits, its neighbours run. Never shorter than asked: libuv's timers count
 * whole milliseconds from a clock that it read earlier, so the delay is rounded up and what the
 * clock says in the end decides. One timer serves all that sleep, the first of them. */
#include <lauxlib.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/memory.h"
#include "time/duration.h"
#include "vm/api_args.h"
#include "vm/host.h"
#include "vm/nap.h"
#include "vm/state.h"
#include "vm/vm.h"
#include "vm/wait.h"

static void on_timer(uv_timer_t *timer);

static struct nap *nap_of(struct heap_node *node)
{
  return heap_owner(node, struct nap, node);
}

static void start_timer(struct host *host)
{
  const struct heap_node *first = heap_first(&host->naps);
  int64_t left_us = first ? first->us - clock_monotonic_us() : 0;
  if (!first)
    return;
  uv_update_time(host->nap_timer.loop);
  uv_timer_start(&host->nap_timer, on_timer, left_us > 0 ? ((uint64_t)left_us + 999) / 1000 : 0, 0);
}

int64_t host_nap_us(const struct host *host)
{
  const struct heap_node *first = heap_first(&host->naps);
  return first ? first->us : INT64_MAX;
}

void host_end_naps(struct host *host)
{
  int64_t now_us = clock_monotonic_us();
  for (struct heap_node *first; (first = heap_first(&host->naps)) && first->us <= now_us;) {
    heap_remove(first);
    wait_done(&nap_of(first)->wait);
  }
  start_timer(host);
}

static void on_timer(uv_timer_t *timer)
{
  host_end_naps(timer->data);
}

int nap_begin(lua_State *L, struct nap *nap, int64_t us, const struct wait_kind *kind)
{
  struct host *host = vm_get(L)->host;
  nap->node.us = clock_monotonic_us() + us;
  nap->node.number = (int64_t)host->current->number;
  heap_put(&host->naps, &nap->node);
  if (heap_first(&host->naps) == &nap->node)
    start_timer(host);
  return wait_begin(L, &nap->wait, kind);
}

void nap_end(struct nap *nap)
{
  if (!nap->node.heap)
    return;
  heap_remove(&nap->node);
  wait_done(&nap->wait);
}

static void cancel(struct wait *wait)
{
  nap_end((struct nap *)wait);
}

static int finish(lua_State *L, struct wait *wait)
{
  (void)L;
  (void)wait;
  return 0;
}

static void release(struct wait *wait)
{
  free(wait);
}

static const struct wait_kind sleep_kind = {"sleep", cancel, finish, release, true, false};

int vm_sleep(lua_State *L, int64_t us)
{
  return nap_begin(L, memory_alloc(sizeof(struct nap)), us, &sleep_kind);
}

static int64_t check_duration(lua_State *L, int index)
{
  int64_t us = 0;
  struct error error;
  enum error_code code = ERROR_OK;
  if (lua_type(L, index) == LUA_TSTRING)
    code = duration_parse(lua_tostring(L, index), &us, &error);
  else if (lua_type(L, index) == LUA_TNUMBER)
    code = duration_from_seconds(lua_tonumber(L, index), &us, &error);
  else
    args_fail(L, "sleep wants a length like \"1m30s\" or a number of seconds, got %s",
              lua_isnone(L, index) ? "nothing" : luaL_typename(L, index));
  if (code)
    args_fail(L, "sleep: %s", error.text);
  return us;
}

/* seconds or "1m30s" -> nothing */
static int l_sleep(lua_State *L)
{
  int64_t us = check_duration(L, 1);
  wait_check(L, "sleep");
  return vm_sleep(L, us);
}

/* name -> nothing; raises where the caller may not wait, for functions of the Lua half that ask the
 * scheduler under another name */
static int l_wait_check(lua_State *L)
{
  wait_check(L, luaL_checkstring(L, 1));
  return 0;
}

void api_sleep_open(lua_State *L)
{
  lua_pushcfunction(L, l_wait_check);
  lua_setfield(L, -2, "wait_check");
  lua_pushcfunction(L, l_sleep);
  lua_setfield(L, -2, "sleep");
}
