/* By the beginning alone it is told whose a name is, so that the scheduler may get new events
 * without taking a name that somebody uses. */
#include "model/event_name.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
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

static bool fits_one_of(const char *const *patterns, const char *name)
{
  for (; *patterns; patterns++)
    if (text_matches(*patterns, name))
      return true;
  return false;
}

enum error_code event_member_check(const char *const *patterns, const char *member,
                                   struct error *error)
{
  for (size_t i = 0; patterns[i]; i++)
    if (!event_name_is_own(patterns[i]))
      return ERROR_OK;
  struct buffer words = {0};
  buffer_append_text(&words, "event at");
  for (const struct event_name *event = event_table; event->name; event++)
    if (fits_one_of(patterns, event->name))
      buffer_printf(&words, " %s", event->members);
  const char **members = memory_alloc((words.size / 2 + 2) * sizeof *members);
  char hint[128], *rest = NULL;
  size_t count = 0;
  bool is_known = false;
  for (char *word = strtok_r(words.data, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    is_known = is_known || strcmp(word, member) == 0;
    members[count++] = word;
  }
  members[count] = NULL;
  if (!is_known)
    error_set(error, ERROR_INVALID, "unknown member \"%.60s\" in the filter%s", member,
              text_did_you_mean(hint, member, members));
  free(members);
  buffer_deinit(&words);
  return is_known ? ERROR_OK : ERROR_INVALID;
}
