/* The single items of a pattern: how far one reaches and whether a byte is of it. For pattern*.c.
 * Any thread. */
#ifndef BASE_PATTERN_ITEM_H
#define BASE_PATTERN_ITEM_H

#include <stdbool.h>

/* The end of the item (`x`, `%x`, `[...]`) that begins at `p`, which is before `stop`; NULL with
 * *problem when it has none. */
const char *pattern_item_end(const char *p, const char *stop, const char **problem);

/* Whether the byte is of the class `%letter`. */
bool pattern_class_has(unsigned char byte, unsigned char letter);

/* Whether the byte is in the set `[...]` that begins at `p` and ends before `end`. */
bool pattern_set_has(unsigned char byte, const char *p, const char *end);

/* The same of any item. */
static inline bool pattern_item_has(unsigned char byte, const char *p, const char *end)
{
  switch (*p) {
  case '.':
    return true;
  case '%':
    return pattern_class_has(byte, (unsigned char)p[1]);
  case '[':
    return pattern_set_has(byte, p, end);
  default:
    return byte == (unsigned char)*p;
  }
}

#endif
