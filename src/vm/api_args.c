/* Arguments of the standard library: see api_args.h. A wrong argument raises one sentence that
 * begins with the name of the function as a person wrote it, at the place in the person's script,
 * not at one in the Lua half. */
#include "vm/api_args.h"

#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "time/duration.h"
#include "vm/embedded.h"
#include "vm/state.h"

bool args_push_place(lua_State *L)
{
  lua_Debug frame;
  for (int level = 0; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "Sl", &frame);
    if (frame.currentline > 0 && !text_begins_with(frame.source, EMBEDDED_CHUNK)) {
      lua_pushfstring(L, "%s:%d", frame.short_src, frame.currentline);
      return true;
    }
  }
  return false;
}

/* (message -- ) */
static int raise_at_place(lua_State *L)
{
  if (args_push_place(L)) {
    lua_pushliteral(L, ": ");
    lua_rotate(L, -3, 2);
    lua_concat(L, 3);
  }
  return lua_error(L);
}

int args_fail(lua_State *L, const char *format, ...)
{
  char text[ERROR_TEXT_SIZE];
  va_list arguments;
  va_start(arguments, format);
  if (vsnprintf(text, sizeof text, format, arguments) >= (int)sizeof text)
    memcpy(text + sizeof text - 4, "...", 4);
  va_end(arguments);
  lua_pushstring(L, text);
  return raise_at_place(L);
}

/* "nil", "a table" would be grammar; the names that Lua's own messages use are known to all. A
 * named metatable gives its name. */
static const char *type_name(lua_State *L, int index)
{
  if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) {
    const char *name = lua_tostring(L, -1); /* kept by the metatable */
    lua_pop(L, 1);
    return name;
  }
  return luaL_typename(L, index);
}

const char *args_string(lua_State *L, int index, const char *function, const char *what,
                        size_t *size)
{
  if (lua_type(L, index) != LUA_TSTRING)
    args_fail(L, "%s: %s must be a string, got %s", function, what, type_name(L, index));
  return lua_tolstring(L, index, size);
}

int64_t args_integer(lua_State *L, int index, const char *function, const char *what, int64_t least,
                     int64_t otherwise)
{
  if (lua_isnoneornil(L, index))
    return otherwise;
  int is_integer;
  lua_Integer value = lua_tointegerx(L, index, &is_integer);
  if (lua_type(L, index) != LUA_TNUMBER || !is_integer)
    args_fail(L, "%s: %s must be an integer, got %s", function, what,
              luaL_tolstring(L, index, NULL));
  if (value < least)
    args_fail(L, "%s: %s must be %lld or more, got %lld", function, what, (long long)least,
              (long long)value);
  return value;
}

int64_t args_duration_us(lua_State *L, int index, const char *function, const char *what,
                         int64_t otherwise)
{
  struct error error;
  int64_t us = 0;
  switch (lua_type(L, index)) {
  case LUA_TNIL:
  case LUA_TNONE:
    return otherwise;
  case LUA_TNUMBER:
    if (duration_from_seconds(lua_tonumber(L, index), &us, &error))
      args_fail(L, "%s: %s: %s", function, what, error.text);
    return us == 0 && lua_tonumber(L, index) > 0 ? 1 : us;
  case LUA_TSTRING:
    if (duration_parse(lua_tostring(L, index), &us, &error))
      args_fail(L, "%s: %s: %s", function, what, error.text);
    return us;
  default:
    return args_fail(L, "%s: %s must be a length of time like \"30s\", got %s", function, what,
                     type_name(L, index));
  }
}

long args_milliseconds(lua_State *L, int table, const char *name)
{
  enum { MOST = 1000000000 };
  lua_getfield(L, table, name);
  double milliseconds = lua_tonumber(L, -1) * 1000;
  lua_pop(L, 1);
  return milliseconds < MOST ? (long)ceil(milliseconds) : MOST;
}

const char *args_raw_string(lua_State *L, int raw, const char *name)
{
  const char *text = NULL;
  if (lua_getfield(L, raw, name) == LUA_TSTRING)
    text = lua_tostring(L, -1);
  lua_pop(L, 1);
  return text;
}

const char *args_jobs_folder(lua_State *L, int raw)
{
  const char *folder = args_raw_string(L, raw, "jobs_folder");
  return folder ? folder : vm_get(L)->folder;
}

char *args_path(lua_State *L, int raw, int index, const char *function, const char *what)
{
  size_t size;
  const char *path = args_string(L, index, function, what, &size);
  if (size == 0)
    args_fail(L, "%s: %s is empty", function, what);
  if (strlen(path) != size)
    args_fail(L, "%s: %s holds a NUL byte", function, what);
  const char *folder = args_jobs_folder(L, raw);
  if (path[0] == '/' || !folder)
    return memory_strdup(path);
  return memory_printf("%s/%s", folder, path);
}

