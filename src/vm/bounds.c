/* Guards around functions of Lua's libraries that can run for hours in C, where no hook reaches:
 * each looks at the arguments, then calls the original. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "vm/state.h"

enum {
  ELEMENT_SIZE = 16,
  CONCAT_STRETCH = 10000, /* elements, some 200 us */
  DATE_FORMAT_MAX = 4096,
};

/* Walking over them takes some 100 ms. */
lua_Integer bounds_elements(lua_State *L)
{
  return (lua_Integer)(vm_get(L)->cap / ELEMENT_SIZE);
}

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
  if (first <= last && (lua_Unsigned)last - (lua_Unsigned)first >= (lua_Unsigned)bounds_elements(L))
    luaL_error(L, "%s: the range %I to %I is too large", what, (LUAI_UACINT)first,
               (LUAI_UACINT)last);
}

/* Fills the rest of `size` bytes by what stands before them, ever more at a time. */
static void repeat(char *bytes, size_t filled, size_t size)
{
  while (filled < size) {
    size_t more = filled < size - filled ? filled : size - filled;
    memcpy(bytes + filled, bytes, more);
    filled += more;
  }
}

/* text, count, separator -> text */
static int l_rep(lua_State *L)
{
  size_t size, between = 0;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer count = luaL_checkinteger(L, 2);
  const char *separator = luaL_optlstring(L, 3, "", &between);
  size_t cap = vm_get(L)->cap;
  if (count <= 0 || size + between == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  if ((lua_Unsigned)count > cap || size + between > cap / (size_t)count)
    return luaL_error(L, "string.rep: the result would be larger than %d MiB", (int)(cap >> 20));
  size_t total = (size + between) * (size_t)count - between;
  luaL_Buffer result;
  char *bytes = luaL_buffinitsize(L, &result, total);
  memcpy(bytes, text, size);
  if (count > 1)
    memcpy(bytes + size, separator, between);
  repeat(bytes, count > 1 ? size + between : size, total);
  luaL_pushresultsize(&result, total);
  return 1;
}

/* format, ... -> text; `c1000` makes a text of that size of nothing */
static int l_pack(lua_State *L)
{
  size_t total = 0, cap = vm_get(L)->cap;
  for (const char *at = luaL_checkstring(L, 1); (at = strchr(at, 'c')); at++) {
    size_t size = strtoul(at + 1, NULL, 10);
    if (size > cap || total + size > cap)
      return luaL_error(L, "string.pack: the result would be larger than %d MiB", (int)(cap >> 20));
    total += size;
  }
  return pass_on(L);
}

/* format, time -> text or table */
static int l_date(lua_State *L)
{
  size_t size = 0;
  luaL_optlstring(L, 1, "", &size);
  if (size > DATE_FORMAT_MAX)
    return luaL_error(L, "os.date: the format is longer than %d bytes", DATE_FORMAT_MAX);
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

enum { TABLE = 1, SEPARATOR, FIRST, LAST, PIECES };

/* Lua's concat (upvalue 1) of a part. (-- text) */
static void concat_part(lua_State *L, int table, lua_Integer first, lua_Integer last)
{
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, table);
  lua_pushvalue(L, SEPARATOR);
  lua_pushinteger(L, first);
  lua_pushinteger(L, last);
  lua_call(L, 4, 1);
}

/* Long lists stretch by stretch. */
static int concat_on(lua_State *L, int status, lua_KContext next)
{
  (void)status;
  lua_Integer last = lua_tointeger(L, LAST);
  for (lua_Integer first = next; first <= last; first += CONCAT_STRETCH) {
    if (call_should_pause(L))
      return call_pause(L, (lua_KContext)first, concat_on);
    bool is_end = last - first < CONCAT_STRETCH;
    concat_part(L, TABLE, first, is_end ? last : first + CONCAT_STRETCH - 1);
    lua_rawseti(L, PIECES, luaL_len(L, PIECES) + 1);
    if (is_end)
      break;
  }
  concat_part(L, PIECES, 1, luaL_len(L, PIECES));
  return 1;
}

/* table, separator, first, last -> text */
static int l_concat(lua_State *L)
{
  lua_Integer first = luaL_optinteger(L, 3, 1);
  lua_Integer last = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
  check_range(L, first, last, "table.concat");
  if (first > last || last - first < CONCAT_STRETCH)
    return pass_on(L);
  luaL_optstring(L, SEPARATOR, "");
  lua_settop(L, FIRST);
  lua_pushinteger(L, last);
  lua_newtable(L);
  return concat_on(L, LUA_OK, (lua_KContext)first);
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
  static const luaL_Reg of_string[] = {{"rep", l_rep}, {"pack", l_pack}, {NULL, NULL}};
  static const luaL_Reg of_table[] = {
      {"move", l_move},     {"insert", l_insert}, {"remove", l_remove},
      {"concat", l_concat}, {NULL, NULL},
  };
  guard(L, LUA_STRLIBNAME, of_string);
  static const luaL_Reg of_os[] = {{"date", l_date}, {NULL, NULL}};
  guard(L, LUA_TABLIBNAME, of_table);
  guard(L, LUA_OSLIBNAME, of_os);
}
