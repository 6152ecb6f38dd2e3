/* A cron schedule as an English sentence: the time of day, then the days, months, weeks and years,
 * each left out when it restricts nothing.
 *
 * A mask is first given its shape: one value, a run, equal steps, or a list, because people say
 * "every 5 minutes" and "Monday to Friday" and not twelve numbers. What is said follows from what
 * matches, not from how it was written, so that all dialects are explained alike. */
#include <stdio.h>

#include "time/civil.h"
#include "trigger/cron.h"

enum { ITEMS_MAX = 64, ITEM_SIZE = 64, TIMES_MAX = 6, STEPS_MIN = 3 };

/* ---- shapes ---- */

struct shape {
  enum { SHAPE_ALL, SHAPE_ONE, SHAPE_RUN, SHAPE_STEPS, SHAPE_LIST } is;
  int32_t first, last, step, count;
  bool is_even; /* equal steps that go on over the end of the range, as 0, 15, 30, 45 do */
  uint64_t mask;
};

/* Of the values low to high. Two values are a list. */
static struct shape shape_of(uint64_t mask, int32_t low, int32_t high)
{
  struct shape s = {.is = SHAPE_LIST, .mask = mask, .count = __builtin_popcountll(mask)};
  s.first = __builtin_ctzll(mask);
  s.last = 63 - __builtin_clzll(mask);
  uint64_t rest = mask & (mask - 1);
  s.step = rest ? __builtin_ctzll(rest) - s.first : 1;
  int32_t span = high - low + 1;
  if (s.count == 1)
    s.is = SHAPE_ONE;
  else if (s.count == span)
    s.is = SHAPE_ALL;
  else if (s.count >= STEPS_MIN && s.last - s.first == (s.count - 1) * s.step) {
    uint64_t steps = 0;
    for (int32_t value = s.first; value <= s.last; value += s.step)
      steps |= UINT64_C(1) << value;
    if (steps == mask)
      s.is = s.step == 1 ? SHAPE_RUN : SHAPE_STEPS;
  }
  s.is_even = span % s.step == 0 && s.first == low && s.last + s.step > high;
  return s;
}

/* ---- lists ---- */

struct items {
  int count;
  char text[ITEMS_MAX][ITEM_SIZE];
};

static void __attribute__((format(printf, 2, 3)))
add_item(struct items *items, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  if (items->count < ITEMS_MAX)
    vsnprintf(items->text[items->count++], ITEM_SIZE, format, arguments);
  va_end(arguments);
}

/* "a", "a and b", "a, b and c" */
static void put_items(struct buffer *out, const struct items *items, const char *conjunction)
{
  for (int i = 0; i < items->count; i++) {
    if (i > 0 && i == items->count - 1)
      buffer_printf(out, " %s ", conjunction);
    else if (i > 0)
      buffer_append_text(out, ", ");
    buffer_append_text(out, items->text[i]);
  }
}

typedef const char *name_of(int32_t value);

static const char *weekday_name(int32_t weekday)
{
  static const char *const names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
  return names[weekday % 7];
}

/* The values of a mask, runs of three and more as "a to b". Without `name` they are numbers. */
static void add_values(struct items *items, uint64_t mask, name_of *name)
{
  for (uint64_t left = mask; left;) {
    int32_t from = __builtin_ctzll(left), until = from;
    while (until < 63 && left >> (until + 1) & 1)
      until++;
    if (until < from + 2)
      until = from;
    if (name && until > from)
      add_item(items, "%s to %s", name(from), name(until));
    else if (name)
      add_item(items, "%s", name(from));
    else if (until > from)
      add_item(items, "%d to %d", from, until);
    else
      add_item(items, "%d", from);
    left &= until < 63 ? ~((UINT64_C(2) << until) - 1) : 0;
  }
}

static void put_values(struct buffer *out, uint64_t mask, name_of *name, const char *conjunction)
{
  struct items items = {0};
  add_values(&items, mask, name);
  put_items(out, &items, conjunction);
}

