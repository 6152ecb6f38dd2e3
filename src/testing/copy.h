/* Values from one Lua state to another: nil, booleans, numbers, strings and tables of them, without
 * metatables. */
#ifndef TESTING_COPY_H
#define TESTING_COPY_H

#include <lua.h>

/* Pushes onto `to` a copy of the value at `index` of `from`. NULL; or what cannot be copied, "a
 * function", and nothing is pushed. */
const char *copy_value(lua_State *from, int index, lua_State *to);

#endif
