/* Within a span of one offset, fires are the source's matches of a range of local seconds. The
 * range is narrowed at the span's ends where the neighbour has the same local times and they are
 * the neighbour's to fire, and a span that begins with a gap fires for the gap too. An overlap is
 * never longer than the spans beside it, in any zone.
 *
 * Spans without a match cost nothing: the search for the next fire leaps over them, and counting
 * joins those that no match in a gap or overlap parts, so that the source counts them in one
 * piece. */
#include "trigger/wall.h"

#include <string.h>

#include "time/instant.h"
#include "trigger/member.h"

enum {
  GAP_MAX_S = 3 * 3600,
  REACH_S = 2 * 86400, /* more than a wall clock is ever off, and a gap long */
  SHIFTED_MAX = 25000, /* local times in gaps that are looked at one by one */
};

static const char *const gap_names[] = {"first", "skip", "shift", NULL};
static const char *const overlap_names[] = {"first", "second", "both", NULL};

/* What a span fires: for the local times [gap_from_s, gap_until_s) of the gap before it, and at the
 * matches of [from_s, until_s). All local. */
struct window {
  int64_t gap_from_s, gap_until_s;
  int64_t from_s, until_s;
};

/* `utc_s` is where the search enters the span. */
static inline void window_of(struct wall_rules rules, const struct zone_span *span, int64_t utc_s,
                             struct window *window)
{
  int32_t offset_s = span->offset.offset_s;
  int32_t jump_s = offset_s - span->before_s; /* forward is a gap, back an overlap */
  *window = (struct window){.from_s = utc_s + offset_s, .until_s = INT64_MAX};
  if (jump_s > 0 && jump_s < GAP_MAX_S && utc_s == span->from_s && rules.gap == WALL_GAP_FIRST) {
    window->gap_from_s = span->from_s + span->before_s;
    window->gap_until_s = window->from_s;
  } else if (jump_s > 0 && utc_s - span->from_s < jump_s && rules.gap == WALL_GAP_SHIFT) {
    window->gap_from_s = utc_s + span->before_s;
    window->gap_until_s = span->from_s + offset_s;
  }
  if (jump_s < 0 && rules.overlap == WALL_OVERLAP_FIRST &&
      window->from_s < span->from_s + span->before_s)
    window->from_s = span->from_s + span->before_s;
  if (span->until_s != INT64_MAX) {
    bool is_second = span->after_s < offset_s && rules.overlap == WALL_OVERLAP_SECOND;
    window->until_s = span->until_s + (is_second ? span->after_s : offset_s);
  }
}

/* The first match at or after a local second. What was found for an earlier one is remembered: with
 * a rare schedule the search passes many spans before it arrives. */
struct search {
  const struct wall_source *source;
  int64_t asked_s, match_s;
};

static inline int64_t find(struct search *search, int64_t local_s)
{
  if (local_s < search->asked_s || local_s > search->match_s) {
    search->asked_s = local_s;
    if (!search->source->next(search->source->of, local_s, &search->match_s))
      search->match_s = INT64_MAX;
  }
  return search->match_s;
}

bool wall_next(const struct wall_source *source, const struct zone *zone, struct wall_rules rules,
               int64_t utc_s, int64_t *fire_s)
{
  struct search search = {.source = source, .asked_s = INT64_MAX, .match_s = INT64_MIN};
  for (;;) {
    struct zone_span span;
    struct window window;
    int64_t gap_fire_s = INT64_MAX;
    zone_span(zone, utc_s, &span);
    window_of(rules, &span, utc_s, &window);
    if (window.gap_from_s < window.gap_until_s) {
      int64_t gap_s = find(&search, window.gap_from_s);
      if (gap_s < window.gap_until_s)
        gap_fire_s = rules.gap == WALL_GAP_SHIFT ? gap_s - span.before_s : span.from_s;
    }
    int64_t match_s = find(&search, window.from_s);
    if (match_s < window.until_s && match_s - span.offset.offset_s < gap_fire_s) {
      *fire_s = match_s - span.offset.offset_s;
      return match_s != INT64_MAX;
    }
    if (gap_fire_s != INT64_MAX) {
      *fire_s = gap_fire_s;
      return true;
    }
    if (match_s == INT64_MAX)
      return false;
    utc_s = span.until_s;
    /* Until shortly before a match that is far away, no wall clock shows one. */
    if (match_s - REACH_S > utc_s && utc_s + span.after_s >= window.from_s)
      utc_s = match_s - REACH_S;
  }
}

