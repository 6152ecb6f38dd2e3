/* Lua -> JSON; api_json_decode.c is the way back. No tree lies in between, since every request,
 * result and argument goes this way.
 *
 * Integers and floats stay apart (1 and 1.0); a table with the keys 1..n is an array, one with
 * string keys an object with sorted keys, an empty one an array unless it was decoded from {}.
 * json.null is the light userdata NULL. Metatables are not asked, but for json.array's, that of
 * such a {}, and time values, which become RFC 3339 text. What has no JSON is refused with the path
 * to it.
 *
 * The tables that are open, each within the one before, lie on the Lua stack and not on C's, so
 * that encoding can be cut into slices like Lua code. What the script changes meanwhile may be
 * written as it was or as it is.
 *
 * Works in any Lua state, in slices in those of a worker; on the worker's thread. */
#include "vm/api_json.h"

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
#include "vm/call.h"

enum { ENCODED_SIZE_MAX = 64 << 20 };

struct key {
  const char *data; /* the table's own string */
  size_t size;
  uint64_t begin; /* its first bytes, which mostly decide the order without a look at the string */
};

/* A table that is open: at the element `index` of `count`, or behind the key before `next_key`. */
struct step {
  const void *table; /* to find cycles */
  bool is_object;
  lua_Integer index, count;
  size_t first_key, next_key; /* among the encoder's; the innermost object's are the last */
  char *kept;                 /* the keys' bytes, when the table may have lost them */
};

/* One per state, kept in the registry; one that pauses leaves it to whoever encodes meanwhile. What
 * an error that was raised in the middle left in it, the next one clears away. */
struct encoder {
  struct buffer out;
  struct json_writer writer;
  int indent;
  size_t size_max; /* of the text */
  int depth;
  struct step steps[JSON_DEPTH_MAX + 1];
  struct key *keys; /* a stack of the sorted keys of the objects that are being written */
  size_t key_count, key_capacity;
  const char *name;
  struct buffer problem;
  lua_KFunction after; /* in slices */
  int to_look;         /* so many values until the clock is looked at */
};

static const char encoder_key;

enum { OUT_KEPT_MAX = 64 << 10, LOOK_VALUES = 64 };

static void forget_steps(struct encoder *e)
{
  for (; e->depth > 0; e->depth--)
    free(e->steps[e->depth].kept);
}

static int l_encoder_gc(lua_State *L) /* encoder -> */
{
  struct encoder *e = lua_touserdata(L, 1);
  buffer_deinit(&e->out);
  buffer_deinit(&e->problem);
  forget_steps(e);
  free(e->keys);
  e->keys = NULL;
  return 0;
}

static void make_encoder(lua_State *L) /* -- encoder */
{
  memset(lua_newuserdatauv(L, sizeof(struct encoder), 0), 0, sizeof(struct encoder));
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_encoder_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &encoder_key);
}

