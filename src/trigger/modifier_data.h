/* The inside of a trigger with options, shared by who reads and writes it (modifier_read.c) and who
 * asks it (modifier.c). Private to src/trigger. */
#ifndef TRIGGER_MODIFIER_DATA_H
#define TRIGGER_MODIFIER_DATA_H

#include "trigger/calendar.h"
#include "trigger/modifier.h"

enum {
  MODIFIER_LIMIT_MAX = 1000000000,
  MODIFIER_STEPS_MAX = 10000, /* the limit where no arithmetic counts fires, at most */
  MODIFIER_NAMES_MAX = 16,
};

struct modifier {
  struct trigger base;
  struct trigger *inner;
  int64_t from_us, until_us; /* INT64_MIN and INT64_MAX: none */
  int64_t limit;             /* 0: none */
  int64_t limit_from_us;     /* INT64_MIN: not anchored */
  int64_t last_us; /* of the limit, as the inner trigger dates it; INT64_MAX: none; INT64_MIN: not
                      anchored, so that nothing fires */
  int64_t offset_us, jitter_us;
  char *seed;                /* NULL: not anchored, then nothing is delayed */
  uint64_t spread;           /* from the seed */
  const struct zone *zone;   /* of calendars without their own */
  struct calendar *calendar; /* in place */
  char *names;               /* as written, without spaces */
  int name_count;
  const struct calendar_name *calendars[MODIFIER_NAMES_MAX];
};

extern const struct trigger_kind modifier_kind;

bool modifier_has_calendars(const struct modifier *modifier);
/* Whether find_last() can count instead of stepping. */
bool modifier_can_count(const struct modifier *modifier);
/* The limit counts from here. */
void modifier_count_from(struct modifier *modifier, int64_t from_us);
void modifier_set_seed(struct modifier *modifier, const char *seed);

void modifier_to_json(const struct trigger *trigger, struct json_writer *writer);
void modifier_explain(const struct trigger *trigger, struct buffer *out);

#endif
