#include "vm/config.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <sys/stat.h>

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

/* The file is named once: Lua does so only where it knows the line. */
static enum error_code fail(lua_State *L, const char *path, struct error *error)
{
  const char *text = lua_tostring(L, -1), *slash = strrchr(path, '/');
  error_set(error, ERROR_INVALID, "%s", text ? text : "the configuration file failed");
  return strstr(error->text, slash ? slash + 1 : path) ? error->code
                                                       : error_prefix(error, "%s", path);
}

/* Whoever opens a pipe waits for somebody at its other end. */
static enum error_code check_kind(const char *path, struct error *error)
{
  struct stat file;
  if (stat(path, &file) != 0)
    return error_set_errno(error, ERROR_INVALID, errno, "%s cannot be read", path);
  return S_ISREG(file.st_mode) ? ERROR_OK
                               : error_set(error, ERROR_INVALID, "%s is not a file", path);
}

static enum error_code run(lua_State *L, const char *path, struct buffer *json, struct error *error)
{
  enum error_code code = check_kind(path, error);
  if (code)
    return code;
  if (luaL_loadfilex(L, path, "t"))
    return fail(L, path, error);
  lua_sethook(L, stop_endless, LUA_MASKCOUNT, INSTRUCTIONS_MAX);
  if (lua_pcall(L, 0, 1, 0))
    return fail(L, path, error);
  if (!lua_istable(L, -1))
    return error_set(error, ERROR_INVALID, "%s: must return a table of options", path);
  lua_pushcfunction(L, l_encode);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 1, 0))
    return fail(L, path, error);
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
