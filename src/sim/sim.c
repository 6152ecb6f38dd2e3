/* The loop: what is due is put into the inbox, and the scheduler takes turns until the inbox is
 * empty and it wants no other turn now. Housekeeping comes when the daemon would do it, a moment
 * after the last turn.
 *
 * There are two clocks. The queue follows the steady one, which only goes on; the scheduler is
 * shown the wall clock, which is that and an offset. */
#include "sim/sim_internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

enum {
  HOUSEKEEPING_US = 20000, /* after the last turn */
  TURNS_MAX = 1000000,     /* at one instant */
};

struct happening_message {
  struct happening happening;
  struct message *message;
};

struct happening_call {
  struct happening happening;
  void (*call)(void *context, struct sim *sim);
  void *context;
};

/* The instants at the ends of time stay there. */
static int64_t add_us(int64_t us, int64_t more_us)
{
  int64_t sum;
  if (__builtin_add_overflow(us, more_us, &sum))
    return more_us > 0 ? INT64_MAX : INT64_MIN;
  return sum;
}

static int64_t steady_of(const struct sim *sim, int64_t wall_us)
{
  return wall_us == INT64_MAX ? INT64_MAX : add_us(wall_us, -sim->offset_us);
}

bool sim_is_up(const struct sim *sim)
{
  return sim->sched && !sim->has_failed;
}

bool sim_stopped(const struct sim *sim)
{
  return sim->sched && sched_stopped(sim->sched);
}

int64_t sim_now_us(const struct sim *sim)
{
  return sim->steady_us + sim->offset_us;
}

/* ---- the queue ---- */

void sim_put(struct sim *sim, struct happening *happening, int64_t us)
{
  happening->node.us = us;
  happening->node.number = ++sim->last_number;
  heap_put(&sim->happenings, &happening->node);
}

static struct happening *first_happening(const struct sim *sim)
{
  return (struct happening *)heap_first(&sim->happenings);
}

static void post(struct sim *sim, struct happening *happening)
{
  struct happening_message *posted = (struct happening_message *)happening;
  sim_tell(sim, posted->message);
  free(posted);
}

static void drop_post(struct happening *happening)
{
  struct happening_message *posted = (struct happening_message *)happening;
  message_destroy(posted->message);
  free(posted);
}

void sim_tell(struct sim *sim, struct message *message)
{
  if (sim_is_up(sim))
    message_list_append(&sim->inbox, message);
  else
    message_destroy(message);
}

void sim_tell_later(struct sim *sim, int64_t delay_us, struct message *message)
{
  struct happening_message *posted = memory_alloc(sizeof *posted);
  posted->happening = (struct happening){.is_daemon = true, .happen = post, .drop = drop_post};
  posted->message = message;
  sim_put(sim, &posted->happening, add_us(sim->steady_us, delay_us));
}

static void make_call(struct sim *sim, struct happening *happening)
{
  struct happening_call *call = (struct happening_call *)happening;
  call->call(call->context, sim);
  free(call);
}

static void drop_call(struct happening *happening)
{
  free((struct happening_call *)happening);
}

void sim_call_later(struct sim *sim, int64_t delay_us, void (*call)(void *context, struct sim *sim),
                    void *context)
{
  struct happening_call *made = memory_alloc(sizeof *made);
  made->happening = (struct happening){.happen = make_call, .drop = drop_call};
  made->call = call;
  made->context = context;
  sim_put(sim, &made->happening, add_us(sim->steady_us, delay_us));
}

/* ---- turns ---- */

static void take_reply(struct sim *sim, struct message *message)
{
  sim->reply = message;
  sim->awaited_tag = 0;
}

static void deliver(struct sim *sim, struct message_list *out)
{
  const struct sim_callbacks *callbacks = &sim->options.callbacks;
  struct message *message;
  while ((message = message_list_pop(out))) {
    if (message->kind == MESSAGE_REPLY && sim->awaited_tag && message->tag == sim->awaited_tag)
      take_reply(sim, message);
    else if (!callbacks->take || !callbacks->take(callbacks->context, sim, message))
      model_take(sim, message);
  }
}

static enum error_code turn(struct sim *sim, struct error *error)
{
  struct message_list out = {0};
  enum error_code code = sched_turn(sim->sched, sim_now_us(sim), &sim->inbox, &out, error);
  if (code) {
    sim->has_failed = true;
    message_list_deinit(&out);
    return code;
  }
  deliver(sim, &out);
  if (!sim->options.keeps_no_house && sim->idle_us > sim->steady_us + HOUSEKEEPING_US)
    sim->idle_us = sim->steady_us + HOUSEKEEPING_US;
  return ERROR_OK;
}

static bool wants_turn(const struct sim *sim)
{
  return sim_is_up(sim) &&
         (sim->inbox.first || sched_wake_us(sim->sched, sim_now_us(sim)) <= sim_now_us(sim));
}

/* Until nothing is left to do at this instant; or it is over, as a turn may take its time, in which
 * something else may have to happen first. */
static enum error_code settle(struct sim *sim, struct error *error)
{
  const struct sim_callbacks *callbacks = &sim->options.callbacks;
  const int64_t instant_us = sim->steady_us;
  enum error_code code = ERROR_OK;
  int turns = 0;
  do {
    while (!code && wants_turn(sim)) {
      if (sim->steady_us != instant_us)
        return ERROR_OK;
      if (++turns > TURNS_MAX)
        return error_set(error, ERROR_INTERNAL, "the scheduler took %d turns at one instant",
                         TURNS_MAX);
      code = turn(sim, error);
    }
    if (!code && callbacks->rest && sim_is_up(sim))
      callbacks->rest(callbacks->context, sim);
  } while (!code && wants_turn(sim));
  return code;
}

