/* Fires at equal distances of elapsed time, on the grid `origin + k * every`: late fires never
 * shift the next ones, and clock changes of zones do not matter.
 *
 * The origin is either the "start" that a person gave, which is itself the first fire, or the
 * moment of anchoring, after which the first fire comes one period later; JSON calls that one
 * "anchor", so that the two stay apart when a trigger is stored and read again. "end" is inclusive.
 * An "end" that has passed at anchoring leaves a trigger without fires: it may be read from a
 * store, so that only a contradiction that a person wrote (an end before the start) is an error. A
 * zone serves to read local starts and ends, and to tell of them; no fire depends on it. Immutable
 * after anchoring. */
#include <math.h>

#include "time/duration.h"
#include "time/instant.h"
#include "trigger/kind.h"
#include "trigger/member.h"

enum { EVERY_MIN_US = 1000 };

struct interval {
  struct trigger base;
  int64_t every_us;
  int64_t start_us;        /* of the grid */
  int64_t end_us;          /* INT64_MAX: none */
  const struct zone *zone; /* as written; NULL: none */
  enum { ORIGIN_NONE, ORIGIN_START, ORIGIN_ANCHOR } origin;
};

static const struct {
  const char *name;
  int64_t us;
} parts[] = {
    {"weeks", INT64_C(604800000000)},
    {"days", INT64_C(86400000000)},
    {"hours", INT64_C(3600000000)},
    {"minutes", 60000000},
    {"seconds", 1000000},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

static enum error_code check_length(const char *name, int64_t us, struct error *error)
{
  enum error_code code = duration_check(us, error);
  if (code)
    error_prefix(error, "%s", name);
  return code;
}

/* One of "weeks" to "seconds", an integer or a fraction, added to `*sum_us`. The whole part is
 * exact by itself, so that only what is finer than a microsecond is rounded, of long periods too.
 */
static enum error_code add_part(const struct json *value, const char *name, int64_t unit_us,
                                int64_t *sum_us, struct error *error)
{
  double number = 0, whole;
  if (member_number(value, name, &number, error))
    return ERROR_INVALID;
  if (number < 0)
    return error_set(error, ERROR_INVALID, "\"%s\" cannot be negative", name);
  if (number > (double)DURATION_MAX_US / (double)unit_us)
    return check_length(name, INT64_MAX, error);
  double fraction = modf(number, &whole);
  *sum_us += (int64_t)whole * unit_us + llround(fraction * (double)unit_us);
  return ERROR_OK;
}

static enum error_code read_every(struct interval *interval, const struct json *value,
                                  struct error *error)
{
  bool has_every = member_find(value, "every"), has_part = false;
  if (member_length(value, "every", &interval->every_us, error))
    return ERROR_INVALID;
  for (size_t i = 0; i < PARTS; i++) {
    if (!member_find(value, parts[i].name))
      continue;
    has_part = true;
    if (has_every)
      return error_set(error, ERROR_INVALID, "\"every\" and \"%s\" exclude each other",
                       parts[i].name);
    if (add_part(value, parts[i].name, parts[i].us, &interval->every_us, error))
      return ERROR_INVALID;
  }
  if (!has_every && !has_part)
    return error_set(error, ERROR_INVALID, "\"every\" is missing, or one of weeks to seconds");
  if (interval->every_us < EVERY_MIN_US) {
    char text[DURATION_TEXT_SIZE];
    duration_format(text, interval->every_us);
    return error_set(error, ERROR_INVALID, "a period of %s is under the minimum of 1ms", text);
  }
  return check_length("every", interval->every_us, error);
}

static enum error_code read_members(struct trigger *trigger, const struct json *value,
                                    const char *default_zone, struct error *error)
{
  struct interval *interval = (struct interval *)trigger;
  const struct zone *zone = NULL;
  bool has_start = member_find(value, "start"), has_anchor = member_find(value, "anchor");
  interval->origin = has_start ? ORIGIN_START : has_anchor ? ORIGIN_ANCHOR : ORIGIN_NONE;
  interval->end_us = INT64_MAX;
  if (has_start && has_anchor)
    return error_set(error, ERROR_INVALID, "\"start\" and \"anchor\" exclude each other");
  enum error_code code = read_every(interval, value, error);
  if (!code)
    code = member_zone(value, default_zone, &zone, error);
  if (!code)
    code = member_instant(value, has_start ? "start" : "anchor", zone, &interval->start_us, error);
  if (!code)
    code = member_instant(value, "end", zone, &interval->end_us, error);
  if (!code && has_start)
    code = member_check_window(interval->start_us, interval->end_us, error);
  interval->zone = member_find(value, "timezone") ? zone : NULL;
  return code;
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  return member_read_all(&interval_kind, sizeof(struct interval), read_members, value, default_zone,
                         trigger, error);
}

static void anchor(struct trigger *trigger, int64_t now_us, const char *seed)
{
  (void)seed;
  struct interval *interval = (struct interval *)trigger;
  if (interval->origin != ORIGIN_NONE)
    return;
  interval->origin = ORIGIN_ANCHOR;
  interval->start_us = now_us < INSTANT_MIN   ? INSTANT_MIN
                       : now_us > INSTANT_MAX ? INSTANT_MAX
                                              : now_us;
}

static void to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct interval *interval = (const struct interval *)trigger;
  member_put_length(writer, "every", interval->every_us);
  if (interval->origin != ORIGIN_NONE)
    member_put_instant(writer, interval->origin == ORIGIN_START ? "start" : "anchor",
                       interval->start_us);
  if (interval->end_us != INT64_MAX)
    member_put_instant(writer, "end", interval->end_us);
  if (interval->zone)
    json_put_text(writer, "timezone", zone_name(interval->zone));
}

