/* What a service manager is told by datagrams, as sd_notify(3) describes: to the socket that
 * $NOTIFY_SOCKET names, a path or an abstract name that begins with "@". */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Takes what the environment says and removes it, so that no child speaks in our name. Before any
 * thread starts. */
void notify_take_environment(void);

/* Whether anybody listens. */
bool notify_is_on(void);

/* How often the manager wants a sign of life; 0: it does not. */
int64_t notify_watchdog_us(void);

/* "READY=1\nSTATUS=up". Nothing when nobody listens; a full socket loses it. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
