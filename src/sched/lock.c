/* Named locks of scripts: who holds one, and who waits for it in which order.
 *
 * A party is one attempt of a run, or one call of a script's listener, trigger or loading, or of a
 * console: what ends by itself or is ended by others, and then holds nothing any more. So a lock
 * needs no store: when the daemon ends, all parties do. A party waits for one lock at most, whose
 * holder may wait for another; a question that would close that chain is refused at once.
 *
 * What a party is told of a grant has a fence, greater than all before it: a lock that was lost,
 * because its lease ended, is neither released nor renewed by its former holder.
 *
 * Scheduler thread. */
#include "sched/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/lock_internal.h"
#include "sched/run.h"

struct locks *locks_create(void)
{
  return memory_alloc(sizeof(struct locks));
}

/* ---- parties ---- */

struct party_key party_key_of_attempt(const struct attempt *attempt)
{
  return (struct party_key){
      .job = attempt->key.job, .scheduled_us = attempt->key.scheduled_us, .fence = attempt->fence};
}

struct party_key party_key_of(const struct message *request)
{
  if (request->as.request.attempt.key.job)
    return party_key_of_attempt(&request->as.request.attempt);
  return (struct party_key){.worker = request->from, .call = request->as.request.call};
}

struct party *party_find(const struct locks *locks, struct party_key key)
{
  struct party *party;
  HASH_FIND(hh, locks->parties, &key, sizeof key, party);
  return party;
}

static char *name_party(struct sched *s, const struct message *request)
{
  struct buffer name = {0};
  const struct open_run *run = run_find_attempt(s, &request->as.request.attempt);
  if (run)
    run_format_id(&name, run->entry->job->id, run->key.scheduled_us);
  else if (request->as.request.generation & GENERATION_OF_CONSOLE)
    buffer_append_text(&name, "the console");
  else
    buffer_printf(&name, "script %s", request->as.request.script);
  return buffer_take(&name);
}

struct party *party_get(struct sched *s, const struct message *request)
{
  struct party *party = party_find(s->locks, party_key_of(request));
  if (party)
    return party;
  party = memory_alloc(sizeof *party);
  party->key = party_key_of(request);
  party->name = name_party(s, request);
  HASH_ADD(hh, s->locks->parties, key, sizeof party->key, party);
  return party;
}

void party_leave(struct locks *locks, struct party *party)
{
  if (party->held || party->waits.lock)
    return;
  HASH_DEL(locks->parties, party);
  free(party->name);
  free(party);
}

/* ---- answers ---- */

void lock_answer_failure(struct sched *s, struct message *request, const struct error *error)
{
  message_list_append(s->out, message_reply_error(request, error));
  message_destroy(request);
}

void lock_answer_done(struct sched *s, struct message *request)
{
  message_list_append(s->out, message_reply(request, memory_strdup("{}")));
  message_destroy(request);
}

static void answer_granted(struct sched *s, struct message *request, const struct lock *lock)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_begin_object(&writer);
  json_put_integer(&writer, "fence", lock->fence);
  json_end_object(&writer);
  message_list_append(s->out, message_reply(request, buffer_take(&out)));
  message_destroy(request);
}

/* ---- holding ---- */

struct lock *lock_find(const struct locks *locks, const char *name)
{
  struct lock *lock;
  HASH_FIND_STR(locks->by_name, name, lock);
  return lock;
}

void lock_set_lease(struct sched *s, struct lock *lock, int64_t ttl_us)
{
  heap_remove(&lock->lease);
  if (ttl_us == 0)
    return;
  lock->lease.us = s->now_us + ttl_us;
  lock->lease.number = lock->fence;
  heap_put(&s->locks->leases, &lock->lease);
}

static void grant(struct sched *s, struct lock *lock, struct party *party, int64_t ttl_us)
{
  lock->holder = party;
  lock->since_us = s->now_us;
  lock->fence = s->next_fence++;
  party->granted = lock->fence;
  lock->prev = NULL;
  lock->next = party->held;
  if (lock->next)
    lock->next->prev = lock;
  party->held = lock;
  lock_set_lease(s, lock, ttl_us);
}

static void stop_waiting(struct party *party)
{
  struct lock *lock = party->waits.lock;
  struct party **at = &lock->first, *before = NULL;
  while (*at != party) {
    before = *at;
    at = &before->waits.next;
  }
  *at = party->waits.next;
  if (lock->last == party)
    lock->last = before;
  heap_remove(&party->waits.due);
  party->waits.lock = NULL;
  party->waits.next = NULL;
}

static void grant_first(struct sched *s, struct lock *lock)
{
  struct party *party = lock->first;
  struct message *request = party->waits.request;
  stop_waiting(party);
  party->waits.request = NULL;
  grant(s, lock, party, party->waits.ttl_us);
  answer_granted(s, request, lock);
}

