#include "exec/worker_internal.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/thread.h"
#include "bus/need.h"
#include "exec/child.h"
#include "exec/isolate.h"
#include "exec/run_call.h"
#include "vm/api_http.h"

/* ---- states ---- */

struct vm *worker_create_vm(struct worker *worker, const char *script, uint64_t generation,
                            int live_calls, struct error *error)
{
  const vm_opener openers[] = {api_exec_open, api_run_open, worker->options.opener, NULL};
  return vm_create(&(struct vm_options){.host = worker->host,
                                        .script = script,
                                        .folder = worker->jobs_folder,
                                        .memory_cap = worker->options.memory_cap,
                                        .live_calls = live_calls,
                                        .openers = openers,
                                        .owner = worker,
                                        .generation = generation},
                   error);
}

void worker_close_vm(struct worker *worker, struct vm *vm)
{
  struct closing *closing = memory_alloc(sizeof *closing);
  *closing = (struct closing){vm, worker->closing};
  worker->closing = closing;
}

static void close_idle_vms(struct worker *worker)
{
  for (struct closing **at = &worker->closing; *at;) {
    struct closing *closing = *at;
    if (!TAILQ_EMPTY(&closing->vm->calls)) {
      at = &closing->next;
      continue;
    }
    *at = closing->next;
    vm_destroy(closing->vm);
    free(closing);
  }
}

/* ---- the end ---- */

static void end_vm(struct worker *worker, struct vm *vm)
{
  vm_kill_all(vm);
  worker_close_vm(worker, vm);
}

static void stop(struct worker *worker)
{
  struct actor *actor, *next_actor;
  worker_close_ears(worker);
  for (struct closing *closing = worker->closing; closing; closing = closing->next)
    vm_kill_all(closing->vm);
  HASH_ITER(hh, worker->actors, actor, next_actor) {
    HASH_DEL(worker->actors, actor);
    end_vm(worker, actor->vm);
    source_release(actor->source);
    free(actor);
  }
  struct session *session, *next_session;
  HASH_ITER(hh, worker->sessions, session, next_session) {
    HASH_DEL(worker->sessions, session);
    end_vm(worker, session->vm);
    free(session);
  }
  if (worker->command_vm)
    end_vm(worker, worker->command_vm);
  worker->command_vm = NULL;
  isolate_close(worker->isolate);
  host_drop_requests(worker->host);
  close_idle_vms(worker);
  worker_report_ears(worker);
  api_http_close(&worker->loop);
  worker_post(worker, worker_message(worker, MESSAGE_STOPPED));
  bus_close(worker->options.bus, worker->options.address);
  uv_close((uv_handle_t *)&worker->progress_timer, NULL);
  host_close(worker->host);
}

/* ---- the thread ---- */

static void after_round(void *context)
{
  struct worker *worker = context;
  worker_announce_runs(worker);
  worker_report_ears(worker);
  if (worker->closing)
    close_idle_vms(worker);
  if (worker_is_through(worker))
    stop(worker);
}

static void take(struct worker *worker, struct message *message)
{
  if (worker_refuses(worker, message)) {
    message_destroy(message);
    return;
  }
  switch (message->kind) {
  case MESSAGE_REPLY:
    if (isolate_take_reply(worker->isolate, message))
      return;
    host_take_reply(worker->host, message);
    return;
  case MESSAGE_LOAD:
    worker_load(worker, message);
    return;
  case MESSAGE_RETIRE:
    worker_retire(worker, message);
    return;
  case MESSAGE_EVENT:
    worker_event(worker, message);
    return;
  case MESSAGE_ASK:
    worker_ask(worker, message);
    return;
  case MESSAGE_RUN:
    if (message->as.run.isolate)
      isolate_run(worker->isolate, message);
    else
      worker_run(worker, message);
    return;
  case MESSAGE_CANCEL:
    if (!isolate_cancel(worker->isolate, message))
      worker_cancel(worker, message);
    return;
  case MESSAGE_EVALUATE:
    worker_evaluate(worker, message);
    return;
  case MESSAGE_COMPLETE:
    worker_complete(worker, message);
    return;
  case MESSAGE_INTERRUPT:
    worker_interrupt(worker, message);
    return;
  case MESSAGE_END_SESSION:
    worker_end_session(worker, message);
    return;
  default: /* the others are not for workers */
    message_destroy(message);
    return;
  }
}

