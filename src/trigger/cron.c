/* Cron expressions on the wall clock of a zone.
 *
 * The rule at clock changes follows cronie. A schedule is *wildcard* when the text of its minutes
 * or hours (or seconds, where there are any) begins with `*`; it fires at every real instant whose
 * wall clock matches, so that "every ten minutes" goes on through the hour that occurs twice, and
 * nothing fires for the hour that does not occur. Every other schedule is *fixed* and means times
 * of day:
 *   - local times in a gap shorter than three hours fire once, together, at the first instant after
 *     it; those in a longer one (Samoa had no 30 December 2011) do not fire;
 *   - local times that occur twice fire at the first.
 * gap=skip (nothing fires for a gap) and overlap=second or both change that for fixed schedules; a
 * wildcard one keeps them and is not changed by them. Which local times match is
 * cron_fields.c's, what the zone makes of them wall.c's. Immutable; any thread. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/instant.h"
#include "trigger/count.h"
#include "trigger/cron_fields.h"
#include "trigger/kind.h"
#include "trigger/member.h"
#include "trigger/wall.h"

enum { EXPRESSION_MAX_SIZE = 1000 };

struct cron {
  struct trigger base;
  const struct zone *zone;
  char *expression;         /* as written, with single spaces */
  int64_t start_us, end_us; /* inclusive; INT64_MIN and INT64_MAX: none */
  struct cron_fields fields;
  struct wall_rules rules; /* as written */
};

/* ---- fires ---- */

static bool next_match(const void *of, int64_t local_s, int64_t *match_s)
{
  return cron_fields_next(of, local_s, match_s);
}

static int64_t count_matches(const void *of, int64_t from_s, int64_t until_s)
{
  return cron_fields_count(of, from_s, until_s);
}

static inline struct wall_source source_of(const struct cron *cron)
{
  return (struct wall_source){&cron->fields, next_match, count_matches};
}

/* A wildcard schedule goes by elapsed time. */
static inline struct wall_rules rules_of(const struct cron *cron)
{
  return cron->fields.is_wildcard ? WALL_RULES_ELAPSED : cron->rules;
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct cron *cron = (const struct cron *)trigger;
  if (after_us < cron->start_us)
    after_us = cron->start_us - 1;
  struct wall_source source = source_of(cron);
  return wall_next_us(&source, cron->zone, rules_of(cron), after_us, next_us) &&
         *next_us <= cron->end_us;
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  const struct cron *cron = (const struct cron *)trigger;
  if (after_us < cron->start_us)
    after_us = cron->start_us - 1;
  if (after_us < INSTANT_MIN)
    after_us = INSTANT_MIN - 1;
  if (until_us > cron->end_us)
    until_us = cron->end_us;
  if (until_us > INSTANT_MAX)
    until_us = INSTANT_MAX;
  if (after_us >= until_us)
    return 0;
  struct wall_source source = source_of(cron);
  int64_t sum = wall_count(&source, cron->zone, rules_of(cron), instant_seconds(after_us) + 1,
                           instant_seconds(until_us) + 1);
  if (sum)
    *last_us = count_last_fire(trigger, after_us, until_us);
  return sum;
}

/* ---- reading and writing ---- */

static char *single_spaced(const char *text)
{
  char *copy = memory_strdup(text), *out = copy;
  for (const char *at = text; *at; at++)
    if (!isspace((unsigned char)*at))
      *out++ = *at;
    else if (out > copy && out[-1] != ' ')
      *out++ = ' ';
  if (out > copy && out[-1] == ' ')
    out--;
  *out = '\0';
  return copy;
}

static enum error_code read_members(struct cron *cron, const struct json *value,
                                    const char *default_zone, struct error *error)
{
  enum error_code code = cron_fields_parse(cron->expression, &cron->fields, error);
  if (!code)
    code = member_zone(value, default_zone, &cron->zone, error);
  if (code)
    return code;
  if (wall_read_rules(value, &cron->rules, error) ||
      member_instant(value, "start", cron->zone, &cron->start_us, error) ||
      member_instant(value, "end", cron->zone, &cron->end_us, error) ||
      member_check_window(cron->start_us, cron->end_us, error))
    return ERROR_INVALID;
  int64_t fire_us;
  if (!next(&cron->base, INT64_MIN, &fire_us))
    return error_set(error, ERROR_INVALID, "never fires between its start and its end");
  return ERROR_OK;
}

static void destroy(struct trigger *trigger)
{
  struct cron *cron = (struct cron *)trigger;
  free(cron->expression);
  free(cron);
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  const char *expression = NULL;
  if (member_text(value, "expression", &expression, error)) {
    error_prefix(error, "cron");
    return ERROR_INVALID;
  }
  if (!expression)
    return error_set(error, ERROR_INVALID, "cron: \"expression\" is missing");
  if (strlen(expression) > EXPRESSION_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "cron: the expression is longer than %d bytes",
                     EXPRESSION_MAX_SIZE);
  struct cron *cron = memory_alloc(sizeof *cron);
  cron->base.kind = &cron_kind;
  cron->start_us = INT64_MIN;
  cron->end_us = INT64_MAX;
  cron->expression = single_spaced(expression);
  enum error_code code = read_members(cron, value, default_zone, error);
  if (code) {
    error_prefix(error, "cron \"%.200s\"", cron->expression);
    destroy(&cron->base);
    return code;
  }
  *trigger = &cron->base;
  return ERROR_OK;
}

static void to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct cron *cron = (const struct cron *)trigger;
  json_put_text(writer, "expression", cron->expression);
  json_put_text(writer, "timezone", zone_name(cron->zone));
  wall_put_rules(writer, cron->rules, (struct wall_rules){0});
  if (cron->start_us != INT64_MIN)
    member_put_instant(writer, "start", cron->start_us);
  if (cron->end_us != INT64_MAX)
    member_put_instant(writer, "end", cron->end_us);
}

static const char *const members[] = {"expression", "timezone", "gap", "overlap",
                                      "start",      "end",      NULL};
static const struct trigger_word words[] = {{"cron", "expression"}, {0}};

static void explain(const struct trigger *trigger, struct buffer *out)
{
  const struct cron *cron = (const struct cron *)trigger;
  buffer_printf(out, "Cron %s, %s", cron->expression, zone_name(cron->zone));
}

static bool matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  int64_t match_s;
  return cron_fields_next(&((const struct cron *)trigger)->fields, from_s, &match_s) &&
         match_s < until_s;
}

static const char *timezone_of(const struct trigger *trigger)
{
  return zone_name(((const struct cron *)trigger)->zone);
}

const struct trigger_kind cron_kind = {
    .name = "cron",
    .members = members,
    .words = words,
    .from_json = from_json,
    .destroy = destroy,
    .to_json = to_json,
    .next = next,
    .count = count,
    .timezone = timezone_of,
    .explain = explain,
    .matches_local = matches_local,
};
