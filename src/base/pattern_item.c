/* Items as the manual describes them. Letters are those of the C library's locale, as in Lua. */
#include "base/pattern_item.h"

#include <ctype.h>
#include <stddef.h>

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

bool pattern_class_has(unsigned char byte, unsigned char letter)
{
  bool has;
  switch (tolower(letter)) {
  case 'a':
    has = isalpha(byte);
    break;
  case 'c':
    has = iscntrl(byte);
    break;
  case 'd':
    has = isdigit(byte);
    break;
  case 'g':
    has = isgraph(byte);
    break;
  case 'l':
    has = islower(byte);
    break;
  case 'p':
    has = ispunct(byte);
    break;
  case 's':
    has = isspace(byte);
    break;
  case 'u':
    has = isupper(byte);
    break;
  case 'w':
    has = isalnum(byte);
    break;
  case 'x':
    has = isxdigit(byte);
    break;
  case 'z': /* of Lua 5.1, and understood since */
    has = byte == 0;
    break;
  default:
    return byte == letter;
  }
  return has != (isupper(letter) != 0);
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
