/* Operations on jobs that are there: changing them and asking about them. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/declare.h"
#include "sched/event.h"
#include "sched/fire.h"
#include "sched/health.h"
#include "sched/near.h"
#include "sched/pause.h"
#include "sched/queue.h"
#include "sched/recover.h"
#include "sched/request.h"
#include "sched/run.h"
#include "sched/script.h"
#include "sched/unique.h"
#include "sched/view.h"
#include "time/instant.h"
#include "time/zone.h"

enum { LIST_MAX = 1000, LOOK_MAX = 5000, FIRES_MAX = 1000 };

static void put_entry(struct request *r, const struct entry *entry)
{
  view_job(r->s, r->result, entry->job, &entry->progress);
}

/* ---- changing ---- */

char *request_merge(const char *spec, const struct json *changes)
{
  struct json_document *document;
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  if (json_parse(spec, strlen(spec), &document, NULL))
    return memory_strdup("{}");
  json_begin_object(&writer);
  json_each(member, json_root(document))
    if (!json_get(changes, member->key)) {
      json_key(&writer, member->key);
      json_write_tree(&writer, member);
    }
  json_each(change, changes)
    if (change->type != JSON_NULL) {
      json_key(&writer, change->key);
      json_write_tree(&writer, change);
    }
  json_end_object(&writer);
  json_free(document);
  return buffer_take(&out);
}

char *request_merge_text(const char *spec, const char *changes)
{
  struct json_document *document;
  if (json_parse(changes, strlen(changes), &document, NULL))
    return memory_strdup(spec);
  char *merged = request_merge(spec, json_root(document));
  json_free(document);
  return merged;
}

static enum error_code change(struct request *r, const struct json *changes)
{
  struct json_document *document;
  struct job *job;
  struct entry *entry = request_job(r);
  if (!entry)
    return r->error->code;
  const struct json *id = json_get(changes, "id");
  if (id && strcmp(json_text(id, ""), entry->job->id) != 0)
    return error_set(r->error, ERROR_USAGE, "the id of a job cannot change: add a new job");
  char *spec = request_merge(entry->job->spec, changes);
  enum error_code code = json_parse(spec, strlen(spec), &document, r->error);
  free(spec);
  if (code)
    return code;
  const char *script = entry->job->origin == JOB_DECLARED ? entry->job->script : NULL;
  code = job_from_json(json_root(document), script, r->s->options.default_zone, &job, r->error);
  json_free(document);
  if (code)
    return code;
  code = request_check_function(r->s, job, r->error);
  if (!code)
    code = declare_check_change(r->s, entry->job, job, r->error);
  if (!code)
    code = unique_change(r->s, entry, job, r->error);
  if (code) {
    job_destroy(job);
    return code;
  }
  declare_change(r->s, entry, job);
  put_entry(r, entry);
  return ERROR_OK;
}

static enum error_code modify_job(struct request *r)
{
  const struct json *changes = json_get(r->params, "changes");
  if (!changes || changes->type != JSON_OBJECT)
    return error_set(r->error, ERROR_USAGE, "changes must be a table of options");
  return change(r, changes);
}

static enum error_code reschedule_job(struct request *r)
{
  const struct json *trigger = json_get(r->params, "trigger");
  if (!trigger || trigger->type == JSON_NULL)
    return error_set(r->error, ERROR_USAGE, "trigger is missing");
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  json_begin_object(&writer);
  json_key(&writer, "trigger");
  json_write_tree(&writer, trigger);
  json_end_object(&writer);
  struct json_document *changes;
  enum error_code code = json_parse(text.data, text.size, &changes, r->error);
  buffer_deinit(&text);
  if (code)
    return code;
  code = change(r, json_root(changes));
  json_free(changes);
  return code;
}

/* Where it is a person, whom nothing else would be taken for, nothing need be said. */
static char *name_pauser(const struct request *r, const struct job *job)
{
  const struct message *asked = *r->message;
  bool is_console = asked->as.request.generation & GENERATION_OF_CONSOLE;
  if (asked->as.request.script && !is_console)
    return memory_printf(PAUSED_BY "script %s", asked->as.request.script);
  return job->enabled ? NULL : memory_strdup(PAUSED_BY "hand");
}

