/* Lengths of time as people write them: "1h30m", "5s", "100ms", "1.5h", "1d12h", or a bare number
 * of seconds. Units: w d h m s ms us, a day being 24 hours; in any order, each at most once, spaces
 * allowed between. What is finer than a microsecond is rounded to the nearest. Any thread. */
#ifndef TIME_DURATION_H
#define TIME_DURATION_H

#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

enum { DURATION_TEXT_SIZE = 64 };

/* A thousand years: nothing longer is read. Longer ones are mistakes, and so sums of a few lengths
 * and an instant cannot overflow. */
#define DURATION_MAX_US (INT64_C(365250) * 86400 * 1000000)

/* Refuses negative ones. `*us` is set only on success. */
enum error_code duration_parse(const char *text, int64_t *us, struct error *error);

/* The same, with an optional sign in front of the whole: "-1d", "+1h30m". */
enum error_code duration_parse_signed(const char *text, int64_t *us, struct error *error);

/* A number of seconds; refuses negative ones and NaN. */
enum error_code duration_from_seconds(double seconds, int64_t *us, struct error *error);

/* A number of seconds or a string as above; negative ones are refused. */
enum error_code duration_from_json(const struct json *value, int64_t *us, struct error *error);

/* For what is added up: refuses what is over DURATION_MAX_US. */
enum error_code duration_check(int64_t us, struct error *error);

/* "1h30m", "5s", "100ms", "0s", "-1d"; duration_parse_signed reads back the same length, if it is
 * not too long. */
void duration_format(char out[DURATION_TEXT_SIZE], int64_t us);

#endif
