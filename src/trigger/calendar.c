/* Whether an instant is covered, and until when that is so.
 *
 * Each part of a calendar answers for a moment: covered or not, and a later moment up to which the
 * answer stands. What is covered by any part is covered; from the end of the longest part the
 * question is asked again, so that a weekend followed by a holiday is one leap. What is free is so
 * up to the nearest part's change. The local parts are asked within one span of the zone, where
 * local seconds and instants differ by a constant. */
#include "trigger/calendar.h"

#include <stdlib.h>

#include "time/civil.h"
#include "trigger/calendar_data.h"
#include "trigger/trigger.h"

/* After so many parts in a row an answer is given, although more may follow. */
enum { LEAPS_MAX = 64 };

#define LOCAL ((UINT32_C(1) << PARTS_LOCAL) - 1)

/* Whether `at_s` is covered by the part; *change_s is where that may change. */
typedef bool (*part)(const struct calendar *calendar, int64_t at_s, int64_t *change_s);

static bool covers_range(const struct ranges *ranges, int64_t at_s, int64_t *change_s)
{
  size_t low = 0, high = ranges->count; /* the first that ends behind at_s */
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (ranges->items[middle].until_s > at_s)
      high = middle;
    else
      low = middle + 1;
  }
  *change_s = INT64_MAX;
  if (low == ranges->count)
    return false;
  const struct range *range = &ranges->items[low];
  bool covers = range->from_s <= at_s;
  *change_s = covers ? range->until_s : range->from_s;
  return covers;
}

static bool covers_dates(const struct calendar *calendar, int64_t at_s, int64_t *change_s)
{
  return covers_range(&calendar->local, at_s, change_s);
}

static bool covers_times(const struct calendar *calendar, int64_t at_s, int64_t *change_s)
{
  int64_t midnight_s = civil_day_of(at_s) * CIVIL_DAY_S;
  bool covers = covers_range(&calendar->times, at_s - midnight_s, change_s);
  if (*change_s != INT64_MAX)
    *change_s += midnight_s;
  else
    *change_s = midnight_s + CIVIL_DAY_S;
  return covers;
}

static bool covers_weekday(const struct calendar *calendar, int64_t at_s, int64_t *change_s)
{
  int64_t day = civil_day_of(at_s);
  bool covers = calendar->weekdays >> civil_weekday(day) & 1;
  *change_s = INT64_MAX;
  for (int64_t next = day + 1; next < day + 7; next++)
    if ((calendar->weekdays >> civil_weekday(next) & 1) != covers) {
      *change_s = next * CIVIL_DAY_S;
      break;
    }
  return covers;
}

static uint32_t yearly_days(const struct calendar *calendar, int32_t year, int32_t month)
{
  return calendar->yearly[month] & (uint32_t)((UINT64_C(2) << civil_month_days(year, month)) - 1);
}

static bool covers_yearly(const struct calendar *calendar, int64_t at_s, int64_t *change_s)
{
  int64_t day = civil_day_of(at_s);
  struct civil_date date = civil_from_days(day);
  uint32_t days = yearly_days(calendar, date.year, date.month) >> date.day;
  *change_s = (day + 1) * CIVIL_DAY_S;
  if (days & 1)
    return true;
  /* Nine years hold a 29 February. */
  for (int month = 0; month <= 9 * 12; month++) {
    if (days) {
      *change_s =
          (civil_to_days(date.year, date.month, date.day) + __builtin_ctz(days)) * CIVIL_DAY_S;
      return false;
    }
    date.day = 0;
    if (++date.month > 12) {
      date.month = 1;
      date.year++;
    }
    days = yearly_days(calendar, date.year, date.month);
  }
  *change_s = INT64_MAX;
  return false;
}

static bool covers_cron(const struct calendar *calendar, int64_t at_s, int64_t *change_s)
{
  int64_t unit_s = calendar->cron_unit_s, rest_s = at_s % unit_s, match_us;
  *change_s = INT64_MAX;
  int64_t from_s = at_s - (rest_s < 0 ? rest_s + unit_s : rest_s);
  if (!trigger_next(calendar->cron, from_s * 1000000 - 1, &match_us))
    return false;
  bool covers = match_us / 1000000 == from_s;
  *change_s = covers ? from_s + unit_s : match_us / 1000000;
  return covers;
}

