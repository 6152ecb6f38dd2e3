/* How often something may happen: "10/s", "100/min", "5/30s". At most `count` times within any span
 * of `period_us`. Plain data, any thread. */
#ifndef MODEL_RATE_H
#define MODEL_RATE_H

#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

/* The times of so many are kept in memory. */
enum { RATE_COUNT_MAX = 10000, RATE_TEXT_SIZE = 80 };

struct rate {
  int32_t count; /* 0: unlimited */
  int64_t period_us;
};

/* A string of a count, "/" and a unit (s, min, h, d) or a duration; `*rate` is set only on success.
 */
enum error_code rate_from_json(const struct json *value, struct rate *rate, struct error *error);

/* The same in its shortest form. */
void rate_format(char out[RATE_TEXT_SIZE], const struct rate *rate);

#endif
