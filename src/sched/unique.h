/* Jobs that are added once only. See unique.c. Private to src/sched. */
#ifndef SCHED_UNIQUE_H
#define SCHED_UNIQUE_H

#include "sched/state.h"

/* The pending job that has the key, and keeps `job` from being added; NULL when there is none. */
enum error_code unique_find(struct sched *s, const struct job *job, const char *key,
                            struct entry **pending, struct error *error);
void unique_take(struct sched *s, const char *key, const struct entry *entry);
/* The entry is about to become `changed`: its key follows, or is refused. */
enum error_code unique_change(struct sched *s, const struct entry *entry, const struct job *changed,
                              struct error *error);
/* A free id for a job without one of its own: made of its function and the key. A heap string. */
char *unique_name(struct sched *s, const struct job *job, const char *key);

#endif
