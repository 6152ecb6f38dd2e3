/* The manager is told what the scheduler says, never what the front believes: at each beat the
 * scheduler is asked for its pulse, a request like any other, and only its answer feeds the
 * watchdog. So a scheduler that hangs in a turn, or takes none any more, is not covered by the
 * front being well. One question is under way at most.
 *
 *   starting   a beat each 50 ms, until the folder was read: READY=1
 *   running    four beats in the time of the watchdog: WATCHDOG=1, STATUS= when it has changed
 *   SIGHUP     RELOADING=1, and READY=1 when all scripts are loaded
 *   stopping   STOPPING=1, then a beat each second: EXTEND_TIMEOUT_USEC= while runs are open
 *
 * Source: sd_notify(3), systemd.service(5). */
#include "app/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/notify.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"

enum {
  START_BEAT_MS = 50,
  SLOWEST_BEAT_MS = 10000,
  FASTEST_BEAT_MS = 50,
  STOP_BEAT_MS = 1000,
  EXTENSION_US = 10000000, /* asked for anew at each beat */
};

/* Told from the tags of clients and of the program's own requests. */
#define PULSE_TAG  (UINT64_C(1) << 61 | 1)
#define RELOAD_TAG (UINT64_C(1) << 61 | 2)

struct service {
  struct bus *bus;
  uv_timer_t beat;
  bool is_asking, is_ready, is_stopping;
  bool is_reloading; /* the manager was told so */
  int reloads;       /* that are under way */
  char status[128];
};

static void ask(struct service *service, uint64_t tag, const char *op)
{
  struct message *request = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  request->tag = tag;
  request->as.request.op = memory_strdup(op);
  bus_post(service->bus, request);
}

static void on_beat(uv_timer_t *timer)
{
  struct service *service = timer->data;
  if (service->is_asking)
    return;
  service->is_asking = true;
  ask(service, PULSE_TAG, "pulse");
}

static uint64_t running_beat_ms(void)
{
  int64_t watchdog_ms = notify_watchdog_us() / 1000;
  int64_t beat_ms = watchdog_ms ? watchdog_ms / 4 : SLOWEST_BEAT_MS;
  if (beat_ms > SLOWEST_BEAT_MS)
    beat_ms = SLOWEST_BEAT_MS;
  return (uint64_t)(beat_ms < FASTEST_BEAT_MS ? FASTEST_BEAT_MS : beat_ms);
}

static void beat_each(struct service *service, uint64_t ms)
{
  uv_timer_start(&service->beat, on_beat, ms, ms);
}

struct service *service_open(uv_loop_t *loop, struct bus *bus)
{
  struct service *service = memory_alloc(sizeof *service);
  service->bus = bus;
  uv_timer_init(loop, &service->beat);
  service->beat.data = service;
  if (notify_is_on())
    beat_each(service, START_BEAT_MS);
  return service;
}

static void free_service(uv_handle_t *beat)
{
  free(beat->data);
}

void service_close(struct service *service)
{
  if (service)
    uv_close((uv_handle_t *)&service->beat, free_service);
}

/* ---- what is told ---- */

static void tell_status(struct service *service, const struct json *pulse)
{
  char status[sizeof service->status];
  int64_t running = json_integer(json_get(pulse, "running"), 0),
          pending = json_integer(json_get(pulse, "pending"), 0),
          scripts = json_integer(json_get(pulse, "scripts"), 0);
  if (service->is_stopping)
    snprintf(status, sizeof status, "stopping: %" PRId64 " of %" PRId64 " open runs are running",
             running, running + pending);
  else
    snprintf(status, sizeof status,
             "%" PRId64 " script%s, %" PRId64 " run%s running, %" PRId64 " pending", scripts,
             scripts == 1 ? "" : "s", running, running == 1 ? "" : "s", pending);
  if (strcmp(status, service->status) == 0)
    return;
  memcpy(service->status, status, sizeof status);
  notify_send("STATUS=%s", status);
}

static void take_pulse(struct service *service, const struct json *pulse)
{
  int64_t open =
      json_integer(json_get(pulse, "running"), 0) + json_integer(json_get(pulse, "pending"), 0);
  if (!service->is_ready && !service->is_stopping &&
      json_boolean(json_get(pulse, "scanned"), false)) {
    service->is_ready = true;
    notify_send("READY=1");
    beat_each(service, running_beat_ms());
  }
  tell_status(service, pulse);
  if (service->is_stopping && open > 0)
    notify_send("EXTEND_TIMEOUT_USEC=%d", EXTENSION_US);
}

static void take_answer(struct service *service, const struct message *answer)
{
  struct json_document *document;
  service->is_asking = false;
  if (notify_watchdog_us())
    notify_send("WATCHDOG=1");
  if (answer->as.reply.code || !answer->as.reply.text ||
      json_parse(answer->as.reply.text, strlen(answer->as.reply.text), &document, NULL))
    return; /* a full disk: it is alive, and can do nothing */
  take_pulse(service, json_root(document));
  json_free(document);
}

static void tell_reloaded(struct service *service)
{
  service->is_reloading = false;
  notify_send("READY=1");
}

void service_reload(struct service *service)
{
  if (service->is_stopping) {
    log_info("SIGHUP while stopping: the jobs folder is not read again");
    return;
  }
  log_info("SIGHUP: reading the jobs folder again");
  service->reloads++;
  if (service->is_ready && !service->is_reloading)
    notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us());
  service->is_reloading = service->is_ready;
  ask(service, RELOAD_TAG, "reload");
}

void service_stopping(struct service *service)
{
  if (service->is_stopping)
    return;
  service->is_stopping = true;
  notify_send("STOPPING=1");
  if (notify_is_on())
    beat_each(service, notify_watchdog_us() && running_beat_ms() < STOP_BEAT_MS ? running_beat_ms()
                                                                                : STOP_BEAT_MS);
}

bool service_receive(struct service *service, struct message *message)
{
  if (!service || message->kind != MESSAGE_REPLY ||
      (message->tag != PULSE_TAG && message->tag != RELOAD_TAG))
    return false;
  if (message->tag == PULSE_TAG)
    take_answer(service, message);
  else if (--service->reloads == 0 && service->is_reloading && !service->is_stopping)
    tell_reloaded(service);
  message_destroy(message);
  return true;
}
