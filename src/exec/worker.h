/* A worker: one thread with one loop that executes Lua. It takes what the scheduler and consoles
 * send (see model/message.h) and posts back; nothing else is shared.
 *
 * A loaded script is an actor, one state found by its generation. A console session is a state too,
 * made when its first line comes. Commands run in a state without a script. */
#ifndef EXEC_WORKER_H
#define EXEC_WORKER_H

#include <stddef.h>

#include "bus/bus.h"

struct worker;

struct worker_options {
  struct bus *bus;
  int address;             /* ADDRESS_WORKER + n */
  const char *jobs_folder; /* where `require` looks; shown in messages; NULL: nowhere */
  size_t memory_cap;       /* of each state in bytes; 0: 64 MiB */
};

/* Starts the thread. It ends after MESSAGE_STOP, having posted MESSAGE_STOPPED to the scheduler. */
struct worker *worker_start(const struct worker_options *options);

/* Waits for the thread's end and frees the worker. */
void worker_join(struct worker *worker);

#endif
