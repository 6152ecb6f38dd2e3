/* Booleans are stored as 0 and 1, times as RFC 3339 text, and what sqlite.blob() made as bytes; nil
 * and json.null are NULL. */
#include "vm/api_sqlite_value.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "vm/api_args.h"
#include "vm/api_time.h"

static bool is_blob(lua_State *L, int index)
{
  return luaL_testudata(L, index, BLOB_CLASS) != NULL;
}

/* Raises for what cannot be stored, before anything is allocated. */
static void check_value(lua_State *L, int index, const char *function, const char *what)
{
  switch (lua_type(L, index)) {
  case LUA_TNIL:
  case LUA_TBOOLEAN:
  case LUA_TNUMBER:
  case LUA_TSTRING:
    return;
  case LUA_TLIGHTUSERDATA:
    if (!lua_touserdata(L, index))
      return; /* json.null */
    break;
  case LUA_TUSERDATA: {
    int64_t us;
    if (is_blob(L, index) || api_time_get(L, index, &us))
      return;
    break;
  }
  default:
    break;
  }
  args_fail(L, "%s: parameter %s: a %s cannot be stored", function, what, luaL_typename(L, index));
}

static void take_bytes(lua_State *L, int index, struct sqlite_value *value, enum sqlite_type type)
{
  const char *data = lua_tolstring(L, index, &value->size);
  value->type = type;
  value->data = memory_copy(data, value->size);
}

static void take_value(lua_State *L, int index, struct sqlite_value *value)
{
  char text[API_TIME_TEXT_SIZE];
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN:
    value->type = CELL_INTEGER;
    value->integer = lua_toboolean(L, index);
    break;
  case LUA_TNUMBER:
    value->type = lua_isinteger(L, index) ? CELL_INTEGER : CELL_FLOAT;
    value->integer = lua_tointeger(L, index);
    value->number = lua_tonumber(L, index);
    break;
  case LUA_TSTRING:
    take_bytes(L, index, value, CELL_TEXT);
    break;
  case LUA_TUSERDATA:
    if (is_blob(L, index)) {
      lua_getiuservalue(L, index, 1);
      take_bytes(L, -1, value, CELL_BLOB);
      lua_pop(L, 1);
    } else if (api_time_text(L, index, text)) {
      value->type = CELL_TEXT;
      value->size = strlen(text);
      value->data = memory_strdup(text);
    }
    break;
  default:
    value->type = CELL_NULL;
  }
}

/* ---- parameters ---- */

static bool is_table_of_parameters(lua_State *L, int first)
{
  return lua_gettop(L) == first && lua_istable(L, first);
}

/* Names for names, or a list; not both. */
static void check_table(lua_State *L, int index, const char *function)
{
  lua_Integer count = (lua_Integer)lua_rawlen(L, index);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    const char *what = lua_pushfstring(L, "%s", luaL_tolstring(L, -2, NULL));
    lua_remove(L, -2); /* the copy that luaL_tolstring made */
    bool is_name = lua_type(L, -3) == LUA_TSTRING;
    lua_Integer place = lua_isinteger(L, -3) ? lua_tointeger(L, -3) : 0;
    if (is_name ? count > 0 : place < 1 || place > count)
      args_fail(L, "%s: parameters are names or a list without gaps, and [%s] is neither", function,
                what);
    check_value(L, -2, function, what);
    lua_pop(L, 2);
  }
}

void sqlite_check_parameters(lua_State *L, int first, const char *function)
{
  char what[16];
  if (is_table_of_parameters(L, first)) {
    check_table(L, first, function);
    return;
  }
  for (int i = first; i <= lua_gettop(L); i++) {
    snprintf(what, sizeof what, "%d", i - first + 1);
    check_value(L, i, function, what);
  }
}

static void take_table(lua_State *L, int index, struct sqlite_job *job)
{
  size_t capacity = 0;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    if (job->parameter_count == capacity) {
      capacity = capacity ? capacity * 2 : 8;
      job->parameters = memory_resize(job->parameters, capacity * sizeof *job->parameters);
    }
    struct sqlite_parameter *parameter = &job->parameters[job->parameter_count++];
    *parameter = (struct sqlite_parameter){.name = memory_strdup(lua_tostring(L, -2))};
    take_value(L, -1, &parameter->value);
    lua_pop(L, 1);
  }
}

void sqlite_take_parameters(lua_State *L, int first, struct sqlite_job *job)
{
  bool is_table = is_table_of_parameters(L, first);
  lua_Integer length = is_table ? (lua_Integer)lua_rawlen(L, first) : 0;
  if (is_table && length == 0) {
    take_table(L, first, job);
    return;
  }
  job->parameter_count = is_table ? (size_t)length : (size_t)(lua_gettop(L) - first + 1);
  job->parameters = memory_alloc((job->parameter_count + 1) * sizeof *job->parameters);
  for (size_t i = 0; i < job->parameter_count; i++) {
    if (is_table)
      lua_rawgeti(L, first, (lua_Integer)i + 1);
    else
      lua_pushvalue(L, first + (int)i);
    take_value(L, -1, &job->parameters[i].value);
    lua_pop(L, 1);
  }
}

/* ---- rows ---- */

void sqlite_push_value(lua_State *L, const struct sqlite_value *value)
{
  switch (value->type) {
  case CELL_NULL:
    lua_pushnil(L);
    break;
  case CELL_INTEGER:
    lua_pushinteger(L, value->integer);
    break;
  case CELL_FLOAT:
    lua_pushnumber(L, value->number);
    break;
  case CELL_TEXT:
  case CELL_BLOB:
    lua_pushlstring(L, value->size ? value->data : "", value->size);
    break;
  }
}

int sqlite_push_names(lua_State *L, const struct sqlite_rows *rows)
{
  luaL_checkstack(L, rows->columns + 4, "too many columns");
  const char *name = rows->names.data;
  for (int i = 0; i < rows->columns; i++, name += strlen(name) + 1)
    lua_pushstring(L, name);
  return lua_gettop(L) - rows->columns + 1;
}

bool sqlite_push_row(lua_State *L, struct sqlite_rows *rows, int first)
{
  struct sqlite_value value;
  if (!sqlite_rows_next(rows, &value))
    return false;
  lua_createtable(L, 0, rows->columns);
  for (int i = 0; i < rows->columns; i++) {
    if (i > 0)
      sqlite_rows_next(rows, &value);
    lua_pushvalue(L, first + i);
    sqlite_push_value(L, &value);
    lua_rawset(L, -3);
  }
  return true;
}
