/* Instants, int64 microseconds since the epoch in UTC, as text. Only the years 1 to 9999 have a
 * text; INSTANT_MIN and INSTANT_MAX are the ends of what is read, written and fired. Pure. */
#ifndef TIME_INSTANT_H
#define TIME_INSTANT_H

#include <stdint.h>

#include "base/error.h"
#include "time/civil.h"
#include "time/zone.h"

enum { INSTANT_TEXT_SIZE = 40 };

#define INSTANT_MIN (CIVIL_SECONDS_MIN * 1000000)
#define INSTANT_MAX (CIVIL_SECONDS_MAX * 1000000 + 999999)

/* The second that holds the instant, rounding down also before 1970. */
static inline int64_t instant_seconds(int64_t us)
{
  return us / 1000000 - (us % 1000000 < 0);
}

/* "2026-11-21T00:08:28.000000Z", RFC 3339, always with microseconds, so that texts sort as times.
 * What lies outside the range is written as its nearest end. */
void instant_format(char out[INSTANT_TEXT_SIZE], int64_t us);

/* "2026-11-21T01:08:28+01:00": the wall clock of the zone (NULL: UTC; so too where the zone's is
 * outside the years 1 to 9999); a fraction only when there is one. */
void instant_format_in(char out[INSTANT_TEXT_SIZE], int64_t us, const struct zone *zone);

/* RFC 3339 with "Z" or an offset, or a date or date and time on the wall clock of `zone` (NULL:
 * UTC): "2026-03-29", "2026-03-29 02:30", with T, seconds, a fraction (digits behind the
 * microsecond are dropped). A wall-clock time that occurs twice is the first; one in a gap is read
 * with the offset before the gap (RFC 5545, 3.3.5). `*us` is set only on success. */
enum error_code instant_parse(const char *text, const struct zone *zone, int64_t *us,
                              struct error *error);

#endif
