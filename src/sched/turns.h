/* How long turns take; see turns.c. Private to src/sched, but for sched_took() in sched.h. */
#ifndef SCHED_TURNS_H
#define SCHED_TURNS_H

#include "sched/state.h"

void turns_put(const struct sched *s, struct json_writer *writer); /* member "turns" of status */

#endif
