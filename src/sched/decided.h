/* How far a job's due times have been decided. See decided.c. Private to src/sched. */
#ifndef SCHED_DECIDED_H
#define SCHED_DECIDED_H

#include "sched/state.h"

/* The last due time before the one that stands (progress.next_us) that has become a run or part of
 * a skip; INT64_MIN: none has. */
int64_t decided_last(struct sched *s, const struct entry *entry);

#endif