static enum error_code pause_job(struct request *r)
{
  struct entry *entry = request_job(r);
  if (!entry)
    return r->error->code;
  if (entry->progress.state == JOB_FINISHED)
    return error_set(r->error, ERROR_CONFLICT, "job \"%s\" is finished", entry->job->id);
  if (recover_is_quarantined(entry))
    return error_set(r->error, ERROR_CONFLICT, "job \"%s\" does not run anyway: %s", entry->job->id,
                     entry->progress.error);
  if (entry->progress.state != JOB_PAUSED) {
    char *reason = name_pauser(r, entry->job);
    pause_entry(r->s, entry, reason);
    free(reason);
  }
  put_entry(r, entry);
  return ERROR_OK;
}

static enum error_code resume_job(struct request *r)
{
  struct entry *entry = request_job(r);
  if (!entry)
    return r->error->code;
  if (entry->progress.state == JOB_FINISHED)
    return error_set(r->error, ERROR_CONFLICT, "job \"%s\" is finished", entry->job->id);
  if (!declare_read_again(r->s, entry))
    return error_set(r->error, ERROR_CONFLICT, "job \"%s\" cannot run: %s", entry->job->id,
                     entry->progress.error);
  if (entry->progress.state == JOB_PAUSED) {
    fire_resume(r->s, entry);
    event_job(r->s, "job_resumed", entry);
  } else if (entry->progress.state == JOB_ERROR) {
    /* A person says that it is mended; if it is not, it comes back with the reason. */
    free(entry->progress.error);
    entry->progress.error = NULL;
    entry->progress.state = JOB_ACTIVE;
    health_begin(r->s, entry, true);
    queue_release(r->s, entry->job->number);
    run_release(r->s);
    fire_conclude(r->s, entry);
    near_changed(r->s, entry);
    event_job(r->s, "job_resumed", entry);
  }
  put_entry(r, entry);
  return ERROR_OK;
}

static enum error_code remove_job(struct request *r)
{
  struct entry *entry = request_job(r);
  if (!entry)
    return r->error->code;
  if (entry->job->origin == JOB_DECLARED && entry->progress.state != JOB_FINISHED)
    return error_set(r->error, ERROR_CONFLICT,
                     "job \"%s\" is declared at %s: remove it there, or pause it", entry->job->id,
                     entry->job->where ? entry->job->where : "a script");
  put_entry(r, entry);
  declare_remove(r->s, entry);
  return ERROR_OK;
}

/* ---- asking ---- */

struct listing {
  struct request *r;
  const char *tag, *script;
  int state; /* -1: any */
  bool only_late, only_failing;
  int64_t limit, count;
  int looked_at; /* a page ends also when much was looked at and little found */
  char *last_id;
};

static bool has_tag(const struct job *job, const char *tag)
{
  struct json_document *document;
  bool found = false;
  if (!tag)
    return true;
  if (!job->tags || json_parse(job->tags, strlen(job->tags), &document, NULL))
    return false;
  json_each(item, json_root(document))
    found |= strcmp(json_text(item, ""), tag) == 0;
  json_free(document);
  return found;
}

static bool is_in_trouble(const struct listing *listing, int64_t job)
{
  const struct job_health *health = health_find(listing->r->s, job);
  return (!listing->only_late || (health && health->late_us)) &&
         (!listing->only_failing || (health && health->failures));
}

static bool is_page_full(const struct listing *listing)
{
  return listing->count == listing->limit || listing->looked_at == LOOK_MAX;
}

static bool list_one(void *context, struct stored_job *stored)
{
  struct listing *listing = context;
  const struct entry *entry = near_find(listing->r->s, stored->job->number);
  enum job_state state = entry ? entry->progress.state : stored->progress.state;
  if (is_page_full(listing))
    return false;
  listing->looked_at++;
  free(listing->last_id);
  listing->last_id = memory_strdup(stored->job->id);
  bool of_script = !listing->script ||
                   (stored->job->script && strcmp(stored->job->script, listing->script) == 0);
  if ((listing->state >= 0 && state != (enum job_state)listing->state) || !of_script ||
      !has_tag(stored->job, listing->tag) || !is_in_trouble(listing, stored->job->number))
    return true;
  view_job(listing->r->s, listing->r->result, stored->job, &stored->progress);
  listing->count++;
  return true;
}

