/* Sizes in bytes, as people write them. Any thread. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

enum { SIZE_TEXT_SIZE = 32 };

/* 4096, "512K", "256M", "2G", "1T", also with "iB" or "B" behind; 1 at least. The error begins with
 * `name`. */
enum error_code size_from_json(const struct json *value, const char *name, int64_t *bytes,
                               struct error *error);

/* "64 MiB", "1.5 GiB", "900 B". */
void size_format(char text[SIZE_TEXT_SIZE], int64_t bytes);

#endif
