/* What a pool may be called and how many slots it may have: said of those that scripts declare and
 * of those that are set at run time. Any thread. */
#ifndef MODEL_POOL_H
#define MODEL_POOL_H

#include <stddef.h>

#include "base/error.h"
#include "base/json.h"

/* `slots` is a whole number, which *count becomes; else ERROR_INVALID. */
enum error_code pool_check(const char *name, size_t name_size, const struct json *slots,
                           int64_t *count, struct error *error);

#endif
