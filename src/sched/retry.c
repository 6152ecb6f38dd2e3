/* Whether another attempt follows one that has ended, and when.
 *
 * In order: what the run itself asked for (run:retry, run:snooze), what its job's retry.decide
 * said, the patterns give_up_on and retry_on, the backoff. The first two were asked on the worker
 * and come with the finish; the rest is decided here. retry.attempts bounds all of it but snoozing:
 * attempts that were snoozed or interrupted do not count towards it. */
#include "sched/retry.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/pattern.h"
#include "sched/run.h"

enum {
  ATTEMPTS_ASKED = 3,       /* of a run that asks for it, when its job says nothing of retrying */
  PATTERN_BUDGET = 1000000, /* some milliseconds */
};

/* The same for the same attempt, so that a turn that is taken again decides the same. */
static uint64_t random_of(const struct open_run *run)
{
  uint64_t x = (uint64_t)run->key.scheduled_us * UINT64_C(0x9E3779B97F4A7C15) +
               (uint64_t)run->key.job * UINT64_C(0xBF58476D1CE4E5B9) + (uint64_t)run->attempt;
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

/* Whether one of `patterns`, a JSON array, is found in the error; not in its traceback. */
static bool matches(const struct job *job, const char *patterns, const char *error)
{
  struct json_document *document;
  const char *text = error ? error : "", *traceback = strstr(text, "\nstack traceback:");
  size_t size = traceback ? (size_t)(traceback - text) : strlen(text);
  bool found = false;
  if (json_parse(patterns, strlen(patterns), &document, NULL))
    return false;
  json_each(pattern, json_root(document)) {
    struct error problem;
    enum pattern_result result =
        pattern_find(text, size, json_text(pattern, ""), PATTERN_BUDGET, &problem);
    if (result == PATTERN_MORE)
      log_warn("%s: the pattern \"%s\" takes too long on an error of %zu bytes and is taken not to "
               "match",
               job->id, json_text(pattern, ""), size);
    found = found || result == PATTERN_MATCHED;
  }
  json_free(document);
  return found;
}

static bool patterns_allow(const struct job *job, const char *error)
{
  const struct job_retry *retry = &job->retry;
  if (retry->give_up_on && matches(job, retry->give_up_on, error))
    return false;
  return !retry->retry_on || matches(job, retry->retry_on, error);
}

static int32_t count_failures(const struct open_run *run)
{
  return run->attempt - run->uncounted;
}

bool retry_may_follow(const struct open_run *run)
{
  return count_failures(run) < run->entry->job->retry.attempts;
}

bool retry_follows(const struct open_run *run, const struct run *ended,
                   const struct run_answer *answer, int64_t *delay_us)
{
  const struct job *job = run->entry->job;
  if (run->entry->removed || run_is_cancelled(run))
    return false;
  if (ended->state == RUN_PENDING) {
    *delay_us = answer->delay_us;
    return true;
  }
  if (ended->state != RUN_FAILED && ended->state != RUN_TIMED_OUT)
    return false;
  bool is_asked = answer->verdict == VERDICT_RETRY;
  int32_t failures = count_failures(run), most = job->retry.attempts;
  if (is_asked && most == 0 && job->delivery != AT_MOST_ONCE)
    most = ATTEMPTS_ASKED;
  if (failures >= most || answer->verdict == VERDICT_GIVE_UP)
    return false;
  if (!is_asked && !patterns_allow(job, ended->error))
    return false;
  *delay_us = is_asked && answer->delay_us >= 0
                  ? answer->delay_us
                  : job_retry_delay(&job->retry, failures, random_of(run));
  return true;
}

char *retry_explain(const struct job *job, const struct run *ended, int32_t failures)
{
  const struct job_retry *retry = &job->retry;
  if (ended->state != RUN_FAILED && ended->state != RUN_TIMED_OUT)
    return NULL;
  if (!retry->attempts && failures >= ATTEMPTS_ASKED)
    return memory_printf("it has asked for another one as often as it may: %d attempts", failures);
  if (!retry->attempts)
    return memory_strdup("its job has no retry");
  if (failures >= retry->attempts)
    return retry->attempts == 1 ? memory_strdup("its job has one attempt (retry)")
                                : memory_printf("all %d are used up (retry)", retry->attempts);
  if (retry->give_up_on && matches(job, retry->give_up_on, ended->error))
    return memory_strdup("its error matches give_up_on");
  if (retry->retry_on && !matches(job, retry->retry_on, ended->error))
    return memory_strdup("its error matches nothing of retry_on");
  return retry->decide ? memory_strdup("retry.decide has said so") : NULL;
}
