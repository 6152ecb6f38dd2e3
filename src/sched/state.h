/* What the files of this folder share: the scheduler's memory. Private to src/sched.
 *
 * Memory is the store's near edge and nothing more: all that stands here can be read again from the
 * store, which is what happens when a commit fails (sched_forget). What must not be lost in that
 * case lies in `held`. */
#ifndef SCHED_STATE_H
#define SCHED_STATE_H

#include "base/buffer.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/pool.h"
#include "model/event_name.h"
#include "sched/gate.h"
#include "sched/listener.h"
#include "sched/sched.h"
#include "trigger/event.h"

enum {
  EVENTS_KEPT = 1000,    /* for `events` without -f */
  EVENTS_PER_TURN = 100, /* of one turn at most so many are kept */
  LOG_LINES_PER_RUN = 10000,
  LOG_BYTES_PER_RUN = 64 << 20,
  RUNS_SLACK = 100, /* a job's history may grow so far over its limit before it is cut */
};

#define NEAR_HORIZON_US (INT64_C(5) * 60 * 1000000)
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
  struct heap_node lapse;      /* in `lapsing` while it waits at a gate, if its job has a grace */
  enum wait_reason waited_for; /* before it was tried now */
  struct pace *pace, *replay_pace, *throttle_pace;
  bool is_throttled;  /* events wait for its pace, which the store alone cannot tell when the clock
                         was set back */
  int64_t missed_us;  /* what was due up to here was late for another reason than an open run */
  int64_t overlap_us; /* what was due behind that, up to here, has met open runs */
  int64_t told_us;    /* scheduled_us of the run that told its progress last; 0: none */
  uint64_t answered;  /* the question to its trigger in Lua whose answer counts; 0: none */
  bool removed;       /* from the store; waits for its open runs */
  struct {            /* what cutting its history had to leave: open runs, the newest log */
    int64_t runs, log_bytes;
  } uncut;
  struct {           /* the last skip in the store, which one that follows at once extends */
    int64_t number;  /* 0: none */
    int64_t then_us; /* the due time that would follow */
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

/* What few open runs have. */
struct run_extra {
  struct wait wait;
  struct gate *gates[2]; /* in which it has a place; NULL: none */
  bool is_in_rate;       /* one by hand, which its job's rate has let through */
  struct run_progress progress;
  char *args;   /* given by hand; else NULL */
  char *events; /* what set it off; NULL: the time did */
};

/* A run that was claimed and has not ended. As small as it can be: thousands may sleep. */
struct open_run {
  struct run_key key;
  struct heap_node start; /* in `waiting` until its time, or in a gate's heap; us is due_us */
  struct entry *entry;
  struct run_extra *extra; /* NULL: none; see run_extra() */
  int64_t fence;
  int64_t previous_us, claimed_us;
  int64_t due_us;     /* JOB_NEVER: when a gate lets it through */
  int64_t started_us; /* 0: a worker has not reported it started */
  int32_t attempt;
  int32_t uncounted; /* attempts before that were snoozed or interrupted */
  int32_t log_lines;
  int64_t log_bytes; /* of all attempts */
  int worker;        /* address it was sent to; 0: not sent */
  enum run_cause cause;
  enum run_told told; /* why it is to end; a stop gives way to who cancels it */
  bool killed;        /* and at once */
  bool overtime;      /* its worker has told it to end: its soft time-out is over */
  bool lasting;       /* marked so in the store */
  bool is_reported;   /* its finish is held, when a stop looks */
  bool has_checkpoint;
  bool fresh;                /* claimed in this turn */
  bool ended;                /* in this turn; freed when it is committed */
  struct run_before *before; /* what it was before this turn touched it; NULL: the same */
  UT_hash_handle hh;         /* by key */
};

struct run_before {
  struct open_run run;
  struct run_extra extra;
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
  int worker;          /* address of its state, the first when it has several */
  uint64_t generation; /* in force; 0: none */
  uint64_t loading;    /* generation being loaded; 0: none */
  bool fallback;       /* what is being loaded is the last good source, not the newest */
  int64_t revision;    /* of the source in force; 0: not known yet */
  bool moving;         /* what is being loaded was in force on a worker that is stuck, */
  int awaits;          /* or will be when that has come back, as the script keeps it; 0: no */
  bool conflict;       /* its error is an id that another script holds: worth another try */
  bool is_same_source; /* it is being loaded, or was, once more */
  int64_t tried;       /* what `provided` was when its newest source was sent */
  struct twin *twins;  /* its other states, when it is parallel: twin.c */
  bool seen;           /* by the first scan */
  bool since_start;    /* its source was there when the daemon began */
  struct script_entry *next_removed; /* in this turn */
  struct {
    uint64_t generation; /* 0: none is taken in */
    bool fallback, moving;
    char version[SCRIPT_VERSION_SIZE];
  } decided;     /* the load that this turn takes in, also when a newer source comes behind it */
  char *verdict; /* of it: why it failed; NULL: it did not */
  char *source;  /* what is being loaded, or failed last */
  size_t source_size;
  char version[SCRIPT_VERSION_SIZE]; /* of `source` */
  struct json_document *facts;       /* of the generation in force: listeners, functions */
  UT_hash_handle hh;                 /* by script.name */
};

/* What a request to load another source puts aside. */
struct script_before {
  uint64_t loading;
  bool fallback, moving, is_same_source;
  int awaits;
  int64_t tried;
  char *source;
  size_t source_size;
  char version[SCRIPT_VERSION_SIZE];
};

/* A request that is answered when a load is over. */
struct script_wait {
  struct script_wait *prev, *next;
  struct message *request;
  struct script_entry *script; /* NULL: a `reload`, which waits for the folder to be read and for
                                  all loads to end */
  uint64_t tag;                /* of its RESCAN */
  bool scanned;
  bool fresh;                  /* taken in this turn */
  struct script_before before; /* of the script, for the case that the turn is taken back */
};

/* Clients' requests that wait, see desk.c. */
struct desk {
  struct desk_client *clients; /* a hash by their numbers */
  struct desk_cost *costs;     /* a hash by operation */
  struct heap order;           /* of those that wait */
  int64_t served;              /* bytes that the client served last had had by then */
  int64_t share;               /* of this turn, that is left */
};

/* See turns.c. */
struct turn_times {
  int64_t count, slow;
  int64_t longest_us, longest_at_us, cpu_us;
  int64_t window, window_us, before_us; /* of this minute, and of the one before */
};

struct watched; /* a job that is expected to succeed, or is in trouble: health.c */

struct follower; /* a job that is to follow a calendar: follow.c */

struct sched {
  struct sched_options options;
  struct sched_bounds bounds;
  struct store *store;
  int64_t now_us;  /* of the turn or the housekeeping under way */
  int64_t turn_us; /* of the last turn */
  int64_t started_us;
  struct message_list *out; /* of the turn under way */
  struct message_list held; /* to be taken again in the next turn */
  struct message_list owed; /* goes out with the next turn, even if that is taken back */
  enum error_code failure;  /* of a write in the turn under way */
  bool is_refused;          /* the failure is that of one request */
  struct error error;

  struct heap near;    /* entry.due */
  struct heap beyond;  /* entry.due of those behind the edge that the store's index has elsewhere */
  struct heap waiting; /* open_run.start */
  struct heap event_due; /* event_queue.due */
  struct heap paced;     /* entry.due of those that a rate or an open run holds back */
  struct heap lapsing;   /* entry.lapse */
  size_t at_gates_most;  /* see gates_let_go() */
  int64_t look_us;       /* when those who were let go are looked at; INT64_MAX: not by time */
  bool is_reading_again; /* all that is due */
  struct lineup lineup;
  struct gate *gates; /* a hash by key */
  struct gate *stirred;
  bool gates_changed;
  bool pools_changed;                /* in memory, other than in the store when it is taken back */
  const struct json *pools_declared; /* by the script whose jobs are read now */
  struct entry *entries;
  struct open_run *open_runs;
  struct pool run_pool; /* of struct open_run */
  int64_t *run_counts;  /* of those that each worker has */
  int run_counts_size;
  struct open_run **touched; /* in this turn: changed, or new */
  size_t touched_count, touched_capacity;
  struct entry *unfolded; /* oldest first */
  size_t unfolded_count;
  int64_t mark_us; /* when open runs that last are marked; 0: all are */
  struct store_watermark watermark;
  bool watermark_changed;
  int64_t edge_us, edge_number; /* all active jobs due up to here are in `near`, */
  bool has_held_back;           /* but for some: see near_hold_back() */
  struct entry **changed;
  size_t changed_count, changed_capacity;

  struct topic *topics;                    /* a hash by key */
  bool topics_changed;                     /* the front may have to be told */
  struct arrival *arrivals, *last_arrival; /* in this turn, oldest first */
  bool is_arriving;
  struct event_queue *queues; /* a hash by job */

  struct watched *health; /* a hash by job */
  struct heap health_due;
  int64_t gone_from; /* the job at which looking for those that are gone goes on; 0: nobody looks */

  bool calendars_defined;     /* in the registry, other than in the store when it is taken back */
  struct follower *followers; /* a hash by job */
  struct follower *followers_touched; /* in this transaction */
  size_t followers_left;              /* that have not followed yet, */
  int64_t followed_us;                /* since then; 0: all have */
  int64_t followed_stored_us;         /* as the store says */

  struct script_entry *scripts;
  int64_t provided; /* how often a pool or a calendar has come: who failed before may do better */
  bool is_provided; /* and not all have been tried again */
  uint64_t next_generation, last_question;
  int next_worker;
  int *places; /* addresses of workers, and those that are stuck: see stuck.c */
  struct stuck *stuck;
  struct {
    int missing; /* workers that could not be made */
    char *error; /* why; NULL while none is missing */
  } shortage;
  struct script_entry *removed_scripts; /* in this turn; they are not among the others */
  bool scanned;       /* the folder was read once: a script that is unknown is missing */
  bool is_scanning;   /* in this turn, for the first time */
  char *zones_after;  /* the job up to which all know of new time zones; NULL: all jobs do */
  char *zones_before; /* the same, before a step that is not committed yet */
  struct script_wait *script_waits; /* oldest first */
  uint64_t next_reload;

  struct listeners listeners;
  int watchers; /* the front wants all events */
  char *events[EVENTS_KEPT];
  size_t next_event;
  int events_this_turn;
  enum event_reach { REACH_ALL, REACH_NOW, REACH_KEPT } reach; /* see event_end() */

  struct locks *locks;
  struct desk desk;
  struct turn_times turns;

  bool is_writing; /* a transaction is open */
  int64_t next_fence;
  int64_t retry_us; /* after a full disk: not before */
  int64_t full_us;  /* since when nothing can be stored; 0: all is well */
  char *full_error;
  int64_t prune_us;          /* when pruning is looked at again */
  int next_chore;            /* of housekeeping, */
  int64_t chores_us;         /* which has failed: not before; 0: all is well */
  struct overlong *overlong; /* whose history is to be cut: cut.c */
  bool stopping, stopped, has_stop_killed;
  bool is_stop_fresh; /* it has begun in this turn */
  int64_t stopping_us, stop_tell_us, stop_by_us;
  int64_t stop_killed_us; /* when runs were cut off, if they were */
};

#endif
