/* Which dates the parts of a rule allow, a month at a time, as bits. Every BY part takes away from
 * the dates of its period, so the parts are masks and the answer is their intersection; only the
 * days of BYDAY with and without ordinals are added to each other first.
 *
 * Ordinals of BYDAY count within the month, or within the year for FREQ=YEARLY without BYMONTH.
 * The week-year of BYWEEKNO is that of the week's fourth day, which is ISO 8601's rule for weeks
 * that begin on any day; a day at the edge of a year is allowed when its own week is. */
#include "time/civil.h"
#include "trigger/rrule.h"

struct month {
  int32_t year, month;
  int64_t first_day;
  int32_t length;
  int32_t before; /* days of the year before it */
  int32_t year_length;
};

static inline bool has_bit(const uint64_t *bits, int32_t n)
{
  return bits[n / 64] >> n % 64 & 1;
}

static inline uint32_t all_days(int32_t length)
{
  return (UINT32_C(2) << length) - 2;
}

/* Weekdays as bits, from Sunday, to the dates of a row of days that begins with `weekday`. */
static inline uint32_t spread_weekdays(uint8_t weekdays, int32_t weekday)
{
  uint64_t week = (uint64_t)weekdays >> weekday | (uint64_t)weekdays << (7 - weekday);
  return (uint32_t)((week & 0x7f) * UINT64_C(0x10204081));
}

static uint32_t month_days(const struct rrule_numbers *numbers, int32_t length)
{
  uint32_t days = (uint32_t)numbers->plus[0];
  for (uint64_t last = numbers->minus[0]; last; last &= last - 1) {
    int32_t n = __builtin_ctzll(last);
    if (n <= length)
      days |= UINT32_C(1) << (length + 1 - n);
  }
  return days;
}

/* Bits n to n + 31. */
static uint32_t bits_from(const uint64_t *bits, int32_t n)
{
  uint64_t low = bits[n / 64] >> n % 64;
  if (n % 64 > 32 && n / 64 + 1 < RRULE_WORDS)
    low |= bits[n / 64 + 1] << (64 - n % 64);
  return (uint32_t)low;
}

static uint32_t year_days(const struct rrule_numbers *numbers, const struct month *month)
{
  uint32_t days = bits_from(numbers->plus, month->before);
  /* Counted from the year's end, the month's last day has the smallest number. */
  int32_t smallest = month->year_length - month->before - month->length;
  uint32_t last = bits_from(numbers->minus, smallest) & all_days(month->length);
  for (; last; last &= last - 1)
    days |= UINT32_C(1) << (month->length + 1 - __builtin_ctz(last));
  return days;
}

static uint32_t ordinal_days(const struct rrule *rule, const struct month *month)
{
  bool is_of_year = rule->freq == RRULE_YEARLY && !rrule_has(rule, RRULE_BYMONTH);
  int32_t before = is_of_year ? month->before : 0;
  int32_t length = is_of_year ? month->year_length : month->length;
  int32_t first_weekday = civil_weekday(month->first_day);
  uint32_t days = 0;
  for (int32_t weekday = 0; weekday < 7; weekday++) {
    if (!rule->nth[weekday] && !rule->nth_last[weekday])
      continue;
    for (int32_t d = 1 + (weekday - first_weekday + 7) % 7; d <= month->length; d += 7) {
      int32_t n = before + d;
      if ((rule->nth[weekday] >> ((n - 1) / 7 + 1) |
           rule->nth_last[weekday] >> ((length - n) / 7 + 1)) &
          1)
        days |= UINT32_C(1) << d;
    }
  }
  return days;
}

static uint32_t week_days(const struct rrule *rule, const struct month *month)
{
  const struct rrule_numbers *weeks = &rule->numbers[RRULE_BYWEEKNO];
  uint32_t days = 0;
  int64_t last_day = month->first_day + month->length - 1;
  int64_t week_day =
      month->first_day - (civil_weekday(month->first_day) - rule->week_start + 7) % 7;
  for (; week_day <= last_day; week_day += 7) {
    int64_t fourth_day = week_day + 3;
    int32_t year = civil_from_days(fourth_day).year;
    int32_t n = (int32_t)(fourth_day - civil_to_days(year, 1, 1));
    int32_t last = 364 + civil_is_leap(year) - n;
    if (!has_bit(weeks->plus, n / 7 + 1) && !has_bit(weeks->minus, last / 7 + 1))
      continue;
    for (int64_t day = week_day; day < week_day + 7; day++)
      if (day >= month->first_day && day <= last_day)
        days |= UINT32_C(1) << (day - month->first_day + 1);
  }
  return days;
}

