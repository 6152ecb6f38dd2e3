/* What is done with a script's database; see api_sqlite_session.h.
 *
 * A job that is cancelled is stopped by the progress handler, which looks at the job's flag;
 * sqlite3_interrupt alone would be lost between two steps.
 *
 * A job that meets a lock of others does not wait here, where it would keep a thread from those who
 * hold the lock: it is undone as far as it got, and performed again later. Only what cannot be
 * begun again waits, in a handler of ours, which looks at the job's flag as well. */
#include "vm/api_sqlite_session_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/sqlite_look.h"
#include "vm/api_sqlite_files.h"
#include "vm/api_sqlite_vfs.h"

enum {
  PROGRESS_STEPS = 1000, /* some 10 microseconds */
  LOT_ROWS = 256,
  LOT_SIZE = 256 << 10,
};

/* ---- queries ---- */

/* Steps on until there are `count` rows, or enough bytes, or the end; true at the end or failure.
 * The columns are known behind the first step, which compiles a kept statement anew when a table
 * has changed. */
static bool gather(struct sqlite_session *session, struct sqlite_job *job, sqlite3_stmt *statement,
                   size_t count, size_t size_max)
{
  int result = SQLITE_ROW;
  for (size_t rows = 0; rows < count && job->rows.cells.size < size_max; rows++) {
    result = sqlite3_step(statement);
    if (result != SQLITE_ROW)
      break;
    if (rows == 0)
      sqlite_rows_name(&job->rows, statement);
    sqlite_rows_add(&job->rows, statement,
                    job->task == TASK_VALUE ? 1 : sqlite3_column_count(statement));
  }
  if (result != SQLITE_ROW && result != SQLITE_DONE)
    sqlite_session_fail(session, job, job->sql ? job->sql : sqlite3_sql(statement));
  return result != SQLITE_ROW;
}

static void query(struct sqlite_session *session, struct sqlite_job *job)
{
  bool is_all = job->task == TASK_ALL;
  sqlite3_stmt *statement = sqlite_statement_only(session, job);
  if (!statement)
    return;
  if (sqlite3_column_count(statement) == 0) {
    sqlite_job_fail(job, ERROR_INVALID, "a statement without rows (db:exec runs it)", job->sql);
  } else {
    bool has_ended = gather(session, job, statement, is_all ? SIZE_MAX : 1, SQLITE_ROWS_SIZE_MAX);
    if (is_all && !has_ended)
      sqlite_job_fail(job, ERROR_LIMIT,
                      "over the limit of 64 MiB of rows (db:rows gives any number)", job->sql);
    /* What changes something is to be done wholly. */
    while (!has_ended && !sqlite3_stmt_readonly(statement) &&
           sqlite3_step(statement) == SQLITE_ROW) {
    }
    if (sqlite3_reset(statement) != SQLITE_OK)
      sqlite_session_fail(session, job, job->sql);
  }
  sqlite_statement_give_back(session, statement);
}

static void exec(struct sqlite_session *session, struct sqlite_job *job)
{
  const char *sql = job->sql + job->sql_done;
  bool has_parameters = job->parameter_count > 0;
  while (!job->code) {
    const char *begin = sql;
    sqlite3_stmt *statement = has_parameters ? sqlite_statement_only(session, job)
                                             : sqlite_statement_next(session, job, &sql);
    if (!statement)
      break;
    if (!has_parameters)
      sqlite_statement_bind(job, statement); /* refuses those that want some */
    int64_t before = sqlite3_total_changes64(session->db);
    int result = SQLITE_ROW;
    while (!job->code && result == SQLITE_ROW)
      result = sqlite3_step(statement);
    if (!job->code && result != SQLITE_DONE)
      sqlite_session_fail(session, job, begin);
    if (sqlite3_total_changes64(session->db) != before)
      job->changes += sqlite3_changes64(session->db);
    sqlite_statement_give_back(session, statement);
    if (has_parameters || job->code)
      break;
    job->sql_done = (size_t)(sql - job->sql);
    job->locked_us = 0;
  }
}

/* ---- cursors ---- */

static void step_cursor(struct sqlite_session *session, struct sqlite_job *job)
{
  struct sqlite_cursor *cursor = job->cursor;
  if (!cursor || !cursor->statement) {
    job->has_ended = true;
    return;
  }
  job->has_ended = gather(session, job, cursor->statement, LOT_ROWS, LOT_SIZE);
  if (job->has_ended) {
    sqlite_statement_give_back(session, cursor->statement);
    cursor->statement = NULL;
  }
}

