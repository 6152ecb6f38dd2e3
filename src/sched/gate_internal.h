/* Gates, between the files that are named in gate.h. Scheduler thread. */
#ifndef SCHED_GATE_INTERNAL_H
#define SCHED_GATE_INTERNAL_H

#include "sched/gate.h"

/* Those that a run with these arguments (NULL: the job's) must pass; NULL: none. */
struct gate *gate_of_key(struct sched *s, const struct job *job, const char *args);
struct gate *gate_of_pool(struct sched *s, const struct job *job);
/* The first of them that does not let a run of that order through. */
struct wait gate_find_closed(struct sched *s, const struct job *job, const char *args, int64_t us);

/* Who goes first, as a time for heaps: by priority, then by due time. */
int64_t gate_order_of_entry(const struct sched *s, const struct entry *entry);
int64_t gate_order_of_run(const struct open_run *run);

/* One that was let go is to be tried. */
void gate_look_again(struct sched *s);

/* Who waits there is tried in gates_open(). */
void gate_stir(struct sched *s, struct gate *gate);

#endif
