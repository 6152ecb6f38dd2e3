/* The folders whose changes wake somebody: one uv_fs_event each, kept in step with what a scan
 * visits. A folder that was removed and made again is a new one, which its device and inode tell; a
 * folder that cannot be watched (too many watches, no inotify) is left to the periodic scan of
 * whoever asks. All on the loop's thread. */
#ifndef SENSOR_WAKE_H
#define SENSOR_WAKE_H

#include <stdbool.h>
#include <uv.h>

struct wake;

/* Whether something about `name` matters in a folder that was visited with `only` (may be NULL). */
typedef bool (*wake_filter)(const char *only, const char *name);

/* `call` hears that something has happened in one of the folders. */
struct wake *wake_open(uv_loop_t *loop, wake_filter matters, void (*call)(void *context),
                       void *context);
void wake_close(struct wake *wake); /* the memory goes when the loop has closed the handles */

/* A scan begins, visits folders, ends: those not visited in between are let go. `only`, unless
 * NULL, is what matters in the folder; visited with several, all of it matters. `again` watches
 * anew what is watched already. */
void wake_begin(struct wake *wake, bool again);
void wake_visit(void *wake, const char *folder, const char *only); /* a scan_visitor */

/* True when a folder is watched that was not before: what happened in it since it was scanned has
 * woken nobody. */
bool wake_end(struct wake *wake);

#endif
