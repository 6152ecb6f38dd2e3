/* What a worker shows of a slice that does not end, to whoever looks from another thread.
 *
 * It is written by the signal handler that would cut the slice, on the worker's own thread: the
 * handler runs also while the thread sits in a C function that nothing can cut. So nobody has to
 * look at workers that are well. */
#ifndef VM_GAUGE_H
#define VM_GAUGE_H

#include <stdatomic.h>
#include <stdint.h>

struct preempt;

enum { GAUGE_STUCK_MS = 250 }; /* a slice that lasts longer is stuck */

struct gauge {
  int alarm_fd;             /* an eventfd that is written to when something new is shown */
  atomic_uint stuck_ms;     /* how long the slice has lasted; 0: not stuck */
  atomic_ullong generation; /* whose call it is */
  atomic_llong job, scheduled_us, fence; /* of the run that it is; job 0: of none */
};

/* In the handler, each time that the slice has lasted another GAUGE_STUCK_MS. */
void gauge_show(struct preempt *preempt);

#endif
