#include "app/stage.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "exec/worker.h"
#include "script/scan.h"
#include "vm/api_sqlite_files.h"

enum {
  PATIENCE_MS = 60000, /* longer than a worker lets any call go on */
  LAST_WORD_MS = 3000,
};

/* There is nobody who could add a job: as many are paged in as memory is meant for. */
#define HORIZON_US (INT64_C(400) * 86400 * 1000000)

struct stage {
  struct stage_options options;
  struct store *store;
  struct sim *sim;
  struct bus *bus;
  uv_thread_t worker;
  bool has_worker;
  _Atomic int64_t shown_us; /* the time that the worker's thread sees */
  uv_loop_t loop;
  uv_timer_t patience;
  int asked;           /* LOAD and ASK that the worker has not answered */
  bool is_told;        /* something of the worker's has come */
  bool has_stopped;    /* the worker */
  bool is_unanswering; /* for longer than it may be */
};

static int64_t shown_wall_us(void *context)
{
  return atomic_load_explicit(&((struct stage *)context)->shown_us, memory_order_relaxed);
}

static void show_time(struct stage *stage)
{
  atomic_store_explicit(&stage->shown_us, sim_now_us(stage->sim), memory_order_relaxed);
}

/* ---- the worker ---- */

static void receive(void *context, struct message_list *messages)
{
  struct stage *stage = context;
  struct message *message;
  while ((message = message_list_pop(messages))) {
    if (message->kind == MESSAGE_STOPPED || !stage->sim) {
      stage->has_stopped |= message->kind == MESSAGE_STOPPED;
      message_destroy(message);
      continue;
    }
    stage->asked -= message->kind == MESSAGE_LOADED || message->kind == MESSAGE_ANSWER;
    stage->is_told = true;
    sim_tell(stage->sim, message);
  }
}

static void on_patience(uv_timer_t *timer)
{
  struct stage *stage = timer->data;
  stage->is_unanswering = true;
}

/* Real time passes here, and only here. */
static void rest(void *context, struct sim *sim)
{
  struct stage *stage = context;
  const struct sim_callbacks *callbacks = &stage->options.callbacks;
  stage->is_told = false;
  if (stage->asked > 0) {
    uv_timer_start(&stage->patience, on_patience, PATIENCE_MS, 0);
    while (!stage->is_told && !stage->is_unanswering)
      uv_run(&stage->loop, UV_RUN_ONCE);
    uv_timer_stop(&stage->patience);
  }
  if (!stage->is_told && callbacks->rest)
    callbacks->rest(callbacks->context, sim);
}

/* A listener would act upon the world for what has not happened. */
static void hear(struct sim *sim, struct message *event)
{
  struct message *m = message_create(MESSAGE_HEARD, event->to, ADDRESS_SCHEDULER);
  m->as.heard.generation = event->as.event.generation;
  m->as.heard.listener = event->as.event.listener;
  m->as.heard.round = event->as.event.round;
  m->as.heard.heard = 1;
  m->as.heard.heard_number = event->as.event.number;
  message_destroy(event);
  sim_tell(sim, m);
}

static bool take(void *context, struct sim *sim, struct message *message)
{
  struct stage *stage = context;
  const struct sim_callbacks *callbacks = &stage->options.callbacks;
  if (callbacks->take && callbacks->take(callbacks->context, sim, message))
    return true;
  if (message->to != ADDRESS_WORKER)
    return false;
  switch (message->kind) {
  case MESSAGE_LOAD:
  case MESSAGE_ASK:
    show_time(stage);
    stage->asked++;
    bus_post(stage->bus, message);
    return true;
  case MESSAGE_RETIRE:
  case MESSAGE_REPLY:
    bus_post(stage->bus, message);
    return true;
  case MESSAGE_EVENT:
    hear(sim, message);
    return true;
  default:
    return false;
  }
}

static void model(void *context, struct sim *sim, const struct message *run, struct sim_fate *fate)
{
  const struct sim_callbacks *callbacks = &((struct stage *)context)->options.callbacks;
  if (callbacks->model)
    callbacks->model(callbacks->context, sim, run, fate);
}

/* ---- the folder ---- */

static void ignore(void *context, const char *folder, const char *only)
{
  (void)context, (void)folder, (void)only;
}

static enum error_code read_folder(struct stage *stage, const struct moment *moment,
                                   struct error *error)
{
  struct message_list sources = {0};
  struct message *message;
  bool is_settled;
  struct scan *scan = scan_create(stage->options.jobs_folder);
  enum error_code code = scan_run(scan, moment, ignore, NULL, &sources, &is_settled, error);
  scan_destroy(scan);
  while (!code && (message = message_list_pop(&sources)))
    sim_tell(stage->sim, message);
  message_list_deinit(&sources);
  if (!code)
    sim_tell(stage->sim, message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER));
  return code;
}

