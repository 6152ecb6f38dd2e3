/* What a due time becomes: a claimed run, or a recorded skip with its reason. Every due time up to
 * the job's cursor (progress.next_us) is one or part of the other, and the cursor moves in the same
 * transaction, so none is lost and none is told twice.
 *
 * A job that is behind (the laptop slept) has its missed fires counted, not stepped through. */
#include "sched/fire.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/ask.h"
#include "sched/event.h"
#include "sched/finish.h"
#include "sched/follow.h"
#include "sched/health.h"
#include "sched/near.h"
#include "sched/queue.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/turn.h"
#include "sched/view.h"

bool fire_next(const struct job *job, int64_t us, int64_t *next_us)
{
  return job->trigger && trigger_next(job->trigger, us, next_us);
}

int64_t fire_first(const struct job *job, int64_t now_us)
{
  int64_t first_us;
  if (fire_next(job, now_us - 1, &first_us))
    return first_us;
  /* A date in the past is due once, late. */
  if (fire_next(job, INT64_MIN, &first_us) && !fire_next(job, first_us, &(int64_t){0}))
    return first_us;
  return JOB_NEVER;
}

void fire_conclude_claimed(struct sched *s, struct entry *entry)
{
  struct job_progress *progress = &entry->progress;
  const struct trigger *trigger = entry->job->trigger;
  bool may_fire = progress->next_us != JOB_NEVER || (trigger && trigger_is_open(trigger));
  if (progress->state == JOB_FINISHED && may_fire)
    progress->state = JOB_ACTIVE;
  if (may_fire)
    ask_next(s, entry);
  if (progress->state != JOB_ACTIVE || may_fire || !trigger)
    return;
  if (trigger_gave_up(trigger, progress->last_us)) {
    progress->state = JOB_ERROR;
    free(progress->error);
    progress->error = memory_strdup("its trigger has no fire as far as it was searched");
    return;
  }
  progress->state = JOB_FINISHED;
}

void fire_conclude(struct sched *s, struct entry *entry)
{
  bool was_active = entry->progress.state == JOB_ACTIVE;
  fire_conclude_claimed(s, entry);
  if (was_active && entry->progress.state == JOB_FINISHED && s->health && entry->open_runs == 0)
    health_finish(s, entry);
}

/* A claim's row tells how far the cursor is, which is as far as it went by the rules of then:
 * those of a calendar may be others when that is read. */
static void move_cursor(struct sched *s, struct entry *entry, int64_t after_us,
                        const struct open_run *claimed)
{
  struct job_progress *progress = &entry->progress;
  bool is_told = claimed && !trigger_uses_calendar(entry->job->trigger, NULL);
  if (!fire_next(entry->job, after_us, &progress->next_us))
    progress->next_us = JOB_NEVER;
  if (progress->next_us > s->now_us) {
    entry->waited_for = WAIT_NONE;
    entry->wait.since_us = 0;
  }
  fire_conclude(s, entry);
  if (is_told)
    near_moved(s, entry);
  else
    near_changed(s, entry);
}

