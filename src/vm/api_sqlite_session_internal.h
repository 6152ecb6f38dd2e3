/* What the files of a session share: api_sqlite_session.c (what is done with a database),
 * api_sqlite_authorise.c (what SQL may not do), api_sqlite_statement.c (statements, their
 * parameters, and what is wrong with them) and api_sqlite_rows.c (what they give, as bytes).
 * Private to those. */
#ifndef VM_API_SQLITE_SESSION_INTERNAL_H
#define VM_API_SQLITE_SESSION_INTERNAL_H

#include <sqlite3.h>

#include "vm/api_sqlite_session.h"

enum { SQLITE_CACHE_SIZE = 16 };

struct sqlite_cursor {
  struct sqlite_cursor *next;
  sqlite3_stmt *statement; /* NULL: ended, or the session was closed */
};

struct sqlite_session {
  struct sqlite_options options;
  sqlite3 *db;
  bool is_listed;                         /* among the files in use */
  sqlite3_stmt *cache[SQLITE_CACHE_SIZE]; /* latest first */
  struct sqlite_cursor *cursors;
  struct sqlite_job *job; /* being performed */
  bool was_locked;        /* it has met a lock of others */
  bool is_in_ours;        /* between TASK_BEGIN and its end, whatever SQLite has done since */
  char refusal[256];      /* why the authorizer has denied something last */
};

/* The job fails, if it has not yet: "TEXT in \"SELECT ...\"". */
void sqlite_job_fail(struct sqlite_job *job, enum error_code code, const char *text,
                     const char *sql);
/* The same for what SQLite complained of last. */
void sqlite_session_fail(struct sqlite_session *session, struct sqlite_job *job, const char *sql);

#define SQLITE_STORE_REFUSED "%s is the scheduler's own store, which scripts may not open"

/* Whether the path names a file, and not a database that goes when it is closed. */
bool sqlite_session_is_file(const char *path);
/* For sqlite3_set_authorizer; what it denies is told by `refusal`. */
int sqlite_session_authorise(void *session, int action, const char *first, const char *second,
                             const char *database, const char *trigger);

/* The statement at *sql, which moves behind it; NULL at the end of the job's text or on failure. */
sqlite3_stmt *sqlite_statement_next(struct sqlite_session *session, struct sqlite_job *job,
                                    const char **sql);
/* Gives it the job's parameters. The job fails when they are not those that it asks for. */
void sqlite_statement_bind(struct sqlite_job *job, sqlite3_stmt *statement);
/* The one statement of the job, with its parameters; NULL on failure. */
sqlite3_stmt *sqlite_statement_only(struct sqlite_session *session, struct sqlite_job *job);
/* Keeps it for the next time. */
void sqlite_statement_give_back(struct sqlite_session *session, sqlite3_stmt *statement);

void sqlite_rows_name(struct sqlite_rows *rows, sqlite3_stmt *statement);
/* The first cells of the row at which the statement stands. */
void sqlite_rows_add(struct sqlite_rows *rows, sqlite3_stmt *statement, int columns);

#endif
