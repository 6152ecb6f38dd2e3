/* When triggers are due, told naively: by stepping from minute to minute with the C library's idea
 * of zones, which knows nothing of src/trigger or src/time. */
#ifndef SIM_DUE_H
#define SIM_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rule_kind { RULE_INTERVAL, RULE_MINUTES, RULE_HOURLY, RULE_DAILY, RULE_DATE, RULE_EVENT };

struct rule {
  enum rule_kind kind;
  int64_t start_us;  /* of an interval its first due time; of a date its only one */
  int64_t period_us; /* of an interval */
  int minute, hour;  /* MINUTES: each `minute` minutes; HOURLY, DAILY: at */
  const char *zone;
  int version;       /* of the tz database, see zones.h */
  const char *event; /* EVENT: its trigger, JSON; it is never due */
};

/* As a job's trigger, JSON. The caller frees. */
char *rule_trigger(const struct rule *rule);

struct dues {
  int64_t *us;
  size_t count, capacity;
};

/* Appends all due times in [from_us, until_us), ascending. */
void rule_dues(const struct rule *rule, int64_t from_us, int64_t until_us, struct dues *dues);

#endif
