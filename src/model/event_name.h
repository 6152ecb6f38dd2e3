/* The names of events. Those of the scheduler begin with "job_", "script_" or "scheduler_";
 * anything else may be emitted by scripts and clients. Any thread. */
#ifndef MODEL_EVENT_NAME_H
#define MODEL_EVENT_NAME_H

#include <stdbool.h>

bool event_name_is_own(const char *name);

#endif
