/* Making the log and its triggers, in one transaction.
 *
 * A row is named by its rowid, or in a table without by its primary key, written by quote(), which
 * knows all values and exists in every SQLite. A row whose key changes is one that was deleted and
 * one that was inserted. The numbers of a log begin at the clock's microseconds, so that a log that
 * is made anew does not use those of a former one again. */
#include "sensor/table_log_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#define NOW "strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', 'now')"

enum { NAMES_MAX = 200, OPERATIONS = 3 };

static const char *const operations[OPERATIONS] = {"insert", "update", "delete"};

/* What is to be known of the table. */
struct table_shape {
  char *name; /* as the database spells it */
  struct buffer old_key, new_key;
};

static void deinit_shape(struct table_shape *shape)
{
  free(shape->name);
  buffer_deinit(&shape->old_key);
  buffer_deinit(&shape->new_key);
}

/* ---- the table ---- */

static enum error_code fail_missing(struct table_log *log, struct error *error)
{
  const char *names[NAMES_MAX + 1] = {0};
  char hint[128];
  size_t count = 0;
  sqlite3_stmt *statement = table_log_prepare(
      log,
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
      "ESCAPE '\\' AND name NOT LIKE 'moonbeat\\_%' ESCAPE '\\'",
      0, 0, error);
  while (statement && count < NAMES_MAX && sqlite3_step(statement) == SQLITE_ROW)
    names[count++] = memory_strdup((const char *)sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
  enum error_code code =
      error_set(error, ERROR_NOT_FOUND, "%s has no table \"%s\"%s", log->database, log->table,
                text_did_you_mean(hint, log->table, names));
  for (size_t i = 0; i < count; i++)
    free((void *)(uintptr_t)names[i]);
  return code;
}

/* A name for the rowid that no column has taken; NULL: there is none. */
static const char *find_rowid(const struct table_log *log)
{
  static const char *const names[] = {"rowid", "_rowid_", "oid"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    sqlite3_stmt *statement = NULL;
    bool is_taken = false;
    if (sqlite3_prepare_v2(log->db, "SELECT name FROM pragma_table_xinfo(?1)", -1, &statement,
                           NULL) == SQLITE_OK)
      sqlite3_bind_text(statement, 1, log->table, -1, SQLITE_STATIC);
    while (sqlite3_step(statement) == SQLITE_ROW)
      is_taken =
          is_taken || strcasecmp((const char *)sqlite3_column_text(statement, 0), names[i]) == 0;
    sqlite3_finalize(statement);
    if (!is_taken)
      return names[i];
  }
  return NULL;
}

static void append_key(struct buffer *key, const char *row, const char *column)
{
  char *text = sqlite3_mprintf("%squote(%s.\"%w\")", key->size ? " || ',' || " : "", row, column);
  buffer_append_text(key, text);
  sqlite3_free(text);
}

static enum error_code read_primary_key(struct table_log *log, struct table_shape *shape,
                                        struct error *error)
{
  sqlite3_stmt *statement = table_log_prepare(
      log, "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk", 0, 0, error);
  if (!statement)
    return error->code;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    append_key(&shape->old_key, "OLD", (const char *)sqlite3_column_text(statement, 0));
    append_key(&shape->new_key, "NEW", (const char *)sqlite3_column_text(statement, 0));
  }
  sqlite3_finalize(statement);
  return shape->new_key.size ? ERROR_OK : table_log_fail(log, error);
}

static enum error_code read_key(struct table_log *log, struct table_shape *shape, bool has_rowid,
                                struct error *error)
{
  const char *rowid = has_rowid ? find_rowid(log) : NULL;
  if (!has_rowid)
    return read_primary_key(log, shape, error);
  if (!rowid)
    return error_set(error, ERROR_INVALID,
                     "the rowid of table \"%s\" in %s is hidden by columns named rowid, _rowid_ "
                     "and oid",
                     log->table, log->database);
  buffer_printf(&shape->old_key, "OLD.%s", rowid);
  buffer_printf(&shape->new_key, "NEW.%s", rowid);
  return ERROR_OK;
}

