/* The options that every trigger may have, whatever its kind: a trigger that has some is wrapped
 * in one that applies them. In this order:
 *   from, until   instants, both included: fires outside are none. A text without an offset is a
 *                 local time of the trigger's zone
 *   except        fires that a calendar covers are none: names ("holidays,nights") or one calendar
 *                 in place ({"weekdays":"sat,sun"})
 *   limit         so many fires, counted from the moment of anchoring, kept as "limit_from"
 *   offset        each fire is moved by a length, "-15m" to be earlier; what is kept out by the
 *                 options above is judged by where it was
 *   jitter        each fire is delayed by a length under the jitter and under the distance to the
 *                 next one, so that fires keep their order; it depends on the fire and on "seed",
 *                 the job's id, alone
 * Private to src/trigger. */
#ifndef TRIGGER_MODIFIER_H
#define TRIGGER_MODIFIER_H

#include "trigger/kind.h"

/* The names of the options; NULL-terminated. */
extern const char *const modifier_members[];

/* Wraps *trigger, which it takes over, if `value` holds one of the options; on failure *trigger is
 * destroyed and NULL. */
enum error_code modifier_wrap(const struct json *value, const char *default_zone,
                              struct trigger **trigger, struct error *error);

/* The trigger without its options; itself when it has none. */
const struct trigger *modifier_inner(const struct trigger *trigger);

bool modifier_has_jitter(const struct trigger *trigger);

/* The names of the calendars that it excepts, with commas between; NULL: none. */
const char *modifier_names(const struct trigger *trigger);
/* One of them that means nothing yet; NULL: none. */
const char *modifier_undefined(const struct trigger *trigger);

#endif
