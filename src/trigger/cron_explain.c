/* A cron schedule as an English sentence: the time of day (cron_explain_time.c), then the days,
 * months, weeks and years, each left out when it restricts nothing. What is said follows from what
 * matches, not from how it was written, so that all dialects are explained alike. */
#include "time/civil.h"
#include "trigger/cron.h"
#include "trigger/cron_words.h"

enum { LAST = 0, NTH_MAX = 5, OFFSET_MAX = 30, DATES_MAX = 3 };

/* ---- weekdays ---- */

/* Monday is 1, Sunday 7. */
static const char *weekday_name(int32_t weekday)
{
  static const char *const names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
  return names[weekday % 7];
}

static uint64_t monday_first(uint8_t weekdays)
{
  return (uint64_t)((weekdays & 0x7e) | (weekdays & 1) << 7);
}

/* Behind `before` "Monday to Friday", "Friday to Monday"; behind `before` and `article` "Monday and
 * Friday". */
static void put_weekdays(struct buffer *out, uint8_t weekdays, const char *before,
                         const char *article, const char *conjunction)
{
  struct cron_shape shape = cron_shape_of(monday_first(weekdays), 1, 7);
  buffer_append_text(out, before);
  if (shape.kind == SHAPE_RUN) {
    buffer_printf(out, "%s to %s", weekday_name(shape.first), weekday_name(shape.last));
    return;
  }
  buffer_append_text(out, article);
  cron_put_values(out, shape.mask, weekday_name, conjunction);
}

/* ---- dates ---- */

/* "the 2nd and last Friday of the month" */
static void add_nth(struct cron_items *items, const struct cron_special *special, int32_t weekday)
{
  struct cron_items ordinals = {0};
  struct buffer text = {0};
  char ordinal[16];
  for (int32_t n = 1; n <= NTH_MAX; n++)
    if (special->nth[n] >> weekday % 7 & 1)
      cron_items_add(&ordinals, "%s", cron_ordinal(ordinal, n));
  if (special->nth[LAST] >> weekday % 7 & 1)
    cron_items_add(&ordinals, "last");
  if (ordinals.count == 0)
    return;
  cron_items_put(&text, &ordinals, "and");
  cron_items_add(items, "the %s %s of the month", text.data, weekday_name(weekday));
  buffer_deinit(&text);
}

/* The special dates, each with its article. */
static void add_special(struct cron_items *items, const struct cron_special *special)
{
  char text[16];
  for (int32_t weekday = 1; weekday <= 7; weekday++)
    add_nth(items, special, weekday);
  for (uint32_t left = special->nearest; left; left &= left - 1)
    cron_items_add(items, "the weekday nearest to day %d of the month", __builtin_ctz(left));
  for (int32_t n = OFFSET_MAX; n > 0; n--) {
    const char *nth = n == 1 ? "" : cron_ordinal(text, n), *space = n == 1 ? "" : " ";
    if (special->last_days >> n & 1)
      cron_items_add(items, "the %s%sday before the last of the month", nth, space);
    if (special->nearest_last >> n & 1)
      cron_items_add(items, "the weekday nearest to the %s%sday before the last of the month", nth,
                     space);
  }
  if (special->nearest_last & 1)
    cron_items_add(items, "the last weekday of the month");
  if (special->last_days & 1)
    cron_items_add(items, "the last day of the month");
}

/* "every 2nd day of the month from day 3", "day 1, 2 and 15 of the month" */
static void add_days(struct cron_items *items, uint32_t days)
{
  struct cron_shape shape = cron_shape_of(days, 1, 31);
  char text[16];
  if (shape.kind == SHAPE_STEPS && shape.last + shape.step > 31) {
    const char *nth = cron_ordinal(text, shape.step);
    if (shape.first == 1)
      cron_items_add(items, "every %s day of the month", nth);
    else
      cron_items_add(items, "every %s day of the month from day %d", nth, shape.first);
    return;
  }
  struct buffer values = {0};
  cron_put_values(&values, days, NULL, "and");
  cron_items_add(items, "day %s of the month", values.data);
  buffer_deinit(&values);
}

