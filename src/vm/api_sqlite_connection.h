/* The queue before one database: its jobs are done one at a time, in order, by libuv's pool. While
 * a call has a transaction open, only that call's jobs are done; a call that ends and leaves one
 * open has it rolled back. On the loop's thread. */
#ifndef VM_API_SQLITE_CONNECTION_H
#define VM_API_SQLITE_CONNECTION_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "vm/api_sqlite_session.h"
#include "vm/wait.h"

struct sqlite_connection;

/* One job in the queue, which a call waits for; or nobody does. */
struct sqlite_wait {
  struct wait wait; /* first */
  struct sqlite_job job;
  struct sqlite_connection *connection; /* NULL when it was done */
  uint64_t call;                        /* its number; 0: nobody's */
  TAILQ_ENTRY(sqlite_wait) entry;
};

/* Takes over the options' texts. One hold is the caller's. L tells whose calls are asked about. */
struct sqlite_connection *sqlite_connection_create(lua_State *L,
                                                   const struct sqlite_options *options);

/* What needs the connection holds it; with the last hold it is closed, and frees itself while the
 * loop runs on. */
void sqlite_connection_hold(struct sqlite_connection *connection);
void sqlite_connection_release(struct sqlite_connection *connection);

/* Queues a job of the running call; wait_begin must follow. wait_done is called when it is done. */
void sqlite_connection_queue(lua_State *L, struct sqlite_connection *connection,
                             struct sqlite_wait *wait);

/* Queues the end of a cursor. Nobody waits for it. */
void sqlite_connection_close_cursor(struct sqlite_connection *connection,
                                    struct sqlite_cursor *cursor);

/* The call of the wait was killed. */
void sqlite_connection_cancel(struct sqlite_wait *wait);

bool sqlite_connection_is_open(const struct sqlite_connection *connection);
void sqlite_connection_set_closing(struct sqlite_connection *connection);
int64_t sqlite_connection_last_insert_id(const struct sqlite_connection *connection);

#endif
