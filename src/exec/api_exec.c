/* Child processes for Lua: raw.exec_spawn gives a child, whose methods wait for output, for room in
 * its input, or for its end. lua/moonbeat/exec.lua makes exec, command, os.execute and io.popen of
 * them. What is to be run is read in api_exec_spec.c.
 *
 * Between the userdata and the child stands a `struct process` on the heap. When the call that
 * began a child fails or runs out of time, whatever it was waiting for, or is a run that ends
 * before its child, the child gets TERM and its grace, and the process stays until the child has
 * ended, even if the collector takes the userdata before. A run has ended only when its children
 * have, so that no attempt meets what an earlier one left: who kills a run wants its place, and its
 * children get KILL at once. A userdata that is collected otherwise takes its child with it. */
#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/descriptors.h"
#include "base/memory.h"
#include "exec/api_exec_spec.h"
#include "exec/child.h"
#include "vm/api_args.h"
#include "vm/call.h"
#include "vm/state.h"
#include "vm/vm.h"
#include "vm/wait.h"

#define CHILD "moonbeat.child"

enum { COMMANDS_MAX = 1024 };

enum waiting_for { FOR_OUTPUT, FOR_ROOM, FOR_END };

struct process;

struct process_wait {
  struct wait wait; /* first */
  struct process *process;
  enum waiting_for what;
  bool is_cancelled;
};

struct process {
  struct call_follower follower; /* of the call that began it; first */
  struct child *child;
  struct process_wait *waiter; /* one at a time */
  int64_t grace_us;
  bool has_owner;  /* the userdata */
  bool is_ending;  /* its grace is running */
  bool is_counted; /* what it used, to the call */
  struct vm *vm;   /* that counts it among its commands; NULL: not any more */
};

/* ---- waiting ---- */

static bool is_satisfied(struct process *process, enum waiting_for what)
{
  struct child *child = process->child;
  if (child_has_ended(child))
    return true;
  if (what == FOR_END)
    return false;
  return child_output(child, 1)->size > 0 || child_output(child, 2)->size > 0 ||
         (what == FOR_ROOM && child_is_drained(child));
}

static void end_wait(struct process *process)
{
  struct process_wait *waiter = process->waiter;
  process->waiter = NULL;
  waiter->process = NULL;
  wait_done(&waiter->wait);
}

static void destroy(struct process *process)
{
  call_unfollow(&process->follower);
  child_release(process->child);
  free(process);
}

/* To the account of the call that began it, while that has not ended. */
static void count_usage(struct process *process)
{
  const struct child_usage *used = child_usage(process->child);
  struct vm_call *call = process->follower.call;
  if (!call || process->is_counted)
    return;
  process->is_counted = true;
  call->usage.commands_cpu_us += used->cpu_us;
  if (used->memory_bytes > call->usage.commands_memory_bytes)
    call->usage.commands_memory_bytes = used->memory_bytes;
}

static void uncount(struct process *process)
{
  if (process->vm)
    process->vm->commands--;
  process->vm = NULL;
}

static void on_changed(struct child *child, void *context)
{
  struct process *process = context;
  struct process_wait *waiter = process->waiter;
  if (child_has_ended(child))
    count_usage(process);
  if (waiter && is_satisfied(process, waiter->is_cancelled ? FOR_END : waiter->what))
    end_wait(process);
  if (!child_has_ended(child))
    return;
  uncount(process);
  if (process->is_ending)
    call_unfollow(&process->follower);
  if (!process->has_owner)
    destroy(process);
}

/* TERM, and KILL after the grace; a shorter one than before counts. */
static void end(struct process *process, int64_t grace_us)
{
  process->is_ending = true;
  child_drop_output(process->child); /* nobody takes its output any more */
  child_kill(process->child, grace_us);
}

static bool on_call_ended(struct call_follower *follower, enum vm_outcome outcome, bool is_awaited)
{
  struct process *process = (struct process *)follower;
  if (outcome == VM_SUCCEEDED && !is_awaited)
    return false;
  child_end_input(process->child);
  end(process, outcome == VM_KILLED && is_awaited ? 0 : process->grace_us);
  return !child_has_ended(process->child);
}

