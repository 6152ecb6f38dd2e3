/* Dates from days by the method of Neri and Schneider ("Euclidean affine functions"): years begin
 * in March, so that the leap day is the last, and divisions become multiplications and shifts. It
 * matters because every cron step asks for the date. Days are shifted by one 400-year cycle, which
 * keeps the arithmetic unsigned for every date from the year -399 on. */
#include "time/civil.h"

enum { SHIFT_YEARS = 400, SHIFT_DAYS = 719468 + 146097 }; /* 0000-03-01 is day -719468 */

int64_t civil_to_days(int32_t year, int32_t month, int32_t day)
{
  uint64_t y = (uint64_t)((int64_t)year + SHIFT_YEARS - (month <= 2)), century = y / 100;
  uint32_t m = (uint32_t)(month <= 2 ? month + 12 : month); /* 979 / 32 days are a month */
  return (int64_t)(1461 * y / 4 - century + century / 4 + (979 * m - 2919) / 32) + day - 1 -
         SHIFT_DAYS;
}

struct civil_date civil_from_days(int64_t days)
{
  uint32_t n1 = 4 * (uint32_t)(days + SHIFT_DAYS) + 3;
  uint32_t century = n1 / 146097;
  uint32_t n2 = n1 % 146097 | 3;
  uint64_t p2 = UINT64_C(2939745) * n2;
  uint32_t day_of_year = (uint32_t)p2 / 2939745 / 4;
  uint32_t n3 = 2141 * day_of_year + 197913;
  bool is_next_year = day_of_year >= 306;
  uint32_t month = n3 >> 16;
  return (struct civil_date){
      .year = (int32_t)(100 * century + (uint32_t)(p2 >> 32)) - SHIFT_YEARS + is_next_year,
      .month = (int32_t)(is_next_year ? month - 12 : month),
      .day = (int32_t)((n3 & 0xffff) / 2141) + 1,
  };
}

int64_t civil_to_seconds(const struct civil_time *time)
{
  return civil_to_days(time->date.year, time->date.month, time->date.day) * CIVIL_DAY_S +
         time->hour * 3600 + time->minute * 60 + time->second;
}

struct civil_time civil_from_seconds(int64_t seconds)
{
  int64_t day = civil_day_of(seconds);
  int32_t rest = (int32_t)(seconds - day * CIVIL_DAY_S);
  return (struct civil_time){
      .date = civil_from_days(day),
      .hour = rest / 3600,
      .minute = rest / 60 % 60,
      .second = rest % 60,
  };
}

bool civil_is_leap(int32_t year)
{
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int32_t civil_month_days(int32_t year, int32_t month)
{
  return month == 2 ? 28 + civil_is_leap(year) : 30 + ((month + (month >> 3)) & 1);
}

const char *civil_month_name(int32_t month)
{
  static const char *const names[] = {"January",   "February", "March",    "April",
                                      "May",       "June",     "July",     "August",
                                      "September", "October",  "November", "December"};
  return month >= 1 && month <= 12 ? names[month - 1] : "?";
}
