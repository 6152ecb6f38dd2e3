/* gsub. What it has to remember over a callback or a pause is one struct: on the C stack while it
 * may be, in a userdatum once the callback is a function or the slice has ended. One such userdatum
 * is kept with the function (upvalue 1) for the next call, unless an error or a kill has left it
 * busy. The result grows in userdata of Lua's, so that it counts against the state's memory. */
#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "vm/call.h"
#include "vm/string_pattern.h"

enum { TEXT = 1, PATTERN, REPLACEMENT, LIMIT, KEPT, OUTPUT };
enum { SMALL_OUTPUT = 128, COPIED_BYTES_PER_STEP = 64 };

struct gsub {
  struct pattern pattern; /* first, see search_keep */
  const char *from;       /* what is before it has been dealt with */
  const char *last;       /* the end of the last match */
  lua_Integer limit, count;
  int64_t budget;
  size_t size, room; /* of the result */
  bool is_anchored;
  bool is_searching; /* the pattern's search is under way */
  bool is_busy;
  bool has_changed;
  char small[SMALL_OUTPUT];
};

struct spare {
  struct gsub gsub;
  struct search_room room;
};

/* ---- the result ---- */

static char *output(lua_State *L, struct gsub *it)
{
  return it->room == SMALL_OUTPUT ? it->small : lua_touserdata(L, OUTPUT);
}

static void append(lua_State *L, struct gsub *it, const char *bytes, size_t size)
{
  if (size > it->room - it->size) {
    size_t room = it->room * 2 > it->size + size ? it->room * 2 : it->size + size;
    char *grown = lua_newuserdatauv(L, room, 0);
    memcpy(grown, output(L, it), it->size);
    lua_replace(L, OUTPUT);
    it->room = room;
  }
  memcpy(output(L, it) + it->size, bytes, size);
  it->size += size;
  it->budget -= (int64_t)(size / COPIED_BYTES_PER_STEP);
}

/* (value --) */
static void append_value(lua_State *L, struct gsub *it)
{
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  append(L, it, text, size);
  lua_pop(L, 1);
}

/* `%1` in a replacement. */
static void append_escape(lua_State *L, struct gsub *it, char escaped)
{
  const struct pattern *pattern = &it->pattern;
  int index = escaped - '1';
  if (escaped == '%') {
    append(L, it, "%", 1);
  } else if (escaped == '0') {
    append(L, it, pattern->at, (size_t)(pattern->end - pattern->at));
  } else if (!isdigit((unsigned char)escaped)) {
    luaL_error(L, "invalid use of '%%' in replacement string");
  } else if (index < pattern->capture_count && pattern->captures[index].size >= 0) {
    append(L, it, pattern->captures[index].start, (size_t)pattern->captures[index].size);
  } else {
    search_push_capture(L, pattern, index);
    append_value(L, it);
  }
}

static void append_replacement(lua_State *L, struct gsub *it)
{
  size_t size;
  const char *text = lua_tolstring(L, REPLACEMENT, &size);
  const char *end = text + size;
  for (const char *escape; (escape = memchr(text, '%', (size_t)(end - text))); text = escape + 2) {
    append(L, it, text, (size_t)(escape - text));
    append_escape(L, it, escape + 1 < end ? escape[1] : 0);
  }
  append(L, it, text, (size_t)(end - text));
}

/* What a table or a function says of a match. (value --) */
static void append_answer(lua_State *L, struct gsub *it)
{
  const struct pattern *pattern = &it->pattern;
  if (!lua_toboolean(L, -1)) {
    append(L, it, pattern->at, (size_t)(pattern->end - pattern->at));
    lua_pop(L, 1);
    return;
  }
  if (!lua_isstring(L, -1))
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  append_value(L, it);
  it->has_changed = true;
}

/* ---- the loop ---- */

static int go_on(lua_State *L, struct gsub *it);

static int after_callback(lua_State *L, int status, lua_KContext context)
{
  (void)status;
  struct gsub *it = (struct gsub *)context;
  append_answer(L, it);
  return go_on(L, it);
}

static int after_pause(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  return go_on(L, lua_touserdata(L, KEPT));
}

static int pause_here(lua_State *L, struct gsub *it)
{
  if (!lua_isuserdata(L, KEPT)) {
    search_keep(L, &it->pattern, sizeof *it);
    lua_replace(L, KEPT);
  }
  return call_pause(L, 0, after_pause);
}

