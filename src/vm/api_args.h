/* What the bindings of fs, sqlite, http and exec share: arguments read and checked with the name of
 * the function that a person called, paths that begin at the jobs folder, and failures of the world
 * as nil, message, code. Functions that take `raw` use the table of C functions at that index, an
 * upvalue of the caller's. On the worker's thread. */
#ifndef VM_API_ARGS_H
#define VM_API_ARGS_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Adds check_options, fail, type_name, seconds_option, size_option and path_option; may be done
 * again. (raw -- raw) */
void args_open(lua_State *L);

/* Adds `functions`, a luaL_Reg list, to the table on top, each with that table as its upvalue 1.
 * (raw -- raw) */

void args_set_functions(lua_State *L, const luaL_Reg *functions);

/* Pushes "jobs/a.lua:12" of the innermost frame of a person's Lua, or nothing: false. */
bool args_push_place(lua_State *L);

/* Raises with the place in the person's script in front. Never returns. */
int args_fail(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The string at `index`, or raises `fs.read: path must be a string, got nil`. */
const char *args_string(lua_State *L, int index, const char *function, const char *what,
                        size_t *size);

/* The integer at `index`, `otherwise` for nil; raises when it is none or below `least`. */
int64_t args_integer(lua_State *L, int index, const char *function, const char *what, int64_t least,
                     int64_t otherwise);

/* A length of time, a number of seconds or "1h30m", in microseconds; `otherwise` for nil. */
int64_t args_duration_us(lua_State *L, int index, const char *function, const char *what,
                         int64_t otherwise);

/* The field of seconds as milliseconds for curl's time-outs: rounded up, as 0 is none. */
long args_milliseconds(lua_State *L, int table, const char *name);

/* raw.jobs_folder, else where the state's modules lie, else NULL. */
const char *args_jobs_folder(lua_State *L, int raw);

/* The path at `index` as the system needs it, on the heap: without NULs, relative ones behind
 * the jobs folder. */
char *args_path(lua_State *L, int raw, int index, const char *function, const char *what);

/* raw.NAME if it is a string, else NULL. It lives as long as the table keeps it. */
const char *args_raw_string(lua_State *L, int raw, const char *name);

/* Pushes nil, message, code and returns 3. */
int args_push_error(lua_State *L, const struct error *error);

#endif
