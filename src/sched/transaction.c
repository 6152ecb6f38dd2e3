#include "sched/transaction.h"

#include "base/sometimes.h"
#include "sched/arrive.h"
#include "sched/calendar.h"
#include "sched/event.h"
#include "sched/fold.h"
#include "sched/follow.h"
#include "sched/health.h"
#include "sched/lock.h"
#include "sched/near.h"
#include "sched/pool.h"
#include "sched/queue.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/shortage.h"
#include "sched/stop.h"
#include "sched/stuck.h"
#include "sched/topic.h"
#include "sched/zones.h"

void transaction_begin(struct sched *s)
{
  s->events_this_turn = 0;
  s->failure = store_begin(s->store, &s->error);
  s->is_writing = !s->failure;
}

void transaction_commit(struct sched *s)
{
  if (!s->failure)
    arrive_all(s);
  if (!s->failure)
    near_flush(s);
  if (!s->failure)
    fold_flush(s);
  if (!s->failure)
    follow_flush(s);
  if (!s->failure)
    listeners_flush(s);
  if (!s->failure)
    topics_flush(s);
  if (!s->failure)
    s->failure = store_commit(s->store, &s->error);
  s->is_writing = s->failure != ERROR_OK;
}

/* What is known only now that the rest of the turn is. */
static void settle(struct sched *s, const struct message *message)
{
  switch (message->kind) {
  case MESSAGE_LOADED:
    script_settle(s, message);
    break;
  case MESSAGE_STUCK:
  case MESSAGE_UNSTUCK:
  case MESSAGE_STOPPED:
    stuck_settle(s, message);
    break;
  case MESSAGE_SHORTAGE:
    shortage_settle(s, message);
    break;
  default:
    break;
  }
}

void transaction_follow(struct sched *s, const struct message_list *taken)
{
  script_commit(s);
  run_commit(s);
  near_commit(s);
  gates_commit(s);
  topics_commit(s);
  zones_commit(s);
  follow_commit(s);
  stop_commit(s);
  for (const struct message *message = taken->first; message; message = message->next)
    settle(s, message);
  lock_commit(s);
  listeners_commit(s);
}

void transaction_take_back(struct sched *s)
{
  s->is_writing = false;
  sometimes("a transaction is taken back");
  store_rollback(s->store);
  message_list_deinit(s->out);
  script_undo(s);
  run_undo(s);
  lock_undo(s);
  gates_undo(s);
  zones_undo(s);
  follow_undo(s);
  if (s->pools_changed)
    pools_recover(s);
  if (s->calendars_defined)
    calendars_recover(s);
  topics_recover(s);
  arrivals_forget(s);
  queues_recover(s);
  health_recover(s);
  listeners_undo(s);
  stuck_undo(s);
  stop_undo(s);
  events_forget(s);
  near_forget(s);
}
