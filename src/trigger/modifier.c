/* The options of all kinds: fires are taken from the inner trigger and go through the options one
 * by one (modifier.h says in which order).
 *
 * Everything up to the limit only leaves fires out, so kept_next() gives the fires as the inner
 * trigger dates them; offset_next() moves them. Jitter delays each of those by less than the
 * distance to the one behind it: at any moment at most one of them is due but still delayed, the
 * last one. The limit is turned into the instant of the last fire when it is read or anchored,
 * so that next has nothing to count. Which instants a calendar covers is asked as they come, since
 * the meaning of a name changes. Immutable after anchoring; any thread. */
#include "trigger/modifier.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/instant.h"
#include "trigger/combine.h"
#include "trigger/count.h"
#include "trigger/modifier_data.h"

enum { SHORT_COUNT = 2000 /* so many fires are rather stepped through */ };

/* ---- instants ---- */

static int64_t add_saturated(int64_t a, int64_t b)
{
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum))
    return b > 0 ? INT64_MAX : INT64_MIN;
  return sum;
}

static uint64_t mix(uint64_t bits) /* the finalizer of SplitMix64: each bit depends on all */
{
  bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
  return bits ^ (bits >> 31);
}

static uint64_t hash_seed(const char *seed) /* FNV-1a */
{
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *seed; seed++)
    hash = (hash ^ (unsigned char)*seed) * UINT64_C(0x100000001b3);
  return mix(hash);
}

/* ---- which fires are kept ---- */

/* Whether a calendar covers the fire; then all is covered up to *until_s. */
static bool is_excepted(const struct modifier *modifier, int64_t fire_us, int64_t *until_s)
{
  int64_t utc_s = instant_seconds(fire_us);
  if (modifier->calendar && calendar_covers(modifier->calendar, modifier->zone, utc_s, until_s))
    return true;
  for (int i = 0; i < modifier->name_count; i++) {
    const struct calendar *calendar = calendar_name_meaning(modifier->calendars[i]);
    if (calendar && calendar_covers(calendar, modifier->zone, utc_s, until_s))
      return true;
  }
  return false;
}

bool modifier_has_calendars(const struct modifier *modifier)
{
  return modifier->calendar || modifier->name_count > 0;
}

static int64_t first_after(const struct modifier *modifier, int64_t after_us)
{
  int64_t from_us = modifier->from_us;
  if (modifier->limit && modifier->limit_from_us != INT64_MIN) {
    int64_t limit_from_us = modifier->limit_from_us - modifier->offset_us;
    from_us = limit_from_us > from_us ? limit_from_us : from_us;
  }
  return after_us < from_us ? from_us - 1 : after_us;
}

static int64_t last_moment(const struct modifier *modifier)
{
  return modifier->last_us < modifier->until_us ? modifier->last_us : modifier->until_us;
}

static enum search find_kept(const struct modifier *modifier, int64_t after_us, int64_t *next_us)
{
  int64_t until_s, end_us = last_moment(modifier);
  after_us = first_after(modifier, after_us);
  for (;;) {
    if (!trigger_next(modifier->inner, after_us, next_us))
      return trigger_gave_up(modifier->inner, after_us) ? SEARCH_GAVE_UP : SEARCH_NONE;
    if (*next_us > end_us)
      return SEARCH_NONE;
    if (!is_excepted(modifier, *next_us, &until_s))
      return SEARCH_FOUND;
    if (until_s > CIVIL_SECONDS_MAX)
      return SEARCH_NONE;
    if (!effort_spend(effort_of_next(modifier->inner)))
      return SEARCH_GAVE_UP;
    after_us = until_s * 1000000 - 1;
  }
}

static enum search search_kept(const struct modifier *modifier, int64_t after_us, int64_t *next_us)
{
  if (!modifier_has_calendars(modifier)) {
    after_us = first_after(modifier, after_us);
    return trigger_next(modifier->inner, after_us, next_us) && *next_us <= last_moment(modifier)
               ? SEARCH_FOUND
               : SEARCH_NONE;
  }
  bool is_outermost = effort_begin(EFFORT_NEXT);
  enum search search = find_kept(modifier, after_us, next_us);
  if (is_outermost)
    effort_end();
  return search;
}

