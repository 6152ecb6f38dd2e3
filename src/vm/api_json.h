/* JSON straight between text and the Lua stack, for the C side of the bindings. On the worker's
 * thread. */
#ifndef VM_API_JSON_H
#define VM_API_JSON_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The metatable of what json.array marked: a list, in which named fields are refused. */
#define API_JSON_ARRAY "json.array"

/* The metatable of an empty table that was {}, so that it is written as {} again. */
#define API_JSON_OBJECT "json.object"

/* ---- api_json_decode.c ---- */

enum api_json_nulls {
  NULLS_KEPT,    /* null is json.null everywhere */
  NULLS_DROPPED, /* a member that is null is left out, a lone null is nil; elements are json.null */
};

/* Pushes the value that the text holds. On failure nothing is pushed. May raise a memory error. */
enum error_code api_json_push(lua_State *L, const char *text, size_t size,
                              enum api_json_nulls nulls, struct error *error);

/* Adds json_decode. (raw -- raw) */
void api_json_open_decode(lua_State *L, bool is_in_slices);

/* ---- api_json_encode.c ---- */

/* Pushes the JSON text of the value at `index` and returns true, or pushes a sentence that names
 * the place, `result[2].when: a function cannot be stored`, and returns false. `name` is what the
 * value is called in it, NULL for nothing. `indent` is the number of blanks per level, 0 for one
 * line. */
bool api_json_encode(lua_State *L, int index, const char *name, int indent);

/* The same on one line, for a text of `size_max` bytes, a number of MiB, instead of 64 MiB. */
bool api_json_encode_within(lua_State *L, int index, const char *name, size_t size_max);

/* The same in a worker's state, with slices for others in between: returns what `after` returns,
 * whose context is what api_json_encode returns, with its text on top. To be returned at once; the
 * value and the name must stay. */
int api_json_encode_in_slices(lua_State *L, int index, const char *name, int indent,
                              lua_KFunction after);

#endif
