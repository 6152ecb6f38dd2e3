/* Parties and their locks, between the files that are named in lock.h. Scheduler thread. */
#ifndef SCHED_LOCK_INTERNAL_H
#define SCHED_LOCK_INTERNAL_H

#include "base/hash.h"
#include "base/heap.h"
#include "sched/lock.h"

/* Compared as bytes: all members fill it. */
struct party_key {
  int64_t job, scheduled_us, fence; /* of an attempt */
  int64_t worker;                   /* or of another call */
  uint64_t call;
};

struct lock;

struct party {
  struct party_key key;
  char *name; /* "backup@2026-01-01T00:00:00Z", "script orders", "the console" */
  struct lock *held;
  int64_t granted; /* the fence, when what it asked last was granted; it may not have heard of it */
  struct {
    struct lock *lock; /* NULL: for none */
    struct message *request;
    struct heap_node due; /* when it gives up */
    int64_t since_us, ttl_us;
    struct party *next; /* behind it in the queue */
  } waits;
  UT_hash_handle hh;
};

struct lock {
  char *name;
  struct party *holder;
  int64_t since_us, fence;
  struct heap_node lease; /* when it ends; in no heap: never */
  struct party *first, *last;
  struct lock *prev, *next; /* of the same holder */
  UT_hash_handle hh;
};

struct locks {
  struct lock *by_name;
  struct party *parties;
  struct heap waiting, leases;
  struct lock_order *first, *last; /* of this turn, in their order */
};

/* ---- parties ---- */

struct party_key party_key_of(const struct message *request); /* who asks */
struct party_key party_key_of_attempt(const struct attempt *attempt);
/* NULL: it neither holds a lock nor waits for one. */
struct party *party_find(const struct locks *locks, struct party_key key);
/* Who asks, made when it is not there; and forgotten again unless it holds a lock or waits. */
struct party *party_get(struct sched *s, const struct message *request);
void party_leave(struct locks *locks, struct party *party);
/* It waits no longer, and is told so; it holds nothing any more, either, and is forgotten. */
void party_give_up(struct sched *s, struct party *party);
void party_release_all(struct sched *s, struct party *party);

/* ---- locks ---- */

struct lock *lock_find(const struct locks *locks, const char *name); /* NULL: it is free */
void lock_set_lease(struct sched *s, struct lock *lock, int64_t ttl_us);
/* Passes it to the first that waits. */
void lock_release(struct sched *s, struct lock *lock);
/* What a TAKE comes to, when the lock is free, or when it is not: they take the request. */
void lock_take_free(struct sched *s, struct party *party, const struct lock_order *order);
void lock_wait_for(struct sched *s, struct lock *lock, struct party *party,
                   const struct lock_order *order);

/* ---- answers, which take the request ---- */

void lock_answer_failure(struct sched *s, struct message *request, const struct error *error);
void lock_answer_done(struct sched *s, struct message *request);
/* The error of who does not get it. */
void lock_say_who_holds(const struct lock *lock, struct error *error);

#endif
