/* Operations on scripts. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "sched/request.h"
#include "sched/script.h"
#include "sched/view.h"

static enum error_code scripts(struct request *r)
{
  json_begin_object(r->result);
  json_key(r->result, "scripts");
  json_begin_array(r->result);
  for (const struct script_entry *script = r->s->scripts; script; script = script->hh.next)
    view_script(r->result, script);
  json_end_array(r->result);
  json_end_object(r->result);
  return ERROR_OK;
}

static struct script_entry *request_script(struct request *r)
{
  const char *name = request_text(r, "name");
  struct script_entry *script = script_find(r->s, name);
  const char *names[256] = {0};
  size_t count = 0;
  char hint[128];
  if (!name || script)
    return script;
  for (const struct script_entry *e = r->s->scripts; e && count < 255; e = e->hh.next)
    names[count++] = e->script.name;
  error_set(r->error, ERROR_NOT_FOUND, "there is no script \"%s\"%s", name,
            text_did_you_mean(hint, name, names));
  return NULL;
}

/* The answer comes when the load is over. */
static enum error_code load_and_wait(struct request *r, struct script_entry *script,
                                     const char *source, size_t size)
{
  script_load_for(r->s, script, source, size, *r->message);
  *r->message = NULL;
  return ERROR_OK;
}

static enum error_code add_script(struct request *r)
{
  const struct json *source = json_get(r->params, "source");
  const char *name = request_text(r, "name");
  size_t bad;
  enum error_code code = name ? script_check_name(name, r->error) : r->error->code;
  if (code)
    return code;
  if (!source || source->type != JSON_STRING)
    return error_set(r->error, ERROR_USAGE, "source must be a string");
  if (source->as.string.size > SCRIPT_SIZE_MAX)
    return error_set(r->error, ERROR_LIMIT, "a script of %zu bytes is over the limit of %d",
                     source->as.string.size, SCRIPT_SIZE_MAX);
  if (!text_is_utf8(source->as.string.data, source->as.string.size, &bad))
    return error_set(r->error, ERROR_INVALID, "script %s: invalid UTF-8 at byte %zu", name, bad);
  struct script_entry *script = script_find(r->s, name);
  if (script && script->script.origin == SCRIPT_FILE)
    return error_set(r->error, ERROR_EXISTS, "script %s is the file %s: change it there", name,
                     script->script.path);
  script = script_get(r->s, name, SCRIPT_ADDED);
  if (!script->script.path)
    script->script.path = memory_printf("script %s", name);
  return load_and_wait(r, script, source->as.string.data, source->as.string.size);
}

/* Looked for among the first jobs only: a script that is removed all the same is missed by its jobs
 * when they are due, and they wait for it in `error`. */
enum { USERS_LOOK_MAX = 20000 };

struct users {
  const char *script;
  int looked_at;
  int64_t count;
  char *first;
};

static bool count_user(void *context, struct stored_job *stored)
{
  struct users *users = context;
  const char *script = stored->job->script;
  if (stored->job->origin == JOB_ADDED && stored->progress.state != JOB_FINISHED && script &&
      strcmp(script, users->script) == 0) {
    if (!users->first)
      users->first = memory_strdup(stored->job->id);
    users->count++;
  }
  return ++users->looked_at < USERS_LOOK_MAX;
}

static enum error_code remove_script(struct request *r)
{
  struct script_entry *script = request_script(r);
  struct users users = {0};
  if (!script)
    return r->error->code;
  users.script = script->script.name;
  if (script->script.origin == SCRIPT_FILE)
    return error_set(r->error, ERROR_CONFLICT, "script %s is the file %s: remove the file",
                     script->script.name, script->script.path);
  enum error_code code = store_each_job(r->s->store, NULL, count_user, &users, r->error);
  if (!code && users.count)
    code = error_set(r->error, ERROR_CONFLICT,
                     "script %s is used by %lld %s added at run time, such as \"%s\": remove them "
                     "first",
                     script->script.name, (long long)users.count, users.count == 1 ? "job" : "jobs",
                     users.first);
  free(users.first);
  if (code)
    return code;
  view_script(r->result, script);
  script_remove(r->s, script);
  return ERROR_OK;
}

