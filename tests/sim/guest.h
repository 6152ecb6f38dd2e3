/* A second script, whose file comes and goes while its jobs have runs, events and listeners. What
 * must hold:
 *
 *   - when the file is gone its jobs are, as soon as the disk lets that be stored, also when it
 *     went while nobody looked; and they do not go before
 *   - with a job goes what waited: its events, and its runs that no worker has; nothing of it is
 *     sent any more. What a worker has ends in peace
 *   - when the file is back its jobs are others, with other numbers, and catch up with nothing
 *
 *   - runs of jobs that clients have added and that call its functions wait for it, and do not end
 *     for want of it
 *
 * Those jobs are among the others in client.c, whose book knows of no file. */
#ifndef SIM_GUEST_H
#define SIM_GUEST_H

#include "sim/book.h"

struct life;
struct guest;

struct guest *guest_create(void);
void guest_destroy(struct guest *guest);

/* Its file is there, and nobody has looked yet. */
void guest_begin(struct life *life);
/* The front tells of the file, if there is one: it looks for the first time. */
void guest_tell(struct life *life);
/* The file comes, goes, or is saved again; with `is_unseen` while the daemon is down. */
void guest_change(struct life *life, bool is_unseen);
/* The file is there to stay. */
void guest_stay(struct life *life);
void guest_clock_set(struct life *life, int64_t step_us);

/* The file is there, and not broken. */
bool guest_is_good(const struct life *life);

/* NULL: there is no such job now. */
struct booked *guest_find(struct life *life, const char *id);

/* What the store has become since the last look is what it may have become. */
void guest_look(struct life *life);
void guest_check(struct life *life);
/* The same, and the disk is well: nothing may be put off. */
void guest_check_all_done(struct life *life);

#endif
