/* The turn: gather, decide, commit, deliver. See sched.h for what it promises. */
#include "sched/turn.h"

#include "base/log.h"
#include "base/sometimes.h"
#include "sched/arrive.h"
#include "sched/ask.h"
#include "sched/checkpoint.h"
#include "sched/desk.h"
#include "sched/event.h"
#include "sched/finish.h"
#include "sched/fire.h"
#include "sched/fold.h"
#include "sched/health.h"
#include "sched/lock.h"
#include "sched/near.h"
#include "sched/queue.h"
#include "sched/request.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/stop.h"
#include "sched/stuck.h"
#include "sched/topic.h"
#include "sched/transaction.h"
#include "sched/zones.h"

enum {
  FULL_RETRY_US = 1000000,
  STOP_LOOK_US = 50000,
};

bool sched_failed(struct sched *s, enum error_code code, const struct error *error)
{
  if (code && !s->failure) {
    s->failure = code;
    s->error = *error;
  }
  return code != ERROR_OK;
}

void sched_refuse(struct sched *s, enum error_code code, const struct error *error)
{
  s->is_refused = !s->failure;
  sched_failed(s, code, error);
}

/* What is left of these lengths of time stays the same when the clock is set. No transaction keeps
 * them, so they are moved when that is heard, whatever becomes of the turn, and before anything is
 * taken, as what begins in the same turn goes by the new clock. */
static void see_clock(struct sched *s, struct message_list *in)
{
  int64_t shown_us = s->now_us; /* behind the steps that are still to be seen */
  for (const struct message *message = in->first; message; message = message->next)
    if (message->kind == MESSAGE_CLOCK)
      shown_us -= message->as.clock.step_us;
  for (struct message *message = in->first; message; message = message->next) {
    if (message->kind != MESSAGE_CLOCK)
      continue;
    message->as.clock.from_us = shown_us;
    shown_us += message->as.clock.step_us;
    stop_clock_set(s, message->as.clock.step_us);
    lock_clock_set(s, message->as.clock.step_us);
    stuck_clock_set(s, message->as.clock.step_us);
  }
}

/* Takes one message; what is kept for later is set to NULL. */
static void take(struct sched *s, struct message **message)
{
  struct message *m = *message;
  switch (m->kind) {
  case MESSAGE_REQUEST:
    *message = NULL;
    desk_answer(s, m);
    break;
  case MESSAGE_REPLY: /* to a request that was refused, in its place among the others */
    *message = NULL;
    message_list_append(s->out, m);
    break;
  case MESSAGE_SOURCE:
    if (!s->stopping) /* the next start reads the folder */
      script_source(s, m);
    break;
  case MESSAGE_SCANNED:
    script_scanned(s, m);
    break;
  case MESSAGE_LOADED:
    script_loaded(s, m);
    break;
  case MESSAGE_STARTED:
    run_started(s, m);
    break;
  case MESSAGE_FINISHED:
    finish_reported(s, m);
    break;
  case MESSAGE_PROGRESS:
    progress_told(s, m);
    break;
  case MESSAGE_TOLD:
    run_was_told(s, m);
    break;
  case MESSAGE_LOG:
    run_log(s, m);
    break;
  case MESSAGE_CLOCK:
    event_clock(s, m);
    if (m->as.clock.step_us < 0) {
      gates_clock_set_back(s);
      run_clock_set_back(s, m->as.clock.from_us, m->as.clock.step_us);
      queues_recover(s);
    }
    break;
  case MESSAGE_HEARD:
    listeners_heard(s, m);
    break;
  case MESSAGE_SENSED:
    topic_sensed(s, m);
    break;
  case MESSAGE_ANSWER:
    ask_answered(s, m);
    break;
  case MESSAGE_STUCK:
    stuck_told(s, m);
    break;
  case MESSAGE_STOPPED:
    stuck_stopped(s, m);
    break;
  case MESSAGE_ZONES:
    zones_changed(s, m);
    break;
  case MESSAGE_STOP:
    stop_begin(s, m->as.stop.grace_us);
    break;
  case MESSAGE_EVENT:
    event_to_others(s, m);
    break;
  default:
    break;
  }
}

/* How many were decided, or lined up to be. */
static int fire_near(struct sched *s, int budget)
{
  struct heap_node *node;
  int fired = 0;
  while (!s->failure && fired < budget && (node = heap_first(&s->near)) && node->us <= s->now_us) {
    struct entry *entry = near_entry(node);
    fired += gate_line_up_entry(s, entry, node->us) ? 1 : fire_entry(s, entry, budget - fired);
  }
  return fired;
}

