/* The reason for which a rule never fires, in the words of the part that a person would change. It
 * is found by leaving a part out and looking again. */
#include "time/civil.h"
#include "trigger/rrule.h"

/* Whether the rule has an instance by itself when `part` is left out. */
static bool fires_without(const struct rrule *of, int64_t dtstart_s, enum rrule_part part)
{
  struct rrule rule = *of;
  struct rrule_series series;
  int64_t found_s;
  uint32_t steps = 0;
  rule.given &= ~(UINT32_C(1) << part | UINT32_C(1) << RRULE_COUNT);
  rrule_series_init(&series, &rule, dtstart_s, INT64_MAX);
  bool fires = rrule_series_next(&series, INT64_MIN, &found_s, &steps);
  rrule_series_deinit(&series);
  return fires;
}

/* All dates of BYMONTHDAY lie behind the ends of the months. */
static bool has_no_such_day(const struct rrule *rule)
{
  const struct rrule_numbers *days = &rule->numbers[RRULE_BYMONTHDAY];
  if (!rrule_has(rule, RRULE_BYMONTH) || !rrule_has(rule, RRULE_BYMONTHDAY))
    return false;
  for (int32_t month = 1; month <= 12; month++)
    if (rule->numbers[RRULE_BYMONTH].plus[0] >> month & 1 &&
        (days->plus[0] | days->minus[0]) & ((UINT64_C(2) << civil_month_days(2000, month)) - 1))
      return false;
  return true;
}

static enum error_code refuse_days(const struct rrule *rule, struct error *error)
{
  uint64_t months = rule->numbers[RRULE_BYMONTH].plus[0];
  uint64_t days = rule->numbers[RRULE_BYMONTHDAY].plus[0];
  if (months & (months - 1) || !days || days & (days - 1))
    return error_set(error, ERROR_INVALID,
                     "never fires: no month of BYMONTH has a day of BYMONTHDAY");
  return error_set(error, ERROR_INVALID, "never fires: %s has no day %d",
                   civil_month_name(__builtin_ctzll(months)), __builtin_ctzll(days));
}

enum error_code rrule_refuse_never(const struct rrule *rule, const struct rrule_series *series,
                                   bool has_exdates, struct error *error)
{
  int64_t dtstart_s = series ? series->dtstart_s : 0, found_s;
  uint32_t steps = 0;
  if (has_no_such_day(rule))
    return refuse_days(rule, error);
  if (has_exdates && series && rrule_series_next(series, INT64_MIN, &found_s, &steps))
    return error_set(error, ERROR_INVALID, "never fires: exdate takes away every instance");
  if (rrule_has(rule, RRULE_UNTIL) && fires_without(rule, dtstart_s, RRULE_UNTIL))
    return error_set(error, ERROR_INVALID, "never fires: UNTIL is before the first instance");
  if (rrule_has(rule, RRULE_BYSETPOS) && fires_without(rule, dtstart_s, RRULE_BYSETPOS))
    return error_set(error, ERROR_INVALID,
                     "never fires: BYSETPOS is larger than the number of instances in a period");
  return error_set(error, ERROR_INVALID,
                   "never fires: no time up to the year 9999 has all that its parts ask for");
}
