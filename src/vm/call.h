/* Calls: pieces of Lua work in a state. One mechanism for runs, listeners, loading and consoles.
 *
 * A call is a coroutine that is resumed slice by slice. It leaves the ready queue when it waits and
 * comes back when that is done. More than the state's limit of live calls queue in order. A call
 * that is killed is never resumed: its coroutine is abandoned to the collector.
 *
 * The owner embeds `struct vm_call` as the first member of its own and frees it in `ended`. On the
 * worker's thread. */
#ifndef VM_CALL_H
#define VM_CALL_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "model/message.h"

/* Of an error's text, which is stored, sent and shown in many places: the beginning, and the end of
 * the traceback. */
enum { CALL_ERROR_MAX = 16 << 10 };

struct vm;
struct vm_call;
struct wait;

enum vm_outcome {
  VM_RUNNING, /* not ended */
  VM_SUCCEEDED,
  VM_FAILED,    /* raised an error, or was killed for what it did */
  VM_TIMED_OUT, /* killed at its deadline */
  VM_KILLED,    /* by vm_call_kill */
};

struct vm_call_kind {
  const char *name; /* "run", "listener" */
  /* The coroutine's function; argument 1 is the call as light userdata. It calls the script by
   * call_function(). What it has to give it puts into the owner's struct. */
  lua_CFunction entry;
  /* It is over, and no longer touched. `error` is a text with traceback for VM_FAILED, a sentence
   * with the place for VM_TIMED_OUT and for VM_KILLED after a grace, else NULL; at most
   * CALL_ERROR_MAX bytes. Takes the call (frees it). */
  void (*ended)(struct vm_call *call, enum vm_outcome outcome, const char *error);
  /* A line that the call logs or prints. */
  void (*log)(struct vm_call *call, int level, const char *text, size_t size);
  /* Does not count as live and does not queue: a question beside what a console runs. */
  bool passes_queue;
  /* Its first slice is about to begin; or NULL. */
  void (*begins)(struct vm_call *call);
  /* Its soft time-out is over, and it was told for that reason; or NULL. */
  void (*told)(struct vm_call *call);
  /* Belongs to a call that has begun: begins even on a worker that was dismissed. */
  bool is_sequel;
  int64_t cpu_us;     /* the CPU time that it may use in all its slices; 0: any */
  bool notes_modules; /* loads the script: what its `require` looks for is noted */
  /* `ended` is called when those who follow the call have ended too. */
  bool awaits_followers;
};

enum call_state {
  CALL_QUEUED,  /* for a place among the live */
  CALL_READY,   /* new, or done waiting */
  CALL_CUT,     /* its slice was over */
  CALL_RUNNING, /* this is its slice */
  CALL_WAITING,
  CALL_ENDING, /* its script is over, who follows it is not */
};

/* What a call began and must not outlive it (a child process). */
struct call_follower {
  struct vm_call *call; /* NULL once it has let go of it */
  /* The script is over. True: it takes a while, and call_unfollow() is called then; until that it
   * may be told again, by VM_KILLED, that there is no time any more. `is_awaited`: the call says
   * that it has ended only then. */
  bool (*call_ended)(struct call_follower *follower, enum vm_outcome outcome, bool is_awaited);
  LIST_ENTRY(call_follower) link;
};

struct call_limits;

/* Thousands of calls may sleep for days: what few of them need stands elsewhere. */
struct vm_call {
  const struct vm_call_kind *kind;
  struct vm *vm;
  lua_State *thread; /* NULL until its first slice */
  int reference;
  enum call_state state;
  enum vm_outcome kill;       /* set in its own slice: it shall end as soon as it can; when it is
                                 ending: how */
  enum run_told told;         /* why it shall end by itself */
  bool is_heard;              /* the script knows */
  bool is_patient;            /* it does not want to be interrupted for that */
  bool is_asleep;             /* and not counted as live */
  bool was_hurried;           /* what it waits for was asked to end; raises then */
  bool has_locked;            /* asked for a lock */
  struct wait *wait;          /* begun and not finished */
  uint64_t number;            /* of the host's calls, never 0 */
  struct attempt attempt;     /* of the run that it is: set after the start; key.job 0: of none */
  struct call_limits *limits; /* NULL: none */
  char *last_words;           /* when it is ending: its error, or NULL */
  struct run_usage usage;     /* of memory and time the slices behind the first */
  LIST_HEAD(call_followers, call_follower) followers;
  TAILQ_ENTRY(vm_call) in_queue;
  TAILQ_ENTRY(vm_call) in_vm;
};

