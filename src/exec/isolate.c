/* Isolated runs and their processes; see isolate.h.
 *
 * A process is SPARE (started, without a script), LOADING (a run waits for it), RUNNING, IDLE (has
 * succeeded, waits for a run of the same job) or LEAVING (its input is closed, what it began ends).
 * Its timer means something else in each: how long a load may take, when a run that should have
 * ended is killed, how long somebody who is not needed is kept.
 *
 * The process itself keeps to time-outs and cancellations, by the same code as any worker, so that
 * an error names the line. Only when it fails to (a loop in C, say) is it killed from here,
 * REACTION_US later. Runs that wait for a process are in isolate_queue.c. */
#include "exec/isolate.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "exec/isolate_internal.h"
#include "exec/isolate_wire.h"
#include "exec/run_call.h"
#include "time/duration.h"
#include "vm/secret.h"

enum {
  IDLE_MAX = 8,
};

#define REACTION_US INT64_C(1000000)
#define GRACE_US    INT64_C(1000000)
#define LOAD_US     INT64_C(35000000) /* the process itself gives up at 30 s */
#define IDLE_US     INT64_C(60000000)
#define SPARE_US    INT64_C(600000000)
#define LEAVE_US    INT64_C(60000000)

/* ---- ends of runs ---- */

void isolate_post_end(struct isolate *isolate, const struct message *run, int64_t started_us,
                      enum run_state state, char *error)
{
  struct message *finished = worker_message(isolate->worker, MESSAGE_FINISHED);
  finished->as.finished.attempt = run->as.run.attempt;
  finished->as.finished.state = state;
  finished->as.finished.finished_us = clock_wall_us();
  finished->as.finished.started_us = started_us ? started_us : finished->as.finished.finished_us;
  finished->as.finished.error = error;
  worker_post(isolate->worker, finished);
}

void isolate_end_run(struct process *process, enum run_state state, char *error)
{
  isolate_post_end(process->isolate, process->run,
                   process->phase == RUNNING ? process->started_us : 0, state, error);
  message_destroy(process->run);
  process->run = NULL;
}

static int64_t memory_limit(const struct job_limits *limits)
{
  return limits->memory_bytes ? limits->memory_bytes : ISOLATE_MEMORY;
}

/* Why a process has ended that should not have. */
static char *describe_end(const struct process *process)
{
  if (cell_status(process->cell) == ISOLATED_OUT_OF_MEMORY)
    return memory_printf("used more than its limit of %lld MiB",
                         (long long)memory_limit(&process->limits) >> 20);
  if (cell_signal(process->cell) == SIGXCPU) {
    char text[DURATION_TEXT_SIZE];
    duration_format(text, process->limits.cpu_us);
    return memory_printf("used more than its limit of %s of CPU time", text);
  }
  char *how = cell_describe_end(process->cell);
  char *text = memory_printf("the isolated process %s", how);
  free(how);
  return text;
}

static void end_run_of_dead(struct process *process)
{
  if (process->is_cancelled)
    isolate_end_run(process, process->cancelled_as, NULL);
  else if (process->late)
    isolate_end_run(process, process->phase == RUNNING ? RUN_TIMED_OUT : RUN_FAILED,
                    memory_strdup(process->late));
  else
    isolate_end_run(process, RUN_FAILED, describe_end(process));
}

/* ---- processes ---- */

static void on_late(void *context);
static void on_ended(void *context);

static struct process *start_process(struct isolate *isolate, struct error *error)
{
  struct process *process = memory_alloc(sizeof *process);
  struct worker *worker = isolate->worker;
  process->isolate = isolate;
  process->phase = SPARE;
  if (cell_start(&(struct cell_options){.loop = &worker->loop,
                                        .bus = worker->options.bus,
                                        .program = worker->options.isolate.program,
                                        .message = isolate_hear,
                                        .late = on_late,
                                        .ended = on_ended,
                                        .context = process},
                 &process->cell, error)) {
    free(process);
    return NULL;
  }
  cell_set_timer(process->cell, SPARE_US);
  TAILQ_INSERT_TAIL(&isolate->processes, process, link);
  return process;
}

