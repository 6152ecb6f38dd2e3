/* Scripts: their loading and their end. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "exec/isolate.h"
#include "exec/worker_internal.h"

enum { LOAD_BUDGET_US = 30 * 1000000, LOAD_CPU_US = 3 * 1000000 };

struct actor *worker_find_actor(struct worker *worker, uint64_t generation)
{
  struct actor *actor;
  HASH_FIND(hh, worker->actors, &generation, sizeof generation, actor);
  return actor;
}

struct source *source_hold(struct source *source)
{
  if (source)
    source->holders++;
  return source;
}

void source_release(struct source *source)
{
  if (!source || --source->holders > 0)
    return;
  message_destroy(source->load);
  free(source);
}

static void drop_actor(struct worker *worker, struct actor *actor)
{
  HASH_DEL(worker->actors, actor);
  worker_drop_ears(worker, actor->generation);
  worker_close_vm(worker, actor->vm);
  source_release(actor->source);
  free(actor);
}

/* What a script says outside a run goes to the daemon's log. */
void worker_log_for_script(struct vm_call *call, int level, const char *text, size_t size)
{
  log_write((enum log_level)level, "%s: %.*s", call->vm->script, (int)size, text);
}

/* ---- loading ---- */

struct load_call {
  struct vm_call call;
  struct message *message;
  char *declarations; /* JSON object */
};

static int after_declarations(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  struct load_call *load = (struct load_call *)vm_call_argument(L);
  size_t size;
  const char *text = luaL_checklstring(L, -1, &size);
  const char *secret = vm_secret_in(load->call.vm, text);
  if (secret)
    return luaL_error(L,
                      "%s: what it declares holds the secret \"%s\", which would be stored: read "
                      "the secret in a function, where it is used",
                      load->message->as.load.path, secret);
  load->declarations = memory_copy(text, size);
  return 0;
}

/* Its one word that is no call, and so is looked at when all has been said. */
static void check_parallel(lua_State *L, const char *path)
{
  lua_pushglobaltable(L);
  lua_pushliteral(L, "parallel");
  int type = lua_rawget(L, -2);
  if (type == LUA_TSTRING || type == LUA_TNUMBER)
    luaL_error(L, "%s: parallel must be true or false, not the %s %s", path, lua_typename(L, type),
               lua_tostring(L, -1));
  if (type != LUA_TNIL && type != LUA_TBOOLEAN)
    luaL_error(L, "%s: parallel must be true or false, not a %s", path, lua_typename(L, type));
  lua_pop(L, 2);
}

static int after_chunk(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  check_parallel(L, ((struct load_call *)vm_call_argument(L))->message->as.load.path);
  vm_push_handler(L, "declarations");
  return call_function(L, 0, 1, after_declarations);
}

/* load -> nothing */
static int l_load(lua_State *L)
{
  struct message *message = ((struct load_call *)vm_call_argument(L))->message;
  vm_push_chunk(L, message->as.load.text, message->as.load.size, message->as.load.path);
  return call_function(L, 0, 0, after_chunk);
}

/* An error that is no text, one that was raised without a level, and the parser's own limits come
 * without; a traceback, which is not shown, names some in any case. */
static bool names_place(const char *error, const char *path)
{
  const char *end = error + strcspn(error, "\n"), *module = strstr(error, ".lua:");
  const char *itself = strstr(error, path);
  return (itself && itself < end) || (module && module < end);
}

static char *load_error(const struct load_call *load, enum vm_outcome outcome, const char *error)
{
  if (outcome == VM_TIMED_OUT)
    return memory_printf("%s: loading took longer than %d s", load->message->as.load.path,
                         LOAD_BUDGET_US / 1000000);
  if (!error)
    return memory_strdup("the worker is stopping");
  const char *traceback = strstr(error, "\nstack traceback:");
  int size = (int)(traceback ? (size_t)(traceback - error) : strlen(error));
  return names_place(error, load->message->as.load.path)
             ? memory_copy(error, (size_t)size)
             : memory_printf("%s: %.*s", load->message->as.load.path, size, error);
}

static void load_ended(struct vm_call *call, enum vm_outcome outcome, const char *error)
{
  struct load_call *load = (struct load_call *)call;
  struct worker *worker = call->vm->owner;
  uint64_t generation = load->message->as.load.generation;
  struct message *answer = worker_message(worker, MESSAGE_LOADED);
  answer->as.loaded.generation = generation;
  struct buffer modules = {0};
  vm_modules_json(call->vm, &modules);
  struct actor *actor = worker_find_actor(worker, generation);
  if (outcome == VM_SUCCEEDED) {
    if (strstr(load->declarations, "\"isolate\":true"))
      isolate_prepare(worker->isolate);
    answer->as.loaded.text = load->declarations;
    load->declarations = NULL;
    if (actor) {
      actor->source = memory_alloc(sizeof *actor->source);
      *actor->source = (struct source){1, load->message};
      load->message = NULL;
    }
  } else {
    answer->as.loaded.code = outcome == VM_TIMED_OUT ? ERROR_TIMEOUT : ERROR_SCRIPT;
    answer->as.loaded.text = load_error(load, outcome, error);
    if (actor)
      drop_actor(worker, actor);
  }
  answer->as.loaded.modules = buffer_take(&modules);
  worker_post(worker, answer);
  message_destroy(load->message);
  free(load->declarations);
  free(load);
}

static const struct vm_call_kind load_kind = {.name = "load",
                                              .entry = l_load,
                                              .ended = load_ended,
                                              .log = worker_log_for_script,
                                              .notes_modules = true,
                                              .cpu_us = LOAD_CPU_US};

void worker_load(struct worker *worker, struct message *message)
{
  struct error error;
  struct vm *vm =
      worker_create_vm(worker, message->as.load.script, message->as.load.generation, 0, &error);
  if (!vm) {
    struct message *answer = worker_message(worker, MESSAGE_LOADED);
    answer->as.loaded.generation = message->as.load.generation;
    answer->as.loaded.code = error.code;
    answer->as.loaded.text = memory_strdup(error.text);
    worker_post(worker, answer);
    message_destroy(message);
    return;
  }
  struct actor *actor = memory_alloc(sizeof *actor);
  actor->generation = message->as.load.generation;
  actor->vm = vm;
  HASH_ADD(hh, worker->actors, generation, sizeof actor->generation, actor);
  struct load_call *load = memory_alloc(sizeof *load);
  load->message = message;
  vm_call_start(vm, &load->call, &load_kind, LOAD_BUDGET_US);
}

void worker_retire(struct worker *worker, struct message *message)
{
  struct actor *actor = worker_find_actor(worker, message->as.retire.generation);
  if (actor)
    drop_actor(worker, actor);
  isolate_retire(worker->isolate, message->as.retire.generation);
  message_destroy(message);
}