static const char *ordinal(char text[16], int32_t n)
{
  bool is_teen = n / 10 % 10 == 1;
  const char *end = is_teen       ? "th"
                    : n % 10 == 1 ? "st"
                    : n % 10 == 2 ? "nd"
                    : n % 10 == 3 ? "rd"
                                  : "th";
  snprintf(text, 16, "%d%s", n, end);
  return text;
}

/* ---- the time of day ---- */

static void put_clock(struct buffer *out, int32_t hour, int32_t minute, int32_t second)
{
  buffer_printf(out, second ? "%02d:%02d:%02d" : "%02d:%02d", hour, minute, second);
}

/* "Every 5 minutes", "At minute 5 and 20"; true when what follows may go without "of every hour".
 */
static bool put_finest(struct buffer *out, const struct shape *s, const char *unit)
{
  if (s->is == SHAPE_ALL)
    buffer_printf(out, "Every %s", unit);
  else if (s->is == SHAPE_STEPS && s->is_even)
    buffer_printf(out, "Every %d %ss", s->step, unit);
  else if (s->is == SHAPE_STEPS)
    buffer_printf(out, "Every %d %ss from %s %d to %d", s->step, unit, unit, s->first, s->last);
  else if (s->is == SHAPE_RUN)
    buffer_printf(out, "Every %s from %d to %d", unit, s->first, s->last);
  else {
    buffer_printf(out, "At %s ", unit);
    put_values(out, s->mask, NULL, "and");
  }
  return s->is == SHAPE_ALL || (s->is == SHAPE_STEPS && s->is_even);
}

/* " of every 2nd hour", " of hour 4 and 16", " of every hour from 9 to 17" */
static void put_coarser(struct buffer *out, const struct shape *s, const char *unit)
{
  char text[16];
  if (s->is == SHAPE_ALL)
    buffer_printf(out, " of every %s", unit);
  else if (s->is == SHAPE_STEPS && s->is_even)
    buffer_printf(out, " of every %s %s", ordinal(text, s->step), unit);
  else if (s->is == SHAPE_STEPS)
    buffer_printf(out, " of every %s %s from %d to %d", ordinal(text, s->step), unit, s->first,
                  s->last);
  else if (s->is == SHAPE_RUN)
    buffer_printf(out, " of every %s from %d to %d", unit, s->first, s->last);
  else {
    buffer_printf(out, " of %s ", unit);
    put_values(out, s->mask, NULL, "and");
  }
}

/* The hours behind a phrase; one that goes on through the hour is bounded by clock times. */
static void put_hours(struct buffer *out, const struct shape *hours, bool goes_on)
{
  if (goes_on && hours->is == SHAPE_ALL)
    return;
  if (goes_on && (hours->is == SHAPE_RUN || hours->is == SHAPE_ONE))
    buffer_printf(out, " from %02d:00 to %02d:59", hours->first, hours->last);
  else
    put_coarser(out, hours, "hour");
}

/* "At 08:00, 12:00 and 18:00" */
static void put_times(struct buffer *out, const struct shape *hours, const struct shape *minutes,
                      int32_t second)
{
  struct items items = {0};
  for (uint64_t h = hours->mask; h; h &= h - 1)
    for (uint64_t m = minutes->mask; m; m &= m - 1)
      add_item(&items, second ? "%02d:%02d:%02d" : "%02d:%02d", __builtin_ctzll(h),
               __builtin_ctzll(m), second);
  buffer_append_text(out, "At ");
  put_items(out, &items, "and");
}

/* "Every hour", "Every 2 hours from 01:23 to 21:23" */
static void put_each_hour(struct buffer *out, const struct shape *hours, int32_t minute,
                          int32_t second)
{
  if (hours->step == 1)
    buffer_append_text(out, "Every hour");
  else
    buffer_printf(out, "Every %d hours", hours->step);
  if (hours->is == SHAPE_ALL || (hours->is_even && !minute && !second))
    return;
  buffer_append_text(out, " from ");
  put_clock(out, hours->first, minute, second);
  if (hours->last + hours->step > 23 && 24 % hours->step == 0 && hours->step > 1)
    return;
  buffer_append_text(out, " to ");
  put_clock(out, hours->last, minute, second);
}

