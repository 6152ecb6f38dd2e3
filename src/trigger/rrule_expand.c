/* The series of local times that a rule makes from its DTSTART, found period by period.
 *
 * A period is a year, a month, a week or a day; its instances are all its allowed days with all
 * allowed times of day, numbered in order, so that the first one behind a moment, and what BYSETPOS
 * takes, are questions about numbers. The periods of a rule lie INTERVAL apart, and the one of a
 * moment is found by division.
 *
 * Hours, minutes and seconds that recur are candidates `base + k * step`, which lie on a date and
 * at a time of day. Times of day come round after at most 86,400 candidates (the wheel), dates by
 * months; the search leaps from the next allowed date to the next allowed time of day until both
 * are the same candidate's.
 *
 * Every search ends: the calendar repeats after 400 years, which are 4,800 months, 20,871 weeks and
 * 146,097 days, so that a series that has nothing within as many of its periods has nothing at all.
 *
 * As in other programs, DTSTART is an instance only when the parts allow it, and BYWEEKNO without
 * BYDAY means all days of the week (RFC 5545 leaves both open). */
#include <stdlib.h>

#include "base/memory.h"
#include "time/civil.h"
#include "trigger/rrule.h"

enum { CYCLE_YEARS = 400, CYCLE_MONTHS = 4800, CYCLE_WEEKS = 20871, CYCLE_DAYS = 146097 };

#define DATE_PARTS                                                                                 \
  (1u << RRULE_BYDAY | 1u << RRULE_BYMONTHDAY | 1u << RRULE_BYYEARDAY | 1u << RRULE_BYWEEKNO)

static int64_t divide_down(int64_t a, int64_t b)
{
  return a / b - (a % b < 0);
}

