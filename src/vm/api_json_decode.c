/* JSON -> Lua, on the events of base/json.h: each value is pushed and stored into the table below
 * it. A script that runs out of memory in the middle leaks the reader's scratch buffer and nothing
 * else. Works in any Lua state; on the worker's thread. */
#include "vm/api_json.h"

#include <lauxlib.h>
#include <stdint.h>

#include "base/json.h"

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
  luaL_checkstack(L, 2 * JSON_DEPTH_MAX + 10, "JSON nested too deeply");
  enum error_code code = json_read(text, size, &handler, &d, error);
  if (code)
    lua_settop(L, top);
  return code;
}
