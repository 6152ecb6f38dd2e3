/* How things look for a person: colours, widths, times told from now. All of it is plain when the
 * output is no terminal. Pure but for screen_init. */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum color {
  COLOR_NONE,
  COLOR_RED,
  COLOR_GREEN,
  COLOR_YELLOW,
  COLOR_BLUE,
  COLOR_MAGENTA,
  COLOR_CYAN,
  COLOR_DIM,
  COLOR_BOLD,
};

struct screen {
  bool is_terminal;
  bool has_color;
  int width;      /* columns; 0: without bound */
  int64_t now_us; /* what "in 5m" counts from */
};

/* Looks at the descriptor, TERM and NO_COLOR. */
void screen_init(struct screen *screen, int fd, bool no_color);

void screen_begin_color(const struct screen *screen, struct buffer *out, enum color color);
void screen_end_color(const struct screen *screen, struct buffer *out, enum color color);
/* Text that is already safe to show. */
void screen_append(const struct screen *screen, struct buffer *out, enum color color,
                   const char *text);

/* Of a job's or a run's state, an event's name, a log level. */
enum color color_of(const char *word);

/* Columns that UTF-8 text takes: wide East Asian characters and emoji two, marks none. */
int text_width(const char *text, size_t size);

/* Bytes of the longest beginning that takes at most `width` columns. */
size_t text_fit(const char *text, size_t size, int width);

/* "350ms", "1.2s", "3m 12s", "2h 5m", "4d 3h": the two largest units. */
void append_span(struct buffer *out, int64_t us);

/* "in 3m 12s", "2h 5m ago", "now". */
void append_when(struct buffer *out, int64_t us, int64_t now_us);

#endif
