/* Civil dates: the proleptic Gregorian calendar, years 1 to 9999, as plain arithmetic on days and
 * seconds since 1970-01-01. Nothing here knows zones: "seconds" are those of a clock that shows
 * UTC, or of a wall clock read as if it did ("local seconds"). Pure; any thread. */
#ifndef TIME_CIVIL_H
#define TIME_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

enum { CIVIL_DAY_S = 86400, CIVIL_YEAR_MIN = 1, CIVIL_YEAR_MAX = 9999 };

#define CIVIL_SECONDS_MIN (-INT64_C(62135596800)) /* 0001-01-01 00:00:00 */
#define CIVIL_SECONDS_MAX INT64_C(253402300799)   /* 9999-12-31 23:59:59 */

/* The calendar, weekdays included, repeats after 400 years. */
#define CIVIL_CYCLE_S (INT64_C(146097) * CIVIL_DAY_S)

struct civil_date {
  int32_t year, month, day; /* month and day from 1 */
};

struct civil_time {
  struct civil_date date;
  int32_t hour, minute, second;
};

/* Days since 1970-01-01. The month must be 1 to 12; the day may lie outside the month and counts
 * on. */
int64_t civil_to_days(int32_t year, int32_t month, int32_t day);
/* Days of the years -399 to 11000. */
struct civil_date civil_from_days(int64_t days);

int64_t civil_to_seconds(const struct civil_time *time);
struct civil_time civil_from_seconds(int64_t seconds);

bool civil_is_leap(int32_t year);
int32_t civil_month_days(int32_t year, int32_t month);
const char *civil_month_name(int32_t month); /* "January" */

/* 0 is Sunday. For days of the years -399 to 11000; day -1000003 is a Sunday too. */
static inline int32_t civil_weekday(int64_t days)
{
  return (int32_t)((uint32_t)(days + 1000003) % 7);
}

/* The day of a second, rounding down also before 1970. */
static inline int64_t civil_day_of(int64_t seconds)
{
  return seconds / CIVIL_DAY_S - (seconds % CIVIL_DAY_S < 0);
}

#endif