/* Rounds, as of those that are lined up each is tried once, and may have more that is due. */
static void fire_due(struct sched *s)
{
  int budget = s->bounds.fires_per_turn, fired;
  if (s->stopping)
    return;
  if (s->options.hold) {
    gates_fire_lineup(s);
    return;
  }
  gates_look_again(s);
  near_fill(s);
  gates_end_reading(s);
  budget -= gates_fire_timed(s, budget / 2);
  do {
    fired = queues_fire(s, budget / 2);
    fired += fire_near(s, budget - fired);
    gates_fire_lineup(s);
    budget -= fired;
  } while (!s->failure && fired > 0 && budget > 0);
  int least = s->bounds.fires_per_turn / 4; /* are tried in a turn, whatever else is due */
  gates_open(s, budget > least ? budget : least);
}

/* ---- writing ---- */

/* What has come, in its order; then clients' requests, as far as the turn's share goes. */
static struct message *next_message(struct sched *s, struct message_list *in)
{
  struct message *message;
  while ((message = message_list_pop(in)))
    if (!desk_take_in(s, message))
      return message;
  return desk_next(s);
}

/* A message that is consumed when it is taken, for the case that the turn is taken back; NULL: it
 * is not. A request has had its turn then. */
static struct message *copy_of(const struct message *message)
{
  if (message->kind == MESSAGE_REPLY)
    return message_copy_reply(message);
  if (message->kind != MESSAGE_REQUEST)
    return NULL;
  struct message *copy = message_copy_request(message);
  copy->as.request.client = 0;
  return copy;
}

/* The request will be taken no more, only its answer. */
static struct message *refuse(struct sched *s, struct message *request)
{
  struct message *reply = message_reply_error(request, &s->error);
  message_destroy(request);
  return reply;
}

static void write_turn(struct sched *s, struct message_list *in, struct message_list *taken)
{
  struct message *message;
  transaction_begin(s);
  if (!s->failure && s->full_us)
    event_recovered(s);
  while (!s->failure && (message = next_message(s, in))) {
    struct message *copy = copy_of(message);
    take(s, &message);
    if (copy)
      message_list_append(taken, s->is_refused ? refuse(s, copy) : copy);
    if (message)
      message_list_append(taken, message);
  }
  if (!s->failure)
    run_send_waiting(s);
  if (!s->failure)
    health_watch(s);
  if (!s->failure)
    arrive_all(s);
  if (!s->failure)
    fire_due(s);
  if (!s->failure && (s->stopping || s->unfolded_count > s->bounds.fold_max))
    fold_step(s, s->stopping ? SIZE_MAX : s->bounds.fold_step, INT64_MAX);
  if (!s->failure)
    listeners_pump(s);
  transaction_commit(s);
}

static void deliver(struct sched *s, const struct message_list *taken)
{
  transaction_follow(s, taken);
  lock_expire(s);
  script_try_provided(s);
  script_answer_reloads(s);
  if (!s->held.first) /* else the next turn comes at once, which may tell somebody of it */
    stop_go_on(s);
}

/* ---- a full disk ---- */

static bool is_passing(enum error_code code)
{
  return code == ERROR_FULL || code == ERROR_BUSY;
}

/* While nothing can be stored each request has a transaction of its own: those that only read are
 * answered, the others are refused. */
static void answer_alone(struct sched *s, struct message *request)
{
  struct message *copy = message_copy_request(request);
  struct message_list out = {0}, *turn_out = s->out;
  s->out = &out;
  transaction_begin(s);
  if (s->failure)
    message_destroy(request);
  else
    desk_answer(s, request);
  transaction_commit(s);
  if (s->failure) {
    transaction_take_back(s);
    if (s->is_refused)
      s->failure = ERROR_OK;
    else
      error_prefix(&s->error, "nothing was changed");
    s->is_refused = false;
    message_list_append(&out, message_reply_error(copy, &s->error));
  } else {
    transaction_follow(s, &(struct message_list){0});
  }
  message_destroy(copy);
  s->out = turn_out;
  message_list_join(s->out, &out);
}

static bool needs_store(const struct message *message)
{
  switch (message->kind) {
  case MESSAGE_STOP:
  case MESSAGE_REPLY:
    return false;
  case MESSAGE_LOG:
    return message->as.log.attempt.key.job != 0;
  default:
    return true;
  }
}

/* What workers and the front report is kept until it can be stored. When a request has found no
 * room the others of the turn are not tried: each would have all read again from the store. */
static enum error_code hold(struct sched *s, struct message_list *messages)
{
  struct message *message;
  enum error_code failure = ERROR_OK;
  bool has_found_none = false;
  while ((message = next_message(s, messages))) {
    if (message->kind == MESSAGE_REQUEST && has_found_none &&
        !request_is_question(message->as.request.op)) {
      message_list_append(s->out, refuse(s, message));
    } else if (message->kind == MESSAGE_REQUEST) {
      answer_alone(s, message);
      has_found_none |= is_passing(s->failure);
      if (s->failure && !is_passing(s->failure))
        failure = s->failure;
    } else if (!needs_store(message)) {
      take(s, &message);
      message_destroy(message);
    } else {
      sometimes("a message is kept until it can be stored");
      message_list_append(&s->held, message);
    }
  }
  lock_expire(s); /* needs no store */
  stop_go_on(s);
  return failure;
}

