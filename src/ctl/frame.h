/* Cuts a stream of bytes into frames: lines of at most `limit` bytes, ended by "\n" (a "\r" before
 * it is dropped too, as are empty lines). `struct frame_splitter s = {.limit = n}` is an empty one.
 * Not thread-safe. */
#ifndef CTL_FRAME_H
#define CTL_FRAME_H

#include "base/buffer.h"

struct frame_splitter {
  size_t limit;
  struct buffer bytes;
  size_t taken;   /* bytes in front that were handed out */
  size_t scanned; /* bytes in front that hold no line end behind `taken` */
};

enum frame_status { FRAME_NONE, FRAME_READY, FRAME_TOO_LONG };

void frame_splitter_deinit(struct frame_splitter *splitter);

void frame_push(struct frame_splitter *splitter, const char *bytes, size_t size);

/* The next whole frame, without its end; `*frame` is NUL-terminated, may be changed, and lives
 * until the next push. FRAME_TOO_LONG comes as soon as more than `limit` bytes without an end are
 * there; the stream is of no use afterwards. */
enum frame_status frame_next(struct frame_splitter *splitter, char **frame, size_t *size);

#endif
