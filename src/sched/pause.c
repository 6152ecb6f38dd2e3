/* Pausing: by a person, by the option `enabled`, or by what befell the job, which is kept beside
 * the state as the reason. What is due while a job is paused is recorded as skipped when it is
 * resumed (fire_resume). */
#include "sched/pause.h"

#include <stdlib.h>

#include "base/memory.h"
#include "sched/event.h"
#include "sched/health.h"
#include "sched/near.h"

static void tell(struct sched *s, const struct entry *entry)
{
  if (!event_wanted(s, "job_paused", EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "job_paused");
  json_put_text(&writer, "job", entry->job->id);
  json_put_text(&writer, "script", entry->job->script);
  json_put_text(&writer, "reason", entry->progress.error);
  event_end(s, &out, &writer, "job_paused", EVENT_RARE);
}

void pause_entry(struct sched *s, struct entry *entry, const char *reason)
{
  char *copy = memory_strdup(reason);
  free(entry->progress.error);
  entry->progress.error = copy;
  entry->progress.state = JOB_PAUSED;
  entry->progress.paused_us = s->now_us;
  health_pause(s, entry);
  near_changed(s, entry);
  tell(s, entry);
}
