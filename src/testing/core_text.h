/* Times, lengths and names for the Lua side of moonbeat.testing, and the scripts of a folder. In
 * the spec's state. */
#ifndef TESTING_CORE_TEXT_H
#define TESTING_CORE_TEXT_H

#include <lua.h>

/* (module -- module) */
void core_text_open(lua_State *L);

#endif
