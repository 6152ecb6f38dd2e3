/* Runs. The way of a short run is the one that must be cheap: no timer, no STARTED message, a
 * coroutine that another run has finished with, arguments decoded only when there are some. */
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "exec/run_call.h"
#include "vm/api_json.h"

enum {
  RESULT_MAX = 64 << 10,
  LOG_LINE_MAX = 64 << 10,
  LOG_LINES_MAX = 10000, /* of one attempt: what a loop prints must not fill memory and store */
  LOG_BYTES_MAX = 16 << 20,
};

/* ---- in Lua ---- */

/* A result that is too long is told by its beginning: the work is done, to fail would repeat it. */
static char *shorten(const char *text, size_t size)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_begin_object(&writer);
  json_put_integer(&writer, "truncated", (int64_t)size);
  json_key(&writer, "start");
  json_write_string(&writer, text, 1000);
  json_end_object(&writer);
  return buffer_take(&out);
}

static int take_result(lua_State *L, int status, lua_KContext is_good)
{
  (void)status;
  struct run_call *run = (struct run_call *)vm_call_argument(L);
  if (!is_good)
    return luaL_error(L, "the result cannot be stored: %s", lua_tostring(L, -1));
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  char *clean = vm_redact_json(run->call.vm, memory_copy(text, size));
  size = strlen(clean);
  run->result = size > RESULT_MAX ? shorten(clean, size) : clean;
  if (run->result != clean)
    free(clean);
  return 0;
}

static int after_run(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  return lua_isnil(L, -1) ? 0 : api_json_encode_in_slices(L, -1, "result", 0, take_result);
}

static void set_text(lua_State *L, const char *name, const char *text)
{
  if (!text)
    return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

/* No larger than what is always there: a table doubles when the script asks for more. Called in C,
 * as the frames of Lua and what they call would make the coroutine's first stack too small for a
 * run that does nothing but sleep. */
void run_push_object(lua_State *L, const struct run_call *run)
{
  const struct message *message = run->message;
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, run->call.attempt.key.scheduled_us);
  lua_setfield(L, -2, "scheduled_us");
  if (run->call.attempt.number > 1) {
    lua_pushinteger(L, run->call.attempt.number);
    lua_setfield(L, -2, "number");
  }
  set_text(L, "job", message->as.run.job_id);
  set_text(L, "events_json", message->as.run.events);
  set_text(L, "args_json", message->as.run.args);
  set_text(L, "checkpoint_json", message->as.run.checkpoint);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm_of(L)->run_metatable);
  lua_setmetatable(L, -2);
}

/* A run may last for days, with thousands of others. */
static void drop_message(struct run_call *run)
{
  if (run->message->as.run.decide)
    return;
  message_destroy(run->message);
  run->message = NULL;
}

/* A run that ends in the round in which it begins needs no STARTED. */
static void announce_later(struct run_call *run)
{
  struct run_list *list = &run_worker(run)->unannounced;
  if (list->count == list->capacity) {
    list->capacity = list->capacity ? list->capacity * 2 : 64;
    list->runs = memory_resize(list->runs, list->capacity * sizeof *list->runs);
  }
  list->runs[list->count++] = run;
  run->unannounced = list->count;
}

static void begin_run(struct vm_call *call)
{
  struct run_call *run = (struct run_call *)call;
  run->started_us = clock_wall_us();
  announce_later(run);
}

/* run -> nothing */
static int l_run(lua_State *L)
{
  struct run_call *run = (struct run_call *)vm_call_argument(L);
  const struct message *message = run->message;
  run_push_object(L, run);
  run->object = lua_topointer(L, 2); /* stays here, so that no other object takes its place */
  lua_rawgeti(L, LUA_REGISTRYINDEX, run->call.vm->run_handler);
  lua_pushvalue(L, 2);
  lua_pushstring(L, message->as.run.func); /* NULL pushes nil */
  lua_pushstring(L, message->as.run.command);
  lua_pushstring(L, message->as.run.args);
  drop_message(run);
  return call_function(L, 4, 1, after_run);
}

/* ---- messages ---- */

/* Texts end at a NUL everywhere behind this: one that a script wrote is shown as U+FFFD. */
static char *copy_line(const char *whole, size_t whole_size)
{
  struct buffer line = {0}, abridged = {0};
  text_append_abridged(&abridged, whole, whole_size, LOG_LINE_MAX);
  const char *text = abridged.data;
  size_t size = abridged.size;
  for (const char *nul; (nul = memchr(text, 0, size)); text = nul + 1) {
    buffer_append(&line, text, (size_t)(nul - text));
    buffer_append_text(&line, "\xef\xbf\xbd");
    size -= (size_t)(nul - text) + 1;
  }
  buffer_append(&line, text, size);
  buffer_deinit(&abridged);
  return buffer_take(&line);
}

void run_log_line(struct run_call *run, int level, const char *text, size_t size)
{
  struct message *line = worker_message(run_worker(run), MESSAGE_LOG);
  line->as.log.attempt = run->call.attempt;
  line->as.log.script = memory_strdup(run->call.vm->script);
  line->as.log.level = level;
  line->as.log.at_us = clock_wall_us();
  line->as.log.text = copy_line(text, size);
  worker_post(run_worker(run), line);
}