static void open_cursor(struct sqlite_session *session, struct sqlite_job *job)
{
  sqlite3_stmt *statement = sqlite_statement_only(session, job);
  if (!statement)
    return;
  struct sqlite_cursor *cursor = memory_alloc(sizeof *cursor);
  cursor->statement = statement;
  cursor->next = session->cursors;
  session->cursors = cursor;
  job->cursor = cursor;
  step_cursor(session, job);
}

static void close_cursor(struct sqlite_session *session, struct sqlite_cursor *cursor)
{
  struct sqlite_cursor **link = &session->cursors;
  while (*link && *link != cursor)
    link = &(*link)->next;
  if (!*link)
    return;
  *link = cursor->next;
  if (cursor->statement)
    sqlite_statement_give_back(session, cursor->statement);
  free(cursor);
}

/* ---- transactions ---- */

static void run(struct sqlite_session *session, struct sqlite_job *job, const char *sql)
{
  if (!job->code && sqlite3_exec(session->db, sql, NULL, NULL, NULL) != SQLITE_OK)
    sqlite_session_fail(session, job, sql);
}

static void roll_back(struct sqlite_session *session)
{
  if (!sqlite3_get_autocommit(session->db))
    sqlite3_exec(session->db, "ROLLBACK", NULL, NULL, NULL);
}

static void begin(struct sqlite_session *session, struct sqlite_job *job)
{
  job->is_outermost = sqlite3_get_autocommit(session->db);
  run(session, job, job->is_outermost ? "BEGIN IMMEDIATE" : "SAVEPOINT moonbeat");
  session->is_in_ours = session->is_in_ours || (job->is_outermost && !job->code);
}

/* SQLite rolls back all of a transaction when a statement of it is stopped, or finds the disk full.
 * What follows in it would be done outside of any. */
static bool wants_what_is_rolled_back(const struct sqlite_session *session,
                                      const struct sqlite_job *job)
{
  bool belongs = session->is_in_ours && (job->sql || job->task == TASK_BEGIN);
  return (belongs || job->task == TASK_COMMIT) && sqlite3_get_autocommit(session->db);
}

static void commit(struct sqlite_session *session, struct sqlite_job *job)
{
  run(session, job, job->is_outermost ? "COMMIT" : "RELEASE moonbeat");
}

static void take_back(struct sqlite_session *session, struct sqlite_job *job)
{
  if (job->is_outermost)
    roll_back(session);
  else if (!sqlite3_get_autocommit(session->db))
    run(session, job, "ROLLBACK TO moonbeat; RELEASE moonbeat");
}

/* ---- opening and closing ---- */

/* Not the next rows of a cursor, whose first ones the script has, nor what does not fail for a
 * lock, but does less. */
static bool can_begin_again(const struct sqlite_job *job)
{
  return job->task != TASK_CURSOR_NEXT && !(job->sql && strcasestr(job->sql, "wal_checkpoint"));
}

static int wait_for_lock(void *context, int count)
{
  static const int delays_ms[] = {1, 2, 5, 10, 15, 20, 25, 25, 50};
  const int last = sizeof delays_ms / sizeof *delays_ms - 1;
  struct sqlite_session *session = context;
  int64_t waited_ms = 0;
  session->was_locked = true;
  if (session->job && can_begin_again(session->job))
    return 0;
  for (int i = 0; i < count && i < last; i++)
    waited_ms += delays_ms[i];
  if (count > last)
    waited_ms += (int64_t)(count - last) * delays_ms[last];
  if (waited_ms * 1000 >= session->options.busy_timeout_us ||
      (session->job && atomic_load(&session->job->is_cancelled)))
    return 0;
  clock_sleep_us(delays_ms[count < last ? count : last] * 1000);
  return 1;
}

static int busy_timeout_ms(const struct sqlite_session *session)
{
  int64_t ms = session->options.busy_timeout_us / 1000;
  return ms < INT_MAX ? (int)ms : INT_MAX;
}

static int is_to_stop(void *context)
{
  struct sqlite_session *session = context;
  return session->job && atomic_load(&session->job->is_cancelled);
}

static bool is_in_memory(const struct sqlite_session *session)
{
  return !sqlite_session_is_file(session->options.path);
}