static void push_taken(lua_State *L, struct child *child, int stream, bool always)
{
  struct buffer *data = child_output(child, stream);
  if (data->size > 0 || always)
    lua_pushlstring(L, data->data ? data->data : "", data->size);
  else
    lua_pushnil(L);
  buffer_clear(data);
  if (data->capacity > CHILD_HOLD_SIZE)
    buffer_deinit(data);
}

/* -- stdout|nil stderr|nil has_ended, or stdout stderr was_truncated */
static int push_results(lua_State *L, struct process *process, enum waiting_for what)
{
  struct child *child = process->child;
  bool is_end = what == FOR_END;
  push_taken(L, child, 1, is_end);
  push_taken(L, child, 2, is_end);
  lua_pushboolean(L, is_end ? child_was_truncated(child) : child_has_ended(child));
  child_resume(child);
  return 3;
}

static struct process *process_at(lua_State *L, int index)
{
  struct process **owner = luaL_checkudata(L, index, CHILD);
  if (!*owner) /* which a weak table still has */
    luaL_error(L, "the command was let go and has ended");
  return *owner;
}

/* Argument 1 of the function that waits is still there. */
static int finish_wait(lua_State *L, struct wait *wait)
{
  struct process *process = process_at(L, 1);
  if (child_output(process->child, 1)->size > 0 || child_output(process->child, 2)->size > 0)
    call_alive(wait->call);
  return push_results(L, process, ((struct process_wait *)wait)->what);
}

static void cancel_wait(struct wait *wait)
{
  struct process_wait *waiter = (struct process_wait *)wait;
  waiter->is_cancelled = true;
  if (waiter->process)
    end(waiter->process, waiter->process->grace_us);
}

/* The group is ended, and the wait with it. */
static void hurry_wait(struct wait *wait)
{
  struct process *process = ((struct process_wait *)wait)->process;
  if (process)
    child_kill(process->child, process->grace_us);
}

static void release_wait(struct wait *wait)
{
  free(wait);
}

static const struct wait_kind process_kind = {.name = "exec",
                                              .cancel = cancel_wait,
                                              .finish = finish_wait,
                                              .release = release_wait,
                                              .is_outside = true};

/* Who reads what a fast command writes may never have to wait, and is told here. */
static int wait_for(lua_State *L, enum waiting_for what)
{
  struct process *process = process_at(L, 1);
  if (!child_has_ended(process->child))
    call_raise_told(L);
  if (is_satisfied(process, what))
    return push_results(L, process, what);
  wait_check(L, "exec");
  if (process->waiter)
    return args_fail(L, "somebody else is waiting for this command");
  struct process_wait *waiter = memory_alloc(sizeof *waiter);
  waiter->wait.hurry = hurry_wait;
  waiter->process = process;
  waiter->what = what;
  process->waiter = waiter;
  return wait_begin(L, &waiter->wait, &process_kind);
}

/* ---- methods ---- */

static int l_next(lua_State *L) /* child wants_room? -> stdout|nil stderr|nil has_ended; waits */
{
  return wait_for(L, lua_toboolean(L, 2) ? FOR_ROOM : FOR_OUTPUT);
}

static int l_wait(lua_State *L) /* child -> stdout stderr was_truncated; waits */
{
  child_drop_output(process_at(L, 1)->child);
  return wait_for(L, FOR_END);
}

static int l_write(lua_State *L) /* child text -> true | nil message code */
{
  size_t size;
  struct process *process = process_at(L, 1);
  const char *text = luaL_checklstring(L, 2, &size);
  struct error error;
  if (child_write(process->child, text, size)) {
    lua_pushboolean(L, true);
    return 1;
  }
  error_set(&error, ERROR_IO, "the command does not read any more");
  return args_push_error(L, &error);
}

static int l_drained(lua_State *L) /* child -> boolean */
{
  lua_pushboolean(L, child_is_drained(process_at(L, 1)->child));
  return 1;
}

