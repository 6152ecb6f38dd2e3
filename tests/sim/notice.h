/* Runs that are told to end, and who hears of it: each attempt that is told by a cancel, by the
 * next run of its job, or by its soft time-out is one event job_cancelling with that reason, at
 * once and once, whatever its worker says; and there is none besides. What is killed at once, and
 * what a stop tells, is no such event. */
#ifndef SIM_NOTICE_H
#define SIM_NOTICE_H

#include "base/json.h"
#include "model/message.h"

struct life;
struct notices;

struct notices *notices_create(void);
void notices_destroy(struct notices *notices);

/* The attempt is told; it is the newest that its worker was sent. */
void notice_given(struct life *life, const struct attempt *attempt, const char *job_id,
                  enum run_told reason);
/* The scheduler tells it to a worker. */
void notice_sent(struct life *life, const struct message *cancel);
/* The event. */
void notice_heard(struct life *life, const struct json *event);

/* The scheduler has nothing left to do at this instant, and the disk is well. */
void notices_check(struct life *life);
void notices_forget(struct life *life);

#endif