/* That the clock was set comes first, however long it was kept: what is promised in this turn goes
 * by the new clock already. */
static struct message_list gather(struct sched *s, struct message_list *in)
{
  struct message_list all = {0}, others = {0};
  struct message *message;
  message_list_join(&s->held, in);
  while ((message = message_list_pop(&s->held)))
    message_list_append(message->kind == MESSAGE_CLOCK ? &all : &others, message);
  message_list_join(&all, &others);
  return all;
}

/* The turn is done once more, with the answer to the request that was refused instead of it. What
 * has not been taken is `left` to a later one: were it taken now and refused too, all before it
 * would be done for a third time. */
static void write_without_refused(struct sched *s, struct message_list *taken,
                                  struct message_list *left)
{
  struct message_list again = {0};
  sometimes("a turn is done once more without a request that was refused");
  transaction_take_back(s);
  s->is_refused = false;
  desk_end(s);
  message_list_join(&again, taken);
  write_turn(s, &again, taken);
  message_list_join(&again, left);
  message_list_join(left, &again);
}

enum error_code sched_turn(struct sched *s, int64_t now_us, struct message_list *in,
                           struct message_list *out, struct error *error)
{
  struct message_list taken = {0};
  enum error_code code = ERROR_OK;
  s->now_us = s->turn_us = now_us;
  s->out = out;
  see_clock(s, in);
  desk_begin(s);
  if (s->retry_us > now_us + FULL_RETRY_US) /* the clock was set back */
    s->retry_us = now_us;
  if (now_us < s->retry_us) {
    code = hold(s, in);
  } else {
    struct message_list left = gather(s, in);
    write_turn(s, &left, &taken);
    while (s->is_refused)
      write_without_refused(s, &taken, &left);
    code = s->failure;
    message_list_join(code ? &taken : &s->held, &left);
  }
  if (is_passing(code)) {
    log_error("nothing can be stored: %s (trying again each second)", s->error.text);
    transaction_take_back(s);
    s->retry_us = now_us + FULL_RETRY_US;
    event_full(s, s->error.text);
    code = hold(s, &taken);
  } else if (!code && now_us >= s->retry_us) {
    s->retry_us = s->full_us = 0;
    deliver(s, &taken);
    if (s->failure)
      log_error("what follows a commit has failed: %s", s->error.text);
  }
  if (code) {
    store_rollback(s->store);
    if (error)
      *error = s->error;
  }
  message_list_deinit(&taken);
  s->out = NULL;
  message_list_join(&s->owed, out);
  message_list_join(out, &s->owed);
  return code;
}

/* ---- when the next one is wanted ---- */

static int64_t earlier(int64_t us, int64_t other_us)
{
  return us < other_us ? us : other_us;
}

static int64_t first_us(const struct heap *heap)
{
  const struct heap_node *first = heap_first(heap);
  return first ? first->us : INT64_MAX;
}

static int64_t wake_when_full_us(const struct sched *s)
{
  int64_t wake_us = earlier(s->retry_us, lock_wake_us(s));
  return s->stopping ? earlier(wake_us, s->turn_us + STOP_LOOK_US) : wake_us;
}

/* When so many jobs are in `near` no more that it is filled again. */
static int64_t wake_to_fill_us(const struct sched *s, int64_t now_us)
{
  if (s->near.count >= s->bounds.near_low)
    return INT64_MAX;
  return s->edge_us > INT64_MIN ? s->edge_us - s->options.horizon_us / 2 : now_us;
}

int64_t sched_wake_us(const struct sched *s, int64_t now_us)
{
  if ((desk_is_waited_at(s) || s->owed.first) && !s->stopped)
    return now_us;
  if (s->retry_us && !s->stopped)
    return wake_when_full_us(s);
  if ((s->held.first || s->arrivals) && !s->stopped)
    return now_us;
  if (s->options.hold)
    return INT64_MAX;
  if (s->stopping)
    return s->stopped ? INT64_MAX : s->turn_us + STOP_LOOK_US;
  int64_t wake_us = wake_to_fill_us(s, now_us);
  wake_us = earlier(wake_us, first_us(&s->near));
  wake_us = earlier(wake_us, first_us(&s->waiting));
  wake_us = earlier(wake_us, first_us(&s->event_due));
  wake_us = earlier(wake_us, lock_wake_us(s));
  int64_t gates_us = gates_wake_us(s);
  wake_us = earlier(wake_us, gates_us < now_us ? now_us : gates_us);
  wake_us = earlier(wake_us, listeners_wake_us(s, now_us));
  return earlier(wake_us, health_wake_us(s, now_us));
}
