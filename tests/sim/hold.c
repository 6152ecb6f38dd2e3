#include "sim/hold.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"

#define FIRST_TAG   (UINT64_C(1) << 40) /* of no client */
#define PATIENCE_US (4 * SECOND)
#define DRIFT_US    (3 * SECOND) /* of small steps of the clock, of which nobody is told */

enum { LOCKS = 3, ASK_PERCENT = 15, ASK_PERCENT_LONG = 80 };

struct ask {
  uint64_t tag;
  struct attempt attempt;
  int worker, lock;
  enum ask_state { WAITS, HOLDS, RETURNS /* it is on its way back */, OVER } state;
  enum { NOTHING, LEAVES, RENEWS, UNLOCKS } said; /* of it, and has not been answered, ... */
  uint64_t said_tag;                              /* ... with this tag */
  bool is_blurred;                                /* when its lease began is not known exactly */
  int64_t asked_us, wait_us;                      /* steady; INT64_MAX: for ever */
  int64_t granted_us, ttl_us;                     /* steady; 0: without end */
  int64_t returns_us; /* steady: it gives it back then; INT64_MAX: it does not */
  int64_t free_us;    /* steady: since when nobody is known to hold it; 0: somebody does */
  int64_t over_us;    /* steady */
  int64_t fence;
  struct ask *prev, *next;
};

struct holds {
  struct draw draw;
  struct ask *asks; /* in the order in which they were asked */
  uint64_t last_tag;
  int64_t last_fence;
};

struct holds *holds_create(uint64_t seed)
{
  struct holds *holds = memory_alloc(sizeof *holds);
  holds->draw = draw_from(seed ^ 0x10c);
  holds->last_tag = FIRST_TAG;
  return holds;
}

static void drop(struct holds *holds, struct ask *ask)
{
  DL_DELETE(holds->asks, ask);
  free(ask);
}

static void drop_all(struct holds *holds)
{
  while (holds->asks)
    drop(holds, holds->asks);
}

void holds_destroy(struct holds *holds)
{
  drop_all(holds);
  free(holds);
}

void holds_forget(struct life *life)
{
  drop_all(life->holds);
}

/* ---- what runs say ---- */

static void tell(struct life *life, const struct ask *ask, uint64_t tag, const char *operation,
                 const char *params)
{
  struct message *m = message_create(MESSAGE_REQUEST, ask->worker, ADDRESS_SCHEDULER);
  m->tag = tag;
  m->as.request.op = memory_strdup(operation);
  m->as.request.params = memory_strdup(params);
  m->as.request.script = memory_strdup("a");
  m->as.request.attempt = ask->attempt;
  m->as.request.call = tag;
  life_say(life, "  %s %s, fence %lld", operation, params, (long long)ask->attempt.fence);
  sim_tell(life->sim, m);
}

/* Time goes on while the scheduler waits for its disk. */
static bool is_blurred(const struct life *life)
{
  return life->is_slow || life_steady_us(life) <= life->well_us + 3 * SECOND;
}

static void ask_for(struct life *life, const struct attempt *attempt, int worker, int lock)
{
  struct holds *holds = life->holds;
  struct draw *draw = &holds->draw;
  struct ask *ask = memory_alloc(sizeof *ask);
  *ask = (struct ask){.tag = ++holds->last_tag,
                      .attempt = *attempt,
                      .worker = worker,
                      .lock = lock,
                      .asked_us = life_steady_us(life),
                      .wait_us = INT64_MAX,
                      .returns_us = INT64_MAX};
  if (draw_chance(draw, 50))
    ask->wait_us = draw_chance(draw, 20) ? 0 : draw_below(draw, 30000) * 1000;
  if (draw_chance(draw, 50))
    ask->ttl_us = (1 + draw_below(draw, 30000)) * 1000;
  struct buffer params = {0};
  buffer_printf(&params, "{\"name\":\"l%d\"", lock);
  if (ask->wait_us != INT64_MAX)
    buffer_printf(&params, ",\"wait\":\"%lldms\"", (long long)(ask->wait_us / 1000));
  if (ask->ttl_us)
    buffer_printf(&params, ",\"ttl\":\"%lldms\"", (long long)(ask->ttl_us / 1000));
  buffer_append_text(&params, "}");
  DL_APPEND(holds->asks, ask);
  tell(life, ask, ask->tag, "lock", params.data);
  buffer_deinit(&params);
}

