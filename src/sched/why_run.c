/* The story of a run, step by step: why it was due, which due times it stands for, when it was
 * claimed, how each attempt ended and what it used, and where it is now if it has not ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sched/checkpoint.h"
#include "sched/health.h"
#include "sched/lock.h"
#include "sched/recover.h"
#include "sched/request.h"
#include "sched/retry.h"
#include "sched/run.h"
#include "sched/view.h"
#include "sched/why.h"
#include "time/duration.h"

/* ---- the beginning ---- */

/* "on_file", or the name of what was emitted, of each that set it off. */
static void tell_events(struct request *r, const char *events)
{
  struct json_document *document;
  if (json_parse(events, strlen(events), &document, NULL))
    return;
  json_each(event, json_root(document)) {
    why_begin(r, "event", "set off by %s", json_text(json_get(event, "event"), "an event"));
    json_put_text(r->result, "at", json_text(json_get(event, "at"), NULL));
    json_key(r->result, "event");
    json_write_tree(r->result, event);
    why_end(r);
  }
  json_free(document);
}

static void tell_cause(struct request *r, const struct entry *entry, const struct run *run)
{
  struct buffer sentence = {0};
  switch (run->cause) {
  case RUN_BY_HAND:
    why_say(r, "cause", "at", run->key.scheduled_us, INT64_MIN, "somebody asked for it (run-now)");
    break;
  case RUN_BY_EVENT:
    if (run->events)
      tell_events(r, run->events);
    break;
  case RUN_BY_SCHEDULE:
    if (entry->job->trigger)
      trigger_explain(entry->job->trigger, &sentence);
    why_begin(r, "cause", "it was due%s%s", sentence.size ? ": " : "",
              sentence.size ? sentence.data : "");
    view_put_instant(r->result, "at", run->key.scheduled_us, INT64_MIN);
    why_end(r);
    break;
  }
  buffer_deinit(&sentence);
}

/* ---- attempts ---- */

/* As exact as is of use: three to six digits. */
static void format_span(char text[DURATION_TEXT_SIZE], int64_t us)
{
  if (us < 1000)
    duration_format(text, us);
  else if (us < 1000000)
    snprintf(text, DURATION_TEXT_SIZE, "%.3gms", (double)us / 1000);
  else if (us < 60 * INT64_C(1000000))
    snprintf(text, DURATION_TEXT_SIZE, "%.3fs", (double)us / 1000000);
  else
    duration_format(text, us / 1000000 * 1000000);
}

static double to_mib(int64_t bytes)
{
  return (double)bytes / (1 << 20);
}

/* The time of a single slice is counted in ticks of some milliseconds. */
static void put_usage(struct request *r, const struct run_usage *usage)
{
  char cpu[DURATION_TEXT_SIZE], commands[DURATION_TEXT_SIZE + 80] = "";
  if (usage->slices == 0)
    return;
  if (usage->commands_memory_bytes) {
    format_span(cpu, usage->commands_cpu_us);
    snprintf(commands, sizeof commands, "; its commands used %s, and at most %.1f MiB each", cpu,
             to_mib(usage->commands_memory_bytes));
  }
  format_span(cpu, usage->cpu_us);
  why_begin(r, "usage",
            "its Lua used %s%s CPU time in %lld slice%s; its script had at most %.1f MiB%s",
            usage->cpu_us ? cpu : "little", usage->cpu_us ? " of" : "", (long long)usage->slices,
            usage->slices == 1 ? "" : "s", to_mib(usage->memory_bytes), commands);
  view_put_usage(r->result, usage);
  why_end(r);
}

static const char *end_of(const struct run *run)
{
  switch (run->state) {
  case RUN_PENDING:
    return "asked to be begun anew later (snooze)";
  case RUN_INTERRUPTED:
    if (run_was_cut_by_stop(run))
      return "was " RUN_CUT_BY_STOP;
    if (run_end_is_known(run->state, run->error))
      return "was interrupted";
    return run->started_us ? "was " RUN_CUT_BY_END ", as the next start found"
                           : "was " RUN_CUT_BY_END
                             ", as the next start found; whether it had begun is not known";
  case RUN_TIMED_OUT:
    return "timed out";
  case RUN_CANCELLED:
    return run_end_is_known(run->state, run->error) ? "was cancelled"
                                                    : "was cancelled, and " RUN_CUT_BY_END
                                                      ", as the next start found";
  default:
    return run_state_name(run->state);
  }
}

