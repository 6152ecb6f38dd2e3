/* Guards around functions of Lua's libraries that can run for hours in C, where no hook reaches:
 * each looks at the arguments, then calls the original. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "vm/state.h"

/* More elements than a state's memory can hold; walking over them takes under a second. */
enum { ELEMENTS_MAX = 1 << 24 };

/* Calls the original (upvalue 1) with all arguments. */
static int pass_on(lua_State *L)
{
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static void check_range(lua_State *L, lua_Integer first, lua_Integer last, const char *what)
{
  if (first <= last && (lua_Unsigned)last - (lua_Unsigned)first >= ELEMENTS_MAX)
    luaL_error(L, "%s: the range %I to %I is too large", what, (LUAI_UACINT)first,
               (LUAI_UACINT)last);
}

/* text, count, separator -> text */
static int l_rep(lua_State *L)
{
  size_t size, between = 0;
  luaL_checklstring(L, 1, &size);
  lua_Integer count = luaL_checkinteger(L, 2);
  luaL_optlstring(L, 3, "", &between);
  size_t cap = vm_get(L)->cap;
  if (count <= 0 || size + between == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  if ((lua_Unsigned)count > cap || size + between > cap / (size_t)count)
    return luaL_error(L, "string.rep: the result would be larger than %d MiB", (int)(cap >> 20));
  return pass_on(L);
}

/* from, first, last, at, to -> to */
static int l_move(lua_State *L)
{
  check_range(L, luaL_checkinteger(L, 2), luaL_checkinteger(L, 3), "table.move");
  return pass_on(L);
}

/* table, position, value -> nothing */
static int l_insert(lua_State *L)
{
  if (lua_gettop(L) >= 3)
    check_range(L, luaL_checkinteger(L, 2), luaL_len(L, 1), "table.insert");
  return pass_on(L);
}

/* table, position -> value */
static int l_remove(lua_State *L)
{
  if (lua_gettop(L) >= 2)
    check_range(L, luaL_checkinteger(L, 2), luaL_len(L, 1), "table.remove");
  return pass_on(L);
}

/* table, separator, first, last -> text */
static int l_concat(lua_State *L)
{
  lua_Integer first = luaL_optinteger(L, 3, 1);
  check_range(L, first, lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4),
              "table.concat");
  return pass_on(L);
}

/* table, comparator -> nothing */
static int l_sort(lua_State *L)
{
  check_range(L, 1, luaL_len(L, 1), "table.sort");
  return pass_on(L);
}

static void guard(lua_State *L, const char *library, const luaL_Reg *functions)
{
  lua_getglobal(L, library);
  for (; functions->name; functions++) {
    lua_getfield(L, -1, functions->name);
    lua_pushcclosure(L, functions->func, 1);
    lua_setfield(L, -2, functions->name);
  }
  lua_pop(L, 1);
}

void bounds_open(lua_State *L)
{
  static const luaL_Reg of_string[] = {{"rep", l_rep}, {NULL, NULL}};
  static const luaL_Reg of_table[] = {
      {"move", l_move},     {"insert", l_insert}, {"remove", l_remove},
      {"concat", l_concat}, {"sort", l_sort},     {NULL, NULL},
  };
  guard(L, LUA_STRLIBNAME, of_string);
  guard(L, LUA_TABLIBNAME, of_table);
}
