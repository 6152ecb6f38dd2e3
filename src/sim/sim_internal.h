/* What the files of this folder share. Private to src/sim. */
#ifndef SIM_SIM_INTERNAL_H
#define SIM_SIM_INTERNAL_H

#include "base/heap.h"
#include "sim/sim.h"

/* Something in the queue. It lies first in what it is a part of. */
struct happening {
  struct heap_node node; /* us: the steady time; number: the order in which they were put in */
  bool is_daemon;        /* a crash ends it */
  void (*happen)(struct sim *sim, struct happening *happening); /* which frees it */
  void (*drop)(struct happening *happening);
};

struct model_run;

struct sim {
  struct sim_options options;
  struct sched *sched;       /* NULL: the daemon is down */
  bool has_failed;           /* and takes no turn any more */
  int64_t steady_us;         /* only goes on; happenings are ordered by it */
  int64_t offset_us;         /* the wall clock is that much ahead */
  struct heap happenings;    /* happening.node */
  int64_t last_number;       /* of a happening */
  struct message_list inbox; /* for the next turn */
  int64_t idle_us;           /* steady: when housekeeping is due; INT64_MAX: after the next turn */
  uint64_t last_tag;
  uint64_t awaited_tag; /* of sim_ask(); 0: none */
  struct message *reply;
  struct model_run *runs; /* a hash by fence */
};

/* Fills the queue's part in; `us` is steady. */
void sim_put(struct sim *sim, struct happening *happening, int64_t us);

/* Takes the message, which no callback wanted. */
void model_take(struct sim *sim, struct message *message);
/* All modelled runs are about to be dropped from the queue. */
void model_forget(struct sim *sim);

#endif