static void tell_started(struct request *r, const struct run *run)
{
  if (run->attempt > 1 && run->due_us <= r->s->now_us) {
    why_begin(r, "due", "attempt %d was due", run->attempt);
    view_put_instant(r->result, "at", run->due_us, JOB_NEVER);
    why_end(r);
  }
  if (!run->started_us)
    return;
  why_begin(r, "started", "attempt %d began", run->attempt);
  view_put_instant(r->result, "at", run->started_us, 0);
  why_end(r);
}

/* What end_of() does not say already. */
static const char *reason_of(const struct run *run)
{
  const char *rest = run->error ? run->error : "";
  if (run_was_cut_by_stop(run))
    rest += strlen(RUN_CUT_BY_STOP);
  else if (!run_end_is_known(run->state, run->error))
    rest += strlen(RUN_CUT_BY_END);
  else
    return rest;
  return rest + strspn(rest, ": ");
}

/* The bytes of a result of which the beginning is kept; 0: all of it is. See exec/worker_run.c. */
static int64_t cut_result(const struct run *run)
{
  struct json_document *document;
  if (!text_begins_with(run->result, "{\"truncated\":") ||
      json_parse(run->result, strlen(run->result), &document, NULL))
    return 0;
  int64_t size = json_integer(json_get(json_root(document), "truncated"), 0);
  json_free(document);
  return size;
}

static void tell_ended(struct request *r, const struct run *run)
{
  char took[DURATION_TEXT_SIZE];
  bool is_known = run->started_us && run->finished_us > run->started_us &&
                  run_end_is_known(run->state, run->error);
  if (is_known)
    format_span(took, run->finished_us - run->started_us);
  const char *error = reason_of(run);
  put_usage(r, &run->usage);
  why_begin(r, run->state == RUN_PENDING ? "snoozed" : run_state_name(run->state),
            "attempt %d %s%s%s%s%.*s", run->attempt, end_of(run), is_known ? " after " : "",
            is_known ? took : "", *error ? ": " : "", (int)strcspn(error, "\n"), error);
  view_put_instant(r->result, "at", run->finished_us, 0);
  json_put_text(r->result, "error", run->error);
  why_end(r);
  int64_t size = cut_result(run);
  if (size) {
    why_begin(r, "result", "its result of %lld bytes is too long: its beginning is kept",
              (long long)size);
    why_end(r);
  }
}

/* ---- and no other one ---- */

static bool count_failure(void *context, const struct run *run, const char *job_id)
{
  int32_t *failures = context;
  (void)job_id;
  *failures += run_attempt_counts(run->state);
  return true;
}

/* Of the job's last run: its pause may be what that has come to. */
static void tell_pause(struct request *r, const struct entry *entry, const struct run *run)
{
  const struct job_progress *p = &entry->progress;
  if (p->state != JOB_PAUSED || !health_has_paused(entry) || run->key.scheduled_us != p->last_us ||
      run->finished_us > p->paused_us)
    return;
  why_begin(r, "paused", "and its job was paused (max_failures): %s", p->error);
  view_put_instant(r->result, "at", p->paused_us, 0);
  why_end(r);
}

static enum error_code tell_no_more(struct request *r, const struct entry *entry,
                                    const struct run *run)
{
  int32_t failures = 1;
  if (run->state != RUN_FAILED && run->state != RUN_TIMED_OUT && run->state != RUN_INTERRUPTED)
    return ERROR_OK;
  enum error_code code =
      store_each_attempt(r->s->store, run->key, 1, count_failure, &failures, r->error);
  char *why = code ? NULL : retry_explain(entry->job, run, failures);
  if (why) {
    why_begin(r, "no_attempt", "no other attempt follows: %s", why);
    why_end(r);
  }
  free(why);
  if (!code)
    tell_pause(r, entry, run);
  return code;
}

/* ---- how many are told ---- */

enum { FIRST_TOLD = 10, LAST_TOLD = 30 };

static bool tell_attempt(void *context, const struct run *run, const char *job_id)
{
  (void)job_id;
  tell_started(context, run);
  tell_ended(context, run);
  return true;
}

static bool tell_early_attempt(void *context, const struct run *run, const char *job_id)
{
  return run->attempt <= FIRST_TOLD && tell_attempt(context, run, job_id);
}

/* How it began and how it ended: one that snoozes for weeks has a million of them. */
static enum error_code tell_attempts(struct request *r, const struct run *run)
{
  struct store *store = r->s->store;
  int32_t left_out = run->attempt - 1 - FIRST_TOLD - LAST_TOLD;
  if (left_out <= 1)
    return store_each_attempt(store, run->key, 1, tell_attempt, r, r->error);
  enum error_code code = store_each_attempt(store, run->key, 1, tell_early_attempt, r, r->error);
  if (code)
    return code;
  why_begin(r, "attempts", "... %d attempts ...", left_out);
  why_end(r);
  return store_each_attempt(store, run->key, FIRST_TOLD + left_out + 1, tell_attempt, r, r->error);
}

