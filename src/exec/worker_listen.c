/* Listeners of events: each has a queue of its own, and is called for one event after the other, so
 * that one that is slow keeps nobody waiting. The scheduler bounds how much it sends; what was
 * heard is reported once per round, as a number up to which all is done.
 *
 * A durable listener that fails hears nothing until the scheduler sends the same event again, which
 * begins a new round of numbers. On the worker's thread. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "exec/worker_internal.h"

struct ear_key {
  uint64_t generation;
  int64_t listener;
};

struct ear {
  struct ear_key key;
  struct vm *vm;
  struct message_list waiting;
  bool is_busy;
  bool is_orphan; /* its state is closing; it is freed when it has nothing to do */
  bool is_blocked;
  uint64_t round; /* of what it was sent last */
  int64_t heard, failed, heard_number, failed_number;
  char *error;
  bool is_unreported;
  struct ear *next_unreported;
  UT_hash_handle hh; /* by key, unless it is an orphan */
};

struct event_call {
  struct vm_call call;
  struct ear *ear;
  struct message *message;
};

/* ---- the call ---- */

static int after_event(lua_State *L, int status, lua_KContext unused)
{
  (void)L;
  (void)status;
  (void)unused;
  return 0;
}

/* event -> nothing */
static int l_event(lua_State *L)
{
  const struct message *message = ((struct event_call *)vm_call_argument(L))->message;
  vm_push_handler(L, "event");
  lua_pushinteger(L, message->as.event.listener);
  lua_pushstring(L, message->as.event.json);
  lua_pushfstring(L, "%I-%I", (LUAI_UACINT)(message->as.event.id >> 32),
                  (LUAI_UACINT)(message->as.event.id & UINT32_MAX));
  lua_pushinteger(L, message->as.event.delivery);
  return call_function(L, 4, 0, after_event);
}

static void event_ended(struct vm_call *call, enum vm_outcome outcome, const char *error);

enum { LISTENER_CPU_US = 3 * 1000000 };

static const struct vm_call_kind script_kind = {.name = "listener",
                                                .entry = l_event,
                                                .ended = event_ended,
                                                .log = worker_log_for_script,
                                                .cpu_us = LISTENER_CPU_US};

static const struct vm_call_kind console_kind = {.name = "listener",
                                                 .entry = l_event,
                                                 .ended = event_ended,
                                                 .log = worker_log_for_console,
                                                 .passes_queue = true,
                                                 .cpu_us = LISTENER_CPU_US};

static void begin_next(struct ear *ear)
{
  struct message *message = message_list_pop(&ear->waiting);
  if (!message)
    return;
  bool is_console = (ear->key.generation & GENERATION_OF_CONSOLE) != 0;
  struct event_call *event = memory_alloc(sizeof *event);
  event->message = message;
  event->ear = ear;
  ear->is_busy = true;
  vm_call_start(ear->vm, &event->call, is_console ? &console_kind : &script_kind,
                message->as.event.timeout_us);
}

/* ---- what is reported ---- */

static void note(struct worker *worker, struct ear *ear)
{
  if (ear->is_unreported)
    return;
  ear->is_unreported = true;
  ear->next_unreported = worker->unreported;
  worker->unreported = ear;
}

static void free_ear(struct ear *ear)
{
  message_list_deinit(&ear->waiting);
  free(ear->error);
  free(ear);
}

static void report(struct worker *worker, struct ear *ear)
{
  struct message *m = worker_message(worker, MESSAGE_HEARD);
  m->as.heard.generation = ear->key.generation;
  m->as.heard.listener = ear->key.listener;
  m->as.heard.round = ear->round;
  m->as.heard.heard = ear->heard;
  m->as.heard.failed = ear->failed;
  m->as.heard.heard_number = ear->heard_number;
  m->as.heard.failed_number = ear->failed_number;
  m->as.heard.error = ear->error;
  worker_post(worker, m);
  ear->heard = ear->failed = ear->failed_number = 0;
  ear->error = NULL;
  ear->is_unreported = false;
  if (ear->is_orphan && !ear->is_busy)
    free_ear(ear);
}

