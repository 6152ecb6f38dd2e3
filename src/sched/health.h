/* Jobs that are late or fail. See health.c. Private to src/sched. */
#ifndef SCHED_HEALTH_H
#define SCHED_HEALTH_H

#include "sched/state.h"

/* NULL when nothing is known of it: it is in no trouble. */
const struct job_health *health_find(const struct sched *s, int64_t job);
/* A run has ended, as the row says, but is still counted as open. */
void health_run_ended(struct sched *s, struct entry *entry, const struct run *run);
/* Nothing is due any more, and no run is open: it is late later on unless all went well. */
void health_finish(struct sched *s, const struct entry *entry);
/* The job is new, was resumed or is expected otherwise: its time to succeed begins anew. */
void health_begin(struct sched *s, const struct entry *entry, bool is_resumed);
/* Of one that is paused: its failures are why. */
bool health_has_paused(const struct entry *entry);
void health_pause(struct sched *s, const struct entry *entry);
void health_remove(struct sched *s, int64_t job); /* in memory and store */
/* Finished jobs that were late, and that housekeeping has removed, are forgotten from now on, so
 * many being looked at in one step. True: there are more. */
void health_look_for_gone(struct sched *s);
bool health_forget_gone(struct sched *s, int most);
void health_watch(struct sched *s); /* tells of those that are late now */
int64_t health_wake_us(const struct sched *s, int64_t now_us);
void health_count(const struct sched *s, int64_t *late, int64_t *failing);
void health_recover(struct sched *s); /* as the store has them */
void health_free_all(struct sched *s);

#endif
