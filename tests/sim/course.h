/* The course that each run takes: what workers have made of its attempts, and what was promised to
 * follow. What must hold:
 *
 *   - an end that was told is stored before time goes on, and is what the run and its job's options
 *     make of it: the end of the run, or another attempt when it was promised, after a failure, a
 *     snooze, or a stop that has cut it off
 *   - no such attempt begins before its time, and none is lost with the daemon, however that ends
 *   - what a crash has cut off is interrupted, or cancelled when that was asked for
 *   - a daemon that has stopped in order leaves no run with a worker, and nothing for the next
 *     start to find as cut off
 *   - a job is quarantined only when crashes have cut off one of its runs as often as it allows */
#ifndef SIM_COURSE_H
#define SIM_COURSE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/message.h"
#include "sim/cast.h"

struct life;
struct courses;

struct courses *courses_create(void);
void courses_destroy(struct courses *courses);

/* A worker was sent this; `options` are those of its job. */
void course_sent(struct life *life, const struct message *run, const char *options);
/* A worker was told, with a grace or without, that its attempt shall end. */
void course_told(struct life *life, const struct message *cancel);
/* A worker says that its attempt has ended. */
void course_ended(struct life *life, const struct message *finished);
/* A worker has ended it, and nobody hears of that. */
void course_ended_unheard(struct life *life, const struct attempt *attempt);

/* The scheduler has nothing left to do at this instant. */
void courses_look(struct life *life);

/* Places that runs have in the pool and under the key, as far as workers know. */
int64_t courses_in_pool(const struct life *life);
int64_t courses_with_key(const struct life *life);
/* Runs of the job that workers have had and that are not over. */
int courses_open(const struct life *life, int64_t job);

/* Those whose next attempt is due: asked about each. The first one for which this says so that is
 * due for longer than `patience_us` is wrong. */
typedef bool (*course_reason)(struct life *life, int64_t job, const struct terms *terms);
void courses_put_off(struct life *life); /* they are looked at anew */
void courses_check_waiting(struct life *life, course_reason has_reason, int64_t patience_us);

/* ---- course_end.c ---- */

/* The daemon is about to end, and its store can be read; then it has ended. */
void courses_stop(struct life *life);
void courses_die(struct life *life);
/* The next one is there. */
void courses_check(struct life *life);

#endif
