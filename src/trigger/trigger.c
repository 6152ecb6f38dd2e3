/* The front of all kinds: the table, the checks that are the same for each (an object, a known
 * kind, known members, none of them twice), and the calls through the kind's functions. */
#include "trigger/trigger.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "time/instant.h"
#include "trigger/count.h"
#include "trigger/kind.h"
#include "trigger/modifier.h"

const struct trigger_kind *const trigger_kinds[] = {
#define X(name) &name##_kind,
    TRIGGER_KINDS(X)
#undef X
        NULL};

enum { KINDS = sizeof trigger_kinds / sizeof trigger_kinds[0] };

static enum error_code find_kind(const struct json *value, const struct trigger_kind **kind,
                                 struct error *error)
{
  const struct json *member = json_get(value, "kind");
  if (!member)
#define X(name) " " #name
    return error_set(error, ERROR_INVALID, "a trigger needs a \"kind\", one of" TRIGGER_KINDS(X));
#undef X
  if (member->type != JSON_STRING)
    return error_set(error, ERROR_INVALID, "a trigger's \"kind\" must be a string, not %s",
                     json_type_name(member->type));
  for (size_t i = 0; trigger_kinds[i]; i++)
    if (!strcmp(trigger_kinds[i]->name, member->as.string.data)) {
      *kind = trigger_kinds[i];
      return ERROR_OK;
    }
  const char *names[KINDS] = {0};
  for (size_t i = 0; trigger_kinds[i]; i++)
    names[i] = trigger_kinds[i]->name;
  char hint[128];
  return error_set(error, ERROR_INVALID, "unknown kind of trigger \"%.60s\"%s",
                   member->as.string.data, text_did_you_mean(hint, member->as.string.data, names));
}

static bool is_among(const char *const *names, const char *name)
{
  for (; *names; names++)
    if (!strcmp(*names, name))
      return true;
  return false;
}

static enum error_code unknown_member(const struct trigger_kind *kind, const char *name,
                                      struct error *error)
{
  enum { NAMES_MAX = 64 };
  const char *names[NAMES_MAX] = {0};
  char hint[128];
  size_t count = 0;
  for (const char *const *known = kind->members; *known && count < NAMES_MAX / 2; known++)
    names[count++] = *known;
  for (const char *const *known = modifier_members; *known; known++)
    names[count++] = *known;
  return error_set(error, ERROR_INVALID, "%s: unknown option \"%.60s\"%s", kind->name, name,
                   text_did_you_mean(hint, name, names));
}

/* *has_options: there are members that are not the kind's own. */
static enum error_code check_members(const struct trigger_kind *kind, const struct json *value,
                                     bool *has_options, struct error *error)
{
  *has_options = false;
  json_each(member, value) {
    const char *name = member->key;
    bool is_own = !strcmp(name, "kind") || is_among(kind->members, name);
    *has_options |= !is_own;
    /* A kind without a wall clock has use for a zone only where a calendar has. */
    if (!is_own && (!is_among(modifier_members, name) ||
                    (!strcmp(name, "timezone") && !json_get(value, "except"))))
      return unknown_member(kind, name, error);
    if (json_get(value, name) != member)
      return error_set(error, ERROR_INVALID, "%s: the option \"%s\" stands twice", kind->name,
                       name);
  }
  return ERROR_OK;
}

static enum error_code read_object(const struct json *value, const char *default_zone,
                                   struct trigger **trigger, struct error *error)
{
  const struct trigger_kind *kind = NULL;
  bool has_options;
  if (find_kind(value, &kind, error) || check_members(kind, value, &has_options, error))
    return ERROR_INVALID;
  enum error_code code = kind->from_json(value, default_zone, trigger, error);
  return code || !has_options ? code : modifier_wrap(value, default_zone, trigger, error);
}

/* The members of the object `options` stand beside the others, in whose place it is read. */
static enum error_code read_merged(const struct json *value, const struct json *options,
                                   const char *default_zone, struct trigger **trigger,
                                   struct error *error)
{
  struct json *nodes = memory_alloc((value->count + options->count + 1) * sizeof *nodes);
  struct json merged = {.type = JSON_OBJECT};
  json_each(member, value)
    if (member != options)
      nodes[merged.count++] = *member;
  json_each(member, options)
    nodes[merged.count++] = *member;
  for (uint32_t i = 0; i < merged.count; i++)
    nodes[i].next = i + 1 < merged.count ? &nodes[i + 1] : NULL;
  merged.as.first = merged.count ? nodes : NULL;
  enum error_code code = read_object(&merged, default_zone, trigger, error);
  free(nodes);
  return code;
}

