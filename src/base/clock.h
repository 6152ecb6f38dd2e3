/* The only place that reads clocks. Pure code (time, trigger, model, store, sched) takes `now` as
 * an argument instead. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since the epoch, UTC; steps when somebody sets the clock. */
int64_t clock_wall_us(void);

/* Microseconds since some moment, never going back; for slices, time-outs and measuring. */
int64_t clock_monotonic_us(void);

#endif
