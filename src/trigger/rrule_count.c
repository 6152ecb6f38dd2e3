/* COUNT as a last local time, found once when a series is made.
 *
 * Whole periods are counted by the number of their days and times, not by stepping through their
 * instances; candidates within the day by their rank on the wheel, a row of allowed dates at a
 * time. What lies in the first period before DTSTART is added to the number that is looked for,
 * and then every period counts whole. */
#include "time/civil.h"
#include "trigger/rrule.h"

/* Rows of dates that are counted for hours, minutes and seconds. A COUNT that is not reached within
 * them, half a thousand years at least, ends nothing. */
enum { ROWS_MAX = 100000 };

enum { KNOWN = 64 };

/* How many BYSETPOS takes of `size` instances, remembered by size: few sizes come again and again,
 * and up to 732 positions are counted one by one. */
struct chosen {
  const struct rrule *rule;
  int64_t size[KNOWN], count[KNOWN];
};

static int64_t count_chosen_before(const struct rrule *rule, int64_t size, int64_t end)
{
  if (!rrule_has(rule, RRULE_BYSETPOS))
    return end;
  int64_t count = 0;
  for (int64_t i = rrule_chosen_next(rule, size, 0); i < end;
       i = rrule_chosen_next(rule, size, i + 1))
    count++;
  return count;
}

static int64_t count_chosen(struct chosen *chosen, int64_t size)
{
  int64_t at = size % KNOWN;
  if (chosen->size[at] != size) {
    chosen->size[at] = size;
    chosen->count[at] = count_chosen_before(chosen->rule, size, size);
  }
  return chosen->count[at];
}

/* The index of the n-th that is chosen, counted from 0. */
static int64_t chosen_at(const struct rrule *rule, int64_t size, int64_t n)
{
  if (!rrule_has(rule, RRULE_BYSETPOS))
    return n;
  int64_t index = rrule_chosen_next(rule, size, 0);
  while (n-- > 0)
    index = rrule_chosen_next(rule, size, index + 1);
  return index;
}

static void end_at(struct rrule_series *series, int64_t last_s)
{
  if (last_s < series->last_s)
    series->last_s = last_s;
}

/* ---- years, months and weeks ---- */

static void limit_periods(struct rrule_series *series, struct chosen *chosen)
{
  const struct rrule *rule = &series->rule;
  int64_t last = rrule_period_of(series, series->last_s), left = rule->count;
  struct rrule_period period;
  rrule_period_fill(series, series->period, &period);
  left += count_chosen_before(rule, (int64_t)period.days * series->times,
                              rrule_period_rank(series, &period, series->dtstart_s));
  int64_t number = series->period, cycle = rrule_cycle(rule), begun = left;
  for (int64_t i = 1; number <= last; number += rule->interval, i++) {
    rrule_period_fill(series, number, &period);
    int64_t size = (int64_t)period.days * series->times, count = count_chosen(chosen, size);
    if (left <= count) {
      end_at(series, rrule_period_at(series, &period, chosen_at(rule, size, left - 1)));
      return;
    }
    left -= count;
    if (i == cycle) { /* from here on all comes again */
      if (left == begun)
        return;
      int64_t skip = (left - 1) / (begun - left);
      left -= skip * (begun - left);
      number += skip * cycle * rule->interval;
    }
  }
}

/* ---- days ---- */

static void limit_days(struct rrule_series *series, struct chosen *chosen)
{
  const struct rrule *rule = &series->rule;
  int64_t last_day = civil_day_of(series->last_s), first_day = series->period, left = rule->count;
  int64_t each = count_chosen(chosen, series->times);
  struct rrule_dates dates = {.day = first_day};
  uint32_t steps = 0;
  if (!each || !rrule_dates_begin(series, first_day, last_day, &dates, &steps))
    return;
  if (dates.day == first_day && dates.mask & 1)
    left += count_chosen_before(
        rule, series->times, rrule_time_rank(series, series->dtstart_s - first_day * CIVIL_DAY_S));
  int64_t day_number = (left - 1) / each;
  int32_t time = (int32_t)chosen_at(rule, series->times, (left - 1) % each);
  int64_t day = first_day + day_number * rule->interval;
  if (series->has_dates) {
    for (; day_number >= __builtin_popcount(dates.mask);) {
      day_number -= __builtin_popcount(dates.mask);
      if (!rrule_dates_next(series, last_day, &dates, &steps))
        return;
    }
    day = dates.day + rrule_nth_bit(dates.mask, (int32_t)day_number);
  }
  if (day <= last_day)
    end_at(series, day * CIVIL_DAY_S + rrule_time_at(series, time));
}

