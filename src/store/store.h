/* Where scripts, jobs and runs live. The only writer is the scheduler thread, which also reads: all
 * calls are from that one thread.
 *
 * What the layout is for: a fire is an append. `runs` is clustered by (scheduled_us, job), which is
 * its uniqueness too, and each row links to the job's run before it, so a job's history needs no
 * second index. What each fire changes (struct job_progress) stands in narrow rows apart from what
 * does not (struct job). Rows that are written together lie together.
 *
 * Writes happen between store_begin() and store_commit(); after a failed write or commit the
 * transaction is rolled back by store_rollback() and nothing of it has happened. Errors: ERROR_FULL
 * (no room: try again later), ERROR_IO (what is on the disk is not known: exit and recover),
 * ERROR_CORRUPT, ERROR_NEWER, ERROR_BUSY (another daemon holds the store), ERROR_NOT_FOUND,
 * ERROR_EXISTS, ERROR_CONFLICT. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/job.h"
#include "model/run.h"
#include "model/script.h"

struct store;

/* `path`: the database file, made when missing (its folder must exist; a lock file `path`-lock with
 * the holder's pid keeps a second daemon out: ERROR_BUSY names the pid), or NULL for one in memory.
 */
enum error_code store_open(const char *path, struct store **store, struct error *error);
void store_close(struct store *store);

/* Grows by one, durably, each time the store is opened: who claimed a run. */
int64_t store_epoch(const struct store *store);

enum error_code store_begin(struct store *store, struct error *error);
enum error_code store_commit(struct store *store, struct error *error);
void store_rollback(struct store *store);

/* ---- scripts ---- */

/* Visitors return false to stop. What they are given lives during the call only. */
typedef bool (*store_script_visitor)(void *context, const struct script *script);

enum error_code store_put_script(struct store *store, const struct script *script,
                                 struct error *error);
/* With its sources; what it keeps (kv) stays. ERROR_NOT_FOUND. */
enum error_code store_remove_script(struct store *store, const char *name, struct error *error);
enum error_code store_each_script(struct store *store, store_script_visitor visit, void *context,
                                  struct error *error);

/* Sources that have loaded, those of files too, by revision: 1, 2, ... The newest 20 are kept. */
struct script_revision {
  int64_t number;
  char version[SCRIPT_VERSION_SIZE];
  int64_t created_us;
  char *source;
  size_t size;
};

typedef bool (*store_revision_visitor)(void *context, const struct script_revision *revision);

/* A source equal to the newest revision adds none. */
enum error_code store_add_source(struct store *store, const char *script, const char *source,
                                 size_t size, int64_t now_us, int64_t *number, struct error *error);
/* `number` 0 is the newest. The caller frees `source`. */
enum error_code store_get_source(struct store *store, const char *script, int64_t number,
                                 struct script_revision *revision, struct error *error);
/* Newest first. */
enum error_code store_each_revision(struct store *store, const char *script,
                                    store_revision_visitor visit, void *context,
                                    struct error *error);

/* ---- calendars ---- */

struct stored_calendar {
  const char *name, *definition; /* JSON */
  const char *script;            /* who declared it; NULL: it was set at run time */
};

typedef bool (*store_calendar_visitor)(void *context, const struct stored_calendar *calendar);

enum error_code store_put_calendar(struct store *store, const struct stored_calendar *calendar,
                                   struct error *error);
/* ERROR_NOT_FOUND. `name` is the one given; what else it holds is freed by the second, which takes
 * one that was not found, too. */
enum error_code store_get_calendar(struct store *store, const char *name,
                                   struct stored_calendar *calendar, struct error *error);
void stored_calendar_deinit(struct stored_calendar *calendar);
enum error_code store_remove_calendar(struct store *store, const char *name, struct error *error);
enum error_code store_each_calendar(struct store *store, store_calendar_visitor visit,
                                    void *context, struct error *error);
/* Since when there are jobs that have not followed a change of a calendar; 0: all have. */
enum error_code store_get_calendar_change(struct store *store, int64_t *since_us,
                                          struct error *error);
enum error_code store_put_calendar_change(struct store *store, int64_t since_us,
                                          struct error *error);

/* ---- pools ---- */

struct stored_pool {
  const char *name;
  int64_t slots;      /* in force */
  int64_t declared;   /* what its script said last; -1: none did */
  const char *script; /* who declared it; NULL: it was set at run time */
};

typedef bool (*store_pool_visitor)(void *context, const struct stored_pool *pool);

enum error_code store_put_pool(struct store *store, const struct stored_pool *pool,
                               struct error *error);