static void configure(struct sqlite_session *session, struct sqlite_job *job, bool is_new)
{
  sqlite3 *db = session->db;
  sqlite3_extended_result_codes(db, 1);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, session->options.enforces_keys ? 1 : 0, NULL);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, SQLITE_ROWS_SIZE_MAX);
  sqlite3_busy_handler(db, wait_for_lock, session);
  sqlite3_progress_handler(db, PROGRESS_STEPS, is_to_stop, session);
  sqlite3_set_authorizer(db, sqlite_session_authorise, session);
  if (session->options.is_copy && session->options.is_readonly)
    run(session, job, "PRAGMA query_only=1");
  if (is_new && !session->options.is_readonly)
    run(session, job, "PRAGMA journal_mode=WAL");
  else
    run(session, job, "SELECT 1 FROM sqlite_master"); /* whether it is a database at all */
}

static void close_session(struct sqlite_session *session)
{
  for (struct sqlite_cursor *cursor = session->cursors; cursor; cursor = cursor->next) {
    sqlite3_finalize(cursor->statement);
    cursor->statement = NULL; /* the cursor itself is its owner's to close */
  }
  for (int i = 0; i < SQLITE_CACHE_SIZE; i++) {
    sqlite3_finalize(session->cache[i]);
    session->cache[i] = NULL;
  }
  sqlite3_close_v2(session->db);
  session->db = NULL;
  if (session->is_listed)
    sqlite_files_remove(session->options.path);
  session->is_listed = false;
}

