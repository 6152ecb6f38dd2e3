/* What the names of calendars mean. See calendar.c. Private to src/sched. */
#ifndef SCHED_CALENDAR_H
#define SCHED_CALENDAR_H

#include "sched/state.h"

struct calendars_change {
  struct calendars_item {
    char *name, *definition;
  } * items;
  size_t count;
};

/* The registry becomes what the store says; before any job is read. */
void calendars_recover(struct sched *s);
/* Defines what a script declares, an object by name, so that its jobs can be read; then settles it
 * in any case: writes it and lets the jobs that use it follow, or takes it back. */
enum error_code calendars_declare(struct sched *s, struct script_entry *script,
                                  const struct json *calendars, struct calendars_change *change,
                                  struct error *error);
void calendars_settle(struct sched *s, const struct script_entry *script,
                      const struct json *calendars, struct calendars_change *change, bool is_good);
/* Removes those of the script that are not among `calendars` and that no job uses. */
void calendars_drop(struct sched *s, const char *script, const struct json *calendars);

#endif