static bool kept_next(const struct modifier *modifier, int64_t after_us, int64_t *next_us)
{
  return search_kept(modifier, after_us, next_us) == SEARCH_FOUND;
}

/* ---- when they fire ---- */

static bool offset_next(const struct modifier *modifier, int64_t after_us, int64_t *next_us)
{
  after_us = add_saturated(after_us, -modifier->offset_us);
  if (after_us < INSTANT_MIN - modifier->offset_us - 1)
    after_us = INSTANT_MIN - modifier->offset_us - 1;
  if (!kept_next(modifier, after_us, next_us))
    return false;
  *next_us += modifier->offset_us;
  return *next_us <= INSTANT_MAX;
}

static int64_t delayed(const struct modifier *modifier, int64_t fire_us)
{
  int64_t room_us = modifier->jitter_us, behind_us;
  if (!modifier->seed || !room_us)
    return fire_us;
  if (offset_next(modifier, fire_us, &behind_us) && behind_us - fire_us < room_us)
    room_us = behind_us - fire_us;
  if (INSTANT_MAX - fire_us < room_us)
    return fire_us;
  return fire_us + (int64_t)(mix(modifier->spread ^ (uint64_t)fire_us) % (uint64_t)room_us);
}

/* The last fire, not delayed, in (after_us, until_us]. */
static bool offset_last(const struct modifier *modifier, int64_t after_us, int64_t until_us,
                        int64_t *last_us)
{
  int64_t fire_us, behind_us, late_us = until_us;
  if (after_us < INSTANT_MIN)
    after_us = INSTANT_MIN - 1;
  if (until_us > INSTANT_MAX)
    late_us = until_us = INSTANT_MAX;
  if (!offset_next(modifier, after_us, last_us) || *last_us > until_us)
    return false;
  /* Mostly there is but one. */
  for (int step = 0; step < 3; step++, *last_us = behind_us)
    if (!offset_next(modifier, *last_us, &behind_us) || behind_us > until_us)
      return true;
  /* *last_us is a fire, and none lies behind late_us. From the end backwards, doubling, to where
   * one is, and then halving. */
  for (int64_t back_us = 1000; back_us < until_us - after_us; back_us *= 2) {
    int64_t early_us = until_us - back_us;
    if (offset_next(modifier, early_us, &fire_us) && fire_us <= until_us) {
      *last_us = fire_us;
      break;
    }
    late_us = early_us;
  }
  while (offset_next(modifier, *last_us, &behind_us) && behind_us <= until_us) {
    int64_t middle_us = *last_us + (late_us - *last_us) / 2;
    *last_us = behind_us;
    if (middle_us <= behind_us)
      continue;
    if (offset_next(modifier, middle_us, &fire_us) && fire_us <= until_us)
      *last_us = fire_us;
    else
      late_us = middle_us;
  }
  return true;
}

static bool next_delayed(const struct modifier *modifier, int64_t after_us, int64_t *next_us)
{
  int64_t fire_us;
  if (offset_last(modifier, add_saturated(after_us, -modifier->jitter_us), after_us, &fire_us)) {
    *next_us = delayed(modifier, fire_us);
    if (*next_us > after_us)
      return true;
  }
  if (!offset_next(modifier, after_us, &fire_us))
    return false;
  *next_us = delayed(modifier, fire_us);
  return true;
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct modifier *modifier = (const struct modifier *)trigger;
  if (!modifier->jitter_us || !modifier->seed)
    return offset_next(modifier, after_us, next_us);
  bool is_outermost = effort_begin(EFFORT_NEXT);
  bool fires = next_delayed(modifier, after_us, next_us);
  if (is_outermost)
    effort_end();
  return fires;
}

static bool gave_up(const struct trigger *trigger, int64_t after_us)
{
  const struct modifier *modifier = (const struct modifier *)trigger;
  int64_t fire_us;
  if (next(trigger, after_us, &fire_us))
    return false;
  after_us = add_saturated(after_us, -modifier->offset_us);
  return search_kept(modifier, after_us, &fire_us) == SEARCH_GAVE_UP ||
         trigger_gave_up(modifier->inner, first_after(modifier, after_us));
}

