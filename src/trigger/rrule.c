/* Recurrence rules of iCalendar (RFC 5545, 3.3.10) with RDATE and EXDATE, on the wall clock of a
 * zone.
 *
 * The rule's instances are local times (rrule_expand.c); by default a time in a gap is shifted by
 * the offset before it and a time that occurs twice is its first (3.3.5). What is not said by the
 * RFC, or is said in vain:
 *   - DTSTART is the first instance only when the parts allow it, and an instance never lies before
 *     it. Without "dtstart" it is the first whole second behind the moment of anchoring, kept as
 *     "anchor". One in UTC makes UTC the zone, unless a zone is named: then it is the wall clock
 *     that the zone shows at that instant.
 *   - Without a rule the set is DTSTART and the RDATEs.
 *   - UNTIL may be a date, which is its midnight, as elsewhere.
 *   - COUNT counts the rule's instances, those that EXDATE takes away included, RDATEs not.
 *   - A date alone in EXDATE takes away all instances of that day, in RDATE it is that day at the
 *     time of DTSTART. RDATEs fire wherever they lie, also before DTSTART and after UNTIL.
 * Instances that are the same instant fire once. Immutable after anchoring; then any thread. */
#include "trigger/rrule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/instant.h"
#include "trigger/count.h"
#include "trigger/kind.h"
#include "trigger/member.h"
#include "trigger/wall.h"

/* The largest distance of a wall clock from UTC is 26 hours (RFC 8536); this is beyond. */
enum { OFFSET_MAX_S = 2 * CIVIL_DAY_S };

static const struct wall_rules default_rules = {WALL_GAP_SHIFT, WALL_OVERLAP_FIRST};

struct rrule_trigger {
  struct trigger base;
  const struct zone *zone;
  struct wall_rules rules;
  enum { ORIGIN_NONE, ORIGIN_DTSTART, ORIGIN_ANCHOR } origin;
  char *text; /* of the rule, in capitals; NULL: there is none, and `rule` is DTSTART alone */
  struct rrule rule;
  int64_t dtstart_s; /* local */
  int64_t anchor_s;  /* the instant */
  struct rrule_moments rdates, exdates;
  struct rrule_series series;
};

/* ---- fires ---- */

/* Whether a local time is taken away; then the next one is looked for at `*local_s`. */
static bool is_excluded(const struct rrule_moments *exdates, int64_t match_s, int64_t *local_s)
{
  int64_t day = civil_day_of(match_s);
  const struct rrule_moment *found = rrule_moments_find(exdates, RRULE_DAY, day);
  if (found && found->value == day) {
    *local_s = (day + 1) * CIVIL_DAY_S;
    return true;
  }
  found = rrule_moments_find(exdates, RRULE_LOCAL, match_s);
  *local_s = match_s + 1;
  return found && found->value == match_s;
}

static bool next_instance(const void *of, int64_t local_s, int64_t *match_s)
{
  const struct rrule_trigger *rrule = of;
  uint32_t steps = 0;
  while (rrule_series_next(&rrule->series, local_s, match_s, &steps))
    if (!is_excluded(&rrule->exdates, *match_s, &local_s))
      return true;
  return false;
}

/* Those of a span without what "exdate" takes away. */
static int64_t count_instances(const void *of, int64_t from_s, int64_t until_s)
{
  const struct rrule_trigger *rrule = of;
  const struct rrule_moments *exdates = &rrule->exdates;
  int64_t sum = rrule_series_count(&rrule->series, from_s, until_s), found_s;
  const struct rrule_moment *at = rrule_moments_find(exdates, RRULE_DAY, civil_day_of(from_s));
  for (; at && at < exdates->items + exdates->locals; at++) {
    int64_t day_s = at->value * CIVIL_DAY_S, end_s = day_s + CIVIL_DAY_S;
    if (day_s >= until_s)
      break;
    sum -= rrule_series_count(&rrule->series, day_s > from_s ? day_s : from_s,
                              end_s < until_s ? end_s : until_s);
  }
  at = rrule_moments_find(exdates, RRULE_LOCAL, from_s);
  for (; at && at < exdates->items + exdates->instants && at->value < until_s; at++) {
    const struct rrule_moment *day =
        rrule_moments_find(exdates, RRULE_DAY, civil_day_of(at->value));
    uint32_t steps = 0;
    if (day && day->value == civil_day_of(at->value))
      continue; /* gone with its day */
    sum -= rrule_series_next(&rrule->series, at->value, &found_s, &steps) && found_s == at->value;
  }
  return sum;
}

