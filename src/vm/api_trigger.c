/* Triggers and calendars for Lua, which keeps them as plain tables in the JSON form: checking one,
 * its text, what it means, and its next fires. The engine in src/trigger does it all. Works in any
 * Lua state. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "trigger/calendar.h"
#include "trigger/trigger.h"
#include "vm/api_json.h"
#include "vm/vm.h"

enum { FIRES_MAX = 10000 };

/* Of wall-clock triggers that name none: the system's, as in the scheduler. */
#define DEFAULT_ZONE "local"

/* From the value at `index`: a table in the JSON form or a text. NULL with a message pushed. */
static struct trigger *read_trigger(lua_State *L, int index)
{
  struct json_document *document = NULL;
  struct trigger *trigger = NULL;
  struct error error;
  size_t size;
  if (!api_json_encode(L, index, "trigger", 0))
    return NULL;
  const char *json = lua_tolstring(L, -1, &size);
  enum error_code code = json_parse(json, size, &document, &error);
  if (!code)
    code = trigger_from_json(json_root(document), DEFAULT_ZONE, &trigger, &error);
  json_free(document);
  lua_pop(L, 1);
  if (code)
    lua_pushstring(L, error.text);
  return trigger;
}

static int fail(lua_State *L) /* message -> nil message */
{
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

static int l_text(lua_State *L) /* trigger -> its text | nil message */
{
  struct buffer text = {0};
  struct trigger *trigger = read_trigger(L, 1);
  if (!trigger)
    return fail(L);
  trigger_to_text(trigger, &text);
  trigger_destroy(trigger);
  lua_pushlstring(L, text.data, text.size);
  buffer_deinit(&text);
  return 1;
}

static int l_explain(lua_State *L) /* trigger -> a sentence | nil message */
{
  struct buffer text = {0};
  struct trigger *trigger = read_trigger(L, 1);
  if (!trigger)
    return fail(L);
  trigger_explain(trigger, &text);
  trigger_destroy(trigger);
  lua_pushlstring(L, text.data, text.size);
  buffer_deinit(&text);
  return 1;
}

static int l_check(lua_State *L) /* trigger -> true | nil message */
{
  struct trigger *trigger = read_trigger(L, 1);
  if (!trigger)
    return fail(L);
  trigger_destroy(trigger);
  lua_pushboolean(L, true);
  return 1;
}

static int l_next(lua_State *L) /* trigger after_us|nil count -> {us...} | nil message */
{
  int64_t fires[FIRES_MAX];
  int64_t now_us = clock_wall_us(), after_us = luaL_optinteger(L, 2, now_us);
  lua_Integer wanted = luaL_optinteger(L, 3, 1), count = 0;
  struct trigger *trigger = read_trigger(L, 1);
  if (!trigger)
    return fail(L);
  trigger_anchor(trigger, now_us, "");
  while (count < wanted && count < FIRES_MAX && trigger_next(trigger, after_us, &after_us))
    fires[count++] = after_us;
  trigger_destroy(trigger);
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 0; i < count; i++) {
    lua_pushinteger(L, fires[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* The definition as it is kept: in order, and without the text of an .ics file. */
static int l_calendar_check(lua_State *L) /* definition -> definition | nil message */
{
  struct json_document *document = NULL;
  struct calendar *calendar = NULL;
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  struct error error;
  size_t size;
  if (!api_json_encode(L, 1, "calendar", 0))
    return fail(L);
  const char *json = lua_tolstring(L, -1, &size);
  enum error_code code = json_parse(json, size, &document, &error);
  if (!code)
    code = calendar_from_json(json_root(document), &calendar, &error);
  json_free(document);
  if (!code) {
    calendar_to_json(calendar, &writer);
    calendar_destroy(calendar);
    code = api_json_push(L, out.data, out.size, NULLS_KEPT, &error);
    buffer_deinit(&out);
  }
  if (!code)
    return 1;
  lua_pushstring(L, error.text);
  return fail(L);
}

static int l_calendar_reserve(lua_State *L) /* name -> true | nil message */
{
  struct error error;
  if (!calendar_reserve(luaL_checkstring(L, 1), &error)) {
    lua_pushboolean(L, true);
    return 1;
  }
  lua_pushstring(L, error.text);
  return fail(L);
}

void api_trigger_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"trigger_check", l_check},
                                       {"trigger_text", l_text},
                                       {"trigger_explain", l_explain},
                                       {"trigger_next", l_next},
                                       {"calendar_check", l_calendar_check},
                                       {"calendar_reserve", l_calendar_reserve},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
