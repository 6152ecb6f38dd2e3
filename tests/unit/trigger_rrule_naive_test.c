/* Recurrence rules against a reading of RFC 5545 that does nothing clever: every minute or second
 * of a window is asked whether it belongs to a period of the rule and whether each part allows it,
 * by arithmetic on calendar days of its own; BYSETPOS then counts within the period. The rules are
 * random with a fixed seed. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/civil.h"
#include "trigger/rrule.h"

enum { RULES = 1500, MATCHES_MAX = 400000 };

static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

static int draw(int low, int high)
{
  seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return low + (int)((seed >> 33) % (uint64_t)(high - low + 1));
}

/* ---- a random rule ---- */

static const char *const freqs[] = {"YEARLY", "MONTHLY",  "WEEKLY",  "DAILY",
                                    "HOURLY", "MINUTELY", "SECONDLY"};
static const char *const weekdays[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

static void put_numbers(struct buffer *out, const char *name, int low, int high, bool is_signed,
                        int count)
{
  buffer_printf(out, ";%s=", name);
  for (int i = draw(1, count), first = 1; i > 0; i--, first = 0)
    buffer_printf(out, "%s%s%d", first ? "" : ",", is_signed && !draw(0, 2) ? "-" : "",
                  draw(low, high));
}

static void put_weekdays(struct buffer *out, bool has_ordinals, int most)
{
  buffer_append_text(out, ";BYDAY=");
  for (int i = draw(1, 3), first = 1; i > 0; i--, first = 0) {
    buffer_append_text(out, first ? "" : ",");
    if (has_ordinals && draw(0, 3))
      buffer_printf(out, "%s%d", draw(0, 1) ? "-" : "", draw(1, most));
    buffer_append_text(out, weekdays[draw(0, 6)]);
  }
}

static void make_rule(struct buffer *out)
{
  int freq = draw(0, 6);
  bool has_weeks = freq == 0 && !draw(0, 4), has_months = !draw(0, 2);
  buffer_clear(out);
  buffer_printf(out, "FREQ=%s", freqs[freq]);
  size_t size = out->size;
  if (has_weeks)
    put_numbers(out, "BYWEEKNO", 1, 53, true, 4);
  if (has_months)
    put_numbers(out, "BYMONTH", 1, 12, false, 6);
  if (freq != RRULE_WEEKLY && !draw(0, 3))
    put_numbers(out, "BYMONTHDAY", 1, 31, true, 8);
  if ((freq == RRULE_YEARLY || freq > RRULE_DAILY) && !draw(0, 4))
    put_numbers(out, "BYYEARDAY", 1, 366, true, 40);
  if (!draw(0, 2))
    put_weekdays(out, freq <= RRULE_MONTHLY && !has_weeks,
                 freq == RRULE_MONTHLY || has_months ? 5 : 53);
  if (!draw(0, 2))
    put_numbers(out, "BYHOUR", 0, 23, false, 5);
  if (!draw(0, 2))
    put_numbers(out, "BYMINUTE", 0, 59, false, 6);
  if (freq == RRULE_SECONDLY && !draw(0, 2))
    put_numbers(out, "BYSECOND", 0, 59, false, 9);
  if (out->size > size && !draw(0, 3))
    put_numbers(out, "BYSETPOS", 1, draw(0, 1) ? 3 : 40, true, 3);
  if (draw(0, 1))
    buffer_printf(out, ";WKST=%s", weekdays[draw(0, 6)]);
  if (draw(0, 1))
    buffer_printf(out, ";INTERVAL=%d", draw(0, 3) ? draw(1, 12) : draw(1, 4000));
}

/* ---- the naive reading ---- */

struct naive {
  const struct rrule *rule;
  int64_t dtstart_s;
  struct civil_time start;
};

static bool has(const struct naive *naive, enum rrule_part part, int n, int n_last)
{
  const struct rrule_numbers *numbers = &naive->rule->numbers[part];
  if (!rrule_has(naive->rule, part))
    return true;
  return (numbers->plus[n / 64] >> n % 64 & 1) ||
         (n_last && numbers->minus[n_last / 64] >> n_last % 64 & 1);
}

static int64_t week_of(const struct naive *naive, int64_t day)
{
  while (civil_weekday(day) != naive->rule->week_start)
    day--;
  return day;
}

/* The first day of the week-year: the week with at least four days in the year. */
static int64_t first_week(const struct naive *naive, int year)
{
  int64_t new_year = civil_to_days(year, 1, 1), week = week_of(naive, new_year);
  return new_year - week <= 3 ? week : week + 7;
}

static bool is_week_allowed(const struct naive *naive, int64_t day, int year)
{
  int week_year = year + 1;
  while (first_week(naive, week_year) > day)
    week_year--;
  int n = (int)((day - first_week(naive, week_year)) / 7) + 1;
  int weeks = (int)((first_week(naive, week_year + 1) - first_week(naive, week_year)) / 7);
  return has(naive, RRULE_BYWEEKNO, n, weeks + 1 - n);
}

static bool is_weekday_allowed(const struct naive *naive, int64_t day, struct civil_date date)
{
  const struct rrule *rule = naive->rule;
  int weekday = civil_weekday(day), n = 0, n_last = 0;
  if (!rrule_has(rule, RRULE_BYDAY) || rule->weekdays >> weekday & 1)
    return true;
  bool is_of_year = rule->freq == RRULE_YEARLY && !rrule_has(rule, RRULE_BYMONTH);
  int64_t first = civil_to_days(date.year, is_of_year ? 1 : date.month, 1);
  int64_t end = is_of_year         ? civil_to_days(date.year + 1, 1, 1)
                : date.month == 12 ? civil_to_days(date.year + 1, 1, 1)
                                   : civil_to_days(date.year, date.month + 1, 1);
  for (int64_t d = day; d >= first; d -= 7)
    n++;
  for (int64_t d = day; d < end; d += 7)
    n_last++;
  return (rule->nth[weekday] >> n & 1) || (rule->nth_last[weekday] >> n_last & 1);
}

static bool is_date_allowed(const struct naive *naive, int64_t day)
{
  const struct rrule *rule = naive->rule;
  struct civil_date date = civil_from_days(day);
  int length = civil_month_days(date.year, date.month);
  int of_year = (int)(day - civil_to_days(date.year, 1, 1)) + 1;
  int of_year_last = (int)(civil_to_days(date.year + 1, 1, 1) - day);
  bool is_dated = rrule_has(rule, RRULE_BYDAY) || rrule_has(rule, RRULE_BYMONTHDAY) ||
                  rrule_has(rule, RRULE_BYYEARDAY) || rrule_has(rule, RRULE_BYWEEKNO);
  if (!is_dated && rule->freq <= RRULE_MONTHLY && date.day != naive->start.date.day)
    return false;
  if (!is_dated && rule->freq == RRULE_YEARLY && !rrule_has(rule, RRULE_BYMONTH) &&
      date.month != naive->start.date.month)
    return false;
  if (!is_dated && rule->freq == RRULE_WEEKLY &&
      civil_weekday(day) != civil_weekday(civil_day_of(naive->dtstart_s)))
    return false;
  return has(naive, RRULE_BYMONTH, date.month, 0) &&
         has(naive, RRULE_BYMONTHDAY, date.day, length + 1 - date.day) &&
         has(naive, RRULE_BYYEARDAY, of_year, of_year_last) &&
         is_weekday_allowed(naive, day, date) && is_week_allowed(naive, day, date.year);
}

static bool is_time_allowed(const struct naive *naive, int64_t s)
{
  enum rrule_freq freq = naive->rule->freq;
  int hour = (int)(s / 3600), minute = (int)(s / 60 % 60), second = (int)(s % 60);
  if (!rrule_has(naive->rule, RRULE_BYHOUR) && freq <= RRULE_DAILY && hour != naive->start.hour)
    return false;
  if (!rrule_has(naive->rule, RRULE_BYMINUTE) && freq <= RRULE_HOURLY &&
      minute != naive->start.minute)
    return false;
  if (!rrule_has(naive->rule, RRULE_BYSECOND) && freq <= RRULE_MINUTELY &&
      second != naive->start.second)
    return false;
  return has(naive, RRULE_BYHOUR, hour, 0) && has(naive, RRULE_BYMINUTE, minute, 0) &&
         has(naive, RRULE_BYSECOND, second, 0);
}

/* How many periods after that of DTSTART; negative before it. */
static int64_t period_of(const struct naive *naive, int64_t local_s)
{
  int64_t day = civil_day_of(local_s), start_day = civil_day_of(naive->dtstart_s);
  struct civil_date date = civil_from_days(day);
  switch (naive->rule->freq) {
  case RRULE_YEARLY:
    return date.year - naive->start.date.year;
  case RRULE_MONTHLY:
    return (date.year - naive->start.date.year) * 12 + date.month - naive->start.date.month;
  case RRULE_WEEKLY:
    return (week_of(naive, day) - week_of(naive, start_day)) / 7;
  case RRULE_DAILY:
    return day - start_day;
  case RRULE_HOURLY:
    return local_s / 3600 - naive->dtstart_s / 3600;
  case RRULE_MINUTELY:
    return local_s / 60 - naive->dtstart_s / 60;
  default:
    return local_s - naive->dtstart_s;
  }
}

/* The local times in [from_s, until_s) by all parts but BYSETPOS. */
static size_t scan(const struct naive *naive, int64_t from_s, int64_t until_s, int64_t *matches)
{
  int64_t step_s = naive->rule->freq == RRULE_SECONDLY ? 1 : 60;
  size_t count = 0;
  for (int64_t day_s = from_s; day_s < until_s; day_s += CIVIL_DAY_S) {
    if (!is_date_allowed(naive, day_s / CIVIL_DAY_S))
      continue;
    for (int64_t s = naive->start.second % step_s; s < CIVIL_DAY_S; s += step_s) {
      if (!is_time_allowed(naive, s))
        continue;
      int64_t period = period_of(naive, day_s + s);
      if (period >= 0 && period % naive->rule->interval == 0 && count < MATCHES_MAX)
        matches[count++] = day_s + s;
    }
  }
  return count;
}

/* Keeps those that BYSETPOS names, then those from DTSTART on. */
static size_t choose(const struct naive *naive, int64_t *matches, size_t count)
{
  size_t kept = 0;
  for (size_t begin = 0, end; begin < count; begin = end) {
    int64_t period = period_of(naive, matches[begin]);
    for (end = begin; end < count && period_of(naive, matches[end]) == period;)
      end++;
    for (size_t i = begin; i < end; i++) {
      size_t n = i - begin + 1, n_last = end - i;
      const struct rrule_numbers *set = &naive->rule->numbers[RRULE_BYSETPOS];
      bool is_chosen = !rrule_has(naive->rule, RRULE_BYSETPOS) ||
                       (n <= 366 && set->plus[n / 64] >> n % 64 & 1) ||
                       (n_last <= 366 && set->minus[n_last / 64] >> n_last % 64 & 1);
      if (is_chosen && matches[i] >= naive->dtstart_s)
        matches[kept++] = matches[i];
    }
  }
  return kept;
}

/* ---- the comparison ---- */

static void compare(const struct rrule_series *series, const char *text, const int64_t *matches,
                    size_t count, int64_t until_s)
{
  uint32_t steps = 0;
  int64_t at_s = INT64_MIN, found_s;
  size_t i = 0;
  while (rrule_series_next(series, at_s, &found_s, &steps) && found_s < until_s) {
    if (i == count || found_s != matches[i])
      fail_msg("%s from %lld: number %zu is %lld, not %lld", text, (long long)series->dtstart_s, i,
               (long long)found_s, i < count ? (long long)matches[i] : 0);
    at_s = found_s + 1;
    i++;
  }
  if (i != count)
    fail_msg("%s from %lld: %zu instances, not %zu", text, (long long)series->dtstart_s, i, count);
  for (int round = 0; round < 4 && count; round++) {
    size_t from = (size_t)draw(0, (int)count - 1), end = (size_t)draw((int)from, (int)count - 1);
    int64_t counted = rrule_series_count(series, matches[from] + draw(0, 1), matches[end]);
    if (counted < (int64_t)(end - from) - 1 || counted > (int64_t)(end - from))
      fail_msg("%s from %lld: counts %lld, not %zu", text, (long long)series->dtstart_s,
               (long long)counted, end - from);
    assert_int_equal(rrule_series_count(series, matches[from], matches[end]), end - from);
  }
}

static void agrees_with_a_scan(void **state)
{
  (void)state;
  static const int window_days[] = {0, 0, 0, 200, 60, 10, 2};
  int64_t *matches = memory_alloc(MATCHES_MAX * sizeof *matches);
  struct buffer text = {0};
  size_t sum = 0;
  for (int i = 0; i < RULES; i++) {
    struct rrule rule;
    struct rrule_series series;
    struct error error = {0};
    make_rule(&text);
    if (rrule_parse(text.data, &rule, &error))
      fail_msg("%s: %s", text.data, error.text);
    int year = draw(1970, 2030);
    int64_t new_year = civil_to_days(year, 1, 1);
    int64_t dtstart_s = (new_year + draw(0, 364)) * CIVIL_DAY_S + draw(0, 1439) * 60;
    if (rule.freq == RRULE_SECONDLY)
      dtstart_s += draw(0, 59);
    /* Whole years; for what is finer than weeks some days; and the last week may be cut. */
    int64_t from_day = rule.freq > RRULE_WEEKLY ? civil_day_of(dtstart_s) : new_year - 7;
    int64_t until_day = rule.freq > RRULE_WEEKLY ? from_day + window_days[rule.freq]
                                                 : civil_to_days(year + draw(2, 5), 1, 1);
    struct naive naive = {&rule, dtstart_s, civil_from_seconds(dtstart_s)};
    size_t count = scan(&naive, from_day * CIVIL_DAY_S, until_day * CIVIL_DAY_S, matches);
    if (count == MATCHES_MAX)
      continue;
    count = choose(&naive, matches, count);
    int64_t until_s = (until_day - (rule.freq == RRULE_WEEKLY ? 7 : 0)) * CIVIL_DAY_S;
    while (count && matches[count - 1] >= until_s)
      count--;
    rrule_series_init(&series, &rule, dtstart_s, INT64_MAX);
    compare(&series, text.data, matches, count, until_s);
    rrule_series_deinit(&series);
    sum += count;
  }
  assert_true(sum > 100000);
  buffer_deinit(&text);
  free(matches);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_a_scan)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
