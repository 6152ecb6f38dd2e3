/* What a person should know of a trigger before it happens: which of its wall-clock times fall into
 * the gap or the overlap of a clock change within two years, and what becomes of them; without the
 * jitter and the offset that come on top.
 *
 * Of the trigger only its two questions are used, so that this holds for every kind and every rule:
 * which wall-clock times it knows (trigger_matches_local), and when it really fires (trigger_next).
 * A schedule that goes on round the clock and keeps its rhythm over the change is not worth a word.
 */
#include "ctl/cli_next.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/instant.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (86400 * SECOND_US)

enum { YEARS_DAYS = 2 * 365 + 1, WARNINGS_MAX = 20, AROUND_S = 12 * 3600 };

/* Wall-clock times that do not exist or occur twice. */
struct fold {
  const struct trigger *trigger;
  const struct zone *zone; /* the trigger's */
  bool is_moved; /* its fires are moved by an offset or jitter, which the trigger here lacks */
  struct zone_transition change;
  int64_t from_s, until_s; /* local: the gap or the overlap */
  int64_t first_s, last_s; /* local: the first and the last time in it that the trigger knows */
};

static void add_warning(struct next_answer *answer, struct next_warning warning)
{
  size_t size = (answer->warning_count + 1) * sizeof *answer->warnings;
  answer->warnings = memory_resize(answer->warnings, size);
  answer->warnings[answer->warning_count++] = warning;
}

/* The first matching second of [from_s, until_s), in which there is one. */
static int64_t find_first(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  while (until_s - from_s > 1) {
    int64_t middle_s = from_s + (until_s - from_s) / 2;
    if (trigger_matches_local(trigger, from_s, middle_s))
      until_s = middle_s;
    else
      from_s = middle_s;
  }
  return from_s;
}

static int64_t find_last(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  while (until_s - from_s > 1) {
    int64_t middle_s = from_s + (until_s - from_s) / 2;
    if (trigger_matches_local(trigger, middle_s, until_s))
      from_s = middle_s;
    else
      until_s = middle_s;
  }
  return from_s;
}

/* Whether it has a time in each hour, or each span of the fold's length if that is shorter, for
 * half a day before and after it. */
static bool is_round_the_clock(const struct fold *fold)
{
  int64_t step_s = fold->until_s - fold->from_s;
  if (step_s > 3600)
    step_s = 3600;
  for (int64_t far_s = step_s; far_s <= AROUND_S; far_s += step_s) {
    int64_t before_s = fold->from_s - far_s, after_s = fold->until_s + far_s;
    if (!trigger_matches_local(fold->trigger, before_s, before_s + step_s) ||
        !trigger_matches_local(fold->trigger, after_s - step_s, after_s))
      return false;
  }
  return true;
}

static bool fires_at(const struct trigger *trigger, int64_t second)
{
  int64_t us;
  return trigger_next(trigger, second * SECOND_US - 1, &us) && us < (second + 1) * SECOND_US;
}

/* "02:30", with seconds where there are some, with the date if it is not that of `day_s`. */
static void append_clock(struct buffer *out, int64_t local_s, int64_t day_s)
{
  struct civil_time time = civil_from_seconds(local_s);
  if (civil_day_of(local_s) != civil_day_of(day_s))
    buffer_printf(out, "%04d-%02d-%02d ", time.date.year, time.date.month, time.date.day);
  buffer_printf(out, "%02d:%02d", time.hour, time.minute);
  if (time.second)
    buffer_printf(out, ":%02d", time.second);
}

/* "2027-03-28 02:00 to 02:45 do not exist in Europe/Berlin" */
static void append_times(struct buffer *out, const struct fold *fold, const char *singular,
                         const char *plural)
{
  bool is_one = fold->first_s == fold->last_s;
  append_clock(out, fold->first_s, fold->first_s - 86400);
  if (!is_one) {
    buffer_append_text(out, " to ");
    append_clock(out, fold->last_s, fold->first_s);
  }
  buffer_printf(out, " %s in %s: ", is_one ? singular : plural, zone_name(fold->zone));
}

