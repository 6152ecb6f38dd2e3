/* What the console and the vocabulary need of C and scripts must not have: a function's place, its
 * captured variables and its bytecode (to find its source again), nearest names, safe text. Works
 * in any Lua state. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "vm/vm.h"

/* The names of the local variables that a Lua function has captured. */
static void push_captured(lua_State *L, int index)
{
  const char *name;
  lua_Integer count = 0;
  lua_newtable(L);
  for (int i = 1; (name = lua_getupvalue(L, index, i)); i++) {
    lua_pop(L, 1);
    if (strcmp(name, "_ENV") != 0) {
      lua_pushstring(L, name);
      lua_rawseti(L, -2, ++count);
    }
  }
}

static int l_function_info(lua_State *L) /* function -> source first last captured | nil */
{
  lua_Debug info;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_pushvalue(L, 1);
  lua_getinfo(L, ">S", &info);
  if (lua_iscfunction(L, 1)) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushstring(L, info.source);
  lua_pushinteger(L, info.linedefined);
  lua_pushinteger(L, info.lastlinedefined);
  push_captured(L, 1);
  return 4;
}

static int append(lua_State *L, const void *bytes, size_t size, void *buffer)
{
  (void)L;
  buffer_append(buffer, bytes, size);
  return 0;
}

static int l_function_dump(lua_State *L) /* function -> bytecode without names | nil */
{
  struct buffer out = {0};
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  if (lua_dump(L, append, &out, 1) != 0)
    lua_pushnil(L);
  else
    lua_pushlstring(L, out.data, out.size);
  buffer_deinit(&out);
  return 1;
}

static int l_did_you_mean(lua_State *L) /* wrong {name...} -> ', did you mean "name"?' or "" */
{
  char hint[128];
  const char *wrong = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Unsigned count = lua_rawlen(L, 2);
  const char **names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0);
  luaL_checkstack(L, (int)count + 2, "too many names");
  for (lua_Unsigned i = 0; i < count; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1); /* stays on the stack, for as long as it is pointed to */
    names[i] = luaL_checkstring(L, -1);
  }
  names[count] = NULL;
  lua_pushstring(L, text_did_you_mean(hint, wrong, names));
  return 1;
}

static int l_visible(lua_State *L) /* text -> text without control characters */
{
  size_t size;
  struct buffer out = {0};
  const char *text = luaL_checklstring(L, 1, &size);
  text_append_visible(&out, text, size);
  lua_pushlstring(L, out.data, out.size);
  buffer_deinit(&out);
  return 1;
}

void api_console_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"function_info", l_function_info},
                                       {"function_dump", l_function_dump},
                                       {"did_you_mean", l_did_you_mean},
                                       {"visible", l_visible},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