/* ---- lifetime ---- */

static enum error_code create_sim(struct stage *stage, struct error *error)
{
  const struct sim_options options = {
      .sched = {.store = stage->store,
                .workers = 1,
                .default_zone = "local",
                .horizon_us = HORIZON_US,
                .retention = {.age_us = INT64_MAX, .runs_per_job = INT32_MAX}},
      .callbacks = {.take = take, .model = model, .rest = rest, .context = stage},
      .begins_us = stage->options.begins_us,
      .keeps_no_house = true};
  enum error_code code = sim_create(&options, &stage->sim, error);
  if (!code)
    show_time(stage);
  return code;
}

static void ignore_opened(struct worker *worker, void *context)
{
  (void)worker, (void)context;
}

/* Only the wall clock is the simulation's: how long a script may take is told by the real one. */
static void run_worker(void *context)
{
  struct stage *stage = context;
  struct clock_source clock = {.wall_us = shown_wall_us, .context = stage};
  clock_use(&clock);
  thread_set_name("worker");
  worker_run_here(&(struct worker_options){.bus = stage->bus,
                                           .address = ADDRESS_WORKER,
                                           .jobs_folder = stage->options.jobs_folder},
                  ignore_opened, NULL);
}

static void open_worker(struct stage *stage)
{
  stage->bus = bus_create();
  uv_loop_init(&stage->loop);
  uv_timer_init(&stage->loop, &stage->patience);
  stage->patience.data = stage;
  bus_open(stage->bus, ADDRESS_SCHEDULER, &stage->loop, receive, stage);
  if (uv_thread_create(&stage->worker, run_worker, stage) != 0)
    abort();
  stage->has_worker = true;
}

/* False: it sits in a C function, and ends with the process. */
static bool close_worker(struct stage *stage)
{
  stage->is_unanswering = false;
  bus_post(stage->bus, message_create(MESSAGE_STOP, ADDRESS_SCHEDULER, ADDRESS_WORKER));
  uv_timer_start(&stage->patience, on_patience, LAST_WORD_MS, 0);
  while (!stage->has_stopped && !stage->is_unanswering)
    uv_run(&stage->loop, UV_RUN_ONCE);
  bus_close(stage->bus, ADDRESS_SCHEDULER);
  uv_close((uv_handle_t *)&stage->patience, NULL);
  uv_run(&stage->loop, UV_RUN_DEFAULT);
  uv_loop_close(&stage->loop);
  if (!stage->has_stopped)
    return false;
  uv_thread_join(&stage->worker);
  bus_destroy(stage->bus);
  return true;
}

void stage_close(struct stage *stage)
{
  if (!stage)
    return;
  struct sim *sim = stage->sim;
  stage->sim = NULL;
  bool is_free = !stage->has_worker || close_worker(stage);
  if (sim)
    sim_destroy(sim);
  store_close(stage->store);
  if (is_free)
    free(stage);
}

enum error_code stage_open(const struct stage_options *options, struct stage **opened,
                           struct error *error)
{
  /* Of the machine: how long ago files were written. */
  struct moment moment = {
      .monotonic_us = clock_monotonic_us(), .wall_us = clock_wall_us(), .is_first = true};
  struct stage *stage = *opened = memory_alloc(sizeof *stage);
  stage->options = *options;
  if (options->store_path)
    sqlite_files_set_store(options->store_path);
  enum error_code code = store_open(NULL, &stage->store, error);
  if (!code)
    code = create_sim(stage, error);
  if (!code) {
    open_worker(stage);
    code = read_folder(stage, &moment, error);
  }
  if (!code)
    code = sim_advance(stage->sim, options->begins_us, error);
  if (!code && stage->is_unanswering)
    code = error_set(error, ERROR_TIMEOUT, "the job files are not loaded after %d s",
                     PATIENCE_MS / 1000);
  if (code) {
    stage_close(stage);
    *opened = NULL;
  }
  return code;
}

struct sim *stage_sim(struct stage *stage)
{
  return stage->sim;
}

struct store *stage_store(struct stage *stage)
{
  return stage->store;
}

enum error_code stage_step(struct stage *stage, struct error *error)
{
  enum error_code code = sim_step(stage->sim, error);
  if (!code && stage->is_unanswering)
    return error_set(error, ERROR_TIMEOUT, "a trigger in Lua has not answered for %d s",
                     PATIENCE_MS / 1000);
  return code;
}
