/* The front thread: sockets, the jobs folder, signals. It runs no Lua and writes no SQL. */
#ifndef APP_FRONT_H
#define APP_FRONT_H

#include "app/moonbeat.h"
#include "bus/bus.h"

struct front;

/* Watches, listens and starts the thread. It ends with MESSAGE_STOP from the scheduler. */
enum error_code front_start(struct bus *bus, const struct moonbeat_options *options,
                            struct front **front, struct error *error);

/* Whether front_join() does not wait. Any thread. */
bool front_has_ended(const struct front *front);

/* Waits for its end and frees it. */
void front_join(struct front *front);

/* Asks the scheduler on behalf of another thread, which waits. */
enum error_code front_request(struct front *front, const char *operation, const char *params,
                              char **result, struct error *error);

#endif
