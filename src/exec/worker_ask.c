/* Questions to triggers in Lua: a call of the function that the script named, under a budget. What
 * it returns is judged by the scheduler; here it is only made an instant. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "exec/worker_internal.h"

enum { ASK_BUDGET_US = 5 * 1000000, ASK_CPU_US = 2 * 1000000 };

struct ask_call {
  struct vm_call call;
  struct message *message;
  int64_t next_us;
};

static int after_ask(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  if (!lua_isnil(L, -1))
    ((struct ask_call *)vm_call_argument(L))->next_us = luaL_checkinteger(L, -1);
  return 0;
}

/* ask -> nothing */
static int l_ask(lua_State *L)
{
  const struct message *message = ((struct ask_call *)vm_call_argument(L))->message;
  vm_push_handler(L, "ask");
  lua_pushstring(L, message->as.ask.name);
  if (message->as.ask.previous_us == INT64_MIN)
    lua_pushnil(L);
  else
    lua_pushinteger(L, message->as.ask.previous_us);
  lua_pushinteger(L, message->as.ask.now_us);
  return call_function(L, 3, 1, after_ask);
}

static void log_for_trigger(struct vm_call *call, int level, const char *text, size_t size)
{
  log_write((enum log_level)level, "%s: %.*s", call->vm->script, (int)size, text);
}

static void ask_ended(struct vm_call *call, enum vm_outcome outcome, const char *error)
{
  struct ask_call *ask = (struct ask_call *)call;
  struct worker *worker = call->vm->owner;
  if (outcome != VM_KILLED) { /* else another version is asked, or another start */
    const struct message *question = ask->message;
    struct message *answer = worker_message(worker, MESSAGE_ANSWER);
    answer->as.answer.generation = question->as.ask.generation;
    answer->as.answer.job = question->as.ask.job;
    answer->as.answer.previous_us = question->as.ask.previous_us;
    answer->as.answer.now_us = question->as.ask.now_us;
    answer->as.answer.number = question->as.ask.number;
    answer->as.answer.next_us = ask->next_us;
    if (outcome == VM_TIMED_OUT)
      answer->as.answer.error = memory_printf("it took longer than %d s", ASK_BUDGET_US / 1000000);
    else if (error)
      answer->as.answer.error = memory_copy(error, strcspn(error, "\n"));
    worker_post(worker, answer);
  }
  message_destroy(ask->message);
  free(ask);
}

static const struct vm_call_kind ask_kind = {.name = "trigger",
                                             .entry = l_ask,
                                             .ended = ask_ended,
                                             .log = log_for_trigger,
                                             .cpu_us = ASK_CPU_US};

/* A version that is gone needs no answer: the one in its place is asked. */
void worker_ask(struct worker *worker, struct message *message)
{
  struct actor *actor = worker_find_actor(worker, message->as.ask.generation);
  if (!actor) {
    message_destroy(message);
    return;
  }
  struct ask_call *ask = memory_alloc(sizeof *ask);
  ask->message = message;
  ask->next_us = INT64_MAX;
  vm_call_start(actor->vm, &ask->call, &ask_kind, ASK_BUDGET_US);
}
