/* One process for isolated runs, as its worker holds it: a child whose standard input and output
 * carry the frames of isolate_wire.h, and whose standard error goes to the daemon's log. What it is
 * used for is isolate.c's business. On the worker's thread. */
#ifndef EXEC_ISOLATE_CELL_H
#define EXEC_ISOLATE_CELL_H

#include <uv.h>

#include "bus/bus.h"
#include "exec/worker.h"

struct cell;

struct cell_options {
  uv_loop_t *loop;
  struct bus *bus; /* a cell is not listened to while the scheduler's mailbox is full */
  const char *program;
  /* Each gets `context`; of them only `ended` may release the cell. */
  void (*message)(void *context, struct message *message); /* takes it; NULL: a sign of life */
  void (*late)(void *context);                             /* the timer's time is over */
  void (*ended)(void *context);
  void *context;
};

/* Whether a member of `environ`, NAME=value, is in its environment, too. Any thread. */
bool cell_keeps(const char *variable);

enum error_code cell_start(const struct cell_options *options, struct cell **cell,
                           struct error *error);

/* Lets go of it, and kills it if it has not ended. What is left frees itself. */
void cell_release(struct cell *cell);

void cell_send(struct cell *cell, const struct message *message);
void cell_send_settings(struct cell *cell, const char *json);

/* A run begins: it may write as many lines of errors as any. */
void cell_begin_run(struct cell *cell);

/* Calls `late` after so long; 0: never. There is one timer. */
void cell_set_timer(struct cell *cell, int64_t us);

/* It is to end by itself, when what it does has ended. */
void cell_dismiss(struct cell *cell);
void cell_kill(struct cell *cell, int64_t grace_us);

/* Whose lines its standard error are, in the log. */
void cell_set_name(struct cell *cell, const char *name);

/* After its end: a sentence such as "ended by signal SEGV", on the heap. */
char *cell_describe_end(const struct cell *cell);
int cell_status(const struct cell *cell); /* -1: ended by a signal */
int cell_signal(const struct cell *cell);

#endif
