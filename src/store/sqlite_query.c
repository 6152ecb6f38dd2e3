/* Statements and failures. See sqlite_store.h for how a query is used.
 *
 * A failure of SQLite becomes one of our codes here and nowhere else. It also marks the transaction
 * as failed, so that a commit cannot make half of it durable, even when SQLite has already rolled
 * back by itself. An I/O error marks the store as unsafe for good: after a failed fsync nobody
 * knows what is on the disk, and only a new start, which reads it again, may write to it.
 *
 * A broken constraint is an answer and no failure: the transaction goes on without the row. */
#include "store/sqlite_store.h"

#include <errno.h>
#include <string.h>

static bool means_no_room(int system_errno)
{
  return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
}

static bool means_no_permission(int system_errno)
{
  return system_errno == EACCES || system_errno == EPERM || system_errno == EROFS;
}

/* The errno of the last failure on the file that `which` gives: the connection's own errno is read
 * late, when cleaning up has already changed it. */
static int file_errno(struct store *store, int which)
{
  sqlite3_file *file = NULL;
  int system_errno = 0;
  if (sqlite3_file_control(store->db, "main", which, &file) == SQLITE_OK && file && file->pMethods)
    file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &system_errno);
  return system_errno;
}

/* A write for which there was no room (a quota, a limit on file sizes; SQLite knows a full disk
 * itself). A failed fsync is never taken for one: what it was about is lost. */
static bool lacked_room(struct store *store)
{
  int code = sqlite3_extended_errcode(store->db);
  if (code == SQLITE_IOERR_WRITE)
    return means_no_room(file_errno(store, SQLITE_FCNTL_JOURNAL_POINTER)) ||
           means_no_room(file_errno(store, SQLITE_FCNTL_FILE_POINTER));
  return code != SQLITE_IOERR_FSYNC && code != SQLITE_IOERR_DIR_FSYNC &&
         means_no_room(sqlite3_system_errno(store->db));
}

static enum error_code set_full(struct store *store, struct error *error)
{
  return error_set(error, ERROR_FULL, "%s: there is no room on the disk", store_name(store));
}

/* Says what SQLite's code means; changes nothing. */
static enum error_code explain(struct store *store, struct error *error)
{
  const char *name = store_name(store), *text = sqlite3_errmsg(store->db);
  int system_errno = sqlite3_system_errno(store->db);
  switch (sqlite3_errcode(store->db)) {
  case SQLITE_CONSTRAINT:
    return error_set(error, ERROR_CONFLICT, "%s: %s", name, text);
  case SQLITE_FULL:
    return set_full(store, error);
  case SQLITE_CORRUPT:
    /* SQLite takes a read that failed for damage. */
    if (file_errno(store, SQLITE_FCNTL_FILE_POINTER) == EIO)
      return error_set_errno(error, ERROR_IO, EIO, "%s: cannot be read", name);
    /* fall through */
  case SQLITE_NOTADB:
    return error_set(error, ERROR_CORRUPT,
                     "%s: not a moonbeat database, or damaged (%s): "
                     "move it away or restore a backup",
                     name, text);
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_AUTH:
    return error_set(error, ERROR_PERMISSION, "%s: cannot be written (%s)", name, text);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return error_set(error, ERROR_BUSY, "%s: another program is writing to it", name);
  case SQLITE_NOMEM: /* SQLite's own text may tell only what it was for */
    return error_set(error, ERROR_INTERNAL, "%s: out of memory (code %d)", name,
                     sqlite3_extended_errcode(store->db));
  case SQLITE_TOOBIG:
    return error_set(error, ERROR_LIMIT, "%s: a value is too large to be kept", name);
  case SQLITE_CANTOPEN:
    if (means_no_permission(system_errno))
      return error_set_errno(error, ERROR_PERMISSION, system_errno, "%s: cannot be opened", name);
    if (lacked_room(store))
      return set_full(store, error);
    return error_set_errno(error, ERROR_IO, system_errno,
                           "%s: it, or its -wal or -shm, cannot be opened or made: see whether "
                           "the system has files, memory and room to spare",
                           name);
  case SQLITE_PROTOCOL: /* a lock could not be given back: it is held until the file is closed */
  case SQLITE_IOERR:
    if (lacked_room(store))
      return set_full(store, error);
    return error_set(error, ERROR_IO, "%s: %s (code %d)", name, text,
                     sqlite3_extended_errcode(store->db));
  default:
    return error_set(error, ERROR_INTERNAL, "%s: %s (code %d)", name, text,
                     sqlite3_extended_errcode(store->db));
  }
}

enum error_code store_fail(struct store *store, struct error *error)
{
  struct error local = {0}, *told = error ? error : &local;
  enum error_code code = explain(store, told);
  if (code != ERROR_CONFLICT && !store->failed) {
    store->failed = code;
    store->failure = *told;
  }
  if (code == ERROR_IO)
    store->unsafe = true;
  if (code == ERROR_FULL)
    store->lacks_room = true;
  return code;
}

/* ---- statements ---- */

/* Where it is kept, or may be; NULL: all places are taken. */
static struct kept_statement *find_place(struct store *store, const char *sql)
{
  size_t slot = (size_t)((uintptr_t)sql * 0x9E3779B97F4A7C15u >> 32);
  for (size_t i = 0; i < STATEMENT_SLOTS; i++) {
    struct kept_statement *place = &store->statements[(slot + i) % STATEMENT_SLOTS];
    if (!place->sql || place->sql == sql)
      return place;
  }
  return NULL;
}

