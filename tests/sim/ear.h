/* Listeners, which are models too, and what they hear. One that is durable hears of each event at
 * least once and in their order, whatever dies meanwhile:
 *
 *   - what it is sent is in the store, marked as sent, and stays there until it was heard
 *   - in one round it is sent all that waits for it, in order, and nothing twice; at most so many
 *     are under way
 *   - what clients told and was acknowledged is one letter, not two; what was refused is none
 *   - so is the end of each run
 *   - what it fails is given up after so many attempts, not before
 *   - at the end it has heard of everything
 *
 * One in memory is sent each event once and in order, while it is there. */
#ifndef SIM_EAR_H
#define SIM_EAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "model/message.h"

struct life;
struct ears;

struct ears *ears_create(struct life *life);
void ears_destroy(struct ears *ears);

/* As a script says it, a JSON array. */
void ears_put(const char *script, struct buffer *out);

/* The scheduler sends an event to one of them; or a state is closed. */
void ears_take(struct ears *ears, const struct message *event);
void ears_retire(struct ears *ears, uint64_t generation);
/* The daemon has died, and its workers with it. */
void ears_forget(struct ears *ears);
/* ---- ear_check.c ---- */

/* A client has told an event, with certainty. */
void ears_note_told(struct ears *ears, int64_t number);

void ears_check(struct ears *ears);
/* Everybody had time enough. */
void ears_check_all_done(struct ears *ears);

#endif