static void replace(lua_State *L, struct gsub *it)
{
  switch (lua_type(L, REPLACEMENT)) {
  case LUA_TFUNCTION:
    lua_pushvalue(L, REPLACEMENT);
    lua_callk(L, search_push_captures(L, &it->pattern, 1), 1, (lua_KContext)it, after_callback);
    append_answer(L, it);
    break;
  case LUA_TTABLE:
    search_push_capture(L, &it->pattern, 0);
    lua_gettable(L, REPLACEMENT);
    append_answer(L, it);
    break;
  default:
    append_replacement(L, it);
    it->has_changed = true;
    break;
  }
}

static int finish(lua_State *L, struct gsub *it)
{
  if (it->has_changed) {
    append(L, it, it->from, (size_t)(it->pattern.text_end - it->from));
    lua_pushlstring(L, output(L, it), it->size);
  } else {
    lua_pushvalue(L, TEXT);
  }
  lua_pushinteger(L, it->count);
  it->is_busy = false;
  return 2;
}

static int go_on(lua_State *L, struct gsub *it)
{
  struct pattern *pattern = &it->pattern;
  for (;;) {
    if (!it->is_searching) {
      if (it->count >= it->limit || (it->is_anchored && it->count > 0))
        return finish(L, it);
      pattern_begin(pattern, it->from, it->is_anchored, it->last);
      it->is_searching = true;
    }
    enum pattern_result result = search_run(L, pattern, &it->budget);
    if (result == PATTERN_MORE)
      return pause_here(L, it);
    it->is_searching = false;
    if (result == PATTERN_FAILED)
      return finish(L, it);
    it->count++;
    append(L, it, it->from, (size_t)(pattern->at - it->from));
    it->from = it->last = pattern->end;
    replace(L, it);
  }
}

/* The spare of the function, or a new one in its place. (-- userdatum) */
static struct spare *take_spare(lua_State *L)
{
  struct spare *spare = lua_touserdata(L, lua_upvalueindex(1));
  if (!spare || spare->gsub.is_busy) {
    spare = lua_newuserdatauv(L, sizeof *spare, 0);
    lua_copy(L, -1, lua_upvalueindex(1));
  } else {
    lua_pushvalue(L, lua_upvalueindex(1));
  }
  spare->gsub.is_busy = true;
  return spare;
}

static void set_up(lua_State *L, struct gsub *it, struct search_room *room)
{
  size_t text_size, size;
  const char *text = lua_tolstring(L, TEXT, &text_size);
  const char *pattern = lua_tolstring(L, PATTERN, &size);
  it->from = text;
  it->last = NULL;
  it->limit = luaL_optinteger(L, LIMIT, (lua_Integer)text_size + 1);
  it->count = 0;
  it->budget = SEARCH_STEPS;
  it->size = 0;
  it->room = SMALL_OUTPUT;
  it->is_anchored = size > 0 && *pattern == '^';
  it->is_searching = false;
  it->has_changed = false;
  pattern_init(&it->pattern, text, text_size, pattern + it->is_anchored, size - it->is_anchored,
               room->points, room->captures);
}

/* text, pattern, replacement, limit -> text, count */
int l_string_gsub(lua_State *L)
{
  size_t size;
  luaL_checkstring(L, TEXT);
  const char *pattern = luaL_checklstring(L, PATTERN, &size);
  int type = lua_type(L, REPLACEMENT);
  luaL_argexpected(
      L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE,
      REPLACEMENT, "string/function/table");
  luaL_optinteger(L, LIMIT, 0);
  lua_settop(L, OUTPUT);
  struct gsub small, *it = &small;
  struct search_room room;
  if (size > SEARCH_POINTS && pattern_points(pattern, size) > SEARCH_POINTS) {
    set_up(L, it, &room);
    it = search_keep(L, &it->pattern, sizeof *it);
    lua_replace(L, KEPT);
  } else if (type == LUA_TFUNCTION) {
    struct spare *spare = take_spare(L);
    lua_replace(L, KEPT);
    it = &spare->gsub;
    set_up(L, it, &spare->room);
  } else {
    set_up(L, it, &room);
  }
  return go_on(L, it);
}
