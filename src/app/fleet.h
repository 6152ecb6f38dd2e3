/* The workers: those that the program begins with, and those that take the place of one that is
 * stuck in a C function. One that has been replaced ends when it has come back and what it had
 * begun is over; then another may have its address.
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

/* Those that have not said their last word. */
int fleet_at_work(const struct fleet *fleet);

/* Tells all to stop. */
void fleet_stop(struct fleet *fleet);

/* The worker has said its last word. Its address is used again when the scheduler has heard of
 * that, which it does before anything of its successor. */
void fleet_stopped(struct fleet *fleet, int address);

/* Readable when a worker may be stuck; see vm/gauge.h. */
int fleet_alarm_fd(const struct fleet *fleet);

/* Posts a MESSAGE_STUCK for each worker whose state of being stuck is news. One that has been so
 * for a second is given a replacement, and is given up after options->stuck_grace_us. */
void fleet_look(struct fleet *fleet);

/* To be called about each second: where a replacement could not be made it is tried again, and
 * MESSAGE_SHORTAGE says what has become of that. Costs nothing while nobody is missing. */
void fleet_complete(struct fleet *fleet);

/* Those whose thread has not ended, with the number of one of them. Any thread. */
int fleet_alive(const struct fleet *fleet, int *number);

/* Waits for the end of all, and frees it. */
void fleet_join(struct fleet *fleet);

#endif
