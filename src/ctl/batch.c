/* A question is turned into the JSON form of a trigger: its kind and parameters are renamed where
 * the batch interface has other names, the zone becomes the default zone, `dst` two members. All
 * checking is the trigger's own; only what the trigger cannot know (five fields, k, the moment) is
 * checked here. The tree of the JSON form is built of shallow copies of the nodes of the line's
 * tree, so that a line costs one parse and no other copy. */
#include "ctl/batch.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "time/instant.h"
#include "time/zone.h"
#include "trigger/trigger.h"

enum { MEMBERS_MAX = 40, PLACES_MAX = 10000 };

struct renaming {
  const char *from, *to;
};

/* A kind that is not listed bears the trigger's own names. */
static const struct batch_kind {
  const char *name, *kind;
  const char *needed; /* a parameter; else NULL */
  struct renaming renamings[3];
} kinds[] = {
    {"cron5", "cron", "expr", {{"expr", "expression"}}},
    {"cron_fields", "cron_fields", NULL, {{"start_date", "start"}, {"end_date", "end"}}},
    {"quartz", "quartz", "expr", {{"expr", "expression"}}},
    {"interval", "interval", NULL, {{"start_date", "start"}, {"end_date", "end"}}},
    {"date", "date", "run_date", {{"run_date", "at"}}},
    {"calendar_interval",
     "calendar_interval",
     NULL,
     {{"start_date", "start"}, {"end_date", "end"}}},
    {"oncalendar", "oncalendar", "expr", {{"expr", "expression"}}},
};

struct question {
  const struct json *id; /* NULL: none */
  const char *kind, *zone;
  const struct json *params;
  const struct json *dst;
  int64_t after_us;
  int64_t most;
};

/* ---- reading ---- */

static enum error_code read_text(const struct json *line, const char *name, const char **text,
                                 struct error *error)
{
  const struct json *member = json_get(line, name);
  if (!member || member->type == JSON_NULL)
    return ERROR_OK;
  if (member->type != JSON_STRING)
    return error_set(error, ERROR_INVALID, "\"%s\" must be a string, not %s", name,
                     json_type_name(member->type));
  *text = member->as.string.data;
  return ERROR_OK;
}

static enum error_code read_object(const struct json *line, const char *name,
                                   const struct json **object, struct error *error)
{
  const struct json *member = json_get(line, name);
  if (!member || member->type == JSON_NULL)
    return ERROR_OK;
  if (member->type != JSON_OBJECT)
    return error_set(error, ERROR_INVALID, "\"%s\" must be an object, not %s", name,
                     json_type_name(member->type));
  *object = member;
  return ERROR_OK;
}

/* Moments outside the calendar are as good as its ends. */
static enum error_code read_moment(const struct json *line, int64_t *us, struct error *error)
{
  const struct json *member = json_get(line, "start_epoch");
  if (!member)
    return error_set(error, ERROR_INVALID, "\"start_epoch\" is missing");
  if (member->type != JSON_INTEGER && member->type != JSON_NUMBER)
    return error_set(error, ERROR_INVALID, "\"start_epoch\" must be a number, not %s",
                     json_type_name(member->type));
  double seconds = json_number(member, 0);
  if (seconds < (double)CIVIL_SECONDS_MIN)
    *us = INSTANT_MIN - 1;
  else if (seconds > (double)CIVIL_SECONDS_MAX)
    *us = INSTANT_MAX;
  else
    *us = member->type == JSON_INTEGER ? member->as.integer * 1000000 : llround(seconds * 1e6);
  return ERROR_OK;
}

static enum error_code read_most(const struct json *line, int64_t *most, struct error *error)
{
  const struct json *member = json_get(line, "k");
  *most = BATCH_FIRES_DEFAULT;
  if (!member || member->type == JSON_NULL)
    return ERROR_OK;
  *most = json_integer(member, -1);
  if (*most < 0 || *most > BATCH_FIRES_MAX)
    return error_set(error, ERROR_INVALID, "\"k\" must be an integer from 0 to %d",
                     BATCH_FIRES_MAX);
  return ERROR_OK;
}

static enum error_code read_question(const struct json *line, struct question *question,
                                     struct error *error)
{
  if (read_text(line, "kind", &question->kind, error) ||
      read_text(line, "tz", &question->zone, error) ||
      read_object(line, "params", &question->params, error) ||
      read_object(line, "dst", &question->dst, error))
    return ERROR_INVALID;
  if (!question->kind)
    return error_set(error, ERROR_INVALID, "\"kind\" is missing");
  if (!question->params)
    return error_set(error, ERROR_INVALID, "\"params\" is missing");
  return ERROR_OK;
}

/* ---- the trigger ---- */

struct tree {
  struct json nodes[MEMBERS_MAX];
  size_t count;
};

