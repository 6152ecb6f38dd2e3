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
 * wildcard one keeps them and is not changed by them.
 *
 * The zone's spans of one offset are walked; within a span, fires are the matches of a range of
 * local seconds, which cron_fields.c finds and counts. The range is narrowed at the span's ends
 * where the neighbour has the same local times and they are the neighbour's to fire. An overlap is
 * never longer than the spans beside it, in any zone. Immutable; any thread. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/instant.h"
#include "trigger/cron_fields.h"
#include "trigger/kind.h"
#include "trigger/member.h"

enum { GAP_MAX_S = 3 * 3600, EXPRESSION_MAX_SIZE = 1000 };
enum gap { GAP_FIRST, GAP_SKIP };
enum overlap { OVERLAP_FIRST, OVERLAP_SECOND, OVERLAP_BOTH };

static const char *const gap_names[] = {"first", "skip", NULL};
static const char *const overlap_names[] = {"first", "second", "both", NULL};

struct cron {
  struct trigger base;
  const struct zone *zone;
  char *expression;         /* as written, with single spaces */
  int64_t start_us, end_us; /* inclusive; INT64_MIN and INT64_MAX: none */
  struct cron_fields fields;
  uint8_t gap, overlap; /* as written */
};

/* ---- fires ---- */

/* What a span of the zone fires: at its beginning for the gap before it, if a local time of
 * [gap_from_s, gap_until_s) matches, and at the matches of [from_s, until_s). All local. */
struct window {
  int64_t gap_from_s, gap_until_s;
  int64_t from_s, until_s;
};

/* `utc_s` is where the search enters the span. */
static inline void window_of(const struct cron *cron, const struct zone_span *span, int64_t utc_s,
                             struct window *window)
{
  bool is_wildcard = cron->fields.is_wildcard;
  enum gap gap = is_wildcard ? GAP_SKIP : cron->gap;
  enum overlap overlap = is_wildcard ? OVERLAP_BOTH : cron->overlap;
  int32_t offset_s = span->offset.offset_s;
  int32_t jump_s = offset_s - span->before_s; /* forward is a gap, back an overlap */
  *window = (struct window){.from_s = utc_s + offset_s, .until_s = INT64_MAX};
  if (jump_s > 0 && jump_s < GAP_MAX_S && utc_s == span->from_s && gap == GAP_FIRST) {
    window->gap_from_s = span->from_s + span->before_s;
    window->gap_until_s = window->from_s;
  }
  if (jump_s < 0 && overlap == OVERLAP_FIRST && window->from_s < span->from_s + span->before_s)
    window->from_s = span->from_s + span->before_s;
  if (span->until_s != INT64_MAX) {
    bool is_second = span->after_s < offset_s && overlap == OVERLAP_SECOND;
    window->until_s = span->until_s + (is_second ? span->after_s : offset_s);
  }
}

/* The first match at or after a local second. What was found for an earlier one is remembered: with
 * a rare schedule the search passes many spans before it arrives. */
struct search {
  const struct cron_fields *fields;
  int64_t asked_s, match_s;
};

static inline int64_t find(struct search *search, int64_t local_s)
{
  if (local_s < search->asked_s || local_s > search->match_s) {
    search->asked_s = local_s;
    if (!cron_fields_next(search->fields, local_s, &search->match_s))
      search->match_s = INT64_MAX;
  }
  return search->match_s;
}

/* The first fire at or after `utc_s`. */
static bool fire_from(const struct cron *cron, int64_t utc_s, int64_t *fire_s)
{
  struct search search = {.fields = &cron->fields, .asked_s = INT64_MAX, .match_s = INT64_MIN};
  for (;;) {
    struct zone_span span;
    struct window window;
    zone_span(cron->zone, utc_s, &span);
    window_of(cron, &span, utc_s, &window);
    if (window.gap_from_s < window.gap_until_s &&
        find(&search, window.gap_from_s) < window.gap_until_s) {
      *fire_s = span.from_s;
      return true;
    }
    int64_t match_s = find(&search, window.from_s);
    if (match_s == INT64_MAX)
      return false;
    if (match_s < window.until_s) {
      *fire_s = match_s - span.offset.offset_s;
      return true;
    }
    utc_s = span.until_s;
  }
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct cron *cron = (const struct cron *)trigger;
  int64_t fire_s;
  if (after_us < cron->start_us)
    after_us = cron->start_us - 1;
  if (after_us >= cron->end_us || after_us >= INSTANT_MAX)
    return false;
  int64_t from_s = after_us < INSTANT_MIN ? CIVIL_SECONDS_MIN : instant_seconds(after_us) + 1;
  if (!fire_from(cron, from_s, &fire_s) || fire_s > CIVIL_SECONDS_MAX ||
      fire_s * 1000000 > cron->end_us)
    return false;
  *next_us = fire_s * 1000000;
  return true;
}

