/* What a month makes of the special dates: each is turned into a mask of days, so that the search
 * of cron_fields.c goes on stepping over months. None of this runs for plain schedules.
 *
 * The nearest weekday is Quartz's `W`: a Saturday gives the Friday before, a Sunday the Monday
 * after, but the month is not left: the first on a Saturday gives the third, the last on a Sunday
 * the Friday before. Weeks are those of ISO 8601: they begin on Monday, and week 1 is the one that
 * holds the year's first Thursday.
 *
 * Which days of a year match follows from three things: the weekday it begins with, whether it is a
 * leap year, and, for the week that its first days are in, whether the year before is one. Any 28
 * years without a century have all kinds, so a schedule is tried on these once, and a search
 * through thousands of years looks only into those of a kind that has a match. */
#include <string.h>

#include "time/civil.h"
#include "trigger/cron_fields.h"

enum { SUNDAY = 0, SATURDAY = 6, KINDS_FROM_YEAR = 2001, KINDS_YEARS = 28 };

bool cron_special_is_empty(const struct cron_special *special)
{
  static const uint8_t no_nth[6];
  return !special->last_days && !special->nearest && !special->nearest_last && !special->weeks &&
         !special->year_count && !memcmp(special->nth, no_nth, sizeof no_nth);
}

/* ---- dates ---- */

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

/* The weekdays as days of a week that begins with the weekday `first`, from bit 0. */
static uint32_t turn(uint32_t weekdays, int32_t first)
{
  return (weekdays >> first | weekdays << (7 - first)) & 0x7f;
}

static uint32_t nth_weekdays(const struct cron_special *special, int32_t first, int32_t length)
{
  uint32_t dates = turn(special->nth[0], (first + length) % 7) << (length - 6);
  for (int32_t n = 1; n <= 5; n++)
    dates |= turn(special->nth[n], first) << (7 * n - 6);
  return dates; /* a fifth one may lie behind the end: the caller cuts */
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

/* ---- weeks ---- */

uint32_t cron_special_weeks(const struct cron_special *special, int32_t year, int64_t first_day)
{
  if (!special->weeks)
    return ~UINT32_C(0);
  uint32_t days = 0;
  int64_t new_year = civil_to_days(year, 1, 1), year_end = civil_to_days(year + 1, 1, 1);
  /* From the Monday of the first's week on, one week after the other; what lies outside the month
   * falls off the mask or is cut by the caller. */
  int32_t since_monday = (civil_weekday(first_day) + 6) % 7;
  for (int32_t day = 1 - since_monday; day <= 31; day += 7) {
    int64_t thursday = first_day + day + 2;
    int64_t from = thursday < new_year    ? civil_to_days(year - 1, 1, 1)
                   : thursday >= year_end ? year_end
                                          : new_year;
    int64_t week = (thursday - from) / 7 + 1;
    if (special->weeks >> week & 1)
      days |= (uint32_t)(day < 0 ? UINT64_C(0x7f) >> -day : UINT64_C(0x7f) << day);
  }
  return days;
}

/* ---- years ---- */

/* The first of the years at or after `year`; INT32_MAX when there is none. */
static int32_t listed_year(const struct cron_special *special, int32_t year)
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

/* The number of the kind of a year, under 28. */
static int32_t kind_of(int32_t year)
{
  return civil_weekday(civil_to_days(year, 1, 1)) + 7 * civil_is_leap(year) +
         14 * civil_is_leap(year - 1);
}

int32_t cron_special_year(const struct cron_special *special, int32_t year, int32_t year_max)
{
  for (; (year = listed_year(special, year)) <= year_max; year++)
    if (special->year_kinds >> kind_of(year) & 1)
      return year;
  return INT32_MAX;
}

void cron_special_try_years(const struct cron_fields *fields, struct cron_special *special)
{
  uint32_t tried = 0;
  special->year_kinds = 0;
  for (int32_t year = KINDS_FROM_YEAR; year < KINDS_FROM_YEAR + KINDS_YEARS; year++) {
    uint32_t kind = UINT32_C(1) << kind_of(year);
    for (int32_t month = 1; month <= 12 && !(tried & kind); month++)
      if (fields->months >> month & 1 &&
          cron_fields_days(fields, special, year, month, civil_to_days(year, month, 1))) {
        special->year_kinds |= kind;
        break;
      }
    tried |= kind;
  }
}
