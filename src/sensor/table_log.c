#include "sensor/table_log_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

enum {
  LOCK_WAIT_MS = 50,
};

struct table_log *table_log_create(const char *database, const char *table, const char *reader)
{
  struct table_log *log = memory_alloc(sizeof *log);
  log->database = memory_strdup(database);
  log->table = memory_strdup(table);
  log->reader = memory_strdup(reader);
  return log;
}

void table_log_close(struct table_log *log)
{
  sqlite3_close(log->db);
  log->db = NULL;
}

void table_log_destroy(struct table_log *log)
{
  table_log_close(log);
  free(log->database);
  free(log->table);
  free(log->reader);
  free(log);
}

/* ---- statements ---- */

enum error_code table_log_fail(struct table_log *log, struct error *error)
{
  int result = log->db ? sqlite3_extended_errcode(log->db) : SQLITE_NOMEM;
  const char *text = log->db ? sqlite3_errmsg(log->db) : "out of memory";
  enum error_code code = ERROR_INVALID;
  switch (result & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return error_set(error, ERROR_BUSY, "%s is locked by another program", log->database);
  case SQLITE_NOTADB:
    return error_set(error, ERROR_CORRUPT, "%s is not an SQLite database", log->database);
  case SQLITE_CANTOPEN:
    return error_set(error, ERROR_IO, "%s cannot be opened", log->database);
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_AUTH:
    code = ERROR_PERMISSION;
    break;
  case SQLITE_FULL:
    code = ERROR_FULL;
    break;
  case SQLITE_CORRUPT:
    code = ERROR_CORRUPT;
    break;
  case SQLITE_IOERR:
    code = ERROR_IO;
    break;
  default:
    break;
  }
  return error_set(error, code, "%s: %s", log->database, text);
}

sqlite3_stmt *table_log_prepare(struct table_log *log, const char *sql, int64_t a, int64_t b,
                                struct error *error)
{
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(log->db, sql, -1, &statement, NULL) != SQLITE_OK) {
    table_log_fail(log, error);
    return NULL;
  }
  int count = sqlite3_bind_parameter_count(statement);
  if (count >= 1)
    sqlite3_bind_text(statement, 1, log->table, -1, SQLITE_STATIC);
  if (count >= 2)
    sqlite3_bind_text(statement, 2, log->reader, -1, SQLITE_STATIC);
  if (count >= 3)
    sqlite3_bind_int64(statement, 3, a);
  if (count >= 4)
    sqlite3_bind_int64(statement, 4, b);
  return statement;
}

static enum error_code finish(struct table_log *log, sqlite3_stmt *statement, int result,
                              struct error *error)
{
  enum error_code code = ERROR_OK;
  if (result != SQLITE_DONE && result != SQLITE_ROW)
    code = table_log_fail(log, error);
  sqlite3_finalize(statement);
  return code;
}

enum error_code table_log_execute(struct table_log *log, const char *sql, int64_t a, int64_t b,
                                  struct error *error)
{
  sqlite3_stmt *statement = table_log_prepare(log, sql, a, b, error);
  return statement ? finish(log, statement, sqlite3_step(statement), error) : error->code;
}

