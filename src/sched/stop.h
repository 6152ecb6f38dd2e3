/* The end of the daemon in good order. Private to src/sched. */
#ifndef SCHED_STOP_H
#define SCHED_STOP_H

#include "sched/state.h"

/* From now on nothing is claimed, and runs have `grace_us` to end. Asked again, it may be sooner.
 */
void stop_begin(struct sched *s, int64_t grace_us);
/* What comes in this turn may say that the clock was set: the grace is a length of time, and the
 * same of it is left. Seen before anything is taken, as a stop that begins in the same turn goes by
 * the new clock. */
void stop_see_clock(struct sched *s, const struct message_list *in);
/* Does what the stop has come to; nothing when none has begun. */
void stop_go_on(struct sched *s);

#endif