/* What becomes of times that do not exist is seen at the first fire from the change on. */
static void append_gap(struct buffer *out, const struct fold *fold)
{
  int64_t change_us = fold->change.at_s * SECOND_US, us;
  bool is_one = fold->first_s == fold->last_s;
  append_times(out, fold, "does not exist", "do not exist");
  if (!trigger_next(fold->trigger, change_us - 1, &us)) {
    buffer_printf(out, "does not fire for %s", is_one ? "it" : "them");
    return;
  }
  int64_t fire_s = instant_seconds(us), shift_s = fold->until_s - fold->from_s;
  struct zone_offset offset = zone_at(fold->zone, fire_s);
  int64_t local_s = fire_s + offset.offset_s;
  bool is_own = trigger_matches_local(fold->trigger, local_s, local_s + 1);
  bool is_shifted = local_s == fold->first_s + shift_s;
  /* At a time of its own it would fire anyway. */
  if (fire_s == fold->change.at_s || (is_shifted && !is_own))
    buffer_append_text(out, is_one && !is_own ? "fires at " : "next fires at ");
  else
    buffer_printf(out, "does not fire for %s, but next at ", is_one ? "it" : "them");
  append_clock(out, local_s, fold->first_s);
  buffer_printf(out, " %s", offset.abbreviation);
}

static void append_overlap(struct buffer *out, const struct fold *fold)
{
  const struct zone_offset *before = &fold->change.before, *after = &fold->change.after;
  bool is_first = fires_at(fold->trigger, fold->first_s - before->offset_s);
  bool is_second = fires_at(fold->trigger, fold->first_s - after->offset_s);
  append_times(out, fold, "occurs twice", "occur twice");
  if (is_first && is_second)
    buffer_printf(out, "fires both times (%s and %s)", before->abbreviation, after->abbreviation);
  else if (is_first)
    buffer_printf(out, "fires at the first (%s)", before->abbreviation);
  else if (is_second)
    buffer_printf(out, "fires at the second (%s)", after->abbreviation);
  else
    buffer_append_text(out, "does not fire then");
}

/* Round the clock it is disturbed by an overlap only if it fires in one half of it alone. */
static bool is_undisturbed(const struct fold *fold, bool is_gap)
{
  if (!is_round_the_clock(fold))
    return false;
  return is_gap || (fires_at(fold->trigger, fold->first_s - fold->change.before.offset_s) &&
                    fires_at(fold->trigger, fold->first_s - fold->change.after.offset_s));
}

static void examine(struct next_answer *answer, struct fold *fold)
{
  int64_t before_s = fold->change.at_s + fold->change.before.offset_s;
  int64_t after_s = fold->change.at_s + fold->change.after.offset_s;
  bool is_gap = before_s < after_s;
  fold->from_s = is_gap ? before_s : after_s;
  fold->until_s = is_gap ? after_s : before_s;
  if (before_s == after_s || !trigger_matches_local(fold->trigger, fold->from_s, fold->until_s))
    return;
  fold->first_s = find_first(fold->trigger, fold->from_s, fold->until_s);
  fold->last_s = find_last(fold->trigger, fold->from_s, fold->until_s);
  if (is_undisturbed(fold, is_gap))
    return;
  struct buffer message = {0};
  if (is_gap)
    append_gap(&message, fold);
  else
    append_overlap(&message, fold);
  if (fold->is_moved)
    buffer_append_text(&message, ", and is moved from there");
  add_warning(answer, (struct next_warning){.kind = is_gap ? "gap" : "overlap",
                                            .transition_s = fold->change.at_s,
                                            .first_s = fold->first_s,
                                            .last_s = fold->last_s,
                                            .message = buffer_take(&message)});
}

