/* Watches the jobs folder and tells the scheduler what its scripts hold.
 *
 * Events of the file system are only a wake-up: after one, and a moment of quiet, the folder is
 * scanned (scan.h), and what differs is posted as MESSAGE_SOURCE. Names in events are not trusted,
 * since each way of saving gives others and an overflow gives none; a scan each WATCH_PERIOD_MS
 * finds what no event told. A folder that goes away is a warning, and its scripts stay in force
 * until it is back. All on the loop's thread. */
#ifndef SCRIPT_WATCH_H
#define SCRIPT_WATCH_H

#include <uv.h>

#include "base/error.h"
#include "bus/bus.h"

enum {
  WATCH_QUIET_MS = 100,    /* from the last event to the scan */
  WATCH_MOST_MS = 1000,    /* from the first event to the scan, however many follow */
  WATCH_PERIOD_MS = 30000, /* between scans when nothing happens */
};

struct watch;

/* Scans the folder at once: posts MESSAGE_SOURCE for every script and MESSAGE_SCANNED with tag 0.
 * Fails when the folder cannot be read. `*watch` is NULL then. */
enum error_code watch_open(uv_loop_t *loop, struct bus *bus, const char *folder,
                           struct watch **watch, struct error *error);

/* Takes MESSAGE_RESCAN, answered by MESSAGE_SCANNED with the same tag when all that was on the disk
 * has been sent, and MESSAGE_MODULES, which the scheduler sends after every load, with an empty
 * array when the script requires nothing. Destroys the message. */
void watch_receive(struct watch *watch, struct message *message);

/* Posts nothing any more. The memory goes when the loop has closed the handles. NULL is fine. */
void watch_close(struct watch *watch);

#endif
