/* The parts of a worker: worker.c (thread, dispatch, end), worker_load.c (scripts),
 * worker_listen.c, worker_run.c, worker_ask.c (triggers), worker_console.c, worker_dismiss.c,
 * worker_step.c (for who moves it). On the worker's thread. */
#ifndef EXEC_WORKER_INTERNAL_H
#define EXEC_WORKER_INTERNAL_H

#include <stdatomic.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/hash.h"
#include "base/pool.h"
#include "exec/worker.h"
#include "vm/state.h"

struct isolate;

/* What a version of a script was made of, for the processes of isolated runs; shared by those who
 * need it. */
struct source {
  int holders;
  struct message *load;
};

struct source *source_hold(struct source *source); /* NULL is fine */
void source_release(struct source *source);

struct actor {
  uint64_t generation;
  struct vm *vm;
  struct source *source; /* NULL until it has loaded */
  UT_hash_handle hh;
};

struct session {
  uint64_t id;
  struct vm *vm;
  UT_hash_handle hh;
};

/* A state that closes when its calls have ended. */
struct closing {
  struct vm *vm;
  struct closing *next;
};

struct ear;
struct run_call;
struct run_telling;

/* Runs that have begun in this round; NULL in the place of one that has ended. */
struct run_list {
  struct run_call **runs;
  unsigned count, capacity;
};

struct worker {
  struct worker_options options;
  char *jobs_folder;
  uv_thread_t thread;
  atomic_bool has_ended;
  uv_loop_t loop;
  struct host *host;
  struct actor *actors;     /* a hash by generation */
  struct session *sessions; /* a hash by id */
  struct vm *command_vm;    /* NULL until the first command */
  struct closing *closing;
  struct pool run_pool; /* of struct run_call */
  struct run_list unannounced;
  TAILQ_HEAD(, run_telling) telling; /* whose progress waits to be sent */
  uv_timer_t progress_timer;
  struct isolate *isolate;
  struct ear *ears;       /* a hash by generation and id */
  struct ear *unreported; /* those that have something to say */
};

/* The parts of a worker's life: its thread, or worker_step.c, puts them together. */
struct worker *worker_create(const struct worker_options *options);
enum error_code worker_open_loop(struct worker *worker, struct error *error); /* wholly or not */
void worker_run_loop(struct worker *worker); /* until it was stopped */
void worker_destroy(struct worker *worker);

/* NULL with *error. */
struct vm *worker_create_vm(struct worker *worker, const char *script, uint64_t generation,
                            int live_calls, struct error *error);

/* Closes the state when its calls have ended. Safe from within a call's end. */
void worker_close_vm(struct worker *worker, struct vm *vm);

static inline void worker_post(struct worker *worker, struct message *message)
{
  host_post(worker->host, message);
}

static inline struct message *worker_message(struct worker *worker, enum message_kind kind)
{
  return message_create(kind, worker->options.address, ADDRESS_SCHEDULER);
}

struct actor *worker_find_actor(struct worker *worker, uint64_t generation);

struct session *worker_find_session(struct worker *worker, uint64_t id);

/* What calls outside runs say. */
void worker_log_for_script(struct vm_call *call, int level, const char *text, size_t size);
void worker_log_for_console(struct vm_call *call, int level, const char *text, size_t size);

/* Each takes the message. */
void worker_load(struct worker *worker, struct message *message);
void worker_retire(struct worker *worker, struct message *message);
void worker_event(struct worker *worker, struct message *message);
void worker_ask(struct worker *worker, struct message *message);
void worker_run(struct worker *worker, struct message *message);
void worker_cancel(struct worker *worker, struct message *message);
void worker_evaluate(struct worker *worker, struct message *message);
void worker_complete(struct worker *worker, struct message *message);
void worker_interrupt(struct worker *worker, struct message *message);
void worker_end_session(struct worker *worker, struct message *message);

/* Posts HEARD for what listeners have heard in this round. */
void worker_report_ears(struct worker *worker);
/* The state is closed: nothing new is begun for its durable listeners. */
void worker_drop_ears(struct worker *worker, uint64_t generation);
/* The worker stops: nothing new is begun at all. */
void worker_close_ears(struct worker *worker);

/* Posts STARTED for the runs that have outlived the round in which they began. */
void worker_announce_runs(struct worker *worker);

/* It comes back after it was dismissed. */
void worker_dismissed(void *context);
/* Since then: whether the message is for the worker in its place. */
bool worker_refuses(const struct worker *worker, const struct message *message);
/* Since then: nothing that it had begun goes on any more. */
bool worker_is_through(const struct worker *worker);

#endif
