#include "ctl/simulation_warn.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/screen.h"
#include "time/instant.h"
#include "trigger/event.h"

enum {
  NAMES_TOLD = 5,
  FULL_PERCENT = 90,
  MINUTES_LEAST = 2, /* once may be chance */
};

#define MINUTE_US INT64_C(60000000)

struct finder {
  const struct simulation_digest *digest;
  const struct zone *zone;
  struct simulation_warnings *warnings;
};

static struct simulation_warning *add(struct finder *finder, const char *kind,
                                      struct buffer *message)
{
  struct simulation_warnings *warnings = finder->warnings;
  if (warnings->count == warnings->capacity) {
    warnings->capacity = warnings->capacity ? warnings->capacity * 2 : 16;
    warnings->items = memory_resize(warnings->items, warnings->capacity * sizeof *warnings->items);
  }
  struct simulation_warning *warning = &warnings->items[warnings->count++];
  *warning = (struct simulation_warning){.kind = kind, .message = buffer_take(message)};
  return warning;
}

static void add_about(struct finder *finder, const char *kind, struct buffer *message, size_t job)
{
  struct simulation_warning *warning = add(finder, kind, message);
  warning->jobs = memory_alloc(sizeof *warning->jobs);
  warning->jobs[0] = job;
  warning->job_count = 1;
}

static const char *id_of(const struct finder *finder, size_t job)
{
  return finder->digest->simulation->jobs[job].job->id;
}

static const char *plural(int64_t count)
{
  return count == 1 ? "" : "s";
}

/* "2026-03-29 02:30:00 CET" */
static void append_time(const struct finder *finder, struct buffer *out, int64_t us)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format_in(text, us, finder->zone);
  text[strcspn(text, "T")] = ' ';
  buffer_printf(out, "%.19s %s", text, zone_at(finder->zone, instant_seconds(us)).abbreviation);
}

/* ---- of one job ---- */

/* What makes a job fire that has no time: nothing that is played here. */
static bool is_set_off(const struct job *job)
{
  const char *script, *name;
  return !job->trigger ||
         (trigger_is_open(job->trigger) && !trigger_asks_lua(job->trigger, &script, &name));
}

static void find_never(struct finder *finder, size_t place)
{
  const struct simulation *simulation = finder->digest->simulation;
  const struct simulation_job *job = &simulation->jobs[place];
  struct buffer message = {0};
  if (finder->digest->jobs[place].fires > 0 || is_set_off(job->job) ||
      (job->next_us >= simulation->reached_us && job->next_us < simulation->until_us))
    return; /* the last: it would, had the span not been cut short */
  buffer_printf(&message, "%s does not fire in this span: ", job->job->id);
  if (job->next_us != JOB_NEVER && job->next_us >= simulation->from_us) {
    buffer_append_text(&message, "it does next on ");
    append_time(finder, &message, job->next_us);
  } else {
    buffer_append_text(&message, "it never does");
  }
  add_about(finder, "never", &message, place);
}

static void find_state(struct finder *finder, size_t place)
{
  const struct simulation_job *job = &finder->digest->simulation->jobs[place];
  struct buffer message = {0};
  if (job->state == JOB_ERROR) {
    buffer_printf(&message, "%s cannot run: %s", job->job->id, job->error ? job->error : "?");
    add_about(finder, "job_error", &message, place);
  } else if (job->state == JOB_PAUSED) {
    buffer_printf(&message, "%s is paused%s%s", job->job->id, job->error ? ": " : "",
                  job->error ? job->error : "");
    add_about(finder, "paused", &message, place);
  } else {
    find_never(finder, place);
  }
}

