/* How the workers of a life behave: what becomes of a run is drawn, told to end it heeds that or
 * does not, and now and then a worker says what is not so. */
#include "sim/life_internal.h"

#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"

void worker_remember(struct life *life, const struct attempt *attempt)
{
  life->ghosts[life->next_ghost++ % GHOSTS] = *attempt;
}

/* One that must change nothing: its result is nowhere to be seen. */
static struct message *stale_finish_of(const struct life *life, const struct attempt *attempt,
                                       enum run_state state)
{
  struct message *m = message_create(MESSAGE_FINISHED, ADDRESS_WORKER, ADDRESS_SCHEDULER);
  m->as.finished.attempt = *attempt;
  m->as.finished.state = state;
  m->as.finished.started_us = m->as.finished.finished_us = sim_now_us(life->sim);
  m->as.finished.result = memory_strdup(BOOK_STALE);
  m->as.finished.answer.delay_us = -1;
  return m;
}

void worker_haunt(struct life *life)
{
  const struct attempt *attempt = &life->ghosts[draw_below(&life->draw, GHOSTS)];
  if (attempt->key.job == 0)
    return;
  if (book_query(life_db(life),
                 "SELECT fence FROM runs WHERE scheduled_us = ? AND job = ?"
                 " AND state < 2",
                 attempt->key.scheduled_us, attempt->key.job, 0) == attempt->fence)
    return; /* no ghost: it is still running */
  sometimes("a finish comes with a fence that is over");
  sim_tell(life->sim, stale_finish_of(life, attempt, RUN_SUCCEEDED));
}

/* One in a C function does not even hear that it is killed. */
static bool is_deaf(const struct attempt *attempt)
{
  return attempt->fence % 29 == 0;
}

/* It says that it has ended with a fence that it was not given, and its end twice. */
static void lie(struct life *life, const struct message *run, const struct sim_fate *fate)
{
  struct attempt attempt = run->as.run.attempt;
  attempt.fence += draw_chance(&life->draw, 50) ? 1 : -1;
  sim_tell(life->sim, stale_finish_of(life, &attempt, RUN_FAILED));
  if (fate->lasts_us == INT64_MAX || is_deaf(&run->as.run.attempt))
    return;
  sometimes("a worker says twice that a run has ended");
  int64_t lasts_us = fate->lasts_us, timeout_us = run->as.run.timeout_us;
  if (timeout_us && timeout_us < lasts_us)
    lasts_us = timeout_us;
  sim_tell_later(life->sim, lasts_us + 1 + draw_below(&life->draw, 3 * SECOND),
                 stale_finish_of(life, &run->as.run.attempt, RUN_FAILED));
}

static void draw_fate(struct life *life, const struct message *run, struct sim_fate *fate)
{
  struct draw *draw = &life->draw;
  int kind = (int)draw_below(draw, 100);
  fate->lasts_us = draw_below(draw, life->is_calm ? SECOND / 20 : SECOND);
  if (life->is_calm || kind < 50)
    return;
  if (kind < 65) {
    fate->state = RUN_FAILED;
    fate->error = "it fails";
  } else if (kind < 72 && !run->as.run.is_once) { /* to sleep is to begin again */
    fate->state = RUN_PENDING;
    fate->answer = (struct run_answer){VERDICT_SNOOZE, draw_below(draw, 20 * SECOND)};
    fate->error = "not yet";
    sometimes("a run goes to sleep");
  } else if (kind < 85) {
    fate->lasts_us = draw_size(draw, 100) * SECOND;
  } else if (kind < 88) {
    fate->lasts_us = INT64_MAX;
    sometimes("a run hangs");
  } else if (kind < 91) {
    fate->lasts_us = INT64_MAX;
    fate->heeds_us = draw_below(draw, 2 * SECOND);
  } else if (kind < 94) {
    fate->lasts_us = 0;
  }
  if (kind % 9 == 0)
    lie(life, run, fate);
}

void worker_model(void *context, struct sim *sim, const struct message *run, struct sim_fate *fate)
{
  (void)sim;
  draw_fate(context, run, fate);
  hold_ask(context, run, fate->lasts_us);
}

/* A worker that has told a run says so again, or of another attempt. */
static void lie_of_told(struct life *life, const struct message *run)
{
  struct message *m = message_create(MESSAGE_TOLD, run->to, ADDRESS_SCHEDULER);
  m->as.told.attempt = run->as.run.attempt;
  m->as.told.attempt.fence -= draw_chance(&life->draw, 30);
  m->as.told.reason = TOLD_SOFT_TIMEOUT;
  sometimes("a worker says twice that a soft time-out is over");
  sim_tell(life->sim, m);
}

/* The checker does not know who asks for attempts that the job says nothing of. */
static bool has_retry(struct life *life, const struct message *run)
{
  const struct booked *job = life_find(life, run->as.run.job_id);
  return job && cast_terms(job->options)->attempts > 0;
}

/* It goes on as if nothing had been said, does as it was told, or ends as it likes: who is told of
 * a soft time-out or a stop may ask for another attempt. */
void worker_told(void *context, struct sim *sim, const struct message *run, enum run_told reason,
                 struct sim_fate *fate)
{
  struct life *life = context;
  struct draw *draw = &life->draw;
  int kind = (int)draw_below(draw, 100);
  bool is_cancel = reason == TOLD_CANCELLED || reason == TOLD_OVERLAP;
  (void)sim;
  if (reason == TOLD_SOFT_TIMEOUT) {
    notice_given(life, &run->as.run.attempt, run->as.run.job_id, reason);
    if (kind % 10 == 0)
      lie_of_told(life, run);
  }
  if (kind % 2)
    hold_leave(life, run);
  if (fate->lasts_us != INT64_MAX || kind < 25)
    return;
  fate->lasts_us = draw_below(draw, 3 * SECOND);
  if (kind < 45) {
    sometimes("a run that is told to end ends well");
    fate->state = RUN_SUCCEEDED;
  } else if (kind < 65 && !run->as.run.is_once) {
    sometimes("a run that is told to end goes to sleep");
    fate->state = RUN_PENDING;
    fate->answer = (struct run_answer){VERDICT_SNOOZE, draw_below(draw, 20 * SECOND)};
  } else if (kind < 80 && !is_cancel && has_retry(life, run)) {
    sometimes("a run that is told to end asks for another attempt");
    fate->state = RUN_FAILED;
    fate->answer =
        (struct run_answer){VERDICT_RETRY, kind % 2 ? -1 : draw_below(draw, 20 * SECOND)};
  } else {
    sometimes("a run that is told to end does");
  }
}

bool worker_ended(void *context, struct sim *sim, struct message *run, struct message *finished)
{
  struct life *life = context;
  (void)sim;
  if (!life->is_stopping || life->is_calm || !is_deaf(&run->as.run.attempt)) {
    course_ended(life, finished);
    hold_ended(life, &finished->as.finished.attempt);
    return false;
  }
  sometimes("a run does not end before the daemon has");
  course_ended_unheard(life, &run->as.run.attempt);
  message_destroy(run);
  message_destroy(finished);
  return true;
}
