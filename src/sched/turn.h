/* Failures of a turn. Private to src/sched. */
#ifndef SCHED_TURN_H
#define SCHED_TURN_H

#include "sched/state.h"

/* Notes a failed write; the turn will be rolled back. True when `code` is a failure. */
bool sched_failed(struct sched *s, enum error_code code, const struct error *error);
/* The request that is being answered is refused after it has changed something: the turn is taken
 * back, and done once more without it. */
void sched_refuse(struct sched *s, enum error_code code, const struct error *error);

#endif
