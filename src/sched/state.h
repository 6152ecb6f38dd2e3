/* What the files of this folder share: the scheduler's memory. Private to src/sched.
 *
 * Memory is the store's near edge and nothing more: all that stands here can be read again from the
 * store, which is what happens when a commit fails (sched_forget). What must not be lost in that
 * case lies in `held`. */
#ifndef SCHED_STATE_H
#define SCHED_STATE_H

#include <uthash.h>

#include "base/buffer.h"
#include "model/event_name.h"
#include "sched/gate.h"
#include "sched/heap.h"
#include "sched/listener.h"
#include "sched/sched.h"
#include "trigger/event.h"

enum {
  FIRES_PER_TURN = 4096, /* claims and skips decided in one transaction */
  NEAR_PAGE = 2048,      /* jobs paged in at once */
  NEAR_LOW = 1024,       /* fewer than this in memory: page in more */
  NEAR_MAX = 131072,     /* more than this: the far half is let go */
  FOLD_MAX = 100000,     /* more jobs than this whose progress is not written: write some */
  FOLD_STEP = 2048,      /* so many at once */
  EVENTS_KEPT = 1000,    /* for `events` without -f */
  EVENTS_PER_TURN = 100, /* of one turn at most so many are kept */
  LOG_LINES_PER_RUN = 10000,
  RUNS_SLACK = 100, /* a job's history may grow so far over its limit before it is cut */
};

#define NEAR_HORIZON_US (5 * 60 * INT64_C(1000000))
/* A job's progress is written so long after its claim. */
#define FOLD_AGE_US (5 * INT64_C(1000000))

/* A job that is due within the horizon or has open runs. */
struct entry {
  struct heap_node due; /* in `near` while active and due before the edge; us is progress.next_us */
  struct job *job;
  struct job_progress progress;
  int32_t open_runs;
  bool changed; /* in this turn; stands in sched.changed */
  bool dirty;   /* progress is to be written in this turn */
  struct {      /* claims moved progress, which is written later: see fold.c */
    bool waits;
    int64_t since_us;
    int64_t fence, from_us;      /* lower bounds of those claims' fences and due times */
    enum job_state stored_state; /* what the store still says */
    struct entry *prev, *next;
  } fold;
  struct wait wait;            /* for what, when it is due and not in `near` */
  enum wait_reason waited_for; /* before it was tried now */
  struct pace *pace, *replay_pace, *throttle_pace;
  int64_t claimed_us; /* when the newest of its open runs was claimed */
  int64_t told_us;    /* scheduled_us of the run that told its progress last; 0: none */
  bool removed;       /* from the store; waits for its open runs */
  struct {            /* the last skip in the store, which one that follows at once extends */
    int64_t number;   /* 0: none */
    int64_t then_us;  /* the due time that would follow */
    struct skip skip;
  } last_skip;
  UT_hash_handle hh; /* by job->number */
};

/* How far a run is, as it said last. */
struct run_progress {
  double done, total; /* total 0: not known */
  char *note;
  int64_t at_us; /* 0: it has said nothing */
};

/* A run that was claimed and has not ended. */
struct open_run {
  struct run_key key;
  struct heap_node start; /* in `waiting` until its time, or in a gate's heap; us is due_us */
  struct wait wait;
  struct gate *gates[2]; /* in which it has a place; NULL: none */
  int64_t fence;
  int32_t attempt;
  int32_t uncounted; /* attempts before that were snoozed or interrupted */
  enum run_cause cause;
  int64_t previous_us, claimed_us;
  int64_t due_us;         /* JOB_NEVER: when a gate lets it through */
  int64_t started_us;     /* 0: a worker has not reported it started */
  int worker;             /* address it was sent to; 0: not sent */
  enum run_state becomes; /* it was told to end, and then is this; RUN_PENDING: it was not */
  bool killed;            /* and shall end at once */
  bool lasting;           /* marked so in the store */
  bool ended;             /* in this turn; freed when it is committed */
  int64_t log_lines;
  bool has_checkpoint;
  struct run_progress progress;
  char *args;   /* given by hand; else NULL */
  char *events; /* what set it off; NULL: the time did */
  struct entry *entry;
  struct open_run *before; /* what it was before this turn touched it; see run_commit */
  struct open_run *next_touched;
  bool fresh;        /* claimed in this turn */
  UT_hash_handle hh; /* by key */
};

