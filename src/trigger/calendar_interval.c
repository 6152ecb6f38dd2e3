/* Every so many years, months, weeks and days at a time of day, from a date on:
 * {"kind":"calendar_interval","months":"1","at":"09:30","start":"2026-01-31"}.
 *
 * The k-th date is the start and k times the years and months, and k times the weeks and days
 * behind that. A month that lacks the start's day is passed over: from 31 January, monthly means
 * January, March, May; from 29 February, yearly means leap years (APScheduler 4 does the same).
 * Being counted from the start, a day never creeps (31, 28, 28), and any k can be computed by
 * itself: the days of 4800 months are known, so a division finds the k of a date but for a step or
 * two.
 *
 * A local time in a gap is passed over that day, and one that occurs twice fires at the first;
 * "gap" and "overlap" change that. "start" and "end" are dates of the zone, both inclusive. Without
 * a start the day of anchoring is the first, and JSON calls it "anchor". An end that has passed at
 * anchoring leaves a trigger without fires, as in interval.c. Immutable after anchoring. */
#include "time/instant.h"
#include "trigger/kind.h"
#include "trigger/member.h"
#include "trigger/wall.h"

enum { CYCLE_MONTHS = 4800, CYCLE_DAYS = 146097, MONTHS_END = 12 * (CIVIL_YEAR_MAX + 1) };

struct calendar_interval {
  struct trigger base;
  const struct zone *zone;
  int64_t start_day;                  /* since 1970; of the grid */
  int64_t end_day;                    /* the calendar's last: none */
  int64_t start_month;                /* since the year 0 */
  int64_t step_months, step_days;     /* all of the parts */
  int32_t years, months, weeks, days; /* as written */
  int32_t start_month_day;
  int32_t at_s; /* of the day */
  struct wall_rules rules;
  enum { ORIGIN_NONE, ORIGIN_START, ORIGIN_ANCHOR } origin;
};

static const struct wall_rules default_rules = {WALL_GAP_SKIP, WALL_OVERLAP_FIRST};

static int64_t last_day(void)
{
  return civil_day_of(CIVIL_SECONDS_MAX);
}

static const struct calendar_interval *of_trigger(const struct trigger *trigger)
{
  return (const struct calendar_interval *)trigger;
}

/* ---- the dates ---- */

/* The k-th date; a day that its month lacks counts on into the next, so that the dates ascend.
 * INT64_MAX behind the calendar. */
static int64_t date_of(const struct calendar_interval *c, int64_t k)
{
  int64_t month = c->start_month + k * c->step_months;
  if (month >= MONTHS_END)
    return INT64_MAX;
  return civil_to_days((int32_t)(month / 12), (int32_t)(month % 12) + 1, c->start_month_day) +
         k * c->step_days;
}

static bool has_day(const struct calendar_interval *c, int64_t k)
{
  int64_t month = c->start_month + k * c->step_months;
  return c->start_month_day <= 28 ||
         c->start_month_day <= civil_month_days((int32_t)(month / 12), (int32_t)(month % 12) + 1);
}

/* The least k whose date is at or after `day`. The division errs by the days by which years and
 * months differ from their mean. */
static int64_t index_from(const struct calendar_interval *c, int64_t day)
{
  if (day <= c->start_day)
    return 0;
  int64_t k = (day - c->start_day) * CYCLE_MONTHS /
              (CYCLE_DAYS * c->step_months + CYCLE_MONTHS * c->step_days);
  while (k > 0 && date_of(c, k - 1) >= day)
    k--;
  while (date_of(c, k) < day)
    k++;
  return k;
}

/* The least k that is at or after a local second, or behind the end. */
static int64_t index_at(const struct calendar_interval *c, int64_t local_s)
{
  int64_t day = civil_day_of(local_s - c->at_s + CIVIL_DAY_S - 1);
  return index_from(c, day > c->end_day ? c->end_day + 1 : day);
}

static bool next_match(const void *of, int64_t local_s, int64_t *match_s)
{
  const struct calendar_interval *c = of;
  int64_t k = index_at(c, local_s), day;
  for (; (day = date_of(c, k)) <= c->end_day; k++)
    if (has_day(c, k)) {
      *match_s = day * CIVIL_DAY_S + c->at_s;
      return true;
    }
  return false;
}

/* How many of the dates [from, until) exist; which months lack a day repeats after 400 years. */
static int64_t count_dates(const struct calendar_interval *c, int64_t from, int64_t until)
{
  int64_t number = until > from ? until - from : 0;
  if (c->start_month_day <= 28 || c->step_months == 0)
    return number;
  int64_t cycles = number / CYCLE_MONTHS, rest = number % CYCLE_MONTHS, in_cycle = 0, in_rest = 0;
  for (int64_t i = 0; i < (cycles ? CYCLE_MONTHS : rest); i++) {
    bool has = has_day(c, from + i);
    in_cycle += has;
    in_rest += has && i < rest;
  }
  return cycles * in_cycle + in_rest;
}

