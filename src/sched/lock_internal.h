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

struct party_key party_key_of_attempt(const struct attempt *attempt);
/* NULL: it neither holds a lock nor waits for one. */
struct party *party_find(const struct locks *locks, struct party_key key);

#endif