/* Something that happened in this turn. */
struct arrival {
  struct arrival *next;
  char *key, *json;
  bool is_own;
};

/* The events that wait for a run of a job; they themselves are in the store. */
struct event_queue {
  struct heap_node due; /* in `event_due` unless the job cannot run */
  int64_t job;
  int64_t count, last_number;
  int64_t due_us;  /* when the last one has been debounced */
  int64_t most_us; /* the latest time, however many follow */
  UT_hash_handle hh;
};

/* A script that is known, whether or not a version of it is in force. */
struct script_entry {
  struct script script;
  int worker;          /* address of its state */
  uint64_t generation; /* in force; 0: none */
  uint64_t loading;    /* generation being loaded; 0: none */
  bool fallback;       /* what is being loaded is the last good source, not the newest */
  int64_t revision;    /* of the source in force; 0: not known yet */
  bool moving;         /* what is being loaded was in force on a worker that is stuck */
  bool conflict;       /* its error is an id that another script holds: worth another try */
  bool seen;           /* by the first scan */
  bool since_start;    /* its source was there when the daemon began */
  char *verdict;       /* of the load that this turn takes in: why it failed; NULL: it did not */
  char *source;        /* what is being loaded, or failed last */
  size_t source_size;
  char version[SCRIPT_VERSION_SIZE]; /* of `source` */
  struct json_document *facts;       /* of the generation in force: listeners, functions */
  struct message_list waiting;       /* requests to be answered when the load is over */
  UT_hash_handle hh;                 /* by script.name */
};

/* A `reload` that waits for the folder to be read and for all loads to end. */
struct reload {
  struct reload *next;
  struct message *request;
  uint64_t tag; /* of its RESCAN */
  bool scanned;
};

struct watched; /* a job that is expected to succeed, or is in trouble: health.c */

struct sched {
  struct sched_options options;
  struct store *store;
  int64_t now_us;  /* of the turn or the housekeeping under way */
  int64_t turn_us; /* of the last turn */
  int64_t started_us;
  struct message_list *out; /* of the turn under way */
  struct message_list held; /* to be taken again in the next turn */
  enum error_code failure;  /* of a write in the turn under way */
  struct error error;

  struct heap near;    /* entry.due */
  struct heap beyond;  /* entry.due of those behind the edge that the store's index has elsewhere */
  struct heap waiting; /* open_run.start */
  struct heap event_due; /* event_queue.due */
  struct heap paced;     /* entry.due of those that a rate holds back */
  struct gate *gates;    /* a hash by key */
  struct gate *stirred;
  bool gates_changed;
  bool pools_changed;                /* in memory, other than in the store when it is taken back */
  const struct json *pools_declared; /* by the script whose jobs are read now */
  struct entry *entries;
  struct open_run *open_runs;
  struct open_run *touched; /* in this turn */
  struct entry *unfolded;   /* oldest first */
  size_t unfolded_count;
  struct store_watermark watermark;
  bool watermark_changed;
  int64_t edge_us, edge_number; /* all active jobs due up to here are in `near` */
  struct entry **changed;
  size_t changed_count, changed_capacity;

  struct topic *topics;                    /* a hash by key */
  bool topics_changed;                     /* the front may have to be told */
  struct arrival *arrivals, *last_arrival; /* in this turn, oldest first */
  bool is_arriving;
  struct event_queue *queues; /* a hash by job */

  struct watched *health; /* a hash by job */
  struct heap health_due;

  bool calendars_defined; /* in the registry, other than in the store when it is taken back */

  struct script_entry *scripts;
  uint64_t next_generation;
  int next_worker;
  struct stuck *stuck; /* workers, see stuck.c */
  bool scanned;        /* the folder was read once: a script that is unknown is missing */
  struct reload *reloads;
  uint64_t next_reload;

  struct listeners listeners;
  int watchers; /* the front wants all events */
  char *events[EVENTS_KEPT];
  size_t next_event;
  int events_this_turn;
  enum event_reach { REACH_ALL, REACH_NOW, REACH_KEPT } reach; /* see event_full() */

  struct locks *locks;