void hold_ask(struct life *life, const struct message *run, int64_t lasts_us)
{
  struct draw *draw = &life->holds->draw;
  if (draw_chance(draw, lasts_us > SECOND ? ASK_PERCENT_LONG : ASK_PERCENT))
    ask_for(life, &run->as.run.attempt, run->to, (int)draw_below(draw, LOCKS));
}

static bool is_of(const struct ask *ask, const struct attempt *attempt)
{
  return ask->attempt.fence == attempt->fence && ask->attempt.key.job == attempt->key.job &&
         ask->attempt.key.scheduled_us == attempt->key.scheduled_us;
}

static void end_ask(struct life *life, struct ask *ask)
{
  if (ask->state != OVER)
    ask->over_us = life_steady_us(life);
  ask->state = OVER;
}

void hold_ended(struct life *life, const struct attempt *attempt)
{
  struct ask *ask;
  DL_FOREACH(life->holds->asks, ask)
  {
    if (!is_of(ask, attempt))
      continue;
    if (ask->state == WAITS)
      sometimes("a run ends while it waits for a lock");
    end_ask(life, ask);
  }
}

static void say(struct life *life, struct ask *ask, int said, const char *operation,
                const char *params)
{
  ask->said = said;
  ask->said_tag = ++life->holds->last_tag;
  tell(life, ask, ask->said_tag, operation, params);
}

static void say_fence(struct life *life, struct ask *ask, int said, const char *operation)
{
  char *params =
      memory_printf("{\"name\":\"l%d\",\"fence\":%lld}", ask->lock, (long long)ask->fence);
  say(life, ask, said, operation, params);
  free(params);
}

static void give_back(struct life *life, struct ask *ask)
{
  ask->state = RETURNS;
  say_fence(life, ask, UNLOCKS, "unlock");
}

void hold_leave(struct life *life, const struct message *run)
{
  struct ask *ask;
  DL_FOREACH(life->holds->asks, ask)
  {
    if (ask->state != WAITS || ask->said || !is_of(ask, &run->as.run.attempt))
      continue;
    sometimes("a run that is told to end wants its lock no more");
    say(life, ask, LEAVES, "leave_lock", "{}");
    return;
  }
}

/* ---- who holds what ---- */

/* Its lease has certainly not ended. */
static bool is_in_force(const struct life *life, const struct ask *ask)
{
  int64_t held_us = life_steady_us(life) - ask->granted_us;
  return ask->state == HOLDS &&
         (!ask->ttl_us || (!ask->is_blurred && held_us < ask->ttl_us - DRIFT_US));
}

/* Its lease has not certainly ended. */
static bool may_hold(const struct life *life, const struct ask *ask)
{
  int64_t held_us = life_steady_us(life) - ask->granted_us;
  return ask->state == RETURNS ||
         (ask->state == HOLDS && (!ask->ttl_us || held_us <= ask->ttl_us + PATIENCE_US));
}

/* Its end is told at this instant, perhaps behind what was answered before it. */
static bool is_ending(const struct life *life, const struct ask *ask)
{
  return ask->state == OVER && ask->over_us == life_steady_us(life);
}

static void check_alone(struct life *life, const struct ask *granted)
{
  const struct ask *other;
  DL_FOREACH(life->holds->asks, other)
  {
    if (other == granted || other->lock != granted->lock)
      continue;
    if (is_in_force(life, other))
      blame("lock l%d is granted to the attempt with fence %lld, and the one with fence %lld "
            "holds it",
            granted->lock, (long long)granted->attempt.fence, (long long)other->attempt.fence);
    if (other->state == WAITS && other->tag < granted->tag && other->said != LEAVES)
      blame("lock l%d is granted to the attempt with fence %lld, and the one with fence %lld has "
            "asked before it",
            granted->lock, (long long)granted->attempt.fence, (long long)other->attempt.fence);
  }
}