/* A trigger knows wall-clock times before its start and after its end, but fires at none. */
static bool is_alive(const struct trigger *trigger, int64_t first_fire_us, int64_t at_us)
{
  int64_t us;
  return first_fire_us <= at_us + DAY_US && trigger_next(trigger, at_us - 2 * DAY_US, &us);
}

static bool is_one_of(const char *const *names, const char *name)
{
  for (; *names; names++)
    if (strcmp(*names, name) == 0)
      return true;
  return false;
}

/* The same trigger without jitter and offset, to be destroyed; NULL when it has none. */
static struct trigger *without_moves(const struct trigger *trigger)
{
  static const char *const dropped[] = {"jitter", "offset", "seed", NULL};
  struct buffer text = {0}, rest = {0};
  struct json_writer writer = {.out = &text};
  struct json_document *document;
  struct trigger *bare = NULL;
  trigger_to_json(trigger, &writer);
  if (json_parse(text.data, text.size, &document, NULL) == ERROR_OK) {
    const struct json *form = json_root(document);
    bool is_moved = json_get(form, "jitter") || json_get(form, "offset");
    writer = (struct json_writer){.out = &rest};
    json_begin_object(&writer);
    json_each(member, form)
      if (!is_one_of(dropped, member->key)) {
        json_key(&writer, member->key);
        json_write_tree(&writer, member);
      }
    json_end_object(&writer);
    char *seed = memory_strdup(json_text(json_get(form, "seed"), ""));
    json_free(document);
    if (is_moved && json_parse(rest.data, rest.size, &document, NULL) == ERROR_OK) {
      if (trigger_from_json(json_root(document), NULL, &bare, NULL) == ERROR_OK)
        trigger_anchor(bare, 0, seed); /* for the H of a cron expression */
      json_free(document);
    }
    free(seed);
  }
  buffer_deinit(&text);
  buffer_deinit(&rest);
  return bare;
}

static void warn_of_changes(struct next_answer *answer, int64_t from_us, int64_t until_us)
{
  const char *name = trigger_timezone(answer->trigger);
  struct fold fold = {.trigger = answer->trigger};
  int64_t at_s = instant_seconds(from_us), until_s = instant_seconds(until_us), first_fire_us;
  if (!name || zone_find(name, &fold.zone, NULL))
    return;
  struct trigger *bare = without_moves(answer->trigger);
  fold.is_moved = bare != NULL;
  if (bare)
    fold.trigger = bare;
  if (until_s > at_s + YEARS_DAYS * INT64_C(86400))
    until_s = at_s + YEARS_DAYS * INT64_C(86400);
  if (!trigger_next(fold.trigger, INT64_MIN, &first_fire_us))
    first_fire_us = INT64_MIN;
  while (answer->warning_count < WARNINGS_MAX &&
         zone_next_transition(fold.zone, at_s, &fold.change) && fold.change.at_s <= until_s) {
    at_s = fold.change.at_s;
    if (is_alive(fold.trigger, first_fire_us, at_s * SECOND_US))
      examine(answer, &fold);
  }
  trigger_destroy(bare);
}

void next_find_warnings(struct next_answer *answer, int64_t from_us, int64_t until_us)
{
  int64_t fire_us;
  if (trigger_next(answer->trigger, from_us - 1, &fire_us)) {
    warn_of_changes(answer, from_us, until_us);
    return;
  }
  bool gave_up = trigger_gave_up(answer->trigger, from_us - 1);
  if (!gave_up && !trigger_next(answer->trigger, INT64_MIN, &fire_us))
    return; /* it waits for an event, or asks a function */
  char from[INSTANT_TEXT_SIZE];
  instant_format_in(from, from_us, answer->zone);
  add_warning(answer,
              (struct next_warning){
                  .kind = "never",
                  .message = gave_up ? memory_strdup("no fire was found, as far as was searched")
                                     : memory_printf("never fires after %.19s", from)});
}