static enum error_code read_shape(struct table_log *log, struct table_shape *shape,
                                  struct error *error)
{
  char type[20] = "";
  bool has_rowid = true;
  sqlite3_stmt *statement = table_log_prepare(
      log, "SELECT name, type, wr FROM pragma_table_list(?1) WHERE schema = 'main'", 0, 0, error);
  if (!statement)
    return error->code;
  int result = sqlite3_step(statement);
  if (result == SQLITE_ROW) {
    shape->name = memory_strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_snprintf(sizeof type, type, "%s", sqlite3_column_text(statement, 1));
    has_rowid = sqlite3_column_int(statement, 2) == 0;
  } else if (result != SQLITE_DONE) {
    table_log_fail(log, error);
  }
  sqlite3_finalize(statement);
  if (result != SQLITE_ROW && result != SQLITE_DONE)
    return error->code;
  if (!shape->name)
    return fail_missing(log, error);
  if (strcmp(type, "table") != 0 || strncasecmp(shape->name, "sqlite_", 7) == 0 ||
      strncasecmp(shape->name, "moonbeat_", 9) == 0)
    return error_set(error, ERROR_INVALID, "\"%s\" in %s is %s: only plain tables can be watched",
                     log->table, log->database,
                     strcmp(type, "view") == 0      ? "a view"
                     : strcmp(type, "virtual") == 0 ? "a virtual table"
                                                    : "an internal table");
  return read_key(log, shape, has_rowid, error);
}

/* ---- triggers ---- */

static char *name_trigger(const struct table_shape *shape, const char *operation)
{
  return sqlite3_mprintf("moonbeat_%s_%s", operation, shape->name);
}

static char *write_trigger(const struct table_shape *shape, const char *operation)
{
  char *name = name_trigger(shape, operation), *body;
  const char *old_key = shape->old_key.data, *new_key = shape->new_key.data;
  if (strcmp(operation, "update") == 0)
    body = sqlite3_mprintf(
        "INSERT INTO moonbeat_changes(\"table\", operation, key, at) "
        "SELECT %Q, 'delete', %s, " NOW " WHERE %s IS NOT %s; "
        "INSERT INTO moonbeat_changes(\"table\", operation, key, at) "
        "VALUES (%Q, CASE WHEN %s IS NOT %s THEN 'insert' ELSE 'update' END, %s, " NOW ");",
        shape->name, old_key, old_key, new_key, shape->name, old_key, new_key, new_key);
  else
    body = sqlite3_mprintf("INSERT INTO moonbeat_changes(\"table\", operation, key, at) "
                           "VALUES (%Q, %Q, %s, " NOW ");",
                           shape->name, operation,
                           strcmp(operation, "delete") == 0 ? old_key : new_key);
  char *sql = sqlite3_mprintf("CREATE TRIGGER \"%w\" AFTER %s ON \"%w\" BEGIN %s END", name,
                              operation, shape->name, body);
  sqlite3_free(body);
  sqlite3_free(name);
  return sql;
}

static bool is_there(struct table_log *log, const char *name, const char *sql)
{
  sqlite3_stmt *statement = NULL;
  bool is_same = false;
  if (sqlite3_prepare_v2(log->db,
                         "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND "
                         "name = ?1 COLLATE NOCASE AND sql = ?2",
                         -1, &statement, NULL) == SQLITE_OK) {
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, sql, -1, SQLITE_STATIC);
    is_same = sqlite3_step(statement) == SQLITE_ROW;
  }
  sqlite3_finalize(statement);
  return is_same;
}

static enum error_code make_trigger(struct table_log *log, const struct table_shape *shape,
                                    const char *operation, bool *is_made, struct error *error)
{
  enum error_code code = ERROR_OK;
  char *name = name_trigger(shape, operation);
  char *sql = write_trigger(shape, operation);
  char *drop = sqlite3_mprintf("DROP TRIGGER IF EXISTS \"%w\"", name);
  if (!is_there(log, name, sql)) {
    *is_made = true;
    if (!(code = table_log_execute(log, drop, 0, 0, error)))
      code = table_log_execute(log, sql, 0, 0, error);
  }
  sqlite3_free(drop);
  sqlite3_free(sql);
  sqlite3_free(name);
  return code;
}

/* ---- the log ---- */