static void receive(void *context, struct message_list *messages)
{
  struct worker *worker = context;
  struct message *message;
  while ((message = message_list_pop(messages))) {
    if (message->kind == MESSAGE_STOP) {
      stop(worker);
      if (message->as.stop.grace_us == 0)
        child_kill_all(&worker->loop);
      message_destroy(message);
      message_list_deinit(messages);
      return;
    }
    take(worker, message);
  }
}

static enum error_code open_parts(struct worker *worker, struct error *error)
{
  enum error_code code = bus_try_open(worker->options.bus, worker->options.address, &worker->loop,
                                      receive, worker, error);
  if (code)
    return code;
  worker->host = host_open(&(struct host_options){.loop = &worker->loop,
                                                  .bus = worker->options.bus,
                                                  .address = worker->options.address,
                                                  .after_round = after_round,
                                                  .dismissed = worker_dismissed,
                                                  .first_number = worker->options.first_number,
                                                  .context = worker,
                                                  .gauge = worker->options.gauge},
                           error);
  return worker->host ? ERROR_OK : ERROR_IO;
}

enum error_code worker_open_loop(struct worker *worker, struct error *error)
{
  enum error_code code = need_ask(uv_loop_init(&worker->loop), "a worker's event loop", error);
  if (code)
    return code;
  if ((code = open_parts(worker, error))) {
    bus_close(worker->options.bus, worker->options.address);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    uv_loop_close(&worker->loop);
    return code;
  }
  uv_timer_init(&worker->loop, &worker->progress_timer);
  worker->progress_timer.data = worker;
  worker->isolate = isolate_open(worker);
  return ERROR_OK;
}

void worker_run_loop(struct worker *worker)
{
  uv_run(&worker->loop, UV_RUN_DEFAULT);
  uv_loop_close(&worker->loop);
  host_free(worker->host);
}

/* On the stack of who starts it, which waits until it is open or is not. */
struct start {
  struct worker *worker;
  uv_sem_t decided;
  enum error_code code;
  struct error *error;
};

static void run_thread(void *context)
{
  struct start *start = context;
  struct worker *worker = start->worker;
  thread_set_name("worker %d", worker->options.address - ADDRESS_WORKER + 1);
  enum error_code code = start->code = worker_open_loop(worker, start->error);
  uv_sem_post(&start->decided); /* from here on it is gone */
  if (code)
    return;
  worker_run_loop(worker);
  atomic_store(&worker->has_ended, true);
}

struct worker *worker_create(const struct worker_options *options)
{
  struct worker *worker = memory_alloc(sizeof *worker);
  worker->options = *options;
  worker->jobs_folder = memory_strdup(options->jobs_folder);
  pool_init(&worker->run_pool, sizeof(struct run_call));
  TAILQ_INIT(&worker->telling);
  return worker;
}

void worker_destroy(struct worker *worker)
{
  free(worker->jobs_folder);
  free(worker->unannounced.runs);
  pool_deinit(&worker->run_pool);
  free(worker);
}

void worker_run_here(const struct worker_options *options,
                     void (*opened)(struct worker *worker, void *context), void *context)
{
  struct error error;
  struct worker *worker = worker_create(options);
  if (worker_open_loop(worker, &error))
    need_end(&error);
  opened(worker, context);
  worker_run_loop(worker);
  worker_destroy(worker);
}

static enum error_code start_thread(struct worker *worker, struct error *error)
{
  struct start start = {.worker = worker, .error = error};
  uv_sem_init(&start.decided, 0);
  enum error_code code =
      need_ask(uv_thread_create(&worker->thread, run_thread, &start), "a worker's thread", error);
  if (!code) {
    uv_sem_wait(&start.decided);
    if ((code = start.code))
      uv_thread_join(&worker->thread);
  }
  uv_sem_destroy(&start.decided);
  return code;
}

struct worker *worker_start(const struct worker_options *options, struct error *error)
{
  struct worker *worker = worker_create(options);
  if (!start_thread(worker, error))
    return worker;
  worker_destroy(worker);
  return NULL;
}

bool worker_has_ended(const struct worker *worker)
{
  return atomic_load(&worker->has_ended);
}

void worker_join(struct worker *worker)
{
  uv_thread_join(&worker->thread);
  worker_destroy(worker);
}
