/* `coroutine` for scripts, as in Lua's manual, with one thing added: when a coroutine yields to us
 * (its slice is over, it waits, it is killed) rather than to the script, its resumer yields too,
 * and so on down to the loop; on the way back each resumer resumes what it had resumed. So waiting
 * works inside coroutines, and a loop inside one is pre-empted like any other.
 *
 * While a coroutine is in that state it is marked THREAD_BUSY: nobody else may resume or close it.
 * Where a resumer cannot yield, the slice is not cut there, and wait_check() has refused to wait.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>

#include "vm/call.h"
#include "vm/host.h"
#include "vm/state.h"

enum { CLOSE_DEPTH_MAX = 100 };
enum { AS_RESUME, AS_WRAP };

static lua_State *check_coroutine(lua_State *L)
{
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "coroutine");
  return co;
}

static const char *status_of(lua_State *L, lua_State *co)
{
  lua_Debug frame;
  if (L == co)
    return "running";
  if (thread_has(co, THREAD_BUSY))
    return "normal";
  switch (lua_status(co)) {
  case LUA_YIELD:
    return "suspended";
  case LUA_OK:
    if (lua_getstack(co, 0, &frame))
      return "normal";
    return lua_gettop(co) == 0 ? "dead" : "suspended";
  default:
    return "dead";
  }
}

static bool is_killed(lua_State *L)
{
  const struct vm_call *call = vm_get(L)->host->current;
  return call && call->kill;
}

static int go_on(lua_State *L, int status, lua_KContext way);

/* After an error that leaves `wrap`: close the coroutine, say where. (error -- never returns) */
static int raise_wrapped(lua_State *L, lua_State *co)
{
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    struct preempt *preempt = &vm_get(L)->host->preempt;
    preempt->running = co;
    status = lua_resetthread(co);
    preempt->running = L;
    preempt_catch_up(preempt);
    lua_xmove(co, L, 1);
  }
  if (is_killed(L))
    return call_die(L);
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

/* What `resume` or the wrapped function returns. */
static int deliver(lua_State *L, lua_State *co, int status, int results, lua_KContext way)
{
  if (status != LUA_OK && status != LUA_YIELD) {
    if (way == AS_RESUME)
      lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    return way == AS_RESUME ? 2 : raise_wrapped(L, co);
  }
  if (!lua_checkstack(L, results + 1)) {
    lua_pop(co, results);
    return luaL_error(L, "too many results to resume");
  }
  if (way == AS_RESUME)
    lua_pushboolean(L, 1);
  lua_xmove(co, L, results);
  return way == AS_RESUME ? results + 1 : results;
}

/* Resumes `co`, on whose stack the arguments lie, until it yields to the script or ends. */
static int run(lua_State *L, lua_State *co, int arguments, lua_KContext way)
{
  struct host *host = vm_get(L)->host;
  struct resume_frame frame = {host->frames, host->frames->can_yield && lua_isyieldable(L)};
  for (;;) {
    int results;
    thread_set(co, THREAD_BUSY);
    host->frames = &frame;
    host->preempt.running = co;
    int status = lua_resume(co, L, arguments, &results);
    host->preempt.running = L;
    host->frames = frame.up;
    if (is_killed(L))
      return call_die(L);
    if (status != LUA_YIELD || !host->passing) {
      thread_clear(co, THREAD_BUSY);
      preempt_catch_up(&host->preempt);
      return deliver(L, co, status, results, way);
    }
    if (lua_isyieldable(L))
      return lua_yieldk(L, 0, way, go_on);
    host->passing = PASSING_NOTHING;
    arguments = 0;
  }
}

static int go_on(lua_State *L, int status, lua_KContext way)
{
  (void)status;
  lua_State *co = lua_tothread(L, way == AS_RESUME ? 1 : lua_upvalueindex(1));
  return run(L, co, 0, way);
}

