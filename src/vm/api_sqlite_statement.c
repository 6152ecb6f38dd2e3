/* Statements of a session: prepared, given their parameters, and kept, the latest few, by their
 * text. What is wrong with one is told with its beginning. */
#include "vm/api_sqlite_session_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { EXCERPT_SIZE = 80 };

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

void sqlite_job_fail(struct sqlite_job *job, enum error_code code, const char *text,
                     const char *sql)
{
  char begin[EXCERPT_SIZE + 4];
  if (job->code)
    return;
  excerpt(begin, sql);
  job->code = error_set(&job->error, code, "%s in \"%s\"", text, begin);
}

void sqlite_session_fail(struct sqlite_session *session, struct sqlite_job *job, const char *sql)
{
  int result = sqlite3_extended_errcode(session->db);
  sqlite_job_fail(job, code_of(result),
                  result == SQLITE_AUTH ? session->refusal : sqlite3_errmsg(session->db), sql);
}

/* ---- statements ---- */

static sqlite3_stmt *take_cached(struct sqlite_session *session, const char *sql, size_t size)
{
  for (int i = 0; i < SQLITE_CACHE_SIZE && session->cache[i]; i++) {
    sqlite3_stmt *statement = session->cache[i];
    const char *text = sqlite3_sql(statement);
    if (strncmp(text, sql, size) == 0 && text[size] == '\0') {
      memmove(session->cache + i, session->cache + i + 1,
              (size_t)(SQLITE_CACHE_SIZE - i - 1) * sizeof *session->cache);
      session->cache[SQLITE_CACHE_SIZE - 1] = NULL;
      return statement;
    }
  }
  return NULL;
}

void sqlite_statement_give_back(struct sqlite_session *session, sqlite3_stmt *statement)
{
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  sqlite3_finalize(session->cache[SQLITE_CACHE_SIZE - 1]);
  memmove(session->cache + 1, session->cache, (SQLITE_CACHE_SIZE - 1) * sizeof *session->cache);
  session->cache[0] = statement;
}

sqlite3_stmt *sqlite_statement_next(struct sqlite_session *session, struct sqlite_job *job,
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
      sqlite_session_fail(session, job, begin);
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
    sqlite_job_fail(job, ERROR_INVALID, text, job->sql);
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
    sqlite_job_fail(job, ERROR_INVALID, text, job->sql);
    return;
  }
  refuse_unknown(job, statement);
}

void sqlite_statement_bind(struct sqlite_job *job, sqlite3_stmt *statement)
{
  char text[128];
  size_t count = (size_t)sqlite3_bind_parameter_count(statement);
  if (job->parameter_count > 0 && job->parameters[0].name) {
    bind_named(job, statement);
  } else if (count != job->parameter_count) {
    snprintf(text, sizeof text, "the statement takes %zu parameter%s, got %zu", count,
             count == 1 ? "" : "s", job->parameter_count);
    sqlite_job_fail(job, ERROR_INVALID, text, job->sql);
  } else {
    for (size_t i = 0; i < count; i++)
      bind_value(job, statement, (int)i + 1, &job->parameters[i].value);
  }
}

sqlite3_stmt *sqlite_statement_only(struct sqlite_session *session, struct sqlite_job *job)
{
  const char *sql = job->sql;
  sqlite3_stmt *statement = sqlite_statement_next(session, job, &sql);
  if (!statement) {
    sqlite_job_fail(job, ERROR_INVALID, "there is no statement", job->sql);
    return NULL;
  }
  const char *rest = sql;
  sqlite3_stmt *second = sqlite_statement_next(session, job, &rest);
  if (second) {
    sqlite3_finalize(second);
    sqlite_job_fail(job, ERROR_INVALID, "several statements, where one is expected,", job->sql);
  }
  if (!job->code)
    sqlite_statement_bind(job, statement);
  if (!job->code)
    return statement;
  sqlite_statement_give_back(session, statement);
  return NULL;
}
