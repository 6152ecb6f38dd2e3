/* Operations that add jobs: one, or many at once. What is there already under the id, or under the
 * key of a unique job, is replaced, kept or refused. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/declare.h"
#include "sched/event.h"
#include "sched/fire.h"
#include "sched/health.h"
#include "sched/near.h"
#include "sched/request.h"
#include "sched/script.h"
#include "sched/turn.h"
#include "sched/unique.h"
#include "sched/view.h"

enum { BULK_MAX = 100000 };

/* What became of a spec. */
struct addition {
  struct entry *entry;
  bool is_new;  /* no job had the id */
  bool existed; /* a unique job's pending one stands for it */
};

/* The name of a function without that of the job's script in front. */
static const char *in_script(const struct job *job, const char *name)
{
  size_t size = strlen(job->script);
  bool has = name && strncmp(name, job->script, size) == 0 && name[size] == '.';
  return has ? name + size + 1 : name;
}

enum error_code request_check_function(struct sched *s, const struct job *job, struct error *error)
{
  struct script_entry *script;
  if (!job->func)
    return ERROR_OK;
  if (script_ready(s, job->script, &script, error) == SCRIPT_LATER)
    return ERROR_OK;
  if (!script)
    return error_prefix(error, "job \"%s\"", job->id);
  const char *decide = in_script(job, job->retry.decide);
  if (!script->generation || (script_has_function(script, job->func, error) &&
                              (!decide || script_has_function(script, decide, error))))
    return ERROR_OK;
  return error_prefix(error, "job \"%s\"", job->id);
}

/* ---- in the place of another ---- */

/* What is added again begins anew, even if it is written as before. Takes the job. */
static void begin_anew(struct sched *s, struct entry *entry, struct job *job)
{
  entry->progress.next_us = fire_first(job, s->now_us);
  trigger_destroy(entry->job->trigger);
  entry->job->trigger = NULL;
  declare_change(s, entry, job);
}

static enum error_code check_replace(const struct entry *entry, const struct job *job,
                                     struct error *error)
{
  if (entry->job->origin == JOB_DECLARED)
    return error_set(error, ERROR_EXISTS, "job \"%s\" is declared at %s: change it there", job->id,
                     entry->job->where ? entry->job->where : "a script");
  if (job->replace_existing || entry->progress.state == JOB_FINISHED)
    return ERROR_OK;
  return error_set(error, ERROR_EXISTS,
                   job->unique.key
                       ? "job \"%s\" exists and has another unique key: give another id, or none"
                       : "job \"%s\" exists: give replace_existing = true to replace it",
                   job->id);
}

/* An id may be taken again when its job is finished, or when replace_existing says so. Takes the
 * job. */
static enum error_code replace(struct sched *s, struct job *job, struct entry **entry,
                               struct error *error)
{
  *entry = near_get_by_id(s, job->id, error);
  if (!*entry || check_replace(*entry, job, error) || declare_check(s, job, error)) {
    job_destroy(job);
    return error->code;
  }
  struct job_progress *progress = &(*entry)->progress;
  fire_leave_trigger(s, *entry);
  health_remove(s, (*entry)->job->number);
  free(progress->error);
  progress->error = NULL;
  progress->state = job->enabled ? JOB_ACTIVE : JOB_PAUSED;
  progress->paused_us = job->enabled ? 0 : s->now_us;
  begin_anew(s, *entry, job);
  return ERROR_OK;
}

static bool is_taken(struct sched *s, const char *id)
{
  struct stored_job stored = {0};
  if (store_find_job(s->store, id, &stored, NULL))
    return false;
  stored_job_deinit(&stored);
  return true;
}

/* Takes the job. That its id is taken is found out by writing it, which costs nothing when it is
 * not; `spec` is what it was read from. */
