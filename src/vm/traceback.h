/* What a person reads when a script fails: the message, and the places of the script's own code on
 * the way to it. On the worker's thread. */
#ifndef VM_TRACEBACK_H
#define VM_TRACEBACK_H

#include <lua.h>

/* The error that ended `thread`, which lies on its top, with the traceback. Runs on `main` and may
 * call the script's __tostring. A heap string. */
char *traceback_describe(lua_State *main, lua_State *thread);

/* `message` with the traceback of a coroutine that is suspended. A heap string. */
char *traceback_text(lua_State *main, lua_State *thread, const char *message);

/* The same as a message handler, of the error that is being raised. (error -> text) */
int traceback_handler(lua_State *L);

#endif
