/* Making and closing states; see vm.h for what one is.
 *
 * Memory: a counting allocator per state. Over the cap, the call that runs is killed if a full
 * collection does not help. The allocator itself refuses only far above it, because the emergency
 * collection of Lua 5.4.4 has bugs, and never while no call runs, so that the host's own use of a
 * state cannot fail.
 *
 * On the worker's thread. */
#ifndef VM_STATE_H
#define VM_STATE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "vm/call.h"
#include "vm/host.h"
#include "vm/vm.h"

enum {
  VM_MEMORY_CAP = 64 << 20,
  VM_MEMORY_CEILING_FACTOR = 4,
  VM_LIVE_CALLS = 1000,
  VM_ASLEEP_CALLS = 9000, /* besides; more coroutines would make the collector's pauses long */
  VM_IDLE_THREADS = 16,
};

/* As api_TOPIC_open in vm.h. */
typedef void (*vm_opener)(lua_State *L);

struct vm_options {
  struct host *host;
  const char *script;
  const char *folder;       /* where `require` looks; NULL: nowhere */
  size_t memory_cap;        /* 0: VM_MEMORY_CAP */
  int live_calls;           /* 0: VM_LIVE_CALLS; 1: one call after the other */
  const vm_opener *openers; /* of layers above, NULL at the end; or NULL */
  void *owner;              /* the worker's */
  uint64_t generation;      /* by which the scheduler knows the state; 0: it does not */
};

struct helpers;
struct redact;

struct vm_thread {
  lua_State *L;
  int reference; /* in the registry, which keeps it alive */
};

struct vm {
  struct host *host;
  lua_State *L; /* the main thread: never runs scripts */
  char *script;
  char *folder;
  void *owner;
  uint64_t generation;
  size_t used, cap;
  size_t peak;      /* of this slice */
  bool over_cap;    /* the hook shall look at it */
  int cycles_to_go; /* of the collection that shows whether that is true */
  int watches;      /* of fs.watch that are open */
  int databases;    /* that are open */
  int commands;     /* of which the script has hold and which run */
  struct helpers *helpers;
  struct redact *secrets; /* that were read, see secret.h; NULL: none */
  char kill_text[256];
  int run_handler, run_metatable, handlers; /* registry references */
  int close_depth;                          /* nested coroutine.close */
  int live, live_max;
  int asleep, asleep_max; /* not counted as live */
  int idle_count;
  struct vm_thread idle[VM_IDLE_THREADS];
  struct call_queue calls;  /* all that have not ended */
  struct call_queue queued; /* those of them that wait for a place among the live */
  struct buffer modules;    /* absolute paths that `require` has looked for in calls that note
                               them, each once and with its NUL */
};

/* NULL with *error when the Lua half fails to start. */
struct vm *vm_create(const struct vm_options *options, struct error *error);
/* All calls must have ended. */
void vm_destroy(struct vm *vm);

/* Pushes the function `name` of what lua/moonbeat/init.lua returned. (-- function) */
void vm_push_handler(lua_State *L, const char *name);

/* Compiles a person's source under the name that its errors show. Raises what is wrong with it.
 * (-- function) */
void vm_push_chunk(lua_State *L, const char *text, size_t size, const char *path);

/* Appends the files that were noted, as a JSON array. */
void vm_modules_json(const struct vm *vm, struct buffer *out);

/* ---- for this folder ---- */

/* Questions whose answer nobody has come for. */
void vm_drop_requests(struct vm *vm);

/* vm_of(), and marks: a thread is not the script's to resume, is a call's first, was handed to the
 * script, which may have it for ever. */
enum {
  THREAD_BUSY = 1,
  THREAD_BASE = 2,
  THREAD_SHOWN = 4,
  THREAD_MARKS = THREAD_BUSY | THREAD_BASE | THREAD_SHOWN
};

static inline uintptr_t *thread_word(lua_State *L)
{
  return lua_getextraspace(L);
}

static inline bool thread_has(lua_State *L, unsigned mark)
{
  return (*thread_word(L) & mark) != 0;
}

static inline void thread_set(lua_State *L, unsigned mark)
{
  *thread_word(L) |= mark;
}

static inline void thread_clear(lua_State *L, unsigned mark)
{
  *thread_word(L) &= ~(uintptr_t)mark;
}

static inline struct vm *vm_get(lua_State *L)
{
  return (struct vm *)(*thread_word(L) & ~(uintptr_t)THREAD_MARKS);
}

void *vm_allocate(void *vm, void *block, size_t old_size, size_t new_size);

void sandbox_open(lua_State *L);      /* libraries, restricted (--) */
void absent_open(lua_State *L);       /* io.open and the like say that they are not there (--) */
void base_library_open(lua_State *L); /* load, xpcall, tostring, collectgarbage in slices (--) */
void bounds_open(lua_State *L);       /* guards around what could run for ever in C (--) */
void pattern_open(lua_State *L);      /* find, match, gmatch, gsub in slices (--) */
void sort_open(lua_State *L);         /* table.sort in slices (--) */
void coroutine_open(lua_State *L);    /* our `coroutine` (--) */
void require_open(lua_State *L);      /* `require` (--) */

/* More elements than the state's memory can hold. */
lua_Integer bounds_elements(lua_State *L);

#endif
