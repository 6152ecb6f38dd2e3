/* Reading the members that kinds have in common: texts, zones, instants, lengths. All messages name
 * the member. A member that is absent or null leaves `*out` as it was. Private to src/trigger. */
#ifndef TRIGGER_MEMBER_H
#define TRIGGER_MEMBER_H

#include "base/error.h"
#include "base/json.h"
#include "time/zone.h"

/* NULL when the member is absent or null. */
const struct json *member_find(const struct json *value, const char *name);

/* A string without NULs, that lives as long as `value`. */
enum error_code member_text(const struct json *value, const char *name, const char **out,
                            struct error *error);

/* The member "timezone", else `default_zone`, else UTC. */
enum error_code member_zone(const struct json *value, const char *default_zone,
                            const struct zone **zone, struct error *error);

/* A text of instant_parse, or a number of seconds since the epoch. */
enum error_code member_instant(const struct json *value, const char *name, const struct zone *zone,
                               int64_t *us, struct error *error);

/* A text of duration_parse or a number of seconds, at most LENGTH_MAX_US. */
enum error_code member_length(const struct json *value, const char *name, int64_t *us,
                              struct error *error);

/* A thousand years: longer ones are mistakes, and sums with instants cannot overflow. */
#define LENGTH_MAX_US (INT64_C(365250) * 86400 * 1000000)

enum error_code member_check_length(const char *name, int64_t us, struct error *error);

/* `start` must not be after `end`. */
enum error_code member_check_window(int64_t start_us, int64_t end_us, struct error *error);

/* Writes an instant as RFC 3339 in UTC. */
void member_put_instant(struct json_writer *writer, const char *name, int64_t us);
void member_put_length(struct json_writer *writer, const char *name, int64_t us);

#endif
