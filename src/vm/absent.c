/* What Lua has and a script has not, such as io.open: who calls it is told, in one sentence, and
 * what to use in its place. `io` and `os` make such a function when one is asked for, so that what
 * is there costs nothing more, and pairs() lists that alone. debug stays nil, which libraries ask
 * before they use it. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "vm/api_args.h"
#include "vm/state.h"

static const struct absence {
  const char *name, *instead;
} absent[] = {
    {"dofile", "use require, which finds modules in the jobs folder"},
    {"loadfile", "use require, or load(fs.read(path))"},
    {"io.close", "use file:close()"},
    {"io.input", "a job has no standard input; use fs.read"},
    {"io.lines", "use fs.lines"},
    {"io.open", "use fs.read, fs.lines, fs.write or fs.append"},
    {"io.output", "use fs.write, or log and print for the run's log"},
    {"io.read", "a job has no standard input; use fs.read"},
    {"io.tmpfile", "use fs.tempdir and fs.write"},
    {"os.exit", "a run ends when its function returns, or by error(\"why\")"},
    {"os.remove", "use fs.remove"},
    {"os.rename", "use fs.rename"},
    {"os.setlocale", "all scripts share one locale"},
    {"os.tmpname", "use fs.tempdir"},
};

static int l_refuse(lua_State *L) /* ... ->; upvalue 1: the absence */
{
  const struct absence *absence = lua_touserdata(L, lua_upvalueindex(1));
  return args_fail(L, "%s is not there: %s", absence->name, absence->instead);
}

static void push_refusal(lua_State *L, const struct absence *absence)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)absence);
  lua_pushcclosure(L, l_refuse, 1);
}

static int l_index(lua_State *L) /* library, key -> function | nil; upvalue 1: the library's name */
{
  char name[32];
  if (lua_type(L, 2) != LUA_TSTRING)
    return 0;
  snprintf(name, sizeof name, "%s.%s", lua_tostring(L, lua_upvalueindex(1)), lua_tostring(L, 2));
  for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
    if (strcmp(absent[i].name, name) == 0) {
      push_refusal(L, &absent[i]);
      return 1;
    }
  return 0;
}

/* The library's table is made if need be. */
static void watch(lua_State *L, const char *library)
{
  if (lua_getglobal(L, library) != LUA_TTABLE) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setglobal(L, library);
    lua_remove(L, -2);
  }
  lua_createtable(L, 0, 1);
  lua_pushstring(L, library);
  lua_pushcclosure(L, l_index, 1);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

void absent_open(lua_State *L)
{
  for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
    if (!strchr(absent[i].name, '.')) {
      push_refusal(L, &absent[i]);
      lua_setglobal(L, absent[i].name);
    }
  watch(L, LUA_OSLIBNAME);
  watch(L, LUA_IOLIBNAME);
}
