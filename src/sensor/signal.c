/* on_signal: each arrival of a signal is an event. Nobody keeps signals for a program that does not
 * run, so the position is only a number that tells one report from another.
 *
 * A signal that was watched once is held until the program ends: it must not be ended by one that
 * comes while a trigger is changed, or late. */
#include "sensor/sensor_kind.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/signal_name.h"

enum { NEVER_MS = 24 * 60 * 60 * 1000 };

struct signal_watch {
  uv_signal_t handle; /* first, so that the handle is the watch */
  struct sensor *sensor;
  const char *name;
  bool is_new;
  int64_t waiting;  /* arrived and not reported */
  int64_t reported; /* the position */
};

struct held {
  uv_signal_t handle;
  struct held *next;
};

struct signal_keeper {
  uv_loop_t *loop;
  struct held *held;
  uv_idle_t end; /* does nothing; that it is closed is the end */
  void (*closed)(void *context);
  void *context;
};

/* ---- held signals ---- */

struct signal_keeper *signal_keeper_create(uv_loop_t *loop, void (*closed)(void *context),
                                           void *context)
{
  struct signal_keeper *keeper = memory_alloc(sizeof *keeper);
  *keeper = (struct signal_keeper){.loop = loop, .closed = closed, .context = context};
  uv_idle_init(loop, &keeper->end);
  keeper->end.data = keeper;
  return keeper;
}

static void ignore_signal(uv_signal_t *handle, int number)
{
  (void)handle, (void)number;
}

static void hold(struct signal_keeper *keeper, int number)
{
  for (struct held *held = keeper->held; held; held = held->next)
    if (held->handle.signum == number)
      return;
  struct held *held = memory_alloc(sizeof *held);
  uv_signal_init(keeper->loop, &held->handle);
  uv_unref((uv_handle_t *)&held->handle);
  uv_signal_start(&held->handle, ignore_signal, number);
  held->next = keeper->held;
  keeper->held = held;
}

static void free_handle(uv_handle_t *handle)
{
  free(handle);
}

static void free_keeper(uv_handle_t *handle)
{
  struct signal_keeper *keeper = handle->data;
  keeper->closed(keeper->context);
  free(keeper);
}

void signal_keeper_close(struct signal_keeper *keeper)
{
  for (struct held *held = keeper->held, *next; held; held = next) {
    next = held->next;
    uv_close((uv_handle_t *)&held->handle, free_handle);
  }
  uv_close((uv_handle_t *)&keeper->end, free_keeper);
}

/* ---- the kind ---- */

static void on_signal(uv_signal_t *handle, int number)
{
  struct signal_watch *watch = (struct signal_watch *)handle;
  (void)number;
  watch->waiting++;
  sensor_look_now(watch->sensor);
}

static int64_t read_position(const char *position)
{
  struct json_document *document = NULL;
  int64_t reported = 0;
  if (position && !json_parse(position, strlen(position), &document, NULL))
    reported = json_integer(json_get(json_root(document), "count"), 0);
  json_free(document);
  return reported;
}

static void *create(const struct sensor_plan *plan, struct error *error)
{
  int number;
  const char *text = json_text(json_get(plan->source, "signal"), "");
  if (signal_parse(text, &number, error))
    return NULL;
  const char *reason = signal_is_reserved(number);
  if (reason) {
    error_set(error, ERROR_INVALID, "%s cannot be watched: %s", signal_name(number), reason);
    return NULL;
  }
  struct signal_watch *watch = memory_alloc(sizeof *watch);
  *watch = (struct signal_watch){.sensor = plan->sensor,
                                 .name = signal_name(number),
                                 .is_new = !plan->position,
                                 .reported = read_position(plan->position)};
  hold(plan->signals, number);
  uv_signal_init(plan->loop, &watch->handle);
  int status = uv_signal_start(&watch->handle, on_signal, number);
  if (!status)
    return watch;
  error_set(error, ERROR_IO, "%s cannot be watched: %s", watch->name, uv_strerror(status));
  uv_close((uv_handle_t *)&watch->handle, free_handle);
  return NULL;
}

static char *write_events(struct signal_watch *watch, int64_t count)
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  json_begin_array(&writer);
  for (int64_t i = 0; i < count; i++) {
    json_begin_object(&writer);
    json_put_text(&writer, "signal", watch->name);
    json_end_object(&writer);
  }
  json_end_array(&writer);
  return buffer_take(&text);
}

static void look(void *context, struct look *look)
{
  struct signal_watch *watch = context;
  int64_t count = watch->waiting < SENSOR_EVENTS_MAX ? watch->waiting : SENSOR_EVENTS_MAX;
  look->next_ms = watch->is_new && count > 0 ? 1 : NEVER_MS;
  if (watch->is_new)
    count = 0;
  else if (count == 0 || !look->may_report)
    return;
  if (count > 0)
    look->events = write_events(watch, count);
  look->has_more = true; /* no less than what arrives meanwhile */
  watch->is_new = false;
  watch->waiting -= count;
  watch->reported += count;
  look->position = memory_printf("{\"count\":%" PRId64 "}", watch->reported);
}

static void destroy(void *context)
{
  struct signal_watch *watch = context;
  uv_close((uv_handle_t *)&watch->handle, free_handle);
}

const struct sensor_kind signal_kind = {
    .name = "on_signal",
    .is_quick = true,
    .create = create,
    .look = look,
    .destroy = destroy,
};