  int64_t next_fence;
  int64_t retry_us; /* after a full disk: not before */
  int64_t full_us;  /* since when nothing can be stored; 0: all is well */
  char *full_error;
  int64_t prune_us;    /* when pruning is looked at again */
  int64_t *over_limit; /* numbers of jobs whose history is to be cut */
  size_t over_limit_count, over_limit_capacity;
  bool stopping, stopped;
  int64_t stopping_us, stop_tell_us, stop_by_us;
};

/* ---- turn.c ---- */

/* Notes a failed write; the turn will be rolled back. True when `code` is a failure. */
bool sched_failed(struct sched *s, enum error_code code, const struct error *error);

/* ---- near.c: which jobs are in memory ---- */

struct entry *near_find(struct sched *s, int64_t number);
/* The entry of a job, read from the store when it is not in memory; NULL with *error set. */
struct entry *near_get(struct sched *s, int64_t number, struct error *error);
struct entry *near_get_by_id(struct sched *s, const char *id, struct error *error);
/* Takes job and progress over. It leaves memory at the end of the turn if it is not near. */
struct entry *near_add(struct sched *s, struct job *job, const struct job_progress *progress);
/* progress was changed: it will be written in this turn, and the entry takes its place among the
 * due. */
void near_changed(struct sched *s, struct entry *entry);
/* The same without the writing: for what a claim's row tells. */
void near_moved(struct sched *s, struct entry *entry);
/* The entry may be let go at the end of the turn. */
void near_note(struct sched *s, struct entry *entry);
void near_take_place(struct sched *s, struct entry *entry);
/* Writes what was changed in this turn, in key order. */
void near_flush(struct sched *s);
/* The turn was committed: lets go of entries that nobody needs. */
void near_commit(struct sched *s);
void near_fill(struct sched *s);   /* pages in */
void near_rewind(struct sched *s); /* the next near_fill looks at all that is due again */
void near_free_all(struct sched *s);
/* The turn was undone: everything is read again from the store. */
void near_forget(struct sched *s);

/* ---- fold.c: progress follows the claims ---- */

/* A claim of this fence and due time has moved the entry's progress. */
void fold_later(struct sched *s, struct entry *entry, int64_t fence, int64_t scheduled_us);
/* An open run, or a claim whose progress is not written, is scheduled then: the store's from_us
 * must not lie above it. */
void fold_lower_watermark(struct sched *s, int64_t scheduled_us);
/* The entry's progress was written, or is forgotten. */
void fold_done(struct sched *s, struct entry *entry);
/* Writes the progress of at most `most` jobs, those that have waited since `until_us` at least. */
void fold_step(struct sched *s, size_t most, int64_t until_us);
/* Writes how far the fold has come, if that has changed. */
void fold_flush(struct sched *s);
/* What the store's progress does not know yet is read from the claims. */
void fold_recover(struct sched *s);

/* ---- fire.c: what a due time becomes ---- */

/* The first due time after `us`; false when there is none. */
bool fire_next(const struct job *job, int64_t us, int64_t *next_us);

/* The state that follows from progress.next_us: a job that will never fire again is finished, or in
 * error if its trigger gave up searching; one that can is not; one that asks Lua asks. */
void fire_conclude(struct sched *s, struct entry *entry);
/* Whether nothing of the job can run now for want of its script; then it is in error, or waits. */
bool fire_is_held(struct sched *s, struct entry *entry);
bool fire_is_full(const struct entry *entry); /* max_instances are open */
/* It is full, and a fire would wait or be skipped: the open runs are ended if the job says so. */
void fire_meet_overlap(struct sched *s, struct entry *entry);
/* Tries an entry that waited. */
void fire_again(struct sched *s, struct entry *entry);
/* An event that comes now makes no run. */
void fire_skip_event(struct sched *s, struct entry *entry, enum skip_reason reason);

/* Decides the due times of the entry up to now; returns how many claims and skips were written. */
int fire_entry(struct sched *s, struct entry *entry, int budget);
/* The first due time of a job that begins now. */
int64_t fire_first(const struct job *job, int64_t now_us);
/* A paused job goes on: what was due meanwhile is recorded. */
void fire_resume(struct sched *s, struct entry *entry);

/* ---- run.c: from claim to end ---- */

