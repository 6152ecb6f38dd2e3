/* The rules that a trigger goes by are others since a moment: a zone's, or a calendar's days. Its
 * job's next due time is found anew.
 *
 * One that has come and waits for its turn is due, whatever holds for those that come. What has
 * been decided is not decided again: mostly it lies in the past, but not after the clock was set
 * back. Then the runs and skips tell how far the job was. */
#include "sched/anew.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/sometimes.h"
#include "sched/decided.h"
#include "sched/declare.h"
#include "sched/fire.h"
#include "sched/near.h"
#include "sched/turn.h"

/* A trigger with a limit has searched for its last fire by what held then: it is read anew. */
static void read_again(struct job *job)
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  struct json_document *document;
  struct trigger *trigger;
  trigger_to_json(job->trigger, &writer);
  if (!json_parse(text.data, text.size, &document, NULL)) {
    if (!trigger_from_json(json_root(document), NULL, &trigger, NULL)) {
      trigger_destroy(job->trigger);
      job->trigger = trigger;
    }
    json_free(document);
  }
  buffer_deinit(&text);
}

void anew_fire(struct sched *s, struct entry *entry, int64_t since_us)
{
  struct job_progress *progress = &entry->progress;
  int64_t next_us;
  if (since_us > s->now_us) /* the clock was set back */
    since_us = s->now_us;
  if (!declare_read_again(s, entry))
    return;
  read_again(entry->job);
  entry->last_skip.number = 0; /* a range counts due times by the same rules */
  if (progress->next_us <= since_us) {
    sometimes("the rules of a due time change while it waits");
    return;
  }
  int64_t after_us = decided_last(s, entry);
  if (after_us >= s->now_us)
    sometimes("rules change behind what was decided before the clock was set back");
  if (after_us < since_us)
    after_us = since_us - 1;
  progress->next_us = fire_next(entry->job, after_us, &next_us) ? next_us : JOB_NEVER;
  fire_conclude(s, entry);
  near_changed(s, entry);
}
