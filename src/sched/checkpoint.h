/* What a run tells and asks while it runs. See checkpoint.c. Private to src/sched. */
#ifndef SCHED_CHECKPOINT_H
#define SCHED_CHECKPOINT_H

#include "sched/state.h"

void progress_told(struct sched *s, const struct message *message);
/* The member "progress", if there is any. `run` may be NULL. */
void progress_put(struct json_writer *writer, const struct open_run *run);
/* The open run of the job that told its progress last; or NULL. */
const struct open_run *progress_of_job(struct sched *s, const struct entry *entry);
/* What an earlier attempt has left: a heap string, or NULL. */
char *checkpoint_get(struct sched *s, struct open_run *run);
void checkpoint_drop(struct sched *s, const struct open_run *run);

#endif
