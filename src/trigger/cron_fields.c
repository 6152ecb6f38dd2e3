/* Matching by bit masks: the next set bit at or after a position is a shift and a count of trailing
 * zeros, and how many there are is a population count. The days of a month that match are one mask
 * too, made of the mask of days and the mask of weekdays repeated from the weekday of the first; so
 * a search steps over months, and never over days. */
#include "trigger/cron_fields.h"

#include "time/civil.h"

static int32_t lowest(uint64_t mask)
{
  return __builtin_ctzll(mask);
}

static int64_t size_of(uint64_t mask)
{
  return __builtin_popcountll(mask);
}

static uint64_t below(int32_t bit)
{
  return (UINT64_C(1) << bit) - 1;
}

/* The days (bits 1 to 31) that match in a month whose first has the weekday `first`. `dates` are
 * the days of the month asked for. */
static inline uint64_t month_days(const struct cron_fields *fields, uint32_t dates, int32_t first,
                                  int32_t length)
{
  uint64_t week = fields->weekdays;
  week = (week >> first | week << (7 - first)) & 0x7f;
  uint64_t by_weekday = week * UINT64_C(0x10204081) << 1; /* bits 0, 7, 14, 21, 28: five weeks */
  uint64_t days = fields->is_either ? dates | by_weekday : dates & by_weekday;
  return days & (below(length + 1) & ~UINT64_C(1));
}

uint64_t cron_fields_days(const struct cron_fields *fields, const struct cron_special *special,
                          int32_t year, int32_t month, int64_t first_day)
{
  int32_t first = civil_weekday(first_day), length = civil_month_days(year, month);
  if (!special)
    return month_days(fields, fields->days, first, length);
  uint32_t dates = fields->days | cron_special_dates(special, first, length);
  return month_days(fields, dates, first, length) & cron_special_weeks(special, year, first_day);
}

/* The first matching second of a day. */
static inline int32_t first_time(const struct cron_fields *fields)
{
  return lowest(fields->hours) * 3600 + lowest(fields->minutes) * 60 + lowest(fields->seconds);
}

/* The first matching second of a day at or after `second`; -1 when there is none. */
static inline int32_t next_time(const struct cron_fields *fields, int32_t second)
{
  int32_t h = second / 3600, m = second / 60 % 60, s = second % 60;
  if (fields->hours >> h & 1) {
    uint64_t seconds = fields->seconds >> s, minutes = fields->minutes >> m >> 1;
    if (fields->minutes >> m & 1 && seconds)
      return second + lowest(seconds);
    if (minutes)
      return h * 3600 + (m + 1 + lowest(minutes)) * 60 + lowest(fields->seconds);
  }
  uint32_t hours = fields->hours >> h >> 1;
  if (!hours)
    return -1;
  return (h + 1 + lowest(hours)) * 3600 + lowest(fields->minutes) * 60 + lowest(fields->seconds);
}

/* The first day of the first month of the masks behind that of `date`, which it moves there. */
static inline int64_t next_month(const struct cron_fields *fields, struct civil_date *date)
{
  uint32_t later = (uint32_t)fields->months >> date->month >> 1;
  date->year += !later;
  date->month = later ? date->month + 1 + lowest(later) : lowest(fields->months);
  date->day = 1;
  return civil_to_days(date->year, date->month, 1);
}

/* The first matching day at or after `day` by the calendar. The calendar repeats after 400 years,
 * so that a longer search finds nothing, unless years are given. */
static bool next_date(const struct cron_fields *fields, const struct cron_special *special,
                      int64_t day, int64_t *match)
{
  struct civil_date date = civil_from_days(day);
  int64_t first = day - (date.day - 1);
  int32_t year_max = special && special->year_count ? CIVIL_YEAR_MAX : date.year + 400;
  if (year_max > CIVIL_YEAR_MAX)
    year_max = CIVIL_YEAR_MAX;
  if (!(fields->months >> date.month & 1))
    first = next_month(fields, &date);
  for (; date.year <= year_max; first = next_month(fields, &date)) {
    if (special) {
      int32_t year = cron_special_year(special, date.year, year_max);
      if (year > year_max)
        return false;
      if (year != date.year) {
        date = (struct civil_date){year, 0, 1};
        first = next_month(fields, &date);
      }
    }
    uint64_t days = cron_fields_days(fields, special, date.year, date.month, first) >> date.day;
    if (days) {
      *match = first + date.day - 1 + lowest(days);
      return true;
    }
  }
  return false;
}