struct open_run *run_find(struct sched *s, struct run_key key);
/* Claims and sends a run. NULL when there is one of that time already, or the write failed. */
struct open_run *run_claim(struct sched *s, struct entry *entry, int64_t scheduled_us,
                           enum run_cause cause, const char *args, const char *events);
/* The steps of it, also for a run that is read from the store. */
struct open_run *run_insert(struct sched *s, struct entry *entry, const struct run *from);
void run_wait_until(struct sched *s, struct open_run *run, int64_t us);
/* The attempt in force has ended as `ended` says, and another is due at `due_us`. */
void run_retry(struct sched *s, struct open_run *run, const struct run *ended, int64_t due_us);
void run_end(struct sched *s, struct open_run *run); /* in memory */
/* The run that a worker's message speaks of, if its attempt is the one in force. */
/* The worker that it was sent to has not taken it. */
void run_take_back(struct sched *s, struct open_run *run);
struct open_run *run_find_attempt(struct sched *s, const struct attempt *attempt);
/* Sends it to a worker if its script is in force, and keeps it waiting if that may still be. */
void run_send(struct sched *s, struct open_run *run);
void run_send_waiting(struct sched *s);
/* A load is over: runs that waited for a script are looked at again in the next turn. */
void run_release(struct sched *s);
void run_started(struct sched *s, const struct message *message);
void run_finished(struct sched *s, const struct message *message);
/* The run was cut off by the end of a daemon. */
void run_tell_interrupted(struct sched *s, const struct open_run *run, const struct run *ended,
                          bool will_retry);
/* The run was cut off by the end of a daemon. */
void run_tell_interrupted(struct sched *s, const struct open_run *run, const struct run *ended,
                          bool will_retry);
void run_log(struct sched *s, const struct message *message);
/* Ends a run that no worker has. */
void run_end_here(struct sched *s, struct open_run *run, enum run_state state, const char *error);
/* Has a run that a worker has killed at once. */
void run_cancel(struct sched *s, struct open_run *run, enum run_state becomes);
/* Tells it why it should end, and has it killed when it has not after its job's cancel_grace. */
void run_cancel_softly(struct sched *s, struct open_run *run, enum run_told reason);
/* Marks the open runs that were claimed so long ago; the first due time among the others. */
int64_t run_mark_lasting(struct sched *s, int64_t claimed_until_us);
/* The turn was committed, or undone: what it did to runs in memory stays, or is taken back. */
void run_commit(struct sched *s);
void run_undo(struct sched *s);
void run_free_all(struct sched *s);

/* ---- recover.c ---- */

void run_recover(struct sched *s);
/* The job's runs were cut off too often, so it waits for a person. */
bool recover_is_quarantined(const struct entry *entry);

/* ---- retry.c ---- */

/* Whether another attempt follows the one that has ended so; RUN_PENDING: it was snoozed. */
bool retry_follows(const struct open_run *run, const struct run *ended,
                   const struct run_answer *answer, int64_t *delay_us);

/* ---- checkpoint.c: what a run tells and asks while it runs ---- */

void progress_told(struct sched *s, const struct message *message);
/* The member "progress", if there is any. `run` may be NULL. */
void progress_put(struct json_writer *writer, const struct open_run *run);
/* The open run of the job that told its progress last; or NULL. */
const struct open_run *progress_of_job(struct sched *s, const struct entry *entry);
/* What an earlier attempt has left: a heap string, or NULL. */
char *checkpoint_get(struct sched *s, struct open_run *run);
void checkpoint_drop(struct sched *s, const struct open_run *run);

/* ---- script.c: which version is in force ---- */

struct script_entry *script_find(struct sched *s, const char *name);
struct script_entry *script_get(struct sched *s, const char *name, enum script_origin origin);
enum script_ready { SCRIPT_READY, SCRIPT_LATER, SCRIPT_MISSING };
/* READY sets *entry; MISSING sets *error to why. */
enum script_ready script_ready(struct sched *s, const char *name, struct script_entry **entry,
                               struct error *error);
/* Whether the script is there and declares `name` among its `kind` ("pools"), or may do so when it
 * is loaded. */
bool script_declares(struct sched *s, const char *script, const char *kind, const char *name);
void script_load(struct sched *s, struct script_entry *script, const char *source, size_t size);
void script_source(struct sched *s, const struct message *message);
void script_scanned(struct sched *s, const struct message *message);
/* Writes what a load brought; script_settle(), after the commit, puts it in force. Both may see the
 * same message twice when a commit fails in between. */
