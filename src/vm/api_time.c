/* Time values: instants in int64 microseconds of UTC, with the zone whose wall clock they show.
 * Two of them are equal when the instants are; the zone is for people. `time + length`, lengths
 * being "1h30m" or seconds, is a time; `time - time` is seconds.
 *
 * Works in any Lua state; on the worker's thread. */
#include "vm/api_time.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "time/duration.h"
#include "time/instant.h"
#include "vm/api_time_internal.h"
#include "vm/vm.h"

#define TIME "time"

static const struct zone *find_zone(lua_State *L, const char *name)
{
  const struct zone *zone = NULL;
  struct error error;
  if (zone_find(name, &zone, &error))
    luaL_error(L, "%s", error.text);
  return zone;
}

const struct zone *api_time_opt_zone(lua_State *L, int index, const struct zone *otherwise)
{
  struct error error;
  if (!lua_isnoneornil(L, index))
    return find_zone(L, luaL_checkstring(L, index));
  if (!otherwise && zone_find("local", &otherwise, &error))
    otherwise = zone_utc();
  return otherwise;
}

int api_time_push_in(lua_State *L, int64_t us, const struct zone *zone)
{
  if (us < INSTANT_MIN || us > INSTANT_MAX)
    return luaL_error(L, "the time lies outside the years 1 to 9999");
  struct time_value *time = lua_newuserdatauv(L, sizeof *time, 0);
  *time = (struct time_value){us, zone};
  luaL_setmetatable(L, TIME);
  return 1;
}

struct time_value *api_time_check(lua_State *L, int index)
{
  return luaL_checkudata(L, index, TIME);
}

void api_time_push(lua_State *L, int64_t us)
{
  api_time_push_in(L, us, api_time_opt_zone(L, lua_gettop(L) + 1, NULL));
}

bool api_time_get(lua_State *L, int index, int64_t *us)
{
  const struct time_value *time = luaL_testudata(L, index, TIME);
  if (time)
    *us = time->us;
  return time;
}

bool api_time_text(lua_State *L, int index, char text[API_TIME_TEXT_SIZE])
{
  int64_t us;
  if (!api_time_get(L, index, &us))
    return false;
  instant_format(text, us);
  return true;
}

/* The length at `index`, "1h30m" or seconds, with a sign, in microseconds. */
static int64_t check_duration(lua_State *L, int index)
{
  int64_t us = 0;
  struct error error;
  if (lua_type(L, index) == LUA_TSTRING) {
    if (duration_parse_signed(lua_tostring(L, index), &us, &error))
      luaL_error(L, "%s", error.text);
    return us;
  }
  if (lua_type(L, index) != LUA_TNUMBER)
    luaL_error(L, "a length of time is \"1h30m\" or a number of seconds, not a %s",
               luaL_typename(L, index));
  double seconds = lua_tonumber(L, index);
  if (duration_from_seconds(fabs(seconds), &us, &error))
    luaL_error(L, "%s", error.text);
  return seconds < 0 ? -us : us;
}

/* ---- methods ---- */

/* The wall clock of the zone as strftime wants it. */
static void fill_tm(struct tm *tm, int64_t us, const struct zone *zone)
{
  int64_t utc_s = instant_seconds(us);
  struct zone_offset offset = zone_at(zone, utc_s);
  struct civil_time civil = civil_from_seconds(utc_s + offset.offset_s);
  int64_t days = civil_day_of(utc_s + offset.offset_s);
  *tm = (struct tm){
      .tm_year = civil.date.year - 1900,
      .tm_mon = civil.date.month - 1,
      .tm_mday = civil.date.day,
      .tm_hour = civil.hour,
      .tm_min = civil.minute,
      .tm_sec = civil.second,
      .tm_wday = civil_weekday(days),
      .tm_yday = (int)(days - civil_to_days(civil.date.year, 1, 1)),
      .tm_isdst = offset.is_dst,
      .tm_gmtoff = offset.offset_s,
      .tm_zone = offset.abbreviation,
  };
}

