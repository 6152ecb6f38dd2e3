#include "script/watch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "script/scan.h"
#include "sensor/wake.h"

enum {
  LOST_MS = 1000,               /* between looks for a folder that is gone */
  ANSWER_MOST_US = 3 * 1000000, /* a rescan is answered by then, whatever still changes */
};

struct watch {
  uv_timer_t timer; /* first, so that the handle is the watch */
  struct bus *bus;
  struct scan *scan;
  struct wake *wake;
  bool is_lost;
  int64_t woken_us; /* when the first event since the last scan came; 0: none */
  uint64_t *asked;  /* tags of rescans that wait for their answer */
  size_t asked_count;
  int64_t asked_us;
};

static void on_timer(uv_timer_t *timer);

static void scan_in(struct watch *watch, int64_t delay_ms)
{
  uv_timer_start(&watch->timer, on_timer, (uint64_t)(delay_ms > 0 ? delay_ms : 0), 0);
}

/* Databases and logs beside the scripts must not cause a scan at each of their writes. */
static bool matters(const char *only, const char *name)
{
  if (only)
    return strcmp(name, only) == 0;
  if (name[0] == '.' && name[1] == '.')
    return true; /* `..data`, the link that a ConfigMap swaps */
  const char *dot = strrchr(name, '.');
  return !scan_ignores(name) && (!dot || strcmp(dot, ".lua") == 0);
}

static void on_wake(void *context)
{
  struct watch *watch = context;
  int64_t now = clock_monotonic_us();
  if (!watch->woken_us)
    watch->woken_us = now;
  int64_t most_ms = WATCH_MOST_MS - (now - watch->woken_us) / 1000;
  uv_update_time(watch->timer.loop);
  scan_in(watch, most_ms < WATCH_QUIET_MS ? most_ms : WATCH_QUIET_MS);
}

/* A folder that is a link, or that is removed and made again, changes in its parent. */
static void visit_parent(struct watch *watch)
{
  const char *folder = scan_folder(watch->scan);
  const char *slash = strrchr(folder, '/');
  const char *name = slash ? slash + 1 : folder;
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || !*name)
    return;
  char *parent = !slash            ? memory_strdup(".")
                 : slash == folder ? memory_strdup("/")
                                   : memory_copy(folder, (size_t)(slash - folder));
  wake_visit(watch->wake, parent, name);
  free(parent);
}

static void append_scanned(struct message_list *out, uint64_t tag)
{
  struct message *message = message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  message->tag = tag;
  message_list_append(out, message);
}

static void answer(struct watch *watch, struct message_list *out)
{
  for (size_t i = 0; i < watch->asked_count; i++)
    append_scanned(out, watch->asked[i]);
  watch->asked_count = 0;
}

static void note_lost(struct watch *watch, const struct error *error)
{
  bool is_lost = error->code != ERROR_OK;
  if (is_lost && !watch->is_lost)
    log_warn("%s; its scripts stay in force until it is back", error->text);
  else if (!is_lost && watch->is_lost)
    log_info("jobs folder %s is back", scan_folder(watch->scan));
  watch->is_lost = is_lost;
}

static enum error_code scan_now(struct watch *watch, bool again, struct message_list *out,
                                struct error *error)
{
  struct moment moment = {.monotonic_us = clock_monotonic_us(), .wall_us = clock_wall_us()};
  bool is_settled = true;
  watch->woken_us = 0;
  wake_begin(watch->wake, again);
  visit_parent(watch);
  scan_run(watch->scan, &moment, wake_visit, watch->wake, out, &is_settled, error);
  wake_end(watch->wake);
  bool is_late = moment.monotonic_us - watch->asked_us > ANSWER_MOST_US;
  if (error->code || is_settled || is_late)
    answer(watch, out);
  scan_in(watch, error->code ? LOST_MS : is_settled ? WATCH_PERIOD_MS : WATCH_QUIET_MS);
  return error->code;
}

static void scan_and_post(struct watch *watch, bool again)
{
  struct message_list out = {0};
  struct error error = {0};
  scan_now(watch, again, &out, &error);
  note_lost(watch, &error);
  bus_post_list(watch->bus, &out);
}

static void on_timer(uv_timer_t *timer)
{
  struct watch *watch = (struct watch *)timer;
  scan_and_post(watch, watch->woken_us == 0);
}

static void free_watch(uv_handle_t *handle)
{
  struct watch *watch = (struct watch *)handle;
  scan_destroy(watch->scan);
  free(watch->asked);
  free(watch);
}

enum error_code watch_open(uv_loop_t *loop, struct bus *bus, const char *folder, struct watch **out,
                           struct error *error)
{
  struct watch *watch = memory_alloc(sizeof *watch);
  uv_timer_init(loop, &watch->timer);
  uv_update_time(loop);
  watch->bus = bus;
  watch->scan = scan_create(folder);
  watch->wake = wake_open(loop, matters, on_wake, watch);
  struct message_list list = {0};
  struct error problem = {0};
  *out = NULL;
  if (scan_now(watch, false, &list, &problem)) {
    message_list_deinit(&list);
    watch_close(watch);
    return error_set(error, problem.code, "%s", problem.text);
  }
  append_scanned(&list, 0);
  bus_post_list(bus, &list);
  *out = watch;
  return ERROR_OK;
}

void watch_receive(struct watch *watch, struct message *message)
{
  if (message->kind == MESSAGE_RESCAN) {
    if (!watch->asked_count)
      watch->asked_us = clock_monotonic_us();
    watch->asked = memory_resize(watch->asked, (watch->asked_count + 1) * sizeof *watch->asked);
    watch->asked[watch->asked_count++] = message->tag;
    uv_update_time(watch->timer.loop);
    scan_and_post(watch, true);
  } else if (message->kind == MESSAGE_MODULES) {
    if (scan_set_modules(watch->scan, message->as.modules.script, message->as.modules.text))
      on_wake(watch);
  }
  message_destroy(message);
}

void watch_close(struct watch *watch)
{
  if (!watch)
    return;
  wake_close(watch->wake);
  uv_close((uv_handle_t *)&watch->timer, free_watch);
}
