/* Events that wait for a run of a job. See queue.c. Private to src/sched. */
#ifndef SCHED_QUEUE_H
#define SCHED_QUEUE_H

#include "sched/state.h"

/* False when so many wait that no more are taken. */
bool queue_add(struct sched *s, const struct job *job, int64_t debounce_us, const char *json);
int64_t queue_count(struct sched *s, int64_t job); /* events that wait */
void queue_release(struct sched *s, int64_t job);  /* a run of the job may begin now */
/* The job has other options: what keeps its events waiting may be over. */
void queue_job_changed(struct sched *s, const struct entry *entry);
void queue_try(struct sched *s, struct entry *entry); /* makes one now, if it is due */
void queue_remove(struct sched *s, int64_t job);      /* in memory and store */
/* Runs for the queues that are due; how many were looked at. */
int queues_fire(struct sched *s, int budget);
/* As the store has them, and the clock: what waits for some time to pass does not wait for it
 * twice. */
void queues_recover(struct sched *s);
void queues_release(struct sched *s); /* all are looked at again */
void queues_free_all(struct sched *s);

#endif