enum error_code trigger_from_json(const struct json *value, const char *default_zone,
                                  struct trigger **trigger, struct error *error)
{
  *trigger = NULL;
  if (value && value->type == JSON_STRING) {
    if (strlen(value->as.string.data) != value->as.string.size)
      return error_set(error, ERROR_INVALID, "a trigger's text cannot hold a NUL byte");
    return trigger_from_text(value->as.string.data, default_zone, trigger, error);
  }
  if (!value || value->type != JSON_OBJECT)
    return error_set(error, ERROR_INVALID, "a trigger must be a string or an object, not %s",
                     json_type_name(value ? value->type : JSON_NULL));
  const struct json *options = json_get(value, "options");
  return options && options->type == JSON_OBJECT
             ? read_merged(value, options, default_zone, trigger, error)
             : read_object(value, default_zone, trigger, error);
}

enum error_code trigger_from_text(const char *text, const char *default_zone,
                                  struct trigger **trigger, struct error *error)
{
  struct json *tree;
  *trigger = NULL;
  for (int i = 0; trigger_kinds[i]; i++)
    if (trigger_kinds[i]->is_line && trigger_kinds[i]->is_line(text))
      return trigger_kinds[i]->from_line(text, default_zone, trigger, error);
  enum error_code code = trigger_text_read(text, &tree, error);
  if (!code)
    code = trigger_from_json(tree, default_zone, trigger, error);
  free(tree);
  return code;
}

void trigger_destroy(struct trigger *trigger)
{
  if (trigger && trigger->kind->destroy)
    trigger->kind->destroy(trigger);
  else
    free(trigger);
}

void trigger_anchor(struct trigger *trigger, int64_t now_us, const char *seed)
{
  if (trigger->kind->anchor)
    trigger->kind->anchor(trigger, now_us, seed);
}

void trigger_to_json(const struct trigger *trigger, struct json_writer *writer)
{
  json_begin_object(writer);
  json_put_text(writer, "kind", trigger_kind_name(trigger));
  trigger->kind->to_json(trigger, writer);
  json_end_object(writer);
}

void trigger_to_text(const struct trigger *trigger, struct buffer *out)
{
  struct buffer json = {0};
  struct json_writer writer = {.out = &json};
  struct json_document *document;
  trigger_to_json(trigger, &writer);
  if (json_parse(json.data, json.size, &document, NULL))
    abort(); /* what the writer wrote can be read */
  trigger_text_write(json_root(document), out);
  json_free(document);
  buffer_deinit(&json);
}

const char *trigger_kind_name(const struct trigger *trigger)
{
  return modifier_inner(trigger)->kind->name;
}

const char *trigger_timezone(const struct trigger *trigger)
{
  return trigger->kind->timezone ? trigger->kind->timezone(trigger) : NULL;
}

bool trigger_next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  return trigger->kind->next(trigger, after_us, next_us);
}

int64_t trigger_count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                      int64_t *last_us)
{
  /* Within the calendar, so that no kind has to fear for its sums. */
  if (after_us < INSTANT_MIN)
    after_us = INSTANT_MIN - 1;
  if (until_us > INSTANT_MAX)
    until_us = INSTANT_MAX;
  if (until_us <= after_us)
    return 0;
  return (trigger->kind->count ? trigger->kind->count : count_fires)(trigger, after_us, until_us,
                                                                     last_us);
}

bool trigger_gave_up(const struct trigger *trigger, int64_t after_us)
{
  return trigger->kind->gave_up && trigger->kind->gave_up(trigger, after_us);
}

void trigger_explain(const struct trigger *trigger, struct buffer *out)
{
  trigger->kind->explain(trigger, out);
}

bool trigger_matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  return trigger->kind->matches_local && trigger->kind->matches_local(trigger, from_s, until_s);
}

void trigger_each_source(const struct trigger *trigger, trigger_visitor visit, void *context)
{
  if (trigger->kind->each_source)
    trigger->kind->each_source(trigger, visit, context);
  else if (trigger->kind->put_key)
    visit(context, trigger);
}

static void note_source(void *context, const struct trigger *source)
{
  (void)source;
  *(bool *)context = true;
}

bool trigger_is_open(const struct trigger *trigger)
{
  bool is_open = false;
  trigger_each_source(trigger, note_source, &is_open);
  return is_open;
}

void trigger_put_key(const struct trigger *source, struct buffer *out)
{
  struct json_writer writer = {.out = out};
  json_begin_object(&writer);
  json_put_text(&writer, "kind", source->kind->name);
  source->kind->put_key(source, &writer);
  json_end_object(&writer);
}
