/* Questions to the scheduler: a message with a tag goes out, the call waits, the reply with that
 * tag ends the wait. A question whose call is killed stays in the table until its reply comes. */
#include <lauxlib.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"
#include "vm/api_args.h"
#include "vm/api_json.h"
#include "vm/call.h"
#include "vm/host.h"
#include "vm/state.h"
#include "vm/vm.h"
#include "vm/wait.h"

struct request {
  struct wait wait;
  uint64_t tag;
  struct vm *vm;
  struct message *reply;
  bool awaited; /* a call waits; until then the request is the table's */
  UT_hash_handle hh;
};

/* -- result, or nil, message, code */
static int finish(lua_State *L, struct wait *wait)
{
  const struct message *reply = ((struct request *)wait)->reply;
  enum error_code code = reply ? reply->as.reply.code : ERROR_UNAVAILABLE;
  const char *text = reply ? reply->as.reply.text : "the daemon is stopping";
  struct error error;
  if (code == ERROR_OK) {
    code = api_json_push(L, text, strlen(text), NULLS_DROPPED, &error);
    text = error.text;
    if (code == ERROR_OK)
      return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, text);
  lua_pushstring(L, error_name(code));
  return 3;
}

static void release(struct wait *wait)
{
  struct request *request = (struct request *)wait;
  message_destroy(request->reply);
  free(request);
}

static const struct wait_kind request_kind = {"scheduler", NULL, finish, release, false, false};

static void send_request(struct vm *vm, const struct vm_call *call, uint64_t tag, const char *op,
                         char *params)
{
  struct host *host = vm->host;
  struct message *message =
      message_create(MESSAGE_REQUEST, host->options.address, ADDRESS_SCHEDULER);
  message->tag = tag;
  message->as.request.op = memory_strdup(op);
  message->as.request.params = params;
  message->as.request.script = memory_strdup(vm->script);
  message->as.request.generation = vm->generation;
  if (call) {
    message->as.request.attempt = call->attempt;
    message->as.request.call = call->number;
  }
  host_post(host, message);
}

/* What is asked of the scheduler is stored, shown, or both: a secret in it is replaced where it is
 * only told, and refused else. What a script keeps in kv is its own affair. Raises. */
static char *clean_params(lua_State *L, const char *op, const char *params)
{
  const struct vm *vm = vm_get(L);
  const char *secret = strncmp(op, "kv_", 3) == 0 ? NULL : vm_secret_in(vm, params);
  if (secret && strcmp(op, "emit") != 0)
    args_fail(L,
              "%s: what is given to it holds the secret \"%s\", which would be stored: give its "
              "name, and read it where it is used",
              op, secret);
  char *copy = memory_strdup(params);
  return secret ? vm_redact_json(vm, copy) : copy;
}

static struct request *post(lua_State *L, const char *op, const char *params)
{
  struct vm *vm = vm_get(L);
  struct host *host = vm->host;
  char *clean = clean_params(L, op, params);
  struct request *request = memory_alloc(sizeof *request);
  request->vm = vm;
  request->tag = ++host->last_number;
  HASH_ADD(hh, host->requests, tag, sizeof request->tag, request);
  send_request(vm, host->current, request->tag, op, clean);
  if (host->current && strcmp(op, "lock") == 0)
    host->current->has_locked = true;
  return request;
}

/* Numbers begin at 1: nobody waits for what is answered with this one. */
enum { TAG_OF_NOBODY = 0 };

void vm_tell(lua_State *L, const char *op, const char *params)
{
  send_request(vm_get(L), vm_get(L)->host->current, TAG_OF_NOBODY, op, clean_params(L, op, params));
}

void request_call_ended(const struct vm_call *call)
{
  if (call->has_locked && !call->attempt.key.job)
    send_request(call->vm, call, TAG_OF_NOBODY, "unlock_all", NULL);
}

/* The one thing that the scheduler may be long about. The answer comes then, and if it is a grant
 * it is taken back. */
static void leave_lock(struct wait *wait)
{
  send_request(((struct request *)wait)->vm, wait->call, TAG_OF_NOBODY, "leave_lock", NULL);
}

int vm_request(lua_State *L, const char *op, const char *params)
{
  wait_check(L, op);
  struct request *request = post(L, op, params);
  request->awaited = true;
  if (strcmp(op, "lock") == 0)
    request->wait.hurry = leave_lock;
  return wait_begin(L, &request->wait, &request_kind);
}

uint64_t vm_request_start(lua_State *L, const char *op, const char *params)
{
  uint64_t tag = post(L, op, params)->tag;
  host_flush(vm_get(L)->host); /* the caller goes on computing in this slice */
  return tag;
}

int vm_request_end(lua_State *L, uint64_t tag)
{
  struct host *host = vm_get(L)->host;
  struct request *request;
  HASH_FIND(hh, host->requests, &tag, sizeof tag, request);
  if (!request || request->awaited || request->vm != vm_get(L))
    return luaL_error(L, "no such request");
  wait_check(L, "scheduler");
  request->awaited = true;
  if (!request->reply)
    return wait_begin(L, &request->wait, &request_kind);
  HASH_DEL(host->requests, request);
  lua_settop(L, 0);
  int results = finish(L, &request->wait);
  release(&request->wait);
  return results;
}

void host_take_reply(struct host *host, struct message *reply)
{
  struct request *request;
  HASH_FIND(hh, host->requests, &reply->tag, sizeof reply->tag, request);
  if (!request) {
    message_destroy(reply);
    return;
  }
  request->reply = reply;
  if (!request->awaited)
    return;
  HASH_DEL(host->requests, request);
  wait_done(&request->wait);
}

void host_drop_requests(struct host *host)
{
  struct request *request, *next;
  HASH_ITER(hh, host->requests, request, next) {
    HASH_DEL(host->requests, request);
    if (request->awaited)
      wait_done(&request->wait);
    else
      release(&request->wait);
  }
}

void vm_drop_requests(struct vm *vm)
{
  struct request *request, *next;
  HASH_ITER(hh, vm->host->requests, request, next)
    if (request->vm == vm && !request->awaited) {
      HASH_DEL(vm->host->requests, request);
      release(&request->wait);
    }
}
