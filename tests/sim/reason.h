/* What is due waits only with a reason. Whenever the scheduler has nothing left to do, each due
 * time that is not decided, each event that no run has taken and each attempt that was promised and
 * has not begun must have one in this book: its job is paused or quarantined, its script is being
 * loaded or is not there, as many runs as may be are open, the pool or the key is taken, a rate or
 * a delay is not over, the disk is not well, the daemon is stopping. What has none for longer than
 * a few seconds is a stall. */
#ifndef SIM_REASON_H
#define SIM_REASON_H

#include <stdint.h>

struct life;
struct reasons;

struct reasons *reasons_create(void);
void reasons_destroy(struct reasons *reasons);

/* A worker loads a script, which takes so long. */
void reason_load(struct life *life, const char *script, int64_t lasts_us);
/* The daemon has died: nobody loads anything, and all is to be looked at anew. */
void reasons_forget(struct life *life);

/* Nothing can be said now, as the disk is not well: whoever waits is looked at anew. */
void reasons_put_off(struct life *life);

/* The scheduler has nothing left to do at this instant, and the disk is well. */
void reasons_check(struct life *life);

#endif
