/* What threads say to each other. A message is heap data that belongs to one thread at a time: who
 * posts it gives it away, who receives it destroys it. All strings are the message's own.
 *
 * The scheduler's turn takes messages and gives messages; it never sees a thread or a socket. */
#ifndef MODEL_MESSAGE_H
#define MODEL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/job.h"
#include "model/run.h"

/* A console is a state too, which hears of events: its session with this bit. */
#define GENERATION_OF_CONSOLE (UINT64_C(1) << 62)

/* Who is addressed. Worker n is ADDRESS_WORKER + n. */
enum { ADDRESS_SCHEDULER, ADDRESS_FRONT, ADDRESS_WORKER };

enum message_kind {
  /* anyone -> scheduler, and back to `from` with the same tag */
  MESSAGE_REQUEST, /* op, params */
  MESSAGE_REPLY,   /* code, text: the result as JSON, or the error's sentence */

  /* front -> scheduler */
  MESSAGE_LEFT,    /* the client `tag` waits for no answer any more */
  MESSAGE_SOURCE,  /* a script file is new, changed, gone or unreadable */
  MESSAGE_SCANNED, /* all files there are have been sent; tag as in the RESCAN, 0 for the first */
  MESSAGE_SENSED,  /* what a sensor has seen: key, events, position; or why it cannot */
  MESSAGE_CLOCK,   /* the wall clock was set; told by the scheduler's own loop */
  MESSAGE_ZONES,   /* time zones have new rules, which are in force */
  MESSAGE_STOP,    /* also scheduler -> worker, and scheduler -> front when all is done */

  /* scheduler -> front */
  MESSAGE_RESCAN,      /* read the folder again now, answer SCANNED with the same tag */
  MESSAGE_MODULES,     /* script, text: JSON array of files whose change reloads the script */
  MESSAGE_SENSE,       /* watch the source that `key` says, from `position` on; is_over: no more */
  MESSAGE_ACKNOWLEDGE, /* key, position: what was seen up to there is stored */

  /* scheduler -> worker, and back */
  MESSAGE_LOAD, /* run a script's source in a new state */
  MESSAGE_LOADED,
  MESSAGE_RETIRE, /* close the state of `generation` when its calls have ended */
  MESSAGE_RUN,
  MESSAGE_STARTED,
  MESSAGE_FINISHED,
  MESSAGE_CANCEL,
  MESSAGE_ASK, /* a trigger in Lua: when is the next fire? */
  MESSAGE_ANSWER,
  MESSAGE_PROGRESS, /* how far a run is */
  MESSAGE_TOLD,     /* a run was told to end, by its worker itself: its soft time-out is over */
  MESSAGE_LOG,      /* a line of a run's log, or of a script's when run.job is 0 */
  MESSAGE_STOPPED,
  MESSAGE_STUCK,    /* of a worker, by who watches it: its slice does not end */
  MESSAGE_UNSTUCK,  /* it has ended */
  MESSAGE_SHORTAGE, /* of workers, by who makes them: as many as there should be, or fewer */
  MESSAGE_MOVED,    /* scheduler -> front: consoles of a worker begin anew on another */

  /* scheduler -> front (subscribers) and -> worker (a listener of `generation`), and back; to the
   * scheduler itself one that was told outside a transaction, see event_end() */
  MESSAGE_EVENT,
  MESSAGE_HEARD,

  /* front <-> worker: consoles. `tag` is the session for END/INTERRUPT/PRINT, the request else */
  MESSAGE_EVALUATE,    /* session, text: a chunk as typed; answered by REPLY */
  MESSAGE_COMPLETE,    /* session, text: the expression before the cursor; REPLY: JSON array */
  MESSAGE_INTERRUPT,   /* session: stop what runs in it */
  MESSAGE_PRINT,       /* session, text: what print() wrote in it */
  MESSAGE_END_SESSION, /* session */
};

/* One attempt of one run, as a worker knows it. */
struct attempt {
  struct run_key key;
  int64_t fence;
  int32_t number;
};

