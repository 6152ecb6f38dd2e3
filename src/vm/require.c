/* `require`: modules are Lua files of the jobs folder, `a.b` being a/b.lua or a/b/init.lua. A
 * module runs once per state, in the call that asks first, and may wait while it runs; a call that
 * asks meanwhile waits for it. `loaded` (upvalue 1) maps the name to {value}, or to the number of
 * the call that is running the module; and the number of a call to the name for which it waits. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "model/script.h"
#include "vm/call.h"
#include "vm/host.h"
#include "vm/state.h"
#include "vm/wait.h"

enum { NAME = 1, PATH = 3, LOADED = lua_upvalueindex(1) };

/* `size` as Lua counts: it may hold NUL. */
static void check_name(lua_State *L, const char *name, size_t size)
{
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
  if (size == 0 || size > 200 || strspn(name, allowed) != size || name[0] == '.' ||
      name[size - 1] == '.' || strstr(name, ".."))
    luaL_error(L,
               "require \"%s\": a module's name is letters, digits, _ and -, with a dot for each "
               "folder below the jobs folder",
               name);
}

/* -- text; false when there is no such file. Raises what else is wrong with it. */
static bool push_file(lua_State *L, const char *path)
{
  struct stat facts;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would keep the worker */
  FILE *file = fd < 0 ? NULL : fdopen(fd, "rb");
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR)
      return false;
    luaL_error(L, "cannot read %s: %s", path, strerror(errno));
  }
  const char *problem = NULL;
  if (fstat(fileno(file), &facts) != 0 || !S_ISREG(facts.st_mode))
    problem = "not a file";
  else if (facts.st_size > SCRIPT_SIZE_MAX)
    problem = "larger than 4 MiB";
  if (problem) {
    fclose(file);
    luaL_error(L, "cannot read %s: %s", path, problem);
  }
  char *text = memory_alloc((size_t)facts.st_size + 1);
  size_t size = fread(text, 1, (size_t)facts.st_size, file);
  fclose(file);
  lua_pushlstring(L, text, size);
  free(text);
  return true;
}

static bool is_noted(const struct buffer *modules, const char *name)
{
  for (size_t at = 0; at < modules->size; at += strlen(modules->data + at) + 1)
    if (strcmp(modules->data + at, name) == 0)
      return true;
  return false;
}

static void note_file(struct vm *vm, const char *path)
{
  char absolute[PATH_MAX];
  if (!vm->host->current->kind->notes_modules)
    return;
  const char *name = realpath(path, absolute) ? absolute : path;
  if (!is_noted(&vm->modules, name))
    buffer_append(&vm->modules, name, strlen(name) + 1);
}

/* Reads and compiles the module. (name -- name, relative, path, function) */
static void push_module(lua_State *L, const char *name)
{
  static const char *const patterns[] = {"%s/%s.lua", "%s/%s/init.lua"};
  struct vm *vm = vm_get(L);
  luaL_gsub(L, name, ".", "/");
  for (size_t i = 0; vm->folder && i < 2; i++) {
    lua_pushfstring(L, patterns[i], vm->folder, lua_tostring(L, -1));
    if (push_file(L, lua_tostring(L, -1))) {
      size_t size;
      const char *path = lua_tostring(L, -2);
      const char *text = lua_tolstring(L, -1, &size);
      note_file(vm, path);
      vm_push_chunk(L, text, size, path);
      lua_remove(L, -2);
      return;
    }
    /* Whoever makes the file later mends the script that wanted it. */
    note_file(vm, lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  luaL_where(L, 2); /* below us: this function's, then require's */
  if (!vm->folder)
    lua_pushfstring(L, "require \"%s\": there is no jobs folder here", name);
  else
    lua_pushfstring(L, "module \"%s\" not found: there is neither %s/%s.lua nor %s/%s/init.lua",
                    name, vm->folder, lua_tostring(L, 2), vm->folder, lua_tostring(L, 2));
  lua_concat(L, 2);
  lua_error(L);
}

/* name -> value, path; a protected function of its own, so that a failure can be cleaned up */
static int after_module(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  lua_pushvalue(L, PATH);
  return 2;
}

static int l_run_module(lua_State *L)
{
  push_module(L, lua_tostring(L, NAME));
  lua_pushvalue(L, NAME);
  lua_pushvalue(L, PATH);
  lua_callk(L, 2, 1, 0, after_module);
  return after_module(L, LUA_OK, 0);
}

/* name, value, path or name, error -> value, path */
static int finish(lua_State *L, int status, lua_KContext unused)
{
  (void)unused;
  lua_pushvalue(L, NAME);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_pushnil(L);
    lua_rawset(L, LOADED);
    return lua_error(L);
  }
  if (lua_isnil(L, 2)) {
    lua_pushboolean(L, 1);
    lua_replace(L, 2);
  }
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, 1);
  lua_rawset(L, LOADED);
  lua_settop(L, 3);
  return 2;
}

