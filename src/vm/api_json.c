/* Lua -> JSON, and what scripts call; api_json_decode.c is the way back. No tree lies in between,
 * since every request, result and argument goes this way.
 *
 * Integers and floats stay apart (1 and 1.0); a table with the keys 1..n is an array, one with
 * string keys an object with sorted keys, an empty one an array unless it was decoded from {}.
 * json.null is the light userdata NULL. Metatables are not asked, but for json.array's, that of
 * such a {}, and time values, which become RFC 3339 text. What has no JSON is refused with the path
 * to it.
 *
 * Works in any Lua state; on the worker's thread. */
#include "vm/api_json.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "vm/api_time.h"
#include "vm/vm.h"

#define ARRAY_MARK "json.array"

enum { ENCODED_SIZE_MAX = 64 << 20 };

struct key {
  const char *data; /* the table's own string */
  size_t size;
};

/* One step of the path from the root to the value at hand, for messages and to find cycles. */
struct step {
  const void *table;
  struct key key; /* NULL: an element, `index` counts */
  lua_Integer index;
};

/* One per state, kept in the registry: encoding runs no Lua code, so that it is never begun twice.
 * What an error that was raised in the middle left in it, the next one clears away. */
struct encoder {
  struct buffer out;
  struct json_writer writer;
  int indent;
  int depth;
  struct step steps[JSON_DEPTH_MAX + 1];
  struct key *keys; /* a stack of the sorted keys of the objects that are being written */
  size_t key_count, key_capacity;
  const char *name;
  struct buffer problem;
};

static const char encoder_key;

enum { OUT_KEPT_MAX = 64 << 10 };

static int l_encoder_gc(lua_State *L) /* encoder -> */
{
  struct encoder *e = lua_touserdata(L, 1);
  buffer_deinit(&e->out);
  buffer_deinit(&e->problem);
  free(e->keys);
  e->keys = NULL;
  return 0;
}

static struct encoder *begin_encoding(lua_State *L, const char *name, int indent)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &encoder_key);
  struct encoder *e = lua_touserdata(L, -1);
  lua_pop(L, 1);
  buffer_clear(&e->out);
  buffer_clear(&e->problem);
  e->writer = (struct json_writer){.out = &e->out};
  e->indent = indent;
  e->name = name;
  e->depth = 0;
  e->key_count = 0;
  return e;
}

/* Sets the problem "args[2].when: WHAT" once and returns false. */
static bool refuse(struct encoder *e, const char *what)
{
  struct buffer *text = &e->problem;
  if (text->size)
    return false;
  if (e->name)
    buffer_append_text(text, e->name);
  for (int i = 1; i <= e->depth; i++) {
    const struct step *step = &e->steps[i];
    if (step->key.data) {
      if (text->size)
        buffer_append_byte(text, '.');
      text_append_visible(text, step->key.data, step->key.size < 60 ? step->key.size : 60);
    } else if (step->index) {
      buffer_printf(text, "[%lld]", (long long)step->index);
    }
  }
  if (text->size)
    buffer_append_text(text, ": ");
  buffer_append_text(text, what);
  return false;
}

static void break_line(struct encoder *e)
{
  if (!e->indent)
    return;
  if (e->writer.needs_comma)
    buffer_append_byte(&e->out, ',');
  e->writer.needs_comma = false;
  buffer_append_byte(&e->out, '\n');
  for (int i = 0; i < e->indent * e->depth; i++)
    buffer_append_byte(&e->out, ' ');
}

static bool encode_value(lua_State *L, struct encoder *e, int index);

static bool encode_string(struct encoder *e, const char *data, size_t size)
{
  if (!text_is_utf8(data, size, NULL))
    return refuse(e, "a string that is not UTF-8 cannot be stored");
  json_write_string(&e->writer, data, size);
  if (e->out.size > ENCODED_SIZE_MAX)
    return refuse(e, "more than 64 MiB of JSON");
  return true;
}