/* Locks of a run go with its attempt; those of a load would stay. */
static void unlock(struct process *process)
{
  struct message *request = worker_message(process->isolate->worker, MESSAGE_REQUEST);
  request->as.request.op = memory_strdup("unlock_all");
  request->as.request.script = memory_strdup(process->source->load->as.load.script);
  request->as.request.call = process->call;
  worker_post(process->isolate->worker, request);
}

static void destroy_process(struct process *process)
{
  if (process->has_locked)
    unlock(process);
  isolate_forget_questions(process);
  TAILQ_REMOVE(&process->isolate->processes, process, link);
  isolate_let_go_of_share(process->isolate, process->share);
  cell_release(process->cell);
  source_release(process->source);
  free(process->job_id);
  free(process->env);
  free(process->late);
  free(process);
}

void isolate_dismiss(struct process *process)
{
  process->phase = LEAVING;
  cell_dismiss(process->cell);
  cell_set_timer(process->cell, LEAVE_US);
}

static int count_phase(const struct isolate *isolate, enum phase phase)
{
  int count = 0;
  const struct process *process;
  TAILQ_FOREACH(process, &isolate->processes, link)
    count += process->phase == phase;
  return count;
}

static struct process *find_phase(const struct isolate *isolate, enum phase phase)
{
  struct process *process;
  TAILQ_FOREACH(process, &isolate->processes, link)
    if (process->phase == phase)
      return process;
  return NULL;
}

void isolate_prepare(struct isolate *isolate)
{
  struct error error;
  if (!isolate->worker->options.isolate.program || find_phase(isolate, SPARE))
    return;
  if (!start_process(isolate, &error))
    log_warn("a process for isolated runs: %s", error.text);
}

/* The first in line of those that are idle leaves when there are too many. */
void isolate_rest(struct process *process)
{
  struct isolate *isolate = process->isolate;
  process->phase = IDLE;
  cell_set_timer(process->cell, IDLE_US);
  TAILQ_REMOVE(&isolate->processes, process, link);
  TAILQ_INSERT_TAIL(&isolate->processes, process, link);
  if (count_phase(isolate, IDLE) > IDLE_MAX)
    isolate_dismiss(find_phase(isolate, IDLE));
}

/* ---- beginning ---- */

