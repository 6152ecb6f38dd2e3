/* The inside of a zone, shared by those who build one (tzif.c, zone_find.c) and who asks (zone.c).
 *
 * `at` holds the instants of the transitions, strictly ascending, all within the years 1 to 10400
 * or so; `type[i]` is in force from at[i] on, `first_type` before at[0]. When `cycles` is set, the
 * last 400 years of the table come from the footer's rule, and what lies behind the table repeats
 * them. The last `even_count` transitions come about twice a year, so that zone_half_years() tells
 * where among them an instant stands, give or take ZONE_GUESS_OFF. */
#ifndef TIME_ZONE_DATA_H
#define TIME_ZONE_DATA_H

#include <stdatomic.h>
#include <stddef.h>

#include "time/civil.h"
#include "time/zone.h"

enum { ZONE_TYPES_MAX = 250, ZONE_GUESS_OFF = 3 };

struct zone {
  char *name;
  size_t count, even_count;
  int64_t *at;
  uint8_t *type;
  struct zone_offset *types;
  char *abbreviations; /* the bytes that `types` points to; NUL-terminated each */
  uint8_t first_type;
  bool cycles;
  uint64_t digest;              /* of the file; 0: of none */
  _Atomic(struct zone *) newer; /* what the file says by now; NULL: the same */
  const struct zone *older;     /* in between, which somebody may be reading yet; NULL: none */
};

/* What is in force of a zone: who holds a pointer to it need not know of newer rules. */
static inline const struct zone *zone_in_force(const struct zone *zone)
{
  const struct zone *newer = atomic_load_explicit(&zone->newer, memory_order_acquire);
  return newer ? newer : zone;
}

/* The half years from an instant to the last transition. */
static inline size_t zone_half_years(const struct zone *zone, int64_t utc_s)
{
  return (uint64_t)(zone->at[zone->count - 1] - utc_s) / (uint64_t)(CIVIL_CYCLE_S / 800);
}

void zone_destroy(struct zone *zone); /* NULL is fine */

/* From the bytes of a TZif file. */
enum error_code tzif_parse(const unsigned char *bytes, size_t size, struct zone **zone,
                           struct error *error);

/* From a POSIX TZ string, "CET-1CEST,M3.5.0,M10.5.0/3". */
enum error_code tzif_from_rule(const char *rule, struct zone **zone, struct error *error);

#endif
