/* on_change: rows that were inserted, updated or deleted in a table of another program's database.
 *
 * The log inside that database (table_log.h) tells all; here it is decided when to look into it.
 * Folders' events make for an early look. Asking SQLite whether anything was committed costs some
 * microseconds, so that is done twice a second all the same. What was acknowledged is noted in the
 * database now and then: each time is a commit between those of its program. */
#include "sensor/table_log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sensor/sensor_kind.h"
#include "sensor/table_key.h"

enum {
  POLL_MS = 500,
  BUSY_MS = 100,              /* to the next try when it is locked */
  BUSY_TOLD_US = 5000 * 1000, /* locked for so long is a problem */
  NOTE_US = 2000 * 1000,      /* between notes of what was acknowledged */
  TEXT_ENOUGH = 1 << 20,      /* bytes of events that are told at once, and the last one */
};

#define SEEN_US (INT64_C(6) * 3600 * 1000000) /* between signs of life */

struct table_watch {
  char *database, *table;
  struct table_log *log;
  bool is_new, is_installed;
  bool is_unchecked; /* something has changed: the triggers may be gone, ... */
  bool is_behind;    /* ... and there may be changes that were not looked at */
  int64_t reported;  /* position */
  int64_t searched;  /* as far as there is nothing more of this table */
  int64_t noted;     /* in the database */
  int64_t noted_us;
  int64_t busy_us; /* since when it is locked; 0: it is not */
  char *problem;   /* the latest */
};

static void *create(const struct sensor_plan *plan, struct error *error)
{
  const char *database = json_text(json_get(plan->source, "database"), "");
  const char *table = json_text(json_get(plan->source, "table"), "");
  struct json_document *document = NULL;
  if (database[0] != '/') {
    error_set(error, ERROR_INVALID, "the database \"%.300s\" does not begin with /", database);
    return NULL;
  }
  struct table_watch *watch = memory_alloc(sizeof *watch);
  watch->database = memory_strdup(database);
  watch->table = memory_strdup(table);
  watch->log = table_log_create(database, table, plan->reader);
  if (plan->position && !json_parse(plan->position, strlen(plan->position), &document, NULL))
    watch->reported = json_integer(json_get(json_root(document), "id"), 0);
  json_free(document);
  watch->is_new = watch->reported <= 0;
  return watch;
}

static void destroy(void *context)
{
  struct table_watch *watch = context;
  table_log_destroy(watch->log);
  free(watch->database);
  free(watch->table);
  free(watch->problem);
  free(watch);
}

/* ---- telling ---- */

struct report {
  struct table_watch *watch;
  struct json_writer writer;
};

static bool put_change(void *context, const struct table_change *change)
{
  struct report *report = context;
  struct json_writer *writer = &report->writer;
  json_begin_object(writer);
  json_put_text(writer, "database", report->watch->database);
  json_put_text(writer, "table", report->watch->table);
  json_put_text(writer, "operation", change->operation);
  if (change->key) {
    json_key(writer, "key");
    table_key_write(writer, change->key);
  } else {
    json_put_integer(writer, "rowid", change->rowid);
  }
  json_put_text(writer, "at", change->at);
  json_end_object(writer);
  return writer->out->size < TEXT_ENOUGH;
}

static char *write_position(int64_t id)
{
  return memory_printf("{\"id\":%" PRId64 "}", id);
}

static enum error_code tell_changes(struct table_watch *watch, struct look *look,
                                    struct error *error)
{
  struct buffer text = {0};
  struct report report = {.watch = watch, .writer = {.out = &text}};
  int64_t searched = watch->searched;
  json_begin_array(&report.writer);
  size_t empty = text.size;
  enum error_code code = table_log_read(watch->log, &searched, SENSOR_EVENTS_MAX, put_change,
                                        &report, &watch->is_behind, error);
  json_end_array(&report.writer);
  watch->is_behind = watch->is_behind || code;
  if (!code) {
    watch->searched = searched;
    if (text.size > empty + 1) {
      watch->reported = searched;
      look->events = buffer_take(&text);
      look->position = write_position(searched);
      look->has_more = watch->is_behind;
    }
  }
  buffer_deinit(&text);
  return code;
}

/* ---- looking ---- */

static enum error_code install(struct table_watch *watch, struct look *look, struct error *error)
{
  bool has_gap = false;
  enum error_code code =
      table_log_install(watch->log, watch->is_new, &watch->reported, &has_gap, error);
  if (code)
    return code;
  watch->is_installed = true;
  watch->is_behind = true;
  watch->searched = watch->reported;
  watch->noted = -1; /* whatever was left undone by then is due */
  watch->noted_us = clock_monotonic_us();
  if (has_gap)
    look->problem = memory_printf("changes of table \"%s\" in %s may be missing: its log was not "
                                  "there all the time",
                                  watch->table, watch->database);
  if (watch->is_new)
    look->position = write_position(watch->reported);
  return ERROR_OK;
}

