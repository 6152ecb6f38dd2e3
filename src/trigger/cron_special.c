/* What a month makes of the special dates: each is turned into a mask of days, so that the search
 * of cron_fields.c goes on stepping over months. None of this runs for plain schedules.
 *
 * The nearest weekday is Quartz's `W`: a Saturday gives the Friday before, a Sunday the Monday
 * after, but the month is not left: the first on a Saturday gives the third, the last on a Sunday
 * the Friday before. Weeks are those of ISO 8601: they begin on Monday, and week 1 is the one that
 * holds the year's first Thursday. */
#include <string.h>

#include "time/civil.h"
#include "trigger/cron_fields.h"

enum { SUNDAY = 0, SATURDAY = 6, FEWEST_DAYS = 28 };

bool cron_special_is_empty(const struct cron_special *special)
{
  static const uint8_t no_nth[6];
  return !special->last_days && !special->nearest && !special->nearest_last && !special->weeks &&
         !special->year_count && !memcmp(special->nth, no_nth, sizeof no_nth);
}

static uint32_t bit(int32_t day)
{
  return UINT32_C(1) << day;
}

/* The day from Monday to Friday that is nearest to `day`. */
static int32_t nearest_weekday(int32_t day, int32_t first, int32_t length)
{
  int32_t weekday = (first + day - 1) % 7;
  if (weekday == SATURDAY)
    return day > 1 ? day - 1 : day + 2;
  if (weekday == SUNDAY)
    return day < length ? day + 1 : day - 2;
  return day;
}

static uint32_t nth_weekdays(const struct cron_special *special, int32_t first, int32_t length)
{
  uint32_t dates = 0;
  for (int32_t day = 1; day <= length; day++) {
    int32_t weekday = (first + day - 1) % 7, n = (day - 1) / 7 + 1;
    if (special->nth[n] >> weekday & 1 || (day + 7 > length && special->nth[0] >> weekday & 1))
      dates |= bit(day);
  }
  return dates;
}

uint32_t cron_special_dates(const struct cron_special *special, int32_t first, int32_t length)
{
  uint32_t dates = nth_weekdays(special, first, length);
  for (uint32_t left = special->last_days; left; left &= left - 1)
    if (__builtin_ctz(left) < length)
      dates |= bit(length - __builtin_ctz(left));
  for (uint32_t left = special->nearest; left; left &= left - 1)
    if (__builtin_ctz(left) <= length)
      dates |= bit(nearest_weekday(__builtin_ctz(left), first, length));
  for (uint32_t left = special->nearest_last; left; left &= left - 1)
    if (__builtin_ctz(left) < length)
      dates |= bit(nearest_weekday(length - __builtin_ctz(left), first, length));
  return dates;
}

uint32_t cron_special_weeks(const struct cron_special *special, int64_t first_day)
{
  if (!special->weeks)
    return ~UINT32_C(0);
  uint32_t days = 0;
  /* From the Monday of the first's week on, one week after the other; what lies outside the month
   * falls off the mask or is cut by the caller. */
  int32_t since_monday = (civil_weekday(first_day) + 6) % 7;
  for (int32_t day = 1 - since_monday; day <= 31; day += 7) {
    int64_t thursday = first_day + day - 1 + 3;
    struct civil_date date = civil_from_days(thursday);
    int64_t week = (thursday - civil_to_days(date.year, 1, 1)) / 7 + 1;
    if (special->weeks >> week & 1)
      days |= (uint32_t)(day < 0 ? UINT64_C(0x7f) >> -day : UINT64_C(0x7f) << day);
  }
  return days;
}

int32_t cron_special_year(const struct cron_special *special, int32_t year)
{
  int32_t nearest = INT32_MAX;
  for (int i = 0; i < special->year_count; i++) {
    int32_t from = special->years[i].from, step = special->years[i].step;
    int32_t at = year <= from ? from : from + (year - from + step - 1) / step * step;
    if (at <= special->years[i].until && at < nearest)
      nearest = at;
  }
  return special->year_count ? nearest : year;
}
