/* Why a job does not run, or when it will; how a run came to its end; why a due time became no run.
 * The answer is {"job", "state", "reasons", "notes"} or {"job", "run", "state", "story"}, each a
 * list of {"kind", "text", ...}; a sentence may change, a kind does not. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "sched/near.h"
#include "sched/request.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/stuck.h"
#include "sched/view.h"
#include "sched/why.h"

void why_begin(struct request *r, const char *kind, const char *format, ...)
{
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  json_begin_object(r->result);
  json_put_text(r->result, "kind", kind);
  json_put_text(r->result, "text", text);
}

void why_end(struct request *r)
{
  json_end_object(r->result);
}

void why_say(struct request *r, const char *kind, const char *key, int64_t at_us, int64_t none,
             const char *text)
{
  why_begin(r, kind, "%s", text);
  if (at_us != none)
    view_put_instant(r->result, key, at_us, none);
  why_end(r);
}

char *why_visible(const char *name)
{
  struct buffer out = {0};
  text_append_visible(&out, name, strlen(name));
  return buffer_take(&out);
}

void why_script(struct request *r, const char *kind, const char *name)
{
  const struct script_entry *script = script_find(r->s, name);
  int64_t since_us;
  char *how = script && script->awaits ? stuck_describe(r->s, script->awaits, &since_us) : NULL;
  if (how) {
    why_begin(r, kind,
              "its script %s keeps worker %d: until that comes back, or the script is changed, it "
              "waits",
              name, script->awaits - ADDRESS_WORKER + 1);
    why_end(r);
    why_stuck(r, script->awaits);
  } else {
    struct script_entry *entry;
    struct error error;
    bool is_missing = script_ready(r->s, name, &entry, &error) == SCRIPT_MISSING;
    why_begin(r, kind, is_missing ? "%s" : "its script %s is being loaded",
              is_missing ? error.text : name);
    why_end(r);
  }
  free(how);
}

void why_stuck(struct request *r, int worker)
{
  int64_t since_us;
  char *how = stuck_describe(r->s, worker, &since_us);
  if (!how)
    return;
  why_begin(r, "stuck", "worker %d is %s", worker - ADDRESS_WORKER + 1, how);
  view_put_instant(r->result, "since", since_us, INT64_MIN);
  why_end(r);
  free(how);
}

static bool has_process(const struct open_run *run, int worker)
{
  const struct job *job = run->entry->job;
  return run->worker == worker && run->started_us && !run->ended && job->isolate && job->script;
}

static int count_processes(const struct sched *s, int worker, const char *script)
{
  int count = 0;
  for (const struct open_run *run = s->open_runs; run; run = run->hh.next)
    count += has_process(run, worker) && (!script || strcmp(run->entry->job->script, script) == 0);
  return count;
}

void why_isolated(struct request *r, const struct open_run *run)
{
  const struct sched *s = r->s;
  const char *most = run->entry->job->script;
  if (!run->entry->job->isolate || !most || run->started_us || !run->worker)
    return;
  int all = count_processes(s, run->worker, NULL), own = count_processes(s, run->worker, most);
  if (isolation_has_room(own, all))
    return;
  for (const struct open_run *other = s->open_runs; other; other = other->hh.next)
    if (has_process(other, run->worker) && strcmp(other->entry->job->script, most) != 0) {
      int its = count_processes(s, run->worker, other->entry->job->script);
      most = its > own ? other->entry->job->script : most;
      own = its > own ? its : own;
    }
  why_begin(r, "isolate",
            "it waits for a process: worker %d has %d of at most %d for isolated runs, %d of them "
            "for script %s",
            run->worker - ADDRESS_WORKER + 1, all, ISOLATION_MAX, own, most);
  why_end(r);
}

static enum error_code tell_job(struct request *r, struct entry *entry)
{
  enum error_code code;
  json_begin_object(r->result);
  json_put_text(r->result, "job", entry->job->id);
  json_put_text(r->result, "state", job_state_name(entry->progress.state));
  json_key(r->result, "reasons");
  json_begin_array(r->result);
  code = why_not_running(r, entry);
  json_end_array(r->result);
  json_key(r->result, "notes");
  json_begin_array(r->result);
  if (!code)
    code = why_notes(r, entry);
  json_end_array(r->result);
  json_end_object(r->result);
  return code;
}

static enum error_code tell_run(struct request *r, struct entry *entry, int64_t scheduled_us)
{
  struct run run = {0};
  struct run_key key = {scheduled_us, entry->job->number};
  const struct open_run *open = run_find(r->s, key);
  enum error_code code = store_get_run(r->s->store, key, &run, NULL);
  bool is_run = code == ERROR_OK;
  json_begin_object(r->result);
  json_put_text(r->result, "job", entry->job->id);
  view_put_run_id(r->result, "run", entry->job->id, scheduled_us);
  json_put_text(r->result, "state",
                !is_run                    ? NULL
                : open && open->started_us ? run_state_name(RUN_RUNNING)
                                           : run_state_name(run.state));
  json_key(r->result, "story");
  json_begin_array(r->result);
  code = is_run ? why_run(r, entry, &run) : why_no_run(r, entry, scheduled_us);
  json_end_array(r->result);
  json_end_object(r->result);
  run_deinit(&run);
  return code;
}

/* The id of a job may hold an @ itself. */
enum error_code request_why(struct request *r)
{
  const char *text = request_text(r, "job");
  char *job_id = NULL;
  int64_t scheduled_us;
  if (!text)
    return r->error->code;
  struct entry *entry = near_get_by_id(r->s, text, r->error);
  if (entry && !entry->removed)
    return tell_job(r, entry);
  if (strchr(text, '@') == NULL || run_parse_id(text, &job_id, &scheduled_us, NULL))
    return request_job(r) ? ERROR_INTERNAL : r->error->code; /* with the nearest id */
  entry = near_get_by_id(r->s, job_id, r->error);
  if (entry && entry->removed)
    entry = NULL;
  if (!entry)
    error_set(r->error, ERROR_NOT_FOUND, "there is no job \"%s\"", job_id);
  free(job_id);
  return entry ? tell_run(r, entry, scheduled_us) : r->error->code;
}
