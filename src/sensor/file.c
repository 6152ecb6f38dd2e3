/* on_file: files that were created or changed, once they have settled.
 *
 * Everything comes from scans: the folders' events only say that one is due, and a scan now and
 * then finds what they did not tell. While many files wait to be reported, batch after batch, not
 * every batch is worth a scan of its own. */
#include "sensor/file_known.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "sensor/file_scan.h"
#include "sensor/sensor_kind.h"
#include "time/duration.h"

enum {
  SETTLE_US = 1000 * 1000,
  PERIOD_MS = 10 * 1000,
  FRESH_US = 500 * 1000, /* a scan is good for batches so long, ... */
  FRESH_SHARE = 10,      /* ... or so many times as long as it took */
};

struct file_watch {
  char *glob;
  int64_t settle_us;
  struct file_known *known;
  bool is_scanned; /* the last scan was whole */
  int64_t scanned_us, scan_took_us;
  size_t unreadable;
  struct buffer problem; /* of the first that is unreadable */
};

struct scan {
  struct file_watch *watch;
  struct look *look;
};

static void *create(const struct sensor_plan *plan, struct error *error)
{
  int64_t settle_us = SETTLE_US;
  const char *glob = json_text(json_get(plan->source, "glob"), "");
  const struct json *settle = json_get(plan->source, "settle");
  if (glob[0] != '/') {
    error_set(error, ERROR_INVALID, "the pattern \"%.300s\" does not begin with /", glob);
    return NULL;
  }
  if (settle && duration_from_json(settle, &settle_us, error)) {
    error_prefix(error, "settle");
    return NULL;
  }
  struct file_watch *watch = memory_alloc(sizeof *watch);
  watch->glob = memory_strdup(glob);
  watch->settle_us = settle_us;
  watch->known = file_known_create(plan->position);
  return watch;
}

static void destroy(void *context)
{
  struct file_watch *watch = context;
  file_known_destroy(watch->known);
  buffer_deinit(&watch->problem);
  free(watch->glob);
  free(watch);
}

static void visit_file(void *context, const char *path, const struct stat *status, dev_t device)
{
  struct scan *scan = context;
  file_known_visit_file(scan->watch->known, path, status, device);
}

static void visit_folder(void *context, const char *path, dev_t device, const char *only)
{
  struct scan *scan = context;
  file_known_visit_folder(scan->watch->known, path, device);
  look_add_folder(scan->look, path, only);
}

static void visit_unreadable(void *context, const char *path, int reason)
{
  struct scan *scan = context;
  file_known_visit_unreadable(scan->watch->known, path);
  if (scan->watch->unreadable++ > 0)
    return;
  buffer_append_text(&scan->watch->problem, "cannot look at ");
  text_append_visible(&scan->watch->problem, path, strlen(path));
  buffer_printf(&scan->watch->problem, ": %s", strerror(reason));
}

/* The folder that holds all that is meant may come yet; or its name is wrong. */
static void tell_absent(const struct file_watch *watch, struct look *look)
{
  struct stat status;
  struct buffer problem = {0};
  size_t size = strcspn(watch->glob, "*?[\\");
  while (size > 1 && watch->glob[size] != '/')
    size--;
  char *folder = memory_copy(watch->glob, size);
  if (stat(folder, &status) != 0 && errno == ENOENT) {
    buffer_append_text(&problem, "there is no folder ");
    text_append_visible(&problem, folder, strlen(folder));
    look->problem = buffer_take(&problem);
  }
  free(folder);
}

/* What cannot be looked at is a problem, and the rest is watched all the same. */
static void tell_unreadable(struct file_watch *watch, struct look *look)
{
  if (watch->unreadable > 1)
    look->problem =
        memory_printf("%s, nor at %zu others", watch->problem.data, watch->unreadable - 1);
  else if (watch->unreadable == 1)
    look->problem = memory_strdup(watch->problem.data);
  else
    tell_absent(watch, look);
}

/* Fails with a problem. */
static bool scan(struct file_watch *watch, struct look *look)
{
  struct scan context = {.watch = watch, .look = look};
  struct file_scan_visitor visitor = {.file = visit_file,
                                      .folder = visit_folder,
                                      .unreadable = visit_unreadable,
                                      .stop = look->stop,
                                      .context = &context};
  struct file_moment moment = {.monotonic_us = clock_monotonic_us(), .wall_us = clock_wall_us()};
  struct error error = {0};
  watch->unreadable = 0;
  buffer_clear(&watch->problem);
  file_known_begin(watch->known, &moment);
  watch->is_scanned = !file_scan(watch->glob, &visitor, &error);
  watch->scanned_us = moment.monotonic_us;
  watch->scan_took_us = clock_monotonic_us() - moment.monotonic_us;
  if (!watch->is_scanned) {
    file_known_abandon(watch->known);
    look->problem = memory_strdup(error.text);
    return false;
  }
  file_known_end(watch->known);
  tell_unreadable(watch, look);
  return true;
}

static bool needs_scan(const struct file_watch *watch, const struct look *look, int64_t now_us)
{
  int64_t share_us = watch->scan_took_us * FRESH_SHARE;
  int64_t fresh_us = share_us > FRESH_US ? share_us : FRESH_US;
  return !watch->is_scanned || !look->may_report || now_us - watch->scanned_us > fresh_us ||
         file_known_settles_at_us(watch->known, watch->settle_us) > watch->scanned_us;
}

static void tell(struct file_watch *watch, struct look *look)
{
  struct buffer events = {0};
  if (file_known_is_new(watch->known)) {
    look->position = file_known_position(watch->known);
  } else if (look->may_report) {
    file_known_take(watch->known, watch->settle_us, watch->scanned_us, SENSOR_EVENTS_MAX, &events);
    if (events.size > 0) {
      look->events = buffer_take(&events);
      look->position = file_known_position(watch->known);
      look->has_more =
          file_known_settles_at_us(watch->known, watch->settle_us) <= watch->scanned_us;
    }
  }
}

/* While a report waits to be acknowledged, which makes for a look, nothing else is due. */
static int64_t next_ms(const struct file_watch *watch, const struct look *look)
{
  if (look->events || !look->may_report)
    return PERIOD_MS;
  int64_t at_us = file_known_settles_at_us(watch->known, watch->settle_us);
  int64_t in_ms = at_us == INT64_MAX ? PERIOD_MS : (at_us - clock_monotonic_us()) / 1000 + 1;
  return in_ms > PERIOD_MS ? PERIOD_MS : in_ms > 1 ? in_ms : 1;
}

static void look_at(void *context, struct look *look)
{
  struct file_watch *watch = context;
  if (!needs_scan(watch, look, clock_monotonic_us())) {
    look->keeps_folders = true;
    tell_unreadable(watch, look);
  } else if (!scan(watch, look)) {
    return;
  }
  tell(watch, look);
  look->next_ms = next_ms(watch, look);
}

const struct sensor_kind file_kind = {
    .name = "on_file",
    .create = create,
    .look = look_at,
    .destroy = destroy,
};
