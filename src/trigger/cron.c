/* Cron schedules on the wall clock of a zone.
 *
 * The rule at clock changes follows cronie. A schedule is *wildcard* when the text of its minutes
 * or hours (or seconds, where there are any) begins with `*`; it fires at every real instant whose
 * wall clock matches, so that "every ten minutes" goes on through the hour that occurs twice, and
 * nothing fires for the hour that does not occur. Every other schedule is *fixed* and means times
 * of day:
 *   - local times in a gap shorter than three hours fire once, together, at the first instant after
 *     it; those in a longer one (Samoa had no 30 December 2011) do not fire;
 *   - local times that occur twice fire at the first.
 * gap=skip (nothing fires for a gap) or shift, and overlap=second or both, change that for fixed
 * schedules; a wildcard one keeps them and is not changed by them. Which local times match is
 * cron_fields.c's, what the zone makes of them wall.c's.
 *
 * The block: a `struct cron`, its text right behind the last member, then, when there is a start,
 * an end, anything special or an `H`, a `struct cron_more`. */
#include "trigger/cron.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/instant.h"
#include "trigger/cron_read.h"
#include "trigger/member.h"

struct cron_more {
  int64_t start_us, end_us; /* inclusive; INT64_MIN and INT64_MAX: none */
  char *seed;               /* NULL: none */
  bool is_hashed, is_special;
  struct cron_special special; /* without memory unless is_special */
};

struct cron {
  struct trigger base;
  const struct zone *zone;
  struct cron_fields fields;
  struct wall_rules rules; /* as written */
  uint8_t more_at;         /* where the struct cron_more lies, in eighths; 0: nowhere */
  bool has_seconds : 1, is_zone_in_text : 1;
  char text[];
};

enum { UNIT = 8 };
_Static_assert(sizeof(struct cron) <= 64, "a parsed trigger is small");
_Static_assert((sizeof(struct cron) + CRON_TEXT_MAX_SIZE) / UNIT < UINT8_MAX, "more_at reaches");
_Static_assert(_Alignof(struct cron_more) <= UNIT, "struct cron_more may lie there");

static inline const struct cron_more *more_of(const struct cron *cron)
{
  return cron->more_at ? (const void *)((const char *)cron + cron->more_at * UNIT) : NULL;
}

static inline const struct cron_special *special_of(const struct cron *cron)
{
  const struct cron_more *more = more_of(cron);
  return more && more->is_special ? &more->special : NULL;
}

/* ---- fires ---- */

static bool next_match(const void *of, int64_t local_s, int64_t *match_s)
{
  const struct cron *cron = of;
  return cron_fields_next(&cron->fields, special_of(cron), local_s, match_s);
}

static int64_t count_matches(const void *of, int64_t from_s, int64_t until_s)
{
  const struct cron *cron = of;
  return cron_fields_count(&cron->fields, special_of(cron), from_s, until_s);
}

/* A wildcard schedule goes by elapsed time. */
static inline struct wall_rules rules_of(const struct cron *cron)
{
  return cron->fields.is_wildcard ? WALL_RULES_ELAPSED : cron->rules;
}

bool cron_next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  const struct cron *cron = (const struct cron *)trigger;
  const struct cron_more *more = more_of(cron);
  if (more && after_us < more->start_us)
    after_us = more->start_us - 1;
  struct wall_source source = {cron, next_match, count_matches};
  return wall_next_us(&source, cron->zone, rules_of(cron), after_us, next_us) &&
         (!more || *next_us <= more->end_us);
}

int64_t cron_count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                   int64_t *last_us)
{
  const struct cron *cron = (const struct cron *)trigger;
  const struct cron_more *more = more_of(cron);
  if (more && after_us < more->start_us)
    after_us = more->start_us - 1;
  if (more && until_us > more->end_us)
    until_us = more->end_us;
  struct wall_source source = {cron, next_match, count_matches};
  return wall_count_us(&source, cron->zone, rules_of(cron), after_us, until_us, last_us);
}

bool cron_matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s)
{
  int64_t match_s;
  return next_match(trigger, from_s, &match_s) && match_s < until_s;
}

/* ---- making ---- */

static size_t more_offset(size_t text_size)
{
  return (offsetof(struct cron, text) + text_size + 1 + UNIT - 1) / UNIT * UNIT;
}

static size_t more_size(bool is_special)
{
  return is_special ? sizeof(struct cron_more) : offsetof(struct cron_more, special);
}

static struct cron *allocate(const struct trigger_kind *kind, const struct cron_parsed *parsed,
                             const struct cron_more *more)
{
  size_t at = more_offset(parsed->text_size);
  size_t size =
      more ? at + more_size(more->is_special) : offsetof(struct cron, text) + parsed->text_size + 1;
  struct cron *cron = memory_alloc(size < sizeof *cron ? sizeof *cron : size);
  cron->base.kind = kind;
  cron->fields = parsed->fields;
  memcpy(cron->text, parsed->text, parsed->text_size);
  if (!more)
    return cron;
  cron->more_at = (uint8_t)(at / UNIT);
  memcpy((char *)cron + at, more, more_size(more->is_special));
  return cron;
}

static enum error_code read_zone(const struct cron_parsed *parsed, const struct json *value,
                                 const char *default_zone, const struct zone **zone,
                                 struct error *error)
{
  if (!parsed->zone)
    return member_zone(value, default_zone, zone, error);
  *zone = parsed->zone;
  if (member_find(value, "timezone"))
    return error_set(error, ERROR_INVALID,
                     "the time zone stands in the expression and as \"timezone\"");
  return ERROR_OK;
}

