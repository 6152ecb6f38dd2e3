/* From the wall clock to instants: what a trigger that knows local times fires in a zone whose
 * clock skips and repeats hours.
 *
 * A kind gives its local times (`wall_source`), which know no zone; wall_next() and wall_count()
 * walk the zone's spans of one offset and apply the rules for gaps and overlaps. Local seconds as
 * in time/zone.h. Pure; any thread. Private to src/trigger. */
#ifndef TRIGGER_WALL_H
#define TRIGGER_WALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "time/zone.h"

/* What becomes of local times that do not occur. */
enum wall_gap {
  WALL_GAP_FIRST, /* "first": they fire once, together, at the first instant after the gap; not
                   * when the gap has three hours or more (Samoa had no 30 December 2011) */
  WALL_GAP_SKIP,  /* "skip": they do not fire */
  WALL_GAP_SHIFT, /* "shift": by the offset before the gap, so behind it (RFC 5545, 3.3.5) */
};

/* Which of the two instants of a local time fires. */
enum wall_overlap { WALL_OVERLAP_FIRST, WALL_OVERLAP_SECOND, WALL_OVERLAP_BOTH };

struct wall_rules {
  uint8_t gap, overlap;
};

/* Both real instants and nothing for a gap: every instant whose wall clock matches. */
#define WALL_RULES_ELAPSED ((struct wall_rules){WALL_GAP_SKIP, WALL_OVERLAP_BOTH})

/* The members "gap" and "overlap"; what is absent stays as it is in `*rules`. */
enum error_code wall_read_rules(const struct json *value, struct wall_rules *rules,
                                struct error *error);
/* Writes those that differ from `otherwise`. */
void wall_put_rules(struct json_writer *writer, struct wall_rules rules,
                    struct wall_rules otherwise);

struct wall_source {
  const void *of; /* the kind's own */
  /* The first local time at or after `local_s`; false when there is none. */
  bool (*next)(const void *of, int64_t local_s, int64_t *match_s);
  /* How many there are in [from_s, until_s); NULL when there is no arithmetic answer, then
   * wall_count() must not be called. */
  int64_t (*count)(const void *of, int64_t from_s, int64_t until_s);
};

/* The first fire at or after the instant `utc_s`. */
bool wall_next(const struct wall_source *source, const struct zone *zone, struct wall_rules rules,
               int64_t utc_s, int64_t *fire_s);

/* Fires in [from_s, until_s), instants. By the source's arithmetic; only with WALL_GAP_SHIFT the
 * local times inside of gaps are looked at one by one, and after 25,000 of them the rest of those
 * is not counted: half a century of a fire every few seconds. */
int64_t wall_count(const struct wall_source *source, const struct zone *zone,
                   struct wall_rules rules, int64_t from_s, int64_t until_s);

/* trigger_next for a kind of whole seconds: the first fire after `after_us` by wall_next, within
 * the calendar. */
bool wall_next_us(const struct wall_source *source, const struct zone *zone,
                  struct wall_rules rules, int64_t after_us, int64_t *next_us);

/* trigger_kind.count for such a kind: the fires in (after_us, until_us], and the last of them. */
int64_t wall_count_us(const struct wall_source *source, const struct zone *zone,
                      struct wall_rules rules, int64_t after_us, int64_t until_us,
                      int64_t *last_us);

#endif