static bool log_is_full(const struct run_call *run)
{
  return run->log_lines >= LOG_LINES_MAX || run->log_bytes > LOG_BYTES_MAX;
}

static void run_log(struct vm_call *call, int level, const char *text, size_t size)
{
  static const char last[] = "more than 10000 lines or 16 MiB: what follows is not kept";
  struct run_call *run = (struct run_call *)call;
  call_alive(call);
  if (log_is_full(run))
    return;
  run->log_lines++;
  run->log_bytes += size < LOG_LINE_MAX ? (int)size : LOG_LINE_MAX;
  if (log_is_full(run))
    run_log_line(run, LOG_WARN, last, sizeof last - 1);
  else
    run_log_line(run, level, text, size);
}

void worker_announce_runs(struct worker *worker)
{
  struct message_list all = {0};
  struct run_list *list = &worker->unannounced;
  for (unsigned i = 0; i < list->count; i++) {
    struct run_call *run = list->runs[i];
    if (!run)
      continue;
    run->unannounced = 0;
    struct message *started = worker_message(worker, MESSAGE_STARTED);
    started->as.started.attempt = run->call.attempt;
    started->as.started.at_us = run->started_us;
    message_list_append(&all, started);
  }
  list->count = 0;
  host_post_before(worker->host, &all); /* what they have said or asked comes behind */
}

static void post_finished(struct worker *worker, const struct attempt *attempt, int64_t started_us,
                          struct message *finished)
{
  finished->as.finished.attempt = *attempt;
  if (!finished->as.finished.finished_us)
    finished->as.finished.finished_us = clock_wall_us();
  finished->as.finished.started_us = started_us ? started_us : finished->as.finished.finished_us;
  worker_post(worker, finished);
}

static void free_run(struct run_call *run)
{
  message_destroy(run->message);
  if (run->wish)
    free(run->wish->reason);
  free(run->wish);
  pool_give(&run_worker(run)->run_pool, run);
}

void run_post_finished(struct run_call *run, struct message *finished)
{
  post_finished(run_worker(run), &run->call.attempt, run->started_us, finished);
  free_run(run);
}

/* One that fails after it was told to end has ended for that reason, whatever it raised; not by a
 * stop of which it has not heard. */
static enum run_state state_of_failed(const struct run_call *run)
{
  const struct vm_call *call = &run->call;
  switch (call->told) {
  case TOLD_NOTHING:
    return RUN_FAILED;
  case TOLD_SOFT_TIMEOUT:
    return RUN_TIMED_OUT;
  case TOLD_STOPPING:
    return call->is_heard || call->is_patient ? run->killed_as : RUN_FAILED;
  default:
    return run->killed_as;
  }
}

static enum run_state state_of(const struct run_call *run, enum vm_outcome outcome)
{
  switch (outcome) {
  case VM_SUCCEEDED:
    return RUN_SUCCEEDED;
  case VM_TIMED_OUT:
    return RUN_TIMED_OUT;
  case VM_FAILED:
    return state_of_failed(run);
  default:
    return run->killed_as;
  }
}

/* Whether it has ended by what it does itself; who is told of a stop or a soft time-out decides
 * what to do about it. */
static bool has_ended_itself(const struct run_call *run, enum vm_outcome outcome)
{
  enum run_told told = run->call.told;
  bool is_cancelled = told == TOLD_CANCELLED || told == TOLD_OVERLAP;
  return outcome == VM_SUCCEEDED || (outcome == VM_FAILED && !is_cancelled);
}

/* What the script asked for stands, though a pcall of its own may have kept the error by which that
 * ends the attempt; not when somebody else has ended it. */
static void apply_answer(struct run_call *run, struct message *finished, bool is_ours)
{
  const struct run_wish *wish = run->wish;
  if (!wish || !is_ours)
    return;
  bool is_snooze = wish->answer.verdict == VERDICT_SNOOZE;
  finished->as.finished.answer = wish->answer;
  finished->as.finished.state = is_snooze ? RUN_PENDING : RUN_FAILED;
  free(run->result);
  run->result = NULL;
  if (!is_snooze && finished->as.finished.error)
    return; /* which tells where */
  free(finished->as.finished.error);
  finished->as.finished.error = memory_strdup(wish->reason);
}

static bool is_failure(enum run_state state)
{
  return state == RUN_FAILED || state == RUN_TIMED_OUT;
}

static void report(struct run_call *run, struct message *finished)
{
  if (is_failure(finished->as.finished.state) && run->message && run->message->as.run.decide &&
      finished->as.finished.answer.verdict == VERDICT_NONE)
    run_decide(run, finished);
  else
    run_post_finished(run, finished);
}

