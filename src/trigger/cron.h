/* The run-time value of all kinds that are a set of matching wall-clock seconds: cron, quartz,
 * cron_fields, oncalendar. A dialect is a parser that fills a `struct cron_parsed`, plus from_json
 * and to_json; everything else of its `struct trigger_kind` are the functions here. The trigger is
 * one block: about 50 bytes, then the text, then what few triggers have. Immutable after anchoring;
 * any thread. Private to src/trigger. */
#ifndef TRIGGER_CRON_H
#define TRIGGER_CRON_H

#include <stddef.h>

#include "trigger/cron_fields.h"
#include "trigger/kind.h"
#include "trigger/wall.h"

enum { CRON_TEXT_MAX_SIZE = 1000 };

/* What a dialect has read. */
struct cron_parsed {
  struct cron_fields fields; /* is_every_day and is_weekly need not be set */
  struct cron_special special;
  const char *text;        /* what cron_text() is to give again: the expression, or any bytes */
  size_t text_size;        /* at most CRON_TEXT_MAX_SIZE */
  const char *given;       /* the expression as it was given, for the columns of errors */
  const char *days_at;     /* where in it the days stand; NULL: it is not one text */
  bool has_seconds;        /* the text says which seconds match */
  const struct zone *zone; /* named by the text itself; NULL: the member "timezone" says it */
  /* For texts with `H`: what it means to the job of this seed; NULL: not known yet. */
  bool is_hashed;
  const char *seed;
};

/* `value`, or NULL when it has no members beside "kind" and "expression", as most do not: then no
 * other need be looked for. */
const struct json *cron_options(const struct json *value);

/* Makes the trigger of `parsed` and the members timezone, gap, overlap, start and end of `value`,
 * which may be NULL (a kind that lacks start and end leaves them out of its members). Refuses what
 * can never fire. The error has no prefix. */
enum error_code cron_create(const struct trigger_kind *kind, const struct cron_parsed *parsed,
                            const struct json *value, const char *default_zone,
                            struct trigger **trigger, struct error *error);

/* Whether the text of the crontab has a field of seconds, and whether it names its zone. */
bool cron_has_seconds(const struct trigger *trigger);
bool cron_names_zone(const struct trigger *trigger);

/* The bytes as given, with a NUL behind. */
const char *cron_text(const struct trigger *trigger);

/* Writes the members timezone (unless the text names the zone), gap, overlap, start, end, seed. */
void cron_put_options(const struct trigger *trigger, struct json_writer *writer);

/* The member expression, which is cron_text(), and these. */
void cron_to_json(const struct trigger *trigger, struct json_writer *writer);

/* Gives a hashed trigger without a seed its seed and the fields that follow from it. */
bool cron_needs_seed(const struct trigger *trigger);
void cron_set_seed(struct trigger *trigger, const struct cron_fields *fields, const char *seed);

/* The bytes that the trigger takes, its text included. */
size_t cron_size(const struct trigger *trigger);

/* ---- of a struct trigger_kind ---- */

void cron_destroy(struct trigger *trigger);
bool cron_next(const struct trigger *trigger, int64_t after_us, int64_t *next_us);
int64_t cron_count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                   int64_t *last_us);
const char *cron_timezone(const struct trigger *trigger);
void cron_explain(const struct trigger *trigger, struct buffer *out);
bool cron_matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s);

/* ---- cron_explain.c ---- */

/* Appends the sentence without zone, start and end: "At 09:00, Monday to Friday". */
void cron_explain_fields(const struct cron_fields *fields, const struct cron_special *special,
                         struct buffer *out);

/* ---- cron_explain_time.c ---- */

/* Appends what it says of the time of day; true for "At 09:00", after which "every day" makes
 * sense. */
bool cron_explain_time(const struct cron_fields *fields, struct buffer *out);

#endif
