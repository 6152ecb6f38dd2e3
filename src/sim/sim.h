/* The scheduler under a virtual clock, in one thread: a sched over a store, a time that stands
 * until it jumps, a queue of what is to happen, and workers that are models.
 *
 * Time moves only to the next instant at which anything happens: a fire, a model's end, something
 * that the caller has put into the queue. At an instant the scheduler takes turns until it has
 * nothing left to do there. Nothing reads a clock or draws a number, so the same inputs lead to the
 * same messages in the same order.
 *
 * Whatever the scheduler sends passes the caller's `take`, which may keep it and answer when it
 * likes, at once or at a later instant: so a worker may be a model, a real one on this thread, or
 * both. What is not taken is modelled (runs, their cancels, the ends of states) or dropped.
 *
 * All instants are those of the wall clock that the scheduler is shown, which sim_set_clock() sets;
 * what lies in the queue waits for time to pass and not for that clock. One thread. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/message.h"
#include "sched/sched.h"
#include "store/store.h"

struct sim;

/* How a modelled run goes. It ends sooner when its time-out is over or it is killed. */
struct sim_fate {
  int64_t lasts_us;           /* INT64_MAX: it never ends by itself */
  int64_t heeds_us;           /* told to end by others, it does after so long, as it was told;
                                 likewise */
  enum run_state state;       /* RUN_PENDING with VERDICT_SNOOZE, else one that has ended */
  bool is_silent;             /* it says neither that it has begun nor that it was told to end */
  struct run_answer answer;   /* what it asks for */
  const char *result, *error; /* JSON and text, copied; or NULL */
};

/* Any may be NULL. They may tell, ask for later calls and let time pass, but not step. */
struct sim_callbacks {
  /* A message of the scheduler's. True: it belongs to the caller now. */
  bool (*take)(void *context, struct sim *sim, struct message *message);
  /* A RUN that was not taken; `fate` is that it succeeds at once, until this says otherwise. */
  void (*model)(void *context, struct sim *sim, const struct message *run, struct sim_fate *fate);
  /* A modelled run is told to end, also by its own soft time-out. `fate` is how it goes on: it ends
   * after `lasts_us` as `state` says, unless it would have sooner, or this says otherwise. */
  void (*told)(void *context, struct sim *sim, const struct message *run, enum run_told reason,
               struct sim_fate *fate);
  /* A modelled run has ended, and is about to say so. True: both belong to the caller now, who
   * tells `finished` when it likes. */
  bool (*ended)(void *context, struct sim *sim, struct message *run, struct message *finished);
  /* The scheduler has nothing left to do at this instant. What is told here it hears before time
   * goes on, and then this is called again. */
  void (*rest)(void *context, struct sim *sim);
  void *context; /* of all */
};

struct sim_options {
  struct sched_options sched;
  struct sim_callbacks callbacks;
  int64_t begins_us;
  bool keeps_no_house; /* nothing is folded or pruned between turns: for what is never restarted */
};

/* Errors as those of sched_create. */
enum error_code sim_create(const struct sim_options *options, struct sim **sim,
                           struct error *error);
void sim_destroy(struct sim *sim);

int64_t sim_now_us(const struct sim *sim);

/* ---- time ---- */

/* The next instant at which anything happens, the present one if something is left to do there;
 * INT64_MAX: nothing ever will. */
int64_t sim_next_us(const struct sim *sim);

/* Goes to the next instant and does what is to be done there. A failure is the scheduler's end, as
 * in sched_turn(): what remains is sim_crash(). */
enum error_code sim_step(struct sim *sim, struct error *error);

/* Steps until nothing happens any more up to `until_us`, which it then is. With the present
 * instant: does what is left to do. */
enum error_code sim_advance(struct sim *sim, int64_t until_us, struct error *error);

/* Time passes in which nothing can happen: the machine sleeps, or waits for its disk. */
void sim_leap(struct sim *sim, int64_t us);

/* Somebody sets the wall clock by so much, forwards or (negative) backwards; the scheduler is told.
 */
void sim_set_clock(struct sim *sim, int64_t step_us);

/* ---- what happens ---- */

/* The scheduler hears this at the present instant. Takes the message. */
void sim_tell(struct sim *sim, struct message *message);
/* In so many microseconds. It is lost when the daemon crashes before. */
void sim_tell_later(struct sim *sim, int64_t delay_us, struct message *message);

/* `call` is called in so many microseconds, whatever becomes of the daemon. */
void sim_call_later(struct sim *sim, int64_t delay_us, void (*call)(void *context, struct sim *sim),
                    void *context);

/* A request as a client makes it. The reply passes `take` with the tag returned. `params`: a JSON
 * object; NULL: none. */
uint64_t sim_request(struct sim *sim, const char *operation, const char *params);

/* The same, and does what is left to do at this instant. The reply's JSON, which the caller frees;
 * NULL with its error, also when the answer takes longer than this instant (ERROR_TIMEOUT: it will
 * pass `take`) or the scheduler has failed. */
char *sim_ask(struct sim *sim, const char *operation, const char *params, struct error *error);

/* ---- the end of the daemon ---- */

/* As after kill -9: the scheduler, its workers and all messages under way are gone. The caller
 * closes the store and opens it again; until sim_restart() nothing but calls happens. */
void sim_crash(struct sim *sim);
enum error_code sim_restart(struct sim *sim, struct store *store, struct error *error);
bool sim_is_up(const struct sim *sim);

/* It was told to stop (MESSAGE_STOP) and has. */
bool sim_stopped(const struct sim *sim);

#endif
