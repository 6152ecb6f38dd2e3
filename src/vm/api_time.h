/* Time values of Lua, for the C side of the bindings. On the worker's thread. */
#ifndef VM_API_TIME_H
#define VM_API_TIME_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

enum { API_TIME_TEXT_SIZE = 40 };

/* Pushes the instant as a time value that shows the wall clock of the system's zone. */
void api_time_push(lua_State *L, int64_t us);

/* True when the value at `index` is a time value; then *us is its instant, text it in RFC 3339. */
bool api_time_get(lua_State *L, int index, int64_t *us);
bool api_time_text(lua_State *L, int index, char text[API_TIME_TEXT_SIZE]);

#endif
