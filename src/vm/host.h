/* What all states of one worker's thread share: the loop, the calls that can go on, the slices, the
 * outbox, the questions to the scheduler.
 *
 * Before the loop blocks, a round is run: first the calls that are new or have waited, as long as
 * that takes a few milliseconds; then one of those that had used up their slice gets another. Then
 * mailbox and timers have their turn. So a call that is woken waits for one slice of all spinning
 * scripts together, and those share the rest. What a round posts goes out together at its end.
 *
 * For the files of this folder and the worker; bindings use vm.h and wait.h. On the worker's
 * thread. */
#ifndef VM_HOST_H
#define VM_HOST_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/heap.h"
#include "bus/bus.h"
#include "model/message.h"
#include "vm/blocks.h"
#include "vm/gauge.h"
#include "vm/preempt.h"

struct vm_call;
struct request;
struct wait;

TAILQ_HEAD(call_queue, vm_call);

/* Why a coroutine yielded to us rather than to the script's own `resume`. */
enum passing { PASSING_NOTHING, PASSING_SLICE, PASSING_WAIT, PASSING_KILL };

/* One resume of a script's own coroutine that is under way, on the C stack. */
struct resume_frame {
  struct resume_frame *up;
  bool can_yield; /* the resumer, and all above it */
};

struct host_options {
  uv_loop_t *loop;
  struct bus *bus;
  int address;
  /* Called at the end of each round, before the outbox goes out; or NULL. */
  void (*after_round)(void *context);
  void *context;
  struct gauge *gauge; /* where a slice that does not end is shown; or NULL */
  /* It was dismissed while it was stuck, and comes back; between the end of that slice and what
   * follows from it, `current` still set. Or NULL. */
  void (*dismissed)(void *context);
  uint64_t first_number; /* of calls and requests: not what a host of the same address has used */
};

struct host {
  struct host_options options;
  uv_prepare_t prepare;
  uv_idle_t idle;
  struct call_queue ready; /* new ones and those that have waited */
  struct call_queue cut;   /* those whose slice was over */
  bool is_dismissed;       /* no call begins any more */
  bool cut_waits;          /* they had no turn in the last round, as it was long already */
  struct blocks blocks;    /* of all states */
  struct heap naps;        /* of calls that sleep, see api_sleep.c */
  uv_timer_t nap_timer;    /* for the first of them */
  uv_mutex_t outbox_mutex; /* for host_flush from another thread */
  struct message_list outbox;
  struct request *requests; /* a hash by tag */
  uint64_t last_number;     /* of calls and requests */
  struct preempt preempt;
  struct vm_call *current; /* whose slice it is; NULL between slices */
  struct wait *stale;      /* which it has finished; to be released when the slice ends */
  int64_t slice_cpu_us;    /* the thread's CPU time when it began, if that is limited */
  struct resume_frame *frames;
  enum passing passing;
};

/* NULL with *error: the system lacks what it needs, and nothing was opened. */
struct host *host_open(const struct host_options *options, struct error *error);
/* All states must be gone. Its handles close while the loop runs on; then free it by host_free. */
void host_close(struct host *host);
void host_free(struct host *host);

/* Sends what was posted so far. Another thread may do so while it holds the worker's gauge. */
void host_flush(struct host *host);

/* Posts at the end of the round. */
void host_post(struct host *host, struct message *message);

/* Posts these before what the round has posted so far; empties `list`. */
void host_post_before(struct host *host, struct message_list *list);

/* For who moves the clock: when the first of those that sleep is to wake, monotonic (INT64_MAX:
 * nobody sleeps), and those are woken that have slept enough. */
int64_t host_nap_us(const struct host *host);
void host_end_naps(struct host *host);

/* Takes a MESSAGE_REPLY to one of vm_request's. */
void host_take_reply(struct host *host, struct message *reply);
/* Ends all questions that are open, as the scheduler is going away. */
void host_drop_requests(struct host *host);

#endif
