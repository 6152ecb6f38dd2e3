/* The near edge: which jobs are in memory. See near.c. Private to src/sched. */
#ifndef SCHED_NEAR_H
#define SCHED_NEAR_H

#include "sched/state.h"

struct entry *near_find(struct sched *s, int64_t number);
/* The entry whose `due` this is. */
struct entry *near_entry(struct heap_node *due);
/* The entry of a job, read from the store when it is not in memory; NULL with *error set. */
struct entry *near_get(struct sched *s, int64_t number, struct error *error);
struct entry *near_get_by_id(struct sched *s, const char *id, struct error *error);
/* Takes job and progress over. It leaves memory at the end of the turn if it is not near. */
struct entry *near_add(struct sched *s, struct job *job, const struct job_progress *progress);
/* progress was changed: it will be written in this turn, and the entry takes its place among the
 * due. */
void near_changed(struct sched *s, struct entry *entry);
/* The same without the writing: for what a claim's row tells. */
void near_moved(struct sched *s, struct entry *entry);
/* The same without the place: what was changed tells nothing of when it is due, and who waits goes
 * on waiting. */
void near_counted(struct sched *s, struct entry *entry);
/* The entry may be let go at the end of the turn. */
void near_note(struct sched *s, struct entry *entry);
void near_take_place(struct sched *s, struct entry *entry);
/* Job and progress become what the store says. */
void near_read_again(struct sched *s, struct entry *entry);
/* Writes what was changed in this turn, in key order. */
void near_flush(struct sched *s);
/* The turn was committed: lets go of entries that nobody needs. */
void near_commit(struct sched *s);
void near_fill(struct sched *s);   /* pages in */
void near_rewind(struct sched *s); /* the next near_fill looks at all that is due again */
/* The entry is due, but not to be tried before near_look_again(), nor kept in memory until then. */
void near_hold_back(struct sched *s, struct entry *entry);
void near_look_again(struct sched *s);
void near_free_all(struct sched *s);
/* The turn was undone: everything is read again from the store. */
void near_forget(struct sched *s);

#endif