static void keep_house(struct sim *sim)
{
  if (!sim_is_up(sim) || sim->idle_us > sim->steady_us)
    return;
  int64_t wait_us = sched_idle(sim->sched, sim_now_us(sim));
  sim->idle_us = wait_us < 0 ? INT64_MAX : sim->steady_us + (wait_us / 1000 + 1) * 1000;
}

/* ---- time ---- */

static int64_t next_steady_us(const struct sim *sim)
{
  const struct happening *first = first_happening(sim);
  int64_t next_us = first ? first->node.us : INT64_MAX;
  if (sim_is_up(sim)) {
    int64_t wake_us = sim->inbox.first ? sim->steady_us
                                       : steady_of(sim, sched_wake_us(sim->sched, sim_now_us(sim)));
    if (wake_us < next_us)
      next_us = wake_us;
    if (sim->idle_us < next_us)
      next_us = sim->idle_us;
  }
  return next_us > sim->steady_us ? next_us : sim->steady_us;
}

int64_t sim_next_us(const struct sim *sim)
{
  int64_t next_us = next_steady_us(sim);
  return next_us == INT64_MAX ? INT64_MAX : add_us(next_us, sim->offset_us);
}

enum error_code sim_step(struct sim *sim, struct error *error)
{
  int64_t next_us = next_steady_us(sim);
  if (next_us == INT64_MAX)
    return ERROR_OK;
  int64_t last_number = sim->last_number; /* what is put in now may wait for a turn */
  struct happening *first;
  sim->steady_us = next_us;
  keep_house(sim);
  while ((first = first_happening(sim)) && first->node.us <= sim->steady_us &&
         first->node.number <= last_number) {
    heap_remove(&first->node);
    first->happen(sim, first);
  }
  return settle(sim, error);
}

enum error_code sim_advance(struct sim *sim, int64_t until_us, struct error *error)
{
  int64_t until_steady_us = steady_of(sim, until_us);
  enum error_code code = ERROR_OK;
  while (!code && next_steady_us(sim) <= until_steady_us)
    code = sim_step(sim, error);
  if (!code && sim->steady_us < until_steady_us)
    sim->steady_us = until_steady_us;
  return code;
}

void sim_leap(struct sim *sim, int64_t us)
{
  sim->steady_us = add_us(sim->steady_us, us);
}

void sim_set_clock(struct sim *sim, int64_t step_us)
{
  sim->offset_us += step_us;
  if (step_us < CLOCK_STEP_LEAST_US && step_us > -CLOCK_STEP_LEAST_US)
    return;
  struct message *m = message_create(MESSAGE_CLOCK, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
  m->as.clock.step_us = step_us;
  sim_tell(sim, m);
}

/* ---- requests ---- */

uint64_t sim_request(struct sim *sim, const char *operation, const char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = ++sim->last_tag;
  m->as.request.client = 1; /* whom the desk serves */
  m->as.request.op = memory_strdup(operation);
  m->as.request.params = memory_strdup(params);
  sim_tell(sim, m);
  return sim->last_tag;
}

char *sim_ask(struct sim *sim, const char *operation, const char *params, struct error *error)
{
  char *text = NULL;
  sim->awaited_tag = sim_request(sim, operation, params);
  enum error_code code = sim_advance(sim, sim_now_us(sim), error);
  struct message *reply = sim->reply;
  sim->awaited_tag = 0;
  sim->reply = NULL;
  if (!reply) {
    if (!code)
      error_set(error, ERROR_TIMEOUT, "%s: is not answered at this instant", operation);
    return NULL;
  }
  if (reply->as.reply.code) {
    error_set(error, reply->as.reply.code, "%s", reply->as.reply.text);
  } else {
    text = reply->as.reply.text;
    reply->as.reply.text = NULL;
  }
  message_destroy(reply);
  return text;
}

/* ---- beginning and end ---- */

enum error_code sim_restart(struct sim *sim, struct store *store, struct error *error)
{
  sim->options.sched.store = store;
  sim->idle_us = INT64_MAX;
  return sched_create(&sim->options.sched, sim_now_us(sim), &sim->sched, error);
}

enum error_code sim_create(const struct sim_options *options, struct sim **created,
                           struct error *error)
{
  struct sim *sim = memory_alloc(sizeof *sim);
  sim->options = *options;
  sim->offset_us = options->begins_us;
  enum error_code code = sim_restart(sim, options->sched.store, error);
  if (code) {
    sim_destroy(sim);
    return code;
  }
  *created = sim;
  return ERROR_OK;
}

static void drop_happenings(struct sim *sim, bool all)
{
  struct heap heap = sim->happenings;
  sim->happenings = (struct heap){0};
  for (size_t i = 0; i < heap.count; i++) {
    struct happening *happening = (struct happening *)heap.places[i].node;
    happening->node.heap = NULL;
    if (all || happening->is_daemon)
      happening->drop(happening);
    else
      heap_put(&sim->happenings, &happening->node);
  }
  heap_deinit(&heap);
}

void sim_crash(struct sim *sim)
{
  if (sim->sched)
    sched_destroy(sim->sched);
  sim->sched = NULL;
  sim->has_failed = false;
  message_list_deinit(&sim->inbox);
  model_forget(sim);
  drop_happenings(sim, false);
  if (sim->reply)
    message_destroy(sim->reply);
  sim->reply = NULL;
}

void sim_destroy(struct sim *sim)
{
  sim_crash(sim);
  drop_happenings(sim, true);
  heap_deinit(&sim->happenings);
  free(sim);
}
