/* Whether and when another attempt follows. See retry.c. Private to src/sched. */
#ifndef SCHED_RETRY_H
#define SCHED_RETRY_H

#include "sched/state.h"

/* Whether another attempt follows the one that has ended so; RUN_PENDING: it was snoozed. */
bool retry_follows(const struct open_run *run, const struct run *ended,
                   const struct run_answer *answer, int64_t *delay_us);
/* Whether another may follow the one that begins now, should it fail. */
bool retry_may_follow(const struct open_run *run);

/* Why none follows one that has ended so, as the job is now; `failures`: attempts of the run that
 * count. For people; the caller frees. NULL: that cannot be told. */
char *retry_explain(const struct job *job, const struct run *ended, int32_t failures);

#endif
