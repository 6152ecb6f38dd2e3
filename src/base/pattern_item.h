/* The single items of a pattern: how far one reaches and whether a byte is of it. For pattern*.c.
 * Any thread. */
#ifndef BASE_PATTERN_ITEM_H
#define BASE_PATTERN_ITEM_H

#include <stdbool.h>
#include <stdint.h>

/* The end of the item (`x`, `%x`, `[...]`) that begins at `p`, which is before `stop`; NULL with
 * *problem when it has none. */
const char *pattern_item_end(const char *p, const char *stop, const char **problem);

/* By byte, a bit for each class; by letter of either case, the bit of its class, or 0. */
extern const uint16_t pattern_classes_of[256];
extern const uint16_t pattern_class_bit[256];

/* Whether the byte is of the class `%letter`. Letters and such are those of ASCII. */
static inline bool pattern_class_has(unsigned char byte, unsigned char letter)
{
  uint16_t bit = pattern_class_bit[letter];
  if (!bit)
    return byte == letter;
  return ((pattern_classes_of[byte] & bit) != 0) != (letter < 'a');
}

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