static int l_date(lua_State *L) /* time offset? zone? -> "2026-11-21" */
{
  const struct time_value *time = api_time_check(L, 1);
  int64_t us = time->us;
  if (!lua_isnoneornil(L, 2))
    us += check_duration(L, 2);
  struct tm tm;
  fill_tm(&tm, us, api_time_opt_zone(L, 3, time->zone));
  char text[48];
  snprintf(text, sizeof text, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
  lua_pushstring(L, text);
  return 1;
}

static int l_format(lua_State *L) /* time format zone? -> text */
{
  static const char allowed[] = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYzZ%";
  const struct time_value *time = api_time_check(L, 1);
  const char *format = luaL_checkstring(L, 2);
  struct tm tm;
  luaL_Buffer out;
  fill_tm(&tm, time->us, api_time_opt_zone(L, 3, time->zone));
  luaL_buffinit(L, &out);
  for (const char *at = format; *at; at++) {
    char text[128], item[3] = {'%', at[1], 0};
    if (*at != '%') {
      luaL_addchar(&out, *at);
      continue;
    }
    at++;
    if (*at == 's') {
      snprintf(text, sizeof text, "%lld", (long long)instant_seconds(time->us));
    } else if (*at == 'f') {
      snprintf(text, sizeof text, "%06d", (int)(time->us - instant_seconds(time->us) * 1000000));
    } else if (*at && strchr(allowed, *at)) {
      text[strftime(text, sizeof text, item, &tm)] = 0;
    } else {
      return luaL_error(L, "unknown %%%s in the format \"%s\"", item + 1, format);
    }
    luaL_addstring(&out, text);
  }
  luaL_pushresult(&out);
  return 1;
}

static int l_iso(lua_State *L) /* time zone? -> "2026-11-21T01:08:28+01:00" */
{
  const struct time_value *time = api_time_check(L, 1);
  char text[INSTANT_TEXT_SIZE];
  instant_format_in(text, time->us, api_time_opt_zone(L, 2, time->zone));
  lua_pushstring(L, text);
  return 1;
}

static int l_in_zone(lua_State *L) /* time zone -> time */
{
  const struct time_value *time = api_time_check(L, 1);
  return api_time_push_in(L, time->us, find_zone(L, luaL_checkstring(L, 2)));
}

/* ---- metamethods ---- */

static bool push_field(lua_State *L, const struct time_value *time, const char *name)
{
  struct tm tm;
  if (!strcmp(name, "us"))
    lua_pushinteger(L, time->us);
  else if (!strcmp(name, "epoch"))
    lua_pushnumber(L, (double)time->us / 1e6);
  else if (!strcmp(name, "zone"))
    lua_pushstring(L, zone_name(time->zone));
  else {
    static const char *const names[] = {"year", "month",  "day",  "hour", "min",     "minute",
                                        "sec",  "second", "wday", "yday", "weekday", NULL};
    size_t i = 0;
    while (names[i] && strcmp(names[i], name) != 0)
      i++;
    if (!names[i])
      return false;
    fill_tm(&tm, time->us, time->zone);
    const int values[] = {tm.tm_year + 1900,
                          tm.tm_mon + 1,
                          tm.tm_mday,
                          tm.tm_hour,
                          tm.tm_min,
                          tm.tm_min,
                          tm.tm_sec,
                          tm.tm_sec,
                          tm.tm_wday + 1,
                          tm.tm_yday + 1,
                          tm.tm_wday ? tm.tm_wday : 7};
    lua_pushinteger(L, values[i]);
  }
  return true;
}

static int l_index(lua_State *L) /* time name -> value; upvalue 1: methods */
{
  const struct time_value *time = api_time_check(L, 1);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
    return 1;
  if (lua_type(L, 2) == LUA_TSTRING && push_field(L, time, lua_tostring(L, 2)))
    return 1;
  lua_pushnil(L);
  return 1;
}

static int l_add(lua_State *L) /* time length, or the reverse -> time */
{
  int time_at = luaL_testudata(L, 1, TIME) ? 1 : 2;
  const struct time_value *time = api_time_check(L, time_at);
  if (luaL_testudata(L, 3 - time_at, TIME))
    return luaL_error(L, "two times cannot be added; add a length, like \"1h\"");
  return api_time_push_in(L, time->us + check_duration(L, 3 - time_at), time->zone);
}

static int l_sub(lua_State *L) /* time time -> seconds; time length -> time */
{
  const struct time_value *time = api_time_check(L, 1), *other = luaL_testudata(L, 2, TIME);
  if (!other)
    return api_time_push_in(L, time->us - check_duration(L, 2), time->zone);
  lua_pushnumber(L, (double)(time->us - other->us) / 1e6);
  return 1;
}

static int l_eq(lua_State *L)
{
  const struct time_value *a = luaL_testudata(L, 1, TIME), *b = luaL_testudata(L, 2, TIME);
  lua_pushboolean(L, a && b && a->us == b->us);
  return 1;
}

static int l_lt(lua_State *L)
{
  lua_pushboolean(L, api_time_check(L, 1)->us < api_time_check(L, 2)->us);
  return 1;
}

static int l_le(lua_State *L)
{
  lua_pushboolean(L, api_time_check(L, 1)->us <= api_time_check(L, 2)->us);
  return 1;
}

static int l_tostring(lua_State *L)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format(text, api_time_check(L, 1)->us);
  lua_pushstring(L, text);
  return 1;
}

