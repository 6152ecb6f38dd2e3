/* By the beginning alone it is told whose a name is, so that the scheduler may get new events
 * without taking a name that somebody uses. */
#include "model/event_name.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

static const char *const event_names[] = {
    "scheduler_started",
    "scheduler_shutdown",
    "job_added",
    "job_modified",
    "job_removed",
    "job_paused",
    "job_resumed",
    "job_submitted",
    "job_started",
    "job_executed",
    "job_error",
    "job_missed",
    "job_max_instances",
    "job_retry",
    "job_cancelled",
    "job_interrupted",
    "job_log",
    "script_loaded",
    "script_failed",
    "script_removed",
    NULL,
};

bool event_name_is_own(const char *name)
{
  static const char *const begins[] = {"job_", "script_", "scheduler_"};
  for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
    if (strncmp(name, begins[i], strlen(begins[i])) == 0)
      return true;
  return false;
}

enum error_code event_name_check(const char *name, struct error *error)
{
  if (*name && !event_name_is_own(name))
    return ERROR_OK;
  for (const char *const *known = event_names; *known; known++)
    if (strcmp(*known, name) == 0)
      return ERROR_OK;
  char hint[128];
  return error_set(error, ERROR_INVALID, "unknown event \"%s\"%s", name,
                   text_did_you_mean(hint, name, event_names));
}