static int64_t first_fire(const struct interval *interval)
{
  return interval->start_us + (interval->origin == ORIGIN_ANCHOR ? interval->every_us : 0);
}

static int64_t last_moment(const struct interval *interval)
{
  return interval->end_us < INSTANT_MAX ? interval->end_us : INSTANT_MAX;
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct interval *interval = (const struct interval *)trigger;
  int64_t end_us = last_moment(interval), fire_us = first_fire(interval);
  if (interval->origin == ORIGIN_NONE || after_us >= end_us)
    return false;
  if (after_us >= fire_us)
    fire_us += ((after_us - fire_us) / interval->every_us + 1) * interval->every_us;
  if (fire_us > end_us)
    return false;
  *next_us = fire_us;
  return true;
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  const struct interval *interval = (const struct interval *)trigger;
  int64_t first_us, end_us = last_moment(interval);
  if (until_us > end_us)
    until_us = end_us;
  if (!next(trigger, after_us, &first_us) || first_us > until_us)
    return 0;
  int64_t steps = (until_us - first_us) / interval->every_us;
  *last_us = first_us + steps * interval->every_us;
  return steps + 1;
}

static void explain(const struct trigger *trigger, struct buffer *out)
{
  const struct interval *interval = (const struct interval *)trigger;
  int64_t from_us = interval->origin == ORIGIN_START ? interval->start_us : INT64_MIN;
  member_say_every(out, interval->every_us);
  member_say_window(out, from_us, interval->end_us, interval->zone);
  if (from_us != INT64_MIN || interval->end_us != INT64_MAX)
    buffer_printf(out, ", %s", interval->zone ? zone_name(interval->zone) : "UTC");
}

static const char *timezone_of(const struct trigger *trigger)
{
  const struct interval *interval = (const struct interval *)trigger;
  return interval->zone ? zone_name(interval->zone) : NULL;
}

static const char *const members[] = {"every", "weeks", "days",   "hours",    "minutes", "seconds",
                                      "start", "end",   "anchor", "timezone", NULL};
static const struct trigger_word words[] = {{"every", "every"}, {"interval", "every"}, {0}};

const struct trigger_kind interval_kind = {
    .name = "interval",
    .members = members,
    .words = words,
    .from_json = from_json,
    .anchor = anchor,
    .to_json = to_json,
    .next = next,
    .count = count,
    .timezone = timezone_of,
    .explain = explain,
};
