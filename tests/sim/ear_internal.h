/* Listeners, between ear.c and ear_check.c. */
#ifndef SIM_EAR_INTERNAL_H
#define SIM_EAR_INTERNAL_H

#include <sqlite3.h>
#include <uthash.h>

#include "sim/ear.h"

enum { EARS = 4, WAITING_MAX = 1000, CALLS_MAX = 256 };

struct ear_kind {
  const char *script, *name, *events;
  bool is_durable, hears_ends, is_guest; /* it comes and goes with its script, see guest.h */
  int attempts, fails;                   /* of a hundred */
};
extern const struct ear_kind ear_kinds[EARS];

/* What is known of an event that a durable listener was sent. */
struct heard_event {
  struct {
    int64_t ear, id;
  } key;
  char *end; /* the run of which it tells the end; NULL: none */
  bool was_heard, was_dead;
  bool is_stored; /* as it was looked at last */
  int failures;
  UT_hash_handle hh;
};

struct letter {
  int64_t number, id;
};

struct ear {
  uint64_t generation, round;
  uint64_t retired; /* the last state that was closed */
  struct letter waiting[WAITING_MAX];
  int waiting_count;
  int under_way; /* sent in this round and not reported */
  bool is_busy, is_blocked;
  int64_t last_sent; /* in this round; INT64_MIN: nothing */
  int64_t *ids;      /* of the letters that clients' events have become; 0: none is known */
  size_t id_count;
};

/* A call that has begun; it ends at a later instant, if its daemon lives then. */
struct ear_call {
  struct ears *ears;
  bool is_used;
  int ear;
  uint64_t era, generation, round;
  struct letter letter;
};

struct ears {
  struct life *life;
  uint64_t era; /* so many daemons have died */
  struct ear ears[EARS];
  struct ear_call calls[CALLS_MAX];
  struct heard_event *events;
  int64_t *told; /* numbers, ascending */
  size_t told_count, told_capacity;
};

sqlite3 *ears_db(const struct ears *ears);
/* Its row; 0: it has none. */
int64_t ear_row(const struct ears *ears, int ear);
/* NULL: nothing is known of it. */
struct heard_event *ear_find_event(struct ears *ears, int ear, int64_t id);
/* Reads what it is about, unless that is known. */
void ear_note_content(struct ears *ears, int ear, int64_t id, const char *json);

#endif
