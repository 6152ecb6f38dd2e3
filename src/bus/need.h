/* What a thread cannot live without: its loop, its mailbox, itself. */
#ifndef BUS_NEED_H
#define BUS_NEED_H

#include <stdnoreturn.h>
#include <uv.h>

#include "base/error.h"

/* `result` as libuv's functions give it: below 0, the process says what it could not get and what
 * to do, and exits with EX_IOERR. Any thread. */
void need(int result, const char *what);

/* For who can go on without it: below 0, ERROR_IO with what need() would say. Any thread. */
enum error_code need_ask(int result, const char *what, struct error *error);

/* libuv's pool has its threads from now on. libuv itself makes them at their first work, and aborts
 * when the system has none to give then: who may not end in the middle of work asks for them at its
 * start. `loop` has to be run once. Before the loop's thread is started, or on it. */
void need_pool(uv_loop_t *loop);

/* Says so, and ends as need() does. Any thread. */
noreturn void need_end(const struct error *error);

#endif
