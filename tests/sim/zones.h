/* Two versions of the tz database, in which some governments have decided otherwise. A daemon goes
 * on with the other one after a restart, as one does that was down while the system was upgraded;
 * or it is told of it while it runs, as its front tells.
 *
 * What has been decided stays decided. The due time that a job has when it starts again may stand
 * as the old version says or be found anew, as what it has been told of is in the store or must be
 * found again. A daemon that runs finds it anew within a moment, from then on, unless it has come
 * already: that one stands. When it dies meanwhile it may do either. What lies behind it is by the
 * new version. */
#ifndef SIM_ZONES_H
#define SIM_ZONES_H

#include <stdbool.h>

#include "sim/book.h"

struct life;
struct zones_book;

/* The first version is in force. */
struct zones_book *zones_create(void);
void zones_destroy(struct zones_book *book);

/* Makes both below the present folder, and begins with the first. */
void zones_begin(void);
/* The system's own again; the files are left to who made the folder. */
void zones_end(void);

/* Between two daemons: the other version is in force. */
void zones_change(struct life *life);
/* The next daemon has its store, and has not begun to decide. */
void zones_note(struct life *life);
/* The other version is in force, and the daemon is told; within a second zones_meet() is to be
 * called. False when it is not known yet how far the change before has come. */
bool zones_shift(struct life *life);
/* The daemon is there again: jobs whose due times are on the wall clock go on by its version. */
void zones_meet(struct life *life);
/* The clock is about to be set. */
void zones_clock_set(struct life *life, int64_t step_us);
/* It could not be asked yet how far it was then. */
bool zones_is_pending(const struct life *life, const struct booked *job);
/* Everybody had time enough. */
void zones_check_all_met(const struct life *life);

/* The i-th of the zones that differ, and which one's rules it has in the second version; NULL:
 * there are no more. */
const char *zones_name(int i);
const char *zones_other(int i);
/* Where the naive oracle finds a zone, as the TZ variable says it; it stays. */
const char *zones_path(int version, const char *name);
/* The version in force. */
int zones_version(const struct life *life);

#endif
