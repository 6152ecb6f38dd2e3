/* The daemon as a service: what the manager that started it (systemd) hears of it, and the reading
 * of the folder that SIGHUP asks for. See service.c. On the front's thread. */
#ifndef APP_SERVICE_H
#define APP_SERVICE_H

#include <uv.h>

#include "bus/bus.h"

struct service;

/* Tells nobody anything if nobody listens, see notify.h. */
struct service *service_open(uv_loop_t *loop, struct bus *bus);
/* Its handle closes while the loop runs on, and it is freed. NULL is fine. */
void service_close(struct service *service);

/* Reads the jobs folder again. */
void service_reload(struct service *service);

/* The daemon was asked to stop. */
void service_stopping(struct service *service);

/* Takes the message if it answers a question of the service's. */
bool service_receive(struct service *service, struct message *message);

#endif
