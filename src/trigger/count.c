/* The last fire before a moment is found with `next` alone: a moment has a fire behind it or it has
 * not, so doubling steps back from the end and then halving find the last one that has. All
 * fires lie between INSTANT_MIN and INSTANT_MAX, so that is where it looks, whatever is asked, and
 * no difference overflows. */
#include "trigger/count.h"

#include <stdbool.h>

#include "time/instant.h"
#include "trigger/trigger.h"

static bool has_fire(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *fire_us)
{
  return trigger_next(trigger, after_us, fire_us) && *fire_us <= until_us;
}

int64_t count_last_fire(const struct trigger *trigger, int64_t after_us, int64_t until_us)
{
  if (after_us < INSTANT_MIN)
    after_us = INSTANT_MIN - 1;
  if (until_us > INSTANT_MAX)
    until_us = INSTANT_MAX;
  /* A fire lies behind `early_us`, none behind `late_us`. */
  int64_t fire_us = after_us, early_us = after_us, late_us = until_us;
  for (int64_t back_us = 1000000; back_us < until_us - after_us; back_us *= 2) {
    if (has_fire(trigger, until_us - back_us, until_us, &fire_us)) {
      early_us = until_us - back_us;
      break;
    }
    late_us = until_us - back_us;
  }
  while (late_us - early_us >= 1000000) {
    int64_t middle_us = early_us + (late_us - early_us) / 2;
    if (has_fire(trigger, middle_us, until_us, &fire_us))
      early_us = fire_us - 1;
    else
      late_us = middle_us;
  }
  int64_t last_us = early_us;
  while (has_fire(trigger, last_us, until_us, &fire_us))
    last_us = fire_us;
  return last_us;
}

int64_t count_fires(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                    int64_t *last_us)
{
  int64_t count = 0, fire_us;
  while (has_fire(trigger, after_us, until_us, &fire_us)) {
    after_us = *last_us = fire_us;
    if (++count == COUNT_STEPS_MAX) {
      *last_us = count_last_fire(trigger, after_us - 1, until_us);
      break;
    }
  }
  return count;
}
