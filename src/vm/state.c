#include "vm/state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/redact.h"
#include "base/text.h"
#include "vm/api_args.h"
#include "vm/embedded.h"
#include "vm/helper.h"
#include "vm/traceback.h"

void *vm_allocate(void *context, void *block, size_t old_size, size_t new_size)
{
  struct vm *vm = context;
  if (!block)
    old_size = 0; /* Lua passes the kind of object there */
  if (new_size == 0) {
    vm->used -= old_size;
    return blocks_resize(&vm->host->blocks, block, old_size, 0);
  }
  size_t used = vm->used - old_size + new_size;
  if (used > vm->cap && new_size > old_size && vm->host->current) {
    if (used > vm->cap * VM_MEMORY_CEILING_FACTOR)
      return NULL;
    vm->over_cap = true;
    preempt_now(&vm->host->preempt);
  }
  if (used > vm->peak)
    vm->peak = used;
  vm->used = used;
  return blocks_resize(&vm->host->blocks, block, old_size, new_size);
}

static int die_of_panic(lua_State *L)
{
  fprintf(stderr, "moonbeat: error in Lua outside any call: %s\n", lua_tostring(L, -1));
  abort();
}

/* What every state needs. */
static const vm_opener openers[] = {
    embedded_open, args_open,        api_json_open_in_slices, api_log_open, api_sleep_open,
    api_time_open, api_trigger_open, api_scheduler_open,      NULL,
};

/* What is added to `raw` when somebody asks for a name that begins like this. */
static const struct {
  const char *prefix;
  vm_opener open;
} deferred[] = {
    {"fs_", api_fs_open},
    {"sqlite_", api_sqlite_open},
    {"http_", api_http_open},
    {"email_", api_email_open},
    {"secret", api_secret_open},
    {"environment", api_env_open},
    {"base64_", api_encoding_open},
    {"hex_", api_encoding_open},
    {"digest_", api_crypto_open},
    {"equal", api_crypto_open},
    {"random_", api_crypto_open},
    {"uuid", api_crypto_open},
    {"function_", api_console_open},
    {"did_you_mean", api_console_open},
    {"visible", api_console_open},
};

/* raw, name -> value */
static int l_open_deferred(lua_State *L)
{
  const char *name = luaL_checkstring(L, 2);
  for (size_t i = 0; i < sizeof deferred / sizeof deferred[0]; i++)
    if (text_begins_with(name, deferred[i].prefix)) {
      lua_pushvalue(L, 1);
      deferred[i].open(L);
      lua_settop(L, 2);
      lua_rawget(L, 1);
      return 1;
    }
  return 0;
}

/* (raw -- raw) */
static void defer_openers(lua_State *L)
{
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, l_open_deferred);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

/* (raw -- raw) */
static void add_raw_functions(lua_State *L, const vm_opener *list)
{
  for (; list && *list; list++)
    (*list)(L);
}

/* vm, options as light userdata -> nothing */
static int l_set_up(lua_State *L)
{
  struct vm *vm = lua_touserdata(L, 1);
  const struct vm_options *options = lua_touserdata(L, 2);
  sandbox_open(L);
  lua_newtable(L);
  defer_openers(L);
  add_raw_functions(L, openers);
  add_raw_functions(L, options->openers);
  embedded_module(L, -1, "init");
  luaL_checktype(L, -1, LUA_TTABLE);
  lua_getfield(L, -1, "run");
  vm->run_handler = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_getfield(L, -1, "Run");
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, "run"); /* its __name, as luaL_newmetatable would */
  vm->run_metatable = luaL_ref(L, LUA_REGISTRYINDEX);
  vm->handlers = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

