/* Housekeeping between turns: progress is folded back, old history and values whose time is over
 * are removed, histories that are too long are cut, jobs follow new time zones and calendars, and
 * the write-ahead log is moved back into the database. One of these chores at a time, in turns and
 * a few rows at once, since nobody is served meanwhile. Nothing here is urgent, so a failure is
 * only logged, and all is tried again a second later. */
#include "base/log.h"
#include "base/sometimes.h"
#include "sched/cut.h"
#include "sched/fold.h"
#include "sched/follow.h"
#include "sched/health.h"
#include "sched/near.h"
#include "sched/topic.h"
#include "sched/transaction.h"
#include "sched/turn.h"
#include "sched/zones.h"

enum { PRUNE_ROWS = 200, CUT_ROWS = 200, LOOKED_AT = 500 }; /* some milliseconds' work */

/* A turn that ended so lately is likely to be followed by another. */
#define BUSY_US         INT64_C(10000)
#define RETRY_US        INT64_C(1000000)
#define PRUNE_PERIOD_US (60 * INT64_C(1000000))

/* ---- chores: true when there was something to do ---- */

static bool fold(struct sched *s)
{
  if (fold_due_us(s) > s->now_us)
    return false;
  fold_step(s, s->bounds.fold_step, s->now_us - FOLD_AGE_US);
  return true;
}

/* A run that is still open may lie behind the last one, whose row is gone. */
static bool part_from_job(void *context, int64_t job)
{
  const struct entry *entry = near_find(context, job);
  if (entry && entry->open_runs > 0)
    return false;
  topic_unsubscribe(context, job);
  return true;
}

static bool prune(struct sched *s)
{
  int removed = 0, expired = 0;
  if (s->now_us < s->prune_us && s->prune_us <= s->now_us + PRUNE_PERIOD_US)
    return false;
  sched_failed(s,
               store_prune(s->store, &s->options.retention, s->now_us, PRUNE_ROWS, part_from_job, s,
                           &removed, &s->error),
               &s->error);
  if (!s->failure)
    sched_failed(s, store_kv_expire(s->store, s->now_us, PRUNE_ROWS, &expired, &s->error),
                 &s->error);
  if (removed + expired == 0) {
    s->prune_us = s->now_us + PRUNE_PERIOD_US;
    health_look_for_gone(s);
  }
  return removed + expired > 0 || s->gone_from;
}

static bool forget_gone(struct sched *s)
{
  return s->gone_from && health_forget_gone(s, LOOKED_AT);
}

static bool cut(struct sched *s)
{
  if (!cut_is_wanted(s))
    return false;
  cut_step(s, CUT_ROWS);
  return true;
}

/* ---- one at a time ---- */

/* What is taken back with it is all that memory holds, so the rest waits too. */
static void put_off(struct sched *s)
{
  sometimes("housekeeping fails");
  if (!s->chores_us)
    log_warn("housekeeping waits: %s (trying again each second)", s->error.text);
  s->chores_us = s->now_us + RETRY_US;
}

/* What it tells goes out with the next turn. */
static bool in_transaction(struct sched *s, bool (*chore)(struct sched *s))
{
  bool done = false;
  struct message_list out = {0};
  s->out = &out;
  transaction_begin(s);
  if (!s->failure)
    done = chore(s);
  transaction_commit(s);
  if (!s->failure) {
    transaction_follow(s, &(struct message_list){0});
  } else {
    put_off(s);
    transaction_take_back(s);
    done = false;
  }
  s->out = NULL;
  message_list_join(&s->owed, &out);
  return done;
}

static bool is_put_off(const struct sched *s)
{
  return s->now_us < s->chores_us && s->chores_us <= s->now_us + RETRY_US;
}

/* The next one that has something to do, beginning behind the one that was done last. */
static bool do_next(struct sched *s)
{
  static bool (*const chores[])(struct sched * s) = {fold, prune,      forget_gone,
                                                     cut,  zones_step, follow_step};
  enum { CHORES = sizeof chores / sizeof chores[0] };
  for (int i = 0; i < CHORES; i++) {
    bool (*chore)(struct sched * s) = chores[s->next_chore];
    s->next_chore = (s->next_chore + 1) % CHORES;
    if (in_transaction(s, chore))
      return true;
    if (is_put_off(s))
      return false;
  }
  s->chores_us = 0;
  return false;
}

/* A checkpoint is never put off: it makes the room that the rest lacks, and where it comes too late
 * the WAL has all of it. */
int64_t sched_idle(struct sched *s, int64_t now_us)
{
  s->now_us = now_us;
  if (store_checkpoint(s->store, now_us - s->turn_us < BUSY_US))
    return 0;
  if (!is_put_off(s) && do_next(s))
    return 0;
  if (is_put_off(s))
    return s->chores_us - now_us;
  int64_t fold_us = fold_due_us(s);
  return fold_us == INT64_MAX ? -1 : fold_us - now_us;
}
