/* How a database is opened to be looked at so that nothing is left beside it: a reader of a
 * database in WAL mode makes the files that its writers have beside it, and a reader's stay. Any
 * thread. */
#ifndef STORE_SQLITE_LOOK_H
#define STORE_SQLITE_LOOK_H

#include <stdbool.h>

/* Whether nobody has it open and nobody was cut off: its file is all there is. */
bool sqlite_look_is_still(const char *path);

/* The path as a URI for SQLITE_OPEN_URI; `as_still`: read as it lies, without locks and without
 * files beside it. A heap string of the caller's. */
char *sqlite_look_uri(const char *path, bool as_still);

#endif
