#include "ctl/screen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

void screen_init(struct screen *screen, int fd, bool no_color)
{
  const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");
  *screen = (struct screen){.is_terminal = isatty(fd) == 1, .now_us = clock_wall_us()};
  if (!screen->is_terminal)
    return;
  screen->has_color = !no_color && !(plain && *plain) && term && *term && strcmp(term, "dumb") != 0;
  struct winsize size;
  screen->width = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static const char *color_code(enum color color)
{
  static const char *const codes[] = {"", "31", "32", "33", "34", "35", "36", "2", "1"};
  return codes[color];
}

void screen_begin_color(const struct screen *screen, struct buffer *out, enum color color)
{
  if (screen->has_color && color != COLOR_NONE)
    buffer_printf(out, "\x1b[%sm", color_code(color));
}

void screen_end_color(const struct screen *screen, struct buffer *out, enum color color)
{
  if (screen->has_color && color != COLOR_NONE)
    buffer_append_text(out, "\x1b[0m");
}

void screen_append(const struct screen *screen, struct buffer *out, enum color color,
                   const char *text)
{
  screen_begin_color(screen, out, color);
  buffer_append_text(out, text);
  screen_end_color(screen, out, color);
}

enum color color_of(const char *word)
{
  static const struct {
    const char *word;
    enum color color;
  } colors[] = {
      {"active", COLOR_GREEN},
      {"paused", COLOR_YELLOW},
      {"finished", COLOR_DIM},
      {"error", COLOR_RED},
      {"pending", COLOR_BLUE},
      {"running", COLOR_CYAN},
      {"succeeded", COLOR_GREEN},
      {"failed", COLOR_RED},
      {"timed_out", COLOR_RED},
      {"cancelled", COLOR_YELLOW},
      {"cancelling", COLOR_YELLOW},
      {"snoozed", COLOR_BLUE},
      {"interrupted", COLOR_MAGENTA},
      {"warn", COLOR_YELLOW},
      {"debug", COLOR_DIM},
      {"job_executed", COLOR_GREEN},
      {"job_error", COLOR_RED},
      {"job_late", COLOR_RED},
      {"job_recovered", COLOR_GREEN},
      {"late", COLOR_RED},
      {"failing", COLOR_RED},
      {"job_missed", COLOR_YELLOW},
      {"job_max_instances", COLOR_YELLOW},
      {"job_waiting", COLOR_YELLOW},
      {"job_retry", COLOR_YELLOW},
      {"job_cancelled", COLOR_YELLOW},
      {"job_cancelling", COLOR_YELLOW},
      {"job_interrupted", COLOR_MAGENTA},
      {"job_started", COLOR_CYAN},
      {"script_failed", COLOR_RED},
      {"script_loaded", COLOR_GREEN},
  };
  for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++)
    if (strcmp(colors[i].word, word) == 0)
      return colors[i].color;
  return COLOR_NONE;
}

/* ---- width ---- */

struct range {
  uint32_t first, last;
};

static bool is_within(const struct range *ranges, size_t count, uint32_t point)
{
  for (size_t i = 0; i < count; i++)
    if (point >= ranges[i].first && point <= ranges[i].last)
      return true;
  return false;
}

#define WITHIN(ranges, point) is_within(ranges, sizeof(ranges) / sizeof(ranges)[0], point)

/* Blocks rather than single characters: the C library's wcwidth depends on the locale, which a
 * service often does not have. */
static int point_width(uint32_t point)
{
  static const struct range zero[] = {
      {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
      {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
      {0x200b, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
  };
  static const struct range wide[] = {
      {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615},
      {0x26a1, 0x26a1},   {0x2705, 0x2705},   {0x274c, 0x274c},   {0x2e80, 0x303e},
      {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
      {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
      {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
      {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
  };
  if (point < 0x300)
    return 1;
  return WITHIN(zero, point) ? 0 : WITHIN(wide, point) ? 2 : 1;
}

static uint32_t decode(const char *text, size_t length)
{
  static const unsigned char lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t point = (unsigned char)text[0] & lead_mask[length];
  for (size_t i = 1; i < length; i++)
    point = point << 6 | ((unsigned char)text[i] & 0x3f);
  return point;
}

/* Walks until the text or the width is at its end; *taken is the width walked. */
static size_t walk(const char *text, size_t size, int width, int *taken)
{
  size_t at = 0;
  *taken = 0;
  while (at < size) {
    size_t length = text_utf8_length(text + at, size - at);
    int columns = length == 0 ? 1 : point_width(decode(text + at, length));
    if (*taken + columns > width)
      break;
    *taken += columns;
    at += length == 0 ? 1 : length;
  }
  return at;
}

int text_width(const char *text, size_t size)
{
  int taken;
  walk(text, size, INT32_MAX / 2, &taken);
  return taken;
}

size_t text_fit(const char *text, size_t size, int width)
{
  int taken;
  return walk(text, size, width, &taken);
}

/* ---- time ---- */

void append_span(struct buffer *out, int64_t us)
{
  static const struct {
    const char *name;
    int64_t seconds, below; /* the next smaller unit */
  } units[] = {{"d", 86400, 3600}, {"h", 3600, 60}, {"m", 60, 1}};
  static const char *const below_names[] = {"h", "m", "s"};
  if (us < 1000000) {
    buffer_printf(out, "%" PRId64 "ms", us / 1000);
    return;
  }
  int64_t seconds = us / 1000000;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (seconds >= units[i].seconds) {
      int64_t rest = seconds % units[i].seconds / units[i].below;
      buffer_printf(out, "%" PRId64 "%s", seconds / units[i].seconds, units[i].name);
      if (rest > 0)
        buffer_printf(out, " %" PRId64 "%s", rest, below_names[i]);
      return;
    }
  if (seconds < 10 && us % 1000000 >= 100000)
    buffer_printf(out, "%" PRId64 ".%" PRId64 "s", seconds, us % 1000000 / 100000);
  else
    buffer_printf(out, "%" PRId64 "s", seconds);
}

void append_when(struct buffer *out, int64_t us, int64_t now_us)
{
  int64_t left_us = us - now_us;
  if (left_us > -1000000 && left_us < 1000000) {
    buffer_append_text(out, "now");
  } else if (left_us > 0) {
    buffer_append_text(out, "in ");
    append_span(out, (left_us + 500000) / 1000000 * 1000000);
  } else {
    append_span(out, -left_us / 1000000 * 1000000);
    buffer_append_text(out, " ago");
  }
}