/* ---- counting ---- */

/* How many local times in [from_s, until_s) do not have another one `length_s` later: of those that
 * a gap of that length shifts behind itself, those that do not coincide with one that fires there
 * anyway. */
static int64_t count_without_later(const struct wall_source *source, int64_t from_s,
                                   int64_t until_s, int64_t length_s, int *steps)
{
  int64_t later = source->count(source->of, from_s + length_s, until_s + length_s);
  if (later == 0)
    return source->count(source->of, from_s, until_s);
  if (later == until_s - from_s)
    return 0; /* every second has */
  int64_t sum = 0, match_s, later_s;
  for (; *steps > 0 && source->next(source->of, from_s, &match_s) && match_s < until_s; --*steps) {
    sum += !source->next(source->of, match_s + length_s, &later_s) || later_s != match_s + length_s;
    from_s = match_s + 1;
  }
  return sum;
}

/* The fires for the gap before a span, up to `until_s`. */
static int64_t count_gap(struct search *search, struct wall_rules rules,
                         const struct zone_span *span, const struct window *window, int64_t until_s,
                         int *steps)
{
  int64_t end_s = window->gap_until_s;
  if (rules.gap == WALL_GAP_SHIFT && until_s + span->before_s < end_s)
    end_s = until_s + span->before_s;
  if (window->gap_from_s >= end_s || find(search, window->gap_from_s) >= end_s)
    return 0;
  if (rules.gap == WALL_GAP_SHIFT)
    return count_without_later(search->source, window->gap_from_s, end_s,
                               span->offset.offset_s - span->before_s, steps);
  /* It is that of the first instant after it, if that one matches by itself. */
  int64_t first_s = span->from_s + span->offset.offset_s;
  return find(search, first_s) != first_s;
}

int64_t wall_count(const struct wall_source *source, const struct zone *zone,
                   struct wall_rules rules, int64_t from_s, int64_t until_s)
{
  struct search search = {.source = source, .asked_s = INT64_MAX, .match_s = INT64_MIN};
  /* Local times of spans that are counted together: between them lies no match that is skipped or
   * occurs twice. */
  int64_t run_from_s = 0, run_until_s = 0, sum = 0;
  int steps = SHIFTED_MAX;
  struct zone_span span;
  for (; from_s < until_s; from_s = span.until_s) {
    struct window window;
    zone_span(zone, from_s, &span);
    window_of(rules, &span, from_s, &window);
    if (window.until_s > until_s + span.offset.offset_s)
      window.until_s = until_s + span.offset.offset_s;
    if (window.until_s > CIVIL_SECONDS_MAX + 1)
      window.until_s = CIVIL_SECONDS_MAX + 1; /* no local times lie beyond */
    sum += count_gap(&search, rules, &span, &window, until_s, &steps);
    if (window.until_s <= window.from_s)
      continue;
    int64_t low_s = window.from_s < run_until_s ? window.from_s : run_until_s;
    int64_t high_s = window.from_s < run_until_s ? run_until_s : window.from_s;
    if (run_from_s == run_until_s || (low_s < high_s && find(&search, low_s) < high_s)) {
      sum += run_from_s < run_until_s ? source->count(source->of, run_from_s, run_until_s) : 0;
      run_from_s = window.from_s;
    }
    run_until_s = window.until_s;
  }
  return sum + (run_from_s < run_until_s ? source->count(source->of, run_from_s, run_until_s) : 0);
}

