/* Only atomic stores and write(2), which a signal handler may do. */
#include "vm/gauge.h"

#include <errno.h>
#include <unistd.h>

#include "vm/call.h"
#include "vm/host.h"
#include "vm/state.h"

void gauge_show(struct preempt *preempt)
{
  struct host *host = (struct host *)(void *)((char *)preempt - offsetof(struct host, preempt));
  struct gauge *gauge = host->options.gauge;
  const struct vm_call *call = host->current;
  if (!gauge || !call)
    return;
  atomic_store(&gauge->generation, call->vm->generation);
  atomic_store(&gauge->job, call->attempt.key.job);
  atomic_store(&gauge->scheduled_us, call->attempt.key.scheduled_us);
  atomic_store(&gauge->fence, call->attempt.fence);
  atomic_store(&gauge->stuck_ms, preempt_age(preempt) * (PREEMPT_TICK_US / 100) / 10);
  uint64_t one = 1;
  ssize_t written = write(gauge->alarm_fd, &one, sizeof one);
  (void)written; /* a full counter wakes as well */
}