/* The first matching day at or after `day`. */
static inline bool next_day(const struct cron_fields *fields, const struct cron_special *special,
                            int64_t day, int64_t *match)
{
  if (fields->is_every_day) {
    *match = day;
    return true;
  }
  if (fields->is_weekly) {
    *match = day + lowest((uint64_t)fields->weekdays * 0x81 >> civil_weekday(day));
    return true;
  }
  return next_date(fields, special, day, match);
}

bool cron_fields_next(const struct cron_fields *fields, const struct cron_special *special,
                      int64_t local_s, int64_t *match_s)
{
  if (local_s < CIVIL_SECONDS_MIN)
    local_s = CIVIL_SECONDS_MIN;
  if (local_s > CIVIL_SECONDS_MAX)
    return false;
  /* The time first: a day over is a day less to look at, and dates are what takes long. */
  int64_t today = civil_day_of(local_s), day;
  int32_t time = next_time(fields, (int32_t)(local_s - today * CIVIL_DAY_S));
  if (!next_day(fields, special, today + (time < 0), &day))
    return false;
  *match_s = day * CIVIL_DAY_S + (day == today ? time : first_time(fields));
  return *match_s <= CIVIL_SECONDS_MAX;
}

/* Matching seconds of a day before `second`. */
static int64_t times_before(const struct cron_fields *fields, int32_t second)
{
  int32_t h = second / 3600, m = second / 60 % 60, s = second % 60;
  int64_t per_minute = size_of(fields->seconds), per_hour = per_minute * size_of(fields->minutes);
  int64_t sum = size_of(fields->hours & below(h)) * per_hour;
  if (fields->hours >> h & 1) {
    sum += size_of(fields->minutes & below(m)) * per_minute;
    if (fields->minutes >> m & 1)
      sum += size_of(fields->seconds & below(s));
  }
  return sum;
}

/* Matching days in [from, until). */
static int64_t days_between(const struct cron_fields *fields, const struct cron_special *special,
                            int64_t from, int64_t until)
{
  if (from >= until)
    return 0;
  if (fields->is_every_day)
    return until - from;
  int64_t sum = 0;
  struct civil_date date = civil_from_days(from);
  int64_t first = from - (date.day - 1);
  while (first < until) {
    int32_t length = civil_month_days(date.year, date.month);
    if (fields->months >> date.month & 1 &&
        (!special || cron_special_year(special, date.year, date.year) == date.year)) {
      uint64_t days = cron_fields_days(fields, special, date.year, date.month, first);
      if (first + length > until)
        days &= below((int32_t)(until - first) + 1);
      sum += size_of(days >> date.day);
    }
    first += length;
    date.day = 1;
    date.year += date.month == 12;
    date.month = date.month == 12 ? 1 : date.month + 1;
  }
  return sum;
}

int64_t cron_fields_count(const struct cron_fields *fields, const struct cron_special *special,
                          int64_t from_s, int64_t until_s)
{
  if (from_s < CIVIL_SECONDS_MIN)
    from_s = CIVIL_SECONDS_MIN;
  if (until_s > CIVIL_SECONDS_MAX + 1)
    until_s = CIVIL_SECONDS_MAX + 1;
  if (from_s >= until_s)
    return 0;
  int64_t first = civil_day_of(from_s), last = civil_day_of(until_s);
  int64_t per_day = size_of(fields->hours) * size_of(fields->minutes) * size_of(fields->seconds);
  int64_t sum = days_between(fields, special, first, last) * per_day;
  /* The days' beginnings are corrected: what lies before `from_s` on its day was counted too much,
   * what lies before `until_s` on its day not at all. */
  int32_t from_rest = (int32_t)(from_s - first * CIVIL_DAY_S);
  int32_t until_rest = (int32_t)(until_s - last * CIVIL_DAY_S);
  if (from_rest && days_between(fields, special, first, first + 1))
    sum -= times_before(fields, from_rest);
  if (until_rest && days_between(fields, special, last, last + 1))
    sum += times_before(fields, until_rest);
  return sum;
}
