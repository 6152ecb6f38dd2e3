/* moonbeat.core, a module for stock Lua: the rehearsal (rehearsal/rehearsal.h) as an object, and
 * what its Lua side (lua/moonbeat/testing) needs to read times and JSON.
 *
 * Two kinds of states are on one thread. The spec's state calls in here; the scripts' states are
 * run from within such a call, and what they would do to the world outside they hand to the spec's
 * `record` instead, a call from state to state. Both are called protected, so no error ever leaves
 * one state into the other; values are copied.
 *
 * Nothing of Lua is linked in: its functions are those of the program that loads this. */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "rehearsal/rehearsal.h"
#include "testing/copy.h"
#include "testing/core_text.h"
#include "testing/scratch.h"
#include "time/zone.h"
#include "vm/api_json.h"
#include "vm/embedded.h"
#include "vm/host.h"
#include "vm/secret.h"
#include "vm/state.h"

#define CORE "moonbeat.core"

struct core {
  struct rehearsal *rehearsal;    /* NULL once it is closed */
  lua_State *L;                   /* of the spec, while it is in a call of ours; else NULL */
  int record, begins, ends, hear; /* references to the spec's functions */
  char *inside;                   /* source that each script's state begins with */
  size_t inside_size;
  char *scratch; /* see scratch.h; scripts' relative paths begin in its `jobs`, */
  char *folder;  /* or here; NULL: there */
  char *problem; /* what the spec's own functions have raised; NULL: nothing */
};

static int push_error(lua_State *L, const struct error *error)
{
  lua_pushnil(L);
  lua_pushstring(L, error->text);
  lua_pushstring(L, error_name(error->code));
  return 3;
}

static struct core *core_at(lua_State *L, int index)
{
  struct core *core = luaL_checkudata(L, index, CORE);
  if (!core->rehearsal)
    luaL_error(L, "this simulation is closed");
  if (core->L)
    luaL_error(L, "a simulation cannot go on from within one of its own answers");
  return core;
}

/* ---- calls of the spec's functions, from within one of our own ---- */

static void keep_problem(struct core *core)
{
  if (!core->problem)
    core->problem = memory_strdup(luaL_tolstring(core->L, -1, NULL));
  else
    luaL_tolstring(core->L, -1, NULL);
  lua_pop(core->L, 2);
}

/* Its function and arguments are on the stack. False, with the problem kept, if it fails. (function
 * arguments -- results) */
static bool call_spec(struct core *core, int arguments, int results)
{
  if (lua_pcall(core->L, arguments, results, 0) == LUA_OK)
    return true;
  keep_problem(core);
  return false;
}

static const char *isolated_environment(const struct message *run)
{
  if (!run->as.run.isolate)
    return NULL;
  return run->as.run.env ? run->as.run.env : "{}";
}

static char *begins(void *context, const struct message *run)
{
  struct core *core = context;
  lua_State *L = core->L;
  char *why = NULL;
  if (!L || !lua_checkstack(L, 4))
    return NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, core->begins);
  lua_pushinteger(L, run->as.run.attempt.fence);
  lua_pushstring(L, run->as.run.job_id);
  lua_pushstring(L, isolated_environment(run));
  if (!call_spec(core, 3, 1))
    return NULL;
  if (lua_isstring(L, -1))
    why = memory_strdup(lua_tostring(L, -1));
  lua_pop(L, 1);
  return why;
}

static void ends(void *context, const struct attempt *attempt, enum run_state state)
{
  (void)state;
  struct core *core = context;
  lua_State *L = core->L;
  if (!L || !lua_checkstack(L, 4))
    return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, core->ends);
  lua_pushinteger(L, attempt->fence);
  call_spec(core, 1, 0);
}

static void hear(void *context, const char *event, const char *json)
{
  struct core *core = context;
  lua_State *L = core->L;
  if (!L || !lua_checkstack(L, 4))
    return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, core->hear);
  lua_pushstring(L, event);
  lua_pushstring(L, json);
  call_spec(core, 2, 0);
}

