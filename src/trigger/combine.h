/* What any_of and all_of have in common: a list of triggers, each of which may be any trigger.
 * Private to src/trigger. */
#ifndef TRIGGER_COMBINE_H
#define TRIGGER_COMBINE_H

#include "trigger/kind.h"

enum { COMBINE_MEMBERS_MAX = 64, COMBINE_LEAVES_MAX = 256, COMBINE_DEPTH_MAX = 6 };

struct combine {
  struct trigger base;
  int count, leaves, depth; /* leaves: triggers that are no combinations, at any depth */
  int cost;                 /* of asking all members */
  struct trigger *members[];
};

/* The functions of a struct trigger_kind that are the same for both. */
extern const char *const combine_members[];
enum error_code combine_from_json(const struct trigger_kind *kind, const struct json *value,
                                  const char *default_zone, struct trigger **trigger,
                                  struct error *error);
void combine_destroy(struct trigger *trigger);
void combine_anchor(struct trigger *trigger, int64_t now_us, const char *seed);
void combine_to_json(const struct trigger *trigger, struct json_writer *writer);
void combine_each_source(const struct trigger *trigger, trigger_visitor visit, void *context);
/* The zone of all members that go by a wall clock; NULL when they differ. */
const char *combine_timezone(const struct trigger *trigger);
/* "the members' sentences, with the separator between"; each begins with a small letter. */
void combine_explain(const struct trigger *trigger, const char *separator, struct buffer *out);

/* Whether the trigger is a combination or has common options: anything but a kind's own value. */
bool trigger_is_compound(const struct trigger *trigger);

/* ---- the bound of searches ----
 *
 * A search that asks triggers again and again until something fits has so much effort for all that
 * it does, the searches of its members included; then it gives up. A unit is what it takes to ask a
 * cron expression, about a tenth of a microsecond. */

enum { EFFORT_NEXT = 30000, EFFORT_COUNT = 60000 };

/* True for the outermost search, which must call effort_end(). Who counts within a search need not
 * tell the last fire: only the outermost one is asked for it. */
bool effort_begin(int effort);
/* False when there is none left. */
bool effort_spend(int cost);
void effort_end(void);

/* What asking the trigger for a fire costs, and counting its fires in (after_us, until_us] by
 * arithmetic. Searches that it makes itself are not in it: they spend of the same effort. */
int effort_of_next(const struct trigger *trigger);
int effort_of_count(const struct trigger *trigger, int64_t after_us, int64_t until_us);

enum search { SEARCH_FOUND, SEARCH_NONE, SEARCH_GAVE_UP };

/* Refuses a trigger, just read from `value`, that was looked through without a fire, or in vain
 * from several moments on. `why` follows "never fires: ". What depends on a calendar's name or was
 * anchored before is not looked at: it had a fire when it was. */
enum error_code combine_check_fires(const struct trigger *trigger, const struct json *value,
                                    const char *why, struct error *error);

#endif
