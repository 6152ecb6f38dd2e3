/* What the sqlite_*.c files share: the connection, and a small way to run a statement.
 *
 * A statement is written where it is used, prepared at its first use and kept for the life of the
 * store, found again by the address of its literal; one for which no place is left is prepared anew
 * each time. A query carries its own failure: after the first one the binds, rows and columns do
 * nothing, and query_close() tells. So a reader is
 *
 *   struct query query = query_open(store, "SELECT a, b FROM t WHERE c = ?", error);
 *   bind_integer(&query, c);
 *   while (query_row(&query) && visit(context, query_integer(&query, 0), query_text(&query, 1)))
 *     ;
 *   return query_close(&query);
 *
 * and every query that was opened is closed. Scheduler thread. */
#ifndef STORE_SQLITE_STORE_H
#define STORE_SQLITE_STORE_H

#include <sqlite3.h>

#include "base/buffer.h"
#include "store/store.h"

enum { STATEMENT_SLOTS = 256 }; /* about twice the number of statements, so that they lie apart */

struct kept_statement {
  const char *sql; /* NULL: the place is free */
  sqlite3_stmt *statement;
};

struct store {
  sqlite3 *db;
  char *path; /* NULL for a store in memory */
  int lock;   /* the lock file's descriptor; -1 for a store in memory */
  int64_t epoch;
  enum error_code failed;             /* of the transaction: commit refuses */
  bool lacks_room;                    /* since the last commit */
  struct error failure;               /* the first of it, when it has failed */
  bool unsafe;                        /* after ERROR_IO: nothing is asked or begun any more */
  int64_t last_number, last_reserved; /* job numbers: given, and set aside in meta */
  int wal_pages, moved_pages;
  struct run_key prune_from; /* where this pass of pruning goes on */
  struct buffer scratch;
  struct kept_statement statements[STATEMENT_SLOTS];
};

/* ---- sqlite_query.c ---- */

struct query {
  struct store *store;
  sqlite3_stmt *statement; /* NULL after a failure to prepare */
  struct error *error;
  enum error_code code;
  int bound;
  bool kept; /* reset rather than finalized at the end */
};

/* `sql` must be a literal. A write outside a transaction is ERROR_INTERNAL. */
struct query query_open(struct store *store, const char *sql, struct error *error);

/* BEGIN, COMMIT or ROLLBACK, as a literal. */
enum error_code query_transaction(struct store *store, const char *sql, struct error *error);

/* Bind the next parameter. Text must live until query_close(). */
void bind_integer(struct query *query, int64_t value);
void bind_optional(struct query *query, int64_t value, int64_t absent); /* NULL when absent */
void bind_text(struct query *query, const char *text);                  /* NULL is NULL */
void bind_bytes(struct query *query, const char *text, size_t size);

bool query_row(struct query *query);   /* false at the end and after a failure */
void query_reset(struct query *query); /* to bind and step again */
enum error_code query_close(struct query *query);
enum error_code query_run(struct query *query); /* one step and close: for writes */
/* The same; `code` and no change when no row was changed. The text is set by the caller. */
enum error_code query_run_one(struct query *query, enum error_code code);

int64_t query_integer(const struct query *query, int column); /* 0 for NULL */
int64_t query_optional(const struct query *query, int column, int64_t absent);
const char *query_text(const struct query *query, int column); /* NULL for NULL; until next row */

/* Runs SQL that returns nothing and is not worth keeping. */
enum error_code store_execute(struct store *store, const char *sql, struct error *error);
/* The one integer that `sql` gives. */
enum error_code store_ask(struct store *store, const char *sql, int64_t *value,
                          struct error *error);
/* What the connection's last failure means to us, with a sentence for people. */
enum error_code store_fail(struct store *store, struct error *error);
/* What an unsafe store answers: ERROR_IO. */
enum error_code store_refuse(struct store *store, struct error *error);
void store_forget_statements(struct store *store);

static inline const char *store_name(const struct store *store)
{
  return store->path ? store->path : "the store in memory";
}

/* ---- chains of runs ---- */

/* Ends a walk along previous_us that would go round for ever: links are made by claims, and a clock
 * that was set back may lead two of them to the same instant. Every power of two steps it marks
 * where it is, and meeting the mark again is a circle. */
struct chain_guard {
  int64_t mark_us;
  uint64_t steps, until;
};

static inline bool chain_goes_on(struct chain_guard *guard, int64_t at_us)
{
  if (at_us == INT64_MIN || (guard->steps > 0 && at_us == guard->mark_us))
    return false;
  if (guard->steps++ == guard->until) {
    guard->until = 2 * guard->until + 1;
    guard->mark_us = at_us;
  }
  return true;
}

/* ---- sqlite_schema.c ---- */

/* Refuses what is no store of ours, before anything is written to it. */
enum error_code schema_recognise(struct store *store, struct error *error);
enum error_code schema_migrate(struct store *store, struct error *error);

#endif