/* ---- in the scripts' states ---- */

/* The fence of the run that asks; 0: it is none. */
static int64_t fence_of(lua_State *script)
{
  const struct vm_call *call = vm_get(script)->host->current;
  return call && call->attempt.key.job ? call->attempt.fence : 0;
}

/* What, request -> answer: the spec's `record` is asked. */
static int l_record(lua_State *script)
{
  struct core *core = rehearsal_context(script);
  lua_State *L = core->L;
  const char *problem = NULL;
  luaL_checkstring(script, 1);
  luaL_checktype(script, 2, LUA_TTABLE);
  lua_settop(script, 2);
  if (!L || !lua_checkstack(L, 8))
    return luaL_error(script, "nobody is there to answer");
  lua_rawgeti(L, LUA_REGISTRYINDEX, core->record);
  copy_value(script, 1, L);
  if ((problem = copy_value(script, 2, L))) {
    lua_pop(L, 2);
    return luaL_error(script, "%s cannot be recorded", problem);
  }
  lua_pushinteger(L, fence_of(script));
  if (!call_spec(core, 3, 1))
    return luaL_error(script, "%s", core->problem);
  problem = copy_value(L, -1, script);
  lua_pop(L, 1);
  if (problem)
    return luaL_error(script, "an answer holds %s", problem);
  return 1;
}

static void push_folder(lua_State *L, const struct core *core)
{
  if (core->folder)
    lua_pushstring(L, core->folder);
  else
    lua_pushfstring(L, "%s/jobs", core->scratch);
}

/* (raw -- raw) */
static void open_inside(lua_State *script)
{
  struct core *core = rehearsal_context(script);
  lua_pushcfunction(script, l_record);
  lua_setfield(script, -2, "record");
  push_folder(script, core);
  lua_setfield(script, -2, "jobs_folder");
  if (luaL_loadbufferx(script, core->inside, core->inside_size, EMBEDDED_CHUNK "testing/inside.lua",
                       "t"))
    lua_error(script);
  lua_pushvalue(script, -2);
  lua_call(script, 1, 0);
}

/* ---- the object ---- */

static void close_core(lua_State *L, struct core *core)
{
  if (core->rehearsal) {
    core->L = L;
    rehearsal_close(core->rehearsal);
    core->L = NULL;
  }
  core->rehearsal = NULL;
  luaL_unref(L, LUA_REGISTRYINDEX, core->record);
  luaL_unref(L, LUA_REGISTRYINDEX, core->begins);
  luaL_unref(L, LUA_REGISTRYINDEX, core->ends);
  luaL_unref(L, LUA_REGISTRYINDEX, core->hear);
  core->record = core->begins = core->ends = core->hear = LUA_NOREF;
  free(core->inside);
  free(core->scratch);
  free(core->folder);
  free(core->problem);
  core->inside = core->scratch = core->folder = core->problem = NULL;
}

static int l_close(lua_State *L) /* core -> */
{
  close_core(L, luaL_checkudata(L, 1, CORE));
  return 0;
}

static int function_field(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name);
  luaL_checktype(L, -1, LUA_TFUNCTION);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

static const char *text_field(lua_State *L, const char *name, size_t *size)
{
  lua_getfield(L, 1, name);
  return luaL_checklstring(L, -1, size); /* stays */
}

static int64_t integer_field(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name);
  return luaL_checkinteger(L, -1);
}

/* {now=, zone=, modules=, scratch=, folder=|nil, patience_us=, inside=, record=, begins=, ends=,
 * hear=} -> core | nil message code. `scratch` is as scratch_make() makes it. */