/* As a calendar; when it is not found nobody has declared it. */
enum error_code store_get_pool(struct store *store, const char *name, struct stored_pool *pool,
                               struct error *error);
void stored_pool_deinit(struct stored_pool *pool);
enum error_code store_remove_pool(struct store *store, const char *name, struct error *error);
enum error_code store_each_pool(struct store *store, store_pool_visitor visit, void *context,
                                struct error *error);

/* ---- events that jobs wait for ---- */

/* `key` says what the job waits for, or which calendar it follows, or which pool it uses
 * (sched/topic.c). */
enum error_code store_subscribe(struct store *store, const char *key, int64_t job,
                                struct error *error);
typedef bool (*store_subscription_visitor)(void *context, const char *key, int64_t job);
/* From all; `visit` sees what they were. */
enum error_code store_unsubscribe(struct store *store, int64_t job,
                                  store_subscription_visitor visit, void *context,
                                  struct error *error);
enum error_code store_unsubscribe_from(struct store *store, const char *key, int64_t job,
                                       struct error *error);
enum error_code store_each_subscription(struct store *store, store_subscription_visitor visit,
                                        void *context, struct error *error);

/* One that has come for a job and has no run yet. */
struct pending_event {
  int64_t job;
  int64_t number;      /* in the order in which they came, from 1 */
  int64_t at_us;       /* when it came */
  int64_t due_us;      /* at_us, and its trigger's debounce */
  const char *content; /* a JSON object */
};
enum error_code store_add_event(struct store *store, const struct pending_event *event,
                                struct error *error);
/* Those with numbers up to `until_number`. */
enum error_code store_remove_events(struct store *store, int64_t job, int64_t until_number,
                                    struct error *error);
typedef bool (*store_event_visitor)(void *context, const struct pending_event *event);
/* Oldest first; of all jobs, one after the other, when `job` is 0. */
enum error_code store_each_event(struct store *store, int64_t job, store_event_visitor visit,
                                 void *context, struct error *error);

/* How far a sensor has come: what it said before is in the store. `position` is JSON; NULL removes.
 */
enum error_code store_put_position(struct store *store, const char *key, const char *position,
                                   struct error *error);
/* *position is a heap string of the caller's, NULL when there is none. */
enum error_code store_get_position(struct store *store, const char *key, char **position,
                                   struct error *error);

/* ---- jobs ---- */

/* A job as it is kept. One whose spec cannot be read any more comes with its id, number and spec
 * only, is_unreadable and in JOB_ERROR with the reason; its row is unchanged, so do not write that
 * state back. The visitor may take `job` over by setting it to NULL; likewise progress.error. */
struct stored_job {
  struct job *job; /* number, trigger anchored */
  struct job_progress progress;
};

void stored_job_deinit(struct stored_job *stored);

typedef bool (*store_job_visitor)(void *context, struct stored_job *stored);

/* Sets job->number. ERROR_EXISTS when the id is taken. */
enum error_code store_add_job(struct store *store, struct job *job,
                              const struct job_progress *progress, struct error *error);
/* The definition of job->number becomes this one (the id may not change). */
enum error_code store_change_job(struct store *store, const struct job *job, struct error *error);
enum error_code store_put_progress(struct store *store, int64_t number,
                                   const struct job_progress *progress, struct error *error);
/* Of one that cannot be read: all but the state, which stays as it is stored, and its reason. */
enum error_code store_put_unreadable(struct store *store, int64_t number,
                                     const struct job_progress *progress, struct error *error);
/* With its runs, attempts, logs and skips left to pruning: they are found no more. Its
 * subscriptions are the caller's to end. */
enum error_code store_remove_job(struct store *store, int64_t number, struct error *error);
enum error_code store_find_job(struct store *store, const char *id, struct stored_job *stored,
                               struct error *error);
enum error_code store_load_job(struct store *store, int64_t number, struct stored_job *stored,
                               struct error *error);

/* In order of id, beginning behind `after_id` (NULL: from the first). */
enum error_code store_each_job(struct store *store, const char *after_id, store_job_visitor visit,
                               void *context, struct error *error);

/* Those that the script declared; those of any origin that run a function of it and are in
 * JOB_ERROR. The cost is that of the jobs visited, however many others use the script. */
enum error_code store_each_declared(struct store *store, const char *script,
                                    store_job_visitor visit, void *context, struct error *error);
enum error_code store_each_broken(struct store *store, const char *script, store_job_visitor visit,
                                  void *context, struct error *error);

/* Active jobs with next_us <= until_us in order of (next_us, number), beginning behind
 * (after_us, after_number). */
