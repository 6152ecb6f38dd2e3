/* How an attempt ends. See finish.c. Private to src/sched. */
#ifndef SCHED_FINISH_H
#define SCHED_FINISH_H

#include "sched/state.h"

/* A worker reports the end of an attempt; one that is not in force any more changes nothing. */
void finish_reported(struct sched *s, const struct message *message);
/* Ends a run that no worker has. */
void finish_here(struct sched *s, struct open_run *run, enum run_state state, const char *error);
/* Nobody knows any more what became of the attempt: it is interrupted, and another begins unless
 * the job is at_most_once. */
void finish_cut_off(struct sched *s, struct open_run *run, const char *error);
/* The attempt in force has ended as `ended` says, and another is due at `due_us`. */
void finish_and_retry(struct sched *s, struct open_run *run, const struct run *ended,
                      int64_t due_us);
/* The event of an attempt that has ended as `ended` says. */
void finish_tell(struct sched *s, const struct open_run *run, const struct run *ended,
                 bool will_retry);
/* The run has ended for good: its log counts among its job's. */
void finish_count_log(struct sched *s, const struct open_run *run);

#endif