static int l_open(lua_State *L)
{
  struct error error;
  struct core *core = lua_newuserdatauv(L, sizeof *core, 0);
  *core =
      (struct core){.record = LUA_NOREF, .begins = LUA_NOREF, .ends = LUA_NOREF, .hear = LUA_NOREF};
  luaL_setmetatable(L, CORE);
  core->record = function_field(L, "record");
  core->begins = function_field(L, "begins");
  core->ends = function_field(L, "ends");
  core->hear = function_field(L, "hear");
  const char *inside = text_field(L, "inside", &core->inside_size);
  core->inside = memory_copy(inside, core->inside_size);
  lua_getfield(L, 1, "folder");
  core->folder = memory_strdup(luaL_optstring(L, -1, NULL));
  core->scratch = memory_strdup(text_field(L, "scratch", NULL));
  char *secrets = memory_printf("%s/secrets", core->scratch);
  secret_set_folder(secrets);
  free(secrets);
  if (zone_set_local(text_field(L, "zone", NULL), &error))
    return push_error(L, &error);
  const struct rehearsal_options options = {.begins_us = integer_field(L, "now"),
                                            .folder = text_field(L, "modules", NULL),
                                            .patience_us = integer_field(L, "patience_us"),
                                            .opener = open_inside,
                                            .begins = begins,
                                            .ends = ends,
                                            .hear = hear,
                                            .context = core};
  if (rehearsal_open(&options, &core->rehearsal, &error))
    return push_error(L, &error);
  lua_settop(L, 2);
  return 1;
}

/* A call in which scripts may run: what is asked of the spec meanwhile is asked of this state. */
static struct core *enter(lua_State *L)
{
  struct core *core = core_at(L, 1);
  core->L = L;
  return core;
}

/* Ends it: an error of the spec's own functions is the first to be told. True when there is none
 * and `code` is ERROR_OK; else nil, message, code are pushed. */
static bool leave(struct core *core, enum error_code code, const struct error *error)
{
  lua_State *L = core->L;
  char *problem = core->problem;
  core->L = NULL;
  core->problem = NULL;
  if (problem) {
    lua_pushnil(L);
    lua_pushstring(L, problem);
    lua_pushliteral(L, "spec");
    free(problem);
    return false;
  }
  if (code)
    push_error(L, error);
  return code == ERROR_OK;
}

static int end(struct core *core, enum error_code code, const struct error *error)
{
  lua_State *L = core->L;
  if (!leave(core, code, error))
    return 3;
  lua_pushboolean(L, true);
  return 1;
}

static int l_source(lua_State *L) /* core script path text|nil -> true | nil message code */
{
  size_t size = 0;
  struct error error;
  const char *script = luaL_checkstring(L, 2), *path = luaL_checkstring(L, 3);
  const char *text = luaL_optlstring(L, 4, NULL, &size);
  struct core *core = enter(L);
  return end(core, rehearsal_source(core->rehearsal, script, path, text, size, &error), &error);
}

static int l_scanned(lua_State *L) /* core -> true | nil message code */
{
  struct error error;
  struct core *core = enter(L);
  return end(core, rehearsal_scanned(core->rehearsal, &error), &error);
}

static int l_ask(lua_State *L) /* core operation params|nil -> result | nil message code */
{
  struct error error;
  const char *operation = luaL_checkstring(L, 2), *params = NULL;
  lua_settop(L, 3);
  if (!lua_isnil(L, 3)) {
    if (!api_json_encode(L, 3, operation, 0))
      return luaL_error(L, "%s", lua_tostring(L, -1));
    params = lua_tostring(L, -1);
  }
  struct core *core = enter(L);
  char *text = rehearsal_ask(core->rehearsal, operation, params, &error);
  int results = 3;
  if (leave(core, text ? ERROR_OK : error.code, &error))
    results =
        api_json_push(L, text, strlen(text), NULLS_DROPPED, &error) ? push_error(L, &error) : 1;
  free(text);
  return results;
}

static int l_folder(lua_State *L) /* core -> path */
{
  push_folder(L, core_at(L, 1));
  return 1;
}