static void prepare(struct query *query, const char *sql, unsigned flags)
{
  if (sqlite3_prepare_v3(query->store->db, sql, -1, flags, &query->statement, NULL) != SQLITE_OK)
    query->code = store_fail(query->store, query->error);
}

static struct query find_statement(struct store *store, const char *sql, struct error *error)
{
  struct query query = {.store = store, .error = error};
  struct kept_statement *place = find_place(store, sql);
  if (place && !place->sql) {
    prepare(&query, sql, SQLITE_PREPARE_PERSISTENT);
    if (query.statement) {
      *place = (struct kept_statement){sql, query.statement};
      query.kept = true;
    }
  } else if (!place || sqlite3_stmt_busy(place->statement)) {
    prepare(&query, sql, 0); /* or a visitor asks what is just being visited */
  } else {
    query.statement = place->statement;
    query.kept = true;
  }
  return query;
}

/* After some failures (no memory, even for a read) SQLite has rolled back by itself: what is told
 * then is that failure, though whoever met it may have had an answer to it. */
static enum error_code refuse_write(struct store *store, struct error *error)
{
  if (!store->failed)
    return error_set(error, ERROR_INTERNAL, "%s: a write outside a transaction", store_name(store));
  if (error)
    *error = store->failure;
  return store->failed;
}

enum error_code store_refuse(struct store *store, struct error *error)
{
  return error_set(error, ERROR_IO,
                   "%s: an I/O error left it in an unknown state: start again to recover",
                   store_name(store));
}

/* From an unsafe store nothing is read either: where a lock could not be given back each question
 * would wait for it, and keep the daemon from its end. */
struct query query_open(struct store *store, const char *sql, struct error *error)
{
  if (store->unsafe)
    return (struct query){.store = store, .error = error, .code = store_refuse(store, error)};
  struct query query = find_statement(store, sql, error);
  if (query.statement && !sqlite3_stmt_readonly(query.statement) &&
      sqlite3_get_autocommit(store->db))
    query.code = refuse_write(store, error);
  return query;
}

enum error_code query_transaction(struct store *store, const char *sql, struct error *error)
{
  struct query query = find_statement(store, sql, error);
  return query_run(&query);
}

void store_forget_statements(struct store *store)
{
  for (size_t i = 0; i < STATEMENT_SLOTS; i++)
    sqlite3_finalize(store->statements[i].statement);
  memset(store->statements, 0, sizeof store->statements);
}

static void check_bind(struct query *query, int result)
{
  if (result != SQLITE_OK && query->code == ERROR_OK)
    query->code = store_fail(query->store, query->error);
}

void bind_integer(struct query *query, int64_t value)
{
  if (query->code == ERROR_OK)
    check_bind(query, sqlite3_bind_int64(query->statement, ++query->bound, value));
}

void bind_optional(struct query *query, int64_t value, int64_t absent)
{
  if (value != absent)
    bind_integer(query, value);
  else
    bind_text(query, NULL);
}

void bind_text(struct query *query, const char *text)
{
  bind_bytes(query, text, text ? strlen(text) : 0);
}

void bind_bytes(struct query *query, const char *text, size_t size)
{
  if (query->code == ERROR_OK)
    check_bind(query, sqlite3_bind_text64(query->statement, ++query->bound, text, size,
                                          SQLITE_STATIC, SQLITE_UTF8));
}

bool query_row(struct query *query)
{
  if (query->code != ERROR_OK)
    return false;
  int result = sqlite3_step(query->statement);
  if (result == SQLITE_ROW)
    return true;
  if (result != SQLITE_DONE)
    query->code = store_fail(query->store, query->error);
  return false;
}

void query_reset(struct query *query)
{
  if (query->statement)
    sqlite3_reset(query->statement);
  query->bound = 0;
}

enum error_code query_close(struct query *query)
{
  if (query->kept)
    sqlite3_reset(query->statement);
  else
    sqlite3_finalize(query->statement);
  query->statement = NULL;
  return query->code;
}

enum error_code query_run(struct query *query)
{
  query_row(query);
  return query_close(query);
}

enum error_code query_run_one(struct query *query, enum error_code code)
{
  enum error_code failed = query_run(query);
  if (failed != ERROR_OK)
    return failed;
  return sqlite3_changes(query->store->db) ? ERROR_OK : code;
}

int64_t query_integer(const struct query *query, int column)
{
  return sqlite3_column_int64(query->statement, column);
}

int64_t query_optional(const struct query *query, int column, int64_t absent)
{
  if (sqlite3_column_type(query->statement, column) == SQLITE_NULL)
    return absent;
  return sqlite3_column_int64(query->statement, column);
}

const char *query_text(const struct query *query, int column)
{
  return (const char *)sqlite3_column_text(query->statement, column);
}

enum error_code store_execute(struct store *store, const char *sql, struct error *error)
{
  if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
    return store_fail(store, error);
  return ERROR_OK;
}

enum error_code store_ask(struct store *store, const char *sql, int64_t *value, struct error *error)
{
  struct query query = {.store = store, .error = error};
  prepare(&query, sql, 0);
  if (query_row(&query))
    *value = query_integer(&query, 0);
  return query_close(&query);
}
