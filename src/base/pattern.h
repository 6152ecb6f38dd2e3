/* Lua's patterns (manual of Lua 5.4, section 6.4.1) without Lua and in steps.
 *
 * Same language, same results and same messages as string.find, with two differences: the matcher
 * neither recurses nor allocates, so that it can stop after any number of steps and go on later;
 * and there is no "pattern too complex".
 *
 * The whole state is `struct pattern` with two arrays that its user supplies: the captures, and the
 * points where an attempt may choose again. Each item of a pattern holds at most one point, so
 * their number is known beforehand. A step is about one byte looked at by one item. Any thread. */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
  PATTERN_CAPTURES_MAX = 32,
  PATTERN_CAPTURE_OPEN = -1,     /* as the size: not closed, the user's error */
  PATTERN_CAPTURE_POSITION = -2, /* as the size: `()` */
  PATTERN_SIZE_MAX = 1 << 20,    /* a set is looked at in one step */
};

enum pattern_result {
  PATTERN_MATCHED,
  PATTERN_FAILED,
  PATTERN_MORE,      /* the budget is used up: call again */
  PATTERN_MALFORMED, /* `problem` says how */
};

struct pattern_capture {
  const char *start;
  ptrdiff_t size;
};

struct pattern_point {
  int kind;
  int capture;
  const char *low, *high; /* of the text: where the item began, where the rest is tried */
  const char *item, *rest;
};

/* Those members may be read by its user whose comment is in capitals. */
struct pattern {
  const char *text, *text_end;
  const char *start, *stop; /* the pattern, behind its anchor */
  /* The item that a match begins with behind opened captures, if there is one; and whether a match
   * can begin only where it takes a byte. */
  const char *first, *first_end;
  bool first_is_sure;
  bool has_references; /* %1 */
  bool is_anchored;
  const char *at;      /* WHERE THE MATCH BEGINS, and the attempt before it is one */
  const char *end;     /* AND WHERE IT ENDS */
  const char *not_end; /* a match that ends here does not count */
  const char *skip_to; /* the next attempt that is worth trying */
  const char *problem; /* OF A MALFORMED PATTERN */
  char problem_text[40];
  int phase;
  long depth; /* of %b */
  const char *s, *p;
  struct pattern_point *points;
  size_t point_count;
  int capture_count; /* THE CAPTURES */
  struct pattern_capture *captures;
};

/* As many points and captures as it can need. */
size_t pattern_points(const char *pattern, size_t size);
size_t pattern_captures(const char *pattern, size_t size);

/* `pattern` is without its anchor; texts and arrays are the caller's and must stay. */
void pattern_init(struct pattern *it, const char *text, size_t text_size, const char *pattern,
                  size_t size, struct pattern_point *points, struct pattern_capture *captures);

/* Begins the search for the first match from `from` on, which does not end at `not_end` (NULL: may
 * end anywhere). */
void pattern_begin(struct pattern *it, const char *from, bool is_anchored, const char *not_end);

/* Goes on for about *budget steps, which are subtracted. */
enum pattern_result pattern_step(struct pattern *it, int64_t *budget);

/* Whether `pattern`, with its anchor, is found in the text, by at most so many steps. Error of
 * PATTERN_MALFORMED; PATTERN_MORE leaves open whether it is. */
enum pattern_result pattern_find(const char *text, size_t size, const char *pattern, int64_t budget,
                                 struct error *error);

/* Whether all of `pattern` is well formed, which a search notices only where it comes by. */
enum error_code pattern_check(const char *pattern, struct error *error);

#endif