/* ---- microseconds ---- */

bool wall_next_us(const struct wall_source *source, const struct zone *zone,
                  struct wall_rules rules, int64_t after_us, int64_t *next_us)
{
  int64_t fire_s;
  if (after_us >= INSTANT_MAX)
    return false;
  int64_t from_s = after_us < INSTANT_MIN ? CIVIL_SECONDS_MIN : instant_seconds(after_us) + 1;
  if (!wall_next(source, zone, rules, from_s, &fire_s) || fire_s > CIVIL_SECONDS_MAX)
    return false;
  *next_us = fire_s * 1000000;
  return true;
}

/* The last of the `count` fires in [from_s, until_s), of which there is one. Looked for from the
 * end, in a part of their usual distance that grows, and then in the later half that has some: no
 * search for what follows the last of all goes through all time to come. */
static int64_t find_last(const struct wall_source *source, const struct zone *zone,
                         struct wall_rules rules, int64_t from_s, int64_t until_s, int64_t count)
{
  int64_t width_s = (until_s - from_s) / count + 1, low_s = until_s - width_s;
  while (low_s > from_s && !(count = wall_count(source, zone, rules, low_s, until_s))) {
    until_s = low_s;
    width_s *= 2;
    low_s = until_s - width_s;
  }
  low_s = low_s > from_s ? low_s : from_s;
  while (count != 1 && until_s - low_s > 1) {
    int64_t middle_s = low_s + (until_s - low_s) / 2;
    int64_t later = wall_count(source, zone, rules, middle_s, until_s);
    if (later) {
      low_s = middle_s;
      count = later;
    } else {
      until_s = middle_s;
    }
  }
  wall_next(source, zone, rules, low_s, &low_s);
  return low_s;
}

int64_t wall_count_us(const struct wall_source *source, const struct zone *zone,
                      struct wall_rules rules, int64_t after_us, int64_t until_us, int64_t *last_us)
{
  if (after_us < INSTANT_MIN)
    after_us = INSTANT_MIN - 1;
  if (until_us > INSTANT_MAX)
    until_us = INSTANT_MAX;
  if (after_us >= until_us)
    return 0;
  int64_t from_s = instant_seconds(after_us) + 1, until_s = instant_seconds(until_us) + 1;
  int64_t sum = wall_count(source, zone, rules, from_s, until_s);
  if (sum)
    *last_us = find_last(source, zone, rules, from_s, until_s, sum) * 1000000;
  return sum;
}

/* ---- the rules as text ---- */

static enum error_code read_rule(const struct json *value, const char *name,
                                 const char *const *names, uint8_t *rule, struct error *error)
{
  const char *text = NULL;
  if (member_text(value, name, &text, error))
    return ERROR_INVALID;
  if (!text)
    return ERROR_OK;
  for (uint8_t i = 0; names[i]; i++)
    if (!strcmp(names[i], text)) {
      *rule = i;
      return ERROR_OK;
    }
  return error_set(error, ERROR_INVALID, "%s \"%.40s\" is not one of %s, %s, %s", name, text,
                   names[0], names[1], names[2]);
}

enum error_code wall_read_rules(const struct json *value, struct wall_rules *rules,
                                struct error *error)
{
  enum error_code code = read_rule(value, "gap", gap_names, &rules->gap, error);
  return code ? code : read_rule(value, "overlap", overlap_names, &rules->overlap, error);
}

void wall_put_rules(struct json_writer *writer, struct wall_rules rules,
                    struct wall_rules otherwise)
{
  if (rules.gap != otherwise.gap)
    json_put_text(writer, "gap", gap_names[rules.gap]);
  if (rules.overlap != otherwise.overlap)
    json_put_text(writer, "overlap", overlap_names[rules.overlap]);
}
