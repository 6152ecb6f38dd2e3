/* Calendars: the times at which a trigger does not fire, such as holidays, weekends and nights.
 *
 * A calendar is plain data, an object of up to seven members of which at least one says a time:
 *   dates     "2026-12-25, 2026-12-24..2027-01-02, 2026-12-31T18:00..2027-01-01T06:00": days,
 *             ranges with their last day, and ranges of times without their last second; times with
 *             an offset or Z are instants
 *   weekdays  "sat,sun"
 *   times     "22:00-06:00", without the last second
 *   yearly    "12-25,01-01"
 *   cron      "* * 1-7 * *": the minutes (with seconds: the seconds) that match
 *   events    "1d of rrule FREQ=YEARLY dtstart=2026-12-25 | 2h of cron 0 12 * * *": what begins
 *             with each fire of a trigger and lasts so long
 *   timezone  whose wall clock all this is; when absent, that of the trigger that is asked
 * An instant is covered when one of them covers it. Lists may also be arrays of texts. When it is
 * read, "ics" may hold the text of an iCalendar file, whose events become dates and events.
 *
 * A calendar has a name when many triggers share it: the registry of the process keeps what each
 * name means at the moment, and a new definition takes effect for all at once. Values are
 * immutable; any thread. */
#ifndef TRIGGER_CALENDAR_H
#define TRIGGER_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "time/zone.h"

struct calendar;

enum error_code calendar_from_json(const struct json *value, struct calendar **calendar,
                                   struct error *error);
void calendar_destroy(struct calendar *calendar); /* NULL is fine */

/* An object of texts, which reads back as the same and is written as the same. */
void calendar_to_json(const struct calendar *calendar, struct json_writer *writer);

/* Whether the instant is covered. In any case it stays so up to *until_s, which lies behind utc_s
 * (INT64_MAX: for ever), and may stay so longer. `zone` is that of calendars without their own. */
bool calendar_covers(const struct calendar *calendar, const struct zone *zone, int64_t utc_s,
                     int64_t *until_s);

/* Appends what stands behind "except": "on Saturday and Sunday and on 2026-12-25". */
void calendar_explain(const struct calendar *calendar, struct buffer *out);

/* ---- names: calendar_name.c ---- */

enum { CALENDAR_NAME_MAX_SIZE = 64 };

struct calendar_name; /* lives as long as the process */

/* What the name means from now on; triggers that use it follow at once. */
enum error_code calendar_define(const char *name, const struct json *definition,
                                struct error *error);
/* Nobody uses it any more. */
void calendar_undefine(const char *name);

/* Makes the name one that triggers may use before it is defined: a script's declaration is checked
 * while the script loads and takes effect when it has loaded. */
enum error_code calendar_reserve(const char *name, struct error *error);

/* A name that is defined or reserved. An unknown one is ERROR_INVALID, with the nearest known. */
enum error_code calendar_find(const char *name, const struct calendar_name **found,
                              struct error *error);

/* The name behind `name` (NULL: the first one) that is defined; NULL: there is none. Of those that
 * are defined meanwhile some may be left out. */
const struct calendar_name *calendar_next_defined(const struct calendar_name *name);

const char *calendar_name_text(const struct calendar_name *name);
/* NULL while it is not defined: it covers nothing. */
const struct calendar *calendar_name_meaning(const struct calendar_name *name);

#endif
