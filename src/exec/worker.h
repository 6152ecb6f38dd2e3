/* A worker: one thread with one loop that executes Lua. It takes what the scheduler and consoles
 * send (see model/message.h) and posts back; nothing else is shared.
 *
 * A loaded script is an actor, one state found by its generation. A console session is a state too,
 * made when its first line comes. Commands run in a state without a script. */
#ifndef EXEC_WORKER_H
#define EXEC_WORKER_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/bus.h"

struct gauge;
struct worker;

/* What processes for isolated runs need to know. */
struct isolate_settings {
  const char *program;  /* the moonbeat that is started for them; NULL: there are none */
  const char *timezone; /* what "local" means; NULL: the system's zone */
  const char *store;    /* scripts keep off it; NULL: in memory */
};

struct worker_options {
  struct bus *bus;
  int address;                     /* ADDRESS_WORKER + n */
  uint64_t first_number;           /* greater than what others of this address have used */
  struct gauge *gauge;             /* see vm/gauge.h; NULL: none */
  const char *jobs_folder;         /* where `require` looks; shown in messages; NULL: nowhere */
  size_t memory_cap;               /* of each state in bytes; 0: 64 MiB */
  struct isolate_settings isolate; /* live as long as the worker */
  void (*opener)(lua_State *L);    /* (raw -- raw) of each state, the last of all; NULL: none */
  void *context;                   /* the owner's, see worker_context() */
};

/* Starts the thread, and waits until it has all that it needs. It ends after MESSAGE_STOP, or when
 * it was dismissed and what it had begun is over, having posted MESSAGE_STOPPED to the scheduler.
 * NULL with *error: the system has no thread, descriptor or timer for it. */
struct worker *worker_start(const struct worker_options *options, struct error *error);

/* Another thread: while the worker is stuck in a slice, makes it post what it has begun and has to
 * say, and begin nothing more. False: it is not stuck any more, and nothing is changed. */
bool worker_dismiss(struct worker *worker);

/* Another thread, for one that is still stuck: kills its children, and has it kill all that it has
 * begun, but for the run that keeps it, when it comes back. False as above. */
bool worker_give_up(struct worker *worker);

/* Whether worker_join() does not wait. Any thread. */
bool worker_has_ended(const struct worker *worker);

/* Waits for the thread's end and frees the worker. */
void worker_join(struct worker *worker);

/* The same on the caller's thread, for which it returns when the worker has ended. `opened` is
 * called when its loop and mailbox are there. */
void worker_run_here(const struct worker_options *options,
                     void (*opened)(struct worker *worker, void *context), void *context);

/* ---- a worker that its caller moves, on its own thread and by its own clock (clock_use) ---- */

struct worker *worker_open(const struct worker_options *options);
/* Ends all that it does, and frees it. */
void worker_close(struct worker *worker);

/* Does all that can be done now, and waits for what goes on outside (files, databases, processes).
 * `patience_us` is how long that may take by the system's clock: false when it is over, with what
 * goes on in *why, a heap string. A call that is busy with its own code and must end at an instant
 * is waited for no longer than it has until that. */
bool worker_settle(struct worker *worker, int64_t patience_us, char **why);

/* When time alone makes something happen next, monotonic; INT64_MAX: it never does. */
int64_t worker_due_us(const struct worker *worker);

/* Whether it has begun anything that is not over. */
bool worker_is_busy(const struct worker *worker);

/* An attempt that somebody else has played: reports how it ended, as the worker's own. If it has
 * failed, the job's retry.decide is asked before. Takes both messages. */
void worker_report(struct worker *worker, struct message *run, struct message *finished);

/* The owner's context of the worker that a state belongs to. */
void *worker_context(lua_State *L);

#endif
