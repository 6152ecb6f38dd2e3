/* The process's environment for Lua, which nobody in it changes. Any thread. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/environment.h"
#include "vm/vm.h"

static int l_variable(lua_State *L) /* name -> value | nil */
{
  lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
  return 1;
}

static int l_environment(lua_State *L) /* -> {name = value...} */
{
  lua_newtable(L);
  for (char **variable = environ; *variable; variable++) {
    const char *equals = strchr(*variable, '=');
    if (!equals || environment_is_own(*variable))
      continue;
    lua_pushlstring(L, *variable, (size_t)(equals - *variable));
    lua_pushstring(L, equals + 1);
    lua_rawset(L, -3);
  }
  return 1;
}

void api_env_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {
      {"environment_variable", l_variable}, {"environment", l_environment}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
