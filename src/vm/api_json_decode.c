/* JSON -> Lua, on the events of base/json.h: each value is pushed and stored into the table below
 * it. A script that runs out of memory in the middle of a short text leaks the reader's scratch
 * buffer and nothing else. Works in any Lua state, in slices in those of a worker; on the worker's
 * thread. */
#include "vm/api_json.h"

#include <lauxlib.h>
#include <stdint.h>

#include "base/json.h"
#include "vm/call.h"

enum {
  STACK_SLOTS = 2 * JSON_DEPTH_MAX + 10,
  WHOLE_SIZE_MAX = 16 << 10, /* no text of so few bytes takes a slice's time */
  LOOK_VALUES = 64,          /* so many until the clock is looked at */
};

struct level {
  bool is_object;
  lua_Integer count;
};

struct decoder {
  lua_State *L;
  enum api_json_nulls nulls;
  int depth;
  struct level levels[JSON_DEPTH_MAX + 1];
};

/* Stack: table key? value -> table. At the top level the value stays. */
static bool store(struct decoder *d)
{
  struct level *level = &d->levels[d->depth];
  if (d->depth == 0)
    return true;
  if (level->is_object)
    lua_rawset(d->L, -3);
  else
    lua_rawseti(d->L, -2, ++level->count);
  return true;
}

static bool on_null(void *context)
{
  struct decoder *d = context;
  bool is_dropped = d->nulls == NULLS_DROPPED && (d->depth == 0 || d->levels[d->depth].is_object);
  if (is_dropped)
    lua_pushnil(d->L);
  else
    lua_pushlightuserdata(d->L, NULL);
  return store(d);
}

static bool on_boolean(void *context, bool value)
{
  struct decoder *d = context;
  lua_pushboolean(d->L, value);
  return store(d);
}

static bool on_integer(void *context, int64_t value)
{
  struct decoder *d = context;
  lua_pushinteger(d->L, value);
  return store(d);
}

static bool on_number(void *context, double value)
{
  struct decoder *d = context;
  lua_pushnumber(d->L, value);
  return store(d);
}

static bool on_string(void *context, const char *data, size_t size)
{
  struct decoder *d = context;
  lua_pushlstring(d->L, data, size);
  return store(d);
}

static bool on_key(void *context, const char *data, size_t size)
{
  struct decoder *d = context;
  lua_pushlstring(d->L, data, size);
  return true;
}

static bool on_begin(void *context, bool is_object)
{
  struct decoder *d = context;
  lua_newtable(d->L);
  d->levels[++d->depth] = (struct level){.is_object = is_object};
  return true;
}

static bool on_end(void *context, bool is_object)
{
  struct decoder *d = context;
  if (is_object) {
    lua_pushnil(d->L);
    if (lua_next(d->L, -2))
      lua_pop(d->L, 2);
    else
      luaL_setmetatable(d->L, API_JSON_OBJECT);
  }
  d->depth--;
  return store(d);
}

static const struct json_handler handler = {
    .null = on_null,
    .boolean = on_boolean,
    .integer = on_integer,
    .number = on_number,
    .string = on_string,
    .key = on_key,
    .begin = on_begin,
    .end = on_end,
};

enum error_code api_json_push(lua_State *L, const char *text, size_t size,
                              enum api_json_nulls nulls, struct error *error)
{
  struct decoder d = {.L = L, .nulls = nulls};
  int top = lua_gettop(L);
  luaL_checkstack(L, STACK_SLOTS, "JSON nested too deeply");
  enum error_code code = json_read(text, size, &handler, &d, error);
  if (code)
    lua_settop(L, top);
  return code;
}

/* ---- bindings ---- */

/* A text that is read in slices. */
struct decoding {
  struct decoder decoder;
  struct json_reader reader;
  struct error error;
};

static int push_problem(lua_State *L, const struct error *error)
{
  lua_pushnil(L);
  lua_pushstring(L, error->text);
  return 2;
}

static int l_decoding_gc(lua_State *L) /* decoding -> */
{
  struct decoding *decoding = lua_touserdata(L, 1);
  json_reader_close(&decoding->reader);
  return 0;
}

/* The decoding lies at `at`, what is open above. */
static int decode_on(lua_State *L, int status, lua_KContext at)
{
  (void)status;
  struct decoding *decoding = lua_touserdata(L, (int)at);
  enum error_code code = ERROR_OK;
  while (!code && !decoding->reader.is_done) {
    if (call_should_pause(L))
      return call_pause(L, at, decode_on);
    code = json_reader_step(&decoding->reader, LOOK_VALUES);
  }
  return code ? push_problem(L, &decoding->error) : 1;
}

static int decode_in_slices(lua_State *L, const char *text, size_t size, enum api_json_nulls nulls)
{
  luaL_checkstack(L, STACK_SLOTS, "JSON nested too deeply");
  struct decoding *decoding = lua_newuserdatauv(L, sizeof *decoding, 0);
  decoding->decoder = (struct decoder){.L = L, .nulls = nulls};
  int at = lua_gettop(L);
  if (json_reader_open(&decoding->reader, text, size, &handler, &decoding->decoder,
                       &decoding->error))
    return push_problem(L, &decoding->error);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_decoding_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, at);
  return decode_on(L, LUA_OK, at);
}

/* text drops_nulls? -> value | nil message; upvalue 1: whether it is in slices */
static int l_decode(lua_State *L)
{
  size_t size;
  struct error error;
  const char *text = luaL_checklstring(L, 1, &size);
  enum api_json_nulls nulls = lua_toboolean(L, 2) ? NULLS_DROPPED : NULLS_KEPT;
  if (size > WHOLE_SIZE_MAX && lua_toboolean(L, lua_upvalueindex(1)))
    return decode_in_slices(L, text, size, nulls);
  return api_json_push(L, text, size, nulls, &error) ? push_problem(L, &error) : 1;
}

void api_json_open_decode(lua_State *L, bool is_in_slices) /* raw -- raw */
{
  lua_pushboolean(L, is_in_slices);
  lua_pushcclosure(L, l_decode, 1);
  lua_setfield(L, -2, "json_decode");
}