void lock_release(struct sched *s, struct lock *lock)
{
  struct party *holder = lock->holder;
  if (lock->prev)
    lock->prev->next = lock->next;
  else
    holder->held = lock->next;
  if (lock->next)
    lock->next->prev = lock->prev;
  heap_remove(&lock->lease);
  party_leave(s->locks, holder);
  if (lock->first) {
    grant_first(s, lock);
    return;
  }
  HASH_DEL(s->locks->by_name, lock);
  free(lock->name);
  free(lock);
}

void party_give_up(struct sched *s, struct party *party)
{
  struct error error;
  if (!party->waits.lock)
    return;
  error_set(&error, ERROR_CANCELLED, "lock \"%s\": who waits for it ends", party->waits.lock->name);
  stop_waiting(party);
  lock_answer_failure(s, party->waits.request, &error);
  party->waits.request = NULL;
}

void party_release_all(struct sched *s, struct party *party)
{
  party_give_up(s, party);
  if (!party->held)
    party_leave(s->locks, party);
  else
    for (struct lock *lock = party->held, *next; lock; lock = next) {
      next = lock->next; /* the party goes with its last lock */
      lock_release(s, lock);
    }
}

void lock_say_who_holds(const struct lock *lock, struct error *error)
{
  error_set(error, ERROR_TIMEOUT, "lock \"%s\" is held by %s", lock->name, lock->holder->name);
}

void lock_wait_for(struct sched *s, struct lock *lock, struct party *party,
                   const struct lock_order *order)
{
  party->waits.lock = lock;
  party->waits.request = order->request;
  party->waits.since_us = s->now_us;
  party->waits.ttl_us = order->ttl_us;
  party->waits.next = NULL;
  if (lock->last)
    lock->last->waits.next = party;
  else
    lock->first = party;
  lock->last = party;
  if (order->wait_us == LOCK_WAIT_FOR_EVER)
    return;
  party->waits.due.us = s->now_us + order->wait_us;
  party->waits.due.number = s->next_fence++; /* those of one instant give up in order */
  heap_put(&s->locks->waiting, &party->waits.due);
}

void lock_take_free(struct sched *s, struct party *party, const struct lock_order *order)
{
  struct lock *lock = memory_alloc(sizeof *lock);
  lock->name = memory_strdup(order->name);
  HASH_ADD_KEYPTR(hh, s->locks->by_name, lock->name, strlen(lock->name), lock);
  grant(s, lock, party, order->ttl_us);
  answer_granted(s, order->request, lock);
}

/* ---- what ends by itself ---- */

void lock_expire(struct sched *s)
{
  struct heap_node *node;
  struct error error;
  while ((node = heap_first(&s->locks->leases)) && node->us <= s->now_us) {
    struct lock *lock = heap_owner(node, struct lock, lease);
    log_warn("%s has kept lock \"%s\" beyond its ttl: it is free for others", lock->holder->name,
             lock->name);
    lock_release(s, lock);
  }
  while ((node = heap_first(&s->locks->waiting)) && node->us <= s->now_us) {
    struct party *party = heap_owner(node, struct party, waits.due);
    lock_say_who_holds(party->waits.lock, &error);
    stop_waiting(party);
    lock_answer_failure(s, party->waits.request, &error);
    party->waits.request = NULL;
    party_leave(s->locks, party);
  }
}

void lock_clock_set(struct sched *s, int64_t step_us)
{
  heap_shift(&s->locks->leases, step_us);
  heap_shift(&s->locks->waiting, step_us);
}

void lock_worker_over(struct sched *s, int worker)
{
  struct party *party, *next;
  HASH_ITER(hh, s->locks->parties, party, next)
    if (party->key.job == 0 && party->key.worker == worker)
      party_release_all(s, party);
}

int64_t lock_wake_us(const struct sched *s)
{
  const struct heap_node *lease = heap_first(&s->locks->leases),
                         *wait = heap_first(&s->locks->waiting);
  int64_t wake_us = lease ? lease->us : INT64_MAX;
  return wait && wait->us < wake_us ? wait->us : wake_us;
}

void locks_destroy(struct sched *s)
{
  struct lock *lock, *next;
  struct party *party, *next_party;
  lock_undo(s);
  HASH_ITER(hh, s->locks->by_name, lock, next) {
    HASH_DEL(s->locks->by_name, lock);
    free(lock->name);
    free(lock);
  }
  HASH_ITER(hh, s->locks->parties, party, next_party) {
    HASH_DEL(s->locks->parties, party);
    message_destroy(party->waits.request);
    free(party->name);
    free(party);
  }
  heap_deinit(&s->locks->leases);
  heap_deinit(&s->locks->waiting);
  free(s->locks);
}