static int l_finish(lua_State *L) /* child stops_reading -> ; no more input, perhaps no output */
{
  struct process *process = process_at(L, 1);
  child_end_input(process->child);
  if (lua_toboolean(L, 2))
    child_close_output(process->child, 1);
  return 0;
}

static void push_signal(lua_State *L, int number)
{
  const char *name = sigabbrev_np(number);
  if (name)
    lua_pushstring(L, name);
  else
    lua_pushfstring(L, "%d", number);
}

static int l_status(lua_State *L) /* child -> status|nil signal|nil timed_out */
{
  const struct child *child = process_at(L, 1)->child;
  if (child_signal(child)) {
    lua_pushnil(L);
    push_signal(L, child_signal(child));
  } else {
    lua_pushinteger(L, child_status(child));
    lua_pushnil(L);
  }
  lua_pushboolean(L, child_timed_out(child));
  return 3;
}

static int l_exit_values(lua_State *L) /* child -> true|nil "exit"|"signal" number */
{
  const struct child *child = process_at(L, 1)->child;
  int number = child_signal(child);
  if (!number && child_status(child) == 0)
    lua_pushboolean(L, true);
  else
    lua_pushnil(L);
  lua_pushstring(L, number ? "signal" : "exit");
  lua_pushinteger(L, number ? number : child_status(child));
  return 3;
}

static int l_gc(lua_State *L) /* child -> */
{
  struct process **owner = luaL_checkudata(L, 1, CHILD);
  struct process *process = *owner;
  *owner = NULL;
  if (!process)
    return 0;
  process->has_owner = false;
  uncount(process);
  if (process->is_ending && !child_has_ended(process->child))
    return 0;
  if (process->waiter)
    end_wait(process);
  destroy(process);
  return 0;
}

/* ---- beginning ---- */

/* The state of added commands is no script's. */
static bool may_begin(lua_State *L, struct error *error)
{
  const struct vm *vm = vm_of(L);
  int most = descriptors_share(COMMANDS_MAX);
  if (vm->generation == 0 || vm->commands < most)
    return descriptors_ask(error) == ERROR_OK;
  error_set(error, ERROR_LIMIT, "%d commands of this script are running already", most);
  return false;
}

static int l_spawn(lua_State *L) /* function spec -> child | nil message code */
{
  const char *function = luaL_checkstring(L, 1);
  size_t input_size = 0;
  struct error error;
  luaL_checktype(L, 2, LUA_TTABLE);
  wait_check(L, function);
  if (!may_begin(L, &error))
    return args_push_error(L, &error);
  struct child_options options = {.changed = on_changed};
  api_exec_push_options(L, function, &options);
  const char *input = api_exec_push_input(L, function, &input_size, &options.keeps_input);

  struct process **owner = lua_newuserdatauv(L, sizeof *owner, 0);
  *owner = NULL;
  luaL_setmetatable(L, CHILD);
  struct process *process = memory_alloc(sizeof *process);
  process->has_owner = true;
  process->grace_us = options.grace_us;
  options.context = process;
  if (child_start(wait_loop(L), &options, &process->child, &error)) {
    free(process);
    return args_push_error(L, &error);
  }
  *owner = process;
  process->vm = vm_of(L);
  process->vm->commands++;
  process->follower.call_ended = on_call_ended;
  call_follow(vm_of(L), &process->follower);
  if (input) {
    child_write(process->child, input, input_size);
    child_end_input(process->child);
  }
  return 1;
}

void api_exec_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"exec_spawn", l_spawn}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"next", l_next},
                                     {"wait", l_wait},
                                     {"write", l_write},
                                     {"drained", l_drained},
                                     {"finish", l_finish},
                                     {"status", l_status},
                                     {"exit_values", l_exit_values},
                                     {NULL, NULL}};
  args_open(L);
  args_set_functions(L, functions);
  luaL_newmetatable(L, CHILD);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, l_gc); /* an error on the way ends the command at once */
  lua_setfield(L, -2, "__close");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
