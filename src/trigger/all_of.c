/* Fires at the instants at which all of its triggers do.
 *
 * The search leaps: whichever trigger says that its next fire is later moves the candidate there,
 * until all agree. A bound on the asks (combine.h) ends it when they do not; triggers that do not
 * meet in any near time are refused when they are read. */
#include "trigger/combine.h"
#include "trigger/count.h"

static enum search find_next(const struct combine *combine, int64_t after_us, int64_t *next_us)
{
  int64_t candidate_us = after_us;
  int agreed = 0; /* how many members in a row fire at the candidate */
  for (int i = 0; agreed < combine->count; i = i + 1 < combine->count ? i + 1 : 0) {
    int64_t from_us = agreed ? candidate_us - 1 : after_us, fire_us;
    if (!effort_spend(effort_of_next(combine->members[i])))
      return SEARCH_GAVE_UP;
    if (!trigger_next(combine->members[i], from_us, &fire_us))
      return trigger_gave_up(combine->members[i], from_us) ? SEARCH_GAVE_UP : SEARCH_NONE;
    agreed = agreed && fire_us == candidate_us ? agreed + 1 : 1;
    candidate_us = fire_us;
  }
  *next_us = candidate_us;
  return SEARCH_FOUND;
}

static enum search search_next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  bool is_outermost = effort_begin(EFFORT_NEXT);
  enum search search = find_next((const struct combine *)trigger, after_us, next_us);
  if (is_outermost)
    effort_end();
  return search;
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  return search_next(trigger, after_us, next_us) == SEARCH_FOUND;
}

static bool gave_up(const struct trigger *trigger, int64_t after_us)
{
  int64_t next_us;
  return search_next(trigger, after_us, &next_us) == SEARCH_GAVE_UP;
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  int64_t sum = 0, at_us = after_us, fire_us;
  bool is_outermost = effort_begin(EFFORT_COUNT);
  enum search search;
  while ((search = search_next(trigger, at_us, &fire_us)) == SEARCH_FOUND && fire_us <= until_us) {
    at_us = *last_us = fire_us;
    sum++;
  }
  if (!is_outermost)
    return sum;
  effort_end();
  if (sum > 0 && search == SEARCH_GAVE_UP)
    *last_us = count_last_fire(trigger, at_us - 1, until_us);
  return sum;
}

/* Whether each trigger that was read is anchored, so that it may be asked. */
static bool may_be_asked(const struct combine *combine)
{
  int64_t fire_us;
  for (int i = 0; i < combine->count; i++)
    if (!trigger_next(combine->members[i], INT64_MIN, &fire_us))
      return false;
  return true;
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  enum error_code code = combine_from_json(&all_of_kind, value, default_zone, trigger, error);
  if (code || !may_be_asked((const struct combine *)*trigger))
    return code;
  code = combine_check_fires(*trigger, value, "its triggers do not meet", error);
  if (code) {
    error_prefix(error, "all_of");
    combine_destroy(*trigger);
    *trigger = NULL;
  }
  return code;
}

static bool matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  const struct combine *combine = (const struct combine *)trigger;
  bool matches = false;
  for (int i = 0; i < combine->count; i++) {
    const struct trigger *member = combine->members[i];
    if (!trigger_timezone(member))
      continue;
    matches = trigger_matches_local(member, from_s, until_s);
    if (!matches)
      return false;
  }
  return matches;
}

static void explain(const struct trigger *trigger, struct buffer *out)
{
  buffer_append_text(out, "When all of these meet: ");
  combine_explain(trigger, "; and ", out);
}

static const struct trigger_word words[] = {{"all_of", "of"}, {0}};

const struct trigger_kind all_of_kind = {
    .name = "all_of",
    .members = combine_members,
    .words = words,
    .is_nested = true,
    .from_json = from_json,
    .destroy = combine_destroy,
    .anchor = combine_anchor,
    .to_json = combine_to_json,
    .next = next,
    .count = count,
    .timezone = combine_timezone,
    .explain = explain,
    .matches_local = matches_local,
    .gave_up = gave_up,
};