/* Begins a call, at the latest when its turn comes. Members other than kind are set by it. It is
 * killed when it takes longer than the time-out; 0: any. */
void vm_call_start(struct vm *vm, struct vm_call *call, const struct vm_call_kind *kind,
                   int64_t timeout_us);

/* Right after the start: when it is told, and how long it may be between two signs of life; 0:
 * never, any. */
void vm_call_limit(struct vm_call *call, int64_t soft_timeout_us, int64_t silence_us);

/* Between slices: ends the call at once; `ended` is called with VM_KILLED, unless the call is
 * ending already: then what it waits for is ended at once. */
void vm_call_kill(struct vm_call *call);

/* Between slices: tells the call why it shall end by itself, see deadline.c, and kills it when it
 * has not after the grace (0: leaves it alone then). One that has not begun is killed. */
void vm_call_tell(struct vm_call *call, enum run_told reason, int64_t grace_us);

/* A sign of life. */
void call_alive(struct vm_call *call);

/* Raises why the running call shall end, if it was told and does not know yet. */
void call_raise_told(lua_State *L);

/* In host_options.dismissed: the call whose slice is over ends by VM_KILLED with this sentence. */
void vm_call_end_current(struct vm_call *call, const char *why);

/* ---- for who moves the clock ---- */

/* When time alone makes something of the call next, monotonic; INT64_MAX: it does not. Sleep is not
 * meant, see host.h. */
int64_t call_due_us(const struct vm_call *call);

/* Does what is due by now: the call may be told, or end. Between slices. */
void call_look_at_clock(struct vm_call *call);

/* Kills all calls of the state, and waits for nobody who follows them. */
void vm_kill_all(struct vm *vm);

/* Whether the script of the call of this number is not over. */
bool vm_has_call(const struct vm *vm, uint64_t number);

/* The call that is running; `call_ended` is set by the caller before. The end of the call may be
 * told from within call_unfollow(). */
void call_follow(struct vm *vm, struct call_follower *follower);
void call_unfollow(struct call_follower *follower);

/* For `entry`, as lua_callk: `after` finds the results on top. An error leaves the call as a text
 * with its traceback, behind the __close of what the script's variables hold, which an error that
 * nobody catches would leave out. */
int call_function(lua_State *L, int arguments, int results, lua_KFunction after);

static inline struct vm_call *vm_call_argument(lua_State *L)
{
  return lua_touserdata(L, 1);
}

/* ---- for this folder ---- */

/* The call may go on. */
void call_make_ready(struct vm_call *call);

/* One slice. */
void call_run_slice(struct vm_call *call);

void call_end(struct vm_call *call, enum vm_outcome outcome, const char *error);

/* Those that the call has, made for it if need be; freed by call_drop_limits(). */
struct call_limits *call_limits(struct vm_call *call);
void call_drop_limits(struct vm_call *call);

/* Its first slice begins; it has outlived one, or something was changed. */
void call_begin_clock(struct vm_call *call);
void call_watch_clock(struct vm_call *call);

enum { CALL_WHY_SIZE = 128 };
/* Whether it must end now, and why. */
enum vm_outcome call_overdue(const struct vm_call *call, char why[CALL_WHY_SIZE]);

/* Leaves a call that is to be killed, from within: does not return. */
int call_die(lua_State *L);

/* For C functions that may take long, to be asked about every 100 us of their work: kills the call
 * when it is time for that (and does not return); else true when the slice is over and the function
 * can and shall `return call_pause(L, context, go_on)`. */
bool call_should_pause(lua_State *L);

/* Yields; `go_on` is called in the next slice, with nothing but the function's own values on the
 * stack. */
int call_pause(lua_State *L, lua_KContext context, lua_KFunction go_on);

/* The scheduler releases what a call that is no run has locked; a run's it knows to be over. */
void request_call_ended(const struct vm_call *call);

/* The hook. */
void call_hook(lua_State *L, lua_Debug *at);

#endif