static int require_name(lua_State *L, int status, lua_KContext unused);

/* Whether the call is the caller, or waits for a module that the caller runs, perhaps by way of
 * others. */
static bool awaits_caller(lua_State *L, const struct vm_call *caller, uint64_t number)
{
  bool waits = true;
  while (waits && number != caller->number) {
    waits = vm_has_call(caller->vm, number) &&
            lua_rawgeti(L, LOADED, (lua_Integer)number) == LUA_TSTRING &&
            lua_rawget(L, LOADED) == LUA_TNUMBER;
    number = (uint64_t)lua_tointeger(L, -1);
    lua_settop(L, NAME);
  }
  return waits;
}

/* The call that runs the module, if it is there still. (name number -- name) */
static bool must_wait(lua_State *L, struct vm_call *caller)
{
  if (lua_type(L, -1) != LUA_TNUMBER)
    return false;
  uint64_t number = (uint64_t)lua_tointeger(L, -1);
  lua_settop(L, NAME);
  if (awaits_caller(L, caller, number))
    luaL_error(L, "require \"%s\": the module requires itself, directly or through others",
               lua_tostring(L, NAME));
  return vm_has_call(caller->vm, number);
}

/* NULL: for none. */
static void note_wait(lua_State *L, const struct vm_call *caller, const char *name)
{
  lua_pushstring(L, name);
  lua_rawseti(L, LOADED, (lua_Integer)caller->number);
}

/* name -> value, path */
static int require_name(lua_State *L, int status, lua_KContext unused)
{
  (void)unused;
  struct host *host = vm_get(L)->host;
  lua_settop(L, 1);
  if (status == LUA_YIELD)
    note_wait(L, host->current, NULL);
  lua_pushvalue(L, NAME);
  if (lua_rawget(L, LOADED) == LUA_TTABLE) {
    lua_rawgeti(L, -1, 1);
    return 1;
  }
  if (!host->current)
    return luaL_error(L, "require \"%s\" cannot run here", lua_tostring(L, NAME));
  if (must_wait(L, host->current)) {
    wait_check(L, "require");
    note_wait(L, host->current, lua_tostring(L, NAME));
    host->passing = PASSING_SLICE; /* looks again in its next slice */
    return lua_yieldk(L, 0, 0, require_name);
  }
  lua_settop(L, 1);
  lua_pushvalue(L, NAME);
  lua_pushinteger(L, (lua_Integer)host->current->number);
  lua_rawset(L, LOADED);
  lua_pushcfunction(L, l_run_module);
  lua_pushvalue(L, NAME);
  return finish(L, lua_pcallk(L, 1, 2, 0, 0, finish), 0);
}

/* name -> value, path */
static int l_require(lua_State *L)
{
  size_t size;
  const char *name = luaL_checklstring(L, 1, &size);
  check_name(L, name, size);
  return require_name(L, LUA_OK, 0);
}

void require_open(lua_State *L)
{
  lua_newtable(L);
  lua_pushcclosure(L, l_require, 1);
  lua_setglobal(L, "require");
}
