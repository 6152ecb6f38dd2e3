/* The inside of a zone, shared by those who build one (tzif.c, zone_find.c) and who asks (zone.c).
 *
 * `at` holds the instants of the transitions, strictly ascending, all within the years 1 to 10400
 * or so; `type[i]` is in force from at[i] on, `first_type` before at[0]. When `cycles` is set, the
 * last 400 years of the table come from the footer's rule, and what lies behind the table repeats
 * them. */
#ifndef TIME_ZONE_DATA_H
#define TIME_ZONE_DATA_H

#include <stddef.h>

#include "time/zone.h"

enum { ZONE_TYPES_MAX = 250 };

struct zone {
  char *name;
  size_t count;
  int64_t *at;
  uint8_t *type;
  struct zone_offset *types;
  char *abbreviations; /* the bytes that `types` points to; NUL-terminated each */
  uint8_t first_type;
  bool cycles;
};

void zone_destroy(struct zone *zone); /* NULL is fine */

/* From the bytes of a TZif file. */
enum error_code tzif_parse(const unsigned char *bytes, size_t size, struct zone **zone,
                           struct error *error);

/* From a POSIX TZ string, "CET-1CEST,M3.5.0,M10.5.0/3". */
enum error_code tzif_from_rule(const char *rule, struct zone **zone, struct error *error);

#endif
