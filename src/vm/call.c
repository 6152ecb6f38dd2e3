#include "vm/call.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "vm/deadline.h"
#include "vm/host.h"
#include "vm/state.h"
#include "vm/traceback.h"
#include "vm/wait.h"
#include "vm/wait_internal.h"

/* A call that cannot be cut into slices (a __lt that spins in table.sort) is killed after this
 * long. */
enum { BLOCKED_TICKS_MAX = 1000000 / PREEMPT_TICK_US };

/* ---- threads ---- */

/* The allocator refuses nothing while no call runs, so nothing here raises. */
static void take_thread(struct vm_call *call)
{
  struct vm *vm = call->vm;
  if (vm->idle_count > 0) {
    struct vm_thread *idle = &vm->idle[--vm->idle_count];
    call->thread = idle->L;
    call->reference = idle->reference;
  } else {
    call->thread = lua_newthread(vm->L);
    call->reference = luaL_ref(vm->L, LUA_REGISTRYINDEX);
  }
  thread_set(call->thread, THREAD_BUSY | THREAD_BASE);
}

/* Only a thread that finished by itself may be used again: an error raised from a hook leaves its
 * hooks off for ever, and an abandoned one still holds its frames. One that the script has shall
 * not be another call's later: if that is killed, the script would keep all that it held. */
static void leave_thread(struct vm_call *call, bool finished)
{
  struct vm *vm = call->vm;
  if (!call->thread)
    return;
  if (finished && !thread_has(call->thread, THREAD_SHOWN) && vm->idle_count < VM_IDLE_THREADS) {
    lua_settop(call->thread, 0);
    if (lua_gethook(call->thread))
      lua_sethook(call->thread, NULL, 0, 0);
    vm->idle[vm->idle_count++] = (struct vm_thread){call->thread, call->reference};
  } else {
    luaL_unref(vm->L, LUA_REGISTRYINDEX, call->reference);
  }
  call->thread = NULL;
}

/* ---- followers ---- */

void call_follow(struct vm *vm, struct call_follower *follower)
{
  follower->call = vm->host->current;
  LIST_INSERT_HEAD(&follower->call->followers, follower, link);
}

static void let_go(struct call_follower *follower)
{
  LIST_REMOVE(follower, link);
  follower->call = NULL;
}

/* Those who need no time are let go. */
static void tell_followers(struct vm_call *call, enum vm_outcome outcome)
{
  struct call_follower *next;
  for (struct call_follower *follower = LIST_FIRST(&call->followers); follower; follower = next) {
    next = LIST_NEXT(follower, link);
    if (!follower->call_ended(follower, outcome, call->kind->awaits_followers))
      let_go(follower);
  }
}

static void let_all_go(struct vm_call *call)
{
  while (!LIST_EMPTY(&call->followers))
    let_go(LIST_FIRST(&call->followers));
}

/* ---- beginning and ending ---- */

static void begin_next(struct vm *vm)
{
  struct vm_call *call;
  while (vm->live < vm->live_max && (call = TAILQ_FIRST(&vm->queued))) {
    TAILQ_REMOVE(&vm->queued, call, in_queue);
    vm->live++;
    call_make_ready(call);
  }
}

void vm_call_start(struct vm *vm, struct vm_call *call, const struct vm_call_kind *kind,
                   int64_t timeout_us)
{
  *call = (struct vm_call){.kind = kind, .vm = vm};
  if (timeout_us > 0)
    call_limits(call)->timeout_us = timeout_us;
  call->number = ++vm->host->last_number;
  TAILQ_INSERT_TAIL(&vm->calls, call, in_vm);
  if (kind->passes_queue) {
    call_make_ready(call);
  } else if (vm->live < vm->live_max) {
    vm->live++;
    call_make_ready(call);
  } else {
    call->state = CALL_QUEUED;
    TAILQ_INSERT_TAIL(&vm->queued, call, in_queue);
  }
}

/* Whoever sleeps leaves its place among the live to others, and comes back at once all the same. */
static void fall_asleep(struct vm_call *call)
{
  struct vm *vm = call->vm;
  if (!call->wait->kind->is_sleep || call->kind->passes_queue || vm->asleep >= vm->asleep_max)
    return;
  call->is_asleep = true;
  vm->asleep++;
  vm->live--;
  begin_next(vm);
}

static void wake_up(struct vm_call *call)
{
  if (!call->is_asleep)
    return;
  call->is_asleep = false;
  call->vm->asleep--;
  call->vm->live++;
}

void call_make_ready(struct vm_call *call)
{
  wake_up(call);
  call->state = CALL_READY;
  TAILQ_INSERT_TAIL(&call->vm->host->ready, call, in_queue);
}