/* All that was reported is acknowledged. That the database is busy is no reason to tell. */
static enum error_code note(struct table_watch *watch, const struct look *look, struct error *error)
{
  int64_t now = clock_monotonic_us(), wait_us = watch->reported > watch->noted ? NOTE_US : SEEN_US;
  if (now - watch->noted_us < wait_us)
    return ERROR_OK;
  enum error_code code = table_log_advance(watch->log, watch->reported, look->stop, error);
  watch->noted_us = now;
  if (code == ERROR_NOT_FOUND)
    watch->is_installed = false;
  else if (!code)
    watch->noted = watch->reported;
  return code == ERROR_BUSY || code == ERROR_CANCELLED || code == ERROR_NOT_FOUND ? ERROR_OK : code;
}

static enum error_code look_into(struct table_watch *watch, struct look *look, struct error *error)
{
  bool has_changed = false, is_opened = true;
  enum error_code code = table_log_check(watch->log, &has_changed, &is_opened, error);
  watch->is_behind = watch->is_behind || has_changed;
  watch->is_unchecked = watch->is_unchecked || has_changed;
  watch->is_installed = watch->is_installed && !is_opened;
  look->keeps_folders = !is_opened;
  if (!code && watch->is_installed && watch->is_unchecked)
    code = table_log_is_installed(watch->log, watch->searched, &watch->is_installed, error);
  if (!code && !watch->is_installed)
    code = install(watch, look, error);
  if (code)
    return code;
  watch->is_unchecked = false;
  if (!look->position && look->may_report && watch->is_behind)
    code = tell_changes(watch, look, error);
  watch->is_new = false;
  if (!code && look->may_report && !look->events)
    code = note(watch, look, error);
  return code;
}

static void watch_folder(const struct table_watch *watch, struct look *look)
{
  char *real = realpath(watch->database, NULL);
  const char *paths[] = {watch->database, real};
  for (size_t i = 0; i < 2; i++) {
    const char *slash = paths[i] ? strrchr(paths[i], '/') : NULL;
    if (!slash || (i > 0 && strcmp(paths[0], paths[1]) == 0))
      continue;
    struct buffer only = {0}; /* the file, its journal, its WAL */
    for (const char *at = slash + 1; *at; at++) {
      if (strchr("*?[]\\", *at))
        buffer_append_byte(&only, '\\');
      buffer_append_byte(&only, *at);
    }
    buffer_append_byte(&only, '*');
    char *folder = memory_copy(paths[i], slash == paths[i] ? 1 : (size_t)(slash - paths[i]));
    look_add_folder(look, folder, only.data);
    free(folder);
    buffer_deinit(&only);
  }
  free(real);
}

/* A lock that is held for a moment changes nothing; one that is not let go is a problem. */
static void tell_failure(struct table_watch *watch, struct look *look, const struct error *error)
{
  int64_t now = clock_monotonic_us();
  bool is_busy = error->code == ERROR_BUSY;
  if (!is_busy)
    watch->busy_us = 0;
  else if (!watch->busy_us)
    watch->busy_us = now;
  if (is_busy && now - watch->busy_us < BUSY_TOLD_US) {
    look->problem = look->problem ? look->problem : memory_strdup(watch->problem);
    look->next_ms = BUSY_MS;
    return;
  }
  free(look->problem);
  look->problem = memory_strdup(error->text);
  if (!is_busy)
    table_log_close(watch->log);
}

static void look_at(void *context, struct look *look)
{
  struct table_watch *watch = context;
  struct error error = {0};
  enum error_code code = look_into(watch, look, &error);
  if (!look->keeps_folders)
    watch_folder(watch, look);
  if (code) {
    tell_failure(watch, look, &error);
  } else {
    watch->busy_us = 0;
    look->next_ms = watch->is_behind && look->may_report && !look->events ? 1 : POLL_MS;
  }
  free(watch->problem);
  watch->problem = memory_strdup(look->problem);
}

/* Of what cannot be opened, or written, nothing can be taken away. */
static bool leave(void *context, bool for_good, const atomic_bool *stop)
{
  struct table_watch *watch = context;
  struct error error = {0};
  enum error_code code = for_good ? table_log_remove(watch->log, stop, &error) : ERROR_OK;
  table_log_close(watch->log);
  return code != ERROR_BUSY && code != ERROR_CANCELLED && code != ERROR_FULL;
}

const struct sensor_kind table_kind = {
    .name = "on_change",
    .create = create,
    .look = look_at,
    .leave = leave,
    .destroy = destroy,
};
