#include "ctl/job_warning.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/instant.h"

#define LATE_US INT64_C(60000000) /* what is due now may be past when it is looked at */

char *job_warning(const struct json *job, int64_t now_us)
{
  const char *next = json_text(json_get(job, "next_run_at"), NULL);
  const char *state = json_text(json_get(job, "state"), "");
  int64_t next_us;
  if (!next || strcmp(state, "active") != 0 || instant_parse(next, NULL, &next_us, NULL) ||
      next_us > now_us - LATE_US)
    return NULL;
  return memory_printf("its time, %.19sZ, has passed: it is due at once, unless it has run already",
                       next);
}

void job_warning_put(struct json_writer *writer, const struct json *job, int64_t now_us)
{
  char *warning = job_warning(job, now_us);
  json_begin_object(writer);
  json_each(member, job) {
    json_key(writer, member->key);
    json_write_tree(writer, member);
  }
  if (warning)
    json_put_text(writer, "warning", warning);
  json_end_object(writer);
  free(warning);
}