/* True when it is said as times of day, after which "every day" makes sense. */
static bool put_time(struct buffer *out, const struct cron_fields *fields)
{
  struct shape seconds = shape_of(fields->seconds, 0, 59);
  struct shape minutes = shape_of(fields->minutes, 0, 59);
  struct shape hours = shape_of(fields->hours, 0, 23);
  int32_t second = seconds.first, minute = minutes.first;
  bool is_moment = seconds.is == SHAPE_ONE && minutes.is == SHAPE_ONE;
  bool is_regular = hours.is == SHAPE_RUN || hours.is == SHAPE_STEPS;
  if (is_moment && (is_regular || (hours.is == SHAPE_ALL && !minute && !second))) {
    put_each_hour(out, &hours, minute, second);
    return false;
  }
  if (seconds.is == SHAPE_ONE && (minutes.is == SHAPE_ONE || minutes.is == SHAPE_LIST) &&
      hours.count * minutes.count <= TIMES_MAX) {
    put_times(out, &hours, &minutes, second);
    return true;
  }
  bool goes_on;
  if (seconds.is == SHAPE_ONE && second == 0) {
    goes_on = put_finest(out, &minutes, "minute");
  } else {
    goes_on = put_finest(out, &seconds, "second");
    if (!goes_on || minutes.is != SHAPE_ALL)
      put_coarser(out, &minutes, "minute");
    if (minutes.is == SHAPE_ALL)
      goes_on = true;
    else
      goes_on = false;
  }
  put_hours(out, &hours, goes_on);
  return false;
}

/* ---- days ---- */

/* Weekdays with Monday first, as bits 1 to 7, so that a run may end with Sunday. */
static uint64_t monday_first(uint8_t weekdays)
{
  return (uint64_t)((weekdays & 0x7e) | (weekdays & 1) << 7);
}

static void put_weekdays(struct buffer *out, uint8_t weekdays, const char *conjunction)
{
  put_values(out, monday_first(weekdays), weekday_name, conjunction);
}

static bool is_run_of_weekdays(uint8_t weekdays)
{
  return shape_of(monday_first(weekdays), 1, 7).is == SHAPE_RUN;
}

/* The special dates, each with its article. */
static void add_special(struct items *items, const struct cron_special *special)
{
  char text[16];
  for (int32_t n = 1; n <= 6; n++)
    for (int32_t weekday = 1; weekday <= 7; weekday++)
      if (special->nth[n % 6] >> weekday % 7 & 1)
        add_item(items, "the %s %s of the month", n == 6 ? "last" : ordinal(text, n),
                 weekday_name(weekday));
  for (uint32_t left = special->nearest; left; left &= left - 1)
    add_item(items, "the weekday nearest to day %d", __builtin_ctz(left));
  for (int32_t n = 30; n > 0; n--) {
    const char *days = n == 1 ? "day" : "days";
    if (special->last_days >> n & 1)
      add_item(items, "%d %s before the last of the month", n, days);
    if (special->nearest_last >> n & 1)
      add_item(items, "the weekday nearest to %d %s before the last", n, days);
  }
  if (special->nearest_last & 1)
    add_item(items, "the last weekday of the month");
  if (special->last_days & 1)
    add_item(items, "the last day of the month");
}

/* "on day 1 and 15 of the month", "on every 2nd day of the month", "on the last Friday of the
 * month" */