enum error_code store_each_due(struct store *store, int64_t after_us, int64_t after_number,
                               int64_t until_us, store_job_visitor visit, void *context,
                               struct error *error);

/* How many jobs are in each state (indexed by enum job_state), and the size of the store. */
struct store_counts {
  int64_t jobs[4];
  int64_t size_bytes;
};
enum error_code store_count(struct store *store, struct store_counts *counts, struct error *error);

/* ---- how jobs fare ---- */

/* Of a job that is expected to succeed in time, or that is in trouble; others have no row. */
struct job_health {
  int64_t job;
  int64_t expect_us;  /* late when it has not succeeded for so long; 0: never */
  int64_t since_us;   /* from when on that is counted */
  int64_t success_us; /* its last success that is known of; 0: none */
  int64_t late_us;    /* when it was found to be late; 0: it is not */
  int64_t trouble_us; /* since when it fails or is late, until it succeeds; 0: it does not */
  int64_t failures;   /* runs in a row */
};

enum error_code store_put_health(struct store *store, const struct job_health *health,
                                 struct error *error);
enum error_code store_remove_health(struct store *store, int64_t job, struct error *error);
typedef bool (*store_health_visitor)(void *context, const struct job_health *health);
enum error_code store_each_health(struct store *store, store_health_visitor visit, void *context,
                                  struct error *error);

/* ---- keys of unique jobs ---- */

/* The key is the job's from now on, and no other's. */
enum error_code store_take_key(struct store *store, const char *key, int64_t job, int64_t now_us,
                               struct error *error);
enum error_code store_drop_keys(struct store *store, int64_t job, struct error *error);
/* ERROR_NOT_FOUND when no job has taken it, or the job is gone. */
enum error_code store_find_key(struct store *store, const char *key, int64_t *job,
                               int64_t *taken_us, struct error *error);

/* ---- runs ---- */

/* The runs and jobs visited below come with the id of their job. */
typedef bool (*store_run_visitor)(void *context, const struct run *run, const char *job_id);

/* Appends a claimed run. ERROR_CONFLICT when there is one of that key. */
enum error_code store_claim(struct store *store, const struct run *run, struct error *error);
/* Writes state, times, result and error of the attempt that holds run->fence and has not ended.
 * ERROR_CONFLICT, and no change, when the fence is stale. */
enum error_code store_finish(struct store *store, const struct run *run, struct error *error);
/* The attempt in force, which has ended as `ended` says, is kept as history, and the run is claimed
 * anew as `again` says (attempt, fence, state, due_us). Same fence rule, on ended->fence. Of
 * attempts that were snoozed only those among the latest STORE_SNOOZES_KEPT attempts stay: a run
 * may go to sleep again and again for ever. */
enum { STORE_SNOOZES_KEPT = 1000 };
enum error_code store_retry(struct store *store, const struct run *ended, const struct run *again,
                            struct error *error);
/* The attempt in force is due then; JOB_NEVER: no worker has it, and none may before it is due
 * again. Same fence rule. */
enum error_code store_put_due(struct store *store, struct run_key key, int64_t fence,
                              int64_t due_us, struct error *error);
/* The attempt in force is to end as cancelled, also when the daemon does not live to see that: its
 * run's error is `why` until it has ended. A stale fence changes nothing. */
enum error_code store_cancel(struct store *store, struct run_key key, int64_t fence,
                             const char *why, struct error *error);
enum error_code store_get_run(struct store *store, struct run_key key, struct run *run,
                              struct error *error);
/* The job's last success of those that housekeeping has taken from its runs: when it was and what
 * it left. ERROR_NOT_FOUND: there is none. run_deinit() it. */
enum error_code store_get_success(struct store *store, int64_t job, struct run *run,
                                  struct error *error);
/* Ended attempts before the one in force, in order, from the number `first` on. */
enum error_code store_each_attempt(struct store *store, struct run_key key, int32_t first,
                                   store_run_visitor visit, void *context, struct error *error);
/* An open run is recorded as running, so that it need not lie behind the watermark to be found.
 * started_us as in struct run. */
enum error_code store_mark_lasting(struct store *store, struct run_key key, int64_t fence,
                                   int64_t started_us, struct error *error);
/* When the attempt in force began. A stale fence changes nothing. */
enum error_code store_put_started(struct store *store, struct run_key key, int64_t fence,
                                  int64_t started_us, struct error *error);
/* The same, and that a worker may have begun its attempt, which is not the first. */
enum error_code store_mark_sent(struct store *store, struct run_key key, int64_t fence,
                                int64_t now_us, struct error *error);
