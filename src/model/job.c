#include "model/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
#define X(code, name) [code] = name,
    JOB_STATE_MAP(X)
#undef X
};

const char *job_state_name(enum job_state state)
{
  return state_names[state];
}

int job_state_from_name(const char *name)
{
  for (size_t i = 0; i < sizeof state_names / sizeof state_names[0]; i++)
    if (strcmp(state_names[i], name) == 0)
      return (int)i;
  return -1;
}

void job_destroy(struct job *job)
{
  if (!job)
    return;
  free(job->id);
  free(job->name);
  free(job->script);
  free(job->func);
  free(job->command);
  free(job->args);
  free(job->tags);
  free(job->where);
  free(job->spec);
  free(job->pool);
  free(job->concurrency_key);
  free(job->unique.key);
  free(job->retry.decide);
  free(job->retry.retry_on);
  free(job->retry.give_up_on);
  free(job->env);
  trigger_destroy(job->trigger);
  free(job);
}

/* Doubles hold every length below 285 years to the microsecond; what is longer is cut anyway. */
int64_t job_retry_delay(const struct job_retry *retry, int32_t failures, uint64_t random)
{
  double delay = (double)retry->delay_us, most = (double)retry->max_delay_us;
  if (retry->backoff == BACKOFF_LINEAR)
    delay *= failures;
  if (retry->backoff == BACKOFF_EXPONENTIAL)
    delay *= pow(retry->factor, failures - 1);
  if (!(delay < most))
    delay = most;
  double jitter = retry->jitter_share * delay + (double)retry->jitter_us;
  return (int64_t)(delay + jitter * ((double)(random >> 11) / (double)(UINT64_C(1) << 53)));
}
