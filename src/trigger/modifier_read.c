/* The options of all kinds as JSON and in words. They stand in the trigger's object beside the
 * kind's own members. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/duration.h"
#include "time/instant.h"
#include "trigger/combine.h"
#include "trigger/member.h"
#include "trigger/modifier_data.h"

/* The first ones make a trigger that has any of them a wrapped one. */
enum { OPTIONS = 6 };
const char *const modifier_members[] = {"from",   "until",      "except", "limit",    "offset",
                                        "jitter", "limit_from", "seed",   "timezone", NULL};

static bool has_member(const struct trigger_kind *kind, const char *name)
{
  for (const char *const *member = kind->members; *member; member++)
    if (!strcmp(*member, name))
      return true;
  return false;
}

/* ---- reading ---- */

static enum error_code read_offset(const struct json *value, int64_t *us, struct error *error)
{
  const struct json *member = member_find(value, "offset");
  const char *text = NULL;
  enum error_code code;
  if (!member)
    return ERROR_OK;
  if (member->type == JSON_INTEGER || member->type == JSON_NUMBER) {
    double seconds = json_number(member, 0);
    if ((code = duration_from_seconds(fabs(seconds), us, error)))
      error_prefix(error, "offset");
    else if (seconds < 0)
      *us = -*us;
    return code;
  }
  if ((code = member_text(value, "offset", &text, error)))
    return code;
  if ((code = duration_parse_signed(text, us, error)))
    error_prefix(error, "offset \"%.60s\"", text);
  return code;
}

static enum error_code add_name(void *context, const char *item, struct error *error)
{
  struct modifier *modifier = context;
  if (modifier->name_count == MODIFIER_NAMES_MAX)
    return error_set(error, ERROR_LIMIT, "more than %d calendars", MODIFIER_NAMES_MAX);
  enum error_code code = calendar_find(item, &modifier->calendars[modifier->name_count], error);
  if (code)
    return code;
  modifier->name_count++;
  char *names = modifier->names;
  modifier->names = names ? memory_printf("%s,%s", names, item) : memory_strdup(item);
  free(names);
  return ERROR_OK;
}

static enum error_code read_except(struct modifier *modifier, const struct json *value,
                                   struct error *error)
{
  const struct json *member = member_find(value, "except");
  if (!member || member->type != JSON_OBJECT)
    return member_list(value, "except", add_name, modifier, error);
  enum error_code code = calendar_from_json(member, &modifier->calendar, error);
  if (code)
    error_prefix(error, "except");
  return code;
}

/* Options that are written when a trigger is anchored mean nothing without the one they belong to.
 */
static enum error_code check_companion(const struct modifier *modifier, const struct json *value,
                                       const char *name, const char *option, bool has_option,
                                       struct error *error)
{
  if (has_option || !member_find(value, name) || has_member(modifier->inner->kind, name))
    return ERROR_OK;
  return error_set(error, ERROR_INVALID, "\"%s\" means nothing without \"%s\"", name, option);
}

static enum error_code read_limit(struct modifier *modifier, const struct json *value,
                                  struct error *error)
{
  enum error_code code =
      member_integer(value, "limit", 1, MODIFIER_LIMIT_MAX, &modifier->limit, error);
  int steps = EFFORT_NEXT / effort_of_next(modifier->inner);
  if (steps > MODIFIER_STEPS_MAX)
    steps = MODIFIER_STEPS_MAX;
  if (!code && modifier->limit > steps && !modifier_can_count(modifier))
    code =
        error_set(error, ERROR_LIMIT, "a limit over %d is too far to be searched for here", steps);
  return code;
}

