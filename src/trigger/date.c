/* One fire at one instant: {"kind":"date","at":"2026-03-29 02:30","timezone":"Europe/Berlin"}, or
 * so long after it is anchored: {"kind":"date","in":"15m"}, which keeps that moment as "anchor", so
 * that a store tells what a person wrote from what became of it. "at" becomes an instant of UTC
 * when it is read, so that a later change of the zone's rules does not move it; the zone is kept to
 * tell of it. An instant in the past is legal and is a misfire's business. Immutable after
 * anchoring. */
#include <string.h>

#include "time/instant.h"
#include "trigger/kind.h"
#include "trigger/member.h"

struct date {
  struct trigger base;
  enum { ORIGIN_NONE, ORIGIN_AT, ORIGIN_ANCHOR } origin;
  int64_t at_us;            /* not known for ORIGIN_NONE */
  int64_t in_us, anchor_us; /* as written, and from where it counts */
  const struct zone *zone;  /* as written; NULL: none */
};

static void set_anchor(struct date *date, int64_t anchor_us)
{
  date->origin = ORIGIN_ANCHOR;
  date->anchor_us = anchor_us < INSTANT_MIN   ? INSTANT_MIN
                    : anchor_us > INSTANT_MAX ? INSTANT_MAX
                                              : anchor_us;
  date->at_us =
      date->anchor_us > INSTANT_MAX - date->in_us ? INSTANT_MAX : date->anchor_us + date->in_us;
}

static enum error_code read_members(struct trigger *trigger, const struct json *value,
                                    const char *default_zone, struct error *error)
{
  struct date *date = (struct date *)trigger;
  const struct zone *zone = NULL;
  int64_t anchor_us = 0;
  bool has_at = member_find(value, "at"), has_in = member_find(value, "in");
  bool has_anchor = member_find(value, "anchor");
  if (has_at && has_in)
    return error_set(error, ERROR_INVALID, "\"at\" and \"in\" exclude each other");
  if (!has_at && !has_in)
    return error_set(error, ERROR_INVALID, "\"at\" or \"in\" is missing");
  if (has_at && has_anchor)
    return error_set(error, ERROR_INVALID, "\"anchor\" means nothing without \"in\"");
  enum error_code code = member_zone(value, default_zone, &zone, error);
  if (!code)
    code = member_instant(value, "at", zone, &date->at_us, error);
  if (!code)
    code = member_length(value, "in", &date->in_us, error);
  if (!code)
    code = member_instant(value, "anchor", zone, &anchor_us, error);
  date->origin = has_at ? ORIGIN_AT : ORIGIN_NONE;
  if (!code && has_anchor)
    set_anchor(date, anchor_us);
  date->zone = member_find(value, "timezone") ? zone : NULL;
  return code;
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  return member_read_all(&date_kind, sizeof(struct date), read_members, value, default_zone,
                         trigger, error);
}

static void anchor(struct trigger *trigger, int64_t now_us, const char *seed)
{
  (void)seed;
  struct date *date = (struct date *)trigger;
  if (date->origin == ORIGIN_NONE)
    set_anchor(date, now_us);
}

static void to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const struct date *date = (const struct date *)trigger;
  if (date->origin == ORIGIN_AT)
    member_put_instant(writer, "at", date->at_us);
  else
    member_put_length(writer, "in", date->in_us);
  if (date->origin == ORIGIN_ANCHOR)
    member_put_instant(writer, "anchor", date->anchor_us);
  if (date->zone)
    json_put_text(writer, "timezone", zone_name(date->zone));
}

static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct date *date = (const struct date *)trigger;
  if (date->origin == ORIGIN_NONE || date->at_us <= after_us)
    return false;
  *next_us = date->at_us;
  return true;
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  int64_t at_us;
  if (!next(trigger, after_us, &at_us) || at_us > until_us)
    return 0;
  *last_us = at_us;
  return 1;
}

static void explain(const struct trigger *trigger, struct buffer *out)
{
  const struct date *date = (const struct date *)trigger;
  buffer_append_text(out, "Once, ");
  if (date->origin == ORIGIN_NONE) {
    member_say_length(out, date->in_us);
    buffer_append_text(out, " after it is added");
    return;
  }
  char text[INSTANT_TEXT_SIZE]; /* 2026-03-29T03:30:00.5+02:00 */
  instant_format_in(text, date->at_us, date->zone);
  const char *clock = text + strlen("2026-03-29T");
  buffer_printf(out, "on %.10s at %.*s, %s", text, (int)strcspn(clock, "+-"), clock,
                date->zone ? zone_name(date->zone) : "UTC");
}

static const char *timezone_of(const struct trigger *trigger)
{
  const struct date *date = (const struct date *)trigger;
  return date->zone ? zone_name(date->zone) : NULL;
}

static const char *const members[] = {"at", "in", "anchor", "timezone", NULL};
static const struct trigger_word words[] = {
    {"at", "at"}, {"in", "in"}, {"after", "in"}, {"date", "at"}, {0}};

const struct trigger_kind date_kind = {
    .name = "date",
    .members = members,
    .words = words,
    .from_json = from_json,
    .anchor = anchor,
    .to_json = to_json,
    .next = next,
    .count = count,
    .timezone = timezone_of,
    .explain = explain,
};
