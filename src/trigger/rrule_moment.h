/* Dates and times as iCalendar writes them (RFC 5545, 3.3.4 and 3.3.5): "19970902",
 * "19970902T090000", "19970902T130000Z", and the forms of instant_parse: "1997-09-02 09:00",
 * "1997-09-02T09:00:00-04:00". Pure; any thread. Private to src/trigger. */
#ifndef TRIGGER_RRULE_MOMENT_H
#define TRIGGER_RRULE_MOMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

enum { RRULE_MOMENT_TEXT_SIZE = 24 };

enum rrule_moment_kind { RRULE_DAY, RRULE_LOCAL, RRULE_UTC };

struct rrule_moment {
  enum rrule_moment_kind kind;
  int64_t value; /* a day of civil.h, or seconds */
};

/* What is finer than a second is refused; second 60 is read as 59. Messages do not quote the text.
 */
enum error_code rrule_moment_parse(const char *text, struct rrule_moment *moment,
                                   struct error *error);
void rrule_moment_format(char out[RRULE_MOMENT_TEXT_SIZE], struct rrule_moment moment);

/* The moment as local seconds; a day is its midnight. Not for RRULE_UTC. */
int64_t rrule_moment_local(struct rrule_moment moment);

/* A list of moments without doubles: first the days, then local times, then instants, each in
 * order. */
struct rrule_moments {
  struct rrule_moment *items; /* for free() */
  size_t count;
  size_t locals, instants; /* where these begin */
};

enum { RRULE_MOMENTS_MAX = 4096 };

/* The member `name`: an array of texts, or one text with commas. Absent: an empty list. */
enum error_code rrule_moments_read(const struct json *value, const char *name,
                                   struct rrule_moments *moments, struct error *error);
/* Writes a text with commas, nothing for an empty list. */
void rrule_moments_put(struct json_writer *writer, const char *name,
                       const struct rrule_moments *moments);

/* The first item of a kind whose value is at least `value`; NULL when there is none. */
const struct rrule_moment *rrule_moments_find(const struct rrule_moments *moments,
                                              enum rrule_moment_kind kind, int64_t value);

#endif
