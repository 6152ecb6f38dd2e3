/* The last fire before a moment is found with `next` alone, by leaps that grow from fire to fire:
 * where one finds nothing behind it, the last fire lies before, and the leaps are halved. It is the
 * last one when the next is none, so that a search that is long in vain, as that of triggers which
 * meet once and then never again, is made as seldom as can be. All fires lie between INSTANT_MIN
 * and INSTANT_MAX, so that is where it looks, whatever is asked, and no difference overflows. */
#include "trigger/count.h"

#include <stdbool.h>

#include "time/instant.h"
#include "trigger/trigger.h"

enum { LEAP_LEAST_US = 1000000 };

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
  int64_t last_us = after_us, late_us = until_us, leap_us = 0, fire_us;
  while (has_fire(trigger, last_us, until_us, &fire_us)) {
    int64_t left_us = late_us - fire_us, gap_us = fire_us - last_us;
    leap_us = gap_us > leap_us ? gap_us : leap_us;
    leap_us = leap_us < left_us / 4 ? leap_us * 2 : left_us / 2;
    last_us = fire_us;
    if (leap_us < LEAP_LEAST_US)
      continue;
    if (has_fire(trigger, last_us + leap_us, until_us, &fire_us))
      last_us = fire_us;
    else
      late_us = last_us + leap_us; /* no fire lies behind it */
  }
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
