/* The calendar events of systemd's timers on the wall clock of a zone: `Mon..Fri 09:00`,
 * `*:0/15`, `Mon *-05~07/1 03:00 Europe/Berlin`, `monthly`.
 *
 * The zone stands at the end of the expression or in the member "timezone"; where it stands in
 * both they must agree. At clock changes the rule is that of all cron kinds (cron.c) and not
 * systemd's, which knows no difference between fixed and wildcard times. Reading is
 * oncalendar_parse.c's, everything else the cron family's. Immutable; any thread. */
#include "trigger/oncalendar.h"

#include <string.h>

#include "trigger/member.h"

/* A zone that is given twice is from then on that of the member. */
static enum error_code check_zone(struct cron_parsed *parsed, const struct json *value,
                                  struct error *error)
{
  const struct zone *zone;
  if (!parsed->zone || !member_find(value, "timezone"))
    return ERROR_OK;
  enum error_code code = member_zone(value, NULL, &zone, error);
  if (!code && strcmp(zone_name(zone), zone_name(parsed->zone)) != 0)
    code = error_set(error, ERROR_INVALID, "the expression is for %s and \"timezone\" says %s",
                     zone_name(parsed->zone), zone_name(zone));
  parsed->zone = NULL;
  return code;
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  const char *expression = NULL;
  struct cron_parsed parsed;
  char text[CRON_TEXT_MAX_SIZE];
  if (member_text(value, "expression", &expression, error)) {
    error_prefix(error, "oncalendar");
    return ERROR_INVALID;
  }
  if (!expression)
    return error_set(error, ERROR_INVALID, "oncalendar: \"expression\" is missing");
  if (strlen(expression) > CRON_TEXT_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "oncalendar: the expression is longer than %d bytes",
                     CRON_TEXT_MAX_SIZE);
  enum error_code code = oncalendar_parse(expression, &parsed, error);
  parsed.text = text;
  parsed.text_size = cron_read_spaced(text, expression);
  if (!code)
    code = check_zone(&parsed, value, error);
  if (!code)
    code = cron_create(&oncalendar_kind, &parsed, value, default_zone, trigger, error);
  if (code)
    error_prefix(error, "oncalendar \"%.200s\"", expression);
  return code;
}

static const char *const members[] = {"expression", "timezone", "gap", "overlap", NULL};
static const struct trigger_word words[] = {{"oncalendar", "expression"}, {0}};

const struct trigger_kind oncalendar_kind = {
    .name = "oncalendar",
    .members = members,
    .words = words,
    .from_json = from_json,
    .destroy = cron_destroy,
    .to_json = cron_to_json,
    .next = cron_next,
    .count = cron_count,
    .timezone = cron_timezone,
    .explain = cron_explain,
    .matches_local = cron_matches_local,
};
