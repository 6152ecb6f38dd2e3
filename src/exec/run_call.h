/* An attempt of a run on its worker, for the files that serve it: worker_run.c (its life),
 * run_decide.c (whether another attempt shall follow), run_progress.c, api_run.c (what its script
 * sees). On the worker's thread. */
#ifndef EXEC_RUN_CALL_H
#define EXEC_RUN_CALL_H

#include "exec/worker_internal.h"

struct run_call {
  struct vm_call call;
  struct message *message; /* NULL once it has begun, if no retry.decide needs it */
  struct worker *worker;
  char *job_id;
  int64_t started_us; /* wall clock; 0: not yet */
  char *result;       /* JSON */
  int log_lines;
  size_t log_bytes;
  bool log_is_full;
  bool is_once; /* at_most_once */
  bool is_unannounced;
  enum run_state killed_as;
  struct run_answer answer; /* what it asked for last, */
  char *reason;             /* and why; NULL: it did not say */
  struct {
    double done, total;
    char *note;
    int64_t sent_us; /* monotonic */
    bool waits;      /* to be sent; stands in worker.telling */
  } progress;
  TAILQ_ENTRY(run_call) unannounced;
  TAILQ_ENTRY(run_call) telling;
};

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

/* Sends what the run has told last, if that waits. */
void run_flush_progress(struct run_call *run);
/* Takes `note` over. Sent at once, or a moment later when it tells more than ten times a second. */
void run_tell_progress(struct run_call *run, double done, double total, char *note);

#endif
