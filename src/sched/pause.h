/* Jobs that are paused. See pause.c. Private to src/sched. */
#ifndef SCHED_PAUSE_H
#define SCHED_PAUSE_H

#include "sched/state.h"

/* Begins a reason that is somebody's wish, and not what befell the job. */
#define PAUSED_BY "paused by "

/* `reason` NULL: its option `enabled` says so, or if that does not, a person. */
void pause_entry(struct sched *s, struct entry *entry, const char *reason);

#endif
