#include "vm/config.h"

#include <lauxlib.h>
#include <lua.h>

#include "vm/api_json.h"
#include "vm/vm.h"

enum { INSTRUCTIONS_MAX = 10000000 };

static void stop_endless(lua_State *L, lua_Debug *ar)
{
  (void)ar;
  luaL_where(L, 0);
  lua_pushliteral(L, "a configuration file must not run for long");
  lua_concat(L, 2);
  lua_error(L);
}

/* (file's value -- text) */
static int l_encode(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_newtable(L); /* where the bindings would go; what the encoder needs is in the registry */
  api_json_open(L);
  if (!api_json_encode(L, 1, NULL, 0))
    return lua_error(L);
  return 1;
}

static enum error_code fail(lua_State *L, struct error *error)
{
  const char *text = lua_tostring(L, -1);
  return error_set(error, ERROR_INVALID, "%s", text ? text : "the configuration file failed");
}

static enum error_code run(lua_State *L, const char *path, struct buffer *json, struct error *error)
{
  if (luaL_loadfilex(L, path, "t"))
    return fail(L, error);
  lua_sethook(L, stop_endless, LUA_MASKCOUNT, INSTRUCTIONS_MAX);
  if (lua_pcall(L, 0, 1, 0))
    return fail(L, error);
  if (!lua_istable(L, -1))
    return error_set(error, ERROR_INVALID, "%s: must return a table of options", path);
  lua_pushcfunction(L, l_encode);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 1, 0)) {
    fail(L, error);
    return error_prefix(error, "%s", path);
  }
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  buffer_append(json, text, size);
  return ERROR_OK;
}

enum error_code config_read(const char *path, struct buffer *json, struct error *error)
{
  lua_State *L = luaL_newstate();
  if (!L)
    return error_set(error, ERROR_INTERNAL, "no memory for a Lua state");
  enum error_code code = run(L, path, json, error);
  lua_close(L);
  return code;
}
