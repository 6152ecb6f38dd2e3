/* The names of events. Those of the scheduler begin with "job_", "script_" or "scheduler_";
 * anything else may be emitted by scripts and clients. Any thread. */
#ifndef MODEL_EVENT_NAME_H
#define MODEL_EVENT_NAME_H

#include <stdbool.h>

#include "base/error.h"

bool event_name_is_own(const char *name);

/* Whether there may be an event of that name: ERROR_INVALID with the nearest one for a name that
 * begins as the scheduler's do and is none of them. */
enum error_code event_name_check(const char *name, struct error *error);

#endif