/* What comes of it that a run takes longer than until the next one is due. */
static void append_consequence(struct buffer *out, const struct simulation_tally *tally)
{
  int64_t overlaps = tally->skips_of[SKIP_OVERLAP];
  if (overlaps > 0) {
    buffer_printf(out, ": %" PRId64 " of %" PRId64 " due times %s skipped", overlaps, tally->fires,
                  overlaps == 1 ? "is" : "are");
  } else if (tally->cancelled > 0) {
    buffer_printf(out, ": %" PRId64 " of %" PRId64 " runs %s cancelled", tally->cancelled,
                  tally->runs, tally->cancelled == 1 ? "is" : "are");
  } else if (tally->load.peak > 1) {
    buffer_printf(out, ": up to %" PRId64 " of its runs are under way at once", tally->load.peak);
  } else if (tally->longest_wait_us > 0) {
    buffer_append_text(out, ": its runs wait for each other, up to ");
    append_span(out, tally->longest_wait_us);
  }
}

/* Events come when they like, so one that follows another closely says nothing. */
static int64_t mean_gap(const struct simulation_tally *tally)
{
  return tally->fires > 1 ? (tally->last_us - tally->first_us) / (tally->fires - 1) : INT64_MAX;
}

static void find_long(struct finder *finder, size_t place)
{
  const struct simulation_tally *tally = &finder->digest->jobs[place];
  bool by_events = is_set_off(finder->digest->simulation->jobs[place].job);
  int64_t gap_us = by_events ? mean_gap(tally) : tally->least_gap_us;
  struct buffer message = {0};
  if (gap_us == INT64_MAX || tally->longest_us <= gap_us)
    return;
  buffer_printf(&message, "%s takes ", id_of(finder, place));
  append_span(&message, tally->longest_us);
  buffer_printf(&message, ", and is %s every ", by_events ? "set off" : "due");
  append_span(&message, gap_us);
  append_consequence(&message, tally);
  add_about(finder, "longer_than_interval", &message, place);
}

static void find_waiting(struct finder *finder, size_t place)
{
  int64_t waits = finder->digest->jobs[place].waits;
  struct buffer message = {0};
  if (waits == 0)
    return;
  buffer_printf(&message, "%s: %" PRId64 " due time%s wait%s still at the end of the span",
                id_of(finder, place), waits, plural(waits), waits == 1 ? "s" : "");
  add_about(finder, "still_waiting", &message, place);
}

/* ---- of several ---- */

/* Jobs that are due so often that they must meet somebody, or by what others do, say nothing. */
static bool may_meet(const struct finder *finder, size_t place)
{
  const struct simulation *simulation = finder->digest->simulation;
  const struct simulation_tally *tally = &finder->digest->jobs[place];
  int64_t minutes = (simulation->reached_us - simulation->from_us) / MINUTE_US;
  return tally->minutes >= MINUTES_LEAST && tally->minutes <= minutes / 2 &&
         !is_set_off(simulation->jobs[place].job);
}

static bool meet(const struct finder *finder, size_t a, size_t b)
{
  const struct simulation_tally *jobs = finder->digest->jobs;
  return jobs[a].minutes == jobs[b].minutes && jobs[a].minutes_hash == jobs[b].minutes_hash;
}

static void tell_meeting(struct finder *finder, size_t *jobs, size_t count)
{
  struct buffer message = {0};
  for (size_t i = 0; i < count && i < NAMES_TOLD; i++)
    buffer_printf(&message, "%s%s",
                  i == 0           ? ""
                  : i + 1 == count ? " and "
                                   : ", ",
                  id_of(finder, jobs[i]));
  if (count > NAMES_TOLD)
    buffer_printf(&message, " and %zu others", count - NAMES_TOLD);
  buffer_append_text(&message,
                     " are always due in the same minute: an offset, jitter or H in a cron "
                     "expression would spread them");
  struct simulation_warning *warning = add(finder, "same_minute", &message);
  warning->jobs = jobs;
  warning->job_count = count;
}

struct meeting {
  int64_t minutes;
  uint64_t hash;
  size_t place;
};

static int compare_meetings(const void *left, const void *right)
{
  const struct meeting *a = left, *b = right;
  if (a->minutes != b->minutes)
    return a->minutes < b->minutes ? -1 : 1;
  if (a->hash != b->hash)
    return a->hash < b->hash ? -1 : 1;
  return a->place < b->place ? -1 : a->place > b->place;
}