static int compare_keys(const void *left, const void *right)
{
  const struct key *a = left, *b = right;
  int order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

static void push_key(struct encoder *e, const char *data, size_t size)
{
  if (e->key_count == e->key_capacity) {
    e->key_capacity = e->key_capacity ? e->key_capacity * 2 : 32;
    e->keys = memory_resize(e->keys, e->key_capacity * sizeof *e->keys);
  }
  e->keys[e->key_count++] = (struct key){data, size};
}

/* What the keys say: how many there are and whether all are 1..n or all strings, which are pushed.
 */
static bool read_keys(lua_State *L, struct encoder *e, int index, lua_Integer *count)
{
  size_t first_key = e->key_count;
  lua_Integer highest = 0;
  *count = 0;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_isinteger(L, -2)) {
      lua_Integer key = lua_tointeger(L, -2);
      highest = key > highest ? key : highest;
      if (key < 1)
        return refuse(e, "a list's keys begin at 1; for an object make them strings");
      (*count)++;
    } else if (lua_type(L, -2) == LUA_TSTRING) {
      size_t size;
      const char *data = lua_tolstring(L, -2, &size);
      push_key(e, data, size);
    } else {
      char what[80];
      snprintf(what, sizeof what, "a %s cannot be a key", luaL_typename(L, -2));
      return refuse(e, what);
    }
    if (*count > 0 && e->key_count > first_key)
      return refuse(e, "a table with both list elements and named fields cannot be stored");
  }
  if (highest > *count)
    return refuse(e, "a list with holes cannot be stored; put json.null in them");
  return true;
}

static bool has_mark(lua_State *L, int index, const char *mark)
{
  if (!lua_getmetatable(L, index))
    return false;
  luaL_getmetatable(L, mark);
  bool is_same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is_same;
}

static bool encode_array(lua_State *L, struct encoder *e, int index, lua_Integer count)
{
  struct step *step = &e->steps[e->depth];
  json_begin_array(&e->writer);
  for (lua_Integer i = 1; i <= count; i++) {
    step->index = i;
    break_line(e);
    lua_rawgeti(L, index, i);
    if (!encode_value(L, e, lua_gettop(L)))
      return false;
    lua_pop(L, 1);
  }
  e->depth--;
  e->writer.needs_comma = false;
  if (count)
    break_line(e);
  json_end_array(&e->writer);
  return true;
}

static bool encode_object(lua_State *L, struct encoder *e, int index, size_t first_key)
{
  struct step *step = &e->steps[e->depth];
  size_t end = e->key_count;
  if (end - first_key > 1)
    qsort(e->keys + first_key, end - first_key, sizeof *e->keys, compare_keys);
  json_begin_object(&e->writer);
  for (size_t i = first_key; i < end; i++) {
    step->key = e->keys[i];
    break_line(e);
    if (!encode_string(e, step->key.data, step->key.size))
      return false;
    buffer_append_text(&e->out, e->indent ? ": " : ":");
    e->writer.needs_comma = false;
    lua_pushlstring(L, step->key.data, step->key.size);
    lua_rawget(L, index);
    if (!encode_value(L, e, lua_gettop(L)))
      return false;
    lua_pop(L, 1);
  }
  e->key_count = first_key;
  e->depth--;
  e->writer.needs_comma = false;
  if (end > first_key)
    break_line(e);
  json_end_object(&e->writer);
  return true;
}

static bool encode_table(lua_State *L, struct encoder *e, int index)
{
  const void *table = lua_topointer(L, index);
  for (int i = 1; i <= e->depth; i++)
    if (e->steps[i].table == table)
      return refuse(e, "a table that contains itself cannot be stored");
  if (e->depth == JSON_DEPTH_MAX)
    return refuse(e, "nested too deeply");
  if (!lua_checkstack(L, 10))
    return refuse(e, "nested too deeply");
  e->steps[++e->depth] = (struct step){.table = table};
  size_t first_key = e->key_count;
  lua_Integer count;
  if (!read_keys(L, e, index, &count))
    return false;
  bool is_named = e->key_count > first_key;
  if (is_named && has_mark(L, index, ARRAY_MARK))
    return refuse(e, "a json.array cannot have named fields");
  if (is_named || (count == 0 && has_mark(L, index, API_JSON_OBJECT)))
    return encode_object(L, e, index, first_key);
  return encode_array(L, e, index, count);
}

