/* Microseconds become whole seconds: a fire is never between two. What lies outside the calendar is
 * cut off, so that no sum overflows. Fires that a gap shifts behind itself are those of a skipped
 * gap and, of the shifted ones, those that do not coincide with a local time that fires anyway. */
#include "trigger/wall_count.h"

#include "time/instant.h"
#include "trigger/count.h"

/* How many local times in [from_s, until_s) do not have another one `length_s` later. */
static int64_t count_without_later(const struct wall_source *source, int64_t from_s,
                                   int64_t until_s, int64_t length_s)
{
  int64_t later = source->count(source->of, from_s + length_s, until_s + length_s);
  if (later == 0)
    return source->count(source->of, from_s, until_s);
  if (later == until_s - from_s)
    return 0; /* every second has */
  int64_t sum = 0, match_s, later_s;
  for (; source->next(source->of, from_s, &match_s) && match_s < until_s; from_s = match_s + 1)
    sum += !source->next(source->of, match_s + length_s, &later_s) || later_s != match_s + length_s;
  return sum;
}

/* The shifted fires in [from_s, until_s), instants, but for those that coincide. */
static int64_t count_shifted(const struct wall_source *source, const struct zone *zone,
                             int64_t from_s, int64_t until_s)
{
  int64_t sum = 0;
  struct zone_span span;
  for (; from_s < until_s; from_s = span.until_s) {
    zone_span(zone, from_s, &span);
    int64_t gap_s = span.offset.offset_s - span.before_s, end_s = span.from_s;
    if (gap_s <= 0 || from_s - span.from_s >= gap_s)
      continue;
    end_s += gap_s < until_s - span.from_s ? gap_s : until_s - span.from_s;
    sum += count_without_later(source, from_s + span.before_s, end_s + span.before_s, gap_s);
  }
  return sum;
}

int64_t wall_count_us(const struct trigger *trigger, const struct wall_source *source,
                      const struct zone *zone, struct wall_rules rules, int64_t after_us,
                      int64_t until_us, int64_t *last_us)
{
  if (after_us < INSTANT_MIN)
    after_us = INSTANT_MIN - 1;
  if (until_us > INSTANT_MAX)
    until_us = INSTANT_MAX;
  if (after_us >= until_us)
    return 0;
  int64_t from_s = instant_seconds(after_us) + 1, until_s = instant_seconds(until_us) + 1;
  bool is_shift = rules.gap == WALL_GAP_SHIFT;
  int64_t shifted = is_shift ? count_shifted(source, zone, from_s, until_s) : 0;
  if (is_shift)
    rules.gap = WALL_GAP_SKIP;
  int64_t sum = shifted + wall_count(source, zone, rules, from_s, until_s);
  if (sum)
    *last_us = count_last_fire(trigger, after_us, until_us);
  return sum;
}
