/* How runs, jobs and scripts look in answers and events. */
#include "sched/view.h"

#include <string.h>

#include "sched/checkpoint.h"
#include "sched/health.h"
#include "sched/near.h"
#include "sched/run.h"
#include "sched/twin.h"
#include "time/instant.h"

void view_put_instant(struct json_writer *writer, const char *key, int64_t us, int64_t none)
{
  char text[INSTANT_TEXT_SIZE];
  if (us != none)
    instant_format(text, us);
  json_put_text(writer, key, us == none ? NULL : text);
}

void view_write_run_id(struct json_writer *writer, const char *job_id, int64_t scheduled_us)
{
  struct buffer id = {0};
  run_format_id(&id, job_id, scheduled_us);
  json_write_text(writer, id.data);
  buffer_deinit(&id);
}

void view_put_run_id(struct json_writer *writer, const char *key, const char *job_id,
                     int64_t scheduled_us)
{
  json_key(writer, key);
  view_write_run_id(writer, job_id, scheduled_us);
}

void view_put_usage(struct json_writer *writer, const struct run_usage *usage)
{
  if (usage->slices == 0)
    return;
  json_put_integer(writer, "slices", usage->slices);
  json_put_integer(writer, "cpu_us", usage->cpu_us);
  json_put_integer(writer, "memory", usage->memory_bytes);
  if (usage->commands_memory_bytes == 0)
    return;
  json_put_integer(writer, "commands_cpu_us", usage->commands_cpu_us);
  json_put_integer(writer, "commands_memory", usage->commands_memory_bytes);
}

void view_run_members(struct sched *s, struct json_writer *writer, const struct run *run,
                      const char *job_id)
{
  const struct open_run *open = run_find(s, run->key);
  int64_t started_us = open ? open->started_us : run->started_us;
  enum run_state state = open && started_us ? RUN_RUNNING : run->state;
  view_put_run_id(writer, "id", job_id, run->key.scheduled_us);
  json_put_text(writer, "job", job_id);
  json_put_text(writer, "state", run_state_name(state));
  json_put_text(writer, "cause", run_cause_name(run->cause));
  view_put_instant(writer, "scheduled_at", run->key.scheduled_us, INT64_MIN);
  view_put_instant(writer, "claimed_at", run->claimed_us, 0);
  view_put_instant(writer, "started_at", started_us, 0);
  view_put_instant(writer, "finished_at", run->finished_us, 0);
  json_put_integer(writer, "attempt", run->attempt);
  if (!run_has_ended(state) && run->due_us > run->key.scheduled_us && run->due_us != JOB_NEVER)
    view_put_instant(writer, "due_at", run->due_us, 0);
  if (run->events)
    json_put_raw(writer, "events", run->events);
  if (open && run_is_cancelled(open))
    json_put_boolean(writer, "cancelling", true);
  progress_put(writer, open);
  json_put_raw(writer, "result", run->result);
  json_put_text(writer, "error", open ? NULL : run->error);
  view_put_usage(writer, &run->usage);
}

void view_run(struct sched *s, struct json_writer *writer, const struct run *run,
              const char *job_id)
{
  json_begin_object(writer);
  view_run_members(s, writer, run, job_id);
  json_end_object(writer);
}

void view_job_members(struct sched *s, struct json_writer *writer, const struct job *job,
                      const struct job_progress *progress)
{
  /* What this turn changed is in memory only. */
  const struct entry *entry = near_find(s, job->number);
  job_put_members(writer, entry ? entry->job : job, entry ? &entry->progress : progress);
  json_put_integer(writer, "running", entry ? entry->open_runs : 0);
  progress_put(writer, entry ? progress_of_job(s, entry) : NULL);
  const struct job_health *health = health_find(s, job->number);
  json_put_integer(writer, "failures", health ? health->failures : 0);
  json_put_boolean(writer, "late", health && health->late_us);
  if (health && health->success_us)
    view_put_instant(writer, "last_success_at", health->success_us, 0);
}

void view_job(struct sched *s, struct json_writer *writer, const struct job *job,
              const struct job_progress *progress)
{
  json_begin_object(writer);
  view_job_members(s, writer, job, progress);
  json_end_object(writer);
}

void view_script(struct json_writer *writer, const struct script_entry *script)
{
  const struct json *jobs = script->facts ? json_get(json_root(script->facts), "jobs") : NULL;
  json_begin_object(writer);
  json_put_text(writer, "name", script->script.name);
  json_put_text(writer, "origin", script->script.origin == SCRIPT_FILE ? "file" : "added");
  json_put_text(writer, "path", script->script.path);
  json_put_text(writer, "version", script->script.version[0] ? script->script.version : NULL);
  json_key(writer, "revision");
  if (script->revision)
    json_write_integer(writer, script->revision);
  else
    json_write_null(writer);
  view_put_instant(writer, "loaded_at", script->script.loaded_us, 0);
  json_put_boolean(writer, "loading", script->loading != 0);
  json_put_text(writer, "error", script->script.error);
  twins_put(script, writer);
  json_key(writer, "jobs");
  json_begin_array(writer);
  json_each(job, jobs)
    json_write_text(writer, json_text(json_get(job, "id"), NULL));
  json_end_array(writer);
  json_end_object(writer);
}
