/* The inside of a calendar, shared by those who build one (calendar_read.c, calendar_ics.c) and who
 * asks (calendar.c). Private to src/trigger. */
#ifndef TRIGGER_CALENDAR_DATA_H
#define TRIGGER_CALENDAR_DATA_H

#include <stddef.h>

#include "trigger/calendar.h"

enum { CALENDAR_RANGES_MAX = 4000, CALENDAR_EVENTS_MAX = 500 };

struct range {
  int64_t from_s, until_s; /* [from_s, until_s) */
};

/* Sorted, and no two touch, once ranges_finish() was called. */
struct ranges {
  struct range *items;
  size_t count, capacity;
};

void ranges_add(struct ranges *ranges, int64_t from_s, int64_t until_s);
void ranges_finish(struct ranges *ranges);

/* What begins with each fire of a trigger. The fires of a floating one, whose text names no zone,
 * are local seconds: the trigger is read in UTC and asked as if the wall clock showed it. */
struct calendar_event {
  struct trigger *trigger;
  char *text; /* of the trigger, as written */
  int64_t length_s;
  bool is_floating;
};

struct calendar {
  const struct zone *zone; /* NULL: the asking trigger's */
  struct ranges local;     /* local seconds */
  struct ranges instants;
  struct ranges times;  /* seconds of a day, up to 86400 */
  uint32_t yearly[13];  /* by month from 1: bits 1 to 31 */
  uint8_t weekdays;     /* bit 0 is Sunday */
  struct trigger *cron; /* read in UTC and asked with local seconds; NULL: none */
  char *cron_text;
  int32_t cron_unit_s; /* a match covers the second, minute, hour or day that it begins */
  struct calendar_event *events;
  size_t event_count;
  uint32_t parts; /* which of them say anything: bits of enum calendar_part */
};

enum calendar_part {
  PART_WEEKDAYS,
  PART_TIMES,
  PART_DATES,
  PART_YEARLY,
  PART_CRON,
  PART_FLOATING,
  PARTS_LOCAL, /* those before this one are asked with local seconds, the others with instants */
  PART_INSTANTS = PARTS_LOCAL,
  PART_FIXED,
  PARTS,
};

/* "1d", "of", and the text of the trigger; takes nothing over. */
enum error_code calendar_add_event(struct calendar *calendar, int64_t length_s, const char *text,
                                   struct error *error);

/* Adds what the events of an iCalendar text cover. The error names the line. */
enum error_code calendar_read_ics(struct calendar *calendar, const char *text, size_t size,
                                  struct error *error);

#endif