/* ---- counting ---- */

/* Fires of the inner trigger in (after_us, until_us] that no calendar covers, by counting those
 * between what is covered. */
static int64_t count_between(const struct modifier *modifier, int64_t after_us, int64_t until_us)
{
  int64_t sum = 0, last_us, fire_us;
  int cost = 4 * effort_of_next(modifier->inner);
  while (kept_next(modifier, after_us, &fire_us) && fire_us <= until_us && effort_spend(cost)) {
    /* From this fire on, up to where the first calendar covers again. */
    int64_t free_us = until_us, utc_s = instant_seconds(fire_us), until_s = INT64_MAX;
    for (int i = -1; i < modifier->name_count; i++) {
      const struct calendar *calendar =
          i < 0 ? modifier->calendar : calendar_name_meaning(modifier->calendars[i]);
      if (calendar && !calendar_covers(calendar, modifier->zone, utc_s, &until_s) &&
          until_s <= CIVIL_SECONDS_MAX && until_s * 1000000 - 1 < free_us)
        free_us = until_s * 1000000 - 1;
    }
    sum += trigger_count(modifier->inner, fire_us - 1, free_us, &last_us);
    after_us = free_us;
  }
  return sum;
}

static int64_t count_stepping(const struct modifier *modifier, int64_t after_us, int64_t until_us)
{
  int64_t sum = 0;
  int cost = effort_of_next(modifier->inner);
  while (kept_next(modifier, after_us, &after_us) && after_us <= until_us && effort_spend(cost))
    sum++;
  return sum;
}

static int64_t count_kept(const struct modifier *modifier, int64_t after_us, int64_t until_us)
{
  int64_t last_us;
  after_us = first_after(modifier, after_us);
  if (until_us > last_moment(modifier))
    until_us = last_moment(modifier);
  if (until_us <= after_us)
    return 0;
  if (!modifier_has_calendars(modifier))
    return trigger_count(modifier->inner, after_us, until_us, &last_us);
  bool is_short = !modifier->inner->kind->count || modifier->inner->kind->is_nested ||
                  trigger_count(modifier->inner, after_us, until_us, &last_us) <= SHORT_COUNT;
  return (is_short ? count_stepping : count_between)(modifier, after_us, until_us);
}

/* The last delayed fire in (after_us, until_us], given that there is one: of the last one due, or
 * of the one before if that is delayed over the end. */
static int64_t last_delayed(const struct modifier *modifier, int64_t after_us, int64_t until_us)
{
  int64_t from_us = add_saturated(after_us, -modifier->jitter_us), fire_us = until_us;
  offset_last(modifier, from_us, until_us, &fire_us);
  int64_t last_us = delayed(modifier, fire_us);
  if (last_us <= until_us)
    return last_us;
  offset_last(modifier, from_us, fire_us - 1, &fire_us);
  return delayed(modifier, fire_us);
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  const struct modifier *modifier = (const struct modifier *)trigger;
  int64_t fire_us, first_us, jitter_us = modifier->seed ? modifier->jitter_us : 0;
  if (!next(trigger, after_us, &first_us) || first_us > until_us)
    return 0;
  bool is_outermost = effort_begin(EFFORT_COUNT);
  int64_t sum = count_kept(modifier, add_saturated(after_us, -modifier->offset_us),
                           add_saturated(until_us, -modifier->offset_us));
  if (is_outermost)
    effort_end();
  /* The fire due last before each end may be delayed over it. */
  if (jitter_us) {
    if (offset_last(modifier, add_saturated(after_us, -jitter_us), after_us, &fire_us))
      sum += delayed(modifier, fire_us) > after_us;
    if (offset_last(modifier, add_saturated(until_us, -jitter_us), until_us, &fire_us))
      sum -= delayed(modifier, fire_us) > until_us;
  }
  if (is_outermost)
    *last_us = jitter_us ? last_delayed(modifier, after_us, until_us)
                         : count_last_fire(trigger, after_us, until_us);
  return sum > 0 ? sum : 1;
}

bool modifier_can_count(const struct modifier *modifier)
{
  return !modifier_has_calendars(modifier) && modifier->inner->kind->count &&
         !modifier->inner->kind->is_nested;
}

