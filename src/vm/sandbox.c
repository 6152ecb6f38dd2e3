/* The libraries that scripts see: Lua's own without what reaches files, processes, bytecode or our
 * side of the fence. A guard against accidents, not against enemies. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/clock.h"
#include "base/random.h"
#include "vm/state.h"

/* table, metatable -> table. A __gc would run where nothing can stop it. */
static int l_setmetatable(lua_State *L)
{
  int type = lua_type(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
    return luaL_error(L, "cannot change a protected metatable");
  lua_settop(L, 2);
  if (type == LUA_TTABLE) {
    lua_pushliteral(L, "__gc");
    if (lua_rawget(L, 2) != LUA_TNIL)
      return luaL_error(L,
                        "setmetatable: __gc is not available, use __close and `local x <close>`");
    lua_settop(L, 2);
  }
  lua_setmetatable(L, 1);
  return 1;
}

/* (metatable -- metatable) Whether it is one that C sets, which does not look for a __gc: the
 * registry has those by name. */
static bool is_ours(lua_State *L)
{
  int meta = lua_gettop(L);
  bool is_ours = false;
  lua_pushliteral(L, "__name");
  if (lua_rawget(L, meta) == LUA_TSTRING) {
    lua_rawget(L, LUA_REGISTRYINDEX);
    is_ours = lua_rawequal(L, meta, -1);
  }
  lua_settop(L, meta);
  return is_ours;
}

/* value -> metatable, or false for one of ours: with a __gc in it, each object that is made later
 * would run that where nothing can stop it. */
static int l_getmetatable(lua_State *L)
{
  luaL_checkany(L, 1);
  if (!lua_getmetatable(L, 1)) {
    lua_pushnil(L);
    return 1;
  }
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
    return 1;
  int type = lua_type(L, 1);
  if (type == LUA_TUSERDATA || type == LUA_TLIGHTUSERDATA || is_ours(L))
    lua_pushboolean(L, 0);
  return 1;
}

/* Seconds since the epoch by the thread's clock, which a simulation moves. (-- seconds) */
static void push_now(lua_State *L)
{
  lua_pushinteger(L, clock_wall_us() / 1000000);
}

/* fields -> seconds, or nothing -> seconds; Lua's own is upvalue 1 */
static int l_time(lua_State *L)
{
  if (lua_isnoneornil(L, 1)) {
    push_now(L);
    return 1;
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) /* what is wrong is told without a place */
    return lua_type(L, -1) == LUA_TSTRING ? luaL_error(L, "%s", lua_tostring(L, -1)) : lua_error(L);
  return 1;
}

/* format, seconds -> text or table; likewise */
static int l_date(lua_State *L)
{
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    push_now(L);
    lua_replace(L, 2);
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

/* (os -- os) */
static void replace(lua_State *L, const char *name, lua_CFunction function)
{
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, -2, name);
}

static void open_os(lua_State *L)
{
  static const char *const kept[] = {"clock", "date", "difftime", "getenv", "time"};
  luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0);
  lua_createtable(L, 0, sizeof kept / sizeof kept[0] + 1);
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
    lua_getfield(L, -2, kept[i]);
    lua_setfield(L, -2, kept[i]);
  }
  replace(L, "time", l_time);
  replace(L, "date", l_date);
  lua_setglobal(L, LUA_OSLIBNAME);
  lua_pop(L, 1);
}

/* Lua would begin its numbers with an address and the time. */
static void seed_numbers(lua_State *L)
{
  lua_Integer seed[2];
  random_bytes(seed, sizeof seed);
  lua_getglobal(L, LUA_MATHLIBNAME);
  lua_getfield(L, -1, "randomseed");
  lua_pushinteger(L, seed[0]);
  lua_pushinteger(L, seed[1]);
  lua_call(L, 2, 0);
  lua_pop(L, 1);
}

void sandbox_open(lua_State *L)
{
  static const luaL_Reg libraries[] = {
      {LUA_GNAME, luaopen_base},        {LUA_TABLIBNAME, luaopen_table},
      {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},
      {LUA_UTF8LIBNAME, luaopen_utf8},
  };
  for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
    luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
    lua_pop(L, 1);
  }
  seed_numbers(L);
  open_os(L);
  /* luaL_requiref keeps what it opened, Lua's whole `os` included. */
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_register(L, "getmetatable", l_getmetatable);
  lua_register(L, "setmetatable", l_setmetatable);
  absent_open(L);
  base_library_open(L);
  bounds_open(L);
  pattern_open(L);
  sort_open(L);
  coroutine_open(L);
  require_open(L);
}
