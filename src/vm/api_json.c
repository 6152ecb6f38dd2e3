/* What scripts call of JSON, but for json_decode, which api_json_decode.c adds: json_encode,
 * json_array and json_null. In any Lua state, in slices in those of a worker; on the worker's
 * thread. */
#include "vm/api_json.h"

#include <lauxlib.h>

#include "vm/vm.h"

static int after_encoding(lua_State *L, int status, lua_KContext is_good)
{
  (void)status;
  if (is_good)
    return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* value name? indent? -> text | nil message; upvalue 1: whether it is in slices */
static int l_encode(lua_State *L)
{
  luaL_checkany(L, 1);
  const char *name = luaL_optstring(L, 2, NULL);
  lua_Integer indent = luaL_optinteger(L, 3, 0);
  int blanks = (int)(indent < 0 ? 0 : indent > 16 ? 16 : indent);
  if (lua_toboolean(L, lua_upvalueindex(1)))
    return api_json_encode_in_slices(L, 1, name, blanks, after_encoding);
  return after_encoding(L, LUA_OK, api_json_encode(L, 1, name, blanks));
}

static int l_array(lua_State *L) /* table -> the same table, marked */
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setmetatable(L, API_JSON_ARRAY);
  return 1;
}

static int l_null_tostring(lua_State *L) /* light userdata -> text */
{
  if (lua_touserdata(L, 1))
    lua_pushfstring(L, "userdata: %p", lua_touserdata(L, 1));
  else
    lua_pushliteral(L, "null");
  return 1;
}

/* Light userdata share one metatable. */
static void set_null_metatable(lua_State *L)
{
  lua_pushlightuserdata(L, NULL);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_null_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

static void add_functions(lua_State *L, bool is_in_slices) /* raw -- raw */
{
  lua_pushcfunction(L, l_array);
  lua_setfield(L, -2, "json_array");
  lua_pushboolean(L, is_in_slices);
  lua_pushcclosure(L, l_encode, 1);
  lua_setfield(L, -2, "json_encode");
  api_json_open_decode(L, is_in_slices);
  luaL_newmetatable(L, API_JSON_ARRAY);
  luaL_newmetatable(L, API_JSON_OBJECT);
  lua_pop(L, 2);
  set_null_metatable(L);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "json_null");
}

void api_json_open(lua_State *L) /* raw -- raw */
{
  add_functions(L, false);
}

void api_json_open_in_slices(lua_State *L) /* raw -- raw */
{
  add_functions(L, true);
}
