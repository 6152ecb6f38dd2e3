#include "testing/core_text.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/signal_name.h"
#include "base/text.h"
#include "exec/isolate_cell.h"
#include "script/scan.h"
#include "sensor/file_scan.h"
#include "testing/scratch.h"
#include "time/duration.h"
#include "time/instant.h"
#include "time/zone.h"

enum { NAMES_MAX = 1000 };

/* -- nil message */
static int push_problem(lua_State *L, const struct error *error)
{
  lua_pushnil(L);
  lua_pushstring(L, error->text);
  return 2;
}

static int l_parse_time(lua_State *L) /* text zone -> microseconds | nil message */
{
  const struct zone *zone;
  struct error error;
  int64_t us;
  const char *text = luaL_checkstring(L, 1);
  if (zone_find(luaL_checkstring(L, 2), &zone, &error) || instant_parse(text, zone, &us, &error))
    return push_problem(L, &error);
  lua_pushinteger(L, us);
  return 1;
}

static int l_format_time(lua_State *L) /* microseconds zone -> text | nil message */
{
  const struct zone *zone;
  struct error error;
  char text[INSTANT_TEXT_SIZE];
  int64_t us = luaL_checkinteger(L, 1);
  if (zone_find(luaL_checkstring(L, 2), &zone, &error))
    return push_problem(L, &error);
  instant_format_in(text, us, zone);
  lua_pushstring(L, text);
  return 1;
}

static int l_parse_duration(lua_State *L) /* text -> microseconds | nil message */
{
  struct error error;
  int64_t us;
  if (duration_parse_signed(luaL_checkstring(L, 1), &us, &error))
    return push_problem(L, &error);
  lua_pushinteger(L, us);
  return 1;
}

static int l_format_duration(lua_State *L) /* microseconds -> text */
{
  char text[DURATION_TEXT_SIZE];
  duration_format(text, luaL_checkinteger(L, 1));
  lua_pushstring(L, text);
  return 1;
}

/* wrong {name...} -> ', did you mean "name"?' or "" */
static int l_did_you_mean(lua_State *L)
{
  const char *names[NAMES_MAX + 1];
  char hint[128];
  size_t count = 0;
  const char *wrong = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  for (size_t i = 1; i <= lua_rawlen(L, 2) && count < NAMES_MAX; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i);
    if (lua_type(L, -1) == LUA_TSTRING)
      names[count++] = lua_tostring(L, -1); /* the list keeps it */
    lua_pop(L, 1);
  }
  names[count] = NULL;
  lua_pushstring(L, text_did_you_mean(hint, wrong, names));
  return 1;
}

static void ignore_folder(void *context, const char *folder, const char *only)
{
  (void)context, (void)folder, (void)only;
}

/* (list -- list) */
static void append_source(lua_State *L, const struct message *message)
{
  lua_newtable(L);
  lua_pushstring(L, message->as.source.script);
  lua_setfield(L, -2, "script");
  lua_pushstring(L, message->as.source.path);
  lua_setfield(L, -2, "path");
  lua_pushlstring(L, message->as.source.text ? message->as.source.text : "",
                  message->as.source.size);
  lua_setfield(L, -2, "text");
  lua_pushstring(L, message->as.source.problem);
  lua_setfield(L, -2, "problem");
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static int l_scan(lua_State *L) /* folder -> {{script=, path=, text=, problem=}...} | nil message */
{
  struct message_list sources = {0};
  struct message *message;
  struct error error;
  bool is_settled;
  const char *folder = luaL_checkstring(L, 1);
  const struct moment moment = {clock_monotonic_us(), clock_wall_us(), true};
  struct scan *scan = scan_create(folder);
  enum error_code code =
      scan_run(scan, &moment, ignore_folder, NULL, &sources, &is_settled, &error);
  scan_destroy(scan);
  if (code)
    return push_problem(L, &error);
  lua_newtable(L);
  while ((message = message_list_pop(&sources))) {
    append_source(L, message);
    message_destroy(message);
  }
  return 1;
}

static int l_file_fits(lua_State *L) /* glob path -> whether on_file sees it */
{
  lua_pushboolean(L, file_scan_fits(luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
  return 1;
}

static int l_signal(lua_State *L) /* name -> "TERM" 15 | nil message */
{
  int number;
  struct error error;
  if (signal_parse(luaL_checkstring(L, 1), &number, &error))
    return push_problem(L, &error);
  if (sigabbrev_np(number))
    lua_pushstring(L, sigabbrev_np(number));
  else
    lua_pushfstring(L, "%d", number); /* as api_exec.c does */
  lua_pushinteger(L, number);
  return 2;
}

/* path -> size microseconds, of its last change | false: it is no file | nil: it is not there */
static int l_file_status(lua_State *L)
{
  struct stat status;
  if (stat(luaL_checkstring(L, 1), &status) != 0)
    return 0;
  if (!S_ISREG(status.st_mode)) {
    lua_pushboolean(L, false);
    return 1;
  }
  lua_pushinteger(L, status.st_size);
  lua_pushinteger(L, (int64_t)status.st_mtim.tv_sec * 1000000 + status.st_mtim.tv_nsec / 1000);
  return 2;
}

static int l_is_same_file(lua_State *L) /* path path -> whether both lead to it */
{
  struct stat a, b;
  lua_pushboolean(L, stat(luaL_checkstring(L, 1), &a) == 0 &&
                         stat(luaL_checkstring(L, 2), &b) == 0 && a.st_dev == b.st_dev &&
                         a.st_ino == b.st_ino);
  return 1;
}

static int l_isolated_keeps(lua_State *L) /* name -> whether isolated runs see that variable, too */
{
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_pushliteral(L, "=");
  lua_concat(L, 2);
  lua_pushboolean(L, cell_keeps(lua_tostring(L, 1)));
  return 1;
}

static int l_write_file(lua_State *L) /* path text -> true | nil message */
{
  size_t size;
  struct error error;
  const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &size);
  if (scratch_write(path, text, size, &error))
    return push_problem(L, &error);
  lua_pushboolean(L, true);
  return 1;
}

static int l_make_folder(lua_State *L) /* -> path | nil message; see scratch.h */
{
  struct error error;
  char *path = NULL;
  if (scratch_make(&path, &error))
    return push_problem(L, &error);
  lua_pushstring(L, path);
  free(path);
  return 1;
}

static int l_empty_folder(lua_State *L) /* path -> true | nil message */
{
  struct error error;
  if (scratch_empty(luaL_checkstring(L, 1), &error))
    return push_problem(L, &error);
  lua_pushboolean(L, true);
  return 1;
}

static int l_remove_folder(lua_State *L) /* path -> */
{
  scratch_remove(luaL_checkstring(L, 1));
  return 0;
}

void core_text_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"parse_time", l_parse_time},
                                       {"format_time", l_format_time},
                                       {"parse_duration", l_parse_duration},
                                       {"format_duration", l_format_duration},
                                       {"did_you_mean", l_did_you_mean},
                                       {"scan", l_scan},
                                       {"signal", l_signal},
                                       {"file_fits", l_file_fits},
                                       {"file_status", l_file_status},
                                       {"is_same_file", l_is_same_file},
                                       {"isolated_keeps", l_isolated_keeps},
                                       {"write_file", l_write_file},
                                       {"make_folder", l_make_folder},
                                       {"empty_folder", l_empty_folder},
                                       {"remove_folder", l_remove_folder},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
