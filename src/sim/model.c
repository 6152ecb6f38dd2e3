/* Workers that are models. A run is its fate: it says that it has begun when it lasts longer than a
 * worker's slice, as real ones do, and its end is put into the queue. A cancel moves that end
 * forward, and a time-out lies before it. */
#include "sim/sim_internal.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

enum { SLICE_US = 5000 };

struct model_run {
  struct happening end;
  struct message *message;
  int64_t started_us; /* by the wall clock */
  enum run_state state;
  struct run_answer answer;
  char *result, *error;
  int64_t heeds_us;
  UT_hash_handle hh; /* by the attempt's fence */
};

static void free_run(struct model_run *run)
{
  if (run->message)
    message_destroy(run->message);
  free(run->result);
  free(run->error);
  free(run);
}

static void drop(struct happening *happening)
{
  free_run((struct model_run *)happening);
}

static void end(struct sim *sim, struct happening *happening)
{
  struct model_run *run = (struct model_run *)happening;
  const struct sim_callbacks *callbacks = &sim->options.callbacks;
  struct message *m = message_create(MESSAGE_FINISHED, run->message->to, ADDRESS_SCHEDULER);
  m->as.finished.attempt = run->message->as.run.attempt;
  m->as.finished.state = run->state;
  m->as.finished.started_us = run->started_us;
  m->as.finished.finished_us = sim_now_us(sim);
  m->as.finished.answer = run->answer;
  m->as.finished.result = run->result;
  m->as.finished.error = run->error;
  run->result = run->error = NULL;
  HASH_DEL(sim->runs, run);
  if (callbacks->ended && callbacks->ended(callbacks->context, sim, run->message, m))
    run->message = NULL;
  else
    sim_tell(sim, m);
  free_run(run);
}

/* What becomes of it is settled by who has ended it, not by its fate. */
static void end_as(struct model_run *run, enum run_state state, const char *error)
{
  run->state = state;
  run->answer = (struct run_answer){.delay_us = -1};
  free(run->result);
  free(run->error);
  run->result = NULL;
  run->error = memory_strdup(error);
}

/* Takes the message. */
static void begin(struct sim *sim, struct message *message)
{
  const struct sim_callbacks *callbacks = &sim->options.callbacks;
  struct sim_fate fate = {
      .heeds_us = INT64_MAX, .state = RUN_SUCCEEDED, .answer = {.delay_us = -1}};
  if (callbacks->model)
    callbacks->model(callbacks->context, sim, message, &fate);
  struct model_run *run = memory_alloc(sizeof *run);
  run->end = (struct happening){.is_daemon = true, .happen = end, .drop = drop};
  run->message = message;
  run->started_us = sim_now_us(sim);
  run->state = fate.state;
  run->answer = fate.answer;
  run->result = memory_strdup(fate.result);
  run->error = memory_strdup(fate.error);
  run->heeds_us = fate.heeds_us;
  int64_t lasts_us = fate.lasts_us, timeout_us = message->as.run.timeout_us;
  if (timeout_us > 0 && lasts_us > timeout_us) {
    lasts_us = timeout_us;
    end_as(run, RUN_TIMED_OUT, "timed out");
  }
  HASH_ADD_KEYPTR(hh, sim->runs, &message->as.run.attempt.fence,
                  sizeof message->as.run.attempt.fence, run);
  if (lasts_us > SLICE_US && !fate.is_silent) {
    struct message *m = message_create(MESSAGE_STARTED, message->to, ADDRESS_SCHEDULER);
    m->as.started.attempt = message->as.run.attempt;
    m->as.started.at_us = run->started_us;
    sim_tell(sim, m);
  }
  sim_put(sim, &run->end,
          lasts_us < INT64_MAX - sim->steady_us ? sim->steady_us + lasts_us : INT64_MAX);
}

static void cancel(struct sim *sim, const struct message *message)
{
  struct model_run *run;
  int64_t fence = message->as.cancel.attempt.fence, grace_us = message->as.cancel.grace_us;
  HASH_FIND(hh, sim->runs, &fence, sizeof fence, run);
  if (!run)
    return; /* it has said already that it is over */
  int64_t after_us = run->heeds_us < grace_us ? run->heeds_us : grace_us;
  if (run->end.node.us - sim->steady_us <= after_us)
    return;
  end_as(run, message->as.cancel.state, NULL);
  sim_put(sim, &run->end, sim->steady_us + after_us);
}

void model_take(struct sim *sim, struct message *message)
{
  if (message->kind == MESSAGE_RUN) {
    begin(sim, message);
    return;
  }
  if (message->kind == MESSAGE_CANCEL)
    cancel(sim, message);
  message_destroy(message);
}

void model_forget(struct sim *sim)
{
  HASH_CLEAR(hh, sim->runs);
}
