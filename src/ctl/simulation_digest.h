/* What the facts of a simulation mean: its due times in order, each with what became of it, and
 * sums of each job and each pool. Pure. */
#ifndef CTL_SIMULATION_DIGEST_H
#define CTL_SIMULATION_DIGEST_H

#include <stdbool.h>

#include "ctl/simulation.h"

enum { SKIP_REASONS = SKIP_LIMIT + 1 };

enum fire_kind {
  FIRE_RUNS,
  FIRE_SKIPPED,
  FIRE_WAITS, /* still, at the end of the span */
};

/* A due time, or several that were skipped together. That of a run which events set off is when
 * these had come. */
struct simulation_fire {
  int64_t scheduled_us, last_us; /* the same when there is one */
  int64_t count;
  int64_t begin_us, end_us; /* of the run, from its first attempt to its last */
  int64_t wait_us;          /* of all its attempts */
  int64_t next_us;          /* another attempt is due then, and has not begun; 0: none is */
  int32_t job;
  int32_t attempts;
  int32_t behind;
  int32_t together; /* runs under way when it begins, itself included */
  int32_t beside;   /* of its own job, without itself */
  enum fire_kind kind;
  enum simulation_wait wait; /* the longest one, and behind whom it was */
  const char *key;           /* for which, if it is a key; the simulation's */
  enum run_state state;      /* of the last attempt; RUN_PENDING: another one follows */
  int reason;                /* of FIRE_SKIPPED */
};

/* The most runs at once, and how long there were so many as there are slots. */
struct simulation_load {
  int64_t peak, peak_us;
  int64_t full_us;
};

struct simulation_tally {
  int64_t fires; /* runs, skips and those that wait */
  int64_t runs, unsuccessful, cancelled, retries, waits;
  int64_t skips, skips_of[SKIP_REASONS];
  int64_t waited; /* runs that did, before one of their attempts */
  int64_t longest_wait_us;
  size_t longest_waiter;       /* which fire, when longest_wait_us > 0 */
  int64_t longest_us;          /* of a run, from its begin to its end */
  int64_t least_gap_us;        /* between due times; INT64_MAX: there is no gap */
  int64_t first_us, last_us;   /* the due times between which all lie */
  int64_t busiest, busiest_us; /* runs that begin in one minute, and which */
  int64_t minutes;             /* in which something is due, */
  uint64_t minutes_hash;       /* and which */
  struct simulation_load load;
};

/* Of all jobs, shown or not. */
struct simulation_pool_tally {
  struct simulation_load load;
  int64_t waited; /* attempts that did */
  int64_t waits;  /* due times that do still, at the end of the span */
  int64_t longest_wait_us;
};

struct simulation_digest {
  const struct simulation *simulation;
  const bool *is_shown;          /* of each job; the caller's */
  struct simulation_fire *fires; /* of the jobs shown, by time and then by job */
  size_t fire_count, fire_capacity;
  struct simulation_tally *jobs; /* of each */
  struct simulation_tally total; /* of those shown; its load is that of all */
  struct simulation_pool_tally *pools;
};

/* Both must stay. */
void simulation_digest_init(struct simulation_digest *digest, const struct simulation *simulation,
                            const bool *is_shown);
void simulation_digest_deinit(struct simulation_digest *digest);

int64_t simulation_wait_us(const struct simulation_attempt *attempt); /* 0: it does not */

/* Why the run waited: "overlap", "pool", "key", "throttle", "rate"; NULL: it did not. */
const char *simulation_wait_name(enum simulation_wait wait);

/* Which pool or key it waits for; NULL: none. */
const char *simulation_wait_target(const struct simulation *simulation,
                                   const struct simulation_fire *fire);

#endif
