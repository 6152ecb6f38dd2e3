/* Counting fires for kinds whose fires no arithmetic counts. Pure; any thread. Private to
 * src/trigger. */
#ifndef TRIGGER_COUNT_H
#define TRIGGER_COUNT_H

#include <stdint.h>

struct trigger;

/* After so many steps a count is a lower bound. */
enum { COUNT_STEPS_MAX = 1000000 };

/* trigger_kind.count by stepping from fire to fire. */
int64_t count_fires(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                    int64_t *last_us);

/* The last fire in (after_us, until_us], without stepping through those before it; after_us, if not
 * before the first of all instants, when there is none. */
int64_t count_last_fire(const struct trigger *trigger, int64_t after_us, int64_t until_us);

#endif