static bool is_same_text(const char *a, const char *b)
{
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool fits(const struct process *process, const struct waiting *waiting)
{
  const struct message *run = waiting->run;
  const struct job_limits *limits = &run->as.run.limits;
  return process->phase == IDLE && process->source == waiting->source &&
         is_same_text(process->job_id, run->as.run.job_id) &&
         is_same_text(process->env, run->as.run.env) &&
         process->limits.memory_bytes == limits->memory_bytes &&
         process->limits.cpu_us == limits->cpu_us && process->limits.files == limits->files;
}

static struct process *find_fitting(const struct isolate *isolate, const struct waiting *waiting)
{
  struct process *process;
  TAILQ_FOREACH(process, &isolate->processes, link)
    if (fits(process, waiting))
      return process;
  return NULL;
}

static char *make_settings(const struct process *process)
{
  const struct worker *worker = process->isolate->worker;
  const struct job_limits *limits = &process->limits;
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_begin_object(&writer);
  json_put_text(&writer, "jobs_folder", worker->jobs_folder);
  json_put_text(&writer, "timezone", worker->options.isolate.timezone);
  json_put_text(&writer, "store", worker->options.isolate.store);
  json_put_text(&writer, "secrets", secret_folder());
  json_put_integer(&writer, "memory", memory_limit(limits));
  json_put_integer(&writer, "files", limits->files ? limits->files : ISOLATE_FILES);
  json_put_integer(&writer, "cpu_us", limits->cpu_us);
  json_put_raw(&writer, "env", process->env);
  json_end_object(&writer);
  return buffer_take(&out);
}

/* A process of any kind becomes one for this job, and takes over what waits. */
static void assign(struct process *process, struct waiting *waiting)
{
  const struct message *run = waiting->run;
  process->phase = LOADING;
  process->call = ++process->isolate->worker->host->last_number;
  process->run = waiting->run;
  process->source = waiting->source;
  process->share = waiting->share;
  process->share->holders++;
  process->job_id = memory_strdup(run->as.run.job_id);
  process->env = memory_strdup(run->as.run.env);
  process->limits = run->as.run.limits;
  cell_set_name(process->cell, process->job_id);
  char *settings = make_settings(process);
  cell_send_settings(process->cell, settings);
  free(settings);
  cell_send(process->cell, process->source->load);
  cell_set_timer(process->cell, LOAD_US);
}

/* A run that may not be silent for long: of that the process takes care, as long as it lives. */
void isolate_note_life(struct process *process)
{
  int64_t silence_us = process->run->as.run.silence_us;
  int64_t now_us = clock_monotonic_us();
  if (silence_us <= 0 || process->is_cancelled || process->late)
    return;
  int64_t late_us = now_us + silence_us + REACTION_US;
  if (process->deadline_us && process->deadline_us < late_us)
    late_us = process->deadline_us;
  cell_set_timer(process->cell, late_us > now_us ? late_us - now_us : 1);
}

void isolate_begin_run(struct process *process)
{
  int64_t timeout_us = process->run->as.run.timeout_us;
  int64_t reaction_us = REACTION_US + (process->run->as.run.decide ? RUN_DECIDE_US : 0);
  int64_t patience_us = timeout_us ? timeout_us + reaction_us : 0;
  process->phase = RUNNING;
  process->started_us = clock_wall_us();
  process->is_announced = false;
  process->deadline_us = timeout_us ? clock_monotonic_us() + patience_us : 0;
  cell_begin_run(process->cell);
  cell_send(process->cell, process->run);
  cell_set_timer(process->cell, patience_us);
  isolate_note_life(process);
}

bool isolate_start(struct isolate *isolate, struct waiting *waiting)
{
  struct error error;
  struct process *process = find_fitting(isolate, waiting);
  if (process) {
    process->run = waiting->run;
    source_release(waiting->source);
    isolate_begin_run(process);
    return true;
  }
  if (!isolate_has_room(isolate, waiting->share))
    return false;
  process = find_phase(isolate, SPARE);
  if (!process)
    process = start_process(isolate, &error);
  if (process) {
    assign(process, waiting);
  } else {
    isolate_post_end(isolate, waiting->run, 0, RUN_FAILED, memory_strdup(error.text));
    message_destroy(waiting->run);
    source_release(waiting->source);
  }
  return true;
}

static char *why_late(const struct process *process)
{
  char length[DURATION_TEXT_SIZE];
  if (process->phase == LOADING)
    return memory_strdup("the script did not load in time in the isolated process");
  if (!process->deadline_us || clock_monotonic_us() < process->deadline_us)
    return memory_strdup("its process showed no life for longer than its heartbeat_timeout, and "
                         "was killed");
  duration_format(length, process->run->as.run.timeout_us);
  return memory_printf("took longer than its time-out of %s, and was killed with its process",
                       length);
}

static void on_late(void *context)
{
  struct process *process = context;
  switch (process->phase) {
  case SPARE:
  case IDLE:
    isolate_dismiss(process);
    break;
  case LOADING:
  case RUNNING:
    free(process->late);
    process->late = why_late(process);
    cell_kill(process->cell, GRACE_US);
    break;
  case LEAVING:
    cell_kill(process->cell, 0);
    break;
  }
}

static void on_ended(void *context)
{
  struct process *process = context;
  struct isolate *isolate = process->isolate;
  if (process->run) {
    end_run_of_dead(process);
  } else if (process->phase == SPARE || process->phase == IDLE) {
    char *how = cell_describe_end(process->cell);
    log_warn("%s: a process for isolated runs %s",
             process->job_id ? process->job_id : "without a job yet", how);
    free(how);
  }
  destroy_process(process);
  isolate_start_waiting(isolate);
}

/* ---- what the scheduler says ---- */

bool isolate_is_of(const struct message *run, const struct attempt *attempt)
{
  const struct attempt *its = &run->as.run.attempt;
  return its->fence == attempt->fence && its->key.job == attempt->key.job &&
         its->key.scheduled_us == attempt->key.scheduled_us;
}

static void cancel(struct process *process, const struct message *message)
{
  process->is_cancelled = true;
  process->cancelled_as = message->as.cancel.state;
  if (process->phase == RUNNING) {
    cell_send(process->cell, message);
    cell_set_timer(process->cell, message->as.cancel.grace_us + REACTION_US);
  } else {
    cell_kill(process->cell, 0);
  }
}

bool isolate_cancel(struct isolate *isolate, struct message *message)
{
  struct process *process;
  TAILQ_FOREACH(process, &isolate->processes, link)
    if (process->run && isolate_is_of(process->run, &message->as.cancel.attempt)) {
      cancel(process, message);
      message_destroy(message);
      return true;
    }
  if (!isolate_cancel_waiting(isolate, message))
    return false;
  message_destroy(message);
  return true;
}

void isolate_retire(struct isolate *isolate, uint64_t generation)
{
  struct process *process;
  TAILQ_FOREACH(process, &isolate->processes, link)
    if (process->source && process->source->load->as.load.generation == generation) {
      process->is_stale = true;
      if (process->phase == IDLE)
        isolate_dismiss(process);
    }
}

/* ---- when its worker was stuck ---- */

void isolate_announce(struct isolate *isolate)
{
  struct process *process;
  TAILQ_FOREACH(process, &isolate->processes, link)
    if (process->phase == RUNNING && process->run && !process->is_announced) {
      struct message *started = worker_message(isolate->worker, MESSAGE_STARTED);
      started->as.started.attempt = process->run->as.run.attempt;
      started->as.started.at_us = clock_wall_us();
      worker_post(isolate->worker, started);
      process->is_announced = true;
    }
}

void isolate_forget_others(struct isolate *isolate)
{
  struct waiting *waiting;
  struct process *process;
  while ((waiting = isolate_first_waiting(isolate)))
    isolate_drop_waiting(isolate, waiting);
  TAILQ_FOREACH(process, &isolate->processes, link)
    if (process->phase == LOADING) {
      message_destroy(process->run);
      process->run = NULL;
      isolate_dismiss(process);
    }
}

bool isolate_is_busy(const struct isolate *isolate)
{
  const struct process *process;
  TAILQ_FOREACH(process, &isolate->processes, link)
    if (process->run)
      return true;
  return false;
}

/* ---- opening and closing ---- */

struct isolate *isolate_open(struct worker *worker)
{
  struct isolate *isolate = memory_alloc(sizeof *isolate);
  isolate->worker = worker;
  TAILQ_INIT(&isolate->processes);
  TAILQ_INIT(&isolate->shares);
  return isolate;
}

void isolate_close(struct isolate *isolate)
{
  struct process *process;
  struct waiting *waiting;
  while ((waiting = isolate_first_waiting(isolate))) {
    isolate_post_end(isolate, waiting->run, 0, RUN_INTERRUPTED, NULL);
    isolate_drop_waiting(isolate, waiting);
  }
  while ((process = TAILQ_FIRST(&isolate->processes))) {
    if (process->run)
      isolate_end_run(process, RUN_INTERRUPTED, NULL);
    destroy_process(process);
  }
  free(isolate);
}