/* The coroutine and all that only it needs. */
static void leave(struct vm_call *call, enum vm_outcome outcome)
{
  struct vm *vm = call->vm;
  bool was_queued = call->state == CALL_QUEUED;
  wake_up(call);
  if (was_queued)
    TAILQ_REMOVE(&vm->queued, call, in_queue);
  else if (call->state == CALL_READY)
    TAILQ_REMOVE(&vm->host->ready, call, in_queue);
  else if (call->state == CALL_CUT)
    TAILQ_REMOVE(&vm->host->cut, call, in_queue);
  wait_abandon(call);
  call_drop_limits(call);
  leave_thread(call, outcome == VM_SUCCEEDED);
  if (!was_queued && !call->kind->passes_queue)
    vm->live--;
}

/* The last of it. */
static void conclude(struct vm_call *call, enum vm_outcome outcome, const char *error)
{
  struct vm *vm = call->vm;
  TAILQ_REMOVE(&vm->calls, call, in_vm);
  request_call_ended(call);
  /* Secrets first: half of one would not be found. */
  char *told = text_abridge(vm_redact(vm, memory_strdup(error)), CALL_ERROR_MAX);
  call->kind->ended(call, outcome, told);
  free(told);
  begin_next(vm);
}

static void conclude_later(struct vm_call *call)
{
  char *error = call->last_words;
  conclude(call, call->kill, error);
  free(error);
}

void call_end(struct vm_call *call, enum vm_outcome outcome, const char *error)
{
  leave(call, outcome);
  tell_followers(call, outcome);
  if (!call->kind->awaits_followers)
    let_all_go(call);
  if (LIST_EMPTY(&call->followers)) {
    conclude(call, outcome, error);
    return;
  }
  call->state = CALL_ENDING;
  call->kill = outcome;
  call->last_words = memory_strdup(error);
  begin_next(call->vm);
}

void call_unfollow(struct call_follower *follower)
{
  struct vm_call *call = follower->call;
  if (!call)
    return;
  let_go(follower);
  if (call->state == CALL_ENDING && LIST_EMPTY(&call->followers))
    conclude_later(call);
}

void vm_call_kill(struct vm_call *call)
{
  if (call->state == CALL_ENDING)
    tell_followers(call, VM_KILLED);
  else
    call_end(call, VM_KILLED, NULL);
}

void vm_call_end_current(struct vm_call *call, const char *why)
{
  call->kill = VM_KILLED;
  snprintf(call->vm->kill_text, sizeof call->vm->kill_text, "%s", why);
}

void vm_kill_all(struct vm *vm)
{
  struct vm_call *call;
  while ((call = TAILQ_LAST(&vm->calls, call_queue))) {
    uint64_t number = call->number; /* its end may begin another one in the memory that it leaves */
    vm_call_kill(call);
    call = TAILQ_LAST(&vm->calls, call_queue);
    if (call && call->number == number) {
      let_all_go(call);
      conclude_later(call);
    }
  }
}

bool vm_has_call(const struct vm *vm, uint64_t number)
{
  const struct vm_call *call;
  TAILQ_FOREACH(call, &vm->calls, in_vm)
    if (call->number == number)
      return call->state != CALL_ENDING;
  return false;
}

/* ---- slices ---- */

/* What was shown as stuck has come to an end. */
static void come_back(struct host *host)
{
  struct gauge *gauge = host->options.gauge;
  struct message *m = message_create(MESSAGE_UNSTUCK, host->options.address, ADDRESS_SCHEDULER);
  m->as.stuck.for_us = (int64_t)gauge_leave(gauge) * 1000;
  host_post(host, m);
  host->is_dismissed = gauge->is_dismissed;
  if (host->is_dismissed && host->options.dismissed)
    host->options.dismissed(host->options.context);
}

/* Before anything is done that the gauge's holder may look at. */
static void leave_slice(struct host *host)
{
  preempt_end(&host->preempt);
  if (host->options.gauge &&
      atomic_load_explicit(&host->options.gauge->stuck_ms, memory_order_relaxed))
    come_back(host);
}

static void end_failed(struct vm_call *call, int status)
{
  struct vm *vm = call->vm;
  struct host *host = vm->host;
  preempt_begin(&host->preempt, vm->L);
  char limit[64];
  snprintf(limit, sizeof limit, "used more than %zu MiB", vm->cap >> 20);
  /* A memory error is the allocator's refusal, far above the cap. */
  char *text = status == LUA_ERRMEM ? traceback_text(vm->L, call->thread, limit)
                                    : traceback_describe(vm->L, call->thread);
  leave_slice(host);
  host->current = NULL;
  /* Describing runs the script's __tostring. */
  call_end(call, call->kill ? call->kill : VM_FAILED, call->kill ? vm->kill_text : text);
  free(text);
}

