/* Locks as everybody sees them: who holds each and who waits for it. Scheduler thread. */
#include "sched/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/lock_internal.h"
#include "sched/view.h"

size_t lock_count(const struct sched *s)
{
  return HASH_COUNT(s->locks->by_name);
}

const char *lock_awaited(const struct sched *s, const struct open_run *run, const char **holder,
                         int64_t *since_us)
{
  const struct party *party = party_find(
      s->locks, party_key_of_attempt(&(struct attempt){.key = run->key, .fence = run->fence}));
  if (!party || !party->waits.lock)
    return NULL;
  *holder = party->waits.lock->holder->name;
  *since_us = party->waits.since_us;
  return party->waits.lock->name;
}

static int compare_names(const void *a, const void *b)
{
  return strcmp((*(struct lock *const *)a)->name, (*(struct lock *const *)b)->name);
}

static void put_lock(struct json_writer *writer, const struct lock *lock)
{
  json_begin_object(writer);
  json_put_text(writer, "name", lock->name);
  json_put_text(writer, "holder", lock->holder->name);
  view_put_instant(writer, "since", lock->since_us, INT64_MIN);
  if (lock->lease.heap)
    view_put_instant(writer, "expires_at", lock->lease.us, INT64_MIN);
  json_put_integer(writer, "fence", lock->fence);
  json_key(writer, "waiting");
  json_begin_array(writer);
  for (const struct party *party = lock->first; party; party = party->waits.next) {
    json_begin_object(writer);
    json_put_text(writer, "who", party->name);
    view_put_instant(writer, "since", party->waits.since_us, INT64_MIN);
    json_end_object(writer);
  }
  json_end_array(writer);
  json_end_object(writer);
}

void lock_put_all(struct sched *s, struct json_writer *writer, size_t most)
{
  size_t count = lock_count(s), at = 0;
  struct lock **sorted = memory_alloc((count + 1) * sizeof(struct lock *));
  for (struct lock *lock = s->locks->by_name; lock; lock = lock->hh.next)
    sorted[at++] = lock;
  qsort(sorted, count, sizeof(struct lock *), compare_names);
  for (size_t i = 0; i < count && i < most; i++)
    put_lock(writer, sorted[i]);
  free(sorted);
}
