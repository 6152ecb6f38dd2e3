#include "model/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "time/instant.h"
#include "time/zone.h"

static const char *const state_names[] = {
#define X(code, name) [code] = name,
    RUN_STATE_MAP(X)
#undef X
};

static const char *const told_names[] = {
#define X(code, name) [code] = name,
    RUN_TOLD_MAP(X)
#undef X
};

static const char *const reason_names[] = {
#define X(code, name) [code] = name,
    SKIP_REASON_MAP(X)
#undef X
};

const char *run_state_name(enum run_state state)
{
  return state_names[state];
}

int run_state_from_name(const char *name)
{
  for (size_t i = 0; i < sizeof state_names / sizeof state_names[0]; i++)
    if (strcmp(state_names[i], name) == 0)
      return (int)i;
  return -1;
}

const char *run_told_name(enum run_told told)
{
  return told_names[told];
}

const char *run_cause_name(enum run_cause cause)
{
  static const char *const names[] = {"schedule", "manual", "event"};
  return names[cause];
}

const char *skip_reason_name(enum skip_reason reason)
{
  return reason_names[reason];
}

bool run_was_cut_by_stop(const struct run *run)
{
  return run->state == RUN_INTERRUPTED && text_begins_with(run->error, RUN_CUT_BY_STOP);
}

bool run_end_is_known(enum run_state state, const char *error)
{
  return (state != RUN_INTERRUPTED && state != RUN_CANCELLED) ||
         !text_begins_with(error, RUN_CUT_BY_END);
}

void run_deinit(struct run *run)
{
  free(run->args);
  free(run->events);
  free(run->result);
  free(run->error);
  run->args = run->events = run->result = run->error = NULL;
}

void run_format_id(struct buffer *out, const char *job_id, int64_t scheduled_us)
{
  char instant[INSTANT_TEXT_SIZE];
  instant_format(instant, scheduled_us);
  size_t length = strlen(instant) - 1; /* without the Z */
  while (instant[length - 1] == '0')
    length--;
  if (instant[length - 1] == '.')
    length--;
  else
    length = strlen(instant) - 1;
  buffer_append_text(out, job_id);
  buffer_append_byte(out, '@');
  buffer_append(out, instant, length);
  buffer_append_byte(out, 'Z');
}

enum error_code run_parse_id(const char *text, char **job_id, int64_t *scheduled_us,
                             struct error *error)
{
  const struct zone *utc;
  const char *at = strrchr(text, '@');
  enum error_code code = zone_find("UTC", &utc, error);
  if (code)
    return code;
  if (!at || at == text)
    return error_set(error, ERROR_INVALID,
                     "\"%s\" is no run: it is written JOB@TIME, as in orders@2026-11-21T09:00:00Z",
                     text);
  code = instant_parse(at + 1, utc, scheduled_us, error);
  if (code)
    return error_prefix(error, "run \"%s\"", text);
  *job_id = memory_copy(text, (size_t)(at - text));
  return ERROR_OK;
}
