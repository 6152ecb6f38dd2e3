/* Workers that could not be made. See shortage.c. Private to src/sched. */
#ifndef SCHED_SHORTAGE_H
#define SCHED_SHORTAGE_H

#include "sched/state.h"

void shortage_settle(struct sched *s, const struct message *message); /* after the commit */
void shortage_put(const struct sched *s,
                  struct json_writer *writer); /* member "shortage", if any */
void shortage_forget(struct sched *s);

#endif