static enum error_code add_plain(struct sched *s, struct job *job, const struct json *spec,
                                 struct addition *addition, struct error *error)
{
  if ((job->replace_existing || job->unique.key) && is_taken(s, job->id))
    return replace(s, job, &addition->entry, error);
  addition->entry = declare_add(s, job, error);
  addition->is_new = addition->entry != NULL;
  if (addition->is_new || s->failure || error->code != ERROR_EXISTS)
    return addition->is_new ? ERROR_OK : error->code;
  enum error_code code = job_from_json(spec, NULL, s->options.default_zone, &job, error);
  return code ? code : replace(s, job, &addition->entry, error);
}

/* ---- unique ones ---- */

/* The spec with the members that say when, or with an id. */
static char *merge_trigger(const char *spec, const struct json *from)
{
  static const char *const members[] = {"trigger", "timezone"};
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  json_begin_object(&writer);
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    const struct json *value = json_get(from, members[i]);
    json_key(&writer, members[i]);
    if (value)
      json_write_tree(&writer, value);
    else
      json_write_null(&writer);
  }
  json_end_object(&writer);
  char *merged = request_merge_text(spec, text.data);
  buffer_deinit(&text);
  return merged;
}

static void give_id(struct job *job, char *id)
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  json_begin_object(&writer);
  json_put_text(&writer, "id", id);
  json_end_object(&writer);
  char *spec = request_merge_text(job->spec, text.data);
  buffer_deinit(&text);
  free(job->spec);
  free(job->id);
  job->spec = spec;
  job->id = id;
}

/* The pending one takes over the trigger. */
static enum error_code extend(struct sched *s, struct entry *pending, const struct json *spec,
                              struct error *error)
{
  struct json_document *document;
  struct job *job;
  char *merged = merge_trigger(pending->job->spec, spec);
  enum error_code code = json_parse(merged, strlen(merged), &document, error);
  free(merged);
  if (code)
    return code;
  code = job_from_json(json_root(document), NULL, s->options.default_zone, &job, error);
  json_free(document);
  if (code)
    return code;
  if ((code = declare_check(s, job, error))) {
    job_destroy(job);
    return code;
  }
  fire_leave_trigger(s, pending);
  begin_anew(s, pending, job);
  return ERROR_OK;
}

/* The pending one goes, if `job` may come in its place under another id. */
static enum error_code make_way(struct sched *s, struct entry *pending, struct job *job,
                                struct error *error)
{
  enum error_code code = declare_check(s, job, error);
  if (!code && is_taken(s, job->id)) {
    const struct entry *other = near_get_by_id(s, job->id, error);
    code = other ? check_replace(other, job, error) : error->code;
  }
  if (!code)
    declare_remove(s, pending);
  return code;
}

/* Under the key that nobody holds, or that `pending` gives up. Takes the job. */
static enum error_code add_under(struct sched *s, const char *key, struct entry *pending,
                                 struct job *job, const struct json *spec,
                                 struct addition *addition, struct error *error)
{
  enum error_code code = ERROR_OK;
  if (!json_get(spec, "id"))
    give_id(job, pending ? memory_strdup(pending->job->id) : unique_name(s, job, key));
  job->replace_existing = pending && strcmp(pending->job->id, job->id) == 0;
  if (pending && !job->replace_existing && (code = make_way(s, pending, job, error))) {
    job_destroy(job);
    return code;
  }
  code = add_plain(s, job, spec, addition, error);
  if (!code)
    unique_take(s, key, addition->entry);
  return code;
}

static void tell_skipped(struct sched *s, const struct entry *pending)
{
  if (!event_wanted(s, "job_add_skipped", EVENT_HOT))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "job_add_skipped");
  event_put_job(&writer, pending);
  event_end(s, &out, &writer, "job_add_skipped", EVENT_HOT);
}