static bool covers_events(const struct calendar *calendar, bool floating, int64_t at_s,
                          int64_t *change_s)
{
  bool covers = false;
  *change_s = INT64_MAX;
  for (size_t i = 0; i < calendar->event_count; i++) {
    const struct calendar_event *event = &calendar->events[i];
    int64_t fire_us;
    if (event->is_floating != floating ||
        !trigger_next(event->trigger, (at_s - event->length_s) * 1000000, &fire_us))
      continue;
    int64_t begin_s = fire_us / 1000000 + (fire_us % 1000000 > 0);
    if (begin_s <= at_s) {
      int64_t end_s = begin_s + event->length_s;
      *change_s = !covers || end_s > *change_s ? end_s : *change_s;
      covers = true;
    } else if (!covers && begin_s < *change_s) {
      *change_s = begin_s;
    }
  }
  return covers;
}

static bool covers_floating(const struct calendar *calendar, int64_t at_s, int64_t *change_s)
{
  return covers_events(calendar, true, at_s, change_s);
}

static bool covers_instants(const struct calendar *calendar, int64_t at_s, int64_t *change_s)
{
  return covers_range(&calendar->instants, at_s, change_s);
}

static bool covers_fixed(const struct calendar *calendar, int64_t at_s, int64_t *change_s)
{
  return covers_events(calendar, false, at_s, change_s);
}

static const part parts[PARTS] = {
    [PART_WEEKDAYS] = covers_weekday,  [PART_TIMES] = covers_times,
    [PART_DATES] = covers_dates,       [PART_YEARLY] = covers_yearly,
    [PART_CRON] = covers_cron,         [PART_FLOATING] = covers_floating,
    [PART_INSTANTS] = covers_instants, [PART_FIXED] = covers_fixed,
};

/* All parts of the mask at one moment. */
static bool covers_any(const struct calendar *calendar, uint32_t mask, int64_t at_s,
                       int64_t *change_s)
{
  int64_t covered_s = INT64_MIN, free_s = INT64_MAX, until_s;
  for (; mask; mask &= mask - 1)
    if (!parts[__builtin_ctz(mask)](calendar, at_s, &until_s))
      free_s = until_s < free_s ? until_s : free_s;
    else if (until_s > covered_s)
      covered_s = until_s;
  *change_s = covered_s != INT64_MIN ? covered_s : free_s;
  return covered_s != INT64_MIN;
}

static bool covers_from(const struct calendar *calendar, uint32_t mask, int64_t at_s,
                        int64_t *until_s)
{
  if (!covers_any(calendar, mask, at_s, until_s))
    return false;
  for (int leap = 0; leap < LEAPS_MAX && *until_s <= CIVIL_SECONDS_MAX; leap++) {
    int64_t further_s;
    if (!covers_any(calendar, mask, *until_s, &further_s))
      break;
    *until_s = further_s;
  }
  return true;
}

bool calendar_covers(const struct calendar *calendar, const struct zone *zone, int64_t utc_s,
                     int64_t *until_s)
{
  struct zone_span span;
  int64_t local_s, instant_s;
  zone_span(calendar->zone ? calendar->zone : zone, utc_s, &span);
  int32_t offset_s = span.offset.offset_s;
  bool by_local = covers_from(calendar, calendar->parts & LOCAL, utc_s + offset_s, &local_s);
  bool by_instant = covers_from(calendar, calendar->parts & ~LOCAL, utc_s, &instant_s);
  if (local_s != INT64_MAX)
    local_s -= offset_s;
  if (local_s > span.until_s)
    local_s = span.until_s;
  if (by_local == by_instant)
    *until_s = (local_s < instant_s) == by_local ? instant_s : local_s;
  else
    *until_s = by_local ? local_s : instant_s;
  return by_local || by_instant;
}