static void run_ended(struct vm_call *call, enum vm_outcome outcome, const char *error)
{
  struct run_call *run = (struct run_call *)call;
  struct worker *worker = run_worker(run);
  if (!run->started_us && worker->host->is_dismissed) { /* another worker has it */
    free_run(run);
    return;
  }
  if (run->unannounced)
    worker->unannounced.runs[run->unannounced - 1] = NULL;
  run_end_progress(run);
  struct message *finished = worker_message(worker, MESSAGE_FINISHED);
  finished->as.finished.finished_us = clock_wall_us(); /* what retry.decide takes is not its own */
  finished->as.finished.state = state_of(run, outcome);
  finished->as.finished.error = memory_strdup(error);
  apply_answer(run, finished, has_ended_itself(run, outcome));
  if (call->usage.slices > 1 || is_failure(finished->as.finished.state))
    finished->as.finished.usage = call->usage;
  if (finished->as.finished.state == RUN_SUCCEEDED)
    finished->as.finished.result = run->result;
  else
    free(run->result);
  run->result = NULL;
  report(run, finished);
}

/* Of the other reasons the scheduler knows: it has sent them. */
static void run_was_told(struct vm_call *call)
{
  struct worker *worker = run_worker((struct run_call *)call);
  struct message *message = worker_message(worker, MESSAGE_TOLD);
  message->as.told.attempt = call->attempt;
  message->as.told.reason = call->told;
  worker_post(worker, message);
}

const struct vm_call_kind run_call_kind = {.name = "run",
                                           .entry = l_run,
                                           .ended = run_ended,
                                           .log = run_log,
                                           .begins = begin_run,
                                           .told = run_was_told,
                                           .awaits_followers = true};

/* ---- from the scheduler ---- */

static struct vm *find_vm(struct worker *worker, uint64_t generation, struct error *error)
{
  if (generation == 0) {
    if (!worker->command_vm)
      worker->command_vm = worker_create_vm(worker, "command", 0, 0, error);
    return worker->command_vm;
  }
  struct actor *actor = worker_find_actor(worker, generation);
  if (!actor)
    error_set(error, ERROR_NOT_FOUND, "the version of the script that this run belongs to is gone");
  return actor ? actor->vm : NULL;
}

static struct run_call *make_run(struct worker *worker, struct message *message)
{
  struct run_call *run = pool_take(&worker->run_pool);
  *run = (struct run_call){
      .message = message, .is_once = message->as.run.is_once, .killed_as = RUN_INTERRUPTED};
  return run;
}

void worker_report(struct worker *worker, struct message *message, struct message *finished)
{
  struct error error;
  struct vm *vm = find_vm(worker, message->as.run.generation, &error);
  if (!vm) { /* who could be asked is gone */
    post_finished(worker, &message->as.run.attempt, finished->as.finished.started_us, finished);
    message_destroy(message);
    return;
  }
  struct run_call *run = make_run(worker, message);
  run->call.vm = vm;
  run->call.attempt = message->as.run.attempt;
  run->started_us = finished->as.finished.started_us;
  report(run, finished);
}

void worker_run(struct worker *worker, struct message *message)
{
  struct error error;
  struct vm *vm = find_vm(worker, message->as.run.generation, &error);
  if (!vm) {
    struct message *finished = worker_message(worker, MESSAGE_FINISHED);
    finished->as.finished.state = RUN_FAILED;
    finished->as.finished.error = memory_strdup(error.text);
    post_finished(worker, &message->as.run.attempt, 0, finished);
    message_destroy(message);
    return;
  }
  struct run_call *run = make_run(worker, message);
  vm_call_start(vm, &run->call, &run_call_kind, message->as.run.timeout_us);
  run->call.attempt = message->as.run.attempt;
  vm_call_limit(&run->call, message->as.run.soft_timeout_us, message->as.run.silence_us);
}

/* The run, or the question whether it is tried again. */
static struct vm_call *find_call(struct vm *vm, const struct attempt *attempt)
{
  struct vm_call *call;
  TAILQ_FOREACH(call, &vm->calls, in_vm) {
    const struct attempt *its = &call->attempt;
    if ((call->kind == &run_call_kind || call->kind == &run_decide_kind) &&
        its->fence == attempt->fence && its->key.job == attempt->key.job &&
        its->key.scheduled_us == attempt->key.scheduled_us)
      return call;
  }
  return NULL;
}

static void cancel_run(struct run_call *run, const struct message *message)
{
  run->killed_as = message->as.cancel.state;
  if (message->as.cancel.grace_us > 0)
    vm_call_tell(&run->call, message->as.cancel.reason, message->as.cancel.grace_us);
  else
    vm_call_kill(&run->call);
}

/* A run that has ended meanwhile has said so already. */
void worker_cancel(struct worker *worker, struct message *message)
{
  const struct attempt *attempt = &message->as.cancel.attempt;
  struct vm_call *call = worker->command_vm ? find_call(worker->command_vm, attempt) : NULL;
  for (struct actor *actor = worker->actors; actor && !call; actor = actor->hh.next)
    call = find_call(actor->vm, attempt);
  for (struct closing *closing = worker->closing; closing && !call; closing = closing->next)
    call = find_call(closing->vm, attempt);
  if (call && call->kind == &run_call_kind)
    cancel_run((struct run_call *)call, message);
  else if (call)
    run_decide_cancel(call, message->as.cancel.state);
  message_destroy(message);
}
