/* From an event to the jobs that want it. See arrive.c. Private to src/sched. */
#ifndef SCHED_ARRIVE_H
#define SCHED_ARRIVE_H

#include "sched/state.h"

/* It has happened; `json` is taken over. `is_own`: the scheduler tells it, about member "job". */
void arrive(struct sched *s, const char *key, char *json, bool is_own);
/* How many jobs wait for events of that name. */
size_t arrive_count(const struct sched *s, const char *event);
void arrive_event(struct sched *s, const char *name, const char *json, bool is_own);
void arrive_job_ended(struct sched *s, const struct entry *entry, const struct run *run);
void arrive_start(struct sched *s);
/* The start, for a job that was not there when it was. */
void arrive_start_at(struct sched *s, struct entry *entry);
/* What has happened goes into the queues of the jobs that want it. */
void arrive_all(struct sched *s);
void arrivals_forget(struct sched *s);

#endif