static void put_dates(struct buffer *out, const struct cron_fields *fields,
                      const struct cron_special *special)
{
  struct items items = {0};
  char text[16];
  if (fields->days) {
    struct shape days = shape_of(fields->days, 1, 31);
    struct buffer values = {0};
    put_values(&values, fields->days, NULL, special ? "or" : "and");
    if (days.is == SHAPE_STEPS && days.last + days.step > 31 && days.first == 1)
      add_item(&items, "every %s day of the month", ordinal(text, days.step));
    else if (days.is == SHAPE_STEPS && days.last + days.step > 31)
      add_item(&items, "every %s day of the month from day %d", ordinal(text, days.step),
               days.first);
    else
      add_item(&items, "day %s of the month", values.data);
    buffer_deinit(&values);
  }
  if (special)
    add_special(&items, special);
  buffer_append_text(out, "on ");
  put_items(out, &items, "and");
}

/* "29 February", "1 and 15 March", when that is all there is to say of days and months. */
static bool put_calendar_date(struct buffer *out, const struct cron_fields *fields, bool is_special)
{
  if (is_special || fields->weekdays != 0x7f || __builtin_popcount(fields->months) != 1 ||
      __builtin_popcount(fields->days) > 3)
    return false;
  buffer_append_text(out, ", on ");
  put_values(out, fields->days, NULL, "and");
  buffer_printf(out, " %s", civil_month_name(__builtin_ctz(fields->months)));
  return true;
}

static void put_days(struct buffer *out, const struct cron_fields *fields,
                     const struct cron_special *special)
{
  buffer_append_text(out, ", ");
  bool has_dates = special || fields->days != 0xfffffffe, has_weekdays = fields->weekdays != 0x7f;
  bool is_run = is_run_of_weekdays(fields->weekdays);
  if (has_dates)
    put_dates(out, fields, special);
  if (has_dates && has_weekdays && !fields->is_either)
    buffer_append_text(out, is_run ? " when that is " : " when that is a ");
  else if (has_dates && has_weekdays)
    buffer_append_text(out, is_run ? " or " : " or on ");
  else if (has_weekdays && !is_run)
    buffer_append_text(out, "on ");
  if (has_weekdays)
    put_weekdays(out, fields->weekdays, has_dates ? "or" : "and");
}

static void put_years(struct buffer *out, const struct cron_special *special)
{
  struct items items = {0};
  char text[16];
  for (int i = 0; i < special->year_count; i++) {
    const struct cron_years *years = &special->years[i];
    int32_t last = years->from + (years->until - years->from) / years->step * years->step;
    if (last == years->from)
      add_item(&items, "%d", years->from);
    else if (years->step == 1)
      add_item(&items, "%d to %d", years->from, last);
    else
      add_item(&items, "every %s year from %d to %d", ordinal(text, years->step), years->from,
               last);
  }
  buffer_append_text(out, ", in ");
  put_items(out, &items, "and");
}

void cron_explain_fields(const struct cron_fields *fields, const struct cron_special *special,
                         struct buffer *out)
{
  bool is_times = put_time(out, fields);
  bool has_all_months = fields->months == 0x1ffe, has_weeks = special && special->weeks;
  bool has_years = special && special->year_count;
  struct cron_special dates = special ? *special : (struct cron_special){0};
  dates.weeks = 0;
  dates.year_count = 0;
  bool is_special = !cron_special_is_empty(&dates);
  bool is_any_day =
      !is_special && (fields->is_either ? fields->days == 0xfffffffe || fields->weekdays == 0x7f
                                        : fields->days == 0xfffffffe && fields->weekdays == 0x7f);
  bool has_months = !has_all_months;
  if (is_any_day && is_times && has_all_months && !has_weeks && !has_years)
    buffer_append_text(out, ", every day");
  else if (!is_any_day && put_calendar_date(out, fields, is_special))
    has_months = false;
  else if (!is_any_day)
    put_days(out, fields, is_special ? &dates : NULL);
  if (has_months) {
    buffer_append_text(out, ", in ");
    put_values(out, fields->months, civil_month_name, "and");
  }
  if (has_weeks) {
    buffer_append_text(out, ", in ISO week ");
    put_values(out, special->weeks, NULL, "and");
  }
  if (has_years)
    put_years(out, special);
}
