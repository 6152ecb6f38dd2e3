/* Arithmetic on the wall clock for time values: adding months and days, the beginning of a unit,
 * whole units between two times; and times read by a format. All of it counts on the wall clock of
 * the value's zone, and then looks for the instant: in a gap the clock is read with the offset
 * before it, in an overlap the offset that the value had is kept if it can be.
 *
 * Works in any Lua state; on the worker's thread. */
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "time/civil.h"
#include "time/instant.h"
#include "vm/api_time_internal.h"

enum unit { YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, UNITS };

static const char *const unit_names[] = {"years", "quarters", "months",  "weeks", "days",
                                         "hours", "minutes",  "seconds", NULL};

#define SPAN_US (INSTANT_MAX - INSTANT_MIN) /* nothing longer leads from one time to another */

/* Seconds on the wall clock, read as if it showed UTC. */
struct wall {
  int64_t local_s;
  int32_t offset_s;
  int32_t fraction_us;
};

static struct wall wall_of(int64_t us, const struct zone *zone)
{
  int64_t utc_s = instant_seconds(us);
  int32_t offset_s = zone_at(zone, utc_s).offset_s;
  return (struct wall){utc_s + offset_s, offset_s, (int32_t)(us - utc_s * 1000000)};
}

static int64_t us_of(struct wall wall, const struct zone *zone)
{
  struct local_times times;
  zone_resolve(zone, wall.local_s, &times);
  int64_t utc_s = times.first_s;
  if (times.kind == LOCAL_OVERLAP && wall.offset_s == times.after_s)
    utc_s = times.second_s;
  return utc_s * 1000000 + wall.fraction_us;
}

/* "day" and "days" are the same. */
static enum unit check_unit(lua_State *L, const char *name, const char *function)
{
  char hint[128];
  size_t size = strlen(name);
  for (int unit = 0; unit < UNITS; unit++)
    if (strcmp(name, unit_names[unit]) == 0 ||
        (size + 1 == strlen(unit_names[unit]) && strncmp(name, unit_names[unit], size) == 0))
      return unit;
  return (enum unit)luaL_error(L, "%s: unknown unit \"%s\"%s", function, name,
                               text_did_you_mean(hint, name, unit_names));
}

static int refuse_outside(lua_State *L)
{
  return luaL_error(L, "the time lies outside the years 1 to 9999");
}

/* The last day of a shorter month stands for those that it has not. */
static int64_t add_months(lua_State *L, int64_t local_s, int64_t months)
{
  struct civil_time civil = civil_from_seconds(local_s);
  int64_t count = (int64_t)civil.date.year * 12 + civil.date.month - 1 + months;
  if (count < 12 || count >= INT64_C(12) * (CIVIL_YEAR_MAX + 1))
    refuse_outside(L);
  civil.date.year = (int32_t)(count / 12);
  civil.date.month = (int32_t)(count % 12) + 1;
  int32_t last = civil_month_days(civil.date.year, civil.date.month);
  if (civil.date.day > last)
    civil.date.day = last;
  return civil_to_seconds(&civil);
}

/* The sum of what is to be added, read from the table at index 2. */
struct change {
  bool is_on_calendar;
  int64_t months, days, us;
};

static void read_amount(lua_State *L, struct change *change)
{
  static const int64_t months[] = {[YEAR] = 12, [QUARTER] = 3, [MONTH] = 1};
  static const double seconds[] = {[HOUR] = 3600, [MINUTE] = 60, [SECOND] = 1};
  if (lua_type(L, -2) != LUA_TSTRING)
    luaL_error(L, "time:add wants names of units, { months = 1, hours = -2 }, got a %s",
               luaL_typename(L, -2));
  enum unit unit = check_unit(L, lua_tostring(L, -2), "time:add");
  int is_number, is_integer;
  double number = lua_tonumberx(L, -1, &is_number);
  lua_Integer integer = lua_tointegerx(L, -1, &is_integer);
  if (!is_number || !(fabs(number) <= 1e12) || (unit <= DAY && !is_integer))
    luaL_error(L, "time:add: %s must be a %snumber, got %s", unit_names[unit],
               unit <= DAY ? "whole " : "", luaL_tolstring(L, -1, NULL));
  if (unit <= MONTH)
    change->months += integer * months[unit];
  else if (unit <= DAY)
    change->days += integer * (unit == WEEK ? 7 : 1);
  else if (fabs(number * seconds[unit]) > (double)SPAN_US / 1e6)
    refuse_outside(L);
  else
    change->us += llround(number * seconds[unit] * 1e6);
  change->is_on_calendar |= unit <= DAY;
}

static int l_add(lua_State *L) /* time {unit = amount...} -> time */
{
  const struct time_value *time = api_time_check(L, 1);
  struct change change = {0};
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    read_amount(L, &change);
    lua_settop(L, 3); /* the key */
  }
  int64_t us = time->us;
  if (change.is_on_calendar) {
    struct wall wall = wall_of(us, time->zone);
    wall.local_s = add_months(L, wall.local_s, change.months);
    if (llabs(change.days) > 4000000)
      return refuse_outside(L);
    wall.local_s += change.days * CIVIL_DAY_S;
    if (wall.local_s < INSTANT_MIN / 1000000 || wall.local_s > INSTANT_MAX / 1000000)
      return refuse_outside(L);
    us = us_of(wall, time->zone);
  }
  if (llabs(change.us) > SPAN_US)
    return refuse_outside(L);
  return api_time_push_in(L, us + change.us, time->zone);
}

