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

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "model/rate.h"
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

enum job_delivery { AT_LEAST_ONCE, AT_MOST_ONCE };

/* What a due time does while max_instances runs are open. Those that wait are not claimed before
 * their turn comes, and are subject to misfire_grace_us like any that is late. */
enum job_overlap {
  OVERLAP_SKIP,
  OVERLAP_BUFFER_ONE,      /* the latest (or the earliest) waits, the others are skipped */
  OVERLAP_BUFFER_ALL,      /* the latest buffer_limit wait, those before them are skipped */
  OVERLAP_CANCEL_OTHER,    /* the open ones are asked to end; the latest waits for that */
  OVERLAP_TERMINATE_OTHER, /* the same, but they are killed at once */
  OVERLAP_ALLOW,           /* max_instances are unlimited when not given */
};

/* Which of several due times that are late at once run; while runs are open job_overlap says it. */
enum job_coalesce { COALESCE_LATEST, COALESCE_EARLIEST, COALESCE_ALL };

enum job_backoff { BACKOFF_FIXED, BACKOFF_LINEAR, BACKOFF_EXPONENTIAL };

struct job_retry {
  /* In all, the first included; 1: no retry; 0: the job says nothing, so one, or some where the run
   * asks for another. Snoozes and interruptions are free. */
  int32_t attempts;
  enum job_backoff backoff;
  double factor; /* of the exponential backoff */
  int64_t delay_us;
  int64_t max_delay_us;
  double jitter_share; /* at most so much of the delay is added at random, */
  int64_t jitter_us;   /* or so much time */
  char *decide;        /* function of the script that is asked; "": the declared one; NULL: none */
  char *retry_on;      /* JSON array of Lua patterns, one of which the error must match; or NULL */
  char *give_up_on;    /* JSON array of Lua patterns, none of which it may match; or NULL */
};

/* A job that is added while a pending one of the same key is younger than the period... */
enum job_conflict {
  CONFLICT_SKIP,    /* is not added: the pending one stays as it is */
  CONFLICT_REPLACE, /* takes its place */
  CONFLICT_EXTEND,  /* is not added, but the pending one takes over its trigger */
};

struct job_unique {
  char *key;         /* see job_expand; "": what runs and its arguments; NULL: not unique */
  int64_t period_us; /* INT64_MAX: as long as it is pending */
  enum job_conflict on_conflict;
};

/* What a command has between TERM and KILL, when nobody says otherwise. */
#define COMMAND_GRACE_US INT64_C(5000000)

/* The processes for isolated runs of one worker. */
enum { ISOLATION_MAX = 64, ISOLATION_SHARE = 3 };

/* Whether a script that has `own` of `all` may have one more: up to three times as many as it
 * leaves free, 48 when it is the only one. So none has them all, and who comes later finds some. */
static inline bool isolation_has_room(int own, int all)
{
  return own < ISOLATION_SHARE * (ISOLATION_MAX - all);
}

/* Of an isolated run's process; 0: the default. */
struct job_limits {
  int64_t memory_bytes;
  int64_t cpu_us;
  int32_t files;
};

struct job {
  int64_t number; /* the store's key; 0 before it is stored */
  char *id;
  char *name; /* for people; NULL: the id */
  enum job_origin origin;
  char *script;       /* who declared it, or whose function runs; NULL: an added command */
  char *func;         /* the function's name in the script; NULL: the `run` of the declaration */
  char *command;      /* JSON: {"argv":[...]} or {"shell":"..."} with options; else NULL */
  char *args;         /* JSON array; NULL: none */
  char *tags;         /* JSON array of strings; NULL: none */
  char *where;        /* "jobs/orders.lua:12"; NULL when unknown */
  char *spec;         /* the JSON that all this was read from, as it was written */
  bool is_unreadable; /* as the store has it: the rest is not known */
  struct trigger *trigger; /* NULL: runs only when asked */
  bool enabled;            /* false: starts paused */
  bool replace_existing;   /* for add_job: take the place of a job of that id */
  enum job_delivery delivery;
  int32_t max_interruptions; /* of one run, before its job is put in quarantine */

  int32_t max_instances; /* INT32_MAX with overlap "allow" when not given */
  enum job_overlap overlap;
  int32_t buffer_limit; /* for OVERLAP_BUFFER_ALL */

  int64_t misfire_grace_us; /* how late a fire may begin; INT64_MAX: unlimited */
  enum job_coalesce coalesce;
  int32_t replay_limit;    /* so many of the latest late ones run with COALESCE_ALL; 0: all */
  struct rate replay_rate; /* how fast */

  char *pool;                /* a run takes one of its slots; NULL: none */
  int32_t priority;          /* among those that wait for a slot: higher goes first; -100 to 100 */
  char *concurrency_key;     /* at most so many runs are open with the same; see job_expand */
  int32_t concurrency_limit; /* 1 when not given */
  struct rate rate;          /* of its runs; count 0: unlimited */
  struct job_unique unique;

  int64_t soft_timeout_us;      /* the run is told; 0: none */
  int64_t timeout_us;           /* it is killed; 0: none */
  int64_t cancel_grace_us;      /* between being told of a cancellation and being killed */
  int64_t heartbeat_timeout_us; /* longest silence of a run; 0: any */
  struct job_retry retry;

  int64_t expect_us;    /* late when it has not succeeded for so long; 0: never */
  int32_t max_failures; /* paused after so many failed runs in a row; 0: never */

  bool isolate; /* runs in a process of its own */
  struct job_limits limits;
  char *env; /* JSON object of strings, for the isolated process; or NULL */
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

/* The delay after `failures` (1, 2, ...) failed attempts. `random` is any number; the same gives
 * the same delay. */
int64_t job_retry_delay(const struct job_retry *retry, int32_t failures, uint64_t random);

/* Appends `pattern` with {N} replaced by the Nth argument, {N.name} by a member of it, {job} by the
 * id, {{ by a brace. `args` is a JSON array or NULL: those of the job. What is not there is
 * ERROR_NOT_FOUND, what makes no key ERROR_INVALID. */
enum error_code job_expand(const struct job *job, const char *pattern, const char *args,
                           struct buffer *out, struct error *error);

/* Appends the key of a job with `unique`: the same for jobs that are the same by its rule. */
enum error_code job_unique_key(const struct job *job, struct buffer *out, struct error *error);

/* The names of the choices above, in the order of their enums, NULL at the end. */
extern const char *const job_overlap_names[],
    *const job_coalesce_names[], *const job_backoff_names[], *const job_delivery_names[],
                                                                 *const job_conflict_names[];

#define JOB_NEVER INT64_MAX

/* What each fire changes; a narrow row. */
struct job_progress {
  enum job_state state;
  int64_t next_us;   /* the next due time not yet decided upon; JOB_NEVER: none */
  int64_t last_us;   /* scheduled_us of the run claimed last; INT64_MIN: none */
  int64_t runs_kept; /* rows in the history, for pruning, */
  int64_t log_bytes; /* and bytes of their logs; both may be too high, after pruning by age */
  int64_t paused_us; /* since when; 0 unless paused */
  char *error;       /* why it is in JOB_ERROR, or paused other than by a person; else NULL */
};

/* Writes the members of the public view (id, name, state, trigger, next_run_at, ...) into an object
 * that is already begun. `default_zone` as above. */
void job_put_members(struct json_writer *writer, const struct job *job,
                     const struct job_progress *progress);

#endif
