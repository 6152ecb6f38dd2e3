/* One open database of a script and what is done with it: blocking functions for a pool's thread,
 * by one thread at a time. No Lua. Rows come back as bytes, which the loop's thread reads with
 * sqlite_rows_next().
 *
 * sqlite_job_cancel is the exception: it may be called from any thread while the job is performed.
 */
#ifndef VM_API_SQLITE_SESSION_H
#define VM_API_SQLITE_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { SQLITE_ROWS_SIZE_MAX = 64 << 20 };

struct sqlite_session;
struct sqlite_cursor;

enum sqlite_type { CELL_NULL, CELL_INTEGER, CELL_FLOAT, CELL_TEXT, CELL_BLOB };

/* A parameter, or a cell of a row. */
struct sqlite_value {
  enum sqlite_type type;
  int64_t integer;
  double number;
  const char *data; /* a parameter's is on the heap */
  size_t size;
};

struct sqlite_parameter {
  char *name; /* without its : @ $; NULL: by position */
  struct sqlite_value value;
};

struct sqlite_rows {
  int columns;
  struct buffer names; /* each with its NUL */
  struct buffer cells;
  size_t read; /* of cells */
};

enum sqlite_task {
  TASK_OPEN,
  TASK_CLOSE,
  TASK_EXEC,
  TASK_ALL,
  TASK_ROW,
  TASK_VALUE,
  TASK_CURSOR_OPEN,  /* gives `cursor` and the first lot of rows */
  TASK_CURSOR_NEXT,  /* the next lot; `cursor` is NULL when that was closed meanwhile */
  TASK_CURSOR_CLOSE, /* frees the cursor */
  TASK_BEGIN,        /* a transaction, or a savepoint within one */
  TASK_COMMIT,
  TASK_ROLLBACK,
  TASK_ABANDON, /* rolls back all of a transaction that, or a part of which, nobody will end */
};

struct sqlite_job {
  enum sqlite_task task;
  char *sql;
  size_t sql_size;
  struct sqlite_parameter *parameters;
  size_t parameter_count;
  struct sqlite_cursor *cursor;
  bool is_outermost; /* BEGIN gives it, COMMIT, ROLLBACK and ABANDON take it */
  size_t sql_done;   /* EXEC: of the text */
  int64_t locked_us; /* since when others hold a lock that it needs; 0: they do not */
  atomic_bool is_cancelled;

  /* results */
  bool is_locked; /* it is not done, as others hold a lock: to be performed again in a while */
  struct sqlite_rows rows;
  bool has_ended; /* the cursor has no more */
  int64_t changes;
  int64_t last_insert_id;
  bool in_transaction;
  enum error_code code;
  struct error error;
};

struct sqlite_options {
  char *path, *shown; /* on the heap; the session's */
  char *folder;       /* the same: where relative paths in SQL begin; NULL: the working folder */
  bool is_readonly, creates, enforces_keys;
  bool is_copy; /* what is changed is changed in a copy that goes when it is closed */
  int64_t busy_timeout_us;
};

/* Takes over the options' texts. Nothing is opened before a job of TASK_OPEN. */
struct sqlite_session *sqlite_session_create(const struct sqlite_options *options);
/* After a job of TASK_CLOSE. */
void sqlite_session_destroy(struct sqlite_session *session);

void sqlite_session_perform(struct sqlite_session *session, struct sqlite_job *job);

/* Makes the job that is performed, or will be, fail soon. */
void sqlite_job_cancel(struct sqlite_session *session, struct sqlite_job *job);
void sqlite_job_deinit(struct sqlite_job *job);

/* The cells one after the other; false after the last. The data lie in the rows. */
bool sqlite_rows_next(struct sqlite_rows *rows, struct sqlite_value *value);
void sqlite_rows_deinit(struct sqlite_rows *rows);

#endif
