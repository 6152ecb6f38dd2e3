/* table.sort that can be cut into slices and whose comparator may wait.
 *
 * A merge sort of numbers, not of elements: `order` says which element comes next, and the table is
 * only read until all is decided; then the elements are moved, all at once. So an error in the
 * comparator leaves the table as it was, equal elements keep their order, and a comparator that
 * contradicts itself gives some order and no error. What a merge has to remember over a comparison
 * is one struct in a userdatum. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>

#include "vm/call.h"
#include "vm/state.h"

enum { TABLE = 1, COMPARATOR, STATE };
enum { COMPARISONS_PER_LOOK = 500 };

struct sort {
  size_t count;
  size_t width;       /* of the runs that are merged now */
  size_t left, right; /* next of the two runs */
  size_t middle, end; /* where they end */
  size_t out;
  int until_look;
  bool is_raw;              /* the table has no metatable */
  uint32_t *order, *merged; /* into what follows */
};

static void push_element(lua_State *L, const struct sort *it, uint32_t index)
{
  if (it->is_raw)
    lua_rawgeti(L, TABLE, (lua_Integer)index + 1);
  else
    lua_geti(L, TABLE, (lua_Integer)index + 1);
}

/* (value --) */
static void set_element(lua_State *L, const struct sort *it, uint32_t index)
{
  if (it->is_raw)
    lua_rawseti(L, TABLE, (lua_Integer)index + 1);
  else
    lua_seti(L, TABLE, (lua_Integer)index + 1);
}

/* Each element goes where `order` wants it; a cycle of moves at a time. */
static void move_elements(lua_State *L, struct sort *it)
{
  uint32_t *order = it->order;
  for (uint32_t first = 0; first < it->count; first++) {
    if (order[first] == first)
      continue;
    push_element(L, it, first);
    uint32_t at = first;
    while (order[at] != first) {
      uint32_t from = order[at];
      push_element(L, it, from);
      set_element(L, it, at);
      order[at] = at;
      at = from;
    }
    order[at] = at;
    set_element(L, it, at);
  }
}

/* The two runs that begin at `left`. */
static void begin_merge(struct sort *it, size_t left)
{
  size_t middle = left + it->width, end = middle + it->width;
  it->left = left;
  it->middle = it->right = middle < it->count ? middle : it->count;
  it->end = end < it->count ? end : it->count;
  it->out = left;
}

/* Does what needs no comparison; false when all is sorted. */
static bool advance(struct sort *it)
{
  while (it->left == it->middle || it->right == it->end) {
    while (it->left < it->middle)
      it->merged[it->out++] = it->order[it->left++];
    while (it->right < it->end)
      it->merged[it->out++] = it->order[it->right++];
    if (it->end < it->count) {
      begin_merge(it, it->end);
      continue;
    }
    uint32_t *merged = it->merged;
    it->merged = it->order;
    it->order = merged;
    it->width *= 2;
    if (it->width >= it->count)
      return false;
    begin_merge(it, 0);
  }
  return true;
}

static void take(struct sort *it, bool right_comes_first)
{
  it->merged[it->out++] = it->order[right_comes_first ? it->right++ : it->left++];
}

static int sort_on(lua_State *L, struct sort *it);

/* (answer --) */
static void take_answer(lua_State *L, struct sort *it)
{
  take(it, lua_toboolean(L, -1));
  lua_pop(L, 1);
}

static int after_comparator(lua_State *L, int status, lua_KContext context)
{
  (void)status;
  struct sort *it = (struct sort *)context;
  take_answer(L, it);
  return sort_on(L, it);
}

static int after_pause(lua_State *L, int status, lua_KContext context)
{
  (void)status;
  return sort_on(L, (struct sort *)context);
}

/* Is the right element less than the left? Then it comes first. */
static int sort_on(lua_State *L, struct sort *it)
{
  bool has_comparator = lua_isfunction(L, COMPARATOR);
  while (advance(it)) {
    if (--it->until_look <= 0) {
      it->until_look = COMPARISONS_PER_LOOK;
      if (call_should_pause(L))
        return call_pause(L, (lua_KContext)it, after_pause);
    }
    if (has_comparator)
      lua_pushvalue(L, COMPARATOR);
    push_element(L, it, it->order[it->right]);
    push_element(L, it, it->order[it->left]);
    if (has_comparator) {
      lua_callk(L, 2, 1, (lua_KContext)it, after_comparator);
      take_answer(L, it);
    } else {
      bool is_less = lua_compare(L, -2, -1, LUA_OPLT);
      lua_pop(L, 2);
      take(it, is_less);
    }
  }
  move_elements(L, it);
  return 0;
}

static void check_table(lua_State *L)
{
  if (lua_istable(L, TABLE))
    return;
  if (!luaL_getmetafield(L, TABLE, "__index") || !luaL_getmetafield(L, TABLE, "__newindex") ||
      !luaL_getmetafield(L, TABLE, "__len"))
    luaL_checktype(L, TABLE, LUA_TTABLE);
}

/* table, comparator -> nothing */
static int l_sort(lua_State *L)
{
  check_table(L);
  lua_Integer count = luaL_len(L, TABLE);
  if (count < 2)
    return 0;
  if (!lua_isnoneornil(L, COMPARATOR))
    luaL_checktype(L, COMPARATOR, LUA_TFUNCTION);
  if (count > bounds_elements(L))
    return luaL_error(L, "table.sort: the range 1 to %I is too large", (LUAI_UACINT)count);
  lua_settop(L, COMPARATOR);
  size_t bytes = (size_t)count * sizeof(uint32_t);
  struct sort *it = lua_newuserdatauv(L, sizeof *it + 2 * bytes, 0);
  *it = (struct sort){.count = (size_t)count, .width = 1, .until_look = COMPARISONS_PER_LOOK};
  it->is_raw = !lua_getmetatable(L, TABLE);
  lua_settop(L, STATE);
  it->order = (uint32_t *)(it + 1);
  it->merged = it->order + count;
  for (uint32_t i = 0; i < it->count; i++)
    it->order[i] = i;
  begin_merge(it, 0);
  return sort_on(L, it);
}

void sort_open(lua_State *L)
{
  lua_getglobal(L, LUA_TABLIBNAME);
  lua_pushcfunction(L, l_sort);
  lua_setfield(L, -2, "sort");
  lua_pop(L, 1);
}
