/* find, match, gmatch. A search begins on the C stack; only when it has to pause is it copied to a
 * userdatum, which lies on the call's stack or in the iterator. */
#include "vm/string_pattern.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "vm/call.h"
#include "vm/state.h"

enum { TEXT = 1, PATTERN, FIRST, PLAIN, KEPT };

/* ---- what gsub needs too ---- */

enum pattern_result search_run(lua_State *L, struct pattern *it, int64_t *budget)
{
  for (;;) {
    if (*budget <= 0) {
      *budget = SEARCH_STEPS;
      if (call_should_pause(L))
        return PATTERN_MORE;
    }
    enum pattern_result result = pattern_step(it, budget);
    if (result == PATTERN_MALFORMED)
      luaL_error(L, "%s", it->problem);
    if (result != PATTERN_MORE)
      return result;
  }
}

void *search_keep(lua_State *L, const struct pattern *whole, size_t size)
{
  size_t length = (size_t)(whole->stop - whole->start);
  size_t points = pattern_points(whole->start, length) * sizeof *whole->points;
  size_t captures = pattern_captures(whole->start, length) * sizeof *whole->captures;
  struct pattern *copy = lua_newuserdatauv(L, size + points + captures, 0);
  memcpy(copy, whole, size);
  copy->points = (struct pattern_point *)((char *)copy + size);
  copy->captures = (struct pattern_capture *)((char *)copy->points + points);
  if (whole->point_count > 0)
    memcpy(copy->points, whole->points, whole->point_count * sizeof *whole->points);
  if (whole->capture_count > 0)
    memcpy(copy->captures, whole->captures, (size_t)whole->capture_count * sizeof *whole->captures);
  return copy;
}

void search_push_capture(lua_State *L, const struct pattern *it, int index)
{
  const struct pattern_capture *capture = &it->captures[index];
  if (index >= it->capture_count) {
    if (index != 0)
      luaL_error(L, "invalid capture index %%%d", index + 1);
    lua_pushlstring(L, it->at, (size_t)(it->end - it->at));
  } else if (capture->size == PATTERN_CAPTURE_POSITION) {
    lua_pushinteger(L, capture->start - it->text + 1);
  } else if (capture->size == PATTERN_CAPTURE_OPEN) {
    luaL_error(L, "unfinished capture");
  } else {
    lua_pushlstring(L, capture->start, (size_t)capture->size);
  }
}

int search_push_captures(lua_State *L, const struct pattern *it, int least)
{
  int count = it->capture_count > least ? it->capture_count : least;
  luaL_checkstack(L, count, "too many captures");
  for (int i = 0; i < count; i++)
    search_push_capture(L, it, i);
  return count;
}

/* ---- find, match ---- */

static int go_on(lua_State *L, struct pattern *it, bool is_find);

static int after_pause(lua_State *L, int status, lua_KContext is_find)
{
  (void)status;
  return go_on(L, lua_touserdata(L, KEPT), is_find != 0);
}

static int go_on(lua_State *L, struct pattern *it, bool is_find)
{
  int64_t budget = SEARCH_STEPS;
  enum pattern_result result = search_run(L, it, &budget);
  if (result == PATTERN_MORE) {
    if (lua_gettop(L) < KEPT)
      search_keep(L, it, sizeof *it);
    return call_pause(L, is_find, after_pause);
  }
  if (result == PATTERN_FAILED) {
    lua_pushnil(L);
    return 1;
  }
  if (!is_find)
    return search_push_captures(L, it, 1);
  lua_pushinteger(L, it->at - it->text + 1);
  lua_pushinteger(L, it->end - it->text);
  return search_push_captures(L, it, 0) + 2;
}

/* The offset that an optional position means; over `size` when it is behind the text. */
static size_t check_offset(lua_State *L, int argument, size_t size)
{
  lua_Integer position = luaL_optinteger(L, argument, 1);
  if (position > 0)
    return (size_t)position - 1;
  if (position == 0 || position < -(lua_Integer)size)
    return 0;
  return size + (size_t)position;
}

static bool is_plain(const char *pattern, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (pattern[i] && strchr("^$*+?.([%-", pattern[i]))
      return false;
  return true;
}

/* memmem prepares for the worst, which short searches do not meet. */
static const char *find_bytes(const char *text, size_t size, const char *what, size_t what_size)
{
  if (what_size == 0)
    return text;
  const char *end = text + size;
  for (int tries = 0; tries < 16; tries++) {
    if ((size_t)(end - text) < what_size)
      return NULL;
    text = memchr(text, *what, (size_t)(end - text) - what_size + 1);
    if (!text || memcmp(text, what, what_size) == 0)
      return text;
    text++;
  }
  return memmem(text, (size_t)(end - text), what, what_size);
}

