/* SQLite's values on the Lua stack: parameters taken from it, rows pushed onto it. Private to
 * api_sqlite.c. */
#ifndef VM_API_SQLITE_VALUE_H
#define VM_API_SQLITE_VALUE_H

#include <lua.h>

#include "vm/api_sqlite_session.h"

/* The metatable of a userdata whose user value is the bytes. */
#define BLOB_CLASS "sqlite.blob"

/* The arguments from `first` on, or the one table there, of names or a list. Raises for what cannot
 * be stored, before anything is allocated; `function` is for the message. */
void sqlite_check_parameters(lua_State *L, int first, const char *function);
/* The same, checked, into the job. */
void sqlite_take_parameters(lua_State *L, int first, struct sqlite_job *job);

void sqlite_push_value(lua_State *L, const struct sqlite_value *value);
/* Pushes the columns' names, one value each, and returns the index of the first. */
int sqlite_push_names(lua_State *L, const struct sqlite_rows *rows);
/* The next row with its names at `first`; false after the last. (-- row) or (--) */
bool sqlite_push_row(lua_State *L, struct sqlite_rows *rows, int first);

#endif
