/* Every so many seconds, minutes or hours between two times of day, on some weekdays, beginning
 * anew each day: {"kind":"daily_interval","every":"1h12m","start_time":"09:00","end_time":"17:00",
 * "weekdays":"mon-fri"}, which Quartz calls a daily time interval.
 *
 * A day has the times start_time + k * every up to end_time, which is one of them if it is met, and
 * at most "repeat" of them. A window does not go over midnight. They are times of the wall clock,
 * and as with a wildcard of cron every instant fires whose wall clock shows one: nothing for an
 * hour that does not occur, and the hour that occurs twice is served twice, so that "every 10
 * minutes" never pauses. That is the default, gap=skip overlap=both, which "gap" and "overlap"
 * change. "start" and "end" are instants and inclusive; they cut the days' times and do not move
 * them. All is absolute, so that there is nothing to anchor. Immutable; any thread. */
#include "time/duration.h"
#include "time/instant.h"
#include "trigger/kind.h"
#include "trigger/member.h"
#include "trigger/wall.h"

enum { DAY_END_S = CIVIL_DAY_S - 1 };

struct daily_interval {
  struct trigger base;
  const struct zone *zone;
  int64_t start_us, end_us;          /* INT64_MIN and INT64_MAX: none */
  int32_t every_s, first_s, until_s; /* until_s as written; of the day */
  int32_t repeat;                    /* 0: as many as there is room for */
  int32_t per_day;                   /* the times of a day */
  struct wall_rules rules;
  uint8_t weekdays; /* bit 0 is Sunday */
};

static const struct wall_rules default_rules = {WALL_GAP_SKIP, WALL_OVERLAP_BOTH};

static const struct daily_interval *of_trigger(const struct trigger *trigger)
{
  return (const struct daily_interval *)trigger;
}

/* ---- fires ---- */

static bool is_on(const struct daily_interval *d, int64_t day)
{
  return d->weekdays & 1u << civil_weekday(day);
}

/* How many of a day's times are before a second of the day. */
static int32_t times_before(const struct daily_interval *d, int32_t second)
{
  if (second <= d->first_s)
    return 0;
  int32_t before = (second - d->first_s - 1) / d->every_s + 1;
  return before < d->per_day ? before : d->per_day;
}

static bool next_match(const void *of, int64_t local_s, int64_t *match_s)
{
  const struct daily_interval *d = of;
  if (local_s > CIVIL_SECONDS_MAX)
    return false;
  int64_t day = civil_day_of(local_s);
  int32_t index = times_before(d, (int32_t)(local_s - day * CIVIL_DAY_S));
  if (index == d->per_day || !is_on(d, day)) {
    index = 0;
    do
      day++;
    while (!is_on(d, day));
  }
  *match_s = day * CIVIL_DAY_S + d->first_s + (int64_t)index * d->every_s;
  return *match_s <= CIVIL_SECONDS_MAX;
}

/* The times before a local second, counted from 4 January 1970, a Sunday; negative before it. */
static int64_t count_before(const struct daily_interval *d, int64_t local_s)
{
  int64_t day = civil_day_of(local_s);
  int32_t weekday = civil_weekday(day);
  int64_t weeks = (day - weekday - 3) / 7; /* without a remainder */
  int64_t days = weeks * __builtin_popcount(d->weekdays) +
                 __builtin_popcount(d->weekdays & ((1u << weekday) - 1));
  return days * d->per_day +
         (is_on(d, day) ? times_before(d, (int32_t)(local_s - day * CIVIL_DAY_S)) : 0);
}

static int64_t count_matches(const void *of, int64_t from_s, int64_t until_s)
{
  return until_s > from_s ? count_before(of, until_s) - count_before(of, from_s) : 0;
}

static struct wall_source source_of(const struct daily_interval *d)
{
  return (struct wall_source){d, next_match, count_matches};
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct daily_interval *d = of_trigger(trigger);
  struct wall_source source = source_of(d);
  if (after_us < d->start_us)
    after_us = d->start_us - 1;
  return wall_next_us(&source, d->zone, d->rules, after_us, next_us) && *next_us <= d->end_us;
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  const struct daily_interval *d = of_trigger(trigger);
  struct wall_source source = source_of(d);
  if (after_us < d->start_us)
    after_us = d->start_us - 1;
  if (until_us > d->end_us)
    until_us = d->end_us;
  return wall_count_us(&source, d->zone, d->rules, after_us, until_us, last_us);
}

static bool matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  int64_t match_s;
  return next_match(of_trigger(trigger), from_s, &match_s) && match_s < until_s;
}

/* ---- reading and writing ---- */

static enum error_code read_every(struct daily_interval *d, const struct json *value,
                                  struct error *error)
{
  int64_t every_us = -1;
  char text[DURATION_TEXT_SIZE];
  if (member_length(value, "every", &every_us, error))
    return ERROR_INVALID;
  if (every_us < 0)
    return error_set(error, ERROR_INVALID, "\"every\" is missing");
  duration_format(text, every_us);
  if (every_us > CIVIL_DAY_S * INT64_C(1000000))
    return error_set(error, ERROR_INVALID, "every %s is over a day", text);
  if (every_us == 0 || every_us % 1000000)
    return error_set(error, ERROR_INVALID, "every %s is not a number of whole seconds above 0",
                     text);
  d->every_s = (int32_t)(every_us / 1000000);
  return ERROR_OK;
}

