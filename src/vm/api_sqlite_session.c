/* What is done with a script's database; see api_sqlite_session.h.
 *
 * Prepared statements are kept, the latest few, by their text. A job that is cancelled is stopped
 * by the progress handler, which looks at the job's flag; sqlite3_interrupt alone would be lost
 * between two steps. Waiting for another process's lock is our own handler, for the same reason. */
#include "vm/api_sqlite_session.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "vm/api_sqlite_files.h"

enum {
  CACHE_SIZE = 16,
  PROGRESS_STEPS = 1000, /* some 10 microseconds */
  LOT_ROWS = 256,
  LOT_SIZE = 256 << 10,
  EXCERPT_SIZE = 80,
};

struct sqlite_cursor {
  struct sqlite_cursor *next;
  sqlite3_stmt *statement; /* NULL: ended, or the session was closed */
};

struct sqlite_session {
  struct sqlite_options options;
  sqlite3 *db;
  bool is_listed;                  /* among the files in use */
  sqlite3_stmt *cache[CACHE_SIZE]; /* latest first */
  struct sqlite_cursor *cursors;
  struct sqlite_job *job; /* being performed */
};

/* ---- values ---- */

static void append_cell(struct buffer *out, const struct sqlite_value *value)
{
  buffer_append_byte(out, (char)value->type);
  switch (value->type) {
  case CELL_NULL:
    break;
  case CELL_INTEGER:
    buffer_append(out, &value->integer, sizeof value->integer);
    break;
  case CELL_FLOAT:
    buffer_append(out, &value->number, sizeof value->number);
    break;
  case CELL_TEXT:
  case CELL_BLOB:
    buffer_append(out, &value->size, sizeof value->size);
    buffer_append(out, value->data, value->size);
    break;
  }
}

bool sqlite_rows_next(struct sqlite_rows *rows, struct sqlite_value *value)
{
  if (rows->read >= rows->cells.size)
    return false;
  const char *at = rows->cells.data + rows->read;
  value->type = (enum sqlite_type) * at++;
  switch (value->type) {
  case CELL_NULL:
    break;
  case CELL_INTEGER:
    memcpy(&value->integer, at, sizeof value->integer);
    at += sizeof value->integer;
    break;
  case CELL_FLOAT:
    memcpy(&value->number, at, sizeof value->number);
    at += sizeof value->number;
    break;
  case CELL_TEXT:
  case CELL_BLOB:
    memcpy(&value->size, at, sizeof value->size);
    value->data = at + sizeof value->size;
    at = value->data + value->size;
    break;
  }
  rows->read = (size_t)(at - rows->cells.data);
  return true;
}

