/* A small cursor reads fixed-width numbers; ranges are checked where the number's meaning is known,
 * so that the message can name the field. */
#include "time/instant.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

static int64_t clamp(int64_t us)
{
  return us < INSTANT_MIN ? INSTANT_MIN : us > INSTANT_MAX ? INSTANT_MAX : us;
}

/* Instants are written in every answer and event, where snprintf would be most of the cost. */
static char *put_digits(char *at, int width, int value)
{
  for (int i = width - 1; i >= 0; i--) {
    at[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return at + width;
}

static char *put_wall(char *at, int64_t local_s)
{
  struct civil_time t = civil_from_seconds(local_s);
  at = put_digits(at, 4, t.date.year);
  *at++ = '-';
  at = put_digits(at, 2, t.date.month);
  *at++ = '-';
  at = put_digits(at, 2, t.date.day);
  *at++ = 'T';
  at = put_digits(at, 2, t.hour);
  *at++ = ':';
  at = put_digits(at, 2, t.minute);
  *at++ = ':';
  return put_digits(at, 2, t.second);
}

void instant_format(char out[INSTANT_TEXT_SIZE], int64_t us)
{
  us = clamp(us);
  int64_t seconds = instant_seconds(us);
  char *at = put_wall(out, seconds);
  *at++ = '.';
  at = put_digits(at, 6, (int)(us - seconds * 1000000));
  *at++ = 'Z';
  *at = '\0';
}

void instant_format_in(char out[INSTANT_TEXT_SIZE], int64_t us, const struct zone *zone)
{
  us = clamp(us);
  int64_t seconds = instant_seconds(us);
  /* RFC 3339 has no seconds in offsets: for the local mean times of the 19th century the wall clock
   * is moved by them, so that the text is still that instant. */
  int32_t offset = zone ? zone_at(zone, seconds).offset_s / 60 * 60 : 0;
  if (seconds + offset < CIVIL_SECONDS_MIN || seconds + offset > CIVIL_SECONDS_MAX)
    offset = 0; /* its years have four digits */
  int fraction = (int)(us - seconds * 1000000);
  size_t size = (size_t)(put_wall(out, seconds + offset) - out);
  if (fraction) {
    size += (size_t)snprintf(out + size, INSTANT_TEXT_SIZE - size, ".%06d", fraction);
    while (out[size - 1] == '0')
      size--;
  }
  int minutes = (offset < 0 ? -offset : offset) / 60;
  snprintf(out + size, INSTANT_TEXT_SIZE - size, "%c%02d:%02d", offset < 0 ? '-' : '+',
           minutes / 60, minutes % 60);
}

static bool read_digits(const char **at, int width, int32_t *value)
{
  int32_t sum = 0;
  for (int i = 0; i < width; i++) {
    if (!isdigit((unsigned char)(*at)[i]))
      return false;
    sum = sum * 10 + ((*at)[i] - '0');
  }
  *at += width;
  *value = sum;
  return true;
}

static bool read_byte(const char **at, char byte)
{
  if (**at != byte)
    return false;
  (*at)++;
  return true;
}

static enum error_code not_a_time(struct error *error)
{
  return error_set(error, ERROR_INVALID,
                   "not a time: write 2026-03-29, 2026-03-29 02:30 or 2026-03-29T02:30:00Z");
}

static enum error_code check(const char *field, int32_t value, int32_t low, int32_t high,
                             struct error *error)
{
  if (value < low)
    return error_set(error, ERROR_INVALID, "%s %d is under %d", field, value, low);
  if (value > high)
    return error_set(error, ERROR_INVALID, "%s %d is over %d", field, value, high);
  return ERROR_OK;
}

static enum error_code read_date(const char **at, struct civil_date *date, struct error *error)
{
  if (!read_digits(at, 4, &date->year) || !read_byte(at, '-') ||
      !read_digits(at, 2, &date->month) || !read_byte(at, '-') || !read_digits(at, 2, &date->day))
    return not_a_time(error);
  if (check("year", date->year, CIVIL_YEAR_MIN, CIVIL_YEAR_MAX, error) ||
      check("month", date->month, 1, 12, error) || check("day", date->day, 1, 31, error))
    return ERROR_INVALID;
  if (date->day > civil_month_days(date->year, date->month))
    return error_set(error, ERROR_INVALID, "%s %d has no day %d", civil_month_name(date->month),
                     date->year, date->day);
  return ERROR_OK;
}

static enum error_code read_clock(const char **at, struct civil_time *time, int32_t *fraction_us,
                                  struct error *error)
{
  if (!read_digits(at, 2, &time->hour) || !read_byte(at, ':') || !read_digits(at, 2, &time->minute))
    return not_a_time(error);
  if (read_byte(at, ':')) {
    if (!read_digits(at, 2, &time->second))
      return not_a_time(error);
    if (read_byte(at, '.')) {
      if (!isdigit((unsigned char)**at))
        return not_a_time(error);
      for (int32_t place = 100000; isdigit((unsigned char)**at); (*at)++, place /= 10)
        *fraction_us += (**at - '0') * place;
    }
  }
  if (check("hour", time->hour, 0, 23, error) || check("minute", time->minute, 0, 59, error) ||
      check("second", time->second, 0, 59, error))
    return ERROR_INVALID;
  return ERROR_OK;
}

/* "Z", "+02:00", "+0200", "+02" or nothing, which leaves `*has_offset` false. */
static enum error_code read_offset(const char **at, bool *has_offset, int32_t *offset_s,
                                   struct error *error)
{
  *has_offset = true;
  *offset_s = 0;
  if (read_byte(at, 'Z') || read_byte(at, 'z'))
    return ERROR_OK;
  bool is_west = **at == '-';
  if (!is_west && **at != '+') {
    *has_offset = false;
    return ERROR_OK;
  }
  (*at)++;
  int32_t hours, minutes = 0;
  if (!read_digits(at, 2, &hours))
    return not_a_time(error);
  bool has_colon = read_byte(at, ':');
  if ((has_colon || isdigit((unsigned char)**at)) && !read_digits(at, 2, &minutes))
    return not_a_time(error);
  if (check("offset hour", hours, 0, 23, error) || check("offset minute", minutes, 0, 59, error))
    return ERROR_INVALID;
  *offset_s = (hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
  return ERROR_OK;
}

static int64_t in_zone(const struct zone *zone, int64_t local_s)
{
  if (!zone)
    return local_s;
  struct local_times times;
  zone_resolve(zone, local_s, &times);
  return times.first_s;
}

enum error_code instant_parse(const char *text, const struct zone *zone, int64_t *us,
                              struct error *error)
{
  struct civil_time time = {0};
  int32_t fraction_us = 0, offset_s = 0;
  bool has_offset = false;
  const char *at = text;
  if (read_date(&at, &time.date, error))
    return ERROR_INVALID;
  if (*at && (read_byte(&at, 'T') || read_byte(&at, 't') || read_byte(&at, ' '))) {
    if (read_clock(&at, &time, &fraction_us, error) ||
        read_offset(&at, &has_offset, &offset_s, error))
      return ERROR_INVALID;
  }
  if (*at)
    return error_set(error, ERROR_INVALID, "\"%.20s\" stands behind the time", at);
  int64_t local_s = civil_to_seconds(&time);
  int64_t seconds = has_offset ? local_s - offset_s : in_zone(zone, local_s);
  if (seconds < CIVIL_SECONDS_MIN || seconds > CIVIL_SECONDS_MAX)
    return error_set(error, ERROR_INVALID, "the time is outside the years 1 to 9999 of UTC");
  *us = seconds * 1000000 + fraction_us;
  return ERROR_OK;
}
