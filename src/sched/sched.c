/* How a scheduler begins, by recovering what the store holds in one transaction, and ends. */
#include "sched/sched.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sched/arrive.h"
#include "sched/calendar.h"
#include "sched/cut.h"
#include "sched/desk.h"
#include "sched/fold.h"
#include "sched/follow.h"
#include "sched/gate.h"
#include "sched/health.h"
#include "sched/listener.h"
#include "sched/lock.h"
#include "sched/near.h"
#include "sched/pool.h"
#include "sched/queue.h"
#include "sched/recover.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/shortage.h"
#include "sched/state.h"
#include "sched/stuck.h"
#include "sched/topic.h"
#include "sched/transaction.h"
#include "sched/zones.h"

/* Memory becomes what the store says, and what the last daemon left open is decided. */
static void recover(struct sched *s)
{
  calendars_recover(s);
  pools_recover(s);
  topics_recover(s);
  queues_recover(s);
  health_recover(s);
  fold_recover(s);
  listeners_recover(s);
  script_recover(s);
  run_recover(s);
  follow_recover(s);
  arrive_start(s);
}

static const struct sched_bounds usual_bounds = {
    .fires_per_turn = 4096,
    .near_page = 2048,
    .near_low = 1024,
    .near_max = 131072,
    .at_gates_max = 65536,
    .fold_max = 100000,
    .fold_step = 2048,
    .desk_bytes = 256 << 10, /* some milliseconds' work */
};

enum error_code sched_create(const struct sched_options *options, int64_t now_us,
                             struct sched **sched, struct error *error)
{
  struct sched *s = memory_alloc(sizeof *s);
  pool_init(&s->run_pool, sizeof(struct open_run));
  s->options = *options;
  s->bounds = options->bounds ? *options->bounds : usual_bounds;
  s->store = options->store;
  if (!s->options.default_zone)
    s->options.default_zone = "UTC";
  if (s->options.horizon_us <= 0)
    s->options.horizon_us = NEAR_HORIZON_US;
  s->now_us = s->started_us = now_us;
  s->next_generation = 1;
  s->next_fence = store_epoch(s->store) << 32 | 1;
  s->locks = locks_create();
  stuck_init(s);
  near_rewind(s);

  struct message_list out = {0};
  s->out = &out;
  transaction_begin(s);
  if (!s->failure)
    recover(s);
  transaction_commit(s);
  enum error_code code = s->failure;
  if (code)
    *error = s->error;
  else
    transaction_follow(s, &(struct message_list){0});
  s->out = NULL;
  message_list_join(&s->owed, &out);
  if (code) {
    store_rollback(s->store);
    sched_destroy(s);
    return error_prefix(error, "recovering");
  }
  *sched = s;
  return ERROR_OK;
}

void sched_destroy(struct sched *s)
{
  locks_destroy(s);
  desk_clear(s);
  run_free_all(s);
  arrivals_forget(s);
  queues_free_all(s);
  health_free_all(s);
  topics_free_all(s);
  near_free_all(s);
  script_forget_all(s);
  listeners_free_all(s);
  free(s->full_error);
  stuck_deinit(s);
  shortage_forget(s);
  zones_forget(s);
  follow_free_all(s);
  for (size_t i = 0; i < EVENTS_KEPT; i++)
    free(s->events[i]);
  message_list_deinit(&s->held);
  message_list_deinit(&s->owed);
  heap_deinit(&s->near);
  heap_deinit(&s->beyond);
  heap_deinit(&s->waiting);
  heap_deinit(&s->event_due);
  heap_deinit(&s->health_due);
  gates_free_all(s);
  heap_deinit(&s->paced);
  heap_deinit(&s->lapsing);
  free(s->changed);
  cut_forget(s);
  free(s);
}