void sqlite_rows_deinit(struct sqlite_rows *rows)
{
  buffer_deinit(&rows->names);
  buffer_deinit(&rows->cells);
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

static struct sqlite_value column_value(sqlite3_stmt *statement, int column)
{
  struct sqlite_value value = {.type = CELL_NULL};
  switch (sqlite3_column_type(statement, column)) {
  case SQLITE_INTEGER:
    value.type = CELL_INTEGER;
    value.integer = sqlite3_column_int64(statement, column);
    break;
  case SQLITE_FLOAT:
    value.type = CELL_FLOAT;
    value.number = sqlite3_column_double(statement, column);
    break;
  case SQLITE_TEXT:
    value.type = CELL_TEXT;
    value.data = (const char *)sqlite3_column_text(statement, column);
    value.size = (size_t)sqlite3_column_bytes(statement, column);
    break;
  case SQLITE_BLOB:
    value.type = CELL_BLOB;
    value.data = sqlite3_column_blob(statement, column);
    value.size = (size_t)sqlite3_column_bytes(statement, column);
    break;
  default:
    break;
  }
  return value;
}

/* ---- failing ---- */

/* The beginning of the statement on one line. */
static void excerpt(char out[EXCERPT_SIZE + 4], const char *sql)
{
  size_t size = 0;
  for (sql += strspn(sql, " \t\r\n"); *sql && size < EXCERPT_SIZE; sql++) {
    bool is_blank = strchr(" \t\r\n", *sql) != NULL;
    if (is_blank && size > 0 && out[size - 1] == ' ')
      continue;
    out[size++] = is_blank ? ' ' : *sql;
  }
  while (size > 0 &&
         (out[size - 1] == ' ' || ((unsigned char)out[size - 1] & 0xC0) == 0x80 ||
          (unsigned char)out[size - 1] >= 0xC0) &&
         *sql)
    size--; /* no half of a character at the cut */
  strcpy(out + size, *sql ? "..." : "");
}

static enum error_code code_of(int result)
{
  switch (result & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return ERROR_BUSY;
  case SQLITE_FULL:
    return ERROR_FULL;
  case SQLITE_IOERR:
    return ERROR_IO;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return ERROR_CORRUPT;
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_AUTH:
    return ERROR_PERMISSION;
  case SQLITE_CONSTRAINT:
    return ERROR_CONFLICT;
  case SQLITE_INTERRUPT:
    return ERROR_CANCELLED;
  case SQLITE_TOOBIG:
    return ERROR_LIMIT;
  default:
    return ERROR_INVALID;
  }
}

static void fail_text(struct sqlite_job *job, enum error_code code, const char *text,
                      const char *sql)
{
  char begin[EXCERPT_SIZE + 4];
  if (job->code)
    return;
  excerpt(begin, sql);
  job->code = error_set(&job->error, code, "%s in \"%s\"", text, begin);
}

static void fail(struct sqlite_session *session, struct sqlite_job *job, const char *sql)
{
  fail_text(job, code_of(sqlite3_extended_errcode(session->db)), sqlite3_errmsg(session->db), sql);
}

/* ---- statements ---- */

static sqlite3_stmt *take_cached(struct sqlite_session *session, const char *sql, size_t size)
{
  for (int i = 0; i < CACHE_SIZE && session->cache[i]; i++) {
    sqlite3_stmt *statement = session->cache[i];
    const char *text = sqlite3_sql(statement);
    if (strncmp(text, sql, size) == 0 && text[size] == '\0') {
      memmove(session->cache + i, session->cache + i + 1,
              (size_t)(CACHE_SIZE - i - 1) * sizeof *session->cache);
      session->cache[CACHE_SIZE - 1] = NULL;
      return statement;
    }
  }
  return NULL;
}

static void give_back(struct sqlite_session *session, sqlite3_stmt *statement)
{
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  sqlite3_finalize(session->cache[CACHE_SIZE - 1]);
  memmove(session->cache + 1, session->cache, (CACHE_SIZE - 1) * sizeof *session->cache);
  session->cache[0] = statement;
}

/* The statement at *sql, which moves behind it; NULL at the end of the text or on failure. */
static sqlite3_stmt *prepare(struct sqlite_session *session, struct sqlite_job *job,
                             const char **sql)
{
  const char *end = job->sql + job->sql_size;
  sqlite3_stmt *statement = take_cached(session, *sql, (size_t)(end - *sql));
  if (statement) {
    *sql = end;
    return statement;
  }
  while (*sql < end && !job->code) {
    const char *begin = *sql;
    if (sqlite3_prepare_v3(session->db, begin, (int)(end - begin), SQLITE_PREPARE_PERSISTENT,
                           &statement, sql) != SQLITE_OK)
      fail(session, job, begin);
    else if (statement)
      return statement;
    else if (*sql == begin)
      break; /* a NUL in the text ends it for SQLite */
  }
  return NULL;
}

/* The values are the job's, which goes before a cursor's statement does. */
static void bind_value(const struct sqlite_job *job, sqlite3_stmt *statement, int index,
                       const struct sqlite_value *value)
{
  sqlite3_destructor_type keeping =
      job->task == TASK_CURSOR_OPEN ? SQLITE_TRANSIENT : SQLITE_STATIC;
  switch (value->type) {
  case CELL_NULL:
    sqlite3_bind_null(statement, index);
    break;
  case CELL_INTEGER:
    sqlite3_bind_int64(statement, index, value->integer);
    break;
  case CELL_FLOAT:
    sqlite3_bind_double(statement, index, value->number);
    break;
  case CELL_TEXT:
    sqlite3_bind_text64(statement, index, value->data, value->size, keeping, SQLITE_UTF8);
    break;
  case CELL_BLOB:
    sqlite3_bind_blob64(statement, index, value->size ? value->data : "", value->size, keeping);
    break;
  }
}

static const struct sqlite_parameter *find_parameter(const struct sqlite_job *job, const char *name)
{
  for (size_t i = 0; i < job->parameter_count; i++)
    if (strcmp(job->parameters[i].name, name) == 0)
      return &job->parameters[i];
  return NULL;
}

/* What was given and is not asked for. */
static void refuse_unknown(struct sqlite_job *job, sqlite3_stmt *statement)
{
  enum { NAMES_MAX = 64 };
  const char *names[NAMES_MAX + 1];
  char text[256], hint[128];
  int count = sqlite3_bind_parameter_count(statement);
  count = count < NAMES_MAX ? count : NAMES_MAX;
  for (int i = 0; i < count; i++)
    names[i] = sqlite3_bind_parameter_name(statement, i + 1) + 1;
  names[count] = NULL;
  for (size_t i = 0; i < job->parameter_count; i++) {
    const char *name = job->parameters[i].name;
    bool is_known = false;
    for (int k = 0; k < count && !is_known; k++)
      is_known = strcmp(names[k], name) == 0;
    if (is_known || count == NAMES_MAX)
      continue;
    snprintf(text, sizeof text, "there is no parameter :%s%s", name,
             text_did_you_mean(hint, name, names));
    fail_text(job, ERROR_INVALID, text, job->sql);
    return;
  }
}

static void bind_named(struct sqlite_job *job, sqlite3_stmt *statement)
{
  char text[256];
  for (int i = 1; i <= sqlite3_bind_parameter_count(statement); i++) {
    const char *name = sqlite3_bind_parameter_name(statement, i);
    const struct sqlite_parameter *parameter =
        name && name[0] != '?' ? find_parameter(job, name + 1) : NULL;
    if (parameter) {
      bind_value(job, statement, i, &parameter->value);
      continue;
    }
    if (name && name[0] != '?')
      snprintf(text, sizeof text, "parameter %s was not given (json.null is for NULL)", name);
    else
      snprintf(text, sizeof text, "parameter %d has no name, but a table of names was given", i);
    fail_text(job, ERROR_INVALID, text, job->sql);
    return;
  }
  refuse_unknown(job, statement);
}

static void bind(struct sqlite_job *job, sqlite3_stmt *statement)
{
  char text[128];
  size_t count = (size_t)sqlite3_bind_parameter_count(statement);
  if (job->parameter_count > 0 && job->parameters[0].name) {
    bind_named(job, statement);
  } else if (count != job->parameter_count) {
    snprintf(text, sizeof text, "the statement takes %zu parameter%s, got %zu", count,
             count == 1 ? "" : "s", job->parameter_count);
    fail_text(job, ERROR_INVALID, text, job->sql);
  } else {
    for (size_t i = 0; i < count; i++)
      bind_value(job, statement, (int)i + 1, &job->parameters[i].value);
  }
}

/* The one statement of the job, with its parameters; NULL on failure. */
static sqlite3_stmt *prepare_one(struct sqlite_session *session, struct sqlite_job *job)
{
  const char *sql = job->sql;
  sqlite3_stmt *statement = prepare(session, job, &sql);
  if (!statement) {
    fail_text(job, ERROR_INVALID, "there is no statement", job->sql);
    return NULL;
  }
  const char *rest = sql;
  sqlite3_stmt *second = prepare(session, job, &rest);
  if (second) {
    sqlite3_finalize(second);
    fail_text(job, ERROR_INVALID, "several statements, where one is expected,", job->sql);
  }
  if (!job->code)
    bind(job, statement);
  if (!job->code)
    return statement;
  give_back(session, statement);
  return NULL;
}

/* ---- rows ---- */

static void name_columns(struct sqlite_rows *rows, sqlite3_stmt *statement)
{
  rows->columns = sqlite3_column_count(statement);
  for (int i = 0; i < rows->columns; i++) {
    const char *name = sqlite3_column_name(statement, i);
    buffer_append(&rows->names, name, strlen(name) + 1);
  }
}

static void keep_row(struct sqlite_job *job, sqlite3_stmt *statement)
{
  int columns = job->task == TASK_VALUE ? 1 : sqlite3_column_count(statement);
  for (int i = 0; i < columns; i++) {
    struct sqlite_value value = column_value(statement, i);
    append_cell(&job->rows.cells, &value);
  }
}

/* Steps on until there are `count` rows, or enough bytes, or the end; true at the end or failure.
 */
static bool gather(struct sqlite_session *session, struct sqlite_job *job, sqlite3_stmt *statement,
                   size_t count, size_t size_max)
{
  int result = SQLITE_ROW;
  for (size_t rows = 0; rows < count && job->rows.cells.size < size_max; rows++) {
    result = sqlite3_step(statement);
    if (result != SQLITE_ROW)
      break;
    keep_row(job, statement);
  }
  if (result != SQLITE_ROW && result != SQLITE_DONE)
    fail(session, job, job->sql ? job->sql : sqlite3_sql(statement));
  return result != SQLITE_ROW;
}

static void query(struct sqlite_session *session, struct sqlite_job *job)
{
  bool is_all = job->task == TASK_ALL;
  sqlite3_stmt *statement = prepare_one(session, job);
  if (!statement)
    return;
  if (sqlite3_column_count(statement) == 0) {
    fail_text(job, ERROR_INVALID, "a statement without rows (db:exec runs it)", job->sql);
  } else {
    name_columns(&job->rows, statement);
    bool has_ended = gather(session, job, statement, is_all ? SIZE_MAX : 1, SQLITE_ROWS_SIZE_MAX);
    if (is_all && !has_ended)
      fail_text(job, ERROR_LIMIT, "over the limit of 64 MiB of rows (db:rows gives any number)",
                job->sql);
    /* What changes something is to be done wholly. */
    while (!has_ended && !sqlite3_stmt_readonly(statement) &&
           sqlite3_step(statement) == SQLITE_ROW) {
    }
    if (sqlite3_reset(statement) != SQLITE_OK)
      fail(session, job, job->sql);
  }
  give_back(session, statement);
}

static void exec(struct sqlite_session *session, struct sqlite_job *job)
{
  const char *sql = job->sql;
  bool has_parameters = job->parameter_count > 0;
  while (!job->code) {
    const char *begin = sql;
    sqlite3_stmt *statement =
        has_parameters ? prepare_one(session, job) : prepare(session, job, &sql);
    if (!statement)
      break;
    if (!has_parameters)
      bind(job, statement); /* refuses those that want some */
    int64_t before = sqlite3_total_changes64(session->db);
    int result = SQLITE_ROW;
    while (!job->code && result == SQLITE_ROW)
      result = sqlite3_step(statement);
    if (!job->code && result != SQLITE_DONE)
      fail(session, job, begin);
    if (sqlite3_total_changes64(session->db) != before)
      job->changes += sqlite3_changes64(session->db);
    give_back(session, statement);
    if (has_parameters)
      break;
  }
}

/* ---- cursors ---- */

static void step_cursor(struct sqlite_session *session, struct sqlite_job *job)
{
  struct sqlite_cursor *cursor = job->cursor;
  job->has_ended =
      !cursor->statement || gather(session, job, cursor->statement, LOT_ROWS, LOT_SIZE);
  if (job->has_ended && cursor->statement) {
    give_back(session, cursor->statement);
    cursor->statement = NULL;
  }
}

static void open_cursor(struct sqlite_session *session, struct sqlite_job *job)
{
  sqlite3_stmt *statement = prepare_one(session, job);
  if (!statement)
    return;
  struct sqlite_cursor *cursor = memory_alloc(sizeof *cursor);
  cursor->statement = statement;
  cursor->next = session->cursors;
  session->cursors = cursor;
  job->cursor = cursor;
  name_columns(&job->rows, statement);
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
    give_back(session, cursor->statement);
  free(cursor);
}

/* ---- transactions ---- */

static void run(struct sqlite_session *session, struct sqlite_job *job, const char *sql)
{
  if (!job->code && sqlite3_exec(session->db, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail(session, job, sql);
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
}

static void commit(struct sqlite_session *session, struct sqlite_job *job)
{
  if (sqlite3_get_autocommit(session->db)) {
    fail_text(job, ERROR_CONFLICT, "the transaction was rolled back meanwhile", "COMMIT");
    return;
  }
  run(session, job, job->is_outermost ? "COMMIT" : "RELEASE moonbeat");
  if (job->code && job->is_outermost)
    roll_back(session);
}

static void take_back(struct sqlite_session *session, struct sqlite_job *job)
{
  if (job->is_outermost)
    roll_back(session);
  else if (!sqlite3_get_autocommit(session->db))
    run(session, job, "ROLLBACK TO moonbeat; RELEASE moonbeat");
}

/* ---- opening and closing ---- */

static int wait_for_lock(void *context, int count)
{
  static const int delays_ms[] = {1, 2, 5, 10, 15, 20, 25, 25, 50};
  const int last = sizeof delays_ms / sizeof *delays_ms - 1;
  struct sqlite_session *session = context;
  int64_t waited_ms = 0;
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

static int is_to_stop(void *context)
{
  struct sqlite_session *session = context;
  return session->job && atomic_load(&session->job->is_cancelled);
}

/* Keeps ATTACH off the scheduler's store. What is no literal cannot be looked at. */
static int authorise(void *context, int action, const char *file, const char *unused1,
                     const char *unused2, const char *unused3)
{
  (void)context, (void)unused1, (void)unused2, (void)unused3;
  if (action == SQLITE_ATTACH && (!file || sqlite_files_is_store(file)))
    return SQLITE_DENY;
  return SQLITE_OK;
}

static bool is_in_memory(const struct sqlite_session *session)
{
  return strcmp(session->options.path, ":memory:") == 0;
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
  sqlite3_set_authorizer(db, authorise, NULL);
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
  for (int i = 0; i < CACHE_SIZE; i++) {
    sqlite3_finalize(session->cache[i]);
    session->cache[i] = NULL;
  }
  sqlite3_close_v2(session->db);
  session->db = NULL;
  if (session->is_listed)
    sqlite_files_remove(session->options.path);
  session->is_listed = false;
}

static void open_session(struct sqlite_session *session, struct sqlite_job *job)
{
  const struct sqlite_options *options = &session->options;
  struct stat file;
  bool is_there = stat(options->path, &file) == 0;
  int flags = SQLITE_OPEN_NOMUTEX | (options->is_readonly ? SQLITE_OPEN_READONLY
                                     : options->creates ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                        : SQLITE_OPEN_READWRITE);
  if (is_there && sqlite_files_is_store(options->path)) {
    job->code =
        error_set(&job->error, ERROR_PERMISSION,
                  "%s is the scheduler's own store, which scripts may not open", options->shown);
    return;
  }
  if (sqlite3_open_v2(options->path, &session->db, flags, NULL) != SQLITE_OK) {
    int number = session->db ? sqlite3_system_errno(session->db) : 0;
    job->code =
        error_set(&job->error, is_there ? ERROR_PERMISSION : ERROR_NOT_FOUND, "cannot open %s: %s",
                  options->shown, number ? strerror(number) : sqlite3_errmsg(session->db));
  } else {
    session->is_listed = !is_in_memory(session);
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
  free(session);
}

void sqlite_job_cancel(struct sqlite_session *session, struct sqlite_job *job)
{
  (void)session;
  atomic_store(&job->is_cancelled, true);
}

void sqlite_session_perform(struct sqlite_session *session, struct sqlite_job *job)
{
  session->job = job;
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
  if (session->db) {
    job->in_transaction = !sqlite3_get_autocommit(session->db);
    job->last_insert_id = sqlite3_last_insert_rowid(session->db);
  }
  session->job = NULL;
}
