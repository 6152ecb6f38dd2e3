/* Where clients' requests wait for their turn; see desk.c. Private to src/sched. */
#ifndef SCHED_DESK_H
#define SCHED_DESK_H

#include "sched/state.h"

/* True when it was a client's request, which waits now; or tells that a client has left. Then the
 * message is taken; else it is to be dealt with at once. */
bool desk_take_in(struct sched *s, struct message *message);
/* The turn's share begins anew. */
void desk_begin(struct sched *s);
/* Nobody else is answered in this turn. */
void desk_end(struct sched *s);
/* Whose turn it is; NULL when nobody waits, or when this turn has answered enough. */
struct message *desk_next(struct sched *s);
/* Answers and counts what that took. Takes the message. */
void desk_answer(struct sched *s, struct message *message);
bool desk_is_waited_at(const struct sched *s);
void desk_clear(struct sched *s);

#endif