enum error_code table_log_ask(struct table_log *log, const char *sql, int64_t *value,
                              struct error *error)
{
  sqlite3_stmt *statement = table_log_prepare(log, sql, 0, 0, error);
  if (!statement)
    return error->code;
  int result = sqlite3_step(statement);
  if (result == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
    *value = sqlite3_column_int64(statement, 0);
  return finish(log, statement, result, error);
}

enum error_code table_log_begin(struct table_log *log, struct error *error)
{
  return table_log_execute(log, "BEGIN IMMEDIATE", 0, 0, error);
}

enum error_code table_log_commit(struct table_log *log, struct error *error)
{
  return table_log_execute(log, "COMMIT", 0, 0, error);
}

void table_log_rollback(struct table_log *log)
{
  if (log->db && !sqlite3_get_autocommit(log->db))
    sqlite3_exec(log->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- opening ---- */

static enum error_code find_file(const struct table_log *log, struct stat *status,
                                 struct error *error)
{
  if (stat(log->database, status) != 0)
    return errno == ENOENT || errno == ENOTDIR
               ? error_set(error, ERROR_NOT_FOUND, "there is no file %s", log->database)
               : error_set_errno(error, ERROR_IO, errno, "cannot look at %s", log->database);
  if (!S_ISREG(status->st_mode))
    return error_set(error, ERROR_INVALID, "%s is not a file", log->database);
  return ERROR_OK;
}

/* In WAL mode what is written before other commits is on the disk when they are; else it must be
 * synced. Checkpoints would come at the expense of somebody's commit. */
static enum error_code set_up(struct table_log *log, struct error *error)
{
  sqlite3_stmt *statement = table_log_prepare(log, "PRAGMA journal_mode", 0, 0, error);
  if (!statement)
    return error->code;
  int result = sqlite3_step(statement);
  const char *mode =
      result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : "unknown";
  bool is_wal = strcmp(mode, "wal") == 0;
  enum error_code code = finish(log, statement, result, error);
  if (!code)
    sqlite3_exec(log->db,
                 is_wal ? "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0"
                        : "PRAGMA synchronous = FULL",
                 NULL, NULL, NULL);
  return code;
}

static enum error_code open_file(struct table_log *log, const struct stat *status,
                                 struct error *error)
{
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  enum error_code code = ERROR_OK;
  if (sqlite3_open_v2(log->database, &log->db, flags, NULL) != SQLITE_OK)
    code = table_log_fail(log, error);
  if (!code && sqlite3_db_readonly(log->db, "main"))
    code = error_set(error, ERROR_PERMISSION, "%s may be read but not written", log->database);
  if (!code) {
    sqlite3_extended_result_codes(log->db, 1);
    sqlite3_busy_timeout(log->db, LOCK_WAIT_MS);
    code = set_up(log, error);
  }
  log->device = status->st_dev;
  log->inode = status->st_ino;
  log->data_version = log->schema_version = log->cleaned = -1;
  if (code)
    table_log_close(log);
  return code;
}

enum error_code table_log_check(struct table_log *log, bool *has_changed, bool *is_opened,
                                struct error *error)
{
  struct stat status;
  int64_t version = 0;
  enum error_code code = find_file(log, &status, error);
  if (log->db && (code || status.st_ino != log->inode || status.st_dev != log->device))
    table_log_close(log);
  *is_opened = !log->db;
  if (!code && !log->db)
    code = open_file(log, &status, error);
  if (!code)
    code = table_log_ask(log, "PRAGMA data_version", &version, error);
  *has_changed = *is_opened || version != log->data_version;
  if (!code)
    log->data_version = version;
  return code;
}

enum error_code table_log_exists(struct table_log *log, bool *exists, struct error *error)
{
  int64_t count = 0;
  enum error_code code = table_log_ask(log,
                                       "SELECT count(*) FROM sqlite_schema WHERE type = 'table' "
                                       "AND name IN ('moonbeat_changes', 'moonbeat_readers')",
                                       &count, error);
  *exists = count == 2;
  return code;
}

/* ---- reading ---- */

static bool give(sqlite3_stmt *statement, table_change_taker take, void *context)
{
  bool has_rowid = sqlite3_column_type(statement, 2) == SQLITE_INTEGER;
  struct table_change change = {
      .operation = (const char *)sqlite3_column_text(statement, 1),
      .key = has_rowid ? NULL : (const char *)sqlite3_column_text(statement, 2),
      .rowid = has_rowid ? sqlite3_column_int64(statement, 2) : 0,
      .at = (const char *)sqlite3_column_text(statement, 3),
  };
  bool is_whole = change.operation && change.at && (has_rowid || change.key);
  return !is_whole || take(context, &change);
}

/* One search goes only so far, since changes of other tables may lie between. */
static enum error_code read_piece(struct table_log *log, int64_t *position, int64_t end,
                                  size_t most, table_change_taker take, void *context,
                                  struct error *error)
{
  int64_t until = end - *position > TABLE_LOG_PIECE ? *position + TABLE_LOG_PIECE : end;
  size_t count = 0;
  bool is_full = false;
  sqlite3_stmt *statement =
      table_log_prepare(log,
                        "SELECT id, operation, key, at FROM moonbeat_changes "
                        "WHERE \"table\" = ?1 AND id > ?3 AND id <= ?4 ORDER BY id",
                        *position, until, error);
  if (!statement)
    return error->code;
  int result = SQLITE_DONE;
  while (!is_full && (result = sqlite3_step(statement)) == SQLITE_ROW) {
    is_full = !give(statement, take, context) || ++count == most;
    *position = sqlite3_column_int64(statement, 0);
  }
  if (result == SQLITE_DONE)
    *position = until;
  return finish(log, statement, is_full ? SQLITE_DONE : result, error);
}

enum error_code table_log_read(struct table_log *log, int64_t *position, size_t most,
                               table_change_taker take, void *context, bool *has_more,
                               struct error *error)
{
  int64_t first = *position + 1, end = *position;
  enum error_code code = table_log_ask(log, "SELECT min(id) FROM moonbeat_changes", &first, error);
  if (!code)
    code = table_log_ask(log, "SELECT max(id) FROM moonbeat_changes", &end, error);
  if (!code && first > *position + 1)
    *position = first - 1;
  if (!code && end > *position)
    code = read_piece(log, position, end, most, take, context, error);
  *has_more = !code && *position < end;
  return code;
}
