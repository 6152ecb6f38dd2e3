/* Failures of a turn. Private to src/sched. */
#ifndef SCHED_TURN_H
#define SCHED_TURN_H

#include "sched/state.h"

/* Notes a failed write; the turn will be rolled back. True when `code` is a failure. */
bool sched_failed(struct sched *s, enum error_code code, const struct error *error);

#endif
