/* Work that may block, on files and databases: libuv's threads do it, the helper threads. Those are
 * few and serve all scripts, so of one script's works only some are under way at once, and the
 * others wait in a queue of its state, where they can still be taken back.
 *
 * On the loop's thread but for `work`. */
#ifndef VM_HELPER_H
#define VM_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <uv.h>

/* Of one script, out of the program's 32 threads; each of its states has one in any case. */
enum { HELPER_SHARE = 8 };

/* The works of one state. */
struct helpers;

struct helper_work {
  void (*work)(struct helper_work *work); /* on a helper thread */
  /* It is over, and no longer touched. `was_done` false: it was taken back before it began. */
  void (*done)(struct helper_work *work, bool was_done);

  /* helper.c's own */
  struct helpers *helpers;
  bool is_queued;
  uv_work_t request;
  TAILQ_ENTRY(helper_work) entry;
};

/* What a work is the member of. */
#define helper_owner(work, type, member) ((type *)(void *)((char *)(work)-offsetof(type, member)))

/* The scripts of whose works some are under way, "a, b" on the heap; NULL: of none. Any thread. */
char *helpers_describe(void);

/* The states of one script have the same name. One hold is the caller's; each work has one too. */
struct helpers *helpers_create(uv_loop_t *loop, const char *script);
void helpers_hold(struct helpers *helpers);
void helpers_release(struct helpers *helpers);

/* `work` and `done` are set. */
void helper_start(struct helpers *helpers, struct helper_work *work);

/* Takes it back if it has not begun: `done` is called, perhaps from in here. One that is under way
 * goes on: what it looks at while it works is between it and who cancels. */
void helper_cancel(struct helper_work *work);

#endif
