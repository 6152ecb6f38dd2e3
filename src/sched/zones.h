/* Next due times after a change of time zones. See zones.c. Private to src/sched. */
#ifndef SCHED_ZONES_H
#define SCHED_ZONES_H

#include "sched/state.h"

void zones_changed(struct sched *s, const struct message *message);
/* Some more jobs; false when none is left. Within housekeeping's transaction. */
bool zones_step(struct sched *s);
void zones_commit(struct sched *s); /* the transaction is durable, or */
void zones_undo(struct sched *s);   /* was taken back */
void zones_forget(struct sched *s);

#endif