/* ---- hours, minutes and seconds ---- */

/* How many allowed candidates there are before `k`. */
static int64_t wheel_rank(const struct rrule_wheel *wheel, int64_t k)
{
  if (!wheel->bits)
    return k;
  int64_t at = k % wheel->size;
  uint64_t before = wheel->bits[at / 64] & ((UINT64_C(1) << at % 64) - 1);
  return k / wheel->size * wheel->allowed + wheel->rank[at / 64] + __builtin_popcountll(before);
}

/* The allowed candidate of a rank. */
static int64_t wheel_at(const struct rrule_wheel *wheel, int64_t rank)
{
  if (!wheel->bits)
    return rank;
  int64_t at = rank % wheel->allowed, low = 0, high = (wheel->size - 1) / 64;
  while (low < high) { /* the last word with at most `at` before it */
    int64_t middle = (low + high + 1) / 2;
    if (wheel->rank[middle] <= at)
      low = middle;
    else
      high = middle - 1;
  }
  return rank / wheel->allowed * wheel->size + low * 64 +
         rrule_nth_bit(wheel->bits[low], (int32_t)(at - wheel->rank[low]));
}

/* The first candidate at or after the begin of a day. */
static int64_t candidate_of(const struct rrule_series *series, int64_t day)
{
  int64_t late_s = day * CIVIL_DAY_S - series->base_s;
  return late_s <= 0 ? 0 : (late_s + series->step_s - 1) / series->step_s;
}

/* Looks for the `*left`-th candidate among those of the days [first_day, end_day). */
static bool find_in_row(const struct rrule_series *series, int64_t first_day, int64_t end_day,
                        int64_t *left, int64_t *k)
{
  int64_t rank = wheel_rank(&series->wheel, candidate_of(series, first_day));
  int64_t count = wheel_rank(&series->wheel, candidate_of(series, end_day)) - rank;
  if (*left > count) {
    *left -= count;
    return false;
  }
  *k = wheel_at(&series->wheel, rank + *left - 1);
  return true;
}

static bool find_candidate(const struct rrule_series *series, int64_t left, int64_t *k)
{
  int64_t last_day = civil_day_of(series->last_s), first_day = civil_day_of(series->base_s);
  struct rrule_dates dates;
  uint32_t steps = 0;
  if (!series->has_dates)
    return find_in_row(series, first_day, last_day + 1, &left, k);
  if (!rrule_dates_begin(series, first_day, last_day, &dates, &steps))
    return false;
  int rows = 0;
  do {
    int64_t day = dates.day;
    for (uint32_t mask = dates.mask; mask; rows++) {
      int32_t skip = __builtin_ctz(mask);
      int32_t length = __builtin_ctzll(~((uint64_t)mask >> skip));
      if (find_in_row(series, day + skip, day + skip + length, &left, k))
        return true;
      mask &= (uint32_t) ~(((UINT64_C(1) << length) - 1) << skip);
    }
  } while (rows < ROWS_MAX && rrule_dates_next(series, last_day, &dates, &steps));
  return false;
}

static void limit_candidates(struct rrule_series *series, struct chosen *chosen)
{
  const struct rrule *rule = &series->rule;
  int64_t each = count_chosen(chosen, series->times), left = rule->count, k;
  uint32_t steps = 0;
  if (!each || !series->wheel.allowed)
    return;
  int64_t day = civil_day_of(series->base_s);
  struct rrule_dates dates;
  bool is_first = (!series->wheel.bits || series->wheel.bits[0] & 1) &&
                  (!series->has_dates || rrule_dates_begin(series, day, day, &dates, &steps)) &&
                  (!series->has_dates || dates.mask & 1);
  if (is_first)
    left += count_chosen_before(rule, series->times,
                                rrule_time_rank(series, series->dtstart_s - series->base_s));
  if (find_candidate(series, (left - 1) / each + 1, &k))
    end_at(series,
           series->base_s + k * series->step_s +
               rrule_time_at(series, (int32_t)chosen_at(rule, series->times, (left - 1) % each)));
}

void rrule_count_limit(struct rrule_series *series)
{
  struct chosen chosen = {.rule = &series->rule};
  for (int i = 0; i < KNOWN; i++)
    chosen.size[i] = -1;
  if (series->rule.freq < RRULE_DAILY)
    limit_periods(series, &chosen);
  else if (series->rule.freq == RRULE_DAILY)
    limit_days(series, &chosen);
  else
    limit_candidates(series, &chosen);
}
