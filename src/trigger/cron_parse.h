/* Reading a crontab expression. Pure; any thread. Private to src/trigger. */
#ifndef TRIGGER_CRON_PARSE_H
#define TRIGGER_CRON_PARSE_H

#include "trigger/cron.h"

/* Crontab's five fields, six with seconds in front, or a macro like "@daily"; in front of either
 * `CRON_TZ=Zone`. Sets fields, zone and is_hashed; an `H` takes its values by parsed->seed. The
 * text of the error ends with the column and has no prefix. Reading a zone's name may load it from
 * its file. */
enum error_code cron_parse(const char *expression, struct cron_parsed *parsed, struct error *error);

#endif
