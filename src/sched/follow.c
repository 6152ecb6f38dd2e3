/* When a calendar has changed, the jobs that use it get their next due time anew: the first of them
 * in the turn that changes it, the others in pieces between turns, so that nobody waits while
 * thousands follow. Memory knows who is left; the store only since when somebody is, and after a
 * start all jobs with a calendar follow once more from that moment on, which changes nothing for
 * those that have. Those whose trigger began behind it have nothing to follow, and are noted.
 *
 * Nothing shows but that `next_run_at` may be that of the calendar before for a moment, and that a
 * due time that comes in this moment may be found late. Whoever is about to fire follows first, so
 * that none fires by what held before the change; and due times count from the change on, whenever
 * they are found. */
#include "sched/follow.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sched/anew.h"
#include "sched/near.h"
#include "sched/topic.h"
#include "sched/turn.h"

enum { JOBS_PER_STEP = 200 };

/* The topic of those that have begun since the last change. */
static const char begun[] = "{\"kind\":\"begun\"}";

/* A job that is to follow. */
struct follower {
  int64_t job;
  int64_t since_us; /* the change */
  bool has_followed;
  bool is_fresh;         /* it is one since this transaction */
  bool is_touched;       /* in this transaction; stands in sched.followers_touched */
  struct follower *next; /* there */
  UT_hash_handle hh;     /* by job */
};

static struct follower *find(struct sched *s, int64_t job)
{
  struct follower *follower;
  HASH_FIND(hh, s->followers, &job, sizeof job, follower);
  return follower;
}

static void touch(struct sched *s, struct follower *follower)
{
  if (follower->is_touched)
    return;
  follower->is_touched = true;
  follower->next = s->followers_touched;
  s->followers_touched = follower;
}

/* One that has not followed an earlier change has its due times from that one on. */
static void expect(struct sched *s, int64_t job, int64_t since_us)
{
  struct follower *follower = find(s, job);
  if (follower && !follower->has_followed)
    return;
  if (!follower) {
    follower = memory_alloc(sizeof *follower);
    *follower = (struct follower){.job = job, .since_us = since_us, .is_fresh = true};
    HASH_ADD(hh, s->followers, job, sizeof follower->job, follower);
  }
  touch(s, follower);
  follower->has_followed = false;
  s->followers_left++;
  if (!s->followed_us || since_us < s->followed_us)
    s->followed_us = since_us;
}

static void expect_all(struct sched *s, const char *calendar, int64_t since_us)
{
  const struct topic *topic = topic_of_calendar(s, calendar);
  topic_each(job, topic)
    expect(s, job, since_us);
}

/* ---- following ---- */

static void end(struct sched *s, struct follower *follower)
{
  touch(s, follower);
  follower->has_followed = true;
  s->followers_left--;
}

static void follow(struct sched *s, struct follower *follower)
{
  struct error error;
  struct entry *entry = near_get(s, follower->job, &error);
  if (!entry && error.code != ERROR_NOT_FOUND)
    sched_failed(s, error.code, &error);
  end(s, follower);
  if (entry && !entry->removed)
    anew_fire(s, entry, follower->since_us);
}

bool follow_step(struct sched *s)
{
  int left = JOBS_PER_STEP;
  if (!s->followers_left)
    return false;
  for (struct follower *follower = s->followers; follower && left > 0 && !s->failure;
       follower = follower->hh.next) {
    if (follower->has_followed)
      continue;
    follow(s, follower);
    left--;
  }
  return true;
}

void follow_calendar(struct sched *s, const char *name)
{
  topic_clear(s, begun);
  expect_all(s, name, s->now_us);
  follow_step(s);
}

void follow_before(struct sched *s, struct entry *entry)
{
  struct follower *follower = s->followers_left ? find(s, entry->job->number) : NULL;
  if (!follower || follower->has_followed || entry->job->is_unreadable)
    return;
  end(s, follower);
  anew_fire(s, entry, follower->since_us);
}

static void end_of(struct sched *s, int64_t job)
{
  struct follower *follower = find(s, job);
  if (follower && !follower->has_followed)
    end(s, follower);
}

void follow_begins(struct sched *s, const struct job *job)
{
  if (!s->followed_us)
    return;
  end_of(s, job->number);
  if (job->trigger && trigger_uses_calendar(job->trigger, NULL))
    topic_note(s, begun, job->number);
}

/* ---- transactions ---- */

static bool expect_stored(void *context, const struct stored_calendar *stored)
{
  struct sched *s = context;
  expect_all(s, stored->name, s->followed_us);
  return true;
}

void follow_recover(struct sched *s)
{
  struct error error;
  sched_failed(s, store_get_calendar_change(s->store, &s->followed_us, &error), &error);
  s->followed_stored_us = s->followed_us;
  if (s->followed_us)
    sched_failed(s, store_each_calendar(s->store, expect_stored, s, &error), &error);
  topic_each(job, topic_find(s, begun))
    end_of(s, job);
}

void follow_flush(struct sched *s)
{
  struct error error;
  if (!s->followers_left && s->followed_us) {
    s->followed_us = 0;
    topic_clear(s, begun);
  }
  if (s->followed_us != s->followed_stored_us)
    sched_failed(s, store_put_calendar_change(s->store, s->followed_us, &error), &error);
  s->followed_stored_us = s->followed_us;
}

static struct follower *pop_touched(struct sched *s)
{
  struct follower *follower = s->followers_touched;
  if (follower) {
    s->followers_touched = follower->next;
    follower->is_touched = false;
  }
  return follower;
}

static void drop(struct sched *s, struct follower *follower)
{
  HASH_DEL(s->followers, follower);
  free(follower);
}

void follow_commit(struct sched *s)
{
  struct follower *follower;
  while ((follower = pop_touched(s)))
    if (follower->has_followed)
      drop(s, follower);
    else
      follower->is_fresh = false;
}

void follow_undo(struct sched *s)
{
  struct follower *follower;
  struct error error;
  while ((follower = pop_touched(s))) {
    s->followers_left -= !follower->has_followed;
    s->followers_left += !follower->is_fresh;
    follower->has_followed = false;
    if (follower->is_fresh)
      drop(s, follower);
  }
  sched_failed(s, store_get_calendar_change(s->store, &s->followed_us, &error), &error);
  s->followed_stored_us = s->followed_us;
}

void follow_free_all(struct sched *s)
{
  struct follower *follower, *next;
  HASH_ITER(hh, s->followers, follower, next)
    drop(s, follower);
}
