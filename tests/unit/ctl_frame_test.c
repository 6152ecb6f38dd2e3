#include "support/unit.h"

#include <string.h>

#include "ctl/frame.h"

enum { LIMIT = 16 };

/* Everything at once, and byte by byte, gives the same frames. */
static void expect_frames(const char *stream, size_t size, const char *const *frames,
                          enum frame_status last)
{
  const size_t steps[] = {1, size + 1};
  for (size_t i = 0; i < 2; i++) {
    struct frame_splitter splitter = {.limit = LIMIT};
    size_t pushed = 0, seen = 0;
    enum frame_status status = FRAME_NONE;
    while (pushed < size && status != FRAME_TOO_LONG) {
      size_t part = size - pushed < steps[i] ? size - pushed : steps[i];
      char *frame;
      size_t length;
      frame_push(&splitter, stream + pushed, part);
      pushed += part;
      while ((status = frame_next(&splitter, &frame, &length)) == FRAME_READY) {
        assert_non_null(frames[seen]);
        assert_int_equal(length, strlen(frames[seen]));
        assert_string_equal(frame, frames[seen++]);
      }
    }
    assert_null(frames[seen]);
    assert_int_equal(status, last);
    frame_splitter_deinit(&splitter);
  }
}

static void cuts_lines(void **state)
{
  (void)state;
  static const struct {
    const char *stream;
    const char *frames[5];
    enum frame_status last;
  } cases[] = {
      {"", {NULL}, FRAME_NONE},
      {"a\n", {"a"}, FRAME_NONE},
      {"a\nbb\nccc\n", {"a", "bb", "ccc"}, FRAME_NONE},
      {"a\r\n\r\n\n\nb\r\n", {"a", "b"}, FRAME_NONE},
      {"half", {NULL}, FRAME_NONE},
      {"a\nhalf", {"a"}, FRAME_NONE},
      {"0123456789abcdef\nx\n", {"0123456789abcdef", "x"}, FRAME_NONE},
      {"x\n0123456789abcdef0\n", {"x"}, FRAME_TOO_LONG},
      {"0123456789abcdef012345", {NULL}, FRAME_TOO_LONG},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_frames(cases[i].stream, strlen(cases[i].stream), cases[i].frames, cases[i].last);
}

static void keeps_nul_bytes(void **state)
{
  (void)state;
  struct frame_splitter splitter = {.limit = LIMIT};
  char *frame;
  size_t size;
  frame_push(&splitter, "a\0b\n", 4);
  assert_int_equal(frame_next(&splitter, &frame, &size), FRAME_READY);
  assert_int_equal(size, 3);
  assert_memory_equal(frame, "a\0b", 4);
  frame_splitter_deinit(&splitter);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cuts_lines),
      cmocka_unit_test(keeps_nul_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
