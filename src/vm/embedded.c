#include "vm/embedded.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

/* The results by name; a registry key. */
static const char results_key;

/* By the index of embedded_modules; written once, then only read, by any thread. */
static struct buffer *bytecode;
static pthread_once_t compiled = PTHREAD_ONCE_INIT;

static int append_bytecode(lua_State *L, const void *bytes, size_t size, void *buffer)
{
  (void)L;
  buffer_append(buffer, bytes, size);
  return 0;
}

/* As the host takes it: this state lives outside any call that could fail for want of it. */
static void *allocate(void *unused, void *block, size_t old_size, size_t new_size)
{
  (void)unused, (void)old_size;
  if (new_size > 0)
    return memory_resize(block, new_size);
  free(block);
  return NULL;
}

/* The binary carries its own source, so a mistake in it is the builder's and ends the process. */
static void compile_all(void)
{
  size_t count = 0;
  while (embedded_modules[count].name)
    count++;
  bytecode = memory_alloc((count + 1) * sizeof *bytecode);
  lua_State *L = lua_newstate(allocate, NULL);
  for (size_t i = 0; i < count; i++) {
    const struct embedded_module *module = &embedded_modules[i];
    lua_pushfstring(L, EMBEDDED_CHUNK "%s.lua", module->name);
    if (luaL_loadbufferx(L, module->source, module->size, lua_tostring(L, -1), "t") != LUA_OK) {
      fprintf(stderr, "moonbeat: %s\n", lua_tostring(L, -1));
      abort();
    }
    lua_dump(L, append_bytecode, &bytecode[i], 1); /* its lines and names: a third of it */
    lua_settop(L, 0);
  }
  lua_close(L);
}

/* (-- function) */
static void load_module(lua_State *L, const char *name)
{
  pthread_once(&compiled, compile_all);
  for (size_t i = 0; embedded_modules[i].name; i++)
    if (strcmp(embedded_modules[i].name, name) == 0) {
      if (luaL_loadbufferx(L, bytecode[i].data, bytecode[i].size, name, "b") != LUA_OK)
        lua_error(L);
      return;
    }
  luaL_error(L, "moonbeat has no module \"%s\"", name);
}

/* The results by name; behind it, found by __index, those that were let go and are still in use.
 * (-- results) */
static void push_results(lua_State *L)
{
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &results_key) == LUA_TTABLE)
    return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_newtable(L); /* its metatable */
  lua_newtable(L); /* those that were let go, weak by its own metatable, itself */
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_pushvalue(L, -1);
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &results_key);
}

void embedded_module(lua_State *L, int raw, const char *name)
{
  raw = lua_absindex(L, raw);
  push_results(L);
  if (lua_getfield(L, -1, name) == LUA_TNIL) {
    lua_pop(L, 1);
    load_module(L, name);
    lua_pushvalue(L, raw);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
  }
  lua_remove(L, -2);
}

/* name -> result */
static int l_module(lua_State *L)
{
  embedded_module(L, lua_upvalueindex(1), luaL_checkstring(L, 1));
  return 1;
}

/* name -> nothing; the module is read again when it is wanted and nobody has anything of it. */
static int l_let_go(lua_State *L)
{
  lua_settop(L, 1);
  push_results(L);
  lua_getmetatable(L, 2);
  lua_getfield(L, 3, "__index");
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 1);
  lua_rawget(L, 2);
  lua_rawset(L, 4);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  lua_rawset(L, 2);
  return 0;
}

/* name -> source | nil */
static int l_module_source(lua_State *L)
{
  const char *name = luaL_checkstring(L, 1);
  const struct embedded_module *module = embedded_modules;
  while (module->name && strcmp(module->name, name) != 0)
    module++;
  lua_pushlstring(L, module->source, module->size);
  return module->name ? 1 : 0;
}

void embedded_open(lua_State *L)
{
  lua_pushcfunction(L, l_module_source);
  lua_setfield(L, -2, "module_source");
  lua_pushcfunction(L, l_let_go);
  lua_setfield(L, -2, "let_go");
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, l_module, 1);
  lua_setfield(L, -2, "module");
}
