/* Two versions of the tz database, in which some governments have decided otherwise. A daemon
 * begins with one and goes on with the other after a restart, as one does that was down while the
 * system was upgraded.
 *
 * The due time that a job has when that happens may stand as the old version says or be found anew,
 * as what it has been told of is in the store or must be found again; what lies behind it is by the
 * new version, and what has been decided stays decided. */
#ifndef SIM_ZONES_H
#define SIM_ZONES_H

#include <stdbool.h>

#include "sim/book.h"

struct life;

/* Makes both below the present folder, and begins with the first. */
void zones_begin(void);
/* The system's own again; the files are left to who made the folder. */
void zones_end(void);

/* Between two daemons: the other version is in force. */
void zones_change(struct life *life);
/* The daemon is there again: jobs whose due times are on the wall clock go on by its version. */
void zones_meet(struct life *life);
/* It could not be asked yet how far it was then. */
bool zones_is_pending(const struct booked *job);

/* Where the naive oracle finds a zone, as the TZ variable says it; it stays. */
const char *zones_path(int version, const char *name);
/* The version in force. */
int zones_version(void);

#endif
