/* string.find, match, gmatch and gsub in slices: Lua's functions on our own matcher (see
 * base/pattern.h). When the slice is over in the middle of a match, the call yields and goes on in
 * its next slice; where it cannot yield, it can at least be killed.
 *
 * Here is what string_pattern.c and string_gsub.c share. */
#ifndef VM_STRING_PATTERN_H
#define VM_STRING_PATTERN_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pattern.h"

enum {
  SEARCH_STEPS = 10000, /* between looks at the slice's age: some 50 us */
  SEARCH_POINTS = 12,   /* for patterns that need no more, the C stack has room */
};

/* What a search on the C stack needs, where it stays unless the pattern is long or the slice ends.
 */
struct search_room {
  struct pattern_point points[SEARCH_POINTS];
  struct pattern_capture captures[PATTERN_CAPTURES_MAX];
};

/* Goes on with a search. Raises what is wrong with the pattern; PATTERN_MORE only when the caller
 * has to pause (see call_pause). `*budget` begins with SEARCH_STEPS. */
enum pattern_result search_run(lua_State *L, struct pattern *it, int64_t *budget);

/* A copy of the `size` bytes that begin with the search in a new userdatum, with room of its own.
 * (-- userdatum) */
void *search_keep(lua_State *L, const struct pattern *whole, size_t size);

/* Pushes capture `index`, from 0; the whole match is capture 0 of a pattern without any. */
void search_push_capture(lua_State *L, const struct pattern *it, int index);

/* Pushes all, at least `least` of them, and returns how many. */
int search_push_captures(lua_State *L, const struct pattern *it, int least);

int l_string_gsub(lua_State *L);

#endif