static enum error_code add_member(struct tree *tree, const char *key, const struct json *value,
                                  struct error *error)
{
  if (tree->count == MEMBERS_MAX)
    return error_set(error, ERROR_LIMIT, "more than %d parameters", MEMBERS_MAX - 4);
  struct json *node = &tree->nodes[tree->count++];
  *node = *value;
  node->key = key;
  node->next = NULL;
  if (node > tree->nodes + 1)
    node[-1].next = node;
  return ERROR_OK;
}

static const struct batch_kind *find_kind(const char *name)
{
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (!strcmp(kinds[i].name, name))
      return &kinds[i];
  return NULL;
}

static const char *renamed(const struct batch_kind *kind, const char *key)
{
  for (const struct renaming *r = kind ? kind->renamings : NULL; r && r->from; r++)
    if (!strcmp(r->from, key))
      return r->to;
  return key;
}

static enum error_code add_dst(struct tree *tree, const struct json *dst, struct error *error)
{
  json_each(rule, dst) {
    if (strcmp(rule->key, "gap") != 0 && strcmp(rule->key, "overlap") != 0)
      return error_set(error, ERROR_INVALID, "\"dst\" has gap and overlap, not \"%.40s\"",
                       rule->key);
    enum error_code code = add_member(tree, rule->key, rule, error);
    if (code)
      return code;
  }
  return ERROR_OK;
}

/* The trigger's own dialect has seconds too, in front. */
static enum error_code check_five_fields(const struct json *params, struct error *error)
{
  const char *text = json_text(json_get(params, "expr"), ""), *at = text;
  int fields = 0;
  for (;;) {
    while (isspace((unsigned char)*at))
      at++;
    if (!*at || (*at == '@' && fields == 0))
      return ERROR_OK;
    bool is_zone = fields == 0 && (!strncmp(at, "CRON_TZ=", 8) || !strncmp(at, "TZ=", 3));
    if (!is_zone && ++fields > 5)
      return error_set(error, ERROR_INVALID,
                       "cron \"%.200s\": cron5 has five fields, this is a sixth, column %d", text,
                       (int)(at - text) + 1);
    while (*at && !isspace((unsigned char)*at))
      at++;
  }
}

static enum error_code make_trigger(const struct question *question, struct trigger **trigger,
                                    struct error *error)
{
  const struct batch_kind *kind = find_kind(question->kind);
  const char *name = kind ? kind->kind : question->kind;
  struct tree tree = {.count = 1}; /* the object itself */
  struct json name_node = {.type = JSON_STRING, .as.string = {.data = name, .size = strlen(name)}};
  if (kind && kind->needed && !json_get(question->params, kind->needed))
    return error_set(error, ERROR_INVALID, "%s wants \"%s\" in \"params\"", question->kind,
                     kind->needed);
  enum error_code code = add_member(&tree, "kind", &name_node, error);
  json_each(param, question->params)
    if (!code)
      code = add_member(&tree, renamed(kind, param->key), param, error);
  if (!code)
    code = add_dst(&tree, question->dst, error);
  if (!code && kind == &kinds[0])
    code = check_five_fields(question->params, error);
  if (code)
    return code;
  tree.nodes[0] = (struct json){.type = JSON_OBJECT, .count = (uint32_t)tree.count - 1};
  tree.nodes[0].as.first = &tree.nodes[1];
  return trigger_from_json(&tree.nodes[0], question->zone, trigger, error);
}

/* ---- answers ---- */

static void append_integer(struct buffer *out, uint64_t value, int least_digits)
{
  char text[24], *at = text + sizeof text;
  for (int digits = 0; value > 0 || digits < least_digits; digits++, value /= 10)
    *--at = (char)('0' + value % 10);
  buffer_append(out, at, (size_t)(text + sizeof text - at));
}

/* Seconds; with a fraction only where there is one. */
static void append_instant(struct buffer *out, int64_t us)
{
  uint64_t size = us < 0 ? (uint64_t)-us : (uint64_t)us;
  if (us < 0)
    buffer_append_byte(out, '-');
  append_integer(out, size / 1000000, 1);
  if (size % 1000000 == 0)
    return;
  buffer_append_byte(out, '.');
  append_integer(out, size % 1000000, 6);
  while (out->data[out->size - 1] == '0')
    out->data[--out->size] = '\0';
}

static enum error_code append_fires(const struct json *line, struct question *question,
                                    struct buffer *out, struct error *error)
{
  struct trigger *trigger;
  enum error_code code = read_moment(line, &question->after_us, error);
  if (!code)
    code = read_most(line, &question->most, error);
  if (!code)
    code = make_trigger(question, &trigger, error);
  if (code)
    return code;
  int64_t at_us = question->after_us, fire_us;
  bool has_more = true;
  trigger_anchor(trigger, at_us, json_text(question->id, ""));
  buffer_append_text(out, "\"fires\":[");
  for (int64_t i = 0; i < question->most; i++) {
    has_more = trigger_next(trigger, at_us, &fire_us);
    if (!has_more)
      break;
    if (i > 0)
      buffer_append_byte(out, ',');
    at_us = fire_us;
    append_instant(out, at_us);
  }
  buffer_append_byte(out, ']');
  if (!has_more && trigger_gave_up(trigger, at_us))
    buffer_append_text(out, ",\"gave_up\":true");
  trigger_destroy(trigger);
  return ERROR_OK;
}