const struct json *cron_options(const struct json *value)
{
  return value->count > 1 + (uint32_t)(json_get(value, "kind") != NULL) ? value : NULL;
}

enum error_code cron_create(const struct trigger_kind *kind, const struct cron_parsed *parsed,
                            const struct json *value, const char *default_zone,
                            struct trigger **trigger, struct error *error)
{
  struct cron_more more = {.start_us = INT64_MIN,
                           .end_us = INT64_MAX,
                           .is_hashed = parsed->is_hashed,
                           .is_special = !cron_special_is_empty(&parsed->special),
                           .special = parsed->special};
  struct cron_fields fields = parsed->fields;
  struct wall_rules rules = {0};
  const struct zone *zone;
  if (parsed->text_size > CRON_TEXT_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "the expression is longer than %d bytes",
                     CRON_TEXT_MAX_SIZE);
  enum error_code code = cron_fields_finish(&fields, more.is_special ? &more.special : NULL, error);
  if (code && parsed->days_at)
    cron_read_add_column(parsed->given, parsed->days_at, error);
  if (!code)
    code = read_zone(parsed, value, default_zone, &zone, error);
  if (code)
    return code;
  if (wall_read_rules(value, &rules, error) ||
      member_instant(value, "start", zone, &more.start_us, error) ||
      member_instant(value, "end", zone, &more.end_us, error) ||
      member_check_window(more.start_us, more.end_us, error))
    return ERROR_INVALID;
  bool is_bounded = more.start_us != INT64_MIN || more.end_us != INT64_MAX;
  bool has_more = is_bounded || more.is_hashed || more.is_special;
  struct cron *cron = allocate(kind, parsed, has_more ? &more : NULL);
  cron->fields = fields;
  cron->zone = zone;
  cron->has_seconds = parsed->has_seconds;
  cron->is_zone_in_text = parsed->zone;
  cron->rules = rules;
  int64_t fire_us;
  if (is_bounded && !cron_next(&cron->base, INT64_MIN, &fire_us)) {
    free(cron);
    return error_set(error, ERROR_INVALID, "never fires between its start and its end");
  }
  if (parsed->seed)
    cron_set_seed(&cron->base, &fields, parsed->seed);
  *trigger = &cron->base;
  return ERROR_OK;
}

bool cron_needs_seed(const struct trigger *trigger)
{
  const struct cron_more *more = more_of((const struct cron *)trigger);
  return more && more->is_hashed && !more->seed;
}

void cron_set_seed(struct trigger *trigger, const struct cron_fields *fields, const char *seed)
{
  struct cron *cron = (struct cron *)trigger;
  struct cron_more *more = (struct cron_more *)more_of(cron);
  more->seed = memory_strdup(seed);
  cron->fields = *fields;
}

void cron_destroy(struct trigger *trigger)
{
  const struct cron_more *more = more_of((const struct cron *)trigger);
  if (more)
    free(more->seed);
  free(trigger);
}

/* ---- reading ---- */

bool cron_has_seconds(const struct trigger *trigger)
{
  return ((const struct cron *)trigger)->has_seconds;
}

bool cron_names_zone(const struct trigger *trigger)
{
  return ((const struct cron *)trigger)->is_zone_in_text;
}

const char *cron_text(const struct trigger *trigger)
{
  return ((const struct cron *)trigger)->text;
}

size_t cron_size(const struct trigger *trigger)
{
  const struct cron *cron = (const struct cron *)trigger;
  const struct cron_more *more = more_of(cron);
  size_t size = more ? cron->more_at * (size_t)UNIT + more_size(more->is_special)
                     : offsetof(struct cron, text) + strlen(cron->text) + 1;
  return size < sizeof *cron ? sizeof *cron : size;
}

void cron_put_options(const struct trigger *trigger, struct json_writer *writer)
{
  const struct cron *cron = (const struct cron *)trigger;
  const struct cron_more *more = more_of(cron);
  if (!cron->is_zone_in_text)
    json_put_text(writer, "timezone", zone_name(cron->zone));
  wall_put_rules(writer, cron->rules, (struct wall_rules){0});
  if (more && more->start_us != INT64_MIN)
    member_put_instant(writer, "start", more->start_us);
  if (more && more->end_us != INT64_MAX)
    member_put_instant(writer, "end", more->end_us);
  if (more && more->seed)
    json_put_text(writer, "seed", more->seed);
}

void cron_to_json(const struct trigger *trigger, struct json_writer *writer)
{
  json_put_text(writer, "expression", cron_text(trigger));
  cron_put_options(trigger, writer);
}

const char *cron_timezone(const struct trigger *trigger)
{
  return zone_name(((const struct cron *)trigger)->zone);
}

void cron_explain(const struct trigger *trigger, struct buffer *out)
{
  const struct cron *cron = (const struct cron *)trigger;
  const struct cron_more *more = more_of(cron);
  cron_explain_fields(&cron->fields, special_of(cron), out);
  if (cron_needs_seed(trigger))
    buffer_append_text(out, ", with H as it is without a job");
  char text[INSTANT_TEXT_SIZE];
  if (more && more->start_us != INT64_MIN) {
    instant_format_in(text, more->start_us, cron->zone);
    buffer_printf(out, ", from %s", text);
  }
  if (more && more->end_us != INT64_MAX) {
    instant_format_in(text, more->end_us, cron->zone);
    buffer_printf(out, ", until %s", text);
  }
  buffer_printf(out, ", %s", zone_name(cron->zone));
}