struct vm *vm_create(const struct vm_options *options, struct error *error)
{
  struct vm *vm = memory_alloc(sizeof *vm);
  vm->host = options->host;
  vm->script = memory_strdup(options->script);
  vm->folder = memory_strdup(options->folder);
  vm->helpers = helpers_create(vm->host->options.loop, vm->script);
  vm->owner = options->owner;
  vm->generation = options->generation;
  vm->cap = options->memory_cap ? options->memory_cap : VM_MEMORY_CAP;
  vm->live_max = options->live_calls ? options->live_calls : VM_LIVE_CALLS;
  vm->asleep_max = options->live_calls ? 0 : VM_ASLEEP_CALLS;
  TAILQ_INIT(&vm->calls);
  TAILQ_INIT(&vm->queued);
  vm->L = lua_newstate(vm_allocate, vm);
  if (!vm->L)
    abort();
  lua_atpanic(vm->L, die_of_panic);
  *thread_word(vm->L) = (uintptr_t)vm;
  /* Incremental: the long collections of the generational mode would be pauses for the
   * neighbours. */
  lua_gc(vm->L, LUA_GCINC, 0, 0, 0);
  lua_pushcfunction(vm->L, l_set_up);
  lua_pushlightuserdata(vm->L, vm);
  lua_pushlightuserdata(vm->L, (void *)options);
  if (lua_pcall(vm->L, 2, 0, 0) != LUA_OK) {
    error_set(error, ERROR_INTERNAL, "a new state fails to start: %s",
              luaL_tolstring(vm->L, -1, NULL));
    vm_destroy(vm);
    return NULL;
  }
  return vm;
}

void vm_destroy(struct vm *vm)
{
  vm_drop_requests(vm);
  lua_close(vm->L);
  buffer_deinit(&vm->modules);
  helpers_release(vm->helpers);
  redact_destroy(vm->secrets);
  free(vm->script);
  free(vm->folder);
  free(vm);
}

void vm_push_handler(lua_State *L, const char *name)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm_get(L)->handlers);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
}

/* What editors put in front: a byte order mark; and a line for the shell. */
static size_t front_matter(const char *text, size_t size)
{
  size_t skip = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  if (skip < size && text[skip] == '#')
    while (skip < size && text[skip] != '\n')
      skip++;
  return skip;
}

void vm_push_chunk(lua_State *L, const char *text, size_t size, const char *path)
{
  size_t bad;
  if (size > 0 && text[0] == LUA_SIGNATURE[0])
    luaL_error(L, "%s: compiled Lua is not accepted, only source text", path);
  if (!text_is_utf8(text, size, &bad)) {
    int line = 1;
    for (size_t i = 0; i < bad; i++)
      line += text[i] == '\n';
    luaL_error(L, "%s:%d: invalid UTF-8", path, line);
  }
  size_t skip = front_matter(text, size);
  lua_pushfstring(L, "@%s", path);
  if (luaL_loadbufferx(L, text + skip, size - skip, lua_tostring(L, -1), "t") != LUA_OK)
    lua_error(L);
  lua_remove(L, -2);
}

void vm_modules_json(const struct vm *vm, struct buffer *out)
{
  struct json_writer writer = {.out = out};
  json_begin_array(&writer);
  const char *end = vm->modules.data + vm->modules.size;
  for (const char *path = vm->modules.data; path < end; path += strlen(path) + 1)
    json_write_text(&writer, path);
  json_end_array(&writer);
}

/* ---- vm.h ---- */

struct vm *vm_of(lua_State *L)
{
  return vm_get(L);
}

const char *vm_script_name(const struct vm *vm)
{
  return vm->script;
}

void vm_log(lua_State *L, int level, const char *text, size_t size)
{
  struct vm *vm = vm_get(L);
  struct vm_call *call = vm->host->current;
  struct buffer clean = {0};
  if (!call)
    return;
  if (vm->secrets) {
    redact_append(vm->secrets, text, size, &clean);
    text = clean.data;
    size = clean.size;
  }
  call->kind->log(call, level, text, size);
  buffer_deinit(&clean);
}