/* Open ones: those that were marked, and pending ones scheduled at `from_us` or later. */
enum error_code store_each_open_run(struct store *store, int64_t from_us, store_run_visitor visit,
                                    void *context, struct error *error);
/* A job's history, newest claim first, along the links from `from_us` (progress.last_us). */
enum error_code store_each_run_of(struct store *store, int64_t job, int64_t from_us,
                                  store_run_visitor visit, void *context, struct error *error);
/* How far job_progress has followed the claims: those of `fence` and below are in it. No claim
 * above it, and no open run that is not marked as lasting, is scheduled before from_us. */
struct store_watermark {
  int64_t fence;
  int64_t from_us;
};
enum error_code store_get_watermark(struct store *store, struct store_watermark *watermark,
                                    struct error *error);
enum error_code store_put_watermark(struct store *store, const struct store_watermark *watermark,
                                    struct error *error);
/* Between which times the wall clock was set back while runs waited, whose due times have followed
 * it; 0 and 0: it was not. */
struct store_set_back {
  int64_t from_us, to_us;
};
enum error_code store_get_set_back(struct store *store, struct store_set_back *set_back,
                                   struct error *error);
enum error_code store_put_set_back(struct store *store, const struct store_set_back *set_back,
                                   struct error *error);
/* Runs that the watermark does not cover, in order of claimed_us. */
enum error_code store_each_unfolded(struct store *store, const struct store_watermark *watermark,
                                    store_run_visitor visit, void *context, struct error *error);
/* Of all jobs, latest scheduled_us first, those before (before_us, before_job). */
enum error_code store_each_run(struct store *store, int64_t before_us, int64_t before_job,
                               store_run_visitor visit, void *context, struct error *error);

/* What an open run leaves for its next attempt. `value` is JSON; NULL removes. */
enum error_code store_put_checkpoint(struct store *store, struct run_key key, const char *value,
                                     struct error *error);
/* *value is a heap string of the caller's, NULL when there is none. */
enum error_code store_get_checkpoint(struct store *store, struct run_key key, char **value,
                                     struct error *error);

/* *number, if given, names the row. */
enum error_code store_add_skip(struct store *store, const struct skip *skip, int64_t *number,
                               struct error *error);
/* The row becomes `skip`, which goes on where it ended. ERROR_NOT_FOUND when it was pruned. */
enum error_code store_extend_skip(struct store *store, int64_t number, const struct skip *skip,
                                  struct error *error);
/* Newest first. */
typedef bool (*store_skip_visitor)(void *context, const struct skip *skip);
enum error_code store_each_skip_of(struct store *store, int64_t job, store_skip_visitor visit,
                                   void *context, struct error *error);

struct log_line {
  int64_t sequence; /* in its run, from 1 */
  int32_t attempt;
  int level; /* enum log_level */
  int64_t at_us;
  const char *text;
};
typedef bool (*store_log_visitor)(void *context, const struct log_line *line);
enum error_code store_add_log(struct store *store, struct run_key key, const struct log_line *line,
                              struct error *error);
enum error_code store_each_log(struct store *store, struct run_key key, int64_t after_sequence,
                               store_log_visitor visit, void *context, struct error *error);

/* ---- what scripts keep ---- */

#define KV_FOR_EVER INT64_MAX

struct kv_entry {
  const char *script; /* "": what all scripts share */
  const char *key;
  const char *value;  /* JSON */
  int64_t expires_us; /* from then on nobody sees it; KV_FOR_EVER: it stays */
};

enum error_code store_kv_set(struct store *store, const struct kv_entry *entry,
                             struct error *error);
enum error_code store_kv_delete(struct store *store, const char *script, const char *key,
                                struct error *error);
/* *value is a heap string of the caller's, NULL when there is none. */
enum error_code store_kv_get(struct store *store, const char *script, const char *key,
                             int64_t now_us, char **value, int64_t *expires_us,
                             struct error *error);

/* Which keys: of one script, or of all when it is NULL, those that begin with `prefix` and stand
 * behind the one named, in order. */
struct kv_listing {
  const char *script;
  const char *prefix;                   /* "": all */
  const char *after_script, *after_key; /* NULL: from the first on */
  int64_t now_us;
};
typedef bool (*store_kv_visitor)(void *context, const struct kv_entry *entry);
enum error_code store_kv_each(struct store *store, const struct kv_listing *listing,
                              store_kv_visitor visit, void *context, struct error *error);
/* Removes at most `budget` values whose time is over. Inside a transaction. */
enum error_code store_kv_expire(struct store *store, int64_t now_us, int budget, int *removed,
                                struct error *error);

/* ---- durable listeners, and the letters to them: events that they have not heard of ---- */