static void tell_skip(struct sched *s, const struct entry *entry, const struct skip *skip)
{
  const char *name = skip->reason == SKIP_OVERLAP ? "job_max_instances" : "job_missed";
  if (!event_wanted(s, name, EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  json_put_text(&writer, "job", entry->job->id);
  view_put_instant(&writer, "scheduled_at", skip->last_us, INT64_MIN);
  json_put_text(&writer, "reason", skip_reason_name(skip->reason));
  json_put_integer(&writer, "count", skip->count);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

/* One that goes on where the last one ended, for the same reason, becomes part of it: a run that
 * lasts an hour makes one row of the fires it kept away. */
static void record_skip(struct sched *s, struct entry *entry, int64_t first_us, int64_t last_us,
                        int64_t count, enum skip_reason reason)
{
  struct error error;
  enum error_code code = ERROR_NOT_FOUND;
  struct skip skip = {.job = entry->job->number,
                      .first_us = first_us,
                      .last_us = last_us,
                      .count = count,
                      .reason = reason,
                      .recorded_us = s->now_us};
  struct skip *last = &entry->last_skip.skip;
  if (entry->last_skip.number && last->reason == reason && entry->last_skip.then_us == first_us) {
    last->last_us = last_us;
    last->count += count;
    last->recorded_us = s->now_us;
    sometimes("a skip goes on where the last one ended");
    code = store_extend_skip(s->store, entry->last_skip.number, last, &error);
  }
  if (code == ERROR_NOT_FOUND) {
    *last = skip;
    code = store_add_skip(s->store, &skip, &entry->last_skip.number, &error);
  }
  if (!fire_next(entry->job, last_us, &entry->last_skip.then_us))
    entry->last_skip.then_us = JOB_NEVER;
  if (!sched_failed(s, code, &error))
    tell_skip(s, entry, &skip);
}

void fire_skip_event(struct sched *s, struct entry *entry, enum skip_reason reason)
{
  entry->last_skip.then_us = s->now_us; /* events follow each other at any time */
  record_skip(s, entry, s->now_us, s->now_us, 1, reason);
}

/* All due times in [next_us, until_us], at least one: how many, and the last. */
static int64_t count_due(const struct entry *entry, int64_t until_us, int64_t *last_us)
{
  int64_t first_us = entry->progress.next_us, later;
  *last_us = first_us;
  later = trigger_count(entry->job->trigger, first_us, until_us, last_us);
  if (later == 0)
    *last_us = first_us;
  return later + 1;
}

static int64_t grace_start(const struct sched *s, const struct job *job)
{
  if (job->misfire_grace_us >= s->now_us)
    return INT64_MIN;
  return s->now_us - job->misfire_grace_us;
}

bool fire_is_full(const struct entry *entry)
{
  return entry->open_runs >= entry->job->max_instances;
}

/* ---- late, and full ---- */

/* Due times that are decided together: all that the entry has up to now, and which of them. */
struct due {
  int64_t first_us, last_us, count;
};

static bool is_due(const struct sched *s, const struct entry *entry)
{
  return entry->progress.state == JOB_ACTIVE && entry->progress.next_us <= s->now_us;
}

static struct due gather(const struct sched *s, const struct entry *entry)
{
  struct due due = {entry->progress.next_us, entry->progress.next_us, 1};
  int64_t second_us;
  if (fire_next(entry->job, due.first_us, &second_us) && second_us <= s->now_us)
    due.count = count_due(entry, s->now_us, &due.last_us);
  return due;
}

/* Why due times pass without a run of their own: by what they wait for, or have waited for. */
static enum skip_reason reason_of(const struct entry *entry)
{
  switch (entry->wait.why == WAIT_NONE ? entry->waited_for : entry->wait.why) {
  case WAIT_OVERLAP:
    return SKIP_OVERLAP;
  case WAIT_POOL:
  case WAIT_KEY:
  case WAIT_RATE:
    return SKIP_LIMIT;
  default:
    return SKIP_MISFIRE;
  }
}

/* What has been late for longer than the grace is skipped; false when nothing else is due. */
static bool pass_over_late(struct sched *s, struct entry *entry)
{
  int64_t grace_us = grace_start(s, entry->job), last_us;
  if (entry->progress.next_us >= grace_us)
    return true;
  sometimes("due times are past their grace");
  int64_t first_us = entry->progress.next_us;
  int64_t count = count_due(entry, grace_us - 1, &last_us);
  record_skip(s, entry, first_us, last_us, count, SKIP_MISFIRE);
  move_cursor(s, entry, last_us, NULL);
  return is_due(s, entry);
}

/* The last of the first `count` due times, found by halving: they are counted, not stepped through.
 * The first need not be one of the trigger's as it is now: its zone may have changed since. */
static int64_t find_last_of(const struct entry *entry, const struct due *due, int64_t count)
{
  int64_t low_us = due->first_us, high_us = due->last_us, last_us = due->first_us;
  while (low_us < high_us) {
    int64_t middle_us = low_us + (high_us - low_us + 1) / 2, last_here_us = due->first_us;
    int64_t here = 1 + trigger_count(entry->job->trigger, due->first_us, middle_us, &last_here_us);
    if (here <= count) {
      low_us = middle_us;
      last_us = last_here_us;
    } else {
      high_us = middle_us - 1;
    }
  }
  return last_us;
}

/* Only the latest replay_limit are kept. A buffer overflows because of an open run, or of whatever
 * else its job has waited for. */
static void pass_over_too_many(struct sched *s, struct entry *entry, struct due *due)
{
  const struct job *job = entry->job;
  int64_t surplus = due->count - job->replay_limit;
  if (job->coalesce != COALESCE_ALL || job->replay_limit == 0 || surplus <= 0)
    return;
  sometimes("more due times are late than are replayed");
  int64_t last_us = find_last_of(entry, due, surplus);
  enum skip_reason reason = SKIP_MISFIRE;
  if (job->overlap == OVERLAP_BUFFER_ALL)
    reason = fire_is_full(entry) ? SKIP_OVERLAP : reason_of(entry);
  record_skip(s, entry, due->first_us, last_us, surplus, reason);
  move_cursor(s, entry, last_us, NULL);
  due->first_us = entry->progress.next_us;
  due->count -= surplus;
}

/* All but the latest of them, which has taken the place of those before. */
static void pass_over_replaced(struct sched *s, struct entry *entry, struct due *due)
{
  int64_t before_last_us = due->first_us;
  sometimes("a due time takes the place of one that waits for an open run");
  trigger_count(entry->job->trigger, due->first_us - 1, due->last_us - 1, &before_last_us);
  record_skip(s, entry, due->first_us, before_last_us, due->count - 1, SKIP_OVERLAP);
  move_cursor(s, entry, before_last_us, NULL);
  due->first_us = entry->progress.next_us;
  due->count = 1;
}

/* `coalesce` is for what was missed, `overlap` for what comes due while runs are open, of which one
 * waits unless it is "buffer_all". With COALESCE_ALL these stand behind what was missed, and come
 * to their turn when that has run. */
static void meet_overlapped(struct sched *s, struct entry *entry, struct due *due)
{
  const struct job *job = entry->job;
  bool has_met =
      entry->waited_for == WAIT_OVERLAP || (entry->waited_for != WAIT_NONE && fire_is_full(entry));
  if (has_met)
    entry->overlap_us = s->now_us;
  else if (due->count > 1 && due->last_us > entry->overlap_us)
    entry->missed_us = due->last_us;
  bool is_one = job->coalesce == COALESCE_ALL
                    ? job->overlap != OVERLAP_BUFFER_ALL && due->first_us > entry->missed_us
                    : job->coalesce == COALESCE_LATEST && entry->waited_for == WAIT_OVERLAP;
  if (is_one && due->count > 1)
    pass_over_replaced(s, entry, due);
}

static void end_others(struct sched *s, const struct entry *entry, bool at_once)
{
  for (struct open_run *run = s->open_runs; run; run = run->hh.next) {
    bool is_ending = at_once ? run->killed : run->told != TOLD_NOTHING;
    if (run->entry != entry || run->ended || is_ending)
      continue;
    if (!run->worker)
      finish_here(s, run, RUN_CANCELLED, "another run of the job was due");
    else if (at_once)
      run_cancel(s, run, TOLD_OVERLAP);
    else
      run_cancel_softly(s, run, TOLD_OVERLAP);
  }
}

static bool ends_others(const struct job *job)
{
  return job->overlap == OVERLAP_CANCEL_OTHER || job->overlap == OVERLAP_TERMINATE_OTHER;
}

/* Nobody is ended for a run that may not begin yet by the job's own rate. */
bool fire_meet_overlap(struct sched *s, struct entry *entry, bool is_backlog)
{
  if (!ends_others(entry->job))
    return true;
  if (!gate_admits_pace(s, entry, is_backlog))
    return false;
  end_others(s, entry, entry->job->overlap == OVERLAP_TERMINATE_OTHER);
  return true;
}

/* What comes due meanwhile takes the place of what waits, or ends others: that is seen when it
 * does, but not more often than each second. */
static void wait_for_overlap(struct sched *s, struct entry *entry)
{
  const int64_t soonest_us = s->now_us + 1000000;
  int64_t us;
  if (!fire_next(entry->job, s->now_us, &us))
    us = INT64_MAX;
  gate_wait_for_overlap(s, entry, us < soonest_us ? soonest_us : us);
}

/* max_instances are open. Late ones that are all to run wait for each other, whatever the policy,
 * until another comes due behind them. True when there is room now: what was ended for them had no
 * worker. */
static bool meet_full(struct sched *s, struct entry *entry, const struct due *due)
{
  enum job_overlap overlap = entry->job->overlap;
  bool is_replay = entry->job->coalesce == COALESCE_ALL && due->first_us <= entry->missed_us;
  if ((overlap == OVERLAP_SKIP || overlap == OVERLAP_ALLOW) && !is_replay) {
    record_skip(s, entry, due->first_us, due->last_us, due->count, SKIP_OVERLAP);
    move_cursor(s, entry, due->last_us, NULL);
    return false;
  }
  bool is_only_replay = is_replay && due->last_us <= entry->missed_us;
  if (!is_only_replay && !fire_meet_overlap(s, entry, due->count > 1))
    return false;
  if (!fire_is_full(entry))
    return true;
  wait_for_overlap(s, entry);
  return false;
}

/* ---- claiming ---- */

static void claim_earliest(struct sched *s, struct entry *entry, const struct due *due)
{
  enum skip_reason reason = reason_of(entry);
  struct open_run *claimed = run_claim(s, entry, due->first_us, RUN_BY_SCHEDULE, NULL, NULL);
  int64_t second_us;
  if (!claimed) { /* it had run before the clock was set back: the next one is the earliest */
    move_cursor(s, entry, due->first_us, NULL);
    return;
  }
  if (due->count > 1 && fire_next(entry->job, due->first_us, &second_us)) {
    sometimes("due times are coalesced into the earliest");
    record_skip(s, entry, second_us, due->last_us, due->count - 1, reason);
    claimed = NULL; /* the cursor goes further than its row tells */
  }
  move_cursor(s, entry, due->last_us, claimed);
}

static void claim_latest(struct sched *s, struct entry *entry, const struct due *due)
{
  if (due->count > 1) {
    sometimes("due times are coalesced into the latest");
    int64_t before_last_us = due->first_us;
    trigger_count(entry->job->trigger, due->first_us - 1, due->last_us - 1, &before_last_us);
    record_skip(s, entry, due->first_us, before_last_us, due->count - 1, reason_of(entry));
  }
  move_cursor(s, entry, due->last_us,
              run_claim(s, entry, due->last_us, RUN_BY_SCHEDULE, NULL, NULL));
}

static void claim_next(struct sched *s, struct entry *entry, const struct due *due)
{
  move_cursor(s, entry, due->first_us,
              run_claim(s, entry, due->first_us, RUN_BY_SCHEDULE, NULL, NULL));
}

static void claim(struct sched *s, struct entry *entry, const struct due *due)
{
  switch (entry->job->coalesce) {
  case COALESCE_LATEST:
    claim_latest(s, entry, due);
    break;
  case COALESCE_EARLIEST:
    claim_earliest(s, entry, due);
    break;
  case COALESCE_ALL:
    claim_next(s, entry, due);
    break;
  }
}

void fire_hold(struct sched *s, struct entry *entry, const char *reason)
{
  if (entry->progress.state != JOB_ACTIVE && entry->progress.state != JOB_FINISHED)
    return;
  char *copy = memory_strdup(reason);
  free(entry->progress.error);
  entry->progress.error = copy;
  entry->progress.state = JOB_ERROR;
  near_changed(s, entry);
}

/* A job whose script is not there goes to `error` and waits, with its due time kept: nothing is
 * skipped, and nothing runs before a person has mended it. */
bool fire_is_held(struct sched *s, struct entry *entry)
{
  struct script_entry *script;
  struct error error;
  if (entry->progress.state == JOB_ERROR || entry->job->is_unreadable) {
    near_hold_back(s, entry);
    return true;
  }
  if (entry->job->command) {
    return false;
  } else {
    switch (script_ready(s, entry->job->script, &script, &error)) {
    case SCRIPT_READY:
      return false;
    case SCRIPT_LATER: /* until the load is over */
      near_hold_back(s, entry);
      return true;
    case SCRIPT_MISSING:
      break;
    }
  }
  fire_hold(s, entry, error.text);
  return true;
}

static void decide(struct sched *s, struct entry *entry)
{
  if (!pass_over_late(s, entry))
    return;
  struct due due = gather(s, entry);
  meet_overlapped(s, entry, &due);
  pass_over_too_many(s, entry, &due);
  if (fire_is_full(entry) && !meet_full(s, entry, &due))
    return;
  if (gate_admits_fire(s, entry, due.count > 1))
    claim(s, entry, &due);
}

int fire_entry(struct sched *s, struct entry *entry, int budget)
{
  int done = 0;
  if (fire_is_held(s, entry))
    return 1;
  follow_before(s, entry);
  if (!is_due(s, entry))
    return 1;
  do {
    decide(s, entry);
    done++;
  } while (done < budget && !s->failure && entry->wait.why == WAIT_NONE && is_due(s, entry));
  return done;
}

void fire_again(struct sched *s, struct entry *entry)
{
  near_take_place(s, entry);
  near_note(s, entry);
  if (is_due(s, entry))
    fire_entry(s, entry, 1);
  queue_try(s, entry);
}

void fire_leave_trigger(struct sched *s, struct entry *entry)
{
  const struct job_progress *progress = &entry->progress;
  int64_t last_us;
  if (entry->job->trigger && progress->next_us <= s->now_us) {
    sometimes("a trigger is changed before all its due times are decided");
    int64_t count = count_due(entry, s->now_us, &last_us);
    record_skip(s, entry, progress->next_us, last_us, count,
                progress->state == JOB_PAUSED ? SKIP_PAUSED : reason_of(entry));
  }
  entry->waited_for = WAIT_NONE;
  entry->last_skip.number = 0; /* a range is of one trigger: its count is that of its due times */
}

void fire_resume(struct sched *s, struct entry *entry)
{
  struct job_progress *progress = &entry->progress;
  follow_before(s, entry);
  progress->state = JOB_ACTIVE;
  progress->paused_us = 0;
  free(progress->error);
  progress->error = NULL;
  health_begin(s, entry, true);
  queue_release(s, entry->job->number);
  if (progress->next_us <= s->now_us && entry->job->trigger) {
    int64_t first_us = progress->next_us, last_us;
    int64_t count = count_due(entry, s->now_us, &last_us);
    record_skip(s, entry, first_us, last_us, count, SKIP_PAUSED);
    move_cursor(s, entry, last_us, NULL);
    return;
  }
  fire_conclude(s, entry);
  near_changed(s, entry);
}