static void go_on_later(struct vm_call *call, enum passing passing)
{
  if (passing == PASSING_WAIT) {
    call->state = CALL_WAITING;
    fall_asleep(call);
  } else {
    call->state = CALL_CUT;
    TAILQ_INSERT_TAIL(&call->vm->host->cut, call, in_queue);
  }
  call_watch_clock(call);
}

static void take_result(struct vm_call *call, int status)
{
  struct host *host = call->vm->host;
  enum passing passing = host->passing;
  host->passing = PASSING_NOTHING;
  if (!call->kill && status != LUA_OK && status != LUA_YIELD) {
    end_failed(call, status);
    return;
  }
  host->current = NULL;
  if (call->kill)
    call_end(call, call->kill, call->vm->kill_text);
  else if (status == LUA_OK)
    call_end(call, VM_SUCCEEDED, NULL);
  else
    go_on_later(call, passing);
}

/* Asking for the thread's time costs more than a short call: the first slice, which is the only one
 * of most, is taken by its ticks. */
static void note_usage(struct vm_call *call, int64_t cpu_us)
{
  const struct vm *vm = call->vm;
  struct run_usage *usage = &call->usage;
  if (usage->slices == 1)
    usage->cpu_us = (int64_t)preempt_age(&vm->host->preempt) * PREEMPT_TICK_US;
  else
    usage->cpu_us += clock_thread_us() - cpu_us;
  if ((int64_t)vm->peak > usage->memory_bytes)
    usage->memory_bytes = (int64_t)vm->peak;
}

/* The error goes on as the text that it is now; one of memory stays what it is. */
static int leave_function(lua_State *L, int status, lua_KContext after)
{
  if (status != LUA_OK && status != LUA_YIELD)
    return lua_error(L);
  return ((lua_KFunction)after)(L, LUA_OK, 0);
}

int call_function(lua_State *L, int arguments, int results, lua_KFunction after)
{
  int handler = lua_gettop(L) - arguments;
  lua_KContext context = (lua_KContext)after;
  lua_pushcfunction(L, traceback_handler);
  lua_insert(L, handler);
  return leave_function(L, lua_pcallk(L, arguments, results, handler, context, leave_function),
                        context);
}

void call_run_slice(struct vm_call *call)
{
  struct vm *vm = call->vm;
  struct host *host = vm->host;
  int arguments = 0;
  if (!call->thread) {
    if (host->is_dismissed && !call->kind->is_sequel) {
      call->state = CALL_RUNNING;
      call_end(call, VM_KILLED, NULL);
      return;
    }
    if (call->kind->begins)
      call->kind->begins(call);
    take_thread(call);
    lua_pushcfunction(call->thread, call->kind->entry);
    lua_pushlightuserdata(call->thread, call);
    arguments = 1;
    call_begin_clock(call);
  }
  struct resume_frame frame = {NULL, true};
  int64_t cpu_us = call->usage.slices++ ? clock_thread_us() : 0;
  vm->peak = vm->used;
  call->state = CALL_RUNNING;
  host->current = call;
  host->frames = &frame;
  preempt_begin(&host->preempt, call->thread);
  int results;
  if (call->kind->cpu_us)
    host->slice_cpu_us = clock_thread_us();
  int status = lua_resume(call->thread, vm->L, arguments, &results);
  if (call->kind->cpu_us)
    call_limits(call)->cpu_us += clock_thread_us() - host->slice_cpu_us;
  host->frames = NULL;
  leave_slice(host);
  note_usage(call, cpu_us);
  wait_release_stale(host);
  take_result(call, status);
}

/* ---- the hook ---- */

/* `text` with the place where the coroutine is, kept in the state until the call ends. */
__attribute__((format(printf, 4, 5))) static void
order_kill(lua_State *L, struct vm_call *call, enum vm_outcome outcome, const char *format, ...)
{
  struct vm *vm = call->vm;
  lua_Debug at;
  int length = 0;
  for (int level = 0; length == 0 && lua_getstack(L, level, &at); level++)
    if (lua_getinfo(L, "Sl", &at) && at.currentline > 0)
      length =
          snprintf(vm->kill_text, sizeof vm->kill_text, "%s:%d: ", at.short_src, at.currentline);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(vm->kill_text + length, sizeof vm->kill_text - (size_t)length, format, arguments);
  va_end(arguments);
  call->kill = outcome;
}

enum { CYCLES = 2 }; /* of the collector: what it has begun, and a whole one */

/* Before the cap counts, garbage is collected, over several slices if need be: false until that is
 * done. An instruction passes between two slices, which may have made new garbage; so all is
 * collected at once before the last word. A script near its cap is not let to do that again and
 * again. */