static int l_secret(lua_State *L) /* core name value -> true | nil message code */
{
  size_t size;
  struct error error;
  struct core *core = core_at(L, 1);
  const char *name = luaL_checkstring(L, 2), *value = luaL_checklstring(L, 3, &size);
  if (scratch_write_secret(core->scratch, name, value, size, &error))
    return push_error(L, &error);
  lua_pushboolean(L, true);
  return 1;
}

static int l_now(lua_State *L) /* core -> microseconds */
{
  struct core *core = luaL_checkudata(L, 1, CORE); /* also from within an answer */
  lua_pushinteger(L, core->rehearsal ? rehearsal_now_us(core->rehearsal) : 0);
  return 1;
}

static int l_next(lua_State *L) /* core -> microseconds | nil */
{
  int64_t next_us = rehearsal_next_us(core_at(L, 1)->rehearsal);
  if (next_us == INT64_MAX)
    lua_pushnil(L);
  else
    lua_pushinteger(L, next_us);
  return 1;
}

/* No further than to where the spec's own functions fail, as by an interrupt from the keyboard. */
static enum error_code advance(struct core *core, int64_t until_us, struct error *error)
{
  struct rehearsal *rehearsal = core->rehearsal;
  enum error_code code = ERROR_OK;
  while (!code && !core->problem && rehearsal_next_us(rehearsal) <= until_us)
    code = rehearsal_step(rehearsal, until_us, error);
  if (!code && !core->problem)
    code = rehearsal_step(rehearsal, until_us, error);
  return code;
}

static int l_advance(lua_State *L) /* core until_us -> true | nil message code */
{
  struct error error;
  int64_t until_us = luaL_checkinteger(L, 2);
  struct core *core = enter(L);
  return end(core, advance(core, until_us, &error), &error);
}

static int l_step(lua_State *L) /* core until_us -> true | nil message code; to the next instant */
{
  struct error error;
  int64_t until_us = luaL_checkinteger(L, 2);
  struct core *core = enter(L);
  return end(core, rehearsal_step(core->rehearsal, until_us, &error), &error);
}

static int l_sense(lua_State *L) /* core key events -> true | nil message code */
{
  struct error error;
  const char *key = luaL_checkstring(L, 2), *events = luaL_checkstring(L, 3);
  struct core *core = enter(L);
  return end(core, rehearsal_sense(core->rehearsal, key, events, &error), &error);
}

static void append_key(void *context, const char *key)
{
  lua_State *L = context;
  lua_pushstring(L, key);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static int l_keys(lua_State *L) /* core -> {key...} */
{
  struct core *core = core_at(L, 1);
  lua_newtable(L);
  rehearsal_each_key(core->rehearsal, append_key, L);
  return 1;
}

static int l_crash(lua_State *L) /* core -> true | nil message code */
{
  struct error error;
  struct core *core = enter(L);
  return end(core, rehearsal_crash(core->rehearsal, &error), &error);
}

/* ---- the module ---- */

static void make_class(lua_State *L)
{
  static const luaL_Reg methods[] = {{"source", l_source}, {"scanned", l_scanned},
                                     {"ask", l_ask},       {"now", l_now},
                                     {"next", l_next},     {"advance", l_advance},
                                     {"step", l_step},     {"sense", l_sense},
                                     {"keys", l_keys},     {"crash", l_crash},
                                     {"folder", l_folder}, {"secret", l_secret},
                                     {"close", l_close},   {NULL, NULL}};
  luaL_newmetatable(L, CORE);
  lua_pushcfunction(L, l_close);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

__attribute__((visibility("default"))) int luaopen_moonbeat_core(lua_State *L);

int luaopen_moonbeat_core(lua_State *L)
{
  static const luaL_Reg functions[] = {{"open", l_open}, {NULL, NULL}};
  luaL_checkversion(L);
  log_set_level(LOG_OFF);
  make_class(L);
  luaL_newlib(L, functions);
  core_text_open(L);
  api_json_open(L);
  return 1;
}
