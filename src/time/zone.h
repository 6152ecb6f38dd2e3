/* Time zones from the system's tz database, independent of the process's TZ and of localtime().
 *
 * A zone is a row of transitions; between two of them lies a span with one offset. From UTC to the
 * wall clock is a search (zone_span, zone_at). The other way a wall-clock time may not exist (a
 * gap) or occur twice (an overlap), which zone_resolve tells. Seconds since the epoch throughout;
 * "local seconds" are a wall clock read as if it showed UTC. Zones live as long as the process and
 * change by zone_refresh() only; any thread. */
#ifndef TIME_ZONE_H
#define TIME_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct zone;

/* The zone of a name, read from $TZDIR or /usr/share/zoneinfo at its first use and then kept.
 * "UTC" needs no files. "local" is the system's zone: the TZ variable if set (a name or a POSIX
 * rule), else /etc/localtime, else UTC; it bears its real name where that can be known.
 * ERROR_INVALID for an unknown name (the text offers the nearest), ERROR_CORRUPT for a bad file. */
enum error_code zone_find(const char *name, const struct zone **zone, struct error *error);

/* Reads again all zones that are in use: those whose files have changed go by the new rules from
 * now on, in the whole process; how many these are. What cannot be read stays as it was. A zone
 * keeps its name: where "local" leads is found out at the first use only. */
int zone_refresh(void);

/* From now on "local" means the zone of that name, in the whole process. */
enum error_code zone_set_local(const char *name, struct error *error);

/* Never fails and reads no file. */
const struct zone *zone_utc(void);

const char *zone_name(const struct zone *zone);

struct zone_offset {
  int32_t offset_s; /* east is positive: wall clock = UTC + offset */
  bool is_dst;
  const char *abbreviation; /* "CEST"; the zone's */
};

/* The offset in force at an instant. */
struct zone_offset zone_at(const struct zone *zone, int64_t utc_s);

/* The span [from_s, until_s) around an instant, and the offsets of its neighbours. An end without a
 * transition is INT64_MIN or INT64_MAX, with its neighbour's offset that of the span. */
struct zone_span {
  int64_t from_s, until_s;
  struct zone_offset offset;
  int32_t before_s, after_s;
};
void zone_span(const struct zone *zone, int64_t utc_s, struct zone_span *span);

struct zone_transition {
  int64_t at_s; /* the first second of the new offset */
  struct zone_offset before, after;
};

/* The first transition after `after_s`; false when there is none. The offset need not change: the
 * name or is_dst alone may. */
bool zone_next_transition(const struct zone *zone, int64_t after_s,
                          struct zone_transition *transition);

enum local_kind { LOCAL_NORMAL, LOCAL_GAP, LOCAL_OVERLAP };

/* What a wall-clock time means. In a gap first_s is by the offset before it (so it lies behind the
 * transition, RFC 5545) and second_s by the offset after it. */
struct local_times {
  enum local_kind kind;
  int64_t first_s, second_s; /* the same when normal */
  int64_t transition_s;      /* of a gap or an overlap: the first instant after it */
  int32_t before_s, after_s; /* the offsets around it; the same when normal */
  int32_t length_s;          /* of the gap or the overlap; 0 when normal */
};
void zone_resolve(const struct zone *zone, int64_t local_s, struct local_times *out);

#endif
