/* Histories that have grown too long; see cut.c. Private to src/sched. */
#ifndef SCHED_CUT_H
#define SCHED_CUT_H

#include "sched/state.h"

/* Remembers the job when it keeps more runs, or longer logs, than it may, and some. */
void cut_note(struct sched *s, const struct entry *entry);
/* Removes up to `rows` rows, as store_prune_job counts them; true while there is more to cut.
 * Within housekeeping's transaction. */
bool cut_step(struct sched *s, int rows);
bool cut_is_wanted(const struct sched *s);
void cut_forget(struct sched *s); /* what is still too long is noted again at its next run */

#endif
