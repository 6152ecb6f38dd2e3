/* The rules that a trigger goes by are others from now on: a zone's, or a calendar's days. Its
 * job's next due time is found anew.
 *
 * One that has come and waits for its turn is due, whatever holds for those that come. What has
 * been decided is not decided again: mostly it lies in the past, but not after the clock was set
 * back. Then the runs and skips tell how far the job was. The due time that stands lies behind all
 * of them; what lies behind it was another trigger's. */
#include "sched/anew.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/sometimes.h"
#include "sched/fire.h"
#include "sched/near.h"
#include "sched/turn.h"

enum { LOOKED_AT_MOST = 100 }; /* runs, and skips; those by hand lie between */

/* The last due time before `next_us` that was decided. */
struct decided {
  int64_t next_us, last_us;
  int left;
};

static bool note(struct decided *decided, int64_t us)
{
  bool is_mine = us < decided->next_us;
  if (is_mine && us > decided->last_us)
    decided->last_us = us;
  return !is_mine && --decided->left > 0;
}

static bool note_run(void *context, const struct run *run, const char *job_id)
{
  struct decided *decided = context;
  (void)job_id;
  return run->cause == RUN_BY_SCHEDULE ? note(decided, run->key.scheduled_us) : --decided->left > 0;
}

static bool note_skip(void *context, const struct skip *skip)
{
  return note(context, skip->last_us);
}

static int64_t last_decided(struct sched *s, const struct entry *entry)
{
  const struct job_progress *progress = &entry->progress;
  struct decided decided = {progress->next_us, INT64_MIN, LOOKED_AT_MOST};
  struct error error;
  int64_t job = entry->job->number;
  sched_failed(s, store_each_run_of(s->store, job, progress->last_us, note_run, &decided, &error),
               &error);
  decided.left = LOOKED_AT_MOST;
  sched_failed(s, store_each_skip_of(s->store, job, note_skip, &decided, &error), &error);
  return decided.last_us;
}

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

void anew_fire(struct sched *s, struct entry *entry)
{
  struct job_progress *progress = &entry->progress;
  int64_t next_us;
  read_again(entry->job);
  if (progress->next_us <= s->now_us) {
    sometimes("the rules of a due time change while it waits");
    return;
  }
  int64_t after_us = last_decided(s, entry);
  if (after_us >= s->now_us)
    sometimes("rules change behind what was decided before the clock was set back");
  else
    after_us = s->now_us - 1;
  progress->next_us = fire_next(entry->job, after_us, &next_us) ? next_us : JOB_NEVER;
  fire_conclude(s, entry);
  near_changed(s, entry);
}
