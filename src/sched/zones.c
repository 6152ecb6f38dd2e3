/* New rules of time zones, as a system brings them with an update while the daemon runs. The front
 * has put them in force; here the jobs that go by a wall clock get their next due time anew, in
 * pieces between turns, in the order of their ids. What has fired has fired (anew.c). A restart in
 * between leaves the due times of the rest as they are, until they have fired once. */
#include "sched/zones.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/anew.h"
#include "sched/near.h"
#include "sched/turn.h"

enum { JOBS_PER_STEP = 200 };

void zones_changed(struct sched *s, const struct message *message)
{
  log_info("%d time %s new rules: next due times are computed anew", message->as.zones.count,
           message->as.zones.count == 1 ? "zone has" : "zones have");
  free(s->zones_after);
  s->zones_after = memory_strdup("");
}

struct step {
  int64_t numbers[JOBS_PER_STEP]; /* of those with a zone */
  int count, seen;
  char *last; /* id */
};

static bool collect(void *context, struct stored_job *stored)
{
  struct step *step = context;
  const struct trigger *trigger = stored->job->trigger;
  if (trigger && trigger_timezone(trigger))
    step->numbers[step->count++] = stored->job->number;
  free(step->last);
  step->last = memory_strdup(stored->job->id);
  return ++step->seen < JOBS_PER_STEP;
}

bool zones_step(struct sched *s)
{
  struct step step = {0};
  struct error error;
  if (!s->zones_after)
    return false;
  const char *after = *s->zones_after ? s->zones_after : NULL;
  sched_failed(s, store_each_job(s->store, after, collect, &step, &error), &error);
  for (int i = 0; i < step.count && !s->failure; i++) {
    struct entry *entry = near_get(s, step.numbers[i], NULL);
    if (entry && !entry->removed)
      anew_fire(s, entry, s->now_us);
  }
  s->zones_before = s->zones_after;
  s->zones_after = step.seen == JOBS_PER_STEP ? step.last : NULL;
  if (!s->zones_after)
    free(step.last);
  return true;
}

void zones_commit(struct sched *s)
{
  free(s->zones_before);
  s->zones_before = NULL;
}

void zones_undo(struct sched *s)
{
  if (!s->zones_before)
    return;
  sometimes("a step to new time zones is taken back");
  free(s->zones_after);
  s->zones_after = s->zones_before;
  s->zones_before = NULL;
}

void zones_forget(struct sched *s)
{
  free(s->zones_after);
  free(s->zones_before);
}