static void ask_for_another(struct life *life, const struct ask *ask)
{
  struct draw *draw = &life->holds->draw;
  int lock = (ask->lock + 1 + (int)draw_below(draw, LOCKS - 1)) % LOCKS;
  if (draw_chance(draw, 40))
    ask_for(life, &ask->attempt, ask->worker, lock);
}

static void note_grant(struct life *life, struct ask *ask)
{
  struct holds *holds = life->holds;
  int64_t now_us = life_steady_us(life);
  if (ask->fence <= holds->last_fence)
    blame("lock l%d is granted with fence %lld, which is not behind %lld", ask->lock,
          (long long)ask->fence, (long long)holds->last_fence);
  holds->last_fence = ask->fence;
  if (now_us > ask->asked_us)
    sometimes("a lock goes to who has waited for it");
  if (life->trouble_us)
    sometimes("a lock is granted while the disk has trouble");
  check_alone(life, ask);
  if (ask->state == OVER)
    return;
  ask->granted_us = now_us;
  ask->is_blurred = is_blurred(life);
  ask->state = ask->said == LEAVES ? RETURNS : HOLDS;
  if (ask->state == RETURNS)
    return;
  if (draw_chance(&holds->draw, 50))
    ask->returns_us = now_us + draw_below(&holds->draw, 20 * SECOND);
  if (ask->ttl_us && draw_chance(&holds->draw, 30))
    say_fence(life, ask, RENEWS, "renew_lock");
  ask_for_another(life, ask);
}

/* ---- refusals ---- */

/* It has the lock, for all that is known. */
static bool may_have(const struct life *life, const struct ask *ask, int lock)
{
  return ask->lock == lock && ask->fence && (may_hold(life, ask) || is_ending(life, ask));
}

static bool may_be_held(const struct life *life, int lock)
{
  const struct ask *ask;
  DL_FOREACH(life->holds->asks, ask)
  {
    if (may_have(life, ask, lock))
      return true;
  }
  return false;
}

static const struct ask *find_waiting(const struct life *life, const struct attempt *attempt)
{
  const struct ask *ask;
  DL_FOREACH(life->holds->asks, ask)
  {
    if (ask->fence == 0 && (ask->state == WAITS || is_ending(life, ask)) && is_of(ask, attempt))
      return ask;
  }
  return NULL;
}

/* From the lock to who has it, to the lock that this one waits for, and back to who asks. */
static bool leads_to(const struct life *life, int lock, const struct ask *asking, int depth)
{
  const struct ask *ask, *waits;
  DL_FOREACH(life->holds->asks, ask)
  {
    if (!may_have(life, ask, lock))
      continue;
    if (is_of(ask, &asking->attempt))
      return true;
    waits = find_waiting(life, &ask->attempt);
    if (waits && depth > 0 && leads_to(life, waits->lock, asking, depth - 1))
      return true;
  }
  return false;
}

static bool is_open(struct life *life, const struct attempt *attempt)
{
  return book_query(life_db(life),
                    "SELECT fence FROM runs WHERE scheduled_us = ? AND job = ? AND state < 2",
                    attempt->key.scheduled_us, attempt->key.job, 0) == attempt->fence;
}

static void check_refusal(struct life *life, const struct ask *ask, enum error_code code,
                          const char *text)
{
  int64_t waited_us = life_steady_us(life) - ask->asked_us;
  if (ask->state == OVER)
    return;
  switch (code) {
  case ERROR_TIMEOUT:
    if (ask->wait_us == INT64_MAX || waited_us < ask->wait_us - DRIFT_US)
      blame("%s: refused after %lld us, of %lld", text, (long long)waited_us,
            (long long)ask->wait_us);
    if (life_is_well(life) && !may_be_held(life, ask->lock))
      blame("%s: nobody is known to hold it", text);
    if (ask->wait_us > 0)
      sometimes("a lock is waited for as long as was said");
    break;
  case ERROR_CONFLICT:
    sometimes("a circle of locks is refused");
    if (!leads_to(life, ask->lock, ask, LOCKS))
      blame("%s: there is no circle", text);
    break;
  case ERROR_CANCELLED:
    if (ask->said != LEAVES && !life->is_unreadable && is_open(life, &ask->attempt))
      blame("%s: it has not", text);
    break;
  default: /* that nothing can be stored is none */
    blame("%s (%s)", text, error_name(code));
  }
}

