#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static _Thread_local const struct clock_source *source_used;

static int64_t read_us(clockid_t id)
{
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void clock_use(const struct clock_source *source)
{
  source_used = source;
}

int64_t clock_wall_us(void)
{
  if (source_used && source_used->wall_us)
    return source_used->wall_us(source_used->context);
  return read_us(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
  if (source_used && source_used->monotonic_us)
    return source_used->monotonic_us(source_used->context);
  return read_us(CLOCK_MONOTONIC);
}

int64_t clock_machine_us(void)
{
  return read_us(CLOCK_MONOTONIC);
}

int64_t clock_thread_us(void)
{
  return read_us(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock_file_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void clock_sleep_us(int64_t us)
{
  nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* A reading that took long says little: then the next one will tell. */
enum { LOOK_LONGEST_US = 20000 };

int64_t clock_watch_compare(struct clock_watch *watch, int64_t wall_us, int64_t steady_us,
                            int64_t wall_again_us)
{
  int64_t offset_us = wall_us - steady_us, step_us = offset_us - watch->offset_us;
  if (wall_again_us - wall_us > LOOK_LONGEST_US || wall_again_us < wall_us)
    return 0;
  watch->offset_us = offset_us;
  if (!watch->has_looked) {
    watch->has_looked = true;
    return 0;
  }
  return step_us >= CLOCK_STEP_LEAST_US || step_us <= -CLOCK_STEP_LEAST_US ? step_us : 0;
}

int64_t clock_watch_look(struct clock_watch *watch)
{
  int64_t wall_us = clock_wall_us(), steady_us = read_us(CLOCK_BOOTTIME);
  return clock_watch_compare(watch, wall_us, steady_us, clock_wall_us());
}
