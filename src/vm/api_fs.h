/* What the bindings of `fs` share. On the worker's thread. */
#ifndef VM_API_FS_H
#define VM_API_FS_H

#include <lua.h>
#include <sys/stat.h>

/* Pushes what is known about a file as a table. (-- stat) */
void api_fs_push_stat(lua_State *L, const struct stat *file);

/* Adds the functions of fs.watch. (raw -- raw) */
void api_fs_watch_open(lua_State *L);

#endif
