/* An attempt of a run on its worker, for the files that serve it: worker_run.c (its life),
 * run_decide.c (whether another attempt shall follow), run_progress.c, api_run.c (what its script
 * sees). On the worker's thread. */
#ifndef EXEC_RUN_CALL_H
#define EXEC_RUN_CALL_H

#include "exec/worker_internal.h"

/* What it asked for last. */
struct run_wish {
  struct run_answer answer;
  char *reason; /* NULL: it did not say */
};

/* How far it is, as it told last. */
struct run_telling {
  struct run_call *run;
  double done, total;
  char *note;
  int64_t sent_us; /* monotonic */
  bool waits;      /* to be sent; stands in worker.telling */
  TAILQ_ENTRY(run_telling) link;
};

/* As small as it can be: thousands may sleep. */
struct run_call {
  struct vm_call call;
  struct message *message; /* NULL once it has begun, if no retry.decide needs it */
  const void *object;      /* the `run` of its script, as lua_topointer() says */
  int64_t started_us;      /* wall clock; 0: not yet */
  char *result;            /* JSON */
  int log_bytes;
  uint16_t log_lines;
  bool is_once;         /* at_most_once */
  unsigned unannounced; /* its place in worker.unannounced, from 1; 0: none */
  enum run_state killed_as;
  struct run_wish *wish;       /* NULL: none */
  struct run_telling *telling; /* NULL: it has told nothing */
};

static inline struct worker *run_worker(const struct run_call *run)
{
  return run->call.vm->owner;
}

extern const struct vm_call_kind run_call_kind;

enum { RUN_DECIDE_US = 5 * 1000000 }; /* what retry.decide may take */

/* Pushes the `run` object that the script's function is given; its message must be there still. (--
 * table) */
void run_push_object(lua_State *L, const struct run_call *run);

void run_log_line(struct run_call *run, int level, const char *text, size_t size);

/* Posts FINISHED, which the caller filled but for who and when, and frees the run. */
void run_post_finished(struct run_call *run, struct message *finished);

/* Asks the job's retry.decide about an attempt that has failed, before it is reported. */
void run_decide(struct run_call *run, struct message *finished);
extern const struct vm_call_kind run_decide_kind;
/* There is no time for an answer: a run that is cancelled has ended so, with the error that it had;
 * another has failed. */
void run_decide_cancel(struct vm_call *call, enum run_state state);

/* The run ends: sends what it has told last, if that waits. */
void run_end_progress(struct run_call *run);
/* Sends what all runs have told and waits. */
void run_flush_progress(struct worker *worker);
/* Takes `note` over. Sent at once, or a moment later when it tells more than ten times a second. */
void run_tell_progress(struct run_call *run, double done, double total, char *note);

#endif
