/* Consoles: a session is a state whose lines are evaluated one after the other. */
#include <lauxlib.h>
#include <stdlib.h>

#include "base/memory.h"
#include "exec/worker_internal.h"

enum { COMPLETE_BUDGET_US = 1000000 };

struct console_call {
  struct vm_call call;
  struct message *request;
  char *answer; /* JSON */
};

struct session *worker_find_session(struct worker *worker, uint64_t id)
{
  struct session *session;
  HASH_FIND(hh, worker->sessions, &id, sizeof id, session);
  return session;
}

static struct session *make_session(struct worker *worker, uint64_t id, struct error *error)
{
  struct session *session = worker_find_session(worker, id);
  if (session)
    return session;
  struct vm *vm = worker_create_vm(worker, "console", id | GENERATION_OF_CONSOLE, 1, error);
  if (!vm)
    return NULL;
  session = memory_alloc(sizeof *session);
  session->id = id;
  session->vm = vm;
  HASH_ADD(hh, worker->sessions, id, sizeof session->id, session);
  return session;
}

static int after_handler(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  struct console_call *console = (struct console_call *)vm_call_argument(L);
  size_t size;
  const char *text = luaL_checklstring(L, -1, &size);
  console->answer = vm_redact_json(console->call.vm, memory_copy(text, size));
  return 0;
}

static int call_handler(lua_State *L, const char *name)
{
  struct console_call *console = (struct console_call *)vm_call_argument(L);
  vm_push_handler(L, name);
  lua_pushstring(L, console->request->as.console.text);
  return call_function(L, 1, 1, after_handler);
}

/* call -> nothing */
static int l_evaluate(lua_State *L)
{
  return call_handler(L, "evaluate");
}

/* call -> nothing */
static int l_complete(lua_State *L)
{
  return call_handler(L, "complete");
}

static void console_ended(struct vm_call *call, enum vm_outcome outcome, const char *text)
{
  struct console_call *console = (struct console_call *)call;
  struct worker *worker = call->vm->owner;
  struct message *reply;
  if (outcome == VM_SUCCEEDED) {
    reply = message_reply(console->request, console->answer);
  } else {
    free(console->answer);
    reply =
        message_reply(console->request, text ? memory_strdup(text) : memory_strdup("interrupted"));
    reply->as.reply.code = text ? ERROR_SCRIPT : ERROR_CANCELLED;
  }
  worker_post(worker, reply);
  message_destroy(console->request);
  free(console);
}

void worker_log_for_console(struct vm_call *call, int level, const char *text, size_t size)
{
  (void)level;
  struct worker *worker = call->vm->owner;
  uint64_t session = call->vm->generation & ~GENERATION_OF_CONSOLE;
  struct message *print = message_create(MESSAGE_PRINT, worker->options.address, ADDRESS_FRONT);
  print->tag = session;
  print->as.console.session = session;
  print->as.console.text = memory_copy(text, size);
  worker_post(worker, print);
}

static const struct vm_call_kind evaluate_kind = {
    .name = "console", .entry = l_evaluate, .ended = console_ended, .log = worker_log_for_console};
static const struct vm_call_kind complete_kind = {.name = "completion",
                                                  .entry = l_complete,
                                                  .ended = console_ended,
                                                  .log = worker_log_for_console,
                                                  .passes_queue = true};

static void start(struct worker *worker, struct message *message, const struct vm_call_kind *kind,
                  int64_t budget_us)
{
  struct error error;
  struct session *session = make_session(worker, message->as.console.session, &error);
  if (!session) {
    worker_post(worker, message_reply_error(message, &error));
    message_destroy(message);
    return;
  }
  struct console_call *console = memory_alloc(sizeof *console);
  console->request = message;
  vm_call_start(session->vm, &console->call, kind, budget_us);
}

void worker_evaluate(struct worker *worker, struct message *message)
{
  start(worker, message, &evaluate_kind, 0);
}

void worker_complete(struct worker *worker, struct message *message)
{
  start(worker, message, &complete_kind, COMPLETE_BUDGET_US);
}

/* ---- the end ---- */

static void stop_listening(struct worker *worker, uint64_t generation)
{
  struct message *request = worker_message(worker, MESSAGE_REQUEST);
  request->as.request.op = memory_strdup("unlisten");
  request->as.request.generation = generation;
  worker_post(worker, request);
}

/* Stops the line that runs and those that wait behind it; what the session holds stays. */
void worker_interrupt(struct worker *worker, struct message *message)
{
  struct session *session = worker_find_session(worker, message->as.console.session);
  if (session)
    vm_kill_all(session->vm);
  message_destroy(message);
}

void worker_end_session(struct worker *worker, struct message *message)
{
  struct session *session = worker_find_session(worker, message->as.console.session);
  if (session) {
    vm_kill_all(session->vm);
    worker_drop_ears(worker, session->vm->generation);
    stop_listening(worker, session->vm->generation);
    HASH_DEL(worker->sessions, session);
    worker_close_vm(worker, session->vm);
    free(session);
  }
  message_destroy(message);
}
