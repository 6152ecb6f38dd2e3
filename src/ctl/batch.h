/* One line of the batch interface: a question about a trigger in, its answer out.
 *
 *   {"id":"a1","kind":"cron5","params":{"expr":"30 2 * * *"},"tz":"Europe/Berlin",
 *    "start_epoch":1774695600,"k":3}
 *   {"id":"a1","fires":[1774746000,1774830600,1774917000]}
 *
 * The kinds and parameters are named as other schedulers name them, so that cases can be given to
 * several of them as they are. Pure; any thread. */
#ifndef CTL_BATCH_H
#define CTL_BATCH_H

#include <stddef.h>

#include "base/buffer.h"

enum { BATCH_FIRES_MAX = 100000, BATCH_FIRES_DEFAULT = 5 };

/* Appends the answer and a newline: `{"id":...,"fires":[...]}`, or
 * `{"id":...,"error":{"message":...,"column":N or null}}`. Never fails in another way. */
void batch_answer(const char *line, size_t size, struct buffer *out);

/* The answer to a line that cannot be read at all. */
void batch_refuse(const char *message, struct buffer *out);

#endif
