/* The start after a crash or a stop. See recover.c. Private to src/sched. */
#ifndef SCHED_RECOVER_H
#define SCHED_RECOVER_H

#include "sched/state.h"

void run_recover(struct sched *s);
/* The job's runs were cut off too often, so it waits for a person. */
bool recover_is_quarantined(const struct entry *entry);

#endif