static bool next_rdate(const void *of, int64_t local_s, int64_t *match_s)
{
  const struct rrule_trigger *rrule = of;
  int64_t time_s = rrule->dtstart_s - civil_day_of(rrule->dtstart_s) * CIVIL_DAY_S;
  do {
    const struct rrule_moment *local = rrule_moments_find(&rrule->rdates, RRULE_LOCAL, local_s);
    const struct rrule_moment *day = rrule_moments_find(
        &rrule->rdates, RRULE_DAY, civil_day_of(local_s - time_s + CIVIL_DAY_S - 1));
    if (!local && !day)
      return false;
    *match_s = local ? local->value : INT64_MAX;
    if (day && day->value * CIVIL_DAY_S + time_s < *match_s)
      *match_s = day->value * CIVIL_DAY_S + time_s;
  } while (is_excluded(&rrule->exdates, *match_s, &local_s));
  return true;
}

static bool has_instant(const struct rrule_moments *moments, int64_t utc_s)
{
  const struct rrule_moment *found = rrule_moments_find(moments, RRULE_UTC, utc_s);
  return found && found->value == utc_s;
}

/* The first fire of local times. */
static bool next_local(const struct rrule_trigger *rrule,
                       bool (*next)(const void *of, int64_t local_s, int64_t *match_s),
                       int64_t after_us, int64_t *next_us)
{
  struct wall_source source = {rrule, next, NULL};
  while (wall_next_us(&source, rrule->zone, rrule->rules, after_us, next_us)) {
    if (!has_instant(&rrule->exdates, instant_seconds(*next_us)))
      return true;
    after_us = *next_us;
  }
  return false;
}

static bool next_instant(const struct rrule_trigger *rrule, int64_t after_us, int64_t *next_us)
{
  int64_t from_s = after_us < INSTANT_MIN ? CIVIL_SECONDS_MIN : instant_seconds(after_us) + 1;
  const struct rrule_moment *at = rrule_moments_find(&rrule->rdates, RRULE_UTC, from_s);
  if (!at)
    return false;
  const struct rrule_moment *end = rrule->rdates.items + rrule->rdates.count;
  for (; at < end; at++)
    if (!has_instant(&rrule->exdates, at->value)) {
      *next_us = at->value * 1000000;
      return true;
    }
  return false;
}

/* UNTIL in UTC is asked of fires, in any other form it is the end of the series. */
static int64_t until_us_of(const struct rrule_trigger *rrule)
{
  const struct rrule *rule = &rrule->rule;
  bool is_instant = rrule_has(rule, RRULE_UNTIL) && rule->until.kind == RRULE_UTC;
  return is_instant ? rule->until.value * 1000000 : INT64_MAX;
}

static bool next_of_rule(const struct rrule_trigger *rrule, int64_t after_us, int64_t *next_us)
{
  return next_local(rrule, next_instance, after_us, next_us) && *next_us <= until_us_of(rrule);
}

static bool next_of_rdates(const struct rrule_trigger *rrule, int64_t after_us, int64_t *next_us)
{
  int64_t fire_us;
  bool is_found = rrule->rdates.instants && next_local(rrule, next_rdate, after_us, next_us);
  if (next_instant(rrule, after_us, &fire_us) && !(is_found && *next_us <= fire_us)) {
    *next_us = fire_us;
    return true;
  }
  return is_found;
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct rrule_trigger *rrule = (const struct rrule_trigger *)trigger;
  int64_t fire_us;
  if (rrule->origin == ORIGIN_NONE)
    return false;
  bool is_found = next_of_rule(rrule, after_us, next_us);
  if (rrule->rdates.count && next_of_rdates(rrule, after_us, &fire_us) &&
      !(is_found && *next_us <= fire_us)) {
    *next_us = fire_us;
    return true;
  }
  return is_found;
}

/* How many fires in (after_us, until_us] RDATE adds, less those that EXDATE takes away by instant,
 * which the count of local times does not know. */
