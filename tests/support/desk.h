/* A worker on its thread, with the test in the place of the scheduler and the front. */
#ifndef SUPPORT_DESK_H
#define SUPPORT_DESK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "exec/worker.h"

struct desk {
  uv_loop_t loop;
  struct bus *bus;
  struct worker *worker;
  struct message_list got;
  int64_t next_fence;
};

static inline void receive(void *context, struct message_list *messages)
{
  message_list_join(&((struct desk *)context)->got, messages);
}

static inline int set_up(void **state)
{
  struct desk *desk = memory_alloc(sizeof *desk);
  uv_loop_init(&desk->loop);
  desk->bus = bus_create();
  bus_open(desk->bus, ADDRESS_SCHEDULER, &desk->loop, receive, desk);
  bus_open(desk->bus, ADDRESS_FRONT, &desk->loop, receive, desk);
  desk->worker = worker_start(
      &(struct worker_options){.bus = desk->bus, .address = ADDRESS_WORKER, .memory_cap = 32 << 20},
      NULL);
  *state = desk;
  return 0;
}

/* The next message. Fails when none comes for ten seconds. */
static inline struct message *await_any(struct desk *desk)
{
  int64_t began_us = clock_monotonic_us();
  struct message *message;
  while (!(message = message_list_pop(&desk->got))) {
    uv_run(&desk->loop, UV_RUN_NOWAIT);
    if (clock_monotonic_us() - began_us > unit_patience_us(10 * 1000000))
      fail_msg("no message");
  }
  return message;
}

/* The next message of the kind; others before it are dropped. */
static inline struct message *await(struct desk *desk, enum message_kind kind)
{
  for (;;) {
    struct message *message = await_any(desk);
    if (message->kind == kind)
      return message;
    message_destroy(message);
  }
}

static inline struct message *to_worker(enum message_kind kind, int from)
{
  return message_create(kind, from, ADDRESS_WORKER);
}

static inline int tear_down(void **state)
{
  struct desk *desk = *state;
  bus_post(desk->bus, to_worker(MESSAGE_STOP, ADDRESS_SCHEDULER));
  message_destroy(await(desk, MESSAGE_STOPPED));
  worker_join(desk->worker);
  bus_close(desk->bus, ADDRESS_SCHEDULER);
  bus_close(desk->bus, ADDRESS_FRONT);
  uv_run(&desk->loop, UV_RUN_DEFAULT);
  uv_loop_close(&desk->loop);
  message_list_deinit(&desk->got);
  bus_destroy(desk->bus);
  free(desk);
  return 0;
}

static inline void post_load(struct desk *desk, uint64_t generation, const char *source)
{
  struct message *load = to_worker(MESSAGE_LOAD, ADDRESS_SCHEDULER);
  load->as.load.generation = generation;
  load->as.load.script = memory_strdup("s");
  load->as.load.path = memory_strdup("jobs/s.lua");
  load->as.load.text = memory_strdup(source);
  load->as.load.size = strlen(source);
  bus_post(desk->bus, load);
}

static inline void load(struct desk *desk, uint64_t generation, const char *source)
{
  post_load(desk, generation, source);
  struct message *loaded = await(desk, MESSAGE_LOADED);
  if (loaded->as.loaded.code != ERROR_OK)
    fail_msg("%s", loaded->as.loaded.text);
  assert_int_equal(loaded->as.loaded.generation, generation);
  message_destroy(loaded);
}

static inline struct attempt post_run(struct desk *desk, uint64_t generation, const char *func,
                                      const char *args, int64_t timeout_us)
{
  struct message *run = to_worker(MESSAGE_RUN, ADDRESS_SCHEDULER);
  run->as.run.attempt = (struct attempt){
      {.scheduled_us = 1000000, .job = 7}, .fence = ++desk->next_fence, .number = 1};
  struct attempt attempt = run->as.run.attempt;
  run->as.run.generation = generation;
  run->as.run.job_id = memory_strdup("j");
  run->as.run.func = memory_strdup(func);
  run->as.run.args = memory_strdup(args);
  run->as.run.timeout_us = timeout_us;
  bus_post(desk->bus, run);
  return attempt;
}

static inline void check_finished(struct desk *desk, struct attempt attempt, enum run_state state,
                                  const char *result, const char *error)
{
  struct message *finished = await(desk, MESSAGE_FINISHED);
  assert_int_equal(finished->as.finished.attempt.fence, attempt.fence);
  if (finished->as.finished.state != state)
    fail_msg("state %s: %s", run_state_name(finished->as.finished.state),
             finished->as.finished.error ? finished->as.finished.error : "");
  assert_true(finished->as.finished.started_us > 0);
  assert_true(finished->as.finished.finished_us >= finished->as.finished.started_us);
  if (result)
    assert_string_equal(finished->as.finished.result, result);
  else
    assert_null(finished->as.finished.result);
  if (error)
    assert_non_null(strstr(finished->as.finished.error, error));
  else
    assert_null(finished->as.finished.error);
  message_destroy(finished);
}

/* Has the run told, or killed when there is no grace. */
static inline void post_cancel(struct desk *desk, struct attempt attempt, enum run_told reason,
                               int64_t grace_us)
{
  struct message *cancel = to_worker(MESSAGE_CANCEL, ADDRESS_SCHEDULER);
  cancel->as.cancel.attempt = attempt;
  cancel->as.cancel.state = RUN_CANCELLED;
  cancel->as.cancel.reason = reason;
  cancel->as.cancel.grace_us = grace_us;
  bus_post(desk->bus, cancel);
}

#endif
