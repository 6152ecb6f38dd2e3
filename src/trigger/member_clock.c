/* The members that stand on a calendar or a clock without a zone: dates, times of day, weekdays.
 * Each has one way to be written, in which it is also read; weekdays are written from Monday on,
 * with three or more in a row as a range. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "time/instant.h"
#include "trigger/member.h"

enum { WEEK = 7, NAME_SIZE = 16 };

/* From Monday on; each is its own abbreviation's beginning. */
static const char *const weekday_names[] = {"monday", "tuesday",  "wednesday", "thursday",
                                            "friday", "saturday", "sunday",    NULL};
static const char *const weekday_short[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

static unsigned bit_of(int day)
{
  return 1u << ((day + 1) % WEEK);
}

/* ---- dates and times of day ---- */

/* Whether nothing but midnight stands behind a date. */
static bool is_midnight(const char *text)
{
  return !*text || ((*text == 'T' || *text == ' ') && !strncmp(text + 1, "00:00", 5) &&
                    (!text[6] || !strcmp(text + 6, ":00")));
}

enum error_code member_parse_date(const char *text, int64_t *day, struct error *error)
{
  int64_t us;
  if (strlen(text) < strlen("2026-01-31") || !is_midnight(text + strlen("2026-01-31")))
    return error_set(error, ERROR_INVALID, "a date is written as 2026-01-31");
  enum error_code code = instant_parse(text, NULL, &us, error);
  if (!code)
    *day = civil_day_of(instant_seconds(us));
  return code;
}

enum error_code member_date(const struct json *value, const char *name, int64_t *day,
                            struct error *error)
{
  const char *text = NULL;
  enum error_code code = member_text(value, name, &text, error);
  if (code || !text)
    return code;
  code = member_parse_date(text, day, error);
  if (code)
    error_prefix(error, "%s \"%.40s\"", name, text);
  return code;
}

/* One or two digits, moves behind them; -1 when there are none. */
static int32_t read_digits(const char **at)
{
  int32_t sum = -1;
  for (int i = 0; i < 2 && isdigit((unsigned char)**at); i++)
    sum = (sum < 0 ? 0 : sum * 10) + (*(*at)++ - '0');
  return sum;
}

static enum error_code not_a_clock(struct error *error)
{
  return error_set(error, ERROR_INVALID, "a time of day is written as 09:30 or 09:30:15");
}

enum error_code member_parse_clock(const char *text, int32_t *second, struct error *error)
{
  static const char *const units[] = {"hour", "minute", "second"};
  static const int32_t high[] = {23, 59, 59};
  int32_t parts[3] = {0};
  int count = 0;
  const char *at = text;
  for (;;) {
    const char *begin = at;
    parts[count] = read_digits(&at);
    if (parts[count] < 0 || (count > 0 && at - begin != 2))
      return not_a_clock(error);
    if (parts[count] > high[count])
      return error_set(error, ERROR_INVALID, "%s %d is over %d", units[count], parts[count],
                       high[count]);
    if (++count == 3 || *at != ':')
      break;
    at++;
  }
  if (*at || count < 2)
    return not_a_clock(error);
  *second = parts[0] * 3600 + parts[1] * 60 + parts[2];
  return ERROR_OK;
}

enum error_code member_clock(const struct json *value, const char *name, int32_t *second,
                             struct error *error)
{
  const char *text = NULL;
  enum error_code code = member_text(value, name, &text, error);
  if (code || !text)
    return code;
  code = member_parse_clock(text, second, error);
  if (code)
    error_prefix(error, "%s \"%.40s\"", name, text);
  return code;
}

const char *member_date_text(char out[MEMBER_TEXT_SIZE], int64_t day)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format(text, day * CIVIL_DAY_S * 1000000);
  snprintf(out, MEMBER_TEXT_SIZE, "%.10s", text);
  return out;
}

const char *member_clock_text(char out[MEMBER_TEXT_SIZE], int32_t second)
{
  unsigned of_day = (unsigned)second % CIVIL_DAY_S;
  int size = snprintf(out, MEMBER_TEXT_SIZE, "%02u:%02u", of_day / 3600, of_day / 60 % 60);
  if (of_day % 60)
    snprintf(out + size, MEMBER_TEXT_SIZE - (size_t)size, ":%02u", of_day % 60);
  return out;
}