struct message {
  struct message *next;
  enum message_kind kind;
  int from, to;
  uint64_t tag;
  union {
    struct {
      char *op;
      char *params;           /* JSON object; NULL: none */
      char *script;           /* who asks, when a script does; NULL for a client */
      uint64_t generation;    /* its state; a console's has GENERATION_OF_CONSOLE; 0 for a client */
      struct attempt attempt; /* of the run that asks; key.job 0: not of a run */
      uint64_t call;          /* the asking call's number at its worker, `from`; 0 for a client */
      uint64_t client; /* clients are answered in fair order; 0: at once, in that of messages */
    } request;
    struct {
      enum error_code code;
      char *text;
    } reply;
    struct {
      char *script;
      char *path;
      char *text; /* NULL: the file is gone, or `problem` says why it cannot be read */
      size_t size;
      char *problem;
    } source;
    struct {
      char *script;
      char *text;
    } modules;
    struct {
      uint64_t generation; /* names the state from now on */
      char *script, *path, *text;
      size_t size;
    } load;
    struct {
      uint64_t generation;
      enum error_code code;
      char *text;    /* {"jobs":[spec...],"listeners":[...],"functions":[...]}, or the error */
      char *modules; /* JSON array of the files that `require` read, also on failure; or NULL */
    } loaded;
    struct {
      uint64_t generation;
    } retire;
    struct {
      struct attempt attempt;
      uint64_t generation; /* 0: a command, any state */
      char *job_id;
      char *func;         /* NULL: the declared `run` of job_id */
      char *command;      /* JSON; else NULL */
      char *args;         /* JSON array; NULL: none */
      char *events;       /* JSON array of what set it off; NULL: the time did */
      int64_t timeout_us; /* 0: none; likewise */
      int64_t soft_timeout_us, silence_us;
      bool isolate; /* in a process of its own */
      struct job_limits limits;
      char *env;        /* JSON object of strings, for that process; or NULL */
      char *decide;     /* as job_retry.decide */
      bool is_once;     /* at_most_once */
      char *checkpoint; /* JSON that an earlier attempt left; or NULL */
    } run;
    struct {
      struct attempt attempt;
      int64_t at_us;
    } started;
    struct {
      struct attempt attempt;
      enum run_state state;
      int64_t started_us, finished_us;
      char *result; /* JSON; or NULL */
      char *error;  /* or NULL */
      struct run_answer answer;
      struct run_usage usage;
    } finished;
    struct {
      struct attempt attempt;
      double done, total; /* total 0: not known */
      char *note;         /* or NULL */
    } progress;
    struct {
      struct attempt attempt;
      enum run_told reason;
    } told;
    struct {
      struct attempt attempt;
      enum run_state state; /* what the run becomes: RUN_CANCELLED, RUN_INTERRUPTED */
      enum run_told reason;
      int64_t grace_us; /* it is told, and killed after so long; 0: killed at once */
    } cancel;
    struct {
      struct attempt attempt; /* key.job 0: not of a run */
      char *script;           /* may be NULL */
      int level;              /* enum log_level */
      bool is_written;        /* in the daemon's log, where it stays if the turn is taken back */
      int64_t at_us;
      char *text;
    } log;
    struct {
      char *key;      /* see trigger_put_key */
      char *events;   /* JSON array of objects; NULL: none */
      char *position; /* JSON; NULL: none */
      char *problem;  /* a sentence; NULL: none */
      bool is_over;
    } sensor; /* SENSED, SENSE, ACKNOWLEDGE */
    struct {
      uint64_t generation, number; /* ascending */
      char *name;
      int64_t job;
      int64_t previous_us; /* the fire before; INT64_MIN: none */
      int64_t now_us;      /* when it was asked */
    } ask;
    struct {
      uint64_t generation, number; /* as asked */
      int64_t job;
      int64_t previous_us, now_us; /* likewise */
      int64_t next_us;             /* INT64_MAX: there is no fire any more */
      char *error;                 /* NULL: there was none */
    } answer;
    struct {
      uint64_t generation; /* for a worker, with all members up to timeout_us */
      int64_t listener;    /* its id in the state */
      int64_t number;      /* its place among what this listener is sent */
      uint64_t id;         /* of the event */
      uint64_t round;      /* see listener_state */
      int32_t delivery;    /* 1: it was not sent before */
      bool is_durable;     /* it waits for the one before to be heard */
      int64_t timeout_us;
      char *name;
      char *json;
    } event;
    struct {
      uint64_t generation;
      int64_t listener;
      uint64_t round;
      int64_t heard, failed; /* how many */
      int64_t heard_number;  /* of the last one heard */
      int64_t failed_number; /* of a durable listener's; 0: none */
      char *error;           /* of the last one that failed; or NULL */
    } heard;
    struct {
      uint64_t session;
      char *text;
    } console; /* EVALUATE, COMPLETE, INTERRUPT, PRINT, END_SESSION */
    struct {
      uint64_t generation;
      struct attempt attempt; /* key.job 0: not of a run */
      int64_t for_us;         /* how long it has lasted */
      int replacement;        /* the worker that is to take its place from now on; 0: none */
      bool is_given_up;       /* it will not go on with what it had begun */
    } stuck;                  /* STUCK; UNSTUCK has for_us only */
    struct {
      int worker, replacement;
      char *text; /* why, for those who have a console there */
    } moved;
    struct {
      int missing; /* 0: all are there again */
      int joined;  /* the address of one that was made at last; 0: of none */
      char *text;  /* why the last one could not be made */
    } shortage;
    struct {
      int64_t step_us; /* forwards; negative: backwards */
      int64_t from_us; /* what it showed before; the scheduler notes that when it hears of it */
    } clock;
    struct {
      int count; /* how many */
    } zones;
    struct {
      int64_t grace_us; /* how long runs may take to end by themselves; for a worker, whose runs
                           have ended: 0: what commands are left are killed */
    } stop;
  } as;
};

/* In the order in which they were appended. `{0}` is an empty list. */
struct message_list {
  struct message *first, *last;
};

struct message *message_create(enum message_kind kind, int from, int to);
void message_destroy(struct message *message);

void message_list_append(struct message_list *list, struct message *message);
struct message *message_list_pop(struct message_list *list);                  /* NULL when empty */
void message_list_join(struct message_list *list, struct message_list *tail); /* empties `tail` */
void message_list_deinit(struct message_list *list);

/* Another REQUEST, or REPLY, like this one. */
struct message *message_copy_request(const struct message *request);
struct message *message_copy_reply(const struct message *reply);

/* A reply to `request` for success (`json` is taken over) or failure. */
struct message *message_reply(const struct message *request, char *json);
struct message *message_reply_error(const struct message *request, const struct error *error);

#endif
