/* What a script had declared and declares no longer: pools, calendars. See orphans.c. Private to
 * src/sched. */
#ifndef SCHED_ORPHANS_H
#define SCHED_ORPHANS_H

#include "sched/state.h"

struct orphans {
  const char *script;
  const struct json *declared; /* by it, now: an object by name; NULL: nothing */
  char **names;
  size_t count;
};

/* One that is stored, and who has declared it. True. */
bool orphans_see(struct orphans *orphans, const char *name, const char *script);
/* Calls `drop` for each that was seen and is one, unless the turn has failed, and forgets them. */
void orphans_drop(struct sched *s, struct orphans *orphans,
                  void (*drop)(struct sched *s, const char *name));

#endif
