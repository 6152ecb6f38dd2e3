/* Calendars that scripts declare, or that are set at run time: what a name means is kept in the
 * store and defined in the process's registry, so that triggers on all threads follow it.
 *
 * A script's calendars are defined before its jobs are read, since their first fires depend on
 * them, and written only when its jobs were good; otherwise the registry becomes what the store
 * says again. When a meaning changes, the jobs that use it get their next fire anew (follow.c). One
 * that is no longer declared stays as long as a job uses it.
 *
 * What is stored may not be readable any more, when its time zone is gone. Nothing fires without
 * it, and all that does not use it goes on. */
#include "sched/calendar.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/follow.h"
#include "sched/orphans.h"
#include "sched/request.h"
#include "sched/script.h"
#include "sched/topic.h"
#include "sched/turn.h"
#include "trigger/calendar.h"

/* ---- from the store ---- */

static bool is_defined(const char *name)
{
  const struct calendar_name *found;
  return !calendar_find(name, &found, NULL) && calendar_name_meaning(found);
}

/* Its name stays known, and means nothing: so a job that uses it cannot be read. That is told when
 * the name becomes so. */
static void give_up(const char *name, const struct error *error)
{
  const struct calendar_name *found;
  bool is_told = !calendar_find(name, &found, NULL) && !calendar_name_meaning(found);
  calendar_undefine(name);
  calendar_reserve(name, NULL);
  if (!is_told)
    log_error("as it is stored, %s (the jobs that use it wait until it can be read at a start, or "
              "is declared or set anew)",
              error->text);
}

static bool define_stored(void *context, const struct stored_calendar *stored)
{
  struct json_document *document;
  struct error error;
  (void)context;
  enum error_code code =
      json_parse(stored->definition, strlen(stored->definition), &document, &error);
  if (code) {
    error_prefix(&error, "calendar \"%s\"", stored->name);
  } else {
    code = calendar_define(stored->name, json_root(document), &error);
    json_free(document);
  }
  if (code)
    give_up(stored->name, &error);
  return true;
}

static void undefine_unless_stored(struct sched *s, const char *name)
{
  struct stored_calendar stored;
  struct error error;
  enum error_code code = store_get_calendar(s->store, name, &stored, &error);
  stored_calendar_deinit(&stored);
  if (code == ERROR_NOT_FOUND)
    calendar_undefine(name);
  else
    sched_failed(s, code, &error);
}

void calendars_recover(struct sched *s)
{
  struct error error;
  const struct calendar_name *name = NULL;
  sched_failed(s, store_each_calendar(s->store, define_stored, NULL, &error), &error);
  while ((name = calendar_next_defined(name)))
    undefine_unless_stored(s, calendar_name_text(name));
  s->calendars_defined = false;
}

/* stored_calendar_deinit() it in any case. */
static bool find_stored(struct sched *s, const char *name, struct stored_calendar *calendar)
{
  struct error error;
  enum error_code code = store_get_calendar(s->store, name, calendar, &error);
  return code != ERROR_NOT_FOUND && !sched_failed(s, code, &error);
}

/* ---- who uses one ---- */

static bool is_used(struct sched *s, const char *name)
{
  return topic_of_calendar(s, name) != NULL;
}

/* ---- declaring ---- */

/* The one way to write a definition. */
static enum error_code write_definition(const char *name, const struct json *definition,
                                        char **text, struct error *error)
{
  struct calendar *calendar;
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  enum error_code code = calendar_from_json(definition, &calendar, error);
  if (code) {
    error_prefix(error, "calendar \"%.60s\"", name);
    return code;
  }
  calendar_to_json(calendar, &writer);
  calendar_destroy(calendar);
  *text = buffer_take(&out);
  return ERROR_OK;
}

/* Defines it if it has changed, then *text is what is to be written. `script` NULL: at run time. */
static enum error_code define(struct sched *s, const char *script, const char *name,
                              const struct json *definition, char **text, struct error *error)
{
  enum error_code code = write_definition(name, definition, text, error);
  if (code)
    return code;
  struct stored_calendar old;
  find_stored(s, name, &old);
  bool is_mine = old.script && script && strcmp(old.script, script) == 0;
  if (!is_mine && script_declares(s, old.script, "calendars", name))
    code = error_set(error, ERROR_EXISTS, "calendar \"%s\" is already declared by script %s", name,
                     old.script);
  bool is_same = is_mine && strcmp(old.definition, *text) == 0 && is_defined(name);
  stored_calendar_deinit(&old);
  if (!code && !is_same) {
    s->calendars_defined = true;
    code = calendar_define(name, definition, error);
  }
  if (code || is_same) {
    free(*text);
    *text = NULL;
  }
  return code;
}

