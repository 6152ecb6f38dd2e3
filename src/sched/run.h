/* Runs that are open. See run.c, and what is named below; how they end is in finish.h. Private to
 * src/sched. */
#ifndef SCHED_RUN_H
#define SCHED_RUN_H

#include "sched/event.h"
#include "sched/state.h"

struct open_run *run_find(struct sched *s, struct run_key key);
/* Claims and sends a run. NULL when there is one of that time already, or the write failed. */
struct open_run *run_claim(struct sched *s, struct entry *entry, int64_t scheduled_us,
                           enum run_cause cause, const char *args, const char *events);
/* The steps of it, also for a run that is read from the store. */
struct open_run *run_insert(struct sched *s, struct entry *entry, const struct run *from);
void run_wait_until(struct sched *s, struct open_run *run, int64_t us);
/* It is due at another time, or, JOB_NEVER, when what it waits for lets it through. */
void run_move_due(struct sched *s, struct open_run *run, int64_t due_us);
/* When it showed from_us, by step_us, below 0: the delay before another attempt is a length of
 * time.
 */
void run_clock_set_back(struct sched *s, int64_t from_us, int64_t step_us);
/* The due times of runs that wait have followed the clock from there to now: so the next start,
 * which finds claims in a time to come, leaves them where they are. */
void run_note_set_back(struct sched *s, int64_t from_us);
void run_end(struct sched *s, struct open_run *run); /* in memory */
/* Whose it is from now on; 0: no worker's. How many a worker has. */
void run_give(struct sched *s, struct open_run *run, int worker);
int64_t run_count_of(const struct sched *s, int worker);
/* Open runs that have begun, and the others. */
struct open_counts {
  int64_t pending, running;
};
struct open_counts run_count_open(const struct sched *s);
/* The worker that it was sent to has not taken it. */
void run_take_back(struct sched *s, struct open_run *run);
/* The run that a worker's message speaks of, if its attempt is the one in force. */
struct open_run *run_find_attempt(struct sched *s, const struct attempt *attempt);
/* Sends it to a worker if its script is in force, and keeps it waiting if that may still be. */
void run_send(struct sched *s, struct open_run *run);
void run_send_waiting(struct sched *s); /* or lines it up: see gate.h */
/* Runs that waited for a script, or for their job to be resumed, are looked at again in the next
 * turn. */
void run_release(struct sched *s);
void run_started(struct sched *s, const struct message *message);
/* What few runs have: to read, and to change. */
const struct run_extra *run_extra(const struct open_run *run);
struct run_extra *run_make_extra(struct open_run *run);
/* The run is changed in this turn; before the change. */
void run_touch(struct sched *s, struct open_run *run);
/* An event about it; `ended` NULL: about its beginning. */
void run_tell(struct sched *s, const char *name, enum event_use use, const struct open_run *run,
              const struct run *ended, bool will_retry);
/* The members by which it names the run and its attempt. */
void run_put_attempt(struct json_writer *writer, const struct open_run *run);
/* The turn was committed, or undone: what it did to runs in memory stays, or is taken back. */
void run_commit(struct sched *s);
void run_undo(struct sched *s);
void run_free_all(struct sched *s);

/* ---- run_cancel.c ---- */

/* By its worker: its soft time-out is over. */
void run_was_told(struct sched *s, const struct message *message);
/* Has a run that a worker has killed at once, for that reason. That it is cancelled is written in
 * this turn; a stop (TOLD_STOPPING), which writes nothing, may come between turns. */
void run_cancel(struct sched *s, struct open_run *run, enum run_told reason);
/* The same, but it is told, and killed when it has not ended after its job's cancel_grace. */
void run_cancel_softly(struct sched *s, struct open_run *run, enum run_told reason);
/* Whether somebody cancelled it, or its job's next run; a stop did not. */
bool run_is_cancelled(const struct open_run *run);
/* What it is when it ends by what it was told; it was told. */
enum run_state run_becomes(const struct open_run *run);
/* Who has cancelled it, as its error says. */
const char *run_cancel_cause(const struct open_run *run);

/* ---- run_log.c ---- */

/* A line that a worker has written. */
void run_log(struct sched *s, struct message *message);

#endif
