/* Jobs that are paused. See pause.c. Private to src/sched. */
#ifndef SCHED_PAUSE_H
#define SCHED_PAUSE_H

#include "sched/state.h"

/* `reason` NULL: a person wants it so. */
void pause_entry(struct sched *s, struct entry *entry, const char *reason);

#endif
