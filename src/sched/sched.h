/* The scheduler: a step function over the store. It never sees a clock, a thread or a socket: the
 * caller gives it the time and the messages that have come, and carries away those it answers with.
 *
 * A turn gathers (messages, what is due), decides, writes everything in one transaction, and only
 * after the commit gives out what depends on it: acknowledgements, calls to workers, events. A turn
 * whose commit finds no room on the disk has not happened: requests are refused, everything else is
 * kept and tried again. Scheduler thread. */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/message.h"
#include "store/store.h"

struct sched;

/* How much is done at once, and kept in memory. With little of it, what else happens among many
 * jobs happens among few. */
struct sched_bounds {
  int fires_per_turn;  /* claims and skips decided in one transaction; at least 8 */
  size_t near_page;    /* jobs paged in at once */
  size_t near_low;     /* fewer than this in memory: page in more */
  size_t near_max;     /* more than this: the far half is let go; at least 2 */
  size_t at_gates_max; /* more than this at gates: those who would be last are let go; >= 2 */
  size_t fold_max;     /* more jobs than this whose progress is not written: write some */
  size_t fold_step;    /* so many at once */
  int desk_bytes;      /* of questions and answers of clients in a turn; at least 1 */
};

struct sched_options {
  struct store *store;      /* stays the caller's */
  int workers;              /* addressed ADDRESS_WORKER .. + workers - 1 */
  const char *default_zone; /* of wall-clock triggers that name none; NULL: "UTC" */
  struct store_retention retention;
  int64_t counted_us; /* rates and throttles are no longer; 0: than ended runs are kept */
  int64_t horizon_us; /* jobs due within it are paged in; 0: some minutes */
  const struct sched_bounds *bounds; /* NULL: the usual ones */
  bool hold;                         /* claims nothing: scripts are only loaded (`check`) */
  const char *status_json; /* members `status` adds, as a JSON object: pid, socket, ...; or NULL */
};

/* Reads what the store holds: scripts that were added are sent to workers at the first turn; runs
 * that the former daemon did not finish become interrupted. */
enum error_code sched_create(const struct sched_options *options, int64_t now_us,
                             struct sched **sched, struct error *error);
void sched_destroy(struct sched *sched);

/* Takes all of `in`, appends to `out`. A failure other than a full disk is final: the caller ends
 * the process, and the next start recovers. */
enum error_code sched_turn(struct sched *sched, int64_t now_us, struct message_list *in,
                           struct message_list *out, struct error *error);

/* When the next turn is wanted even if no message comes; INT64_MAX: only then. At or before
 * `now_us`: at once. */
int64_t sched_wake_us(const struct sched *sched, int64_t now_us);

/* True when everything that was to be stopped has ended and the store may be closed. */
bool sched_stopped(const struct sched *sched);

/* A bounded step of housekeeping (folding, pruning, checkpoint), for when nothing is due. In how
 * many microseconds the next one is wanted; -1: not before another turn. */
int64_t sched_idle(struct sched *sched, int64_t now_us);

/* What one of the two has taken, of the clock and of the processor, as `status` shows it. */
void sched_took(struct sched *sched, int64_t wall_us, int64_t cpu_us);

#endif