/* `special` is NULL when it has no dates. */
static void put_days(struct buffer *out, const struct cron_fields *fields,
                     const struct cron_special *special)
{
  struct cron_items dates = {0};
  bool has_weekdays = fields->weekdays != CRON_ALL_WEEKDAYS;
  if (fields->days && fields->days != CRON_ALL_DAYS)
    add_days(&dates, fields->days);
  if (special)
    add_special(&dates, special);
  if (dates.count > 0) {
    buffer_append_text(out, ", on ");
    cron_items_put(out, &dates, "and");
  }
  if (has_weekdays && dates.count == 0)
    put_weekdays(out, fields->weekdays, ", ", "on ", "and");
  else if (has_weekdays && fields->is_either)
    put_weekdays(out, fields->weekdays, " or ", "on ", "or");
  else if (has_weekdays)
    put_weekdays(out, fields->weekdays, " when that is ", "a ", "or");
}

/* ---- months and years ---- */

/* Whether days and months are no more than "1 and 15 March". */
static bool is_calendar_date(const struct cron_fields *fields, bool has_special_dates)
{
  return !has_special_dates && fields->weekdays == CRON_ALL_WEEKDAYS &&
         __builtin_popcount(fields->months) == 1 && __builtin_popcount(fields->days) <= DATES_MAX;
}

/* "June to August", "November to February", "January and July" */
static void put_months(struct buffer *out, uint16_t months)
{
  struct cron_shape shape = cron_shape_of(months, 1, 12);
  buffer_append_text(out, ", in ");
  if (shape.kind == SHAPE_RUN)
    buffer_printf(out, "%s to %s", civil_month_name(shape.first), civil_month_name(shape.last));
  else
    cron_put_values(out, months, civil_month_name, "and");
}

static void put_calendar_date(struct buffer *out, const struct cron_fields *fields)
{
  buffer_append_text(out, ", on ");
  cron_put_values(out, fields->days, NULL, "and");
  buffer_printf(out, " %s", civil_month_name(__builtin_ctz(fields->months)));
}

static void put_years(struct buffer *out, const struct cron_special *special)
{
  struct cron_items items = {0};
  char text[16];
  for (int i = 0; i < special->year_count; i++) {
    const struct cron_years *years = &special->years[i];
    int32_t from = years->from, step = years->step;
    int32_t last = from + (years->until - from) / step * step;
    if (last == from)
      cron_items_add(&items, "%d", from);
    else if (step == 1)
      cron_items_add(&items, "%d to %d", from, last);
    else
      cron_items_add(&items, "every %s year from %d to %d", cron_ordinal(text, step), from, last);
  }
  buffer_append_text(out, ", in ");
  cron_items_put(out, &items, "and");
}

/* ---- the whole ---- */

/* Whether it has dates beside those of the fields. */
static bool adds_dates(const struct cron_special *special, const struct cron_fields *fields)
{
  if (!special || fields->days == CRON_ALL_DAYS)
    return false;
  struct cron_special dates = *special;
  dates.weeks = 0;
  dates.year_count = 0;
  return !cron_special_is_empty(&dates);
}

static bool is_every_date(const struct cron_fields *fields)
{
  bool has_all_days = fields->days == CRON_ALL_DAYS;
  bool has_all_weekdays = fields->weekdays == CRON_ALL_WEEKDAYS;
  return fields->is_either ? has_all_days || has_all_weekdays : has_all_days && has_all_weekdays;
}

void cron_explain_fields(const struct cron_fields *fields, const struct cron_special *special,
                         struct buffer *out)
{
  bool is_times = cron_explain_time(fields, out);
  bool is_special = adds_dates(special, fields);
  bool is_date = !is_every_date(fields) && is_calendar_date(fields, is_special);
  if (is_date)
    put_calendar_date(out, fields);
  else if (is_special || !is_every_date(fields))
    put_days(out, fields, is_special ? special : NULL);
  else if (is_times)
    buffer_append_text(out, ", every day");
  if (!is_date && fields->months != CRON_ALL_MONTHS)
    put_months(out, fields->months);
  if (special && special->weeks) {
    buffer_append_text(out, ", in ISO week ");
    cron_put_values(out, special->weeks, NULL, "and");
  }
  if (special && special->year_count)
    put_years(out, special);
}
