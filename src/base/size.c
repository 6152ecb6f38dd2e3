/* The units are powers of 1024 whatever stands behind the letter, as in most configuration files.
 */
#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "KMGT";

enum error_code size_from_json(const struct json *value, const char *name, int64_t *bytes,
                               struct error *error)
{
  const char *text = value->type == JSON_STRING ? value->as.string.data : NULL;
  char *rest = NULL;
  if (!text && value->type != JSON_INTEGER)
    return error_set(error, ERROR_INVALID,
                     "%s must be a number of bytes or a text such as \"256M\", not %s", name,
                     json_type_name(value->type));
  long long count = text ? strtoll(text, &rest, 10) : value->as.integer;
  int shift = 0;
  const char *letter = text && *rest ? strchr(letters, *rest) : NULL;
  if (letter) {
    shift = 10 * (int)(letter - letters + 1);
    rest += strncmp(rest + 1, "iB", 2) == 0 ? 3 : 1;
  }
  if (text && (rest == text || strcmp(rest, *rest == 'B' ? "B" : "") != 0))
    return error_set(error, ERROR_INVALID,
                     "%s \"%s\" is no size: write 4096, \"512K\", \"256M\", \"2G\"", name, text);
  if (count < 1 || count > INT64_MAX >> (shift + 1))
    return error_set(error, ERROR_INVALID, "%s is not a size that can be", name);
  *bytes = (int64_t)count << shift;
  return ERROR_OK;
}

void size_format(char text[SIZE_TEXT_SIZE], int64_t bytes)
{
  int power = 0;
  double number = (double)bytes;
  for (; number >= 1024 && power < (int)sizeof letters - 1; power++)
    number /= 1024;
  if (power == 0)
    snprintf(text, SIZE_TEXT_SIZE, "%lld B", (long long)bytes);
  else
    snprintf(text, SIZE_TEXT_SIZE, "%.*f %ciB", number == (double)(int64_t)number ? 0 : 1, number,
             letters[power - 1]);
}
