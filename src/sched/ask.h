/* Triggers in Lua. See ask.c. Private to src/sched. */
#ifndef SCHED_ASK_H
#define SCHED_ASK_H

#include "sched/state.h"

/* Asks if the job is active and its next fire is to be asked for. */
void ask_next(struct sched *s, const struct entry *entry);
/* A load of the script is over: all its triggers are asked anew, or those that have not answered.
 */
void ask_again(struct sched *s, const struct script_entry *script, bool all);
void ask_answered(struct sched *s, const struct message *message);

#endif