static int64_t count_difference(const struct rrule_trigger *rrule, int64_t after_us,
                                int64_t until_us)
{
  struct wall_source source = {rrule, next_instance, NULL};
  int64_t sum = 0, fire_us, rule_us;
  for (size_t i = rrule->exdates.instants; i < rrule->exdates.count; i++) {
    int64_t at_us = rrule->exdates.items[i].value * 1000000;
    if (at_us > after_us && at_us <= until_us && at_us <= until_us_of(rrule))
      sum -=
          wall_next_us(&source, rrule->zone, rrule->rules, at_us - 1, &fire_us) && fire_us == at_us;
  }
  for (int64_t at_us = after_us; next_of_rdates(rrule, at_us, &fire_us) && fire_us <= until_us;
       at_us = fire_us)
    sum += !next_of_rule(rrule, fire_us - 1, &rule_us) || rule_us != fire_us;
  return sum;
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  const struct rrule_trigger *rrule = (const struct rrule_trigger *)trigger;
  struct wall_source source = {rrule, next_instance, count_instances};
  int64_t end_us = until_us_of(rrule);
  if (rrule->origin == ORIGIN_NONE)
    return 0;
  int64_t sum = wall_count_us(&source, rrule->zone, rrule->rules, after_us,
                              until_us < end_us ? until_us : end_us, last_us);
  if (!rrule->rdates.count && rrule->exdates.instants == rrule->exdates.count)
    return sum;
  sum += count_difference(rrule, after_us, until_us);
  if (sum)
    *last_us = count_last_fire(trigger, after_us < INSTANT_MIN ? INSTANT_MIN - 1 : after_us,
                               until_us > INSTANT_MAX ? INSTANT_MAX : until_us);
  return sum;
}

/* Whether a local time of the rule or of RDATE is an instant that fires. */
static bool is_fire(const struct rrule_trigger *rrule, int64_t local_s, int64_t until_us)
{
  struct local_times times;
  zone_resolve(rrule->zone, local_s, &times);
  return times.first_s <= instant_seconds(until_us) && !has_instant(&rrule->exdates, times.first_s);
}

/* RDATEs that are instants, by what the wall clock shows then. */
static bool matches_instant(const struct rrule_trigger *rrule, int64_t from_s, int64_t until_s)
{
  const struct rrule_moment *at =
      rrule_moments_find(&rrule->rdates, RRULE_UTC, from_s - OFFSET_MAX_S);
  if (!at)
    return false;
  const struct rrule_moment *end = rrule->rdates.items + rrule->rdates.count;
  for (; at < end && at->value < until_s + OFFSET_MAX_S; at++) {
    int64_t local_s = at->value + zone_at(rrule->zone, at->value).offset_s;
    if (local_s >= from_s && local_s < until_s && !has_instant(&rrule->exdates, at->value))
      return true;
  }
  return false;
}

static bool matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  const struct rrule_trigger *rrule = (const struct rrule_trigger *)trigger;
  int64_t match_s, at_s;
  if (rrule->origin == ORIGIN_NONE)
    return false;
  for (at_s = from_s; next_instance(rrule, at_s, &match_s) && match_s < until_s; at_s = match_s + 1)
    if (is_fire(rrule, match_s, until_us_of(rrule)))
      return true;
  for (at_s = from_s; next_rdate(rrule, at_s, &match_s) && match_s < until_s; at_s = match_s + 1)
    if (is_fire(rrule, match_s, INT64_MAX))
      return true;
  return matches_instant(rrule, from_s, until_s);
}

/* Without DTSTART the dates and the phase of INTERVAL are open, but parts that contradict each
 * other are known. */
static bool can_fire(struct rrule_trigger *rrule)
{
  int64_t found;
  if (rrule->origin == ORIGIN_ANCHOR)
    return true; /* may have ended by now */
  if (rrule->origin == ORIGIN_DTSTART)
    return next(&rrule->base, INT64_MIN, &found);
  struct rrule rule = rrule->rule;
  struct rrule_series series;
  uint32_t steps = 0;
  rule.given &= ~(1u << RRULE_UNTIL | 1u << RRULE_COUNT);
  rule.interval = 1;
  rrule_series_init(&series, &rule, 0, INT64_MAX);
  bool fires = rrule_series_next(&series, INT64_MIN, &found, &steps);
  rrule_series_deinit(&series);
  return fires || rrule->rdates.count;
}

/* ---- reading and writing ---- */