static enum error_code read_window(struct daily_interval *d, const struct json *value,
                                   struct error *error)
{
  int64_t repeat = 0;
  d->until_s = DAY_END_S;
  if (member_clock(value, "start_time", &d->first_s, error) ||
      member_clock(value, "end_time", &d->until_s, error) ||
      member_integer(value, "repeat", 1, CIVIL_DAY_S, &repeat, error))
    return ERROR_INVALID;
  if (d->until_s < d->first_s) {
    char start[MEMBER_TEXT_SIZE], end[MEMBER_TEXT_SIZE];
    return error_set(error, ERROR_INVALID,
                     "end_time %s is before start_time %s: a window cannot go over midnight",
                     member_clock_text(end, d->until_s), member_clock_text(start, d->first_s));
  }
  d->repeat = (int32_t)repeat;
  d->per_day = (d->until_s - d->first_s) / d->every_s + 1;
  if (d->repeat && d->repeat < d->per_day)
    d->per_day = d->repeat;
  return ERROR_OK;
}

static enum error_code read_members(struct trigger *trigger, const struct json *value,
                                    const char *default_zone, struct error *error)
{
  struct daily_interval *d = (struct daily_interval *)trigger;
  d->rules = default_rules;
  d->weekdays = MEMBER_ALL_WEEKDAYS;
  d->start_us = INT64_MIN;
  d->end_us = INT64_MAX;
  enum error_code code = member_zone(value, default_zone, &d->zone, error);
  if (code)
    return code;
  if (read_every(d, value, error) || read_window(d, value, error) ||
      member_weekdays(value, "weekdays", &d->weekdays, error) ||
      wall_read_rules(value, &d->rules, error) ||
      member_instant(value, "start", d->zone, &d->start_us, error) ||
      member_instant(value, "end", d->zone, &d->end_us, error) ||
      member_check_window(d->start_us, d->end_us, error))
    return ERROR_INVALID;
  int64_t fire_us;
  if (!next(trigger, INT64_MIN, &fire_us))
    return error_set(error, ERROR_INVALID, "never fires between its start and its end");
  return ERROR_OK;
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  return member_read_all(&daily_interval_kind, sizeof(struct daily_interval), read_members, value,
                         default_zone, trigger, error);
}

static void to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct daily_interval *d = of_trigger(trigger);
  member_put_length(writer, "every", d->every_s * INT64_C(1000000));
  if (d->first_s)
    member_put_clock(writer, "start_time", d->first_s);
  if (d->until_s != DAY_END_S)
    member_put_clock(writer, "end_time", d->until_s);
  if (d->weekdays != MEMBER_ALL_WEEKDAYS)
    member_put_weekdays(writer, "weekdays", d->weekdays);
  member_put_count(writer, "repeat", d->repeat);
  if (d->start_us != INT64_MIN)
    member_put_instant(writer, "start", d->start_us);
  if (d->end_us != INT64_MAX)
    member_put_instant(writer, "end", d->end_us);
  json_put_text(writer, "timezone", zone_name(d->zone));
  wall_put_rules(writer, d->rules, default_rules);
}

static void explain(const struct trigger *trigger, struct buffer *out)
{
  const struct daily_interval *d = of_trigger(trigger);
  char text[MEMBER_TEXT_SIZE];
  member_say_every(out, d->every_s * INT64_C(1000000));
  if (d->until_s == DAY_END_S)
    buffer_printf(out, " from %s", member_clock_text(text, d->first_s));
  else {
    buffer_printf(out, " between %s", member_clock_text(text, d->first_s));
    buffer_printf(out, " and %s", member_clock_text(text, d->until_s));
  }
  if (d->repeat)
    buffer_printf(out, ", at most %d time%s a day", d->repeat, d->repeat == 1 ? "" : "s");
  if (d->weekdays == MEMBER_ALL_WEEKDAYS)
    buffer_append_text(out, ", every day");
  else {
    buffer_append_text(out, ", ");
    member_say_weekdays(out, d->weekdays);
  }
  member_say_window(out, d->start_us, d->end_us, d->zone);
  buffer_printf(out, ", %s", zone_name(d->zone));
}

static const char *timezone_of(const struct trigger *trigger)
{
  return zone_name(of_trigger(trigger)->zone);
}

static const char *const members[] = {"every",  "start_time", "end_time", "weekdays",
                                      "repeat", "start",      "end",      "timezone",
                                      "gap",    "overlap",    NULL};
static const struct trigger_word words[] = {{"daily_interval", NULL}, {0}};

const struct trigger_kind daily_interval_kind = {
    .name = "daily_interval",
    .members = members,
    .words = words,
    .from_json = from_json,
    .to_json = to_json,
    .next = next,
    .count = count,
    .timezone = timezone_of,
    .explain = explain,
    .matches_local = matches_local,
};
