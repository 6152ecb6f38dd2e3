/* How an attempt ends: the run succeeds or fails for good, or waits for another attempt, which may
 * be for the next start of the daemon. A finish counts only with the fence of the attempt that is
 * in force. */
#include "sched/finish.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/arrive.h"
#include "sched/checkpoint.h"
#include "sched/fold.h"
#include "sched/health.h"
#include "sched/lock.h"
#include "sched/near.h"
#include "sched/retry.h"
#include "sched/run.h"
#include "sched/turn.h"

static void fill(struct run *row, const struct open_run *run)
{
  *row = (struct run){.key = run->key,
                      .state = RUN_PENDING,
                      .cause = run->cause,
                      .attempt = run->attempt,
                      .fence = run->fence,
                      .previous_us = run->previous_us,
                      .due_us = run->due_us,
                      .claimed_us = run->claimed_us,
                      .started_us = run->started_us,
                      .args = run_extra(run)->args,
                      .events = run_extra(run)->events,
                      .log_bytes = run->log_bytes};
}

/* The attempt has ended as `ended` says and another one is due at `due_us`. */
void finish_and_retry(struct sched *s, struct open_run *run, const struct run *ended,
                      int64_t due_us)
{
  struct error error;
  struct run again;
  fill(&again, run);
  again.attempt++;
  again.fence = s->next_fence++;
  again.due_us = due_us;
  again.started_us = 0;
  if (sched_failed(s, store_retry(s->store, ended, &again, &error), &error))
    return;
  lock_run_over(s, run);
  run_touch(s, run);
  gate_vacate(s, run);
  run->uncounted += !run_attempt_counts(ended->state);
  run->attempt = again.attempt;
  run->fence = again.fence;
  run->due_us = due_us;
  run->started_us = 0;
  run_give(s, run, 0);
  run->told = TOLD_NOTHING;
  run->killed = false;
  run->overtime = false;
  run->lasting = false; /* the row is pending again */
  fold_expect_mark(s);
  fold_lower_watermark(s, run->key.scheduled_us);
  run_wait_until(s, run, due_us);
  if (ended->state == RUN_PENDING)
    run_tell(s, "job_snoozed", EVENT_HOT, run, NULL, true);
  else
    run_tell(s, "job_retry", EVENT_RARE, run, NULL, true);
}

static const char *event_of(enum run_state state)
{
  switch (state) {
  case RUN_SUCCEEDED:
    return "job_executed";
  case RUN_CANCELLED:
    return "job_cancelled";
  case RUN_INTERRUPTED:
    return "job_interrupted";
  default:
    return "job_error";
  }
}

static void log_end(const struct open_run *run, const struct run *ended)
{
  const char *error = ended->error;
  if (ended->state == RUN_SUCCEEDED || ended->state == RUN_PENDING)
    log_debug("%s %s", run->entry->job->id,
              ended->state == RUN_PENDING ? "snoozed" : run_state_name(ended->state));
  else
    log_warn("%s %s%s%.*s", run->entry->job->id, run_state_name(ended->state), error ? ": " : "",
             error ? (int)strcspn(error, "\n") : 0, error ? error : "");
}

void finish_tell(struct sched *s, const struct open_run *run, const struct run *ended,
                 bool will_retry)
{
  enum event_use use = ended->state == RUN_SUCCEEDED ? EVENT_HOT : EVENT_RARE;
  run_tell(s, event_of(ended->state), use, run, ended, will_retry);
}

void finish_count_log(struct sched *s, const struct open_run *run)
{
  if (run->log_bytes == 0 || run->entry->removed)
    return;
  run->entry->progress.log_bytes += run->log_bytes;
  near_counted(s, run->entry);
}

static void end_for_good(struct sched *s, struct open_run *run, const struct run *ended)
{
  struct error error;
  finish_count_log(s, run);
  enum error_code code = store_finish(s->store, ended, &error);
  if (code == ERROR_CONFLICT)
    log_error("%s: a finish with a stale fence changed nothing", run->entry->job->id);
  else
    sched_failed(s, code, &error);
  checkpoint_drop(s, run);
  arrive_job_ended(s, run->entry, ended);
  health_run_ended(s, run->entry, ended);
  run_end(s, run);
}

