/* The log of changes that SQL triggers keep of one table, inside the database of another program.
 *
 * Three triggers on the table, moonbeat_insert_TABLE and so on, append a row to moonbeat_changes
 * for each row that is inserted, updated or deleted, in the transaction that does it: so the log
 * holds what was committed, in the order of the commits, whether anybody watches or not. Who
 * watches has a row in moonbeat_readers with the last change that it has stored; changes that all
 * readers of the table have stored are deleted, a reader that was not seen for 30 days is
 * forgotten. The last reader takes everything away again.
 *
 * The other program must not feel it: all transactions are short, locks are waited for but a
 * moment (ERROR_BUSY), and checkpoints are left to it. What the triggers use is older than what any
 * program's SQLite may lack, and cannot fail for any value. One thread at a time; blocks. */
#ifndef SENSOR_TABLE_LOG_H
#define SENSOR_TABLE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct table_log;

/* `reader` is this reader's name in the database. Opens nothing yet. */
struct table_log *table_log_create(const char *database, const char *table, const char *reader);
void table_log_close(struct table_log *log); /* the connection; it may be opened again */
void table_log_destroy(struct table_log *log);

/* Opens the database unless it is open, and another in its place. *has_changed: another connection
 * has committed something since the last time; *is_opened: it is another file than the last time,
 * so table_log_install must be called. */
enum error_code table_log_check(struct table_log *log, bool *has_changed, bool *is_opened,
                                struct error *error);

/* Whether the triggers are still there, for which it looks only when the schema has changed, and
 * the log goes as far as the position: one that is put back from a copy does not. */
enum error_code table_log_is_installed(struct table_log *log, int64_t position, bool *is_installed,
                                       struct error *error);

/* Makes what is missing and enters the reader with its position; `is_new` sets *position to the end
 * of the log. *has_gap: what happened since the position may not all be in the log. */
enum error_code table_log_install(struct table_log *log, bool is_new, int64_t *position,
                                  bool *has_gap, struct error *error);

struct table_change {
  const char *operation; /* "insert", "update", "delete" */
  const char *at;        /* RFC 3339 with milliseconds */
  const char *key; /* SQL literals of the primary key, with commas between; NULL: has a rowid */
  int64_t rowid;
};

/* Takes a change; false when it is to be the last for now. */
typedef bool (*table_change_taker)(void *context, const struct table_change *change);

/* Gives the changes behind *position, in order, at most `most`; moves it behind the last, or to
 * where the search has come. *has_more: call again. */
enum error_code table_log_read(struct table_log *log, int64_t *position, size_t most,
                               table_change_taker take, void *context, bool *has_more,
                               struct error *error);

/* The reader has stored all up to the position; deletes what nobody needs any more. ERROR_NOT_FOUND
 * when the reader is not entered. */
enum error_code table_log_advance(struct table_log *log, int64_t position, const atomic_bool *stop,
                                  struct error *error);

/* Takes the reader out, and with the last one of the table the triggers, with the last one of all
 * the log. */
enum error_code table_log_remove(struct table_log *log, const atomic_bool *stop,
                                 struct error *error);

#endif
