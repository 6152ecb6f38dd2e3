/* How fast runs of a job follow each other: when the last of them began. See pace.c. Private to
 * src/sched. */
#ifndef SCHED_PACE_H
#define SCHED_PACE_H

#include "sched/state.h"

/* When the next run of the entry may begin; it may be past. Reads what the store knows into *pace,
 * which is NULL at first, and again when the rate is another. */
int64_t pace_until(struct sched *s, struct entry *entry, struct pace **pace,
                   const struct rate *rate);
/* A run begins now; nothing when `pace` is NULL: whoever reads it finds the run. */
void pace_note(struct pace *pace, int64_t now_us);

#endif
