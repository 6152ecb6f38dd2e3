/* Named locks, as runs take them: what each has asked for, and what it was told. What must hold:
 *
 *   - who is granted a lock holds it alone, until it gives it back, its lease is over or its
 * attempt has ended
 *   - each grant has a fence greater than all before it, also those of daemons before
 *   - who has asked first is granted first
 *   - nobody is refused for a wait that is not over, a circle that is none, or an end that has not
 * come; and nobody waits for a lock that is free, or longer than it said */
#ifndef SIM_HOLD_H
#define SIM_HOLD_H

#include <stdbool.h>

#include "model/message.h"
#include "sim/draw.h"

struct life;
struct holds;

struct holds *holds_create(uint64_t seed);
void holds_destroy(struct holds *holds);

/* A worker was sent this run, which may ask for a lock, sooner when it is to last long. */
void hold_ask(struct life *life, const struct message *run, int64_t lasts_us);
/* It was told to end: it may not want what it asked for any more. */
void hold_leave(struct life *life, const struct message *run);
/* True: the reply is of this book. */
bool hold_heard(struct life *life, const struct message *reply);
/* A worker says that the attempt has ended. */
void hold_ended(struct life *life, const struct attempt *attempt);

/* The daemon has died, and nobody holds anything. */
void holds_forget(struct life *life);
/* The scheduler has nothing left to do at this instant. */
void holds_check(struct life *life);

#endif
