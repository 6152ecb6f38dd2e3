/* What a worker and an isolated process say to each other: the very messages of model/message.h,
 * as frames on a pipe, of those kinds that a run needs; and first of all the settings, one JSON
 * object. Both ends are one program, so numbers are as they lie in memory.
 *
 * A frame: its size behind this number (uint32), its kind (int32), its tag (uint64), the members in
 * the order of a table; a string is its size and 1 (uint32; 0 for NULL), and its bytes.
 *
 * The worker believes nothing of what it reads: a frame is taken whole or refused, and the values
 * in it are for isolate.c to judge. */
#ifndef EXEC_ISOLATE_WIRE_H
#define EXEC_ISOLATE_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "model/message.h"

enum { WIRE_FRAME_MAX = 16 << 20 };

/* With this status an isolated process ends that was refused memory. */
enum { ISOLATED_OUT_OF_MEMORY = 86 };

enum wire_result {
  WIRE_NOTHING, /* no whole frame is there */
  WIRE_MESSAGE,
  WIRE_SETTINGS,
  WIRE_ALIVE,
  WIRE_BROKEN, /* what follows cannot be read any more */
};

/* Appends a frame; nothing, and false, for a kind that does not cross. The message stays the
 * caller's. */
bool wire_put(struct buffer *out, const struct message *message);
void wire_put_settings(struct buffer *out, const char *json);
/* Of a process whose run may not be silent for long: its loop turns, whatever the run does. */
void wire_put_alive(struct buffer *out);

/* Takes the frame at *at and moves *at behind it. `from` and `to` of a message are not on the wire.
 * Both results are the caller's. */
enum wire_result wire_take(const struct buffer *in, size_t *at, struct message **message,
                           char **settings);

#endif