static void check_answer(struct life *life, const struct ask *ask, const struct message *reply)
{
  enum error_code code = reply->as.reply.code;
  if (code == ERROR_CONFLICT)
    sometimes("a lock is given back or renewed when its lease is over");
  if (code && (code != ERROR_CONFLICT || is_in_force(life, ask)))
    blame("%s (%s)", reply->as.reply.text, error_name(code));
}

/* What it said of a lock that it has or waits for is answered. */
static void note_answer(struct life *life, struct ask *ask, const struct message *reply)
{
  enum error_code code = reply->as.reply.code;
  int said = ask->said;
  ask->said = NOTHING;
  if (ask->state == OVER)
    return;
  if (ask->state == RETURNS) /* until the answer nobody knew */
    ask->state = HOLDS;
  check_answer(life, ask, reply);
  if (said == RENEWS && code == ERROR_OK)
    ask->ttl_us = 0; /* without end from now on */
  else
    end_ask(life, ask);
}

bool hold_heard(struct life *life, const struct message *reply)
{
  struct ask *ask;
  if (reply->tag < FIRST_TAG)
    return false;
  DL_FOREACH(life->holds->asks, ask)
  {
    if (ask->tag == reply->tag || (ask->said && ask->said_tag == reply->tag))
      break;
  }
  if (!ask) /* what it was about is over */
    return true;
  if (ask->tag != reply->tag) {
    note_answer(life, ask, reply);
  } else if (reply->as.reply.code == ERROR_OK) {
    if (sscanf(reply->as.reply.text, "{\"fence\":%" SCNd64 "}", &ask->fence) != 1)
      blame("a lock is granted without a fence: %s", reply->as.reply.text);
    note_grant(life, ask);
  } else {
    check_refusal(life, ask, reply->as.reply.code, reply->as.reply.text);
    end_ask(life, ask);
  }
  return true;
}

/* ---- waiting ---- */

static void check_patience(struct life *life, const struct ask *ask)
{
  int64_t waited_us = life_steady_us(life) - ask->asked_us;
  if (ask->wait_us != INT64_MAX && waited_us > ask->wait_us + PATIENCE_US)
    blame("lock l%d: the attempt with fence %lld has waited for %lld us, and wanted to for %lld",
          ask->lock, (long long)ask->attempt.fence, (long long)waited_us, (long long)ask->wait_us);
}

static void check_waiting(struct life *life, struct ask *ask)
{
  int64_t now_us = life_steady_us(life);
  if (may_be_held(life, ask->lock))
    ask->free_us = 0;
  else if (!ask->free_us)
    ask->free_us = now_us;
  else if (now_us - ask->free_us > PATIENCE_US)
    blame("lock l%d: the attempt with fence %lld waits for it, and nobody holds it", ask->lock,
          (long long)ask->attempt.fence);
}

void holds_check(struct life *life)
{
  int64_t now_us = life_steady_us(life);
  struct ask *ask, *next;
  DL_FOREACH_SAFE(life->holds->asks, ask, next)
  {
    if (ask->state == OVER && ask->over_us < now_us) {
      drop(life->holds, ask);
      continue;
    }
    if (ask->state == HOLDS && !ask->said && now_us >= ask->returns_us)
      give_back(life, ask);
    if (ask->state != WAITS)
      continue;
    if (!is_blurred(life))
      check_patience(life, ask);
    if (life_is_well(life) && !life->is_stopping)
      check_waiting(life, ask);
  }
}
