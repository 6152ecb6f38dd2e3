/* A cron expression as bit masks, and the two questions about it that know neither zones nor DST:
 * which wall-clock second matches next, and how many do in a range. Local seconds as in
 * time/zone.h. Pure; any thread. Private to src/trigger. */
#ifndef TRIGGER_CRON_FIELDS_H
#define TRIGGER_CRON_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct cron_fields {
  uint64_t seconds, minutes; /* bits 0 to 59 */
  uint32_t hours;            /* bits 0 to 23 */
  uint32_t days;             /* bits 1 to 31 */
  uint16_t months;           /* bits 1 to 12 */
  uint8_t weekdays;          /* bits 0 to 6, Sunday first */
  bool is_either;            /* a day matches by its day of month or by its weekday; else by both */
  bool is_every_day;         /* every day matches */
  bool is_weekly;            /* only the weekday decides */
  bool is_wildcard;          /* the time of day begins with `*`: see cron.c */
};

/* Crontab's five fields, six with seconds in front, or a macro like "@daily". The text of the error
 * has no prefix. Refuses what can never match. */
enum error_code cron_fields_parse(const char *expression, struct cron_fields *fields,
                                  struct error *error);

/* The first matching second at or after `local_s`; false when the calendar ends before. */
bool cron_fields_next(const struct cron_fields *fields, int64_t local_s, int64_t *match_s);

/* How many matching seconds lie in [from_s, until_s). */
int64_t cron_fields_count(const struct cron_fields *fields, int64_t from_s, int64_t until_s);

#endif
