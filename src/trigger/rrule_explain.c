/* A rule as an English sentence: "Every 2 weeks on Monday and Wednesday at 09:00, 10 times",
 * "Yearly on the last Thursday of November at 09:00". The parts are said in the order in which a
 * person would: how often, which dates, which times, which of these, how long. What the rule takes
 * from DTSTART is said as if it had been written. */
#include <stdio.h>

#include "time/civil.h"
#include "trigger/member.h"
#include "trigger/rrule.h"

enum { CLOCKS_MAX = 8, NUMBERS_MAX = 366 };

/* Puts commas and a last "and" between items whose number is known. */
static void say_separator(struct buffer *out, int item, int items, const char *last)
{
  if (item)
    buffer_printf(out, item + 1 == items ? " %s " : ", ", last);
}

static const char *ordinal_ending(int32_t n)
{
  if (n / 10 % 10 == 1)
    return "th";
  return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

/* "2nd", or from the end "last", "2nd last". */
static void say_ordinal(struct buffer *out, int32_t n)
{
  int32_t size = n < 0 ? -n : n;
  if (n != -1)
    buffer_printf(out, "%d%s", (int)size, ordinal_ending(size));
  if (n < 0)
    buffer_printf(out, n == -1 ? "last" : " last");
}

/* The numbers of a list: first those from the front, then those from the end. */
static int list_numbers(const struct rrule_numbers *numbers, int32_t out[2 * NUMBERS_MAX + 2])
{
  int count = 0;
  for (int32_t n = 0; n <= NUMBERS_MAX; n++)
    if (numbers->plus[n / 64] >> n % 64 & 1)
      out[count++] = n;
  for (int32_t n = NUMBERS_MAX; n > 0; n--)
    if (numbers->minus[n / 64] >> n % 64 & 1)
      out[count++] = -n;
  return count;
}

static void say_numbers(struct buffer *out, const struct rrule *rule, enum rrule_part part)
{
  int32_t numbers[2 * NUMBERS_MAX + 2];
  int count = list_numbers(&rule->numbers[part], numbers);
  for (int i = 0; i < count; i++) {
    say_separator(out, i, count, "and");
    buffer_printf(out, "%d", (int)numbers[i]);
  }
}

/* "the 2nd, the 15th and the last day": `noun` stands behind what is counted from the end. */
static void say_ordinals(struct buffer *out, const struct rrule *rule, enum rrule_part part,
                         const char *noun, const char *last)
{
  int32_t numbers[2 * NUMBERS_MAX + 2];
  int count = list_numbers(&rule->numbers[part], numbers);
  for (int i = 0; i < count; i++) {
    say_separator(out, i, count, last);
    buffer_append_text(out, "the ");
    say_ordinal(out, numbers[i]);
    if (numbers[i] < 0)
      buffer_append_text(out, noun);
  }
}

static void say_months(struct buffer *out, uint64_t months)
{
  int count = __builtin_popcountll(months);
  for (int i = 0; i < count; i++) {
    say_separator(out, i, count, "and");
    buffer_append_text(out, civil_month_name(rrule_nth_bit(months, i)));
  }
}

static bool has_ordinals(const struct rrule *rule)
{
  for (int weekday = 0; weekday < 7; weekday++)
    if (rule->nth[weekday] || rule->nth_last[weekday])
      return true;
  return false;
}

/* "Monday and Wednesday", "the 1st Sunday and the last Sunday", "Monday and the last Friday". */
static void say_weekdays(struct buffer *out, const struct rrule *rule)
{
  int items = 0, item = 0;
  for (int weekday = 0; weekday < 7; weekday++)
    items +=
        __builtin_popcountll(rule->nth[weekday]) + __builtin_popcountll(rule->nth_last[weekday]);
  if (rule->weekdays) {
    member_say_weekdays(out, rule->weekdays);
    item++;
    items++;
  }
  for (int32_t n = 1; n <= 106; n++)
    for (int weekday = 0; weekday < 7; weekday++) {
      int32_t ordinal = n <= 53 ? n : n - 107; /* 1 to 53, then -53 to -1 */
      uint64_t bits =
          ordinal > 0 ? rule->nth[weekday] >> ordinal : rule->nth_last[weekday] >> -ordinal;
      if (!(bits & 1))
        continue;
      say_separator(out, item++, items, "and");
      buffer_append_text(out, "the ");
      say_ordinal(out, ordinal);
      buffer_append_byte(out, ' ');
      member_say_weekdays(out, (uint8_t)(1 << weekday));
    }
}

/* The dates that DTSTART gives. */
static void say_start_date(struct buffer *out, const struct rrule *rule, int64_t dtstart_s)
{
  struct civil_date date = civil_from_seconds(dtstart_s).date;
  if (rule->freq == RRULE_WEEKLY) {
    buffer_append_text(out, " on ");
    member_say_weekdays(out, (uint8_t)(1 << civil_weekday(civil_day_of(dtstart_s))));
  } else if (rule->freq <= RRULE_MONTHLY) {
    buffer_append_text(out, " on the ");
    say_ordinal(out, date.day);
    if (rule->freq == RRULE_YEARLY && !rrule_has(rule, RRULE_BYMONTH))
      buffer_printf(out, " of %s", civil_month_name(date.month));
  }
}

static void say_dates(struct buffer *out, const struct rrule *rule, const int64_t *dtstart_s)
{
  static const char *const links[] = {" on ", " that is "};
  int said = 0;
  bool is_month_named = false; /* its dates were named: it is "of" then, not "in" */
  if (rrule_has(rule, RRULE_BYDAY)) {
    buffer_append_text(out, links[said++]);
    say_weekdays(out, rule);
    is_month_named = has_ordinals(rule);
    if (is_month_named && rule->freq == RRULE_YEARLY && !rrule_has(rule, RRULE_BYMONTH))
      buffer_append_text(out, " of the year");
  }
  if (rrule_has(rule, RRULE_BYMONTHDAY)) {
    buffer_append_text(out, links[said]);
    say_ordinals(out, rule, RRULE_BYMONTHDAY, " day", said++ ? "or" : "and");
    said = 1;
    is_month_named = true;
  }
  if (rrule_has(rule, RRULE_BYYEARDAY)) {
    buffer_append_text(out, links[said]);
    say_ordinals(out, rule, RRULE_BYYEARDAY, "", said ? "or" : "and");
    buffer_append_text(out, " day of the year");
    said = 1;
  }
  if (!said && !rrule_has(rule, RRULE_BYWEEKNO) && dtstart_s) {
    say_start_date(out, rule, *dtstart_s);
    is_month_named = rule->freq <= RRULE_MONTHLY;
  }
  if (rrule_has(rule, RRULE_BYWEEKNO)) {
    buffer_append_text(out, " in ");
    say_ordinals(out, rule, RRULE_BYWEEKNO, "", "and");
    buffer_append_text(out, " week of the year");
  }
  if (rrule_has(rule, RRULE_BYMONTH)) {
    buffer_append_text(out, is_month_named ? " of " : " in ");
    say_months(out, rule->numbers[RRULE_BYMONTH].plus[0]);
  }
}

/* ---- times ---- */

static uint64_t mask_of(const struct rrule *rule, enum rrule_part part, int32_t of_start)
{
  return rrule_has(rule, part) ? rule->numbers[part].plus[0] : UINT64_C(1) << of_start;
}

/* "at 09:00 and 17:00"; false when they are too many to name. */
static bool say_clocks(struct buffer *out, const struct rrule *rule, int64_t dtstart_s)
{
  struct civil_time time = civil_from_seconds(dtstart_s);
  uint64_t hours = mask_of(rule, RRULE_BYHOUR, time.hour);
  uint64_t minutes = mask_of(rule, RRULE_BYMINUTE, time.minute);
  uint64_t seconds = mask_of(rule, RRULE_BYSECOND, time.second);
  int of_hour = __builtin_popcountll(minutes) * __builtin_popcountll(seconds);
  int count = __builtin_popcountll(hours) * of_hour, of_minute = __builtin_popcountll(seconds);
  if (count > CLOCKS_MAX)
    return false;
  for (int i = 0; i < count; i++) {
    char text[MEMBER_TEXT_SIZE];
    int32_t second = rrule_nth_bit(hours, i / of_hour) * 3600 +
                     rrule_nth_bit(minutes, i % of_hour / of_minute) * 60 +
                     rrule_nth_bit(seconds, i % of_minute);
    buffer_append_text(out, i ? "" : " at ");
    say_separator(out, i, count, "and");
    buffer_append_text(out, member_clock_text(text, second));
  }
  return true;
}

/* Each part by itself, "in hour 9 and 10, at minute 0 and 30". What is not written is DTSTART's for
 * the parts that are finer than the frequency. */
static void say_units(struct buffer *out, const struct rrule *rule, const int64_t *dtstart_s)
{
  static const struct {
    enum rrule_part part;
    enum rrule_freq freq; /* that steps by it */
    const char *name;
  } units[] = {{RRULE_BYHOUR, RRULE_HOURLY, "hour"},
               {RRULE_BYMINUTE, RRULE_MINUTELY, "minute"},
               {RRULE_BYSECOND, RRULE_SECONDLY, "second"}};
  struct civil_time time = civil_from_seconds(dtstart_s ? *dtstart_s : 0);
  const int32_t of_start[] = {time.hour, time.minute, time.second};
  const char *link = " in ";
  for (int i = 0; i < 3; i++) {
    bool is_written = rrule_has(rule, units[i].part);
    bool is_of_start = dtstart_s && rule->freq < units[i].freq && of_start[i] && i < 2;
    if (!is_written && !is_of_start)
      continue;
    buffer_printf(out, "%s%s ", link, units[i].name);
    if (is_written)
      say_numbers(out, rule, units[i].part);
    else
      buffer_printf(out, "%d", (int)of_start[i]);
    link = ", ";
  }
}

static void say_times(struct buffer *out, const struct rrule *rule, const int64_t *dtstart_s)
{
  if (rule->freq <= RRULE_DAILY && dtstart_s && say_clocks(out, rule, *dtstart_s))
    return;
  say_units(out, rule, dtstart_s);
  if (!dtstart_s) {
    buffer_append_text(out, ", counted from when it is added");
  } else if (rule->freq > RRULE_DAILY) {
    buffer_append_text(out, ", from ");
    member_say_instant(out, *dtstart_s * 1000000, NULL); /* local seconds, read as UTC */
  }
}

/* ---- the sentence ---- */

static void say_end(struct buffer *out, const struct rrule *rule)
{
  if (rule->count)
    buffer_printf(out, rule->count == 1 ? ", once" : ", %d times", (int)rule->count);
  if (!rrule_has(rule, RRULE_UNTIL))
    return;
  struct rrule_moment until = rule->until;
  buffer_append_text(out, ", until ");
  member_say_instant(
      out, (until.kind == RRULE_UTC ? until.value : rrule_moment_local(until)) * 1000000, NULL);
  if (until.kind == RRULE_UTC)
    buffer_append_text(out, " UTC");
}

void rrule_explain(const struct rrule *rule, const int64_t *dtstart_s, struct buffer *out)
{
  static const char *const single[] = {"Yearly",     "Monthly",      "Weekly",      "Daily",
                                       "Every hour", "Every minute", "Every second"};
  static const char *const units[] = {"year", "month", "week", "day", "hour", "minute", "second"};
  if (rule->interval == 1)
    buffer_append_text(out, single[rule->freq]);
  else
    buffer_printf(out, "Every %d %ss", (int)rule->interval, units[rule->freq]);
  say_dates(out, rule, dtstart_s);
  say_times(out, rule, dtstart_s);
  if (rrule_has(rule, RRULE_BYSETPOS)) {
    buffer_append_text(out, ", of these only ");
    say_ordinals(out, rule, RRULE_BYSETPOS, "", "and");
    buffer_printf(out, " of each %s", units[rule->freq]);
  }
  if (rrule_has(rule, RRULE_WKST) && rule->week_start != 1) {
    buffer_append_text(out, ", weeks beginning on ");
    member_say_weekdays(out, (uint8_t)(1 << rule->week_start));
  }
  say_end(out, rule);
}