void script_loaded(struct sched *s, const struct message *message);
void script_settle(struct sched *s, const struct message *message);
void script_remove(struct sched *s, struct script_entry *script);
void script_recover(struct sched *s);
bool script_has_function(const struct script_entry *script, const char *func, struct error *error);
void script_reload(struct sched *s, struct message *request); /* takes the request */
void script_answer_reloads(struct sched *s);
void script_forget_all(struct sched *s);
/* Loads what is in force, or is being loaded, on another worker, as its own is stuck. */
void script_move(struct sched *s, struct script_entry *script, int worker);

/* ---- calendar.c: what calendars' names mean ---- */

struct calendars_change {
  struct calendars_item {
    char *name, *definition;
  } * items;
  size_t count;
};

/* The registry becomes what the store says; before any job is read. */
void calendars_recover(struct sched *s);
/* Defines what a script declares, an object by name, so that its jobs can be read; then settles it
 * in any case: writes it and lets the jobs that use it follow, or takes it back. */
enum error_code calendars_declare(struct sched *s, struct script_entry *script,
                                  const struct json *calendars, struct calendars_change *change,
                                  struct error *error);
void calendars_settle(struct sched *s, const struct script_entry *script,
                      const struct json *calendars, struct calendars_change *change, bool is_good);
/* Removes those of the script that are not among `calendars` and that no job uses. */
void calendars_drop(struct sched *s, const char *script, const struct json *calendars);

/* ---- pool.c ---- */

/* Checks what a script declares, so that its jobs may name it; then settles it in any case. */
enum error_code pools_declare(struct sched *s, struct script_entry *script,
                              const struct json *pools, struct error *error);
void pools_settle(struct sched *s, const struct script_entry *script, const struct json *pools,
                  bool is_good);
/* Removes those of the script that are not among `pools` and that no job uses. */
void pools_drop(struct sched *s, const char *script, const struct json *pools);

/* ---- topic.c: who waits for what, who follows which calendar, who uses which pool ---- */

struct topic {
  char *key;
  int64_t *jobs; /* numbers, in `size` slots, some of which are empty: 0 */
  size_t count, size;
  size_t next_out; /* where the search for the next one that goes begins */
  bool told;       /* the front has a sensor for it */
  char *problem;   /* why the sensor sees nothing at present; NULL: it does */
  UT_hash_handle hh;
};

#define topic_each(number, topic)                                                                  \
  for (size_t slot_ = 0; (topic) && slot_ < (topic)->size; slot_++)                                \
    for (int64_t number = (topic)->jobs[slot_]; number; number = 0)

/* NULL when no job waits for it. */
struct topic *topic_find(const struct sched *s, const char *key);
struct topic *topic_of_calendar(const struct sched *s, const char *name);
struct topic *topic_of_pool(const struct sched *s, const char *name);
/* The job's sources, calendars and pool are noted, or forgotten, in memory and store. */
void topic_subscribe(struct sched *s, const struct job *job);
void topic_unsubscribe(struct sched *s, const struct job *job);
/* The job used another pool before (NULL: none), and all else is the same. */
void topic_change_pool(struct sched *s, const struct job *job, const char *before);
void topic_sensed(struct sched *s, const struct message *message);
void topics_recover(struct sched *s); /* as the store has them */
void topics_commit(struct sched *s);  /* the turn was committed: the front follows */
void topics_free_all(struct sched *s);

/* ---- arrive.c: from an event to the jobs that want it ---- */

/* It has happened; `json` is taken over. `is_own`: the scheduler tells it, about member "job". */
void arrive(struct sched *s, const char *key, char *json, bool is_own);
/* How many jobs wait for events of that name. */
size_t arrive_count(const struct sched *s, const char *event);
void arrive_event(struct sched *s, const char *name, const char *json, bool is_own);
void arrive_job_ended(struct sched *s, const struct entry *entry, const struct run *run);
void arrive_start(struct sched *s);
/* The start, for a job that was not there when it was. */
void arrive_start_at(struct sched *s, struct entry *entry);
/* What has happened goes into the queues of the jobs that want it. */
void arrive_all(struct sched *s);
void arrivals_forget(struct sched *s);

