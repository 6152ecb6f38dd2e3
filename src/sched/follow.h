/* Jobs follow a calendar that has changed. See follow.c. Private to src/sched. */
#ifndef SCHED_FOLLOW_H
#define SCHED_FOLLOW_H

#include "sched/state.h"

/* The meaning of the calendar is another one from now on: the first of the jobs that use it follow,
 * the others do in later steps. */
void follow_calendar(struct sched *s, const char *name);
/* Some more jobs; false when none is left. Within housekeeping's transaction. */
bool follow_step(struct sched *s);
/* The job is about to fire, or to be resumed: it follows now, if it has not. */
void follow_before(struct sched *s, struct entry *entry);
/* Its trigger is a new one, which begins with its calendars as they are. When its topics are noted.
 */
void follow_begins(struct sched *s, const struct job *job);
/* What the last daemon has left; when all else is recovered. */
void follow_recover(struct sched *s);
void follow_flush(struct sched *s);  /* writes whether somebody is left */
void follow_commit(struct sched *s); /* the transaction is durable, or */
void follow_undo(struct sched *s);   /* was taken back */
void follow_free_all(struct sched *s);

#endif