static void make_series(struct rrule_trigger *rrule)
{
  int64_t last_s = INT64_MAX;
  if (rrule_has(&rrule->rule, RRULE_UNTIL) && rrule->rule.until.kind == RRULE_UTC)
    last_s = rrule->rule.until.value + OFFSET_MAX_S;
  rrule_series_init(&rrule->series, &rrule->rule, rrule->dtstart_s, last_s);
}

static void set_anchor(struct rrule_trigger *rrule, int64_t utc_s)
{
  rrule->origin = ORIGIN_ANCHOR;
  rrule->anchor_s = utc_s < CIVIL_SECONDS_MIN   ? CIVIL_SECONDS_MIN
                    : utc_s > CIVIL_SECONDS_MAX ? CIVIL_SECONDS_MAX
                                                : utc_s;
  int64_t local_s = rrule->anchor_s + zone_at(rrule->zone, rrule->anchor_s).offset_s;
  rrule->dtstart_s = local_s < CIVIL_SECONDS_MIN   ? CIVIL_SECONDS_MIN
                     : local_s > CIVIL_SECONDS_MAX ? CIVIL_SECONDS_MAX
                                                   : local_s;
}

static void anchor(struct trigger *trigger, int64_t now_us, const char *seed)
{
  (void)seed;
  struct rrule_trigger *rrule = (struct rrule_trigger *)trigger;
  if (rrule->origin != ORIGIN_NONE)
    return;
  set_anchor(rrule, instant_seconds(now_us) + 1);
  make_series(rrule);
}

static enum error_code read_origin(struct rrule_trigger *rrule, const struct json *value,
                                   struct error *error)
{
  const char *dtstart = NULL, *anchor = NULL;
  struct rrule_moment moment;
  if (member_text(value, "dtstart", &dtstart, error) ||
      member_text(value, "anchor", &anchor, error))
    return ERROR_INVALID;
  if (dtstart && anchor)
    return error_set(error, ERROR_INVALID, "\"dtstart\" and \"anchor\" exclude each other");
  if (!dtstart && !anchor)
    return ERROR_OK;
  if (rrule_moment_parse(dtstart ? dtstart : anchor, &moment, error)) {
    error_prefix(error, "%s \"%.60s\"", dtstart ? "dtstart" : "anchor", dtstart ? dtstart : anchor);
    return ERROR_INVALID;
  }
  if (moment.kind == RRULE_UTC && dtstart && !member_find(value, "timezone"))
    rrule->zone = zone_utc();
  if (moment.kind == RRULE_UTC) {
    set_anchor(rrule, moment.value);
  } else if (anchor) {
    return error_set(error, ERROR_INVALID, "anchor \"%s\" must be in UTC", anchor);
  } else {
    rrule->dtstart_s = rrule_moment_local(moment);
  }
  rrule->origin = dtstart ? ORIGIN_DTSTART : ORIGIN_ANCHOR;
  return ERROR_OK;
}

/* The rule as it is written: in capitals, without "RRULE:" and spaces around it. */
static char *canonical_text(const char *text)
{
  while (isspace((unsigned char)*text))
    text++;
  if (strlen(text) > 5 && text[5] == ':') /* only "RRULE:" can be; the rule has been read */
    text += 6;
  char *copy = memory_strdup(text), *end = copy + strlen(copy);
  while (end > copy && isspace((unsigned char)end[-1]))
    *--end = '\0';
  for (char *at = copy; *at; at++)
    *at = (char)toupper((unsigned char)*at);
  return copy;
}

/* `text` is NULL when there is no rule. */
static enum error_code read_rule(struct rrule_trigger *rrule, const char *text, struct error *error)
{
  enum error_code code = rrule_parse(text ? text : "FREQ=DAILY;COUNT=1", &rrule->rule, error);
  if (!code && text)
    rrule->text = canonical_text(text);
  return code;
}

static enum error_code read_rest(struct rrule_trigger *rrule, const struct json *value,
                                 const char *default_zone, struct error *error)
{
  enum error_code code = member_zone(value, default_zone, &rrule->zone, error);
  if (!code)
    code = wall_read_rules(value, &rrule->rules, error);
  if (!code)
    code = read_origin(rrule, value, error);
  if (!code)
    code = rrule_moments_read(value, "rdate", &rrule->rdates, error);
  if (!code)
    code = rrule_moments_read(value, "exdate", &rrule->exdates, error);
  if (code)
    return code;
  if (rrule->origin != ORIGIN_NONE)
    make_series(rrule);
  if (can_fire(rrule))
    return ERROR_OK;
  return rrule_refuse_never(&rrule->rule, rrule->origin == ORIGIN_NONE ? NULL : &rrule->series,
                            rrule->exdates.count, error);
}

