/* How fast runs of a job follow each other: its rates, which count when the last of them began. See
 * pace.c. Private to src/sched. */
#ifndef SCHED_PACE_H
#define SCHED_PACE_H

#include "sched/state.h"

/* When the next run of the entry may begin if they lie `throttle_us` apart; it may be past. */
int64_t pace_throttle(struct sched *s, struct entry *entry, int64_t throttle_us);
/* What a run of the entry that is to begin now waits for: its rate, or nothing; and then, when
 * others are due behind it (`is_backlog`), its turn among the late ones. */
struct wait pace_find_rate(struct sched *s, struct entry *entry);
struct wait pace_find_wait(struct sched *s, struct entry *entry, bool is_backlog);
/* A run of the entry was claimed. */
void pace_note_claim(struct sched *s, struct entry *entry, enum run_cause cause);
/* A run by hand begins: its rate has let it through. */
void pace_note_start(struct sched *s, struct entry *entry);
void pace_forget(struct entry *entry);
/* For looking: the rate that a run of the job, beginning now, would wait for, whatever else it
 * waits for. */
struct wait pace_look(struct sched *s, struct entry *entry);

#endif