static bool encode_number(lua_State *L, struct encoder *e, int index)
{
  if (lua_isinteger(L, index)) {
    json_write_integer(&e->writer, lua_tointeger(L, index));
    return true;
  }
  double value = lua_tonumber(L, index);
  if (isnan(value))
    return refuse(e, "a number that is not a number (NaN) cannot be stored");
  if (isinf(value))
    return refuse(e, "an infinite number cannot be stored");
  json_write_number(&e->writer, value);
  return true;
}

static bool encode_value(lua_State *L, struct encoder *e, int index)
{
  size_t size;
  const char *data;
  switch (lua_type(L, index)) {
  case LUA_TNIL:
    json_write_null(&e->writer);
    return true;
  case LUA_TBOOLEAN:
    json_write_boolean(&e->writer, lua_toboolean(L, index));
    return true;
  case LUA_TNUMBER:
    return encode_number(L, e, index);
  case LUA_TSTRING:
    data = lua_tolstring(L, index, &size);
    return encode_string(e, data, size);
  case LUA_TTABLE:
    return encode_table(L, e, index);
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, index) == NULL) {
      json_write_null(&e->writer);
      return true;
    }
    break;
  case LUA_TUSERDATA: {
    char text[API_TIME_TEXT_SIZE];
    if (api_time_text(L, index, text)) {
      json_write_text(&e->writer, text);
      return true;
    }
    break;
  }
  default:
    break;
  }
  char what[80];
  snprintf(what, sizeof what, "a %.40s cannot be stored", luaL_typename(L, index));
  return refuse(e, what);
}

bool api_json_encode(lua_State *L, int index, const char *name, int indent)
{
  index = lua_absindex(L, index);
  luaL_checkstack(L, 10, NULL);
  struct encoder *e = begin_encoding(L, name, indent);
  int top = lua_gettop(L);
  bool is_good = encode_value(L, e, index);
  lua_settop(L, top);
  struct buffer *text = is_good ? &e->out : &e->problem;
  lua_pushlstring(L, text->data, text->size);
  if (e->out.capacity > OUT_KEPT_MAX)
    buffer_deinit(&e->out);
  return is_good;
}

/* ---- bindings ---- */

static int l_encode(lua_State *L) /* value name? indent? -> text | nil message */
{
  luaL_checkany(L, 1);
  const char *name = luaL_optstring(L, 2, NULL);
  lua_Integer indent = luaL_optinteger(L, 3, 0);
  if (api_json_encode(L, 1, name, (int)(indent < 0 ? 0 : indent > 16 ? 16 : indent)))
    return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

static int l_decode(lua_State *L) /* text drops_nulls? -> value | nil message */
{
  size_t size;
  struct error error;
  const char *text = luaL_checklstring(L, 1, &size);
  if (!api_json_push(L, text, size, lua_toboolean(L, 2) ? NULLS_DROPPED : NULLS_KEPT, &error))
    return 1;
  lua_pushnil(L);
  lua_pushstring(L, error.text);
  return 2;
}

static int l_array(lua_State *L) /* table -> the same table, marked */
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setmetatable(L, ARRAY_MARK);
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

static void make_encoder(lua_State *L)
{
  memset(lua_newuserdatauv(L, sizeof(struct encoder), 0), 0, sizeof(struct encoder));
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_encoder_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &encoder_key);
}

void api_json_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {
      {"json_encode", l_encode}, {"json_decode", l_decode}, {"json_array", l_array}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  luaL_newmetatable(L, ARRAY_MARK);
  luaL_newmetatable(L, API_JSON_OBJECT);
  lua_pop(L, 2);
  make_encoder(L);
  set_null_metatable(L);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "json_null");
}
