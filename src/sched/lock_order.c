/* What is ordered of locks. Orders are gathered in the turn and carried out when it is committed,
 * since only then it is known that a run has ended; a turn that is taken back drops its orders, and
 * brings them again. Scheduler thread. */
#include "sched/lock.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sched/lock_internal.h"
#include "sched/run.h"

enum { LOCKS_MAX = 100000, CHAIN_SHOWN = 8 };

/* ---- asking for one ---- */

/* From the lock that is asked for to the asking party, along holders and what they wait for. */
static void describe_circle(const struct lock *lock, const struct party *asking,
                            struct error *error)
{
  struct buffer text = {0};
  int shown = 0;
  for (const struct lock *at = lock; at->holder != asking; at = at->holder->waits.lock)
    if (++shown <= CHAIN_SHOWN)
      buffer_printf(&text, "%s holds \"%s\" and waits for \"%s\", ", at->holder->name, at->name,
                    at->holder->waits.lock->name);
  error_set(error, ERROR_CONFLICT,
            "lock \"%s\": waiting for it would never end: %swhich %s holds itself", lock->name,
            text.data, asking->name);
  buffer_deinit(&text);
}

static bool would_circle(const struct lock *lock, const struct party *asking)
{
  while (lock && lock->holder != asking)
    lock = lock->holder->waits.lock;
  return lock != NULL;
}

/* Whether the party may wait for the lock that somebody holds. */
static bool check_wait(const struct lock *lock, const struct party *party, int64_t wait_us,
                       struct error *error)
{
  if (lock->holder == party)
    error_set(error, ERROR_CONFLICT, "lock \"%s\": %s holds it already", lock->name, party->name);
  else if (party->waits.lock)
    error_set(error, ERROR_CONFLICT, "lock \"%s\": %s waits for lock \"%s\" already", lock->name,
              party->name, party->waits.lock->name);
  else if (would_circle(lock, party))
    describe_circle(lock, party, error);
  else if (wait_us <= 0)
    lock_say_who_holds(lock, error);
  else
    return true;
  return false;
}

static void take(struct sched *s, const struct lock_order *order)
{
  struct error error;
  const struct attempt *attempt = &order->request->as.request.attempt;
  if (attempt->key.job && !run_find_attempt(s, attempt)) {
    error_set(&error, ERROR_CANCELLED, "lock \"%s\": the run that asks for it has ended",
              order->name);
    lock_answer_failure(s, order->request, &error);
    return;
  }
  struct lock *lock = lock_find(s->locks, order->name);
  struct party *party = party_get(s, order->request);
  party->granted = 0;
  if (lock && check_wait(lock, party, order->wait_us, &error)) {
    lock_wait_for(s, lock, party, order);
  } else if (lock) {
    lock_answer_failure(s, order->request, &error);
    party_leave(s->locks, party);
  } else if (HASH_COUNT(s->locks->by_name) >= LOCKS_MAX) {
    error_set(&error, ERROR_LIMIT, "lock \"%s\": %d locks are held already", order->name,
              LOCKS_MAX);
    lock_answer_failure(s, order->request, &error);
    party_leave(s->locks, party);
  } else {
    lock_take_free(s, party, order);
  }
}

/* ---- the others ---- */

static void release_or_renew(struct sched *s, const struct lock_order *order)
{
  struct error error;
  struct lock *lock = lock_find(s->locks, order->name);
  if (!lock || lock->fence != order->fence) {
    error_set(&error, ERROR_CONFLICT,
              "lock \"%s\" is not held any more: its ttl is over, or the run that took it "
              "has ended",
              order->name);
    lock_answer_failure(s, order->request, &error);
    return;
  }
  if (order->what == LOCK_RENEW)
    lock_set_lease(s, lock, order->ttl_us);
  else
    lock_release(s, lock);
  lock_answer_done(s, order->request);
}

static void party_ends(struct sched *s, const struct lock_order *order)
{
  struct party_key key =
      order->request ? party_key_of(order->request) : party_key_of_attempt(&order->attempt);
  struct party *party = party_find(s->locks, key);
  if (party)
    party_release_all(s, party);
  if (order->request)
    lock_answer_done(s, order->request);
}

/* Who asked does so before it has heard the answer, which may be on its way. */
static void leave(struct sched *s, const struct lock_order *order)
{
  struct party *party = party_find(s->locks, party_key_of(order->request));
  struct lock *lock = party && !party->waits.lock ? party->held : NULL;
  while (lock && lock->fence != party->granted)
    lock = lock->next;
  if (lock) {
    lock_release(s, lock);
  } else if (party) {
    party_give_up(s, party);
    party_leave(s->locks, party);
  }
  lock_answer_done(s, order->request);
}

static void carry_out(struct sched *s, const struct lock_order *order)
{
  switch (order->what) {
  case LOCK_TAKE:
    take(s, order);
    break;
  case LOCK_RELEASE:
  case LOCK_RENEW:
    release_or_renew(s, order);
    break;
  case LOCK_LEAVE:
    leave(s, order);
    break;
  case LOCK_PARTY_ENDS:
    party_ends(s, order);
    break;
  }
}

/* ---- of a turn ---- */

void lock_add_order(struct sched *s, const struct lock_order *order)
{
  struct lock_order *added = memory_alloc(sizeof *added);
  *added = *order;
  if (s->locks->last)
    s->locks->last->next = added;
  else
    s->locks->first = added;
  s->locks->last = added;
}

void lock_run_over(struct sched *s, const struct open_run *run)
{
  if (!s->locks->parties && !s->locks->first)
    return;
  lock_add_order(s, &(struct lock_order){.what = LOCK_PARTY_ENDS,
                                         .attempt = {.key = run->key, .fence = run->fence}});
}

void lock_commit(struct sched *s)
{
  struct lock_order *order;
  while ((order = s->locks->first)) {
    s->locks->first = order->next;
    if (!order->next)
      s->locks->last = NULL;
    carry_out(s, order);
    free(order->name);
    free(order);
  }
}

void lock_undo(struct sched *s)
{
  struct lock_order *order;
  while ((order = s->locks->first)) {
    s->locks->first = order->next;
    message_destroy(order->request);
    free(order->name);
    free(order);
  }
  s->locks->last = NULL;
}
