/* Fires when any of its triggers does; fires at the same instant are one. */
#include "base/memory.h"
#include "trigger/combine.h"
#include "trigger/count.h"

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  return combine_from_json(&any_of_kind, value, default_zone, trigger, error);
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct combine *combine = (const struct combine *)trigger;
  int64_t first_us = INT64_MAX, fire_us;
  for (int i = 0; i < combine->count; i++)
    if (trigger_next(combine->members[i], after_us, &fire_us) && fire_us < first_us)
      first_us = fire_us;
  *next_us = first_us;
  return first_us != INT64_MAX;
}

static bool gave_up(const struct trigger *trigger, int64_t after_us)
{
  const struct combine *combine = (const struct combine *)trigger;
  int64_t fire_us;
  if (next(trigger, after_us, &fire_us))
    return false;
  for (int i = 0; i < combine->count; i++)
    if (trigger_gave_up(combine->members[i], after_us))
      return true;
  return false;
}

/* The member with the most fires of those that arithmetic counts before the effort is spent; -1
 * when there is none. */
static int find_densest(const struct combine *combine, int64_t after_us, int64_t until_us,
                        int64_t *most)
{
  int densest = -1;
  *most = 0;
  for (int i = 0; i < combine->count; i++) {
    const struct trigger *member = combine->members[i];
    int64_t last_us, count;
    if (!member->kind->count)
      continue;
    if (!effort_spend(effort_of_count(member, after_us, until_us)))
      break;
    count = trigger_count(member, after_us, until_us, &last_us);
    if (count > *most) {
      *most = count;
      densest = i;
    }
  }
  return densest;
}

/* The fires that the densest member has not are stepped through: each of the others has its next
 * fire in `fires`, and the earliest of them moves on. */
static int64_t count_others(const struct combine *combine, int densest, int64_t after_us,
                            int64_t until_us)
{
  enum { COMPARED = 8 }; /* members in a unit of effort */
  int64_t fires[COMBINE_MEMBERS_MAX], sum = 0, fire_us;
  int cost = 1 + combine->count / COMPARED;
  if (densest >= 0)
    cost += effort_of_next(combine->members[densest]);
  for (int i = 0; i < combine->count; i++)
    if (i == densest || !trigger_next(combine->members[i], after_us, &fires[i]))
      fires[i] = INT64_MAX;
  for (;;) {
    int64_t first_us = INT64_MAX;
    for (int i = 0; i < combine->count; i++)
      first_us = fires[i] < first_us ? fires[i] : first_us;
    if (first_us > until_us || first_us == INT64_MAX || !effort_spend(cost))
      return sum;
    sum += densest < 0 || !trigger_next(combine->members[densest], first_us - 1, &fire_us) ||
           fire_us != first_us;
    for (int i = 0; i < combine->count; i++)
      if (fires[i] == first_us) {
        effort_spend(effort_of_next(combine->members[i]));
        if (!trigger_next(combine->members[i], first_us, &fires[i]))
          fires[i] = INT64_MAX;
      }
  }
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  const struct combine *combine = (const struct combine *)trigger;
  int64_t most, first_us;
  if (!next(trigger, after_us, &first_us) || first_us > until_us)
    return 0;
  bool is_outermost = effort_begin(EFFORT_COUNT);
  int densest = find_densest(combine, after_us, until_us, &most);
  int64_t sum = most + count_others(combine, densest, after_us, until_us);
  if (is_outermost) {
    effort_end();
    *last_us = count_last_fire(trigger, first_us, until_us);
  }
  return sum > 0 ? sum : 1;
}

static bool matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  const struct combine *combine = (const struct combine *)trigger;
  for (int i = 0; i < combine->count; i++)
    if (trigger_matches_local(combine->members[i], from_s, until_s))
      return true;
  return false;
}

static void explain(const struct trigger *trigger, struct buffer *out)
{
  buffer_append_text(out, "Any of: ");
  combine_explain(trigger, "; or ", out);
}

static const struct trigger_word words[] = {{"any_of", "of"}, {0}};

const struct trigger_kind any_of_kind = {
    .name = "any_of",
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
    .each_source = combine_each_source,
};
