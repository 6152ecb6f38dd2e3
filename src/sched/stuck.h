/* Workers that do not come back from C. See stuck.c. Private to src/sched. */
#ifndef SCHED_STUCK_H
#define SCHED_STUCK_H

#include "sched/state.h"

/* Who has the places 0 .. workers - 1. */
void stuck_init(struct sched *s);
void stuck_deinit(struct sched *s);
/* The address of the worker that has the place now. */
int worker_at(const struct sched *s, int slot);
/* The worker is new, and takes over a place whose worker has another besides. */
void stuck_join(struct sched *s, int worker);

/* STUCK and STOPPED: what is to be written of the runs; the rest is done after the commit. */
void stuck_told(struct sched *s, const struct message *message);
void stuck_stopped(struct sched *s, const struct message *message);
void stuck_settle(struct sched *s, const struct message *message); /* of these and UNSTUCK */
void stuck_undo(struct sched *s); /* the turn is taken back: who has ended in it will end again */
void stuck_stop(struct sched *s); /* those that were replaced */
void stuck_clock_set(struct sched *s, int64_t step_us);

/* The worker has been replaced: it begins nothing more. */
bool stuck_is_replaced(const struct sched *s, int worker);
/* And it has not come back, to hear what it is told. */
bool stuck_is_deaf(const struct sched *s, int worker);
/* What it is stuck in, as the end of a sentence ("stuck in a C function that script a has called"),
 * and since when; NULL: it is not. */
char *stuck_describe(const struct sched *s, int worker, int64_t *since_us);

void stuck_put(struct sched *s, struct json_writer *writer); /* member "stuck" */

#endif