static bool has_bits(const uint64_t *bits, int32_t from, int32_t until)
{
  for (int32_t n = from < 1 ? 1 : from; n <= until && n < RRULE_WORDS * 64; n++)
    if (has_bit(bits, n))
      return true;
  return false;
}

/* Whether a month has days of BYYEARDAY in some year: those behind `before` days of a common year,
 * up to `end` days of a leap year. */
static bool may_have_days(const struct rrule_numbers *days, int32_t before, int32_t end)
{
  return has_bits(days->plus, before + 1, end) || has_bits(days->minus, 366 - end, 366 - before);
}

/* The same with weeks, which begin up to three days before their year or after. The first and the
 * last weeks may have days in the neighbouring years. */
static bool may_have_weeks(const struct rrule_numbers *weeks, int32_t before, int32_t end)
{
  bool at_edge = before == 0 || end == 366;
  return has_bits(weeks->plus, (before - 3) / 7, (end + 3) / 7 + 1) ||
         has_bits(weeks->minus, (363 - end) / 7, (369 - before) / 7 + 1) ||
         (at_edge && (has_bits(weeks->plus, 1, 1) || has_bits(weeks->plus, 52, 53) ||
                      has_bits(weeks->minus, 1, 1) || has_bits(weeks->minus, 52, 53)));
}

void rrule_find_months(struct rrule *rule)
{
  const struct rrule_numbers *numbers = rule->numbers;
  int32_t before = 0, end = 0; /* of common years, of leap years */
  rule->months = 0;
  for (int32_t month = 1; month <= 12; month++) {
    end += civil_month_days(2000, month);
    bool has = !rrule_has(rule, RRULE_BYMONTH) || numbers[RRULE_BYMONTH].plus[0] >> month & 1;
    if (has && rrule_has(rule, RRULE_BYYEARDAY))
      has = may_have_days(&numbers[RRULE_BYYEARDAY], before, end);
    if (has && rrule_has(rule, RRULE_BYWEEKNO))
      has = may_have_weeks(&numbers[RRULE_BYWEEKNO], before, end);
    rule->months |= (uint16_t)(has << month);
    before += civil_month_days(2001, month);
  }
}

static struct month month_of(int32_t year, int32_t month, int64_t first_day)
{
  return (struct month){
      .year = year,
      .month = month,
      .first_day = first_day,
      .length = civil_month_days(year, month),
      .before = (int32_t)(first_day - civil_to_days(year, 1, 1)),
      .year_length = 365 + civil_is_leap(year),
  };
}

uint32_t rrule_month_days(const struct rrule *rule, int32_t year, int32_t month, int64_t first_day)
{
  if (!(rule->months >> month & 1))
    return 0;
  int32_t length = civil_month_days(year, month);
  uint32_t days = all_days(length);
  if (rrule_has(rule, RRULE_BYMONTHDAY))
    days &= month_days(&rule->numbers[RRULE_BYMONTHDAY], length);
  if (!days)
    return 0;
  if (rrule_has(rule, RRULE_BYDAY)) {
    struct month at = month_of(year, month, first_day);
    days &=
        spread_weekdays(rule->weekdays, civil_weekday(first_day)) << 1 | ordinal_days(rule, &at);
  }
  if (days && rrule_has(rule, RRULE_BYYEARDAY)) {
    struct month at = month_of(year, month, first_day);
    days &= year_days(&rule->numbers[RRULE_BYYEARDAY], &at);
  }
  if (days && rrule_has(rule, RRULE_BYWEEKNO)) {
    struct month at = month_of(year, month, first_day);
    days &= week_days(rule, &at);
  }
  return days;
}

uint32_t rrule_week_days(const struct rrule *rule, int64_t first_day)
{
  uint32_t days = 0x7f;
  if (rrule_has(rule, RRULE_BYDAY))
    days = spread_weekdays(rule->weekdays, civil_weekday(first_day)) & 0x7f;
  if (!rrule_has(rule, RRULE_BYMONTH))
    return days;
  uint64_t months = rule->numbers[RRULE_BYMONTH].plus[0];
  struct civil_date date = civil_from_days(first_day);
  int32_t left = civil_month_days(date.year, date.month) + 1 - date.day;
  uint32_t of_first = left >= 7 ? 0x7f : (UINT32_C(1) << left) - 1;
  if (!(months >> date.month & 1))
    days &= ~of_first;
  if (!(months >> (date.month % 12 + 1) & 1))
    days &= of_first;
  return days;
}
