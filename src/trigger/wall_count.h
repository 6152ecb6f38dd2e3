/* trigger_kind.count for kinds of whole seconds of a wall clock. Pure; any thread. Private to
 * src/trigger. */
#ifndef TRIGGER_WALL_COUNT_H
#define TRIGGER_WALL_COUNT_H

#include "trigger/wall.h"

struct trigger;

/* The fires of `trigger` in (after_us, until_us], and the last of them, given that its `next` is
 * wall_next_us() of the same source, zone and rules. By the source's arithmetic, also for
 * WALL_GAP_SHIFT, for which only the local times inside of gaps are stepped through. */
int64_t wall_count_us(const struct trigger *trigger, const struct wall_source *source,
                      const struct zone *zone, struct wall_rules rules, int64_t after_us,
                      int64_t until_us, int64_t *last_us);

#endif