int args_push_error(lua_State *L, const struct error *error)
{
  lua_pushnil(L);
  lua_pushstring(L, error->text);
  lua_pushstring(L, error_name(error->code));
  return 3;
}

/* ---- raw functions ---- */

/* Raises for an option that is none of the names. */
static void check_key(lua_State *L, int count)
{
  const char *function = lua_tostring(L, 1);
  const char *names[33];
  char hint[128];
  if (lua_type(L, -2) != LUA_TSTRING)
    args_fail(L, "%s: unknown option [%s]", function, luaL_tolstring(L, -2, NULL));
  const char *key = lua_tostring(L, -2);
  for (int i = 0; i < count; i++) {
    names[i] = lua_tostring(L, 3 + i);
    if (strcmp(key, names[i]) == 0)
      return;
  }
  names[count] = NULL;
  args_fail(L, "%s: unknown option \"%s\"%s", function, key, text_did_you_mean(hint, key, names));
}

static int l_check_options(lua_State *L) /* function options|nil name... -> options | {} */
{
  int count = lua_gettop(L) - 2;
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    return 1;
  }
  if (lua_type(L, 2) != LUA_TTABLE)
    return args_fail(L, "%s: options must be a table, got %s", lua_tostring(L, 1), type_name(L, 2));
  luaL_argcheck(L, count <= 32, 3, "too many names");
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    check_key(L, count);
    lua_pop(L, 1);
  }
  lua_pushvalue(L, 2);
  return 1;
}

static int l_check_type(lua_State *L) /* function what value type -> */
{
  const char *wanted = luaL_checkstring(L, 4);
  if (strcmp(luaL_typename(L, 3), wanted) != 0)
    return args_fail(L, "%s: %s must be a %s, got %s", lua_tostring(L, 1), lua_tostring(L, 2),
                     wanted, type_name(L, 3));
  return 0;
}

static int l_fail(lua_State *L) /* message -> */
{
  lua_settop(L, 1);
  return raise_at_place(L);
}

static int l_type_name(lua_State *L) /* value -> text */
{
  lua_pushstring(L, type_name(L, 1));
  return 1;
}

static int l_seconds_option(lua_State *L) /* function what length -> seconds */
{
  int64_t us = args_duration_us(L, 3, luaL_checkstring(L, 1), luaL_checkstring(L, 2), 0);
  lua_pushnumber(L, (double)us / 1e6);
  return 1;
}

static int l_path_option(lua_State *L) /* function what path|nil -> absolute path|nil */
{
  if (lua_isnil(L, 3))
    return 0;
  char *path = args_path(L, lua_upvalueindex(1), 3, luaL_checkstring(L, 1), luaL_checkstring(L, 2));
  lua_pushstring(L, path);
  free(path);
  return 1;
}

/* "64KiB", "10MB", a number. */
static int l_size_option(lua_State *L) /* function what size -> bytes */
{
  static const struct {
    const char *name;
    int64_t bytes;
  } units[] = {{"", 1},          {"B", 1},       {"KiB", 1 << 10}, {"MiB", 1 << 20},
               {"GiB", 1 << 30}, {"KB", 1000},   {"MB", 1000000},  {"GB", 1000000000},
               {"K", 1 << 10},   {"M", 1 << 20}, {"G", 1 << 30}};
  const char *function = luaL_checkstring(L, 1), *what = luaL_checkstring(L, 2);
  if (lua_type(L, 3) == LUA_TNUMBER) {
    lua_pushinteger(L, args_integer(L, 3, function, what, 0, 0));
    return 1;
  }
  double number;
  int length = 0;
  const char *text = args_string(L, 3, function, what, NULL);
  if (sscanf(text, "%lf %n", &number, &length) == 1 && number >= 0 && number < 1e9)
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
      if (strcmp(text + length, units[i].name) == 0) {
        lua_pushinteger(L, (lua_Integer)(number * (double)units[i].bytes));
        return 1;
      }
  return args_fail(L, "%s: %s must be a number of bytes or like \"16MiB\", got \"%s\"", function,
                   what, text);
}

static int l_folder(lua_State *L) /* -> the jobs folder | nil */
{
  lua_pushstring(L, args_jobs_folder(L, lua_upvalueindex(1)));
  return 1;
}

void args_set_functions(lua_State *L, const luaL_Reg *functions)
{
  lua_pushvalue(L, -1);
  luaL_setfuncs(L, functions, 1);
}

void args_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"check_options", l_check_options},
                                       {"check_type", l_check_type},
                                       {"fail", l_fail},
                                       {"type_name", l_type_name},
                                       {"seconds_option", l_seconds_option},
                                       {"size_option", l_size_option},
                                       {"path_option", l_path_option},
                                       {"folder", l_folder},
                                       {NULL, NULL}};
  args_set_functions(L, functions);
}