/* ---- one that is open ---- */

static void tell_gate(struct request *r, const struct open_run *open)
{
  const struct wait *wait = &run_extra(open)->wait;
  char *name = wait->gate ? why_visible(gate_name(wait->gate)) : NULL;
  if (wait->why == WAIT_RATE)
    why_begin(r, "rate", "it waits for the rate of its job");
  else if (wait->why == WAIT_POOL)
    why_begin(r, "pool", "it waits for a slot of pool \"%s\"", name);
  else
    why_begin(r, "key", "it waits for concurrency key \"%s\"", name);
  free(name);
  view_put_instant(r->result, "since", wait->since_us, SINCE_UNKNOWN);
  if (wait->why == WAIT_RATE)
    view_put_instant(r->result, "clears_at", wait->until_us, INT64_MAX);
  else
    why_put_gate_holders(r, wait->gate, open->entry->job, true);
  why_end(r);
}

static void tell_lock(struct request *r, const struct open_run *open)
{
  const char *holder;
  int64_t since_us;
  const char *name = lock_awaited(r->s, open, &holder, &since_us);
  if (!name)
    return;
  why_begin(r, "lock", "it waits for lock \"%s\", which %s holds", name, holder);
  view_put_instant(r->result, "since", since_us, INT64_MIN);
  why_end(r);
}

static const char *told_why(const struct open_run *open)
{
  if (open->told == TOLD_CANCELLED)
    return "somebody asked for it (cancel)";
  return open->told == TOLD_OVERLAP ? "another run of the job is due" : "the daemon is stopping";
}

static void tell_open(struct request *r, const struct open_run *open)
{
  const struct wait *wait = &run_extra(open)->wait;
  if (!open->worker && recover_is_quarantined(open->entry)) {
    why_begin(r, "quarantine", "it waits until its job is resumed: moonbeat resume %s",
              open->entry->job->id);
    why_end(r);
  } else if (!open->worker && open->entry->job->is_unreadable) {
    why_begin(r, "waiting", "it waits until its job can be read: %s", open->entry->progress.error);
    why_end(r);
  } else if (wait->why == WAIT_RATE || wait->gate) {
    tell_gate(r, open);
  } else if (!open->worker && open->due_us > r->s->now_us && open->due_us != JOB_NEVER) {
    why_begin(r, "waiting", "attempt %d is due later", open->attempt);
    view_put_instant(r->result, "clears_at", open->due_us, JOB_NEVER);
    why_end(r);
  } else if (!open->worker) {
    why_script(r, "waiting", open->entry->job->script);
  } else if (!open->started_us) {
    why_begin(r, "waiting", "it was given to worker %d", open->worker - ADDRESS_WORKER + 1);
    why_end(r);
  } else {
    why_begin(r, "running", "attempt %d is running on worker %d", open->attempt,
              open->worker - ADDRESS_WORKER + 1);
    view_put_instant(r->result, "since", open->started_us, 0);
    progress_put(r->result, open);
    why_end(r);
  }
  if (open->worker)
    why_stuck(r, open->worker);
  why_isolated(r, open);
  tell_lock(r, open);
  if (open->told) {
    why_begin(r, "ending", "it was told to end, as %s, and will be %s%s", told_why(open),
              run_state_name(run_becomes(open)), open->killed ? " at once" : "");
    why_end(r);
  } else if (open->overtime) {
    why_begin(r, "ending",
              "it was told to end, as its soft_timeout is over; it may end as it likes");
    why_end(r);
  }
}

enum error_code why_run(struct request *r, struct entry *entry, const struct run *run)
{
  struct open_run *open = run_find(r->s, run->key);
  enum error_code code;
  tell_cause(r, entry, run);
  if ((code = why_skips_before(r, run)))
    return code;
  why_say(r, "claimed", "at", run->claimed_us, 0,
          "it was claimed: from here on no other run is it");
  if ((code = tell_attempts(r, run)))
    return code;
  struct run last = *run;
  if (open) /* the store may say when it was given to a worker */
    last.started_us = open->started_us;
  tell_started(r, &last);
  if (open)
    tell_open(r, open);
  else
    tell_ended(r, &last);
  if (!open && (code = tell_no_more(r, entry, &last)))
    return code;
  return why_skips_behind(r, run);
}
