/* What isolate.c (processes, and the runs that they are given), isolate_queue.c (the runs that wait
 * for one) and isolate_hear.c (what processes say) share. On the worker's thread. */
#ifndef EXEC_ISOLATE_INTERNAL_H
#define EXEC_ISOLATE_INTERNAL_H

#include "exec/isolate.h"
#include "exec/isolate_cell.h"
#include "exec/worker_internal.h"

enum phase { SPARE, LOADING, RUNNING, IDLE, LEAVING };

/* What one script has of the processes, for as long as it has or wants any. */
struct share {
  char *script;
  int holders; /* processes, and runs that wait */
  TAILQ_HEAD(, waiting) waiting;
  TAILQ_ENTRY(share) link;
};

struct process {
  struct isolate *isolate;
  struct share *share; /* NULL: of no script yet */
  struct cell *cell;
  enum phase phase;
  struct message *run; /* that waits for it to load, or runs; else NULL */
  struct source *source;
  char *job_id, *env;
  struct job_limits limits;
  uint64_t call;       /* as the scheduler knows what asks; the load and all runs are one */
  bool has_locked;     /* while it loaded */
  int64_t started_us;  /* by the wall clock, when its run was given to it */
  int64_t deadline_us; /* monotonic, of the run; 0: none */
  char *late;          /* why it was killed; NULL: it was not */
  bool is_announced;   /* the scheduler knows that its run has begun */
  int runs;
  bool is_stale; /* no run of its version comes any more */
  bool is_cancelled;
  enum run_state cancelled_as;
  TAILQ_ENTRY(process) link;
};

struct waiting {
  struct share *share;
  struct message *run;
  struct source *source;
  TAILQ_ENTRY(waiting) link;
};

/* A request of a process that the scheduler has not answered. */
struct question {
  uint64_t tag; /* as the scheduler knows it */
  uint64_t its_tag;
  struct process *process;
  UT_hash_handle hh;
};

struct isolate {
  struct worker *worker;
  TAILQ_HEAD(, process) processes;
  TAILQ_HEAD(, share) shares; /* whose turn it is to begin runs first */
  struct question *questions; /* a hash by tag */
};

/* Of a run; `started_us` 0: it never began. Takes `error`. */
void isolate_post_end(struct isolate *isolate, const struct message *run, int64_t started_us,
                      enum run_state state, char *error);

/* Of its run; takes `error`. */
void isolate_end_run(struct process *process, enum run_state state, char *error);

/* It has loaded, or is idle: its run begins. */
void isolate_begin_run(struct process *process);

/* It has said something. */
void isolate_note_life(struct process *process);

/* It has no run any more: is kept for the next one, or told to leave. */
void isolate_rest(struct process *process);
void isolate_dismiss(struct process *process);

/* Whether it is the run of that attempt. */
bool isolate_is_of(const struct message *run, const struct attempt *attempt);

/* A process takes over the run and the source, or the run fails; false: not now. */
bool isolate_start(struct isolate *isolate, struct waiting *waiting);

/* ---- isolate_queue.c ---- */

/* Whether one process more may work for the script. */
bool isolate_has_room(const struct isolate *isolate, const struct share *share);

/* By a process, or a run that waits; NULL: nothing. */
void isolate_let_go_of_share(struct isolate *isolate, struct share *share);

/* There may be room for runs that wait. */
void isolate_start_waiting(struct isolate *isolate);

/* NULL: none waits. */
struct waiting *isolate_first_waiting(const struct isolate *isolate);

/* With its run, of which nobody is told. */
void isolate_drop_waiting(struct isolate *isolate, struct waiting *waiting);

/* False: the run that the MESSAGE_CANCEL names does not wait. */
bool isolate_cancel_waiting(struct isolate *isolate, const struct message *cancel);

/* ---- isolate_hear.c ---- */

/* `context` is a struct process; takes the message, NULL being a mere sign of life. */
void isolate_hear(void *context, struct message *message);

/* Nobody is there any more to hear the answers. */
void isolate_forget_questions(struct process *process);

#endif
