/* A job whose trigger is in Lua: behind each due time its script is asked for the next one, and a
 * worker answers in its own time, at each turn of a tide that knows no past; or dies before. What
 * must hold:
 *
 *   - a question tells the last due time that was decided
 *   - the job is due when an answer has said so, at no other time, and each of these is decided at
 *     most once
 *   - what has come is decided: nobody is asked anew instead
 *   - in the end it waits for a time that is to come, so that no question was lost
 *
 * The witness writes the answers down, for the checker. */
#ifndef SIM_TIDE_H
#define SIM_TIDE_H

#include "sim/book.h"

struct life;
struct tide;

struct tide *tide_create(void);
void tide_destroy(struct tide *tide);

/* The job, before its script is saved for the first time, and when it has been loaded. */
void tide_cast(struct life *life);
void tide_meet_declared(struct life *life);
struct booked *tide_job(struct life *life);

/* A worker is asked. Takes nothing. */
void tide_asked(struct life *life, const struct message *question);

/* Nothing is left to do at this instant, and the disk is well. */
void tide_look(struct life *life);
/* The same, and it is not. */
void tide_put_off(struct life *life);
void tide_check(struct life *life);
/* Everybody had time enough. */
void tide_check_all_done(struct life *life);

#endif
