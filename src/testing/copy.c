#include "testing/copy.h"

#include <lauxlib.h>

enum { DEPTH_MAX = 100 };

static const char *copy(lua_State *from, int index, lua_State *to, int depth);

/* The table at `index`; the copy lies on top. */
static const char *copy_members(lua_State *from, int index, lua_State *to, int depth)
{
  lua_pushnil(from);
  while (lua_next(from, index)) {
    const char *problem = copy(from, lua_gettop(from) - 1, to, depth + 1);
    if (!problem) {
      problem = copy(from, lua_gettop(from), to, depth + 1);
      if (problem)
        lua_pop(to, 1);
    }
    lua_pop(from, 1);
    if (problem) {
      lua_pop(from, 1);
      return problem;
    }
    lua_rawset(to, -3);
  }
  return NULL;
}

static const char *copy_table(lua_State *from, int index, lua_State *to, int depth)
{
  if (depth > DEPTH_MAX)
    return "a table in itself";
  lua_newtable(to);
  const char *problem = copy_members(from, index, to, depth);
  if (problem)
    lua_pop(to, 1);
  return problem;
}

static const char *copy(lua_State *from, int index, lua_State *to, int depth)
{
  size_t size;
  const char *text;
  if (!lua_checkstack(from, 4) || !lua_checkstack(to, 4))
    return "so deep a table";
  switch (lua_type(from, index)) {
  case LUA_TNIL:
    lua_pushnil(to);
    return NULL;
  case LUA_TBOOLEAN:
    lua_pushboolean(to, lua_toboolean(from, index));
    return NULL;
  case LUA_TNUMBER:
    if (lua_isinteger(from, index))
      lua_pushinteger(to, lua_tointeger(from, index));
    else
      lua_pushnumber(to, lua_tonumber(from, index));
    return NULL;
  case LUA_TSTRING:
    text = lua_tolstring(from, index, &size);
    lua_pushlstring(to, text, size);
    return NULL;
  case LUA_TLIGHTUSERDATA: /* json.null */
    lua_pushlightuserdata(to, lua_touserdata(from, index));
    return NULL;
  case LUA_TTABLE:
    return copy_table(from, index, to, depth);
  case LUA_TFUNCTION:
    return "a function";
  default:
    return "a userdata";
  }
}

const char *copy_value(lua_State *from, int index, lua_State *to)
{
  return copy(from, lua_absindex(from, index), to, 0);
}
