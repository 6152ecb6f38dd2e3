/* Lists of triggers, and the bound that keeps their searches short.
 *
 * The bound is per thread and belongs to the outermost search, so that an all_of of all_ofs, or
 * counting what has to be searched for, costs no more than one search does. An answer depends on
 * nothing but the question: who asks has the whole bound. */
#include "trigger/combine.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/instant.h"
#include "trigger/member.h"
#include "trigger/modifier.h"

const char *const combine_members[] = {"of", "timezone", NULL};

/* ---- the bound ---- */

static _Thread_local int effort_left;
static _Thread_local bool effort_is_begun;

bool effort_begin(int effort)
{
  if (effort_is_begun)
    return false;
  effort_is_begun = true;
  effort_left = effort;
  return true;
}

bool effort_spend(int cost)
{
  if (effort_left > 0)
    effort_left -= cost;
  return effort_left > 0;
}

void effort_end(void)
{
  effort_is_begun = false;
}

int effort_of_next(const struct trigger *trigger)
{
  enum { RRULE = 14, JITTER = 40 }; /* a delayed fire is looked for by halving */
  const struct trigger *inner = modifier_inner(trigger);
  int cost = inner->kind == &rrule_kind    ? RRULE
             : inner->kind == &any_of_kind ? ((const struct combine *)inner)->cost
                                           : 1;
  return modifier_has_jitter(trigger) ? cost * JITTER : cost;
}

/* Two changes of the clock a year are looked at. */
int effort_of_count(const struct trigger *trigger, int64_t after_us, int64_t until_us)
{
  const int64_t year_us = INT64_C(31556952000000);
  if (modifier_inner(trigger)->kind->is_nested)
    return 1;
  int64_t years = (until_us < INSTANT_MAX ? until_us : INSTANT_MAX) / year_us -
                  (after_us > INSTANT_MIN ? after_us : INSTANT_MIN) / year_us;
  return effort_of_next(trigger) * (int)(2 * years + 4);
}

/* Whether a value that was anchored, and so has fires, was written: it comes from a store. */
static bool holds_anchor(const struct json *value)
{
  if (value->type != JSON_OBJECT && value->type != JSON_ARRAY)
    return false;
  json_each(child, value) {
    const char *key = child->key ? child->key : "";
    if (!strcmp(key, "anchor") || !strcmp(key, "limit_from") || !strcmp(key, "seed") ||
        holds_anchor(child))
      return true;
  }
  return false;
}

enum error_code combine_check_fires(const struct trigger *trigger, const struct json *value,
                                    const char *why, struct error *error)
{
  enum { EFFORT = 8000 };
  static const int64_t from_us[] = {INT64_MIN, 0, INT64_C(1767225600000000)}; /* 1970, 2026 */
  if (trigger_uses_calendar(trigger, NULL) || holds_anchor(value))
    return ERROR_OK;
  for (size_t i = 0; i < sizeof from_us / sizeof from_us[0]; i++) {
    int64_t fire_us;
    bool is_outermost = effort_begin(EFFORT);
    bool fires = trigger_next(trigger, from_us[i], &fire_us);
    bool gave_up = !fires && effort_left <= 0;
    if (is_outermost)
      effort_end();
    if (fires)
      return ERROR_OK;
    if (!gave_up)
      break; /* and so it is later */
  }
  return error_set(error, ERROR_INVALID, "never fires: %s", why);
}

/* ---- reading and writing ---- */

/* What no time sets off meets no other trigger at an instant. */
static enum error_code check_open(const struct combine *combine, const struct trigger *member,
                                  struct error *error)
{
  if (combine->base.kind != &any_of_kind && trigger_is_open(member))
    return error_set(error, ERROR_INVALID, "%s is set off by no time, only any_of can hold it",
                     trigger_kind_name(member));
  if (member->kind == &lua_kind)
    return error_set(error, ERROR_INVALID, "a trigger in Lua cannot be part of another one");
  return ERROR_OK;
}

static enum error_code read_member(struct combine *combine, const struct json *value,
                                   const char *zone, struct error *error)
{
  enum error_code code = trigger_from_json(value, zone, &combine->members[combine->count], error);
  if (!code)
    code = check_open(combine, combine->members[combine->count], error);
  if (code) {
    trigger_destroy(combine->members[combine->count]);
    return code;
  }
  combine->cost += effort_of_next(combine->members[combine->count]);
  const struct trigger *inner = modifier_inner(combine->members[combine->count++]);
  if (!inner->kind->is_nested) {
    combine->leaves++;
  } else {
    const struct combine *nested = (const struct combine *)inner;
    combine->leaves += nested->leaves;
    if (combine->depth <= nested->depth)
      combine->depth = nested->depth + 1;
  }
  if (combine->leaves > COMBINE_LEAVES_MAX)
    return error_set(error, ERROR_LIMIT, "more than %d triggers", COMBINE_LEAVES_MAX);
  if (combine->depth > COMBINE_DEPTH_MAX)
    return error_set(error, ERROR_LIMIT, "combinations are nested more than %d deep",
                     COMBINE_DEPTH_MAX);
  return ERROR_OK;
}