/* What there is, to be read. */
static int open_source(const struct sqlite_session *session, sqlite3 **source)
{
  char *uri = sqlite_look_uri(session->options.path, sqlite_look_is_still(session->options.path));
  int result = sqlite3_open_v2(uri, source,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
  free(uri);
  if (result == SQLITE_OK)
    sqlite3_busy_timeout(*source, busy_timeout_ms(session));
  return result;
}

/* A database without a name, which SQLite keeps in memory, or in a file of its own that nobody
 * sees. */
static int open_copy(struct sqlite_session *session, bool is_there)
{
  const struct sqlite_options *options = &session->options;
  sqlite3 *source = NULL;
  if (is_there || options->is_readonly || !options->creates) {
    int result = open_source(session, &source);
    if (result != SQLITE_OK) {
      session->db = source; /* which says why */
      return result;
    }
  }
  int result = sqlite3_open_v2("", &session->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                               sqlite_vfs_name());
  sqlite3_backup *backup =
      source && !result ? sqlite3_backup_init(session->db, "main", source, "main") : NULL;
  if (backup) {
    sqlite3_backup_step(backup, -1);
    result = sqlite3_backup_finish(backup);
  }
  sqlite3_close(source);
  return result;
}

static int open_file(struct sqlite_session *session)
{
  const struct sqlite_options *options = &session->options;
  int how = options->is_readonly ? SQLITE_OPEN_READONLY
            : options->creates   ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                 : SQLITE_OPEN_READWRITE;
  return sqlite3_open_v2(options->path, &session->db, SQLITE_OPEN_NOMUTEX | how, sqlite_vfs_name());
}

static void open_session(struct sqlite_session *session, struct sqlite_job *job)
{
  const struct sqlite_options *options = &session->options;
  struct stat file;
  bool is_there = stat(options->path, &file) == 0;
  if (sqlite_files_is_store(options->path)) {
    job->code = error_set(&job->error, ERROR_PERMISSION, SQLITE_STORE_REFUSED, options->shown);
    return;
  }
  if ((options->is_copy ? open_copy(session, is_there) : open_file(session)) != SQLITE_OK) {
    int number = session->db ? sqlite3_system_errno(session->db) : 0;
    job->code =
        error_set(&job->error, is_there ? ERROR_PERMISSION : ERROR_NOT_FOUND, "cannot open %s: %s",
                  options->shown, number ? strerror(number) : sqlite3_errmsg(session->db));
  } else {
    session->is_listed = !is_in_memory(session) && !options->is_copy;
    if (session->is_listed)
      sqlite_files_add(options->path);
    configure(session, job, !is_there || file.st_size == 0);
    if (job->code)
      error_set(&job->error, job->code, "cannot open %s: %s", options->shown,
                sqlite3_errmsg(session->db));
  }
  if (job->code)
    close_session(session);
}

struct sqlite_session *sqlite_session_create(const struct sqlite_options *options)
{
  struct sqlite_session *session = memory_alloc(sizeof *session);
  session->options = *options;
  return session;
}

void sqlite_session_destroy(struct sqlite_session *session)
{
  while (session->cursors)
    close_cursor(session, session->cursors);
  free(session->options.path);
  free(session->options.shown);
  free(session->options.folder);
  free(session);
}

void sqlite_job_cancel(struct sqlite_session *session, struct sqlite_job *job)
{
  (void)session;
  atomic_store(&job->is_cancelled, true);
}

void sqlite_job_deinit(struct sqlite_job *job)
{
  for (size_t i = 0; i < job->parameter_count; i++) {
    free(job->parameters[i].name);
    free((char *)job->parameters[i].value.data);
  }
  free(job->parameters);
  free(job->sql);
  sqlite_rows_deinit(&job->rows);
}

/* Who owns a transaction may close the database in front of those that wait for its end. */
static bool wants_what_is_closed(const struct sqlite_session *session, const struct sqlite_job *job)
{
  return !session->db && job->task != TASK_OPEN && job->task != TASK_CLOSE &&
         job->task != TASK_CURSOR_CLOSE;
}

static void perform(struct sqlite_session *session, struct sqlite_job *job)
{
  if (wants_what_is_closed(session, job)) {
    job->code = error_set(&job->error, ERROR_CONFLICT, "the database is closed");
    return;
  }
  if (wants_what_is_rolled_back(session, job)) {
    sqlite_job_fail(job, ERROR_CONFLICT, "the transaction was rolled back meanwhile",
                    job->sql                   ? job->sql
                    : job->task == TASK_COMMIT ? "COMMIT"
                                               : "BEGIN");
    return;
  }
  switch (job->task) {
  case TASK_OPEN:
    open_session(session, job);
    break;
  case TASK_CLOSE:
    close_session(session);
    break;
  case TASK_EXEC:
    exec(session, job);
    break;
  case TASK_ALL:
  case TASK_ROW:
  case TASK_VALUE:
    query(session, job);
    break;
  case TASK_CURSOR_OPEN:
    open_cursor(session, job);
    break;
  case TASK_CURSOR_NEXT:
    step_cursor(session, job);
    break;
  case TASK_CURSOR_CLOSE:
    close_cursor(session, job->cursor);
    break;
  case TASK_BEGIN:
    begin(session, job);
    break;
  case TASK_COMMIT:
    commit(session, job);
    break;
  case TASK_ROLLBACK:
    take_back(session, job);
    break;
  case TASK_ABANDON:
    roll_back(session);
    break;
  }
}

/* ---- beginning again ---- */

static bool is_to_begin_again(const struct sqlite_session *session, struct sqlite_job *job)
{
  if (job->code != ERROR_BUSY || !session->was_locked || !can_begin_again(job) ||
      atomic_load(&job->is_cancelled))
    return false;
  int64_t now_us = clock_monotonic_us();
  if (!job->locked_us)
    job->locked_us = now_us;
  return now_us - job->locked_us < session->options.busy_timeout_us;
}

/* As if it had not been performed. */
static void take_back_results(struct sqlite_session *session, struct sqlite_job *job)
{
  if (job->task == TASK_CURSOR_OPEN && job->cursor) {
    close_cursor(session, job->cursor);
    job->cursor = NULL;
  }
  sqlite_rows_deinit(&job->rows);
  job->rows = (struct sqlite_rows){0};
  job->has_ended = false;
  job->code = ERROR_OK;
}

/* Also by the script's own SQL. */
static bool ends_ours(const struct sqlite_session *session, const struct sqlite_job *job)
{
  bool is_over = session->db && sqlite3_get_autocommit(session->db);
  return job->task == TASK_CLOSE || (job->sql && !job->code && is_over) ||
         ((job->task == TASK_COMMIT || job->task == TASK_ROLLBACK || job->task == TASK_ABANDON) &&
          job->is_outermost);
}

/* Rolled back where its end has failed. */
static void leave_ours(struct sqlite_session *session)
{
  session->is_in_ours = false;
  if (session->db)
    roll_back(session);
}

void sqlite_session_perform(struct sqlite_session *session, struct sqlite_job *job)
{
  session->job = job;
  session->was_locked = false;
  sqlite_vfs_set_folder(session->options.folder);
  if (session->db)
    sqlite3_busy_handler(session->db, wait_for_lock, session); /* which may be asked again */
  perform(session, job);
  job->is_locked = is_to_begin_again(session, job);
  if (job->is_locked)
    take_back_results(session, job);
  else if (ends_ours(session, job))
    leave_ours(session);
  if (session->db) {
    job->in_transaction = session->is_in_ours || !sqlite3_get_autocommit(session->db);
    job->last_insert_id = sqlite3_last_insert_rowid(session->db);
  }
  session->job = NULL;
}