static enum error_code read_options(struct modifier *modifier, const struct json *value,
                                    struct error *error)
{
  const char *seed = NULL;
  enum error_code code = member_instant(value, "from", modifier->zone, &modifier->from_us, error);
  if (!code)
    code = member_instant(value, "until", modifier->zone, &modifier->until_us, error);
  if (!code)
    code = member_check_window(modifier->from_us, modifier->until_us, error);
  if (!code)
    code = read_except(modifier, value, error);
  if (!code)
    code = read_offset(value, &modifier->offset_us, error);
  if (!code)
    code = member_length(value, "jitter", &modifier->jitter_us, error);
  if (!code)
    code = member_text(value, "seed", &seed, error);
  if (!code)
    code = check_companion(modifier, value, "seed", "jitter", modifier->jitter_us, error);
  if (!code)
    code = read_limit(modifier, value, error);
  if (!code)
    code = check_companion(modifier, value, "limit_from", "limit", modifier->limit, error);
  if (!code && modifier->jitter_us && seed)
    modifier_set_seed(modifier, seed);
  return code;
}

/* The limit comes last, since it may be that of a trigger which is not anchored. */
static enum error_code check_fires(struct modifier *modifier, const struct json *value,
                                   struct error *error)
{
  int64_t limit = modifier->limit, fire_us;
  if (!trigger_next(modifier->inner, INT64_MIN, &fire_us))
    return ERROR_OK;
  modifier->limit = 0;
  const char *why = modifier_has_calendars(modifier)
                        ? "each fire that it searched for is excepted"
                        : "there is no fire from its \"from\" until its \"until\"";
  enum error_code code = combine_check_fires(&modifier->base, value, why, error);
  modifier->limit = limit;
  return code;
}

static enum error_code find_zone(struct modifier *modifier, const struct json *value,
                                 const char *default_zone, struct error *error)
{
  const char *name = trigger_timezone(modifier->inner);
  return name ? zone_find(name, &modifier->zone, error)
              : member_zone(value, default_zone, &modifier->zone, error);
}

static enum error_code read_all(struct modifier *modifier, const struct json *value,
                                const char *default_zone, struct error *error)
{
  enum error_code code = find_zone(modifier, value, default_zone, error);
  if (!code)
    code = read_options(modifier, value, error);
  if (!code)
    code = check_fires(modifier, value, error);
  if (code || !modifier->limit)
    return code;
  int64_t from_us = INT64_MIN;
  code = member_instant(value, "limit_from", modifier->zone, &from_us, error);
  modifier->last_us = INT64_MIN;
  if (!code && from_us != INT64_MIN)
    modifier_count_from(modifier, from_us);
  return code;
}

static bool does_nothing(const struct modifier *modifier)
{
  return modifier->from_us == INT64_MIN && modifier->until_us == INT64_MAX && !modifier->limit &&
         !modifier->offset_us && !modifier->jitter_us && !modifier_has_calendars(modifier);
}

/* The first option that there is; NULL: none. */
static const char *find_option(const struct json *value, const struct trigger_kind *kind)
{
  for (int i = 0; i < OPTIONS; i++)
    if (member_find(value, modifier_members[i]))
      return modifier_members[i];
  if (member_find(value, "seed") && !has_member(kind, "seed"))
    return "seed";
  return member_find(value, "limit_from") ? "limit_from" : NULL;
}

enum error_code modifier_wrap(const struct json *value, const char *default_zone,
                              struct trigger **trigger, struct error *error)
{
  const struct trigger_kind *kind = (*trigger)->kind;
  const char *option = find_option(value, kind);
  if (!option)
    return ERROR_OK;
  if (trigger_is_open(*trigger)) {
    trigger_destroy(*trigger);
    *trigger = NULL;
    return error_set(error, ERROR_INVALID, "%s: \"%s\" is for what the time sets off", kind->name,
                     option);
  }
  struct modifier *modifier = memory_alloc(sizeof *modifier);
  *modifier = (struct modifier){.base.kind = &modifier_kind,
                                .inner = *trigger,
                                .from_us = INT64_MIN,
                                .until_us = INT64_MAX,
                                .limit_from_us = INT64_MIN,
                                .last_us = INT64_MAX};
  *trigger = &modifier->base;
  const char *expression = json_text(json_get(value, "expression"), NULL);
  enum error_code code = read_all(modifier, value, default_zone, error);
  if (code) {
    if (expression)
      error_prefix(error, "%s \"%.200s\"", kind->name, expression);
    else
      error_prefix(error, "%s", kind->name);
    trigger_destroy(*trigger);
    *trigger = NULL;
  } else if (does_nothing(modifier)) {
    *trigger = modifier->inner;
    modifier->inner = NULL;
    trigger_destroy(&modifier->base);
  }
  return code;
}