static enum error_code find_members(const struct json *value, const struct json **of,
                                    const char **zone, struct error *error)
{
  *of = member_find(value, "of");
  if (!*of || ((*of)->type == JSON_ARRAY && (*of)->count == 0))
    return error_set(error, ERROR_INVALID, "it has no triggers: write them in parentheses");
  if ((*of)->type != JSON_ARRAY)
    return error_set(error, ERROR_INVALID, "\"of\" must be an array, not %s",
                     json_type_name((*of)->type));
  if ((*of)->count > COMBINE_MEMBERS_MAX)
    return error_set(error, ERROR_LIMIT, "more than %d triggers", COMBINE_MEMBERS_MAX);
  return member_text(value, "timezone", zone, error);
}

enum error_code combine_from_json(const struct trigger_kind *kind, const struct json *value,
                                  const char *default_zone, struct trigger **trigger,
                                  struct error *error)
{
  const struct json *of;
  enum error_code code = find_members(value, &of, &default_zone, error);
  if (code) {
    error_prefix(error, "%s", kind->name);
    return code;
  }
  struct combine *combine = memory_alloc(sizeof *combine + of->count * sizeof combine->members[0]);
  combine->base.kind = kind;
  combine->depth = 1;
  json_each(member, of) {
    code = read_member(combine, member, default_zone, error);
    if (code) {
      error_prefix(error, "%s", kind->name);
      combine_destroy(&combine->base);
      return code;
    }
  }
  *trigger = &combine->base;
  return ERROR_OK;
}

void combine_destroy(struct trigger *trigger)
{
  struct combine *combine = (struct combine *)trigger;
  for (int i = 0; i < combine->count; i++)
    trigger_destroy(combine->members[i]);
  free(combine);
}

void combine_anchor(struct trigger *trigger, int64_t now_us, const char *seed)
{
  struct combine *combine = (struct combine *)trigger;
  for (int i = 0; i < combine->count; i++)
    trigger_anchor(combine->members[i], now_us, seed);
}

void combine_to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct combine *combine = (const struct combine *)trigger;
  json_key(writer, "of");
  json_begin_array(writer);
  for (int i = 0; i < combine->count; i++)
    trigger_to_json(combine->members[i], writer);
  json_end_array(writer);
}

/* ---- what it is ---- */

void combine_each_source(const struct trigger *trigger, trigger_visitor visit, void *context)
{
  const struct combine *combine = (const struct combine *)trigger;
  for (int i = 0; i < combine->count; i++)
    trigger_each_source(combine->members[i], visit, context);
}

const char *combine_timezone(const struct trigger *trigger)
{
  const struct combine *combine = (const struct combine *)trigger;
  const char *common = NULL;
  for (int i = 0; i < combine->count; i++) {
    const char *zone = trigger_timezone(combine->members[i]);
    if (zone && common && strcmp(zone, common) != 0)
      return NULL;
    common = zone ? zone : common;
  }
  return common;
}

void combine_explain(const struct trigger *trigger, const char *separator, struct buffer *out)
{
  const struct combine *combine = (const struct combine *)trigger;
  for (int i = 0; i < combine->count; i++) {
    bool is_nested = modifier_inner(combine->members[i])->kind->is_nested;
    buffer_printf(out, "%s%s", i ? separator : "", is_nested ? "(" : "");
    size_t at = out->size;
    trigger_explain(combine->members[i], out);
    if (out->size > at + 1 && islower((unsigned char)out->data[at + 1]))
      out->data[at] = (char)tolower((unsigned char)out->data[at]);
    buffer_append_text(out, is_nested ? ")" : "");
  }
}

bool trigger_is_compound(const struct trigger *trigger)
{
  return modifier_inner(trigger) != trigger || trigger->kind->is_nested;
}

static bool is_in_list(const char *names, const char *name)
{
  size_t size = strlen(name);
  for (const char *at = names; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (!strncmp(at, name, size) && (at[size] == ',' || !at[size]))
      return true;
  return false;
}

void trigger_each_calendar(const struct trigger *trigger, trigger_name_visitor visit, void *context)
{
  const struct trigger *inner = modifier_inner(trigger);
  const struct combine *combine = (const struct combine *)inner;
  char *names = memory_strdup(modifier_names(trigger)), *rest = names, *name;
  while ((name = strsep(&rest, ",")))
    visit(context, name);
  free(names);
  for (int i = 0; inner->kind->is_nested && i < combine->count; i++)
    trigger_each_calendar(combine->members[i], visit, context);
}

bool trigger_uses_calendar(const struct trigger *trigger, const char *name)
{
  const struct trigger *inner = modifier_inner(trigger);
  const char *names = modifier_names(trigger);
  if (names && (!name || is_in_list(names, name)))
    return true;
  if (!inner->kind->is_nested)
    return false;
  const struct combine *combine = (const struct combine *)inner;
  for (int i = 0; i < combine->count; i++)
    if (trigger_uses_calendar(combine->members[i], name))
      return true;
  return false;
}

const char *trigger_undefined_calendar(const struct trigger *trigger)
{
  const struct trigger *inner = modifier_inner(trigger);
  const char *name = modifier_undefined(trigger);
  const struct combine *combine = (const struct combine *)inner;
  for (int i = 0; !name && inner->kind->is_nested && i < combine->count; i++)
    name = trigger_undefined_calendar(combine->members[i]);
  return name;
}
