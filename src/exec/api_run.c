/* What the methods of `run` do in C. Each takes the run's table first and the name by which a
 * person called it, and refuses to serve another run than the one that is running here: a `run`
 * that was kept in a global is of no use to others. */
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "exec/run_call.h"
#include "vm/api_args.h"

/* NULL when another call is running, or none of a run. */
static struct run_call *find(lua_State *L)
{
  struct vm_call *call = vm_of(L)->host->current;
  if (!call || call->kind != &run_call_kind || !lua_istable(L, 1))
    return NULL;
  struct run_call *run = (struct run_call *)call;
  return lua_topointer(L, 1) == run->object ? run : NULL;
}

static struct run_call *check_run(lua_State *L)
{
  const char *name = luaL_checkstring(L, 2);
  struct run_call *run = find(L);
  if (!run)
    args_fail(L, "%s: only the run itself can call this, while it runs", name);
  return run;
}

static int l_check(lua_State *L) /* run name -> */
{
  check_run(L);
  return 0;
}

static int l_told(lua_State *L) /* run name -> reason|nil */
{
  struct run_call *run = find(L);
  if (!run || run->call.told == TOLD_NOTHING)
    return 0;
  run->call.is_heard = true;
  lua_pushstring(L, run_told_name(run->call.told));
  return 1;
}

static int l_alive(lua_State *L) /* run name -> */
{
  call_alive(&check_run(L)->call);
  return 0;
}

/* From here on the run is not interrupted when it is told to end. */
static int l_patient(lua_State *L) /* run name -> */
{
  check_run(L)->call.is_patient = true;
  return 0;
}

/* A value for an error: a text in quotes. */
static const char *shown(lua_State *L, int index)
{
  const char *text = luaL_tolstring(L, index, NULL);
  return lua_type(L, index) == LUA_TSTRING ? lua_pushfstring(L, "\"%s\"", text) : text;
}

static double check_share(lua_State *L, int index, const char *what)
{
  int is_number;
  double value = lua_tonumberx(L, index, &is_number);
  if (!is_number || lua_type(L, index) != LUA_TNUMBER || !isfinite(value) || value < 0)
    args_fail(L, "run:progress: %s must be a number from 0 on, got %s", what, shown(L, index));
  return value;
}

static int l_progress(lua_State *L) /* run name done total|nil note|nil -> */
{
  struct run_call *run = check_run(L);
  double done = check_share(L, 3, "done");
  double total = lua_isnoneornil(L, 4) ? 0 : check_share(L, 4, "total");
  enum { NOTE_MAX = 200 };
  char *note = NULL;
  if (!lua_isnoneornil(L, 5)) {
    size_t size;
    const char *text = args_string(L, 5, "run:progress", "note", &size);
    if (size > NOTE_MAX)
      args_fail(L, "run:progress: a note of %zu bytes is over the limit of %d", size, NOTE_MAX);
    note = vm_redact(run->call.vm, memory_copy(text, strlen(text)));
  }
  if (total > 0 && total < done)
    total = done; /* a guess that has turned out to be too small is no reason to fail */
  call_alive(&run->call);
  run_tell_progress(run, done, total, note);
  return 0;
}

/* The attempt shall end with this answer, whatever it raises or returns then. */
static int l_answer(lua_State *L) /* run name delay|nil reason|nil -> */
{
  struct run_call *run = check_run(L);
  const char *name = lua_tostring(L, 2);
  bool is_retry = strcmp(name, "run:retry") == 0;
  if (is_retry && run->is_once)
    args_fail(L, "run:retry: its job is at_most_once, so it is not tried again");
  int64_t delay_us = args_duration_us(L, 3, name, "delay", -1);
  if (!is_retry && delay_us < 0)
    args_fail(L, "run:snooze: for how long? run:snooze \"5m\"");
  if (!run->wish)
    run->wish = memory_alloc(sizeof *run->wish);
  run->wish->answer.verdict = is_retry ? VERDICT_RETRY : VERDICT_SNOOZE;
  run->wish->answer.delay_us = delay_us;
  free(run->wish->reason);
  run->wish->reason =
      text_abridge(vm_redact(run->call.vm, memory_strdup(lua_tostring(L, 4))), CALL_ERROR_MAX);
  return 0;
}

void api_run_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"run_check", l_check},
                                       {"run_told", l_told},
                                       {"run_alive", l_alive},
                                       {"run_patient", l_patient},
                                       {"run_progress", l_progress},
                                       {"run_answer", l_answer},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