/* ---- raw functions ---- */

static int l_now(lua_State *L) /* -> time */
{
  return api_time_push_in(L, clock_wall_us(), api_time_opt_zone(L, lua_gettop(L) + 1, NULL));
}

static int l_monotonic_ms(lua_State *L) /* -> ms since some moment, whoever sets the clock */
{
  lua_pushinteger(L, clock_monotonic_us() / 1000);
  return 1;
}

static int l_from_us(lua_State *L) /* us zone? -> time */
{
  return api_time_push_in(L, luaL_checkinteger(L, 1), api_time_opt_zone(L, 2, NULL));
}

static int l_parse(lua_State *L) /* text zone? -> time | nil message */
{
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  const struct zone *zone = api_time_opt_zone(L, 2, NULL);
  struct error error;
  int64_t us;
  if (strlen(text) != size)
    error_set(&error, ERROR_INVALID, "a time cannot hold a NUL byte");
  else if (!instant_parse(text, zone, &us, &error))
    return api_time_push_in(L, us, zone);
  lua_pushnil(L);
  lua_pushstring(L, error.text);
  return 2;
}

static int l_us(lua_State *L) /* time -> us | nothing when it is none */
{
  int64_t us;
  if (!api_time_get(L, 1, &us))
    return 0;
  lua_pushinteger(L, us);
  return 1;
}

static int l_duration(lua_State *L) /* length -> seconds, a float; raises */
{
  lua_pushnumber(L, (double)check_duration(L, 1) / 1e6);
  return 1;
}

static int l_duration_text(lua_State *L) /* length -> "1h30m" */
{
  char text[DURATION_TEXT_SIZE];
  duration_format(text, check_duration(L, 1));
  lua_pushstring(L, text);
  return 1;
}

/* The names stand in the third column of zone1970.tab. */
static int l_zones(lua_State *L) /* -> {name...} */
{
  const char *folder = getenv("TZDIR");
  char path[512], line[1024];
  lua_Integer count = 0;
  lua_newtable(L);
  snprintf(path, sizeof path, "%s/zone1970.tab", folder ? folder : "/usr/share/zoneinfo");
  FILE *file = fopen(path, "re");
  while (file && fgets(line, sizeof line, file)) {
    char name[256];
    if (line[0] == '#' || sscanf(line, "%*s %*s %255s", name) != 1)
      continue;
    lua_pushstring(L, name);
    lua_rawseti(L, -2, ++count);
  }
  if (file)
    fclose(file);
  lua_pushliteral(L, "UTC");
  lua_rawseti(L, -2, ++count);
  return 1;
}

void api_time_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"time_now", l_now},
                                       {"time_monotonic_ms", l_monotonic_ms},
                                       {"time_from_us", l_from_us},
                                       {"time_parse", l_parse},
                                       {"time_parse_by", api_time_parse_by},
                                       {"time_us", l_us},
                                       {"duration", l_duration},
                                       {"time_zones", l_zones},
                                       {"duration_text", l_duration_text},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"date", l_date}, {"format", l_format}, {"iso", l_iso}, {"in_zone", l_in_zone}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__add", l_add}, {"__sub", l_sub},           {"__eq", l_eq}, {"__lt", l_lt},
      {"__le", l_le},   {"__tostring", l_tostring}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  luaL_newmetatable(L, TIME);
  luaL_setfuncs(L, metamethods, 0);
  luaL_newlib(L, methods);
  api_time_calendar_open(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "time_methods");
  lua_pushcclosure(L, l_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "time");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
