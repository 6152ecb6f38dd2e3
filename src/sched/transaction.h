/* A transaction of the store and what memory has of it: a turn has one, a request that is answered
 * alone while nothing else can be stored, and a step of housekeeping. What they tell goes to
 * s->out. Private to src/sched. */
#ifndef SCHED_TRANSACTION_H
#define SCHED_TRANSACTION_H

#include "sched/state.h"

/* Whether it has begun is in s->failure. */
void transaction_begin(struct sched *s);
/* Writes what memory has gathered, and commits; what fails is in s->failure, as is what has failed
 * before, after which nothing is committed. */
void transaction_commit(struct sched *s);
/* It is committed: what was undecided in memory is decided, and what waited for it goes out.
 * `taken`: the messages that were taken in it. */
void transaction_follow(struct sched *s, const struct message_list *taken);
/* It has failed, or is not wanted: the store and memory are as before, and nothing was told. What
 * is found again in the store may be asked of scripts once more. */
void transaction_take_back(struct sched *s);

#endif