static int64_t count_matches(const void *of, int64_t from_s, int64_t until_s)
{
  return count_dates(of, index_at(of, from_s), index_at(of, until_s));
}

static struct wall_source source_of(const struct calendar_interval *c)
{
  return (struct wall_source){c, next_match, count_matches};
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct calendar_interval *c = of_trigger(trigger);
  struct wall_source source = source_of(c);
  return c->origin != ORIGIN_NONE && wall_next_us(&source, c->zone, c->rules, after_us, next_us);
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  const struct calendar_interval *c = of_trigger(trigger);
  struct wall_source source = source_of(c);
  if (c->origin == ORIGIN_NONE)
    return 0;
  return wall_count_us(&source, c->zone, c->rules, after_us, until_us, last_us);
}

static bool matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  const struct calendar_interval *c = of_trigger(trigger);
  int64_t match_s;
  return c->origin != ORIGIN_NONE && next_match(c, from_s, &match_s) && match_s < until_s;
}

/* ---- reading and writing ---- */

static void set_start(struct calendar_interval *c, int64_t day, int origin)
{
  struct civil_date date = civil_from_days(day);
  c->origin = origin;
  c->start_day = day;
  c->start_month = (int64_t)date.year * 12 + date.month - 1;
  c->start_month_day = date.day;
}

static enum error_code read_steps(struct calendar_interval *c, const struct json *value,
                                  struct error *error)
{
  struct {
    const char *name;
    int32_t *count;
    int64_t high;
  } parts[] = {
      {"years", &c->years, CIVIL_YEAR_MAX},
      {"months", &c->months, CIVIL_YEAR_MAX * 12},
      {"weeks", &c->weeks, CIVIL_YEAR_MAX * 53},
      {"days", &c->days, CIVIL_YEAR_MAX * 366},
  };
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    int64_t count = 0;
    if (member_integer(value, parts[i].name, 0, parts[i].high, &count, error))
      return ERROR_INVALID;
    *parts[i].count = (int32_t)count;
  }
  c->step_months = c->years * 12 + c->months;
  c->step_days = c->weeks * 7 + c->days;
  if (!c->step_months && !c->step_days)
    return error_set(error, ERROR_INVALID, "one of years, months, weeks and days must be over 0");
  return ERROR_OK;
}

/* "at", or "hour", "minute" and "second". */
static enum error_code read_at(struct calendar_interval *c, const struct json *value,
                               struct error *error)
{
  static const struct {
    const char *name;
    int32_t high, seconds;
  } parts[] = {{"hour", 23, 3600}, {"minute", 59, 60}, {"second", 59, 1}};
  bool has_at = member_find(value, "at");
  if (member_clock(value, "at", &c->at_s, error))
    return ERROR_INVALID;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    int64_t count = 0;
    if (has_at && member_find(value, parts[i].name))
      return error_set(error, ERROR_INVALID, "\"at\" and \"%s\" exclude each other", parts[i].name);
    if (member_integer(value, parts[i].name, 0, parts[i].high, &count, error))
      return ERROR_INVALID;
    c->at_s += (int32_t)count * parts[i].seconds;
  }
  return ERROR_OK;
}

static enum error_code read_dates(struct calendar_interval *c, const struct json *value,
                                  struct error *error)
{
  int64_t start_day = INT64_MIN, anchor_day = INT64_MIN;
  c->end_day = last_day();
  if (member_date(value, "start", &start_day, error) ||
      member_date(value, "anchor", &anchor_day, error) ||
      member_date(value, "end", &c->end_day, error))
    return ERROR_INVALID;
  if (anchor_day != INT64_MIN) {
    if (start_day != INT64_MIN)
      return error_set(error, ERROR_INVALID, "\"start\" and \"anchor\" exclude each other");
    set_start(c, anchor_day, ORIGIN_ANCHOR);
  } else if (start_day != INT64_MIN) {
    set_start(c, start_day, ORIGIN_START);
  }
  if (c->origin == ORIGIN_START && start_day > c->end_day) {
    char start[MEMBER_TEXT_SIZE], end[MEMBER_TEXT_SIZE];
    return error_set(error, ERROR_INVALID, "never fires: the end %s is before the start %s",
                     member_date_text(end, c->end_day), member_date_text(start, start_day));
  }
  return ERROR_OK;
}

static enum error_code read_members(struct trigger *trigger, const struct json *value,
                                    const char *default_zone, struct error *error)
{
  struct calendar_interval *c = (struct calendar_interval *)trigger;
  c->rules = default_rules;
  enum error_code code = member_zone(value, default_zone, &c->zone, error);
  if (code)
    return code;
  if (read_steps(c, value, error) || read_at(c, value, error) || read_dates(c, value, error) ||
      wall_read_rules(value, &c->rules, error))
    return ERROR_INVALID;
  int64_t fire_us;
  if (c->origin == ORIGIN_START && !next(trigger, INT64_MIN, &fire_us))
    return error_set(error, ERROR_INVALID,
                     "never fires: %s lacks the local times between the start and the end",
                     zone_name(c->zone));
  return ERROR_OK;
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  return member_read_all(&calendar_interval_kind, sizeof(struct calendar_interval), read_members,
                         value, default_zone, trigger, error);
}

