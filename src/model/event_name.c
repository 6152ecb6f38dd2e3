/* By the beginning alone, so that the scheduler may get new events without taking a name that
 * somebody uses. */
#include "model/event_name.h"

#include <stddef.h>
#include <string.h>

bool event_name_is_own(const char *name)
{
  static const char *const begins[] = {"job_", "script_", "scheduler_"};
  for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
    if (strncmp(name, begins[i], strlen(begins[i])) == 0)
      return true;
  return false;
}
