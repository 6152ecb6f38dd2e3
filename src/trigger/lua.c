/* A trigger that asks a function of a script, `trigger("name", function(previous, now) ... end)`.
 * As data it is only the name: the scheduler asks a worker for each fire (sched/ask.c), so next()
 * knows none. */
#include "trigger/event.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "trigger/kind.h"
#include "trigger/member.h"

enum { NAME_MAX_SIZE = 255 };

struct lua_trigger {
  struct trigger base;
  char *name, *script;
};

static void destroy(struct trigger *trigger)
{
  struct lua_trigger *lua = (struct lua_trigger *)trigger;
  free(lua->name);
  free(lua->script);
  free(lua);
}

static enum error_code read_name(const struct json *value, const char *member, char **out,
                                 struct error *error)
{
  const char *text = NULL;
  enum error_code code = member_text(value, member, &text, error);
  if (code)
    return code;
  if (!text || !*text || strlen(text) > NAME_MAX_SIZE)
    return error_set(error, ERROR_INVALID,
                     text ? "\"%s\" must have 1 to %d bytes" : "\"%s\" is missing", member,
                     NAME_MAX_SIZE);
  *out = memory_strdup(text);
  return ERROR_OK;
}

static enum error_code read_all(struct trigger *trigger, const struct json *value, const char *zone,
                                struct error *error)
{
  struct lua_trigger *lua = (struct lua_trigger *)trigger;
  (void)zone;
  enum error_code code = read_name(value, "name", &lua->name, error);
  return code ? code : read_name(value, "script", &lua->script, error);
}

static enum error_code from_json(const struct json *value, const char *zone,
                                 struct trigger **trigger, struct error *error)
{
  return member_read_all(&lua_kind, sizeof(struct lua_trigger), read_all, value, zone, trigger,
                         error);
}

static void to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct lua_trigger *lua = (const struct lua_trigger *)trigger;
  json_put_text(writer, "name", lua->name);
  json_put_text(writer, "script", lua->script);
}

/* All of a script's are asked again when a version of it comes into force. */
static void put_key(const struct trigger *trigger, struct json_writer *writer)
{
  json_put_text(writer, "script", ((const struct lua_trigger *)trigger)->script);
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  (void)trigger, (void)after_us, (void)next_us;
  return false;
}

static void explain(const struct trigger *trigger, struct buffer *out)
{
  const struct lua_trigger *lua = (const struct lua_trigger *)trigger;
  buffer_printf(out, "When \"%s\" of script %s says", lua->name, lua->script);
}

bool trigger_asks_lua(const struct trigger *trigger, const char **script, const char **name)
{
  const struct lua_trigger *lua = (const struct lua_trigger *)trigger;
  if (!trigger || trigger->kind != &lua_kind)
    return false;
  *script = lua->script;
  *name = lua->name;
  return true;
}

static const char *const members[] = {"name", "script", NULL};
static const struct trigger_word words[] = {{"lua", "name"}, {0}};

const struct trigger_kind lua_kind = {
    .name = "lua",
    .members = members,
    .words = words,
    .from_json = from_json,
    .destroy = destroy,
    .to_json = to_json,
    .put_key = put_key,
    .next = next,
    .explain = explain,
};