/* Fires in [from_s, until_s), span by span. */
static int64_t count_between(const struct cron *cron, int64_t from_s, int64_t until_s)
{
  int64_t sum = 0;
  while (from_s < until_s) {
    struct zone_span span;
    struct window window;
    zone_span(cron->zone, from_s, &span);
    window_of(cron, &span, from_s, &window);
    int64_t cut_s = until_s + span.offset.offset_s;
    if (window.until_s > cut_s)
      window.until_s = cut_s;
    sum += cron_fields_count(&cron->fields, window.from_s, window.until_s);
    /* The fire for the gap is that of the first instant after it, if that one matches by itself. */
    int64_t first_s = span.from_s + span.offset.offset_s;
    if (window.gap_from_s < window.gap_until_s &&
        cron_fields_count(&cron->fields, window.gap_from_s, window.gap_until_s) &&
        !cron_fields_count(&cron->fields, first_s, first_s + 1))
      sum++;
    from_s = span.until_s;
  }
  return sum;
}

/* The last fire at or before `until_us`, given that there is one after `after_us`. `early_us` is a
 * moment with a fire behind it, `late_us` one without; doubling steps back find a pair close to the
 * end, halving brings them together. Fires are whole seconds. */
static int64_t last_fire(const struct trigger *trigger, int64_t after_us, int64_t until_us)
{
  int64_t fire_us = 0, early_us = after_us, late_us = until_us;
  for (int64_t back_us = 1000000; back_us < until_us - after_us; back_us *= 2) {
    if (next(trigger, until_us - back_us, &fire_us) && fire_us <= until_us) {
      early_us = until_us - back_us;
      break;
    }
    late_us = until_us - back_us;
  }
  while (late_us - early_us >= 1000000) {
    int64_t middle_us = early_us + (late_us - early_us) / 2;
    if (next(trigger, middle_us, &fire_us) && fire_us <= until_us)
      early_us = fire_us - 1;
    else
      late_us = middle_us;
  }
  next(trigger, early_us, &fire_us);
  return fire_us;
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
  int64_t sum = count_between(cron, instant_seconds(after_us) + 1, instant_seconds(until_us) + 1);
  if (sum)
    *last_us = last_fire(trigger, after_us, until_us);
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

static enum error_code read_policy(const struct json *value, const char *name,
                                   const char *const *names, uint8_t *policy, struct error *error)
{
  const char *text = names[0];
  if (member_text(value, name, &text, error))
    return ERROR_INVALID;
  for (*policy = 0; names[*policy]; ++*policy)
    if (!strcmp(names[*policy], text))
      return ERROR_OK;
  return error_set(error, ERROR_INVALID, "%s \"%.40s\" is not one of %s, %s%s%s", name, text,
                   names[0], names[1], names[2] ? ", " : "", names[2] ? names[2] : "");
}

static enum error_code read_members(struct cron *cron, const struct json *value,
                                    const char *default_zone, struct error *error)
{
  enum error_code code = cron_fields_parse(cron->expression, &cron->fields, error);
  if (!code)
    code = member_zone(value, default_zone, &cron->zone, error);
  if (code)
    return code;
  if (read_policy(value, "gap", gap_names, &cron->gap, error) ||
      read_policy(value, "overlap", overlap_names, &cron->overlap, error) ||
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
  if (cron->gap != GAP_FIRST)
    json_put_text(writer, "gap", gap_names[cron->gap]);
  if (cron->overlap != OVERLAP_FIRST)
    json_put_text(writer, "overlap", overlap_names[cron->overlap]);
  if (cron->start_us != INT64_MIN)
    member_put_instant(writer, "start", cron->start_us);
  if (cron->end_us != INT64_MAX)
    member_put_instant(writer, "end", cron->end_us);
}

static const char *const members[] = {"expression", "timezone", "gap", "overlap",
                                      "start",      "end",      NULL};
static const struct trigger_word words[] = {{"cron", "expression"}, {0}};

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
};
