/* Workers that do not come back from C. See stuck.c. Private to src/sched. */
#ifndef SCHED_STUCK_H
#define SCHED_STUCK_H

#include "sched/state.h"

/* The address of the worker that has the place 0 .. workers - 1. */
int worker_at(const struct sched *s, int slot);
void stuck_told(struct sched *s, const struct message *message);   /* STUCK: ends overdue runs */
void stuck_settle(struct sched *s, const struct message *message); /* the rest, after the commit */
void stuck_returned(struct sched *s, const struct message *message); /* RUN that nobody has taken */
void stuck_stop(struct sched *s);                                    /* those that were replaced */
void stuck_put(struct sched *s, struct json_writer *writer);         /* member "stuck" */
void stuck_free_all(struct sched *s);

#endif
