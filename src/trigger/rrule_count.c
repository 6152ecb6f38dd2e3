/* How many instances a series has in a span of local time, and COUNT as its last local time, found
 * once when the series is made.
 *
 * Whole periods are counted by the number of their days and times, not by stepping through their
 * instances; candidates within the day by their rank on the wheel, a row of allowed dates at a
 * time. Periods at an edge are counted whole, and what lies beyond the edge is set right: for
 * COUNT, what lies in the first period before DTSTART is added to the number that is looked for. */
#include "time/civil.h"
#include "trigger/rrule.h"

/* Rows of dates that are counted for hours, minutes and seconds. A COUNT that is not reached within
 * them, half a thousand years at least, ends nothing; of a span so many are counted. */
enum { COUNT_ROWS_MAX = 100000, SPAN_ROWS_MAX = 20000 };

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

static void init_chosen(struct chosen *chosen, const struct rrule *rule)
{
  chosen->rule = rule;
  for (int i = 0; i < KNOWN; i++)
    chosen->size[i] = -1;
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

/* How many of them have an index under `end`. */
static int64_t count_under(struct chosen *chosen, int64_t size, int64_t end)
{
  return end >= size ? count_chosen(chosen, size) : count_chosen_before(chosen->rule, size, end);
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

/* Whether a candidate is allowed. */
static bool is_candidate(const struct rrule_series *series, int64_t k)
{
  int64_t at = k % series->wheel.size, day = civil_day_of(series->base_s + k * series->step_s);
  struct rrule_dates dates;
  uint32_t steps = 0;
  if (series->wheel.bits && !(series->wheel.bits[at / 64] >> at % 64 & 1))
    return false;
  return !series->has_dates ||
         (rrule_dates_begin(series, day, day, &dates, &steps) && dates.mask & 1);
}

/* Dates in a row, as bits of a mask. */
struct row {
  int32_t first, end;
};

/* Takes the first row out of a mask that is not empty. */
static struct row take_row(uint32_t *mask)
{
  int32_t first = __builtin_ctz(*mask);
  int32_t end = first + __builtin_ctzll(~((uint64_t)*mask >> first));
  *mask &= (uint32_t)(UINT64_MAX << end);
  return (struct row){first, end};
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
    for (uint32_t mask = dates.mask; mask; rows++) {
      struct row row = take_row(&mask);
      if (find_in_row(series, dates.day + row.first, dates.day + row.end, &left, k))
        return true;
    }
  } while (rows < COUNT_ROWS_MAX && rrule_dates_next(series, last_day, &dates, &steps));
  return false;
}

static void limit_candidates(struct rrule_series *series, struct chosen *chosen)
{
  const struct rrule *rule = &series->rule;
  int64_t each = count_chosen(chosen, series->times), left = rule->count, k;
  if (!each || !series->wheel.allowed)
    return;
  if (is_candidate(series, 0))
    left += count_chosen_before(rule, series->times,
                                rrule_time_rank(series, series->dtstart_s - series->base_s));
  if (find_candidate(series, (left - 1) / each + 1, &k))
    end_at(series,
           series->base_s + k * series->step_s +
               rrule_time_at(series, (int32_t)chosen_at(rule, series->times, (left - 1) % each)));
}

void rrule_count_limit(struct rrule_series *series)
{
  struct chosen chosen;
  init_chosen(&chosen, &series->rule);
  if (series->rule.freq < RRULE_DAILY)
    limit_periods(series, &chosen);
  else if (series->rule.freq == RRULE_DAILY)
    limit_days(series, &chosen);
  else
    limit_candidates(series, &chosen);
}

/* ---- spans ---- */

static int64_t count_in_periods(const struct rrule_series *series, struct chosen *chosen,
                                int64_t from_s, int64_t until_s)
{
  int64_t first = rrule_period_of(series, from_s), last = rrule_period_of(series, until_s - 1);
  int64_t number = rrule_align(series, first), cycle = rrule_cycle(&series->rule);
  int64_t sum = 0, of_cycle = 0;
  for (int64_t i = 0; number <= last; number += series->rule.interval, i++) {
    struct rrule_period period;
    if (i == cycle) { /* from here on all comes again */
      int64_t turns = (last - number) / (cycle * series->rule.interval);
      sum += turns * of_cycle;
      number += turns * cycle * series->rule.interval;
    }
    rrule_period_fill(series, number, &period);
    int64_t size = (int64_t)period.days * series->times, count = count_chosen(chosen, size);
    of_cycle += count;
    sum += number < last ? count
                         : count_under(chosen, size, rrule_period_rank(series, &period, until_s));
    if (number == first)
      sum -= count_under(chosen, size, rrule_period_rank(series, &period, from_s));
  }
  return sum;
}

static int64_t count_in_days(const struct rrule_series *series, struct chosen *chosen,
                             int64_t from_s, int64_t until_s)
{
  int64_t first_day = civil_day_of(from_s), last_day = civil_day_of(until_s - 1), sum = 0;
  int64_t each = count_chosen(chosen, series->times);
  struct rrule_dates dates;
  uint32_t steps = 0;
  bool is_more = rrule_dates_begin(series, first_day, last_day, &dates, &steps);
  if (is_more && dates.day == first_day && dates.mask & 1)
    sum -= count_under(chosen, series->times,
                       rrule_time_rank(series, from_s - first_day * CIVIL_DAY_S));
  for (; is_more; is_more = rrule_dates_next(series, last_day, &dates, &steps)) {
    int64_t left = last_day - dates.day;
    uint32_t mask = left < 31 ? dates.mask & ((UINT32_C(2) << left) - 1) : dates.mask;
    sum += each * __builtin_popcount(mask);
    if (left < 31 && mask >> left & 1)
      sum -= each - count_under(chosen, series->times,
                                rrule_time_rank(series, until_s - last_day * CIVIL_DAY_S));
  }
  return sum;
}

/* The allowed candidates of [first, end) that lie in the days [first_day, end_day). */
static int64_t count_row(const struct rrule_series *series, int64_t first, int64_t end,
                         int64_t first_day, int64_t end_day)
{
  int64_t low = candidate_of(series, first_day), high = candidate_of(series, end_day);
  if (low < first)
    low = first;
  if (high > end)
    high = end;
  return low < high ? wheel_rank(&series->wheel, high) - wheel_rank(&series->wheel, low) : 0;
}

static int64_t count_in_rows(const struct rrule_series *series, int64_t first, int64_t end)
{
  int64_t first_day = civil_day_of(series->base_s + first * series->step_s);
  int64_t last_day = civil_day_of(series->base_s + (end - 1) * series->step_s), sum = 0;
  struct rrule_dates dates;
  uint32_t steps = 0;
  int rows = 0;
  if (!series->has_dates)
    return count_row(series, first, end, first_day, last_day + 1);
  if (!rrule_dates_begin(series, first_day, last_day, &dates, &steps))
    return 0;
  do {
    for (uint32_t mask = dates.mask; mask; rows++) {
      struct row row = take_row(&mask);
      sum += count_row(series, first, end, dates.day + row.first, dates.day + row.end);
    }
  } while (rows < SPAN_ROWS_MAX && rrule_dates_next(series, last_day, &dates, &steps));
  return sum;
}

static int64_t count_candidates(const struct rrule_series *series, struct chosen *chosen,
                                int64_t from_s, int64_t until_s)
{
  int64_t first = (from_s - series->base_s) / series->step_s;
  int64_t last = (until_s - 1 - series->base_s) / series->step_s;
  int64_t each = count_chosen(chosen, series->times);
  if (!series->wheel.allowed)
    return 0;
  int64_t sum = each * count_in_rows(series, first, last + 1);
  if (is_candidate(series, first))
    sum -= count_under(chosen, series->times,
                       rrule_time_rank(series, from_s - series->base_s - first * series->step_s));
  int64_t inside_s = until_s - series->base_s - last * series->step_s;
  if (inside_s < series->unit_s && is_candidate(series, last))
    sum -= each - count_under(chosen, series->times, rrule_time_rank(series, inside_s));
  return sum;
}

int64_t rrule_series_count(const struct rrule_series *series, int64_t from_s, int64_t until_s)
{
  struct chosen chosen;
  if (from_s < series->dtstart_s)
    from_s = series->dtstart_s;
  if (until_s > series->last_s)
    until_s = series->last_s + 1;
  if (from_s >= until_s)
    return 0;
  init_chosen(&chosen, &series->rule);
  enum rrule_freq freq = series->rule.freq;
  return (freq < RRULE_DAILY    ? count_in_periods
          : freq == RRULE_DAILY ? count_in_days
                                : count_candidates)(series, &chosen, from_s, until_s);
}