/* ---- queue.c: events that wait for a run of a job ---- */

/* False when so many wait that no more are taken. */
bool queue_add(struct sched *s, const struct job *job, int64_t debounce_us, const char *json);
int64_t queue_count(struct sched *s, int64_t job);    /* events that wait */
void queue_release(struct sched *s, int64_t job);     /* a run of the job may begin now */
void queue_try(struct sched *s, struct entry *entry); /* makes one now, if it is due */
void queue_remove(struct sched *s, int64_t job);      /* in memory and store */
/* Runs for the queues that are due; how many were looked at. */
int queues_fire(struct sched *s, int budget);
void queues_recover(struct sched *s); /* as the store has them */
void queues_release(struct sched *s); /* all are looked at again */
void queues_free_all(struct sched *s);

/* ---- health.c: jobs that are late or fail ---- */

/* NULL when nothing is known of it: it is in no trouble. */
const struct job_health *health_find(const struct sched *s, int64_t job);
/* A run has ended, as the row says, but is still counted as open. */
void health_run_ended(struct sched *s, struct entry *entry, const struct run *run);
/* The job is new, was changed or resumed: its time to succeed begins anew. */
void health_begin(struct sched *s, const struct entry *entry, bool is_resumed);
void health_pause(struct sched *s, const struct entry *entry);
void health_remove(struct sched *s, int64_t job); /* in memory and store */
void health_watch(struct sched *s);               /* tells of those that are late now */
int64_t health_wake_us(const struct sched *s, int64_t now_us);
void health_count(const struct sched *s, int64_t *late, int64_t *failing);
void health_recover(struct sched *s); /* as the store has them */
void health_free_all(struct sched *s);

/* ---- unique.c: jobs that are added once only ---- */

/* The pending job that has the key, and keeps `job` from being added; NULL when there is none. */
enum error_code unique_find(struct sched *s, const struct job *job, const char *key,
                            struct entry **pending, struct error *error);
void unique_take(struct sched *s, const char *key, const struct entry *entry);
/* The entry is about to become `changed`: its key follows, or is refused. */
enum error_code unique_change(struct sched *s, const struct entry *entry, const struct job *changed,
                              struct error *error);
/* A free id for a job without one of its own: made of its function and the key. A heap string. */
char *unique_name(struct sched *s, const struct job *job, const char *key);

/* ---- pause.c ---- */

/* `reason` NULL: a person wants it so. */
void pause_entry(struct sched *s, struct entry *entry, const char *reason);

/* ---- stuck.c: workers that do not come back from C ---- */

/* The address of the worker that has the place 0 .. workers - 1. */
int worker_at(const struct sched *s, int slot);
void stuck_told(struct sched *s, const struct message *message);   /* STUCK: ends overdue runs */
void stuck_settle(struct sched *s, const struct message *message); /* the rest, after the commit */
void stuck_returned(struct sched *s, const struct message *message); /* RUN that nobody has taken */
void stuck_stop(struct sched *s);                                    /* those that were replaced */
void stuck_put(struct sched *s, struct json_writer *writer);         /* member "stuck" */
void stuck_free_all(struct sched *s);

/* ---- ask.c: triggers in Lua ---- */

/* Asks if the job is active and its next fire is to be asked for. */
void ask_next(struct sched *s, const struct entry *entry);
/* A load of the script is over: all its triggers are asked anew, or those that have not answered.
 */
void ask_again(struct sched *s, const struct script_entry *script, bool all);
void ask_answered(struct sched *s, const struct message *message);

/* ---- declare.c: a script's jobs become what it declares ---- */

/* Reads and compares before it writes anything: on failure nothing is changed. */
enum error_code declare_jobs(struct sched *s, const struct script_entry *script,
                             const struct json *specs, bool *conflict, struct error *error);
void declare_remove_jobs(struct sched *s, const char *script);
/* The jobs that `script` declared cannot run. */
void declare_break_jobs(struct sched *s, const char *script, const char *reason);
/* The jobs that could not run because of `script` can again, whoever made them. */
void declare_mend_jobs(struct sched *s, const char *script);
/* Whether a new trigger can be taken: its calendars are known, and it may fire. Anchors it. */
enum error_code declare_check(struct sched *s, struct job *job, struct error *error);
/* Stores a new job; takes it over also on failure. NULL with *error set. */
struct entry *declare_add(struct sched *s, struct job *job, struct error *error);
/* The definition of an entry becomes `job` (taken over); its due time is kept if the trigger is the
 * same. */
