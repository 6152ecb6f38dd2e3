/* Microseconds become whole seconds: a fire is never between two. What lies outside the calendar is
 * cut off, so that no sum overflows. */
#include "trigger/wall_count.h"

#include "time/instant.h"
#include "trigger/count.h"

int64_t wall_count_us(const struct trigger *trigger, const struct wall_source *source,
                      const struct zone *zone, struct wall_rules rules, int64_t after_us,
                      int64_t until_us, int64_t *last_us)
{
  if (rules.gap == WALL_GAP_SHIFT)
    return count_fires(trigger, after_us, until_us, last_us);
  if (after_us < INSTANT_MIN)
    after_us = INSTANT_MIN - 1;
  if (until_us > INSTANT_MAX)
    until_us = INSTANT_MAX;
  if (after_us >= until_us)
    return 0;
  int64_t sum =
      wall_count(source, zone, rules, instant_seconds(after_us) + 1, instant_seconds(until_us) + 1);
  if (sum)
    *last_us = count_last_fire(trigger, after_us, until_us);
  return sum;
}