static void destroy(struct trigger *trigger)
{
  struct rrule_trigger *rrule = (struct rrule_trigger *)trigger;
  rrule_series_deinit(&rrule->series);
  free(rrule->rdates.items);
  free(rrule->exdates.items);
  free(rrule->text);
  free(rrule);
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  const char *text = NULL;
  enum error_code code = member_text(value, "rrule", &text, error);
  bool has_start = member_find(value, "dtstart"), has_dates = member_find(value, "rdate");
  if (has_start && has_dates && (!text || !*text))
    text = NULL; /* a set without a rule, whose text form has an empty one */
  else if (!code && !text)
    code = error_set(error, ERROR_INVALID,
                     has_dates ? "without \"rrule\" there must be \"dtstart\""
                               : "\"rrule\" is missing");
  if (code) {
    error_prefix(error, "rrule");
    return code;
  }
  struct rrule_trigger *rrule = memory_alloc(sizeof *rrule);
  rrule->base.kind = &rrule_kind;
  rrule->rules = default_rules;
  code = read_rule(rrule, text, error);
  if (!code)
    code = read_rest(rrule, value, default_zone, error);
  if (code) {
    if (text)
      error_prefix(error, "rrule \"%.200s\"", text);
    else
      error_prefix(error, "rrule");
    destroy(&rrule->base);
    return code;
  }
  *trigger = &rrule->base;
  return ERROR_OK;
}

static void to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct rrule_trigger *rrule = (const struct rrule_trigger *)trigger;
  char text[RRULE_MOMENT_TEXT_SIZE];
  if (rrule->text)
    json_put_text(writer, "rrule", rrule->text);
  if (rrule->origin == ORIGIN_DTSTART) {
    rrule_moment_format(text, (struct rrule_moment){RRULE_LOCAL, rrule->dtstart_s});
    json_put_text(writer, "dtstart", text);
  } else if (rrule->origin == ORIGIN_ANCHOR) {
    rrule_moment_format(text, (struct rrule_moment){RRULE_UTC, rrule->anchor_s});
    json_put_text(writer, "anchor", text);
  }
  rrule_moments_put(writer, "rdate", &rrule->rdates);
  rrule_moments_put(writer, "exdate", &rrule->exdates);
  json_put_text(writer, "timezone", zone_name(rrule->zone));
  wall_put_rules(writer, rrule->rules, default_rules);
}

/* A set without a rule. */
static void explain_date(int64_t local_s, struct buffer *out)
{
  char text[MEMBER_TEXT_SIZE];
  int64_t day = civil_day_of(local_s);
  buffer_printf(out, "On %s", member_date_text(text, day));
  buffer_printf(out, " at %s", member_clock_text(text, (int32_t)(local_s - day * CIVIL_DAY_S)));
}

static void explain(const struct trigger *trigger, struct buffer *out)
{
  const struct rrule_trigger *rrule = (const struct rrule_trigger *)trigger;
  if (rrule->text)
    rrule_explain(&rrule->rule, rrule->origin == ORIGIN_NONE ? NULL : &rrule->dtstart_s, out);
  else
    explain_date(rrule->dtstart_s, out);
  if (rrule->rdates.count)
    buffer_printf(out, ", and %zu more by rdate", rrule->rdates.count);
  if (rrule->exdates.count)
    buffer_printf(out, ", without %zu of exdate", rrule->exdates.count);
  buffer_printf(out, ", %s", zone_name(rrule->zone));
}

static const char *timezone_of(const struct trigger *trigger)
{
  return zone_name(((const struct rrule_trigger *)trigger)->zone);
}

static const char *const members[] = {"rrule",    "dtstart", "anchor",  "rdate", "exdate",
                                      "timezone", "gap",     "overlap", NULL};
static const struct trigger_word words[] = {{"rrule", "rrule"}, {0}};

const struct trigger_kind rrule_kind = {
    .name = "rrule",
    .members = members,
    .words = words,
    .from_json = from_json,
    .destroy = destroy,
    .anchor = anchor,
    .to_json = to_json,
    .next = next,
    .count = count,
    .timezone = timezone_of,
    .explain = explain,
    .matches_local = matches_local,
};
