/* What the files of this folder order of locks; see lock.c, and what is named below. Scheduler
 * thread. */
#ifndef SCHED_LOCK_H
#define SCHED_LOCK_H

#include <stddef.h>
#include <stdint.h>

#include "model/message.h"

struct sched;
struct open_run;
struct locks;
struct json_writer;

#define LOCK_WAIT_FOR_EVER INT64_MAX

enum lock_what {
  LOCK_TAKE,
  LOCK_RELEASE,
  LOCK_RENEW,
  LOCK_LEAVE,      /* who asks does not want what it asked for last */
  LOCK_PARTY_ENDS, /* who asks, or `attempt` when nobody does, holds nothing any more */
};

struct lock_order {
  enum lock_what what;
  struct message *request; /* is answered when it is carried out, or the lock is got; or NULL */
  char *name;
  int64_t wait_us; /* TAKE: how long; LOCK_WAIT_FOR_EVER */
  int64_t ttl_us;  /* TAKE, RENEW: how long it may be held; 0: without end */
  int64_t fence;   /* RELEASE, RENEW: as it was granted */
  struct attempt attempt;
  struct lock_order *next; /* NULL, when it is given */
};

struct locks *locks_create(void);
void locks_destroy(struct sched *s);

/* The worker does not go on with calls that are no runs: they hold nothing any more. At once. */
void lock_worker_over(struct sched *s, int worker);

/* The wall clock was set, by step_us: what is left of leases and of patience stays the same. */
void lock_clock_set(struct sched *s, int64_t step_us);

/* Leases and waits that are over end. In turns alone, which know by how much the clock was set. */
void lock_expire(struct sched *s);

/* When the first lease or the first wait is over; INT64_MAX: none. */
int64_t lock_wake_us(const struct sched *s);

/* ---- lock_order.c ---- */

/* Is carried out when the turn is committed. Takes the request and the name. */
void lock_add_order(struct sched *s, const struct lock_order *order);
/* The attempt of the run that is in force ends in this turn. */
void lock_run_over(struct sched *s, const struct open_run *run);
/* The turn was committed, or undone. */
void lock_commit(struct sched *s);
void lock_undo(struct sched *s);

/* ---- lock_view.c ---- */

/* The name of the lock that the run waits for, who holds it and since when it waits; NULL: none. */
const char *lock_awaited(const struct sched *s, const struct open_run *run, const char **holder,
                         int64_t *since_us);

size_t lock_count(const struct sched *s);
/* By name, as members of an array. */
void lock_put_all(struct sched *s, struct json_writer *writer, size_t most);

#endif
