/* The workers: those that the program begins with, and those that take the place of one that is
 * stuck in a C function. Addresses follow each other without gaps.
 *
 * Opened, joined and freed by the program's thread; in between the scheduler's thread has it. */
#ifndef APP_FLEET_H
#define APP_FLEET_H

#include "app/moonbeat.h"
#include "bus/bus.h"

struct fleet;

/* Starts options->workers of them. The options must stay. */
struct fleet *fleet_start(struct bus *bus, const struct moonbeat_options *options,
                          const char *store_path);

int fleet_count(const struct fleet *fleet);

/* Tells all to stop. */
void fleet_stop(struct fleet *fleet);

/* Readable when a worker may be stuck; see vm/gauge.h. */
int fleet_alarm_fd(const struct fleet *fleet);

/* Appends a MESSAGE_STUCK for each worker whose state of being stuck is news; one that has been so
 * for a second is given a replacement. */
void fleet_look(struct fleet *fleet, struct message_list *out);

/* What workers that were replaced in the last look have not taken goes back to the scheduler. */
void fleet_return_unread(struct fleet *fleet);

/* Waits for the end of all, and frees it. */
void fleet_join(struct fleet *fleet);

#endif