static enum error_code append_offsets(const struct question *question, struct buffer *out,
                                      struct error *error)
{
  const struct zone *zone;
  const struct json *at = json_get(question->params, "at");
  const char *name = question->zone;
  struct json_writer writer = {.out = out};
  if (read_text(question->params, "zone", &name, error))
    return ERROR_INVALID;
  if (!name)
    return error_set(error, ERROR_INVALID, "tz wants \"zone\" in \"params\"");
  if (!at || at->type != JSON_ARRAY)
    return error_set(error, ERROR_INVALID, "tz wants \"at\" in \"params\", a list of epochs");
  if (at->count > PLACES_MAX)
    return error_set(error, ERROR_LIMIT, "\"at\" has more than %d epochs", PLACES_MAX);
  json_each(epoch, at)
    if (epoch->type != JSON_INTEGER && epoch->type != JSON_NUMBER)
      return error_set(error, ERROR_INVALID, "\"at\" must hold numbers, not %s",
                       json_type_name(epoch->type));
  enum error_code code = zone_find(name, &zone, error);
  if (code)
    return code;
  json_key(&writer, "fires");
  json_begin_array(&writer);
  json_each(epoch, at) {
    double second = floor(json_number(epoch, 0));
    second = fmin(fmax(second, (double)CIVIL_SECONDS_MIN), (double)CIVIL_SECONDS_MAX);
    struct zone_offset offset = zone_at(zone, (int64_t)second);
    json_begin_array(&writer);
    json_write_integer(&writer, offset.offset_s);
    json_write_boolean(&writer, offset.is_dst);
    json_write_text(&writer, offset.abbreviation);
    json_end_array(&writer);
  }
  json_end_array(&writer);
  return ERROR_OK;
}

/* Takes ", column N" off the message; 0 when there is none. */
static long take_column(char *message)
{
  static const char mark[] = ", column ";
  char *found = NULL, *end;
  for (char *at = message; (at = strstr(at, mark)); at++)
    found = at;
  if (!found || !isdigit((unsigned char)found[sizeof mark - 1]))
    return 0;
  long column = strtol(found + sizeof mark - 1, &end, 10);
  if (*end && *end != ',' && *end != ';' && *end != ':' && *end != ' ')
    return 0;
  memmove(found, end, strlen(end) + 1);
  return column;
}

static void append_error(struct buffer *out, const char *message, long column)
{
  struct json_writer writer = {.out = out};
  json_key(&writer, "error");
  json_begin_object(&writer);
  json_put_text(&writer, "message", message);
  json_key(&writer, "column");
  if (column > 0)
    json_write_integer(&writer, column);
  else
    json_write_null(&writer);
  json_end_object(&writer);
}

static void begin_answer(struct buffer *out, const struct json *id)
{
  struct json_writer writer = {.out = out};
  buffer_append_text(out, "{\"id\":");
  if (id)
    json_write_tree(&writer, id);
  else
    buffer_append_text(out, "null");
  buffer_append_byte(out, ',');
}

void batch_refuse(const char *message, struct buffer *out)
{
  begin_answer(out, NULL);
  append_error(out, message, 0);
  buffer_append_text(out, "}\n");
}

/* "line 1, column 7: a colon is missing": the line is known. */
static void refuse_syntax(const char *message, struct buffer *out)
{
  char text[ERROR_TEXT_SIZE + 32] = "not JSON: ";
  const char *colon = strstr(message, ": "), *column = strstr(message, ", column ");
  bool has_place = colon && column && column < colon;
  strncat(text, has_place ? colon + 2 : message, ERROR_TEXT_SIZE);
  begin_answer(out, NULL);
  append_error(out, text, has_place ? strtol(column + strlen(", column "), NULL, 10) : 0);
  buffer_append_text(out, "}\n");
}

void batch_answer(const char *line, size_t size, struct buffer *out)
{
  struct json_document *document;
  struct error error = {.code = ERROR_OK};
  struct question question = {0};
  if (json_parse(line, size, &document, &error)) {
    refuse_syntax(error.text, out);
    return;
  }
  const struct json *root = json_root(document);
  question.id = json_get(root, "id");
  begin_answer(out, question.id);
  size_t begin = out->size;
  enum error_code code;
  if (root->type != JSON_OBJECT)
    code = error_set(&error, ERROR_INVALID, "a line must hold an object, not %s",
                     json_type_name(root->type));
  else
    code = read_question(root, &question, &error);
  if (!code)
    code = strcmp(question.kind, "tz") == 0 ? append_offsets(&question, out, &error)
                                            : append_fires(root, &question, out, &error);
  if (code) {
    out->size = begin;
    long column = take_column(error.text);
    append_error(out, error.text, column);
  }
  buffer_append_text(out, "}\n");
  json_free(document);
}
