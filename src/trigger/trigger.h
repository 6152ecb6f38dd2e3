/* When a job runs: plain data with one pure question, "what is the next fire strictly after this
 * instant?". Each kind is one file (date.c, interval.c, cron.c) that fills a `struct trigger_kind`
 * and stands in the table of trigger.c; nothing else knows the kinds by name.
 *
 * A trigger has two forms that round-trip: JSON (`{"kind":"cron","expression":"0 9 * * 1-5",
 * "timezone":"Asia/Shanghai"}`) and one line of text (`cron 0 9 * * 1-5 timezone=Asia/Shanghai`).
 * What a person wrote may be relative ("in 15m", "every 5s" without a start): trigger_anchor()
 * fixes it at a moment, after which the fires are the same for ever. Nothing here reads a clock.
 * Immutable after anchoring; then any thread. */
#ifndef TRIGGER_TRIGGER_H
#define TRIGGER_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"

struct trigger;

/* From an object of the JSON form, or a JSON string holding the text form. `default_zone` is the
 * zone of wall-clock triggers that name none; NULL means UTC. An unknown member is an error that
 * names the nearest known one. Triggers of all kinds have the options from, until, except, limit,
 * offset and jitter (modifier.h). Any members may stand in an object "options" instead, for
 * programs that have other uses for their names. */
enum error_code trigger_from_json(const struct json *value, const char *default_zone,
                                  struct trigger **trigger, struct error *error);

/* From the text form: `30 2 * * *`, `@daily`, `cron 0 9 * * 1-5 timezone=Europe/Berlin gap=skip`,
 * `every 1h30m`, `every 5s start=2026-01-01T00:00:00Z`, `in 15m`,
 * `at 2026-03-29 02:30 timezone=Europe/Berlin`. */
enum error_code trigger_from_text(const char *text, const char *default_zone,
                                  struct trigger **trigger, struct error *error);

void trigger_destroy(struct trigger *trigger); /* NULL is fine */

/* Makes relative parts absolute: "in 15m" counts from `now_us`, and what is spread (`H` in a cron
 * expression, jitter) is spread by a hash of `seed`, the job's id; NULL leaves that unanchored.
 * Twice is the same as once. */
void trigger_anchor(struct trigger *trigger, int64_t now_us, const char *seed);

void trigger_to_json(const struct trigger *trigger, struct json_writer *writer);
void trigger_to_text(const struct trigger *trigger, struct buffer *out);

/* "cron", "interval", "date"; also of one with options. */
const char *trigger_kind_name(const struct trigger *trigger);

/* The zone whose wall clock it goes by; NULL when it goes by none. */
const char *trigger_timezone(const struct trigger *trigger);

/* The names of the calendars that it excepts, anywhere in it. */
typedef void (*trigger_name_visitor)(void *context, const char *name);
void trigger_each_calendar(const struct trigger *trigger, trigger_name_visitor visit,
                           void *context);
/* Whether it excepts the calendar of that name, anywhere in it; NULL: any calendar with a name. */
bool trigger_uses_calendar(const struct trigger *trigger, const char *name);
/* The name of a calendar that it excepts and that means nothing yet; NULL: there is none. */
const char *trigger_undefined_calendar(const struct trigger *trigger);

/* The first fire strictly after `after_us`; false when there is none any more. `after_us` may be
 * INT64_MIN: then it is the first fire of all for kinds that have a first. */
bool trigger_next(const struct trigger *trigger, int64_t after_us, int64_t *next_us);

/* Whether trigger_next() answered false only because a bounded search was over, as for an all_of
 * whose members never meet. */
bool trigger_gave_up(const struct trigger *trigger, int64_t after_us);

/* How many fires lie in (after_us, until_us], and the last of them in *last_us when there is one.
 * Ten years of every second take under a millisecond. Kinds without an arithmetic answer are
 * stepped through up to a million fires; beyond, the count is a lower bound and the last one still
 * exact. */
int64_t trigger_count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                      int64_t *last_us);

/* What it means, as an English sentence without a full stop: "At 09:00, Monday to Friday, Asia/
 * Shanghai". */
void trigger_explain(const struct trigger *trigger, struct buffer *out);

/* What keeps the first fire that the trigger would have without its options from being one. */
struct trigger_obstacle {
  enum {
    OBSTACLE_FROM,     /* it lies before `from` */
    OBSTACLE_UNTIL,    /* or behind `until` */
    OBSTACLE_LIMIT,    /* or there were `limit` of them */
    OBSTACLE_CALENDAR, /* or a calendar covers it */
  } kind;
  int64_t fire_us;      /* which fire */
  int64_t clears_us;    /* from when on nothing does; INT64_MAX: never */
  const char *calendar; /* its name, while the trigger lives; NULL: it stands in the trigger */
};

/* False when nothing does, or there is no fire after `after_us` at all. */
bool trigger_find_obstacle(const struct trigger *trigger, int64_t after_us,
                           struct trigger_obstacle *obstacle);

/* Whether a wall-clock time in [from_s, until_s), local seconds, is one that it fires at, gaps and
 * overlaps not regarded: asked of a gap or an overlap, it tells which fires need attention. False
 * for what goes by no wall clock. */
bool trigger_matches_local(const struct trigger *trigger, int64_t from_s, int64_t until_s);

#endif
