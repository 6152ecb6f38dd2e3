#include "sim/due.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "sim/zones.h"
#include "time/instant.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define DAY    (24 * 60 * MINUTE)

char *rule_trigger(const struct rule *rule)
{
  char start[INSTANT_TEXT_SIZE];
  instant_format(start, rule->start_us);
  switch (rule->kind) {
  case RULE_INTERVAL:
    return memory_printf("{\"kind\":\"interval\",\"seconds\":%lld,\"start\":\"%s\"}",
                         (long long)(rule->period_us / SECOND), start);
  case RULE_MINUTES:
    return memory_printf("{\"kind\":\"cron\",\"expression\":\"*/%d * * * *\",\"timezone\":\"%s\"}",
                         rule->minute, rule->zone);
  case RULE_HOURLY:
    return memory_printf("{\"kind\":\"cron\",\"expression\":\"%d * * * *\",\"timezone\":\"%s\"}",
                         rule->minute, rule->zone);
  case RULE_DAILY:
    return memory_printf("{\"kind\":\"cron\",\"expression\":\"%d %d * * *\",\"timezone\":\"%s\"}",
                         rule->minute, rule->hour, rule->zone);
  case RULE_DATE:
    return memory_printf("{\"kind\":\"date\",\"at\":\"%s\"}", start);
  case RULE_EVENT:
    return memory_strdup(rule->event);
  }
  return NULL;
}

static void append(struct dues *dues, int64_t us)
{
  if (dues->count == dues->capacity) {
    dues->capacity = dues->capacity ? dues->capacity * 2 : 256;
    dues->us = memory_resize(dues->us, dues->capacity * sizeof *dues->us);
  }
  dues->us[dues->count++] = us;
}

static void use_zone(const char *name)
{
  static const char *used;
  if (used && strcmp(used, name) == 0)
    return;
  setenv("TZ", name, 1);
  tzset();
  used = name;
}

static struct tm local(int64_t us)
{
  struct tm tm;
  time_t seconds = (time_t)(us / SECOND);
  localtime_r(&seconds, &tm);
  return tm;
}

static int64_t whole_minutes(int64_t us)
{
  int64_t rest = us % MINUTE;
  return us - (rest < 0 ? rest + MINUTE : rest);
}

static void interval_dues(const struct rule *rule, int64_t from_us, int64_t until_us,
                          struct dues *dues)
{
  int64_t us = rule->start_us;
  if (us < from_us)
    us += (from_us - us + rule->period_us - 1) / rule->period_us * rule->period_us;
  for (; us < until_us; us += rule->period_us)
    append(dues, us);
}

/* Wild hours follow the time that passes: whatever the clock on the wall does, each minute counts.
 */
static void minute_dues(const struct rule *rule, int64_t from_us, int64_t until_us,
                        struct dues *dues)
{
  for (int64_t us = whole_minutes(from_us + MINUTE - 1); us < until_us; us += MINUTE) {
    int minute = local(us).tm_min;
    if (rule->kind == RULE_MINUTES ? minute % rule->minute == 0 : minute == rule->minute)
      append(dues, us);
  }
}

/* Once on each day of the calendar: as soon as the clock shows that time or a later one. So in a
 * gap the first instant after it, and of two the first. */
static void daily_dues(const struct rule *rule, int64_t from_us, int64_t until_us,
                       struct dues *dues)
{
  int done_year = 0, done_day = 0;
  for (int64_t us = whole_minutes(from_us) - 2 * DAY; us < until_us; us += MINUTE) {
    struct tm tm = local(us);
    if (tm.tm_year == done_year && tm.tm_yday == done_day)
      continue;
    if (tm.tm_hour * 60 + tm.tm_min < rule->hour * 60 + rule->minute)
      continue;
    bool is_whole_day = done_year != 0; /* the scan may have begun behind the first one's time */
    done_year = tm.tm_year;
    done_day = tm.tm_yday;
    if (is_whole_day && us >= from_us)
      append(dues, us);
  }
}

void rule_dues(const struct rule *rule, int64_t from_us, int64_t until_us, struct dues *dues)
{
  if (rule->zone)
    use_zone(zones_path(rule->version, rule->zone));
  if (rule->kind == RULE_INTERVAL)
    interval_dues(rule, from_us, until_us, dues);
  else if (rule->kind == RULE_DATE && rule->start_us >= from_us && rule->start_us < until_us)
    append(dues, rule->start_us);
  else if (rule->kind == RULE_MINUTES || rule->kind == RULE_HOURLY)
    minute_dues(rule, from_us, until_us, dues);
  else if (rule->kind == RULE_DAILY)
    daily_dues(rule, from_us, until_us, dues);
}
