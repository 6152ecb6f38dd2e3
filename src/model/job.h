/* A job: an id, something to run, a trigger and options. Plain data.
 *
 * `struct job` is what a person wrote and what rarely changes; `struct job_progress` is what each
 * fire changes. They stand in different tables for the same reason. One function,
 * job_from_json(), reads what a script declares, what `add_job` is given and what the store kept,
 * so an option means the same everywhere. */
#ifndef MODEL_JOB_H
#define MODEL_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "trigger/trigger.h"

#define JOB_STATE_MAP(X)                                                                           \
  X(JOB_ACTIVE, "active")                                                                          \
  X(JOB_PAUSED, "paused")                                                                          \
  X(JOB_FINISHED, "finished") /* its trigger has no fire any more */                               \
  X(JOB_ERROR, "error")       /* cannot run (its script does not load, ...); waits for a person */

enum job_state {
#define X(code, name) code,
  JOB_STATE_MAP(X)
#undef X
};

const char *job_state_name(enum job_state state);
int job_state_from_name(const char *name); /* -1 when unknown */

enum job_origin {
  JOB_DECLARED, /* by a script: comes and goes with it */
  JOB_ADDED,    /* at run time: stays until removed */
};

enum job_overlap { OVERLAP_SKIP, OVERLAP_ALLOW };
enum job_coalesce { COALESCE_LATEST, COALESCE_ALL };
enum job_backoff { BACKOFF_FIXED, BACKOFF_LINEAR, BACKOFF_EXPONENTIAL };
enum job_delivery { AT_LEAST_ONCE, AT_MOST_ONCE };

struct job_retry {
  int32_t attempts; /* in all, the first included; 1: no retry */
  enum job_backoff backoff;
  int64_t delay_us;
  int64_t max_delay_us;
};

struct job {
  int64_t number; /* the store's key; 0 before it is stored */
  char *id;
  char *name; /* for people; NULL: the id */
  enum job_origin origin;
  char *script;  /* who declared it, or whose function runs; NULL: an added command */
  char *func;    /* the function's name in the script; NULL: the `run` of the declaration */
  char *command; /* JSON: {"argv":[...]} or {"shell":"..."} with options; else NULL */
  char *args;    /* JSON array; NULL: none */
  char *tags;    /* JSON array of strings; NULL: none */
  char *where;   /* "jobs/orders.lua:12"; NULL when unknown */
  char *spec;    /* the JSON that all this was read from, as it was written */
  struct trigger *trigger; /* NULL: runs only when asked */
  bool enabled;            /* false: starts paused */
  bool replace_existing;   /* for add_job: take the place of a job of that id */
  enum job_delivery delivery;
  int32_t max_instances; /* INT32_MAX with overlap "allow" when not given */
  enum job_overlap overlap;
  enum job_coalesce coalesce;
  int64_t misfire_grace_us; /* INT64_MAX: unlimited */
  int64_t timeout_us;       /* 0: none */
  struct job_retry retry;
};

/* Reads {"id":...,"trigger":...,"func":"orders.cancel_unpaid", ...}. `script` is the script that
 * declares the job, NULL for one that is added; an added job must name `func` as "script.function"
 * or have a `command`. `timezone` of the spec, else `default_zone`, is the trigger's where it names
 * none. The trigger is not anchored. An id that is missing is made from func or command.
 * Errors: `job "nightly": unknown option "retrys", did you mean "retry"?` */
enum error_code job_from_json(const struct json *spec, const char *script, const char *default_zone,
                              struct job **job, struct error *error);

/* Reads what the store kept: `spec` as it was written and `trigger` as it was anchored (JSON; NULL:
 * none). */
enum error_code job_from_stored(const char *spec, const char *script, const char *trigger,
                                struct job **job, struct error *error);

void job_destroy(struct job *job); /* NULL is fine */

/* The delay before attempt `attempt` (2, 3, ...). */
int64_t job_retry_delay(const struct job_retry *retry, int32_t attempt);

#define JOB_NEVER INT64_MAX

/* What each fire changes; a narrow row. */
struct job_progress {
  enum job_state state;
  int64_t next_us;   /* the next due time not yet decided upon; JOB_NEVER: none */
  int64_t last_us;   /* scheduled_us of the run claimed last; INT64_MIN: none */
  int64_t runs_kept; /* rows in the history, for pruning */
  int64_t paused_us; /* since when; 0 unless paused */
  char *error;       /* why the state is JOB_ERROR; else NULL */
};

/* Writes the members of the public view (id, name, state, trigger, next_run_at, ...) into an object
 * that is already begun. `default_zone` as above. */
void job_put_members(struct json_writer *writer, const struct job *job,
                     const struct job_progress *progress);

#endif
