/* Searching a zone's transitions. Most come twice a year, for the last decades and for the four
 * hundred years of a rule, so that a division tells where to look; the others are searched by
 * halving, without branches. What lies behind the table is moved back by whole 400-year cycles,
 * which repeat to the day. Pure; any thread. */
#include "time/zone.h"

#include "time/civil.h"
#include "time/zone_data.h"

/* How far wall clocks may be from UTC (RFC 8536 says less than 25 h west, 26 h east). */
enum { REACH_S = 26 * 3600 };

const char *zone_name(const struct zone *zone)
{
  return zone->name;
}

/* How many transitions are at or before `utc_s`, which lies among the even ones. */
static inline size_t count_even_until(const struct zone *zone, int64_t utc_s)
{
  size_t first = zone->count - zone->even_count, back = zone_half_years(zone, utc_s);
  size_t guess = back < zone->even_count ? zone->count - 1 - back : first;
  while (zone->at[guess] > utc_s)
    guess--;
  while (zone->at[guess + 1] <= utc_s)
    guess++;
  return guess + 1;
}

/* How many transitions are at or before `utc_s`. */
static inline size_t count_until(const struct zone *zone, int64_t utc_s)
{
  const int64_t *base = zone->at;
  size_t n = zone->count;
  if (n == 0 || utc_s < base[0])
    return 0;
  if (utc_s >= base[n - 1])
    return n;
  if (zone->even_count && utc_s >= base[n - zone->even_count])
    return count_even_until(zone, utc_s);
  n -= zone->even_count;
  while (n > 1) {
    size_t half = n / 2;
    base += base[half] <= utc_s ? half : 0;
    n -= half;
  }
  return (size_t)(base - zone->at) + (*base <= utc_s);
}

/* By how much to move an instant behind the table back into its last cycle. */
static int64_t cycles_to_skip(const struct zone *zone, int64_t utc_s)
{
  if (!zone->cycles || utc_s < zone->at[zone->count - 1])
    return 0;
  return ((utc_s - zone->at[zone->count - 1]) / CIVIL_CYCLE_S + 1) * CIVIL_CYCLE_S;
}

static const struct zone_offset *type_before(const struct zone *zone, size_t index)
{
  return &zone->types[index ? zone->type[index - 1] : zone->first_type];
}

/* Nothing beyond the calendar is asked for; clamping keeps every sum below from overflowing. */
static int64_t clamp(int64_t utc_s)
{
  const int64_t reach = 3 * REACH_S;
  return utc_s < CIVIL_SECONDS_MIN - reach   ? CIVIL_SECONDS_MIN - reach
         : utc_s > CIVIL_SECONDS_MAX + reach ? CIVIL_SECONDS_MAX + reach
                                             : utc_s;
}

struct zone_offset zone_at(const struct zone *zone, int64_t utc_s)
{
  zone = zone_in_force(zone);
  utc_s = clamp(utc_s);
  return *type_before(zone, count_until(zone, utc_s - cycles_to_skip(zone, utc_s)));
}

void zone_span(const struct zone *zone, int64_t utc_s, struct zone_span *span)
{
  zone = zone_in_force(zone);
  utc_s = clamp(utc_s);
  int64_t skip = cycles_to_skip(zone, utc_s);
  size_t index = count_until(zone, utc_s - skip);
  span->offset = *type_before(zone, index);
  span->before_s = span->after_s = span->offset.offset_s;
  span->from_s = INT64_MIN;
  span->until_s = INT64_MAX;
  if (index > 0) {
    span->from_s = zone->at[index - 1] + skip;
    span->before_s = type_before(zone, index - 1)->offset_s;
  }
  if (index < zone->count) {
    span->until_s = zone->at[index] + skip;
    span->after_s = zone->types[zone->type[index]].offset_s;
  }
}

bool zone_next_transition(const struct zone *zone, int64_t after_s,
                          struct zone_transition *transition)
{
  struct zone_span span;
  zone_span(zone, after_s, &span);
  if (span.until_s == INT64_MAX)
    return false;
  *transition = (struct zone_transition){
      .at_s = span.until_s, .before = span.offset, .after = zone_at(zone, span.until_s)};
  return true;
}

/* Walks the spans that could show `local_s`: at most REACH_S of them to each side. */
void zone_resolve(const struct zone *zone, int64_t local_s, struct local_times *out)
{
  local_s = clamp(local_s);
  int found = 0;
  struct zone_span span;
  *out = (struct local_times){.kind = LOCAL_NORMAL};
  for (int64_t at = local_s - REACH_S;; at = span.until_s) {
    zone_span(zone, at, &span);
    int64_t from = span.from_s == INT64_MIN ? INT64_MIN : span.from_s + span.offset.offset_s;
    int64_t until = span.until_s == INT64_MAX ? INT64_MAX : span.until_s + span.offset.offset_s;
    int64_t instant = local_s - span.offset.offset_s;
    bool is_within = from <= local_s && local_s < until;
    if (is_within && found++ == 0) {
      out->first_s = out->second_s = instant;
      out->before_s = out->after_s = span.offset.offset_s;
    } else if (is_within) {
      out->kind = LOCAL_OVERLAP;
      out->second_s = instant;
      out->transition_s = span.from_s;
      out->after_s = span.offset.offset_s;
      out->length_s = out->before_s - out->after_s;
      return;
    }
    if (span.until_s > local_s + REACH_S)
      return;
    if (until <= local_s && local_s < span.until_s + span.after_s && !found)
      *out = (struct local_times){
          .kind = LOCAL_GAP,
          .first_s = instant,
          .second_s = local_s - span.after_s,
          .transition_s = span.until_s,
          .before_s = span.offset.offset_s,
          .after_s = span.after_s,
          .length_s = span.after_s - span.offset.offset_s,
      };
  }
}
