/* Schedules that never fire are refused when they are read, with the reason: the common one is a
 * date that none of the months has. That there is no match is found by the search that next makes,
 * which for plain schedules ends after the 400 years in which the calendar repeats, and for special
 * ones passes over the years of a kind without a match (cron_special.c); so it is short. */
#include "time/civil.h"
#include "trigger/cron_fields.h"

enum { FEBRUARY = 2, LEAP_DAY = 29 };

static bool has_all_dates(const struct cron_fields *fields)
{
  return fields->days == CRON_ALL_DAYS;
}

static bool has_all_weekdays(const struct cron_fields *fields)
{
  return fields->weekdays == CRON_ALL_WEEKDAYS;
}

static int32_t longest_month(const struct cron_fields *fields)
{
  int32_t longest = 0;
  for (int32_t month = 1; month <= 12; month++)
    if (fields->months >> month & 1 && civil_month_days(2000, month) > longest)
      longest = civil_month_days(2000, month);
  return longest;
}

/* The least date of the schedule, when plain dates are all that it has; else 0. */
static int32_t least_date(const struct cron_fields *fields, const struct cron_special *special)
{
  uint32_t dates = fields->days;
  if (special) {
    uint8_t any_nth = 0;
    for (int n = 0; n <= 5; n++)
      any_nth |= special->nth[n];
    if (any_nth || special->last_days || special->nearest_last)
      return 0;
    dates |= special->nearest;
  }
  return dates ? __builtin_ctz(dates) : 0;
}

/* The offset from the last day when that is all that it has; else 0. */
static int32_t least_offset(const struct cron_fields *fields, const struct cron_special *special)
{
  uint32_t offsets = special ? special->last_days | special->nearest_last : 0;
  return offsets && !fields->days && !special->nearest ? __builtin_ctz(offsets) : 0;
}

/* The parts of a day that do not meet: "date, weekday and ISO week". */
static const char *parts_of(const struct cron_fields *fields, const struct cron_special *special)
{
  static const char *const parts[] = {"day",
                                      "date",
                                      "weekday",
                                      "date and weekday",
                                      "ISO week",
                                      "date and ISO week",
                                      "weekday and ISO week",
                                      "date, weekday and ISO week"};
  bool has_weeks = special && special->weeks;
  return parts[!has_all_dates(fields) + 2 * !has_all_weekdays(fields) + 4 * has_weeks];
}

static enum error_code say_never(const struct cron_fields *fields,
                                 const struct cron_special *special, struct error *error)
{
  bool is_one_month = __builtin_popcount(fields->months) == 1;
  const char *month = is_one_month ? civil_month_name(__builtin_ctz(fields->months)) : "";
  int32_t longest = longest_month(fields), date = least_date(fields, special);
  int32_t offset = least_offset(fields, special);
  if (date > longest && is_one_month)
    return error_set(error, ERROR_INVALID, "never fires: %s has no day %d", month, date);
  if (date > longest)
    return error_set(error, ERROR_INVALID, "never fires: none of its months has a day %d", date);
  if (offset >= longest)
    return error_set(error, ERROR_INVALID,
                     "never fires: no day of its months is %d days before the last", offset);
  if (special && special->year_kinds && fields->months == 1 << FEBRUARY && date == LEAP_DAY)
    return error_set(error, ERROR_INVALID, "never fires: none of its years has a 29 February");
  if (special && special->year_kinds)
    return error_set(error, ERROR_INVALID, "never fires: none of its years has such a day");
  return error_set(error, ERROR_INVALID, "never fires: no day of %s has this %s",
                   is_one_month ? month : "its months", parts_of(fields, special));
}

enum error_code cron_fields_finish(struct cron_fields *fields, struct cron_special *special,
                                   struct error *error)
{
  bool is_plain = fields->months == CRON_ALL_MONTHS && !special;
  bool has_dates = has_all_dates(fields), has_weekdays = has_all_weekdays(fields);
  fields->is_every_day =
      is_plain && (fields->is_either ? has_dates || has_weekdays : has_dates && has_weekdays);
  fields->is_weekly = is_plain && has_dates && !fields->is_either;
  if (special)
    cron_special_try_years(fields, special);
  int64_t match_s;
  if (cron_fields_next(fields, special, CIVIL_SECONDS_MIN, &match_s))
    return ERROR_OK;
  return say_never(fields, special, error);
}