static void find_meetings(struct finder *finder)
{
  const struct simulation_digest *digest = finder->digest;
  size_t count = 0, job_count = digest->simulation->job_count;
  struct meeting *all = memory_alloc((job_count + 1) * sizeof *all);
  for (size_t i = 0; i < job_count; i++)
    if (digest->is_shown[i] && may_meet(finder, i))
      all[count++] = (struct meeting){digest->jobs[i].minutes, digest->jobs[i].minutes_hash, i};
  qsort(all, count, sizeof *all, compare_meetings);
  for (size_t i = 0, end; i < count; i = end) {
    for (end = i + 1; end < count && meet(finder, all[i].place, all[end].place);)
      end++;
    if (end - i < 2)
      continue;
    size_t *jobs = memory_alloc((end - i) * sizeof *jobs);
    for (size_t j = i; j < end; j++)
      jobs[j - i] = all[j].place;
    tell_meeting(finder, jobs, end - i);
  }
  free(all);
}

static bool is_pool_shown(const struct finder *finder, const char *name)
{
  const struct simulation *simulation = finder->digest->simulation;
  for (size_t i = 0; i < simulation->job_count; i++) {
    const char *pool = simulation->jobs[i].job->pool;
    if (finder->digest->is_shown[i] && pool && strcmp(pool, name) == 0)
      return true;
  }
  return false;
}

static void find_full_pools(struct finder *finder)
{
  const struct simulation *simulation = finder->digest->simulation;
  int64_t span_us = simulation->reached_us - simulation->from_us;
  for (size_t i = 0; i < simulation->pool_count; i++) {
    const struct simulation_pool *pool = &simulation->pools[i];
    int64_t percent =
        span_us > 0
            ? (int64_t)((double)finder->digest->pools[i].load.full_us / (double)span_us * 100)
            : 0;
    struct buffer message = {0};
    if ((percent < FULL_PERCENT && pool->slots > 0) || !is_pool_shown(finder, pool->name))
      continue;
    if (pool->slots == 0)
      buffer_printf(&message, "the pool %s has no slots: nothing of it begins", pool->name);
    else
      buffer_printf(&message,
                    "the pool %s is full for %" PRId64 " %% of the time (%" PRId64 " slot%s)",
                    pool->name, percent, pool->slots, plural(pool->slots));
    add(finder, "pool_full", &message);
  }
}

static void find_cut(struct finder *finder)
{
  const struct simulation *simulation = finder->digest->simulation;
  struct buffer message = {0};
  if (simulation->reached_us >= simulation->until_us)
    return;
  buffer_append_text(&message, "cut short at ");
  append_time(finder, &message, simulation->reached_us);
  buffer_append_text(&message, ": there are more runs and skips than --most lets through, and what "
                               "is told here is of the time before");
  add(finder, "cut_short", &message);
}

static void find_problems(struct finder *finder)
{
  const struct simulation *simulation = finder->digest->simulation;
  for (size_t i = 0; i < simulation->problem_count; i++) {
    struct buffer message = {0};
    buffer_printf(&message, "%s does not load, its jobs are missing here: %s",
                  simulation->problems[i].script, simulation->problems[i].text);
    add(finder, "script", &message);
  }
}

void simulation_find_warnings(const struct simulation_digest *digest, const struct zone *zone,
                              struct simulation_warnings *warnings)
{
  struct finder finder = {digest, zone, warnings};
  *warnings = (struct simulation_warnings){0};
  find_cut(&finder);
  find_problems(&finder);
  for (size_t i = 0; i < digest->simulation->job_count; i++) {
    if (!digest->is_shown[i])
      continue;
    find_state(&finder, i);
    find_long(&finder, i);
    find_waiting(&finder, i);
  }
  find_meetings(&finder);
  find_full_pools(&finder);
}

void simulation_warnings_deinit(struct simulation_warnings *warnings)
{
  for (size_t i = 0; i < warnings->count; i++) {
    free(warnings->items[i].message);
    free(warnings->items[i].jobs);
  }
  free(warnings->items);
  *warnings = (struct simulation_warnings){0};
}