/* The instant of the limit's last fire. Where fires can be counted, steps of time that double as
 * long as they hold too few, and then halve, come to it. */
static int64_t find_last(const struct modifier *modifier)
{
  int64_t at_us = first_after(modifier, INT64_MIN), left = modifier->limit, fire_us = INT64_MAX;
  bool is_growing = true;
  if (!kept_next(modifier, at_us, &fire_us))
    return INT64_MAX;
  at_us = fire_us - 1;
  for (int64_t step_us = 1000000; modifier_can_count(modifier) && left > 8 && step_us >= 1000;) {
    int64_t until_us = at_us > INSTANT_MAX - step_us ? INSTANT_MAX : at_us + step_us, last_us;
    int64_t held = at_us < until_us ? trigger_count(modifier->inner, at_us, until_us, &last_us) : 0;
    bool is_short = held < left;
    is_growing &= is_short;
    if (is_short && until_us == INSTANT_MAX)
      return INT64_MAX;
    at_us = is_short ? until_us : at_us;
    left -= is_short ? held : 0;
    step_us = is_growing ? step_us * 2 : step_us / 2;
  }
  for (; left > 0; left--)
    if (!kept_next(modifier, at_us, &at_us))
      return INT64_MAX;
  return at_us;
}

void modifier_count_from(struct modifier *modifier, int64_t from_us)
{
  modifier->limit_from_us = from_us;
  modifier->last_us = INT64_MAX;
  bool is_outermost = effort_begin(EFFORT_NEXT);
  modifier->last_us = find_last(modifier);
  if (is_outermost)
    effort_end();
}

void modifier_set_seed(struct modifier *modifier, const char *seed)
{
  modifier->seed = memory_strdup(seed);
  modifier->spread = hash_seed(seed);
}

static void anchor(struct trigger *trigger, int64_t now_us, const char *seed)
{
  struct modifier *modifier = (struct modifier *)trigger;
  trigger_anchor(modifier->inner, now_us, seed);
  if (modifier->limit && modifier->limit_from_us == INT64_MIN)
    modifier_count_from(modifier, now_us < INSTANT_MIN   ? INSTANT_MIN
                                  : now_us > INSTANT_MAX ? INSTANT_MAX
                                                         : now_us);
  if (modifier->jitter_us && !modifier->seed && seed)
    modifier_set_seed(modifier, seed);
}

/* ---- what it is ---- */

static void destroy(struct trigger *trigger)
{
  struct modifier *modifier = (struct modifier *)trigger;
  trigger_destroy(modifier->inner);
  calendar_destroy(modifier->calendar);
  free(modifier->seed);
  free(modifier->names);
  free(modifier);
}

static const char *timezone_of(const struct trigger *trigger)
{
  return trigger_timezone(((const struct modifier *)trigger)->inner);
}

static bool matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  return trigger_matches_local(((const struct modifier *)trigger)->inner, from_s, until_s);
}

const struct trigger *modifier_inner(const struct trigger *trigger)
{
  return trigger->kind == &modifier_kind ? ((const struct modifier *)trigger)->inner : trigger;
}

bool modifier_has_jitter(const struct trigger *trigger)
{
  return trigger->kind == &modifier_kind && ((const struct modifier *)trigger)->jitter_us;
}

const char *modifier_names(const struct trigger *trigger)
{
  return trigger->kind == &modifier_kind ? ((const struct modifier *)trigger)->names : NULL;
}

const char *modifier_undefined(const struct trigger *trigger)
{
  const struct modifier *modifier = (const struct modifier *)trigger;
  if (trigger->kind == &modifier_kind)
    for (int i = 0; i < modifier->name_count; i++)
      if (!calendar_name_meaning(modifier->calendars[i]))
        return calendar_name_text(modifier->calendars[i]);
  return NULL;
}

const struct trigger_kind modifier_kind = {
    .name = "modifier",
    .destroy = destroy,
    .anchor = anchor,
    .to_json = modifier_to_json,
    .next = next,
    .count = count,
    .timezone = timezone_of,
    .explain = modifier_explain,
    .matches_local = matches_local,
    .gave_up = gave_up,
};
