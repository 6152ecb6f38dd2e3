/* Job files played on a clock that the caller moves: the real scheduler on a store in memory
 * (sim/sim.h) and one real worker (exec/worker.h), both on the caller's thread. What the scripts
 * declare is declared, and their triggers are asked; a sleep of an hour takes no time, as nothing
 * is left to do before it is over.
 *
 * Runs are run, and listeners hear: `moonbeat.testing`. Or, with a model, nothing is run: each run
 * lasts as long and ends as the model says, `retry.decide` is asked about those that fail, and
 * listeners, who would act upon the world for what has not happened, count as having heard; what
 * scripts do while they are loaded or asked changes nothing outside (lua/moonbeat/simulated.lua):
 * `moonbeat simulate`.
 *
 * Time stands still while a script computes (one that has a time-out: for so long, at most), and
 * while it waits for a file, a database or a process. What it is not to reach at all is the
 * business of the opener, which may replace the functions by which scripts reach it. What scripts
 * draw by chance is the same in each rehearsal.
 *
 * Isolated runs are run beside the others, without limits. What sensors would see is told by the
 * caller. One at a time in a process, on the thread that opened it. */
#ifndef REHEARSAL_REHEARSAL_H
#define REHEARSAL_REHEARSAL_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/message.h"
#include "sim/sim.h"

struct rehearsal;

struct rehearsal_options {
  int64_t begins_us;
  const char *folder;           /* where `require` looks; copied; NULL: nowhere */
  int64_t keep_us;              /* how long a daemon would keep ended runs; 0: for ever */
  int64_t script_memory;        /* bytes of a script's state; 0: 64 MiB */
  int64_t patience_us;          /* real time that a script may take at one instant */
  void (*opener)(lua_State *L); /* as in struct worker_options; not with a model */
  /* An attempt of a run goes to the worker. A heap string, why it shall fail at once; or NULL. This
   * and all that follow may be NULL. */
  char *(*begins)(void *context, const struct message *run);
  /* An attempt begins that is not run; `fate` as in struct sim_callbacks. */
  void (*model)(void *context, const struct message *run, struct sim_fate *fate);
  /* It has ended, either way; not told when a crash has ended it. */
  void (*ends)(void *context, const struct attempt *attempt, enum run_state state);
  /* Something has happened: a JSON object. */
  void (*hear)(void *context, const char *event, const char *json);
  void *context; /* of all */
};

/* *rehearsal is set before anything is called back. */
enum error_code rehearsal_open(const struct rehearsal_options *options,
                               struct rehearsal **rehearsal, struct error *error);
void rehearsal_close(struct rehearsal *rehearsal); /* NULL is fine */

int64_t rehearsal_now_us(const struct rehearsal *rehearsal);

/* The rehearsal's, to be read. */
struct store *rehearsal_store(struct rehearsal *rehearsal);

/* The scheduler hears this when time goes on next. Takes the message. */
void rehearsal_tell(struct rehearsal *rehearsal, struct message *message);

/* A file of the jobs folder is new or has changed; NULL: it is gone. The script is loaded when this
 * returns, or its loading waits for time to pass. */
enum error_code rehearsal_source(struct rehearsal *rehearsal, const char *script, const char *path,
                                 const char *text, size_t size, struct error *error);

/* As sim_ask(). */
char *rehearsal_ask(struct rehearsal *rehearsal, const char *operation, const char *params,
                    struct error *error);

/* When anything happens next; INT64_MAX: nothing ever will. */
int64_t rehearsal_next_us(const struct rehearsal *rehearsal);

/* Goes on to the next instant, as far as `until_us`. */
enum error_code rehearsal_step(struct rehearsal *rehearsal, int64_t until_us, struct error *error);

/* What a sensor has seen for the trigger with that key: events, a JSON array of objects. */
enum error_code rehearsal_sense(struct rehearsal *rehearsal, const char *key, const char *events,
                                struct error *error);
/* The keys of what is being watched, for as long as nothing is done. */
typedef void (*rehearsal_key_visitor)(void *context, const char *key);
void rehearsal_each_key(const struct rehearsal *rehearsal, rehearsal_key_visitor visit,
                        void *context);

/* As after kill -9, and a new start on what was stored. The sources are to be given again; until
 * rehearsal_scanned() no script counts as gone. Not with a model. */
enum error_code rehearsal_crash(struct rehearsal *rehearsal, struct error *error);
enum error_code rehearsal_scanned(struct rehearsal *rehearsal, struct error *error);

/* The context of the options, for who has a state of the rehearsal. */
void *rehearsal_context(lua_State *L);

#endif