void member_put_date(struct json_writer *writer, const char *name, int64_t day)
{
  char text[MEMBER_TEXT_SIZE];
  json_put_text(writer, name, member_date_text(text, day));
}

void member_put_clock(struct json_writer *writer, const char *name, int32_t second)
{
  char text[MEMBER_TEXT_SIZE];
  json_put_text(writer, name, member_clock_text(text, second));
}

/* ---- weekdays ---- */

/* The index of a name in any case, short or whole; moves behind it. */
static enum error_code read_weekday(const char **at, int *day, struct error *error)
{
  char lower[NAME_SIZE] = {0}, hint[128];
  size_t size = 0;
  for (; isalpha((unsigned char)(*at)[size]); size++)
    if (size < NAME_SIZE - 1)
      lower[size] = (char)tolower((unsigned char)(*at)[size]);
  if (!size)
    return error_set(error, ERROR_INVALID, "a weekday is written by its name, as mon or mon-fri");
  for (*day = 0; *day < WEEK; ++*day)
    if (!strcmp(lower, weekday_names[*day]) || !strcmp(lower, weekday_short[*day])) {
      *at += size;
      return ERROR_OK;
    }
  return error_set(error, ERROR_INVALID, "unknown weekday \"%.*s\"%s", size > 40 ? 40 : (int)size,
                   *at, text_did_you_mean(hint, lower, size > 4 ? weekday_names : weekday_short));
}

enum error_code member_parse_weekdays(const char *item, uint8_t *mask, struct error *error)
{
  int from, until;
  enum error_code code = read_weekday(&item, &from, error);
  until = from;
  if (!code && *item == '-') {
    item++;
    code = read_weekday(&item, &until, error);
  }
  if (!code && *item)
    code = error_set(error, ERROR_INVALID, "\"%.40s\" stands behind the weekday", item);
  if (code)
    return code;
  for (int day = from;; day = (day + 1) % WEEK) {
    *mask |= (uint8_t)bit_of(day);
    if (day == until)
      return ERROR_OK;
  }
}

static enum error_code add_weekdays(void *context, const char *item, struct error *error)
{
  return member_parse_weekdays(item, context, error);
}

enum error_code member_weekdays(const struct json *value, const char *name, uint8_t *mask,
                                struct error *error)
{
  uint8_t read = 0;
  enum error_code code = member_list(value, name, add_weekdays, &read, error);
  if (!code && read)
    *mask = read;
  return code;
}

/* Days from Monday's index `day` on that are all in the mask. */
static int run_from(uint8_t mask, int day)
{
  int length = 0;
  while (day + length < WEEK && (mask & bit_of(day + length)))
    length++;
  return length;
}

void member_put_weekdays(struct json_writer *writer, const char *name, uint8_t mask)
{
  char text[WEEK * 4 + 1] = "";
  size_t size = 0;
  for (int day = 0; day < WEEK; day++) {
    int run = run_from(mask, day);
    if (!run)
      continue;
    size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", size ? "," : "",
                             weekday_short[day]);
    if (run < 3)
      continue;
    day += run - 1;
    size += (size_t)snprintf(text + size, sizeof text - size, "-%s", weekday_short[day]);
  }
  json_put_text(writer, name, text);
}

static void say_name(struct buffer *out, const char *before, int day)
{
  const char *name = weekday_names[day];
  buffer_printf(out, "%s%c%s", before, toupper((unsigned char)*name), name + 1);
}

void member_say_weekdays(struct buffer *out, uint8_t mask)
{
  /* Single days and ranges, the last one behind "and". */
  int parts = 0, said = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int day = 0; day < WEEK; day++) {
      int run = run_from(mask, day);
      if (!run)
        continue;
      bool is_range = run >= 3;
      if (pass == 0)
        parts++;
      else
        say_name(out, !said ? "" : said + 1 == parts ? " and " : ", ", day);
      said += pass;
      day += is_range ? run - 1 : 0;
      if (pass && is_range)
        say_name(out, " to ", day);
    }
}
