/* Functions of Lua's base library that call back or take long, such that they can be cut into
 * slices, and what they call may wait:
 *
 * - load first gathers what its reader gives, then compiles; text only, 4 MiB at most.
 * - xpcall calls the handler when the error has left the function, not within it: there is no debug
 *   library to look around with, and a handler within could not be cut.
 * - tostring calls __tostring as Lua calls functions.
 * - collectgarbage makes a full collection in many small steps; the collector's settings are not a
 *   script's to change. */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "model/script.h"
#include "vm/call.h"
#include "vm/state.h"

/* ---- load ---- */

enum { CHUNK = 1, NAME, MODE, ENVIRONMENT, PIECES, SIZE };

static void check_size(lua_State *L, size_t size)
{
  if (size > SCRIPT_SIZE_MAX)
    luaL_error(L, "load: the text is longer than %d MiB", SCRIPT_SIZE_MAX >> 20);
}

/* text, name, mode, environment... -> function, or nil, message; upvalue 1 is Lua's load */
static int load_text(lua_State *L)
{
  lua_pushliteral(L, "t");
  lua_replace(L, MODE);
  if (lua_type(L, NAME) == LUA_TSTRING)
    vm_hide_secrets(L, NAME); /* Lua cuts the name that errors show */
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* All pieces are there: as if they had been given as one text. */
static int load_pieces(lua_State *L)
{
  lua_Integer count = luaL_len(L, PIECES);
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, PIECES, i);
    luaL_addvalue(&text);
  }
  luaL_pushresult(&text);
  lua_replace(L, CHUNK);
  if (lua_isnil(L, NAME)) {
    lua_pushliteral(L, "=(load)");
    lua_replace(L, NAME);
  }
  lua_settop(L, lua_toboolean(L, SIZE + 1) ? ENVIRONMENT : MODE);
  return load_text(L);
}

static int take_piece(lua_State *L, int status, lua_KContext unused);

static int read_on(lua_State *L)
{
  for (;;) {
    lua_pushvalue(L, CHUNK);
    int status = lua_pcallk(L, 0, 1, 0, 0, take_piece);
    int results = take_piece(L, status == LUA_OK ? LUA_OK : status, 1);
    if (results > 0)
      return results;
  }
}

/* `is_looping`: called by read_on, which goes on at 0. */
static int take_piece(lua_State *L, int status, lua_KContext is_looping)
{
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  size_t size;
  const char *piece = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
  if (!piece && !lua_isnil(L, -1)) {
    lua_pushnil(L);
    lua_pushliteral(L, "reader function must return a string");
    return 2;
  }
  if (!piece || size == 0) {
    lua_pop(L, 1);
    return load_pieces(L);
  }
  lua_rawseti(L, PIECES, luaL_len(L, PIECES) + 1);
  size += (size_t)lua_tointeger(L, SIZE);
  check_size(L, size);
  lua_pushinteger(L, (lua_Integer)size);
  lua_replace(L, SIZE);
  return is_looping ? 0 : read_on(L);
}

/* chunk, name, mode, environment -> function, or nil, message */
static int l_load(lua_State *L)
{
  const char *mode = luaL_optstring(L, MODE, "t");
  bool has_environment = lua_gettop(L) >= ENVIRONMENT;
  if (!strchr(mode, 't'))
    return luaL_error(L, "load: only source text can be loaded, no bytecode");
  if (lua_type(L, CHUNK) == LUA_TFUNCTION) {
    lua_settop(L, ENVIRONMENT);
    lua_newtable(L);
    lua_pushinteger(L, 0);
    lua_pushboolean(L, has_environment);
    return read_on(L);
  }
  size_t size = 0;
  lua_tolstring(L, CHUNK, &size);
  check_size(L, size);
  lua_settop(L, has_environment ? ENVIRONMENT : MODE);
  return load_text(L);
}

/* ---- xpcall ---- */

enum { HANDLER = 1 };

/* handler, message -> false, message */
static int after_handler(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

/* handler, results... or handler, error -> as xpcall */
static int after_function(lua_State *L, int status, lua_KContext unused)
{
  (void)unused;
  if (status == LUA_OK || status == LUA_YIELD) {
    lua_pushboolean(L, 1);
    lua_replace(L, HANDLER);
    return lua_gettop(L);
  }
  if (status == LUA_ERRMEM)
    return after_handler(L, status, 0);
  lua_pushvalue(L, HANDLER);
  lua_insert(L, -2);
  return after_handler(L, lua_pcallk(L, 1, 1, 0, 0, after_handler), 0);
}

/* function, handler, ... -> true, results... or false, what the handler makes of the error */
static int l_xpcall(lua_State *L)
{
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushvalue(L, 1);
  lua_copy(L, 2, HANDLER);
  lua_replace(L, 2);
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, after_function);
  return after_function(L, status, 0);
}

/* ---- tostring ---- */

static int check_text(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  if (!lua_isstring(L, -1))
    return luaL_error(L, "'__tostring' must return a string");
  return 1;
}

/* value -> text */
static int l_tostring(lua_State *L)
{
  luaL_checkany(L, 1);
  if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) {
    luaL_tolstring(L, 1, NULL);
    return 1;
  }
  lua_pushvalue(L, 1);
  lua_callk(L, 1, 1, 0, check_text);
  return check_text(L, LUA_OK, 0);
}

/* ---- collectgarbage ---- */

enum { STEP_KIB_MAX = 256 };

/* To the end of the cycle that has begun, and through a whole one. */
static int collect(lua_State *L, int status, lua_KContext cycles)
{
  (void)status;
  while (cycles > 0) {
    if (lua_gc(L, LUA_GCSTEP, 0))
      cycles--;
    else if (call_should_pause(L))
      return call_pause(L, cycles, collect);
  }
  lua_pushinteger(L, 0);
  return 1;
}

/* option, argument -> number or boolean; upvalue 1 is Lua's collectgarbage */
static int l_collectgarbage(lua_State *L)
{
  static const char *const options[] = {"collect", "count", "step", "isrunning", NULL};
  int option = luaL_checkoption(L, 1, "collect", options);
  if (option == 0)
    return collect(L, LUA_OK, 2);
  lua_Integer size = luaL_optinteger(L, 2, 0);
  lua_settop(L, 0);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushstring(L, options[option]);
  lua_pushinteger(L, size < STEP_KIB_MAX ? size : STEP_KIB_MAX);
  lua_call(L, 2, 1);
  return 1;
}

/* The new function has the old one as its upvalue. */
static void replace_global(lua_State *L, const char *name, lua_CFunction function)
{
  lua_getglobal(L, name);
  lua_pushcclosure(L, function, 1);
  lua_setglobal(L, name);
}

void base_library_open(lua_State *L)
{
  replace_global(L, "load", l_load);
  replace_global(L, "collectgarbage", l_collectgarbage);
  lua_register(L, "xpcall", l_xpcall);
  lua_register(L, "tostring", l_tostring);
}
