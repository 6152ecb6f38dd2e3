/* Items as the manual describes them. The classes are tables, made by the compiler: asking the C
 * library's locale for each byte would be half of the work. */
#include "base/pattern_item.h"

#include <stddef.h>

#define IS_LOWER(c) ((c) >= 'a' && (c) <= 'z')
#define IS_UPPER(c) ((c) >= 'A' && (c) <= 'Z')
#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_ALPHA(c) (IS_LOWER(c) || IS_UPPER(c))
#define IS_GRAPH(c) ((c) > ' ' && (c) < 127)
#define IS_ALNUM(c) (IS_ALPHA(c) || IS_DIGIT(c))

enum class_bit {
  BIT_ALPHA = 1,
  BIT_CONTROL = 2,
  BIT_DIGIT = 4,
  BIT_GRAPH = 8,
  BIT_LOWER = 16,
  BIT_PUNCTUATION = 32,
  BIT_SPACE = 64,
  BIT_UPPER = 128,
  BIT_ALNUM = 256,
  BIT_HEX = 512,
  BIT_ZERO = 1024,
};

#define BITS(c)                                                                                    \
  ((IS_ALPHA(c) ? BIT_ALPHA : 0) | ((c) < 32 || (c) == 127 ? BIT_CONTROL : 0) |                    \
   (IS_DIGIT(c) ? BIT_DIGIT : 0) | (IS_GRAPH(c) ? BIT_GRAPH : 0) | (IS_LOWER(c) ? BIT_LOWER : 0) | \
   (IS_GRAPH(c) && !IS_ALNUM(c) ? BIT_PUNCTUATION : 0) |                                           \
   ((c) == ' ' || ((c) >= 9 && (c) <= 13) ? BIT_SPACE : 0) | (IS_UPPER(c) ? BIT_UPPER : 0) |       \
   (IS_ALNUM(c) ? BIT_ALNUM : 0) |                                                                 \
   (IS_DIGIT(c) || ((c) >= 'a' && (c) <= 'f') || ((c) >= 'A' && (c) <= 'F') ? BIT_HEX : 0) |       \
   ((c) == 0 ? BIT_ZERO : 0))
#define BITS4(c)  BITS(c), BITS((c) + 1), BITS((c) + 2), BITS((c) + 3)
#define BITS16(c) BITS4(c), BITS4((c) + 4), BITS4((c) + 8), BITS4((c) + 12)
#define BITS64(c) BITS16(c), BITS16((c) + 16), BITS16((c) + 32), BITS16((c) + 48)

const uint16_t pattern_classes_of[256] = {BITS64(0), BITS64(64), BITS64(128), BITS64(192)};

/* `%z` is of Lua 5.1, and understood since. */
const uint16_t pattern_class_bit[256] = {
    ['a'] = BIT_ALPHA, ['A'] = BIT_ALPHA, ['c'] = BIT_CONTROL,     ['C'] = BIT_CONTROL,
    ['d'] = BIT_DIGIT, ['D'] = BIT_DIGIT, ['g'] = BIT_GRAPH,       ['G'] = BIT_GRAPH,
    ['l'] = BIT_LOWER, ['L'] = BIT_LOWER, ['p'] = BIT_PUNCTUATION, ['P'] = BIT_PUNCTUATION,
    ['s'] = BIT_SPACE, ['S'] = BIT_SPACE, ['u'] = BIT_UPPER,       ['U'] = BIT_UPPER,
    ['w'] = BIT_ALNUM, ['W'] = BIT_ALNUM, ['x'] = BIT_HEX,         ['X'] = BIT_HEX,
    ['z'] = BIT_ZERO,  ['Z'] = BIT_ZERO,
};

/* Behind the first `]` that is not the set's first byte and not escaped. */
static const char *set_end(const char *p, const char *stop, const char **problem)
{
  p++;
  if (p < stop && *p == '^')
    p++;
  do {
    if (p >= stop) {
      *problem = "malformed pattern (missing ']')";
      return NULL;
    }
    if (*p++ == '%' && p < stop)
      p++;
  } while (p >= stop || *p != ']');
  return p + 1;
}

const char *pattern_item_end(const char *p, const char *stop, const char **problem)
{
  if (*p == '[')
    return set_end(p, stop, problem);
  if (*p != '%')
    return p + 1;
  if (p + 1 < stop)
    return p + 2;
  *problem = "malformed pattern (ends with '%')";
  return NULL;
}

bool pattern_set_has(unsigned char byte, const char *p, const char *end)
{
  const char *last = end - 1; /* the bracket */
  bool found = true;
  p++;
  if (*p == '^') {
    found = false;
    p++;
  }
  while (p < last) {
    if (*p == '%') {
      if (pattern_class_has(byte, (unsigned char)p[1]))
        return found;
      p += 2;
    } else if (p[1] == '-' && p + 2 < last) {
      if ((unsigned char)p[0] <= byte && byte <= (unsigned char)p[2])
        return found;
      p += 3;
    } else {
      if ((unsigned char)*p == byte)
        return found;
      p++;
    }
  }
  return !found;
}