static bool list_revision(void *context, const struct script_revision *revision)
{
  struct json_writer *w = ((struct request *)context)->result;
  json_begin_object(w);
  json_put_integer(w, "revision", revision->number);
  json_put_text(w, "version", revision->version);
  view_put_instant(w, "created_at", revision->created_us, 0);
  json_end_object(w);
  return true;
}

static enum error_code show_script(struct request *r)
{
  struct script_revision revision = {0};
  struct script_entry *script = request_script(r);
  int64_t number;
  if (!script || request_number(r, "revision", &number))
    return r->error->code;
  const char *name = script->script.name;
  enum error_code code = store_get_source(r->s->store, name, number, &revision, r->error);
  if (code == ERROR_NOT_FOUND && number == 0)
    code = ERROR_OK; /* a file that never loaded */
  if (code)
    return code;
  json_begin_object(r->result);
  json_put_text(r->result, "name", name);
  json_put_text(r->result, "origin", script->script.origin == SCRIPT_FILE ? "file" : "added");
  json_put_text(r->result, "path", script->script.path);
  json_put_text(r->result, "version", revision.source ? revision.version : NULL);
  json_put_integer(r->result, "revision", revision.number);
  json_put_text(r->result, "error", script->script.error);
  json_key(r->result, "source");
  if (revision.source)
    json_write_string(r->result, revision.source, revision.size);
  else
    json_write_null(r->result);
  json_key(r->result, "revisions");
  json_begin_array(r->result);
  code = store_each_revision(r->s->store, name, list_revision, r, r->error);
  json_end_array(r->result);
  json_end_object(r->result);
  free(revision.source);
  return code;
}

/* To the revision that is named, or to the one before the newest. Rolling back is a new revision.
 */
static bool take_second(void *context, const struct script_revision *revision)
{
  int64_t *numbers = context;
  numbers[1] = numbers[0] ? revision->number : 0;
  numbers[0] = numbers[0] ? numbers[0] : revision->number;
  return numbers[1] == 0;
}

static enum error_code rollback_script(struct request *r)
{
  struct script_revision revision = {0};
  int64_t numbers[2] = {0}, number;
  struct script_entry *script = request_script(r);
  if (!script || request_number(r, "revision", &number))
    return r->error->code;
  const char *name = script->script.name;
  if (script->script.origin == SCRIPT_FILE)
    return error_set(r->error, ERROR_CONFLICT, "script %s is the file %s: change it there", name,
                     script->script.path);
  enum error_code code = ERROR_OK;
  if (number == 0) {
    code = store_each_revision(r->s->store, name, take_second, numbers, r->error);
    number = numbers[1];
    if (!code && number == 0)
      code = error_set(r->error, ERROR_NOT_FOUND, "script %s has no earlier revision", name);
  }
  if (!code)
    code = store_get_source(r->s->store, name, number, &revision, r->error);
  if (!code)
    code = load_and_wait(r, script, revision.source, revision.size);
  free(revision.source);
  return code;
}

static enum error_code reload(struct request *r)
{
  if (r->s->stopping)
    return error_set(r->error, ERROR_UNAVAILABLE, "the daemon is stopping");
  script_reload(r->s, *r->message);
  *r->message = NULL;
  return ERROR_OK;
}

static const char *const none[] = {NULL};
static const char *const name_param[] = {"name", NULL};
static const char *const add_params[] = {"name", "source", NULL};
static const char *const revision_params[] = {"name", "revision", NULL};

const struct request_operation request_script_operations[] = {
    {"scripts", scripts, none, ASKS},
    {"add_script", add_script, add_params, CHANGES},
    {"remove_script", remove_script, name_param, CHANGES},
    {"show_script", show_script, revision_params, ASKS},
    {"rollback_script", rollback_script, revision_params, CHANGES},
    {"reload", reload, none, CHANGES},
    {0},
};
