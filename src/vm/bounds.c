/* Guards around functions of Lua's libraries that can run for hours in C, where no hook reaches:
 * each looks at the arguments, then calls the original. */
#include <ctype.h>
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
  NUMERAL_MAX = 64 << 10,
  TEXT_STRETCH = 256 << 10, /* bytes, some 200 us */
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

/* Writes `count` bytes of what a text of `size` bytes becomes, from its byte `at` on. */
typedef void converter(const char *text, size_t size, size_t at, size_t count, char *out);

static void to_upper(const char *text, size_t size, size_t at, size_t count, char *out)
{
  (void)size;
  for (size_t i = at; i < at + count; i++)
    out[i] = (char)toupper((unsigned char)text[i]);
}

static void to_lower(const char *text, size_t size, size_t at, size_t count, char *out)
{
  (void)size;
  for (size_t i = at; i < at + count; i++)
    out[i] = (char)tolower((unsigned char)text[i]);
}

static void to_reverse(const char *text, size_t size, size_t at, size_t count, char *out)
{
  for (size_t i = at; i < at + count; i++)
    out[i] = text[size - 1 - i];
}

/* Stretch by stretch. (text out -- text) */
static int convert_on(lua_State *L, lua_KContext next, converter *how, lua_KFunction go_on)
{
  size_t size;
  const char *text = lua_tolstring(L, 1, &size);
  char *out = lua_touserdata(L, 2);
  for (size_t at = (size_t)next; at < size; at += TEXT_STRETCH) {
    if (call_should_pause(L))
      return call_pause(L, (lua_KContext)at, go_on);
    how(text, size, at, size - at < TEXT_STRETCH ? size - at : TEXT_STRETCH, out);
  }
  lua_pushlstring(L, out, size);
  return 1;
}

/* text -> text */
static int convert(lua_State *L, converter *how, lua_KFunction go_on)
{
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  if (size <= TEXT_STRETCH) {
    luaL_Buffer result;
    how(text, size, 0, size, luaL_buffinitsize(L, &result, size));
    luaL_pushresultsize(&result, size);
    return 1;
  }
  lua_settop(L, 1);
  lua_newuserdatauv(L, size, 0);
  return go_on(L, LUA_OK, 0);
}

#define CONVERSION(name)                                                                           \
  static int name##_on(lua_State *L, int status, lua_KContext next)                                \
  {                                                                                                \
    (void)status;                                                                                  \
    return convert_on(L, next, to_##name, name##_on);                                              \
  }                                                                                                \
  static int l_##name(lua_State *L) /* text -> text */                                             \
  {                                                                                                \
    return convert(L, to_##name, name##_on);                                                       \
  }

CONVERSION(upper)
CONVERSION(lower)
CONVERSION(reverse)

/* value, base -> number or nil */
static int l_tonumber(lua_State *L)
{
  size_t size;
  if (lua_type(L, 1) == LUA_TSTRING && lua_rawlen(L, 1) > NUMERAL_MAX)
    return luaL_error(L, "tonumber: the text is longer than %d KiB", NUMERAL_MAX >> 10);
  if (!lua_isnoneornil(L, 2))
    return pass_on(L);
  luaL_checkany(L, 1);
  if (lua_type(L, 1) == LUA_TSTRING) {
    const char *text = lua_tolstring(L, 1, &size);
    if (lua_stringtonumber(L, text) == size + 1)
      return 1;
  } else if (lua_type(L, 1) == LUA_TNUMBER) {
    lua_settop(L, 1);
    return 1;
  }
  lua_pushnil(L);
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
  static const luaL_Reg of_string[] = {{"rep", l_rep},         {"pack", l_pack},
                                       {"upper", l_upper},     {"lower", l_lower},
                                       {"reverse", l_reverse}, {NULL, NULL}};
  static const luaL_Reg of_table[] = {
      {"move", l_move},     {"insert", l_insert}, {"remove", l_remove},
      {"concat", l_concat}, {NULL, NULL},
  };
  guard(L, LUA_STRLIBNAME, of_string);
  static const luaL_Reg of_os[] = {{"date", l_date}, {NULL, NULL}};
  guard(L, LUA_TABLIBNAME, of_table);
  guard(L, LUA_OSLIBNAME, of_os);
  static const luaL_Reg of_base[] = {{"tonumber", l_tonumber}, {NULL, NULL}};
  guard(L, LUA_GNAME, of_base);
}
