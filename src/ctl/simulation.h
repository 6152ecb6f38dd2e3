/* What `moonbeat simulate` asks of the app, and the facts that it gets back: which attempts of
 * which runs would have begun and ended when, and which due times would have become none. Plain
 * data; what it means for a person is found by simulation_digest.h. */
#ifndef CTL_SIMULATION_H
#define CTL_SIMULATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/job.h"
#include "model/run.h"

/* `--duration PATTERN=5m`, `--fail PATTERN=2`; of several that fit a job the last one counts. */
struct simulation_wish {
  const char *pattern; /* of ids, with * and ? */
  int64_t value;
};

/* `--emit EVENT=TRIGGER`: an event without members comes whenever the trigger fires. */
struct simulation_emission {
  char *event;
  struct trigger *trigger; /* anchored */
};

struct simulation_options {
  int64_t from_us, until_us; /* the span: [from_us, until_us) */
  const char *timezone;      /* what "local" means; NULL: the system's zone */
  int64_t duration_us;       /* of runs of which nothing else is known */
  const struct simulation_wish *durations, *failures;
  size_t duration_count, failure_count;
  const struct simulation_emission *emissions;
  size_t emission_count;
  const struct simulation_wish *pools; /* `--pool NAME=SLOTS`, by name */
  size_t pool_count;
  const char *history; /* the state folder of a daemon; NULL: runs take what is said here */
  int64_t most;        /* runs and skips; then it stops before the end of the span */
  /* Called now and then, with how far it has come; NULL: nobody wants to know. */
  void (*progress)(void *context, int64_t now_us, int64_t fires);
  void *context;
};

enum simulation_source { DURATION_ASSUMED, DURATION_GIVEN, DURATION_FROM_HISTORY };

struct simulation_job {
  struct job *job;      /* its trigger is anchored */
  enum job_state state; /* at the end */
  char *error;          /* why it is in JOB_ERROR; or NULL */
  int64_t next_us;      /* the next due time that is not decided upon; JOB_NEVER */
  int64_t duration_us;  /* of each attempt */
  enum simulation_source source;
};

/* For what a run waited before it began. */
enum simulation_wait {
  WAITED_NOT,
  WAITED_FOR_OVERLAP, /* a run of its own job */
  WAITED_FOR_POOL,
  WAITED_FOR_KEY,
  WAITED_FOR_THROTTLE, /* of its trigger, behind earlier events */
  WAITED_FOR_RATE,     /* its own, or that of late runs */
};

struct simulation_attempt {
  int64_t scheduled_us;     /* by which its run is known */
  int64_t due_us;           /* when it could have begun: its event had come, its retry was due */
  int64_t begin_us, end_us; /* end_us may lie behind the span */
  int32_t job;              /* where it stands in `jobs` */
  int32_t number;           /* 1 for the first */
  int32_t behind;           /* the job whose run's end let it in, of what it waited for; -1: none */
  int64_t next_us;          /* another one is due then, and has not begun; 0: none is */
  enum run_state state;
  enum simulation_wait wait;
  char *key; /* for which it waited, if it was a key; else NULL */
};

/* Due times that became no run, as the store's struct skip. Those of reason -1 wait still, at the
 * end of the span. */
struct simulation_skip {
  int32_t job;
  int reason;
  int64_t first_us, last_us, count;
  enum simulation_wait wait; /* for what those wait */
  char *key;
};

/* One that a job uses or a script declares. */
struct simulation_pool {
  char *name;
  int64_t slots;
};

/* A script that does not load. */
struct simulation_problem {
  char *script, *text;
};

struct simulation {
  int64_t from_us, until_us;
  int64_t reached_us;          /* until_us, or where there were too many fires */
  struct simulation_job *jobs; /* in the order of their ids */
  size_t job_count, job_capacity;
  struct simulation_attempt *attempts; /* in the order in which they begin */
  size_t attempt_count, attempt_capacity;
  struct simulation_skip *skips; /* of one job after the other */
  size_t skip_count, skip_capacity;
  struct simulation_pool *pools;
  size_t pool_count, pool_capacity;
  struct simulation_problem *problems;
  size_t problem_count, problem_capacity;
};

void simulation_deinit(struct simulation *simulation);

/* Room for one more, zeroed. */
struct simulation_job *simulation_add_job(struct simulation *simulation);
struct simulation_attempt *simulation_add_attempt(struct simulation *simulation);
struct simulation_skip *simulation_add_skip(struct simulation *simulation);
struct simulation_pool *simulation_add_pool(struct simulation *simulation);
struct simulation_problem *simulation_add_problem(struct simulation *simulation);

/* The last wish that fits the id; NULL: none does. */
const struct simulation_wish *simulation_find_wish(const struct simulation_wish *wishes,
                                                   size_t count, const char *id);

#endif
