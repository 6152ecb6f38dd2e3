/* What a due time becomes. See fire.c. Private to src/sched. */
#ifndef SCHED_FIRE_H
#define SCHED_FIRE_H

#include "sched/state.h"

/* The first due time after `us`; false when there is none. */
bool fire_next(const struct job *job, int64_t us, int64_t *next_us);

/* The state that follows from progress.next_us: a job that will never fire again is finished, or in
 * error if its trigger gave up searching; one that can is not; one that asks Lua asks. */
void fire_conclude(struct sched *s, struct entry *entry);
/* The same of a claim that is found in the store: its run, which may be open, has told how the job
 * fares, or will. */
void fire_conclude_claimed(struct sched *s, struct entry *entry);
/* Whether nothing of the job can run now for want of its script; then it is in error, or waits. */
bool fire_is_held(struct sched *s, struct entry *entry);
/* Its script is not there, for `reason`: unless it is paused the job is in error, and waits. */
void fire_hold(struct sched *s, struct entry *entry, const char *reason);
bool fire_is_full(const struct entry *entry); /* max_instances are open */
/* It is full, and a fire would wait or be skipped: the open runs are ended if the job says so.
 * False: not now, as the entry waits for its rate. */
bool fire_meet_overlap(struct sched *s, struct entry *entry, bool is_backlog);
/* Tries an entry that waited. */
void fire_again(struct sched *s, struct entry *entry);
/* An event that comes now makes no run. */
void fire_skip_event(struct sched *s, struct entry *entry, enum skip_reason reason);

/* Decides the due times of the entry up to now; returns how many claims and skips were written. */
int fire_entry(struct sched *s, struct entry *entry, int budget);
/* The first due time of a job that begins now. */
int64_t fire_first(const struct job *job, int64_t now_us);
/* The trigger is about to be another one: what was due by the old one and has not been decided is
 * recorded. */
void fire_leave_trigger(struct sched *s, struct entry *entry);
/* A paused job goes on: what was due meanwhile is recorded. */
void fire_resume(struct sched *s, struct entry *entry);

#endif
