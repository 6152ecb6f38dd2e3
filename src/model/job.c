#include "model/job.h"

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
  trigger_destroy(job->trigger);
  free(job);
}

int64_t job_retry_delay(const struct job_retry *retry, int32_t attempt)
{
  int64_t delay = retry->delay_us;
  int32_t failures = attempt - 1; /* before this attempt */
  if (retry->backoff == BACKOFF_LINEAR)
    delay = delay > INT64_MAX / failures ? INT64_MAX : delay * failures;
  for (int32_t i = 1; retry->backoff == BACKOFF_EXPONENTIAL && i < failures; i++) {
    if (delay >= retry->max_delay_us || delay > INT64_MAX / 2)
      break;
    delay *= 2;
  }
  return delay < retry->max_delay_us ? delay : retry->max_delay_us;
}