static void anchor(struct trigger *trigger, int64_t now_us, const char *seed)
{
  (void)seed;
  struct calendar_interval *c = (struct calendar_interval *)trigger;
  if (c->origin != ORIGIN_NONE)
    return;
  int64_t utc_s = instant_seconds(now_us), first_day = civil_day_of(CIVIL_SECONDS_MIN);
  int64_t day = utc_s < CIVIL_SECONDS_MIN ? first_day
                : utc_s > CIVIL_SECONDS_MAX
                    ? last_day()
                    : civil_day_of(utc_s + zone_at(c->zone, utc_s).offset_s);
  set_start(c, day < first_day ? first_day : day > last_day() ? last_day() : day, ORIGIN_ANCHOR);
}

static void to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct calendar_interval *c = of_trigger(trigger);
  member_put_count(writer, "years", c->years);
  member_put_count(writer, "months", c->months);
  member_put_count(writer, "weeks", c->weeks);
  member_put_count(writer, "days", c->days);
  member_put_clock(writer, "at", c->at_s);
  if (c->origin != ORIGIN_NONE)
    member_put_date(writer, c->origin == ORIGIN_START ? "start" : "anchor", c->start_day);
  if (c->end_day != last_day())
    member_put_date(writer, "end", c->end_day);
  json_put_text(writer, "timezone", zone_name(c->zone));
  wall_put_rules(writer, c->rules, default_rules);
}

/* ---- explaining ---- */

/* "Every 2 years 3 months", "Every week". */
static void say_steps(const struct calendar_interval *c, struct buffer *out)
{
  const struct {
    int64_t count;
    const char *unit;
  } parts[] = {{c->step_months / 12, "year"},
               {c->step_months % 12, "month"},
               {c->step_days / 7, "week"},
               {c->step_days % 7, "day"}};
  int units = 0;
  for (int i = 0; i < 4; i++)
    units += parts[i].count > 0;
  buffer_append_text(out, "Every");
  for (int i = 0; i < 4; i++)
    if (parts[i].count == 1 && units == 1)
      buffer_printf(out, " %s", parts[i].unit);
    else if (parts[i].count)
      buffer_printf(out, " %d %s%s", (int)parts[i].count, parts[i].unit,
                    parts[i].count == 1 ? "" : "s");
}

/* On which day, where it is always the same one. */
static void say_day(const struct calendar_interval *c, struct buffer *out)
{
  int month = (int)(c->start_month % 12) + 1, day = c->start_month_day;
  if (c->step_days && !c->step_months && c->step_days % 7 == 0) {
    buffer_append_text(out, " on ");
    member_say_weekdays(out, (uint8_t)(1u << civil_weekday(c->start_day)));
  } else if (!c->step_days && c->step_months % 12 == 0) {
    buffer_printf(out, " on %d %s", day, civil_month_name(month));
  } else if (!c->step_days) {
    buffer_printf(out, " on day %d", day);
  }
}

static void explain(const struct trigger *trigger, struct buffer *out)
{
  const struct calendar_interval *c = of_trigger(trigger);
  char text[MEMBER_TEXT_SIZE];
  say_steps(c, out);
  if (c->origin != ORIGIN_NONE)
    say_day(c, out);
  buffer_printf(out, " at %s", member_clock_text(text, c->at_s));
  if (c->origin == ORIGIN_NONE)
    buffer_append_text(out, ", from the day on which it is added");
  else
    buffer_printf(out, ", from %s", member_date_text(text, c->start_day));
  if (c->end_day != last_day())
    buffer_printf(out, " until %s", member_date_text(text, c->end_day));
  if (c->origin != ORIGIN_NONE && count_dates(c, 0, CYCLE_MONTHS) < CYCLE_MONTHS)
    buffer_printf(out, ", passing over %s without that day",
                  c->step_months % 12 ? "months" : "years");
  buffer_printf(out, ", %s", zone_name(c->zone));
}

static const char *timezone_of(const struct trigger *trigger)
{
  return zone_name(of_trigger(trigger)->zone);
}

static const char *const members[] = {"years",  "months",   "weeks",  "days",    "at",
                                      "hour",   "minute",   "second", "start",   "end",
                                      "anchor", "timezone", "gap",    "overlap", NULL};
static const struct trigger_word words[] = {{"calendar_interval", NULL}, {0}};

const struct trigger_kind calendar_interval_kind = {
    .name = "calendar_interval",
    .members = members,
    .words = words,
    .from_json = from_json,
    .anchor = anchor,
    .to_json = to_json,
    .next = next,
    .count = count,
    .timezone = timezone_of,
    .explain = explain,
    .matches_local = matches_local,
};