void worker_report_ears(struct worker *worker)
{
  struct ear *next;
  for (struct ear *ear = worker->unreported; ear; ear = next) {
    next = ear->next_unreported;
    report(worker, ear);
  }
  worker->unreported = NULL;
}

/* The first line is what a person wants to read in a list. */
static char *reason(const struct message *message, enum vm_outcome outcome, const char *error)
{
  if (outcome == VM_TIMED_OUT)
    return memory_printf("took longer than its time-out of %g s",
                         (double)message->as.event.timeout_us / 1e6);
  if (outcome == VM_KILLED)
    return memory_strdup("interrupted");
  return memory_strdup(error);
}

/* Whatever a listener does, the run of which it hears stays as it is. */
static void note_failure(struct ear *ear, const struct message *message, enum vm_outcome outcome,
                         const char *error)
{
  ear->failed++;
  free(ear->error);
  ear->error = reason(message, outcome, error);
  if (message->as.event.is_durable) {
    ear->failed_number = message->as.event.number;
    ear->is_blocked = true;
    message_list_deinit(&ear->waiting);
  }
}

static void event_ended(struct vm_call *call, enum vm_outcome outcome, const char *error)
{
  struct event_call *event = (struct event_call *)call;
  struct ear *ear = event->ear;
  struct worker *worker = call->vm->owner;
  const struct message *message = event->message;
  ear->is_busy = false;
  if (outcome == VM_SUCCEEDED) {
    ear->heard++;
    ear->heard_number = message->as.event.number;
    note(worker, ear);
  } else if (outcome != VM_KILLED || !message->as.event.is_durable) {
    note_failure(ear, message, outcome, error);
    note(worker, ear);
  } else { /* it stops; what was not heard is sent again at the next start */
    message_list_deinit(&ear->waiting);
  }
  message_destroy(event->message);
  free(event);
  begin_next(ear);
  if (ear->is_orphan && !ear->is_busy && !ear->is_unreported)
    free_ear(ear);
}

/* ---- what comes ---- */

static struct vm *find_vm(struct worker *worker, uint64_t generation)
{
  struct session *session = NULL;
  struct actor *actor = worker_find_actor(worker, generation);
  if (!actor && (generation & GENERATION_OF_CONSOLE))
    session = worker_find_session(worker, generation & ~GENERATION_OF_CONSOLE);
  return actor ? actor->vm : session ? session->vm : NULL;
}

static struct ear *make_ear(struct worker *worker, const struct ear_key *key)
{
  struct vm *vm = find_vm(worker, key->generation);
  if (!vm)
    return NULL;
  struct ear *ear = memory_alloc(sizeof *ear);
  ear->key = *key;
  ear->vm = vm;
  HASH_ADD(hh, worker->ears, key, sizeof ear->key, ear);
  return ear;
}

/* A state that is gone hears nothing; its scheduler knows. */
void worker_event(struct worker *worker, struct message *message)
{
  struct ear_key key = {message->as.event.generation, message->as.event.listener};
  struct ear *ear;
  HASH_FIND(hh, worker->ears, &key, sizeof key, ear);
  if (!ear)
    ear = make_ear(worker, &key);
  if (!ear || (ear->is_blocked && message->as.event.round <= ear->round)) {
    message_destroy(message);
    return;
  }
  ear->is_blocked = false;
  ear->round = message->as.event.round;
  message_list_append(&ear->waiting, message);
  if (!ear->is_busy)
    begin_next(ear);
}

static void drop(struct worker *worker, struct ear *ear, bool all)
{
  HASH_DEL(worker->ears, ear);
  ear->is_orphan = true;
  if (all || (ear->waiting.first && ear->waiting.first->as.event.is_durable))
    message_list_deinit(&ear->waiting); /* the version that comes hears of them */
  if (!ear->is_busy && !ear->is_unreported)
    free_ear(ear);
}

void worker_drop_ears(struct worker *worker, uint64_t generation)
{
  struct ear *ear, *next;
  HASH_ITER(hh, worker->ears, ear, next)
    if (ear->key.generation == generation)
      drop(worker, ear, false);
}

void worker_close_ears(struct worker *worker)
{
  struct ear *ear, *next;
  HASH_ITER(hh, worker->ears, ear, next)
    drop(worker, ear, true);
}