static int fail(lua_State *L, lua_KContext way, const char *message)
{
  if (way == AS_WRAP) {
    luaL_where(L, 1);
    lua_pushstring(L, message);
    lua_concat(L, 2);
    return lua_error(L);
  }
  lua_pushboolean(L, 0);
  lua_pushstring(L, message);
  return 2;
}

/* arguments on top -> results */
static int begin(lua_State *L, lua_State *co, int arguments, lua_KContext way)
{
  const char *status = status_of(L, co);
  if (status[0] != 's') {
    char message[64];
    lua_pop(L, arguments);
    snprintf(message, sizeof message, "cannot resume %s coroutine",
             status[0] == 'd' ? "dead" : "non-suspended");
    return fail(L, way, message);
  }
  if (!vm_get(L)->host->frames)
    return fail(L, way, "a coroutine cannot run here");
  if (!lua_checkstack(co, arguments))
    return fail(L, way, "too many arguments to resume");
  lua_xmove(L, co, arguments);
  return run(L, co, arguments, way);
}

/* function -> coroutine */
static int l_create(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}

/* coroutine, ... -> true, ... or false, error */
static int l_resume(lua_State *L)
{
  lua_State *co = check_coroutine(L);
  return begin(L, co, lua_gettop(L) - 1, AS_RESUME);
}

/* ... -> ... ; upvalue 1 is the coroutine */
static int l_wrapped(lua_State *L)
{
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  return begin(L, co, lua_gettop(L), AS_WRAP);
}

/* function -> function */
static int l_wrap(lua_State *L)
{
  l_create(L);
  lua_pushcclosure(L, l_wrapped, 1);
  return 1;
}

/* ... -> what the next resume gives */
static int l_yield(lua_State *L)
{
  if (thread_has(L, THREAD_BASE))
    return luaL_error(L, "attempt to yield from outside a coroutine");
  return lua_yield(L, lua_gettop(L));
}

/* coroutine -> text */
static int l_status(lua_State *L)
{
  lua_pushstring(L, status_of(L, check_coroutine(L)));
  return 1;
}

/* -- boolean */
static int l_isyieldable(lua_State *L)
{
  lua_State *co = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
  lua_pushboolean(L, !thread_has(co, THREAD_BASE) && lua_isyieldable(co));
  return 1;
}

/* -- coroutine, is_main */
static int l_running(lua_State *L)
{
  lua_pushthread(L);
  thread_set(L, THREAD_SHOWN);
  lua_pushboolean(L, thread_has(L, THREAD_BASE));
  return 2;
}

/* coroutine -> true, or false, error */
static int l_close(lua_State *L)
{
  lua_State *co = check_coroutine(L);
  struct vm *vm = vm_get(L);
  const char *status = status_of(L, co);
  if (status[0] != 's' && status[0] != 'd')
    return luaL_error(L, "cannot close a %s coroutine", status);
  /* Lua 5.4.4 does not count these nested calls of C. */
  if (vm->close_depth >= CLOSE_DEPTH_MAX)
    return luaL_error(L, "more than %d nested calls of coroutine.close", CLOSE_DEPTH_MAX);
  vm->close_depth++;
  thread_set(co, THREAD_BUSY);
  vm->host->preempt.running = co;
  int outcome = lua_resetthread(co);
  vm->host->preempt.running = L;
  preempt_catch_up(&vm->host->preempt);
  thread_clear(co, THREAD_BUSY);
  vm->close_depth--;
  if (is_killed(L))
    return call_die(L);
  lua_pushboolean(L, outcome == LUA_OK);
  if (outcome == LUA_OK)
    return 1;
  lua_xmove(co, L, 1);
  return 2;
}

void coroutine_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"create", l_create},   {"resume", l_resume}, {"wrap", l_wrap},
      {"yield", l_yield},     {"status", l_status}, {"isyieldable", l_isyieldable},
      {"running", l_running}, {"close", l_close},   {NULL, NULL},
  };
  luaL_newlib(L, functions);
  lua_setglobal(L, "coroutine");
}