static enum error_code list(struct request *r)
{
  struct listing listing = {.r = r, .state = -1};
  const char *after, *state;
  enum error_code code = request_count(r, "limit", 500, LIST_MAX, &listing.limit);
  if (code || (code = request_optional_text(r, "after", &after)) ||
      (code = request_optional_text(r, "state", &state)) ||
      (code = request_optional_text(r, "tag", &listing.tag)) ||
      (code = request_optional_text(r, "script", &listing.script)) ||
      (code = request_switch(r, "late", &listing.only_late)) ||
      (code = request_switch(r, "failing", &listing.only_failing)))
    return code;
  if (state && (listing.state = job_state_from_name(state)) < 0)
    return error_set(r->error, ERROR_USAGE,
                     "state \"%s\" is none of active, paused, finished, error", state);
  if (listing.script && !script_find(r->s, listing.script))
    return error_set(r->error, ERROR_NOT_FOUND, "there is no script \"%s\"", listing.script);
  json_begin_object(r->result);
  json_key(r->result, "jobs");
  json_begin_array(r->result);
  code = store_each_job(r->s->store, after, list_one, &listing, r->error);
  json_end_array(r->result);
  json_put_text(r->result, "next", is_page_full(&listing) ? listing.last_id : NULL);
  if (!after) {
    json_key(r->result, "scripts");
    json_begin_array(r->result);
    for (const struct script_entry *e = r->s->scripts; e; e = e->hh.next)
      view_script(r->result, e);
    json_end_array(r->result);
  }
  json_end_object(r->result);
  free(listing.last_id);
  return code;
}

static enum error_code show(struct request *r)
{
  struct entry *entry = request_job(r);
  if (!entry)
    return r->error->code;
  put_entry(r, entry);
  return ERROR_OK;
}

static enum error_code next(struct request *r)
{
  int64_t count, us;
  struct entry *entry = request_job(r);
  if (!entry)
    return r->error->code;
  enum error_code code = request_count(r, "count", 5, FIRES_MAX, &count);
  if (code)
    return code;
  json_begin_object(r->result);
  json_put_text(r->result, "job", entry->job->id);
  json_put_text(r->result, "state", job_state_name(entry->progress.state));
  json_put_text(r->result, "timezone",
                entry->job->trigger ? trigger_timezone(entry->job->trigger) : NULL);
  json_key(r->result, "fires");
  json_begin_array(r->result);
  us = entry->progress.next_us;
  for (int64_t i = 0; i < count && us != JOB_NEVER; i++) {
    char text[INSTANT_TEXT_SIZE];
    instant_format(text, us);
    json_write_text(r->result, text);
    if (!entry->job->trigger || !trigger_next(entry->job->trigger, us, &us))
      us = JOB_NEVER;
  }
  json_end_array(r->result);
  json_end_object(r->result);
  return ERROR_OK;
}

static const char *const job_param[] = {"job", NULL};
static const char *const modify_params[] = {"job", "changes", NULL};
static const char *const reschedule_params[] = {"job", "trigger", NULL};
static const char *const list_params[] = {"after",  "failing", "late", "limit",
                                          "script", "state",   "tag",  NULL};
static const char *const next_params[] = {"job", "count", NULL};

const struct request_operation request_job_operations[] = {
    {"modify_job", modify_job, modify_params, CHANGES},
    {"reschedule_job", reschedule_job, reschedule_params, CHANGES},
    {"pause_job", pause_job, job_param, CHANGES},
    {"resume_job", resume_job, job_param, CHANGES},
    {"remove_job", remove_job, job_param, CHANGES},
    {"list", list, list_params, ASKS},
    {"show", show, job_param, ASKS},
    {"next", next, next_params, ASKS},
    {"why", request_why, job_param, ASKS},
    {0},
};