/* Takes the job. */
static enum error_code add_unique(struct sched *s, struct job *job, const struct json *spec,
                                  struct addition *addition, struct error *error)
{
  struct buffer key = {0};
  struct entry *pending = NULL;
  enum error_code code = job_unique_key(job, &key, error);
  if (code)
    error_prefix(error, "job \"%s\": unique", job->id);
  else
    code = unique_find(s, job, key.data, &pending, error);
  if (!code && (!pending || job->unique.on_conflict == CONFLICT_REPLACE)) {
    code = add_under(s, key.data, pending, job, spec, addition, error);
  } else {
    if (!code && job->unique.on_conflict == CONFLICT_EXTEND)
      code = extend(s, pending, spec, error);
    else if (!code)
      tell_skipped(s, pending);
    addition->entry = code ? NULL : pending;
    addition->existed = true;
    job_destroy(job);
  }
  buffer_deinit(&key);
  return code;
}

/* ---- the operations ---- */

static enum error_code add_one(struct sched *s, const struct json *spec, struct addition *addition,
                               struct error *error)
{
  struct job *job;
  *addition = (struct addition){0};
  enum error_code code = job_from_json(spec, NULL, s->options.default_zone, &job, error);
  if (code)
    return code;
  if ((code = request_check_function(s, job, error))) {
    job_destroy(job);
    return code;
  }
  if (job->unique.key)
    return add_unique(s, job, spec, addition, error);
  return add_plain(s, job, spec, addition, error);
}

static void tell_added(struct sched *s, const struct addition *additions, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (additions[i].is_new && !additions[i].entry->removed)
      event_job(s, "job_added", additions[i].entry);
}

static enum error_code add_job(struct request *r)
{
  struct addition addition;
  enum error_code code = add_one(r->s, r->params, &addition, r->error);
  if (code)
    return code;
  tell_added(r->s, &addition, 1);
  json_begin_object(r->result);
  view_job_members(r->s, r->result, addition.entry->job, &addition.entry->progress);
  if (addition.existed)
    json_put_boolean(r->result, "existing", true);
  json_end_object(r->result);
  return ERROR_OK;
}

/* What was added before a wrong one goes. */
static void take_back(struct sched *s, const struct addition *additions, size_t count)
{
  while (count > 0)
    if (!additions[--count].entry->removed)
      declare_take_back(s, additions[count].entry);
}

/* All or none, one after the other. Where others than new jobs were changed before a wrong one,
 * only taking the turn back makes that undone. */
static enum error_code add_all(struct sched *s, const struct json *specs, size_t *added,
                               size_t *existing, struct error *error)
{
  enum error_code code = ERROR_OK;
  struct addition *additions = memory_alloc((specs->count + 1) * sizeof *additions);
  bool is_fresh = true;
  size_t at = 0;
  *added = *existing = 0;
  json_each(spec, specs) {
    struct addition *addition = &additions[at];
    if ((code = add_one(s, spec, addition, error)))
      break;
    ++*(addition->existed ? existing : added);
    is_fresh &= addition->is_new && !addition->entry->job->unique.key;
    at++;
  }
  if (code)
    error_prefix(error, "job %zu of %u", at + 1, specs->count);
  if (!code)
    tell_added(s, additions, at);
  else if (is_fresh)
    take_back(s, additions, at);
  else
    sched_refuse(s, code, error);
  free(additions);
  return code;
}

static enum error_code add_jobs(struct request *r)
{
  const struct json *specs = json_get(r->params, "jobs");
  size_t added, existing;
  if (!specs || specs->type != JSON_ARRAY)
    return error_set(r->error, ERROR_USAGE, "jobs must be a list of jobs");
  if (specs->count > BULK_MAX)
    return error_set(r->error, ERROR_LIMIT, "%u jobs at once are over the limit of %d",
                     specs->count, BULK_MAX);
  enum error_code code = add_all(r->s, specs, &added, &existing, r->error);
  if (code)
    return code;
  json_begin_object(r->result);
  json_put_integer(r->result, "added", (int64_t)added);
  json_put_integer(r->result, "existing", (int64_t)existing);
  json_end_object(r->result);
  return ERROR_OK;
}

static const char *const bulk_params[] = {"jobs", NULL};

const struct request_operation request_add_operations[] = {
    {"add_job", add_job, NULL, CHANGES},
    {"add_jobs", add_jobs, bulk_params, CHANGES},
    {0},
};
