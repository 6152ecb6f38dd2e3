/* The folders whose changes wake the watch: one uv_fs_event each, kept in step with what a scan
 * visits. A folder that was removed and made again is a new one, which its device and inode tell; a
 * folder that cannot be watched (too many watches, no inotify) is left to the periodic scan. All on
 * the loop's thread. */
#ifndef SCRIPT_WAKE_H
#define SCRIPT_WAKE_H

#include <stdbool.h>
#include <uv.h>

struct wake;

/* `call` hears that something has happened in one of the folders. */
struct wake *wake_open(uv_loop_t *loop, void (*call)(void *context), void *context);
void wake_close(struct wake *wake); /* the memory goes when the loop has closed the handles */

/* A scan begins, visits folders, ends: those not visited in between are let go. `only`, unless
 * NULL, is the one name that matters in the folder. `again` watches anew what is watched already.
 */
void wake_begin(struct wake *wake, bool again);
void wake_visit(void *wake, const char *folder, const char *only); /* a scan_visitor */
void wake_end(struct wake *wake);

#endif
