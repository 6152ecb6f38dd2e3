/* The rule of a POSIX TZ string, as it stands in the footer of TZif files, with the extension of
 * RFC 8536: hours from -167 to 167. Pure; any thread. */
#ifndef TIME_POSIX_TZ_H
#define TIME_POSIX_TZ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { POSIX_TZ_NAME_SIZE = 32 };

struct posix_tz_date {
  enum { DAY_JULIAN, DAY_OF_YEAR, DAY_OF_MONTH } kind; /* Jn, n, Mm.w.d */
  int32_t month, week, day;
  int32_t time_s; /* of the wall clock before the change; may be negative or over a day */
};

struct posix_tz {
  char std_name[POSIX_TZ_NAME_SIZE], dst_name[POSIX_TZ_NAME_SIZE];
  int32_t std_offset_s, dst_offset_s; /* east is positive */
  bool has_dst;
  struct posix_tz_date start, end; /* of DST */
};

enum error_code posix_tz_parse(const char *text, struct posix_tz *tz, struct error *error);

/* The instants at which DST begins and ends in a year; in the south, or with negative DST, the end
 * comes first. */
void posix_tz_year(const struct posix_tz *tz, int32_t year, int64_t *start_s, int64_t *end_s);

#endif
