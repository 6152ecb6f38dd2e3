/* By the beginning alone it is told whose a name is, so that the scheduler may get new events
 * without taking a name that somebody uses. */
#include "model/event_name.h"

#include <string.h>

#include "base/text.h"

const struct event_name event_table[] = {
#define X(name, use, members, summary) {#name, EVENT_##use, members, summary},
    EVENT_NAMES(X)
#undef X
        {0}};

static const char *const names[] = {
#define X(name, use, members, summary) #name,
    EVENT_NAMES(X)
#undef X
        NULL};

bool event_name_is_own(const char *name)
{
  static const char *const begins[] = {"job_", "script_", "scheduler_"};
  for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
    if (text_begins_with(name, begins[i]))
      return true;
  return false;
}

static bool is_same(const char *name, const char *known)
{
  return strcmp(name, known) == 0;
}

static enum error_code check(const char *name, bool (*fits)(const char *name, const char *known),
                             struct error *error)
{
  if (*name && !event_name_is_own(name))
    return ERROR_OK;
  for (const char *const *known = names; *known; known++)
    if (fits(name, *known))
      return ERROR_OK;
  char hint[128];
  return error_set(error, ERROR_INVALID, "unknown event \"%s\"%s", name,
                   text_did_you_mean(hint, name, names));
}

enum error_code event_name_check(const char *name, struct error *error)
{
  return check(name, is_same, error);
}

enum error_code event_pattern_check(const char *pattern, struct error *error)
{
  return check(pattern, text_matches, error);
}
