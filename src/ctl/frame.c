/* What was handed out is removed at the next push, so that a burst of small frames moves the bytes
 * once; what was scanned for a line end is not scanned again, so that a frame arriving byte by byte
 * costs no more than one that comes at once. */
#include "ctl/frame.h"

#include <string.h>

enum { KEPT_CAPACITY = 256 << 10 };

void frame_splitter_deinit(struct frame_splitter *splitter)
{
  buffer_deinit(&splitter->bytes);
  splitter->taken = splitter->scanned = 0;
}

void frame_push(struct frame_splitter *splitter, const char *bytes, size_t size)
{
  if (splitter->taken > 0) {
    buffer_remove_front(&splitter->bytes, splitter->taken);
    splitter->scanned -= splitter->taken;
    splitter->taken = 0;
    if (splitter->bytes.size == 0 && splitter->bytes.capacity > KEPT_CAPACITY)
      buffer_deinit(&splitter->bytes);
  }
  buffer_append(&splitter->bytes, bytes, size);
}

enum frame_status frame_next(struct frame_splitter *splitter, char **frame, size_t *size)
{
  for (;;) {
    size_t unscanned = splitter->bytes.size - splitter->scanned;
    char *end =
        unscanned == 0 ? NULL : memchr(splitter->bytes.data + splitter->scanned, '\n', unscanned);
    if (!end) {
      splitter->scanned = splitter->bytes.size;
      return splitter->bytes.size - splitter->taken > splitter->limit ? FRAME_TOO_LONG : FRAME_NONE;
    }
    char *start = splitter->bytes.data + splitter->taken;
    size_t length = (size_t)(end - start);
    splitter->taken = splitter->scanned = (size_t)(end - splitter->bytes.data) + 1;
    if (length > splitter->limit)
      return FRAME_TOO_LONG;
    if (length > 0 && start[length - 1] == '\r')
      length--;
    if (length == 0)
      continue;
    start[length] = '\0';
    *frame = start;
    *size = length;
    return FRAME_READY;
  }
}
