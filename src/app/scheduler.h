/* The scheduler thread: gives turns of sched.h the time and the messages, and posts what they give
 * out. The only thread that touches the store. */
#ifndef APP_SCHEDULER_H
#define APP_SCHEDULER_H

#include "bus/bus.h"
#include "sched/sched.h"

struct fleet;
struct scheduler;

/* Takes over `sched` and `store`, which it destroys and closes when it ends. It ends after
 * MESSAGE_STOP, when all workers of the fleet have said MESSAGE_STOPPED, and then posts
 * MESSAGE_STOP to the front. A failure of the store ends it too. */
struct scheduler *scheduler_start(struct bus *bus, struct sched *sched, struct store *store,
                                  struct fleet *fleet);

/* Waits for its end and frees it; the exit status: 0, or that of the failure. */
int scheduler_join(struct scheduler *scheduler);

#endif