struct stored_listener {
  int64_t number;
  const char *script, *name;
  const char *spec; /* JSON, see model/listener_spec.h */
  int64_t delivered, failed, dropped;
  int64_t waiting, dead, last_number; /* counted when it is read */
};
typedef bool (*store_listener_visitor)(void *context, const struct stored_listener *listener);
enum error_code store_each_listener(struct store *store, store_listener_visitor visit,
                                    void *context, struct error *error);
enum error_code store_add_listener(struct store *store, const char *script, const char *name,
                                   const char *spec, int64_t *number, struct error *error);
enum error_code store_put_listener(struct store *store, int64_t number, const char *spec,
                                   struct error *error);
/* Writes delivered, failed and dropped. */
enum error_code store_count_listener(struct store *store, const struct stored_listener *listener,
                                     struct error *error);
/* With its letters. */
enum error_code store_remove_listener(struct store *store, int64_t number, struct error *error);

struct stored_letter {
  int64_t listener;
  int64_t number;     /* its place */
  int64_t id;         /* of the event */
  int32_t deliveries; /* how often it was sent */
  int64_t failures;
  const char *name, *event; /* JSON */
  const char *error;        /* of a dead one */
  int64_t died_us;
};
typedef bool (*store_letter_visitor)(void *context, const struct stored_letter *letter);
enum error_code store_add_letter(struct store *store, const struct stored_letter *letter,
                                 struct error *error);
/* Those behind `after`, in order. */
enum error_code store_each_letter(struct store *store, int64_t listener, int64_t after,
                                  store_letter_visitor visit, void *context, struct error *error);
/* Those behind `after` up to `until` are sent once more. */
enum error_code store_sent_letters(struct store *store, int64_t listener, int64_t after,
                                   int64_t until, struct error *error);
enum error_code store_remove_letters(struct store *store, int64_t listener, int64_t until,
                                     struct error *error);
enum error_code store_fail_letter(struct store *store, int64_t listener, int64_t number,
                                  int64_t *failures, struct error *error);
/* It is dead; *name becomes the caller's. */
enum error_code store_bury_letter(struct store *store, int64_t listener, int64_t number,
                                  int64_t now_us, const char *why, char **name,
                                  struct error *error);
enum error_code store_each_dead(struct store *store, int64_t listener, store_letter_visitor visit,
                                void *context, struct error *error);
/* Only the newest `keep` stay. */
enum error_code store_trim_dead(struct store *store, int64_t listener, int64_t keep,
                                int64_t *removed, struct error *error);
/* All the dead become letters again, of the places `first` and on. */
enum error_code store_revive_letters(struct store *store, int64_t listener, int64_t first,
                                     int64_t *count, struct error *error);

/* ---- housekeeping, in small steps between turns ---- */

struct store_retention {
  int64_t age_us;            /* ended runs scheduled and claimed longer ago are removed, */
  int64_t runs_per_job;      /* those beyond so many, */
  int64_t log_bytes_per_job; /* and the logs beyond so much, 0: all stay. For store_prune_job */
};

/* The job goes now; false: it stays, for a reason that the store does not see. */
typedef bool (*store_part_visitor)(void *context, int64_t job);

/* Removes at most `budget` rows that are too old: runs with their attempts and logs, skips, and
 * added jobs that are finished and have no history left, unless `part` says that one stays; what
 * store_remove_job leaves to its caller is left to `part`. A run counts as one row, and as more
 * when its log is long: one that is longer than the budget goes in several calls. *removed tells
 * how many; 0: nothing is left to do. Inside a transaction. */
enum error_code store_prune(struct store *store, const struct store_retention *retention,
                            int64_t now_us, int budget, store_part_visitor part, void *context,
                            int *removed, struct error *error);

struct store_kept {
  int64_t runs, log_bytes; /* that the job has now; when there is more to cut, as far as counted */
  bool more;               /* would go, but for the budget */
};

/* Cuts the history of one job to the newest runs, and of these to the newest logs; open runs stay,
 * and always the newest with its log. What it takes is subtracted from *budget, counted as above.
 * Inside a transaction. */
enum error_code store_prune_job(struct store *store, int64_t job, int64_t last_us,
                                const struct store_retention *retention, int *budget,
                                struct store_kept *kept, struct error *error);
/* Moves the WAL back into the database when a few megabytes have gathered (some dozens when turns
 * follow each other closely, much less when the disk has little room), so call it between all
 * turns; else costs nothing. Outside a transaction. A failure shows at the next store_begin. False
 * when nothing was moved. */
bool store_checkpoint(struct store *store, bool is_busy);

#endif
