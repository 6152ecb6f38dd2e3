/* One daemon a state: a lock file that is held for as long as its descriptor is open. */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <stdbool.h>

#include "base/error.h"

/* Takes `path`-lock for this process until *descriptor is closed. Who holds it may be about to end,
 * so this waits for a second before ERROR_BUSY, which names the holder's pid. Any thread. */
enum error_code lock_take(const char *path, int *descriptor, struct error *error);

/* Whether somebody holds `path`-lock. *pid: who, 0 when the file does not tell. Any thread. */
bool lock_is_held(const char *path, long *pid);

#endif
