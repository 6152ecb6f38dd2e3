/* A run: one execution of a job for one `scheduled_at`, and its states. Plain data, any thread.
 *
 * A run is named by (scheduled_us, job), which is unique in the store: that is what forbids a
 * double fire. `fence` is a number given at each claim of an attempt; only a finish that carries it
 * counts. People write a run as `orders@2026-11-21T09:00:00Z`: the job's id and its due time. */
#ifndef MODEL_RUN_H
#define MODEL_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define RUN_STATE_MAP(X)                                                                           \
  X(RUN_PENDING, "pending") /* claimed; waits for its start or its next attempt */                 \
  X(RUN_RUNNING, "running")                                                                        \
  X(RUN_SUCCEEDED, "succeeded")     /* from here on the run has ended */                           \
  X(RUN_FAILED, "failed")           /* raised an error */                                          \
  X(RUN_TIMED_OUT, "timed_out")     /* killed at its time-out */                                   \
  X(RUN_CANCELLED, "cancelled")     /* killed because somebody asked */                            \
  X(RUN_INTERRUPTED, "interrupted") /* cut off by the end of the daemon */

enum run_state {
#define X(code, name) code,
  RUN_STATE_MAP(X)
#undef X
};

const char *run_state_name(enum run_state state);
int run_state_from_name(const char *name); /* -1 when unknown */

/* Why a run is told to end by itself, as run:cancelled() says it; of several the first here. */
#define RUN_TOLD_MAP(X)                                                                            \
  X(TOLD_NOTHING, NULL)                                                                            \
  X(TOLD_CANCELLED, "cancelled") /* somebody asked */                                              \
  X(TOLD_OVERLAP, "overlap")     /* the next run of its job is due */                              \
  X(TOLD_STOPPING, "stopping")   /* the daemon is */                                               \
  X(TOLD_SOFT_TIMEOUT, "soft_timeout")

enum run_told {
#define X(code, name) code,
  RUN_TOLD_MAP(X)
#undef X
};

const char *run_told_name(enum run_told told); /* NULL for TOLD_NOTHING */

static inline bool run_has_ended(enum run_state state)
{
  return state >= RUN_SUCCEEDED;
}

/* Of an attempt that was snoozed or cut off another one is made, however many may be. */
static inline bool run_attempt_counts(enum run_state state)
{
  return state != RUN_PENDING && state != RUN_INTERRUPTED;
}

/* Why a run was made. */
enum run_cause { RUN_BY_SCHEDULE, RUN_BY_HAND, RUN_BY_EVENT };

const char *run_cause_name(enum run_cause cause); /* "schedule", "manual", "event" */

/* What an attempt asks for, or its job's retry.decide says of it. */
enum run_verdict {
  VERDICT_NONE,
  VERDICT_RETRY,   /* it has failed and another one shall follow */
  VERDICT_SNOOZE,  /* it has not failed: the run begins anew, later */
  VERDICT_GIVE_UP, /* no other one shall follow */
};

struct run_answer {
  enum run_verdict verdict;
  int64_t delay_us; /* -1: as the job's retry says */
};

/* What an attempt has used, told of those that outlive their first slice, or fail in it. */
struct run_usage {
  int64_t slices; /* 0: not measured */
  int64_t cpu_us;
  int64_t memory_bytes;          /* the most that its script's state has held meanwhile */
  int64_t commands_cpu_us;       /* of the commands that it has begun and that have ended, */
  int64_t commands_memory_bytes; /* and the most that one of them has held; 0: there was none */
};

struct run_key {
  int64_t scheduled_us;
  int64_t job; /* the job's number in the store */
};

enum { RUN_LOG_REMOVED = -1 }; /* as the logs of its job were too large */

struct run {
  struct run_key key;
  enum run_state state;
  enum run_cause cause;
  int32_t attempt; /* 1 for the first */
  int64_t fence;
  int64_t previous_us; /* scheduled_us of the job's run claimed before; INT64_MIN: none */
  int64_t due_us;      /* when the attempt may start: scheduled_us, or the time of a retry */
  int64_t claimed_us;
  int64_t started_us;  /* 0: not yet */
  int64_t finished_us; /* 0: not yet */
  char *args;          /* JSON array given by hand in place of the job's; or NULL */
  char *events;        /* JSON array of what set it off; or NULL */
  char *result;        /* JSON; or NULL */
  char *error;         /* text with traceback; of an open run why it was cancelled; or NULL */
  int64_t log_bytes;   /* of its log when it has ended; 0: it has none; RUN_LOG_REMOVED */
  struct run_usage usage;
};

void run_deinit(struct run *run);

/* What the error of an interrupted attempt begins with: the daemon was told to stop, and has ended
 * the attempt; or it has ended itself, which the next start finds, also of one that was cancelled
 * and had not ended. */
#define RUN_CUT_BY_STOP "cut off by a stop of the daemon"
#define RUN_CUT_BY_END  "cut off by the end of the daemon"

bool run_was_cut_by_stop(const struct run *run);
/* Else finished_us is when its end was found. */
bool run_end_is_known(enum run_state state, const char *error);

/* "job_id@2026-11-21T09:00:00Z", with a fraction only where there is one. */
void run_format_id(struct buffer *out, const char *job_id, int64_t scheduled_us);

/* Splits such a text at its last '@'. *job_id is a heap string of the caller's. */
enum error_code run_parse_id(const char *text, char **job_id, int64_t *scheduled_us,
                             struct error *error);

/* ---- skips ---- */

#define SKIP_REASON_MAP(X)                                                                         \
  X(SKIP_MISFIRE, "misfire")   /* later than misfire_grace_time, or coalesced into a later fire */ \
  X(SKIP_OVERLAP, "overlap")   /* max_instances were still running */                              \
  X(SKIP_PAUSED, "paused")     /* due while the job was paused */                                  \
  X(SKIP_CALENDAR, "calendar") /* excluded by a calendar */                                        \
  X(SKIP_LIMIT, "limit")       /* a limit of the job's or of a pool's */

enum skip_reason {
#define X(code, name) code,
  SKIP_REASON_MAP(X)
#undef X
};

const char *skip_reason_name(enum skip_reason reason);

/* Due times that did not become runs: all `count` of them in [first_us, last_us]. */
struct skip {
  int64_t job;
  int64_t first_us, last_us;
  int64_t count;
  enum skip_reason reason;
  int64_t recorded_us;
};

#endif
