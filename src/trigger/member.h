/* Reading the members that kinds have in common: texts, numbers, lists, zones, instants, local
 * dates and times of day, weekdays, lengths. All messages name the member. A member that is absent
 * or null leaves `*out` as it was. Since the text form has only texts, a number may be the text of
 * one and a list a text with commas. The `member_parse_` functions read such a text by itself, for
 * items of lists; their messages name no member. Private to src/trigger. */
#ifndef TRIGGER_MEMBER_H
#define TRIGGER_MEMBER_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "time/zone.h"
#include "trigger/kind.h"

/* The from_json of a kind: allocates `size` zeroed bytes for its struct and lets `read` fill them,
 * kind and all. On failure the error gains the kind's name, and what was read goes through the
 * kind's destroy. */
typedef enum error_code (*member_reader)(struct trigger *trigger, const struct json *value,
                                         const char *default_zone, struct error *error);
enum error_code member_read_all(const struct trigger_kind *kind, size_t size, member_reader read,
                                const struct json *value, const char *default_zone,
                                struct trigger **trigger, struct error *error);

/* NULL when the member is absent or null. */
const struct json *member_find(const struct json *value, const char *name);

/* A string without NULs, that lives as long as `value`. */
enum error_code member_text(const struct json *value, const char *name, const char **out,
                            struct error *error);

/* A whole number of [low, high], or its text. */
enum error_code member_integer(const struct json *value, const char *name, int64_t low,
                               int64_t high, int64_t *out, struct error *error);

/* A finite number, or its text. */
enum error_code member_number(const struct json *value, const char *name, double *out,
                              struct error *error);

/* Calls `add` for each item of an array of texts or whole numbers, or of a text with commas between
 * the items (a number stands for its text); spaces around items are dropped. An empty list or item
 * is an error, and the errors of `add` gain the member's name and the item. */
typedef enum error_code (*member_item)(void *context, const char *item, struct error *error);
enum error_code member_list(const struct json *value, const char *name, member_item add,
                            void *context, struct error *error);

/* The member "timezone", else `default_zone`, else UTC. */
enum error_code member_zone(const struct json *value, const char *default_zone,
                            const struct zone **zone, struct error *error);

/* A text of instant_parse, or a number of seconds since the epoch. */
enum error_code member_instant(const struct json *value, const char *name, const struct zone *zone,
                               int64_t *us, struct error *error);

/* A date without a zone, "2026-01-31", as days since 1970-01-01. Its midnight means the same, since
 * programs write dates so. */
enum error_code member_date(const struct json *value, const char *name, int64_t *day,
                            struct error *error);
enum error_code member_parse_date(const char *text, int64_t *day, struct error *error);

/* A time of day, "9:30" or "09:30:15", as seconds from midnight. */
enum error_code member_clock(const struct json *value, const char *name, int32_t *second,
                             struct error *error);
enum error_code member_parse_clock(const char *text, int32_t *second, struct error *error);

/* A list of weekdays and ranges of them by name, "mon-fri,Sunday"; a range may go over the end of
 * the week. Bit 0 of the mask is Sunday. Numbers are refused, since programs count from different
 * days. member_parse_weekdays reads one item and adds it to the mask. */
enum { MEMBER_ALL_WEEKDAYS = 0x7f };
enum error_code member_weekdays(const struct json *value, const char *name, uint8_t *mask,
                                struct error *error);
enum error_code member_parse_weekdays(const char *item, uint8_t *mask, struct error *error);

/* A text of duration_parse or a number of seconds. */
enum error_code member_length(const struct json *value, const char *name, int64_t *us,
                              struct error *error);

/* `start` must not be after `end`. */
enum error_code member_check_window(int64_t start_us, int64_t end_us, struct error *error);

/* Writes an instant as RFC 3339 in UTC. */
void member_put_instant(struct json_writer *writer, const char *name, int64_t us);
void member_put_length(struct json_writer *writer, const char *name, int64_t us);
void member_put_count(struct json_writer *writer, const char *name, int64_t count); /* not for 0 */
void member_put_date(struct json_writer *writer, const char *name, int64_t day);
/* "09:30", with seconds only where there are any. */
void member_put_clock(struct json_writer *writer, const char *name, int32_t second);
/* "mon-fri,sun". */
void member_put_weekdays(struct json_writer *writer, const char *name, uint8_t mask);

/* For sentences: "2026-01-31", "09:30", and "Monday to Friday", "Monday, Wednesday and Friday". */
enum { MEMBER_TEXT_SIZE = 16 };
const char *member_date_text(char out[MEMBER_TEXT_SIZE], int64_t day);
const char *member_clock_text(char out[MEMBER_TEXT_SIZE], int32_t second);
void member_say_weekdays(struct buffer *out, uint8_t mask);
/* "1 hour 30 minutes"; "Every 1 hour 30 minutes", "Every hour". */
void member_say_length(struct buffer *out, int64_t us);
void member_say_every(struct buffer *out, int64_t us);
/* ", from 2026-01-31 09:30", ", until 2026-01-31": nothing for INT64_MIN and INT64_MAX. On the wall
 * clock of `zone` (NULL: UTC), which the sentence is to name elsewhere. */
void member_say_window(struct buffer *out, int64_t start_us, int64_t end_us,
                       const struct zone *zone);
/* "2026-01-31 09:30", with seconds and their fraction only where there are any. */
void member_say_instant(struct buffer *out, int64_t us, const struct zone *zone);

#endif
