/* The end of the daemon in good order. Private to src/sched. */
#ifndef SCHED_STOP_H
#define SCHED_STOP_H

#include "sched/state.h"

/* From now on nothing is claimed, and runs have `grace_us` to end. Asked again, it may be sooner.
 */
void stop_begin(struct sched *s, int64_t grace_us);
/* The turn was committed, or undone: a stop that began in it goes on, or comes again. */
void stop_commit(struct sched *s);
void stop_undo(struct sched *s);
/* The wall clock was set, by step_us: the same of the grace is left. */
void stop_clock_set(struct sched *s, int64_t step_us);
/* Does what the stop has come to; nothing when none has begun. */
void stop_go_on(struct sched *s);

#endif
