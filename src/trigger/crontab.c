/* The kind "cron": a crontab line (cron_parse.c) as a trigger. What is its own: the macros and the
 * zone in front of the expression are part of its text, and `H` takes its values when the trigger
 * is anchored, from the job's id, which stays with the trigger as "seed". */
#include "trigger/cron.h"

#include <string.h>

#include "trigger/cron_parse.h"
#include "trigger/cron_read.h"
#include "trigger/member.h"

/* `options` may be NULL. */
static enum error_code make(const char *expression, const char *seed, const struct json *options,
                            const char *default_zone, struct trigger **trigger, struct error *error)
{
  struct cron_parsed parsed = {.seed = seed};
  char text[CRON_TEXT_MAX_SIZE];
  if (strlen(expression) > CRON_TEXT_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "cron: the expression is longer than %d bytes",
                     CRON_TEXT_MAX_SIZE);
  enum error_code code = cron_parse(expression, &parsed, error);
  if (!parsed.is_hashed && member_find(options, "jitter"))
    parsed.seed = NULL; /* it is the jitter's alone: modifier.h */
  if (!code && parsed.seed && !parsed.is_hashed)
    code = error_set(error, ERROR_INVALID, "\"seed\" means nothing without an H");
  parsed.text = text;
  parsed.text_size = cron_read_spaced(text, expression);
  if (!code)
    code = cron_create(&cron_kind, &parsed, options, default_zone, trigger, error);
  if (code)
    error_prefix(error, "cron \"%.200s\"", expression);
  return code;
}

/* A crontab expression and nothing else, as most triggers are. */
static bool is_line(const char *text)
{
  static const char of_expressions[] =
      "0123456789*,-/ abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  size_t size = strspn(text, of_expressions);
  return !text[size] && size > 0 && text[size - 1] != ' ' &&
         (*text == '*' || (*text >= '0' && *text <= '9'));
}

static enum error_code from_line(const char *text, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  return make(text, NULL, NULL, default_zone, trigger, error);
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  const char *expression = NULL, *seed = NULL;
  const struct json *options = cron_options(value);
  if (member_text(value, "expression", &expression, error) ||
      member_text(options, "seed", &seed, error)) {
    error_prefix(error, "cron");
    return ERROR_INVALID;
  }
  if (!expression)
    return error_set(error, ERROR_INVALID, "cron: \"expression\" is missing");
  return make(expression, seed, options, default_zone, trigger, error);
}

static void anchor(struct trigger *trigger, int64_t now_us, const char *seed)
{
  (void)now_us;
  struct cron_parsed parsed = {.seed = seed};
  if (!seed || !cron_needs_seed(trigger) || cron_parse(cron_text(trigger), &parsed, NULL) ||
      cron_fields_finish(&parsed.fields, NULL, NULL))
    return;
  cron_set_seed(trigger, &parsed.fields, seed);
}

static const char *const members[] = {"expression", "timezone", "gap",  "overlap",
                                      "start",      "end",      "seed", NULL};
static const struct trigger_word words[] = {{"cron", "expression"}, {0}};

const struct trigger_kind cron_kind = {
    .name = "cron",
    .members = members,
    .words = words,
    .from_json = from_json,
    .is_line = is_line,
    .from_line = from_line,
    .destroy = cron_destroy,
    .anchor = anchor,
    .to_json = cron_to_json,
    .next = cron_next,
    .count = cron_count,
    .timezone = cron_timezone,
    .explain = cron_explain,
    .matches_local = cron_matches_local,
};
