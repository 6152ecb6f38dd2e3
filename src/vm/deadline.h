/* What limits a call in time; see deadline.c. Made only for calls that have such limits. On the
 * worker's thread. */
#ifndef VM_DEADLINE_H
#define VM_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct call_timer;

struct call_limits {
  int64_t timeout_us;      /* when it is killed; 0: none */
  int64_t soft_timeout_us; /* when it is told; 0: none */
  int64_t silence_us;      /* the longest between two signs of life; 0: any */
  /* Monotonic; 0: none, or not begun. */
  int64_t deadline_us, soft_us, grace_end_us, alive_us;
  struct call_timer *timer; /* for those */
  int64_t cpu_us;           /* used in slices that have ended, if the kind limits it */
  bool is_left_behind;      /* for who moves the clock: time goes on while it is busy */
};

#endif
