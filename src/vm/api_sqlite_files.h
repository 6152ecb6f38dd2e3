/* Which files are databases that this process has open. To open and close such a file by other
 * means drops SQLite's locks on it (POSIX locks belong to processes and go with any close), and one
 * that is moved away takes along what is written to it, so `fs` keeps off them, and the scheduler's
 * own store is nobody's but the scheduler's. The files beside a database (x-wal, x-shm, x-journal,
 * x-lock) are as good as itself, and so is the daemon's socket beside its store. Any thread. */
#ifndef VM_API_SQLITE_FILES_H
#define VM_API_SQLITE_FILES_H

#include <stdbool.h>

#include "base/error.h"

/* The scheduler's store; NULL is ignored. */
void sqlite_files_set_store(const char *path);

/* Whether the path is the store, by whatever name. */
bool sqlite_files_is_store(const char *path);

/* A database was opened, is closed. `path` must be the same text for both. */
void sqlite_files_add(const char *path);
void sqlite_files_remove(const char *path);

/* ERROR_CONFLICT when the path is the store or an open database, or lies beside one, or is the
 * daemon's socket. */
enum error_code sqlite_files_check(const char *path, struct error *error);

/* The same also for a folder in which one lies, at any depth: what is removed or renamed. */
enum error_code sqlite_files_check_move(const char *path, struct error *error);

#endif
