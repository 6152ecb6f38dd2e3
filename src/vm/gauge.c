/* The handler's part is atomic stores and write(2), which a signal handler may do. The worker looks
 * at stuck_ms when its slice is over and the handler shows nothing any more, so that what it finds
 * is the last word: while stuck_ms is set and the mutex is held, it is in the slice. */
#include "vm/gauge.h"

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

void gauge_init(struct gauge *gauge, int alarm_fd)
{
  *gauge = (struct gauge){.alarm_fd = alarm_fd};
  uv_mutex_init(&gauge->mutex);
}

void gauge_deinit(struct gauge *gauge)
{
  uv_mutex_destroy(&gauge->mutex);
}

bool gauge_hold(struct gauge *gauge)
{
  uv_mutex_lock(&gauge->mutex);
  if (atomic_load(&gauge->stuck_ms))
    return true;
  uv_mutex_unlock(&gauge->mutex);
  return false;
}

void gauge_let_go(struct gauge *gauge)
{
  uv_mutex_unlock(&gauge->mutex);
}

unsigned gauge_leave(struct gauge *gauge)
{
  uv_mutex_lock(&gauge->mutex);
  unsigned ms = atomic_exchange(&gauge->stuck_ms, 0);
  uv_mutex_unlock(&gauge->mutex);
  return ms;
}
