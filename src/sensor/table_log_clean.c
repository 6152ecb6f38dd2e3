/* What goes: changes that all have stored, readers that were not seen for long, and in the end the
 * triggers and the log. Long work is done in pieces, each a transaction of its own. */
#include "sensor/table_log_internal.h"

#include "base/clock.h"

enum {
  READER_KEPT_S = 30 * 24 * 60 * 60,
  SHARE = 4, /* pauses are so many times as long as what was done */
};

#define READ_TABLES "(SELECT \"table\" FROM moonbeat_readers)"

/* Behind a piece: who waits for the lock shall get it, and soon. */
static void let_others_in(int64_t took_us)
{
  clock_sleep_us(took_us * SHARE + 1000);
}

/* Deletes up to `end`, the oldest first; ?3 and ?4 of the statement are the ends of a piece. */
static enum error_code delete_pieces(struct table_log *log, const char *sql, int64_t *done,
                                     int64_t end, const atomic_bool *stop, struct error *error)
{
  int64_t first = end + 1;
  enum error_code code = table_log_ask(log, "SELECT min(id) FROM moonbeat_changes", &first, error);
  if (*done < first - 1)
    *done = first - 1;
  while (!code && *done < end) {
    int64_t until = end - *done > TABLE_LOG_PIECE ? *done + TABLE_LOG_PIECE : end;
    if (atomic_load(stop))
      return error_set(error, ERROR_CANCELLED, "the cleaning was stopped");
    int64_t begun_us = clock_monotonic_us();
    code = table_log_execute(log, sql, *done, until, error);
    if (!code)
      *done = until;
    if (!code && until < end)
      let_others_in(clock_monotonic_us() - begun_us);
  }
  return code;
}

/* Of tables that nobody reads any more. */
static enum error_code delete_unread(struct table_log *log, const atomic_bool *stop,
                                     struct error *error)
{
  int64_t done = -1, end = 0;
  enum error_code code = table_log_ask(log, "SELECT max(id) FROM moonbeat_changes", &end, error);
  return code ? code
              : delete_pieces(log,
                              "DELETE FROM moonbeat_changes WHERE id > ?3 AND id <= ?4 "
                              "AND \"table\" NOT IN " READ_TABLES,
                              &done, end, stop, error);
}

static enum error_code drop_unread_triggers(struct table_log *log, struct error *error)
{
  char *sql = NULL;
  enum error_code code = ERROR_OK;
  do {
    sqlite3_free(sql);
    sql = NULL;
    sqlite3_stmt *statement = table_log_prepare(
        log,
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'moonbeat\\_%' ESCAPE "
        "'\\' AND sql LIKE '%INSERT INTO moonbeat_changes(%' AND tbl_name COLLATE NOCASE NOT "
        "IN " READ_TABLES,
        0, 0, error);
    if (!statement)
      return error->code;
    if (sqlite3_step(statement) == SQLITE_ROW)
      sql = sqlite3_mprintf("DROP TRIGGER \"%w\"", sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    if (sql)
      code = table_log_execute(log, sql, 0, 0, error);
  } while (sql && !code);
  sqlite3_free(sql);
  return code;
}

/* ---- going on ---- */

static enum error_code enter_position(struct table_log *log, int64_t position, bool *has_forgotten,
                                      struct error *error)
{
  int64_t now_s = clock_wall_us() / 1000000;
  enum error_code code = table_log_execute(log,
                                           "UPDATE moonbeat_readers SET position = ?3, "
                                           "seen_at = ?4 WHERE \"table\" = ?1 AND reader = ?2",
                                           position, now_s, error);
  if (!code && sqlite3_changes(log->db) == 0)
    return error_set(error, ERROR_NOT_FOUND, "%s has forgotten this reader", log->database);
  if (!code)
    code = table_log_execute(log, "DELETE FROM moonbeat_readers WHERE seen_at < ?3",
                             now_s - READER_KEPT_S, 0, error);
  *has_forgotten = !code && sqlite3_changes(log->db) > 0;
  if (*has_forgotten)
    code = drop_unread_triggers(log, error);
  return code;
}

enum error_code table_log_advance(struct table_log *log, int64_t position, const atomic_bool *stop,
                                  struct error *error)
{
  bool has_forgotten = false;
  int64_t end = position;
  enum error_code code = table_log_begin(log, error);
  if (!code && !(code = enter_position(log, position, &has_forgotten, error)))
    code = table_log_commit(log, error);
  table_log_rollback(log);
  if (!code && has_forgotten)
    code = delete_unread(log, stop, error);
  if (!code)
    code = table_log_ask(log, "SELECT min(position) FROM moonbeat_readers WHERE \"table\" = ?1",
                         &end, error);
  return code ? code
              : delete_pieces(log,
                              "DELETE FROM moonbeat_changes WHERE id > ?3 AND id <= ?4 "
                              "AND \"table\" = ?1",
                              &log->cleaned, end, stop, error);
}

/* ---- the end ---- */

/* First what costs the other program something at each change; then the rest at leisure. */
static enum error_code leave(struct table_log *log, struct error *error)
{
  enum error_code code = table_log_begin(log, error);
  if (!code)
    code = table_log_execute(
        log, "DELETE FROM moonbeat_readers WHERE \"table\" = ?1 AND reader = ?2", 0, 0, error);
  if (!code)
    code = drop_unread_triggers(log, error);
  if (!code)
    code = table_log_commit(log, error);
  table_log_rollback(log);
  return code;
}

static enum error_code drop_unread_log(struct table_log *log, struct error *error)
{
  int64_t readers = 0;
  enum error_code code = table_log_begin(log, error);
  if (!code)
    code = table_log_ask(log, "SELECT count(*) FROM moonbeat_readers", &readers, error);
  if (!code && readers == 0 &&
      !(code = table_log_execute(log, "DROP TABLE moonbeat_changes", 0, 0, error)))
    code = table_log_execute(log, "DROP TABLE moonbeat_readers", 0, 0, error);
  if (!code)
    code = table_log_commit(log, error);
  table_log_rollback(log);
  return code;
}

enum error_code table_log_remove(struct table_log *log, const atomic_bool *stop,
                                 struct error *error)
{
  bool has_changed, is_opened, exists = false;
  enum error_code code = table_log_check(log, &has_changed, &is_opened, error);
  if (!code)
    code = table_log_exists(log, &exists, error);
  if (code || !exists)
    return code;
  if ((code = leave(log, error)) || (code = delete_unread(log, stop, error)))
    return code;
  return drop_unread_log(log, error);
}
