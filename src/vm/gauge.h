/* What a worker shows of a slice that does not end, to whoever looks from another thread.
 *
 * It is written by the signal handler that would cut the slice, on the worker's own thread: the
 * handler runs also while the thread sits in a C function that nothing can cut. So nobody has to
 * look at workers that are well.
 *
 * Who looks can also keep the worker from leaving such a slice for a moment, and meanwhile read and
 * change what the worker itself touches between slices only: which calls have begun, what is to be
 * told of them. That costs a worker that is well nothing. */
#ifndef VM_GAUGE_H
#define VM_GAUGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct preempt;

enum { GAUGE_STUCK_MS = 250 }; /* a slice that lasts longer is stuck */

struct gauge {
  int alarm_fd;             /* an eventfd that is written to when something new is shown */
  atomic_uint stuck_ms;     /* how long the slice has lasted; 0: not stuck */
  atomic_ullong generation; /* whose call it is */
  atomic_llong job, scheduled_us, fence; /* of the run that it is; job 0: of none */
  uv_mutex_t mutex;                      /* taken by the worker to leave a slice that was shown */
  bool is_dismissed;                     /* set by who holds it: it shall begin nothing more, */
  bool is_given_up;                      /* and not go on with what it had begun */
};

void gauge_init(struct gauge *gauge, int alarm_fd);
void gauge_deinit(struct gauge *gauge);

/* Another thread: holds the worker in the slice that is shown; false: it has left it. */
bool gauge_hold(struct gauge *gauge);
void gauge_let_go(struct gauge *gauge);

/* The worker, when a slice that was shown is over: for how many milliseconds it was shown. */
unsigned gauge_leave(struct gauge *gauge);

/* In the handler, each time that the slice has lasted another GAUGE_STUCK_MS. */
void gauge_show(struct preempt *preempt);

#endif