static enum error_code make_log(struct table_log *log, struct error *error)
{
  bool exists;
  enum error_code code = table_log_exists(log, &exists, error);
  if (code || exists)
    return code;
  static const char *const statements[] = {
      "CREATE TABLE IF NOT EXISTS moonbeat_changes (id INTEGER PRIMARY KEY AUTOINCREMENT, "
      "\"table\" TEXT NOT NULL COLLATE NOCASE, operation TEXT NOT NULL, key, at TEXT NOT NULL)",
      "CREATE TABLE IF NOT EXISTS moonbeat_readers (reader TEXT NOT NULL, "
      "\"table\" TEXT NOT NULL COLLATE NOCASE, position INTEGER NOT NULL, "
      "seen_at INTEGER NOT NULL, PRIMARY KEY (\"table\", reader))",
      "INSERT INTO sqlite_sequence(name, seq) SELECT 'moonbeat_changes', ?3 "
      "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'moonbeat_changes')",
  };
  for (size_t i = 0; !code && i < sizeof statements / sizeof statements[0]; i++)
    code = table_log_execute(log, statements[i], clock_wall_us(), 0, error);
  return code;
}

/* The number of the last change that was ever in it. */
static enum error_code find_end(struct table_log *log, int64_t *end, struct error *error)
{
  *end = 0;
  return table_log_ask(log, "SELECT seq FROM sqlite_sequence WHERE name = 'moonbeat_changes'", end,
                       error);
}

/* A position behind the end of the log is one whose changes a power cut has undone, or who has put
 * the database back from a copy. */
static enum error_code enter_reader(struct table_log *log, bool is_new, int64_t *position,
                                    bool *has_gap, struct error *error)
{
  int64_t end, entered = INT64_MAX;
  enum error_code code = find_end(log, &end, error);
  if (!code)
    code = table_log_ask(
        log, "SELECT position FROM moonbeat_readers WHERE \"table\" = ?1 AND reader = ?2", &entered,
        error);
  if (code)
    return code;
  *has_gap = *has_gap || entered > *position || *position > end;
  if (is_new || *position > end)
    *position = end;
  return table_log_execute(log,
                           "INSERT OR REPLACE INTO moonbeat_readers(\"table\", reader, position, "
                           "seen_at) VALUES (?1, ?2, ?3, ?4)",
                           *position, clock_wall_us() / 1000000, error);
}

/* Nothing may fail behind the commit: what was missing would be there, and nobody told of it. */
static enum error_code install(struct table_log *log, struct table_shape *shape, bool is_new,
                               int64_t *position, bool *has_gap, int64_t *schema_version,
                               struct error *error)
{
  enum error_code code = read_shape(log, shape, error);
  if (!code)
    code = make_log(log, error);
  for (size_t i = 0; !code && i < OPERATIONS; i++)
    code = make_trigger(log, shape, operations[i], has_gap, error);
  if (!code)
    code = enter_reader(log, is_new, position, has_gap, error);
  if (!code)
    code = table_log_ask(log, "PRAGMA schema_version", schema_version, error);
  return code ? code : table_log_commit(log, error);
}

enum error_code table_log_install(struct table_log *log, bool is_new, int64_t *position,
                                  bool *has_gap, struct error *error)
{
  struct table_shape shape = {0};
  int64_t at = is_new ? 0 : *position, schema_version = -1;
  *has_gap = false;
  enum error_code code = table_log_begin(log, error);
  if (!code)
    code = install(log, &shape, is_new, &at, has_gap, &schema_version, error);
  table_log_rollback(log);
  deinit_shape(&shape);
  if (code)
    return code;
  *has_gap = *has_gap && !is_new;
  *position = at;
  log->cleaned = -1;
  log->schema_version = schema_version;
  return ERROR_OK;
}

static enum error_code look_for_triggers(struct table_log *log, int64_t version, bool *is_installed,
                                         struct error *error)
{
  struct table_shape shape = {0};
  enum error_code code = table_log_exists(log, is_installed, error);
  if (!code && *is_installed && !(code = read_shape(log, &shape, error))) {
    for (size_t i = 0; i < OPERATIONS; i++) {
      char *name = name_trigger(&shape, operations[i]);
      char *sql = write_trigger(&shape, operations[i]);
      *is_installed = *is_installed && is_there(log, name, sql);
      sqlite3_free(sql);
      sqlite3_free(name);
    }
    if (*is_installed)
      log->schema_version = version;
  }
  deinit_shape(&shape);
  return code;
}

enum error_code table_log_is_installed(struct table_log *log, int64_t position, bool *is_installed,
                                       struct error *error)
{
  int64_t version = 0, end;
  enum error_code code = table_log_ask(log, "PRAGMA schema_version", &version, error);
  *is_installed = true;
  if (!code && version != log->schema_version)
    code = look_for_triggers(log, version, is_installed, error);
  if (!code && *is_installed && !(code = find_end(log, &end, error)))
    *is_installed = position <= end;
  return code;
}