/* -- encoder */
static struct encoder *begin_encoding(lua_State *L, const char *name, int indent)
{
  luaL_checkstack(L, 10, NULL);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &encoder_key) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    make_encoder(L);
  }
  struct encoder *e = lua_touserdata(L, -1);
  buffer_clear(&e->out);
  buffer_clear(&e->problem);
  forget_steps(e);
  e->writer = (struct json_writer){.out = &e->out};
  e->indent = indent;
  e->size_max = ENCODED_SIZE_MAX;
  e->name = name;
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
    if (step->is_object && step->next_key > step->first_key) {
      const struct key *key = &e->keys[step->next_key - 1];
      if (text->size)
        buffer_append_byte(text, '.');
      text_append_visible(text, key->data, key->size < 60 ? key->size : 60);
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

static bool has_room(struct encoder *e, size_t size)
{
  char what[40];
  if (e->out.size + size <= e->size_max)
    return true;
  snprintf(what, sizeof what, "more than %zu MiB of JSON", e->size_max >> 20);
  return refuse(e, what);
}

static bool encode_string(struct encoder *e, const char *data, size_t size)
{
  if (!has_room(e, size))
    return false;
  if (!text_is_utf8(data, size, NULL))
    return refuse(e, "a string that is not UTF-8 cannot be stored");
  json_write_string(&e->writer, data, size);
  return true;
}

static int compare_keys(const void *left, const void *right)
{
  const struct key *a = left, *b = right;
  if (a->begin != b->begin)
    return a->begin < b->begin ? -1 : 1;
  int order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

static void push_key(struct encoder *e, const char *data, size_t size)
{
  if (e->key_count == e->key_capacity) {
    e->key_capacity = e->key_capacity ? e->key_capacity * 2 : 32;
    e->keys = memory_resize(e->keys, e->key_capacity * sizeof *e->keys);
  }
  struct key *key = &e->keys[e->key_count++];
  *key = (struct key){.data = data, .size = size};
  for (size_t i = 0; i < sizeof key->begin; i++)
    key->begin = key->begin << 8 | (i < size ? (unsigned char)data[i] : 0);
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

/* (table -- table) */
static bool open_table(lua_State *L, struct encoder *e)
{
  const void *table = lua_topointer(L, -1);
  for (int i = 1; i <= e->depth; i++)
    if (e->steps[i].table == table)
      return refuse(e, "a table that contains itself cannot be stored");
  if (e->depth == JSON_DEPTH_MAX || !lua_checkstack(L, 10))
    return refuse(e, "nested too deeply");
  struct step *step = &e->steps[++e->depth];
  *step = (struct step){.table = table, .first_key = e->key_count, .next_key = e->key_count};
  int index = lua_gettop(L);
  if (!read_keys(L, e, index, &step->count))
    return false;
  size_t names = e->key_count - step->first_key;
  if (names > 0 && has_mark(L, index, API_JSON_ARRAY))
    return refuse(e, "a json.array cannot have named fields");
  step->is_object = names > 0 || (step->count == 0 && has_mark(L, index, API_JSON_OBJECT));
  if (names > 1)
    qsort(e->keys + step->first_key, names, sizeof *e->keys, compare_keys);
  if (step->is_object)
    json_begin_object(&e->writer);
  else
    json_begin_array(&e->writer);
  return true;
}

/* (table --) */
static void close_table(lua_State *L, struct encoder *e)
{
  struct step *step = &e->steps[e->depth--];
  bool is_empty = step->count == 0 && e->key_count == step->first_key;
  e->writer.needs_comma = false;
  if (!is_empty)
    break_line(e);
  if (step->is_object)
    json_end_object(&e->writer);
  else
    json_end_array(&e->writer);
  e->key_count = step->first_key;
  free(step->kept);
  lua_pop(L, 1);
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

static bool encode_userdata(lua_State *L, struct encoder *e, int index)
{
  char text[API_TIME_TEXT_SIZE];
  bool is_light = lua_islightuserdata(L, index);
  if (is_light && !lua_touserdata(L, index)) {
    json_write_null(&e->writer);
    return true;
  }
  if (is_light || !api_time_text(L, index, text))
    return refuse(e, "a userdata cannot be stored");
  json_write_text(&e->writer, text);
  return true;
}

/* What is no table. */
static bool encode_scalar(lua_State *L, struct encoder *e, int index)
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
  case LUA_TLIGHTUSERDATA:
  case LUA_TUSERDATA:
    return encode_userdata(L, e, index);
  default:
    break;
  }
  char what[80];
  snprintf(what, sizeof what, "a %.40s cannot be stored", luaL_typename(L, index));
  return refuse(e, what);
}

/* (value --), or (table -- table), which is the innermost then */
static bool encode_value(lua_State *L, struct encoder *e)
{
  if (!has_room(e, 0))
    return false;
  if (lua_istable(L, -1))
    return open_table(L, e);
  bool is_good = encode_scalar(L, e, lua_gettop(L));
  lua_pop(L, 1);
  return is_good;
}

/* An element or a member of the innermost table, or its end. (table -- ...) */
static bool encode_next(lua_State *L, struct encoder *e)
{
  struct step *step = &e->steps[e->depth];
  if (step->is_object ? step->next_key == e->key_count : step->index == step->count) {
    close_table(L, e);
    return true;
  }
  break_line(e);
  if (!step->is_object) {
    lua_rawgeti(L, -1, ++step->index);
    return encode_value(L, e);
  }
  const struct key *key = &e->keys[step->next_key++];
  if (!encode_string(e, key->data, key->size))
    return false;
  buffer_append_text(&e->out, e->indent ? ": " : ":");
  e->writer.needs_comma = false;
  lua_pushlstring(L, key->data, key->size);
  lua_rawget(L, -2);
  return encode_value(L, e);
}

/* Pushes the text, or what is wrong and returns false. */
static bool push_encoded(lua_State *L, struct encoder *e, bool is_good)
{
  is_good = is_good && has_room(e, 0);
  const struct buffer *text = is_good ? &e->out : &e->problem;
  lua_pushlstring(L, text->data, text->size);
  if (e->out.capacity > OUT_KEPT_MAX)
    buffer_deinit(&e->out);
  return is_good;
}

static bool encode(lua_State *L, int index, const char *name, int indent, size_t size_max)
{
  index = lua_absindex(L, index);
  int top = lua_gettop(L);
  struct encoder *e = begin_encoding(L, name, indent);
  e->size_max = size_max;
  lua_pushvalue(L, index);
  bool is_good = encode_value(L, e);
  while (is_good && e->depth > 0)
    is_good = encode_next(L, e);
  is_good = push_encoded(L, e, is_good);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
  return is_good;
}

bool api_json_encode(lua_State *L, int index, const char *name, int indent)
{
  return encode(L, index, name, indent, ENCODED_SIZE_MAX);
}

bool api_json_encode_within(lua_State *L, int index, const char *name, size_t size_max)
{
  return encode(L, index, name, 0, size_max);
}

/* ---- in slices ---- */

/* The script may take away from a table what it likes while others run. */
static void keep_keys(struct encoder *e)
{
  for (int i = 1; i <= e->depth; i++) {
    struct step *step = &e->steps[i];
    size_t end = i < e->depth ? e->steps[i + 1].first_key : e->key_count, size = 0;
    if (step->kept || step->first_key == end)
      continue;
    for (size_t k = step->first_key; k < end; k++)
      size += e->keys[k].size;
    char *at = step->kept = memory_alloc(size + 1);
    for (size_t k = step->first_key; k < end; at += e->keys[k++].size)
      e->keys[k].data = memcpy(at, e->keys[k].data, e->keys[k].size);
  }
}

/* The encoder lies at `at`, the open tables above. */
static int encode_on(lua_State *L, int status, lua_KContext at)
{
  (void)status;
  struct encoder *e = lua_touserdata(L, (int)at);
  bool is_good = true;
  while (is_good && e->depth > 0) {
    if (--e->to_look < 0) {
      e->to_look = LOOK_VALUES;
      if (call_should_pause(L)) {
        keep_keys(e);
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &encoder_key);
        return call_pause(L, at, encode_on);
      }
    }
    is_good = encode_next(L, e);
  }
  lua_settop(L, (int)at);
  return e->after(L, LUA_OK, push_encoded(L, e, is_good));
}

int api_json_encode_in_slices(lua_State *L, int index, const char *name, int indent,
                              lua_KFunction after)
{
  index = lua_absindex(L, index);
  struct encoder *e = begin_encoding(L, name, indent);
  int at = lua_gettop(L);
  e->after = after;
  e->to_look = LOOK_VALUES;
  lua_pushvalue(L, index);
  if (encode_value(L, e))
    return encode_on(L, LUA_OK, at);
  lua_settop(L, at);
  return after(L, LUA_OK, push_encoded(L, e, false));
}