enum error_code calendars_declare(struct sched *s, struct script_entry *script,
                                  const struct json *calendars, struct calendars_change *change,
                                  struct error *error)
{
  change->items = memory_alloc((calendars ? calendars->count + 1 : 1) * sizeof *change->items);
  json_each(calendar, calendars) {
    char *text = NULL;
    enum error_code code = define(s, script->script.name, calendar->key, calendar, &text, error);
    script->conflict |= code == ERROR_EXISTS;
    if (code)
      return error_prefix(error, "%s", script->script.path);
    if (text)
      change->items[change->count++] = (struct calendars_item){memory_strdup(calendar->key), text};
  }
  return ERROR_OK;
}

static void put(struct sched *s, const char *name, const char *definition, const char *script)
{
  struct error error;
  struct stored_calendar stored = {name, definition, script};
  if (sched_failed(s, store_put_calendar(s->store, &stored, &error), &error))
    return;
  follow_calendar(s, name);
  script_provide(s);
}

static void remove_one(struct sched *s, const char *name)
{
  struct error error;
  if (!sched_failed(s, store_remove_calendar(s->store, name, &error), &error)) {
    s->calendars_defined = true;
    calendar_undefine(name);
  }
}

static void drop_unused(struct sched *s, const char *name)
{
  if (!is_used(s, name))
    remove_one(s, name);
}

static bool see(void *context, const struct stored_calendar *stored)
{
  return orphans_see(context, stored->name, stored->script);
}

void calendars_drop(struct sched *s, const char *script, const struct json *calendars)
{
  struct orphans orphans = {.script = script, .declared = calendars};
  struct error error;
  sched_failed(s, store_each_calendar(s->store, see, &orphans, &error), &error);
  orphans_drop(s, &orphans, drop_unused);
}

void calendars_settle(struct sched *s, const struct script_entry *script,
                      const struct json *calendars, struct calendars_change *change, bool is_good)
{
  for (size_t i = 0; i < change->count; i++) {
    if (is_good && !s->failure)
      put(s, change->items[i].name, change->items[i].definition, script->script.name);
    free(change->items[i].name);
    free(change->items[i].definition);
  }
  free(change->items);
  if (is_good && !s->failure)
    calendars_drop(s, script->script.name, calendars);
  else if (!is_good && s->calendars_defined && !s->failure)
    calendars_recover(s);
}

/* ---- operations ---- */

static bool view(void *context, const struct stored_calendar *stored)
{
  struct json_writer *writer = context;
  json_begin_object(writer);
  json_put_text(writer, "name", stored->name);
  json_put_raw(writer, "definition", stored->definition);
  json_put_text(writer, "script", stored->script);
  json_end_object(writer);
  return true;
}

static enum error_code calendars(struct request *r)
{
  json_begin_object(r->result);
  json_key(r->result, "calendars");
  json_begin_array(r->result);
  enum error_code code = store_each_calendar(r->s->store, view, r->result, r->error);
  json_end_array(r->result);
  json_end_object(r->result);
  return code;
}

static enum error_code set_calendar(struct request *r)
{
  const char *name = request_text(r, "name");
  const struct json *definition = json_get(r->params, "definition");
  char *text = NULL;
  if (!name)
    return r->error->code;
  if (!definition)
    return error_set(r->error, ERROR_USAGE, "definition must be an object");
  enum error_code code = define(r->s, NULL, name, definition, &text, r->error);
  if (!code)
    put(r->s, name, text, NULL);
  free(text);
  if (!code) {
    json_begin_object(r->result);
    json_put_text(r->result, "name", name);
    json_end_object(r->result);
  }
  return code;
}

static enum error_code remove_calendar(struct request *r)
{
  const char *name = request_text(r, "name");
  if (!name)
    return r->error->code;
  struct stored_calendar old;
  enum error_code code = ERROR_OK;
  if (!find_stored(r->s, name, &old))
    code = error_set(r->error, ERROR_NOT_FOUND, "there is no calendar \"%s\"", name);
  else if (script_declares(r->s, old.script, "calendars", name))
    code = error_set(r->error, ERROR_CONFLICT, "calendar \"%s\" is declared by script %s", name,
                     old.script);
  else if (is_used(r->s, name))
    code = error_set(r->error, ERROR_CONFLICT, "calendar \"%s\" is used by a job", name);
  else
    remove_one(r->s, name);
  stored_calendar_deinit(&old);
  if (!code) {
    json_begin_object(r->result);
    json_put_text(r->result, "name", name);
    json_end_object(r->result);
  }
  return code;
}

static const char *const none[] = {NULL};
static const char *const name_param[] = {"name", NULL};
static const char *const set_params[] = {"name", "definition", NULL};

const struct request_operation request_calendar_operations[] = {
    {"calendars", calendars, none, ASKS},
    {"set_calendar", set_calendar, set_params, CHANGES},
    {"remove_calendar", remove_calendar, name_param, CHANGES},
    {0},
};
