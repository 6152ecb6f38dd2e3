/* Events, and the jobs that wait for them: told by clients, by the ends of other jobs' runs, by the
 * scheduler itself. What must hold:
 *
 *   - an event that was acknowledged is in the queue or in one run of each job that waits for it
 *     and was not paused, and of a paused one it is a skip; one that was refused is nowhere; one
 *     that had no answer is with all of them or with none
 *   - a run takes the events that stand first in the queue, as many as its job wants at most, and
 *     none of them is taken twice
 *   - each end of a run, and each failed attempt, sets off what waits for it once; so does that one
 *     in its turn
 *   - at the end nobody waits any more
 *
 * The causes of the last two kinds stand in the store, and are compared with what they have
 * caused. */
#ifndef SIM_CAUSE_H
#define SIM_CAUSE_H

#include <stdbool.h>

#include "model/message.h"
#include "sim/book.h"

struct life;
struct causes;

enum { HEARERS = 6 }; /* and one that comes and goes with its script */

struct causes *causes_create(void);
void causes_destroy(struct causes *causes);

/* The jobs, HEARERS of them, not yet anywhere. They stay the caller's. */
void causes_cast(struct life *life, struct booked *jobs);

/* Clients tell of some events, and do not wait for the answers. */
void causes_tell(struct life *life);
/* Whether the reply was to one of them. */
bool causes_heard(struct life *life, const struct message *reply);
/* Writes down for the witness what has no answer, as none will come. */
void causes_leave(struct life *life);
/* Some have no answer yet: at one instant it is all the same which of two requests came first. */
bool causes_are_open(const struct life *life);
bool causes_is_open(const struct life *life, int64_t number);
/* What had no answer when the daemon died has happened or not: the store tells. */
void causes_resolve(struct life *life);

/* The one that comes and goes is there, and new. */
void causes_begin_guest(struct life *life);

void causes_check(struct life *life);
/* Everybody had time enough. */
void causes_check_all_done(struct life *life);

#endif
