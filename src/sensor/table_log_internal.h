/* The inside of table_log: table_log.c, table_log_install.c, table_log_clean.c. */
#ifndef SENSOR_TABLE_LOG_INTERNAL_H
#define SENSOR_TABLE_LOG_INTERNAL_H

#include <sqlite3.h>
#include <sys/types.h>

#include "sensor/table_log.h"

enum { TABLE_LOG_PIECE = 1000 }; /* changes that one transaction or search goes through at most */

struct table_log {
  char *database, *table, *reader;
  sqlite3 *db;
  dev_t device; /* of the file that is open */
  ino_t inode;
  int64_t data_version, schema_version;
  int64_t cleaned; /* of the table, all changes up to this one are deleted */
};

/* Sets the error from what SQLite says last; returns its code. */
enum error_code table_log_fail(struct table_log *log, struct error *error);

/* Binds ?1 to the table, ?2 to the reader, ?3 and ?4 to the numbers, as far as they occur.
 * NULL with an error. */
sqlite3_stmt *table_log_prepare(struct table_log *log, const char *sql, int64_t a, int64_t b,
                                struct error *error);

/* Runs one statement, bound like that; without rows. */
enum error_code table_log_execute(struct table_log *log, const char *sql, int64_t a, int64_t b,
                                  struct error *error);

/* The first column of the first row; `*value` is as before when there is none, or NULL. */
enum error_code table_log_ask(struct table_log *log, const char *sql, int64_t *value,
                              struct error *error);

enum error_code table_log_begin(struct table_log *log, struct error *error);
enum error_code table_log_commit(struct table_log *log, struct error *error);
void table_log_rollback(struct table_log *log); /* if a transaction is open */

/* True when the database has the log. */
enum error_code table_log_exists(struct table_log *log, bool *exists, struct error *error);

#endif
