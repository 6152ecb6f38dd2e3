/* What the files of time values share. On the worker's thread. */
#ifndef VM_API_TIME_INTERNAL_H
#define VM_API_TIME_INTERNAL_H

#include <lua.h>
#include <stdint.h>

#include "time/zone.h"

struct time_value {
  int64_t us;
  const struct zone *zone;
};

/* The time at `index`, or raises. */
struct time_value *api_time_check(lua_State *L, int index);

/* (-- time); raises when it lies outside the years 1 to 9999. */
int api_time_push_in(lua_State *L, int64_t us, const struct zone *zone);

/* The zone named at `index`; where there is none, `otherwise`, or the system's when that is NULL.
 */
const struct zone *api_time_opt_zone(lua_State *L, int index, const struct zone *otherwise);

/* Adds the methods add, start_of and diff. (methods -- methods) */
void api_time_calendar_open(lua_State *L);

/* text format zone? -> time | nil message */
int api_time_parse_by(lua_State *L);

#endif
