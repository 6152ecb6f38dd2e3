/* What raw.exec_spawn is to run; see api_exec_spec.h. */
#include "exec/api_exec_spec.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "model/job.h"
#include "vm/api_args.h"

extern char **environ;

/* The field as text without NULs; stays on the stack. NULL for nil. */
static const char *push_text_field(lua_State *L, const char *function, const char *name)
{
  size_t size;
  if (lua_getfield(L, 2, name) == LUA_TNIL)
    return NULL;
  const char *text = args_string(L, -1, function, name, &size);
  if (strlen(text) != size)
    args_fail(L, "%s: %s holds a NUL byte", function, name);
  return text;
}

/* A list that ends with NULL, of strings that the table at `list` keeps alive. (-- userdata) */
static char **push_pointers(lua_State *L, int list, const char *function, const char *what)
{
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  char **pointers = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *pointers, 0);
  for (lua_Integer i = 0; i < count; i++) {
    size_t size;
    lua_rawgeti(L, list, i + 1);
    const char *text = args_string(L, -1, function, what, &size);
    if (strlen(text) != size)
      args_fail(L, "%s: %s %lld holds a NUL byte", function, what, (long long)i + 1);
    pointers[i] = (char *)text;
    lua_pop(L, 1);
  }
  pointers[count] = NULL;
  return pointers;
}

/* Appends to the list NAME=value of what env sets; env is below the key and the value. */
static void append_variable(lua_State *L, const char *function, int list)
{
  if (lua_type(L, -2) != LUA_TSTRING || strchr(lua_tostring(L, -2), '=') || lua_rawlen(L, -2) == 0)
    args_fail(L, "%s: names in env must be strings without \"=\", got %s", function,
              luaL_tolstring(L, -2, NULL));
  if (strlen(lua_tostring(L, -2)) != lua_rawlen(L, -2))
    args_fail(L, "%s: a name in env holds a NUL byte", function);
  if (lua_type(L, -1) == LUA_TBOOLEAN && !lua_toboolean(L, -1))
    return;
  if (!lua_isstring(L, -1))
    args_fail(L, "%s: env.%s must be a string, or false to remove it, got %s", function,
              lua_tostring(L, -2), luaL_typename(L, -1));
  lua_pushvalue(L, -1);
  size_t size;
  const char *value = lua_tolstring(L, -1, &size); /* of a copy, so that a number stays one */
  if (strlen(value) != size)
    args_fail(L, "%s: env.%s holds a NUL byte", function, lua_tostring(L, -3));
  lua_pushfstring(L, "%s=%s", lua_tostring(L, -3), value);
  lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
  lua_pop(L, 1);
}

static bool is_overridden(lua_State *L, int env, const char *variable)
{
  const char *equals = strchr(variable, '=');
  if (!equals || !lua_istable(L, env))
    return !equals;
  lua_pushlstring(L, variable, (size_t)(equals - variable));
  bool is = lua_rawget(L, env) != LUA_TNIL;
  lua_pop(L, 1);
  return is;
}

/* The environment that the child gets. (-- env list userdata) */
static char **push_environment(lua_State *L, const char *function)
{
  lua_getfield(L, 2, "clean_env");
  bool is_clean = lua_toboolean(L, -1);
  lua_pop(L, 1);
  int env = lua_gettop(L) + 1, list = env + 1;
  lua_getfield(L, 2, "env");
  lua_newtable(L);
  if (!lua_isnil(L, env) && !lua_istable(L, env))
    args_fail(L, "%s: env must be a table, got %s", function, luaL_typename(L, env));
  if (lua_istable(L, env)) {
    lua_pushnil(L);
    while (lua_next(L, env)) {
      append_variable(L, function, list);
      lua_pop(L, 1);
    }
  }
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  for (char **variable = environ; !is_clean && *variable; variable++)
    if (!environment_is_own(*variable) && !is_overridden(L, env, *variable)) {
      lua_pushstring(L, *variable);
      lua_rawseti(L, list, ++count);
    }
  return push_pointers(L, list, function, "env");
}

/* Where it runs: relative to the jobs folder, which is also the default. (-- text|nil) */
static const char *push_cwd(lua_State *L, const char *function)
{
  const char *cwd = push_text_field(L, function, "cwd");
  const char *folder = args_jobs_folder(L, lua_upvalueindex(1));
  if (!cwd)
    return folder;
  char *path = args_path(L, lua_upvalueindex(1), -1, function, "cwd");
  lua_pushstring(L, path);
  free(path);
  return lua_tostring(L, -1);
}

static int64_t duration_field(lua_State *L, const char *function, const char *name,
                              int64_t otherwise)
{
  lua_getfield(L, 2, name);
  int64_t us = args_duration_us(L, -1, function, name, otherwise);
  lua_pop(L, 1);
  return us;
}

void api_exec_push_options(lua_State *L, const char *function, struct child_options *options)
{
  luaL_checkstack(L, 20, NULL);
  lua_getfield(L, 2, "argv");
  luaL_checktype(L, -1, LUA_TTABLE);
  options->argv = push_pointers(L, lua_gettop(L), function, "argument");
  options->env = push_environment(L, function);
  options->cwd = push_cwd(L, function);
  options->timeout_us = duration_field(L, function, "timeout", 0);
  options->grace_us = duration_field(L, function, "grace", COMMAND_GRACE_US);
  lua_getfield(L, 2, "awaits_output");
  options->awaits_output = lua_toboolean(L, -1);
}

const char *api_exec_push_input(lua_State *L, const char *function, size_t *size, bool *keeps_input)
{
  const char *text = NULL;
  lua_getfield(L, 2, "stdin");
  if (lua_type(L, -1) == LUA_TSTRING)
    text = lua_tolstring(L, -1, size);
  else if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
    args_fail(L, "%s: stdin must be a string, got %s", function, luaL_typename(L, -1));
  *keeps_input = lua_toboolean(L, -1);
  return text;
}
