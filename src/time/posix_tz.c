/* A recursive-descent reader over one string; each part moves the cursor on or says no, and the
 * caller makes one message of it. */
#include "time/posix_tz.h"

#include <ctype.h>
#include <string.h>

#include "time/civil.h"

static bool read_number(const char **at, int32_t low, int32_t high, int32_t *value)
{
  if (!isdigit((unsigned char)**at))
    return false;
  int32_t sum = 0;
  for (; isdigit((unsigned char)**at); (*at)++)
    if ((sum = sum * 10 + (**at - '0')) > 9999)
      return false;
  *value = sum;
  return low <= sum && sum <= high;
}

static bool read_byte(const char **at, char byte)
{
  if (**at != byte)
    return false;
  (*at)++;
  return true;
}

/* Three or more letters, or letters, digits and signs in angle brackets. */
static bool read_name(const char **at, char name[POSIX_TZ_NAME_SIZE])
{
  bool is_quoted = read_byte(at, '<');
  size_t size = 0;
  for (;; size++) {
    unsigned char byte = (unsigned char)(*at)[size];
    if (!isalpha(byte) && !(is_quoted && (isdigit(byte) || byte == '+' || byte == '-')))
      break;
  }
  if (size < (is_quoted ? 1 : 3) || size >= POSIX_TZ_NAME_SIZE)
    return false;
  memcpy(name, *at, size);
  name[size] = '\0';
  *at += size;
  return !is_quoted || read_byte(at, '>');
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool read_time(const char **at, int32_t hours_max, int32_t *seconds)
{
  bool is_negative = read_byte(at, '-');
  int32_t hours, minutes = 0, rest = 0;
  if (!is_negative)
    read_byte(at, '+');
  if (!read_number(at, 0, hours_max, &hours))
    return false;
  if (read_byte(at, ':') &&
      (!read_number(at, 0, 59, &minutes) || (read_byte(at, ':') && !read_number(at, 0, 59, &rest))))
    return false;
  *seconds = hours * 3600 + minutes * 60 + rest;
  if (is_negative)
    *seconds = -*seconds;
  return true;
}

static bool read_date(const char **at, struct posix_tz_date *date)
{
  bool is_read;
  if (read_byte(at, 'M')) {
    date->kind = DAY_OF_MONTH;
    is_read = read_number(at, 1, 12, &date->month) && read_byte(at, '.') &&
              read_number(at, 1, 5, &date->week) && read_byte(at, '.') &&
              read_number(at, 0, 6, &date->day);
  } else if (read_byte(at, 'J')) {
    date->kind = DAY_JULIAN;
    is_read = read_number(at, 1, 365, &date->day);
  } else {
    date->kind = DAY_OF_YEAR;
    is_read = read_number(at, 0, 365, &date->day);
  }
  date->time_s = 7200;
  return is_read && (!read_byte(at, '/') || read_time(at, 167, &date->time_s));
}

static bool read_all(const char *at, struct posix_tz *tz)
{
  int32_t west_s;
  if (!read_name(&at, tz->std_name) || !read_time(&at, 24, &west_s))
    return false;
  tz->std_offset_s = tz->dst_offset_s = -west_s;
  if (!*at)
    return true;
  tz->has_dst = true;
  tz->dst_offset_s += 3600;
  if (!read_name(&at, tz->dst_name))
    return false;
  if (*at && *at != ',') {
    if (!read_time(&at, 24, &west_s))
      return false;
    tz->dst_offset_s = -west_s;
  }
  if (!*at) /* POSIX leaves the rule open then; everybody takes the American one */
    at = ",M3.2.0,M11.1.0";
  return read_byte(&at, ',') && read_date(&at, &tz->start) && read_byte(&at, ',') &&
         read_date(&at, &tz->end) && !*at;
}

enum error_code posix_tz_parse(const char *text, struct posix_tz *tz, struct error *error)
{
  *tz = (struct posix_tz){0};
  if (!read_all(text, tz))
    return error_set(error, ERROR_INVALID, "bad POSIX time zone rule \"%.80s\"", text);
  return ERROR_OK;
}

static int64_t day_of(const struct posix_tz_date *date, int32_t year)
{
  int64_t new_year = civil_to_days(year, 1, 1);
  if (date->kind == DAY_OF_YEAR)
    return new_year + date->day;
  if (date->kind == DAY_JULIAN) /* counts no 29 February */
    return new_year + date->day - 1 + (date->day >= 60 && civil_is_leap(year));
  int64_t first = civil_to_days(year, date->month, 1);
  int32_t day = (date->day - civil_weekday(first) + 7) % 7 + (date->week - 1) * 7;
  while (day >= civil_month_days(year, date->month))
    day -= 7; /* week 5 is the last one */
  return first + day;
}

void posix_tz_year(const struct posix_tz *tz, int32_t year, int64_t *start_s, int64_t *end_s)
{
  *start_s = day_of(&tz->start, year) * CIVIL_DAY_S + tz->start.time_s - tz->std_offset_s;
  *end_s = day_of(&tz->end, year) * CIVIL_DAY_S + tz->end.time_s - tz->dst_offset_s;
}
