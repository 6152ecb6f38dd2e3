/* Cutting a stream into frames gives the same frames however the stream arrives: held against a
 * splitter that sees everything at once. Each byte's lowest bit says whether a chunk ends there. */
#include <stdlib.h>
#include <string.h>

#include "ctl/frame.h"
#include "driver.h"

enum { LIMIT = 64 };

static const char *const seeds[] = {"{\"id\":1,\"op\":\"ping\"}\n{\"id\":2,\"op\":\"ping\"}\r\n",
                                    "\n\n\r\n\r\r\n x \n",
                                    "0123456789012345678901234567890123456789012345678901234567890"
                                    "12345678901234567890\n",
                                    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds};

/* What a stream means: its lines without ends and empty ones, up to one that is too long. */
static size_t take_line(const char *text, size_t size, const char **line, size_t *line_size)
{
  const char *end = memchr(text, '\n', size);
  if (!end)
    return 0;
  *line = text;
  *line_size = (size_t)(end - text);
  return *line_size + 1;
}

struct expected {
  const char *text;
  size_t size;
};

static void expect_frame(struct expected *rest, const char *frame, size_t size)
{
  const char *line;
  size_t line_size, taken;
  while ((taken = take_line(rest->text, rest->size, &line, &line_size))) {
    rest->text += taken;
    rest->size -= taken;
    line_size -= line_size && line[line_size - 1] == '\r';
    if (!line_size)
      continue;
    if (line_size != size || memcmp(line, frame, size) != 0)
      fuzz_fail("\"%.*s\" is handed out as \"%.*s\"", (int)line_size, line, (int)size, frame);
    if (frame[size] != '\0')
      fuzz_fail("a frame does not end");
    return;
  }
  fuzz_fail("a frame that nobody sent: \"%.*s\"", (int)size, frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct frame_splitter splitter = {.limit = LIMIT};
  struct expected rest = {(const char *)data, size};
  size_t begun = 0;
  for (size_t i = 0; i < size; i++) {
    if (!(data[i] & 1) && i + 1 < size)
      continue;
    frame_push(&splitter, (const char *)data + begun, i + 1 - begun);
    begun = i + 1;
    char *frame;
    size_t frame_size;
    enum frame_status status;
    while ((status = frame_next(&splitter, &frame, &frame_size)) == FRAME_READY) {
      if (frame_size > LIMIT)
        fuzz_fail("a frame of %zu bytes", frame_size);
      expect_frame(&rest, frame, frame_size);
      fuzz_accepted++;
    }
    if (status == FRAME_TOO_LONG)
      break;
  }
  frame_splitter_deinit(&splitter);
  return 0;
}
