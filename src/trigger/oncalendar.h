/* A calendar event of systemd.time(7) as what the cron family runs. Any thread. Private to
 * src/trigger. */
#ifndef TRIGGER_ONCALENDAR_H
#define TRIGGER_ONCALENDAR_H

#include "trigger/cron.h"
#include "trigger/cron_read.h"

/* Sets the fields, the special part and the zone of `*parsed`; the text is left to the caller. The
 * error ends with the column. A zone is read from its file at its first use. */
enum error_code oncalendar_parse(const char *expression, struct cron_parsed *parsed,
                                 struct error *error);

/* ---- oncalendar_part.c ---- */

enum oncalendar_part {
  ONCALENDAR_YEAR,
  ONCALENDAR_MONTH,
  ONCALENDAR_DAY,
  ONCALENDAR_LAST_DAY, /* counted from the month's end, whose last day is 1 */
  ONCALENDAR_HOUR,
  ONCALENDAR_MINUTE,
  ONCALENDAR_SECOND,
};

enum { ONCALENDAR_YEAR_MAX = 2199 };

/* `*` or a list of values, ranges and repetitions, up to what is none of that. `*mask` becomes the
 * values as bits; years go into `special` instead, and leave it 0. */
enum error_code oncalendar_read_part(struct cron_reader *reader, enum oncalendar_part part,
                                     uint64_t *mask, struct cron_special *special,
                                     struct error *error);

#endif
