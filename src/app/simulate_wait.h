/* Since when a run could have begun, and whom it waited for: what is remembered of those that ended
 * and of attempts that are to follow. Main thread. */
#ifndef APP_SIMULATE_WAIT_H
#define APP_SIMULATE_WAIT_H

#include <stdbool.h>

#include "ctl/simulation.h"
#include "model/message.h"
#include "store/store.h"

/* Who gave up something last: "pool db", "key shop-1". */
struct wait_release;

/* The attempt of a run that has ended, after which another one may follow. */
struct wait_retry;

struct waits {
  struct wait_release *releases;
  struct wait_retry *ended;   /* of which that is not known yet */
  struct wait_retry *retries; /* which another one follows */
};

void waits_deinit(struct waits *waits); /* {0} is fine */

/* The job at `place` has given it up at that time. `name` NULL: there is none. */
void waits_note_release(struct waits *waits, const char *kind, const char *name, int64_t at_us,
                        int32_t place);
/* The place of who gave it up at that very time; -1: nobody did. */
int32_t waits_find_release(const struct waits *waits, const char *kind, const char *name,
                           int64_t at_us);

/* The attempt has ended, which stands at `attempt` of the simulation's, and another may follow. */
void waits_note_failure(struct waits *waits, const struct attempt *known, size_t attempt);
/* To be called when the scheduler has heard of the ends: finds in the store when the next attempts
 * are due. */
enum error_code waits_find_retries(struct waits *waits, struct store *store, int64_t now_us,
                                   struct error *error);
/* When the attempt that begins now was due: now when it follows the one before at once. */
int64_t waits_end_retry(struct waits *waits, struct run_key key, int64_t now_us);
/* Tells the attempts after which another one has not begun when that is due. */
enum error_code waits_tell_retries(const struct waits *waits, struct store *store,
                                   struct simulation *simulation, struct error *error);

/* When a run that these events (a JSON array) have set off could have begun: as they came, or when
 * debounce and throttle were over. `began_us`: when its job's last run did; INT64_MIN: none has. */
int64_t wait_due_of_events(const struct job *job, const char *events, int64_t scheduled_us,
                           int64_t began_us);

/* The job's concurrency key with these arguments (a JSON array; NULL: its own); a heap string, NULL
 * when it has none. */
char *wait_expand_key(const struct job *job, const char *args);

/* What its trigger says: whether runs begin so often only, and how many events one takes. */
bool wait_has_throttle(const struct job *job);
int wait_batch_of(const struct job *job);

#endif