/* ---- writing ---- */

/* Whether the kind has written the member itself, as a cron expression with `H` does its seed. */
static bool wrote(const struct modifier *modifier, const char *name)
{
  struct buffer json = {0};
  struct json_writer writer = {.out = &json};
  struct json_document *document;
  if (!has_member(modifier->inner->kind, name))
    return false;
  trigger_to_json(modifier->inner, &writer);
  if (json_parse(json.data, json.size, &document, NULL))
    abort(); /* what the writer wrote can be read */
  bool found = json_get(json_root(document), name) != NULL;
  json_free(document);
  buffer_deinit(&json);
  return found;
}

void modifier_to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct modifier *modifier = (const struct modifier *)trigger;
  char number[24];
  modifier->inner->kind->to_json(modifier->inner, writer);
  /* A calendar goes by the zone that was in force for a trigger which does not keep it. */
  if (modifier_has_calendars(modifier) && !wrote(modifier, "timezone"))
    json_put_text(writer, "timezone", zone_name(modifier->zone));
  if (modifier->from_us != INT64_MIN)
    member_put_instant(writer, "from", modifier->from_us);
  if (modifier->until_us != INT64_MAX)
    member_put_instant(writer, "until", modifier->until_us);
  if (modifier->names)
    json_put_text(writer, "except", modifier->names);
  if (modifier->calendar) {
    json_key(writer, "except");
    calendar_to_json(modifier->calendar, writer);
  }
  if (modifier->limit) {
    snprintf(number, sizeof number, "%lld", (long long)modifier->limit);
    json_put_text(writer, "limit", number);
  }
  if (modifier->limit_from_us != INT64_MIN)
    member_put_instant(writer, "limit_from", modifier->limit_from_us);
  if (modifier->offset_us)
    member_put_length(writer, "offset", modifier->offset_us);
  if (modifier->jitter_us)
    member_put_length(writer, "jitter", modifier->jitter_us);
  if (modifier->seed && !wrote(modifier, "seed"))
    json_put_text(writer, "seed", modifier->seed);
}

void modifier_explain(const struct trigger *trigger, struct buffer *out)
{
  const struct modifier *modifier = (const struct modifier *)trigger;
  trigger_explain(modifier->inner, out);
  member_say_window(out, modifier->from_us, modifier->until_us,
                    trigger_timezone(modifier->inner) ? modifier->zone : NULL);
  for (int i = 0; i < modifier->name_count; i++)
    buffer_printf(out, "%s%s",
                  !i                             ? ", except "
                  : i + 1 < modifier->name_count ? ", "
                                                 : " and ",
                  calendar_name_text(modifier->calendars[i]));
  if (modifier->calendar) {
    buffer_append_text(out, ", except ");
    calendar_explain(modifier->calendar, out);
  }
  if (modifier->limit == 1)
    buffer_append_text(out, ", at most once");
  else if (modifier->limit)
    buffer_printf(out, ", at most %lld times", (long long)modifier->limit);
  if (modifier->offset_us) {
    bool is_earlier = modifier->offset_us < 0;
    buffer_append_text(out, ", moved ");
    member_say_length(out, is_earlier ? -modifier->offset_us : modifier->offset_us);
    buffer_append_text(out, is_earlier ? " earlier" : " later");
  }
  if (modifier->jitter_us) {
    buffer_append_text(out, ", spread over ");
    member_say_length(out, modifier->jitter_us);
  }
}