void declare_change(struct sched *s, struct entry *entry, struct job *job);
void declare_remove(struct sched *s, struct entry *entry);

/* ---- event.c ---- */

bool event_wanted(const struct sched *s, const char *name, enum event_use use);
/* The writer is inside the event's object, after "event" and "at". */
struct json_writer *event_begin(struct sched *s, struct buffer *out, struct json_writer *writer,
                                const char *name);
void event_end(struct sched *s, struct buffer *out, struct json_writer *writer, const char *name,
               enum event_use use);
void event_job(struct sched *s, const char *name, const struct entry *entry);
void event_script(struct sched *s, const char *name, const struct script_entry *script,
                  const char *version, const char *error);
void event_plain(struct sched *s, const char *name);
void event_clock(struct sched *s, const struct message *message);
/* Nothing can be stored any more: those are told who need no store for it. */
void event_full(struct sched *s, const char *error);
/* In a transaction that may bring the store back: everybody is told that, and before it those of
 * the trouble who could not be told then. */
void event_recovered(struct sched *s);
/* The turn was taken back: what it told is not remembered. */
void events_forget(struct sched *s);

/* ---- view.c ---- */

void view_put_instant(struct json_writer *writer, const char *key, int64_t us, int64_t none);
void view_put_run_id(struct json_writer *writer, const char *key, const char *job_id,
                     int64_t scheduled_us);
void view_put_usage(struct json_writer *writer, const struct run_usage *usage);
/* The members of a run, or an object of them; what is in memory about an open one wins. */
void view_run_members(struct sched *s, struct json_writer *writer, const struct run *run,
                      const char *job_id);
void view_run(struct sched *s, struct json_writer *writer, const struct run *run,
              const char *job_id);
void view_job_members(struct sched *s, struct json_writer *writer, const struct job *job,
                      const struct job_progress *progress);
void view_job(struct sched *s, struct json_writer *writer, const struct job *job,
              const struct job_progress *progress);
void view_script(struct sched *s, struct json_writer *writer, const struct script_entry *script);

/* ---- request.c and request_*.c ---- */

/* One operation. Appends its result to `result` and returns ERROR_OK; or fails with *error; or
 * keeps *message (setting it to NULL) to answer later. */
struct request {
  struct sched *s;
  struct message **message;
  const struct json *params;
  struct json_writer *result;
  struct error *error;
};

typedef enum error_code (*request_handler)(struct request *request);

struct request_operation {
  const char *name;
  request_handler handle;
  const char *const *params; /* known names, NULL-terminated */
};

extern const struct request_operation request_add_operations[];
extern const struct request_operation request_attempt_operations[];
extern const struct request_operation request_calendar_operations[];
extern const struct request_operation request_event_operations[];
extern const struct request_operation request_listener_operations[];
extern const struct request_operation request_job_operations[];
extern const struct request_operation request_kv_operations[];
extern const struct request_operation request_lock_operations[];
extern const struct request_operation request_pool_operations[];
extern const struct request_operation request_run_operations[];
extern const struct request_operation request_script_operations[];
extern const struct request_operation request_status_operations[];

/* The spec with some members replaced; a null takes the member out. A heap string. */
char *request_merge(const char *spec, const struct json *changes);
char *request_merge_text(const char *spec, const char *changes); /* a JSON object */
/* A function that is not there is found out when the job is added, not when it is due; a script
 * that is still being loaded is taken at its word. */
enum error_code request_check_function(struct sched *s, const struct job *job, struct error *error);
enum error_code request_why(struct request *request);

void request_answer(struct sched *s, struct message *message); /* takes the message */

/* The text parameter, or NULL with ERROR_USAGE set. */
const char *request_text(struct request *request, const char *name);
enum error_code request_count(struct request *request, const char *name, int64_t otherwise,
                              int64_t most, int64_t *count);
/* The job that params.job names; NULL with *error set, nearest id included. */
struct entry *request_job(struct request *request);

#endif