static int64_t start_of_date(int64_t local_s, enum unit unit)
{
  int64_t day = civil_day_of(local_s);
  struct civil_date date = civil_from_days(day);
  switch (unit) {
  case YEAR:
    return civil_to_days(date.year, 1, 1);
  case QUARTER:
    return civil_to_days(date.year, (date.month - 1) / 3 * 3 + 1, 1);
  case MONTH:
    return civil_to_days(date.year, date.month, 1);
  case WEEK:
    return day - (civil_weekday(day) + 6) % 7;
  default:
    return day;
  }
}

static int l_start_of(lua_State *L) /* time unit -> time */
{
  const struct time_value *time = api_time_check(L, 1);
  enum unit unit = check_unit(L, luaL_checkstring(L, 2), "time:start_of");
  struct wall wall = wall_of(time->us, time->zone);
  struct local_times times;
  if (unit >= HOUR) {
    int64_t length_s = unit == HOUR ? 3600 : unit == MINUTE ? 60 : 1;
    int64_t past_s = ((wall.local_s % length_s) + length_s) % length_s;
    return api_time_push_in(L, time->us - past_s * 1000000 - wall.fraction_us, time->zone);
  }
  zone_resolve(time->zone, start_of_date(wall.local_s, unit) * CIVIL_DAY_S, &times);
  int64_t utc_s = times.kind == LOCAL_GAP ? times.transition_s : times.first_s;
  return api_time_push_in(L, utc_s * 1000000, time->zone);
}

/* Whole months from one wall clock to a later one. */
static int64_t count_months(lua_State *L, struct wall from, struct wall to)
{
  struct civil_date first = civil_from_seconds(from.local_s).date;
  struct civil_date last = civil_from_seconds(to.local_s).date;
  int64_t months = (int64_t)(last.year - first.year) * 12 + last.month - first.month;
  int64_t reached_s = add_months(L, from.local_s, months);
  bool is_over =
      reached_s > to.local_s || (reached_s == to.local_s && from.fraction_us > to.fraction_us);
  return months - is_over;
}

static int l_diff(lua_State *L) /* time other unit? -> integer, or seconds without a unit */
{
  static const int64_t lengths_us[] = {[WEEK] = 7 * INT64_C(86400000000),
                                       [DAY] = INT64_C(86400000000),
                                       [HOUR] = INT64_C(3600000000),
                                       [MINUTE] = 60000000,
                                       [SECOND] = 1000000};
  const struct time_value *time = api_time_check(L, 1), *other = api_time_check(L, 2);
  int64_t count;
  if (lua_isnoneornil(L, 3)) {
    lua_pushnumber(L, (double)(time->us - other->us) / 1e6);
    return 1;
  }
  enum unit unit = check_unit(L, luaL_checkstring(L, 3), "time:diff");
  if (unit >= HOUR) {
    count = (time->us - other->us) / lengths_us[unit];
  } else {
    bool is_before = time->us < other->us;
    struct wall from = wall_of(is_before ? time->us : other->us, time->zone);
    struct wall to = wall_of(is_before ? other->us : time->us, time->zone);
    if (unit <= MONTH)
      count = count_months(L, from, to) / (unit == YEAR ? 12 : unit == QUARTER ? 3 : 1);
    else
      count = ((to.local_s - from.local_s) * 1000000 + to.fraction_us - from.fraction_us) /
              lengths_us[unit];
    count = is_before ? -count : count;
  }
  lua_pushinteger(L, count);
  return 1;
}

/* ---- times by a format ---- */

static int fail_parse(lua_State *L, const char *text, const char *why)
{
  lua_pushnil(L);
  lua_pushfstring(L, "\"%s\" is not a time of the form \"%s\"%s", text, lua_tostring(L, 2), why);
  return 2;
}

/* Whether the format has a year; raises for what strptime does not read, or not as strftime writes
 * it. */
static bool check_format(lua_State *L, const char *format, bool *has_offset)
{
  static const char allowed[] = "aAbBdDeFhHIjklmMnpRSTtyYz%";
  bool has_year = false;
  for (const char *at = strchr(format, '%'); at; at = strchr(at + 2, '%')) {
    if (!at[1] || !strchr(allowed, at[1]))
      luaL_error(L, "unknown %%%c in the format \"%s\"", at[1] ? at[1] : ' ', format);
    has_year |= strchr("DFyY", at[1]) != NULL;
    *has_offset |= at[1] == 'z';
  }
  return has_year;
}

int api_time_parse_by(lua_State *L)
{
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size), *format = luaL_checkstring(L, 2);
  const struct zone *zone = api_time_opt_zone(L, 3, NULL);
  bool has_offset = false;
  if (!check_format(L, format, &has_offset))
    return luaL_error(L, "the format \"%s\" has no year", format);
  struct tm tm = {.tm_mday = 1, .tm_yday = -1};
  const char *end = strptime(text, format, &tm);
  if (!end || end != text + size)
    return fail_parse(L, text, "");
  struct civil_time civil = {{tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday},
                             tm.tm_hour,
                             tm.tm_min,
                             tm.tm_sec > 59 ? 59 : tm.tm_sec};
  if (civil.date.year < CIVIL_YEAR_MIN || civil.date.year > CIVIL_YEAR_MAX ||
      civil.date.day > civil_month_days(civil.date.year, civil.date.month))
    return fail_parse(L, text, ": there is no such day");
  struct wall wall = {civil_to_seconds(&civil), INT_MIN, 0};
  if (has_offset)
    return api_time_push_in(L, (wall.local_s - tm.tm_gmtoff) * 1000000, zone);
  return api_time_push_in(L, us_of(wall, zone), zone);
}

void api_time_calendar_open(lua_State *L) /* methods -- methods */
{
  static const luaL_Reg methods[] = {
      {"add", l_add}, {"start_of", l_start_of}, {"diff", l_diff}, {NULL, NULL}};
  luaL_setfuncs(L, methods, 0);
}