static int64_t common_divisor(int64_t a, int64_t b)
{
  while (b) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* ---- years, months and weeks ---- */

int64_t rrule_period_of(const struct rrule_series *series, int64_t local_s)
{
  int64_t day = civil_day_of(local_s);
  if (series->rule.freq == RRULE_DAILY)
    return day;
  if (series->rule.freq == RRULE_WEEKLY) /* the epoch is a Thursday */
    return divide_down(day + 4 - series->rule.week_start, 7);
  struct civil_date date = civil_from_days(day);
  return series->rule.freq == RRULE_YEARLY ? date.year : (int64_t)date.year * 12 + date.month - 1;
}

static void add_row(struct rrule_period *period, int64_t first_day, uint32_t mask)
{
  if (!mask)
    return;
  period->first_day[period->rows] = first_day;
  period->mask[period->rows++] = mask;
  period->days += __builtin_popcount(mask);
}

void rrule_period_fill(const struct rrule_series *series, int64_t number,
                       struct rrule_period *period)
{
  const struct rrule *rule = &series->rule;
  period->rows = period->days = 0;
  if (rule->freq == RRULE_WEEKLY) {
    int64_t first_day = number * 7 - 4 + rule->week_start;
    add_row(period, first_day, rrule_week_days(rule, first_day));
    return;
  }
  int32_t year = (int32_t)(rule->freq == RRULE_YEARLY ? number : number / 12);
  int32_t month = rule->freq == RRULE_YEARLY ? 1 : (int32_t)(number % 12) + 1;
  int32_t last = rule->freq == RRULE_YEARLY ? 12 : month;
  int64_t first_day = civil_to_days(year, month, 1);
  for (; month <= last; month++) {
    add_row(period, first_day - 1, rrule_month_days(rule, year, month, first_day));
    first_day += civil_month_days(year, month);
  }
}

int64_t rrule_period_rank(const struct rrule_series *series, const struct rrule_period *period,
                          int64_t local_s)
{
  int64_t day = civil_day_of(local_s), days = 0;
  for (int32_t i = 0; i < period->rows; i++) {
    int64_t n = day - period->first_day[i];
    if (n >= 32) {
      days += __builtin_popcount(period->mask[i]);
      continue;
    }
    if (n < 0)
      break;
    days += __builtin_popcount((uint32_t)rrule_below(period->mask[i], n));
    if (period->mask[i] >> n & 1)
      return days * series->times + rrule_time_rank(series, local_s - day * CIVIL_DAY_S);
  }
  return days * series->times;
}

int64_t rrule_period_at(const struct rrule_series *series, const struct rrule_period *period,
                        int64_t index)
{
  int32_t n = (int32_t)(index / series->times), row = 0;
  for (; n >= __builtin_popcount(period->mask[row]); row++)
    n -= __builtin_popcount(period->mask[row]);
  int64_t day = period->first_day[row] + rrule_nth_bit(period->mask[row], n);
  return day * CIVIL_DAY_S + rrule_time_at(series, (int32_t)(index % series->times));
}

int64_t rrule_align(const struct rrule_series *series, int64_t period)
{
  int64_t late = (period - series->period) % series->rule.interval;
  return late > 0 ? period + series->rule.interval - late : period - late;
}

int64_t rrule_cycle(const struct rrule *rule)
{
  int64_t cycle = rule->freq == RRULE_YEARLY    ? CYCLE_YEARS
                  : rule->freq == RRULE_MONTHLY ? CYCLE_MONTHS
                                                : CYCLE_WEEKS;
  return cycle / common_divisor(cycle, rule->interval);
}

static bool next_in_periods(const struct rrule_series *series, int64_t local_s, int64_t *found_s,
                            uint32_t *steps)
{
  const struct rrule *rule = &series->rule;
  int64_t tries = rrule_cycle(rule) + 1; /* the first may be over in part */
  int64_t last = rrule_period_of(series, series->last_s);
  int64_t number = rrule_align(series, rrule_period_of(series, local_s));
  for (; number <= last && tries > 0; number += rule->interval, tries--) {
    struct rrule_period period;
    ++*steps;
    rrule_period_fill(series, number, &period);
    int64_t size = (int64_t)period.days * series->times;
    int64_t index = rrule_chosen_next(rule, size, rrule_period_rank(series, &period, local_s));
    if (index < size) {
      *found_s = rrule_period_at(series, &period, index);
      return true;
    }
  }
  return false;
}

/* ---- dates, for days and what is shorter ---- */

static int64_t align_day(const struct rrule_series *series, int64_t day)
{
  return series->rule.freq == RRULE_DAILY ? rrule_align(series, day) : day;
}

/* Those days of the row from `day` on that lie on the grid of FREQ=DAILY; `day` does. */
static uint32_t grid_of(const struct rrule_series *series)
{
  int32_t every = series->rule.freq == RRULE_DAILY ? series->rule.interval : 1;
  if (every == 1)
    return UINT32_MAX;
  uint32_t grid = 1;
  for (int32_t i = every; i < 32; i += every)
    grid |= UINT32_C(1) << i;
  return grid;
}

/* Looks from dates->day on, in the month that holds it and the next ones. */
static bool find_month(const struct rrule_series *series, int64_t last_day,
                       struct rrule_dates *dates, uint32_t *steps)
{
  uint32_t grid = grid_of(series);
  for (;;) {
    int64_t day = dates->day, skip = day - dates->first_day;
    if (day > last_day)
      return false;
    int32_t length = civil_month_days(dates->year, dates->month);
    if (skip < length) {
      ++*steps;
      uint32_t days = rrule_month_days(&series->rule, dates->year, dates->month, dates->first_day);
      dates->mask = days >> (skip + 1) & grid;
      if (dates->mask)
        return true;
      dates->day = align_day(series, dates->first_day + length);
    } else if (skip < 62) {
      dates->first_day += length;
      dates->month = dates->month % 12 + 1;
      dates->year += dates->month == 1;
    } else {
      struct civil_date date = civil_from_days(day);
      dates->first_day = day + 1 - date.day;
      dates->month = date.month;
      dates->year = date.year;
    }
  }
}

bool rrule_dates_begin(const struct rrule_series *series, int64_t day, int64_t last_day,
                       struct rrule_dates *dates, uint32_t *steps)
{
  dates->day = align_day(series, day);
  if (dates->day > last_day)
    return false;
  struct civil_date date = civil_from_days(dates->day);
  dates->first_day = dates->day + 1 - date.day;
  dates->year = date.year;
  dates->month = date.month;
  return find_month(series, last_day, dates, steps);
}

bool rrule_dates_next(const struct rrule_series *series, int64_t last_day,
                      struct rrule_dates *dates, uint32_t *steps)
{
  dates->day = align_day(series, dates->first_day + civil_month_days(dates->year, dates->month));
  return find_month(series, last_day, dates, steps);
}

/* Whether any date of the calendar is allowed, however far the periods lie apart. */
static bool has_any_date(const struct rrule *rule)
{
  int64_t first_day = civil_to_days(2000, 1, 1);
  for (int32_t i = 0; i < CYCLE_MONTHS; i++) {
    int32_t year = 2000 + i / 12, month = i % 12 + 1;
    if (rrule_month_days(rule, year, month, first_day))
      return true;
    first_day += civil_month_days(year, month);
  }
  return false;
}

/* The first allowed date at or after `day`. */
static bool find_date(const struct rrule_series *series, int64_t day, int64_t last_day,
                      int64_t *found, uint32_t *steps)
{
  struct rrule_dates dates;
  if (!series->has_dates) {
    *found = align_day(series, day);
    return *found <= last_day;
  }
  if (!rrule_dates_begin(series, day, last_day, &dates, steps))
    return false;
  *found = dates.day + __builtin_ctz(dates.mask);
  return *found <= last_day;
}

static bool next_day(const struct rrule_series *series, int64_t local_s, int64_t *found_s,
                     uint32_t *steps)
{
  int64_t day = civil_day_of(local_s), last_day = civil_day_of(series->last_s), found;
  int64_t every = series->rule.interval;
  int64_t cycle = every / common_divisor(every, CYCLE_DAYS) * CYCLE_DAYS;
  if (cycle < last_day - day)
    last_day = day + cycle;
  int64_t index = rrule_chosen_next(&series->rule, series->times,
                                    rrule_time_rank(series, local_s - day * CIVIL_DAY_S));
  if (series->first_time == series->times)
    return false;
  if (!find_date(series, day, last_day, &found, steps))
    return false;
  if (found > day)
    index = series->first_time;
  else if (index == series->times) {
    index = series->first_time;
    if (!find_date(series, day + 1, last_day, &found, steps))
      return false;
  }
  *found_s = found * CIVIL_DAY_S + rrule_time_at(series, (int32_t)index);
  return true;
}

/* ---- hours, minutes and seconds ---- */

/* Whether the candidate that begins at this second of a day has a time that the parts allow. */
static bool is_time_allowed(const struct rrule *rule, int64_t s)
{
  if (rrule_has(rule, RRULE_BYHOUR) && !(rule->numbers[RRULE_BYHOUR].plus[0] >> s / 3600 & 1))
    return false;
  if (rule->freq >= RRULE_MINUTELY && rrule_has(rule, RRULE_BYMINUTE) &&
      !(rule->numbers[RRULE_BYMINUTE].plus[0] >> s / 60 % 60 & 1))
    return false;
  return rule->freq < RRULE_SECONDLY || !rrule_has(rule, RRULE_BYSECOND) ||
         rule->numbers[RRULE_BYSECOND].plus[0] >> s % 60 & 1;
}

static void init_wheel(struct rrule_series *series)
{
  struct rrule_wheel *wheel = &series->wheel;
  uint32_t parts = 1u << RRULE_BYHOUR;
  if (series->rule.freq >= RRULE_MINUTELY)
    parts |= 1u << RRULE_BYMINUTE;
  if (series->rule.freq == RRULE_SECONDLY)
    parts |= 1u << RRULE_BYSECOND;
  wheel->size = CIVIL_DAY_S / common_divisor(series->step_s, CIVIL_DAY_S);
  wheel->allowed = wheel->size;
  if (!(series->rule.given & parts))
    return;
  size_t words = (size_t)wheel->size / 64 + 1;
  wheel->bits = memory_alloc(words * sizeof *wheel->bits);
  wheel->rank = memory_alloc(words * sizeof *wheel->rank);
  int64_t s = series->base_s - civil_day_of(series->base_s) * CIVIL_DAY_S;
  int64_t step_s = series->step_s % CIVIL_DAY_S;
  wheel->allowed = 0;
  for (int64_t k = 0; k < wheel->size; k++) {
    if (k % 64 == 0)
      wheel->rank[k / 64] = (uint32_t)wheel->allowed;
    if (is_time_allowed(&series->rule, s)) {
      wheel->bits[k / 64] |= UINT64_C(1) << k % 64;
      wheel->allowed++;
    }
    s += step_s;
    s -= s >= CIVIL_DAY_S ? CIVIL_DAY_S : 0;
  }
}

/* The first allowed candidate at or after `k`; there is one. */
static int64_t turn_wheel(const struct rrule_wheel *wheel, int64_t k)
{
  if (!wheel->bits)
    return k;
  int64_t begin = k - k % wheel->size, at = k % wheel->size;
  uint64_t word = wheel->bits[at / 64] >> at % 64 << at % 64;
  for (int64_t i = at / 64;; word = wheel->bits[i]) {
    if (word)
      return begin + i * 64 + __builtin_ctzll(word);
    if (++i * 64 >= wheel->size) {
      begin += wheel->size;
      i = 0;
    }
  }
}

/* Where candidates and the calendar together begin to repeat, or the end of the series. */
static int64_t end_of_search(const struct rrule_series *series, int64_t local_s)
{
  int64_t cycles = series->step_s / common_divisor(series->step_s, CIVIL_CYCLE_S);
  if (cycles < CIVIL_YEAR_MAX / CYCLE_YEARS) {
    int64_t end_s = local_s + cycles * CIVIL_CYCLE_S;
    return end_s < series->last_s ? end_s : series->last_s;
  }
  return series->last_s;
}

static bool next_candidate(const struct rrule_series *series, int64_t local_s, int64_t *found_s,
                           uint32_t *steps)
{
  int64_t end_s = end_of_search(series, local_s), last_day = civil_day_of(end_s);
  int64_t k = (local_s - series->base_s) / series->step_s;
  int64_t index = series->times, inside_s = local_s - (series->base_s + k * series->step_s);
  if (!series->wheel.allowed || series->first_time == series->times)
    return false;
  if (inside_s < series->unit_s)
    index = rrule_chosen_next(&series->rule, series->times, rrule_time_rank(series, inside_s));
  if (index == series->times) {
    k++;
    index = series->first_time;
  }
  for (;;) {
    int64_t allowed = turn_wheel(&series->wheel, k), found_day;
    if (allowed != k)
      index = series->first_time;
    k = allowed;
    int64_t at_s = series->base_s + k * series->step_s, day = civil_day_of(at_s);
    if (at_s > end_s || !find_date(series, day, last_day, &found_day, steps))
      return false;
    if (found_day == day) {
      *found_s = at_s + rrule_time_at(series, (int32_t)index);
      return true;
    }
    ++*steps;
    k = (found_day * CIVIL_DAY_S - series->base_s + series->step_s - 1) / series->step_s;
    index = series->first_time;
  }
}

/* ---- the series ---- */

static void put_number(struct rrule *rule, enum rrule_part part, int32_t number)
{
  rule->given |= 1u << part;
  rule->numbers[part].plus[0] |= UINT64_C(1) << number;
  rrule_find_months(rule);
}

/* The days that DTSTART gives to a rule that names none. */
static void fill_days(struct rrule *rule, const struct civil_time *time, int32_t weekday)
{
  if (rule->given & DATE_PARTS || rule->freq >= RRULE_DAILY)
    return;
  if (rule->freq == RRULE_WEEKLY) {
    rule->given |= 1u << RRULE_BYDAY;
    rule->weekdays = (uint8_t)(1 << weekday);
    return;
  }
  if (rule->freq == RRULE_YEARLY && !rrule_has(rule, RRULE_BYMONTH))
    put_number(rule, RRULE_BYMONTH, time->date.month);
  put_number(rule, RRULE_BYMONTHDAY, time->date.day);
}

static void fill_times(struct rrule_series *series, const struct civil_time *time)
{
  const struct rrule *rule = &series->rule;
  series->hours = series->minutes = series->seconds = 1;
  if (rule->freq <= RRULE_DAILY)
    series->hours = rrule_has(rule, RRULE_BYHOUR) ? rule->numbers[RRULE_BYHOUR].plus[0]
                                                  : UINT64_C(1) << time->hour;
  if (rule->freq <= RRULE_HOURLY)
    series->minutes = rrule_has(rule, RRULE_BYMINUTE) ? rule->numbers[RRULE_BYMINUTE].plus[0]
                                                      : UINT64_C(1) << time->minute;
  if (rule->freq <= RRULE_MINUTELY)
    series->seconds = rrule_has(rule, RRULE_BYSECOND) ? rule->numbers[RRULE_BYSECOND].plus[0]
                                                      : UINT64_C(1) << time->second;
  series->times = __builtin_popcountll(series->hours) * __builtin_popcountll(series->minutes) *
                  __builtin_popcountll(series->seconds);
  series->first_time = (int32_t)rrule_chosen_next(rule, series->times, 0);
}

static void init_candidates(struct rrule_series *series)
{
  enum rrule_freq freq = series->rule.freq;
  series->unit_s = freq == RRULE_HOURLY ? 3600 : freq == RRULE_MINUTELY ? 60 : 1;
  series->base_s = divide_down(series->dtstart_s, series->unit_s) * series->unit_s;
  series->step_s = series->unit_s * series->rule.interval;
  init_wheel(series);
}

void rrule_series_init(struct rrule_series *series, const struct rrule *rule, int64_t dtstart_s,
                       int64_t last_s)
{
  struct civil_time time = civil_from_seconds(dtstart_s);
  *series = (struct rrule_series){.rule = *rule, .dtstart_s = dtstart_s};
  fill_days(&series->rule, &time, civil_weekday(civil_day_of(dtstart_s)));
  fill_times(series, &time);
  series->has_dates = series->rule.given & (DATE_PARTS | 1u << RRULE_BYMONTH);
  if (!has_any_date(&series->rule))
    last_s = INT64_MIN;
  series->last_s = last_s < CIVIL_SECONDS_MAX ? last_s : CIVIL_SECONDS_MAX;
  if (rrule_has(rule, RRULE_UNTIL) && rule->until.kind != RRULE_UTC &&
      rrule_moment_local(rule->until) < series->last_s)
    series->last_s = rrule_moment_local(rule->until);
  if (rule->freq <= RRULE_DAILY)
    series->period = rrule_period_of(series, dtstart_s);
  else
    init_candidates(series);
  int64_t found_s;
  uint32_t steps = 0;
  if (!rrule_series_next(series, dtstart_s, &found_s, &steps))
    series->last_s = INT64_MIN; /* nobody needs to search again */
  else if (rrule_has(rule, RRULE_COUNT))
    rrule_count_limit(series);
}

void rrule_series_deinit(struct rrule_series *series)
{
  free(series->wheel.bits);
  free(series->wheel.rank);
  *series = (struct rrule_series){0};
}

bool rrule_series_next(const struct rrule_series *series, int64_t local_s, int64_t *found_s,
                       uint32_t *steps)
{
  if (local_s < series->dtstart_s)
    local_s = series->dtstart_s;
  if (local_s > series->last_s)
    return false;
  enum rrule_freq freq = series->rule.freq;
  bool is_found = freq < RRULE_DAILY    ? next_in_periods(series, local_s, found_s, steps)
                  : freq == RRULE_DAILY ? next_day(series, local_s, found_s, steps)
                                        : next_candidate(series, local_s, found_s, steps);
  return is_found && *found_s <= series->last_s;
}