static int find_plain(lua_State *L, const char *text, size_t size, const char *what,
                      size_t what_size, size_t from)
{
  const char *place = find_bytes(text + from, size - from, what, what_size);
  if (!place) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, place - text + 1);
  lua_pushinteger(L, place - text + (lua_Integer)what_size);
  return 2;
}

static int begin(lua_State *L, bool is_find)
{
  size_t text_size, size;
  const char *text = luaL_checklstring(L, TEXT, &text_size);
  const char *pattern = luaL_checklstring(L, PATTERN, &size);
  size_t from = check_offset(L, FIRST, text_size);
  if (from > text_size) {
    lua_pushnil(L);
    return 1;
  }
  if (is_find && (lua_toboolean(L, PLAIN) || is_plain(pattern, size)))
    return find_plain(L, text, text_size, pattern, size, from);
  lua_settop(L, PLAIN);
  struct pattern small, *it = &small;
  struct search_room room;
  bool is_anchored = size > 0 && *pattern == '^';
  pattern_init(it, text, text_size, pattern + is_anchored, size - is_anchored, room.points,
               room.captures);
  if (size > SEARCH_POINTS && pattern_points(pattern, size) > SEARCH_POINTS)
    it = search_keep(L, it, sizeof *it);
  pattern_begin(it, text + from, is_anchored, NULL);
  return go_on(L, it, is_find);
}

/* text, pattern, first, plain -> first, last, captures... or nil */
static int l_find(lua_State *L)
{
  return begin(L, true);
}

/* text, pattern, first -> captures... or nil */
static int l_match(lua_State *L)
{
  return begin(L, false);
}

/* ---- gmatch ---- */

struct iterator {
  struct pattern pattern;
  const char *from;
  const char *last; /* the end of the last match */
  bool is_paused;
};

static int next_match(lua_State *L, struct iterator *iterator);

static int after_pause_of_next(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  return next_match(L, lua_touserdata(L, lua_upvalueindex(3)));
}

static int next_match(lua_State *L, struct iterator *iterator)
{
  struct pattern *it = &iterator->pattern;
  int64_t budget = SEARCH_STEPS;
  iterator->is_paused = false;
  enum pattern_result result = search_run(L, it, &budget);
  if (result == PATTERN_MORE) {
    iterator->is_paused = true;
    return call_pause(L, 0, after_pause_of_next);
  }
  if (result == PATTERN_FAILED) {
    iterator->from = it->text_end + 1;
    return 0;
  }
  iterator->from = iterator->last = it->end;
  return search_push_captures(L, it, 1);
}

/* -> captures... ; upvalues: text, pattern, iterator */
static int l_next_match(lua_State *L)
{
  struct iterator *iterator = lua_touserdata(L, lua_upvalueindex(3));
  if (iterator->is_paused)
    return luaL_error(L, "this iterator of gmatch is in use elsewhere");
  if (iterator->from > iterator->pattern.text_end)
    return 0;
  pattern_begin(&iterator->pattern, iterator->from, false, iterator->last);
  return next_match(L, iterator);
}

/* text, pattern, first -> function */
static int l_gmatch(lua_State *L)
{
  size_t text_size, size;
  const char *text = luaL_checklstring(L, TEXT, &text_size);
  const char *pattern = luaL_checklstring(L, PATTERN, &size);
  size_t from = check_offset(L, FIRST, text_size);
  lua_settop(L, PATTERN);
  struct iterator iterator = {.from = text + (from > text_size ? text_size + 1 : from)};
  pattern_init(&iterator.pattern, text, text_size, pattern, size, NULL, NULL);
  search_keep(L, &iterator.pattern, sizeof iterator);
  lua_pushcclosure(L, l_next_match, 3);
  return 1;
}

void pattern_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"find", l_find},        {"match", l_match}, {"gmatch", l_gmatch},
      {"gsub", l_string_gsub}, {NULL, NULL},
  };
  lua_getglobal(L, LUA_STRLIBNAME);
  luaL_setfuncs(L, functions, 0);
  lua_pushnil(L); /* no spare yet */
  lua_pushcclosure(L, l_string_gsub, 1);
  lua_setfield(L, -2, "gsub");
  lua_pop(L, 1);
}
