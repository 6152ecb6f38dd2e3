/* What keeps the next fire of a trigger with options from being one: the same tests as modifier.c
 * makes, but for the first fire of the trigger within, and told instead of passed over. For people
 * who ask why nothing happens. */
#include "time/instant.h"
#include "trigger/modifier_data.h"

/* The calendar that covers the instant, and until when. */
static bool find_cover(const struct modifier *modifier, int64_t utc_s,
                       struct trigger_obstacle *obstacle)
{
  int64_t until_s = 0;
  bool is_covered =
      modifier->calendar && calendar_covers(modifier->calendar, modifier->zone, utc_s, &until_s);
  for (int i = 0; i < modifier->name_count && !is_covered; i++) {
    const struct calendar *calendar = calendar_name_meaning(modifier->calendars[i]);
    is_covered = calendar && calendar_covers(calendar, modifier->zone, utc_s, &until_s);
    if (is_covered)
      obstacle->calendar = calendar_name_text(modifier->calendars[i]);
  }
  if (!is_covered)
    return false;
  obstacle->kind = OBSTACLE_CALENDAR;
  obstacle->clears_us = until_s > CIVIL_SECONDS_MAX ? INT64_MAX : until_s * 1000000;
  return true;
}

bool trigger_find_obstacle(const struct trigger *trigger, int64_t after_us,
                           struct trigger_obstacle *obstacle)
{
  const struct modifier *modifier = (const struct modifier *)(const void *)trigger;
  *obstacle = (struct trigger_obstacle){.clears_us = INT64_MAX};
  if (trigger->kind != &modifier_kind ||
      __builtin_sub_overflow(after_us, modifier->offset_us, &after_us) ||
      !trigger_next(modifier->inner, after_us, &obstacle->fire_us))
    return false;
  if (obstacle->fire_us < modifier->from_us) {
    obstacle->kind = OBSTACLE_FROM;
    obstacle->clears_us = modifier->from_us;
    return true;
  }
  if (obstacle->fire_us > modifier->until_us) {
    obstacle->kind = OBSTACLE_UNTIL;
    return true;
  }
  if (modifier->limit && obstacle->fire_us > modifier->last_us) {
    obstacle->kind = OBSTACLE_LIMIT;
    return true;
  }
  return find_cover(modifier, instant_seconds(obstacle->fire_us), obstacle);
}
