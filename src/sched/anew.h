/* A job's next due time when what its trigger goes by has changed. See anew.c. Private to
 * src/sched. */
#ifndef SCHED_ANEW_H
#define SCHED_ANEW_H

#include "sched/state.h"

/* The trigger is the same, and its due times are others since then, a moment ago. */
void anew_fire(struct sched *s, struct entry *entry, int64_t since_us);

#endif
