/* Due times that became no run: those around a run, as part of its story, and the one that is asked
 * for, with the skip that it is part of. */
#include <stdlib.h>

#include "base/memory.h"
#include "sched/request.h"
#include "sched/view.h"
#include "sched/why.h"
#include "time/duration.h"

/* ---- around a run ---- */

struct around {
  const struct run *run;
  struct skip *skips; /* as the store has them: the newest first */
  size_t count;
};

static void tell_skip(struct request *r, const struct skip *skip, const char *where)
{
  if (skip->count == 1)
    why_begin(r, "skip", "a due time %s it was skipped: %s", where, skip_reason_name(skip->reason));
  else
    why_begin(r, "skip", "%lld due times %s it were skipped: %s", (long long)skip->count, where,
              skip_reason_name(skip->reason));
  view_put_instant(r->result, "at", skip->last_us, INT64_MIN);
  view_put_instant(r->result, "first_at", skip->first_us, INT64_MIN);
  json_put_integer(r->result, "count", skip->count);
  why_end(r);
}

static void gather(struct around *around, const struct skip *skip)
{
  around->skips = memory_resize(around->skips, (around->count + 1) * sizeof *around->skips);
  around->skips[around->count++] = *skip;
}

/* Those since the run before. */
static bool gather_before(void *context, const struct skip *skip)
{
  struct around *around = context;
  const struct run *run = around->run;
  if (skip->last_us < run->key.scheduled_us && skip->first_us > run->previous_us)
    gather(around, skip);
  return skip->last_us > run->previous_us;
}

/* Those that it kept away while it was open. */
static bool gather_behind(void *context, const struct skip *skip)
{
  struct around *around = context;
  const struct run *run = around->run;
  int64_t until_us = run->finished_us ? run->finished_us : INT64_MAX;
  if (skip->reason == SKIP_OVERLAP && skip->first_us > run->key.scheduled_us &&
      skip->first_us <= until_us)
    gather(around, skip);
  return skip->last_us > run->key.scheduled_us;
}

/* In the order of time. */
static enum error_code tell_skips(struct request *r, const struct run *run,
                                  store_skip_visitor visit, const char *where)
{
  struct around around = {.run = run};
  enum error_code code = store_each_skip_of(r->s->store, run->key.job, visit, &around, r->error);
  while (!code && around.count > 0)
    tell_skip(r, &around.skips[--around.count], where);
  free(around.skips);
  return code;
}

enum error_code why_skips_before(struct request *r, const struct run *run)
{
  return tell_skips(r, run, gather_before, "before");
}

enum error_code why_skips_behind(struct request *r, const struct run *run)
{
  return tell_skips(r, run, gather_behind, "behind");
}

/* ---- in place of a run ---- */

struct search {
  struct request *r;
  const struct entry *entry;
  int64_t scheduled_us;
  bool is_due; /* as the trigger is now; what an event would have set off is no due time */
  bool found;
};

static void tell_reason(struct request *r, const struct entry *entry, const struct skip *skip)
{
  const struct job *job = entry->job;
  char grace[DURATION_TEXT_SIZE];
  switch (skip->reason) {
  case SKIP_MISFIRE:
    if (job->misfire_grace_us == INT64_MAX && job->replay_limit) {
      why_begin(r, "misfire", "more were late than the %d that %s allows to run", job->replay_limit,
                job->buffer_limit ? "buffer_limit" : "replay_limit");
    } else if (job->misfire_grace_us == INT64_MAX) {
      why_begin(r, "misfire", "it was late, and stands in a later run (coalesce = \"%s\")",
                job_coalesce_names[job->coalesce]);
    } else {
      duration_format(grace, job->misfire_grace_us);
      why_begin(r, "misfire",
                "it was later than misfire_grace_time allows (%s), or stands in a later run",
                grace);
    }
    break;
  case SKIP_OVERLAP:
    why_begin(r, "overlap",
              "as many runs as may be were open (overlap = \"%s\", max_instances = %d)",
              job_overlap_names[job->overlap], job->max_instances);
    break;
  case SKIP_PAUSED:
    why_begin(r, "paused", "the job was paused");
    break;
  case SKIP_CALENDAR:
    why_begin(r, "calendar", "a calendar excepted it");
    break;
  case SKIP_LIMIT:
    why_begin(r, "limit",
              "it waited for its pool, its key or its rate until a later one was due, or its "
              "trigger was changed");
    break;
  }
  view_put_instant(r->result, "at", skip->recorded_us, 0);
  why_end(r);
}

static bool look_at_skip(void *context, const struct skip *skip)
{
  struct search *search = context;
  struct request *r = search->r;
  int64_t us = search->scheduled_us;
  bool is_end = us == skip->first_us || us == skip->last_us;
  if (!is_end && (!search->is_due || us < skip->first_us || us > skip->last_us))
    return true;
  search->found = true;
  tell_reason(r, search->entry, skip);
  if (skip->count > 1) {
    why_begin(r, "skip", "it is one of %lld due times that were skipped together",
              (long long)skip->count);
    view_put_instant(r->result, "first_at", skip->first_us, INT64_MIN);
    view_put_instant(r->result, "last_at", skip->last_us, INT64_MIN);
    json_put_integer(r->result, "count", skip->count);
    why_end(r);
  }
  return false;
}

enum error_code why_no_run(struct request *r, struct entry *entry, int64_t scheduled_us)
{
  struct search search = {.r = r, .entry = entry, .scheduled_us = scheduled_us};
  const struct job *job = entry->job;
  int64_t next_us = 0;
  search.is_due = job->trigger && trigger_next(job->trigger, scheduled_us - 1, &next_us) &&
                  next_us == scheduled_us;
  if (search.is_due && scheduled_us >= entry->progress.next_us)
    return why_not_running(r, entry);
  enum error_code code =
      store_each_skip_of(r->s->store, job->number, look_at_skip, &search, r->error);
  if (code || search.found)
    return code;
  struct buffer id = {0};
  run_format_id(&id, job->id, scheduled_us);
  error_set(r->error, ERROR_NOT_FOUND,
            search.is_due ? "there is no run \"%s\": what became of it is not kept any more"
                          : "there is no run \"%s\": its trigger, as it is now, is not due then",
            id.data);
  buffer_deinit(&id);
  return ERROR_NOT_FOUND;
}
