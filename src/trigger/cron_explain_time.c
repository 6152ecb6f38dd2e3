/* The time of day in words: as times of day when they are few ("At 08:00 and 20:00"), as hours when
 * one minute of them is meant ("Every 2 hours"), else by the finest unit and what it is part of
 * ("Every 5 minutes of hour 4 and 16"). A unit of which all match goes without saying. */
#include "trigger/cron.h"
#include "trigger/cron_words.h"

enum { TIMES_MAX = 6 };

struct day_times {
  struct cron_shape seconds, minutes, hours;
};

static void put_clock(struct buffer *out, int32_t hour, int32_t minute, int32_t second)
{
  buffer_printf(out, second ? "%02d:%02d:%02d" : "%02d:%02d", hour, minute, second);
}

static bool is_list(const struct cron_shape *shape)
{
  return shape->kind == SHAPE_ONE || shape->kind == SHAPE_LIST;
}

/* ---- few times ---- */

static bool are_few(const struct day_times *t)
{
  return t->seconds.kind == SHAPE_ONE && is_list(&t->minutes) &&
         t->hours.count * t->minutes.count <= TIMES_MAX;
}

/* "At 08:00, 12:00 and 18:00" */
static void put_times(struct buffer *out, const struct day_times *t)
{
  struct cron_items items = {0};
  for (uint64_t h = t->hours.mask; h; h &= h - 1)
    for (uint64_t m = t->minutes.mask; m; m &= m - 1) {
      struct buffer text = {0};
      put_clock(&text, __builtin_ctzll(h), __builtin_ctzll(m), t->seconds.first);
      cron_items_add(&items, "%s", text.data);
      buffer_deinit(&text);
    }
  buffer_append_text(out, "At ");
  cron_items_put(out, &items, "and");
}

/* ---- hours ---- */

static bool is_hourly(const struct day_times *t)
{
  bool is_one = t->seconds.kind == SHAPE_ONE && t->minutes.kind == SHAPE_ONE;
  bool is_whole_hour = is_one && !t->seconds.first && !t->minutes.first;
  return (is_one && (t->hours.kind == SHAPE_RUN || t->hours.kind == SHAPE_STEPS)) ||
         (is_whole_hour && t->hours.kind == SHAPE_ALL);
}

/* "Every hour", "Every 2 hours from 01:23 to 21:23" */
static void put_hourly(struct buffer *out, const struct day_times *t)
{
  const struct cron_shape *hours = &t->hours;
  int32_t minute = t->minutes.first, second = t->seconds.first;
  if (hours->step == 1)
    buffer_append_text(out, "Every hour");
  else
    buffer_printf(out, "Every %d hours", hours->step);
  if (hours->kind == SHAPE_ALL || (hours->is_even && !minute && !second))
    return;
  buffer_append_text(out, " from ");
  put_clock(out, hours->first, minute, second);
  bool is_until_midnight = hours->last + hours->step > 23 && 24 % hours->step == 0;
  if (hours->step > 1 && is_until_midnight)
    return;
  buffer_append_text(out, " to ");
  put_clock(out, hours->last, minute, second);
}

/* ---- units ---- */

/* "Every 5 minutes", "At minute 5 and 20"; true when it goes on through the whole next unit. */
static bool put_finest(struct buffer *out, const struct cron_shape *s, const char *unit)
{
  bool goes_on = s->kind == SHAPE_ALL || (s->kind == SHAPE_STEPS && s->is_even);
  if (s->kind == SHAPE_ALL) {
    buffer_printf(out, "Every %s", unit);
  } else if (goes_on) {
    buffer_printf(out, "Every %d %ss", s->step, unit);
  } else if (s->kind == SHAPE_STEPS) {
    buffer_printf(out, "Every %d %ss from %s %d to %d", s->step, unit, unit, s->first, s->last);
  } else if (s->kind == SHAPE_RUN) {
    buffer_printf(out, "Every %s from %d to %d", unit, s->first, s->last);
  } else {
    buffer_printf(out, "At %s ", unit);
    cron_put_values(out, s->mask, NULL, "and");
  }
  return goes_on;
}

/* " of every 2nd hour", " of hour 4 and 16", " of every hour from 9 to 17" */
static void put_coarser(struct buffer *out, const struct cron_shape *s, const char *unit)
{
  char text[16];
  if (is_list(s)) {
    buffer_printf(out, " of %s ", unit);
    cron_put_values(out, s->mask, NULL, "and");
    return;
  }
  buffer_append_text(out, " of every ");
  if (s->kind == SHAPE_STEPS)
    buffer_printf(out, "%s ", cron_ordinal(text, s->step));
  buffer_append_text(out, unit);
  if (s->kind == SHAPE_RUN || (s->kind == SHAPE_STEPS && !s->is_even))
    buffer_printf(out, " from %d to %d", s->first, s->last);
}

/* The hours behind a phrase; one that goes on through the hour is bounded by clock times. */
static void put_hours(struct buffer *out, const struct cron_shape *hours, bool goes_on)
{
  if (goes_on && (hours->kind == SHAPE_RUN || hours->kind == SHAPE_ONE))
    buffer_printf(out, " from %02d:00 to %02d:59", hours->first, hours->last);
  else if (!goes_on || hours->kind != SHAPE_ALL)
    put_coarser(out, hours, "hour");
}

static void put_units(struct buffer *out, const struct day_times *t)
{
  bool is_by_minute = t->seconds.kind == SHAPE_ONE && t->seconds.first == 0;
  if (is_by_minute) {
    put_hours(out, &t->hours, put_finest(out, &t->minutes, "minute"));
    return;
  }
  bool goes_on = put_finest(out, &t->seconds, "second");
  if (goes_on && t->minutes.kind == SHAPE_ONE && t->hours.kind == SHAPE_ONE) {
    int32_t hour = t->hours.first, minute = t->minutes.first;
    buffer_printf(out, " from %02d:%02d:00 to %02d:%02d:59", hour, minute, hour, minute);
    return;
  }
  bool is_each_minute = t->minutes.kind == SHAPE_ALL;
  if (!goes_on || !is_each_minute)
    put_coarser(out, &t->minutes, "minute");
  put_hours(out, &t->hours, is_each_minute);
}

bool cron_explain_time(const struct cron_fields *fields, struct buffer *out)
{
  struct day_times t = {
      .seconds = cron_shape_of(fields->seconds, 0, 59),
      .minutes = cron_shape_of(fields->minutes, 0, 59),
      .hours = cron_shape_of(fields->hours, 0, 23),
  };
  bool is_times = !is_hourly(&t) && are_few(&t);
  if (is_hourly(&t))
    put_hourly(out, &t);
  else if (is_times)
    put_times(out, &t);
  else
    put_units(out, &t);
  return is_times;
}