static bool judge_memory(lua_State *L, struct vm_call *call)
{
  struct vm *vm = call->vm;
  const struct preempt *preempt = &vm->host->preempt;
  if (vm->cycles_to_go == 0)
    vm->cycles_to_go = CYCLES;
  while (vm->cycles_to_go > 0) {
    if (lua_gc(L, LUA_GCSTEP, 0))
      vm->cycles_to_go--;
    else if (preempt_age(preempt) >= PREEMPT_SLICE_TICKS && lua_isyieldable(L))
      return false;
  }
  vm->over_cap = false;
  if (vm->used > vm->cap - vm->cap / 8)
    lua_gc(L, LUA_GCCOLLECT);
  if (vm->used > vm->cap - vm->cap / 8)
    order_kill(L, call, VM_FAILED, "used more than %zu MiB", vm->cap >> 20);
  return true;
}

static bool has_used_its_cpu(const struct vm_call *call)
{
  int64_t limit_us = call->kind->cpu_us;
  if (!limit_us)
    return false;
  int64_t before_us = call->limits ? call->limits->cpu_us : 0;
  return before_us + clock_thread_us() - call->vm->host->slice_cpu_us > limit_us;
}

/* Here and not in the loop, as a slice that cannot be cut keeps the loop waiting. */
static void judge_time(lua_State *L, struct vm_call *call)
{
  char why[CALL_WHY_SIZE];
  enum vm_outcome outcome = call_overdue(call, why);
  if (outcome != VM_RUNNING)
    order_kill(L, call, outcome, "%s", why);
  else if (has_used_its_cpu(call))
    order_kill(L, call, VM_FAILED, "used more than %d s of CPU time, the limit of a %s",
               (int)(call->kind->cpu_us / 1000000), call->kind->name);
  else if (preempt_age(&call->vm->host->preempt) >= BLOCKED_TICKS_MAX && !lua_isyieldable(L))
    order_kill(
        L, call, VM_FAILED,
        "ran for 1 s where it cannot be interrupted (a metamethod that a library function calls, "
        "a __close run by coroutine.close)");
}

/* Whether the slice is over. A call that has deserved it is marked to be killed. */
static bool judge(lua_State *L, struct vm_call *call)
{
  struct vm *vm = call->vm;
  bool is_due = preempt_age(&vm->host->preempt) >= PREEMPT_SLICE_TICKS;
  if (!call->kill && vm->over_cap && !judge_memory(L, call))
    return true;
  if (is_due && !call->kill)
    judge_time(L, call);
  return is_due;
}

/* Where the slice is over and cannot be cut: looks again whenever a function returns. A hook may
 * yield before an instruction only. */
static void await_return(lua_State *L)
{
  lua_sethook(L, call_hook, LUA_MASKRET, 0);
}

static void on_return(lua_State *L)
{
  if (lua_isyieldable(L))
    lua_sethook(L, call_hook, LUA_MASKCOUNT, 1);
}

void call_hook(lua_State *L, lua_Debug *at)
{
  if (at->event != LUA_HOOKCOUNT) {
    on_return(L);
    return;
  }
  struct host *host = vm_get(L)->host;
  struct vm_call *call = host->current;
  bool is_due = call && judge(L, call);
  if (call && call->kill) {
    call_die(L);
    return;
  }
  if (call && call->vm->over_cap)
    lua_sethook(L, call_hook, LUA_MASKCOUNT, 1); /* goes on with that in the next slice */
  else if (is_due && !lua_isyieldable(L))
    await_return(L);
  else
    lua_sethook(L, NULL, 0, 0);
  if (is_due && lua_isyieldable(L)) {
    host->passing = PASSING_SLICE;
    lua_yield(L, 0);
  }
}

bool call_should_pause(lua_State *L)
{
  struct vm_call *call = vm_get(L)->host->current;
  if (!call)
    return false;
  bool is_due = judge(L, call);
  if (call->kill)
    call_die(L);
  return is_due && lua_isyieldable(L);
}

int call_pause(lua_State *L, lua_KContext context, lua_KFunction go_on)
{
  vm_get(L)->host->passing = PASSING_SLICE;
  return lua_yieldk(L, 0, context, go_on);
}

int call_die(lua_State *L)
{
  if (lua_isyieldable(L)) {
    vm_get(L)->host->passing = PASSING_KILL;
    return lua_yield(L, 0);
  }
  /* This very text is raised as a memory error: handlers of xpcall are not called. The hook stays,
   * so that no pcall keeps it. */
  if (lua_gethookmask(L) != LUA_MASKCOUNT)
    lua_sethook(L, call_hook, LUA_MASKCOUNT, 1);
  lua_pushliteral(L, "not enough memory");
  return lua_error(L);
}
