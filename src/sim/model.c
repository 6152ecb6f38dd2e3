/* Workers that are models. A run is its fate: it says that it has begun when it lasts longer than a
 * worker's slice, as real ones do, and its end is put into the queue. A cancel moves that end
 * forward, a time-out lies before it, and so may a soft one, of which the worker tells. */
#include "sim/sim_internal.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

enum { SLICE_US = 5000 };

static const struct sim_fate timed_out = {
    .state = RUN_TIMED_OUT, .error = "timed out", .answer = {.delay_us = -1}};

struct model_run {
  struct happening next; /* its end, or before that the end of its soft time-out */
  struct message *message;
  int64_t started_us;      /* by the wall clock */
  int64_t ends_us;         /* steady; INT64_MAX: never */
  int64_t soft_timeout_us; /* likewise; INT64_MAX: it has none, or was told */
  enum run_told told;
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

/* What becomes of it. The texts are copied. */
static void settle(struct model_run *run, const struct sim_fate *fate)
{
  free(run->result);
  free(run->error);
  run->state = fate->state;
  run->answer = fate->answer;
  run->result = memory_strdup(fate->result);
  run->error = memory_strdup(fate->error);
}

static void tell_softly(struct sim *sim, struct happening *happening);

static void put_next(struct sim *sim, struct model_run *run)
{
  bool is_soft = run->soft_timeout_us < run->ends_us;
  run->next.happen = is_soft ? tell_softly : end;
  sim_put(sim, &run->next, is_soft ? run->soft_timeout_us : run->ends_us);
}

static int64_t steady_in(const struct sim *sim, int64_t us)
{
  return us < INT64_MAX - sim->steady_us ? sim->steady_us + us : INT64_MAX;
}

/* It ends as `fate` says, unless it does so sooner. */
static void end_sooner(struct sim *sim, struct model_run *run, int64_t after_us,
                       const struct sim_fate *fate)
{
  int64_t ends_us = steady_in(sim, after_us);
  if (run->ends_us <= ends_us)
    return;
  run->ends_us = ends_us;
  settle(run, fate);
}

/* It is told, and does as `state` says after so long, or as the caller says. */
static void tell(struct sim *sim, struct model_run *run, enum run_told reason, enum run_state state,
                 int64_t after_us)
{
  const struct sim_callbacks *callbacks = &sim->options.callbacks;
  struct sim_fate fate = {.lasts_us = after_us, .state = state, .answer = {.delay_us = -1}};
  run->told = reason;
  if (callbacks->told)
    callbacks->told(callbacks->context, sim, run->message, reason, &fate);
  end_sooner(sim, run, fate.lasts_us, &fate);
}

static void tell_softly(struct sim *sim, struct happening *happening)
{
  struct model_run *run = (struct model_run *)happening;
  run->soft_timeout_us = INT64_MAX;
  if (run->told == TOLD_NOTHING) {
    struct message *m = message_create(MESSAGE_TOLD, run->message->to, ADDRESS_SCHEDULER);
    m->as.told.attempt = run->message->as.run.attempt;
    m->as.told.reason = TOLD_SOFT_TIMEOUT;
    sim_tell(sim, m);
    tell(sim, run, TOLD_SOFT_TIMEOUT, RUN_TIMED_OUT, INT64_MAX);
  }
  put_next(sim, run);
}

/* Takes the message. */
static void begin(struct sim *sim, struct message *message)
{
  const struct sim_callbacks *callbacks = &sim->options.callbacks;
  struct sim_fate fate = {
      .heeds_us = INT64_MAX, .state = RUN_SUCCEEDED, .answer = {.delay_us = -1}};
  if (callbacks->model)
    callbacks->model(callbacks->context, sim, message, &fate);
  int64_t timeout_us = message->as.run.timeout_us, soft_us = message->as.run.soft_timeout_us;
  struct model_run *run = memory_alloc(sizeof *run);
  run->next = (struct happening){.is_daemon = true, .drop = drop};
  run->message = message;
  run->started_us = sim_now_us(sim);
  run->ends_us = steady_in(sim, fate.lasts_us);
  run->soft_timeout_us = soft_us > 0 && !fate.is_silent ? steady_in(sim, soft_us) : INT64_MAX;
  run->heeds_us = fate.heeds_us;
  settle(run, &fate);
  if (timeout_us > 0)
    end_sooner(sim, run, timeout_us, &timed_out);
  HASH_ADD_KEYPTR(hh, sim->runs, &message->as.run.attempt.fence,
                  sizeof message->as.run.attempt.fence, run);
  if (run->ends_us > sim->steady_us + SLICE_US && !fate.is_silent) {
    struct message *m = message_create(MESSAGE_STARTED, message->to, ADDRESS_SCHEDULER);
    m->as.started.attempt = message->as.run.attempt;
    m->as.started.at_us = run->started_us;
    sim_tell(sim, m);
  }
  put_next(sim, run);
}

static void cancel(struct sim *sim, const struct message *message)
{
  struct model_run *run;
  int64_t fence = message->as.cancel.attempt.fence, grace_us = message->as.cancel.grace_us;
  enum run_told reason = message->as.cancel.reason;
  const struct sim_fate killed = {.state = message->as.cancel.state, .answer = {.delay_us = -1}};
  HASH_FIND(hh, sim->runs, &fence, sizeof fence, run);
  if (!run)
    return; /* it has said already that it is over */
  bool is_weaker = run->told != TOLD_NOTHING && run->told < reason;
  if (is_weaker)
    return; /* the stronger reason has a grace of its own */
  if (grace_us > 0)
    tell(sim, run, reason, killed.state, run->heeds_us);
  end_sooner(sim, run, grace_us, &killed);
  put_next(sim, run);
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
