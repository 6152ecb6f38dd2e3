/* The names of the events that the scheduler itself tells, in one table that everything else reads:
 * `moonbeat events --list`, the vocabulary of scripts, and the check that refuses a name that will
 * never come. They begin with "job_", "script_" or "scheduler_"; anything else may be emitted by
 * scripts and clients. Any thread. */
#ifndef MODEL_EVENT_NAME_H
#define MODEL_EVENT_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* RARE ones are kept for `events`; HOT is routine, told only to those who listen, so that what is
 * worth a look is not washed away. */
enum event_use { EVENT_RARE, EVENT_HOT };

/* name, use, members beside "event" and "at", what has happened */
#define EVENT_NAMES(X)                                                                             \
  X(scheduler_started, RARE, "", "the scripts are read and jobs begin to run")                     \
  X(scheduler_shutdown, RARE, "", "the daemon was told to stop; runs may end by themselves")       \
  X(scheduler_clock_stepped, RARE, "seconds",                                                      \
    "somebody has set the wall clock, forwards or (negative) backwards")                           \
  X(scheduler_store_full, RARE, "since error",                                                     \
    "nothing can be stored; everything waits, and goes on when there is room")                     \
  X(scheduler_store_recovered, RARE, "since error", "there is room again")                         \
  X(scheduler_events_lost, HOT, "count text",                                                      \
    "told only to a client that reads events too slowly: so many it has lost")                     \
  X(scheduler_worker_stuck, RARE, "worker script job seconds replaced_by",                         \
    "a worker sits in a call that it cannot be called back from")                                  \
  X(scheduler_worker_recovered, RARE, "worker script job seconds replaced_by",                     \
    "it has come back, after so long")                                                             \
  X(scheduler_workers_short, RARE, "missing workers error",                                        \
    "no thread can be made in place of a worker that is stuck: others do its work, if any")        \
  X(scheduler_workers_complete, RARE, "missing workers error",                                     \
    "as many workers are there as there should be")                                                \
  X(scheduler_pool_changed, RARE, "pool slots",                                                    \
    "a pool is new, has another number of slots, or (null) is gone")                               \
  X(scheduler_listener_failed, RARE, "script listener about waiting dead error",                   \
    "a durable listener has failed an event for good; it is kept as a dead letter")                \
  X(scheduler_listener_full, RARE, "script listener about waiting dead error",                     \
    "a durable listener has so many events waiting, or dead, that some are dropped")               \
  X(script_loaded, RARE, "script version error", "a version of a script is in force")              \
  X(script_failed, RARE, "script version error",                                                   \
    "a script does not load; what was in force stays")                                             \
  X(script_removed, RARE, "script version error", "a script and its jobs are gone")                \
  X(job_added, RARE, "job script next_run_at", "a job was declared or added")                      \
  X(job_modified, RARE, "job script next_run_at", "a job has other options or another trigger")    \
  X(job_removed, RARE, "job script next_run_at", "a job is gone")                                  \
  X(job_paused, RARE, "job script reason", "a job was paused")                                     \
  X(job_resumed, RARE, "job script next_run_at", "a paused job goes on")                           \
  X(job_add_skipped, HOT, "job script next_run_at",                                                \
    "a unique job was added while this one was pending, and nothing was changed")                  \
  X(job_waiting, HOT, "job run scheduled_at reason name clears_at",                                \
    "what is due, or a run, begins to wait for a pool, a key, a rate or an open run")              \
  X(job_submitted, HOT, "job run scheduled_at attempt", "a run is due and was claimed")            \
  X(job_started, HOT, "job run scheduled_at attempt",                                              \
    "a worker has begun a run that takes a while")                                                 \
  X(job_cancelling, RARE, "job run scheduled_at attempt reason",                                   \
    "a run was told to end by itself, by a cancel, the next run or its soft time-out")             \
  X(job_executed, HOT,                                                                             \
    "job run scheduled_at attempt state will_retry started_at finished_at result error",           \
    "an attempt of a run has succeeded")                                                           \
  X(job_error, RARE,                                                                               \
    "job run scheduled_at attempt state will_retry started_at finished_at result error",           \
    "an attempt of a run has failed or timed out")                                                 \
  X(job_cancelled, RARE,                                                                           \
    "job run scheduled_at attempt state will_retry started_at finished_at result error",           \
    "a run was cancelled")                                                                         \
  X(job_interrupted, RARE,                                                                         \
    "job run scheduled_at attempt state will_retry started_at finished_at result error",           \
    "a run was cut off by a stop or a crash")                                                      \
  X(job_retry, RARE, "job run scheduled_at attempt due_at",                                        \
    "a run that failed will be tried again")                                                       \
  X(job_snoozed, HOT, "job run scheduled_at attempt due_at",                                       \
    "a run has asked to be begun anew later")                                                      \
  X(job_quarantined, RARE, "job script next_run_at",                                               \
    "a run was cut off too often, so its job waits for a person to resume it")                     \
  X(job_missed, RARE, "job scheduled_at reason count",                                             \
    "due times have passed without a run, for a reason other than overlap")                        \
  X(job_max_instances, RARE, "job scheduled_at reason count",                                      \
    "due times have passed without a run, as earlier runs were still open")                        \
  X(job_log, HOT, "job run sequence attempt level text", "a run has written a line to its log")    \
  X(job_progress, HOT, "job run attempt done total note", "a run has told how far it is")          \
  X(job_recovered, RARE, "job run scheduled_at since failures was_late result",                    \
    "a run has succeeded, the first one after failures or lateness")                               \
  X(job_late, RARE, "job expected last_success_at since failures",                                 \
    "a job has not succeeded for longer than it is expected to")

struct event_name {
  const char *name;
  enum event_use use;
  const char *members; /* parted by spaces */
  const char *summary;
};

/* In the order of the table; ends with a NULL name. */
extern const struct event_name event_table[];

bool event_name_is_own(const char *name);

/* Whether there may be an event of that name: ERROR_INVALID with the nearest one for a name that
 * begins as the scheduler's do and is none of them. */
enum error_code event_name_check(const char *name, struct error *error);

/* The same for a pattern with * and ?, which must fit one of the scheduler's names if it begins as
 * they do. */
enum error_code event_pattern_check(const char *pattern, struct error *error);

/* Whether a filter of what fits one of these patterns (NULL at the end) may name the member:
 * ERROR_INVALID with the nearest one when no event that fits can have it. What scripts and clients
 * emit may have any. */
enum error_code event_member_check(const char *const *patterns, const char *member,
                                   struct error *error);

#endif