/* Through no fault of the run. */
static void interrupt(struct sched *s, struct open_run *run, const struct run *ended)
{
  bool goes_on = run->entry->job->delivery != AT_MOST_ONCE && !run->entry->removed;
  log_end(run, ended);
  finish_tell(s, run, ended, goes_on);
  if (goes_on)
    finish_and_retry(s, run, ended, s->now_us);
  else
    end_for_good(s, run, ended);
}

/* Who has ended it, and what its worker says of that. The caller's. */
static char *error_by(const char *cause, const struct run *ended)
{
  return ended->error ? memory_printf("%s: %s", cause, ended->error) : memory_strdup(cause);
}

/* The next start finds no open attempt, which would look like one that a crash has cut off. */
static void cut_by_stop(struct sched *s, struct open_run *run, struct run *ended)
{
  char *error = error_by(RUN_CUT_BY_STOP, ended);
  ended->error = error;
  interrupt(s, run, ended);
  free(error);
}

static void end_cancelled(struct sched *s, struct open_run *run, struct run *ended)
{
  char *error = error_by(run_cancel_cause(run), ended);
  ended->state = RUN_CANCELLED;
  ended->error = error;
  log_end(run, ended);
  finish_tell(s, run, ended, false);
  end_for_good(s, run, ended);
  free(error);
}

/* By the cancel; or snoozed, or told of a stop, before it was heard. */
static bool is_unfinished(enum run_state state)
{
  return state == RUN_CANCELLED || state == RUN_PENDING || state == RUN_INTERRUPTED;
}

static void finish(struct sched *s, struct open_run *run, struct run *ended,
                   const struct run_answer *answer)
{
  int64_t delay_us = 0;
  if (run_is_cancelled(run) && is_unfinished(ended->state)) {
    end_cancelled(s, run, ended);
    return;
  }
  if (ended->state == RUN_INTERRUPTED && s->stopping) {
    cut_by_stop(s, run, ended);
    return;
  }
  bool goes_on = retry_follows(run, ended, answer, &delay_us);
  if (ended->state == RUN_PENDING && !goes_on) /* its job is removed */
    ended->state = RUN_CANCELLED;
  log_end(run, ended);
  if (ended->state != RUN_PENDING)
    finish_tell(s, run, ended, goes_on);
  if (goes_on)
    finish_and_retry(s, run, ended, s->now_us + delay_us);
  else
    end_for_good(s, run, ended);
}

void finish_reported(struct sched *s, const struct message *message)
{
  struct open_run *run = run_find_attempt(s, &message->as.finished.attempt);
  struct run ended;
  if (!run) {
    sometimes("a finish is stale");
    return;
  }
  fill(&ended, run);
  ended.state = message->as.finished.state;
  if (!ended.started_us) /* else it was announced, and people were told */
    ended.started_us = message->as.finished.started_us;
  ended.finished_us = message->as.finished.finished_us;
  ended.result = message->as.finished.result;
  ended.error = message->as.finished.error;
  ended.usage = message->as.finished.usage;
  finish(s, run, &ended, &message->as.finished.answer);
}

void finish_here(struct sched *s, struct open_run *run, enum run_state state, const char *error)
{
  struct run ended;
  fill(&ended, run);
  ended.state = state;
  ended.finished_us = s->now_us;
  ended.error = (char *)(uintptr_t)error;
  finish(s, run, &ended, &(struct run_answer){0});
}

void finish_cut_off(struct sched *s, struct open_run *run, const char *error)
{
  struct run ended;
  if (run->told) {
    finish_here(s, run, run_becomes(run), error);
    return;
  }
  fill(&ended, run);
  ended.state = RUN_INTERRUPTED;
  ended.finished_us = s->now_us;
  ended.error = (char *)(uintptr_t)error;
  interrupt(s, run, &ended);
}
