/* A cron schedule as bit masks, and the two questions about it that know neither zones nor DST:
 * which wall-clock second matches next, and how many do in a range.
 *
 * `struct cron_fields` is all that a crontab line can say. What Quartz, APScheduler and systemd say
 * beyond (the last Friday, the weekday nearest to the 15th, years) stands in a `struct
 * cron_special`, which most schedules do not have. Local seconds as in time/zone.h. Pure; any
 * thread. Private to src/trigger. */
#ifndef TRIGGER_CRON_FIELDS_H
#define TRIGGER_CRON_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define CRON_ALL_DAYS UINT32_C(0xfffffffe)
enum { CRON_ALL_MONTHS = 0x1ffe, CRON_ALL_WEEKDAYS = 0x7f };

/* No mask of times or months is empty. */
struct cron_fields {
  uint64_t seconds, minutes; /* bits 0 to 59 */
  uint32_t hours;            /* bits 0 to 23 */
  uint32_t days;             /* bits 1 to 31 */
  uint16_t months;           /* bits 1 to 12 */
  uint8_t weekdays;          /* bits 0 to 6, Sunday first */
  bool is_either;            /* a day matches by its day of month or by its weekday; else by both */
  bool is_every_day;         /* every day matches; cron_fields_finish() sets this and the next */
  bool is_weekly;            /* only the weekday decides */
  bool is_wildcard;          /* the time of day begins with `*`: see cron.c */
};

enum { CRON_YEARS_MAX = 16 };

struct cron_years {
  uint16_t from, until, step; /* step >= 1 */
};

/* last_days, nearest, nearest_last and nth add dates to `days`; the union is then combined with
 * `weekdays`. Months, weeks and years must match besides. All zero: nothing special. */
struct cron_special {
  uint32_t last_days;    /* bit n: n days before the last of the month, 0 to 30 */
  uint32_t nearest;      /* bits 1 to 31: the day from Monday to Friday that is nearest to this date
                            within the month; nothing in a month without the date */
  uint32_t nearest_last; /* bit n: the same for the day n days before the last */
  uint8_t nth[6];        /* weekdays (as in `weekdays`) whose n-th one in the month matches, 1 to 5;
                            nth[0]: whose last one */
  uint8_t year_count;    /* 0: all years */
  uint32_t year_kinds;   /* kinds of years that have a match; cron_fields_finish() sets this */
  uint64_t weeks;        /* ISO weeks, bits 1 to 53; 0: all */
  struct cron_years years[CRON_YEARS_MAX];
};

/* Completes what follows from the masks. ERROR_INVALID when no second ever matches, with the reason
 * ("never fires: February has no day 30"). `special` is NULL unless there is something special. */
enum error_code cron_fields_finish(struct cron_fields *fields, struct cron_special *special,
                                   struct error *error);

/* The first matching second at or after `local_s`; false when the calendar ends before. `special`
 * may be NULL. */
bool cron_fields_next(const struct cron_fields *fields, const struct cron_special *special,
                      int64_t local_s, int64_t *match_s);

/* How many matching seconds lie in [from_s, until_s). */
int64_t cron_fields_count(const struct cron_fields *fields, const struct cron_special *special,
                          int64_t from_s, int64_t until_s);

/* The matching days (bits 1 to 31) of a month, which begins on `first_day`; whether its month and
 * year match is not asked. `special` may be NULL. */
uint64_t cron_fields_days(const struct cron_fields *fields, const struct cron_special *special,
                          int32_t year, int32_t month, int64_t first_day);

/* ---- cron_special.c ---- */

bool cron_special_is_empty(const struct cron_special *special);
/* The dates, from bit 1 on, that a month of `length` days adds whose first is the weekday `first`;
 * also of days behind its end. */
uint32_t cron_special_dates(const struct cron_special *special, int32_t first, int32_t length);
/* The days, bits 1 to 31, of a month of `year` beginning on `first_day` that lie in one of the
 * weeks. */
uint32_t cron_special_weeks(const struct cron_special *special, int32_t year, int64_t first_day);
/* Sets year_kinds. */
void cron_special_try_years(const struct cron_fields *fields, struct cron_special *special);
/* The first of its years from `year` to `year_max` that has a match; INT32_MAX when none has. */
int32_t cron_special_year(const struct cron_special *special, int32_t year, int32_t year_max);

#endif
